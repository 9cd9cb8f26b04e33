//! Durations, rates and counts that several parts of the file take: `timeout`, `rate`, `concurrency`,
//! `buffer`.

use std::num::NonZeroU32;
use std::time::Duration;

use super::super::fault::Faults;
use super::super::language::{self, BUFFER_MAX, BURST_MAX, CONCURRENCY_MAX, DURATION_MIN, TIMEOUT_MAX};
use super::super::model::{Rate, Requests};
use super::super::rate::RateError;
use super::super::scalar::{Core, Scalar};
use super::super::tree::{Entry, NodeValue};
use super::expect;
use super::fields::{Fields, Keys, not_available_yet};
use super::grammar::{self, duration_text};

static RATE: Keys = Keys { later: &["share"], ..Keys::of(&language::RATE) };

/// What `rate` says.
pub(super) enum RateSetting {
    /// `none`
    Unlimited,
    /// A limit.
    Limited(Rate),
}

/// Reads `concurrency`, `rate`, `buffer` and `timeout` of a stage.
pub(super) fn requests(fields: Fields<'_>, faults: &mut Faults) -> Requests {
    Requests {
        concurrency: fields.get("concurrency").and_then(|entry| concurrency(entry, faults)),
        rate: match fields.get("rate").and_then(|entry| rate(entry, faults)) {
            Some(RateSetting::Limited(rate)) => Some(rate),
            Some(RateSetting::Unlimited) | None => None,
        },
        buffer: buffer(fields, faults),
        timeout: fields.get("timeout").and_then(|entry| timeout(entry, faults)),
    }
}

/// Reads `buffer`.
pub(super) fn buffer(fields: Fields<'_>, faults: &mut Faults) -> Option<NonZeroU32> {
    fields.get("buffer").and_then(|entry| expect::count(entry, BUFFER_MAX, faults))
}

/// Reads `timeout`.
pub(super) fn timeout(entry: &Entry, faults: &mut Faults) -> Option<Duration> {
    duration(entry, DURATION_MIN, TIMEOUT_MAX, faults)
}

/// Reads a duration from `least` to `most`.
pub(super) fn duration(
    entry: &Entry,
    least: Duration,
    most: Duration,
    faults: &mut Faults,
) -> Option<Duration> {
    const TAKES: &str = "a duration such as `250ms`, `10s`, `2m`, `8h` or `30d`";
    let scalar = expect::scalar(&entry.key, &entry.value, TAKES, faults)?;
    match grammar::duration(&scalar.text) {
        Ok(value) if (least..=most).contains(&value) => Some(value),
        Ok(_) => {
            let (least, most) = (duration_text(least), duration_text(most));
            let title = format!("`{}` takes {least} to {most}", entry.key);
            faults.error("out-of-range", entry.value.span, title).help(format!("as in `{}: 10s`", entry.key));
            None
        }
        Err(error) => {
            let help = match error {
                grammar::DurationError::NoUnit => format!("write `{}s` for seconds", scalar.text.trim()),
                grammar::DurationError::Malformed => match grammar::meant(&scalar.text) {
                    Some(meant) => format!("write `{}`", duration_text(meant)),
                    None => format!("`{}` takes {TAKES}", entry.key),
                },
            };
            faults.error("bad-duration", entry.value.span, error.to_string()).help(help);
            None
        }
    }
}

/// Reads a size from `least` to `most`.
pub(super) fn size(entry: &Entry, least: u64, most: u64, faults: &mut Faults) -> Option<u64> {
    const TAKES: &str = "a size such as `64MiB` or `1GiB`";
    let scalar = expect::scalar(&entry.key, &entry.value, TAKES, faults)?;
    match grammar::size(&scalar.text) {
        Ok(value) if (least..=most).contains(&value) => Some(value),
        Ok(_) => {
            let (least, most) = (grammar::size_text(least), grammar::size_text(most));
            let title = format!("`{}` takes {least} to {most}", entry.key);
            faults
                .error("out-of-range", entry.value.span, title)
                .help(format!("as in `{}: {least}`", entry.key));
            None
        }
        Err(error) => {
            let help = match (error, grammar::meant_size(&scalar.text)) {
                (grammar::SizeError::NoUnit, _) => {
                    format!("write `{}MiB` for mebibytes", scalar.text.trim())
                }
                (grammar::SizeError::Malformed, Some(meant)) => format!("write `{meant}`"),
                (grammar::SizeError::Malformed, None) => format!("`{}` takes {TAKES}", entry.key),
            };
            faults.error("bad-size", entry.value.span, error.to_string()).help(help);
            None
        }
    }
}

