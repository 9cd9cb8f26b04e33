//! Servers that count, for the tests of the limits: what a limit may look like from inside.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How a server counts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counts {
    /// At most so many in every closed window of a second.
    Sliding,
    /// A bucket that holds so many seconds of the rate and fills at the rate.
    Bucket(f64),
    /// At most so many in each window of so many seconds, one after the other.
    Fixed(u32),
}

/// A server with a limit, in requests a second.
#[derive(Debug)]
pub(super) struct Server {
    counts: Counts,
    limit: f64,
    /// Says how long to wait.
    says: bool,
    start: Instant,
    accepted: VecDeque<Instant>,
    tokens: f64,
    filled_at: Instant,
}

impl Server {
    pub(super) fn new(counts: Counts, limit: f64, says: bool) -> Self {
        let now = Instant::now();
        let tokens = if let Counts::Bucket(seconds) = counts { (limit * seconds).max(1.0) } else { 0.0 };
        Self { counts, limit, says, start: now, accepted: VecDeque::new(), tokens, filled_at: now }
    }

    pub(super) fn set_limit(&mut self, limit: f64) {
        self.limit = limit;
    }

    /// Whether a request that arrives `now` is accepted, or else the `Retry-After` that it is refused with.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand requests")]
    pub(super) fn admit(&mut self, now: Instant) -> Result<(), Option<Duration>> {
        let whole_seconds = |wait: Duration| self.says.then(|| Duration::from_secs(wait.as_secs() + 1));
        match self.counts {
            Counts::Sliding => {
                let second = Duration::from_secs(1);
                while self.accepted.front().is_some_and(|at| now - *at > second) {
                    self.accepted.pop_front();
                }
                if self.accepted.len() as f64 + 1.0 > self.limit {
                    let first = self.accepted.front().map_or(second, |at| second.saturating_sub(now - *at));
                    return Err(whole_seconds(first));
                }
                self.accepted.push_back(now);
            }
            Counts::Bucket(seconds) => {
                let filled = self.tokens + (now - self.filled_at).as_secs_f64() * self.limit;
                self.tokens = filled.min((self.limit * seconds).max(1.0));
                self.filled_at = now;
                if self.tokens < 1.0 {
                    let wait = Duration::from_secs_f64((1.0 - self.tokens) / self.limit);
                    return Err(whole_seconds(wait));
                }
                self.tokens -= 1.0;
            }
            Counts::Fixed(seconds) => {
                let length = f64::from(seconds);
                let index = |at: Instant| ((at - self.start).as_secs_f64() / length).floor();
                if self.accepted.front().is_some_and(|at| index(*at) < index(now)) {
                    self.accepted.clear();
                }
                if self.accepted.len() as f64 + 1.0 > self.limit * length {
                    let left = (index(now) + 1.0) * length - (now - self.start).as_secs_f64();
                    return Err(whole_seconds(Duration::from_secs_f64(left)));
                }
                self.accepted.push_back(now);
            }
        }
        Ok(())
    }
}
