//! The steps of a publish, as `commit` takes them, for one Delta table.
//!
//! | step of `docs/architecture/commit.md` | here |
//! |---|---|
//! | before the first request | [`check`] |
//! | 5 | [`prepare`]: work out the commit on the version that is there |
//! | 9a | [`ready`]: again, if somebody else has committed; [`place`]: move its files into the table's folder |
//! | 9b | [`commit`](super::log::commit) |
//! | recovery | [`stand_of`] |
//!
//! Invariants: D2 and D3 of `super`.

use std::collections::BTreeSet;

use delta_kernel::schema::StructType;

use super::columns;
use super::log::is_committed;
use super::table::{LOG, Table, apart};
use super::work::{Job, is_gone, sweep};
use crate::sink::TableSpec;
use crate::sink::delta_entry::{AddFile, DeltaEntry, Work};
use crate::sink::disk::Disk;
use crate::sink::error::SinkError;
use crate::sink::journal::{Entry, manifest};
use crate::sink::manifest::RunFacts;
use crate::sink::schema::fingerprint;
use crate::sink::staged::StagedTable;
use crate::spec::{DeltaLayout, Format};

/// Refuses what would be refused in the end, before anything is asked for.
pub(in crate::sink) fn check(disk: &Disk, spec: &TableSpec, layout: &DeltaLayout) -> Result<(), SinkError> {
    fingerprint(&spec.name, &spec.schema)?;
    let schema = columns::to_delta(&spec.path, &spec.schema)?;
    if !super::is_table(&spec.path) {
        return Ok(());
    }
    apart(|| match Table::open(disk, &spec.path)?.snapshot()? {
        Some(snapshot) => {
            columns::changes(&spec.path, &snapshot, &schema, &layout.folder.partition_by).map(drop)
        }
        None => Ok(()),
    })
}

/// Works out what is staged on the version that is there; none if this run was committed before.
pub(in crate::sink) fn prepare(
    disk: &Disk,
    staged: &StagedTable,
    facts: &RunFacts,
) -> Result<Option<Entry>, SinkError> {
    apart(|| prepare_here(disk, staged, facts))
}

fn prepare_here(disk: &Disk, staged: &StagedTable, facts: &RunFacts) -> Result<Option<Entry>, SinkError> {
    let place = staged.delta.as_ref().expect("of a Delta table");
    let Format::Parquet(compression) = place.spec.format else {
        unreachable!("the language lets a Delta table be of Parquet files only")
    };
    let schema = columns::to_delta(&staged.path, &place.spec.schema)?;
    let delta = DeltaEntry {
        mode: place.layout.folder.mode,
        partition_by: place.layout.folder.partition_by.clone(),
        upsert: place.spec.upsert.clone(),
        compression,
        generation: place.generation.clone(),
        schema: serde_json::to_value(&schema).expect("a schema is plain data"),
        work: Work::default(),
    };
    let mut entry = Entry {
        staged: staged.staged().to_path_buf(),
        path: staged.path.clone(),
        link: None,
        manifest: manifest(staged, facts),
        delta: Some(delta),
        remote: None,
    };
    let table = Table::open(disk, &staged.path)?;
    let snapshot = table.snapshot()?;
    if let Some(snapshot) = &snapshot {
        if is_committed(&table, snapshot, &entry)? {
            return Ok(None);
        }
        columns::changes(&entry.path, snapshot, &schema, &place.layout.folder.partition_by)?;
    }
    let work = Job::new(disk, &table, &entry)?.work_out(snapshot.as_ref())?;
    set_work(&mut entry, work);
    Ok(Some(entry))
}

/// Where a crash left a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sink) enum Stand {
    /// Its files are there, and its commit is not in the log.
    Staged,
    /// Its commit is in the log.
    Committed,
    /// Somebody took its files away.
    Lost,
}

/// How far a crash let the publish of `entry` come.
pub(in crate::sink) fn stand_of(disk: &Disk, entry: &Entry) -> Result<Stand, SinkError> {
    apart(|| stand_here(disk, entry))
}

