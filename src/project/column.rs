//! The buffers of one column: append-only, but a row can be taken back.
//!
//! Arrow's own builders cannot be cut back, and a row that is dropped at its last column must leave the
//! others too; so the buffers are vectors, which become arrays without a copy.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, BooleanBufferBuilder, Date32Array, Float64Array, Int32Array, Int64Array,
    ListArray, NullBufferBuilder, StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, FieldRef, Fields};

use super::cell::Cell;
use super::coerce::{self, Coerced};
use crate::spec::{ColumnType, StructField};

/// The values so far of one column, of the elements of a list, or of a field of a struct.
pub(super) struct Column {
    values: Values,
    nulls: NullBufferBuilder,
    /// Values that did not fit here; without those inside them, and also those that were taken back.
    mismatches: u64,
}

enum Values {
    Bool(BooleanBufferBuilder),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float64(Vec<f64>),
    String(Texts),
    Json(Texts),
    Date(Vec<i32>),
    Timestamp(Vec<i64>),
    List { ends: Vec<i32>, element: Box<Column>, field: FieldRef },
    Struct { columns: Vec<Column>, fields: Fields },
}

/// Texts one after another, and where each ends; `ends` starts with a 0.
struct Texts {
    ends: Vec<i32>,
    bytes: Vec<u8>,
}

/// What became of one cell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Appended {
    /// The column has a null here.
    pub(super) null: bool,
    /// Values that did not fit: the cell, or what is inside it.
    pub(super) mismatches: u64,
}

/// A batch cannot hold this much text or this many elements: its offsets have 32 bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Overflow;

impl Column {
    /// An empty column with room for `rows` values.
    pub(super) fn new(column_type: &ColumnType, rows: usize) -> Self {
        let values = match column_type {
            ColumnType::Bool => Values::Bool(BooleanBufferBuilder::new(rows)),
            ColumnType::Int32 => Values::Int32(Vec::with_capacity(rows)),
            ColumnType::Int64 => Values::Int64(Vec::with_capacity(rows)),
            ColumnType::Float64 => Values::Float64(Vec::with_capacity(rows)),
            ColumnType::String => Values::String(Texts::new(rows, 0)),
            ColumnType::Json => Values::Json(Texts::new(rows, 0)),
            ColumnType::Date => Values::Date(Vec::with_capacity(rows)),
            ColumnType::Timestamp => Values::Timestamp(Vec::with_capacity(rows)),
            ColumnType::List(element_type) => {
                let DataType::List(field) = column_type.arrow() else {
                    unreachable!("the Arrow type of a list is a list")
                };
                Values::List { ends: ends(rows), element: Box::new(Self::new(element_type, rows)), field }
            }
            ColumnType::Struct(types) => {
                let DataType::Struct(fields) = column_type.arrow() else {
                    unreachable!("the Arrow type of a struct is a struct")
                };
                let column = |field: &StructField| Self::new(&field.column_type, rows);
                Values::Struct { columns: types.iter().map(column).collect(), fields }
            }
        };
        Self { values, nulls: NullBufferBuilder::new(rows), mismatches: 0 }
    }

    /// Adds one value; on `Err` the column may hold a part of it until it is cut back.
    pub(super) fn append(&mut self, cell: &Cell<'_>) -> Result<Appended, Overflow> {
        let mut inside = 0;
        let valid = match &mut self.values {
            Values::Bool(values) => {
                let value = coerce::bool(cell);
                values.append(value == Coerced::Value(true));
                verdict(&value)
            }
            Values::Int32(values) => push(values, coerce::int32(cell)),
            Values::Int64(values) => push(values, coerce::int64(cell)),
            Values::Float64(values) => push(values, coerce::float64(cell)),
            Values::Date(values) => push(values, coerce::date(cell)),
            Values::Timestamp(values) => push(values, coerce::timestamp(cell)),
            Values::String(texts) => texts.push(&coerce::string(cell))?,
            Values::Json(texts) => texts.push(&coerce::json(cell))?,
            Values::List { ends, element, .. } => {
                let list = coerce::list(cell);
                if let Coerced::Value(cells) = &list {
                    for cell in *cells {
                        inside += element.append(cell)?.mismatches;
                    }
                }
                ends.push(i32::try_from(element.len()).map_err(|_| Overflow)?);
                verdict(&list)
            }
            Values::Struct { columns, .. } => {
                let fields = coerce::structure(cell);
                let mut found =
                    if let Coerced::Value(found) = fields { found } else { &[] }.iter().peekable();
                for (number, column) in columns.iter_mut().enumerate() {
                    let cell =
                        found.next_if(|(field, _)| *field == number).map_or(&Cell::Null, |(_, cell)| cell);
                    inside += column.append(cell)?.mismatches;
                }
                verdict(&fields)
            }
        };
        self.nulls.append(valid == Verdict::Value);
        let mismatch = u64::from(valid == Verdict::Mismatch);
        self.mismatches += mismatch;
        Ok(Appended { null: valid != Verdict::Value, mismatches: inside + mismatch })
    }

    /// Adds to `places` where values did not fit, and how many, since the column began; `path` is where it
    /// stands.
    pub(super) fn misfits(&self, path: &str, places: &mut Vec<(String, u64)>) {
        if self.mismatches > 0 {
            places.push((path.to_owned(), self.mismatches));
        }
        match &self.values {
            Values::List { element, .. } => element.misfits(&format!("{path}[]"), places),
            Values::Struct { columns, fields } => {
                for (column, field) in columns.iter().zip(fields) {
                    column.misfits(&format!("{path}.{}", field.name()), places);
                }
            }
            _ => {}
        }
    }

