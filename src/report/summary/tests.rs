//! Summaries as they are printed.

use std::path::PathBuf;

use super::super::incomplete::Incomplete;
use super::super::snapshot::{
    AbsenceNote, CircuitNote, FailureNote, PublishedFile, Role, StageSnapshot, TableSnapshot,
};
use super::*;
use crate::event::{ColumnLoss, EmptyColumn};

fn again(goes_on: bool) -> Again {
    Again { command: "tmdb-etl run pipelines/marvel.yaml".to_owned(), goes_on }
}

fn stage(id: &str, role: Role, requests: u64, failed: u64) -> StageSnapshot {
    StageSnapshot {
        id: id.to_owned(),
        role,
        admitted: requests,
        found: 0,
        skipped: 0,
        requests,
        documents: requests.saturating_sub(failed + 1),
        from_store: requests / 100,
        shared: 0,
        missing: requests.min(1),
        failed,
        retries: failed * 2,
        unasked: 0,
        circuit: None,
        failed_table: None,
        missing_table: None,
        bytes: requests * 2000,
        expression_errors: 0,
        expression_error: String::new(),
        finished: true,
        p50: (requests > 0).then_some(Duration::from_millis(52)),
        p99: (requests > 0).then_some(Duration::from_millis(198)),
        ..StageSnapshot::default()
    }
}

fn snapshot(failed: u64) -> Snapshot {
    let table = |name: &str, rows, columns| TableSnapshot {
        name: name.to_owned(),
        rows,
        dropped: 2,
        columns,
        published: Some(PublishedFile {
            path: PathBuf::from(format!("out/{name}.parquet")),
            rows,
            bytes: rows * 37,
            empty: Vec::new(),
        }),
    };
    let revenue = ColumnLoss {
        name: "revenue".to_owned(),
        mismatches: 3,
        misfit: Some(("int64".to_owned(), "\"1,519\" (item {\"id\":24428})".to_owned())),
        ..ColumnLoss::default()
    };
    let collection = ColumnLoss {
        name: "collection".to_owned(),
        errors: 1,
        failure: Some("cannot use null as iterable (array or object) (item {\"id\":603})".to_owned()),
        ..ColumnLoss::default()
    };
    Snapshot {
        pipeline: "marvel".to_owned(),
        run: Some("r1".to_owned()),
        source: Some("mock".to_owned()),
        resumed: None,
        elapsed: Duration::from_millis(12_400),
        sending: Duration::from_secs(11),
        stages: vec![
            stage("marvel", Role::Seed, 0, 0),
            stage("movies", Role::Fetch, 312, failed),
            stage("similar", Role::Expand, 119, 0),
        ],
        tables: vec![table("films", 310, vec![revenue, collection]), table("cast", 12_040, Vec::new())],
        failures: (0..failed.min(2))
            .map(|index| FailureNote {
                stage: "movies".to_owned(),
                request: format!("/movie/{index}?language=en-US"),
                error: "server answered 500 after 5 attempts".to_owned(),
            })
            .collect(),
        absences: Vec::new(),
        gate: None,
        found_rate: None,
        incomplete: Incomplete::default(),
        ..Snapshot::default()
    }
}

#[test]
fn complete_run_says_where_its_tables_are() {
    let rate = Rate { limit: 40.0, per: Duration::from_secs(1), burst: None };
    insta::assert_snapshot!(summary(&snapshot(0), Ending::Complete, Some(rate), &again(true)));
}

#[test]
fn a_rate_that_was_found_is_told() {
    let text =
        summary(&Snapshot { found_rate: Some(39.16), ..snapshot(0) }, Ending::Complete, None, &again(true));
    assert!(text.contains("/s, where 39.2/s was found to be allowed: "), "{text}");
}

