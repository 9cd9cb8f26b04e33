//! Text to a located [`Node`] tree: the only module that knows the YAML crate.
//!
//! The tree is built from the parser's events, since a deserialiser forgets the places and the quotes of
//! what it reads into untyped values. Belongs here: YAML's own rules and limits. Does not belong here:
//! anything about pipelines.
//!
//! Invariant: work and memory are bounded by the length of the text plus [`NODES_MAX`], whatever the text
//! says: aliases are copied only while the copies fit into the same count.

mod builder;
mod syntax;

use serde_yaml::granit_parser::{self, Parser};

use super::fault::Faults;
use super::model::Span;
use super::scalar::{Core, Scalar};
use super::source::Source;
use super::tree::{Node, NodeValue};
use builder::Builder;

/// Most scalars, lists and mappings of a file, copies by aliases included: twice what a list of ids that
/// fills a whole file needs.
pub(super) const NODES_MAX: usize = 300_000;
/// Deepest nesting, copies by aliases included. The language needs 6.
pub(super) const DEPTH_MAX: usize = 32;

/// What to do about a value that nests deeper.
const SHALLOWER: &str = "a pipeline needs six: look for a bracket or an indentation that is one too many";

/// Parses the file; `None` if no tree came out of it. A tree may come out of a file with faults.
pub(super) fn parse(
    source: &Source,
    variables: &dyn Fn(&str) -> Option<String>,
    faults: &mut Faults,
) -> Option<Node> {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    let mut builder = Builder::new(&source.text, variables, faults);
    for event in Parser::new_from_str_with_options(&source.text, options) {
        match event {
            Ok((event, place)) => builder.event(event, place).ok()?,
            Err(error) => {
                syntax::fault(source, &error, builder.faults);
                return None;
            }
        }
    }
    let root = builder.root();
    if root.as_ref().is_none_or(is_null) {
        faults
            .error_without_place("empty-file", "the file holds no pipeline")
            .help("start with `version: 1`");
        return None;
    }
    root
}

/// Reads one value as it would stand behind a key: for `--set`.
pub(super) fn parse_scalar(text: &str) -> Option<Scalar> {
    let source = Source::new("--set", text);
    let mut faults = Faults::default();
    match parse(&source, &|_| None, &mut faults)?.value {
        NodeValue::Scalar(scalar) if !faults.has_errors() => Some(scalar),
        _ => None,
    }
}

fn is_null(node: &Node) -> bool {
    matches!(&node.value, NodeValue::Scalar(scalar) if scalar.core == Core::Null)
}

fn byte_span(span: granit_parser::Span) -> Span {
    // A parser over a string knows its bytes (`new_from_str` says so); without them a place is the start.
    let range = span.byte_range().unwrap_or_default();
    Span { start: range.start, end: range.end }
}
