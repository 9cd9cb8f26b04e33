//! The frontier: which items are taken on, each once, in which order, and when there are no more.
//!
//! One frontier serves one *group* of fetch stages: those that reach each other through `into:` edges, or a
//! single stage outside every loop. See `docs/ARCHITECTURE.md`, "Frontier", for the invariants by number.
//!
//! * F1 An item is admitted at most once for each stage: by the hash of its canonical request.
//! * F2 Items from outside the group come first, in the order of the feeds; then found items, in the order of
//!   the admission of their parents, then of the edge in the file, then of their rank.
//! * F3 What was found under an item is admitted when every earlier item is settled: its token and every copy
//!   of it are gone. So the order is a function of the answers, never of their timing.
//! * F4 An edge admits at most its budget. Items that were known already cost nothing.
//! * F5 The group ends when nothing feeds it and every admitted item is settled.
//! * F6 `found` and `settled` never wait.
//! * F7 What waits is packed (`packed.rs`): a key of ids costs less than 64 bytes, whatever it waits for.
//!
//! Does not belong here: requests, documents, and how an item is found.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use roaring::RoaringBitmap;
use serde_json::Value;
use tokio::sync::watch;

use super::edge::{Closed, Receiver, Sender};
use super::packed::{Line, pack_item, pack_number, take, unpack_length, unpack_number};
use super::token::{Parcel, Token};
use crate::plan::{Item, Key};

/// A fetch stage within its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(pub usize);

/// An `into:` edge that ends in this group, in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EdgeId(pub usize);

/// By what a stage knows an item.
pub type KeyOf = Box<dyn Fn(&Item) -> Key + Send + Sync>;

/// What a frontier needs to know of the plan.
pub struct FrontierPlan {
    /// For each stage of the group: the key of an item there.
    pub keys: Vec<KeyOf>,
    /// For each edge that ends in the group: where, and how many items it may admit.
    pub edges: Vec<(Slot, u64)>,
    /// Whether any edge starts in the group too; only then do tokens travel.
    pub loops: bool,
}

/// A stream of items from outside the group.
#[derive(Debug)]
pub struct Feed {
    /// The stage that they are for.
    pub slot: Slot,
    /// The `into:` edge that they came along, if it has a budget.
    pub edge: Option<EdgeId>,
    /// The items.
    pub items: Receiver<Item>,
    /// Read at once and parked until its turn: for feeds whose source would stall the feeds before it.
    pub eager: bool,
}

/// The frontier of one group.
#[derive(Clone)]
pub struct Frontier {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    state: Mutex<State>,
    /// Told after every change that somebody may wait for.
    changed: watch::Sender<()>,
    plan: FrontierPlan,
}

struct State {
    /// Admitted, not yet handed out; one queue for each stage.
    queues: Vec<Line>,
    seen: Vec<Seen>,
    /// What each edge may still admit.
    budgets: Vec<u64>,
    /// `settled[i]` is about the item admitted as number `oldest + i`.
    settled: VecDeque<bool>,
    oldest: u64,
    /// Found under an item that is not yet at the head, by the parent's number and the edge: records one after another.
    found: BTreeMap<(u64, EdgeId), Box<[u8]>>,
    /// What those of them keep aside that keep anything there.
    found_aside: BTreeMap<(u64, EdgeId), Vec<Arc<Value>>>,
    /// Whether items may still come from outside.
    fed: bool,
}

/// A packed item and its key.
struct Candidate<'a> {
    key: Key,
    packed: &'a [u8],
    aside: Vec<Arc<Value>>,
}

