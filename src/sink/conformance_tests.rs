//! Every type that a column can have, written and read back, at the sizes where things break.
//!
//! With `TMDB_ETL_CONFORMANCE_DIR` set the files are left there, for other readers to open; how is in
//! `docs/architecture/commit.md`.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int32Builder, Int64Builder, ListBuilder,
    StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::ipc::reader::FileReader;
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::spec::{ArrowCodec, ColumnType, ParquetCodec};

const SCALARS: [ColumnType; 8] = [
    ColumnType::Bool,
    ColumnType::Int32,
    ColumnType::Int64,
    ColumnType::Float64,
    ColumnType::String,
    ColumnType::Date,
    ColumnType::Timestamp,
    ColumnType::Json,
];

/// `id` required, then a nullable column of each type, then a list of each.
pub(super) fn schema() -> SchemaRef {
    let mut fields = vec![Field::new("id", ColumnType::Int64.arrow(), false)];
    fields.extend(SCALARS.iter().map(|kind| Field::new(format!("a_{kind}"), kind.arrow(), true)));
    fields.extend(SCALARS.iter().map(|kind| {
        Field::new(format!("list_{kind}"), ColumnType::List(Box::new(kind.clone())).arrow(), true)
    }));
    Arc::new(Schema::new(fields))
}

/// A column of `$rows` (a range of i64) by `$value`, and a list column of it: every fifth value is null,
/// every seventh list null, lists have zero to two elements, one of them null at times.
macro_rules! columns {
    ($rows:expr, $builder:expr, $kind:expr, $value:expr) => {{
        let mut scalar = $builder;
        let mut list = ListBuilder::new($builder).with_field($kind.field("element", true));
        for row in $rows {
            scalar.append_option((row % 5 != 4).then(|| $value(row)));
            for element in 0..row % 3 {
                list.values().append_option(((row + element) % 5 != 0).then(|| $value(row + element)));
            }
            list.append(row % 7 != 6);
        }
        (Arc::new(scalar.finish()) as ArrayRef, Arc::new(list.finish()) as ArrayRef)
    }};
}

fn int32(row: i64) -> i32 {
    i32::try_from(row).expect("few rows") - 1000
}

#[expect(clippy::cast_precision_loss, reason = "few rows")]
fn float(row: i64) -> f64 {
    row as f64 / 8.0
}

pub(super) fn batch(rows: std::ops::Range<i64>) -> RecordBatch {
    let rows = || rows.clone();
    let text = |row: i64| format!("Film № {row}");
    let json = |row: i64| format!(r#"{{"id":{row}}}"#);
    let (scalars, lists): (Vec<ArrayRef>, Vec<ArrayRef>) = [
        columns!(rows(), BooleanBuilder::new(), SCALARS[0], |row| row % 2 == 0),
        columns!(rows(), Int32Builder::new(), SCALARS[1], int32),
        columns!(rows(), Int64Builder::new(), SCALARS[2], |row| row * 2_923_706_026),
        columns!(rows(), Float64Builder::new(), SCALARS[3], float),
        columns!(rows(), StringBuilder::new(), SCALARS[4], text),
        columns!(rows(), Date32Builder::new(), SCALARS[5], int32),
        columns!(rows(), TimestampMicrosecondBuilder::new().with_timezone("UTC"), SCALARS[6], |row| row
            * 1_000_001),
        columns!(rows(), StringBuilder::new(), SCALARS[7], json),
    ]
    .into_iter()
    .unzip();
    let mut ids = Int64Builder::new();
    rows().for_each(|row| ids.append_value(row));
    let columns = std::iter::once(Arc::new(ids.finish()) as ArrayRef).chain(scalars).chain(lists).collect();
    RecordBatch::try_new(schema(), columns).expect("columns fit")
}

#[test]
#[expect(clippy::disallowed_methods, reason = "where to leave the tables for other readers")]
fn every_type_reads_back_as_written() {
    let scratch = tempfile::tempdir().expect("tempdir");
    let folder =
        std::env::var_os("TMDB_ETL_CONFORMANCE_DIR").map_or_else(|| scratch.path().into(), PathBuf::from);
    let lock = Lock::acquire(&scratch.path().join("state"), "conformance").expect("free");
    let (commit, _) = Commit::open(lock).expect("opens");
    let check = |rows: i64, format: Format| {
        let spec = TableSpec {
            name: "types".to_owned(),
            path: folder.join(format!("types_{rows}_{}.{}", format.compression(), format.name())),
            schema: schema(),
            definitions: Vec::new(),
            format,
            layout: Layout::default(),
            sort_by: Vec::new(),
            upsert: None,
            pipeline: "conformance".to_owned(),
        };
        let mut writer = commit.stage(std::slice::from_ref(&spec), "1").expect("stages").pop().expect("one");
        let whole = batch(0..rows);
        for start in (0..whole.num_rows()).step_by(10_000) {
            writer.write(&whole.slice(start, 10_000.min(whole.num_rows() - start))).expect("writes");
        }
        let staged = writer.finish().expect("finishes");
        let published = commit.publish(vec![staged], &facts()).expect("publishes").pop().expect("one");
        assert_eq!(published.rows, rows.unsigned_abs());

        let file = std::fs::File::open(&published.path).expect("is there");
        assert_eq!(file.metadata().expect("is a file").len(), published.bytes);
        let read = read(file, format);
        assert!(
            concat_batches(&schema(), &read).expect("one schema") == whole,
            "{rows} rows read back differently"
        );
    };
    let parquet = [ParquetCodec::Zstd, ParquetCodec::Snappy, ParquetCodec::None].map(Format::Parquet);
    let arrow = [ArrowCodec::None, ArrowCodec::Zstd, ArrowCodec::Lz4].map(Format::Arrow);
    for ([usual, second, third], many) in [(parquet, 300_000), (arrow, 100_000)] {
        check(0, usual);
        check(1, usual);
        check(3000, second);
        check(3000, third);
        check(many, usual);
    }
}

/// Every batch of the file, whose columns are as declared.
fn read(file: std::fs::File, format: Format) -> Vec<RecordBatch> {
    let (fields, batches): (_, Vec<RecordBatch>) = match format {
        Format::Parquet(_) => {
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file");
            let list = reader.parquet_schema().columns().last().expect("columns").path().string();
            assert_eq!(list, "list_json.list.element", "lists have three levels");
            let fields = reader.schema().fields().clone();
            (fields, reader.build().expect("reads").map(|batch| batch.expect("a batch")).collect())
        }
        Format::Arrow(_) => {
            let reader = FileReader::try_new(file, None).expect("an Arrow file");
            (reader.schema().fields().clone(), reader.map(|batch| batch.expect("a batch")).collect())
        }
    };
    assert_eq!(&fields, schema().fields());
    batches
}

pub(super) fn facts() -> RunFacts {
    RunFacts {
        run: "1".to_owned(),
        pipeline: "conformance".to_owned(),
        source: "mock".to_owned(),
        started_at: jiff::Timestamp::UNIX_EPOCH,
        finished_at: jiff::Timestamp::UNIX_EPOCH,
        counts: serde_json::Value::Null,
        tool_version: TOOL_VERSION.to_owned(),
    }
}