    /// Values so far.
    pub(super) fn len(&self) -> usize {
        self.nulls.len()
    }

    /// Bytes that are held for the values, about.
    pub(super) fn memory_bytes(&self) -> usize {
        let values = match &self.values {
            Values::Bool(values) => values.capacity() / 8,
            Values::Int32(values) | Values::Date(values) => 4 * values.capacity(),
            Values::Int64(values) | Values::Timestamp(values) => 8 * values.capacity(),
            Values::Float64(values) => 8 * values.capacity(),
            Values::String(texts) | Values::Json(texts) => 4 * texts.ends.capacity() + texts.bytes.capacity(),
            Values::List { ends, element, .. } => 4 * ends.capacity() + element.memory_bytes(),
            Values::Struct { columns, .. } => columns.iter().map(Self::memory_bytes).sum(),
        };
        values + self.nulls.allocated_size()
    }

    /// Forgets what stands behind the first `rows` values, complete or not.
    pub(super) fn truncate(&mut self, rows: usize) {
        self.nulls.truncate(rows);
        match &mut self.values {
            Values::Bool(values) => values.truncate(rows),
            Values::Int32(values) | Values::Date(values) => values.truncate(rows),
            Values::Int64(values) | Values::Timestamp(values) => values.truncate(rows),
            Values::Float64(values) => values.truncate(rows),
            Values::String(texts) | Values::Json(texts) => {
                texts.ends.truncate(rows + 1);
                texts.bytes.truncate(last(&texts.ends));
            }
            Values::List { ends, element, .. } => {
                ends.truncate(rows + 1);
                element.truncate(last(ends));
            }
            Values::Struct { columns, .. } => columns.iter_mut().for_each(|column| column.truncate(rows)),
        }
    }

    /// Hands the values over as an array and starts anew with as much room as they took.
    pub(super) fn finish(&mut self) -> ArrayRef {
        let nulls = self.nulls.finish();
        match &mut self.values {
            Values::Bool(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Values::Int32(values) => Arc::new(Int32Array::new(take(values), nulls)),
            Values::Date(values) => Arc::new(Date32Array::new(take(values), nulls)),
            Values::Int64(values) => Arc::new(Int64Array::new(take(values), nulls)),
            Values::Timestamp(values) => {
                Arc::new(TimestampMicrosecondArray::new(take(values), nulls).with_timezone("UTC"))
            }
            Values::Float64(values) => Arc::new(Float64Array::new(take(values), nulls)),
            Values::String(texts) | Values::Json(texts) => {
                let full = std::mem::replace(texts, Texts::new(texts.ends.len(), texts.bytes.len()));
                let offsets = OffsetBuffer::new(ScalarBuffer::from(full.ends));
                Arc::new(StringArray::new(offsets, Buffer::from_vec(full.bytes), nulls))
            }
            Values::List { ends, element, field } => {
                let full = std::mem::replace(ends, self::ends(ends.len()));
                let offsets = OffsetBuffer::new(ScalarBuffer::from(full));
                Arc::new(ListArray::new(Arc::clone(field), offsets, element.finish(), nulls))
            }
            Values::Struct { columns, fields } => {
                let arrays = columns.iter_mut().map(Self::finish).collect();
                Arc::new(StructArray::new(fields.clone(), arrays, nulls))
            }
        }
    }
}

impl Texts {
    fn new(rows: usize, bytes: usize) -> Self {
        Self { ends: ends(rows), bytes: Vec::with_capacity(bytes) }
    }

    fn push<T: AsRef<str>>(&mut self, value: &Coerced<T>) -> Result<Verdict, Overflow> {
        if let Coerced::Value(text) = value {
            self.bytes.extend_from_slice(text.as_ref().as_bytes());
        }
        self.ends.push(i32::try_from(self.bytes.len()).map_err(|_| Overflow)?);
        Ok(verdict(value))
    }
}

/// Offsets of no values, with room for `rows`.
fn ends(rows: usize) -> Vec<i32> {
    let mut ends = Vec::with_capacity(rows + 1);
    ends.push(0);
    ends
}

fn last(ends: &[i32]) -> usize {
    let end = ends.last().expect("offsets start with a 0");
    usize::try_from(*end).expect("offsets are not negative")
}

/// [`Coerced`] without its value.
#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Value,
    Null,
    Mismatch,
}

fn verdict<T>(value: &Coerced<T>) -> Verdict {
    match value {
        Coerced::Value(_) => Verdict::Value,
        Coerced::Null => Verdict::Null,
        Coerced::Mismatch => Verdict::Mismatch,
    }
}

fn push<T: Default>(values: &mut Vec<T>, value: Coerced<T>) -> Verdict {
    let verdict = verdict(&value);
    values.push(if let Coerced::Value(value) = value { value } else { T::default() });
    verdict
}

fn take<T: arrow::datatypes::ArrowNativeType>(values: &mut Vec<T>) -> ScalarBuffer<T> {
    let room = Vec::with_capacity(values.len());
    ScalarBuffer::from(std::mem::replace(values, room))
}
