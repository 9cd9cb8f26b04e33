//! How rows become the bytes of a Parquet file.
//!
//! Belongs here: every setting of the format, each with its reason. Does not belong here: what both
//! formats share (`encode`).
//!
//! Invariant: pages and row groups end after counts that depend on rows only.

use std::io::Write;

use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use super::TableSpec;
use super::encode::{CHUNK_ROWS, TOOL_VERSION, facts_of_file};
use crate::spec::{ParquetCodec, SortKey};

/// Rows of a row group. It is DuckDB's own number (60 of its vectors of 2,048), which lets it give each
/// thread a whole group, and small enough to be held in memory.
pub const ROW_GROUP_ROWS: usize = 122_880;

/// Encoded bytes after which a row group ends before it has its rows: a quarter of the default memory
/// budget of a run (256 MiB), reached by rows of more than 546 encoded bytes, such as whole documents.
pub const ROW_GROUP_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Rows of a page: the finest unit that a reader can skip. zstd's tables grow with the page, one set for each column;
/// four thousand rows keep them small.
const PAGE_ROWS: usize = 4_096;

/// Bytes of a page before compression: the format's usual 1 MiB.
const PAGE_BYTES: usize = 1024 * 1024;

/// Bytes of a dictionary, an eighth of the usual: enough for what repeats (languages, genres, names of collections). A
/// column of distinct values would fill the usual one with a whole row group, and its hash table takes several
/// times that in memory; this way it goes back to plain values soon.
const DICTIONARY_BYTES: usize = 128 * 1024;

/// Of 200,000 films in 15 columns level 3, zstd's own default, made a file 3 % smaller and held two and a half times the
/// tables for each column.
const ZSTD_LEVEL: i32 = 1;

/// Wrong answers of a bloom filter. For a full row group of distinct keys that is 10 bits a key; a
/// filter is laid out for that (bounded: 256 KiB a key column) and folded to what its keys need.
const BLOOM_FALSE_POSITIVES: f64 = 0.01;

/// Encodes chunks of rows into `W`.
pub(super) struct ParquetFile<W: Write + Send> {
    arrow: ArrowWriter<W>,
    row_group_bytes_max: usize,
}

impl<W: Write + Send> ParquetFile<W> {
    pub fn new(
        output: W,
        spec: &TableSpec,
        schema: &SchemaRef,
        codec: ParquetCodec,
        fingerprint: &str,
    ) -> Result<Self, ParquetError> {
        let properties = properties(spec, codec, fingerprint);
        let arrow = ArrowWriter::try_new(output, schema.clone(), Some(properties))?;
        Ok(Self { arrow, row_group_bytes_max: ROW_GROUP_BYTES_MAX })
    }

    #[cfg(test)]
    pub fn with_limit(self, row_group_bytes_max: usize) -> Self {
        Self { row_group_bytes_max, ..self }
    }

    /// Takes a chunk; a row group ends only between chunks.
    pub fn write(&mut self, chunk: &RecordBatch) -> Result<(), ParquetError> {
        self.arrow.write(chunk)?;
        if self.arrow.in_progress_size() >= self.row_group_bytes_max { self.arrow.flush() } else { Ok(()) }
    }

    /// Writes what is left and the footer.
    pub fn finish(&mut self) -> Result<(), ParquetError> {
        self.arrow.finish().map(drop)
    }

    /// Estimate of the bytes held: the open row group.
    pub fn memory_bytes(&self) -> usize {
        self.arrow.memory_size()
    }

    /// Encoded bytes of the open row group.
    pub fn open_bytes(&self) -> usize {
        self.arrow.in_progress_size()
    }

    pub fn output(&mut self) -> &mut W {
        self.arrow.inner_mut()
    }
}

fn properties(spec: &TableSpec, codec: ParquetCodec, fingerprint: &str) -> WriterProperties {
    let pairs = facts_of_file(spec, fingerprint).into_iter().map(|(key, value)| KeyValue::new(key, value));
    let codec = match codec {
        ParquetCodec::Zstd => Codec::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL).expect("1 is a level of zstd")),
        ParquetCodec::Snappy => Codec::SNAPPY,
        ParquetCodec::None => Codec::UNCOMPRESSED,
    };
    let mut builder = WriterProperties::builder()
        // Version 1 of the pages: every reader has it.
        .set_writer_version(WriterVersion::PARQUET_1_0)
        // The shape `NAME version V` is the one that Java readers parse before they trust statistics.
        .set_created_by(format!("tmdb-etl version {TOOL_VERSION}"))
        .set_key_value_metadata(Some(pairs.collect()))
        .set_compression(codec)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_write_batch_size(CHUNK_ROWS)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_data_page_size_limit(PAGE_BYTES)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        // Page level statistics are what the page index holds.
        .set_statistics_enabled(EnabledStatistics::Page);
    let sorting: Option<Vec<SortingColumn>> = spec.sort_by.iter().map(|key| sorting(spec, key)).collect();
    if let Some(sorting) = sorting.filter(|sorting| !sorting.is_empty()) {
        builder = builder.set_sorting_columns(Some(sorting));
    }
    for field in spec.schema.fields().iter().filter(|field| is_key(field.name(), field.data_type())) {
        let column = ColumnPath::from(field.name().as_str());
        builder = builder
            .set_column_bloom_filter_fpp(column.clone(), BLOOM_FALSE_POSITIVES)
            .set_column_bloom_filter_max_ndv(column, ROW_GROUP_ROWS as u64);
    }
    builder.build()
}

/// The column of a sort key, by its place among the leaves of the file; none if that is not the file's.
fn sorting(spec: &TableSpec, key: &SortKey) -> Option<SortingColumn> {
    let column = spec.schema.index_of(&key.column).ok()?;
    let leaves = spec.schema.fields()[..column].iter().map(|field| leaves(field.data_type())).sum::<usize>();
    let column_idx = i32::try_from(leaves).ok()?;
    Some(SortingColumn { column_idx, descending: key.descending, nulls_first: false })
}

/// Columns of a file that a column of a table takes.
fn leaves(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(fields) => fields.iter().map(|field| leaves(field.data_type())).sum(),
        DataType::List(element) => leaves(element.data_type()),
        _ => 1,
    }
}

/// Columns that people look single rows up by: `id` and whatever ends in `_id` (`movie_id`, `imdb_id`).
fn is_key(name: &str, data_type: &DataType) -> bool {
    (name == "id" || name.ends_with("_id"))
        && matches!(data_type, DataType::Int32 | DataType::Int64 | DataType::Utf8)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Field;

    use super::*;

    #[test]
    fn key_columns_are_known_by_name_and_type() {
        let check = |name, kind, expect| assert_eq!(is_key(name, &kind), expect, "{name}");
        check("id", DataType::Int64, true);
        check("imdb_id", DataType::Utf8, true);
        check("movie_id", DataType::Int32, true);
        check("paid", DataType::Int64, false);
        check("identity", DataType::Int64, false);
        check("float_id", DataType::Float64, false);
        check("cast_id", DataType::List(Arc::new(Field::new("element", DataType::Int64, true))), false);
    }
}
