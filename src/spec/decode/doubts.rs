//! What is legal and probably not meant, as far as the file alone shows it. A warning is only given where it
//! is certain that something does nothing, or more than its server bears.

use std::collections::HashSet;

use super::super::fault::Faults;
use super::super::language::PAGE_ENTRIES;
use super::super::model::{Api, Rate};
use super::super::scalar::Core;
use super::super::tree::{Entry, Node, NodeValue, find, mapping};
use super::grammar::percent;
use super::param;

/// Requests in a second that TMDB's staff once named as the bound for an address.
const TMDB_PER_SECOND: f64 = 50.0;
/// Connections of one address, from the same place.
const TMDB_CONNECTIONS: u32 = 20;

/// Warnings that are about the address in the file.
pub const ABOUT_THE_ADDRESS: [&str; 4] =
    ["unlimited-rate", "fast-rate", "many-connections", "doubled-version"];

/// Looks through a file without errors.
pub(super) fn look(root: &[Entry], api: &Api, faults: &mut Faults) {
    if let Some(entry) = find(root, "api") {
        of_api(mapping(&entry.value), api, faults);
    }
    let stages: Vec<&[Entry]> = find(root, "stages")
        .map_or(&[][..], |stages| mapping(&stages.value))
        .iter()
        .map(|stage| mapping(&stage.value))
        .collect();
    for stage in &stages {
        of_stage(stage, api, faults);
    }
    of_shares(&stages, faults);
    let mut texts: Vec<&str> = stages.iter().flat_map(|stage| expressions(stage)).collect();
    if let Some(params) = find(root, "params") {
        texts.extend(literal_params(&stages, faults));
        unread_params(mapping(&params.value), &texts, faults);
    }
}

fn of_api(entries: &[Entry], api: &Api, faults: &mut Faults) {
    if !api.is_tmdb() {
        return;
    }
    if let (Some(entry), Some(rate)) = (find(entries, "rate"), api.rate.limit())
        && rate.per_second() > TMDB_PER_SECOND
    {
        faults
            .warning("fast-rate", entry.value.span, format!("{rate} is more than TMDB bears"))
            .help("it answers more than some 50 requests in a second with 429, and may refuse the account; `40/s` is the default");
    }
    if let Some(entry) = find(entries, "connections")
        && api.connections.get() > TMDB_CONNECTIONS
    {
        faults
            .warning("many-connections", entry.value.span, "TMDB allows some 20 connections from an address")
            .help("write `20`: over HTTP/2 many requests share one");
    }
}

fn of_stage(stage: &[Entry], api: &Api, faults: &mut Faults) {
    let asks = find(stage, "path").is_some();
    if let Some(entry) = find(stage, "concurrency")
        && asks
        && number(entry).is_some_and(|concurrency| concurrency > u64::from(api.connections.get()))
    {
        let connections = api.connections;
        faults
            .warning(
                "idle-concurrency",
                entry.value.span,
                format!("the run has {connections} connections for all stages"),
            )
            .help(format!(
                "the requests above that wait: write `{connections}` or less, or raise `api.connections`"
            ));
    }
    if let (Some(entry), Some(all)) = (find(stage, "rate"), api.rate.limit())
        && let Some(own) = rate(entry)
        && own.per_second() > all.per_second()
    {
        faults
            .warning("idle-rate", entry.value.span, format!("the run's own rate is {all}"))
            .help("a higher one of a stage does nothing: lower it, or raise `api.rate`");
    }
    for key in ["when", "where"] {
        if let Some(entry) = find(stage, key)
            && text(entry).trim_start().starts_with("not .")
        {
            faults
                .warning(
                    "constant-condition",
                    entry.value.span,
                    format!("`{key}` never holds: `not` reads what stands before it"),
                )
                .help("put it behind, as in `.adult | not`");
        }
        if let Some(entry) = find(stage, key)
            && let Some(holds) = constant(text(entry))
        {
            let (title, help) = if holds {
                (
                    format!("`{key}` always holds"),
                    "remove it, or say when it holds, as in `.vote_count > 200`",
                )
            } else {
                (
                    format!("`{key}` never holds"),
                    "nothing passes it: say when it holds, as in `.vote_count > 200`",
                )
            };
            faults.warning("constant-condition", entry.value.span, title).help(help);
        }
    }
    if let Some(path) = find(stage, "path") {
        of_path(path, api, faults);
    }
    if let Some(entry) = find(stage, "buffer")
        && find(stage, "kind").is_some_and(|kind| text(kind) == "seed")
    {
        faults
            .warning(
                "idle-buffer",
                entry.key_span,
                "nothing waits in front of a seed: `buffer` does nothing here",
            )
            .help("write it at the stage that reads this one");
    }
    of_expand(stage, faults);
}

