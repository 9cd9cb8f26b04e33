//! Ids that never answer: what is published, what is listed, and what the next run asks for.

use std::collections::BTreeSet;
use std::fs;

use arrow::array::AsArray as _;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tmdb_etl::mock::{Config, Fault, FaultKind};

use super::{Bench, Server, knob, told};

fn pipeline(films: u64, max_failures: &str) -> String {
    format!(
        "version: 1
name: range
api: {{rate: none, retry: {{attempts: 2}}}}
max_failures: {max_failures}
stages:
  ids: {{kind: seed, range: 1..{films}}}
  movies: {{kind: fetch, path: '/movie/{{id}}'}}
  films: {{kind: project, columns: {{id: int64, title: string, runtime: int32}}, output: {{path: out/films.parquet}}}}
  failed:
    kind: project
    from: movies.failed
    columns: {{key: string, status: int32, attempts: int32, error: string, at: {{type: timestamp, value: $meta.fetched_at}}}}
    output: {{path: out/failed.parquet}}
"
    )
}

/// Column `key` of the table of failures.
fn keys(bench: &Bench) -> BTreeSet<String> {
    let file = Bytes::from(fs::read(bench.path().join("out/failed.parquet")).unwrap());
    let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let mut keys = BTreeSet::new();
    for batch in batches {
        let batch = batch.unwrap();
        let new = batch.column_by_name("key").unwrap().as_string::<i32>().iter();
        let before = keys.len();
        keys.extend(new.map(|key| key.expect("every row has one").to_owned()));
        assert_eq!(keys.len() - before, batch.num_rows(), "a key is there twice");
    }
    keys
}

fn without_prefix(asked: &str) -> String {
    asked.strip_prefix("/3").unwrap_or(asked).to_owned()
}

#[test]
fn dead_ids_are_listed_and_nothing_else_is_asked_for_again() {
    let films = knob("TORTURE_FILMS", 600);
    let healthy = Config { films: 6000, ..Config::default() };
    let server = Server::start(healthy.clone());
    let clean = Bench::new(&server, &pipeline(films, "5%")).complete();
    let addr = server.mock.addr();
    server.stop();

    let faults = vec![Fault { kind: FaultKind::Dead, share: 0.03 }];
    let server = Server::start(Config { addr, faults, ..healthy.clone() });
    // With `max_failures: 0` nothing is published.
    let strict = Bench::new(&server, &pipeline(films, "0"));
    let output = strict.run();
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(strict.tables().is_empty() && strict.staged().is_empty());
    // With 5 % the rest is.
    let bench = Bench::new(&server, &pipeline(films, "5%"));
    let before = server.stats().asked;
    let output = bench.run();
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    let asked_twice = |stats: &tmdb_etl::mock::Stats| -> BTreeSet<String> {
        let times = |key: &String, times: &u64| times - before.get(key).copied().unwrap_or(0);
        let twice = stats.asked.iter().filter(|(key, count)| times(key, count) == 2);
        twice.map(|(key, _)| without_prefix(key)).collect()
    };
    let failed = keys(&bench);
    assert!(!failed.is_empty() && failed.len() < usize::try_from(films / 20).unwrap(), "{failed:?}");
    let twice = asked_twice(&server.stats());
    let odd: Vec<_> = failed.symmetric_difference(&twice).take(5).collect();
    assert!(odd.is_empty(), "exactly what had all its attempts is listed, not as {odd:?}");
    let partial = bench.tables();
    assert!(partial["films.parquet"] != clean["films.parquet"]);
    // The same failures give the same bytes, in the next run too.
    let output = bench.run();
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    assert!(bench.tables() == partial);
    server.stop();

    // Without the faults only those are asked for.
    let server = Server::start(Config { addr, ..healthy });
    assert!(bench.complete() == clean, "the tables equal those of a clean run");
    let asked: BTreeSet<String> = server.stop().asked.keys().map(|key| without_prefix(key)).collect();
    let odd: Vec<_> = asked.symmetric_difference(&failed).take(5).collect();
    assert!(odd.is_empty(), "{} of {} were asked for; in one of both: {odd:?}", asked.len(), failed.len());
}

#[test]
fn an_endpoint_that_is_gone_is_probed_and_not_hammered() {
    const FILMS: u64 = 120;
    const ATTEMPTS: u64 = 5;
    let faults = vec![Fault { kind: FaultKind::Dead, share: 1.0 }];
    let server = Server::start(Config { faults, ..Config::default() });
    let addr = server.mock.addr();
    let text = pipeline(FILMS, "100%").replace("attempts: 2", "attempts: 5, max_elapsed: 2s");
    let bench = Bench::new(&server, &text);
    let output = bench.run();
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    let (output, asked) = (told(&output), server.stop().asked.values().sum::<u64>());
    assert!(output.contains("items in a row failed"), "{output}");
    assert!(output.contains("it was asked one at a time"), "{output}");
    assert!(asked < FILMS * ATTEMPTS / 2, "{asked} requests for {FILMS} films that were never there");
    // Each is listed, those that were not asked for too, and all of them are asked for once it is back.
    assert_eq!(keys(&bench).len(), usize::try_from(FILMS).unwrap());
    let server = Server::start(Config { addr, ..Config::default() });
    bench.complete();
    let stats = server.stop();
    assert_eq!(stats.asked.len(), usize::try_from(FILMS).unwrap());
    assert!(stats.asked.values().all(|times| *times == 1));
}
