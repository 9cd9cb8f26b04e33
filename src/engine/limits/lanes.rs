//! Who is next: the queues of all stages before the one budget, as plain data without a clock of its own.
//!
//! ```text
//! stage ─▶ lane: [first come, first served], cap, reserve ─┐
//! stage ─▶ lane                                            ├─▶ a connection and a turn of the run's rate, together
//! stage ─▶ lane                                            ┘
//! ```
//!
//! A turn goes to the lane whose reserve is due the longest; if none is, to whoever has waited longest. A lane above its cap
//! is passed over, and nobody holds a connection while they wait, so a turn is never kept for somebody who cannot use it.
//!
//! Does not belong here: waiting and waking (`super::budget`).
//!
//! Invariants: those of the table "Limits" in docs/ARCHITECTURE.md, L5 to L9.

use std::collections::VecDeque;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::pace::{Pace, Turn};
use super::tuner::Tuner;
use crate::spec::{Rate, RunRate};

/// A reserve saves up at most so many turns while its cap or the number of its requests keeps it from using them.
const CREDIT_MAX: f64 = 4.0;
/// Of so many turns one goes to whoever has waited longest, whatever is reserved: where reserves add up to the whole, a
/// stage without one is slow and never stuck.
const RESERVED_IN_A_ROW_MAX: u32 = 31;

/// The queue of one stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lane(usize);

/// All lanes, the connections and the pace of the run.
#[derive(Debug)]
pub(super) struct Lanes {
    free: u32,
    pace: Option<Pace>,
    tuner: Option<Tuner>,
    queues: Vec<LaneState>,
    tickets: u64,
    reserved_in_a_row: u32,
    /// Since when no connection is free.
    full_since: Option<Instant>,
    /// How long none was, before that.
    full: std::time::Duration,
}

#[derive(Debug)]
struct LaneState {
    cap: Option<Pace>,
    /// Of the run's turns, 0 to 1.
    share: f64,
    /// Reserved turns that are due.
    credit: f64,
    waiting: VecDeque<Waiter>,
}

/// Somebody in a lane.
#[derive(Debug)]
struct Waiter {
    ticket: u64,
    tell: oneshot::Sender<Grant>,
}

/// A connection and a turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    lane: Lane,
    cap: Option<Turn>,
    run: Option<Turn>,
    /// The cap was ready later than the run's pace.
    pub(super) capped: bool,
}

impl Lanes {
    pub(super) fn new(connections: u32, rate: RunRate) -> Self {
        let (pace, tuner) = match rate {
            RunRate::Unlimited => (None, None),
            RunRate::Limited(rate) => (Some(Pace::new(rate)), None),
            RunRate::Auto => {
                let tuner = Tuner::default();
                (Some(Pace::smooth(tuner.per_second())), Some(tuner))
            }
        };
        Self {
            free: connections,
            pace,
            tuner,
            // The lane of whoever has no settings.
            queues: vec![LaneState::new(None, None)],
            tickets: 0,
            reserved_in_a_row: 0,
            full_since: None,
            full: std::time::Duration::ZERO,
        }
    }

    /// A lane of its own for a stage with this cap and this share.
    pub(super) fn open(&mut self, cap: Option<Rate>, share: Option<f64>) -> Lane {
        self.queues.push(LaneState::new(cap, share));
        Lane(self.queues.len() - 1)
    }

    /// What the run's rate is found to be, in requests a second, if it is to be found.
    pub(super) fn tuner(&mut self) -> Option<&mut Tuner> {
        self.tuner.as_mut()
    }

    /// The tuner has judged; the pace follows.
    pub(super) fn retune(&mut self) {
        if let (Some(tuner), Some(pace)) = (&self.tuner, &mut self.pace) {
            pace.change(tuner.per_second());
        }
    }

    /// Turns that a lane has in a second at most.
    pub(super) fn rate_of(&self, lane: Lane) -> Option<f64> {
        let own = self.queues[lane.0].cap.as_ref();
        [own, self.pace.as_ref()].into_iter().flatten().map(Pace::per_second).reduce(f64::min)
    }

