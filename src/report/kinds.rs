//! What went wrong, counted by kind.
//!
//! Invariant: a bounded number of kinds, whatever servers say.

use std::collections::BTreeMap;

/// Kinds of failures that are counted apart.
const KINDS_MAX: usize = 24;
/// The longest name of one, in characters.
const KIND_CHARS_MAX: usize = 60;

/// Counts by kind.
#[derive(Debug, Default)]
pub(super) struct Kinds(BTreeMap<String, u64>);

impl Kinds {
    /// Counts what went wrong by its first words, up to where details begin.
    pub(super) fn count(&mut self, what: &str, error: &str) {
        let end = [": ", ", after ", " within ", " ("].iter().filter_map(|mark| error.find(mark)).min();
        let words: String = error[..end.unwrap_or(error.len())].chars().take(KIND_CHARS_MAX).collect();
        let kind = format!("{what}{words}");
        let full = self.0.len() >= KINDS_MAX && !self.0.contains_key(&kind);
        let kind = if full { format!("{what}other reasons") } else { kind };
        *self.0.entry(kind).or_default() += 1;
    }

    /// All counts.
    pub(super) fn counts(&self) -> &BTreeMap<String, u64> {
        &self.0
    }
}
