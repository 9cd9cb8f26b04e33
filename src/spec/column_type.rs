//! `type` of a column: its grammar and its Arrow type.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};
use thiserror::Error;

use super::fault::clip;
use super::nearest::nearest;

/// The type of a column or of a list's element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// `bool`
    Bool,
    /// `int32`
    Int32,
    /// `int64`
    Int64,
    /// `float64`
    Float64,
    /// `string`: UTF-8
    String,
    /// `date`: days since 1970-01-01
    Date,
    /// `timestamp`: microseconds since 1970-01-01T00:00:00Z
    Timestamp,
    /// `json`: any value as minified JSON text
    Json,
    /// `list<T>` of a scalar; its elements are nullable
    List(Box<ColumnType>),
}

impl ColumnType {
    /// Names of the types without parameters, for hints.
    pub const SCALARS: [&'static str; 8] =
        ["bool", "int32", "int64", "float64", "string", "date", "timestamp", "json"];

    /// The Arrow type of a column of this type. A list's element field is called `element`, as the
    /// Parquet format's LIST rules name it.
    pub fn arrow(&self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::String | Self::Json => DataType::Utf8,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::List(element) => DataType::List(Arc::new(Field::new("element", element.arrow(), true))),
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Int32 => f.write_str("int32"),
            Self::Int64 => f.write_str("int64"),
            Self::Float64 => f.write_str("float64"),
            Self::String => f.write_str("string"),
            Self::Date => f.write_str("date"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Json => f.write_str("json"),
            Self::List(element) => write!(f, "list<{element}>"),
        }
    }
}

/// Why a text is not a type.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum TypeError {
    /// A name that is no type; with the nearest one.
    #[error("there is no type `{name}`")]
    Unknown {
        /// As written.
        name: String,
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
    /// Angle brackets that do not close, or are empty.
    #[error("the type `{0}` is not complete")]
    Unclosed(String),
    /// Part of the language, but of a later version.
    #[error("{0} are not available yet")]
    NotYet(&'static str),
}

/// What other systems call our types.
const SYNONYMS: [(&str, &str); 15] = [
    ("boolean", "bool"),
    ("int", "int64"),
    ("integer", "int64"),
    ("long", "int64"),
    ("bigint", "int64"),
    ("float", "float64"),
    ("double", "float64"),
    ("float32", "float64"),
    ("number", "float64"),
    ("text", "string"),
    ("str", "string"),
    ("utf8", "string"),
    ("varchar", "string"),
    ("datetime", "timestamp"),
    ("array", "list<string>"),
];

impl ColumnType {
    /// Reads `int64`, `list<string>`.
    pub(super) fn parse(text: &str) -> Result<Self, TypeError> {
        let text = text.trim();
        if let Some(scalar) = Self::scalar(text) {
            return Ok(scalar);
        }
        let (name, inside) = match text.split_once('<') {
            Some((name, rest)) => {
                let inside = rest.strip_suffix('>').ok_or_else(|| TypeError::Unclosed(clip(text)))?;
                (name.trim(), Some(inside.trim()))
            }
            None => (text, None),
        };
        match (name, inside) {
            ("struct", _) => Err(TypeError::NotYet("struct types")),
            ("list", None | Some("")) => Err(TypeError::Unclosed(clip(text))),
            ("list", Some(element)) if element.starts_with("list") => {
                Err(TypeError::NotYet("lists of lists"))
            }
            ("list", Some(element)) => Ok(Self::List(Box::new(Self::parse(element)?))),
            _ => Err(unknown(name)),
        }
    }

    fn scalar(text: &str) -> Option<Self> {
        Some(match text {
            "bool" => Self::Bool,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "float64" => Self::Float64,
            "string" => Self::String,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            "json" => Self::Json,
            _ => return None,
        })
    }
}

fn unknown(name: &str) -> TypeError {
    let lower = name.to_ascii_lowercase();
    let synonym = SYNONYMS.iter().find(|(other, _)| *other == lower).map(|&(_, ours)| ours);
    let nearest = synonym.or_else(|| nearest(name, ColumnType::SCALARS));
    TypeError::Unknown { name: clip(name), nearest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_reads_back_as_it_is_written() {
        for text in ColumnType::SCALARS {
            assert_eq!(ColumnType::parse(text).map(|read| read.to_string()), Ok(text.to_owned()));
            let list = format!("list<{text}>");
            assert_eq!(ColumnType::parse(&list).map(|read| read.to_string()), Ok(list));
        }
    }

    #[test]
    fn what_is_no_type_says_what_may_be_meant() {
        for (text, expected) in [
            ("integer", "there is no type `integer`; int64"),
            ("Int64", "there is no type `Int64`; int64"),
            ("strng", "there is no type `strng`; string"),
            ("list<itn32>", "there is no type `itn32`; int32"),
            ("decimal(10,2)", "there is no type `decimal(10,2)`; -"),
            ("map<string>", "there is no type `map`; -"),
            ("list", "the type `list` is not complete"),
            ("list<", "the type `list<` is not complete"),
            ("list<>", "the type `list<>` is not complete"),
            ("list<string", "the type `list<string` is not complete"),
            ("list<list<string>>", "lists of lists are not available yet"),
            ("struct<a: int64>", "struct types are not available yet"),
            ("list<struct<a: int64>>", "struct types are not available yet"),
        ] {
            let error = ColumnType::parse(text).expect_err(text);
            let mut words = error.to_string();
            if let TypeError::Unknown { nearest, .. } = error {
                words = format!("{words}; {}", nearest.unwrap_or("-"));
            }
            assert_eq!(words, expected, "{text}");
        }
    }
}
