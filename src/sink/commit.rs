//! Everything that makes the tables of a run visible, or clears away what an earlier run left.
//!
//! The steps and the invariants are in `docs/architecture/commit.md`; the numbers in the comments are
//! its steps. Does not belong here: single operations on the disk (`disk`), and what a run does before
//! and after.
//!
//! Invariant: until the journal is in place nothing visible changes; from then on nothing is undone.

mod in_store;
mod recovery;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use super::TableSpec;
use super::assembly::{self, Stand};
use super::commit_delta::{check_delta, delta_place, staged_deltas};
use super::delta;
use super::disk::{Disk, folder_of};
use super::error::{Action, SinkError};
use super::evolution;
use super::generation;
use super::journal::{Entry, Journal, StagedList, manifest};
use super::lock::{Lock, TableLock};
use super::manifest::{RunFacts, check_table_source};
use super::outcome::{PublishedTable, Recovered, published};
use super::remote::Publish;
use super::remote_entry::LoadId;
use super::shape::Shape;
use super::staged::{Place, StagedFolder, StagedTable, staged_name};
use super::writer::TableWriter;
use crate::spec::{Layout, StoreUrl};

/// How long a publish waits for another one of the same table: a publish is a handful of renames and
/// syncs, so one that takes longer hangs.
const TABLE_WAIT: Duration = Duration::from_secs(30);

/// The one who stages and publishes for a pipeline; holds its lock.
#[derive(Debug)]
pub struct Commit {
    lock: Lock,
    pub(super) disk: Disk,
    table_wait: Duration,
    /// The loads that were in object stores when the run began.
    seen: Mutex<BTreeMap<PathBuf, Option<LoadId>>>,
}

impl Commit {
    /// Finishes what an earlier process of this pipeline left, then is ready to stage: a half-done
    /// publish is rolled forward, other staged files are removed.
    pub fn open(lock: Lock) -> Result<(Self, Recovered), SinkError> {
        Self::open_on(lock, Disk::default(), TABLE_WAIT)
    }

    pub(super) fn open_on(
        lock: Lock,
        disk: Disk,
        table_wait: Duration,
    ) -> Result<(Self, Recovered), SinkError> {
        let commit = Self { lock, disk, table_wait, seen: Mutex::default() };
        let recovered = commit.recover()?;
        Ok((commit, recovered))
    }

    /// The pipeline's lock.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// Opens a writer for each table of `run`; folders on the way are made. Nothing is visible yet.
    pub fn stage(&self, tables: &[TableSpec], run: &str) -> Result<Vec<TableWriter>, SinkError> {
        let mut specs: Vec<TableSpec> = Vec::with_capacity(tables.len());
        for table in tables {
            let path = match StoreUrl::of(&table.path) {
                // Of the load that is there its log tells.
                Some(url) if matches!(table.layout, Layout::Delta(_)) => url.path(),
                Some(url) => self.look_at(&url)?,
                None => self.resolve(table)?,
            };
            if let Some(other) = specs.iter().find(|other| other.path == path) {
                return Err(same_path(&other.name, &table.name, &path));
            }
            specs.push(TableSpec { path, ..table.clone() });
        }
        for spec in &specs {
            check_delta(&self.disk, spec)?;
        }
        let places = specs.iter().map(|spec| self.place(spec, run)).collect::<Result<Vec<_>, _>>()?;
        // Step 2, before the first byte.
        let mut list = StagedList::read(&self.disk, self.state())?;
        list.files.extend(places.iter().flat_map(Place::names));
        list.write(&self.disk, self.state())?;
        // Step 3; an error drops the writers before it, and with them their files.
        let writer = |(spec, place)| TableWriter::create(&self.disk, spec, place, run);
        specs.iter().zip(places).map(writer).collect()
    }

    /// Where a table is staged.
    fn place(&self, spec: &TableSpec, run: &str) -> Result<Place, SinkError> {
        let layout = match &spec.layout {
            Layout::Delta(layout) => return Ok(delta_place(spec, layout, run, self.state())),
            _ if let Some(url) = StoreUrl::of(&spec.path) => {
                let staged = staged_name(&self.state().join(url.name()));
                return Ok(Place { staged, folder: None, delta: None });
            }
            Layout::File => return Ok(Place { staged: staged_name(&spec.path), folder: None, delta: None }),
            Layout::Folder(layout) => layout,
        };
        evolution::check_before(&self.disk, spec)?;
        self.disk.create_folders(&generation::home(&spec.path))?;
        let folder = StagedFolder {
            generation: generation::name_for(&self.disk, &spec.path, run)?,
            link: staged_name(&spec.path),
            layout: layout.clone(),
        };
        Ok(Place { staged: generation::staged(&spec.path), folder: Some(folder), delta: None })
    }

