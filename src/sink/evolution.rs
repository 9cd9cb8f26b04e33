//! Which columns may follow which in one table of plain Parquet files: files stay as they were written, and readers put those of
//! different columns together.
//!
//! Does not belong here: when that is looked at (`commit`, `assembly`). Invariant: what is let through is read without loss by
//! every reader that docs/PIPELINES.md names, as it says; so it only ever grows: a column that was there stays, and holds no less.

use std::path::Path;

use super::disk::Disk;
use super::error::SinkError;
use super::facts::TableColumn;
use super::manifest::Manifest;
use super::{TableSpec, generation, schema, writer};
use crate::spec::{Format, Layout, Mode};

/// Looks whether the rows of a run can be added to what is there, before there are any.
pub(super) fn check_before(disk: &Disk, spec: &TableSpec) -> Result<(), SinkError> {
    let Layout::Folder(layout) = &spec.layout else { return Ok(()) };
    if layout.mode != Mode::Append || generation::current(disk, &spec.path)?.is_none() {
        return Ok(());
    }
    let Some(before) = Manifest::read(disk, &spec.path)? else {
        return Err(SinkError::Incomplete { path: spec.path.clone(), missing: "its manifest".to_owned() });
    };
    let published = before.generation.as_ref().map_or(&[][..], |generation| &generation.partition_by);
    check_partitions(&spec.path, published, &layout.partition_by)?;
    let now = writer::column_types(&spec.schema);
    let parquet = matches!(spec.format, Format::Parquet(_));
    let fingerprint = schema::fingerprint(&spec.name, &spec.schema)?;
    check(&spec.path, &before, (&fingerprint, &now), parquet)
}

/// As [`check_before`], of a manifest that is to follow `before`.
pub(super) fn check_after(manifest: &Manifest, before: &Manifest, table: &Path) -> Result<(), SinkError> {
    let partitions = |manifest: &Manifest| {
        manifest.generation.as_ref().map(|generation| generation.partition_by.clone()).unwrap_or_default()
    };
    check_partitions(table, &partitions(before), &partitions(manifest))?;
    let parquet = |manifest: &Manifest| manifest.files.iter().all(|file| file.path.ends_with(PARQUET));
    let now = (&*manifest.schema_fingerprint, &*manifest.schema);
    check(table, before, now, parquet(manifest) && parquet(before))
}

/// The end of the name of a Parquet file that this program wrote.
const PARQUET: &str = ".parquet";

fn check(
    table: &Path,
    before: &Manifest,
    (fingerprint, columns): (&str, &[TableColumn]),
    parquet: bool,
) -> Result<(), SinkError> {
    if fingerprint == before.schema_fingerprint {
        return Ok(());
    }
    let mut differences = differences(&before.schema, columns);
    // Columns within structures, or a table of a version that wrote down no columns.
    if before.schema.is_empty() || before.schema == columns {
        differences.push("they were declared differently".to_owned());
    } else if differences.is_empty() && !parquet {
        differences.push("Arrow files of different columns are not put together by readers".to_owned());
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(SinkError::OtherColumns { path: table.to_path_buf(), difference: differences.join("; ") })
}

fn check_partitions(table: &Path, published: &[String], wanted: &[String]) -> Result<(), SinkError> {
    if published == wanted {
        return Ok(());
    }
    let told = |names: &[String]| match names {
        [] => "nothing".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    };
    Err(SinkError::OtherPartitions {
        path: table.to_path_buf(),
        published: told(published),
        wanted: told(wanted),
    })
}

/// What of `now` cannot follow `before`, all of it.
fn differences(before: &[TableColumn], now: &[TableColumn]) -> Vec<String> {
    let mut found = Vec::new();
    for was in before {
        match now.iter().find(|column| column.name == was.name) {
            None => found.push(format!("{} is there, and not in this run", told(was))),
            Some(is) if !follows(was, is) => {
                found.push(format!("{} is there, {} would come", told(was), told(is)));
            }
            Some(_) => {}
        }
    }
    for is in now.iter().filter(|column| column.required) {
        if before.iter().all(|column| column.name != is.name) {
            found.push(format!("{} would come, and rows that are there have none", told(is)));
        }
    }
    let names = |columns: &[TableColumn], of: &[TableColumn]| -> Vec<String> {
        let there = columns.iter().filter(|column| of.iter().any(|other| other.name == column.name));
        there.map(|column| column.name.clone()).collect()
    };
    if found.is_empty() && names(before, now) != names(now, before) {
        found.push("the same columns would come in another order".to_owned());
    }
    found
}

/// Whether readers make one column of both without a loss.
fn follows(was: &TableColumn, is: &TableColumn) -> bool {
    let wider = matches!((&*was.column_type, &*is.column_type), ("int32", "int64"));
    (was.column_type == is.column_type || wider) && (was.required || !is.required)
}

fn told(column: &TableColumn) -> String {
    let required = if column.required { " required" } else { "" };
    format!("`{}` {}{required}", column.name, column.column_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(text: &str) -> Vec<TableColumn> {
        let column = |text: &str| {
            let (name, rest) = text.split_once(' ').expect("a name and a type");
            let column_type = rest.trim_end_matches('!').to_owned();
            TableColumn { name: name.to_owned(), column_type, required: rest.ends_with('!') }
        };
        text.split(", ").map(column).collect()
    }

    #[track_caller]
    fn check(before: &str, now: &str, expect: &[&str]) {
        assert_eq!(differences(&columns(before), &columns(now)), expect, "{before} -> {now}");
    }

    #[test]
    fn columns_may_be_added_and_become_wider() {
        check("id int64!, title string", "id int64!, title string", &[]);
        check("id int64!", "id int64!, title string", &[]);
        check("id int64!, title string", "id int64!, year int32, title string, tags list<string>", &[]);
        check("id int32", "id int64", &[]);
        check("id int64!", "id int64", &[]);
    }

    #[test]
    fn whatever_would_lose_a_value_is_told_column_by_column() {
        check(
            "id int64, title string, votes int32, seen bool",
            "id int32, votes float64, seen bool!, new string!",
            &[
                "`id` int64 is there, `id` int32 would come",
                "`title` string is there, and not in this run",
                "`votes` int32 is there, `votes` float64 would come",
                "`seen` bool is there, `seen` bool required would come",
                "`new` string required would come, and rows that are there have none",
            ],
        );
        check("day date", "day timestamp", &["`day` date is there, `day` timestamp would come"]);
        check(
            "ids list<int32>",
            "ids list<int64>",
            &["`ids` list<int32> is there, `ids` list<int64> would come"],
        );
        check("a int64, b int64", "b int64, a int64", &["the same columns would come in another order"]);
    }
}
