//! A file or folder that is on the disk and not yet visible.
//!
//! Does not belong here: what is in it (`encode`, `folder`), and its way to visibility (`commit`).
//!
//! Invariant: what is staged and dropped is removed, until `commit` has made it the journal's.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use arrow::datatypes::SchemaRef;

use super::TableSpec;
use super::disk::{Digest, Disk};
use super::error::SinkError;
use super::facts::{FileFacts, TableColumn};
use super::manifest::hidden;
use super::nulls::ColumnFacts;
use super::part::Part;
use crate::spec::{DeltaLayout, FolderLayout};

/// A complete table on the disk, synced, at a name that no reader knows. Dropping it removes it.
#[derive(Debug)]
pub struct StagedTable {
    /// Its name.
    pub name: String,
    /// Where it is to appear, absolute.
    pub path: PathBuf,
    /// Rows in it.
    pub rows: u64,
    /// Its columns.
    pub columns: Vec<ColumnFacts>,
    /// Its size.
    pub bytes: u64,
    /// Fingerprint of its schema.
    pub schema_fingerprint: String,
    pub(super) schema: Vec<TableColumn>,
    pub(super) files: Vec<FileFacts>,
    /// Of the file, where the table is one.
    pub(super) digest: String,
    pub(super) folder: Option<StagedFolder>,
    pub(super) delta: Option<Box<StagedDelta>>,
    pub(super) file: StagedFile,
}

/// What is to become of a staged folder.
#[derive(Clone, Debug)]
pub(super) struct StagedFolder {
    /// The name of the generation.
    pub generation: String,
    /// Where the link is made that is then renamed into place.
    pub link: PathBuf,
    /// How the table is laid out.
    pub layout: FolderLayout,
}

/// What is to become of the staged files of a Delta table.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "delta"), expect(dead_code, reason = "a build without Delta tables stages none"))]
pub(super) struct StagedDelta {
    /// Part of the names of its files.
    pub generation: String,
    /// How the table is filled.
    pub layout: DeltaLayout,
    /// The table, its path absolute.
    pub spec: TableSpec,
}

/// Where a table is staged.
#[derive(Debug)]
pub(super) struct Place {
    /// The file, or the folder.
    pub staged: PathBuf,
    /// Of a folder table.
    pub folder: Option<StagedFolder>,
    /// Of a Delta table.
    pub delta: Option<Box<StagedDelta>>,
}

impl Place {
    /// Every name that a killed run may leave of it.
    pub fn names(&self) -> impl Iterator<Item = PathBuf> + use<> {
        names(&self.staged, self.folder.as_ref())
    }
}

fn names(staged: &Path, folder: Option<&StagedFolder>) -> impl Iterator<Item = PathBuf> + use<> {
    std::iter::once(staged.to_path_buf()).chain(folder.map(|folder| folder.link.clone()))
}

impl StagedTable {
    /// Where it is now: hidden, beside its path or among its generations.
    pub fn staged(&self) -> &Path {
        &self.file.path
    }

    /// Every name that stands for it in the list of staged files.
    pub(super) fn names(&self) -> impl Iterator<Item = PathBuf> + use<> {
        names(&self.file.path, self.folder.as_ref())
    }
}

/// The name of a staged file or folder, and the duty to remove it.
#[derive(Debug)]
pub(super) struct StagedFile {
    pub path: PathBuf,
    disk: Disk,
    kept: bool,
}

impl StagedFile {
    pub fn new(disk: &Disk, path: PathBuf) -> Self {
        Self { path, disk: disk.clone(), kept: false }
    }

    /// Begins a file in the staged folder that holds no rows of the table.
    pub fn beside(
        &self,
        name: &str,
        table: &TableSpec,
        schema: SchemaRef,
        fingerprint: &str,
    ) -> Result<Part, SinkError> {
        let spec = TableSpec { schema, sort_by: Vec::new(), ..table.clone() };
        Part::create(&self.disk, &spec, fingerprint, &self.path.join(name))
    }

    /// From now on somebody else's records decide what becomes of it.
    pub fn keep(&mut self) {
        self.kept = true;
    }

    /// Takes the duty back.
    pub fn unkeep(&mut self) {
        self.kept = false;
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed now stands in the list of staged files and goes at the next start.
            let _ = self.disk.remove_staged(&self.path);
        }
    }
}

/// A new name beside `table` for staging it. Drawn anew each time: two pipelines that write the same
/// table stage into two files.
pub(super) fn staged_name(table: &Path) -> PathBuf {
    hidden(table, &format!(".{:016x}.tmp", fastrand::u64(..)))
}

/// Bytes on their way into a staged file: counted, digested, and the first refusal of the disk kept,
/// which a format would turn into text.
pub(super) struct Output {
    pub file: File,
    path: PathBuf,
    disk: Disk,
    digest: Digest,
    pub bytes: u64,
    pub refusal: Option<io::Error>,
}

impl Output {
    pub fn create(disk: &Disk, path: &Path) -> Result<Self, SinkError> {
        Ok(Self {
            file: disk.create_new(path)?,
            path: path.to_path_buf(),
            disk: disk.clone(),
            digest: Digest::default(),
            bytes: 0,
            refusal: None,
        })
    }

    pub fn digest(&self) -> String {
        self.digest.hex()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.disk.write(&self.file, &self.path, bytes) {
            Ok(()) => {
                self.digest.update(bytes);
                self.bytes += bytes.len() as u64;
                Ok(bytes.len())
            }
            Err(error) => {
                let kind = error.kind();
                self.refusal.get_or_insert(error);
                Err(kind.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
