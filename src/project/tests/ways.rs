//! The two ways to a cell, against each other and against the reader of arrow-json.

use arrow::datatypes::{DataType, TimeUnit};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::spec::StructField;

#[test]
fn arrow_json_reads_the_same_arrays() {
    let columns = vec![
        column("bool", Bool, ".bool"),
        column("int32", Int32, ".int32"),
        column("int64", Int64, ".int64"),
        column("float64", Float64, ".float64"),
        column("string", Text, ".string"),
        column("date", Date, ".date"),
        column("timestamp", Timestamp, ".timestamp"),
        column("texts", list(Text), ".texts"),
        column("ints", list(Int64), ".ints"),
        column("s", typed("struct<id: int64, name: string, at: struct<day: date, ok: bool>>"), ".s"),
        column("l", typed("list<struct<id: int64, tags: list<string>, more: struct<x: float64>>>"), ".l"),
        column("ll", typed("list<list<int32>>"), ".ll"),
    ];
    let table = table(None, columns);
    let bodies = [
        json!({"bool": true, "int32": -7, "int64": 2_923_706_026_u64, "float64": 0.1, "string": "a\"é😀", "date": "1999-03-30",
            "timestamp": "1999-03-30T12:34:56.789012Z", "texts": ["x", null, ""], "ints": [],
            "s": {"id": 1, "name": "n", "at": {"day": "1999-03-30", "ok": true}}, "ll": [[1, null], null, []],
            "l": [{"id": 1, "tags": ["a", null], "more": {"x": 0.5}}, null, {"unknown": {}, "tags": [], "more": null}]}),
        json!({"s": {"at": null}, "l": []}),
        json!({"s": {}, "l": [{}, {"more": {}}], "ll": []}),
        json!({"bool": null, "float64": 7, "unknown": [{}], "texts": null, "ints": [1, 2]}),
        json!({"ints": [i64::MAX, i64::MIN], "timestamp": "1969-12-31T23:59:59Z", "date": "1969-12-31", "float64": -1e300}),
    ];
    let documents: Vec<_> = bodies.iter().map(|body| document(body.to_string())).collect();
    let ours = both(&table, &documents).batches;
    let text = bodies.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let zoneless = table.schema.fields().iter().map(|field| match field.data_type() {
        DataType::Timestamp(..) => {
            Field::new(field.name(), DataType::Timestamp(TimeUnit::Microsecond, None), true).into()
        }
        _ => Arc::clone(field),
    });
    let schema = Arc::new(Schema::new(zoneless.collect::<Vec<_>>()));
    let mut oracle = arrow_json::ReaderBuilder::new(schema).build(text.as_bytes()).unwrap();
    let theirs = oracle.next().unwrap().unwrap();
    assert_eq!(ours[0].columns().iter().map(without_zone).collect::<Vec<_>>(), theirs.columns());
    assert_eq!(ours[0].schema(), table.schema);
    assert_eq!(ours[0].column(0).null_count(), 4);
}

