//! Reading back what was written, what was damaged, and what is no table.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, DictionaryArray, Float32Array, Int64Array, StringArray, StructArray,
    TimestampMicrosecondArray, TimestampNanosecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, TimeUnit};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::sink::TableSpec;
use crate::sink::encode::Encoder;
use crate::spec::{ArrowCodec, Format, ParquetCodec};

const FORMATS: [Format; 5] = [
    Format::Parquet(ParquetCodec::Zstd),
    Format::Parquet(ParquetCodec::None),
    Format::Arrow(ArrowCodec::None),
    Format::Arrow(ArrowCodec::Zstd),
    Format::Arrow(ArrowCodec::Lz4),
];

/// The bytes of a table of `rows` films, every third without a title.
fn films(format: Format, rows: i64) -> Vec<u8> {
    let fields = vec![Field::new("id", DataType::Int64, false), Field::new("title", DataType::Utf8, true)];
    let schema = Arc::new(Schema::new(fields));
    let spec = TableSpec {
        name: "films".to_owned(),
        path: "films".into(),
        schema: schema.clone(),
        definitions: Vec::new(),
        format,
        layout: crate::spec::Layout::default(),
        sort_by: Vec::new(),
        upsert: None,
        pipeline: "marvel".to_owned(),
    };
    let titles: StringArray = (0..rows).map(|row| (row % 3 != 2).then(|| format!("Film {row}"))).collect();
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(0..rows)), Arc::new(titles)];
    let mut encoder = Encoder::new(Vec::new(), &spec, "f").expect("opens");
    encoder.write(&RecordBatch::try_new(schema, columns).expect("fits")).expect("writes");
    encoder.finish().expect("finishes");
    std::mem::take(encoder.output())
}

/// A folder with the file `name` of these bytes.
fn written(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("writes");
    (folder, path)
}

#[test]
fn table_is_read_by_its_bytes_and_not_by_its_name() {
    for format in FORMATS {
        let bytes = films(format, 70_000);
        let (_folder, path) = written("films.data", &bytes);
        let table = read_table(&path).expect("a table");
        assert_eq!(
            (table.format.name(), table.rows, table.bytes),
            (format.name(), 70_000, bytes.len() as u64)
        );
        assert_eq!(table.codecs, [format.compression()]);
        let types: Vec<String> = table.schema.fields().iter().map(|field| type_words(field)).collect();
        assert_eq!(types, ["int64", "string"]);
        assert!(table.metadata.contains(&("tmdb_etl.pipeline".to_owned(), "marvel".to_owned())));
        let expect = match format {
            Format::Parquet(_) => (1, vec![Some(0), Some(23_333)]),
            Format::Arrow(_) => (2, vec![None, None]),
        };
        assert_eq!((table.groups, table.nulls.clone()), expect);
        let rows = first_rows(&table, 3).expect("reads");
        assert_eq!(json!(rows), json!([[0, "Film 0"], [1, "Film 1"], [2, null]]));
        assert_eq!(first_rows(&table, 0).expect("reads").len(), 0);
    }
}

#[test]
fn table_without_rows_has_its_schema() {
    for format in FORMATS {
        let (_folder, path) = written("films", &films(format, 0));
        let table = read_table(&path).expect("a table");
        assert_eq!((table.rows, table.schema.fields().len()), (0, 2));
        assert_eq!(first_rows(&table, 5).expect("reads").len(), 0);
    }
}

#[test]
fn what_is_no_table_is_told_as_what_it_is() {
    let check = |bytes: &[u8], expect: &str| {
        let (_folder, path) = written("films.parquet", bytes);
        let error = read_table(&path).expect_err("no table").to_string();
        assert_eq!(error, expect.replace("PATH", &path.display().to_string()));
    };
    check(b"", "read `PATH`: the file is empty, of 0 bytes");
    check(b"id,title\n1,Iron Man\n", "read `PATH`: not a table: it is text");
    check(" [1]".as_bytes(), "read `PATH`: not a table: it is JSON text");
    check(&[0x1f, 0x8b, 8, 0], "read `PATH`: not a table: it is compressed with gzip");
    check(&[0xff; 16], "read `PATH`: not a table: it is an Arrow stream, not an Arrow file");
    check(&[0, 1, 2], "read `PATH`: not a table: it is of a format that is not known here");
    check(b"PAR1", "read `PATH`: it begins as a Parquet file and has no end");
    check(b"ARROW1\0\0ARROW1", "read `PATH`: it begins as an Arrow file and has no end");
    check(b"PAR1\xff\xff\xff\x7fPAR1", "read `PATH`: this Parquet file cannot be decoded");
    check(b"ARROW1\0\0\xff\xff\xff\x7fARROW1", "read `PATH`: this Arrow file cannot be decoded");
}

