//! An expression of the file, compiled, or what is wrong with it at its place.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::expr::{Assigns, Expr, ExprFault, FieldSet};
use super::slip;
use crate::spec::{Faults, Span, nearest};

/// Expressions that were compiled before anybody asked for them, by their text.
pub(super) type Ready<'a> = HashMap<&'a str, Result<Expr, ExprFault>>;

/// Compiles `source`, unless it is `ready`, which stands at `span`; a fault within it is marked there if the text stands in
/// the file as it is, at `whole`. Without `params` none is unknown.
pub(super) fn expression(
    source: &str,
    span: Span,
    whole: Option<Span>,
    params: Option<&Map<String, Value>>,
    ready: &Ready<'_>,
    faults: &mut Faults,
) -> Option<Expr> {
    let expr = match ready.get(source).cloned().unwrap_or_else(|| Expr::compile(source)) {
        Ok(expr) => expr,
        Err(error) => {
            // Quotes and escapes shift places; only a plain scalar is marked to the byte.
            let plain = whole.is_some_and(|span| span.end - span.start == source.len());
            let place = match error.at {
                Some(at) if plain && at.end > at.start => {
                    Span { start: span.start + at.start, end: span.start + at.end }
                }
                _ => span,
            };
            let fault =
                faults.error("bad-expression", place, format!("not an expression: {}", error.message));
            let is_param = |name: &str| params.is_some_and(|params| params.contains_key(name));
            let certain = slip::certain(source, &error.message, is_param);
            let help = certain.or(error.help).unwrap_or_else(|| slip::help(source, &error.message, plain));
            fault.help(help);
            return None;
        }
    };
    if expr.uses().assigns == Assigns::Test {
        assignment(span, faults);
    }
    if let (Some(params), FieldSet::Fields(fields)) = (params, expr.params()) {
        for field in fields.iter().filter(|field| !params.contains_key(*field)) {
            // Of a fault that is not kept nobody reads the hint.
            let known = params.keys().map(String::as_str).filter(|_| !faults.is_full());
            let near = nearest(field, known);
            let fault = faults.error("unknown-param", span, format!("no param is called `{field}`"));
            match near {
                Some(near) => fault.did_you_mean(Some(near)),
                None => fault.help(format!("add it: `params: {{{field}: …}}`")),
            };
        }
    }
    Some(expr)
}

/// Warns of an assignment where a comparison is meant.
pub(super) fn assignment(span: Span, faults: &mut Faults) {
    faults
        .warning("assignment", span, "`=` assigns in jq: as a condition this always holds")
        .help("write `==` to compare");
}
