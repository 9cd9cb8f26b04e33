//! What the journal holds of a Delta table: enough to work out its commit again, and to know whether it was done.
//!
//! Does not belong here: the work (`delta`).
//!
//! Invariant: plain data, in which a later version only adds. A build without Delta tables reads it, too, so that it can say
//! what it cannot finish.

use serde::{Deserialize, Serialize};

use super::upsert_spec::UpsertSpec;
use crate::spec::{Mode, ParquetCodec};

/// A Delta table in a publish.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DeltaEntry {
    /// What becomes of the rows that are there.
    pub mode: Mode,
    /// Columns that are in the names of folders.
    pub partition_by: Vec<String>,
    /// How rows take the place of others.
    pub upsert: Option<UpsertSpec>,
    /// Codec of files that are written anew.
    pub compression: ParquetCodec,
    /// Part of the names of this publish's files, so that they are nobody else's.
    pub generation: String,
    /// The columns, in Delta's own words.
    pub schema: serde_json::Value,
    /// What the commit holds, as far as it is worked out.
    pub work: Work,
}

/// What a commit adds to the table and takes from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Work {
    /// The version of the table that it follows; `None`: there was no table.
    pub base: Option<u64>,
    /// Files that go, as the log names them.
    pub removes: Vec<String>,
    /// Files that come.
    pub adds: Vec<AddFile>,
    /// Names in the table that an earlier working out gave to files which nobody wants any more.
    #[serde(default)]
    pub stale: Vec<String>,
}

/// A file that comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AddFile {
    /// Its place in the table, as on the disk.
    pub path: String,
    /// Where it is staged, within the staged folder.
    pub staged: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Its values of the columns that are in the names of folders.
    pub partition: Vec<(String, Option<String>)>,
}
