//! The run's memory, in bytes: bodies from the moment they are asked for until the last copy is gone, and what tables hold.
//!
//! ```text
//!  reserve(estimate) ──▶ ask ──▶ Charge::fill(body) ──▶ Bytes that own their charge ──▶ … ──▶ dropped: given back
//!  charge(batch), charge(open file): never wait, and leave less for bodies
//! ```
//!
//! Invariants:
//! * M1 Only asking waits. Whatever holds a body can always go on with it, so what was given comes back.
//! * M2 The first in turn of each stage ([`Turn`]) does not wait for memory but for the one before it that did not either: each
//!   stage has one [`Pass`], which comes back when all that was held under it is gone. So with no memory at all a run
//!   goes on one by one, and one body passes even if it is larger than everything.
//! * M3 Bodies and what is reserved for them hold no more than [`Memory::room_for_bodies`] beside those with a pass, and what
//!   bodies turned out to be larger than expected.
//! * M4 Who is further down the pipeline goes first (it gives back what others wait for), then who came first.
//! * M5 Dropping a wait or a charge, however that came about, gives everything back.
//!
//! Does not belong here: items that wait (the frontier holds keys only), and code and stacks of the process.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use crate::engine::turn::Turn;

/// What a body costs beside its bytes: its item, its place in a channel, and what the allocator adds.
pub const BODY_OVERHEAD_BYTES: usize = 512;
/// What is reserved for the first body of a stage; a film has 2 to 4 KB, one with its credits 50.
const ESTIMATE_FIRST: usize = 16 << 10;
/// A stage expects of the next body this share of what the last was larger or smaller.
const ESTIMATE_STEP: usize = 8;
/// No more than this share of the budget is reserved for one body, so that one large answer does not make a stage go one by
/// one.
const ESTIMATE_SHARE: usize = 16;
/// This share of the budget is left to bodies whatever tables hold: the open files of many tables are what they are, and
/// without bodies they would never be closed.
const BODIES_SHARE: usize = 4;

/// The memory of one run. A clone is the same memory.
#[derive(Clone)]
pub struct Memory(Arc<Pool>);

struct Pool {
    budget: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bodies: usize,
    tables: usize,
    /// The most that bodies and tables held at once.
    most: usize,
    waiting: BTreeMap<Place, Waiting>,
    came: u64,
}

/// The order of those who wait: stages further down first, then the order of coming.
type Place = (Reverse<usize>, u64);

struct Waiting {
    bytes: usize,
    granted: oneshot::Sender<Charge>,
}

/// What holds memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    Body,
    Table,
}

/// Bytes that are held until this is dropped.
pub struct Charge {
    pool: Arc<Pool>,
    holder: Holder,
    bytes: usize,
    /// Comes back after the bytes.
    pass: Option<Arc<Pass>>,
}

/// Leave of one value of a stage to hold what there is no room for, until the last charge under it is dropped.
struct Pass {
    /// The value's number in its stage.
    number: u64,
    returned: watch::Sender<()>,
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.returned.send_replace(());
    }
}

/// What one stage asks of memory.
#[derive(Debug)]
pub struct Demand {
    /// Its place in the pipeline: what is further down goes first.
    place: usize,
    /// The body that it expects next, in bytes.
    estimate: AtomicUsize,
    pass: Mutex<Weak<Pass>>,
    /// Told when a pass comes back.
    returned: watch::Sender<()>,
}

impl Demand {
    /// Of the stage at this place of the file.
    pub fn new(place: usize) -> Self {
        Self {
            place,
            estimate: AtomicUsize::new(ESTIMATE_FIRST),
            pass: Mutex::default(),
            returned: watch::Sender::new(()),
        }
    }

