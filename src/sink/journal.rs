//! The two records in the state folder: what is staged, and what a publish has decided.
//!
//! Does not belong here: what is done with them (`commit`).
//!
//! Invariant: neither is ever read torn, and both hold absolute paths, so that the next start may come
//! from another working directory.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::delta_entry::DeltaEntry;
use super::disk::{Disk, temporary_name};
use super::error::SinkError;
use super::manifest::{Manifest, RunFacts, decode};
use super::remote_entry::RemoteEntry;
use super::staged::StagedTable;
use crate::spec::{Mode, StoreUrl};

/// Of the list of staged files.
const VERSION: u32 = 1;

/// Of the journal: folder tables came with 2, which a program that knows only files would take for lost ones; Delta tables
/// with 3; tables in object stores with 4, whose addresses others would take for files; Delta tables in object stores with 5.
const JOURNAL_VERSION: u32 = 5;
/// Of one with tables in object stores, and no Delta table among them.
const WITH_STORES: u32 = 4;
/// Of one with Delta tables and none in object stores.
const WITH_DELTA: u32 = 3;
/// Of one with neither, which programs that know neither may go on with.
const WITHOUT_EITHER: u32 = 2;
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
    /// Of a Delta table, its commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<DeltaEntry>,
    /// Of a table in an object store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemoteEntry>,
}

/// What is known of a staged table, without the loads before it.
pub(super) fn manifest(table: &StagedTable, facts: &RunFacts) -> Manifest {
    Manifest {
        version: Manifest::VERSION,
        table: table.name.clone(),
        rows: table.rows,
        bytes: table.bytes,
        digest: table.digest.clone(),
        schema_fingerprint: table.schema_fingerprint.clone(),
        columns: table.columns.clone(),
        schema: table.schema.clone(),
        generation: None,
        files: table.files.clone(),
        history: Vec::new(),
        facts: facts.clone(),
    }
}

impl Entry {
    /// Whether the table is in an object store.
    pub fn is_in_store(&self) -> bool {
        StoreUrl::is_meant(&self.path)
    }

    /// Of a table that is one file.
    pub fn of_file(disk: &Disk, table: &StagedTable, facts: &RunFacts) -> Result<Self, SinkError> {
        let mut manifest = manifest(table, facts);
        manifest.remember(Manifest::read(disk, &table.path)?.as_ref(), Mode::Overwrite, table.rows);
        let (staged, path) = (table.staged().to_path_buf(), table.path.clone());
        Ok(Self { staged, path, link: None, manifest, delta: None, remote: None })
    }
}

impl Journal {
    pub fn new(tables: Vec<Entry>) -> Self {
        let any = |is: fn(&Entry) -> bool| tables.iter().any(is);
        let version = if any(|entry| entry.delta.is_some() && entry.is_in_store()) {
            JOURNAL_VERSION
        } else if any(Entry::is_in_store) {
            WITH_STORES
        } else if any(|entry| entry.delta.is_some()) {
            WITH_DELTA
        } else {
            WITHOUT_EITHER
        };
        Self { version, tables }
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
