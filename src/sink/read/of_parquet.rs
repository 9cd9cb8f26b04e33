//! What a Parquet file says about itself, and its first rows.

use std::path::Path;

use arrow::record_batch::RecordBatch;
use parquet::arrow::ARROW_SCHEMA_META_KEY;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Compression;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

use super::super::encode::FormatError;
use super::handle::Handle;
use super::{FileFormat, TableFile};

pub(super) fn table(path: &Path, file: &Handle) -> Result<TableFile, FormatError> {
    let bytes = file.bytes().map_err(|error| FormatError::Parquet(error.into()))?;
    let read = ArrowReaderMetadata::load(file, ArrowReaderOptions::new())?;
    let footer = read.metadata();
    let facts = footer.file_metadata();
    let pairs = facts.key_value_metadata().into_iter().flatten();
    Ok(TableFile {
        path: path.to_owned(),
        format: FileFormat::Parquet,
        bytes,
        rows: u64::try_from(facts.num_rows()).unwrap_or(0),
        groups: footer.num_row_groups() as u64,
        codecs: codecs(footer),
        nulls: read.schema().fields().iter().map(|field| nulls(footer, field.name())).collect(),
        schema: read.schema().clone(),
        written_by: facts.created_by().map(str::to_owned),
        metadata: pairs
            .filter(|pair| pair.key != ARROW_SCHEMA_META_KEY)
            .map(|pair| (pair.key.clone(), pair.value.clone().unwrap_or_default()))
            .collect(),
    })
}

pub(super) fn first_batches(file: &Handle, rows: usize) -> Result<Vec<RecordBatch>, FormatError> {
    let file = file.again().map_err(|error| FormatError::Parquet(error.into()))?;
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(rows).with_limit(rows).build()?;
    Ok(reader.collect::<Result<_, _>>()?)
}

fn codecs(footer: &ParquetMetaData) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for column in footer.row_groups().iter().flat_map(RowGroupMetaData::columns) {
        let name = match column.compression() {
            Compression::UNCOMPRESSED => "none",
            Compression::SNAPPY => "snappy",
            Compression::GZIP(_) => "gzip",
            Compression::LZO => "lzo",
            Compression::BROTLI(_) => "brotli",
            Compression::LZ4 | Compression::LZ4_RAW => "lz4",
            Compression::ZSTD(_) => "zstd",
        };
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// Nulls of a flat column, if the statistics of every row group have them.
fn nulls(footer: &ParquetMetaData, name: &str) -> Option<u64> {
    let schema = footer.file_metadata().schema_descr();
    let leaf = schema.columns().iter().position(|column| column.path().parts() == [name])?;
    // Values of a list without a group around it would be counted, not rows.
    if schema.column(leaf).max_rep_level() > 0 {
        return None;
    }
    footer.row_groups().iter().map(|group| group.columns().get(leaf)?.statistics()?.null_count_opt()).sum()
}
