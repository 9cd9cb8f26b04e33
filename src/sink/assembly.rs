//! What a publish does for folder tables: a staged generation is completed with what stays of the one before it, becomes
//! a folder among the others, and in the end what is two generations old goes.
//!
//! Does not belong here: the order of the steps over all tables (`commit`), and names (`generation`). Everything here
//! happens under the table's lock.
//!
//! Invariant: files of a generation that a link has named are never written, renamed or removed, but with the whole
//! generation, when it is neither the one that readers see nor the one before.

use std::collections::BTreeSet;
use std::path::Path;

use super::disk::{Digest, Disk};
use super::error::SinkError;
use super::evolution;
use super::facts::{FileFacts, Generation};
use super::generation;
use super::journal::{self, Entry};
use super::manifest::{Manifest, RunFacts};
use super::staged::{StagedFolder, StagedTable};
use crate::spec::Mode;

/// Files that a table may have: each is a name in a folder, a line in the manifest, and a link at every append.
const FILES_MAX: usize = 50_000;

/// Completes what is staged for a folder table, and says how its publish is to be recorded; none where the run has
/// appended its rows before.
pub(super) fn prepare(
    disk: &Disk,
    table: &StagedTable,
    folder: &StagedFolder,
    facts: &RunFacts,
) -> Result<Option<Entry>, SinkError> {
    let previous = generation::current(disk, &table.path)?;
    let before = Manifest::read(disk, &table.path)?.filter(|_| previous.is_some());
    let generation = Generation {
        name: folder.generation.clone(),
        previous: previous.clone(),
        mode: folder.layout.mode,
        partition_by: folder.layout.partition_by.clone(),
    };
    let mut manifest = Manifest { generation: Some(generation), ..journal::manifest(table, facts) };
    if folder.layout.mode == Mode::Append && previous.is_some() {
        let Some(before) = &before else {
            let missing = "its manifest".to_owned();
            return Err(SinkError::Incomplete { path: table.path.clone(), missing });
        };
        if before.has_rows_of(&facts.run) {
            return Ok(None);
        }
        continue_from(disk, &mut manifest, before, table.staged(), &table.path)?;
    }
    manifest.sum_up(before.as_ref(), table.rows);
    Ok(Some(Entry {
        remote: None,
        staged: table.staged().to_path_buf(),
        path: table.path.clone(),
        link: Some(folder.link.clone()),
        manifest,
        delta: None,
    }))
}

/// Puts the files of `before` in front of those of `manifest`, which are in `folder`, and gives them a name there.
fn continue_from(
    disk: &Disk,
    manifest: &mut Manifest,
    before: &Manifest,
    folder: &Path,
    table: &Path,
) -> Result<(), SinkError> {
    evolution::check_after(manifest, before, table)?;
    // A file without rows is for the columns of a table without others.
    let (empty, mut own): (Vec<FileFacts>, Vec<FileFacts>) =
        manifest.files.drain(..).partition(|file| file.rows == 0 && !before.files.is_empty());
    for file in empty {
        disk.remove(&folder.join(&file.path))?;
    }
    manifest.files.clone_from(&before.files);
    manifest.files.append(&mut own);
    if manifest.files.len() > FILES_MAX {
        return Err(SinkError::TooManyFiles { path: table.to_path_buf(), most: FILES_MAX });
    }
    let name = &before.generation.as_ref().expect("only folder tables have files to continue").name;
    let from = generation::folder(table, name);
    let mut folders = BTreeSet::from([folder.to_path_buf()]);
    for file in &before.files {
        let to = folder.join(&file.path);
        let parent = to.parent().expect("a file in a folder");
        if !folders.contains(parent) {
            disk.create_folders(parent)?;
            folders.insert(parent.to_path_buf());
        }
        if disk.size(&to)?.is_some() {
            // A recovery that was itself cut short.
            continue;
        }
        if disk.size(&from.join(&file.path))? != Some(file.bytes) {
            let missing = format!("`{}`", file.path);
            return Err(SinkError::Incomplete { path: table.to_path_buf(), missing });
        }
        disk.share(&from.join(&file.path), &to)?;
    }
    folders.iter().try_for_each(|folder| disk.sync_folder(folder))
}

impl Manifest {
    /// Whether the table has what `run` brought, or had it once.
    fn has_rows_of(&self, run: &str) -> bool {
        let appended = |load: &super::Load| load.run == run && load.mode == Mode::Append;
        self.files.iter().any(|file| file.run == run) || self.history.iter().any(appended)
    }

    /// Rows that `run` brought.
    pub(super) fn rows_of(&self, run: &str) -> u64 {
        self.files.iter().filter(|file| file.run == run).map(|file| file.rows).sum()
    }

    /// Counts what is in `files`, of which this load brought `rows`.
    fn sum_up(&mut self, before: Option<&Self>, rows: u64) {
        self.rows = self.files.iter().map(|file| file.rows).sum();
        self.bytes = self.files.iter().map(|file| file.bytes).sum();
        let mut digest = Digest::default();
        for file in &self.files {
            digest.update(format!("{} {}\n", file.path, file.digest).as_bytes());
        }
        self.digest = digest.hex();
        let mode = self.generation.as_ref().map(|generation| generation.mode).unwrap_or_default();
        self.remember(before, mode, rows);
    }
}

