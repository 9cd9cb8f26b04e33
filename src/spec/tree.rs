//! The file as a tree in which everything knows its place.
//!
//! Belongs here: scalars, lists and mappings with their spans. Does not belong here: how they are parsed
//! (`yaml`) and what they mean (`decode`). Invariant: keys of a mapping are text and unique, and no node
//! is deeper than the parser's limit, so that recursion over a tree is bounded.

use std::fmt;

use super::model::Span;
use super::scalar::Scalar;

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// What stands there.
    pub(super) value: NodeValue,
    /// Where; of an alias, the place of the alias.
    pub(super) span: Span,
}

/// What stands at a place.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum NodeValue {
    /// Text with its meaning.
    Scalar(Scalar),
    /// `[…]` or lines with `-`.
    List(Vec<Node>),
    /// `{…}` or lines with `key: value`, in the order of the file.
    Map(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// The key.
    pub(super) key: String,
    /// Where the key stands.
    pub(super) key_span: Span,
    /// What it maps to.
    pub(super) value: Node,
}

/// What it is, for "this is …".
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            NodeValue::Scalar(scalar) => scalar.fmt(f),
            NodeValue::List(_) => f.write_str("a list"),
            NodeValue::Map(_) => f.write_str("a mapping"),
        }
    }
}

/// The entries of a mapping; none, if it is something else.
pub(super) fn mapping(node: &Node) -> &[Entry] {
    match &node.value {
        NodeValue::Map(entries) => entries,
        _ => &[],
    }
}

/// The entry of `key`.
pub(super) fn find<'a>(entries: &'a [Entry], key: &str) -> Option<&'a Entry> {
    entries.iter().find(|entry| entry.key == key)
}