/// Where shares leave nothing for a stage that asks.
fn of_shares(stages: &[&[Entry]], faults: &mut Faults) {
    let share = |stage: &&[Entry]| {
        find(find(stage, "rate").map(|rate| mapping(&rate.value))?, "share")
            .and_then(|entry| percent(text(entry)))
    };
    let all: f64 = stages.iter().filter_map(share).sum();
    if all < 99.0 {
        return;
    }
    for stage in stages.iter().filter(|stage| share(stage).is_none()) {
        if let Some(path) = find(stage, "path")
            && find(stage, "output").is_none()
        {
            faults
                .warning(
                    "nothing-left",
                    path.value.span,
                    "the shares of other stages leave nothing of the rate",
                )
                .help(
                    "while those have work this stage has one turn in 32: lower their shares, or give it one",
                );
        }
    }
}

fn of_path(entry: &Entry, api: &Api, faults: &mut Faults) {
    let path = text(entry);
    let version = api.base_url.value.rsplit('/').next().unwrap_or_default();
    if !version.is_empty()
        && version.bytes().all(|byte| byte.is_ascii_digit())
        && let Some(rest) = path.strip_prefix('/').and_then(|rest| rest.strip_prefix(version))
        && rest.starts_with('/')
    {
        faults
            .warning(
                "doubled-version",
                entry.value.span,
                format!("`/{version}` stands in `api.base_url` already"),
            )
            .help(format!("write `{rest}`"));
    }
    let colon = path.split('/').find_map(|segment| segment.strip_prefix(':'));
    if path.contains("${") {
        faults
            .warning("odd-path", entry.value.span, "the `$` is sent as it is")
            .help(format!("write `{}`", path.replace("${", "{")));
    } else if let Some(name) = colon.filter(|name| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    }) {
        faults
            .warning("odd-path", entry.value.span, format!("`:{name}` is sent as it is"))
            .help(format!("write `{}`", path.replace(&format!(":{name}"), &format!("{{{name}}}"))));
    }
}

fn of_expand(stage: &[Entry], faults: &mut Faults) {
    if find(stage, "kind").is_none_or(|kind| text(kind) != "expand") {
        return;
    }
    let get = |key: &str| find(stage, key).and_then(|entry| number(entry).map(|number| (entry, number)));
    if let Some((entry, 0)) = get("max_depth") {
        faults
            .warning("no-depth", entry.value.span, "with `max_depth: 0` nothing is ever found")
            .help("seeds have depth 0: write `1` for one step from them");
    }
    let Some((entry, take)) = get("take") else { return };
    let usual_items = find(stage, "items").is_none_or(|items| text(items) == ".results[]");
    let pages = match find(stage, "pages") {
        None => Some(1),
        Some(pages) => number(pages),
    };
    if let Some(pages) = pages
        && usual_items
        && find(stage, "path").is_some()
        && take > pages * PAGE_ENTRIES
    {
        let entries = pages * PAGE_ENTRIES;
        let plural = if pages == 1 { "1 page has".to_owned() } else { format!("{pages} pages have") };
        faults
            .warning(
                "idle-take",
                entry.value.span,
                format!("`take` is {take}, and {plural} only {entries} entries"),
            )
            .help(format!("write `pages: {}`, or `take: {entries}`", take.div_ceil(PAGE_ENTRIES)));
    }
    if let Some((bound, most)) = get("max_items")
        && most < take
    {
        faults
            .warning(
                "tight-bound",
                bound.value.span,
                "`max_items` is below `take`, so that one document may use it up",
            )
            .also(entry.value.span, "taken of each document")
            .help("it bounds the whole crawl, not one document");
    }
}

