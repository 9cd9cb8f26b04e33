//! The rate limit as the server sees it: at most N accepted requests in every sliding window.
//!
//! The window is closed at both ends: two requests exactly one window apart still count together, so
//! that a client that only just keeps the rate is found out. Refused requests do not count, or a client
//! that retries would lock itself out for ever. Memory: N instants.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::config::RateLimit;

/// The instants of the requests accepted last.
#[derive(Debug)]
pub(super) struct Window {
    limit: RateLimit,
    accepted: VecDeque<Instant>,
}

impl Window {
    pub(super) fn new(limit: RateLimit) -> Self {
        Self { limit, accepted: VecDeque::new() }
    }

    /// Whether a request that arrives `now` is within the limit; it is counted if so.
    pub(super) fn admit(&mut self, now: Instant) -> bool {
        while let Some(&first) = self.accepted.front()
            && now.saturating_duration_since(first) > self.limit.window
        {
            self.accepted.pop_front();
        }
        let within = self.accepted.len() < self.limit.requests as usize;
        if within {
            self.accepted.push_back(now);
        }
        within
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn window(requests: u32) -> Window {
        Window::new(RateLimit { requests, window: Duration::from_secs(1) })
    }

    #[tokio::test(start_paused = true)]
    async fn one_more_than_the_limit_within_a_second_is_refused() {
        let mut window = window(40);
        for _ in 0..40 {
            assert!(window.admit(Instant::now()));
            tokio::time::advance(Duration::from_millis(25)).await;
        }
        assert!(!window.admit(Instant::now()), "the first is exactly one second old");
        tokio::time::advance(Duration::from_nanos(1)).await;
        assert!(window.admit(Instant::now()));
        assert!(!window.admit(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_across_a_full_second_is_refused_too() {
        let mut window = window(2);
        tokio::time::advance(Duration::from_millis(900)).await;
        assert!(window.admit(Instant::now()));
        assert!(window.admit(Instant::now()));
        tokio::time::advance(Duration::from_millis(200)).await;
        assert!(!window.admit(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn refused_requests_do_not_count() {
        let mut window = window(1);
        assert!(window.admit(Instant::now()));
        for _ in 0..9 {
            tokio::time::advance(Duration::from_millis(100)).await;
            assert!(!window.admit(Instant::now()));
        }
        tokio::time::advance(Duration::from_millis(101)).await;
        assert!(window.admit(Instant::now()));
    }
}
