//! The type of a column, and the ways in which YAML takes one apart that stands without quotes.
//!
//! `struct<a: int64, b: string>` has two signs of YAML in it. In a line of its own the `: ` is a syntax
//! error (`yaml::syntax` tells it); on other ways a text becomes a mapping, or several entries of the one
//! around it. Each is one fault here, which shows the text in quotes.

use std::borrow::Cow;
use std::collections::HashMap;

use super::super::column_type::{ColumnType, TYPE_FIELDS_MAX, TypeFault};
use super::super::fault::Faults;
use super::super::model::{Located, Span};
use super::super::scalar::{Core, Scalar, Style};
use super::super::tree::{Entry, Node, NodeValue};
use super::{expect, grammar};

/// Longest type that a hint shows.
const SHOWN_BYTES_MAX: usize = 200;
/// Entries of a mapping in which a type is looked for that YAML cut: more are no columns, and the search takes
/// the square of their number.
const ENTRIES_MAX: usize = 2_000;
/// Entries that one such type may be cut into.
const PIECES_MAX: usize = 2 * TYPE_FIELDS_MAX;

/// Reads the type at `node`, called `name` in messages.
pub(super) fn decode(name: &str, node: &Node, faults: &mut Faults) -> Option<Located<ColumnType>> {
    if is_taken_apart(node) {
        tell_taken_apart(node.span, &text_of(node), faults);
        return None;
    }
    if let NodeValue::List(_) | NodeValue::Map(_) = node.value {
        let written = as_type(node).filter(|written| written.len() <= SHOWN_BYTES_MAX);
        let help = match (written, &node.value) {
            (Some(written), _) => format!("a type is one text: '{written}'"),
            (None, NodeValue::List(_)) => "a list of text is `list<string>`".to_owned(),
            (None, _) => "an object is 'struct<id: int64, name: string>'".to_owned(),
        };
        expect::wrong(name, node, "a type", faults).help(help);
        return None;
    }
    let text = expect::text(name, node, faults)?;
    match text.value.parse::<ColumnType>() {
        Ok(column_type) => {
            check_case(&column_type, text.span, faults);
            Some(Located::new(column_type, text.span))
        }
        Err(fault) => {
            tell(&fault, &text, faults);
            None
        }
    }
}

fn tell(fault: &TypeFault, text: &Located<String>, faults: &mut Faults) {
    if faults.is_full() {
        faults.error("unknown-type", text.span, "not a type");
        return;
    }
    let help = fault.help(&text.value);
    let told = faults.error("unknown-type", place(fault, text), fault.to_string());
    // Whoever followed the hint would else fall into the trap of YAML next.
    let plain = text.span.end - text.span.start == text.value.len();
    let needs_quotes = plain && help.contains("struct<") && help.contains(": ") && !help.contains('…');
    told.help(match needs_quotes {
        true if help.ends_with('?') => format!("{help} put it in quotes, as YAML reads `: ` itself"),
        true => format!("{help}, in quotes, as YAML reads `: ` itself"),
        false => help,
    });
}

/// The place of the slip, where the text stands in the file as it is but for quotes; else the whole text.
fn place(fault: &TypeFault, text: &Located<String>) -> Span {
    let lead = match (text.span.end - text.span.start).checked_sub(text.value.len()) {
        Some(0) => 0,
        Some(2) => 1,
        _ => return text.span,
    };
    let at = &fault.at;
    // What is missing at the end is marked at the last letter.
    let start = if at.start == at.end && at.start > 0 && at.end == text.value.len() {
        text.value.char_indices().next_back().map_or(0, |(last, _)| last)
    } else {
        at.start
    };
    Span { start: text.span.start + lead + start, end: text.span.start + lead + at.end }
}

/// Warns of fields that differ in case only: DuckDB and Spark take them for one.
fn check_case(column_type: &ColumnType, span: Span, faults: &mut Faults) {
    match column_type {
        ColumnType::List(element) => check_case(element, span, faults),
        ColumnType::Struct(fields) => {
            let mut folded = HashMap::new();
            for field in fields {
                if let Some(other) = folded.insert(field.name.to_lowercase(), &field.name) {
                    faults
                        .warning(
                            "ambiguous-column",
                            span,
                            format!("the fields `{other}` and `{}` differ in their case only", field.name),
                        )
                        .help("DuckDB and Spark take the two for one");
                }
                check_case(&field.column_type, span, faults);
            }
        }
        _ => {}
    }
}

/// Whether `node` is a mapping because YAML read the `: ` in a type.
pub(super) fn is_taken_apart(node: &Node) -> bool {
    let NodeValue::Map(entries) = &node.value else { return false };
    entries.first().is_some_and(|entry| opens(&entry.key) > 0)
}

/// Tells that the type `text` at `span` needs quotes.
pub(super) fn tell_taken_apart(span: Span, text: &str, faults: &mut Faults) {
    let fault = faults
        .error("needs-quotes", span, "a type with `,` or `: ` in it must be quoted")
        .label("YAML takes this apart");
    let written = text.parse::<ColumnType>().map_or_else(|_| text.to_owned(), |read| read.to_string());
    if written.len() <= SHOWN_BYTES_MAX && !written.contains('\'') {
        fault.help(format!("write '{written}'"));
    }
}

