//! Which files of a table cannot hold a key, by what the log says of them.
//!
//! Does not belong here: looking into a file (`rewrite`).
//!
//! Invariant: a file that holds one of the keys is never left out; what the log does not tell rules nothing out.

use arrow::array::{Array, ArrayRef, AsArray as _};
use arrow::datatypes::{DataType, Date32Type, Int32Type, Int64Type};
use serde_json::Value;

use super::live::Live;
use crate::sink::ranges::date;

/// The values of one column of keys.
#[derive(Debug)]
pub(super) struct Prune {
    column: String,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Whole(Vec<i64>),
    Text(Vec<String>),
    /// Of a type whose statistics are not told in a way that could be compared.
    Unknown,
}

impl Prune {
    pub fn new(column: &str, data_type: &DataType) -> Self {
        let values = match data_type {
            DataType::Int32 | DataType::Int64 => Values::Whole(Vec::new()),
            DataType::Utf8 | DataType::Date32 => Values::Text(Vec::new()),
            _ => Values::Unknown,
        };
        Self { column: column.to_owned(), values }
    }

    /// Adds values of the column.
    pub fn add(&mut self, array: &ArrayRef) {
        match (&mut self.values, array.data_type()) {
            (Values::Whole(values), DataType::Int32) => {
                values.extend(array.as_primitive::<Int32Type>().iter().flatten().map(i64::from));
            }
            (Values::Whole(values), _) => values.extend(array.as_primitive::<Int64Type>().iter().flatten()),
            (Values::Text(values), DataType::Date32) => {
                let days = array.as_primitive::<Date32Type>().iter().flatten();
                let dates: Option<Vec<String>> = days.map(|days| Some(date(days)?.to_string())).collect();
                match dates {
                    Some(dates) => values.extend(dates),
                    // A year of more than four digits does not sort as text.
                    None => self.values = Values::Unknown,
                }
            }
            (Values::Text(values), _) => {
                values.extend(array.as_string::<i32>().iter().flatten().map(str::to_owned));
            }
            (Values::Unknown, _) => {}
        }
    }

    /// Puts the values in order; to be called before anybody asks.
    pub fn settle(&mut self) {
        match &mut self.values {
            Values::Whole(values) => {
                values.sort_unstable();
                values.dedup();
            }
            Values::Text(values) => {
                values.sort_unstable();
                values.dedup();
            }
            Values::Unknown => {}
        }
    }

    /// Whether a file may hold one of the values.
    pub fn may_be_in(&self, file: &Live) -> bool {
        let named = file.partition.iter().find(|(name, _)| *name == self.column);
        let side = |side: &str| file.stats.get(side).and_then(|bounds| bounds.get(&self.column));
        match &self.values {
            Values::Unknown => true,
            Values::Whole(values) => match named {
                Some((_, None)) => false,
                Some((_, Some(text))) => {
                    text.parse().map_or(true, |value: i64| values.binary_search(&value).is_ok())
                }
                None => {
                    let bounds = (
                        side("minValues").and_then(Value::as_i64),
                        side("maxValues").and_then(Value::as_i64),
                    );
                    let (Some(min), Some(max)) = bounds else { return true };
                    values
                        .get(values.partition_point(|value| *value < min))
                        .is_some_and(|value| *value <= max)
                }
            },
            Values::Text(values) => match named {
                Some((_, None)) => false,
                Some((_, Some(text))) => values.binary_search(text).is_ok(),
                None => {
                    let bounds = (
                        side("minValues").and_then(Value::as_str),
                        side("maxValues").and_then(Value::as_str),
                    );
                    let (Some(min), Some(max)) = bounds else { return true };
                    let first = values.partition_point(|value| value.as_str() < min);
                    values.get(first).is_some_and(|value| value.as_str() <= max)
                }
            },
        }
    }
}
