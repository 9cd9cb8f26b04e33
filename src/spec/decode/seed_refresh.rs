//! `refresh` of a seed: what is fetched beside what changed.
//!
//! Does not belong here: what was fetched and when; that is seen when a run starts. Invariant: without a key its default
//! holds, so that a budget is never unlimited.

use super::super::fault::Faults;
use super::super::language::{self, ESTIMATE_MAX, KEEP_MAX, REFRESH_AGE, REFRESH_AGE_MIN, REFRESH_ITEMS};
use super::super::model::{Located, Refresh};
use super::super::tree::Entry;
use super::fields::{Fields, Keys};
use super::{expect, settings};

static KEYS: Keys = Keys {
    elsewhere: &[
        ("where", "it belongs to the seed, beside `changes`"),
        ("keep", "it belongs into `api`"),
        ("export", "write `never_seen: export`"),
    ],
    ..Keys::of(&language::REFRESH)
};

/// Reads `refresh: {never_seen, older_than, limit}`.
pub(super) fn decode(entry: &Entry, faults: &mut Faults) -> Option<Located<Refresh>> {
    let fields = Fields::open("refresh", &entry.value, entry.key_span, &KEYS, faults)?;
    let never_seen = fields
        .require("never_seen", faults)
        .and_then(|entry| expect::choice(entry, &[("export", ())], faults));
    let older_than = match fields.get("older_than") {
        Some(entry) => settings::duration(entry, REFRESH_AGE_MIN, KEEP_MAX, faults),
        None => Some(REFRESH_AGE),
    };
    let limit = match fields.get("limit") {
        Some(entry) => expect::integer(entry, 1..=ESTIMATE_MAX, faults),
        None => Some(REFRESH_ITEMS),
    };
    never_seen?;
    Some(Located::new(Refresh { older_than: older_than?, limit: limit? }, entry.key_span))
}
