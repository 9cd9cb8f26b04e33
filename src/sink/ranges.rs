//! The least and the greatest value of each column of a file, for whoever looks for a key in a manifest.
//!
//! Does not belong here: the statistics inside a data file, which the format keeps.
//!
//! Invariant: a range follows from the rows alone; where it cannot be told in few bytes, none is told.

use arrow::array::{Array, AsArray as _};
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int32Type, Int64Type, Schema, TimeUnit, TimestampMicrosecondType,
};
use arrow::record_batch::RecordBatch;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Columns of a table that get a range: beyond that a manifest of many files would be larger than its table.
const COLUMNS_MAX: usize = 32;

/// Longest text that bounds a range. A cut one would be a bound that nobody wrote.
const TEXT_BYTES_MAX: usize = 64;

/// What the values of one column lie between, nulls apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRange {
    /// The column.
    pub column: String,
    /// Its least value; dates and times as text.
    pub min: Value,
    /// Its greatest value.
    pub max: Value,
}

/// The ranges of the rows so far.
#[derive(Debug)]
pub(super) struct Ranges(Vec<(String, Bounds)>);

#[derive(Debug)]
enum Bounds {
    /// Nothing is told: of this type, or any more.
    Off,
    Int(Option<(i64, i64)>),
    Float(Option<(f64, f64)>),
    Text(Option<(String, String)>),
    Date(Option<(i32, i32)>),
    Time(Option<(i64, i64)>),
}

impl Ranges {
    pub fn new(schema: &Schema) -> Self {
        let bounds = |kind: &DataType| match kind {
            DataType::Int32 | DataType::Int64 => Bounds::Int(None),
            DataType::Float64 => Bounds::Float(None),
            DataType::Utf8 => Bounds::Text(None),
            DataType::Date32 => Bounds::Date(None),
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Bounds::Time(None),
            _ => Bounds::Off,
        };
        let column = |(index, field): (usize, &std::sync::Arc<arrow::datatypes::Field>)| {
            let bounds = if index < COLUMNS_MAX { bounds(field.data_type()) } else { Bounds::Off };
            (field.name().clone(), bounds)
        };
        Self(schema.fields().iter().enumerate().map(column).collect())
    }

    /// Adds the rows of `batch`, which has these columns.
    pub fn add(&mut self, batch: &RecordBatch) {
        for ((_, bounds), array) in self.0.iter_mut().zip(batch.columns()) {
            bounds.add(array);
        }
    }

    /// The columns that have a range.
    pub fn told(&self) -> Vec<KeyRange> {
        let range = |(column, bounds): &(String, Bounds)| {
            let (min, max) = bounds.told()?;
            Some(KeyRange { column: column.clone(), min, max })
        };
        self.0.iter().filter_map(range).collect()
    }
}

impl Bounds {
    fn add(&mut self, array: &dyn Array) {
        match self {
            Self::Off => {}
            Self::Int(range) if *array.data_type() == DataType::Int32 => {
                widen(range, array.as_primitive::<Int32Type>().iter().flatten().map(i64::from));
            }
            Self::Int(range) => widen(range, array.as_primitive::<Int64Type>().iter().flatten()),
            Self::Float(range) => {
                let mut numbers = array.as_primitive::<Float64Type>().iter().flatten();
                if numbers.clone().any(f64::is_nan) {
                    *self = Self::Off;
                    return;
                }
                let first = range.take().or_else(|| numbers.next().map(|number| (number, number)));
                *range =
                    first.map(|range| numbers.fold(range, |(min, max), it: f64| (min.min(it), max.max(it))));
            }
            Self::Date(range) => widen(range, array.as_primitive::<Date32Type>().iter().flatten()),
            Self::Time(range) => {
                widen(range, array.as_primitive::<TimestampMicrosecondType>().iter().flatten());
            }
            Self::Text(range) => {
                let texts = array.as_string::<i32>();
                let mut bounds = range.as_ref().map(|(min, max)| (&**min, &**max));
                for text in texts.iter().flatten() {
                    bounds = Some(bounds.map_or((text, text), |(min, max)| (min.min(text), max.max(text))));
                }
                let told = bounds.map(|(min, max)| (min.to_owned(), max.to_owned()));
                let long = |text: &String| text.len() > TEXT_BYTES_MAX;
                *self = match told {
                    Some((min, max)) if long(&min) || long(&max) => Self::Off,
                    told => Self::Text(told),
                };
            }
        }
    }

    fn told(&self) -> Option<(Value, Value)> {
        let both = |a: Option<Value>, b: Option<Value>| Some((a?, b?));
        match self {
            Self::Off => None,
            Self::Int(range) => range.map(|(min, max)| (min.into(), max.into())),
            Self::Float(range) => {
                let number = |it| serde_json::Number::from_f64(it).map(Value::Number);
                range.and_then(|(min, max)| both(number(min), number(max)))
            }
            Self::Text(range) => range.clone().map(|(min, max)| (min.into(), max.into())),
            Self::Date(range) => {
                let text = |days| Some(date(days)?.to_string().into());
                range.and_then(|(min, max)| both(text(min), text(max)))
            }
            Self::Time(range) => {
                let text = |time| Some(Timestamp::from_microsecond(time).ok()?.to_string().into());
                range.and_then(|(min, max)| both(text(min), text(max)))
            }
        }
    }
}

/// The date that is so many days after the first of January 1970; none beyond the years that have four digits.
pub(super) fn date(days: i32) -> Option<Date> {
    Date::constant(1970, 1, 1).checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

fn widen<T: Copy + Ord>(range: &mut Option<(T, T)>, values: impl Iterator<Item = T>) {
    for value in values {
        *range = Some(range.map_or((value, value), |(min, max)| (min.min(value), max.max(value))));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, Date32Array, Float64Array, Int32Array, StringArray, TimestampMicrosecondArray,
    };

    use super::*;

    #[test]
    fn ranges_are_of_values_in_all_batches() {
        let check = |batches: Vec<ArrayRef>, expect: Option<(Value, Value)>| {
            let batches: Vec<RecordBatch> = batches
                .into_iter()
                .map(|column| RecordBatch::try_from_iter([("c", column)]).expect("a batch"))
                .collect();
            let mut ranges = Ranges::new(&batches[0].schema());
            for batch in &batches {
                ranges.add(batch);
            }
            let told = ranges.told().pop().map(|range| (range.min, range.max));
            assert_eq!(told, expect);
        };
        let ints = |values: &[Option<i32>]| Arc::new(Int32Array::from(values.to_vec())) as ArrayRef;
        let texts = |values: &[&str]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
        let floats = |values: &[f64]| Arc::new(Float64Array::from(values.to_vec())) as ArrayRef;
        let times = TimestampMicrosecondArray::from(vec![0, 86_400_000_000]).with_timezone("UTC");
        let pair = |min: &str, max: &str| Some((min.into(), max.into()));
        check(vec![ints(&[Some(3), None]), ints(&[Some(-7)])], Some(((-7).into(), 3.into())));
        check(vec![ints(&[None])], None);
        check(vec![texts(&["m", "b"]), texts(&["z"])], pair("b", "z"));
        check(vec![texts(&["m", &"z".repeat(65)])], None);
        check(vec![floats(&[1.5]), floats(&[-0.5])], Some(((-0.5).into(), 1.5.into())));
        check(vec![floats(&[1.5, f64::NAN])], None);
        check(vec![Arc::new(Date32Array::from(vec![-1, 17_897]))], pair("1969-12-31", "2019-01-01"));
        check(vec![Arc::new(times)], pair("1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z"));
    }
}
