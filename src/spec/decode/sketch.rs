//! The tree of a refused file to a [`Sketch`]. It is a second look at what was judged before, so nothing
//! that is found wrong here is told again.

use serde_json::{Map, Value};

use super::super::fault::Faults;
use super::super::language::{COLUMNS_MAX, STAGES_MAX};
use super::super::model::{Located, StageId};
use super::super::nearest::nearest;
use super::super::sketch::{KindName, Outline, Reads, Sketch};
use super::super::tree::{Entry, Node, NodeValue, find, mapping};
use super::stage::{self, Names};
use super::{PIPELINE, expect, params};

/// Faults after which the tree lacks something that the file has.
const GAPS: [&str; 2] = ["key-not-text", "merge-key"];

/// What `root` shows, whose `faults` are those found so far.
pub(super) fn decode(root: &Node, faults: &Faults) -> Option<Sketch> {
    let NodeValue::Map(entries) = &root.value else { return None };
    let whole = !faults.iter().any(|fault| GAPS.contains(&fault.code));
    let mut sketch = Sketch { params: params(entries).filter(|_| whole), ..Sketch::default() };
    let stages = find(entries, "stages").map_or(&[][..], |stages| mapping(&stages.value));
    // Of a file with more stages than a pipeline can have nothing else is told.
    if stages.len() > STAGES_MAX {
        return None;
    }
    let names = Names(stages.iter().map(|entry| entry.key.as_str()).collect());
    for entry in stages {
        let stage = Keys { entries: mapping(&entry.value), whole };
        let outline = outline(entry, stage, &names);
        expressions(stage, outline.kind, &mut sketch.expressions);
        sketch.stages.push(outline);
    }
    // What an alias brings in again has the same place and the same faults.
    sketch.expressions.sort_by_key(|expression| expression.span.start);
    sketch.expressions.dedup_by_key(|expression| expression.span.start);
    Some(sketch)
}

/// `params`, if they came out whole, and if it is certain that they are missing where they are.
fn params(entries: &[Entry]) -> Option<Map<String, Value>> {
    let mut told = Faults::deaf();
    let entry = find(entries, "params");
    if entry.is_none() && !entries.iter().all(|entry| PIPELINE.has(&entry.key)) {
        return None;
    }
    let params = params::decode(entry, &mut told);
    (!told.has_errors()).then_some(params)
}

/// The keys of a stage.
#[derive(Clone, Copy)]
struct Keys<'a> {
    entries: &'a [Entry],
    /// All that the file has are there.
    whole: bool,
}

impl<'a> Keys<'a> {
    fn get(self, key: &str) -> Option<&'a Entry> {
        find(self.entries, key)
    }

    /// Whether the author has certainly not written `key`, not even with a slip.
    fn lacks(self, key: &str) -> bool {
        self.whole && self.entries.iter().all(|entry| nearest(&entry.key, [key]).is_none())
    }
}

fn outline(entry: &Entry, stage: Keys<'_>, names: &Names<'_>) -> Outline {
    let mut told = Faults::deaf();
    let kind = stage.get("kind").and_then(|kind| expect::text("kind", &kind.value, &mut told));
    let kind = kind.and_then(|text| KindName::ALL.into_iter().find(|kind| kind.as_str() == text.value));
    let reads = match stage.get("from") {
        _ if kind == Some(KindName::Seed) => Reads::Given(Vec::new()),
        Some(from) => Reads::Given(stage::from(Some(from), names, &mut told)),
        None if stage.lacks("from") => Reads::Nearest,
        None => Reads::Unknown,
    };
    let into = stage.get("into").filter(|_| kind == Some(KindName::Expand));
    Outline {
        id: Located::new(StageId(entry.key.as_str().into()), entry.key_span),
        kind,
        asks: asks(kind, stage),
        reads,
        into: into.and_then(|into| stage::into(into, names, &mut told)),
        max_items: None,
        lacks_bounds: ["max_depth", "max_items"].into_iter().filter(|key| stage.lacks(key)).collect(),
    }
}

/// Whether the stage makes requests. One that says neither where to ask nor where else to look may yet do so.
fn asks(kind: Option<KindName>, stage: Keys<'_>) -> Option<bool> {
    let has = |keys: &[&str]| keys.iter().any(|key| stage.get(key).is_some());
    let looks_elsewhere =
        || has(&["ids", "items", "range", "file", "export"]) && !has(&["query", "pages", "rate", "timeout"]);
    match kind? {
        KindName::Fetch => Some(true),
        KindName::Filter | KindName::Project => Some(false),
        KindName::Seed | KindName::Expand if stage.get("path").is_some() => Some(true),
        KindName::Seed if stage.get("changes").is_some() => Some(true),
        KindName::Seed | KindName::Expand => (stage.lacks("path") && looks_elsewhere()).then_some(false),
    }
}

/// The expressions of a stage, also under keys that belong to another kind: there they will go.
fn expressions(stage: Keys<'_>, kind: Option<KindName>, into: &mut Vec<Located<String>>) {
    let mut told = Faults::deaf();
    let lists_items = kind == Some(KindName::Seed) && stage.get("path").is_none();
    let own = ["when", "items", "where", "rows"].into_iter().filter(|key| !(lists_items && *key == "items"));
    let columns = stage.get("columns").map_or(&[][..], |columns| mapping(&columns.value));
    let values = columns.iter().take(COLUMNS_MAX).filter_map(|column| find(mapping(&column.value), "value"));
    for entry in own.filter_map(|key| stage.get(key)).chain(values) {
        into.extend(expect::expression(entry, &mut told));
    }
}
