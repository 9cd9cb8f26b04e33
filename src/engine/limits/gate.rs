//! One gate for everybody: a 429 or 503 closes it, and nobody sends until it opens.
//!
//! Invariants:
//! * G1 Answers to requests sent before the gate closed are part of the same step: 64 simultaneous 429s are
//!   one step of backoff, not 64.
//! * G2 `Retry-After` is obeyed where it asks for more than nothing; a 0 does not switch backoff off.
//! * G3 A document that was asked for after the last closing resets the steps; one that was asked for between the last
//!   opening and that closing says that the API answers as much as it allows, and the pauses do not grow.
//! * G4 After [`TROUBLE_MAX`] without one the gate gives up.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

/// First step of backoff without `Retry-After`: about the time in which a limit of 40/s forgets 40 requests.
const STEP_FIRST: Duration = Duration::from_secs(1);
/// The longest step.
const STEP_MAX: Duration = Duration::from_mins(1);
/// How long the API may refuse everything before the run gives up.
pub const TROUBLE_MAX: Duration = Duration::from_mins(10);

/// The gate.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    dice: fastrand::Rng,
    open_at: Instant,
    /// When it last went from open to closed.
    shut_at: Option<Instant>,
    /// How long it was closed before that.
    closed_for: Duration,
    /// When the last step was.
    closed_at: Option<Instant>,
    /// When the gate had opened before that.
    opened_at: Instant,
    /// When the first closing since the last document was.
    trouble_since: Option<Instant>,
    step: u32,
}

/// The API has refused everything for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the API refused every request for {:.0} s, or asks to wait longer than {:.0} s", .refused.as_secs_f64(), TROUBLE_MAX.as_secs_f64())]
pub struct Exhausted {
    /// Since when.
    pub refused: Duration,
}

