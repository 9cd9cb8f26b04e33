//! Seeds from files and what is told of them, by `run`, `validate` and `plan`.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::sync::Arc;

use arrow::array::{AsArray as _, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Float64Type, Int64Type};
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use tmdb_etl::mock::{Config, Fault, FaultKind};

use super::Server;
use super::place::{Place, text};

/// A pipeline with this seed, `/movie/{id}` for each, and a table of the ids.
fn pipeline(seed: &str) -> String {
    format!(
        "version: 1\nname: small\napi: {{rate: 1000/s}}\nstages:\n  ids: {{kind: seed, {seed}}}\n  \
         movies: {{kind: fetch, path: '/movie/{{id}}'}}\n  films:\n    kind: project\n    \
         columns: {{id: int64}}\n    output: {{path: out/films.parquet}}\n"
    )
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// The ids of the table that a run left, in its order.
fn ids(place: &Place) -> Vec<i64> {
    let file = File::open(place.path().join("out/films.parquet")).unwrap();
    let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    batches.flat_map(|batch| batch.unwrap().column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
}

#[test]
fn every_kind_of_file_gives_the_same_films() {
    let place = Place::new();
    fs::write(
        place.path().join("ids.csv"),
        "title,movie\r\nIron Man,1726\r\n,\r\n\"The, Avengers\",24428\r\nx,1726\r\n299536,299536",
    )
    .unwrap();
    fs::write(place.path().join("ids.tsv"), "id\ttitle\n1726\tIron Man\n24428\t\n299536\tx\n").unwrap();
    fs::write(place.path().join("ids.ndjson"), "1726\n\"24428\"\n{\"id\":299536}\n").unwrap();
    let export = "{\"adult\":false,\"id\":1726}\n{\"id\":24428}\n{\"id\":299536}\n";
    fs::write(place.path().join("movie_ids_11_22_2026.json.gz"), gzipped(export)).unwrap();
    let columns = RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from(vec![Some(1726), None, Some(24428), Some(299_536)])) as _),
        ("title", Arc::new(StringArray::from(vec!["a", "b", "c", "d"])) as _),
    ])
    .unwrap();
    let file = File::create(place.path().join("ids.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, columns.schema(), None).unwrap();
    writer.write(&columns).unwrap();
    writer.close().unwrap();
    for seed in [
        "file: {path: ids.csv, column: movie}",
        "file: ids.tsv",
        "file: ids.ndjson",
        "file: {path: movie_ids_11_22_2026.json.gz, column: id}",
        "file: {path: ids.parquet, column: id}",
        "file: ids.parquet, where: '.id != null'",
        "file: {path: ids.csv, column: movie}, where: '.id < 10000000'",
    ] {
        place.write("small.yaml", &pipeline(seed));
        let ran = place.run(&["run", "small.yaml", "--mock"], &[]);
        assert!(ran.status.success(), "{seed}: {}", place.shown(&ran));
        assert_eq!(ids(&place), [1726, 24428, 299_536], "{seed}");
    }
    // The order of the file, and no more than is asked for: what is broken further down is not met.
    fs::write(place.path().join("ids.csv"), "id\n299536\n1726\n24428\n1,2\n").unwrap();
    place.write("small.yaml", &pipeline("file: ids.csv"));
    let ran = place.run(&["run", "small.yaml", "--mock", "--limit", "2"], &[]);
    assert!(ran.status.success(), "{}", place.shown(&ran));
    assert_eq!(ids(&place), [299_536, 1726]);
}

#[test]
fn several_fields_of_a_row_fill_one_path() {
    let place = Place::new();
    fs::write(place.path().join("seasons.csv"), "id,season\n1396,1\n1396,2\n").unwrap();
    let text = pipeline("file: seasons.csv").replace("/movie/{id}", "/tv/{id}/season/{season}");
    place.write("small.yaml", &text.replace("{id: int64}", "{id: {type: int64, value: $item.season}}"));
    let ran = place.run(&["run", "small.yaml", "--mock"], &[]);
    assert!(ran.status.success(), "{}", place.shown(&ran));
    assert_eq!(ids(&place), [1, 2]);
}

#[test]
fn rows_without_an_item_are_counted_and_shown() {
    let place = Place::new();
    fs::write(place.path().join("ids.csv"), "id,title\n1726,a\n,b\n,c\n").unwrap();
    place.write("small.yaml", &pipeline("file: {path: ids.csv, column: id}"));
    let shown = place.check(&["run", "small.yaml", "--mock"], &[]);
    assert!(shown.contains("\n  ids: 2 rows of the file gave no item, being empty\n"), "{shown}");
}

/// Ids and popularity of the films that `seed` leads to, in the order of the table.
fn films(place: &Place, server: &Server, seed: &str) -> Vec<(i64, f64)> {
    let pipeline = pipeline(seed).replace("{id: int64}", "{id: int64, popularity: float64}");
    place.write("small.yaml", &pipeline);
    let env = [("TMDB_BASE_URL", &*server.base_url()), ("TMDB_TOKEN", "t")];
    let ran = place.run(&["run", "small.yaml", "--progress", "none"], &env);
    assert!(ran.status.success(), "{seed}: {}", place.shown(&ran));
    let file = File::open(place.path().join("out/films.parquet")).unwrap();
    let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let rows = batches.flat_map(|batch| {
        let batch = batch.unwrap();
        let ids = batch.column(0).as_primitive::<Int64Type>().values().to_vec();
        ids.into_iter()
            .zip(batch.column(1).as_primitive::<Float64Type>().values().to_vec())
            .collect::<Vec<_>>()
    });
    rows.collect()
}

#[test]
fn an_export_gives_every_film_there_is_or_the_most_popular_first() {
    let place = Place::new();
    let config = || Config { films: 900, ..Config::default() };
    let server = Server::start(config());
    let all = films(&place, &server, "export: movie");
    assert!((850..928).contains(&all.len()), "{}", all.len());
    assert_ne!(all[0].0, all.iter().map(|film| film.0).min().unwrap(), "the file has no order by id");

    // The same by another way: everything, sorted.
    let mut ranked = all.clone();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let popular = |seed: &str| films(&place, &server, seed).iter().map(|film| film.1).collect::<Vec<_>>();
    let expect = |count: usize| ranked.iter().take(count).map(|film| film.1).collect::<Vec<_>>();
    assert_eq!(popular("export: {kind: movie, order: popularity, limit: 40}"), expect(40));
    assert_eq!(popular("export: {kind: movie, order: popularity}"), expect(all.len()));

    // `where` goes before `limit`, whatever the order.
    let few =
        films(&place, &server, "export: {kind: movie, date: 2026-11-24, limit: 7}, where: '.popularity < 5'");
    let first: Vec<(i64, f64)> = all.iter().copied().filter(|film| film.1 < 5.0).take(7).collect();
    assert_eq!(few, first);
    let few = popular("export: {kind: movie, order: popularity, limit: 7}, where: '.popularity < 5'");
    let first: Vec<f64> =
        ranked.iter().map(|film| film.1).filter(|popularity| *popularity < 5.0).take(7).collect();
    assert_eq!(few, first);
    server.stop();

    // A server that breaks off, refuses and errs gives the same in the end.
    let kinds =
        [FaultKind::Cut, FaultKind::Reset, FaultKind::Status500, FaultKind::Html, FaultKind::TooManyRequests];
    let faults = kinds.map(|kind| Fault { kind, share: 0.08 }).to_vec();
    let (place, server) = (Place::new(), Server::start(Config { faults, ..config() }));
    assert_eq!(films(&place, &server, "export: movie"), all);
    assert!(server.stop().faults.len() >= 4);
}

#[test]
fn what_is_wrong_with_a_file_is_told_before_any_request() {
    let place = Place::new();
    let server = Server::start(Config::default());
    let env = [("TMDB_BASE_URL", &*server.base_url()), ("TMDB_TOKEN", "t")];
    let mut told = String::new();
    let files: [(&str, &str, &[u8]); 5] = [
        ("none.csv", "file: none.csv", b""),
        ("ids.csv", "file: {path: ids.csv, column: movie_id}", b"movieid,title\n1,a\n"),
        ("ids.csv", "file: ids.csv", b"movie;title\n1;a\n"),
        ("ids.csv", "file: ids.csv", b"1726\n24428\n"),
        ("ids.jsonl", "file: ids.jsonl", b"[\n  {\"id\": 1},\n  {\"id\": 2}\n]\n"),
    ];
    for (name, seed, bytes) in files {
        if !bytes.is_empty() {
            fs::write(place.path().join(name), bytes).unwrap();
        }
        place.write("small.yaml", &pipeline(seed));
        let shown = place.check(&["run", "small.yaml", "--progress", "none"], &env);
        assert!(shown.starts_with("exit 2\n"), "{shown}");
        writeln!(told, "{seed}\n{shown}").unwrap();
    }
    assert_eq!(server.stop().requests, 0);
    assert!(!place.path().join("out").exists() && !place.path().join(".tmdb-etl").exists());
    insta::assert_snapshot!("seed_files", told);
}

#[test]
fn what_is_wrong_further_down_ends_the_run_and_names_the_line() {
    let place = Place::new();
    let rows = (1..=3000).map(|id| id.to_string()).collect::<Vec<_>>().join("\n");
    fs::write(place.path().join("ids.csv"), format!("id\n{rows}\n3,1\n")).unwrap();
    place.write("small.yaml", &pipeline("file: ids.csv, where: '.id % 1000 == 0'"));
    let shown = place.check(&["run", "small.yaml", "--mock", "--progress", "none", "--output", "json"], &[]);
    assert!(
        shown.starts_with("exit 2\n") && shown.contains("line 3002 has 2, and the header has 1"),
        "{shown}"
    );
    assert!(shown.contains("\"code\": \"seed-file\""), "{shown}");
    assert!(!place.path().join("out/films.parquet").exists());
}

#[test]
fn file_that_is_not_there_is_a_warning_until_a_run_needs_it() {
    let place = Place::new();
    place.write("small.yaml", &pipeline("file: none.csv"));
    insta::assert_snapshot!("no_such_file", place.check(&["validate", "small.yaml"], &[]));
    fs::write(place.path().join("none.csv"), "id\n1\n").unwrap();
    assert!(!place.check(&["validate", "small.yaml"], &[]).contains("no-such-file"));
}

#[test]
fn plan_is_written_for_people_machines_and_pictures() {
    let place = Place::new();
    place.write("small.yaml", &pipeline("path: /discover/movie, pages: 3"));
    let run = |arguments: &[&str]| {
        let output = place.run(&[&["plan", "small.yaml"], arguments].concat(), &[]);
        assert!(output.status.success(), "{}", place.shown(&output));
        text(&output.stdout)
    };
    let object = |arguments: &[&str]| -> Value { serde_json::from_str(&run(arguments)).unwrap() };
    let plain = object(&["--format", "json"]);
    let warnings: Vec<_> =
        plain["warnings"].as_array().unwrap().iter().map(|warning| &warning["code"]).collect();
    assert_eq!((&plain["requests"]["most"], &warnings[..]), (&Value::Null, &[&json!("fast-rate")][..]));
    let limited = object(&["--format", "json", "--limit", "7"]);
    assert_eq!(limited["requests"]["most"], 13);
    let probed = object(&["--format", "json", "--probe", "--mock"]);
    assert_eq!(probed["requests"]["estimate"], 63, "three pages of twenty films");
    assert!(run(&["--format", "mermaid"]).starts_with("flowchart TD\n"));
    place.write("missing.yaml", &pipeline("file: none.csv"));
    let missing = text(&place.run(&["plan", "missing.yaml", "--format", "json"], &[]).stdout);
    let missing: Value = serde_json::from_str(&missing).unwrap();
    let warned = missing["warnings"].as_array().unwrap().iter().any(|it| it["code"] == "no-such-file");
    assert!(warned);
    let unasked = place.run(&["plan", "small.yaml", "--probe"], &[]);
    assert_eq!(unasked.status.code(), Some(2), "{}", place.shown(&unasked));
}

#[test]
fn what_changed_is_added_and_the_next_run_asks_from_there() {
    let place = Place::new();
    let server = Server::start(Config { films: 3_000, ..Config::default() });
    let pipeline = pipeline("changes: movie").replace("out/films.parquet", "out/films, mode: append");
    place.write("small.yaml", &pipeline);
    let env = [("TMDB_BASE_URL", &*server.base_url()), ("TMDB_TOKEN", "t")];
    let requests = || {
        let ran = place.run(&["run", "small.yaml", "--progress", "none", "--output", "json"], &env);
        assert!(ran.status.success(), "{}", place.shown(&ran));
        serde_json::from_slice::<Value>(&ran.stdout).unwrap()["requests"].as_u64().unwrap()
    };
    // A hundredth of all on each of fourteen days, and the pages of the list.
    let first = requests();
    assert!((380..460).contains(&first), "{first}");
    // The day of the last run, which is not over (and the one before, where it began before 08:00).
    let second = requests();
    assert!((25..110).contains(&second), "{second}");
    let files = fs::read_dir(place.path().join("out/films")).unwrap().count();
    assert_eq!(files, 2);
    // Looking at it takes one page and moves nothing.
    let before = server.mock.stats().requests;
    let shown = place.run(&["show", "small.yaml", "ids", "--limit", "3"], &env);
    assert_eq!(text(&shown.stdout).lines().count(), 3, "{}", place.shown(&shown));
    assert_eq!(server.mock.stats().requests - before, 1);
    // Elsewhere it is the first run.
    let ran = place
        .run(&["run", "small.yaml", "--progress", "none", "--out", "elsewhere", "--output", "json"], &env);
    let elsewhere = serde_json::from_slice::<Value>(&ran.stdout).unwrap();
    let elsewhere = elsewhere["requests"].as_u64().unwrap();
    assert!((380..460).contains(&elsewhere), "{elsewhere}");
}
