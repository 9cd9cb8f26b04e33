//! What a run asked for and did not get: failures, 404s, endpoints that did not answer.
//!
//! Does not belong here: what was lost of documents that came, which `losses` tells. Invariant: what a table shows is
//! counted and not listed.

use std::path::Path;

use super::figures::{count, counted, time};
use super::snapshot::{CircuitNote, Snapshot, StageSnapshot};

/// A title and its lines.
pub(super) type Section = (String, Vec<String>);

/// What failed: the first failures with their reasons, or the tables that show them all.
pub(super) fn failed(snapshot: &Snapshot) -> Section {
    let first = snapshot
        .failures
        .iter()
        .map(|failure| format!("{}: `{}`: {}", failure.stage, failure.request, failure.error));
    section(snapshot, ("what failed", "failures"), first.collect(), |stage| {
        (stage.failed, stage.failed_table.as_deref())
    })
}

/// What is missing, in the same way.
pub(super) fn missing(snapshot: &Snapshot) -> Section {
    let first = snapshot.absences.iter().map(|absence| format!("{}: `{}`", absence.stage, absence.request));
    let titles = ("what the API does not have (404)", "that the API does not have (404)");
    section(snapshot, titles, first.collect(), |stage| (stage.missing, stage.missing_table.as_deref()))
}

fn section<'a>(
    snapshot: &'a Snapshot,
    (title, of_many): (&str, &str),
    mut lines: Vec<String>,
    of: impl Fn(&'a StageSnapshot) -> (u64, Option<&'a Path>),
) -> Section {
    let (first, mut listed) = (lines.len(), 0);
    for stage in &snapshot.stages {
        match of(stage) {
            (0, _) => {}
            (number, None) => listed += number,
            (number, Some(table)) => {
                lines.push(format!("{}: {} in {}", stage.id, count(number), table.display()));
            }
        }
    }
    let title = if listed > first as u64 {
        format!("the first {first} of {} {of_many}", count(listed))
    } else {
        title.to_owned()
    };
    (title, lines)
}

/// Endpoints that failed item after item, and what came of it.
pub(super) fn probed(snapshot: &Snapshot) -> Vec<String> {
    let line = |stage: &StageSnapshot| {
        let CircuitNote { openings, failures, reason, open, open_for } = stage.circuit.as_ref()?;
        let again = if *openings == 1 { String::new() } else { format!(" ({openings} times)") };
        let end = if *open {
            "and did not answer again".to_owned()
        } else {
            format!("until it answered, {} in all", time(*open_for))
        };
        let unasked = match stage.unasked {
            0 => String::new(),
            number => format!("; {} not asked for", counted(number, "items")),
        };
        let (id, reason) = (&stage.id, reason.trim_end_matches('.'));
        Some(format!(
            "{id}: {failures} items in a row failed{again}: {reason}; from then on it was asked one at a time, {end}{unasked}"
        ))
    };
    snapshot.stages.iter().filter_map(line).collect()
}
