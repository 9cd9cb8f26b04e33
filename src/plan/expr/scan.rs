//! A strict reader of JSON text that can stop, step over and go back.
//!
//! Both ways from a body to a cell read through it, the one that builds values for jq ([`super::json`])
//! and the one that goes straight into columns (`crate::project`), so that they cannot disagree on what a
//! text says. It knows tokens and nesting only; it never allocates, except for a string with an escape.
//!
//! Invariant: it accepts exactly the texts of RFC 8259 that are nested at most [`DEPTH_MAX`] deep, whether
//! they are read or stepped over. A lone surrogate escape, which no UTF-8 string can hold, reads as U+FFFD.

use std::borrow::Cow;

/// Arrays and objects inside one another; the bound that serde_json has too. It bounds the stack.
pub(crate) const DEPTH_MAX: u32 = 128;

/// The text is not JSON, or nested too deeply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("broken or too deeply nested JSON at byte {at}")]
pub struct JsonFault {
    /// Where reading stopped.
    pub at: usize,
}

/// What the next value is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

/// A place in a JSON text. A copy of it is a bookmark.
#[derive(Clone, Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Scanner<'a> {
    /// At the start of `text`.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn fault<T>(&self) -> Result<T, JsonFault> {
        Err(JsonFault { at: self.at })
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
    }

    /// Steps over one byte that must be `expected`.
    fn punctuation(&mut self, expected: u8) -> Result<(), JsonFault> {
        if self.byte() != Some(expected) {
            return self.fault();
        }
        self.at += 1;
        Ok(())
    }

    /// Goes to the next value and says what it is.
    pub(crate) fn peek(&mut self) -> Result<Kind, JsonFault> {
        self.space();
        Ok(match self.byte() {
            Some(b'n') => Kind::Null,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            Some(b'"') => Kind::String,
            Some(b'[') => Kind::Array,
            Some(b'{') => Kind::Object,
            _ => return self.fault(),
        })
    }

    /// Nothing but space may be left.
    pub(crate) fn end(&mut self) -> Result<(), JsonFault> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { self.fault() }
    }

    fn word(&mut self, word: &str) -> Result<(), JsonFault> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return self.fault();
        }
        self.at += word.len();
        Ok(())
    }

    /// Reads `null`.
    pub(crate) fn null(&mut self) -> Result<(), JsonFault> {
        self.word("null")
    }

    /// Reads `true` or `false`.
    pub(crate) fn bool(&mut self) -> Result<bool, JsonFault> {
        let value = self.byte() == Some(b't');
        self.word(if value { "true" } else { "false" })?;
        Ok(value)
    }

    fn digits(&mut self) -> Result<(), JsonFault> {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { self.fault() } else { Ok(()) }
    }

    /// Reads a number: its text, unrounded.
    pub(crate) fn number(&mut self) -> Result<&'a str, JsonFault> {
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

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

    fn skip_string(&mut self) -> Result<(), JsonFault> {
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

    fn open(&mut self, bracket: u8) -> Result<(), JsonFault> {
        if self.depth == DEPTH_MAX {
            return self.fault();
        }
        self.punctuation(bracket)?;
        self.depth += 1;
        self.space();
        Ok(())
    }

    fn close(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    /// Reads an object; `member` must read or skip the value of its key.
    pub(crate) fn object<E: From<JsonFault>>(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open(b'{')?;
        if self.byte() == Some(b'}') {
            self.close();
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.space();
            self.punctuation(b':')?;
            self.space();
            member(self, key)?;
            self.space();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.close();
                    return Ok(());
                }
                _ => return Ok(self.fault()?),
            }
            self.space();
        }
    }

    /// Reads an array; `element` must read or skip one value.
    pub(crate) fn array<E: From<JsonFault>>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open(b'[')?;
        if self.byte() == Some(b']') {
            self.close();
            return Ok(());
        }
        loop {
            element(self)?;
            self.space();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.close();
                    return Ok(());
                }
                _ => return Ok(self.fault()?),
            }
            self.space();
        }
    }

    /// Steps over one value, checking it as strictly as reading would.
    pub(crate) fn skip(&mut self) -> Result<(), JsonFault> {
        match self.peek()? {
            Kind::Null => self.null(),
            Kind::Bool => self.bool().map(drop),
            Kind::Number => self.number().map(drop),
            Kind::String => self.skip_string(),
            Kind::Array => self.array(Self::skip),
            Kind::Object => self.skip_object(),
        }
    }

    /// `object` without decoding its keys.
    fn skip_object(&mut self) -> Result<(), JsonFault> {
        self.open(b'{')?;
        if self.byte() == Some(b'}') {
            self.close();
            return Ok(());
        }
        loop {
            self.skip_string()?;
            self.space();
            self.punctuation(b':')?;
            self.skip()?;
            self.space();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.close();
                    return Ok(());
                }
                _ => return self.fault(),
            }
            self.space();
        }
    }

    /// Steps over one value and hands out its text.
    pub(crate) fn raw(&mut self) -> Result<&'a str, JsonFault> {
        self.space();
        let start = self.at;
        self.skip()?;
        Ok(&self.text[start..self.at])
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    fn accepts(text: &str) -> bool {
        let mut scanner = Scanner::new(text);
        scanner.skip().and_then(|()| scanner.end()).is_ok()
    }

    #[test]
    fn skipping_is_as_strict_as_serde_json() {
        for text in [
            "",
            " ",
            "null",
            "nul",
            "nullx",
            "true",
            "false",
            "tru",
            "0",
            "-0",
            "01",
            "-",
            "1.",
            ".1",
            "1.0",
            "1e",
            "1e5",
            "1E+5",
            "1e-",
            "+1",
            "NaN",
            "Infinity",
            "\"\"",
            "\"",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\\ud800\"",
            "\"a\nb\"",
            "\"12345678\u{1}\"",
            "[]",
            "[",
            "]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1,2]",
            "{}",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":1,\"b\":2}",
            "1 2",
            "[1]x",
            "# c\n1",
            " [ 1 , { \"a\" : [ ] } ] ",
        ] {
            assert_eq!(accepts(text), serde_json::from_str::<&RawValue>(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded_the_same_whether_read_or_skipped() {
        for (depth, fits) in [(128, true), (129, false), (1_000_000, false)] {
            let text = "[".repeat(depth) + &"]".repeat(depth);
            assert_eq!(accepts(&text), fits, "{depth}");
            assert_eq!(super::super::Json::parse(text.as_bytes()).is_ok(), fits, "{depth}");
        }
    }

    #[test]
    fn escapes_read_as_what_they_name() {
        for (text, expected) in [
            (r#""a\"b\\c\/d\b\f\n\r\t""#, "a\"b\\c/d\u{8}\u{c}\n\r\t"),
            (r#""\u00e9\uD83D\ude00""#, "é😀"),
            (r#""\ud800""#, "\u{fffd}"),
            (r#""\ud800\ud83d\ude00""#, "\u{fffd}😀"),
            (r#""\ud800\u0041""#, "\u{fffd}A"),
            (r#""\udc00x""#, "\u{fffd}x"),
        ] {
            assert_eq!(Scanner::new(text).string().unwrap(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn strings_read_as_serde_json_reads_them(string in any::<String>()) {
            let text = serde_json::to_string(&string).unwrap();
            prop_assert_eq!(Scanner::new(&text).string().unwrap(), string);
        }

        #[test]
        fn damaged_texts_are_judged_as_serde_json_judges_them(
            text in r#"([\[\]{}:,"\\ue019.+a\-]|true|null|"a":|[0-9]){0,24}"#,
        ) {
            prop_assert_eq!(accepts(&text), serde_json::from_str::<&RawValue>(&text).is_ok());
        }
    }
}
