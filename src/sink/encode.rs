//! How rows become the bytes of a file: what the formats share.
//!
//! ```text
//!  batches ─▶ chunks of 1,024 rows ─▶ ranges of keys ─┬▶ ParquetFile
//!                                                     └▶ ArrowFile
//! ```
//!
//! Does not belong here: the settings of a format (`parquet_file`, `arrow_file`), and where the bytes go.
//!
//! Invariant: the bytes are a function of pipeline name, schema, format, codec, tool version and rows. Whatever ends a
//! part of a file depends on rows only; therefore incoming batches are cut anew into chunks of one size first, as the
//! formats look at their limits once a chunk.

use std::io::Write;
use std::sync::Arc;

use arrow::compute::BatchCoalescer;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use parquet::errors::ParquetError;

use super::TableSpec;
use super::arrow_file::ArrowFile;
use super::parquet_file::ParquetFile;
use super::ranges::{KeyRange, Ranges};
use crate::spec::Format;

/// The version that files and manifests name.
pub const TOOL_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Rows that are encoded at once; row groups and batches of a file end only between chunks. A divisor of their rows,
/// and what the Parquet encoder works in anyway. With rows of 36 KB (a film with credits) a chunk is 36 MB.
pub(super) const CHUNK_ROWS: usize = 1024;

/// What a format says about a failure to write or read a file of it.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// Of a Parquet file.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    /// Of an Arrow file, or of rows on their way into or out of either.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

/// Encodes the rows of one table into `W`.
pub(super) struct Encoder<W: Write + Send> {
    file: File<W>,
    chunks: BatchCoalescer,
    ranges: Ranges,
    rows: u64,
}

/// The seam between a table and the format of its file.
enum File<W: Write + Send> {
    Parquet(Box<ParquetFile<W>>),
    Arrow(Box<ArrowFile<W>>),
}

impl<W: Write + Send> Encoder<W> {
    pub fn new(output: W, spec: &TableSpec, fingerprint: &str) -> Result<Self, FormatError> {
        // The schema's own metadata would be in the file; what is to be there, the formats add.
        let schema = Arc::new(Schema::new(spec.schema.fields().clone()));
        let file = match spec.format {
            Format::Parquet(codec) => {
                File::Parquet(Box::new(ParquetFile::new(output, spec, &schema, codec, fingerprint)?))
            }
            Format::Arrow(codec) => {
                File::Arrow(Box::new(ArrowFile::new(output, spec, &schema, codec, fingerprint)?))
            }
        };
        let ranges = Ranges::new(&schema);
        Ok(Self { file, chunks: BatchCoalescer::new(schema, CHUNK_ROWS), ranges, rows: 0 })
    }

    /// With another limit for the bytes of a row group or batch.
    #[cfg(test)]
    fn with_limit(self, bytes_max: usize) -> Self {
        let file = match self.file {
            File::Parquet(file) => File::Parquet(Box::new(file.with_limit(bytes_max))),
            File::Arrow(file) => File::Arrow(Box::new(file.with_limit(bytes_max))),
        };
        Self { file, ..self }
    }

