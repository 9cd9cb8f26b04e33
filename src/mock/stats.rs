//! What the server has seen: for assertions, and for the last line of `tmdb-etl mock`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::config::FaultKind;

/// A copy of the counts at one moment.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Requests that arrived.
    pub requests: u64,
    /// Answers by status; a request that was reset has none.
    pub by_status: BTreeMap<u16, u64>,
    /// Faults by kind.
    pub faults: BTreeMap<FaultKind, u64>,
    /// Requests refused by the rate limit.
    pub over_limit: u64,
    /// The most connections open at once.
    pub connections_max: usize,
    /// The most requests waiting for their answer at once.
    pub in_flight_max: usize,
    /// When requests arrived, by the server's clock, in order; only if recorded.
    pub arrivals: Vec<Instant>,
    /// How often each request (path and sorted query, without the credential) arrived; only if recorded.
    pub asked: BTreeMap<String, u64>,
}

impl Stats {
    /// The most arrivals in any sliding window, closed at both ends; 0 unless recorded.
    pub fn most_within(&self, window: Duration) -> usize {
        let mut first = 0;
        let mut most = 0;
        for (last, at) in self.arrivals.iter().enumerate() {
            while at.duration_since(self.arrivals[first]) > window {
                first += 1;
            }
            most = most.max(last - first + 1);
        }
        most
    }
}

/// The counts while the server runs.
#[derive(Debug)]
pub(super) struct Counter {
    record: bool,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    stats: Stats,
    connections: usize,
    in_flight: usize,
}

/// What is open or in flight for as long as this lives.
#[derive(Debug)]
pub(super) struct Gauge<'a> {
    counter: &'a Counter,
    connection: bool,
}

impl Counter {
    pub(super) fn new(record: bool) -> Self {
        Self { record, counts: Mutex::default() }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stats(&self) -> Stats {
        self.counts().stats.clone()
    }

    pub(super) fn requests(&self) -> u64 {
        self.counts().stats.requests
    }

    /// A connection was opened.
    pub(super) fn connected(&self) -> Gauge<'_> {
        let mut counts = self.counts();
        counts.connections += 1;
        counts.stats.connections_max = counts.stats.connections_max.max(counts.connections);
        Gauge { counter: self, connection: true }
    }

    /// A request arrived: when, and what it is until it is answered.
    pub(super) fn arrived(&self, canonical: &str) -> (Instant, Gauge<'_>) {
        let mut counts = self.counts();
        // Read under the lock, so that arrivals are in order.
        let now = Instant::now();
        counts.stats.requests += 1;
        counts.in_flight += 1;
        counts.stats.in_flight_max = counts.stats.in_flight_max.max(counts.in_flight);
        if self.record {
            counts.stats.arrivals.push(now);
            *counts.stats.asked.entry(canonical.to_owned()).or_default() += 1;
        }
        (now, Gauge { counter: self, connection: false })
    }

    pub(super) fn answered(&self, status: u16) {
        *self.counts().stats.by_status.entry(status).or_default() += 1;
    }

    pub(super) fn met(&self, kind: FaultKind) {
        *self.counts().stats.faults.entry(kind).or_default() += 1;
    }

    pub(super) fn refused(&self) {
        self.counts().stats.over_limit += 1;
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        let mut counts = self.counter.counts();
        if self.connection {
            counts.connections -= 1;
        } else {
            counts.in_flight -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn fullest_window_is_found() {
        let start = Instant::now();
        let arrivals = [0, 400, 900, 1000, 1001, 2500].map(|ms| start + Duration::from_millis(ms)).to_vec();
        let stats = Stats { arrivals, ..Stats::default() };
        assert_eq!(stats.most_within(Duration::from_secs(1)), 4);
        assert_eq!(Stats::default().most_within(Duration::from_secs(1)), 0);
    }
}
