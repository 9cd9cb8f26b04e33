//! A seed: exactly one source of items.

use serde_json::{Map, Value};

use super::super::fault::Faults;
use super::super::language::{self, ESTIMATE_MAX, SEED_NEEDS_PATH};
use super::super::model::{ChangesKind, Kind, Seed, SeedChanges, SeedSource, Span};
use super::super::scalar::{Core, Style};
use super::super::tree::{Entry, Node, NodeValue};
use super::fields::{Fields, Keys};
use super::param::{self, Params};
use super::request::{self, Asks};
use super::{expect, grammar, json, seed_export, seed_file, seed_refresh, settings};

/// The sources that a seed can name.
const SOURCES: [&str; 7] = ["ids", "items", "range", "path", "file", "export", "changes"];
/// The same, for messages.
const SOURCES_TOLD: &str = "`ids`, `items`, `range`, `file`, `path`, `export` or `changes`";
/// What `export` and `changes` are called elsewhere, with the word that they take.
pub(super) const EXPORT_SLIPS: [(&str, &str); 8] = [
    ("movies", "movie"),
    ("tv", "tv_series"),
    ("series", "tv_series"),
    ("people", "person"),
    ("network", "tv_network"),
    ("networks", "tv_network"),
    ("company", "production_company"),
    ("companies", "production_company"),
];
const CHANGES_SLIPS: [(&str, &str); 3] = [("tv_series", "tv"), ("series", "tv"), ("people", "person")];

pub(super) static KEYS: Keys = Keys {
    elsewhere: &[
        ("from", "a seed takes nothing: it starts the flow"),
        ("append", "it belongs to a fetch stage"),
        ("when", "a seed has no document; `where` looks at each item"),
        ("take", "`--limit` takes the first items of each seed"),
    ],
    ..Keys::of(&language::SEED)
};

/// Reads the keys of a seed. `entries` are all of them, to see sources of later versions.
pub(super) fn decode(
    fields: Fields<'_>,
    entries: &[Entry],
    params: Params<'_>,
    faults: &mut Faults,
) -> Option<Kind> {
    let where_ = fields.get("where").and_then(|entry| expect::expression(entry, faults));
    let requests = settings::requests(fields, faults);
    let has_path = fields.get("path").is_some();
    // With a path, `items` is the expression that finds them in an answer.
    let sources: Vec<&Entry> = entries
        .iter()
        .filter(|entry| SOURCES.contains(&entry.key.as_str()) && !(has_path && entry.key == "items"))
        .collect();
    if let [first, second, ..] = sources[..] {
        faults
            .error("several-sources", second.key_span, "a seed has one source")
            .label("the second")
            .also(first.key_span, "the first")
            .help("make a seed of each: a stage reads several by `from: [a, b]`");
    } else if sources.is_empty() && !fields.misspells(&SOURCES, faults) {
        faults
            .error("missing-key", fields.at(), format!("a seed needs {SOURCES_TOLD}"))
            .help("as in `ids: [1726, 10138]` or `path: /discover/movie`");
    }
    // Where the source is missing, it may be the path.
    if !has_path && !sources.is_empty() {
        for key in SEED_NEEDS_PATH {
            if let Some(entry) = fields.get(key) {
                faults
                    .error("needs-path", entry.key_span, format!("`{key}` needs a `path`"))
                    .help("without one the seed makes no requests");
            }
        }
    }
    if let Some(entry) = fields.get("refresh")
        && let Some(source) = sources.first()
        && source.key != "changes"
    {
        faults
            .error("needs-changes", entry.key_span, "`refresh` goes with `changes`")
            .also(source.key_span, "the source of this seed")
            .help("what never changes is read once, by `export`; see `changes: movie`");
    }
    let estimate = estimate(fields, &sources, faults);
    let source = match sources.first()?.key.as_str() {
        "ids" => ids(sources[0], params, faults).map(SeedSource::Items),
        "items" => items(sources[0], faults).map(SeedSource::Items),
        "range" => range(sources[0], faults),
        "file" => seed_file::decode(sources[0], faults).map(SeedSource::File),
        "export" => seed_export::decode(sources[0], faults).map(SeedSource::Export),
        "changes" => {
            let kind = list(sources[0], &ChangesKind::ALL, &CHANGES_SLIPS, faults);
            let refresh = match fields.get("refresh") {
                Some(entry) => Some(seed_refresh::decode(entry, faults)?),
                None => None,
            };
            kind.map(|kind| SeedSource::Changes(SeedChanges { kind, refresh }))
        }
        "path" => Some(SeedSource::Path {
            query: request::query(fields.get("query"), params, Asks::SeedPages, faults),
            pages: request::seed_pages(fields.get("pages"), faults),
            items: fields.get("items").and_then(|entry| expect::expression(entry, faults)),
            path: request::seed_path(sources[0], params, faults)?,
        }),
        _ => None,
    }?;
    Some(Kind::Seed(Seed { source, where_, estimate, requests }))
}

/// Reads `estimate`, which says nothing where the file itself has the number.
fn estimate(fields: Fields<'_>, sources: &[&Entry], faults: &mut Faults) -> Option<u64> {
    let entry = fields.get("estimate")?;
    let known = sources.iter().find(|source| ["ids", "items", "range"].contains(&source.key.as_str()));
    if let Some(known) = known {
        let title = format!("`estimate` does nothing beside `{}`", known.key);
        faults.warning("known-size", entry.key_span, title).help("the number of its items is known");
    }
    expect::integer(entry, 0..=ESTIMATE_MAX, faults).filter(|_| known.is_none())
}

