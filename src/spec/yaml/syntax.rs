//! What the parser could not read, with the slip behind it where the line gives it away.

use serde_yaml::granit_parser::{ErrorKind, ScanError};

use super::super::column_type::ColumnType;
use super::super::decode::is_identifier;
use super::super::fault::{Faults, clip};
use super::super::model::Span;
use super::super::source::Source;
use super::DEPTH_MAX;

/// Longest part of a line that is searched for the slip.
const LINE_BYTES_MAX: usize = 1_000;

/// Tells where and why the parser stopped. It stops at the first such place.
pub(super) fn fault(source: &Source, error: &ScanError, faults: &mut Faults) {
    let start = error.marker().byte_offset().unwrap_or(source.text.len());
    let length = source.text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    let span = Span { start, end: start + length };
    if *error.kind() == ErrorKind::RecursionLimitExceeded {
        faults
            .error("too-deep", span, format!("values nest deeper than {DEPTH_MAX} levels"))
            .help(super::SHALLOWER);
        return;
    }
    let (_, line_start) = source.line_start(start);
    let line = source.text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let before = source.text[..line_start].lines().next_back().unwrap_or_default();
    let info = error.info();
    let help = if line.len().max(before.len()) <= LINE_BYTES_MAX { help(line, before, &info) } else { None };
    // What the parser was about is seen at the place.
    let what = match info.split_once(", ") {
        Some((start, rest)) if start.starts_with("while parsing") => rest,
        _ => info.as_str(),
    };
    faults
        .error("syntax", span, format!("this is not YAML: {}", clip(what)))
        .help(help.unwrap_or_else(|| GENERAL.to_owned()));
}

/// What may be said where nothing gives the slip away.
const GENERAL: &str = "look at the quotes, brackets and indentation of this line and of the one above it";

/// The slip behind a line that is not YAML: most are values of ours that YAML takes for its own signs.
fn help(line: &str, before: &str, info: &str) -> Option<String> {
    const SIGNS: [char; 10] = ['[', '{', '@', '%', '`', '|', '&', '*', '!', '>'];
    if line.trim_start_matches(' ').starts_with('\t') {
        return Some("indent with spaces, not with tabs".to_owned());
    }
    if let Some(text) = split_type(line) {
        let written = text.parse::<ColumnType>().map_or_else(|_| text.to_owned(), |read| read.to_string());
        return Some(format!("a type with `: ` in it must be quoted: '{written}'"));
    }
    for key in ["when", "where", "items", "rows", "value"] {
        let value = line.split_once(&format!("{key}:")).map(|(_, rest)| rest.trim_start());
        if value.is_some_and(|value| value.starts_with(SIGNS)) {
            return Some(format!("an expression that starts with a sign of YAML must be quoted: {key}: '…'"));
        }
        let plain = value.filter(|value| !value.starts_with(['\'', '"']));
        let in_braces = line.split_once(&format!("{key}:")).is_some_and(|(before, _)| before.contains('{'));
        if in_braces && plain.is_some_and(|value| value.contains(['[', '{'])) {
            return Some(format!(
                "between `{{` and `}}` an expression with brackets in it must be quoted: {key}: '…'"
            ));
        }
        if !in_braces && plain.is_some_and(|value| value.contains(": ")) {
            return Some(format!("an expression with `: ` in it must be quoted: {key}: '…'"));
        }
    }
    if line.split_once("path: /").is_some_and(|(before, path)| before.contains('{') && path.contains('{')) {
        return Some("between `{` and `}` a path with braces must be quoted: '/movie/{id}'".to_owned());
    }
    if info.contains("single-quoted") {
        return Some("within single quotes an apostrophe is written twice: 'It''s'".to_owned());
    }
    if info.contains("double-quoted") {
        return Some(
            "the text ends at its second quote: put the whole value into single quotes, '…'".to_owned(),
        );
    }
    if let Some(glued) = glued(line).filter(|_| info.contains("simple key")) {
        return Some(format!("a space belongs behind the colon: `{}`", clip(&glued)));
    }
    if info.contains("flow") && [line, before].iter().any(|line| line.contains(" #")) {
        return Some("YAML takes what follows ` #` for a comment: quote a value that holds it".to_owned());
    }
    if info.contains("illegal placement of ':'") {
        return Some("close the `[` or `{` that is open above".to_owned());
    }
    if info.contains("mismatched bracket") {
        return Some("brackets close in the reverse order in which they open".to_owned());
    }
    if info.contains("unexpected character") {
        return Some("remove it: it cannot stand in YAML".to_owned());
    }
    if info.contains("block mapping") {
        return Some("the keys of one mapping stand in the same column".to_owned());
    }
    if line.matches(": ").count() > 1 && !line.contains(['{', '[']) {
        return Some("a value with `: ` in it must be quoted".to_owned());
    }
    None
}

