//! The run's one budget: connections, gate, reserves, caps and rate, waited for in one queue.
//!
//! Of all who wait, one holds the baton: it alone sleeps until the next turn is due, and hands turns to whoever is next.
//! Whoever has got one passes the baton on, and so does whoever is dropped.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Mutex as Baton, Notify, oneshot};
use tokio::time::Instant;

use super::gate::{Exhausted, Gate};
use super::lanes::{Grant, Lane, Lanes};
use crate::spec::{Rate, RunRate};

/// What all requests of a run share.
#[derive(Debug)]
pub struct Budget {
    shared: Arc<Shared>,
    /// The rate is to be found.
    is_tuned: bool,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// The gate that a 429 closes.
    gate: Gate,
    /// Held by the one who sleeps for all.
    baton: Baton<()>,
    /// Something may be due earlier than whoever holds the baton sleeps.
    sooner: Notify,
}

#[derive(Debug)]
struct Queue {
    lanes: Lanes,
    /// Until when whoever holds the baton sleeps.
    asleep_until: Option<Instant>,
}

/// Leave to send one request now. Dropping it frees its connection.
#[derive(Debug)]
pub struct Passage {
    /// The instant at which leave was given.
    pub sent_at: Instant,
    /// How long the request stood behind the closed gate.
    pub gated: Duration,
    /// How long it waited because no connection was free; time behind the gate may be in it too.
    pub unconnected: Duration,
    /// How long it waited in all: what is neither of the two was for the rate.
    pub waited: Duration,
    /// Of the rates it was the stage's own cap that came last, and not the run's.
    pub capped: bool,
    shared: Arc<Shared>,
}

impl Budget {
    /// A budget of so many connections at this rate, with dice from `seed`.
    pub fn new(connections: NonZeroU32, rate: RunRate, seed: u64) -> Self {
        let queue = Queue { lanes: Lanes::new(connections.get(), rate), asleep_until: None };
        let shared = Shared {
            queue: Mutex::new(queue),
            gate: Gate::new(seed),
            baton: Baton::new(()),
            sooner: Notify::new(),
        };
        Self { shared: Arc::new(shared), is_tuned: rate == RunRate::Auto }
    }

    /// A lane for a stage: `rate` caps it, `share` (0 to 1) of the run's rate is kept for it while it has work.
    pub fn lane(&self, rate: Option<Rate>, share: Option<f64>) -> Lane {
        self.shared.queue().lanes.open(rate, share)
    }

    /// Waits for leave to send one request of a stage.
    ///
    /// # Cancel safety
    /// Dropped, nothing is taken that is not given back.
    pub async fn enter(&self, lane: Lane) -> Passage {
        let mut place = Place::new(&self.shared, lane);
        while !place.may_leave() {
            place.granted().await;
        }
        place.leave()
    }

    /// A request that was sent at `sent_at` was answered as it should be.
    pub fn answered(&self, sent_at: Instant) {
        self.shared.gate.answered(sent_at);
        if self.is_tuned
            && let Some(tuner) = self.shared.queue().lanes.tuner()
        {
            tuner.answered(sent_at);
        }
    }

    /// A request that was sent at `sent_at` was answered with 429 or 503: the gate closes. Returns for how long, if this
    /// answer made it so.
    ///
    /// # Errors
    /// The gate has been closed for too long.
    pub fn refused(
        &self,
        status: u16,
        sent_at: Instant,
        retry_after: Option<Duration>,
    ) -> Result<Option<Duration>, Exhausted> {
        if self.is_tuned && status == 429 {
            let mut queue = self.shared.queue();
            if let Some(tuner) = queue.lanes.tuner() {
                tuner.refused(sent_at, Instant::now());
                queue.lanes.retune();
            }
        }
        self.shared.gate.close(sent_at, retry_after)
    }

    /// How many requests of a lane may be sent in a second at most; `None` without a rate and a cap.
    pub fn rate_of(&self, lane: Lane) -> Option<f64> {
        self.shared.queue().lanes.rate_of(lane)
    }

    /// The rate that was found, in requests a second, where the file leaves it to be found.
    pub fn found(&self) -> Option<f64> {
        if !self.is_tuned {
            return None;
        }
        self.shared.queue().lanes.tuner().map(|tuner| tuner.per_second())
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("nothing that holds this lock panics")
    }

