//! Runs as rows: what `inspect --runs` prints.
//!
//! Invariant: a row is flat, with the same names for every run, so that a list of them is a table.

use serde_json::{Value, json};

use super::grid::grid;
use crate::report::Record;

/// A run as one flat object.
pub(super) fn row(record: &Record) -> Value {
    let totals = &record.totals;
    let verdict = record.verdict.as_ref();
    json!({
        "run": record.run,
        "pipeline": record.pipeline,
        "source": record.source,
        "status": record.status,
        "started_at": record.started_at,
        "seconds": record.seconds,
        "rows": totals.rows,
        "requests": totals.requests,
        "requests_per_second": totals.requests_per_second,
        "rate_share": totals.rate_share,
        "documents": totals.documents,
        "from_store": totals.from_store,
        "missing": totals.missing,
        "failed": totals.failed,
        "retries": totals.retries,
        "refused": totals.refused,
        "p50_ms": totals.p50_ms,
        "p99_ms": totals.p99_ms,
        "cpu_micros_per_row": totals.cpu_micros_per_row,
        "memory_bytes_max": totals.memory_bytes_max,
        "limited_by": verdict.map(|verdict| verdict.resource.as_str()),
        "at_stage": verdict.and_then(|verdict| verdict.stage.as_deref()),
        "setting": verdict.and_then(|verdict| verdict.setting.as_deref()),
    })
}

/// Columns for people: what fits a terminal.
const SHOWN: [&str; 9] = [
    "run",
    "pipeline",
    "status",
    "seconds",
    "rows",
    "requests",
    "requests_per_second",
    "failed",
    "limited_by",
];
const TITLES: [&str; 9] =
    ["run", "pipeline", "status", "seconds", "rows", "requests", "per second", "failed", "limited by"];

/// Runs, one a line.
pub(super) fn text(records: &[Record], width: usize) -> String {
    let cells = |record: &Record| {
        let row = row(record);
        SHOWN.iter().map(|name| row[*name].clone()).collect()
    };
    let rows: Vec<Vec<Value>> = records.iter().map(cells).collect();
    if rows.is_empty() { String::new() } else { grid(&TITLES, &rows, 0, width) }
}
