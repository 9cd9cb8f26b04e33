//! The folder as a whole: which files are ours, what each segment holds, and what may go.
//!
//! Does not belong here: single documents. Invariants: a file that is not named like ours is never touched; nothing is
//! removed that a later version wrote, unless everything is ([`clear`]); no function here is called while a
//! [`Store`](super::Store) of the folder is open, which the pipeline's lock sees to.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::error::{Action, StoreError};
use super::index::{Entry, Index, Totals, hash};
use super::kept::{micros, timestamp};
use super::segment::{Kind, Label, Lost, Start, number, path, scan};

/// Most segments of a folder: their numbers in memory have 16 bits. One for each attempt, and one for each 64 MiB.
pub(super) const SEGMENTS_MAX: usize = 1 << 16;

/// The files of a folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Of segments, ascending.
    pub numbers: Vec<u32>,
    /// The highest number that any file of ours has, an index without its segment too.
    pub highest: Option<u32>,
    /// Indices without a segment.
    pub orphans: Vec<u32>,
    /// What is not ours.
    pub strangers: Vec<PathBuf>,
}

/// Looks through `folder`; one that is not there is empty.
pub(super) fn list(folder: &Path) -> Result<Listing, StoreError> {
    let on = |error| StoreError::disk(Action::List, folder, error);
    let mut listing = Listing::default();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(listing),
        Err(error) => return Err(on(error)),
    };
    let mut indices = Vec::new();
    for entry in entries {
        let entry = entry.map_err(on)?;
        let known = entry.file_name().to_str().and_then(number);
        // A link or a folder of that name leads elsewhere.
        match known.filter(|_| entry.file_type().is_ok_and(|kind| kind.is_file())) {
            Some((number, Kind::Segment)) => listing.numbers.push(number),
            Some((number, Kind::Index)) => indices.push(number),
            None => listing.strangers.push(entry.path()),
        }
        listing.highest = listing.highest.max(known.map(|(number, _)| number));
    }
    listing.numbers.sort_unstable();
    listing.strangers.sort();
    indices.sort_unstable();
    listing.orphans =
        indices.into_iter().filter(|number| listing.numbers.binary_search(number).is_err()).collect();
    Ok(listing)
}

/// A segment that was looked at.
#[derive(Debug)]
pub(super) struct Looked {
    pub number: u32,
    /// Bytes of its files.
    pub bytes: u64,
    /// None if neither its label nor an index says what it is.
    pub totals: Option<Totals>,
    /// Where its documents are, if that was asked for.
    pub entries: Vec<Entry>,
    /// What it lost, as far as it was looked at now or when its index was made.
    pub lost: Lost,
}

/// Looks at segment `number`: through its index, or by reading all of it where that cannot be believed.
///
/// `wants` decides by the totals whether the entries are read; `mend` writes an index where there was none.
pub(super) fn look_at(
    folder: &Path,
    number: u32,
    wants: impl Fn(&Totals) -> bool,
    mend: bool,
) -> Result<Looked, StoreError> {
    let segment = path(folder, number);
    let on = |error| StoreError::disk(Action::Read, &segment, error);
    let file = File::open(&segment).map_err(on)?;
    let length = file.metadata().map_err(on)?.len();
    let start = Label::read(&file, &segment)?;
    let index_path = segment.with_extension("idx");
    let index = match File::open(&index_path) {
        Ok(index) => Some(index),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(StoreError::disk(Action::Read, &index_path, error)),
    };
    let mut bytes = length;
    let mut looked = Looked { number, bytes, totals: None, entries: Vec::new(), lost: Lost::default() };
    let mut claimed = None;
    if let Some(index) = &index {
        bytes += index.metadata().map_or(0, |metadata| metadata.len());
        looked.bytes = bytes;
        claimed = Totals::read(index, &index_path, length)?;
    }
    let (label, first) = match (start, &claimed) {
        (Start::Labelled(label, first), _) => (label, first),
        (Start::Damaged, Some((totals, _))) => (totals.label.clone(), totals.label.len()),
        (Start::Damaged, None) => {
            looked.lost.damaged_bytes = length;
            return Ok(looked);
        }
        (Start::Torn, _) => {
            looked.lost.torn_bytes = length;
            return Ok(looked);
        }
    };
    if let (Some(index), Some((totals, entries_at))) = (index, claimed)
        && totals.label == label
    {
        let entries =
            if wants(&totals) { totals.entries(&index, &index_path, entries_at)? } else { Some(Vec::new()) };
        if let Some(entries) = entries {
            looked.totals = Some(totals);
            looked.entries = entries;
            return Ok(looked);
        }
    }
    let id = label.id;
    let mut index = Index::new(label);
    looked.lost = scan(&file, &segment, id, first, |offset, block| index.add_block(offset, block))?;
    index.lost(looked.lost);
    index.totals.length = length;
    if mend {
        // Without it, the next opening reads the segment again: slower, and nothing else.
        let _ = fs::write(&index_path, index.write());
    }
    if wants(&index.totals) {
        looked.entries = index.entries;
    }
    looked.totals = Some(index.totals);
    Ok(looked)
}