fn stand_here(disk: &Disk, entry: &Entry) -> Result<Stand, SinkError> {
    let table = Table::open(disk, &entry.path)?;
    let snapshot = table.snapshot()?;
    if let Some(snapshot) = &snapshot
        && is_committed(&table, snapshot, entry)?
    {
        return Ok(Stand::Committed);
    }
    let job = Job::new(disk, &table, entry)?;
    if let Some(snapshot) = &snapshot {
        let schema = columns::to_delta(&entry.path, &job.schema)?;
        match columns::changes(&entry.path, snapshot, &schema, &job.delta.partition_by) {
            // Somebody has made of the table what this cannot follow: theirs stays.
            Err(SinkError::OtherDelta { .. }) => return Ok(Stand::Lost),
            other => drop(other?),
        }
    }
    for (file, facts) in job.load().iter().zip(entry.manifest.files.iter().filter(|file| file.rows > 0)) {
        let mut digest = disk.digest(&entry.staged.join(&file.staged))?;
        if digest.is_none() {
            digest = disk.digest(&job.placed(file))?;
        }
        if digest.as_ref() != Some(&facts.digest) {
            return Ok(Stand::Lost);
        }
    }
    Ok(Stand::Staged)
}

/// Works out the commit again, if another version is there than the one that it was worked out on; answers whether it was.
pub(in crate::sink) fn ready(disk: &Disk, entry: &mut Entry) -> Result<bool, SinkError> {
    apart(|| ready_here(disk, entry))
}

fn ready_here(disk: &Disk, entry: &mut Entry) -> Result<bool, SinkError> {
    let table = Table::open(disk, &entry.path)?;
    let snapshot = table.snapshot()?;
    let job = Job::new(disk, &table, entry)?;
    let there = |file: &AddFile| -> Result<bool, SinkError> {
        let staged = entry.staged.join(&file.staged);
        Ok(disk.inspect(&staged)?.is_some() || disk.inspect(&job.placed(file))?.is_some())
    };
    let delta = job.delta;
    let mut whole = true;
    for file in &delta.work.adds {
        whole &= there(file)?;
    }
    if whole && delta.work.base == snapshot.as_ref().map(|it| it.version()) {
        return Ok(false);
    }
    if let Some(snapshot) = &snapshot {
        let schema: StructType =
            serde_json::from_value(delta.schema.clone()).expect("`Job::new` has read it");
        columns::changes(&entry.path, snapshot, &schema, &delta.partition_by)?;
    }
    let mut work = job.work_out(snapshot.as_ref())?;
    let wanted = |path: &String| work.adds.iter().any(|file| file.path == *path);
    // The files of the load itself are read again by whoever works it out once more.
    let load = job.load();
    let old = delta.work.adds.iter().map(|file| &file.path).chain(&delta.work.stale);
    let stale = old.filter(|path| !wanted(path) && !load.iter().any(|file| file.path == **path));
    work.stale = stale.cloned().collect();
    set_work(entry, work);
    Ok(true)
}

fn set_work(entry: &mut Entry, work: Work) {
    entry.delta.as_mut().expect("of a Delta table").work = work;
}

/// Moves the files of the commit into the table's folder, where nobody takes them for its own until the log says so.
pub(in crate::sink) fn place(disk: &Disk, entry: &Entry) -> Result<(), SinkError> {
    let delta = entry.delta.as_ref().expect("of a Delta table");
    sweep(disk, &entry.path, &delta.work.stale)?;
    disk.create_folders(&entry.path.join(LOG))?;
    let mut folders = BTreeSet::from([entry.path.clone()]);
    for file in &delta.work.adds {
        let (from, to) = (entry.staged.join(&file.staged), entry.path.join(&file.path));
        let parent = to.parent().expect("a file in a folder");
        if folders.insert(parent.to_path_buf()) {
            disk.create_folders(parent)?;
        }
        if disk.inspect(&from)?.is_some() {
            disk.rename(&from, &to)?;
        } else if disk.size(&to)? != Some(file.bytes) {
            return Err(is_gone(&to));
        }
    }
    folders.iter().try_for_each(|folder| disk.sync_folder(folder))
}