/// Reads one of the lists of TMDB.
pub(super) fn list<T: Copy>(
    entry: &Entry,
    words: &[(&str, T)],
    slips: &[(&str, &str)],
    faults: &mut Faults,
) -> Option<T> {
    let text = match &entry.value.value {
        NodeValue::Scalar(scalar) => scalar.text.to_ascii_lowercase(),
        _ => String::new(),
    };
    let Some((_, meant)) = slips.iter().find(|(slip, _)| *slip == text) else {
        return expect::choice(entry, words, faults);
    };
    let names: Vec<&str> = words.iter().map(|&(word, _)| word).collect();
    let title = format!("`{}` takes one of {}", entry.key, names.join(", "));
    faults.error("unknown-value", entry.value.span, title).did_you_mean(Some(meant));
    None
}

fn ids(entry: &Entry, params: Params<'_>, faults: &mut Faults) -> Option<Vec<Value>> {
    if let NodeValue::Scalar(scalar) = &entry.value.value
        && let Some(name) = param::name(&scalar.text)
    {
        let span = entry.value.span;
        return match params.value(name, span, faults)? {
            Value::Array(ids) => ids.iter().map(|id| id_of_param(name, id, span, faults)).collect(),
            value => {
                let title = format!(
                    "`ids` takes a list of ids, and `{}{name}` is {}",
                    param::PREFIX,
                    param::told(value)
                );
                faults
                    .error("param-type", span, title)
                    .help(format!("write `[{}{name}]` for one id", param::PREFIX));
                None
            }
        };
    }
    let list = expect::list(entry, "a list of ids", faults)?;
    warn_empty(entry, list, faults);
    list.iter()
        .map(|node| match &node.value {
            NodeValue::Scalar(scalar) if let Some(name) = param::name(&scalar.text) => {
                let value = params.value(name, node.span, faults)?;
                id_of_param(name, value, node.span, faults)
            }
            _ => id(node, faults),
        })
        .collect::<Vec<_>>()
        .into_iter()
        .collect()
}

/// A param, or an element of one, as an item, `{id: …}`.
fn id_of_param(name: &str, value: &Value, span: Span, faults: &mut Faults) -> Option<Value> {
    let is_id = match value {
        Value::Number(number) => number.is_i64(),
        Value::String(text) => !text.is_empty(),
        _ => false,
    };
    if is_id {
        return Some(with_id(value.clone()));
    }
    let (prefix, told) = (param::PREFIX, param::told(value));
    let fault = faults.error(
        "param-type",
        span,
        format!("`ids` takes whole numbers and text, and `{prefix}{name}` has {told}"),
    );
    match value {
        Value::Array(_) => fault.help(format!("write `ids: {prefix}{name}` for a list of ids")),
        _ => fault.help("an id is a whole number or a text"),
    };
    None
}

/// An id as an item, `{id: …}`.
fn id(node: &Node, faults: &mut Faults) -> Option<Value> {
    let scalar = expect::scalar("ids", node, "whole numbers and text", faults)?;
    let value = json::of_scalar(scalar).filter(|_| matches!(scalar.core, Core::Int(_) | Core::String));
    if value.is_none() {
        expect::wrong("ids", node, "whole numbers and text", faults).help("quote it if it is text");
    } else if scalar.style == Style::Plain && scalar.core == Core::String && scalar.text.contains(' ') {
        faults
            .warning("odd-id", node.span, "an id with a space in it")
            .help("between two ids stands a comma: `[1, 2]`; quote it if it is one");
    }
    value.map(with_id)
}

fn with_id(value: Value) -> Value {
    Value::Object(Map::from_iter([("id".to_owned(), value)]))
}

fn items(entry: &Entry, faults: &mut Faults) -> Option<Vec<Value>> {
    if let NodeValue::Scalar(scalar) = &entry.value.value
        && scalar.text.starts_with('.')
    {
        expect::wrong("items", &entry.value, "a list of items", faults)
            .help("an expression goes with a `path`, whose answers it looks through");
        return None;
    }
    let list = expect::list(entry, "a list of items", faults)?;
    warn_empty(entry, list, faults);
    let items: Vec<Option<Value>> = list
        .iter()
        .map(|node| match &node.value {
            NodeValue::Map(_) => json::of(node, faults),
            NodeValue::Scalar(_) => id(node, faults),
            NodeValue::List(_) => {
                expect::wrong("items", node, "mappings such as `{id: 1}`", faults)
                    .help("each item is a mapping or an id");
                None
            }
        })
        .collect();
    items.into_iter().collect()
}

fn warn_empty(entry: &Entry, list: &[Node], faults: &mut Faults) {
    if list.is_empty() {
        faults
            .warning("empty-seed", entry.value.span, "this seed has nothing to start from")
            .help("put in what to start from, as in `[1726, 10138]`");
    }
}

fn range(entry: &Entry, faults: &mut Faults) -> Option<SeedSource> {
    const TAKES: &str = "a range such as `1..1000`";
    if let NodeValue::List(_) | NodeValue::Map(_) = entry.value.value {
        expect::wrong("range", &entry.value, TAKES, faults).help("write the first and the last: `1..1000`");
        return None;
    }
    let scalar = expect::scalar("range", &entry.value, TAKES, faults)?;
    match grammar::range(&scalar.text) {
        Ok((first, last)) => Some(SeedSource::Range { first, last }),
        Err(error) => {
            let fault = faults.error("bad-range", entry.value.span, error.to_string());
            let numbers: Vec<u64> = scalar
                .text
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|number| number.parse().ok())
                .take(3)
                .collect();
            match numbers[..] {
                [a, b] => fault.help(format!("write `{}..{}`; both ends are in it", a.min(b), a.max(b))),
                _ => fault.help("as in `1..1000`; both ends are in it"),
            };
            None
        }
    }
}
