//! Times of answers in a fixed number of buckets, each a sixteenth of a power of two wide: a quantile is too large by
//! 4.5 % at the most, and hearing a time is one addition without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// From a sixteenth of a millisecond in 352 steps to 262 s, which is beyond every timeout.
const BUCKETS: usize = 353;
/// Buckets until a time doubles.
const PER_DOUBLING: f64 = 16.0;
/// The upper end of the first bucket, in seconds.
const FIRST: f64 = 0.001 / 16.0;

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
        let steps = (time.as_secs_f64() / FIRST).max(1.0).log2() * PER_DOUBLING;
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
        Some(upper(bucket))
    }

    /// The buckets that hold something: their upper ends and counts.
    pub(super) fn steps(&self) -> Vec<(Duration, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed)).enumerate();
        counts.filter(|(_, count)| *count > 0).map(|(bucket, count)| (upper(bucket), count)).collect()
    }
}

/// The upper end of a bucket.
fn upper(bucket: usize) -> Duration {
    let steps = f64::from(u32::try_from(bucket).expect("few buckets"));
    Duration::from_secs_f64((steps / PER_DOUBLING).exp2() * FIRST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_is_at_most_a_twentieth_too_large() {
        let latency = Latency::default();
        assert_eq!(latency.quantile(0.5), None);
        for ms in 1..=1000 {
            latency.add(Duration::from_millis(ms));
        }
        for (share, exact) in [(0.5, 500.0), (0.99, 990.0), (0.001, 1.0)] {
            let found = latency.quantile(share).expect("counted").as_secs_f64() * 1000.0;
            assert!(found >= exact && found <= exact * 1.045, "{share}: {found} for {exact}");
        }
    }

    #[test]
    fn extreme_times_have_a_bucket() {
        let latency = Latency::default();
        latency.add(Duration::ZERO);
        assert_eq!(
            latency.quantile(1.0),
            Some(Duration::from_micros(62)).map(|time| time + Duration::from_nanos(500))
        );
        latency.add(Duration::from_secs(100_000));
        assert!(latency.quantile(1.0).expect("counted") > Duration::from_secs(200));
    }
}
