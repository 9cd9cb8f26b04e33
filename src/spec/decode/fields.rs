//! The keys of a mapping: which belong there, which come later, which are slips.
//!
//! Invariant: every key of a mapping that is opened here is judged once, whether or not its value is read.

use super::super::credential;
use super::super::fault::{Faults, clip};
use super::super::language::Object;
use super::super::model::Span;
use super::super::nearest::nearest;
use super::super::tree::{Entry, Node, NodeValue};
use super::expect;

/// Entries among which a slip is looked for: more have no need of a kind word.
const ENTRIES_MAX: usize = 100;

/// What other tools call our keys; of several of ours, the first that the mapping has.
const SYNONYMS: [(&[&str], &[&str]); 14] = [
    (&["parameters", "vars", "variables", "inputs", "arguments"], &["params"]),
    (&["url", "host", "url_base", "base"], &["base_url", "path"]),
    (&["endpoint", "uri", "route", "resource"], &["path"]),
    (&["rate_limit", "ratelimit", "throttle"], &["rate"]),
    (&["max_retries", "retries", "max_attempts"], &["attempts", "retry"]),
    (&["params", "query_params", "query_parameters", "request_parameters"], &["query"]),
    (&["needs", "depends_on", "input", "source", "parent", "upstream"], &["from"]),
    (&["max_pages", "page", "page_limit"], &["pages"]),
    (&["depth", "depth_limit"], &["max_depth"]),
    (&["if", "condition", "filter", "predicate"], &["when", "where"]),
    (&["fields", "schema", "select", "attributes"], &["columns"]),
    (&["destination", "target", "sink", "to", "file"], &["into", "output", "path"]),
    (&["append_to_response", "expand", "include"], &["append"]),
    (&["parallelism", "workers", "max_concurrency", "threads"], &["concurrency"]),
];
/// Keys of other tools that have no place here, and why.
const FOREIGN: [(&str, &str); 8] = [
    ("method", "remove it: every request is a GET"),
    ("headers", "remove it: every request has the headers that TMDB wants"),
    ("retries", "`retry: {attempts: 5}` in `api` holds for all stages"),
    ("retry", "`retry: {attempts: 5}` in `api` holds for all stages"),
    ("backoff", "remove it: waits grow by themselves, with jitter"),
    ("language", "`api.language` holds for all stages, `query: {language: de}` for one"),
    ("schedule", "remove it: cron or an orchestrator starts the runs"),
    ("primary_key", "remove it: a table is written anew by every run"),
];

/// What a mapping may hold.
pub(super) struct Keys {
    /// What it is, and the keys that are read.
    pub(super) object: &'static Object,
    /// Keys of the language that a later version reads.
    pub(super) later: &'static [&'static str],
    /// Keys that belong elsewhere, with what to do instead.
    pub(super) elsewhere: &'static [(&'static str, &'static str)],
}

impl Keys {
    /// The keys of `object` and no others.
    pub(super) const fn of(object: &'static Object) -> Self {
        Self { object, later: &[], elsewhere: &[] }
    }

    /// Whether the language has `key` here, in this version or a later one.
    pub(super) fn has(&self, key: &str) -> bool {
        self.is_read(key) || self.later.contains(&key)
    }

    /// Whether `key` is read here, or is the author's own: anchors live behind `x-`.
    fn is_read(&self, key: &str) -> bool {
        self.object.has(key) || (self.object.extensions && key.starts_with("x-"))
    }

    fn list(&self) -> String {
        format!("its keys: {}", self.object.names().collect::<Vec<_>>().join(", "))
    }
}

/// A mapping whose keys are judged.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    keys: &'static Keys,
    at: Span,
    entries: &'a [Entry],
}

impl<'a> Fields<'a> {
    /// Opens the mapping `node`, called `name` in messages; what it lacks is told at `at`.
    pub(super) fn open(
        name: &str,
        node: &'a Node,
        at: Span,
        keys: &'static Keys,
        faults: &mut Faults,
    ) -> Option<Self> {
        let NodeValue::Map(entries) = &node.value else {
            if !expect::is_broken(node) {
                expect::wrong(name, node, "a mapping", faults).help(keys.list());
            }
            return None;
        };
        for entry in entries {
            judge(entry, keys, faults);
        }
        Some(Self { keys, at, entries })
    }

