//! The report for people: a table, and what to take.

use std::fmt::Write as _;
use std::time::Duration;

use super::Report;
use super::judge::Row;

/// The table, and what follows from it.
pub fn describe(report: &Report) -> String {
    let mut text = format!("{}: against {}", report.pipeline, report.against);
    if !report.server.is_empty() {
        // Writing into a string does not fail.
        let _ = write!(text, " ({})", report.server);
    }
    let _ = writeln!(
        text,
        ", {} after {} of each trial{}\n",
        seconds(report.window.measured),
        seconds(report.window.warm_up),
        if report.cut_short { "; cut short" } else { "" }
    );
    let mut table: Vec<Vec<String>> = Vec::new();
    let settings = report.variations.iter().map(|variation| variation.setting.clone());
    let figures = ["rows/s", "requests/s", "of rate", "p50", "p99", "CPU/row", "memory", "429", "trials", ""];
    table.push(settings.chain(figures.map(str::to_owned)).collect());
    let best = report.verdict.recommended.as_ref().map(|recommended| recommended.row);
    for (index, row) in report.verdict.rows.iter().enumerate() {
        table.push(line(row, best == Some(index)));
    }
    let varied = report.variations.len();
    let widths: Vec<usize> = (0..table[0].len())
        .map(|column| table.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    for line in &table {
        let mut shown = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let padding = " ".repeat(width - cell.chars().count());
            let is_left = column < varied || column + 1 == line.len();
            let _ =
                if is_left { write!(shown, "  {cell}{padding}") } else { write!(shown, "  {padding}{cell}") };
        }
        let _ = writeln!(text, "{}", shown.trim_end());
    }
    let Some(recommended) = &report.verdict.recommended else {
        text += "\nnothing was measured\n";
        return text;
    };
    let row = &report.verdict.rows[recommended.row];
    let settings: Vec<String> =
        row.settings.iter().map(|change| format!("{} = {}", change.setting, change.value)).collect();
    let _ = writeln!(text, "\ntake {}: {}", settings.join(", "), recommended.why);
    let sure = match recommended.confidence {
        confidence if confidence >= 0.9 => "sure",
        confidence if confidence >= 0.6 => "likely",
        _ => "uncertain",
    };
    let _ = write!(
        text,
        "{sure}: of trials that differ as these do, {:.0} in 100 would say the same",
        recommended.confidence * 100.0
    );
    let _ = writeln!(text, "{}", if row.trials < 3 { "; `--repeat 3` tells more" } else { "" });
    text
}

fn line(row: &Row, is_taken: bool) -> Vec<String> {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    row.settings
        .iter()
        .map(|change| change.value.clone())
        .chain([
            number(row.rows_per_second),
            number(row.requests_per_second),
            or_none(row.share_of_rate.map(|share| format!("{:.0} %", share * 100.0))),
            or_none(row.p50.map(milliseconds)),
            or_none(row.p99.map(milliseconds)),
            or_none(row.cpu_us_per_row.map(|cpu| format!("{cpu:.0} µs"))),
            or_none(row.peak_bytes.map(|bytes| format!("{} MiB", bytes >> 20))),
            format!("{:.1} %", row.refused * 100.0),
            row.trials.to_string(),
            notes(row, is_taken, ["◀ take", "= as good"]),
        ])
        .collect()
}

/// What there is to say of a row beside its figures; `marks` are the words for what is taken and what is as good.
pub(super) fn notes(row: &Row, is_taken: bool, marks: [&str; 2]) -> String {
    let mut notes = Vec::new();
    if is_taken {
        notes.push(marks[0].to_owned());
    } else if row.within_noise {
        notes.push(marks[1].to_owned());
    }
    if row.outliers > 0 {
        notes.push(format!("{} outlier{}", row.outliers, if row.outliers == 1 { "" } else { "s" }));
    }
    if row.failed > 0 {
        notes.push(format!("{} failed", row.failed));
    }
    notes.join(", ")
}

pub(super) fn number(value: f64) -> String {
    if value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1000.0)
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}
