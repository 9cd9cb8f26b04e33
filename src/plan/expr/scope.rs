//! One document, opened for expressions.

use std::cell::OnceCell;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jaq_core::{Ctx, Vars};
use jaq_json::Val;
use serde_json::{Map, Value};

use super::json::string;
use super::library::Data;
use super::path::Root;
use super::running::Running;
use super::{Expr, Json, JsonFault, fuel};
use crate::plan::{Document, Item};

/// Outputs of one evaluation of `items` or `rows`; a generator without end is an error instead of all the
/// memory. A page of TMDB has 20 results, a long cast list a thousand.
const OUTPUTS_MAX: usize = 1_000_000;

/// Characters of a message that are shown, and those of its end among them.
const SHOWN_CHARS_MAX: usize = 120;
const SHOWN_END_CHARS: usize = 40;

/// What stays the same for a whole run.
#[derive(Clone, Debug, Default)]
pub struct RunScope {
    /// `$params`.
    pub params: Arc<Map<String, Value>>,
    /// `$meta.run`.
    pub run: String,
}

/// What `.` is.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The document itself.
    Document,
    /// This value.
    Json(&'a Json),
}

/// The outcome of `when` or `where`: the first output decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// Neither null nor false nor absent nor an error.
    pub holds: bool,
    /// The expression failed before its first output.
    pub error: Option<EvalError>,
}

/// The outcome of `items` or `rows`.
#[derive(Clone, Debug, Default)]
pub struct Items {
    /// The outputs before the first error.
    pub values: Vec<Json>,
    /// The first error, after which nothing is looked at.
    pub error: Option<EvalError>,
}

/// The outcome of a column's `value`.
#[derive(Debug)]
pub(crate) enum Output {
    /// It gave nothing.
    None,
    /// It gave one value.
    One(Json),
    /// It gave more than one value.
    Many,
    /// It failed.
    Error,
}

/// An expression failed on a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// What jq says.
    pub message: String,
}

impl EvalError {
    /// The message on a line, without its middle where that is long: jq names whole values in it, and what it
    /// wanted of them stands at the end.
    pub fn short(&self) -> String {
        let length = self.message.chars().count();
        if length <= SHOWN_CHARS_MAX {
            return self.message.clone();
        }
        let end: String = self.message.chars().skip(length - SHOWN_END_CHARS).collect();
        let start: String = self.message.chars().take(SHOWN_CHARS_MAX - SHOWN_END_CHARS).collect();
        format!("{start}…{end}")
    }
}

impl From<JsonFault> for EvalError {
    fn from(fault: JsonFault) -> Self {
        Self { message: fault.to_string() }
    }
}

/// One document with the variables of its expressions. Everything is built when an expression first needs
/// it, and built once. Lives on one thread.
#[derive(Debug)]
pub struct Scope<'a> {
    run: &'a RunScope,
    document: Option<&'a Document>,
    body: OnceCell<Result<Val, JsonFault>>,
    item: OnceCell<Val>,
    parent: OnceCell<Val>,
    params: OnceCell<Val>,
    meta: OnceCell<Val>,
}

impl<'a> Scope<'a> {
    /// Opens a document.
    pub fn new(run: &'a RunScope, document: &'a Document) -> Self {
        Self::open(run, Some(document))
    }

    /// For a seed, which comes from no document: `$doc`, `$item` and `$parent` are null, and so are
    /// `$meta.seed` and `$meta.fetched_at`.
    pub fn without_document(run: &'a RunScope) -> Self {
        Self::open(run, None)
    }

    fn open(run: &'a RunScope, document: Option<&'a Document>) -> Self {
        Self {
            run,
            document,
            body: OnceCell::new(),
            item: OnceCell::new(),
            parent: OnceCell::new(),
            params: OnceCell::new(),
            meta: OnceCell::new(),
        }
    }

    /// Evaluates `when` or `where`.
    pub fn holds(&self, expr: &Expr, input: Input<'_>) -> Truth {
        let mut truth = Truth { holds: false, error: None };
        let end = self.each(expr, input, |val| {
            truth.holds = !matches!(val, Val::Null | Val::Bool(false));
            ControlFlow::Break(())
        });
        truth.error = end.err();
        truth
    }

    /// Evaluates `items` or `rows`.
    pub fn items(&self, expr: &Expr, input: Input<'_>) -> Items {
        let mut values = Vec::new();
        let mut endless = false;
        let end = self.each(expr, input, |val| {
            endless = values.len() == OUTPUTS_MAX;
            if endless {
                return ControlFlow::Break(());
            }
            values.push(Json(val));
            ControlFlow::Continue(())
        });
        let endless = endless.then(|| EvalError { message: format!("more than {OUTPUTS_MAX} outputs") });
        Items { values, error: end.err().or(endless) }
    }

