//! Strings of JSON: plain parts eight bytes a step, and escapes.

use std::borrow::Cow;

use super::{JsonFault, Scanner};

impl<'a> Scanner<'a> {
    /// Goes to the next `"`, `\` or control character inside a string, eight bytes a step.
    fn plain_part(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(chunk) = bytes.get(self.at..self.at + 8) {
            let word = u64::from_le_bytes(chunk.try_into().expect("the slice has eight bytes"));
            let stops = stops_in(word);
            if stops != 0 {
                self.at += stops.trailing_zeros() as usize / 8;
                return;
            }
            self.at += 8;
        }
        while self.byte().is_some_and(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
            self.at += 1;
        }
    }

    /// Reads a string.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>, JsonFault> {
        self.punctuation(b'"')?;
        let start = self.at;
        self.plain_part();
        if self.byte() == Some(b'"') {
            let plain = &self.text[start..self.at];
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut owned = String::from(&self.text[start..self.at]);
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(owned));
                }
                Some(b'\\') => owned.push(self.escape()?),
                _ => return self.fault(),
            }
            let start = self.at;
            self.plain_part();
            owned.push_str(&self.text[start..self.at]);
        }
    }

    pub(super) fn skip_string(&mut self) -> Result<(), JsonFault> {
        self.punctuation(b'"')?;
        loop {
            self.plain_part();
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.escape()?;
                }
                _ => return self.fault(),
            }
        }
    }

    /// Reads one escape, or two that are one character (RFC 8259 §7).
    fn escape(&mut self) -> Result<char, JsonFault> {
        self.punctuation(b'\\')?;
        let Some(kind) = self.byte() else { return self.fault() };
        self.at += 1;
        Ok(match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.hex4()?;
                if (0xd800..0xdc00).contains(&unit) && self.text.as_bytes()[self.at..].starts_with(b"\\u") {
                    let bookmark = self.at;
                    self.at += 2;
                    let low = self.hex4()?;
                    if (0xdc00..0xe000).contains(&low) {
                        let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                        return Ok(char::from_u32(code).expect("a surrogate pair names a character"));
                    }
                    self.at = bookmark;
                }
                char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => {
                self.at -= 1;
                return self.fault();
            }
        })
    }

    fn hex4(&mut self) -> Result<u32, JsonFault> {
        let mut unit = 0;
        for _ in 0..4 {
            let Some(digit) = self.byte().and_then(|byte| char::from(byte).to_digit(16)) else {
                return self.fault();
            };
            unit = unit * 16 + digit;
            self.at += 1;
        }
        Ok(unit)
    }
}

/// The high bit of every byte of `word`, up to the first one at least, that ends a plain part of a string.
///
/// The classic test for a zero byte, thrice; it may also mark bytes after a true hit, never one before.
fn stops_in(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES * 0x80;
    const QUOTE: u64 = 0x22;
    const BACKSLASH: u64 = 0x5c;
    let zero_in = |x: u64| x.wrapping_sub(ONES) & !x & HIGHS;
    let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
    control | zero_in(word ^ (ONES * QUOTE)) | zero_in(word ^ (ONES * BACKSLASH))
}
