//! How rows become the bytes of a Parquet file.
//!
//! Belongs here: every setting of the format, each with its reason. Does not belong here: where the
//! bytes go.
//!
//! Invariant: the bytes are a function of pipeline name, schema, codec, tool version and rows. Pages and
//! row groups end after counts that depend on rows only; therefore incoming batches are cut anew into
//! chunks of one size first, as the encoder looks at its limits once a chunk.

use std::io::Write;
use std::sync::Arc;

use arrow::compute::BatchCoalescer;
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use super::TableSpec;
use crate::spec::Compression;

/// Rows of a row group. It is DuckDB's own number (60 of its vectors of 2,048), which lets it give each
/// thread a whole group, and small enough to be held in memory.
pub const ROW_GROUP_ROWS: usize = 122_880;

/// Encoded bytes after which a row group ends before it has its rows: a quarter of the default memory
/// budget of a run (256 MiB), reached by rows of more than 546 encoded bytes, such as whole documents.
pub const ROW_GROUP_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The version that files and manifests name.
pub const TOOL_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Rows that are encoded at once; row groups end only between chunks. A divisor of [`ROW_GROUP_ROWS`],
/// and what the encoder works in anyway. With rows of 36 KB (a film with credits) a chunk is 36 MB.
const CHUNK_ROWS: usize = 1024;

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

/// Encodes the rows of one table into `W`.
pub(super) struct Encoder<W: Write + Send> {
    arrow: ArrowWriter<W>,
    chunks: BatchCoalescer,
    row_group_bytes_max: usize,
    rows: u64,
}

impl<W: Write + Send> Encoder<W> {
    pub fn new(output: W, spec: &TableSpec, fingerprint: &str) -> Result<Self, ParquetError> {
        Self::with_limit(output, spec, fingerprint, ROW_GROUP_BYTES_MAX)
    }

    fn with_limit(
        output: W,
        spec: &TableSpec,
        fingerprint: &str,
        row_group_bytes_max: usize,
    ) -> Result<Self, ParquetError> {
        // Metadata of the schema are a hash map, whose order is not ours to promise.
        let schema = Arc::new(Schema::new(spec.schema.fields().clone()));
        let arrow = ArrowWriter::try_new(output, Arc::clone(&schema), Some(properties(spec, fingerprint)))?;
        let chunks = BatchCoalescer::new(schema, CHUNK_ROWS);
        Ok(Self { arrow, chunks, row_group_bytes_max, rows: 0 })
    }

    /// Takes a batch that has the table's columns.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        self.rows += batch.num_rows() as u64;
        self.chunks.push_batch(batch.clone())?;
        self.drain()
    }

    /// Writes what is left and the footer.
    pub fn finish(&mut self) -> Result<(), ParquetError> {
        self.chunks.finish_buffered_batch()?;
        self.drain()?;
        self.arrow.finish()?;
        Ok(())
    }

    fn drain(&mut self) -> Result<(), ParquetError> {
        while let Some(chunk) = self.chunks.next_completed_batch() {
            self.arrow.write(&chunk)?;
            if self.arrow.in_progress_size() >= self.row_group_bytes_max {
                self.arrow.flush()?;
            }
        }
        Ok(())
    }

    /// Rows taken so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Estimate of the bytes held: the open row group and the open chunk.
    pub fn memory_bytes(&self) -> usize {
        self.arrow.memory_size() + self.chunks.size()
    }

    pub fn output(&mut self) -> &mut W {
        self.arrow.inner_mut()
    }
}

