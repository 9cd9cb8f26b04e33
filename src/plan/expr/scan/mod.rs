//! A strict reader of JSON text that can stop, step over and go back.
//!
//! Both ways from a body to a cell read through it, the one that builds values for jq ([`super::json`])
//! and the one that goes straight into columns (`crate::project`), so that they cannot disagree on what a
//! text says. It knows tokens and nesting only; it never allocates, except for a string with an escape.
//!
//! Invariant: it accepts exactly the texts of RFC 8259 that are nested at most [`DEPTH_MAX`] deep, whether
//! they are read or stepped over. A lone surrogate escape, which no UTF-8 string can hold, reads as U+FFFD.

mod string;
#[cfg(test)]
mod tests;

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

    /// How many bytes lie behind it.
    pub(crate) fn at(&self) -> usize {
        self.at
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

    /// Reads what stands between two brackets, separated by commas.
    fn between<E: From<JsonFault>>(
        &mut self,
        [open, close]: [u8; 2],
        mut part: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.depth == DEPTH_MAX {
            return Ok(self.fault()?);
        }
        self.punctuation(open)?;
        self.depth += 1;
        self.space();
        if self.byte() != Some(close) {
            loop {
                part(self)?;
                self.space();
                if self.byte() != Some(b',') {
                    break;
                }
                self.at += 1;
                self.space();
            }
        }
        self.punctuation(close)?;
        self.depth -= 1;
        Ok(())
    }

    fn colon(&mut self) -> Result<(), JsonFault> {
        self.space();
        self.punctuation(b':')?;
        self.space();
        Ok(())
    }

    /// Reads an object; `member` must read or skip the value of its key.
    pub(crate) fn object<E: From<JsonFault>>(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.between([b'{', b'}'], |scanner| {
            let key = scanner.string()?;
            scanner.colon()?;
            member(scanner, key)
        })
    }

    /// Reads an array; `element` must read or skip one value.
    pub(crate) fn array<E: From<JsonFault>>(
        &mut self,
        element: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.between([b'[', b']'], element)
    }

    /// Steps over one value, checking it as strictly as reading would.
    pub(crate) fn skip(&mut self) -> Result<(), JsonFault> {
        match self.peek()? {
            Kind::Null => self.null(),
            Kind::Bool => self.bool().map(drop),
            Kind::Number => self.number().map(drop),
            Kind::String => self.skip_string(),
            Kind::Array => self.array(Self::skip),
            // `object` without decoding its keys.
            Kind::Object => self.between([b'{', b'}'], |scanner| {
                scanner.skip_string()?;
                scanner.colon()?;
                scanner.skip()
            }),
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
