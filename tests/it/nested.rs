//! A run with structs and lists of structs in its tables, judged by the documents that it read.

use std::fs::File;
use std::path::Path;

use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use tmdb_etl::mock::{self, Config};
use tmdb_etl::{plan, spec};

use crate::dataset::run;

const PIPELINE: &str = r#"
version: 1
name: nested
stages:
  start: {kind: seed, ids: [1726, 24428, 299536, 118340, 603]}
  movies: {kind: fetch, path: '/movie/{id}', append: [credits]}
  films:
    kind: project
    columns:
      id: int64
      raw: {type: json, value: .}
      directors:
        type: 'list<struct<id: int64, name: string>>'
        value: '[.credits.crew[] | select(.job == "Director") | {id, name}]'
      genres: 'list<struct<id: int64, name: string>>'
      collection: {type: 'struct<id: int64, name: string>', value: .belongs_to_collection}
      credits: |-
        struct<
          cast: list<struct<name: string, order: int32, profile_path: string>>,
          nothing: date
        >
    output: {path: films.parquet}
  crew:
    kind: project
    from: movies
    rows: '.credits.crew[]'
    columns:
      film: {type: 'struct<id: int64, release_date: date, genres: list<struct<name: string>>>', value: $doc}
      person: {type: 'struct<id: int64, name: string, gender: string>', value: ., on_mismatch: 'null'}
      raw: {type: json, value: '[$doc, .]'}
    output: {path: crew.parquet}
"#;

/// The rows of a table as JSON, nulls written out.
fn rows(path: &Path) -> Vec<Value> {
    let file = File::open(path).unwrap();
    let batches: Vec<RecordBatch> = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut text = Vec::new();
    let builder = arrow_json::writer::WriterBuilder::new().with_explicit_nulls(true);
    let mut writer = builder.build::<_, arrow_json::writer::LineDelimited>(&mut text);
    writer.write_batches(&batches.iter().collect::<Vec<_>>()).unwrap();
    writer.finish().unwrap();
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// These fields of an object, absent ones as null; of null, null.
fn pick(object: &Value, fields: &[&str]) -> Value {
    match object {
        Value::Null => Value::Null,
        object => fields.iter().map(|field| ((*field).to_owned(), object[field].clone())).collect(),
    }
}

fn pick_each(list: &Value, fields: &[&str]) -> Value {
    list.as_array().map_or(Value::Null, |list| list.iter().map(|object| pick(object, fields)).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "where to leave the tables for other readers")]
async fn nested_columns_hold_what_the_documents_say() {
    let scratch = tempfile::tempdir().unwrap();
    let out = std::env::var_os("TMDB_ETL_NESTED_DIR").map_or_else(|| scratch.path().join("out"), Into::into);
    let mock = mock::start(Config::default()).await.unwrap();
    let source = spec::Source::new("nested.yaml", PIPELINE);
    let options =
        plan::Options { out: Some(out), base_url: Some(mock.base_url()), ..plan::Options::default() };
    let mut plan = plan::read(&source, &[], &|_| None, &options)
        .unwrap_or_else(|faults| panic!("{}", faults.render(&source)))
        .plan;
    plan.api.rate = spec::RunRate::Unlimited;
    let published = run(plan, &mock, &scratch.path().join("state")).await.unwrap();
    mock.stop().await;

    let films = rows(&published.tables[0].path);
    assert_eq!(films.len(), 5);
    let (mut directors, mut in_collections) = (0, 0);
    for film in &films {
        let raw: Value = serde_json::from_str(film["raw"].as_str().unwrap()).unwrap();
        let crew = raw["credits"]["crew"].as_array().unwrap();
        let expected: Value =
            crew.iter().filter(|it| it["job"] == "Director").map(|it| pick(it, &["id", "name"])).collect();
        assert_eq!(film["directors"], expected);
        assert_eq!(film["genres"], pick_each(&raw["genres"], &["id", "name"]));
        assert_eq!(film["collection"], pick(&raw["belongs_to_collection"], &["id", "name"]));
        let cast = pick_each(&raw["credits"]["cast"], &["name", "order", "profile_path"]);
        assert_eq!(film["credits"], json!({"cast": cast, "nothing": null}));
        directors += expected.as_array().unwrap().len();
        in_collections += usize::from(!film["collection"].is_null());
    }
    assert!(directors >= 5 && (1..=5).contains(&in_collections), "{directors}, {in_collections}");

    let crew = rows(&published.tables[1].path);
    assert!(crew.len() >= 5, "{}", crew.len());
    for row in &crew {
        let raw: Value = serde_json::from_str(row["raw"].as_str().unwrap()).unwrap();
        let (film, person) = (&raw[0], &raw[1]);
        let genres = pick_each(&film["genres"], &["name"]);
        let date = film["release_date"].as_str().filter(|date| !date.is_empty());
        assert_eq!(row["film"], json!({"id": film["id"], "release_date": date, "genres": genres}));
        // A number where the type says text: the field is null, its neighbours stay.
        assert!(person["gender"].is_number());
        assert_eq!(row["person"], json!({"id": person["id"], "name": person["name"], "gender": null}));
    }
}