    /// How long no connection has been free, all in all.
    pub(super) fn full(&self, now: Instant) -> std::time::Duration {
        self.full
            + self.full_since.map_or(std::time::Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Takes a connection and a turn at once, if nobody waits and everything is free.
    pub(super) fn take(&mut self, lane: Lane, now: Instant) -> Option<Grant> {
        let cap = self.queues[lane.0].cap.as_ref();
        let alone = self.queues.iter().all(|lane| lane.waiting.is_empty());
        let ready = alone && self.free > 0 && is_ready(cap, now) && is_ready(self.pace.as_ref(), now);
        ready.then(|| self.grant(lane, now))
    }

    /// Joins the end of a lane.
    pub(super) fn join(&mut self, lane: Lane, tell: oneshot::Sender<Grant>) -> u64 {
        let ticket = self.tickets;
        self.tickets += 1;
        self.queues[lane.0].waiting.push_back(Waiter { ticket, tell });
        ticket
    }

    /// Joins a lane again with a ticket of before, at its place.
    pub(super) fn rejoin(&mut self, lane: Lane, ticket: u64, tell: oneshot::Sender<Grant>) {
        let waiting = &mut self.queues[lane.0].waiting;
        let place = waiting.partition_point(|waiter| waiter.ticket < ticket);
        waiting.insert(place, Waiter { ticket, tell });
    }

    /// Leaves a lane; whether the ticket was still waiting there.
    pub(super) fn leave(&mut self, lane: Lane, ticket: u64) -> bool {
        let waiting = &mut self.queues[lane.0].waiting;
        let place = waiting.partition_point(|waiter| waiter.ticket < ticket);
        let there = waiting.get(place).is_some_and(|waiter| waiter.ticket == ticket);
        if there {
            waiting.remove(place);
        }
        there
    }

    /// Gives turns to all who may have one now; says when the next may be, if time alone can bring it.
    pub(super) fn pump(&mut self, now: Instant, open_at: Instant) -> Option<Instant> {
        while open_at <= now && self.free > 0 && is_ready(self.pace.as_ref(), now) {
            let Some(lane) = self.pick(now) else { break };
            let waiter = self.queues[lane.0].waiting.pop_front().expect("a lane that is picked has a waiter");
            let grant = self.grant(lane, now);
            if waiter.tell.send(grant).is_err() {
                self.undo(grant, now);
            }
        }
        self.next_at(open_at)
    }

    fn next_at(&self, open_at: Instant) -> Option<Instant> {
        if self.free == 0 {
            return None;
        }
        let waiting = self.queues.iter().filter(|lane| !lane.waiting.is_empty());
        let lane_at = waiting.map(|lane| lane.cap.as_ref().and_then(Pace::ready_at)).min()?;
        let run_at = self.pace.as_ref().and_then(Pace::ready_at);
        Some(lane_at.max(run_at).map_or(open_at, |at| at.max(open_at)))
    }

    /// The lane whose turn it is.
    fn pick(&mut self, now: Instant) -> Option<Lane> {
        let mut oldest: Option<(u64, usize)> = None;
        let mut due: Option<(f64, usize)> = None;
        for (index, lane) in self.queues.iter().enumerate() {
            let Some(front) = lane.waiting.front() else { continue };
            if !is_ready(lane.cap.as_ref(), now) {
                continue;
            }
            if oldest.is_none_or(|(ticket, _)| front.ticket < ticket) {
                oldest = Some((front.ticket, index));
            }
            if lane.credit >= 1.0 && due.is_none_or(|(credit, _)| lane.credit > credit) {
                due = Some((lane.credit, index));
            }
        }
        let oldest = oldest?.1;
        let index = match due {
            Some((_, due)) if due != oldest && self.reserved_in_a_row < RESERVED_IN_A_ROW_MAX => {
                self.reserved_in_a_row += 1;
                due
            }
            _ => {
                self.reserved_in_a_row = 0;
                oldest
            }
        };
        Some(Lane(index))
    }

    fn grant(&mut self, lane: Lane, now: Instant) -> Grant {
        self.free -= 1;
        if self.free == 0 {
            self.full_since = Some(now);
        }
        for (index, state) in self.queues.iter_mut().enumerate() {
            if state.share > 0.0 && (index == lane.0 || !state.waiting.is_empty()) {
                let own = if index == lane.0 { 1.0 } else { 0.0 };
                state.credit = (state.credit + state.share - own).clamp(0.0, CREDIT_MAX);
            }
        }
        if let Some(tuner) = &mut self.tuner
            && tuner.sent(now)
            && let Some(pace) = &mut self.pace
        {
            pace.change(tuner.per_second());
        }
        let cap = &mut self.queues[lane.0].cap;
        let ready_at = |pace: &Option<Pace>| pace.as_ref().and_then(Pace::ready_at);
        let capped = ready_at(cap) > ready_at(&self.pace);
        let cap = cap.as_mut().map(|cap| cap.take(now));
        Grant { lane, cap, run: self.pace.as_mut().map(|pace| pace.take(now)), capped }
    }

    /// The grant is used only now.
    pub(super) fn used(&mut self, grant: Grant, now: Instant) {
        if let (Some(pace), Some(turn)) = (&mut self.pace, grant.run) {
            pace.used(turn, now);
        }
    }

    /// Nobody uses the grant.
    pub(super) fn undo(&mut self, grant: Grant, now: Instant) {
        self.release(now);
        let cap = self.queues[grant.lane.0].cap.as_mut();
        for (pace, turn) in [(cap, grant.cap), (self.pace.as_mut(), grant.run)] {
            if let (Some(pace), Some(turn)) = (pace, turn) {
                pace.give_back(turn);
            }
        }
    }

    /// A connection is free again.
    pub(super) fn release(&mut self, now: Instant) {
        self.full = self.full(now);
        self.full_since = None;
        self.free += 1;
    }
}

impl LaneState {
    fn new(cap: Option<Rate>, share: Option<f64>) -> Self {
        let share = share.unwrap_or(0.0).clamp(0.0, 1.0);
        Self { cap: cap.map(Pace::new), share, credit: 0.0, waiting: VecDeque::new() }
    }
}

fn is_ready(pace: Option<&Pace>, now: Instant) -> bool {
    pace.is_none_or(|pace| pace.is_ready(now))
}

#[cfg(test)]
mod tests;
