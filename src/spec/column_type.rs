//! `type` of a column: its grammar and its Arrow type.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};

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