/// Reads `rate`: `40/s`, `{limit: 40/s, burst: 10}` or `none`.
pub(super) fn rate(entry: &Entry, faults: &mut Faults) -> Option<RateSetting> {
    const TAKES: &str = "a rate such as `40/s`, `{limit: 40/s, burst: 10}`, or `none`";
    if let NodeValue::Map(_) = entry.value.value {
        let fields = Fields::open("rate", &entry.value, entry.key_span, &RATE, faults)?;
        if entry_names(&entry.value.value, "share") {
            return None;
        }
        let burst = fields
            .get("burst")
            .and_then(|entry| expect::count(entry, BURST_MAX, faults))
            .map(NonZeroU32::get);
        let limit = fields.require("limit", faults)?;
        let scalar = expect::scalar("limit", &limit.value, "a rate such as `40/s`", faults)?;
        return Some(RateSetting::Limited(Rate { burst, ..limited(scalar, limit, faults)? }));
    }
    if let NodeValue::Scalar(Scalar { text, core: Core::String, .. }) = &entry.value.value {
        match text.as_str() {
            "none" => return Some(RateSetting::Unlimited),
            "auto" => {
                not_available_yet("`rate: auto`", entry.value.span, faults);
                return None;
            }
            _ => {}
        }
    }
    let scalar = expect::scalar("rate", &entry.value, TAKES, faults)?;
    limited(scalar, entry, faults).map(RateSetting::Limited)
}

fn entry_names(value: &NodeValue, key: &str) -> bool {
    matches!(value, NodeValue::Map(entries) if entries.iter().any(|entry| entry.key == key))
}

fn limited(scalar: &Scalar, entry: &Entry, faults: &mut Faults) -> Option<Rate> {
    match Rate::parse(&scalar.text) {
        Ok(rate) => Some(rate),
        Err(error) => {
            let fault = faults.error("bad-rate", entry.value.span, error.to_string());
            match error {
                RateError::NoUnit => fault.help(format!(
                    "write `{}/s` for requests in a second; `/m` and `/h` exist too",
                    scalar.text.trim()
                )),
                RateError::Zero => fault.help("write `none` for no limit"),
                RateError::Malformed if let Some(meant) = meant_rate(&scalar.text) => {
                    fault.help(format!("write `{meant}`"))
                }
                RateError::Malformed | RateError::TooFast => {
                    fault.help("as in `40/s`, `100/m` or `1000/h`: in a second, a minute or an hour")
                }
            };
            None
        }
    }
}

/// The rate that somebody meant by `40/sek`, `40 per second`, `40 req/min` or `40rps`.
fn meant_rate(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|digits| *digits > 0)?;
    let (number, words) = text.split_at(digits);
    let word = words.rsplit(['/', ' ']).next().unwrap_or_default();
    let unit = match word {
        "s" | "sec" | "secs" | "sek" | "second" | "seconds" | "rps" | "qps" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" | "rpm" => "m",
        "h" | "hr" | "hour" | "hours" => "h",
        _ => return None,
    };
    let rate = format!("{number}/{unit}");
    Rate::parse(&rate).is_ok().then_some(rate)
}

fn concurrency(entry: &Entry, faults: &mut Faults) -> Option<NonZeroU32> {
    if let NodeValue::Scalar(scalar) = &entry.value.value
        && scalar.text == "auto"
    {
        not_available_yet("`concurrency: auto`", entry.value.span, faults);
        return None;
    }
    expect::count(entry, CONCURRENCY_MAX, faults)
}