/// What a folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Documents; one that was fetched again later counts twice until its first segment goes.
    pub documents: u64,
    /// Bytes on the disk, indices with them.
    pub bytes: u64,
    /// Bytes of the documents decompressed, with their requests.
    pub raw_bytes: u64,
    /// Documents by HTTP status.
    pub by_status: BTreeMap<u16, u64>,
    /// When the oldest was fetched.
    pub oldest: Option<Timestamp>,
    /// When the newest was fetched.
    pub newest: Option<Timestamp>,
    /// Segments.
    pub segments: u64,
    /// By the logical run that fetched them.
    pub by_run: BTreeMap<String, RunStats>,
    /// Bytes that hold nothing that can be read.
    pub lost_bytes: u64,
    /// Files that are not of a store.
    pub strangers: Vec<PathBuf>,
}

/// What one logical run left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunStats {
    /// Documents.
    pub documents: u64,
    /// Bytes on the disk.
    pub bytes: u64,
    /// When its newest was fetched.
    pub newest: Option<Timestamp>,
}

/// What was removed, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Segments.
    pub segments: u64,
    /// Documents in them.
    pub documents: u64,
    /// Bytes of their files.
    pub bytes: u64,
}

impl Removed {
    fn count(&mut self, looked: &Looked) {
        self.segments += 1;
        self.documents += looked.totals.as_ref().map_or(0, |totals| totals.documents);
        self.bytes += looked.bytes;
    }
}

