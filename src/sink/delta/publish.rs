//! The steps of a publish, as `commit` takes them, for one Delta table.
//!
//! | step of `docs/architecture/commit.md` | here |
//! |---|---|
//! | before the first request | [`check`] |
//! | 5 | [`prepare`]: work out the commit on the version that is there |
//! | 9a | [`ready`]: again, if somebody else has committed; [`place`]: bring its files into the table |
//! | 9b | [`commit`](super::log::commit) |
//! | recovery | [`stand_of`] |
//!
//! Invariants: D2 and D3 of `super`.

use delta_kernel::schema::StructType;

use super::columns;
use super::log::is_committed;
use super::table::{Table, apart};
use super::work::Job;
use crate::sink::TableSpec;
use crate::sink::delta_entry::{DeltaEntry, Work};
use crate::sink::disk::Disk;
use crate::sink::error::SinkError;
use crate::sink::journal::{Entry, manifest};
use crate::sink::manifest::RunFacts;
use crate::sink::schema::fingerprint;
use crate::sink::shape::is_delta;
use crate::sink::staged::StagedTable;
use crate::spec::{DeltaLayout, Format, StoreUrl};

/// Refuses what would be refused in the end, before anything is asked for.
pub(in crate::sink) fn check(disk: &Disk, spec: &TableSpec, layout: &DeltaLayout) -> Result<(), SinkError> {
    fingerprint(&spec.name, &spec.schema)?;
    let schema = columns::to_delta(&spec.path, &spec.schema)?;
    // A store is asked in any case: it may refuse.
    if !StoreUrl::is_meant(&spec.path) && !is_delta(&spec.path)? {
        return Ok(());
    }
    apart(|| {
        let table = Table::look_at(disk, &spec.path)?;
        table.check()?;
        match table.snapshot()? {
            Some(snapshot) => {
                columns::changes(&spec.path, &snapshot, &schema, &layout.folder.partition_by).map(drop)
            }
            None => Ok(()),
        }
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

/// How a commit stands before it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sink) enum Ready {
    /// It was worked out on the newest version.
    AsItWas,
    /// It was worked out again, so the journal has to be written again.
    Anew,
    /// It is in the log.
    Committed,
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
        if digest.is_none()
            && let Some(placed) = job.placed(file)
        {
            digest = disk.digest(&placed)?;
        }
        if digest.as_ref() != Some(&facts.digest) {
            return Ok(Stand::Lost);
        }
    }
    Ok(Stand::Staged)
}

/// Works out the commit again, if another version is there than the one that it was worked out on.
pub(in crate::sink) fn ready(disk: &Disk, entry: &mut Entry) -> Result<Ready, SinkError> {
    apart(|| ready_here(disk, entry))
}

fn ready_here(disk: &Disk, entry: &mut Entry) -> Result<Ready, SinkError> {
    let table = Table::open(disk, &entry.path)?;
    let snapshot = table.snapshot()?;
    // A store may refuse a commit that it took, when its answer was lost and the request sent again. What was committed must
    // be neither worked out again nor swept.
    if let Some(snapshot) = &snapshot
        && is_committed(&table, snapshot, entry)?
    {
        return Ok(Ready::Committed);
    }
    let job = Job::new(disk, &table, entry)?;
    let delta = job.delta;
    let mut whole = true;
    for file in &delta.work.adds {
        whole &= table.has(disk, &entry.staged, file)?;
    }
    if whole && delta.work.base == snapshot.as_ref().map(|it| it.version()) {
        return Ok(Ready::AsItWas);
    }
    if let Some(snapshot) = &snapshot {
        let schema: StructType =
            serde_json::from_value(delta.schema.clone()).expect("`Job::new` has read it");
        columns::changes(&entry.path, snapshot, &schema, &delta.partition_by)?;
    }
    let mut work = job.work_out(snapshot.as_ref())?;
    let wanted = |path: &String| work.adds.iter().any(|file| file.path == *path);
    let old = delta.work.adds.iter().map(|file| &file.path).chain(&delta.work.stale);
    work.stale = old.filter(|path| !wanted(path)).cloned().collect();
    set_work(entry, work);
    Ok(Ready::Anew)
}

fn set_work(entry: &mut Entry, work: Work) {
    entry.delta.as_mut().expect("of a Delta table").work = work;
}

/// Brings the files of the commit into the table, where nobody takes them for its own until the log says so.
pub(in crate::sink) fn place(disk: &Disk, entry: &Entry) -> Result<(), SinkError> {
    apart(|| Table::open(disk, &entry.path)?.bring(disk, entry))
}