    /// Gives turns to all who may have one, and wakes the one who sleeps for the others if the next is due earlier than
    /// that one knows.
    fn pump(&self, queue: &mut Queue) {
        let next = queue.lanes.pump(Instant::now(), self.gate.open_at());
        if let Some(next) = next
            && queue.asleep_until.is_none_or(|until| next < until)
        {
            queue.asleep_until = Some(next);
            self.sooner.notify_one();
        }
    }

    /// Hands out turns as they come due, for ever; by one at a time.
    async fn drive(&self) {
        let _baton = self.baton.lock().await;
        loop {
            let next = {
                let mut queue = self.queue();
                let next = queue.lanes.pump(Instant::now(), self.gate.open_at());
                queue.asleep_until = next;
                next
            };
            let due = async {
                match next {
                    Some(next) => tokio::time::sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                () = self.sooner.notified() => {}
            }
        }
    }
}

/// Somebody's place in a lane. Dropped, it is left, and what was given and not used is given back.
struct Place<'a> {
    shared: &'a Arc<Shared>,
    lane: Lane,
    state: Waiting,
    since: Instant,
    gated_before: Duration,
    full_before: Duration,
}

enum Waiting {
    /// In the lane, to be told.
    InLane { ticket: u64, told: oneshot::Receiver<Grant> },
    /// A connection and a turn are there; the ticket is for going back.
    Granted { ticket: Option<u64>, grant: Grant },
    /// Gone.
    Left,
}

impl<'a> Place<'a> {
    fn new(shared: &'a Arc<Shared>, lane: Lane) -> Self {
        let now = Instant::now();
        let gated_before = shared.gate.closed_for(now);
        let mut queue = shared.queue();
        let full_before = queue.lanes.full(now);
        let at_once = if shared.gate.is_open() { queue.lanes.take(lane, now) } else { None };
        let state = if let Some(grant) = at_once {
            Waiting::Granted { ticket: None, grant }
        } else {
            let (tell, told) = oneshot::channel();
            let ticket = queue.lanes.join(lane, tell);
            shared.pump(&mut queue);
            Waiting::InLane { ticket, told }
        };
        Self { shared, lane, state, since: now, gated_before, full_before }
    }

    /// Waits for a grant, and sleeps for the others meanwhile if nobody does.
    async fn granted(&mut self) {
        let Waiting::InLane { ticket, told } = &mut self.state else { return };
        let ticket = *ticket;
        let grant = tokio::select! {
            biased;
            grant = told => grant.expect("a waiter is in its lane until it is told"),
            () = self.shared.drive() => unreachable!("whoever drives does so until it is told"),
        };
        self.state = Waiting::Granted { ticket: Some(ticket), grant };
    }

    /// Whether there is a grant and the gate is still open; if it has closed meanwhile, the place is taken again.
    fn may_leave(&mut self) -> bool {
        let Waiting::Granted { ticket, grant } = self.state else { return false };
        if self.shared.gate.is_open() {
            return true;
        }
        let mut queue = self.shared.queue();
        queue.lanes.undo(grant, Instant::now());
        let (tell, told) = oneshot::channel();
        let ticket = match ticket {
            Some(ticket) => {
                queue.lanes.rejoin(self.lane, ticket, tell);
                ticket
            }
            None => queue.lanes.join(self.lane, tell),
        };
        self.state = Waiting::InLane { ticket, told };
        self.shared.pump(&mut queue);
        false
    }

    fn leave(mut self) -> Passage {
        let Waiting::Granted { grant, .. } = self.state else { unreachable!("only a grant may leave") };
        let now = Instant::now();
        let mut queue = self.shared.queue();
        queue.lanes.used(grant, now);
        let unconnected = queue.lanes.full(now).saturating_sub(self.full_before);
        drop(queue);
        self.state = Waiting::Left;
        let waited = now - self.since;
        Passage {
            sent_at: now,
            gated: self.shared.gate.closed_for(now).saturating_sub(self.gated_before).min(waited),
            unconnected: unconnected.min(waited),
            waited,
            capped: grant.capped,
            shared: Arc::clone(self.shared),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        match std::mem::replace(&mut self.state, Waiting::Left) {
            Waiting::Left => return,
            Waiting::Granted { grant, .. } => queue.lanes.undo(grant, Instant::now()),
            Waiting::InLane { ticket, mut told } => {
                if !queue.lanes.leave(self.lane, ticket) {
                    let grant = told.try_recv().expect("whoever is in no lane was told");
                    queue.lanes.undo(grant, Instant::now());
                }
            }
        }
        self.shared.pump(&mut queue);
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.lanes.release(Instant::now());
        self.shared.pump(&mut queue);
    }
}

#[cfg(test)]
mod tests;
