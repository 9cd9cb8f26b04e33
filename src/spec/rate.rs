//! `rate`: how many requests per unit of time, and how many of them at once.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

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

/// The rate of a whole run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RunRate {
    /// `none`.
    Unlimited,
    /// A number that the file names.
    Limited(Rate),
    /// `auto`: found from where 429s begin.
    Auto,
}

impl RunRate {
    /// The number, where the file names one.
    pub fn limit(self) -> Option<Rate> {
        match self {
            Self::Limited(rate) => Some(rate),
            Self::Unlimited | Self::Auto => None,
        }
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

/// Largest rate that a file may ask for: beyond it no clock of ours can space requests.
pub(super) const RATE_PER_SECOND_MAX: f64 = 1_000_000.0;

/// Why a text is not a rate.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum RateError {
    /// A number alone.
    #[error("a rate needs its unit")]
    NoUnit,
    /// Anything else.
    #[error("a rate is a number and a unit of time")]
    Malformed,
    /// Zero.
    #[error("a rate must be above 0")]
    Zero,
    /// Above [`RATE_PER_SECOND_MAX`].
    #[error("a rate is at most 1000000 in a second")]
    TooFast,
}

impl Rate {
    /// Reads `40/s`, `2.5/m`, `1000/h`.
    pub(super) fn parse(text: &str) -> Result<Self, RateError> {
        let text = text.trim();
        let Some((number, unit)) = text.split_once('/') else {
            return Err(if number(text).is_some() { RateError::NoUnit } else { RateError::Malformed });
        };
        let seconds = match unit.trim() {
            "s" | "sec" | "second" => 1,
            "m" | "min" | "minute" => 60,
            "h" | "hour" => 3600,
            _ => return Err(RateError::Malformed),
        };
        let limit = self::number(number.trim()).ok_or(RateError::Malformed)?;
        let rate = Self { limit, per: Duration::from_secs(seconds), burst: None };
        if limit <= 0.0 {
            Err(RateError::Zero)
        } else if rate.per_second() > RATE_PER_SECOND_MAX {
            Err(RateError::TooFast)
        } else {
            Ok(rate)
        }
    }
}

/// A decimal number without sign or exponent.
fn number(text: &str) -> Option<f64> {
    let plain = text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_a_number_and_a_unit() {
        for (text, expected) in [
            ("40/s", Ok("40/s")),
            ("40 / s", Ok("40/s")),
            ("2.5/m", Ok("2.5/m")),
            ("1000/hour", Ok("1000/h")),
            ("40", Err(RateError::NoUnit)),
            ("fast", Err(RateError::Malformed)),
            ("40/d", Err(RateError::Malformed)),
            ("-1/s", Err(RateError::Malformed)),
            ("1e3/s", Err(RateError::Malformed)),
            ("inf/s", Err(RateError::Malformed)),
            ("1.2.3/s", Err(RateError::Malformed)),
            ("0/s", Err(RateError::Zero)),
            ("1000001/s", Err(RateError::TooFast)),
        ] {
            let rate = Rate::parse(text).map(|rate| rate.to_string());
            assert_eq!(rate, expected.map(str::to_owned), "{text}");
        }
    }
}
