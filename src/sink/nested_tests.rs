//! Structs, lists of structs and lists of lists: written and read back, with a null at every level.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::compute::concat_batches;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::reader::FileReader;
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::statistics::Statistics;

use super::conformance_tests::facts;
use super::*;
use crate::spec::{ArrowCodec, ColumnType, Format, ParquetCodec};

const COLUMNS: [(&str, &str); 6] = [
    ("id", "int64"),
    ("collection", "struct<id: int64, name: string>"),
    ("directors", "list<struct<id: int64, name: string, known_for: list<string>>>"),
    ("matrix", "list<list<int32>>"),
    ("deep", "struct<a: struct<b: struct<c: date, d: bool>, e: float64>>"),
    ("raw", "list<struct<raw: json>>"),
];

/// Each kind of null beside each kind of emptiness; `id` is the row's number.
const ROWS: [&str; 9] = [
    r#""collection":{"id":2,"name":"Matrix"},"directors":[{"id":1,"name":"Lana","known_for":["x",null,""]}],
        "matrix":[[1,2],[3]],"deep":{"a":{"b":{"c":"1999-03-30","d":true},"e":0.5}},"raw":[{"raw":"{}"}]"#,
    "",
    r#""collection":null,"directors":null,"matrix":null,"deep":null,"raw":null"#,
    r#""collection":{},"directors":[],"matrix":[],"deep":{},"raw":[]"#,
    r#""collection":{"id":7},"directors":[null],"matrix":[null],"deep":{"a":null},"raw":[null]"#,
    r#""collection":{"name":""},"directors":[{}],"matrix":[[]],"deep":{"a":{}},"raw":[{}]"#,
    r#""directors":[{"known_for":null},{"known_for":[]},{"known_for":[null]}],"matrix":[[null],null,[]],"deep":{"a":{"b":null}}"#,
    r#""directors":[{"id":1},null,{"name":"é"}],"matrix":[[],[-1]],"deep":{"a":{"b":{},"e":-1e300}}"#,
    r#""directors":[{"id":9223372036854775807,"known_for":["a","b"]},{"id":-1}],"deep":{"a":{"b":{"d":false}}}"#,
];

fn schema() -> SchemaRef {
    let field = |(name, column_type): (&str, &str)| {
        let column_type: ColumnType = column_type.parse().expect("a type");
        column_type.field(name, name != "id")
    };
    Arc::new(Schema::new(COLUMNS.map(field).to_vec()))
}

/// The rows above again and again.
fn batch(times: usize) -> RecordBatch {
    let mut text = String::new();
    for (id, row) in ROWS.iter().enumerate() {
        let comma = if row.is_empty() { "" } else { "," };
        writeln!(text, "{{\"id\":{id}{comma}{row}}}").expect("a string takes every write");
    }
    let mut reader = arrow_json::ReaderBuilder::new(schema()).build(text.as_bytes()).expect("a schema");
    let once = reader.next().expect("rows").expect("JSON");
    assert_eq!(once.num_rows(), ROWS.len());
    concat_batches(&schema(), vec![&once; times]).expect("one schema")
}