#[test]
fn cut_off_tables_are_told_as_such_wherever_they_end() {
    for format in FORMATS {
        let bytes = films(format, 100);
        for end in (8..bytes.len()).step_by(37) {
            let (_folder, path) = written("films", &bytes[..end]);
            let error = read_table(&path).expect_err("cut off");
            assert!(matches!(error, ReadError::CutOff { .. }), "{format:?}, {end}: {error}");
        }
    }
}

#[test]
fn damaged_bytes_are_an_error_or_a_table() {
    let mut dice = fastrand::Rng::with_seed(7);
    for format in FORMATS {
        let bytes = films(format, 200);
        let mut errors = 0;
        for _ in 0..40 {
            let mut damaged = bytes.clone();
            // The magic at both ends stays, so that the decoders are reached.
            for _ in 0..dice.usize(1..4) {
                let at = dice.usize(8..damaged.len() - 8);
                damaged[at] = dice.u8(..);
            }
            let (_folder, path) = written("films", &damaged);
            errors += usize::from(read_table(&path).and_then(|table| first_rows(&table, 5)).is_err());
        }
        assert!(errors > 0, "{format:?}: no damage was noticed");
    }
}

#[test]
fn values_of_others_have_a_place_in_json() {
    let check = |array: ArrayRef, expect: Value| {
        let values: Vec<Value> =
            (0..array.len()).map(|row| value::value(&array, row).expect("a value")).collect();
        assert_eq!(Value::Array(values), expect);
    };
    check(Arc::new(Float32Array::from(vec![Some(0.1), Some(f32::NAN), None])), json!([0.1, "NaN", null]));
    check(Arc::new(Date32Array::from(vec![Some(0), None])), json!(["1970-01-01", null]));
    let zoned = TimestampMicrosecondArray::from(vec![Some(1_500_000), None]).with_timezone("Europe/Berlin");
    check(Arc::new(zoned), json!(["1970-01-01T00:00:01.5Z", null]));
    check(Arc::new(TimestampNanosecondArray::from(vec![1])), json!(["1970-01-01T00:00:00.000000001"]));
    let dictionary: DictionaryArray<Int32Type> = vec![Some("a"), None, Some("a")].into_iter().collect();
    check(Arc::new(dictionary), json!(["a", null, "a"]));
    let name = Arc::new(Field::new("name", DataType::Utf8, true));
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None]));
    check(Arc::new(StructArray::from(vec![(name, names)])), json!([{"name": "x"}, {"name": null}]));
}

#[test]
fn types_are_named_as_in_a_pipeline_where_it_has_them() {
    let check = |data_type: DataType, expect: &str| {
        assert_eq!(type_words(&Field::new("x", data_type, true)), expect);
    };
    let inner = Arc::new(Field::new("a", DataType::LargeUtf8, true));
    let films = DataType::Struct(vec![inner, Arc::new(Field::new("b", DataType::Int16, true))].into());
    check(DataType::Utf8View, "string");
    check(DataType::List(Arc::new(Field::new("element", films, true))), "list<struct<a: string, b: Int16>>");
    check(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), "timestamp");
    check(DataType::Timestamp(TimeUnit::Nanosecond, None), "Timestamp(ns)");
    let json = [("tmdb-etl:type".to_owned(), "json".to_owned())];
    let field = Field::new("x", DataType::Utf8, true).with_metadata(std::collections::HashMap::from(json));
    assert_eq!(type_words(&field), "json");
}

#[test]
fn folder_is_looked_through_without_hidden_files() {
    let folder = tempfile::tempdir().expect("tempdir");
    let names = |paths: &[PathBuf]| -> Vec<String> {
        paths.iter().map(|path| path.file_name().expect("a name").to_string_lossy().into_owned()).collect()
    };
    std::fs::create_dir(folder.path().join("marvel")).expect("is new");
    let error = look_through(folder.path()).expect_err("no tables");
    assert!(matches!(&error, ReadError::NoTables { folders, .. } if names(folders) == ["marvel"]), "{error}");
    for name in [
        "b.parquet",
        "a.ARROW",
        ".c.parquet.0123456789abcdef.tmp",
        ".d.parquet",
        "_metadata.parquet",
        "e.csv",
    ] {
        std::fs::write(folder.path().join(name), "").expect("writes");
    }
    assert_eq!(names(&look_through(folder.path()).expect("tables").tables), ["a.ARROW", "b.parquet"]);
    let error = read_table(&folder.path().join("none")).expect_err("nothing");
    assert!(matches!(error, ReadError::Missing { .. }), "{error}");
}
