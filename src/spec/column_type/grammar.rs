//! The text of a type, read.
//!
//! ```text
//! type  = scalar | "list" "<" type ">" | "struct" "<" field { "," field } ">"
//! field = name ":" type
//! ```
//!
//! Space is free between the parts. A fault knows its place, and where the slip is plain also what belongs
//! there instead (`fault`).
//!
//! Invariant: work is bounded by [`TYPE_BYTES_MAX`], recursion by [`TYPE_DEPTH_MAX`].

use std::ops::Range;

use super::super::decode::is_identifier;
use super::super::fault::clip;
use super::fault::{TypeError, TypeFault, meant};
use super::{ColumnType, StructField, TYPE_BYTES_MAX, TYPE_DEPTH_MAX, TYPE_FIELDS_MAX};

/// Longest name of a field, as of a column.
const NAME_BYTES_MAX: usize = 128;

/// Reads a type that must be the whole of `text`.
pub(super) fn parse(text: &str) -> Result<ColumnType, TypeFault> {
    if text.len() > TYPE_BYTES_MAX {
        return Err(fault(TypeError::TooLong, 0..text.len(), None));
    }
    let mut parser = Parser { text, at: 0, fields: 0 };
    let column_type = parser.column_type(0)?;
    parser.space();
    match parser.peek() {
        None => Ok(column_type),
        Some('>' | ')' | ']' | '}') => {
            let at = parser.at;
            let one = at..at + 1;
            Err(fault(TypeError::Trailing(clip(&text[at..])), at..text.len(), Some((one, ""))))
        }
        Some(_) => {
            Err(fault(TypeError::Trailing(clip(&text[parser.at..])), parser.at..text.trim_end().len(), None))
        }
    }
}