    /// Takes a batch that has the table's columns.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), FormatError> {
        self.chunks.push_batch(batch.clone())?;
        self.drain()
    }

    /// Takes a chunk: rows that the caller has cut, always in the same places. Not to be mixed with `write`.
    pub fn write_chunk(&mut self, chunk: RecordBatch) -> Result<(), FormatError> {
        self.rows += chunk.num_rows() as u64;
        self.ranges.add(&chunk);
        match &mut self.file {
            File::Parquet(file) => file.write(&chunk)?,
            File::Arrow(file) => file.write(chunk)?,
        }
        Ok(())
    }

    /// Writes what is left and the footer.
    pub fn finish(&mut self) -> Result<(), FormatError> {
        self.chunks.finish_buffered_batch()?;
        self.drain()?;
        match &mut self.file {
            File::Parquet(file) => file.finish()?,
            File::Arrow(file) => file.finish()?,
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<(), FormatError> {
        while let Some(chunk) = self.chunks.next_completed_batch() {
            self.write_chunk(chunk)?;
        }
        Ok(())
    }

    /// Rows encoded so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// What its columns lie between, in the rows encoded so far.
    pub fn ranges(&self) -> Vec<KeyRange> {
        self.ranges.told()
    }

    /// Bytes of the open row group or batch, which are in no output yet, as far as they are encoded. Follows from the
    /// chunks alone.
    pub fn open_bytes(&self) -> usize {
        match &self.file {
            File::Parquet(file) => file.open_bytes(),
            File::Arrow(file) => file.memory_bytes(),
        }
    }

    /// Estimate of the bytes held: what the format holds, and the open chunk.
    pub fn memory_bytes(&self) -> usize {
        let file = match &self.file {
            File::Parquet(file) => file.memory_bytes(),
            File::Arrow(file) => file.memory_bytes(),
        };
        file + self.chunks.size()
    }

    pub fn output(&mut self) -> &mut W {
        match &mut self.file {
            File::Parquet(file) => file.output(),
            File::Arrow(file) => file.output(),
        }
    }
}

/// What a file says about itself, in the order of the keys. No run id and no time: see the invariant.
pub(super) fn facts_of_file(spec: &TableSpec, fingerprint: &str) -> [(String, String); 3] {
    [("pipeline", &*spec.pipeline), ("schema_fingerprint", fingerprint), ("version", TOOL_VERSION)]
        .map(|(key, value)| (format!("tmdb_etl.{key}"), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use arrow::array::{ArrayRef, Int64Array, ListArray, StringArray};
    use arrow::buffer::{NullBuffer, OffsetBuffer};
    use arrow::datatypes::{DataType, Field};
    use arrow::ipc::reader::FileReader as ArrowReader;
    use parquet::basic::Compression as Codec;
    use parquet::file::reader::{FileReader as _, SerializedFileReader};

    use super::*;
    use crate::sink::parquet_file::ROW_GROUP_BYTES_MAX;
    use crate::spec::{ArrowCodec, Layout, ParquetCodec};

    const PARQUET: Format = Format::Parquet(ParquetCodec::Zstd);
    const ARROW: Format = Format::Arrow(ArrowCodec::None);
    /// Cuts do not depend on the codec; one that compresses shows what a plain one may hide.
    const FORMATS: [Format; 3] = [PARQUET, ARROW, Format::Arrow(ArrowCodec::Zstd)];

    fn films(format: Format) -> TableSpec {
        let words = DataType::List(Arc::new(Field::new("element", DataType::Utf8, true)));
        let fields = [("id", DataType::Int64), ("title", DataType::Utf8), ("words", words)];
        TableSpec {
            name: "films".to_owned(),
            path: "films.parquet".into(),
            schema: Arc::new(Schema::new(fields.map(|(name, kind)| Field::new(name, kind, true)).to_vec())),
            definitions: Vec::new(),
            format,
            layout: Layout::default(),
            sort_by: Vec::new(),
            upsert: None,
            pipeline: "marvel".to_owned(),
        }
    }

    /// Films with the ids of `ids`; titles take `title_bytes`, every eleventh is null, and so is every seventh list.
    fn batch(ids: std::ops::Range<i64>, title_bytes: usize) -> RecordBatch {
        let title = |id: i64| (id % 11 != 0).then(|| format!("{id:0title_bytes$}"));
        let titles: StringArray = ids.clone().map(title).collect();
        let lengths = ids.clone().map(|id| usize::from(id % 7 != 0 && id % 2 == 0));
        let words: StringArray = ids
            .clone()
            .filter(|id| id % 7 != 0 && id % 2 == 0)
            .map(|id| (id % 3 != 0).then(|| id.to_string()))
            .collect();
        let element = Arc::new(Field::new("element", DataType::Utf8, true));
        let nulls: NullBuffer = ids.clone().map(|id| id % 7 != 0).collect::<Vec<bool>>().into();
        let lists =
            ListArray::new(element, OffsetBuffer::from_lengths(lengths), Arc::new(words), Some(nulls));
        let columns: Vec<ArrayRef> =
            vec![Arc::new(Int64Array::from_iter_values(ids)), Arc::new(titles), Arc::new(lists)];
        RecordBatch::try_new(films(PARQUET).schema, columns).expect("columns fit")
    }

    /// The file's bytes, and the most memory held at the end of each 10,240 rows of `rows`.
    fn encode(
        format: Format,
        rows: i64,
        cut: &[i64],
        title_bytes: usize,
        limit: usize,
    ) -> (Vec<u8>, Vec<usize>) {
        let mut encoder = Encoder::new(Vec::new(), &films(format), "f").expect("opens").with_limit(limit);
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

    /// Rows of each row group or batch.
    fn group_rows(format: Format, file: Vec<u8>) -> Vec<i64> {
        if let Format::Arrow(_) = format {
            let reader = ArrowReader::try_new(std::io::Cursor::new(file), None).expect("an Arrow file");
            let rows = |batch: RecordBatch| i64::try_from(batch.num_rows()).expect("few");
            return reader.map(|batch| rows(batch.expect("a batch"))).collect();
        }
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
        for format in FORMATS {
            let (whole, _) = encode(format, 30_000, &[30_000], 12, ROW_GROUP_BYTES_MAX);
            for cut in [&[1024][..], &[1000], &[7, 4096, 1, 333]] {
                let (pieces, _) = encode(format, 30_000, cut, 12, ROW_GROUP_BYTES_MAX);
                assert!(
                    whole == pieces,
                    "{format:?}, cut {cut:?}: {} and {} bytes",
                    whole.len(),
                    pieces.len()
                );
            }
        }
    }

    #[test]
    fn byte_limit_ends_a_group_at_the_same_row_however_cut() {
        for format in FORMATS {
            let (whole, _) = encode(format, 12_000, &[12_000], 300, 500_000);
            let (pieces, _) = encode(format, 12_000, &[77, 2000], 300, 500_000);
            assert!(whole == pieces, "{format:?}: bytes differ");
            let groups = group_rows(format, whole);
            assert!(groups.len() > 1, "{format:?}: {groups:?}");
            let (last, full) = groups.split_last().expect("some");
            assert!(full.iter().all(|rows| rows % 1024 == 0) && *last > 0, "{format:?}: {groups:?}");
            assert_eq!(groups.iter().sum::<i64>(), 12_000);
        }
    }

    #[test]
    fn memory_does_not_grow_with_rows() {
        let check = |format: Format, groups: &[i64]| {
            let (file, memory) = encode(format, 3 * 122_880, &[4096], 20, ROW_GROUP_BYTES_MAX);
            assert_eq!(group_rows(format, file), groups);
            let peaks: Vec<usize> =
                memory.chunks(12).take(3).map(|group| *group.iter().max().expect("twelve")).collect();
            let bound = peaks[0] + peaks[0] / 10;
            assert!(peaks[0] > 0 && peaks[2] <= bound, "{format:?}: peaks of the row groups: {peaks:?}");
        };
        check(PARQUET, &[122_880; 3]);
        check(ARROW, &[65_536, 65_536, 65_536, 65_536, 65_536, 40_960]);
    }

    #[test]
    fn every_setting_of_an_arrow_file_is_in_the_file() {
        let check = |codec: ArrowCodec, expect: Option<arrow::ipc::CompressionType>| {
            let (file, _) = encode(Format::Arrow(codec), 3_000, &[1000], 12, ROW_GROUP_BYTES_MAX);
            assert!(file.starts_with(b"ARROW1\0\0") && file.ends_with(b"ARROW1"));
            // Messages begin at multiples of 64: first the schema, then the batch, whose header says the codec.
            let length = |at: usize| {
                let bytes = file[at + 4..at + 8].try_into().expect("four bytes");
                usize::try_from(u32::from_le_bytes(bytes)).expect("fits")
            };
            let second = 64 + 8 + length(64);
            let message = arrow::ipc::root_as_message(&file[second + 8..second + 8 + length(second)]);
            let message = message.expect("a message");
            let batch = message.header_as_record_batch().expect("a batch");
            assert_eq!(batch.compression().map(|found| found.codec()), expect, "{codec:?}");
            let reader = ArrowReader::try_new(std::io::Cursor::new(file), None).expect("an Arrow file");
            let schema = reader.schema();
            let pairs: Vec<(&str, &str)> =
                schema.metadata().iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            let expect = [
                ("tmdb_etl.pipeline", "marvel"),
                ("tmdb_etl.schema_fingerprint", "f"),
                ("tmdb_etl.version", TOOL_VERSION),
            ];
            assert_eq!(pairs, expect);
        };
        check(ArrowCodec::None, None);
        check(ArrowCodec::Zstd, Some(arrow::ipc::CompressionType::ZSTD));
        check(ArrowCodec::Lz4, Some(arrow::ipc::CompressionType::LZ4_FRAME));
    }

    #[test]
    fn every_setting_of_a_parquet_file_is_in_the_file() {
        let (file, _) = encode(PARQUET, 30_000, &[1000], 12, ROW_GROUP_BYTES_MAX);
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
        assert_eq!(blooms, [true, false, false], "a filter on id, none on title and words");
        let index = metadata.page_index_for_row_group(0);
        assert_eq!(index.num_data_pages(0), Some(8), "30,000 rows in pages of 4,096");
        assert!(index.column_index(0).is_some());
    }

    #[test]
    fn full_disk_is_an_error_of_the_encoder() {
        for format in [PARQUET, ARROW] {
            // Where the system has such a device; elsewhere the writer's own test stands for it.
            let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else { return };
            let mut encoder = Encoder::new(full, &films(format), "f").expect("buffers the first bytes");
            let done = encoder.write(&batch(0..300_000, 12)).and_then(|()| encoder.finish());
            assert!(done.is_err(), "{format:?}: a full device took the file");
        }
    }
}