fn properties(spec: &TableSpec, fingerprint: &str) -> WriterProperties {
    let pair = |key: &str, value: &str| KeyValue::new(format!("tmdb_etl.{key}"), value.to_owned());
    let codec = match spec.compression {
        Compression::Zstd => Codec::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL).expect("3 is a level of zstd")),
        Compression::None => Codec::UNCOMPRESSED,
    };
    let mut builder = WriterProperties::builder()
        // Version 1 of the pages: every reader has it.
        .set_writer_version(WriterVersion::PARQUET_1_0)
        // The shape `NAME version V` is the one that Java readers parse before they trust statistics.
        .set_created_by(format!("tmdb-etl version {TOOL_VERSION}"))
        .set_key_value_metadata(Some(vec![
            pair("pipeline", &spec.pipeline),
            pair("schema_fingerprint", fingerprint),
            pair("version", TOOL_VERSION),
        ]))
        .set_compression(codec)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_write_batch_size(CHUNK_ROWS)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_data_page_size_limit(PAGE_BYTES)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        // Page level statistics are what the page index holds.
        .set_statistics_enabled(EnabledStatistics::Page);
    for field in spec.schema.fields().iter().filter(|field| is_key(field.name(), field.data_type())) {
        let column = ColumnPath::from(field.name().as_str());
        builder = builder
            .set_column_bloom_filter_fpp(column.clone(), BLOOM_FALSE_POSITIVES)
            .set_column_bloom_filter_max_ndv(column, ROW_GROUP_ROWS as u64);
    }
    builder.build()
}