/// Where a crash left a folder table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// Still under its staged name.
    Staged,
    /// A folder among the generations; the link is another's.
    Filed,
    /// The link names it.
    Visible,
    /// Somebody took it away, or put a later one above it.
    Lost,
}

/// How far a crash let the publish of `entry` come. What others have published meanwhile is taken in: files are
/// linked anew where another generation is now the one to continue.
pub(super) fn stand_of(disk: &Disk, entry: &mut Entry) -> Result<Stand, SinkError> {
    let Entry { staged, path, manifest, .. } = entry;
    let Some(own) = manifest.generation.clone() else { return Ok(Stand::Lost) };
    let current = generation::current(disk, path)?;
    if current.as_ref() == Some(&own.name) {
        return Ok(Stand::Visible);
    }
    let filed = generation::folder(path, &own.name);
    let (folder, stand) = if disk.inspect(staged)?.is_some_and(|kind| kind.is_dir()) {
        (staged.clone(), Stand::Staged)
    } else if disk.inspect(&filed)?.is_some_and(|kind| kind.is_dir()) {
        (filed, Stand::Filed)
    } else {
        return Ok(Stand::Lost);
    };
    let run = manifest.facts.run.clone();
    for file in manifest.files.iter().filter(|file| file.run == run) {
        if disk.digest(&folder.join(&file.path))?.as_ref() != Some(&file.digest) {
            return Ok(Stand::Lost);
        }
    }
    if current == own.previous {
        // The files of others are links to what has been there all the time.
        for file in manifest.files.iter().filter(|file| file.run != run) {
            if disk.size(&folder.join(&file.path))? != Some(file.bytes) {
                return Ok(Stand::Lost);
            }
        }
        return Ok(stand);
    }
    let Some(now) = Manifest::read(disk, path)?.filter(|_| current.is_some()) else {
        // The dataset was removed; what was decided takes its place.
        return Ok(stand);
    };
    if now.history.iter().any(|load| load.generation.as_ref() == Some(&own.name)) {
        return Ok(Stand::Lost);
    }
    rebase(disk, manifest, &now, &folder, path)?;
    Ok(stand)
}

/// Lets a generation that is not visible yet follow `now` instead of what it followed.
fn rebase(
    disk: &Disk,
    manifest: &mut Manifest,
    now: &Manifest,
    folder: &Path,
    table: &Path,
) -> Result<(), SinkError> {
    let run = manifest.facts.run.clone();
    let rows = manifest.rows_of(&run);
    let generation = manifest.generation.as_mut().expect("a folder table");
    generation.previous = now.generation.as_ref().map(|generation| generation.name.clone());
    if generation.mode == Mode::Append {
        let (own, others): (Vec<FileFacts>, Vec<FileFacts>) =
            manifest.files.drain(..).partition(|file| file.run == run);
        manifest.files = own;
        for file in others {
            disk.remove(&folder.join(&file.path))?;
        }
        continue_from(disk, manifest, now, folder, table)?;
    }
    manifest.history.clear();
    manifest.sum_up(Some(now), rows);
    Ok(())
}

/// Makes a staged generation one of the table's folders, with its manifest beside it. Readers do not see it yet.
pub(super) fn file(disk: &Disk, entry: &Entry, stand: Stand) -> Result<(), SinkError> {
    let Some(own) = &entry.manifest.generation else { return Ok(()) };
    if stand == Stand::Staged {
        disk.rename(&entry.staged, &generation::folder(&entry.path, &own.name))?;
    }
    // Syncs the folder that both are in.
    entry.manifest.write(disk, &entry.path)
}

/// Lets the table's link name the generation.
pub(super) fn show(disk: &Disk, entry: &Entry) -> Result<(), SinkError> {
    let (Some(own), Some(link)) = (&entry.manifest.generation, &entry.link) else { return Ok(()) };
    disk.remove(link)?;
    disk.link(&generation::link_to(&entry.path, &own.name), link)?;
    disk.rename(link, &entry.path)
}

/// Removes the generations that are older than the one before the one that readers see.
pub(super) fn prune(disk: &Disk, table: &Path) -> Result<(), SinkError> {
    let Some(current) = generation::current(disk, table)? else { return Ok(()) };
    let Some(manifest) = Manifest::read(disk, table)? else { return Ok(()) };
    let previous = manifest.generation.and_then(|generation| generation.previous);
    // Only what was published: another's half-done generation is its recovery's.
    let old: BTreeSet<String> = manifest
        .history
        .into_iter()
        .filter_map(|load| load.generation)
        .filter(|name| *name != current && Some(name) != previous.as_ref())
        .collect();
    let there = disk.list(&generation::home(table))?;
    for name in &old {
        let record = format!("{name}{}", generation::MANIFEST);
        // The record goes last: it says that the folder is ours.
        if there.iter().any(|(found, _)| found == name) {
            disk.remove_folder(&generation::folder(table, name))?;
        }
        if there.iter().any(|(found, _)| *found == record) {
            disk.remove(&generation::manifest(table, name))?;
        }
    }
    Ok(())
}
