//! What failed and what is missing, as tables, in the summary and in the object for machines; and when it is too much.

use std::collections::BTreeSet;
use std::fs;

use arrow::array::{Array as _, AsArray as _};
use arrow::datatypes::{Int32Type, Int64Type};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use tmdb_etl::mock::{Config, Fault, FaultKind};

use super::Server;
use super::place::{Place, text};

/// Ids of which some are missing (those above the catalogue) and some may be dead.
const RANGE: &str = "\
version: 1
name: range
api: {rate: none, retry: {attempts: 2}}
max_failures: MAX
stages:
  ids: {kind: seed, range: 1..300}
  movies: {kind: fetch, path: '/movie/{id}', concurrency: 7}
  films: {kind: project, columns: {id: int64, title: string}, output: {path: out/films.parquet}}
";

const TABLES: &str = "  failed:
    kind: project
    from: movies.failed
    columns: {id: {type: int64, value: .item.id}, stage: string, key: string, status: int32, attempts: int32, error: string, depth: int32, parent: json, at: {type: timestamp, value: $meta.fetched_at}}
    output: {path: out/failed.parquet}
  missing:
    kind: project
    from: movies.missing
    columns: {id: {type: int64, value: .item.id}, status: int32, attempts: int32, error: string, at: {type: timestamp, value: $meta.fetched_at}}
    output: {path: out/missing.parquet}
";

fn dead(share: f64) -> Config {
    Config { films: 290, faults: vec![Fault { kind: FaultKind::Dead, share }], ..Config::default() }
}

fn batches(place: &Place, name: &str) -> Vec<arrow::record_batch::RecordBatch> {
    let file = Bytes::from(fs::read(place.path().join(name)).unwrap());
    ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap).collect()
}

fn ids(place: &Place, name: &str) -> Vec<i64> {
    let ids = |batch: &arrow::record_batch::RecordBatch| {
        batch.column_by_name("id").unwrap().as_primitive::<Int64Type>().values().to_vec()
    };
    batches(place, name).iter().flat_map(ids).collect()
}

#[test]
fn tables_of_failed_and_missing_list_exactly_those() {
    let place = Place::new();
    place.write("range.yaml", &(RANGE.replace("MAX", "10%") + TABLES));
    let server = Server::start(dead(0.03));
    let env = [("TMDB_BASE_URL", &*server.base_url()), ("TMDB_TOKEN", "t")];
    let output = place.run(&["run", "range.yaml"], &env);
    assert_eq!(output.status.code(), Some(3), "{}", place.shown(&output));
    let stats = server.stop();

    let (films, failed, missing) = (
        ids(&place, "out/films.parquet"),
        ids(&place, "out/failed.parquet"),
        ids(&place, "out/missing.parquet"),
    );
    let all: BTreeSet<i64> = films.iter().chain(&failed).chain(&missing).copied().collect();
    assert_eq!(all, (1..=300).collect(), "each id is in one of the tables");
    assert_eq!(films.len() + failed.len() + missing.len(), 300, "and in no second one");
    assert!(failed.len() > 3 && !missing.is_empty(), "{failed:?} {missing:?}");
    assert_eq!(stats.faults[&FaultKind::Dead], 2 * failed.len() as u64, "each had its two attempts");
    assert!(failed.is_sorted() && missing.is_sorted(), "in the order of the seed");

    let batch = &batches(&place, "out/failed.parquet")[0];
    let column = |name| batch.column_by_name(name).unwrap();
    assert_eq!(column("stage").as_string::<i32>().value(0), "movies");
    assert_eq!(column("key").as_string::<i32>().value(0), format!("/movie/{}?language=en-US", failed[0]));
    assert_eq!(column("status").as_primitive::<Int32Type>().value(0), 500);
    assert_eq!(column("attempts").as_primitive::<Int32Type>().value(0), 2);
    assert_eq!(column("depth").as_primitive::<Int32Type>().value(0), 0);
    assert!(column("error").as_string::<i32>().value(0).starts_with("server answered 500"), "{batch:?}");
    assert!(column("parent").is_null(0));
    assert_eq!(column("at").null_count(), batch.num_rows(), "what failed was answered at no time");
    let batch = &batches(&place, "out/missing.parquet")[0];
    let column = |name| batch.column_by_name(name).unwrap();
    assert_eq!(column("status").as_primitive::<Int32Type>().value(0), 404);
    assert_eq!(column("attempts").null_count() + column("error").null_count(), 2 * batch.num_rows());
    assert_eq!(column("at").null_count(), 0, "a 404 is an answer and has its time");

    let shown = text(&output.stdout);
    assert!(shown.contains(&format!("movies: {} in out/failed.parquet", failed.len())), "{shown}");
    assert!(shown.contains(&format!("movies: {} in out/missing.parquet", missing.len())), "{shown}");
    assert!(!shown.contains("`/movie/"), "what a table shows is not listed: {shown}");
}