/// Texts that are sent as they stand, which mention params; a warning where that is not as they are read there.
fn literal_params<'a>(stages: &[&'a [Entry]], faults: &mut Faults) -> Vec<&'a str> {
    let of_stage =
        |stage: &&'a [Entry]| ["ids", "path", "query"].map(|key| find(stage, key)).into_iter().flatten();
    let mut nodes: Vec<&Node> = stages.iter().flat_map(of_stage).map(|entry| &entry.value).collect();
    let mut found = Vec::new();
    while let Some(node) = nodes.pop() {
        match &node.value {
            NodeValue::List(elements) => nodes.extend(elements),
            NodeValue::Map(entries) => nodes.extend(entries.iter().map(|entry| &entry.value)),
            NodeValue::Scalar(scalar) if scalar.text.contains(param::PREFIX) && !faults.is_full() => {
                found.push(scalar.text.as_str());
                if !param::reads(&scalar.text) {
                    faults
                        .warning(
                            "literal-param",
                            node.span,
                            "this is no expression: it is sent as it stands here",
                        )
                        .help(
                            "within a text a param stands in braces: `{$params.NAME}`; alone it needs none",
                        );
                }
            }
            NodeValue::Scalar(_) => {}
        }
    }
    found
}

/// Params that no expression can read: none is called by its name, and none is read as a whole.
fn unread_params(params: &[Entry], texts: &[&str], faults: &mut Faults) {
    let by_name = |text: &&str| {
        text.match_indices("$params").all(|(at, word)| {
            let mut rest = text[at + word.len()..].chars();
            rest.next() == Some('.') && rest.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        })
    };
    if !texts.iter().all(by_name) {
        return;
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words: HashSet<&str> = texts.iter().flat_map(|text| text.split(|c| !is_word(c))).collect();
    for param in params {
        if faults.is_full() {
            break;
        }
        if !words.contains(param.key.as_str()) {
            faults
                .warning("unread-param", param.key_span, format!("nothing reads `$params.{}`", param.key))
                .help("remove it, or use it in an expression, a `path`, a `query` or `ids`");
        }
    }
}

/// What a condition that is a mere value comes to; jq takes all but `false` and `null` for true.
fn constant(text: &str) -> Option<bool> {
    let text = text.trim();
    match Core::of(text) {
        Core::Bool(value) => Some(value),
        Core::Null => Some(false),
        Core::Int(_) | Core::Float(_) => Some(true),
        Core::String => {
            let inside = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'))?;
            (!inside.contains(['"', '\\'])).then_some(true)
        }
    }
}

/// The expressions of a stage.
fn expressions(stage: &[Entry]) -> Vec<&str> {
    let columns = find(stage, "columns").map_or(&[][..], |columns| mapping(&columns.value));
    let values = columns.iter().filter_map(|column| find(mapping(&column.value), "value"));
    let own = ["when", "where", "items", "rows"].into_iter().filter_map(|key| find(stage, key));
    own.chain(values).map(text).filter(|text| !text.is_empty()).collect()
}

/// The text of a scalar; nothing of a list or a mapping.
fn text(entry: &Entry) -> &str {
    match &entry.value.value {
        NodeValue::Scalar(scalar) => &scalar.text,
        _ => "",
    }
}

fn number(entry: &Entry) -> Option<u64> {
    match &entry.value.value {
        NodeValue::Scalar(scalar) => match scalar.core {
            Core::Int(number) => u64::try_from(number).ok(),
            _ => None,
        },
        _ => None,
    }
}

fn rate(entry: &Entry) -> Option<Rate> {
    let limit = find(mapping(&entry.value), "limit").unwrap_or(entry);
    Rate::parse(text(limit)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_without_a_field_are_constant() {
        for (text, expected) in [
            ("true", Some(true)),
            (" false ", Some(false)),
            ("null", Some(false)),
            ("1", Some(true)),
            ("0", Some(true)),
            ("\"x\"", Some(true)),
            ("\"a\" == \"b\"", None),
            ("\"\\(.a)\"", None),
            (".a", None),
            ("not", None),
        ] {
            assert_eq!(constant(text), expected, "{text}");
        }
    }
}
