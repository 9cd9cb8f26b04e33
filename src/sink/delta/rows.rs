//! Rows of a data file of the table, with the columns that a load has, whoever wrote the file.
//!
//! Does not belong here: which rows stay (`rewrite`).
//!
//! Invariant: a column that the file lacks is null, or what its folder's name says; a type that another writer chose is
//! brought back to ours.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{Field, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::sink::encode::{CHUNK_ROWS, FormatError};

/// The rows of a file, batch by batch.
pub(super) struct Rows {
    reader: ParquetRecordBatchReader,
    partition: Vec<(String, Option<String>)>,
    schema: SchemaRef,
}

impl Rows {
    /// Of `file`, as columns like those of `schema`; others of the file are not read.
    pub fn open(
        file: File,
        partition: &[(String, Option<String>)],
        schema: &SchemaRef,
    ) -> Result<Self, FormatError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(CHUNK_ROWS);
        let there = builder.parquet_schema().root_schema().get_fields().iter().enumerate();
        let read = there.filter(|(_, field)| schema.field_with_name(field.name()).is_ok());
        let mask = ProjectionMask::roots(builder.parquet_schema(), read.map(|(root, _)| root));
        let reader = builder.with_projection(mask).build()?;
        Ok(Self { reader, partition: partition.to_vec(), schema: Arc::clone(schema) })
    }

    fn column(&self, batch: &RecordBatch, field: &Field) -> Result<ArrayRef, ArrowError> {
        let rows = batch.num_rows();
        let named = self.partition.iter().find(|(name, _)| name == field.name());
        match (batch.column_by_name(field.name()), named) {
            (_, Some((_, None))) | (None, None) => Ok(new_null_array(field.data_type(), rows)),
            (_, Some((_, Some(value)))) => {
                let text: ArrayRef =
                    Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, rows)));
                cast(&text, field.data_type())
            }
            (Some(column), None) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
            (Some(column), None) => cast(column, field.data_type()),
        }
    }
}

impl Iterator for Rows {
    type Item = Result<RecordBatch, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match self.reader.next()? {
            Ok(batch) => batch,
            Err(error) => return Some(Err(error.into())),
        };
        let columns: Result<Vec<ArrayRef>, ArrowError> =
            self.schema.fields().iter().map(|field| self.column(&batch, field)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let made = columns.and_then(|columns| {
            RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
        });
        Some(made.map_err(FormatError::from))
    }
}
