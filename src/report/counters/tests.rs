//! Counts of events.

use super::*;
use crate::plan::{Options, compile};
use crate::spec::{Source, parse};

const PIPELINE: &str = "
version: 1
name: small
stages:
  ids: {kind: seed, ids: [1]}
  movies: {kind: fetch, path: '/movie/{id}'}
  films: {kind: project, columns: {id: int64, title: string}, output: {path: films.parquet}}
";

fn counters() -> Counters {
    counters_of(PIPELINE)
}

fn counters_of(text: &str) -> Counters {
    let spec = parse(&Source::new("p.yaml", text), &[], &|_| None).expect("no fault").spec;
    Counters::new(&compile(spec, &Options::default()).expect("no fault").plan)
}

fn id(name: &str) -> StageId {
    StageId(name.into())
}

#[test]
fn every_attempt_is_a_request_and_every_further_one_a_retry() {
    let counters = counters();
    let latency = Duration::from_millis(50);
    for _ in 0..3 {
        counters.hear(&Event::RequestSent { stage: id("movies") });
    }
    counters.hear(&Event::RequestRefused { stage: id("movies"), status: 429 });
    let (request, reason) = ("/movie/1".to_owned(), "cut".to_owned());
    counters.hear(&Event::RequestRetried { stage: id("movies"), request, reason, wait: latency });
    counters.hear(&Event::DocumentFetched { stage: id("movies"), bytes: 900, latency });
    let totals = counters.snapshot().totals();
    assert_eq!((totals.requests, totals.retries, totals.documents, totals.bytes), (3, 2, 1, 900));
    assert_eq!(counters.snapshot().rate(), None, "too short to say");
}

#[test]
fn failures_are_all_counted_and_the_first_ten_kept() {
    let counters = counters();
    for number in 0..25 {
        let (request, error) = (format!("/movie/{number}"), "cut".to_owned());
        counters.hear(&Event::ItemFailed { stage: id("movies"), request, error, asked: true });
    }
    let snapshot = counters.snapshot();
    assert_eq!(snapshot.totals().failed, 25);
    let kept: Vec<&str> = snapshot.failures.iter().map(|failure| failure.request.as_str()).collect();
    assert_eq!((kept.len(), kept[0], kept[9]), (FAILURES_KEPT, "/movie/0", "/movie/9"));
}

#[test]
fn what_a_table_shows_is_counted_and_not_listed() {
    let text = format!(
        "{PIPELINE}  gone: {{kind: project, from: movies.missing, columns: {{key: string}}, output: {{path: gone.parquet}}}}\n"
    );
    let counters = counters_of(&text);
    for number in 0..12 {
        let request = format!("/movie/{number}");
        counters.hear(&Event::DocumentMissing { stage: id("movies"), latency: Duration::ZERO });
        counters.hear(&Event::ItemMissing { stage: id("movies"), request });
    }
    let (request, error) = ("/movie/7".to_owned(), "cut".to_owned());
    counters.hear(&Event::ItemFailed { stage: id("movies"), request, error, asked: true });
    let snapshot = counters.snapshot();
    assert_eq!((snapshot.totals().missing, snapshot.absences.len(), snapshot.failures.len()), (12, 0, 1));
    assert_eq!(snapshot.stages[1].missing_table.as_deref(), Some("gone.parquet".as_ref()));
    assert_eq!(snapshot.stages[1].failed_table, None);
}

#[test]
fn counts_of_a_table_add_up_over_its_inputs() {
    let counters = counters();
    for (column, mismatches, errors) in [("id", 1, 0), ("title", 0, 2), ("id", 3, 4)] {
        let failure = (errors > 0).then(|| format!("{errors} times"));
        let columns = vec![ColumnLoss { name: column.to_owned(), mismatches, errors, misfit: None, failure }];
        counters.hear(&Event::TableCounted { table: id("films"), dropped_rows: 5, columns });
    }
    let table = &counters.snapshot().tables[0];
    assert_eq!(table.dropped, 15);
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|loss| (loss.name.as_str(), loss.mismatches, loss.errors, loss.failure.as_deref()))
        .collect();
    assert_eq!(columns, [("id", 4, 4, Some("4 times")), ("title", 0, 2, Some("2 times"))]);
}
