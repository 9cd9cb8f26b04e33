//! What a table is on the disk, and what it may take the place of.
//!
//! Invariant: what this program has not made is never replaced, but a plain file by a file.

use std::fs::FileType;
use std::path::Path;

use super::disk::Disk;
use super::error::SinkError;
use super::generation;
use super::read::ends_like_a_table;
use super::remote;
use super::staged::StagedTable;
use crate::spec::{Layout, StoreUrl};

/// The folder of the log of a Delta table.
pub(super) const LOG: &str = "_delta_log";

/// One of three.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    File,
    Folder,
    Delta,
}

impl Shape {
    /// Of a table that is to be staged.
    pub fn of_layout(layout: &Layout) -> Self {
        match layout {
            Layout::File => Self::File,
            Layout::Folder(_) => Self::Folder,
            Layout::Delta(_) => Self::Delta,
        }
    }

    /// Of one that is staged.
    pub fn of(table: &StagedTable) -> Self {
        match (&table.delta, &table.folder) {
            (Some(_), _) => Self::Delta,
            (None, Some(_)) => Self::Folder,
            (None, None) => Self::File,
        }
    }

    /// A table that is a file may take the place of nothing, or of a plain file; one that is a folder, of nothing or of
    /// a link to a generation of its own. A Delta table is nothing yet, an empty folder, or a folder with a log.
    pub fn check(self, disk: &Disk, table: &str, path: &Path) -> Result<(), SinkError> {
        if StoreUrl::is_meant(path) {
            // There are objects only, and those of a table by the names that it gives them.
            return Ok(());
        }
        let Some(found) = disk.inspect(path)? else { return Ok(()) };
        let (table, path) = (table.to_owned(), path.to_path_buf());
        let fits = match self {
            Self::File if found.is_file() => true,
            Self::File => return Err(SinkError::NotAFile { table, path, found: describe(found) }),
            Self::Folder => found.is_symlink() && generation::current(disk, &path)?.is_some(),
            Self::Delta => found.is_dir() && (is_delta(&path)? || disk.list(&path)?.is_empty()),
        };
        if fits { Ok(()) } else { Err(SinkError::NotOurs { table, path, found: describe(found) }) }
    }
}

/// Whether a Delta table is at `path`, or the beginnings of one. A store is asked, unless the address names a data file, which
/// a table with a log never has for its name.
pub(super) fn is_delta(path: &Path) -> Result<bool, SinkError> {
    match StoreUrl::of(path) {
        Some(_) if ends_like_a_table(path) => Ok(false),
        Some(url) => remote::has_below(&url, LOG),
        None => Ok(path.join(LOG).is_dir()),
    }
}

fn describe(found: FileType) -> &'static str {
    if found.is_dir() {
        "a folder"
    } else if found.is_file() {
        "a file"
    } else if found.is_symlink() {
        "a symbolic link"
    } else {
        "a device or pipe"
    }
}