    /// Waits until the value is the first in turn and the stage's pass is there, or its own already.
    async fn pass(&self, turn: &Turn) -> Arc<Pass> {
        turn.first().await;
        let mut returned = self.returned.subscribe();
        loop {
            returned.mark_unchanged();
            if let Some(pass) = self.try_pass(turn.number()) {
                return pass;
            }
            // Never closed: it belongs to the same stage.
            drop(returned.changed().await);
        }
    }

    /// The pass of the value with this number, if it has one.
    fn own_pass(&self, number: u64) -> Option<Arc<Pass>> {
        let slot = self.pass.lock().expect("nothing that holds this lock panics");
        slot.upgrade().filter(|pass| pass.number == number)
    }

    fn try_pass(&self, number: u64) -> Option<Arc<Pass>> {
        let mut slot = self.pass.lock().expect("nothing that holds this lock panics");
        if let Some(pass) = slot.upgrade() {
            return (pass.number == number).then_some(pass);
        }
        let pass = Arc::new(Pass { number, returned: self.returned.clone() });
        *slot = Arc::downgrade(&pass);
        Some(pass)
    }

    /// Learns from a body of so many bytes. Those who learn at once may lose a step of one of them.
    fn learn(&self, bytes: usize) {
        let estimate = self.estimate.load(Ordering::Relaxed);
        let next = estimate - estimate / ESTIMATE_STEP + bytes / ESTIMATE_STEP;
        self.estimate.store(next, Ordering::Relaxed);
    }
}

impl Memory {
    /// A memory of so many bytes.
    pub fn new(budget: usize) -> Self {
        Self(Arc::new(Pool { budget, state: Mutex::default() }))
    }

    /// Waits for room for the next body of a stage, or for the stage's pass.
    ///
    /// # Cancel safety
    /// Dropped, nothing is taken.
    pub async fn reserve(&self, demand: &Demand, turn: &Turn) -> Charge {
        let bytes = demand.estimate.load(Ordering::Relaxed).min(self.0.budget / ESTIMATE_SHARE);
        self.take(bytes, demand, turn).await
    }

    /// Waits for room for a body of so many bytes, or for the stage's pass.
    ///
    /// # Cancel safety
    /// Dropped, nothing is taken.
    pub async fn take(&self, bytes: usize, demand: &Demand, turn: &Turn) -> Charge {
        let (place, granted) = match self.enter(bytes, demand.place) {
            Ok(charge) => return charge,
            Err(waiting) => waiting,
        };
        let _left = Left { pool: &self.0, place };
        tokio::select! {
            biased;
            charge = granted => charge.expect("a place is left by whoever has it, or with a charge"),
            pass = demand.pass(turn) => {
                let mut charge = self.charged(Holder::Body, bytes);
                charge.pass = Some(pass);
                charge
            }
        }
    }

    /// Takes memory for what is made of the bodies of a value, under its pass if it has one. Never waits.
    pub fn bodies(&self, bytes: usize, demand: &Demand, turn: &Turn) -> Charge {
        let mut charge = self.charged(Holder::Body, bytes);
        charge.pass = demand.own_pass(turn.number());
        charge
    }

    /// Takes memory for a batch or an open file. Never waits.
    pub fn table(&self, bytes: usize) -> Charge {
        self.charged(Holder::Table, bytes)
    }

    /// Whether somebody waits.
    pub fn is_short(&self) -> bool {
        !self.0.state().waiting.is_empty()
    }

    /// The most that was held at once, in bytes.
    pub fn most(&self) -> usize {
        self.0.state().most
    }

    /// The bytes that bodies may hold now.
    pub fn room_for_bodies(&self) -> usize {
        self.0.room(&self.0.state())
    }

    /// Takes memory if there is some and nobody waits who goes first; else the place among those who wait.
    fn enter(&self, bytes: usize, from: usize) -> Result<Charge, (Place, oneshot::Receiver<Charge>)> {
        let mut state = self.0.state();
        let place = (Reverse(from), state.came);
        let first = state.waiting.first_key_value().is_none_or(|(waiting, _)| place < *waiting);
        if first && state.bodies + bytes <= self.0.room(&state) {
            drop(state);
            return Ok(self.charged(Holder::Body, bytes));
        }
        state.came += 1;
        let (granted, waiting) = oneshot::channel();
        state.waiting.insert(place, Waiting { bytes, granted });
        Err((place, waiting))
    }

