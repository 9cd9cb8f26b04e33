//! What somebody is told who opens or publishes.
//!
//! Does not belong here: how it came about (`commit`).

use std::path::PathBuf;

use super::nulls::ColumnFacts;
use super::staged::StagedTable;

/// What [`Commit::open`](super::Commit::open) found to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The run whose half-done publish was finished.
    pub run: Option<String>,
    /// Its tables, now all visible.
    pub published: Vec<PathBuf>,
    /// Tables of it whose staged file somebody has removed or changed; these are as they were found.
    pub lost: Vec<PathBuf>,
    /// Staged files of an interrupted run, removed.
    pub swept: Vec<PathBuf>,
}

/// A table that readers see now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedTable {
    /// Its name.
    pub name: String,
    /// Where it is, absolute.
    pub path: PathBuf,
    /// Rows that this run brought.
    pub rows: u64,
    /// Bytes of the files that it wrote.
    pub bytes: u64,
    /// Files that it wrote.
    pub files: usize,
    /// Its columns.
    pub columns: Vec<ColumnFacts>,
}

/// What is told of a table when it is published.
pub(super) fn published(table: &StagedTable) -> PublishedTable {
    PublishedTable {
        name: table.name.clone(),
        path: table.path.clone(),
        rows: table.rows,
        bytes: table.bytes,
        files: table.files.len(),
        columns: table.columns.clone(),
    }
}