fn fault(error: TypeError, at: Range<usize>, mend: Option<(Range<usize>, &str)>) -> TypeFault {
    TypeFault { error, at, mend: mend.map(|(at, with)| (at, with.to_owned())) }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    fields: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// The place of the next character; of none, the end.
    fn here(&self) -> Range<usize> {
        self.at..self.at + self.peek().map_or(0, char::len_utf8)
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn takes(&mut self, sign: char) -> bool {
        self.space();
        let found = self.peek() == Some(sign);
        self.at += if found { sign.len_utf8() } else { 0 };
        found
    }

    /// What stands before the next sign of the grammar or space.
    fn word(&mut self) -> (&'t str, Range<usize>) {
        self.space();
        let start = self.at;
        let ends = |c: char| c.is_whitespace() || ":,<>()[]{}?".contains(c);
        self.at += self.rest().find(ends).unwrap_or(self.rest().len());
        (&self.text[start..self.at], start..self.at)
    }

    fn column_type(&mut self, depth: usize) -> Result<ColumnType, TypeFault> {
        let (name, at) = self.word();
        if name.is_empty() {
            return Err(fault(TypeError::Missing, self.here(), None));
        }
        let nests = matches!(name, "list" | "struct");
        if nests && depth == TYPE_DEPTH_MAX {
            return Err(fault(TypeError::TooDeep, at, None));
        }
        let column_type = match (name, ColumnType::scalar(name)) {
            ("list", _) => self.list(depth, &at)?,
            ("struct", _) => self.structure(depth, &at)?,
            (_, Some(scalar)) => scalar,
            (_, None) => {
                let mend = meant(name).map(|meant| (at.clone(), meant));
                return Err(fault(TypeError::Unknown(clip(name)), at, mend));
            }
        };
        self.check_suffix(name, at.start, nests)?;
        Ok(column_type)
    }

    /// Brackets or words behind a type that other systems have there.
    fn check_suffix(&mut self, name: &str, start: usize, nests: bool) -> Result<(), TypeFault> {
        let end = self.at;
        self.space();
        let suffix = |length: usize| end..self.at + length;
        let rest = self.rest();
        if let Some(behind) = rest.strip_prefix('[')
            && let Some(behind) = behind.trim_start().strip_prefix(']')
        {
            let at = suffix(rest.len() - behind.len());
            let list = format!("list<{}>", &self.text[start..end]);
            return Err(fault(TypeError::Brackets, at.clone(), Some((start..at.end, &list))));
        }
        if !nests && rest.starts_with(['<', '(', '[', '{']) {
            let at = suffix(rest.find(['>', ')', ']', '}']).map_or(rest.len(), |close| close + 1));
            return Err(fault(TypeError::NoParameters(name.to_owned()), at.clone(), Some((at, ""))));
        }
        for word in ["?", "not null", "nullable", "null"] {
            let found = rest.get(..word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word));
            // `null: string` is the next field, whose comma is missing.
            if found && !rest[word.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
            {
                let at = suffix(word.len());
                return Err(fault(TypeError::Nullability, at.clone(), Some((at, ""))));
            }
        }
        self.at = end;
        Ok(())
    }

    /// Steps over the `<` behind the name at `name`.
    fn open(&mut self, name: &Range<usize>, otherwise: TypeError) -> Result<(), TypeFault> {
        if self.takes('<') {
            return Ok(());
        }
        if let Some('(' | '[' | '{') = self.peek() {
            return Err(fault(TypeError::Brackets, self.here(), Some((self.here(), "<"))));
        }
        Err(fault(otherwise, name.clone(), None))
    }

    /// Whether the brackets close here; `false` at a comma, which is stepped over.
    fn closes(&mut self) -> Result<bool, TypeFault> {
        if self.takes('>') {
            return Ok(true);
        }
        if self.takes(',') {
            return Ok(false);
        }
        let here = self.here();
        Err(match self.peek() {
            None => fault(TypeError::Unclosed, here.clone(), Some((here, ">"))),
            Some(')' | ']' | '}') => fault(TypeError::Brackets, here.clone(), Some((here, ">"))),
            Some(_) => {
                let (word, at) = self.word();
                let word = if word.is_empty() { &self.text[here.clone()] } else { word };
                let at = if at.is_empty() { here } else { at };
                let mend = Some((at.start..at.start, ", "));
                fault(TypeError::NoComma(clip(word)), at, mend)
            }
        })
    }

    fn list(&mut self, depth: usize, name: &Range<usize>) -> Result<ColumnType, TypeFault> {
        self.open(name, TypeError::NoElement)?;
        self.space();
        let start = self.at;
        if self.peek() == Some('>') {
            return Err(fault(TypeError::NoElement, name.start..self.at + 1, None));
        }
        // A name and a `:` are fields without the struct around them.
        let (word, _) = self.word();
        if !word.is_empty() && self.takes(':') {
            let end = self.rest().find('>').map_or(self.text.len(), |close| self.at + close);
            let meant = format!("struct<{}>", &self.text[start..end]);
            return Err(fault(TypeError::NamedElement, start..self.at, Some((start..end, &meant))));
        }
        self.at = start;
        let element = self.column_type(depth + 1)?;
        if self.closes()? {
            return Ok(ColumnType::List(Box::new(element)));
        }
        Err(fault(TypeError::SeveralElements, self.at - 1..self.at, None))
    }

    fn structure(&mut self, depth: usize, name: &Range<usize>) -> Result<ColumnType, TypeFault> {
        self.open(name, TypeError::NoFields)?;
        self.space();
        if self.peek() == Some('>') {
            return Err(fault(TypeError::NoFields, name.start..self.at + 1, None));
        }
        let mut fields: Vec<StructField> = Vec::new();
        loop {
            let field = self.field(depth, &fields)?;
            fields.push(field);
            if self.closes()? {
                return Ok(ColumnType::Struct(fields));
            }
        }
    }

    fn field(&mut self, depth: usize, before: &[StructField]) -> Result<StructField, TypeFault> {
        let (name, at) = self.word();
        self.fields += 1;
        if self.fields > TYPE_FIELDS_MAX {
            return Err(fault(TypeError::TooManyFields, at, None));
        }
        self.space();
        let next = self.peek();
        if name.is_empty() {
            let error = if next == Some(':') { TypeError::NoName } else { TypeError::NoField };
            return Err(fault(error, self.here(), None));
        }
        match next {
            Some(':') => self.at += 1,
            None | Some(',' | '<' | '>' | '(' | ')' | '[' | ']' | '{' | '}' | '?') => {
                return Err(fault(TypeError::NoNameOrType(clip(name)), at, None));
            }
            Some(_) => {
                let mend = Some((at.end..at.end, ":"));
                return Err(fault(TypeError::NoColon(clip(name)), at.start..self.at, mend));
            }
        }
        if !is_identifier(name) || name.len() > NAME_BYTES_MAX {
            let bare = name.trim_matches(['"', '\'', '`']);
            let mend = is_identifier(bare).then(|| (at.clone(), bare));
            return Err(fault(TypeError::BadName(clip(name)), at, mend));
        }
        if before.iter().any(|field| field.name == name) {
            return Err(fault(TypeError::Twice(name.to_owned()), at, None));
        }
        Ok(StructField { name: name.to_owned(), column_type: self.column_type(depth + 1)? })
    }
}
