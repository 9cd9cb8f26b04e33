//! The keys of a mapping: which belong there, which come later, which are slips.
//!
//! Invariant: every key of a mapping that is opened here is judged once, whether or not its value is read.

use super::super::fault::{Faults, clip};
use super::super::model::Span;
use super::super::nearest::nearest;
use super::super::tree::{Entry, Node, NodeValue};
use super::expect;

/// What a mapping may hold.
pub(super) struct Keys {
    /// What the mapping is, e.g. "a fetch stage".
    pub(super) what: &'static str,
    /// Keys that are read.
    pub(super) known: &'static [&'static str],
    /// Keys of the language that a later version reads.
    pub(super) later: &'static [&'static str],
    /// Keys that belong elsewhere, with what to do instead.
    pub(super) elsewhere: &'static [(&'static str, &'static str)],
    /// Keys with `x-` in front are the author's own: anchors live there.
    pub(super) extensions: bool,
}

impl Keys {
    /// Keys without peculiarities.
    pub(super) const fn new(what: &'static str, known: &'static [&'static str]) -> Self {
        Self { what, known, later: &[], elsewhere: &[], extensions: false }
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
                expect::wrong(name, node, "a mapping", faults)
                    .help(format!("its keys: {}", keys.known.join(", ")));
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
        debug_assert!(self.keys.known.contains(&key), "`{key}` is read, so it is known");
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The entry of `key`, which must be there.
    pub(super) fn require(&self, key: &str, faults: &mut Faults) -> Option<&'a Entry> {
        let entry = self.get(key);
        if entry.is_none() {
            faults.error("missing-key", self.at, format!("{} needs `{key}`", self.keys.what));
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
    if faults.is_full() && !keys.known.contains(&key) {
        faults.error("unknown-key", entry.key_span, "unknown key");
    } else if keys.known.contains(&key) || (keys.extensions && key.starts_with("x-")) {
        // Known, or the author's own.
    } else if keys.later.contains(&key) {
        not_available_yet(&format!("`{key}`"), entry.key_span, faults);
    } else {
        let fault =
            faults.error("unknown-key", entry.key_span, format!("{} has no key `{}`", keys.what, clip(key)));
        if let Some((_, instead)) = keys.elsewhere.iter().find(|(name, _)| *name == key) {
            fault.help(*instead);
        } else if let Some(name) = nearest(key, keys.known.iter().copied()) {
            fault.did_you_mean(Some(name));
        } else if let Some((name, instead)) = near_elsewhere(key, keys) {
            fault.help(format!("did you mean `{name}`? {instead}"));
        } else {
            fault.help(format!("its keys: {}", keys.known.join(", ")));
        }
    }
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
