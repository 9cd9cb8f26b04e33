//! `type` of a column: what it may be, how it is written, and its Arrow type.
//!
//! Belongs here: the types themselves. Does not belong here: how a text is read
//! (`grammar`) and what is said about a wrong one (`fault`).
//! Invariants: a type reads back from its own text, and one that was read is nested at most [`TYPE_DEPTH_MAX`]
//! deep with at most [`TYPE_FIELDS_MAX`] fields, so that recursion over it and buffers for it are bounded.

mod fault;
mod grammar;

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};

pub use fault::{TypeError, TypeFault};

/// Lists and structs inside one another. TMDB's answers nest five deep; readers of Parquet slow down with
/// every level.
pub const TYPE_DEPTH_MAX: usize = 16;
/// Fields of all structs in one type. The widest object of TMDB has about 30; each field has buffers of
/// its own.
pub const TYPE_FIELDS_MAX: usize = 256;
/// Longest text of a type: room for as many fields with names of usual length.
pub const TYPE_BYTES_MAX: usize = 16 * 1024;

/// The type of a column, of a list's element or of a struct's field.
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
    /// `list<T>`; its elements are nullable
    List(Box<ColumnType>),
    /// `struct<a: T, …>`, never empty; its fields are nullable
    Struct(Vec<StructField>),
}

/// A field of a struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructField {
    /// `[A-Za-z_][A-Za-z0-9_]*`, unlike the other fields of its struct.
    pub name: String,
    /// Its type.
    pub column_type: ColumnType,
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
            Self::List(element) => DataType::List(Arc::new(element.field("element", true))),
            Self::Struct(fields) => DataType::Struct(
                fields.iter().map(|field| field.column_type.field(&field.name, true)).collect::<Fields>(),
            ),
        }
    }

    /// An Arrow field of this type. What Arrow has no type for is said beside it.
    pub fn field(&self, name: &str, nullable: bool) -> Field {
        let field = Field::new(name, self.arrow(), nullable);
        match self {
            Self::Json => {
                field.with_metadata(HashMap::from([("tmdb-etl:type".to_owned(), "json".to_owned())]))
            }
            _ => field,
        }
    }

    /// How many columns of values it takes: a struct has as many as its fields, a list those of its element.
    pub fn leaves(&self) -> usize {
        match self {
            Self::List(element) => element.leaves(),
            Self::Struct(fields) => fields.iter().map(|field| field.column_type.leaves()).sum(),
            _ => 1,
        }
    }

    /// The type without parameters that is called `name`.
    fn scalar(name: &str) -> Option<Self> {
        Some(match name {
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

/// Reads `int64`, `list<string>`, `struct<id: int64, name: string>`, and these inside one another.
impl FromStr for ColumnType {
    type Err = TypeFault;

    fn from_str(text: &str) -> Result<Self, TypeFault> {
        grammar::parse(text)
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
            Self::Struct(fields) => {
                f.write_str("struct<")?;
                for (index, StructField { name, column_type }) in fields.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(f, "{comma}{name}: {column_type}")?;
                }
                f.write_str(">")
            }
        }
    }
}

#[cfg(test)]
mod tests;