/// `node` with every type that YAML cut at its commas in one piece again, each told; its text counts as
/// broken, so that nothing else is said of it.
pub(super) fn rejoined<'n>(node: &'n Node, faults: &mut Faults) -> Cow<'n, Node> {
    let NodeValue::Map(entries) = &node.value else { return Cow::Borrowed(node) };
    if entries.len() > ENTRIES_MAX || !entries.iter().any(|entry| head(entry).is_some()) {
        return Cow::Borrowed(node);
    }
    let mut kept = Vec::with_capacity(entries.len());
    let mut rest = &entries[..];
    while let [entry, behind @ ..] = rest {
        let pieces = head(entry).and_then(|open| pieces(open, behind)).unwrap_or(0);
        rest = &behind[pieces..];
        let mut entry = entry.clone();
        if let (Some(last), NodeValue::Scalar(scalar)) = (behind[..pieces].last(), &mut entry.value.value) {
            let mut text = scalar.text.clone();
            for piece in &behind[..pieces] {
                text.push_str(", ");
                text.push_str(&entry_text(piece));
            }
            let end = last.value.span.end.max(last.key_span.end);
            tell_taken_apart(Span { start: entry.value.span.start, end }, &text, faults);
            scalar.broken = true;
        }
        kept.push(entry);
    }
    Cow::Owned(Node { value: NodeValue::Map(kept), span: node.span })
}

/// How many `<` are open behind the start of a type without quotes.
fn head(entry: &Entry) -> Option<usize> {
    match &entry.value.value {
        NodeValue::Scalar(Scalar { text, style: Style::Plain, broken: false, .. }) => {
            Some(opens(text)).filter(|open| *open > 0)
        }
        _ => None,
    }
}

/// How many `<` of what may be a type are not closed; 0 if it is none.
fn opens(text: &str) -> usize {
    let Some((name, _)) = text.split_once('<') else { return 0 };
    if !grammar::is_identifier(name.trim()) {
        return 0;
    }
    text.matches('<').count().saturating_sub(text.matches('>').count())
}

/// How many of the entries behind a type with `open` brackets belong to it; `None` if nothing closes them.
fn pieces(open: usize, behind: &[Entry]) -> Option<usize> {
    let mut open = open;
    for (index, entry) in behind.iter().take(PIECES_MAX).enumerate() {
        let NodeValue::Scalar(_) = entry.value.value else { return None };
        let text = entry_text(entry);
        open += text.matches('<').count();
        open = open.saturating_sub(text.matches('>').count());
        if open == 0 {
            return Some(index + 1);
        }
    }
    None
}

/// The text that YAML made an entry of.
fn entry_text(entry: &Entry) -> String {
    match &entry.value.value {
        NodeValue::Scalar(scalar) if scalar.core == Core::Null && scalar.text.is_empty() => entry.key.clone(),
        NodeValue::Scalar(scalar) => format!("{}: {}", entry.key, scalar.text),
        _ => format!("{}: …", entry.key),
    }
}

/// The text that YAML made a mapping of.
pub(super) fn text_of(node: &Node) -> String {
    let NodeValue::Map(entries) = &node.value else { return String::new() };
    entries.iter().map(entry_text).collect::<Vec<_>>().join(", ")
}

/// The type that somebody wrote with YAML's own signs: `{id: int64}` for a struct, `[string]` for a list.
pub(super) fn as_type(node: &Node) -> Option<String> {
    match &node.value {
        NodeValue::Scalar(scalar) => scalar.text.parse::<ColumnType>().ok().map(|read| read.to_string()),
        NodeValue::List(items) => match &items[..] {
            [element] => Some(format!("list<{}>", as_type(element)?)),
            _ => None,
        },
        NodeValue::Map(entries) => {
            let field = |entry: &Entry| {
                grammar::is_identifier(&entry.key)
                    .then(|| Some(format!("{}: {}", entry.key, as_type(&entry.value)?)))?
            };
            let fields: Option<Vec<String>> = entries.iter().map(field).collect();
            fields.filter(|fields| !fields.is_empty()).map(|fields| format!("struct<{}>", fields.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{FAULTS_MAX, Source, parse};

    /// Codes of what is told of a table with these columns.
    fn told(columns: &str) -> Vec<&'static str> {
        let text = format!(
            "version: 1\nname: t\nstages:\n  s: {{kind: seed, ids: [1]}}\n  m: {{kind: fetch, path: '/m/{{id}}'}}
  t:\n    kind: project\n    output: {{path: t.parquet}}\n    columns:\n{columns}\n"
        );
        let faults = match parse(&Source::new("p.yaml", text), &[], &|_| None) {
            Ok(parsed) => parsed.warnings,
            Err(rejected) => rejected.faults,
        };
        faults.iter().map(|fault| fault.code).collect()
    }

    #[test]
    fn fields_that_differ_in_case_only_are_warned_of() {
        for (column_type, expected) in [
            ("struct<id: int64, name: string>", &[][..]),
            ("struct<id: int64, Id: string>", &["ambiguous-column"]),
            ("list<struct<a: struct<x: bool, X: bool>>>", &["ambiguous-column"]),
        ] {
            assert_eq!(told(&format!("      c: '{column_type}'")), expected, "{column_type}");
        }
    }

    #[test]
    fn fields_count_as_columns_of_the_table() {
        let fields: Vec<_> = (0..200).map(|field| format!("f{field}: bool")).collect();
        let columns = |count: usize| {
            let column = |index| format!("      c{index}: 'struct<{}>'", fields.join(", "));
            (0..count).map(column).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(told(&columns(5)), [""; 0]);
        assert_eq!(told(&columns(6)), ["too-many"]);
    }

    #[test]
    fn types_that_are_cut_and_never_closed_end_in_few_faults() {
        let columns = |count: usize| {
            let columns: Vec<_> = (0..count).map(|index| format!("      c{index}: struct<a")).collect();
            columns.join("\n")
        };
        assert_eq!(told(&columns(20_000)), ["too-many"]);
        assert_eq!(told(&columns(900)), ["unknown-type"; FAULTS_MAX]);
    }
}