    /// Makes the tables of a run visible, all of them.
    ///
    /// An error leaves every table as it was and the staged files removed, except for
    /// [`SinkError::Unfinished`]: then the next [`Commit::open`] goes on.
    pub fn publish(
        &self,
        tables: Vec<StagedTable>,
        facts: &RunFacts,
    ) -> Result<Vec<PublishedTable>, SinkError> {
        if tables.is_empty() {
            return Ok(Vec::new());
        }
        // A table in an object store has a claim or a log instead of a lock; with a claim it is looked at when it is claimed.
        let local = tables.iter().filter(|table| !StoreUrl::is_meant(&table.path));
        let _locks = self.lock_tables(local.map(|table| (&*table.path, &*table.name)))?; // 4
        let mut entries = Vec::with_capacity(tables.len());
        let mut done = Vec::new();
        for table in &tables {
            if StoreUrl::is_meant(&table.path) && table.delta.is_none() {
                entries.push(self.in_store_entry(table, facts));
                continue;
            }
            // 5: again, as hours may have passed and another pipeline may have published.
            Shape::of(table).check(&self.disk, &table.name, &table.path)?;
            check_table_source(&self.disk, &table.path, &facts.source)?;
            let prepared = match (&table.delta, &table.folder) {
                (Some(_), _) => delta::prepare(&self.disk, table, facts)?,
                (None, Some(folder)) => assembly::prepare(&self.disk, table, folder, facts)?,
                (None, None) => Some(Entry::of_file(&self.disk, table, facts)?),
            };
            match prepared {
                Some(entry) => entries.push(entry),
                None => done.push(table.path.clone()),
            }
        }
        self.sync_folders(tables.iter().map(StagedTable::staged))?; // 6
        // What an earlier attempt of the same run has appended stays as it is, and what was staged again goes.
        let published = tables.iter().map(published).collect();
        let (again, mut tables): (Vec<StagedTable>, Vec<StagedTable>) =
            tables.into_iter().partition(|table| done.contains(&table.path));
        let mut gone: Vec<PathBuf> = again.iter().flat_map(StagedTable::names).collect();
        drop(again);
        if tables.is_empty() {
            let _ = self.forget(&gone);
            return Ok(published);
        }
        gone.extend(tables.iter().flat_map(StagedTable::names));
        let mut journal = Journal::new(entries);
        // From here on the records decide what becomes of the staged files, not their handles.
        for table in &mut tables {
            table.file.keep();
        }
        if let Err(error) = journal.write(&self.disk, self.state()) {
            return Err(self.withdraw(tables, error));
        } // 7, 8
        let states = vec![State::Staged; journal.tables.len()];
        let claimed = match self.claim(&mut journal, &states) {
            Err(error @ (SinkError::OtherWriter { .. } | SinkError::OtherSource { .. })) => {
                return Err(self.withdraw(tables, error));
            }
            claimed => claimed.map_err(|source| self.unfinished(source))?,
        };
        self.carry_out(&mut journal, &states, claimed)?; // 9 to 12
        for entry in journal.tables.iter().filter(|entry| entry.remote.is_some()) {
            let _ = self.disk.remove(&entry.staged);
        }
        self.clear_deltas(&journal, &mut gone);
        // 13. The publish is done; names that stay in the list are names of files that are gone, and old generations
        // that stay are removed by the next publish.
        let _ = self.forget(&gone);
        for entry in journal.tables.iter().filter(|entry| entry.link.is_some()) {
            let _ = assembly::prune(&self.disk, &entry.path);
        }
        Ok(published)
    }

    /// The pipeline's state folder, absolute.
    pub fn state_dir(&self) -> &Path {
        self.lock.state_dir()
    }

    pub(super) fn state(&self) -> &Path {
        self.lock.state_dir()
    }

