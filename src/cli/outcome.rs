//! The one object of `--output json`.

use std::path::Path;

use serde_json::{Value, json};

use super::exit::Exit;
use super::pipeline::Findings;
use super::problem::Problem;
use crate::report::{Snapshot, verdict};

/// How a run ended, for a machine. Every name is there every time.
pub(super) fn object(
    exit: Exit,
    snapshot: Option<&Snapshot>,
    problem: Option<&Problem>,
    findings: Option<&Findings>,
    seconds: f64,
    report: Option<&Path>,
) -> Value {
    let totals = snapshot.map(Snapshot::totals).unwrap_or_default();
    let tables = snapshot.into_iter().flat_map(|snapshot| &snapshot.tables).filter_map(|table| {
        let file = table.published.as_ref()?;
        Some(json!({
            "name": table.name,
            "rows": file.rows,
            "files": [file.path.to_string_lossy()],
            "bytes": file.bytes,
            "empty_columns": file.empty.iter().map(|column| &column.name).collect::<Vec<_>>(),
        }))
    });
    json!({
        "status": exit.status(),
        "run": snapshot.and_then(|snapshot| snapshot.run.as_deref()),
        "tables": tables.collect::<Vec<_>>(),
        "requests": totals.requests,
        "retries": totals.retries,
        "failed": totals.failed,
        "missing": totals.missing,
        "first_failed": snapshot.map_or_else(Vec::new, first_failed),
        "first_missing": snapshot.map_or_else(Vec::new, first_missing),
        "from_store": totals.from_store,
        "seconds": (seconds * 1000.0).round() / 1000.0,
        "found_rate": snapshot.and_then(|snapshot| snapshot.found_rate).map(|rate| (rate * 100.0).round() / 100.0),
        "verdict": snapshot.and_then(verdict).map(|verdict| verdict.to_json()),
        "report": report.map(|report| report.to_string_lossy()),
        "error": problem.map(|problem| error(problem, findings)),
    })
}

/// The first failures of stages whose failures no table shows.
fn first_failed(snapshot: &Snapshot) -> Vec<Value> {
    let notes = snapshot.failures.iter();
    notes.map(|note| json!({"stage": note.stage, "request": note.request, "error": note.error})).collect()
}

/// The first 404s of stages whose 404s no table shows.
fn first_missing(snapshot: &Snapshot) -> Vec<Value> {
    let notes = snapshot.absences.iter();
    notes.map(|note| json!({"stage": note.stage, "request": note.request})).collect()
}

fn error(problem: &Problem, findings: Option<&Findings>) -> Value {
    let verdict = problem.verdict();
    let hint = (!verdict.hints.is_empty()).then(|| verdict.hints.join("; "));
    let mut error = json!({ "code": verdict.code, "message": problem.message(), "hint": hint });
    if let (Problem::Faults { .. }, Some(findings), Some(error)) = (problem, findings, error.as_object_mut())
    {
        error.insert("faults".to_owned(), findings.to_json());
    }
    error
}