/// The type without quotes in whose `: ` YAML sees a mapping: from the word before the first `<` with a name
/// and a `:` behind it to the bracket that closes it, or to the end of the line.
fn split_type(line: &str) -> Option<&str> {
    let opens = |at: usize| {
        let name = line[at + 1..].split_once(':').map_or("", |(name, _)| name);
        is_identifier(name.trim()) && line[..at].ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    let open = line.match_indices('<').map(|(at, _)| at).find(|at| opens(*at))?;
    let start = line[..open].trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '<').len();
    let mut depth = 0;
    for (at, sign) in line[start..].char_indices() {
        match sign {
            '<' => depth += 1,
            '>' if depth == 1 => return Some(&line[start..=start + at]),
            '>' => depth -= 1,
            _ => {}
        }
    }
    Some(line[start..].trim_end())
}

/// `name:value` with the space that it lacks.
fn glued(line: &str) -> Option<String> {
    let line = line.trim().trim_start_matches("- ");
    let (name, value) = line.split_once(':')?;
    let is_name =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let is_glued = !value.is_empty() && !value.starts_with([' ', '/']);
    (is_name && is_glued).then(|| format!("{name}: {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_gives_the_slip_away() {
        let flow = "while parsing a flow mapping, did not find expected ',' or '}'";
        for (line, before, info, expected) in [
            ("name:bad", "version: 1", "simple key expected ':'", Some("`name: bad`")),
            ("ids:[1, 2]", "", "simple key expected ':'", Some("`ids: [1, 2]`")),
            ("https://a", "", "simple key expected ':'", None),
            ("a: 'It's", "", "invalid trailing content after single-quoted scalar", Some("''")),
            ("a: \"b\" == 1", "", "invalid trailing content after double-quoted scalar", Some("'…'")),
            ("  required: true}", "{value: .a + \" #\",", flow, Some(" #")),
            (" ids: 1", "", "while parsing a block mapping, did not find expected key", Some("column")),
            ("b:", "a: [1", "illegal placement of ':' indicator", Some("close")),
            ("a: [1}", "", "mismatched bracket '[' closed by '}'", Some("reverse")),
        ] {
            let help = help(line, before, info);
            assert_eq!(help.is_some(), expected.is_some(), "{line}");
            assert!(help.unwrap_or_default().contains(expected.unwrap_or_default()), "{line}");
        }
        for (line, expected) in [
            ("\tstart: 1", Some("tabs")),
            ("  genre: struct<id: int64>", Some(": 'struct<id: int64>'")),
            (
                "{g: {type: list<struct<id:int64, b: string>>, value: .x}}",
                Some("'list<struct<id: int64, b: string>>'"),
            ),
            ("  genre: row<id: int64, é", Some("'row<id: int64, é'")),
            ("𭕬X<a: b", Some("'X<a: b'")),
            ("  items: [.results[]]", Some("items: ")),
            ("  {type: string, value: [.a[].b]}", Some("value: ")),
            ("  {type: int64, value: .[0].id}", Some("brackets in it must be quoted: value: '…'")),
            ("  {type: int64, value: '.[0].id}", None),
            ("  rows: .crew[] | {id: .id, job}", Some("`: ` in it must be quoted: rows: '…'")),
            ("  m: {kind: fetch, path: /movie/{id}}", Some("path with braces")),
            ("description: one: two", Some("`: `")),
            ("ids: [1, 2", None),
            ("a: 'b", None),
        ] {
            let help = help(line, "", "");
            assert_eq!(help.is_some(), expected.is_some(), "{line}");
            assert!(help.unwrap_or_default().contains(expected.unwrap_or_default()), "{line}");
        }
    }
}
