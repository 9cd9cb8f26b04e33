//! One stage: its kind, its keys, what it reads.

use super::super::fault::{Faults, clip};
use super::super::language::{self, DEPTH_MAX, EXPAND_NEEDS_PATH, ITEMS_MAX, NAME_BYTES_MAX, TAKE_MAX};
use super::super::model::{Expand, Fetch, Filter, Kind, Located, Port, PortRef, Stage, StageId};
use super::super::nearest::nearest;
use super::super::tree::{Entry, Node, NodeValue};
use super::fields::{Fields, Keys};
use super::param::Params;
use super::request::{self, Asks};
use super::{expect, grammar, seed, settings, table};

const KINDS: [&str; 5] = ["seed", "fetch", "expand", "filter", "project"];
/// What other systems call our kinds.
const SYNONYMS: [(&[&str], &str); 5] = [
    (&["source", "start", "input", "ids", "list", "extract"], "seed"),
    (&["get", "request", "http", "call", "download", "lookup"], "fetch"),
    (&["crawl", "follow", "explode", "flatten", "similar", "loop"], "expand"),
    (&["where", "select", "drop", "keep"], "filter"),
    (&["table", "sink", "output", "write", "load", "projection", "dataset", "parquet"], "project"),
];
const PORTS: [(&str, Port); 3] =
    [("found", Port::Found), ("failed", Port::Failed), ("missing", Port::Missing)];

static FETCH: Keys = Keys {
    elsewhere: &[
        ("items", "it belongs to an expand stage"),
        ("when", "it belongs to an expand stage"),
        ("where", "it belongs to a filter stage that reads this one"),
        ("into", "documents go to whoever reads this stage by `from`"),
        ("columns", "it belongs to a project stage that reads this one"),
        ("output", "it belongs to a project stage that reads this one"),
    ],
    ..Keys::of(&language::FETCH)
};
static EXPAND: Keys = Keys {
    elsewhere: &[
        ("append", "it belongs to the fetch stage"),
        ("columns", "it belongs to a project stage that reads this one"),
        ("rows", "an expand has `items`"),
    ],
    ..Keys::of(&language::EXPAND)
};
static FILTER: Keys = Keys { elsewhere: &[("when", "a filter has `where`")], ..Keys::of(&language::FILTER) };

/// The names of all stages, to know what `from` and `into` can mean.
pub(super) struct Names<'a>(pub(super) Vec<&'a str>);

/// Reads one entry of `stages`.
pub(super) fn decode(
    entry: &Entry,
    names: &Names<'_>,
    params: Params<'_>,
    faults: &mut Faults,
) -> Option<Stage> {
    let id = Located::new(StageId(entry.key.as_str().into()), entry.key_span);
    if !grammar::is_stage_name(&entry.key) {
        let fault =
            faults.error("bad-name", entry.key_span, format!("`{}` cannot name a stage", clip(&entry.key)));
        match grammar::as_name(&entry.key) {
            Some(name) if entry.key.len() <= NAME_BYTES_MAX => fault.help(format!("as in `{name}`")),
            _ => fault.help("small letters, digits and `_`, a letter in front, at most 64"),
        };
    }
    let NodeValue::Map(entries) = &entry.value.value else {
        if !expect::is_broken(&entry.value) {
            let help = match entry.value.value {
                NodeValue::List(_) => "remove the dashes: a stage is its keys, the first of which is `kind`",
                _ => "its first key is `kind`",
            };
            expect::wrong(&entry.key, &entry.value, "a mapping", faults).help(help);
        }
        return None;
    };
    let Some(kind) = entries.iter().find(|entry| entry.key == "kind") else {
        let title = format!("the stage `{}` needs `kind`", clip(&entry.key));
        // A merge key may have brought it, and that is told.
        if faults.iter().any(|fault| fault.code == "merge-key") {
            return None;
        }
        // To YAML `kind:fetch` is one word.
        let glued = entries.iter().find_map(|entry| Some((entry.key.strip_prefix("kind:")?, entry.key_span)));
        // Other tools call it `type`, and hands slip.
        let slip = entries.iter().find(|entry| {
            let fits =
                matches!(&entry.value.value, NodeValue::Scalar(scalar) if KINDS.contains(&&*scalar.text));
            fits && (entry.key == "type" || nearest(&entry.key, ["kind"]).is_some())
        });
        let nested = entries.iter().find(|entry| KINDS.contains(&&*entry.key));
        match glued {
            None if let Some(nested) = nested => faults
                .error("missing-key", nested.key_span, title)
                .help(format!("write `kind: {}`, and its keys beside it", nested.key)),
            None if let Some(slip) = slip => {
                faults.error("missing-key", slip.key_span, title).help("did you mean `kind`?")
            }
            Some((word, span)) => faults
                .error("missing-key", span, title)
                .help(format!("a space belongs behind the colon: `kind: {}`", clip(word))),
            None => faults
                .error("missing-key", entry.key_span, title)
                .help(format!("one of {}", KINDS.join(", "))),
        };
        return None;
    };
    let kind_name = expect::text("kind", &kind.value, faults)?;
    let keys = match kind_name.value.as_str() {
        "seed" => &seed::KEYS,
        "fetch" => &FETCH,
        "expand" => &EXPAND,
        "filter" => &FILTER,
        "project" => &table::KEYS,
        other => {
            let title = format!("there is no kind of stage `{}`", clip(other));
            let fault = faults.error("unknown-kind", kind_name.span, title);
            let lower = other.to_ascii_lowercase();
            let synonym = SYNONYMS.iter().find(|(words, _)| words.contains(&lower.as_str()));
            match synonym.map(|(_, name)| *name).or_else(|| nearest(other, KINDS)) {
                Some(name) => fault.did_you_mean(Some(name)),
                None => fault.help(format!("one of {}", KINDS.join(", "))),
            };
            return None;
        }
    };
    let fields = Fields::open(&entry.key, &entry.value, entry.key_span, keys, faults)?;
    let reads = kind_name.value != "seed";
    let from = if reads { from(fields.get("from"), names, faults) } else { Vec::new() };
    let kind = match kind_name.value.as_str() {
        "seed" => seed::decode(fields, entries, params, faults)?,
        "fetch" => fetch(fields, params, faults)?,
        "expand" => expand(fields, names, params, faults),
        "filter" => filter(fields, faults)?,
        _ => table::decode(fields, faults)?,
    };
    Some(Stage { id, from, kind })
}