/// Columns that people look single rows up by: `id` and whatever ends in `_id` (`movie_id`, `imdb_id`).
fn is_key(name: &str, data_type: &DataType) -> bool {
    (name == "id" || name.ends_with("_id"))
        && matches!(data_type, DataType::Int32 | DataType::Int64 | DataType::Utf8)
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use arrow::datatypes::Field;
    use parquet::file::reader::{FileReader as _, SerializedFileReader};

    use super::*;

    fn spec(columns: &[(&str, DataType)]) -> TableSpec {
        let fields: Vec<Field> =
            columns.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect();
        TableSpec {
            name: "films".to_owned(),
            path: "films.parquet".into(),
            schema: Arc::new(Schema::new(fields)),
            compression: Compression::Zstd,
            pipeline: "marvel".to_owned(),
        }
    }

    fn films() -> TableSpec {
        spec(&[("id", DataType::Int64), ("title", DataType::Utf8)])
    }

    /// Films with the ids of `ids`; titles take `title_bytes`.
    fn batch(ids: std::ops::Range<i64>, title_bytes: usize) -> RecordBatch {
        let titles = StringArray::from_iter_values(ids.clone().map(|id| format!("{id:0title_bytes$}")));
        let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(ids)), Arc::new(titles)];
        RecordBatch::try_new(films().schema, columns).expect("columns fit")
    }

    /// The file's bytes, and the most memory held at the end of each 10,240 rows of `rows`.
    fn encode(rows: i64, cut: &[i64], title_bytes: usize, limit: usize) -> (Vec<u8>, Vec<usize>) {
        let mut encoder = Encoder::with_limit(Vec::new(), &films(), "f", limit).expect("opens");
        let mut memory = vec![0; usize::try_from(rows).expect("small") / 10_240 + 1];
        let (mut start, mut cuts) = (0, cut.iter().cycle());
        while start < rows {
            let end = rows.min(start + cuts.next().expect("cycles"));
            encoder.write(&batch(start..end, title_bytes)).expect("writes");
            let peak = &mut memory[usize::try_from(start).expect("small") / 10_240];
            *peak = (*peak).max(encoder.memory_bytes());
            start = end;
        }
        encoder.finish().expect("finishes");
        (std::mem::take(encoder.output()), memory)
    }

    fn group_rows(file: Vec<u8>) -> Vec<i64> {
        let reader = SerializedFileReader::new(bytes::Bytes::from(file)).expect("a Parquet file");
        reader
            .metadata()
            .row_groups()
            .iter()
            .map(parquet::file::metadata::RowGroupMetaData::num_rows)
            .collect()
    }

    #[test]
    fn bytes_do_not_show_how_rows_were_cut_into_batches() {
        let check = |cut: &[i64]| {
            let (whole, _) = encode(30_000, &[30_000], 12, ROW_GROUP_BYTES_MAX);
            let (pieces, _) = encode(30_000, cut, 12, ROW_GROUP_BYTES_MAX);
            assert!(whole == pieces, "cut {cut:?}: {} and {} bytes", whole.len(), pieces.len());
        };
        check(&[1024]);
        check(&[1000]);
        check(&[7, 4096, 1, 333]);
    }

    #[test]
    fn byte_limit_ends_a_row_group_at_the_same_row_however_cut() {
        let (whole, _) = encode(12_000, &[12_000], 300, 500_000);
        let (pieces, _) = encode(12_000, &[77, 2000], 300, 500_000);
        assert!(whole == pieces, "bytes differ");
        let groups = group_rows(whole);
        assert!(groups.len() > 1, "{groups:?}");
        let (last, full) = groups.split_last().expect("some");
        assert!(full.iter().all(|rows| rows % 1024 == 0) && *last > 0, "{groups:?}");
        assert_eq!(groups.iter().sum::<i64>(), 12_000);
    }

    #[test]
    fn memory_does_not_grow_with_rows() {
        let (file, memory) = encode(3 * 122_880, &[4096], 20, ROW_GROUP_BYTES_MAX);
        assert_eq!(group_rows(file), [122_880; 3]);
        let peaks: Vec<usize> =
            memory.chunks(12).take(3).map(|group| *group.iter().max().expect("twelve")).collect();
        assert!(peaks[0] > 0 && peaks[2] <= peaks[0] + peaks[0] / 10, "peaks of the row groups: {peaks:?}");
    }

    #[test]
    fn every_setting_of_the_format_is_in_the_file() {
        let (file, _) = encode(30_000, &[1000], 12, ROW_GROUP_BYTES_MAX);
        let options = parquet::file::serialized_reader::ReadOptionsBuilder::new().with_page_index().build();
        let reader =
            SerializedFileReader::new_with_options(bytes::Bytes::from(file), options).expect("opens");
        let metadata = reader.metadata();
        let pairs: Vec<(&str, &str)> = metadata
            .file_metadata()
            .key_value_metadata()
            .expect("pairs")
            .iter()
            .filter(|pair| pair.key != "ARROW:schema")
            .map(|pair| (pair.key.as_str(), pair.value.as_deref().unwrap_or("")))
            .collect();
        assert_eq!(
            pairs,
            [
                ("tmdb_etl.pipeline", "marvel"),
                ("tmdb_etl.schema_fingerprint", "f"),
                ("tmdb_etl.version", TOOL_VERSION),
            ]
        );
        assert_eq!(
            metadata.file_metadata().created_by(),
            Some(format!("tmdb-etl version {TOOL_VERSION}").as_str())
        );
        assert_eq!(metadata.file_metadata().version(), 1);
        let group = metadata.row_group(0);
        assert!(
            group.columns().iter().all(|it| it.statistics().is_some_and(|it| it.min_bytes_opt().is_some()))
        );
        assert!(group.columns().iter().all(|it| matches!(it.compression(), Codec::ZSTD(_))));
        let blooms: Vec<bool> = group.columns().iter().map(|it| it.bloom_filter_offset().is_some()).collect();
        assert_eq!(blooms, [true, false], "a filter on id, none on title");
        let index = metadata.page_index_for_row_group(0);
        assert_eq!(index.num_data_pages(0), Some(8), "30,000 rows in pages of 4,096");
        assert!(index.column_index(0).is_some());
    }

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

    #[test]
    fn full_disk_is_an_error_of_the_encoder() {
        // Where the system has such a device; elsewhere the writer's own test stands for it.
        let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else { return };
        let mut encoder = Encoder::new(full, &films(), "f").expect("buffers the first bytes");
        let done = encoder.write(&batch(0..300_000, 12)).and_then(|()| encoder.finish());
        assert!(done.is_err(), "a full device took the file");
    }
}
