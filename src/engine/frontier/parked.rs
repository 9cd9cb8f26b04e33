//! What was found under items that are not yet at the head, packed, in the order in which it will be admitted.
//!
//! Does not belong here: when that is, and which of it is admitted (`frontier`).
//!
//! Invariant: what is taken comes as it was added, by parent, edge and rank, whatever was shown of it before.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::EdgeId;
use crate::engine::packed::{pack_number, take, unpack_item, unpack_length, unpack_number};
use crate::plan::Key;

/// A packed item and its key.
pub(super) struct Candidate<'a> {
    pub key: Key,
    pub packed: &'a [u8],
    pub aside: Vec<Arc<Value>>,
}

/// Found items by the parent's number and the edge.
#[derive(Default)]
pub(super) struct Parked {
    found: BTreeMap<(u64, EdgeId), Found>,
    /// What those of them keep aside that keep anything there.
    aside: BTreeMap<(u64, EdgeId), Vec<Arc<Value>>>,
    /// How many there are along each edge.
    counts: Vec<u64>,
    /// For each edge, the first parent under which something may not have been shown yet.
    unshown: Vec<u64>,
}

/// Records one after another.
struct Found {
    records: Box<[u8]>,
    /// Their bytes that were shown; of a record of ids there are a few, of all found under one item a few thousand.
    shown: u32,
}

/// Records of found items that are yet to be added.
#[derive(Default)]
pub(super) struct Records {
    bytes: Vec<u8>,
    aside: Vec<Arc<Value>>,
    count: u64,
}

impl Records {
    pub fn push(&mut self, candidate: Candidate<'_>) {
        let Candidate { key, packed, aside } = candidate;
        push_record(key, packed, aside.len(), &mut self.bytes);
        self.aside.extend(aside);
        self.count += 1;
    }
}

impl Parked {
    /// Room for what comes along so many edges.
    pub fn new(edges: usize) -> Self {
        Self { counts: vec![0; edges], unshown: vec![0; edges], ..Self::default() }
    }

    /// Adds what was found under `parent`.
    pub fn add(&mut self, parent: u64, edge: EdgeId, records: Records) {
        if records.count == 0 {
            return;
        }
        let place = (parent, edge);
        self.counts[edge.0] += records.count;
        self.unshown[edge.0] = self.unshown[edge.0].min(parent);
        let mut bytes = records.bytes;
        let before = self.found.remove(&place);
        let shown = before.as_ref().map_or(0, |before| before.shown);
        if let Some(before) = before {
            bytes.splice(..0, before.records);
        }
        self.found.insert(place, Found { records: bytes.into_boxed_slice(), shown });
        if !records.aside.is_empty() {
            self.aside.entry(place).or_default().extend(records.aside);
        }
    }

    /// How many wait along `edge`.
    pub fn count(&self, edge: EdgeId) -> u64 {
        self.counts[edge.0]
    }

    /// Takes what was found first, if that was under `parent`; gives each item to `admit`.
    pub fn take(&mut self, parent: u64, mut admit: impl FnMut(EdgeId, Candidate<'_>)) -> bool {
        let Some(entry) = self.found.first_entry().filter(|entry| entry.key().0 == parent) else {
            return false;
        };
        let (place, found) = entry.remove_entry();
        let mut aside = self.aside.remove(&place).unwrap_or_default().into_iter();
        let mut records = &found.records[..];
        while !records.is_empty() {
            self.counts[place.1.0] -= 1;
            admit(place.1, take_record(&mut records, &mut aside));
        }
        true
    }

    /// The next item along `edge` that was not shown before and that `wanted` wants: its key and its fields.
    pub fn show(&mut self, edge: EdgeId, wanted: impl Fn(Key) -> bool) -> Option<(Key, Arc<Value>)> {
        let from = self.unshown[edge.0];
        for (place, found) in self.found.range_mut((from, EdgeId(0))..) {
            if place.1 != edge {
                continue;
            }
            self.unshown[edge.0] = place.0;
            let length = found.records.len();
            let mut records = &found.records[usize::try_from(found.shown).expect("of bytes in memory")..];
            while !records.is_empty() {
                // What the parent and the seed are is nothing that a request needs.
                let mut nothing = std::iter::repeat_with(Arc::default);
                let candidate = take_record(&mut records, &mut nothing);
                // More bytes than that are shown again, which costs time and nothing else.
                found.shown = u32::try_from(length - records.len()).unwrap_or(found.shown);
                if wanted(candidate.key) {
                    let item = unpack_item(&mut &*candidate.packed, Arc::default);
                    return Some((candidate.key, item.fields));
                }
            }
        }
        self.unshown[edge.0] = u64::MAX;
        None
    }
}

/// Appends a found item: its key, how much of it is aside, its packed bytes.
fn push_record(key: Key, packed: &[u8], aside: usize, records: &mut Vec<u8>) {
    match key {
        Key::Number(number) => pack_number(u64::from(number) << 1, records),
        Key::Hash(hash) => {
            pack_number(1, records);
            records.extend(hash.to_le_bytes());
        }
    }
    pack_number(aside as u64, records);
    pack_number(packed.len() as u64, records);
    records.extend_from_slice(packed);
}

/// Takes the first found item off `records`, and off `aside` what it keeps there.
fn take_record<'a>(records: &mut &'a [u8], aside: &mut impl Iterator<Item = Arc<Value>>) -> Candidate<'a> {
    let number = unpack_number(records);
    let key = if number & 1 == 0 {
        Key::Number(u32::try_from(number >> 1).expect("it was packed from 32 bits"))
    } else {
        Key::Hash(u128::from_le_bytes(take(records, 16).try_into().expect("16 bytes")))
    };
    let (shared, length) = (unpack_length(records), unpack_length(records));
    Candidate { key, packed: take(records, length), aside: aside.take(shared).collect() }
}
