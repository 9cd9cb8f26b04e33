//! `api`, `max_failures` and `memory`: what holds for the whole run.

use std::time::Duration;

use super::super::credential;
use super::super::fault::Faults;
use super::super::language::{
    self, ATTEMPTS_MAX, CONNECTIONS_MAX, DURATION_MIN, KEEP_MAX, MAX_ELAPSED_MAX, MEMORY_MAX, MEMORY_MIN,
    RESUME_MAX,
};
use super::super::model::{Api, MaxFailures, Retry, RunRate};
use super::super::scalar::Core;
use super::super::tree::{Entry, NodeValue};
use super::fields::{Fields, Keys};
use super::settings;
use super::{base_url, expect, grammar};

static API: Keys = Keys {
    elsewhere: &[
        ("token", credential::HINT),
        ("api_key", credential::HINT),
        ("concurrency", "it belongs to a stage; `connections` holds for the whole run"),
    ],
    ..Keys::of(&language::API)
};
static RETRY: Keys = Keys::of(&language::RETRY);

/// Reads `api`; every key has a default.
pub(super) fn decode(entry: Option<&Entry>, faults: &mut Faults) -> Api {
    let mut api = Api::default();
    let Some(fields) =
        entry.and_then(|entry| Fields::open("api", &entry.value, entry.key_span, &API, faults))
    else {
        return api;
    };
    if let Some(url) = fields.get("base_url").and_then(|entry| base_url::decode(entry, faults)) {
        api.base_url = url;
    }
    if let Some(language) = fields.get("language").and_then(|entry| language(entry, faults)) {
        api.language = language;
    }
    if let Some(entry) = fields.get("rate") {
        api.rate = settings::run_rate(entry, faults).unwrap_or(api.rate);
        if api.rate == RunRate::Unlimited {
            warn_unlimited(&api, entry, faults);
        }
    }
    if let Some(connections) =
        fields.get("connections").and_then(|entry| expect::count(entry, CONNECTIONS_MAX, faults))
    {
        api.connections = connections;
    }
    if let Some(timeout) = fields.get("timeout").and_then(|entry| settings::timeout(entry, faults)) {
        api.timeout = timeout;
    }
    if let Some(entry) = fields.get("retry") {
        api.retry = retry(entry, api.retry, faults);
    }
    if let Some(entry) = fields.get("keep") {
        let none = matches!(&entry.value.value, NodeValue::Scalar(scalar) if scalar.text == "none");
        if none {
            api.keep = None;
        } else if let Some(keep) = settings::duration(entry, Duration::ZERO, KEEP_MAX, faults) {
            api.keep = Some(keep);
        }
    }
    if let Some(entry) = fields.get("resume_within") {
        if let Some(within) = settings::duration(entry, Duration::ZERO, RESUME_MAX, faults) {
            api.resume_within = within;
        }
        if api.keep.is_none() {
            faults
                .warning("no-resume", entry.value.span, "`resume_within` does nothing beside `keep: none`")
                .help("without kept documents a run cannot go on; `keep: 0s` keeps those of an unfinished run only");
        }
    }
    api
}

/// TMDB answers a flood with 429 and may close the account (its terms ask for a fair use).
fn warn_unlimited(api: &Api, entry: &Entry, faults: &mut Faults) {
    if api.is_tmdb() {
        faults
            .warning("unlimited-rate", entry.value.span, "`rate: none` against TMDB itself")
            .help("TMDB answers more than some 40 requests in a second with 429; `40/s` is the default");
    }
}

fn language(entry: &Entry, faults: &mut Faults) -> Option<String> {
    let text = expect::text(&entry.key, &entry.value, faults)?;
    let holds = (2..=12).contains(&text.value.len())
        && text
            .value
            .split('-')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if !holds {
        faults
            .error("bad-language", text.span, "this is not the tag of a language")
            .help("as in `en-US`, `de` or `no`");
    }
    holds.then_some(text.value)
}

fn retry(entry: &Entry, default: Retry, faults: &mut Faults) -> Retry {
    let Some(fields) = Fields::open("retry", &entry.value, entry.key_span, &RETRY, faults) else {
        return default;
    };
    let attempts = fields.get("attempts").and_then(|entry| expect::count(entry, ATTEMPTS_MAX, faults));
    let max_elapsed = fields
        .get("max_elapsed")
        .and_then(|entry| settings::duration(entry, DURATION_MIN, MAX_ELAPSED_MAX, faults));
    Retry {
        attempts: attempts.unwrap_or(default.attempts),
        max_elapsed: max_elapsed.unwrap_or(default.max_elapsed),
    }
}

/// The number of `1 percent`.
fn meant_percent(text: &str) -> Option<&str> {
    let (number, word) = text.trim().split_once(' ')?;
    let is_percent =
        ["percent", "pct", "per cent", "prozent"].contains(&word.trim().to_ascii_lowercase().as_str());
    (is_percent && grammar::percent(&format!("{number}%")).is_some()).then_some(number)
}

/// Reads `max_failures`. Without it no failure is borne: whoever accepts a table with holes says so.
pub(super) fn max_failures(entry: Option<&Entry>, faults: &mut Faults) -> MaxFailures {
    const TAKES: &str = "a count or a percentage of the finished items, such as `1%`";
    let default = MaxFailures::Count(0);
    let Some(entry) = entry else { return default };
    let Some(scalar) = expect::scalar(&entry.key, &entry.value, TAKES, faults) else { return default };
    let decoded = match scalar.core {
        Core::Int(count) => u64::try_from(count).ok().map(MaxFailures::Count),
        _ => grammar::percent(&scalar.text).map(MaxFailures::Percent),
    };
    if decoded.is_none() {
        let fault =
            faults.error("bad-max-failures", entry.value.span, format!("`max_failures` takes {TAKES}"));
        match scalar.core {
            Core::Float(share) if share > 0.0 && share < 1.0 => {
                fault.help(format!("write `{}%`", (share * 1e8).round() / 1e6))
            }
            Core::String if let Some(percent) = meant_percent(&scalar.text) => {
                fault.help(format!("write `{percent}%`"))
            }
            _ => fault.help("as in `1%` or `25`; a percentage is at most `100%`"),
        };
    }
    decoded.unwrap_or(default)
}

/// What a run may hold where its file does not say it, in bytes.
const MEMORY: u64 = 256 << 20;

/// Reads `memory`.
pub(super) fn memory(entry: Option<&Entry>, faults: &mut Faults) -> u64 {
    entry.and_then(|entry| settings::size(entry, MEMORY_MIN, MEMORY_MAX, faults)).unwrap_or(MEMORY)
}
