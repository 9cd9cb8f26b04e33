//! What a published run did not bring: values that did not fit, and what is empty.
//!
//! Does not belong here: what was asked for and failed, which `summary` tells. Invariant: a line says what to look
//! at, not only how often.

use super::figures::counted;
use super::snapshot::{Role, Snapshot, StageSnapshot};
use crate::event::ColumnLoss;

/// Values that did not fit, rows that were dropped, expressions that failed.
pub(super) fn misfits(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    for stage in snapshot.stages.iter().filter(|stage| stage.skipped > 0) {
        let rows = counted(stage.skipped, "rows");
        lines.push(format!("{}: {rows} of the file gave no item, being empty", stage.id));
    }
    for table in &snapshot.tables {
        if table.dropped > 0 {
            lines.push(format!("{}: {} dropped", table.name, counted(table.dropped, "rows")));
        }
        lines.extend(table.columns.iter().map(|loss| format!("{}.{}", table.name, lost(loss))));
    }
    for stage in snapshot.stages.iter().filter(|stage| stage.expression_errors > 0) {
        let times = counted(stage.expression_errors, "times");
        let what = if stage.role == Role::Project { "`rows`" } else { "expressions" };
        lines.push(format!("{}: {what} failed {times}{}", stage.id, because(&stage.expression_error)));
    }
    lines
}

/// What a column lost, with the first value or the first reason: a count alone does not say what to change.
fn lost(loss: &ColumnLoss) -> String {
    let mut what = Vec::new();
    if loss.mismatches > 0 {
        let values = counted(loss.mismatches, "values");
        what.push(match &loss.misfit {
            Some((column_type, first)) => {
                format!("{values} did not fit {column_type}, the first: {first}")
            }
            None => format!("{values} did not fit the type"),
        });
    }
    if loss.errors > 0 {
        let why = loss.failure.as_deref().unwrap_or_default();
        what.push(format!("the expression failed {}{}", counted(loss.errors, "times"), because(why)));
    }
    format!("{}: {}", loss.name, what.join("; "))
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(", first: {reason}") }
}

/// Tables without rows, columns without a value, which are most often a slip in the pipeline file.
pub(super) fn empty(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    for table in &snapshot.tables {
        if table.published.as_ref().is_some_and(|file| file.rows == 0) {
            let failed = |stage: &StageSnapshot| stage.id == table.name && stage.expression_errors > 0;
            let see_above = table.dropped > 0 || snapshot.stages.iter().any(failed);
            let why =
                if see_above { "see above" } else { "`tmdb-etl show` says at which stage the flow ends" };
            lines.push(format!("{}: it has no rows: {why}", table.name));
            continue;
        }
        for column in table.published.iter().flat_map(|file| &file.empty) {
            let within = |name: &str| {
                let rest = column.name.strip_prefix(name);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            };
            // What did not fit was in the documents; there is nothing to ask.
            let misfits = table.columns.iter().any(|loss| within(&loss.name));
            let question = if misfits { "see above" } else { &column.question };
            lines.push(format!("{}: no row has a value in `{}`: {question}", table.name, column.name));
        }
    }
    lines
}
