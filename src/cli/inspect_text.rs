//! What `inspect` says to people.
//!
//! Invariant: no line is wider than asked for, and nothing in a file (names, metadata, values) reaches the terminal as
//! anything but text.

use std::fmt::Write as _;

use super::grid::{fit, grid, plain};
use super::inspect::Inspected;
use crate::report::{bytes, count, counted};
use crate::sink::{FileFormat, TOOL_VERSION, type_words};

/// Where the values of lines stand.
const LABEL: usize = 12;

/// Most columns that are listed; a table of ours has no more.
const COLUMNS_MAX: usize = 1_000;

/// Everything that is known about a table; with `history`, its loads.
pub(super) fn text(table: &Inspected, history: bool, width: usize) -> String {
    let mut text = format!("{}\n", plain(&table.path.display().to_string()));
    facts(table, width, &mut text);
    columns(table, width, &mut text);
    rows(table, width, &mut text);
    if history {
        loads(table, width, &mut text);
    }
    text
}

/// The loads that the manifest remembers.
fn loads(table: &Inspected, width: usize, text: &mut String) {
    let history = table.manifest.as_ref().map_or(&[][..], |manifest| &manifest.history);
    if history.is_empty() {
        let _ = writeln!(text, "\n  no history: no manifest of this program is beside it");
        return;
    }
    let line = |load: &crate::sink::Load| {
        let cells = [
            load.run.clone(),
            format!("{:.0}", load.finished_at),
            load.mode.to_string(),
            count(load.rows),
            count(load.table_rows),
            count(load.files as u64),
            bytes(load.bytes),
        ];
        cells.map(serde_json::Value::from).to_vec()
    };
    let lines: Vec<Vec<serde_json::Value>> = history.iter().map(line).collect();
    let names = ["run", "finished", "mode", "brought", "rows", "files", "size"];
    let _ = write!(text, "\n  {}\n{}", counted(lines.len() as u64, "loads"), grid(&names, &lines, 4, width));
}

fn facts(table: &Inspected, width: usize, text: &mut String) {
    let file = table.first();
    let mut say = |label: &str, content: &str| {
        // Writing into a string does not fail.
        let _ = writeln!(text, "{}", fit(&format!("  {label:<LABEL$}{content}"), width));
    };
    let groups = table.sum(|file| file.groups);
    let (name, groups) = match file.format {
        FileFormat::Parquet => ("Parquet", counted(groups, "row groups")),
        FileFormat::Arrow if groups == 1 => ("Arrow IPC", "1 batch".to_owned()),
        FileFormat::Arrow => ("Arrow IPC", format!("{} batches", count(groups))),
    };
    let codecs = match &*table.codecs() {
        [] => String::new(),
        ["none"] => ", not compressed".to_owned(),
        codecs => format!(", {}", codecs.join(" and ")),
    };
    let name = if table.is_delta { "Delta, of Parquet files" } else { name };
    say("format", &format!("{name}{codecs}"));
    say("rows", &format!("{} in {groups}", count(table.sum(|file| file.rows))));
    let files = if table.files.len() > 1 {
        format!(" in {}", counted(table.files.len() as u64, "files"))
    } else {
        String::new()
    };
    say("size", &format!("{}{files}", bytes(table.sum(|file| file.bytes))));
    if let Some(writer) = file.written_by.as_ref().filter(|writer| !writer.is_empty()) {
        say("written by", writer);
    }
    for (key, value) in &file.metadata {
        match key.as_str() {
            "tmdb_etl.pipeline" => say("pipeline", value),
            "tmdb_etl.schema_fingerprint" => say("schema", value),
            // Parquet files say it in their own place.
            "tmdb_etl.version" if file.written_by.is_some() => {}
            "tmdb_etl.version" => say("written by", &format!("tmdb-etl version {value}")),
            _ => say("metadata", &format!("{key} = {value}")),
        }
    }
    let Some(manifest) = &table.manifest else { return };
    let run = &manifest.facts;
    say("run", &run.run);
    say("finished", &format!("{:.0}", run.finished_at));
    say("source", &run.source);
    if let Some(counts) = run.counts.as_object() {
        let plain = counts.iter().filter_map(|(name, number)| {
            Some(format!("{} {}", count(number.as_u64()?), name.replace('_', " ")))
        });
        say("asked", &plain.collect::<Vec<_>>().join(", "));
    }
    if run.tool_version != TOOL_VERSION {
        say("note", &format!("published by version {}; this is {TOOL_VERSION}", run.tool_version));
    }
}

fn columns(table: &Inspected, width: usize, text: &mut String) {
    let fields = table.first().schema.fields();
    let total = table.sum(|file| file.rows);
    let line = |(index, field): (usize, &arrow::datatypes::FieldRef)| {
        let null = if field.is_nullable() { "nullable" } else { "required" };
        let nulls = match table.nulls(index) {
            None | Some(0) => String::new(),
            Some(nulls) if nulls == total => "no row has a value".to_owned(),
            Some(nulls) => format!("{} null", count(nulls)),
        };
        [field.name().clone(), type_words(field), null.to_owned(), nulls]
    };
    let lines: Vec<[String; 4]> = fields.iter().enumerate().take(COLUMNS_MAX).map(line).collect();
    let _ = writeln!(text, "\n  {}", counted(fields.len() as u64, "columns"));
    // A type of many fields must not push everything else aside.
    let widest = |cell: usize, most: usize| {
        lines.iter().map(|line| super::grid::width(&plain(&line[cell]))).max().unwrap_or(0).min(most)
    };
    let (name, data_type) = (widest(0, width / 3), widest(1, width / 2));
    for [column, kind, null, nulls] in &lines {
        let shown = format!("    {}  {}  {null}  {nulls}", pad(column, name), pad(kind, data_type));
        let _ = writeln!(text, "{}", fit(shown.trim_end(), width));
    }
    if fields.len() > COLUMNS_MAX {
        let _ = writeln!(text, "    and {} more", count((fields.len() - COLUMNS_MAX) as u64));
    }
}

fn rows(table: &Inspected, terminal: usize, text: &mut String) {
    if table.rows.is_empty() {
        return;
    }
    let total = table.sum(|file| file.rows);
    let shown = table.rows.len() as u64;
    let head = if shown == total {
        if total == 1 { "the only row".to_owned() } else { format!("all {} rows", count(total)) }
    } else if shown == 1 {
        format!("the first of {} rows", count(total))
    } else {
        format!("the first {} of {} rows", count(shown), count(total))
    };
    let names: Vec<&str> = table.first().schema.fields().iter().map(|field| field.name().as_str()).collect();
    let _ = write!(text, "\n  {head}\n{}", grid(&names, &table.rows, 4, terminal));
}

/// `text` in exactly `width` cells.
fn pad(text: &str, width: usize) -> String {
    let text = fit(text, width);
    let space = width.saturating_sub(super::grid::width(&text));
    text + &" ".repeat(space)
}
