//! `$params.NAME` where a text is sent as it stands: in `query`, `path` and `ids`.
//!
//! A value of a query, a segment of a path or an id that is `$params.NAME` as a whole is the param; within a longer
//! text it stands in braces, `{$params.NAME}`, as a field of an item does.
//!
//! Belongs here: which texts name a param, and which values may take their place. Does not belong here: params in
//! expressions, which are variables of jq (`crate::plan::expr`).
//!
//! Invariants: params are replaced after `${env:…}`, once, and what came out is not looked at again: a param can add
//! neither a segment nor a placeholder.

use serde_json::{Map, Value};

use super::super::fault::{Faults, clip};
use super::super::model::{PathTemplate, Span};
use super::super::nearest::nearest;
use super::super::path_template::{Part, TemplateError};
use super::grammar;

/// How a param is named in a text.
pub(super) const PREFIX: &str = "$params.";

/// The values of `params` and `--set`.
#[derive(Clone, Copy)]
pub(super) struct Params<'a>(pub(super) &'a Map<String, Value>);

/// The name in `$params.NAME`, if `text` is that and no more.
pub(super) fn name(text: &str) -> Option<&str> {
    text.trim().strip_prefix(PREFIX).filter(|name| grammar::is_identifier(name))
}

impl<'a> Params<'a> {
    /// The value of `name`, which is mentioned at `span`; `None` with a fault where there is no such param.
    pub(super) fn value(self, name: &str, span: Span, faults: &mut Faults) -> Option<&'a Value> {
        let value = self.0.get(name);
        if value.is_none() {
            // Of a fault that is not kept nobody reads the hint.
            let known = self.0.keys().map(String::as_str).filter(|_| !faults.is_full());
            let near = nearest(name, known);
            let fault = faults.error("unknown-param", span, format!("no param is called `{}`", clip(name)));
            match near {
                Some(near) => fault.help(format!("did you mean `{PREFIX}{near}`?")),
                None => fault.help(format!("add it: `params: {{{}: …}}`", clip(name))),
            };
        }
        value
    }

    /// `path` with the values of its params; `None` if one cannot take its place, which is told.
    pub(super) fn into_path(self, path: &str, span: Span, faults: &mut Faults) -> Option<String> {
        let mut whole = true;
        let mut value =
            |name: &str| match self.value(name, span, faults).map(|value| (value, in_segment(value))) {
                Some((_, Some(text))) => text,
                Some((value, None)) => {
                    whole = false;
                    let title = format!("`{PREFIX}{name}` is {}, which is no part of a path", told(value));
                    faults
                        .error("param-type", span, title)
                        .help("a part of a path is a number or a text without spaces and any of `/?#%{}\\`");
                    String::new()
                }
                None => {
                    whole = false;
                    String::new()
                }
            };
        let segments: Vec<String> = path
            .split('/')
            .map(|segment| match name(segment) {
                Some(name) => value(name),
                None => pieces(segment)
                    .map(|piece| match piece {
                        Piece::Text(text) => text.to_owned(),
                        Piece::Param(name) => value(name),
                    })
                    .collect(),
            })
            .collect();
        whole.then(|| segments.join("/"))
    }

    /// The value of a query that `text` makes with its params. A param without a value alone is
    /// [`QueryValue::Absent`]. `None` if one cannot take its place, which is told.
    pub(super) fn into_query(self, text: &str, span: Span, faults: &mut Faults) -> Option<QueryValue> {
        let alone = name(text);
        if let Some(name) = alone
            && self.value(name, span, faults)?.is_null()
        {
            return Some(QueryValue::Absent);
        }
        let mut template = PathTemplate { parts: Vec::new() };
        let mut whole = true;
        for piece in alone.map(Piece::Param).map_or_else(|| pieces(text).collect(), |piece| vec![piece]) {
            let parts = match piece {
                Piece::Text(text) => match PathTemplate::parse(text) {
                    Ok(template) => template.parts,
                    Err(error) => return Some(QueryValue::Faulty(error)),
                },
                Piece::Param(name) => match self
                    .value(name, span, faults)
                    .map(|value| (value, in_query(value)))
                {
                    Some((_, Some(text))) => vec![Part::Literal(text)],
                    Some((value, None)) => {
                        let title =
                            format!("`{PREFIX}{name}` is {}, which is no value of a query", told(value));
                        let fault = faults.error("param-type", span, title);
                        fault.help(match value {
                            Value::Array(_) => {
                                "write the param as TMDB reads it, with `,` for and, `|` for or: '28,12'"
                            }
                            Value::Null => "alone, a param without a value leaves the whole parameter out",
                            _ => "a text, a number or a boolean can be sent",
                        });
                        whole = false;
                        continue;
                    }
                    None => {
                        whole = false;
                        continue;
                    }
                },
            };
            for part in parts {
                template.push(part);
            }
        }
        whole.then_some(QueryValue::Template(template))
    }
}

