//! Rows of Parquet files. Only the columns that somebody reads are read from the disk, a batch at a time.
//!
//! Numbers, booleans and text are what they are; dates, times and decimals become text as JSON has no such
//! values; lists and structs are lists and objects, as in `items:`. Types that only Arrow knows (dictionaries,
//! large strings) come back as the plain ones that the file has.

use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Schema, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::array_value_to_string;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use serde_json::{Map, Number, Value};

use super::error::SeedFileFault;
use super::{BATCH_ROWS, Row, Wanted, bytes, bytes_of, lines, missing, with_id};

/// An open Parquet file.
pub(super) struct Columns {
    batches: ParquetRecordBatchReader,
    batch: Option<RecordBatch>,
    /// The next row of `batch`.
    at: usize,
    /// Rows of all batches before.
    before: u64,
    /// `column`, the only one that is read then.
    column: Option<String>,
}

impl Columns {
    /// Opens the file and reads its schema.
    pub(super) fn open(path: &Path, wanted: &Wanted) -> Result<Self, SeedFileFault> {
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let file = bytes::file(path)?;
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
            .map_err(SeedFileFault::Parquet)?;
        let roots = roots(builder.schema(), wanted)?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let batches = builder
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(SeedFileFault::Parquet)?;
        Ok(Self { batches, batch: None, at: 0, before: 0, column: wanted.column.clone() })
    }

    /// The next row.
    pub(super) fn next(&mut self) -> Result<Option<Row>, SeedFileFault> {
        while self.batch.as_ref().is_none_or(|batch| self.at == batch.num_rows()) {
            self.before += self.batch.take().map_or(0, |batch| batch.num_rows() as u64);
            let Some(batch) = self.batches.next() else { return Ok(None) };
            let batch = batch.map_err(|error| SeedFileFault::Parquet(ParquetError::from(error)))?;
            (self.batch, self.at) = (Some(batch), 0);
        }
        let batch = self.batch.as_ref().expect("a batch with rows was read");
        let row = self.at;
        self.at += 1;
        if let Some(name) = &self.column {
            return match lines::id(value(batch.column(0), row)) {
                Ok(Some(id)) => Ok(Some(Row::Item(with_id(id)))),
                Ok(None) => Ok(Some(Row::Empty)),
                Err(found) => {
                    let line = self.before + row as u64 + 1;
                    Err(SeedFileFault::NotAnId { line, column: Some(name.clone()), found })
                }
            };
        }
        let schema = batch.schema_ref();
        let cells = schema.fields().iter().zip(batch.columns());
        let fields: Map<String, Value> =
            cells.map(|(field, column)| (field.name().clone(), value(column, row))).collect();
        // A row of which nothing is asked for is an item nevertheless.
        let empty = !fields.is_empty() && fields.values().all(Value::is_null);
        Ok(Some(if empty { Row::Empty } else { Row::Item(bytes_of(&Value::Object(fields))) }))
    }
}

/// The places of the columns that are read.
fn roots(schema: &Schema, wanted: &Wanted) -> Result<Vec<usize>, SeedFileFault> {
    for name in wanted.asked() {
        if schema.index_of(name).is_err() {
            let columns = schema.fields().iter().map(|field| field.name().clone()).collect();
            return Err(missing(name, wanted, columns));
        }
    }
    let mut roots = Vec::new();
    for (place, field) in schema.fields().iter().enumerate() {
        let read = match &wanted.column {
            Some(column) => field.name() == column,
            None => wanted.reads.contains(field.name()),
        };
        if !read {
            continue;
        }
        let fits =
            if wanted.column.is_some() { is_id(field.data_type()) } else { is_json(field.data_type()) };
        if !fits {
            let (column, data_type) = (field.name().clone(), field.data_type().to_string());
            return Err(SeedFileFault::UnusableColumn { column, data_type });
        }
        roots.push(place);
    }
    Ok(roots)
}

/// Whether its values may be ids.
fn is_id(data_type: &DataType) -> bool {
    let nested = matches!(data_type, DataType::List(_) | DataType::Struct(_) | DataType::Boolean);
    !nested && is_json(data_type)
}

/// Whether its values can be JSON.
fn is_json(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(element) => is_json(element.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| is_json(field.data_type())),
        DataType::Boolean
        | DataType::Utf8
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32
        | DataType::Date64
        | DataType::Timestamp(..)
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => true,
        other => other.is_integer(),
    }
}

/// A cell as JSON.
fn value(column: &dyn Array, row: usize) -> Value {
    macro_rules! number {
        ($arrow:ty) => {
            Value::from(column.as_primitive::<$arrow>().value(row))
        };
    }
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Boolean => Value::from(column.as_boolean().value(row)),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float32 => number!(Float32Type),
        DataType::Float64 => number!(Float64Type),
        DataType::Utf8 => Value::from(column.as_string::<i32>().value(row)),
        DataType::List(_) => {
            let elements = column.as_list::<i32>().value(row);
            (0..elements.len()).map(|row| value(&elements, row)).collect()
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(column.as_struct().columns());
            columns.map(|(field, column)| (field.name().clone(), value(column, row))).collect()
        }
        _ => written(column, row),
    }
}

/// What has no JSON of its own, as text; a decimal without decimals as a number.
fn written(column: &dyn Array, row: usize) -> Value {
    let Ok(text) = array_value_to_string(column, row) else { return Value::Null };
    let whole = matches!(
        column.data_type(),
        DataType::Decimal32(_, 0) | DataType::Decimal64(_, 0) | DataType::Decimal128(_, 0)
    );
    match text.parse::<i64>() {
        Ok(number) if whole => Value::Number(Number::from(number)),
        _ => Value::from(text),
    }
}
