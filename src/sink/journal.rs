//! The two records in the state folder: what is staged, and what a publish has decided.
//!
//! Does not belong here: what is done with them (`commit`).
//!
//! Invariant: neither is ever read torn, and both hold absolute paths, so that the next start may come
//! from another working directory.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::disk::{Disk, temporary_name};
use super::error::SinkError;
use super::manifest::{Manifest, decode};
use super::remote_entry::RemoteEntry;

/// Of the list of staged files.
const VERSION: u32 = 1;

/// Of the journal: folder tables came with 2, which a program that knows only files would take for lost ones; tables in object
/// stores with 4, whose addresses others would take for files.
const JOURNAL_VERSION: u32 = 4;
/// Of one without tables in object stores, which programs that know none may go on with.
const WITHOUT_REMOTE: u32 = 2;
const JOURNAL: &str = "publish.json";
const STAGED: &str = "staged.json";

/// A publish that is decided.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Journal {
    version: u32,
    /// Every table of the run, in the order of the plan.
    pub tables: Vec<Entry>,
}

/// One table of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Where it is.
    pub staged: PathBuf,
    /// Where it goes.
    pub path: PathBuf,
    /// Of a folder table, where its link is made before it is renamed to `path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<PathBuf>,
    /// What is to stand beside it; holds the digests by which files are known.
    pub manifest: Manifest,
    /// Of a table in an object store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemoteEntry>,
}

impl Journal {
    pub fn new(tables: Vec<Entry>) -> Self {
        let remote = tables.iter().any(|entry| entry.remote.is_some());
        Self { version: if remote { JOURNAL_VERSION } else { WITHOUT_REMOTE }, tables }
    }

    pub fn path(state: &Path) -> PathBuf {
        state.join(JOURNAL)
    }

    /// The commit point of a run.
    pub fn write(&self, disk: &Disk, state: &Path) -> Result<(), SinkError> {
        disk.replace(
            &Self::path(state),
            &serde_json::to_vec_pretty(self).expect("paths were checked to be UTF-8"),
        )
    }

    pub fn read(disk: &Disk, state: &Path) -> Result<Option<Self>, SinkError> {
        let path = Self::path(state);
        let Some(text) = disk.read(&path)? else { return Ok(None) };
        decode("publish journal", &path, &text, JOURNAL_VERSION).map(Some)
    }

    /// Removes it, durably.
    pub fn remove(disk: &Disk, state: &Path) -> Result<(), SinkError> {
        disk.remove(&Self::path(state))?;
        disk.sync_folder(state)
    }
}

/// Every staged file that this pipeline may have left.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StagedList {
    version: u32,
    pub files: Vec<PathBuf>,
}

impl StagedList {
    pub fn read(disk: &Disk, state: &Path) -> Result<Self, SinkError> {
        let path = state.join(STAGED);
        match disk.read(&path)? {
            Some(text) => decode("list of staged files", &path, &text, VERSION),
            None => Ok(Self { version: VERSION, files: Vec::new() }),
        }
    }

    /// Writes it; an empty list is no file.
    pub fn write(&self, disk: &Disk, state: &Path) -> Result<(), SinkError> {
        let path = state.join(STAGED);
        if self.files.is_empty() {
            return disk.remove(&path).map(|_| ());
        }
        disk.replace(&path, &serde_json::to_vec_pretty(self).expect("paths were checked to be UTF-8"))
    }
}

/// Removes what a killed process left of writing the two records.
pub(super) fn sweep_temporaries(disk: &Disk, state: &Path) -> Result<(), SinkError> {
    for name in [JOURNAL, STAGED] {
        disk.remove(&temporary_name(&state.join(name)))?;
    }
    Ok(())
}