#[test]
fn columns_without_a_value_are_named_with_what_to_look_for() {
    let mut snapshot = snapshot(0);
    let empty =
        |name: &str, question: &str| EmptyColumn { name: name.to_owned(), question: question.to_owned() };
    let published = snapshot.tables[0].published.as_mut().expect("is published");
    published.empty = vec![
        empty("titel", "is `.titel` in the documents?"),
        empty("director.name", "is `.director.name` in the documents?"),
        empty("revenue", "is `.revenue` in the documents?"),
    ];
    let text = summary(&snapshot, Ending::Complete, None, &again(true));
    insta::assert_snapshot!(&text[text.find("what is empty").expect("a list")..], @"
    what is empty
      films: no row has a value in `titel`: is `.titel` in the documents?
      films: no row has a value in `director.name`: is `.director.name` in the documents?
      films: no row has a value in `revenue`: see above
    ");
}

#[test]
fn tables_without_rows_are_named() {
    let mut snapshot = snapshot(0);
    for table in &mut snapshot.tables {
        let file = table.published.as_mut().expect("is published");
        // What has no rows has no values, which need not be said of each column.
        file.empty = vec![EmptyColumn { name: "id".to_owned(), question: "why?".to_owned() }];
        file.rows = 0;
    }
    snapshot.tables[1].dropped = 0;
    let text = summary(&snapshot, Ending::Complete, None, &again(true));
    insta::assert_snapshot!(&text[text.find("what is empty").expect("a list")..], @"
    what is empty
      films: it has no rows: see above
      cast: it has no rows: `tmdb-etl show` says at which stage the flow ends
    ");
}

#[test]
fn partial_run_says_what_failed_and_how_to_go_on() {
    insta::assert_snapshot!(summary(&snapshot(7), Ending::Partial, None, &again(true)));
}

#[test]
fn an_endpoint_that_was_probed_is_named_with_what_came_of_it() {
    let mut snapshot = snapshot(0);
    let note = CircuitNote {
        openings: 1,
        failures: 8,
        reason: "server answered 500".to_owned(),
        open: true,
        open_for: Duration::ZERO,
    };
    snapshot.stages[2].unasked = 3412;
    snapshot.stages[2].circuit = Some(note.clone());
    let back = CircuitNote { openings: 3, open: false, open_for: Duration::from_secs(75), ..note };
    snapshot.stages[1].circuit = Some(back);
    let text = summary(&snapshot, Ending::Complete, None, &again(true));
    insta::assert_snapshot!(&text[text.find("what was probed").expect("a list")..], @r"
    what was probed
      movies: 8 items in a row failed (3 times): server answered 500; from then on it was asked one at a time, until it answered, 1 min 15 s in all
      similar: 8 items in a row failed: server answered 500; from then on it was asked one at a time, and did not answer again; 3,412 items not asked for
    ");
}

#[test]
fn what_is_missing_is_listed_or_said_to_be_in_a_table() {
    let mut snapshot = snapshot(7);
    snapshot.stages[1].failed_table = Some("out/failed.parquet".into());
    snapshot.failures.clear();
    snapshot.stages[1].missing = 1204;
    snapshot.stages[2].missing = 2;
    snapshot.stages[2].missing_table = Some("out/missing.parquet".into());
    let absence = |id| AbsenceNote { stage: "movies".to_owned(), request: format!("/movie/{id}") };
    snapshot.absences = [5, 7, 9].map(absence).to_vec();
    let text = summary(&snapshot, Ending::Partial, None, &again(true));
    insta::assert_snapshot!(&text[text.find("what failed").expect("a list")..], @r"
    what failed
      movies: 7 in out/failed.parquet

    the first 3 of 1,204 that the API does not have (404)
      movies: `/movie/5`
      movies: `/movie/7`
      movies: `/movie/9`
      similar: 2 in out/missing.parquet

    `max_failures` says how much may be missing. What failed is asked for again by the same command:
      tmdb-etl run pipelines/marvel.yaml
    ");
}

#[test]
fn stopped_run_says_that_nothing_changed() {
    let mut snapshot = snapshot(0);
    snapshot.tables.clear();
    insta::assert_snapshot!(summary(&snapshot, Ending::Stopped, None, &again(true)));
    let afresh = summary(&snapshot, Ending::Stopped, None, &again(false));
    assert!(afresh.contains("starts afresh"), "{afresh}");
}
