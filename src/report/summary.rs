//! The text at the end of a run: what was published, what was asked, what went wrong, how to go on.

use std::fmt::Write as _;
use std::time::Duration;

use super::counters::FAILURES_KEPT;
use super::figures::{bytes, count, counted, time};
use super::losses::{empty, misfits};
use super::outcomes::{failed, missing, probed};
use super::snapshot::Snapshot;
use super::verdict::verdict;
use crate::spec::Rate;

/// Columns with mismatches that are listed, and stages with a line of their own.
const LINES_MAX: usize = 40;

/// How the run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Published, nothing failed.
    Complete,
    /// Published, some items failed.
    Partial,
    /// Nothing published.
    Failed,
    /// Nothing published, as somebody asked it to stop.
    Stopped,
    /// The publish was decided and could not be carried through.
    Unfinished,
}

/// What the command that is to be run again does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// The command, as a shell takes it.
    pub command: String,
    /// It goes on where this one ended; else it starts afresh.
    pub goes_on: bool,
}

/// The summary of a run of which `snapshot` is the last; `allowed` is the rate that it was held to.
pub fn summary(snapshot: &Snapshot, ending: Ending, allowed: Option<Rate>, again: &Again) -> String {
    let mut text = String::new();
    headline(&mut text, snapshot, ending);
    tables(&mut text, snapshot);
    requests(&mut text, snapshot, allowed);
    list(&mut text, "what did not fit", &misfits(snapshot), LINES_MAX);
    list(&mut text, "what lists did not give", &snapshot.incomplete.lines(), LINES_MAX);
    list(&mut text, "what is empty", &empty(snapshot), LINES_MAX);
    list(&mut text, "what was probed", &probed(snapshot), LINES_MAX);
    for (title, lines) in [failed(snapshot), missing(snapshot)] {
        list(&mut text, &title, &lines, FAILURES_KEPT + LINES_MAX);
    }
    if let Some(verdict) = verdict(snapshot) {
        line(&mut text, format_args!("\n{}", verdict.words));
    }
    if let Some(advice) = advice(ending, again) {
        line(&mut text, format_args!("\n{advice}\n  {}", again.command));
    }
    text
}

fn headline(text: &mut String, snapshot: &Snapshot, ending: Ending) {
    let took = time(snapshot.elapsed);
    let rows: u64 =
        snapshot.tables.iter().filter_map(|table| table.published.as_ref()).map(|file| file.rows).sum();
    let published = || {
        let tables = snapshot.tables.iter().filter(|table| table.published.is_some()).count();
        format!("{} in {}", counted(rows, "rows"), counted(tables as u64, "tables"))
    };
    let name = &snapshot.pipeline;
    match ending {
        Ending::Complete => line(text, format_args!("{name}: complete, {} after {took}", published())),
        Ending::Partial => {
            let failed = counted(snapshot.totals().failed, "items");
            line(
                text,
                format_args!("{name}: partial, {} after {took}, without {failed} that failed", published()),
            );
        }
        Ending::Failed => line(text, format_args!("{name}: failed after {took}, nothing was published")),
        Ending::Unfinished => {
            line(text, format_args!("{name}: failed after {took}, in the middle of the publish"));
        }
        Ending::Stopped => line(text, format_args!("{name}: stopped after {took}, nothing was published")),
    }
}

fn tables(text: &mut String, snapshot: &Snapshot) {
    let rows: Vec<[String; 4]> = snapshot
        .tables
        .iter()
        .filter_map(|table| {
            let file = table.published.as_ref()?;
            Some([table.name.clone(), count(file.rows), bytes(file.bytes), file.path.display().to_string()])
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    let head = ["table", "rows", "size", "file"].map(str::to_owned);
    text.push('\n');
    columns(text, std::iter::once(&head).chain(&rows), [false, true, true, false]);
}

fn requests(text: &mut String, snapshot: &Snapshot, allowed: Option<Rate>) {
    let totals = snapshot.totals();
    if totals.requests + totals.from_store == 0 {
        return;
    }
    let pace = match (snapshot.rate(), allowed) {
        (Some(rate), Some(allowed)) => format!(", {rate:.1}/s of the {allowed} allowed"),
        (Some(rate), None) => match snapshot.found_rate {
            Some(found) => format!(", {rate:.1}/s, where {found:.1}/s was found to be allowed"),
            None => format!(", {rate:.1}/s"),
        },
        (None, _) => String::new(),
    };
    line(
        text,
        format_args!(
            "\n{}{pace}: {} ({}){}, {} missing, {} failed, {}",
            counted(totals.requests, "requests"),
            counted(totals.documents, "documents"),
            bytes(totals.bytes),
            from_store(totals.from_store),
            count(totals.missing),
            count(totals.failed),
            retries(totals.retries),
        ),
    );
    let head =
        ["stage", "requests", "kept", "documents", "missing", "failed", "p50", "p99"].map(str::to_owned);
    let shown = |time_of: Option<Duration>| time_of.map_or_else(|| "-".to_owned(), time);
    let rows: Vec<[String; 8]> = snapshot
        .stages
        .iter()
        .filter(|stage| stage.asked() > 0)
        .take(LINES_MAX)
        .map(|stage| {
            [
                stage.id.clone(),
                count(stage.requests),
                count(stage.from_store),
                count(stage.documents),
                count(stage.missing),
                count(stage.failed),
                shown(stage.p50),
                shown(stage.p99),
            ]
        })
        .collect();
    columns(text, std::iter::once(&head).chain(&rows), [false, true, true, true, true, true, true, true]);
}

fn from_store(number: u64) -> String {
    if number == 0 { String::new() } else { format!(", {} from the store", counted(number, "answers")) }
}

fn retries(number: u64) -> String {
    if number == 1 { "1 retry".to_owned() } else { format!("{} retries", count(number)) }
}

fn advice(ending: Ending, again: &Again) -> Option<&'static str> {
    match ending {
        Ending::Complete => None,
        Ending::Partial => Some(
            "`max_failures` says how much may be missing. What failed is asked for again by the same command:",
        ),
        Ending::Unfinished => {
            Some("Some tables may be new and others old until the same command has run again:")
        }
        Ending::Failed | Ending::Stopped if again.goes_on => Some(
            "Tables that were published before are as they were. The same command goes on where this one ended:",
        ),
        Ending::Failed | Ending::Stopped => Some(
            "Tables that were published before are as they were. The same command starts afresh (`keep: none`):",
        ),
    }
}

fn list(text: &mut String, title: &str, lines: &[String], most: usize) {
    if lines.is_empty() {
        return;
    }
    line(text, format_args!("\n{title}"));
    for shown in lines.iter().take(most) {
        line(text, format_args!("  {shown}"));
    }
    if lines.len() > most {
        line(text, format_args!("  and {} more", count((lines.len() - most) as u64)));
    }
}

/// Rows in columns, indented; those of `right` are aligned on the right.
fn columns<'a, const N: usize>(
    text: &mut String,
    rows: impl Iterator<Item = &'a [String; N]> + Clone,
    right: [bool; N],
) {
    let width = |column: usize| rows.clone().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    for row in rows {
        let mut shown = String::from(" ");
        for ((cell, width), right) in row.iter().zip(widths).zip(right) {
            let padding = " ".repeat(width - cell.chars().count());
            let (before, after) = if right { (padding, String::new()) } else { (String::new(), padding) };
            shown.extend([" ", &before, cell, &after, " "]);
        }
        line(text, format_args!("{}", shown.trim_end()));
    }
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing into a string does not fail.
    let _ = writeln!(text, "{content}");
}

#[cfg(test)]
mod tests;
