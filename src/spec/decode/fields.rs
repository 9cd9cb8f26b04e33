//! The keys of a mapping: which belong there, which come later, which are slips.
//!
//! Invariant: every key of a mapping that is opened here is judged once, whether or not its value is read.

use super::super::fault::{Faults, clip};
use super::super::language::Object;
use super::super::model::Span;
use super::super::nearest::nearest;
use super::super::tree::{Entry, Node, NodeValue};
use super::expect;

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
        if entry.is_none() {
            let fault =
                faults.error("missing-key", self.at, format!("{} needs `{key}`", self.keys.object.what));
            if let Some(example) = self.keys.object.example(key) {
                fault.help(format!("as in `{key}: {example}`"));
            }
        }
        entry
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
    if faults.is_full() {
        faults.error("unknown-key", entry.key_span, "unknown key");
    } else if keys.later.contains(&key) {
        not_available_yet(&format!("`{key}`"), entry.key_span, faults);
    } else {
        let fault = faults.error(
            "unknown-key",
            entry.key_span,
            format!("{} has no key `{}`", keys.object.what, clip(key)),
        );
        if let Some((_, instead)) = keys.elsewhere.iter().find(|(name, _)| *name == key) {
            fault.help(*instead);
        } else if let Some((name, value)) = glued(key, keys) {
            fault.help(format!("a space belongs behind the colon: `{name}: {}`", clip(value)));
        } else if let Some(name) = nearest(key, keys.object.names()) {
            fault.did_you_mean(Some(name));
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

/// The key of another place that `key` was meant to be, and what to do instead.
fn near_elsewhere(key: &str, keys: &Keys) -> Option<(&'static str, &'static str)> {
    let name = nearest(key, keys.elsewhere.iter().map(|&(name, _)| name))?;
    keys.elsewhere.iter().copied().find(|&(known, _)| known == name)
}

/// A part of the language that this version recognises and does not have.
pub(super) fn not_available_yet(what: &str, span: Span, faults: &mut Faults) {
    faults
        .error("not-available-yet", span, format!("{what} is not available yet"))
        .help("it belongs to the language, and a later version will read it");
}
