//! The index of a segment: which requests it answers, so that it can be opened without being read.
//!
//! ```text
//! magic 8 │ format 4 │ length 4 │ totals (JSON) │ check 8 ║ entries × (hash 8 │ fetched_at 8 │ offset 4 │ slot 4) │ check 8
//! ```
//!
//! Does not belong here: documents. Invariant: an index is believed only if both of its checks hold and it names the id and
//! the length of the segment beside it; every other is as good as none, and is made again from the segment.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::block::{Block, number_4, number_8};
use super::error::{Action, StoreError};
use super::segment::{FORMAT, Label, Lost, read_up_to};

const INDEX_MAGIC: [u8; 8] = *b"\xfeTMDBIDX";
/// Bytes of an entry.
const ENTRY: usize = 24;
/// Most bytes of the totals.
const TOTALS_MAX: usize = 64 << 10;
/// Most entries of a segment; see `SEGMENT_RECORDS` in `writer.rs`. A larger count is damage.
const ENTRIES_MAX: u64 = 1 << 20;

/// Where a document lies, and what decides whether it may serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Of the request.
    pub hash: u64,
    /// Microseconds since 1970.
    pub fetched_at: i64,
    /// Where its block begins in the file.
    pub offset: u32,
    /// Its number in the block.
    pub slot: u16,
}

/// A segment in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Totals {
    /// Of the segment; here too, so that damage to its first bytes does not cost all others.
    pub label: Label,
    /// Bytes of the segment's file.
    pub length: u64,
    pub documents: u64,
    /// Bytes of the documents decompressed.
    pub raw_bytes: u64,
    /// Documents by HTTP status.
    pub by_status: BTreeMap<u16, u64>,
    /// Microseconds since 1970; none if there are no documents.
    pub oldest: Option<i64>,
    pub newest: Option<i64>,
    /// Bytes of blocks that could not be read when the index was made.
    pub lost_bytes: u64,
}

/// The index in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Index {
    pub totals: Totals,
    pub entries: Vec<Entry>,
}

/// The hash that a request is found by. Sixty-four bits are enough, as the request itself stands in the record and is
/// compared: two requests of one hash cost one of them a fetch, never a wrong answer.
pub(super) fn hash(request: &[u8]) -> u64 {
    xxh3_64(request)
}

impl Index {
    /// Of a segment without documents.
    pub fn new(label: Label) -> Self {
        let length = label.len();
        let totals = Totals {
            label,
            length,
            documents: 0,
            raw_bytes: 0,
            by_status: BTreeMap::new(),
            oldest: None,
            newest: None,
            lost_bytes: 0,
        };
        Self { totals, entries: Vec::new() }
    }

    /// Adds one document; `raw_bytes` are counted apart.
    pub fn add(&mut self, entry: Entry, status: u16) {
        let totals = &mut self.totals;
        totals.documents += 1;
        *totals.by_status.entry(status).or_default() += 1;
        totals.oldest = Some(totals.oldest.map_or(entry.fetched_at, |oldest| oldest.min(entry.fetched_at)));
        totals.newest = Some(totals.newest.map_or(entry.fetched_at, |newest| newest.max(entry.fetched_at)));
        self.entries.push(entry);
    }

    /// Adds the documents of a block that begins at `offset`. A record that is not as it was written is left out, which
    /// only a bug in writing explains, as the block's check holds.
    pub fn add_block(&mut self, offset: u64, block: &Block) {
        let Ok(offset) = u32::try_from(offset) else { return };
        self.totals.raw_bytes += block.len() as u64;
        for (slot, record) in block.records().enumerate() {
            let (Ok(record), Ok(slot)) = (record, u16::try_from(slot)) else { continue };
            let Ok(status) = record.status() else { continue };
            let entry = Entry { hash: hash(record.request()), fetched_at: record.fetched_at(), offset, slot };
            self.add(entry, status);
        }
    }

    /// Notes what a scan could not read.
    pub fn lost(&mut self, lost: Lost) {
        self.totals.lost_bytes = lost.torn_bytes + lost.damaged_bytes;
    }

    /// The bytes of the index file.
    pub fn write(&self) -> Vec<u8> {
        let text = serde_json::to_vec(&self.totals).expect("totals are plain data");
        let length = u32::try_from(text.len()).expect("totals are short");
        let mut bytes = Vec::with_capacity(32 + text.len() + self.entries.len() * ENTRY);
        bytes.extend_from_slice(&INDEX_MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&text);
        let check = xxh3_64(&bytes);
        bytes.extend_from_slice(&check.to_le_bytes());
        let start = bytes.len();
        for entry in &self.entries {
            bytes.extend_from_slice(&entry.hash.to_le_bytes());
            bytes.extend_from_slice(&entry.fetched_at.to_le_bytes());
            bytes.extend_from_slice(&entry.offset.to_le_bytes());
            bytes.extend_from_slice(&u32::from(entry.slot).to_le_bytes());
        }
        let check = xxh3_64_with_seed(&bytes[start..], self.totals.label.id);
        bytes.extend_from_slice(&check.to_le_bytes());
        bytes
    }
}

impl Totals {
    /// Reads the totals of the index at `path`, and where its entries begin; none if there is no index that can be
    /// believed. `length` is the segment's. The id is compared by whoever knows the segment's label.
    pub fn read(file: &File, path: &Path, length: u64) -> Result<Option<(Self, u64)>, StoreError> {
        let bytes = read_up_to(file, 0, 16 + TOTALS_MAX + 8)
            .map_err(|error| StoreError::disk(Action::Read, path, error))?;
        Ok(Self::parse(&bytes).filter(|(totals, _)| totals.length == length))
    }

    fn parse(bytes: &[u8]) -> Option<(Self, u64)> {
        let (magic, format) = (bytes.get(..8)?, number_4(bytes.get(8..12)?));
        let end = 16 + number_4(bytes.get(12..16)?) as usize;
        let check = number_8(bytes.get(end..end.checked_add(8)?)?);
        if magic != INDEX_MAGIC || format != FORMAT || xxh3_64(&bytes[..end]) != check {
            return None;
        }
        let totals: Self = serde_json::from_slice(&bytes[16..end]).ok()?;
        (totals.documents <= ENTRIES_MAX).then_some((totals, (end + 8) as u64))
    }

    /// Reads the entries that begin at `start`; none if they are not as they were written.
    pub fn entries(&self, file: &File, path: &Path, start: u64) -> Result<Option<Vec<Entry>>, StoreError> {
        let wanted = usize::try_from(self.documents).expect("it is bounded") * ENTRY;
        let bytes = read_up_to(file, start, wanted + 8)
            .map_err(|error| StoreError::disk(Action::Read, path, error))?;
        let Some(check) = bytes.get(wanted..wanted + 8) else { return Ok(None) };
        if xxh3_64_with_seed(&bytes[..wanted], self.label.id) != number_8(check) {
            return Ok(None);
        }
        let entry = |bytes: &[u8]| Entry {
            hash: number_8(bytes),
            fetched_at: i64::from_le_bytes(bytes[8..16].try_into().expect("eight bytes")),
            offset: number_4(&bytes[16..]),
            slot: u16::try_from(number_4(&bytes[20..])).unwrap_or(u16::MAX),
        };
        Ok(Some(bytes[..wanted].chunks_exact(ENTRY).map(entry).collect()))
    }
}
