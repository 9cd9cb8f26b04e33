//! A rate, kept smoothly and in every window: when the next turn is due, as plain data.
//!
//! Two rules, both of which a turn must keep. Turns are spaced by an interval, of which a little may be made up
//! after lateness (the generic cell rate algorithm, ITU-T I.371); and a log of the last turns sees that no window
//! of the rate's length holds more of them than the rate says, whatever was made up and whatever burst is allowed.
//!
//! Does not belong here: waiting (`super::budget`), and whose turn it is (`super::lanes`).
//!
//! Invariants: in every closed window of `per` at most `limit` turns are taken, at any burst; a pause earns no more
//! than the burst; a turn that is given back at once was never taken.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::spec::Rate;

/// How much older than the rate's window a turn is before it counts no more. A server counts arrivals, and the way
/// there is never equally long: this is by how much two ways may differ.
pub const WAY: Duration = Duration::from_millis(15);

/// What a timer with a step of 1 ms may be late, twice. The default burst is what a rate gives in this time.
const LATENESS: Duration = Duration::from_millis(2);
/// The most lateness that is made up for.
const LATENESS_MAX: Duration = Duration::from_millis(10);
/// Instants in the log; where a window has more turns, several share one.
const LOG_MAX: u64 = 4096;

/// The pace of one rate.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    /// How much before `due` a turn may be taken.
    early: Duration,
    /// When the next turn is due by the interval.
    due: Option<Instant>,
    window: Option<Window>,
}

/// A turn that was taken: what giving it back needs.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    number: u64,
    due_before: Option<Instant>,
}

impl Pace {
    /// The pace of `rate`, with the margin of [`WAY`] taken.
    pub fn new(rate: Rate) -> Self {
        let per_second = rate.per_second();
        let interval = (rate.per + WAY).div_f64(rate.limit.max(f64::MIN_POSITIVE));
        let mut pace = Self { window: Some(Window::new(rate)), ..Self::of_interval(interval) };
        let burst = rate.burst.map_or_else(|| default_burst(per_second), |burst| burst.max(1));
        if burst > 1 {
            pace.early = interval.saturating_mul(burst - 1);
        }
        pace
    }

    /// A pace of one turn after the other at `per_second`, without a margin: for a rate that is found by trying.
    pub fn smooth(per_second: f64) -> Self {
        let mut pace = Self::of_interval(Duration::ZERO);
        pace.change(per_second);
        pace
    }

    fn of_interval(interval: Duration) -> Self {
        let early = (interval / 4).min(LATENESS_MAX);
        Self { interval, early, due: None, window: None }
    }

    /// Goes on at `per_second`, without a pause or a burst; half an interval of lateness is made up for.
    pub fn change(&mut self, per_second: f64) {
        self.interval = Duration::from_secs_f64(1.0 / per_second);
        // Two percent below what is found there is room for one turn that comes closer to the one before it.
        self.early = (self.interval / 2).clamp(LATENESS, LATENESS_MAX / 2);
    }

    /// Turns in a second, on average.
    pub fn per_second(&self) -> f64 {
        1.0 / self.interval.as_secs_f64()
    }

    /// When the next turn may be taken; `None`: at any time.
    pub fn ready_at(&self) -> Option<Instant> {
        let due = self.due.map(|due| due.checked_sub(self.early).unwrap_or(due));
        due.max(self.window.as_ref().and_then(Window::ready_at))
    }

    /// Whether a turn may be taken `now`.
    pub fn is_ready(&self, now: Instant) -> bool {
        self.ready_at().is_none_or(|at| at <= now)
    }

    /// Takes a turn; one that [`is_ready`](Self::is_ready).
    pub fn take(&mut self, now: Instant) -> Turn {
        let number = self.window.as_mut().map_or(0, |window| window.push(now));
        let due_before = self.due;
        self.due = Some(self.due.map_or(now, |due| due.max(now)) + self.interval);
        Turn { number, due_before }
    }

