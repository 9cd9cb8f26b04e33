//! The text at the end of a run: what was published, what was asked, what went wrong, how to go on.

use std::fmt::Write as _;
use std::time::Duration;

use super::counters::FAILURES_KEPT;
use super::figures::{bytes, count, counted, time};
use super::losses::{empty, misfits};
use super::snapshot::Snapshot;
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
    list(&mut text, "what is empty", &empty(snapshot), LINES_MAX);
    failures(&mut text, snapshot);
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

fn failures(text: &mut String, snapshot: &Snapshot) {
    let failed = snapshot.totals().failed;
    let lines: Vec<String> = snapshot
        .failures
        .iter()
        .map(|failure| format!("{}: `{}`: {}", failure.stage, failure.request, failure.error))
        .collect();
    let title = if failed > lines.len() as u64 {
        format!("the first {} of {} failures", lines.len(), count(failed))
    } else {
        "what failed".to_owned()
    };
    list(text, &title, &lines, FAILURES_KEPT);
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
mod tests {
    use std::path::PathBuf;

    use super::super::snapshot::{FailureNote, PublishedFile, Role, StageSnapshot, TableSnapshot};
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
            bytes: requests * 2000,
            expression_errors: 0,
            expression_error: String::new(),
            finished: true,
            p50: (requests > 0).then_some(Duration::from_millis(52)),
            p99: (requests > 0).then_some(Duration::from_millis(198)),
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
            gate: None,
            found_rate: None,
        }
    }

    #[test]
    fn complete_run_says_where_its_tables_are() {
        let rate = Rate { limit: 40.0, per: Duration::from_secs(1), burst: None };
        insta::assert_snapshot!(summary(&snapshot(0), Ending::Complete, Some(rate), &again(true)));
    }

    #[test]
    fn a_rate_that_was_found_is_told() {
        let text = summary(
            &Snapshot { found_rate: Some(39.16), ..snapshot(0) },
            Ending::Complete,
            None,
            &again(true),
        );
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
    fn tables_without_rows_and_lists_that_are_not_there_are_named() {
        let mut snapshot = snapshot(0);
        snapshot.stages[0].missing = 1;
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
          marvel: the API has no such list (404): is its `path` right?
          films: it has no rows: see above
          cast: it has no rows: `tmdb-etl show` says at which stage the flow ends
        ");
    }

    #[test]
    fn partial_run_says_what_failed_and_how_to_go_on() {
        insta::assert_snapshot!(summary(&snapshot(7), Ending::Partial, None, &again(true)));
    }

    #[test]
    fn stopped_run_says_that_nothing_changed() {
        let mut snapshot = snapshot(0);
        snapshot.tables.clear();
        insta::assert_snapshot!(summary(&snapshot, Ending::Stopped, None, &again(true)));
        let afresh = summary(&snapshot, Ending::Stopped, None, &again(false));
        assert!(afresh.contains("starts afresh"), "{afresh}");
    }
}