#[test]
fn without_such_tables_the_first_ten_are_listed_with_the_counts() {
    let place = Place::new();
    place.write("range.yaml", &RANGE.replace("MAX", "100"));
    let config = Config { films: 250, ..dead(0.2) };
    let server = Server::start(config);
    let env = [("TMDB_BASE_URL", &*server.base_url()), ("TMDB_TOKEN", "t")];
    let output = place.run(&["run", "range.yaml"], &env);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{}", place.shown(&output));
    let list = |title: &str| -> Vec<&str> {
        let after = shown.lines().skip_while(|line| !line.contains(title)).skip(1);
        after.take_while(|line| line.starts_with("  ")).collect()
    };
    let failed = list(" failures");
    assert!(failed.len() == 10 && failed.iter().all(|line| line.contains("server answered 500")), "{shown}");
    let missing = list("that the API does not have (404)");
    assert!(missing.len() == 10 && missing.iter().all(|line| line.contains("movies: `/movie/")), "{shown}");

    let output = place.run(&["run", "range.yaml", "--output", "json", "--progress", "none"], &env);
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["status"], "partial");
    let length = |name: &str| object[name].as_array().map(Vec::len);
    assert_eq!((length("first_failed"), length("first_missing")), (Some(10), Some(10)), "{object}");
    assert_eq!(object["first_failed"][0]["stage"], "movies");
    let error = object["first_failed"][0]["error"].as_str().unwrap();
    assert!(error.contains("server answered 500") && error.ends_with("after 2 attempts"), "{object}");
    assert!(object["failed"].as_u64() > Some(10) && object["missing"].as_u64() > Some(10), "{object}");
    server.stop();
}

#[test]
fn failures_count_over_finished_items_and_a_count_ends_the_run_early() {
    let place = Place::new();
    let server = Server::start(dead(0.5));
    let env = [("TMDB_BASE_URL", &*server.base_url()), ("TMDB_TOKEN", "t")];
    let requests = |max: &str| {
        let one_by_one =
            RANGE.replace("concurrency: 7", "concurrency: 1").replace("attempts: 2", "attempts: 1");
        place.write(
            "range.yaml",
            &one_by_one.replace("rate: none", "rate: none, keep: none").replace("MAX", max),
        );
        let output = place.run(&["run", "range.yaml", "--output", "json", "--progress", "none"], &env);
        let object: Value = serde_json::from_slice(&output.stdout).unwrap();
        let ended = (output.status.code(), object["error"]["code"].as_str().map(str::to_owned));
        (ended, object["failed"].as_u64().unwrap(), object["requests"].as_u64().unwrap())
    };
    let too_many = || (Some(1), Some("too-many-failures".to_owned()));
    assert!(matches!(requests("0"), (ended, 1, _) if ended == too_many()));
    assert!(matches!(requests("9"), (ended, 10, asked) if ended == too_many() && asked < 60));
    assert!(matches!(requests("5%"), (ended, _, 200..220) if ended == too_many()), "{:?}", requests("5%"));
    assert!(matches!(requests("80%"), ((Some(3), None), _, 300..)), "{:?}", requests("80%"));
    assert!(place.path().join("out/films.parquet").exists(), "only the last was published");
    server.stop();
}

#[test]
fn a_seed_without_its_list_fails_the_run_whatever_may_fail() {
    let place = Place::new();
    let pipeline = |path: &str| {
        format!(
            "version: 1\nname: listed\napi: {{rate: none, retry: {{attempts: 2}}}}\nmax_failures: 100%\nstages:\n  \
             best: {{kind: seed, path: {path}}}\n  movies: {{kind: fetch, path: '/movie/{{id}}'}}\n  \
             films: {{kind: project, columns: {{id: int64}}, output: {{path: out/films.parquet}}}}\n"
        )
    };
    place.write("listed.yaml", &pipeline("/list/999999999"));
    let server = Server::start(Config::default());
    let env = [("TMDB_BASE_URL", &*server.base_url()), ("TMDB_TOKEN", "t")];
    let error_of = |shown: &str| shown[shown.find("\nerror:").expect("an error is told")..].to_owned();
    let shown = place.check(&["run", "listed.yaml"], &env);
    assert!(shown.starts_with("exit 1\n"), "{shown}");
    insta::assert_snapshot!("seed_list_missing", error_of(&shown));
    server.stop();

    place.write("listed.yaml", &pipeline("/company/420/movies"));
    let server = Server::start(dead(1.0));
    let env = [("TMDB_BASE_URL", &*server.base_url()), ("TMDB_TOKEN", "t")];
    let shown = place.check(&["run", "listed.yaml"], &env);
    assert!(shown.starts_with("exit 1\n"), "{shown}");
    insta::assert_snapshot!("seed_list_failed", error_of(&shown));
    server.stop();
    assert!(!place.path().join("out/films.parquet").exists(), "an empty table was published");
}