impl Frontier {
    /// An empty frontier.
    pub fn new(plan: FrontierPlan) -> Self {
        let stages = plan.keys.len();
        let state = State {
            queues: (0..stages).map(|_| Line::default()).collect(),
            seen: vec![Seen::default(); stages],
            budgets: plan.edges.iter().map(|(_, budget)| *budget).collect(),
            settled: VecDeque::new(),
            oldest: 0,
            found: BTreeMap::new(),
            found_aside: BTreeMap::new(),
            fed: true,
        };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), changed: watch::Sender::new(()), plan }) }
    }

    /// Whether `edge` may still admit something. Once false, always false.
    pub fn wants(&self, edge: EdgeId) -> bool {
        self.shared.state().budgets[edge.0] > 0
    }

    /// Reads the feeds to their ends, in order. Admits one item of a feed when the stage's queue is empty,
    /// so that the frontier holds one item that its stage has no room for.
    pub async fn feed(self, feeds: Vec<Feed>) {
        let mut feeds: VecDeque<Feed> = feeds.into();
        let mut parked: Vec<Line> = (0..feeds.len()).map(|_| Line::default()).collect();
        let mut turn = 0;
        while let Some(mut feed) = feeds.pop_front() {
            let mut waiting = std::mem::take(&mut parked[turn]);
            while let Some((_, item)) = waiting.pop() {
                self.room(feed.slot).await;
                self.shared.admit_fed(&feed, &item);
            }
            loop {
                let item = {
                    let read = async {
                        self.room(feed.slot).await;
                        feed.items.recv().await
                    };
                    tokio::pin!(read);
                    loop {
                        tokio::select! {
                            biased;
                            item = &mut read => break item,
                            (later, item) = read_any_eager(&mut feeds) => {
                                let (mut bytes, mut aside) = (Vec::new(), Vec::new());
                                pack_item(&item, &mut bytes, &mut aside);
                                parked[turn + 1 + later].push(0, &bytes, aside);
                            }
                        }
                    }
                };
                let Some(item) = item else { break };
                self.shared.admit_fed(&feed, &item);
            }
            turn += 1;
        }
        self.shared.feeds_ended();
    }

    /// Hands the items of one stage on, until there will be no more.
    ///
    /// # Errors
    /// If the stage is gone.
    pub async fn hand_out(self, slot: Slot, stage: Sender<Parcel<Item>>) -> Result<(), Closed> {
        let mut changed = self.shared.changed.subscribe();
        loop {
            let room = stage.reserve().await?;
            let parcel = loop {
                changed.mark_unchanged();
                match self.next(slot) {
                    Next::Item(parcel) => break parcel,
                    Next::Later => changed.changed().await.map_err(|_| Closed)?,
                    Next::Never => return Ok(()),
                }
            };
            room.send(parcel);
        }
    }

    /// Waits until nothing waits for this stage.
    async fn room(&self, slot: Slot) {
        let mut changed = self.shared.changed.subscribe();
        loop {
            changed.mark_unchanged();
            if self.shared.state().queues[slot.0].is_empty() {
                return;
            }
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    fn next(&self, slot: Slot) -> Next {
        let mut state = self.shared.state();
        if let Some((number, item)) = state.queues[slot.0].pop() {
            let emptied = state.queues[slot.0].is_empty();
            drop(state);
            if emptied {
                self.shared.changed.send_replace(());
            }
            let token = self.shared.plan.loops.then(|| Token::new(number, Arc::clone(&self.shared)));
            return Next::Item(Parcel { value: item, token });
        }
        if state.ended(self.shared.plan.loops) { Next::Never } else { Next::Later }
    }
}

enum Next {
    Item(Parcel<Item>),
    Later,
    Never,
}

/// The next item of any feed that may not wait for its turn, and which feed it was.
async fn read_any_eager(feeds: &mut VecDeque<Feed>) -> (usize, Item) {
    std::future::poll_fn(|context| {
        for (index, feed) in feeds.iter_mut().enumerate().filter(|(_, feed)| feed.eager) {
            if let std::task::Poll::Ready(Some(item)) = feed.items.poll_recv(context) {
                return std::task::Poll::Ready((index, item));
            }
        }
        std::task::Poll::Pending
    })
    .await
}

/// The keys that one stage has admitted: a bitmap for numbers, 16 bytes and a little for each other.
#[derive(Clone, Debug, Default)]
struct Seen {
    numbers: RoaringBitmap,
    hashes: HashSet<u128>,
}

impl Seen {
    fn insert(&mut self, key: Key) -> bool {
        match key {
            Key::Number(number) => self.numbers.insert(number),
            Key::Hash(hash) => self.hashes.insert(hash),
        }
    }

    fn contains(&self, key: Key) -> bool {
        match key {
            Key::Number(number) => self.numbers.contains(number),
            Key::Hash(hash) => self.hashes.contains(&hash),
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing that holds this lock panics")
    }

    fn admit_fed(&self, feed: &Feed, item: &Item) {
        let key = (self.plan.keys[feed.slot.0])(item);
        let (mut packed, mut aside) = (Vec::new(), Vec::new());
        pack_item(item, &mut packed, &mut aside);
        let mut state = self.state();
        state.admit(feed.slot, feed.edge, Candidate { key, packed: &packed, aside }, self.plan.loops);
        drop(state);
        self.changed.send_replace(());
    }

    fn feeds_ended(&self) {
        let mut state = self.state();
        state.fed = false;
        state.advance(&self.plan);
        drop(state);
        self.changed.send_replace(());
    }

    pub(super) fn found(&self, parent: u64, edge: EdgeId, items: Vec<Item>) {
        let (slot, _) = self.plan.edges[edge.0];
        // Hashing and packing are done before the lock is taken.
        let items: Vec<(Key, Vec<u8>, Vec<Arc<Value>>)> = items
            .into_iter()
            .map(|item| {
                let (mut packed, mut aside) = (Vec::new(), Vec::new());
                pack_item(&item, &mut packed, &mut aside);
                ((self.plan.keys[slot.0])(&item), packed, aside)
            })
            .collect();
        let mut state = self.state();
        if state.budgets[edge.0] == 0 {
            return;
        }
        let (mut records, mut all_aside) = (Vec::new(), Vec::new());
        for (key, packed, aside) in items {
            // Known already is final: what that rules out now need not be kept.
            if !state.seen[slot.0].contains(key) {
                push_record(key, &packed, aside.len(), &mut records);
                all_aside.extend(aside);
            }
        }
        if !records.is_empty() {
            let place = (parent, edge);
            if let Some(before) = state.found.remove(&place) {
                records.splice(..0, before);
            }
            state.found.insert(place, records.into_boxed_slice());
            if !all_aside.is_empty() {
                state.found_aside.entry(place).or_default().extend(all_aside);
            }
        }
    }

    pub(super) fn settled(&self, number: u64) {
        let mut state = self.state();
        let index = usize::try_from(number - state.oldest).expect("a window of items fits memory");
        state.settled[index] = true;
        if index == 0 {
            state.advance(&self.plan);
            drop(state);
            self.changed.send_replace(());
        }
    }
}

impl State {
    fn admit(&mut self, slot: Slot, edge: Option<EdgeId>, candidate: Candidate<'_>, loops: bool) {
        let Candidate { key, packed, aside } = candidate;
        if edge.is_some_and(|edge| self.budgets[edge.0] == 0) || !self.seen[slot.0].insert(key) {
            return;
        }
        if let Some(edge) = edge {
            self.budgets[edge.0] -= 1;
        }
        let number = self.oldest + self.settled.len() as u64;
        if loops {
            self.settled.push_back(false);
        }
        self.queues[slot.0].push(number, packed, aside);
    }

    /// Moves on over settled items and admits what was found under them.
    fn advance(&mut self, plan: &FrontierPlan) {
        while !self.fed && self.settled.front() == Some(&true) {
            while let Some(entry) = self.found.first_entry()
                && entry.key().0 == self.oldest
            {
                let (place, records) = entry.remove_entry();
                let mut aside = self.found_aside.remove(&place).unwrap_or_default().into_iter();
                let (edge, mut records) = (place.1, &records[..]);
                let (slot, _) = plan.edges[edge.0];
                while !records.is_empty() {
                    let candidate = take_record(&mut records, &mut aside);
                    self.admit(slot, Some(edge), candidate, plan.loops);
                }
            }
            self.settled.pop_front();
            self.oldest += 1;
        }
    }

    fn ended(&self, loops: bool) -> bool {
        let settled = if loops { self.settled.is_empty() } else { self.queues.iter().all(Line::is_empty) };
        !self.fed && settled
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

#[cfg(test)]
mod tests;
