//! Times of answers in a fixed number of buckets, each a fourth of a power of two wide: a quantile is too
//! large by 19 % at the most, and hearing a time is one addition.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// From 1 ms in 72 steps to 262 s, which is beyond every timeout.
const BUCKETS: usize = 73;
/// Buckets until a time doubles.
const PER_DOUBLING: f64 = 4.0;

/// Counts of times.
#[derive(Debug)]
pub(super) struct Latency([AtomicU64; BUCKETS]);

impl Default for Latency {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Latency {
    /// Counts `time`.
    pub(super) fn add(&self, time: Duration) {
        let steps = (time.as_secs_f64() * 1000.0).max(1.0).log2() * PER_DOUBLING;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to some hundreds")]
        let bucket = (steps.ceil() as usize).min(BUCKETS - 1);
        self.0[bucket].fetch_add(1, Ordering::Relaxed);
    }

    /// The upper end of the bucket that holds the quantile; `None` if nothing was counted.
    pub(super) fn quantile(&self, share: f64) -> Option<Duration> {
        let counts: Vec<u64> = self.0.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        if total == 0 {
            return None;
        }
        let wanted = super::figures::real(total) * share;
        let mut seen = 0;
        let bucket = counts.iter().position(|count| {
            seen += count;
            super::figures::real(seen) >= wanted
        })?;
        let steps = f64::from(u32::try_from(bucket).expect("few buckets"));
        Some(Duration::from_secs_f64((steps / PER_DOUBLING).exp2() / 1000.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_is_at_most_a_fifth_too_large() {
        let latency = Latency::default();
        assert_eq!(latency.quantile(0.5), None);
        for ms in 1..=1000 {
            latency.add(Duration::from_millis(ms));
        }
        for (share, exact) in [(0.5, 500.0), (0.99, 990.0), (0.001, 1.0)] {
            let found = latency.quantile(share).expect("counted").as_secs_f64() * 1000.0;
            assert!(found >= exact && found <= exact * 1.2, "{share}: {found} for {exact}");
        }
    }

    #[test]
    fn extreme_times_have_a_bucket() {
        let latency = Latency::default();
        latency.add(Duration::ZERO);
        assert_eq!(latency.quantile(1.0), Some(Duration::from_millis(1)));
        latency.add(Duration::from_secs(100_000));
        assert!(latency.quantile(1.0).expect("counted") > Duration::from_secs(200));
    }
}
