//! Durations, rates and counts that several parts of the file take: `timeout`, `rate`, `concurrency`,
//! `buffer`.

use std::num::NonZeroU32;
use std::time::Duration;

use super::super::fault::Faults;
use super::super::language::{self, BUFFER_MAX, BURST_MAX, CONCURRENCY_MAX, DURATION_MIN, TIMEOUT_MAX};
use super::super::model::{Concurrency, Located, Rate, Requests, RunRate, Stage};
use super::super::rate::RateError;
use super::super::scalar::{Core, Scalar};
use super::super::tree::{Entry, NodeValue};
use super::expect;
use super::fields::{Fields, Keys};
use super::grammar::{self, duration_text};

static RATE: Keys = Keys {
    elsewhere: &[("share", "it belongs to a stage: what is kept for it of the run's rate")],
    ..Keys::of(&language::RATE)
};
static STAGE_RATE: Keys = Keys::of(&language::STAGE_RATE);

/// Reads `concurrency`, `rate`, `buffer` and `timeout` of a stage.
pub(super) fn requests(fields: Fields<'_>, faults: &mut Faults) -> Requests {
    let (rate, share) = fields.get("rate").map_or((None, None), |entry| stage_rate(entry, faults));
    Requests {
        concurrency: fields.get("concurrency").and_then(|entry| concurrency(entry, faults)),
        rate,
        share,
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

/// Reads `rate` of the run: `40/s`, `{limit: 40/s, burst: 10}`, `auto` or `none`.
pub(super) fn run_rate(entry: &Entry, faults: &mut Faults) -> Option<RunRate> {
    const TAKES: &str = "a rate such as `40/s`, `{limit: 40/s, burst: 10}`, `auto` or `none`";
    if let NodeValue::Map(_) = entry.value.value {
        let fields = Fields::open("rate", &entry.value, entry.key_span, &RATE, faults)?;
        let limit = fields.require("limit", faults);
        return limit_and_burst(fields, limit, faults).map(RunRate::Limited);
    }
    match word(entry) {
        Some("none") => return Some(RunRate::Unlimited),
        Some("auto") => return Some(RunRate::Auto),
        _ => {}
    }
    let scalar = expect::scalar("rate", &entry.value, TAKES, faults)?;
    limited(scalar, entry, faults).map(RunRate::Limited)
}

/// Reads `rate` of a stage, a cap and a share: `40/s`, `{limit: 40/s, burst: 10, share: 25%}` or `none`.
fn stage_rate(entry: &Entry, faults: &mut Faults) -> (Option<Rate>, Option<Located<f64>>) {
    const TAKES: &str = "a rate such as `40/s`, `{share: 25%}`, `{limit: 40/s, burst: 10}`, or `none`";
    if let NodeValue::Map(_) = entry.value.value {
        let Some(fields) = Fields::open("rate", &entry.value, entry.key_span, &STAGE_RATE, faults) else {
            return (None, None);
        };
        let share = fields.get("share").and_then(|entry| share(entry, faults));
        let limit = fields.get("limit");
        let limit = if fields.get("share").is_some() && fields.get("burst").is_none() {
            limit
        } else {
            limit.or_else(|| fields.require("limit", faults))
        };
        return (limit_and_burst(fields, limit, faults), share);
    }
    match word(entry) {
        Some("none") => return (None, None),
        Some("auto") => {
            faults
                .error("bad-rate", entry.value.span, "a stage finds no rate of its own")
                .help("write `rate: auto` in `api`: it is found for the whole run; here `concurrency: auto` may be meant");
            return (None, None);
        }
        _ => {}
    }
    let scalar = expect::scalar("rate", &entry.value, TAKES, faults);
    (scalar.and_then(|scalar| limited(scalar, entry, faults)), None)
}

/// The text of a plain word.
fn word(entry: &Entry) -> Option<&str> {
    match &entry.value.value {
        NodeValue::Scalar(Scalar { text, core: Core::String, .. }) => Some(text),
        _ => None,
    }
}

fn limit_and_burst(fields: Fields<'_>, limit: Option<&Entry>, faults: &mut Faults) -> Option<Rate> {
    let burst =
        fields.get("burst").and_then(|entry| expect::count(entry, BURST_MAX, faults)).map(NonZeroU32::get);
    let limit = limit?;
    let scalar = expect::scalar("limit", &limit.value, "a rate such as `40/s`", faults)?;
    Some(Rate { burst, ..limited(scalar, limit, faults)? })
}

/// Reads `share`.
fn share(entry: &Entry, faults: &mut Faults) -> Option<Located<f64>> {
    const TAKES: &str = "a percentage of the run's rate, such as `25%`";
    let scalar = expect::scalar("share", &entry.value, TAKES, faults)?;
    match grammar::percent(&scalar.text) {
        Some(percent) if percent > 0.0 => Some(Located::new(percent / 100.0, entry.value.span)),
        Some(_) => {
            faults
                .error("bad-share", entry.value.span, "a share is above 0")
                .help("leave it out: a stage without a share competes for what others leave");
            None
        }
        None => {
            let fault = faults.error("bad-share", entry.value.span, format!("`share` takes {TAKES}"));
            match scalar.core {
                Core::Float(share) if share > 0.0 && share < 1.0 => {
                    fault.help(format!("write `{}%`", (share * 1e8).round() / 1e6))
                }
                Core::Int(percent) if (1..=100).contains(&percent) => {
                    fault.help(format!("write `{percent}%`"))
                }
                _ if Rate::parse(&scalar.text).is_ok() => {
                    fault.help(format!("a rate of its own is a cap: write `limit: {}`", scalar.text.trim()))
                }
                _ => fault.help("as in `25%`: above `0%`, and at most `100%` for all stages together"),
            };
            None
        }
    }
}

/// Shares of all stages are of one rate.
pub(super) fn whole_shares(stages: &[Stage], faults: &mut Faults) {
    let mut sum = 0.0;
    for stage in stages {
        let Some(share) = stage.requests().and_then(|requests| requests.share.as_ref()) else { continue };
        let before = sum;
        sum += share.value;
        // Thirds that were rounded up are no fault.
        if sum > 1.0 + 1e-6 && before <= 1.0 + 1e-6 {
            let all: f64 =
                stages.iter().filter_map(|stage| Some(stage.requests()?.share.as_ref()?.value)).sum();
            let left = ((1.0 - before) * 1e4).round() / 1e2;
            let title = format!("the shares of all stages add up to {}%", (all * 1e4).round() / 1e2);
            let fault = faults.error("shares-over-100", share.span, title);
            if left > 0.0 {
                fault.help(format!("together they are at most 100%: the stages above leave {left}% here"));
            } else {
                fault.help("together they are at most 100%, which the stages above have taken");
            }
        }
    }
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

/// Reads `concurrency`: a number or `auto`.
fn concurrency(entry: &Entry, faults: &mut Faults) -> Option<Concurrency> {
    if word(entry) == Some("auto") {
        return Some(Concurrency::Auto);
    }
    expect::count(entry, CONCURRENCY_MAX, faults).map(Concurrency::Number)
}