    /// The entry of `key`.
    pub(super) fn get(&self, key: &str) -> Option<&'a Entry> {
        debug_assert!(self.keys.object.has(key), "`{key}` is read, so it is known");
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The entry of `key`, which must be there.
    pub(super) fn require(&self, key: &str, faults: &mut Faults) -> Option<&'a Entry> {
        let entry = self.get(key);
        if entry.is_none() && !self.misspells(&[key], faults) {
            let fault =
                faults.error("missing-key", self.at, format!("{} needs `{key}`", self.keys.object.what));
            if let Some(example) = self.keys.object.example(key) {
                fault.help(format!("as in `{key}: {example}`"));
            }
        }
        entry
    }

    /// Whether one of `keys`, none of which is there, is told to be missing by another fault: that of a key that
    /// was meant to be it, or of a merge key that may have brought it.
    pub(super) fn misspells(&self, keys: &[&str], faults: &Faults) -> bool {
        let slip = |entry: &Entry| {
            let key = entry.key.as_str();
            if self.keys.has(key) || self.keys.elsewhere.iter().any(|(name, _)| *name == key) {
                return false;
            }
            let meant = glued(key, self.keys).map(|(name, _)| name);
            meant.or_else(|| meant_key(key, self.keys)).is_some_and(|name| keys.contains(&name))
        };
        self.entries.iter().take(ENTRIES_MAX).any(slip)
            || faults.iter().any(|fault| fault.code == "merge-key")
    }

    /// Where the mapping's own name stands.
    pub(super) fn at(&self) -> Span {
        self.at
    }
}

fn judge(entry: &Entry, keys: &Keys, faults: &mut Faults) {
    let key = entry.key.as_str();
    if keys.is_read(key) {
        return;
    }
    let elsewhere = keys.elsewhere.iter().find(|(name, _)| *name == key);
    if faults.is_full() {
        faults.error("unknown-key", entry.key_span, "unknown key");
    } else if elsewhere.is_some_and(|(_, instead)| *instead == credential::HINT)
        && expect::is_broken(&entry.value)
    {
        // The credential behind it is told, in the same words.
        debug_assert!(faults.has_errors(), "what is broken is told");
    } else if keys.later.contains(&key) {
        not_available_yet(&format!("`{key}`"), entry.key_span, faults);
    } else {
        let fault = faults.error(
            "unknown-key",
            entry.key_span,
            format!("{} has no key `{}`", keys.object.what, clip(key)),
        );
        if let Some((_, instead)) = elsewhere {
            fault.help(*instead);
        } else if let Some((name, value)) = glued(key, keys) {
            fault.help(format!("a space belongs behind the colon: `{name}: {}`", clip(value)));
        } else if let Some(name) = meant_key(key, keys) {
            fault.did_you_mean(Some(name));
        } else if let Some((_, why)) = FOREIGN.iter().find(|(name, _)| *name == key) {
            fault.help(*why);
        } else if let Some((name, instead)) = near_elsewhere(key, keys) {
            fault.help(format!("did you mean `{name}`? {instead}"));
        } else {
            fault.help(keys.list());
        }
    }
}

/// `kind:fetch` is one word to YAML.
fn glued<'k>(key: &'k str, keys: &Keys) -> Option<(&'k str, &'k str)> {
    key.split_once(':').filter(|(name, _)| keys.object.has(name))
}

/// The key of `keys` that `key` was meant to be: by the habits of another tool, or by a slip.
fn meant_key(key: &str, keys: &Keys) -> Option<&'static str> {
    let (_, ours) = SYNONYMS.iter().find(|(theirs, _)| theirs.contains(&key)).unwrap_or(&(&[], &[]));
    let habit = ours.iter().copied().find(|name| keys.object.has(name));
    habit.or_else(|| nearest(key, keys.object.names()))
}

/// The key of another place that `key` was meant to be, and what to do instead.
fn near_elsewhere(key: &str, keys: &Keys) -> Option<(&'static str, &'static str)> {
    let name = nearest(key, keys.elsewhere.iter().map(|&(name, _)| name))?;
    keys.elsewhere.iter().copied().find(|&(known, _)| known == name)
}

/// A part of the language that this version recognises and does not have.
pub(super) fn not_available_yet(what: &str, span: Span, faults: &mut Faults) {
    faults
        .error("not-available-yet", span, format!("{what} is not available yet"))
        .help("remove it for now: it belongs to the language, and a later version will read it");
}