/// Counts what `folder` holds; changes nothing. May be called while a store is open: what it is just writing may be missing
/// or count as lost.
pub fn stats(folder: &Path) -> Result<Stats, StoreError> {
    let listing = list(folder)?;
    let mut stats = Stats { strangers: listing.strangers, ..Stats::default() };
    let mut seen = HashSet::new();
    for number in listing.numbers {
        let looked = match look_at(folder, number, |_| false, false) {
            Ok(looked) => looked,
            // A run that ended meanwhile has trimmed.
            Err(StoreError::Disk { source, .. }) if source.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        stats.segments += 1;
        stats.bytes += looked.bytes;
        let Some(totals) = looked.totals else {
            stats.lost_bytes += looked.lost.torn_bytes + looked.lost.damaged_bytes;
            continue;
        };
        if !seen.insert(totals.label.id) {
            continue;
        }
        let newest = totals.newest.map(timestamp);
        stats.lost_bytes += totals.lost_bytes;
        stats.documents += totals.documents;
        stats.raw_bytes += totals.raw_bytes;
        for (status, count) in totals.by_status {
            *stats.by_status.entry(status).or_default() += count;
        }
        let oldest = totals.oldest.map(timestamp);
        stats.oldest = [stats.oldest, oldest].into_iter().flatten().min();
        stats.newest = stats.newest.max(newest);
        let run = stats.by_run.entry(totals.label.run).or_default();
        run.documents += totals.documents;
        run.bytes += looked.bytes;
        run.newest = run.newest.max(newest);
    }
    Ok(stats)
}

/// When documents were fetched, by their requests. Sixteen bytes and some room for each.
#[derive(Clone, Debug, Default)]
pub struct Fetched(HashMap<u64, i64>);

impl Fetched {
    /// When the answer to `request` came last, if it is kept. Another request of the same hash, one in 37 million pairs of
    /// folders with a million documents, would answer for it.
    pub fn at(&self, request: &str) -> Option<Timestamp> {
        self.0.get(&hash(request.as_bytes())).copied().map(timestamp)
    }
}

/// When the documents in `folder` were fetched that are of a run for which `counts` holds; changes nothing.
pub fn fetched(folder: &Path, counts: impl Fn(&str) -> bool) -> Result<Fetched, StoreError> {
    let mut fetched = Fetched::default();
    for number in list(folder)?.numbers {
        let looked = look_at(folder, number, |totals| counts(&totals.label.run), false)?;
        for entry in looked.entries {
            let at = fetched.0.entry(entry.hash).or_insert(entry.fetched_at);
            *at = entry.fetched_at.max(*at);
        }
    }
    Ok(fetched)
}

/// What [`trim`] would remove.
pub fn trimmable(folder: &Path, horizon: Timestamp, never: Option<&str>) -> Result<Removed, StoreError> {
    let mut removed = Removed::default();
    for looked in too_old(folder, horizon, never)? {
        removed.count(&looked);
    }
    Ok(removed)
}

/// Removes every segment whose newest document was fetched before `horizon`, but none of the unfinished run `never`.
/// A segment of which nothing can be read stays, as nobody knows what it was.
pub fn trim(folder: &Path, horizon: Timestamp, never: Option<&str>) -> Result<Removed, StoreError> {
    let mut removed = Removed::default();
    for looked in too_old(folder, horizon, never)? {
        remove_segment(folder, looked.number)?;
        removed.count(&looked);
    }
    for number in list(folder)?.orphans {
        remove(&path(folder, number).with_extension("idx"))?;
    }
    Ok(removed)
}

fn too_old(folder: &Path, horizon: Timestamp, never: Option<&str>) -> Result<Vec<Looked>, StoreError> {
    let mut old = Vec::new();
    for number in list(folder)?.numbers {
        let looked = look_at(folder, number, |_| false, false)?;
        let goes = match &looked.totals {
            Some(totals) => {
                Some(&*totals.label.run) != never
                    && totals.newest.is_none_or(|newest| newest < micros(horizon))
            }
            // A process that died before it had written anything.
            None => looked.lost.damaged_bytes == 0,
        };
        if goes {
            old.push(looked);
        }
    }
    Ok(old)
}

/// Removes all documents, whoever wrote them, and the folder if nothing else is in it.
pub fn clear(folder: &Path) -> Result<Removed, StoreError> {
    let listing = list(folder)?;
    let mut removed = Removed::default();
    for &number in &listing.numbers {
        // What cannot be read can be removed all the same.
        let documents = match look_at(folder, number, |_| false, false) {
            Ok(looked) => looked.totals.map_or(0, |totals| totals.documents),
            Err(_) => 0,
        };
        let segment = path(folder, number);
        let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        removed.bytes += size(&segment) + size(&segment.with_extension("idx"));
        remove_segment(folder, number)?;
        removed.segments += 1;
        removed.documents += documents;
    }
    for number in listing.orphans {
        remove(&path(folder, number).with_extension("idx"))?;
    }
    if listing.strangers.is_empty() {
        match fs::remove_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::disk(Action::Remove, folder, error));
            }
            _ => {}
        }
    }
    Ok(removed)
}

/// Removes a segment; its index first, so that none is left alone.
pub(super) fn remove_segment(folder: &Path, number: u32) -> Result<(), StoreError> {
    let segment = path(folder, number);
    remove(&segment.with_extension("idx"))?;
    remove(&segment)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that removes documents; those of a living run are told apart before"
)]
fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::disk(Action::Remove, path, error))
        }
        _ => Ok(()),
    }
}
