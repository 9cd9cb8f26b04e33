//! `export` of a seed: which of TMDB's daily lists of ids, of which day, and in which order.
//!
//! Does not belong here: which day is the latest; that is seen when a run starts.

use jiff::civil::Date;

use super::super::fault::Faults;
use super::super::language::{self, ESTIMATE_MAX};
use super::super::model::{ExportKind, ExportOrder, SeedExport};
use super::super::tree::{Entry, NodeValue};
use super::expect;
use super::fields::{Fields, Keys};
use super::seed::{self, EXPORT_SLIPS};

static KEYS: Keys = Keys {
    elsewhere: &[
        ("where", "it belongs to the seed, beside `export`"),
        ("pages", "an export is one file"),
        ("language", "the lines of an export have original titles only"),
    ],
    ..Keys::of(&language::EXPORT)
};

/// Reads `export: {kind, date, order, limit}`. `export: movie` is short for `export: {kind: movie}`.
pub(super) fn decode(entry: &Entry, faults: &mut Faults) -> Option<SeedExport> {
    let NodeValue::Map(_) = &entry.value.value else {
        let kind = kind(entry, faults)?;
        return Some(SeedExport { kind, date: None, order: ExportOrder::default(), limit: None });
    };
    let fields = Fields::open("export", &entry.value, entry.key_span, &KEYS, faults)?;
    let kind = fields.require("kind", faults).and_then(|entry| kind(entry, faults));
    let date = fields.get("date").map_or(Some(None), |entry| date(entry, faults));
    let order_entry = fields.get("order");
    let order = order_entry
        .map_or(Some(ExportOrder::default()), |entry| expect::choice(entry, &ExportOrder::ALL, faults));
    let limit = fields
        .get("limit")
        .map_or(Some(None), |entry| expect::integer(entry, 1..=ESTIMATE_MAX, faults).map(Some));
    let (kind, date, order, limit) = (kind?, date?, order?, limit?);
    if let Some(entry) = order_entry.filter(|_| order == ExportOrder::Popularity && !kind.has_popularity()) {
        let title = format!("the export of `{}` does not say how popular anything is", kind.as_str());
        faults
            .error("no-popularity", entry.value.span, title)
            .help("remove `order`; films, series and people have it");
        return None;
    }
    Some(SeedExport { kind, date, order, limit })
}

fn kind(entry: &Entry, faults: &mut Faults) -> Option<ExportKind> {
    seed::list(entry, &ExportKind::ALL, &EXPORT_SLIPS, faults)
}

/// A day, or `latest`, which is none in particular.
#[expect(clippy::option_option, reason = "the outer one is for `?`")]
fn date(entry: &Entry, faults: &mut Faults) -> Option<Option<Date>> {
    const TAKES: &str = "a day such as `2026-11-24`, or `latest`";
    let scalar = expect::scalar("date", &entry.value, TAKES, faults)?;
    let text = scalar.text.trim();
    if text == "latest" {
        return Some(None);
    }
    // Other forms of a date that are read too would not be those of the schema.
    let plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let day = text.parse::<Date>().ok().filter(|day| plain && day.year() >= 1);
    if day.is_none() {
        faults
            .error("bad-date", entry.value.span, format!("`date` takes {TAKES}"))
            .help("year, month and day in this order, as in `2026-11-24`; files are kept for three months");
    }
    day.map(Some)
}
