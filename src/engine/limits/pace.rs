//! A rate, kept smoothly and fairly: governor behind a queue, its waits slept on tokio's clock.
//!
//! Invariants: in every window of length `per` at most `limit` turns are given (for the default burst); turns
//! are given in the order of asking; a turn that was waited for in vain costs nothing.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::spec::Rate;

/// Turns are this much rarer than the rate says. A server that allows N in every second counts arrivals: N + 1
/// requests exactly 1/N apart fit into one second already, and the way there is never equally long.
/// At 40/s this leaves 20 ms for differences in the way, and 39.2/s.
pub const MARGIN: f64 = 0.02;

/// How late a turn may be taken and the next still come on time. Tokio's timer has a step of 1 ms.
const LATENESS: Duration = Duration::from_millis(2);

/// A request costs this many of governor's cells: finer than one, so that lateness can be made up for by a
/// fraction of a request and never by a whole one.
const CELLS_PER_TURN: u32 = 64;

/// The pace of one rate.
#[derive(Debug)]
pub struct Pace {
    limiter: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>,
    clock: TokioClock,
    /// Held by whoever is next: first come, first served.
    turn: Mutex<()>,
}

impl Pace {
    /// The pace of `rate`, with the margin taken.
    pub fn new(rate: Rate) -> Self {
        let per_second = rate.per_second();
        let interval = Duration::from_secs_f64((1.0 + MARGIN) / per_second);
        // A cell of at least a nanosecond: governor refuses 0.
        let cell = (interval / CELLS_PER_TURN).max(Duration::from_nanos(1));
        let burst = rate.burst.map_or_else(|| default_burst(per_second), |burst| burst.max(1));
        let spare = if burst > 1 { 0 } else { LATENESS.as_nanos() / cell.as_nanos() };
        let spare = u32::try_from(spare).unwrap_or(u32::MAX).min(CELLS_PER_TURN / 2);
        let cells = burst.saturating_mul(CELLS_PER_TURN).saturating_add(spare);
        let quota = Quota::with_period(cell)
            .expect("a cell is at least a nanosecond")
            .allow_burst(NonZeroU32::new(cells).expect("a burst is at least one turn"));
        let clock = TokioClock::start();
        Self { limiter: RateLimiter::direct_with_clock(quota, clock), clock, turn: Mutex::new(()) }
    }

    /// Waits for a turn.
    ///
    /// # Cancel safety
    /// Dropped, no turn is lost.
    pub async fn turn(&self) {
        let _next = self.turn.lock().await;
        while let Err(wait) = self.try_turn() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes a turn now, or says how long there is none.
    fn try_turn(&self) -> Result<(), Duration> {
        let cells = NonZeroU32::new(CELLS_PER_TURN).expect("64 is not 0");
        match self.limiter.check_n(cells) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => Err(not_until.wait_time_from(self.clock.now())),
            Err(_) => unreachable!("a burst is at least one turn"),
        }
    }
}

/// Enough turns at once that a timer with a step of 1 ms can keep up: `max(1, rate × 2 ms)`.
fn default_burst(per_second: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
    let burst = (per_second * LATENESS.as_secs_f64()).clamp(1.0, 1_000_000.0) as u32;
    burst
}

/// tokio's clock, which tests pause, as governor wants it: time since a start.
#[derive(Clone, Copy, Debug)]
struct TokioClock {
    start: Instant,
}

impl TokioClock {
    /// Starts a day ago on its own scale, because governor measures back from now.
    fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        const A_DAY: Duration = Duration::from_hours(24);
        A_DAY + self.start.elapsed()
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

    /// The instants at which `turns` turns come on a paused clock, in ms, when the taker is `late` ms late each
    /// time it is woken.
    async fn instants(rate: Rate, turns: usize, late: Duration) -> Vec<Duration> {
        let pace = Pace::new(rate);
        let start = Instant::now();
        let mut at = Vec::new();
        for _ in 0..turns {
            pace.turn().await;
            tokio::time::sleep(late).await;
            at.push(start.elapsed());
        }
        at
    }

    fn per_second(limit: f64, burst: Option<u32>) -> Rate {
        Rate { limit, per: Duration::from_secs(1), burst }
    }

    /// The most instants in any closed window of `window`.
    fn most_in_window(instants: &[Duration], window: Duration) -> usize {
        (0..instants.len())
            .map(|i| {
                instants[i..]
                    .iter()
                    .take_while(|at| (**at).checked_sub(instants[i]).unwrap() <= window)
                    .count()
            })
            .max()
            .unwrap_or(0)
    }

    #[tokio::test(start_paused = true)]
    async fn every_sliding_window_holds_the_limit() {
        for limit in [1.0, 5.0, 40.0, 50.0, 333.0, 1000.0, 5000.0] {
            for late in [Duration::ZERO, Duration::from_micros(900)] {
                let at = instants(per_second(limit, None), (limit * 4.0) as usize + 2, late).await;
                let most = most_in_window(&at, Duration::from_secs(1));
                assert!(most as f64 <= limit, "{most} in a second at {limit}/s, late {late:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn less_than_the_margin_is_lost_to_late_timers() {
        for limit in [1.0, 5.0, 40.0, 100.0, 1000.0] {
            let turns = (limit * 60.0) as usize;
            let at = instants(per_second(limit, None), turns, Duration::from_micros(900)).await;
            let reached = turns as f64 / at[turns - 1].as_secs_f64();
            assert!(reached >= limit * 0.975, "{reached} at {limit}/s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_earns_no_more_than_the_burst() {
        let pace = Pace::new(per_second(40.0, None));
        tokio::time::sleep(Duration::from_mins(1)).await;
        let start = Instant::now();
        for _ in 0..5 {
            pace.turn().await;
        }
        assert!(start.elapsed() >= Duration::from_millis(4 * 25));
    }

    #[tokio::test(start_paused = true)]
    async fn a_named_burst_is_given_at_once() {
        let pace = Pace::new(per_second(40.0, Some(10)));
        let start = Instant::now();
        for _ in 0..10 {
            pace.turn().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        pace.turn().await;
        assert!(start.elapsed() >= Duration::from_millis(25));
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_given_in_the_order_of_asking() {
        let pace = std::sync::Arc::new(Pace::new(per_second(1000.0, Some(1))));
        let order = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut tasks = tokio::task::JoinSet::new();
        for i in 0..200 {
            let (pace, order) = (pace.clone(), order.clone());
            tasks.spawn(async move {
                pace.turn().await;
                order.lock().unwrap().push(i);
            });
        }
        tasks.join_all().await;
        assert_eq!(*order.lock().unwrap(), (0..200).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_waiter_costs_no_turn() {
        let pace = Pace::new(per_second(10.0, None));
        pace.turn().await;
        let start = Instant::now();
        assert!(tokio::time::timeout(Duration::from_millis(50), pace.turn()).await.is_err());
        pace.turn().await;
        assert!(start.elapsed() <= Duration::from_millis(103));
    }
}
