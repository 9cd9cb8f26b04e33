//! What a commit is to hold: the files that come and those that go, worked out on one version of the table.
//!
//! Does not belong here: the commit itself (`publish`), and rows (`rewrite`).
//!
//! Invariant: nothing in the table is touched, so it may be done again on another version; what an earlier working out gave is
//! in [`Work::stale`].

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use delta_kernel::SnapshotRef;
use percent_encoding::percent_decode_str;

use super::columns::to_arrow;
use super::home::Home;
use super::load::Load;
use super::rewrite::{Outcome, Rewrite};
use super::table::Table;
use crate::sink::delta_entry::{AddFile, DeltaEntry, Work};
use crate::sink::disk::Disk;
use crate::sink::encode::FormatError;
use crate::sink::error::{Action, SinkError};
use crate::sink::facts::FileFacts;
use crate::sink::journal::Entry;
use crate::sink::partition::NO_VALUE;
use crate::spec::Mode;

/// A publish of one table, with everything that working on it needs.
pub(super) struct Job<'a> {
    pub disk: &'a Disk,
    pub table: &'a Table,
    pub entry: &'a Entry,
    pub delta: &'a DeltaEntry,
    /// The columns of the load.
    pub schema: SchemaRef,
}

impl<'a> Job<'a> {
    pub fn new(disk: &'a Disk, table: &'a Table, entry: &'a Entry) -> Result<Self, SinkError> {
        let delta = entry.delta.as_ref().expect("of a Delta table");
        let schema = serde_json::from_value(delta.schema.clone()).map_err(|source| SinkError::BadRecord {
            kind: "columns of a Delta table",
            path: entry.path.clone(),
            source,
        })?;
        Ok(Self { disk, table, entry, delta, schema: to_arrow(&entry.path, &schema)? })
    }

    /// A file that comes: where it was staged, or where it was moved to.
    pub fn open(&self, file: &AddFile) -> Result<File, SinkError> {
        let staged = self.entry.staged.join(&file.staged);
        match self.placed(file) {
            Some(placed) if self.disk.inspect(&staged)?.is_none() => self.read(&placed),
            _ => self.read(&staged),
        }
    }

    /// Where on the disk a file that comes is in the table, if the table is there.
    pub fn placed(&self, file: &AddFile) -> Option<PathBuf> {
        match &self.table.home {
            Home::Folder(folder) => Some(folder.join(&file.path)),
            Home::Store(_) => None,
        }
    }

    pub fn read(&self, path: &Path) -> Result<File, SinkError> {
        self.disk.open(path)
    }

    /// Those of the table's columns that are in `names`, in the order of the table.
    pub fn schema_of(&self, names: &[String]) -> SchemaRef {
        let fields = self.schema.fields().iter().filter(|field| names.contains(field.name()));
        Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>()))
    }

    pub fn bad_file(&self, path: &Path, error: impl Into<FormatError>) -> SinkError {
        let path = if path.is_absolute() { path.to_path_buf() } else { self.entry.path.join(path) };
        SinkError::Encode { table: self.entry.manifest.table.clone(), path, source: error.into() }
    }

    /// The files of the load.
    pub fn load(&self) -> Vec<AddFile> {
        // One without rows is for the columns of a table without others, which the log has anyway.
        let files = self.entry.manifest.files.iter().filter(|file| file.rows > 0);
        files.map(|file| add_file(file, &self.delta.partition_by)).collect()
    }

    /// What the commit is to hold that follows `snapshot`.
    pub fn work_out(&self, snapshot: Option<&SnapshotRef>) -> Result<Work, SinkError> {
        let load = self.load();
        let mut work = Work { base: snapshot.map(|it| it.version()), ..Work::default() };
        let live = match snapshot {
            Some(snapshot) if self.delta.mode != Mode::Append => self.table.live(snapshot)?,
            _ => Vec::new(),
        };
        let Some(spec) = self.delta.upsert.as_ref().filter(|_| self.delta.mode == Mode::Upsert) else {
            work.removes = live.into_iter().map(|file| file.path).collect();
            work.adds = load;
            return Ok(work);
        };
        let keys = Load::read(self, spec, &load)?;
        let mut rewrite = Rewrite::new(self, spec, &keys)?;
        let mut touched = Vec::new();
        for file in live.into_iter().filter(|file| keys.may_touch(file)) {
            if file.has_deletions {
                return Err(SinkError::OtherDelta {
                    path: self.entry.path.clone(),
                    difference: "it has deletion vectors, which this program does not write".to_owned(),
                });
            }
            if rewrite.look(&file)? {
                touched.push(file);
            }
        }
        for file in touched {
            match rewrite.table_file(&file)? {
                Outcome::Same => continue,
                Outcome::Nothing => {}
                Outcome::Anew(kept) => work.adds.push(kept),
            }
            work.removes.push(file.path);
        }
        let mut first = 0;
        for file in load {
            let rows = file.rows;
            if keys.is_crowded || rewrite.is_superseded() {
                match rewrite.load_file(&file, first)? {
                    Outcome::Same => work.adds.push(file),
                    Outcome::Nothing => {}
                    Outcome::Anew(kept) => work.adds.push(kept),
                }
            } else {
                work.adds.push(file);
            }
            first += rows;
        }
        Ok(work)
    }
}

/// A file of the load as one that comes.
fn add_file(file: &FileFacts, partition_by: &[String]) -> AddFile {
    let levels = file.path.split('/').zip(partition_by);
    let value = |(level, name): (&str, &String)| {
        let text = level.split_once('=').map_or("", |(_, value)| value);
        let value = percent_decode_str(text).decode_utf8_lossy().into_owned();
        (name.clone(), Some(value).filter(|_| text != NO_VALUE))
    };
    AddFile {
        path: file.path.clone(),
        staged: file.path.clone(),
        rows: file.rows,
        bytes: file.bytes,
        partition: levels.map(value).collect(),
    }
}

/// The error for a file that should be there.
pub(super) fn is_gone(path: &Path) -> SinkError {
    SinkError::disk(Action::Read, path, std::io::ErrorKind::NotFound.into())
}