    fn charged(&self, holder: Holder, bytes: usize) -> Charge {
        self.0.state().hold(holder, 0, bytes);
        Charge { pool: Arc::clone(&self.0), holder, bytes, pass: None }
    }
}

impl Pool {
    fn room(&self, state: &State) -> usize {
        self.budget.saturating_sub(state.tables).max(self.budget / BODIES_SHARE)
    }

    /// Gives memory to those who wait, in their order, as far as it reaches.
    fn grant(self: &Arc<Self>) {
        loop {
            let (granted, charge) = {
                let mut state = self.state();
                let Some((place, first)) = state.waiting.first_key_value() else { return };
                let (place, bytes) = (*place, first.bytes);
                if state.bodies + bytes > self.room(&state) {
                    return;
                }
                let waiting = state.waiting.remove(&place).expect("it was the first a moment ago");
                state.hold(Holder::Body, 0, bytes);
                let charge = Charge { pool: Arc::clone(self), holder: Holder::Body, bytes, pass: None };
                (waiting.granted, charge)
            };
            // Outside of the lock: who no longer waits drops it, and it comes back here.
            drop(granted.send(charge));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing that holds this lock panics")
    }
}

impl State {
    /// Something that held `before` bytes now holds `after`.
    fn hold(&mut self, holder: Holder, before: usize, after: usize) {
        let held = match holder {
            Holder::Body => &mut self.bodies,
            Holder::Table => &mut self.tables,
        };
        *held = *held - before + after;
        self.most = self.most.max(self.bodies + self.tables);
    }
}

/// The place of somebody who waits, left when this is dropped.
struct Left<'a> {
    pool: &'a Arc<Pool>,
    place: Place,
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        // Who was first may have kept back a smaller one behind.
        let left = self.pool.state().waiting.remove(&self.place);
        if left.is_some() {
            self.pool.grant();
        }
    }
}

impl Charge {
    /// Sets what is held to so many bytes. Never waits.
    pub fn resize(&mut self, bytes: usize) {
        let before = std::mem::replace(&mut self.bytes, bytes);
        self.pool.state().hold(self.holder, before, bytes);
        if bytes < before {
            self.pool.grant();
        }
    }

    /// The body that this was reserved for: it holds its own size from now on, until its last copy is gone. The stage learns
    /// what to expect.
    pub fn fill(self, demand: &Demand, body: Bytes) -> Bytes {
        demand.learn(body.len() + BODY_OVERHEAD_BYTES);
        self.hold(body)
    }

    /// A body that keeps alive what it shares with others: a charge, and the bodies that it was made of.
    pub fn hold_shared(shared: Arc<(Self, Vec<Bytes>)>, body: Bytes) -> Bytes {
        Bytes::from_owner(Held { body, _charge: shared })
    }

    /// The body that this was taken for, until its last copy is gone.
    pub fn hold(mut self, body: Bytes) -> Bytes {
        self.resize(body.len() + BODY_OVERHEAD_BYTES);
        Bytes::from_owner(Held { body, _charge: self })
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.pool.state().hold(self.holder, self.bytes, 0);
        self.pool.grant();
    }
}

/// A body and its charge.
struct Held<C> {
    body: Bytes,
    _charge: C,
}

impl<C> AsRef<[u8]> for Held<C> {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state();
        write!(f, "Memory({} + {} of {})", state.bodies, state.tables, self.0.budget)
    }
}

impl fmt::Debug for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Charge({:?}, {})", self.holder, self.bytes)
    }
}

#[cfg(test)]
mod tests;
