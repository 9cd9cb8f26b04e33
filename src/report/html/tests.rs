//! The page as text: what must stand in it, and what must not. `tests/it/report.rs` opens it in a browser.

use std::collections::BTreeMap;

use super::html;
use crate::report::record::{
    EdgeRecord, ErrorRecord, FailureRecord, LatencyRecord, Record, SeriesRecord, StageRecord, TableRecord,
    VerdictRecord,
};

const HOSTILE: &str = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>";

fn hostile() -> Record {
    let text = || HOSTILE.to_owned();
    Record {
        run: text(),
        pipeline: text(),
        source: text(),
        status: text(),
        tool: text(),
        started_at: text(),
        error: Some(ErrorRecord { code: text(), message: text() }),
        verdict: Some(VerdictRecord {
            words: text(),
            stage: Some(text()),
            setting: Some(text()),
            ..VerdictRecord::default()
        }),
        stages: vec![StageRecord {
            name: text(),
            kind: text(),
            worker_seconds: BTreeMap::from([("input".to_owned(), 1.0), (text(), 2.0)]),
            latency: LatencyRecord { steps: vec![(80.0, 1)], ..LatencyRecord::default() },
            ..StageRecord::default()
        }],
        edges: vec![EdgeRecord { from: text(), port: text(), to: text(), feedback: true, count: 1 }],
        tables: vec![TableRecord { name: text(), path: Some(text()), ..TableRecord::default() }],
        failures: vec![FailureRecord { stage: text(), request: text(), error: text() }],
        incomplete_lists: vec![text()],
        failure_kinds: BTreeMap::from([(text(), 3)]),
        series: SeriesRecord {
            seconds: vec![0.0, 1.0, 2.0],
            requests: vec![0, 1, 2],
            queues: BTreeMap::from([(text(), vec![0, 1, 2])]),
            in_flight: BTreeMap::new(),
        },
        ..Record::default()
    }
}

#[test]
fn no_text_of_a_run_becomes_markup() {
    let page = html(&hostile());
    assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
    assert!(page.matches("&lt;script&gt;").count() >= 10);
    // Every quote within an attribute is escaped too, so that tags and quotes pair up.
    assert!(!page.contains("\"'&"), "{page}");
}

#[test]
fn the_page_loads_nothing_and_names_tmdb() {
    for record in [hostile(), Record::default()] {
        let page = html(&record);
        for word in ["http://", "https://", "src=\"", "@import", "url("] {
            assert!(!page.contains(word), "{word}");
        }
        assert!(page.contains("This product uses the TMDB API but is not endorsed or certified by TMDB."));
        assert!(page.contains("name=\"viewport\"") && page.contains("prefers-color-scheme:dark"));
    }
}