/// What a value of a query comes to.
#[derive(Debug)]
pub(super) enum QueryValue {
    /// It is sent.
    Template(PathTemplate),
    /// The parameter is not sent.
    Absent,
    /// It is none.
    Faulty(TemplateError),
}

/// A part of a text.
enum Piece<'t> {
    /// Without params.
    Text(&'t str),
    /// `{$params.NAME}`
    Param(&'t str),
}

/// `text` in pieces.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let found = rest.match_indices('{').find_map(|(at, _)| {
            let inside = rest[at + 1..].split_once('}')?.0;
            name(inside).map(|name| (at, name, at + inside.len() + 2))
        });
        Some(match found {
            Some((0, name, end)) => {
                rest = &rest[end..];
                Piece::Param(name)
            }
            Some((at, ..)) => {
                let (text, after) = rest.split_at(at);
                rest = after;
                Piece::Text(text)
            }
            None => Piece::Text(std::mem::take(&mut rest)),
        })
    })
}

/// Whether `text` names a param where it is read as such.
pub(super) fn reads(text: &str) -> bool {
    text.split('/').any(|segment| name(segment).is_some())
        || pieces(text).any(|piece| matches!(piece, Piece::Param(_)))
}

/// `value` as a segment of a path.
fn in_segment(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => {
            let never = |c: char| c.is_whitespace() || c.is_control() || "/?#%{}\\".contains(c);
            (!matches!(text.as_str(), "" | "." | "..") && !text.contains(never)).then(|| text.clone())
        }
        _ => None,
    }
}

/// `value` as a value of a query is sent; `None` for what has no text.
fn in_query(value: &Value) -> Option<String> {
    match value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What a value is, for messages.
pub(super) fn told(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
        Value::String(text) => format!("{:?}", clip(text)),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_text_names_a_param() {
        for (text, expected) in [
            ("$params.a", Some("a")),
            (" $params.min_votes ", Some("min_votes")),
            ("$params.", None),
            ("$params.a.b", None),
            ("$params.1", None),
            ("$params.a + 1", None),
            ("x$params.a", None),
            ("$param.a", None),
        ] {
            assert_eq!(name(text), expected, "{text}");
        }
    }

    #[test]
    fn what_a_param_holds_is_sent_as_it_is() {
        let serde_json::Value::Object(params) = serde_json::json!({
            "a": "{id}", "env": "${env:HOME}", "again": "$params.a", "number": 1.5, "yes": true, "none": null, "s": "x/y",
            "way": "movie"
        }) else {
            panic!("an object");
        };
        let span = Span::default();
        let query = |text: &str| match Params(&params).into_query(text, span, &mut Faults::default()) {
            Some(QueryValue::Template(template)) => format!("{:?}", template.parts),
            other => format!("{other:?}"),
        };
        let literal = |text: &str| format!("{:?}", [Part::Literal(text.to_owned())]);
        assert_eq!(query("$params.a"), literal("{id}"));
        assert_eq!(query("$params.env"), literal("${env:HOME}"));
        assert_eq!(query("$params.again"), literal("$params.a"));
        assert_eq!(query("a{$params.number}b{$params.yes}"), literal("a1.5btrue"));
        assert_eq!(query("$params.a.b"), literal("$params.a.b"));
        assert_eq!(query("$params.none"), "Some(Absent)");
        assert_eq!(query("{$params.none}"), "None");
        let parts = [Part::Literal("{id}-".to_owned()), Part::Field("id".to_owned())];
        assert_eq!(query("{$params.a}-{id}"), format!("{parts:?}"));

        let path = |text: &str| Params(&params).into_path(text, span, &mut Faults::default());
        assert_eq!(path("/$params.way/{id}/x-{$params.number}").as_deref(), Some("/movie/{id}/x-1.5"));
        for text in ["/$params.a", "/$params.s", "/$params.yes", "/$params.none", "/x{$params.env}"] {
            assert_eq!(path(text), None, "{text}");
        }
    }
}
