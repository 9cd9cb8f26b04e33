//! What is said about a text that is no type.
//!
//! Where a slip is plain, a fault knows what belongs in its place; with all slips of a text mended, the hint
//! shows the type that was meant as a whole. Does not belong here: how a type is read (`grammar`).
//!
//! Invariant: a text is read at most [`MENDS_MAX`] times.

use std::ops::Range;

use thiserror::Error;

use super::super::nearest::nearest;
use super::{ColumnType, TYPE_BYTES_MAX, TYPE_DEPTH_MAX, TYPE_FIELDS_MAX, grammar};

/// Slips of one text that are mended for the hint.
const MENDS_MAX: usize = 24;

/// Why a text is not a type.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TypeError {
    /// A name that is no type, as written.
    #[error("there is no type `{0}`")]
    Unknown(String),
    /// Nothing where a type belongs.
    #[error("a type is missing here")]
    Missing,
    /// `list` alone.
    #[error("`list` needs the type of its elements")]
    NoElement,
    /// `struct` alone, or without anything in its brackets.
    #[error("`struct` needs its fields")]
    NoFields,
    /// Brackets behind a type that has no parameters.
    #[error("`{0}` takes nothing in brackets")]
    NoParameters(String),
    /// Other brackets than `<` and `>`.
    #[error("what belongs to a type stands between `<` and `>`")]
    Brackets,
    /// A `<` without its `>`.
    #[error("a `<` is not closed by a `>`")]
    Unclosed,
    /// Something behind a whole type.
    #[error("nothing may follow the type, and there is `{0}`")]
    Trailing(String),
    /// `?`, `null`, `not null`.
    #[error("types do not say whether a value may be null")]
    Nullability,
    /// `list<a, b>`
    #[error("a list has one type of elements")]
    SeveralElements,
    /// `list<a: int64>`
    #[error("the elements of a list have no name")]
    NamedElement,
    /// Nothing between two commas, or behind the last.
    #[error("a field is missing here")]
    NoField,
    /// `: int64`
    #[error("a field needs a name before its `:`")]
    NoName,
    /// `struct<int64>`: a type where a name belongs.
    #[error("each field of a struct has a name and a type, and here is only `{0}`")]
    NoNameOrType(String),
    /// `struct<a int64>`
    #[error("a `:` is missing between the field `{0}` and its type")]
    NoColon(String),
    /// `struct<a: int64 b: string>`
    #[error("a `,` is missing before `{0}`")]
    NoComma(String),
    /// A name that cannot be one of a field.
    #[error("`{0}` cannot name a field")]
    BadName(String),
    /// The same name twice in one struct.
    #[error("the field `{0}` stands twice in its struct")]
    Twice(String),
    /// More than [`TYPE_DEPTH_MAX`] levels.
    #[error("the type nests deeper than {TYPE_DEPTH_MAX} levels")]
    TooDeep,
    /// More than [`TYPE_FIELDS_MAX`] fields.
    #[error("the type has more than {TYPE_FIELDS_MAX} fields")]
    TooManyFields,
    /// More than [`TYPE_BYTES_MAX`] of text.
    #[error("the type is longer than {TYPE_BYTES_MAX} bytes")]
    TooLong,
}