    /// Steps 9 to 12, from wherever each table is.
    fn carry_out(
        &self,
        journal: &mut Journal,
        states: &[State],
        mut claimed: Option<Publish>,
    ) -> Result<(), SinkError> {
        let mut done = || {
            // Before the first table changes, so that they all change within a few renames.
            for (at, _) in staged_deltas(journal, states) {
                self.ready_delta(journal, at)?;
            }
            let tables = || journal.tables.iter().zip(states).filter(|(_, state)| **state != State::Lost);
            for (entry, state) in tables().filter(|(entry, _)| entry.link.is_some()) {
                match state {
                    State::Staged => assembly::file(&self.disk, entry, Stand::Staged)?,
                    State::Filed => assembly::file(&self.disk, entry, Stand::Filed)?,
                    State::Published | State::Lost => {}
                }
            }
            for (entry, state) in tables() {
                match state {
                    State::Staged | State::Filed if entry.link.is_some() => {
                        assembly::show(&self.disk, entry)?;
                    }
                    // After the others, as somebody else may be first.
                    State::Staged if entry.remote.is_some() || entry.delta.is_some() => {}
                    State::Staged => self.disk.rename(&entry.staged, &entry.path)?,
                    State::Filed | State::Published | State::Lost => {}
                }
            }
            if let Some(claimed) = &mut claimed {
                claimed.complete()?;
            }
            for (at, path) in staged_deltas(journal, states) {
                self.commit_delta(journal, at, &path)?;
            }
            let tables = journal.tables.iter().zip(states).filter(|(_, state)| **state != State::Lost);
            let local: Vec<&Entry> =
                tables.map(|(entry, _)| entry).filter(|entry| !entry.is_in_store()).collect();
            self.sync_folders(local.iter().map(|entry| &*entry.path))?;
            for entry in local.iter().filter(|entry| entry.link.is_none() && entry.delta.is_none()) {
                entry.manifest.write(&self.disk, &entry.path)?;
            }
            if let Some(claimed) = &mut claimed {
                claimed.show()?;
            }
            Journal::remove(&self.disk, self.state())
        };
        done().map_err(|source| self.unfinished(source))
    }

    /// Takes back a journal that could not be written for sure, and with it the staged files.
    fn withdraw(&self, mut tables: Vec<StagedTable>, error: SinkError) -> SinkError {
        // The journal may be in place (only the sync of its folder failed). The staged files may go
        // only when it is gone for good: else a power cut brings it back without them.
        if Journal::remove(&self.disk, self.state()).is_err() {
            return self.unfinished(error);
        }
        for table in &mut tables {
            table.file.unkeep();
        }
        error
    }

    fn unfinished(&self, source: SinkError) -> SinkError {
        SinkError::Unfinished { journal: Journal::path(self.state()), source: Box::new(source) }
    }

    /// Takes names out of the list of staged ones.
    fn forget(&self, gone: &[PathBuf]) -> Result<(), SinkError> {
        let mut list = StagedList::read(&self.disk, self.state())?;
        list.files.retain(|file| !gone.contains(file));
        list.write(&self.disk, self.state())
    }

    /// The publish locks of all tables, in the order of their paths, so that no two publishes wait for
    /// each other.
    fn lock_tables<'a>(
        &self,
        tables: impl Iterator<Item = (&'a Path, &'a str)>,
    ) -> Result<Vec<TableLock>, SinkError> {
        let mut tables: Vec<(&Path, &str)> = tables.collect();
        tables.sort_unstable();
        if let Some(pair) = tables.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(same_path(pair[0].1, pair[1].1, pair[0].0));
        }
        tables.iter().map(|(path, _)| TableLock::acquire(path, self.table_wait)).collect()
    }

    fn sync_folders<'a>(&self, files: impl Iterator<Item = &'a Path>) -> Result<(), SinkError> {
        let folders: BTreeSet<&Path> = files.map(folder_of).collect();
        folders.into_iter().try_for_each(|folder| self.disk.sync_folder(folder))
    }

    /// The one absolute name of a table's path, its folder made.
    fn resolve(&self, table: &TableSpec) -> Result<PathBuf, SinkError> {
        let bad = |reason| SinkError::BadPath { table: table.name.clone(), path: table.path.clone(), reason };
        let name = table.path.file_name().ok_or_else(|| bad("it names no file"))?;
        let absolute = std::path::absolute(&table.path)
            .map_err(|error| SinkError::disk(Action::Inspect, &table.path, error))?;
        let folder = folder_of(&absolute);
        self.disk.create_folders(folder)?;
        let folder =
            folder.canonicalize().map_err(|error| SinkError::disk(Action::Inspect, folder, error))?;
        let path = folder.join(name);
        if path.to_str().is_none() {
            return Err(bad("it is not UTF-8"));
        }
        if folder.iter().filter_map(std::ffi::OsStr::to_str).any(generation::is_home) {
            return Err(bad("it is inside another table"));
        }
        Shape::of_layout(&table.layout).check(&self.disk, &table.name, &path)?;
        Ok(path)
    }
}

/// Where a crash left a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Still under its staged name.
    Staged,
    /// Of a folder table: a generation that readers do not see.
    Filed,
    /// Already under its path.
    Published,
    /// Neither: somebody else took it away.
    Lost,
}

fn same_path(first: &str, second: &str, path: &Path) -> SinkError {
    SinkError::SamePath { first: first.to_owned(), second: second.to_owned(), path: path.to_path_buf() }
}