    /// The turn is used only `now`: whoever had it was woken late.
    pub fn used(&mut self, turn: Turn, now: Instant) {
        if let Some(window) = &mut self.window {
            window.restamp(turn.number, now);
        }
    }

    /// Gives a turn back that nobody used. One that others have followed stays taken: what they were given
    /// counted with it.
    pub fn give_back(&mut self, turn: Turn) {
        let last = self.window.as_mut().is_none_or(|window| window.pop(turn.number));
        if last {
            self.due = turn.due_before;
        }
    }
}

/// Enough turns at once that a timer with a step of 1 ms can keep up: `max(1, rate × 2 ms)`.
fn default_burst(per_second: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
    let burst = (per_second * LATENESS.as_secs_f64()).clamp(1.0, 1_000_000.0) as u32;
    burst
}

/// When the last turns were, as many as a window may hold.
#[derive(Debug)]
struct Window {
    length: Duration,
    limit: u64,
    /// Turns that share an instant, the latest of theirs.
    shared: u64,
    stamps: VecDeque<Instant>,
    /// Number of the first turn of `stamps`, in units of `shared`.
    first: u64,
    /// The number of the next turn.
    next: u64,
}

impl Window {
    fn new(rate: Rate) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is bounded")]
        let limit = (rate.limit.ceil() as u64).max(1);
        let shared = limit.div_ceil(LOG_MAX);
        Self { length: rate.per + WAY, limit, shared, stamps: VecDeque::new(), first: 0, next: 0 }
    }

    /// When the turn `limit` before the next has left the window.
    fn ready_at(&self) -> Option<Instant> {
        let leaving = self.next.checked_sub(self.limit)? / self.shared;
        let index = usize::try_from(leaving.checked_sub(self.first)?).ok()?;
        self.stamps.get(index).map(|at| *at + self.length)
    }

    fn push(&mut self, now: Instant) -> u64 {
        let number = self.next;
        self.next += 1;
        if number.is_multiple_of(self.shared) {
            self.stamps.push_back(now);
        } else if let Some(last) = self.stamps.back_mut() {
            *last = now;
        }
        let oldest = self.next.saturating_sub(self.limit) / self.shared;
        while self.first < oldest {
            self.stamps.pop_front();
            self.first += 1;
        }
        number
    }

    fn restamp(&mut self, number: u64, now: Instant) {
        let group = number / self.shared;
        let index = group.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        if let Some(at) = index.and_then(|index| self.stamps.get_mut(index)) {
            *at = now.max(*at);
        }
    }

    /// Whether it was the last, which is then gone.
    fn pop(&mut self, number: u64) -> bool {
        if number + 1 != self.next {
            return false;
        }
        self.next = number;
        if number.is_multiple_of(self.shared) {
            self.stamps.pop_back();
        }
        true
    }
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts of a few thousand"
)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn per_second(limit: f64, burst: Option<u32>) -> Rate {
        Rate { limit, per: SECOND, burst }
    }

    /// The instants of `turns` turns, from 0, each taken up to `late` after it was ready.
    fn instants(pace: &mut Pace, turns: usize, late: Duration, dice: &mut fastrand::Rng) -> Vec<Duration> {
        let start = Instant::now();
        let mut now = start;
        (0..turns)
            .map(|_| {
                now = pace.ready_at().map_or(now, |at| at.max(now));
                let turn = pace.take(now);
                now += late.mul_f64(dice.f64());
                pace.used(turn, now);
                now - start
            })
            .collect()
    }

    /// The most instants in any closed window of `window`.
    fn most_in_window(instants: &[Duration], window: Duration) -> usize {
        let mut first = 0;
        let count = |last: usize| {
            while instants[last].saturating_sub(instants[first]) > window {
                first += 1;
            }
            last - first + 1
        };
        (0..instants.len()).map(count).max().unwrap_or(0)
    }

    #[test]
    fn every_sliding_window_holds_the_limit() {
        let mut dice = fastrand::Rng::with_seed(1);
        for limit in [1.0, 5.0, 40.0, 50.0, 333.0, 1000.0, 5000.0, 20_000.0] {
            for burst in [None, Some(1), Some(10), Some(1000)] {
                for late in [0, 900, 9_000, 60_000].map(Duration::from_micros) {
                    let mut pace = Pace::new(per_second(limit, burst));
                    let at = instants(&mut pace, (limit * 4.0) as usize + 2, late, &mut dice);
                    let most = most_in_window(&at, SECOND);
                    assert!(most as f64 <= limit, "{most} at {limit}/s, burst {burst:?}, late {late:?}");
                }
            }
        }
    }

    #[test]
    fn a_window_of_minutes_and_hours_holds_its_limit() {
        let mut dice = fastrand::Rng::with_seed(2);
        for (limit, per) in [(2.0, 60), (100.0, 60), (1000.0, 3600), (0.5, 1)] {
            let per = Duration::from_secs(per);
            let mut pace = Pace::new(Rate { limit, per, burst: Some(20) });
            let at = instants(&mut pace, limit as usize * 3 + 4, Duration::from_millis(20), &mut dice);
            assert!(most_in_window(&at, per) as f64 <= limit.ceil(), "{limit} in {per:?}");
        }
    }

    #[test]
    fn less_than_the_margin_is_lost_to_late_timers() {
        let mut dice = fastrand::Rng::with_seed(3);
        for limit in [1.0, 5.0, 40.0, 100.0, 1000.0] {
            for late in [1.0, 3.0].map(|ms| Duration::from_secs_f64(f64::min(ms * 1e-3, 0.2 / limit))) {
                let turns = (limit * 60.0) as usize;
                let mut pace = Pace::new(per_second(limit, None));
                let at = instants(&mut pace, turns, late, &mut dice);
                let reached = turns as f64 / at[turns - 1].as_secs_f64();
                assert!(reached >= limit * 0.98, "{reached} at {limit}/s, late {late:?}");
            }
        }
    }

    #[test]
    fn a_pause_earns_no_more_than_the_burst() {
        let mut pace = Pace::new(per_second(40.0, None));
        let start = Instant::now();
        pace.take(start);
        let mut now = start + Duration::from_mins(1);
        let first = now;
        for _ in 0..5 {
            now = pace.ready_at().map_or(now, |at| at.max(now));
            pace.take(now);
        }
        let sixth = pace.ready_at().expect("a turn was taken");
        assert!(sixth - first > Duration::from_millis(115), "at most 5 in 100 ms, with 15 ms for the way");
    }

    #[test]
    fn a_named_burst_is_given_at_once_and_counts() {
        let mut pace = Pace::new(per_second(40.0, Some(10)));
        let start = Instant::now();
        for _ in 0..10 {
            assert!(pace.is_ready(start));
            pace.take(start);
        }
        assert!(!pace.is_ready(start + Duration::from_millis(25)));
        assert!(pace.is_ready(start + Duration::from_millis(26)));
    }

    #[test]
    fn a_turn_given_back_at_once_was_never_taken() {
        let start = Instant::now();
        for rate in [per_second(40.0, None), per_second(20_000.0, None)] {
            let mut pace = Pace::new(rate);
            let mut twin = Pace::new(rate);
            for step in 0..100_u32 {
                let now = start + Duration::from_millis(30) * step;
                let turn = pace.take(now);
                pace.give_back(turn);
                assert_eq!(pace.ready_at(), twin.ready_at());
                pace.take(now);
                twin.take(now);
            }
        }
    }

    #[test]
    fn the_log_is_bounded() {
        let mut pace = Pace::new(per_second(1_000_000.0, None));
        let mut dice = fastrand::Rng::with_seed(4);
        let at = instants(&mut pace, 2_000_000, Duration::ZERO, &mut dice);
        assert!(pace.window.as_ref().expect("a window").stamps.len() <= LOG_MAX as usize + 2);
        assert!(most_in_window(&at, SECOND) <= 1_000_000);
    }
}
