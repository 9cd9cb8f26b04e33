//! What an expand finds in a document: `when`, `items`, `where`, `take`.
//!
//! A pure function. What becomes of the items (depth, dedupe, `max_items`) is the engine's.

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::plan::expr::scan::{Kind, Scanner};
use crate::plan::expr::{EvalError, Expr, FieldSet, Input, Json, JsonFault, RunScope, Scope, Truth};
use crate::plan::{Document, ExpandPlan};

/// The expressions of one expand.
#[derive(Clone, Debug)]
pub struct ExpandRule {
    /// `when`, on the document: expand it at all?
    pub when: Option<Expr>,
    /// `items`, on each answer.
    pub items: Expr,
    /// `where`, on each item.
    pub where_: Option<Expr>,
    /// `take`: how many items of a document at the most.
    pub take: Option<u32>,
}

/// What was found in one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundItems {
    /// In the order of their rank.
    pub items: Vec<Found>,
    /// Times that `items` or `where` failed, or gave what is no item.
    pub errors: u32,
    /// What jq said about the first of them.
    pub error: Option<EvalError>,
}

impl FoundItems {
    fn failed(&mut self, error: EvalError) {
        self.errors += 1;
        self.error.get_or_insert(error);
    }
}

/// One item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// 1-based place in the outputs of `items`, counted on across pages, before `where` and `take`.
    pub rank: u32,
    /// The item as a minified JSON object; a scalar `x` has become `{"id":x}`.
    pub body: Bytes,
}

impl ExpandRule {
    /// Of an expand.
    pub fn new(expand: &ExpandPlan) -> Self {
        let ExpandPlan { when, items, where_, take, .. } = expand.clone();
        Self { when, items, where_, take }
    }

    /// Is `document` to be expanded? Without `when`: yes.
    pub fn wants(&self, run: &RunScope, document: &Document) -> Truth {
        match &self.when {
            Some(when) => Scope::new(run, document).holds(when, Input::Document),
            None => Truth { holds: true, error: None },
        }
    }

    /// The items in `answers`: the bodies of the expand's own requests in page order, or the document's own
    /// body. In every expression `$doc` and `$item` are those of `document`.
    pub fn found(&self, run: &RunScope, document: &Document, answers: &[Bytes]) -> FoundItems {
        let scope = Scope::new(run, document);
        let take = self.take.map_or(usize::MAX, |take| usize::try_from(take).unwrap_or(usize::MAX));
        let mut found = FoundItems::default();
        let mut rank = 0;
        for answer in answers {
            let answer = match Json::parse(answer) {
                Ok(answer) => answer,
                Err(fault) => {
                    found.failed(fault.into());
                    continue;
                }
            };
            let items = scope.items(&self.items, Input::Json(&answer));
            if let Some(error) = items.error {
                found.failed(error);
            }
            for json in items.values {
                if found.items.len() >= take {
                    return found;
                }
                rank += 1;
                let truth = match &self.where_ {
                    Some(where_) => scope.holds(where_, Input::Json(&json)),
                    None => Truth { holds: true, error: None },
                };
                if let Some(error) = truth.error {
                    found.failed(error);
                }
                if !truth.holds {
                    continue;
                }
                match item_body(&json) {
                    Some(body) => found.items.push(Found { rank, body }),
                    None => found.failed(EvalError { message: format!("{} is no item", json.to_text()) }),
                }
            }
        }
        found
    }
}

/// An object as it is, a number or a text as `{"id": it}`; nothing else names something to ask for.
fn item_body(json: &Json) -> Option<Bytes> {
    if json.is_object() {
        return Some(json.to_bytes());
    }
    match json.to_value() {
        id @ (Value::Number(_) | Value::String(_) | Value::Bool(_)) => {
            Some(Bytes::from(Value::Object(Map::from_iter([("id".to_owned(), id)])).to_string()))
        }
        _ => None,
    }
}

/// Only these top-level fields of `body`, as an object: what the frontier keeps of an item. A body that is
/// no object has no fields.
pub fn prune(body: &[u8], fields: &FieldSet) -> Value {
    let mut kept = Map::new();
    let read = |kept: &mut Map<String, Value>| -> Result<(), JsonFault> {
        let text = std::str::from_utf8(body).map_err(|error| JsonFault { at: error.valid_up_to() })?;
        let mut scanner = Scanner::new(text);
        if scanner.peek()? != Kind::Object {
            return Ok(());
        }
        scanner.object(|scanner, key| {
            let raw = scanner.raw()?;
            if fields.contains(&key) {
                kept.insert(key.into_owned(), Json::parse(raw.as_bytes())?.to_value());
            }
            Ok(())
        })
    };
    match read(&mut kept) {
        Ok(()) => Value::Object(kept),
        Err(_) => Value::Object(Map::new()),
    }
}
