//! `rate`: how many requests per unit of time, and how many of them at once.

use std::fmt;
use std::time::Duration;

/// A rate limit: `limit` requests per `per`, and a burst where the file names one.
///
/// Invariant: `limit` is finite and above 0; `burst`, if given, is at least 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Requests per `per`.
    pub limit: f64,
    /// One second, minute or hour.
    pub per: Duration,
    /// Requests that may be sent at once after a pause; `None` is `max(1, rate × 2 ms)`.
    pub burst: Option<u32>,
}

impl Rate {
    /// Requests per second.
    pub fn per_second(&self) -> f64 {
        self.limit / self.per.as_secs_f64()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per.as_secs() {
            3600 => "h",
            60 => "m",
            _ => "s",
        };
        write!(f, "{}/{unit}", self.limit)
    }
}