    /// The first outputs of an expression, at most `most`, and nothing is evaluated beyond them.
    pub fn first(&self, expr: &Expr, input: Input<'_>, most: usize) -> Items {
        let mut values = Vec::new();
        let end = self.each(expr, input, |val| {
            values.push(Json(val));
            if values.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        Items { values, error: end.err() }
    }

    /// Evaluates a column's `value`.
    pub(crate) fn output(&self, expr: &Expr, input: Input<'_>) -> Output {
        let mut output = Output::None;
        let end = self.each(expr, input, |val| {
            if matches!(output, Output::None) {
                output = Output::One(Json(val));
                ControlFlow::Continue(())
            } else {
                output = Output::Many;
                ControlFlow::Break(())
            }
        });
        if end.is_err() { Output::Error } else { output }
    }

    /// Hands the outputs to `take` until it breaks, the outputs end, or an error comes.
    fn each(
        &self,
        expr: &Expr,
        input: Input<'_>,
        mut take: impl FnMut(Val) -> ControlFlow<()>,
    ) -> Result<(), EvalError> {
        let uses = expr.uses();
        let from_elsewhere = expr.path().is_some_and(|path| !matches!(path.root, Root::Input | Root::Doc));
        let input = match input {
            Input::Json(json) => json.0.clone(),
            Input::Document if from_elsewhere => Val::Null,
            Input::Document => self.body()?,
        };
        let vars = [
            if uses.doc { self.body()? } else { Val::Null },
            if uses.item.is_empty() { Val::Null } else { self.item().clone() },
            if uses.parent.is_empty() { Val::Null } else { self.parent().clone() },
            if uses.params.is_empty() { Val::Null } else { self.params().clone() },
            if uses.meta { self.meta().clone() } else { Val::Null },
        ];
        let filter = &expr.0.filter;
        fuel::start(expr.0.tokens);
        let running = Running::begin(expr);
        // jaq has places that panic, such as repeating a string more often than memory has bytes. The
        // values of this evaluation are dropped with it, so nothing half-changed is seen afterwards.
        let evaluation = AssertUnwindSafe(|| {
            let context = Ctx::<Data>::new(&filter.lut, Vars::new(vars));
            for output in filter.id.run((context, input)) {
                match output {
                    Ok(val) => {
                        if take(val).is_break() {
                            break;
                        }
                    }
                    Err(exception) => {
                        return Err(EvalError {
                            message: exception
                                .get_err()
                                .map_or_else(|_| "left without a value".into(), |error| error.to_string()),
                        });
                    }
                }
            }
            Ok(())
        });
        let outcome = catch_unwind(evaluation)
            .unwrap_or_else(|_| Err(EvalError { message: "the evaluation panicked".into() }));
        drop(running);
        // A `try` of the expression's own may have hidden that it did not come to its end.
        if outcome.is_ok() && fuel::is_used_up() {
            return Err(EvalError { message: format!("no end after {} steps", fuel::STEPS_MAX) });
        }
        outcome
    }

    /// Is there a body, and is it JSON?
    pub(crate) fn has_body(&self) -> bool {
        self.document.is_some() && self.body().is_ok()
    }

    /// `$doc`.
    fn body(&self) -> Result<Val, JsonFault> {
        let parse = || self.document.map_or(Ok(Val::Null), |document| Ok(Json::parse(&document.body)?.0));
        self.body.get_or_init(parse).clone()
    }

    fn item(&self) -> &Val {
        self.item.get_or_init(|| self.of_item(|item| Some(&item.fields)))
    }

    fn parent(&self) -> &Val {
        self.parent.get_or_init(|| self.of_item(|item| item.parent.as_ref()))
    }

    fn of_item(&self, pick: impl Fn(&Item) -> Option<&Arc<Value>>) -> Val {
        let value = self.document.and_then(|document| pick(&document.item));
        value.map_or(Val::Null, |value| Json::from_value(value).0)
    }

    fn params(&self) -> &Val {
        self.params.get_or_init(|| {
            let fields = self.run.params.iter();
            Val::obj(fields.map(|(name, value)| (string(name), Json::from_value(value).0)).collect())
        })
    }

    fn meta(&self) -> &Val {
        self.meta.get_or_init(|| {
            let fields = super::META_FIELDS.map(|name| {
                let value = meta_field(self.run, self.document, name).unwrap_or(Value::Null);
                (string(name), Json::from_value(&value).0)
            });
            Val::obj(fields.into_iter().collect())
        })
    }
}

/// A field of `$meta`; `None` where there is no such field.
pub(crate) fn meta_field(run: &RunScope, document: Option<&Document>, name: &str) -> Option<Value> {
    let item = document.map(|document| &document.item);
    Some(match name {
        "depth" => Value::from(item.map_or(0, |item| item.depth)),
        "rank" => Value::from(item.map_or(0, |item| item.rank)),
        "seed" => item.map_or(Value::Null, |item| (*item.seed).clone()),
        "fetched_at" => {
            let time = document.and_then(|document| document.fetched_at);
            time.map_or(Value::Null, |time| Value::from(format!("{time:.6}")))
        }
        "run" => Value::from(run.run.clone()),
        _ => return None,
    })
}