impl TypeError {
    /// What to do about it, where mending the text does not say it all.
    fn help(&self) -> Option<String> {
        let text = match self {
            Self::Unknown(name) => return Some(unknown_help(name)),
            Self::NoElement => "as in `list<string>`",
            Self::NoFields => "as in `struct<id: int64, name: string>`",
            Self::Nullability => {
                "a column is nullable unless `required: true`; fields and elements always are"
            }
            Self::SeveralElements => "values of several types that belong together are `struct<a: T, …>`",
            Self::NoNameOrType(_) | Self::NoName => "as in `struct<id: int64>`",
            Self::BadName(_) => {
                "a field's name has letters, digits and `_`, no digit in front; jq renames, as in `{a_b: .[\"a-b\"]}`"
            }
            Self::Twice(_) => "take one of the two out, or give it another name",
            Self::Missing => return Some(all_types()),
            Self::TooDeep | Self::TooManyFields | Self::TooLong => {
                "a part of it can be `json`, which takes any value"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}

/// A text is not a type.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{error}")]
pub struct TypeFault {
    /// What is wrong.
    pub error: TypeError,
    /// Where in the text, in bytes.
    pub at: Range<usize>,
    /// What belongs there instead of what stands at a place.
    pub(super) mend: Option<(Range<usize>, String)>,
}

impl TypeFault {
    /// What to do about it; `text` is the one that was read.
    pub fn help(&self, text: &str) -> String {
        let meant = self.meant(text).map(|meant| format!("did you mean `{meant}`?"));
        match (meant, self.error.help()) {
            // That there is no such name says no more than the name that was meant.
            (Some(meant), _) if matches!(self.error, TypeError::Unknown(_)) => meant,
            (Some(meant), Some(help)) => format!("{meant} {help}"),
            (Some(meant), None) => meant,
            (None, help) => {
                help.unwrap_or_else(|| "as in `list<string>` or `struct<id: int64, name: string>`".to_owned())
            }
        }
    }

    /// The type that the text is once its slips are mended; in full, or not at all if that is long.
    fn meant(&self, text: &str) -> Option<String> {
        const SHOWN_BYTES_MAX: usize = 200;
        let mut text = text.to_owned();
        let mut mend = self.mend.clone();
        for _ in 0..MENDS_MAX {
            let (at, with) = mend?;
            text.replace_range(at, &with);
            match grammar::parse(&text) {
                Ok(meant) => {
                    return Some(meant.to_string()).filter(|meant| meant.len() <= SHOWN_BYTES_MAX);
                }
                Err(fault) => mend = fault.mend,
            }
        }
        None
    }
}

/// What other systems call our types.
const SYNONYMS: [(&str, &str); 40] = [
    ("boolean", "bool"),
    ("bit", "bool"),
    ("int", "int64"),
    ("integer", "int64"),
    ("long", "int64"),
    ("bigint", "int64"),
    ("i64", "int64"),
    ("uint32", "int64"),
    ("uint64", "int64"),
    ("i32", "int32"),
    ("int8", "int32"),
    ("int16", "int32"),
    ("uint8", "int32"),
    ("uint16", "int32"),
    ("short", "int32"),
    ("smallint", "int32"),
    ("tinyint", "int32"),
    ("float", "float64"),
    ("double", "float64"),
    ("float32", "float64"),
    ("f64", "float64"),
    ("real", "float64"),
    ("number", "float64"),
    ("text", "string"),
    ("str", "string"),
    ("utf8", "string"),
    ("varchar", "string"),
    ("char", "string"),
    ("uuid", "string"),
    ("date32", "date"),
    ("datetime", "timestamp"),
    ("timestamptz", "timestamp"),
    ("jsonb", "json"),
    ("variant", "json"),
    ("any", "json"),
    ("array", "list"),
    ("sequence", "list"),
    ("record", "struct"),
    ("row", "struct"),
    ("tuple", "struct"),
];

/// What they have and we do not, and what to take instead.
const FOREIGN: [(&str, &str); 8] = [
    ("map", OBJECTS),
    ("dict", OBJECTS),
    ("object", OBJECTS),
    ("decimal", DECIMALS),
    ("numeric", DECIMALS),
    ("time", "a time of day is a `string`"),
    ("binary", "JSON has text only: `string`"),
    ("bytes", "JSON has text only: `string`"),
];
const OBJECTS: &str =
    "an object with fields known beforehand is `struct<a: T, …>`; one whose keys are data is `json`";
const DECIMALS: &str = "`float64` is the nearest; a `string` by `tostring` keeps every digit";

/// The type of ours that `name` was meant to be.
pub(super) fn meant(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let synonym = SYNONYMS.iter().find(|(other, _)| *other == lower).map(|&(_, ours)| ours);
    let known = ColumnType::SCALARS.into_iter().chain(["list", "struct"]);
    // A word of another system is no slip of one of ours: `map` is not near `bool`, but `time` is near `date`.
    let foreign = FOREIGN.iter().any(|(other, _)| *other == lower);
    synonym.or_else(|| if foreign { None } else { nearest(name, known) })
}

fn unknown_help(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    if let Some((_, instead)) = FOREIGN.iter().find(|(other, _)| *other == lower) {
        return (*instead).to_owned();
    }
    match meant(name) {
        Some(list @ ("list" | "struct")) => format!("did you mean `{list}<…>`?"),
        Some(scalar) => format!("did you mean `{scalar}`?"),
        None => all_types(),
    }
}

fn all_types() -> String {
    format!("there are {}, list<T> and struct<a: T, …>", ColumnType::SCALARS.join(", "))
}
