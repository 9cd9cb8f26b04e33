//! `rate: auto`: finding a limit that nobody told, from where 429s begin.
//!
//! ```text
//! rate        seeking      ceiling known
//!  ceiling ─ ─ ─ ─ ─ ╱│─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ╱│─ ─ ─ ─ ─ ─
//!  hold      ─ ─ ─ ╱ ─│─ ─ ____________________╱ │─ ____________
//!                ╱    │ ╱   hold, then probe    │╱
//!  start     __╱      ╵                          ╵            time in which the rate is used ─▶
//! ```
//!
//! Does not belong here: stopping after a 429 (`super::gate`), and spacing turns (`super::pace`).
//!
//! Invariants:
//! * A1 The rate grows only while it is used: sends of the last second are held against it, so that a run that wants less,
//!   or whose connections or server allow less, learns nothing from the silence.
//! * A2 Refusals of what was sent before the last step are part of that step, and so are those that come before anything
//!   was accepted again: a window that is used up is one step, however often it is asked.
//! * A3 The rate stays between [`RATE_MIN`] and [`RATE_MAX`], and memory is the sends of three seconds.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Where it starts, in requests a second: the lowest limit that is looked for.
pub const RATE_START: f64 = 5.0;
/// It never falls below this.
pub const RATE_MIN: f64 = 1.0;
/// It never rises above this: what no public API gives a single address.
pub const RATE_MAX: f64 = 200.0;

/// Growth in a second while no 429 was ever met: from 5 to 200 in 17 s.
const SEEKING: f64 = 0.25;
/// How much quicker it grows with every second after a ceiling was passed: twice as much in 15 s.
const SEEKING_SLOWLY: f64 = 0.006;
/// Where it stays below a ceiling: what the way and the server's clock may differ by.
const HOLD: f64 = 0.98;
/// After a step down the hold is reached again in this time.
const APPROACH: Duration = Duration::from_secs(8);
/// From hold to its first probe, and the most between two: a probe that meets the same ceiling costs about a second.
const PROBE_FIRST: Duration = Duration::from_secs(30);
const PROBE_MAX: Duration = Duration::from_secs(75);
/// A probe grows by so much of the ceiling in a second.
const PROBING: f64 = 0.004;
/// A ceiling that was passed by so much is none.
const DISPROVED: f64 = 1.06;
/// Steps down, of which each that follows within [`TROUBLE`] is larger.
const STEPS: [f64; 5] = [HOLD, 0.93, 0.88, 0.8, 0.7];
/// The longest window that a limit is known to be counted in is 10 s (TMDB's own until 2019).
const TROUBLE: Duration = Duration::from_secs(12);
/// Longer than one closing of the gate.
const LOST_LEAST: Duration = Duration::from_secs(3);
/// The rate is judged so often.
const TICK: Duration = Duration::from_millis(200);
const SECOND: Duration = Duration::from_secs(1);
/// Sends are known for so long: a second before one that is refused late.
const LOG: Duration = Duration::from_secs(3);
/// The rate is used if so much of it was sent.
const USED: f64 = 0.85;

/// What is known of the limit.
#[derive(Debug)]
pub(super) struct Tuner {
    rate: f64,
    /// Where 429s began.
    ceiling: Option<f64>,
    /// The rate after the last step down.
    base: f64,
    /// Sends of the time [`LOG`].
    sends: VecDeque<Instant>,
    judged_at: Option<Instant>,
    stepped_at: Option<Instant>,
    /// Time in which the rate was used since the last step.
    quiet: Duration,
    /// How long it holds before it probes.
    hold: Duration,
    /// Good answers to what was sent since the last step.
    answers: u32,
    /// A ceiling was known and is passed.
    disproved: bool,
    /// Steps in a row, each within [`TROUBLE`] of the one before.
    in_a_row: usize,
}

impl Default for Tuner {
    fn default() -> Self {
        Self {
            rate: RATE_START,
            ceiling: None,
            base: RATE_START,
            sends: VecDeque::new(),
            judged_at: None,
            stepped_at: None,
            quiet: Duration::ZERO,
            hold: PROBE_FIRST,
            answers: 0,
            disproved: false,
            in_a_row: 0,
        }
    }
}

impl Tuner {
    /// The rate to keep now, in requests a second.
    pub(super) fn per_second(&self) -> f64 {
        self.rate
    }

    /// A request is sent; whether the rate has changed.
    pub(super) fn sent(&mut self, now: Instant) -> bool {
        while self.sends.front().is_some_and(|at| now - *at > LOG) {
            self.sends.pop_front();
        }
        self.sends.push_back(now);
        let since = now - *self.judged_at.get_or_insert(now);
        if since < TICK {
            return false;
        }
        self.judged_at = Some(now);
        if !self.is_used(now) {
            return false;
        }
        // A pause is no time in which the rate was used.
        let passed = since.min(2 * TICK).max(Duration::from_secs_f64(1.0 / self.rate).min(since));
        self.quiet += passed;
        let before = self.rate;
        self.grow(passed.as_secs_f64());
        self.rate.to_bits() != before.to_bits()
    }