#[test]
#[expect(clippy::disallowed_methods, reason = "where to leave the tables for other readers")]
fn nested_values_read_back_as_written_null_by_null() {
    let scratch = tempfile::tempdir().expect("tempdir");
    let folder =
        std::env::var_os("TMDB_ETL_CONFORMANCE_DIR").map_or_else(|| scratch.path().into(), PathBuf::from);
    let lock = Lock::acquire(&scratch.path().join("state"), "conformance").expect("free");
    let (commit, _) = Commit::open(lock).expect("opens");
    // No row, each once, and more than a row group.
    let times_and_groups = [(0, 0), (1, 1), (14_000, 2)];
    let formats = [
        (Format::Parquet(ParquetCodec::Zstd), "parquet"),
        (Format::Arrow(ArrowCodec::None), "arrow"),
        (Format::Arrow(ArrowCodec::Zstd), "zstd.arrow"),
    ];
    for ((times, groups), (format, ending)) in
        times_and_groups.into_iter().flat_map(|times| formats.map(|format| (times, format)))
    {
        let spec = TableSpec {
            name: "nested".to_owned(),
            path: folder.join(format!("nested_{times}.{ending}")),
            schema: schema(),
            format,
            definitions: Vec::new(),
            layout: Layout::default(),
            sort_by: Vec::new(),
            upsert: None,
            pipeline: "conformance".to_owned(),
        };
        let mut writer = commit.stage(std::slice::from_ref(&spec), "1").expect("stages").pop().expect("one");
        let whole = batch(times);
        for start in (0..whole.num_rows()).step_by(1000) {
            writer.write(&whole.slice(start, 1000.min(whole.num_rows() - start))).expect("writes");
        }
        let staged = writer.finish().expect("finishes");
        let published = commit.publish(vec![staged], &facts()).expect("publishes").pop().expect("one");
        let file = std::fs::File::open(&published.path).expect("is there");
        if let Format::Arrow(_) = format {
            let reader = FileReader::try_new(file, None).expect("an Arrow file");
            assert_eq!(reader.schema().fields(), schema().fields());
            let read: Vec<RecordBatch> = reader.map(|batch| batch.expect("a batch")).collect();
            assert!(
                concat_batches(&schema(), &read).expect("one schema") == whole,
                "{ending}, {times} times"
            );
            continue;
        }
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file");
        assert_eq!(reader.schema().fields(), schema().fields());
        assert_eq!(reader.metadata().num_row_groups(), groups);
        for group in reader.metadata().row_groups() {
            for column in group.columns() {
                let statistics = column.statistics();
                assert!(
                    statistics
                        .is_some_and(|it| it.null_count_opt().is_some() && it.min_bytes_opt().is_some()),
                    "{} has statistics",
                    column.column_path()
                );
            }
        }
        let read: Vec<RecordBatch> =
            reader.build().expect("reads").map(|batch| batch.expect("a batch")).collect();
        assert!(concat_batches(&schema(), &read).expect("one schema") == whole, "{times} times");
    }
}

#[test]
fn every_leaf_has_its_levels_and_its_nulls_are_counted() {
    let scratch = tempfile::tempdir().expect("tempdir");
    let lock = Lock::acquire(&scratch.path().join("state"), "conformance").expect("free");
    let (commit, _) = Commit::open(lock).expect("opens");
    let spec = TableSpec {
        name: "nested".to_owned(),
        path: scratch.path().join("nested.parquet"),
        schema: schema(),
        format: Format::Parquet(ParquetCodec::None),
        definitions: Vec::new(),
        layout: Layout::default(),
        sort_by: Vec::new(),
        upsert: None,
        pipeline: "conformance".to_owned(),
    };
    let mut writer = commit.stage(std::slice::from_ref(&spec), "1").expect("stages").pop().expect("one");
    writer.write(&batch(1)).expect("writes");
    let published = commit.publish(vec![writer.finish().expect("finishes")], &facts()).expect("publishes");
    let file = std::fs::File::open(&published[0].path).expect("is there");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file");
    let group = reader.metadata().row_group(0);
    let leaves: Vec<String> = group
        .columns()
        .iter()
        .map(|column| {
            let levels = column.column_descr();
            format!(
                "{} d{} r{}: {} levels, {} nulls",
                column.column_path().string(),
                levels.max_def_level(),
                levels.max_rep_level(),
                column.num_values(),
                column.statistics().and_then(Statistics::null_count_opt).expect("is counted"),
            )
        })
        .collect();
    // Lists have three levels, their groups are `list` and `element`. A null above a leaf is one of the leaf.
    insta::assert_snapshot!(leaves.join("\n"), @"
    id d0 r0: 9 levels, 0 nulls
    collection.id d2 r0: 9 levels, 7 nulls
    collection.name d2 r0: 9 levels, 7 nulls
    directors.list.element.id d4 r1: 14 levels, 10 nulls
    directors.list.element.name d4 r1: 14 levels, 12 nulls
    directors.list.element.known_for.list.element d6 r2: 17 levels, 13 nulls
    matrix.list.element.list.element d5 r2: 14 levels, 10 nulls
    deep.a.b.c d4 r0: 9 levels, 8 nulls
    deep.a.b.d d4 r0: 9 levels, 7 nulls
    deep.a.e d3 r0: 9 levels, 7 nulls
    raw.list.element.raw d4 r1: 9 levels, 8 nulls
    ");
}
