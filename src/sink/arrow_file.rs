//! How rows become the bytes of an Arrow IPC file, which readers map into memory as it is.
//!
//! Belongs here: every setting of the format, each with its reason. Does not belong here: what both
//! formats share (`encode`).
//!
//! Invariant: batches end after counts that depend on rows only.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use arrow::array::{Array, AsArray as _};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use arrow::record_batch::RecordBatch;

use super::TableSpec;
use super::encode::facts_of_file;
use crate::spec::ArrowCodec;

/// Rows of a batch: what pyarrow and Polars write themselves. Smaller ones cost readers more than they save.
pub(super) const BATCH_ROWS: usize = 65_536;

/// Bytes after which a batch ends before it has its rows. A batch is held three times at its end (in chunks, as one,
/// and encoded), so this is a quarter of what a row group of Parquet may take.
const BATCH_BYTES_MAX: usize = 16 * 1024 * 1024;

/// As for Parquet, where it was measured.
const ZSTD_LEVEL: i32 = 1;

/// Encodes chunks of rows into `W`.
pub(super) struct ArrowFile<W: Write> {
    ipc: FileWriter<BufWriter<W>>,
    schema: SchemaRef,
    /// The open batch.
    chunks: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
    bytes_max: usize,
}

impl<W: Write> ArrowFile<W> {
    pub fn new(
        output: W,
        spec: &TableSpec,
        schema: &SchemaRef,
        codec: ArrowCodec,
        fingerprint: &str,
    ) -> Result<Self, ArrowError> {
        let options = match codec {
            ArrowCodec::None => IpcWriteOptions::default(),
            ArrowCodec::Zstd => IpcWriteOptions::default()
                .try_with_compression(Some(CompressionType::ZSTD))?
                .try_with_compression_level(Some(ZSTD_LEVEL))?,
            ArrowCodec::Lz4 => {
                IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME))?
            }
        };
        // In the schema and not in the footer, as that is where readers look. Arrow sorts them.
        let metadata: BTreeMap<String, String> = facts_of_file(spec, fingerprint).into_iter().collect();
        let described = Schema::new_with_metadata(schema.fields().clone(), metadata);
        let ipc = FileWriter::try_new_with_options(BufWriter::new(output), &described, options)?;
        let schema = Arc::new(described);
        Ok(Self { ipc, schema, chunks: Vec::new(), rows: 0, bytes: 0, bytes_max: BATCH_BYTES_MAX })
    }

    #[cfg(test)]
    pub fn with_limit(self, bytes_max: usize) -> Self {
        Self { bytes_max, ..self }
    }

    /// Takes a chunk; a batch ends only between chunks.
    pub fn write(&mut self, chunk: RecordBatch) -> Result<(), ArrowError> {
        self.rows += chunk.num_rows();
        self.bytes += chunk.columns().iter().map(|column| bytes_of(column)).sum::<usize>();
        self.chunks.push(chunk);
        if self.rows >= BATCH_ROWS || self.bytes >= self.bytes_max { self.end_batch() } else { Ok(()) }
    }

    fn end_batch(&mut self) -> Result<(), ArrowError> {
        if self.chunks.is_empty() {
            return Ok(());
        }
        let batch = concat_batches(&self.schema, &self.chunks)?;
        self.chunks.clear();
        (self.rows, self.bytes) = (0, 0);
        self.ipc.write(&batch)
    }

    /// Writes what is left and the footer.
    pub fn finish(&mut self) -> Result<(), ArrowError> {
        self.end_batch()?;
        self.ipc.finish()
    }

    /// Estimate of the bytes held.
    pub fn memory_bytes(&self) -> usize {
        self.bytes
    }

    pub fn output(&mut self) -> &mut W {
        self.ipc.get_mut().get_mut()
    }
}

/// The bytes of an array's values. What Arrow says of itself would do but for null buffers, which an array without
/// nulls has or not, depending on where it has been.
pub(super) fn bytes_of(array: &dyn Array) -> usize {
    let rows = array.len();
    let nulls = rows.div_ceil(8);
    let offset =
        |offsets: &[i32], index: usize| usize::try_from(offsets[index]).expect("offsets are positive");
    nulls
        + match array.data_type() {
            DataType::Boolean => rows.div_ceil(8),
            DataType::Utf8 => {
                let offsets = array.as_string::<i32>().value_offsets();
                rows * 4 + offset(offsets, rows) - offset(offsets, 0)
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let (first, end) = (offset(list.value_offsets(), 0), offset(list.value_offsets(), rows));
                rows * 4 + bytes_of(&list.values().slice(first, end - first))
            }
            DataType::Struct(_) => array.as_struct().columns().iter().map(|column| bytes_of(column)).sum(),
            scalar => {
                let width = scalar.primitive_width().expect("`schema` knows every type of a table");
                rows * width
            }
        }
}