fn fetch(fields: Fields<'_>, params: Params<'_>, faults: &mut Faults) -> Option<Kind> {
    let query = request::query(fields.get("query"), params, Asks::Document, faults);
    let append = request::append(fields.get("append"), faults);
    let requests = settings::requests(fields, faults);
    let path = fields.require("path", faults).and_then(|entry| request::path(entry, params, faults))?;
    Some(Kind::Fetch(Fetch { path, query, append, requests }))
}

fn expand(fields: Fields<'_>, names: &Names<'_>, params: Params<'_>, faults: &mut Faults) -> Kind {
    let has_path = fields.get("path").is_some();
    let has_items = fields.get("items").is_some();
    if !has_path {
        // Without either, the path is what is missing, or `items` alone.
        for key in EXPAND_NEEDS_PATH {
            if let Some(entry) = fields.get(key).filter(|_| has_items) {
                faults
                    .error("needs-path", entry.key_span, format!("`{key}` needs a `path`"))
                    .help("without one the stage makes no requests: it looks through the document");
            }
        }
        if !has_items && !fields.misspells(&["path", "items"], faults) {
            faults.error("missing-key", fields.at(), "an expand stage needs `path` or `items`").help(
                "say which list to ask for, as in `path: '/movie/{id}/similar'`, or where in the document it is, as in `items: '.credits.cast[]'`",
            );
        }
    }
    if fields.get("into").is_none() && !fields.misspells(&["into"], faults) {
        let bounds: Vec<&Entry> =
            ["max_depth", "max_items"].iter().filter_map(|key| fields.get(key)).collect();
        if let Some((first, others)) = bounds.split_first() {
            let (names, verb) = match others.first() {
                Some(other) => (format!("`{}` and `{}`", first.key, other.key), "need"),
                None => (format!("`{}`", first.key), "needs"),
            };
            let fault = faults.error("needs-into", first.key_span, format!("{names} {verb} `into`"));
            for other in others {
                fault.also(other.key_span, "and this");
            }
            fault.help("name the fetch that shall ask for what is found, as in `into: movies`; without it nothing more is asked for");
        }
    }
    let mut bound = |key: &str, least: u64, most: u64| {
        fields.get(key).and_then(|entry| expect::integer(entry, least..=most, faults))
    };
    let max_depth = bound("max_depth", 0, DEPTH_MAX);
    let max_items = bound("max_items", 1, ITEMS_MAX);
    let take = bound("take", 1, TAKE_MAX);
    let mut expression = |key: &str| fields.get(key).and_then(|entry| expect::expression(entry, faults));
    let (when, items, where_) = (expression("when"), expression("items"), expression("where"));
    let path = fields.get("path").and_then(|entry| request::path(entry, params, faults));
    let fuse = fields.get("fuse").and_then(|entry| expect::boolean(entry, faults));
    Kind::Expand(Expand {
        path,
        query: request::query(fields.get("query"), params, Asks::Pages, faults),
        pages: request::pages(fields.get("pages"), 1, faults),
        fuse: fuse.unwrap_or(true),
        when,
        items,
        where_,
        take: take.and_then(|take| u32::try_from(take).ok()),
        into: fields.get("into").and_then(|entry| into(entry, names, faults)),
        max_depth: max_depth.and_then(|depth| u32::try_from(depth).ok()),
        max_items,
        requests: settings::requests(fields, faults),
    })
}

