//! What `store` says to people.

use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;

use super::grid::plain;
use super::store::{Counted, Removal};
use crate::report::{bytes, count, counted as number};
use crate::store::RunStats;

/// Where the values of lines stand.
const LABEL: usize = 12;
/// Most runs that are listed, the newest.
const RUNS_MAX: usize = 10;

/// Every pipeline's documents.
pub(super) fn counted(all: &[Counted], state: &Path) -> String {
    if all.is_empty() {
        return format!("no documents are kept in `{}`\n", plain(&state.display().to_string()));
    }
    all.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn one(counted: &Counted) -> String {
    let stats = &counted.stats;
    let mut text = format!("{}\n", counted.name);
    let mut say = |label: &str, content: &str| {
        // Writing into a string does not fail.
        let _ = writeln!(text, "  {label:<LABEL$}{content}");
    };
    say("documents", &format!("{} in {}", count(stats.documents), number(stats.segments, "segments")));
    say("folder", &plain(&counted.folder.display().to_string()));
    say("size", &format!("{}, {} decompressed", bytes(stats.bytes), bytes(stats.raw_bytes)));
    if !stats.by_status.is_empty() {
        let statuses =
            stats.by_status.iter().map(|(status, documents)| format!("{} of {status}", count(*documents)));
        say("statuses", &statuses.collect::<Vec<_>>().join(", "));
    }
    if let (Some(oldest), Some(newest)) = (stats.oldest, stats.newest) {
        say("fetched", &format!("{} to {}", second(oldest), second(newest)));
    }
    let mut runs: Vec<(&String, &RunStats)> = stats.by_run.iter().collect();
    runs.sort_by_key(|(run, of)| (std::cmp::Reverse(of.newest), *run));
    for (index, (run, of)) in runs.iter().take(RUNS_MAX).enumerate() {
        let label = if index == 0 { "runs" } else { "" };
        let note = if counted.unfinished.as_ref() == Some(run) { ", unfinished" } else { "" };
        say(label, &format!("{run} with {}, {}{note}", number(of.documents, "documents"), bytes(of.bytes)));
    }
    if runs.len() > RUNS_MAX {
        say("", &format!("and {} before them", count((runs.len() - RUNS_MAX) as u64)));
    }
    if let Some(run) = counted.unfinished.as_ref().filter(|run| !stats.by_run.contains_key(*run)) {
        say("unfinished", &format!("{run}, without documents"));
    }
    if let Some(may_go) = &counted.trimmable {
        say(
            "may go",
            &format!("{}, {}: `store trim`", number(may_go.documents, "documents"), bytes(may_go.bytes)),
        );
    }
    if stats.lost_bytes > 0 {
        say("unreadable", &format!("{}, cut off or damaged", bytes(stats.lost_bytes)));
    }
    if !stats.strangers.is_empty() {
        say("not ours", &number(stats.strangers.len() as u64, "files"));
    }
    text
}

/// What was removed, or would be.
pub(super) fn removed(removal: &Removal) -> String {
    let what = &removal.removed;
    let verb = if removal.done { "removed" } else { "would remove" };
    format!(
        "{}: {verb} {} in {}, {}\n",
        removal.name,
        number(what.documents, "documents"),
        number(what.segments, "segments"),
        bytes(what.bytes)
    )
}

fn second(time: Timestamp) -> String {
    format!("{time:.0}")
}