/// JSON text of all sorts: duplicate keys, spaces, odd numbers and escapes. Never broken.
fn text() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|bool| bool.to_string()),
        any::<i64>().prop_map(|int| int.to_string()),
        any::<f64>().prop_filter("JSON has no word for it", |f| f.is_finite()).prop_map(|f| format!("{f:?}")),
        r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:00:00Z)?".prop_map(|date| format!("\"{date}\"")),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just("\"\"".to_owned()),
        r#""(\\ud[89ab]00|\\udc00|\\u0000|x|\\n){0,4}""#,
    ];
    scalar.prop_recursive(5, 60, 6, |inner| {
        let key = prop_oneof![5 => "[abc]", 1 => Just("\\u0061".to_owned()), 1 => Just("a-b".to_owned())];
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(|elements| format!("[ {} ]", elements.join(" , "))),
            3 => prop::collection::vec((key, inner), 0..5).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn path() -> impl Strategy<Value = String> {
    let root = prop_oneof![6 => Just(""), 2 => Just("$doc"), 1 => Just("$item"), 1 => Just("$parent"), 1 => Just("$params"), 1 => Just("$meta.seed")];
    let step = prop_oneof![6 => "\\.[abc]", 1 => Just(".\"a-b\"".to_owned()), 1 => "\\[[012]\\]", 2 => Just("[]".to_owned()), 1 => Just(".id".to_owned()), 1 => Just(".list".to_owned())];
    (root, prop::collection::vec(step, 0..4), any::<bool>()).prop_map(|(root, steps, collected)| {
        let steps = steps.concat();
        let path = if root.is_empty() && !steps.starts_with('.') {
            format!(".{steps}")
        } else {
            format!("{root}{steps}")
        };
        if collected { format!("[{path}]") } else { path }
    })
}

fn any_type() -> impl Strategy<Value = ColumnType> {
    let scalar = prop::sample::select(vec![Bool, Int32, Int64, Float64, Text, Date, Timestamp, Json]);
    scalar.prop_recursive(4, 12, 3, |inner| {
        let name = prop::sample::select(vec!["a", "b", "c", "id", "list"]);
        let fields = prop::collection::hash_map(name, inner.clone(), 1..4);
        prop_oneof![
            inner.prop_map(list),
            fields.prop_map(|fields| {
                let field =
                    |(name, column_type): (&str, _)| StructField { name: name.to_owned(), column_type };
                ColumnType::Struct(fields.into_iter().map(field).collect())
            }),
        ]
    })
}

/// Paths, and what makes objects and lists of them by jq.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => path(),
        1 => Just(".a | length".to_owned()),
        1 => Just("{a, b, c: .c}".to_owned()),
        1 => Just("[.a[] | select(.b) | {id: .a, c}]".to_owned()),
        1 => Just("{(\"a\", \"b\"): .}".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_fast_way_gives_what_jq_gives(
        bodies in prop::collection::vec(text(), 1..4),
        rows in prop::option::of(prop_oneof![path(), Just(".a[]".to_owned()), Just(".a.b[]".to_owned()), Just(".[]".to_owned())]),
        columns in prop::collection::vec((any_type(), value(), any::<bool>(), 0..8_u8), 1..8),
    ) {
        let columns = columns.into_iter().enumerate().map(|(index, (column_type, value, required, on_mismatch))| {
            let mut column = column(&format!("c{index}"), column_type, &value);
            column.required = required && index == 0;
            column.on_mismatch = match on_mismatch {
                0 => OnMismatch::Fail,
                1 | 2 => OnMismatch::Drop,
                _ => OnMismatch::Null,
            };
            column
        }).collect();
        let documents: Vec<_> = bodies.iter().map(document).collect();
        both(&table(rows.as_deref(), columns), &documents);
    }
}

#[test]
fn recorded_answers_give_the_same_by_both_ways() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/tmdb/recordings");
    let Ok(entries) = std::fs::read_dir(folder) else {
        println!("skipped: there are no recordings beside this repository");
        return;
    };
    let bodies: Vec<_> = entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    for body in &bodies {
        let expected = serde_json::from_slice::<Value>(body).ok();
        assert_eq!(crate::plan::expr::Json::parse(body).ok().is_some(), expected.is_some());
    }
    let documents: Vec<_> = bodies.iter().map(document).collect();
    let columns = |root: &str| {
        vec![
            column("id", Int64, &format!("{root}.id")),
            column("title", Text, ".title"),
            column("date", Date, ".release_date"),
            column("popularity", Float64, ".popularity"),
            column("runtime", Int32, ".runtime"),
            column("genres", list(Text), "[.genres[].name]"),
            column("genre_ids", list(Int64), ".genre_ids"),
            column("collection", Json, ".belongs_to_collection"),
            column("collection_struct", typed("struct<id: int64, name: string>"), ".belongs_to_collection"),
            column(
                "companies",
                typed("list<struct<id: int64, name: string, logo_path: string>>"),
                ".production_companies",
            ),
            column("countries", typed("list<struct<name: string>>"), "[.production_countries[]]"),
            column(
                "crew",
                typed("list<struct<id: int64, name: string, genre_ids: list<int64>, order: int32>>"),
                "[.credits.cast[]]",
            ),
            column("first", Text, ".production_companies[0].name"),
        ]
    };
    let mut rows = 0;
    for source in [None, Some(".results[]"), Some(".credits.cast[]"), Some(".cast[]")] {
        rows += both(&table(source, columns("$doc")), &documents).counts.rows;
        both(&table(source, columns("")), &documents);
    }
    assert!(rows > 1000, "{rows}");
}