fn filter(fields: Fields<'_>, faults: &mut Faults) -> Option<Kind> {
    let buffer = settings::buffer(fields, faults);
    let where_ = fields.require("where", faults).and_then(|entry| expect::expression(entry, faults))?;
    Some(Kind::Filter(Filter { where_, buffer }))
}

/// Reads `into`.
pub(super) fn into(entry: &Entry, names: &Names<'_>, faults: &mut Faults) -> Option<Located<StageId>> {
    let text = expect::text("into", &entry.value, faults)?;
    known_stage(&text, &text.value, names, faults).then(|| text.map(|name| StageId(name.into())))
}

/// Reads `from`: what of it names a port of a stage.
pub(super) fn from(entry: Option<&Entry>, names: &Names<'_>, faults: &mut Faults) -> Vec<Located<PortRef>> {
    let Some(entry) = entry else { return Vec::new() };
    let nodes: &[Node] = match &entry.value.value {
        NodeValue::List(items) => items,
        _ => std::slice::from_ref(&entry.value),
    };
    if nodes.is_empty() {
        expect::wrong("from", &entry.value, "a stage, a port, or a list of them", faults)
            .help("leave `from` out to read the nearest stage above");
    }
    let mut ports: Vec<Located<PortRef>> = Vec::new();
    for node in nodes {
        let Some(port) = port(node, names, faults) else { continue };
        if ports.iter().any(|known| known.value == port.value) {
            faults
                .error("duplicate-name", port.span, format!("`{}` stands twice in `from`", port.value))
                .help("remove one of them: everything is read once");
        }
        // Beyond the number of ports there can only be repetitions, each of which is told.
        if ports.len() < 4 * names.0.len() {
            ports.push(port);
        }
    }
    ports
}

fn port(node: &Node, names: &Names<'_>, faults: &mut Faults) -> Option<Located<PortRef>> {
    if let NodeValue::Map(_) | NodeValue::List(_) = node.value {
        expect::wrong("from", node, "a stage, a port, or a list of them", faults)
            .help("as in `movies`, `similar.found` or `[movies, series]`");
        return None;
    }
    let text = expect::text("from", node, faults)?;
    let (stage, port) = match text.value.split_once('.') {
        None => (text.value.as_str(), Some(Port::Main)),
        Some((stage, word)) => {
            let port = PORTS.iter().find(|(name, _)| *name == word).map(|&(_, port)| port);
            if port.is_none() {
                let fault =
                    faults.error("unknown-port", node.span, format!("there is no port `.{}`", clip(word)));
                let (first, inside) = word.split_once('.').map_or((word, false), |(first, _)| (first, true));
                match nearest(first, PORTS.map(|(name, _)| name)) {
                    Some(name) if inside => fault.help(format!(
                        "write `{}.{name}`: what is inside of it is read by expressions",
                        clip(stage)
                    )),
                    Some(name) => fault.help(format!("did you mean `{}.{name}`?", clip(stage))),
                    None => fault.help("the ports are `.found`, `.failed` and `.missing`"),
                };
            }
            (stage, port)
        }
    };
    let known = known_stage(&text, stage, names, faults);
    let stage = StageId(stage.into());
    port.filter(|_| known).map(|port| Located::new(PortRef { stage, port }, text.span))
}

fn known_stage(text: &Located<String>, name: &str, names: &Names<'_>, faults: &mut Faults) -> bool {
    let known = names.0.contains(&name);
    let full = faults.is_full();
    if !known {
        let fault = faults.error("unknown-stage", text.span, format!("there is no stage `{}`", clip(name)));
        // Of a fault that is not kept nobody reads the hint, and a hostile list has a hundred thousand.
        if !full {
            match nearest(name, names.0.iter().copied()) {
                Some(near) => fault.did_you_mean(Some(near)),
                None if name.contains(',') => {
                    fault.help(format!("a list stands in brackets: `[{}]`", clip(name)))
                }
                None => fault.help(format!("there are: {}", clip(&names.0.join(", ")))),
            };
        }
    }
    known
}