impl Gate {
    /// An open gate that rolls its dice from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            state: Mutex::new(State {
                dice: fastrand::Rng::with_seed(seed),
                open_at: Instant::now(),
                shut_at: None,
                closed_for: Duration::ZERO,
                closed_at: None,
                opened_at: Instant::now(),
                trouble_since: None,
                step: 0,
            }),
        }
    }

    /// When the gate opens, or did.
    pub fn open_at(&self) -> Instant {
        self.state().open_at
    }

    /// Whether the gate is open now.
    pub fn is_open(&self) -> bool {
        self.open_at() <= Instant::now()
    }

    /// How long it has been closed until `now`, all in all.
    pub fn closed_for(&self, now: Instant) -> Duration {
        self.state().closed_for(now)
    }

    /// Closes the gate after an answer of 429 or 503 to a request that was sent at `sent_at`. Returns for how
    /// long it stays closed from now, if this answer made it so.
    pub fn close(
        &self,
        sent_at: Instant,
        retry_after: Option<Duration>,
    ) -> Result<Option<Duration>, Exhausted> {
        let now = Instant::now();
        let mut state = self.state();
        let asked = retry_after.filter(|wait| !wait.is_zero());
        let same_step = state.closed_at.is_some_and(|closed_at| sent_at <= closed_at);
        let wait = match (asked, same_step) {
            (Some(asked), _) => asked,
            (None, true) => return Ok(None),
            (None, false) => {
                let longest = STEP_FIRST.saturating_mul(1 << state.step.min(16)).min(STEP_MAX);
                // Full jitter, but never less than half a first step: the window that refused us must pass.
                STEP_FIRST / 2 + longest.mul_f64(state.dice.f64())
            }
        };
        let trouble_since = *state.trouble_since.get_or_insert(now);
        if wait > TROUBLE_MAX || now + wait - trouble_since > TROUBLE_MAX {
            return Err(Exhausted { refused: now - trouble_since });
        }
        if !same_step {
            state.step += 1;
            state.closed_at = Some(now);
            state.opened_at = state.open_at.min(now);
        }
        let longer = now + wait > state.open_at;
        if longer {
            if state.open_at <= now {
                state.closed_for = state.closed_for(now);
                state.shut_at = Some(now);
            }
            state.open_at = now + wait;
        }
        Ok(longer.then_some(wait))
    }

    /// A request that was sent at `sent_at` was answered as it should be.
    pub fn answered(&self, sent_at: Instant) {
        let mut state = self.state();
        match state.closed_at {
            Some(closed_at) if sent_at <= closed_at => {
                if sent_at >= state.opened_at {
                    state.step = state.step.min(1);
                    state.trouble_since = Some(closed_at);
                }
            }
            _ => {
                state.step = 0;
                state.trouble_since = None;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing that holds this lock panics")
    }
}

impl State {
    fn closed_for(&self, now: Instant) -> Duration {
        let last =
            self.shut_at.map_or(Duration::ZERO, |at| now.min(self.open_at).saturating_duration_since(at));
        self.closed_for + last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Gate {
        /// Waits until the gate is open; returns how long that took.
        async fn opened(&self) -> Duration {
            let start = Instant::now();
            while !self.is_open() {
                tokio::time::sleep_until(self.open_at()).await;
            }
            start.elapsed()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_behind_the_gate_adds_up() {
        let gate = Gate::new(1);
        for (asked, all) in [(2, 2), (3, 5)] {
            tokio::time::advance(SECOND).await;
            gate.close(Instant::now(), Some(asked * SECOND)).unwrap();
            tokio::time::advance(SECOND).await;
            assert_eq!(gate.closed_for(Instant::now()), (all + 1 - asked) * SECOND);
            tokio::time::advance(9 * SECOND).await;
            assert_eq!(gate.closed_for(Instant::now()), all * SECOND);
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn sixty_four_simultaneous_429s_are_one_step() {
        let gate = Gate::new(1);
        let sent_at = Instant::now();
        tokio::time::advance(Duration::from_millis(80)).await;
        let closings: usize = (0..64).filter(|_| gate.close(sent_at, None).unwrap().is_some()).count();
        assert_eq!(closings, 1);
        assert_eq!(gate.state().step, 1);
        assert!(gate.opened().await <= STEP_FIRST + STEP_FIRST / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_obeyed_and_zero_is_not_a_free_pass() {
        let gate = Gate::new(1);
        let sent_at = Instant::now();
        tokio::time::advance(SECOND).await;
        assert_eq!(gate.close(sent_at, Some(7 * SECOND)).unwrap(), Some(7 * SECOND));
        assert_eq!(gate.opened().await, 7 * SECOND);
        let wait = gate.close(Instant::now(), Some(Duration::ZERO)).unwrap().expect("a new step");
        assert!(wait >= STEP_FIRST / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_and_longer_retry_after_extends_the_same_step() {
        let gate = Gate::new(1);
        let sent_at = Instant::now();
        gate.close(sent_at, Some(SECOND)).unwrap();
        assert_eq!(gate.close(sent_at, Some(3 * SECOND)).unwrap(), Some(3 * SECOND));
        assert_eq!(gate.close(sent_at, Some(2 * SECOND)).unwrap(), None);
        assert_eq!(gate.opened().await, 3 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn steps_grow_until_a_document_comes() {
        let gate = Gate::new(7);
        for step in 1..=4 {
            gate.opened().await;
            tokio::time::advance(SECOND).await;
            gate.close(Instant::now(), None).unwrap();
            assert_eq!(gate.state().step, step);
        }
        gate.opened().await;
        tokio::time::advance(SECOND).await;
        gate.answered(Instant::now());
        assert_eq!(gate.state().step, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_from_before_the_last_opening_proves_nothing() {
        let gate = Gate::new(7);
        let before = Instant::now();
        for step in 1..=3 {
            tokio::time::advance(SECOND).await;
            gate.close(Instant::now(), None).unwrap();
            gate.opened().await;
            gate.answered(before);
            assert_eq!(gate.state().step, step);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_do_not_grow_while_some_of_those_who_go_together_are_answered() {
        let gate = Gate::new(7);
        let start = Instant::now();
        for _ in 0..600 {
            gate.opened().await;
            // All go at once: the refusals are there before the answers.
            let sent_at = Instant::now();
            tokio::time::advance(Duration::from_millis(2)).await;
            let wait = gate.close(sent_at, None).unwrap().expect("a step of its own");
            assert!(wait <= STEP_FIRST / 2 + 2 * STEP_FIRST, "{wait:?}");
            tokio::time::advance(Duration::from_millis(50)).await;
            gate.answered(sent_at);
            assert_eq!(gate.state().step, 1);
        }
        assert!(start.elapsed() > TROUBLE_MAX, "the gate gives up only where nothing is answered");
    }

    #[tokio::test(start_paused = true)]
    async fn ten_minutes_of_refusals_exhaust_the_gate() {
        let gate = Gate::new(7);
        let start = Instant::now();
        loop {
            gate.opened().await;
            tokio::time::advance(Duration::from_millis(50)).await;
            if gate.close(Instant::now(), None).is_err() {
                break;
            }
            assert!(start.elapsed() <= TROUBLE_MAX);
        }
        assert!(start.elapsed() > TROUBLE_MAX.checked_sub(2 * STEP_MAX).unwrap());
        assert!(Gate::new(1).close(start, Some(TROUBLE_MAX + SECOND)).is_err());
    }
}
