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
//! * F8 A stage that has nothing to do gets ahead what no budget can cut any more (`frontier/ahead.rs`); the order of
//!   admission does not show it.
//!
//! Does not belong here: requests, documents, and how an item is found.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use tokio::sync::watch;

use self::parked::{Candidate, Parked, Records};
use super::edge::{Closed, Receiver, Sender};
use super::packed::{Line, packed};
use super::seen::Seen;
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
    /// For each edge that ends in the group.
    pub edges: Vec<FrontierEdge>,
    /// Whether any edge starts in the group too; only then do tokens travel.
    pub loops: bool,
    /// Whether what is asked for ahead of its turn is kept until then.
    pub keeps: bool,
}

/// An `into:` edge, as a frontier needs it.
#[derive(Clone, Copy, Debug)]
pub struct FrontierEdge {
    /// Where it ends.
    pub to: Slot,
    /// How many items it may admit.
    pub max_items: u64,
    /// How many items are found under one at most, if that is known.
    pub take: Option<u64>,
    /// From which depth on nothing is found under an item.
    pub max_depth: Option<u32>,
}

/// What a frontier hands to a fetch stage.
#[derive(Debug)]
pub enum Errand {
    /// An item that was admitted.
    Item(Parcel<Item>),
    /// The fields of an item that will be admitted: it may be asked for already, and comes again in its turn.
    Ahead(Arc<Value>),
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
    /// `admitted[i]` is about the item admitted as number `oldest + i`, where tokens travel.
    admitted: VecDeque<Admitted>,
    oldest: u64,
    /// How many of them are not settled, by depth.
    unsettled: BTreeMap<u32, u64>,
    /// Found under an item that is not yet at the head.
    parked: Parked,
    /// What each stage was given ahead of its turn, until that comes.
    ahead: Vec<Seen>,
    /// What will be found along each edge, as far as somebody has looked.
    foreseen: Vec<Line>,
    /// Whether items may still come from outside.
    fed: bool,
}

/// An item that was admitted.
struct Admitted {
    depth: u32,
    settled: bool,
}

impl Frontier {
    /// An empty frontier.
    pub fn new(plan: FrontierPlan) -> Self {
        let stages = plan.keys.len();
        let state = State {
            queues: (0..stages).map(|_| Line::default()).collect(),
            seen: vec![Seen::default(); stages],
            budgets: plan.edges.iter().map(|edge| edge.max_items).collect(),
            admitted: VecDeque::new(),
            oldest: 0,
            unsettled: BTreeMap::new(),
            parked: Parked::new(plan.edges.len()),
            ahead: vec![Seen::default(); stages],
            foreseen: plan.edges.iter().map(|_| Line::default()).collect(),
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
                                let (bytes, aside) = packed(&item);
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
    pub async fn hand_out(self, slot: Slot, stage: Sender<Errand>) -> Result<(), Closed> {
        let mut changed = self.shared.changed.subscribe();
        loop {
            let room = stage.reserve().await?;
            let errand = loop {
                changed.mark_unchanged();
                match self.next(slot) {
                    Next::Errand(errand) => break errand,
                    Next::Later => changed.changed().await.map_err(|_| Closed)?,
                    Next::Never => return Ok(()),
                }
            };
            room.send(errand);
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
            return Next::Errand(Errand::Item(Parcel { value: item, token }));
        }
        if let Some(fields) = state.ahead(slot, &self.shared.plan) {
            return Next::Errand(Errand::Ahead(fields));
        }
        if state.ended(self.shared.plan.loops) { Next::Never } else { Next::Later }
    }
}

enum Next {
    Errand(Errand),
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

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing that holds this lock panics")
    }

    fn admit_fed(&self, feed: &Feed, item: &Item) {
        let key = (self.plan.keys[feed.slot.0])(item);
        let (packed, aside) = packed(item);
        let mut state = self.state();
        let candidate = Candidate { key, packed: &packed, aside };
        state.admit(feed.slot, feed.edge, candidate, item.depth, self.plan.loops);
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
        let slot = self.plan.edges[edge.0].to;
        // Hashing and packing are done before the lock is taken.
        let items: Vec<(Key, Vec<u8>, Vec<Arc<Value>>)> = items
            .into_iter()
            .map(|item| {
                let (packed, aside) = packed(&item);
                ((self.plan.keys[slot.0])(&item), packed, aside)
            })
            .collect();
        let mut state = self.state();
        if state.budgets[edge.0] == 0 {
            return;
        }
        let mut records = Records::default();
        for (key, packed, aside) in items {
            // Known already is final: what that rules out now need not be kept.
            if !state.seen[slot.0].contains(key) {
                records.push(Candidate { key, packed: &packed, aside });
            }
        }
        state.parked.add(parent, edge, records);
        if state.is_idle(slot) {
            drop(state);
            self.changed.send_replace(());
        }
    }

    pub(super) fn settled(&self, number: u64) {
        let mut state = self.state();
        let index = usize::try_from(number - state.oldest).expect("a window of items fits memory");
        let admitted = &mut state.admitted[index];
        admitted.settled = true;
        let depth = admitted.depth;
        let count = state.unsettled.entry(depth).or_default();
        *count -= 1;
        if *count == 0 {
            state.unsettled.remove(&depth);
        }
        if index == 0 {
            state.advance(&self.plan);
            drop(state);
            self.changed.send_replace(());
        }
    }
}

impl State {
    fn admit(&mut self, slot: Slot, edge: Option<EdgeId>, candidate: Candidate<'_>, depth: u32, loops: bool) {
        let Candidate { key, packed, aside } = candidate;
        if edge.is_some_and(|edge| self.budgets[edge.0] == 0) || !self.seen[slot.0].insert(key) {
            return;
        }
        if let Some(edge) = edge {
            self.budgets[edge.0] -= 1;
        }
        let number = self.oldest + self.admitted.len() as u64;
        if loops {
            self.admitted.push_back(Admitted { depth, settled: false });
            *self.unsettled.entry(depth).or_default() += 1;
        }
        self.ahead[slot.0].remove(key);
        self.queues[slot.0].push(number, packed, aside);
    }

    /// Moves on over settled items and admits what was found under them.
    fn advance(&mut self, plan: &FrontierPlan) {
        while let Some(first) = self.admitted.front().filter(|first| first.settled && !self.fed) {
            let depth = first.depth + 1;
            let (parent, mut parked) = (self.oldest, std::mem::take(&mut self.parked));
            let mut admit = |edge: EdgeId, candidate: Candidate<'_>| {
                self.admit(plan.edges[edge.0].to, Some(edge), candidate, depth, plan.loops);
            };
            while parked.take(parent, &mut admit) {}
            self.parked = parked;
            self.admitted.pop_front();
            self.oldest += 1;
        }
    }

    fn ended(&self, loops: bool) -> bool {
        let settled = if loops { self.admitted.is_empty() } else { self.queues.iter().all(Line::is_empty) };
        !self.fed && settled
    }
}

mod ahead;
mod parked;
#[cfg(test)]
mod tests;