    #[expect(clippy::cast_precision_loss, reason = "sends of a second")]
    fn is_used(&self, now: Instant) -> bool {
        let since = self.stepped_at.map_or(SECOND, |at| (now - at).min(SECOND));
        let sent = self.sends.iter().rev().take_while(|at| now - **at < since).count();
        // A single request in a second more or less is nothing at a high rate, and much at a low one.
        sent as f64 + 1.0 >= USED * self.rate * since.as_secs_f64()
    }

    fn grow(&mut self, seconds: f64) {
        let rate = match self.ceiling {
            None => {
                // After a ceiling that was none it may be just beyond.
                let growth = if self.disproved {
                    (SEEKING_SLOWLY * self.quiet.as_secs_f64()).min(SEEKING)
                } else {
                    SEEKING
                };
                self.rate * (1.0 + growth).powf(seconds)
            }
            Some(ceiling) if self.quiet < APPROACH => {
                let done = self.quiet.as_secs_f64() / APPROACH.as_secs_f64();
                self.base + (ceiling * HOLD - self.base) * done
            }
            Some(ceiling) if self.quiet < self.hold => ceiling * HOLD,
            Some(ceiling) => {
                let rate = self.rate + ceiling * PROBING * seconds;
                if rate > ceiling * DISPROVED {
                    self.ceiling = None;
                    self.disproved = true;
                    self.quiet = Duration::ZERO;
                }
                rate
            }
        };
        self.rate = rate.clamp(RATE_MIN, RATE_MAX);
    }

    /// A request that was sent at `sent_at` was answered.
    pub(super) fn answered(&mut self, sent_at: Instant) {
        self.answers += u32::from(self.stepped_at.is_none_or(|at| sent_at > at));
    }

    /// A request that was sent at `sent_at` was refused.
    pub(super) fn refused(&mut self, sent_at: Instant, now: Instant) {
        if let Some(stepped_at) = self.stepped_at {
            if sent_at <= stepped_at {
                return;
            }
            if self.answers == 0 && now - stepped_at < TROUBLE {
                return;
            }
        }
        let probing = self.ceiling.is_some() && self.quiet >= self.hold;
        let trouble = self.stepped_at.is_some() && self.quiet < APPROACH * 3 / 4 && !probing;
        self.in_a_row = if trouble { (self.in_a_row + 1).min(STEPS.len() - 1) } else { 0 };
        let ceiling = self.met_at(sent_at, now, probing);
        let same = self.ceiling.is_some_and(|before| (ceiling / before - 1.0).abs() < DISPROVED - 1.0);
        self.hold = match (same, probing) {
            (true, true) => (self.hold * 3 / 2).min(PROBE_MAX),
            (true, false) => self.hold,
            (false, _) => PROBE_FIRST,
        };
        self.ceiling = Some(ceiling);
        self.rate = (ceiling * STEPS[self.in_a_row]).clamp(RATE_MIN, RATE_MAX);
        self.base = self.rate;
        self.stepped_at = Some(now);
        self.answers = 0;
        self.quiet = Duration::ZERO;
    }

    /// Where the limit is, by a refusal that is a step.
    #[expect(clippy::cast_precision_loss, reason = "sends of a few seconds")]
    fn met_at(&self, sent_at: Instant, now: Instant, probing: bool) -> f64 {
        let since = self.stepped_at.map(|at| now - at);
        if let (Some(before), true) = (self.ceiling, probing) {
            // A window of many seconds refuses long after a probe has passed it.
            return self.rate.min(f64::midpoint(before, self.rate));
        }
        let within =
            |at: &&Instant| sent_at.checked_sub(SECOND).is_none_or(|from| **at > from) && **at < sent_at;
        let counted = self.sends.iter().filter(within).count() as f64 + 1.5;
        let used = counted >= USED * self.rate;
        let lost = since.map_or(Duration::ZERO, |since| since.saturating_sub(self.quiet));
        if let Some(since) = since.filter(|since| used && lost >= LOST_LEAST && *since < PROBE_FIRST) {
            // It refused for longer than the gate was closed once: its window is long. What it gave from one refusal to the
            // next is what the limit is, or less by the time in which nothing was asked.
            let given = f64::from(self.answers) / since.as_secs_f64();
            return self.rate.min((self.rate * given).sqrt().max(self.rate * STEPS[4]));
        }
        // In a full second a server that counts seconds has accepted what it allows, one more or less. That is too coarse to
        // correct a rate that was kept, and good where the rate had run away from what was sent.
        let whole = self.sends.front().is_some_and(|at| *at + SECOND.mul_f64(0.7) < sent_at)
            && (self.quiet >= SECOND || since.is_none_or(|since| since >= LOST_LEAST * 2));
        if whole && !(self.ceiling.is_some() && used) { self.rate.min(counted) } else { self.rate }
    }
}
