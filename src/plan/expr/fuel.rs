//! Steps: what keeps an evaluation from going on without an end, and from building values that nobody can drop.
//!
//! jq has no fuel, and expressions may loop (`reduce`, `foreach`, `range`, `repeat`, `until` …). So a step is put into
//! every place that comes round again: an expression's tree is changed between the parser and the compiler, and so are
//! the definitions of jq's library, once. A step counts, and looks from time to time how deep the value is that it was
//! given: values drop recursively, and the stack ends somewhere behind ten thousand levels.
//!
//! ```text
//! reduce S as $x (I; U)   ─▶  reduce S as $x (I; step as $_ | U)      U's input is what grows
//! foreach …                   the same
//! [F]                     ─▶  [F | step]                              an array is not longer than the count
//! range(A; B; C)          ─▶  range(A; B; C) | step
//! def f: … f …            ─▶  def f: step as $_ | … f …               only the library may define such
//! ```
//!
//! Invariants: the count is a bound on numbers and not on time, so the same document ends in the same error everywhere;
//! an expression that loops over a document's own lists alone is bounded by their length, and what that takes too long
//! is seen from outside ([`super::running`]). A plain path has no steps, so that it gives what the walk gives.

use std::cell::Cell;

use jaq_core::Error;
use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::native::{Fun, bome, run, v};
use jaq_core::path::{Part, Path};
use jaq_json::Val;

use super::library::Data;
use super::uses::calls;

/// Steps of one evaluation: as many as `items` and `rows` may have outputs. The largest bodies that were recorded
/// have some thousand elements. Fewer in unit tests, whose build takes a microsecond for each.
pub(super) const STEPS_MAX: u64 = if cfg!(test) { 50_000 } else { 1_000_000 };
/// Levels that a value may have when a step looks at it. Bodies have at most 128.
const DEPTH_MAX: usize = 512;
/// A step of an expression at the bounds of its size adds some hundred levels, most add one: about so many levels may
/// come between two looks.
const LEVELS_BETWEEN: u64 = 128;

/// The name of a step; nobody can write it.
const STEP: &str = " step";
/// A variable that nobody can write.
const IGNORED: &str = "$ ";

thread_local! {
    /// Steps that the evaluation on this thread has left.
    static LEFT: Cell<u64> = const { Cell::new(0) };
    /// Of how many steps one looks at the depth.
    static EVERY: Cell<u64> = const { Cell::new(1) };
}

/// Starts the count of an evaluation of an expression of so many words and signs, each of which may add a level in a
/// step.
pub(super) fn start(tokens: usize) {
    LEFT.set(STEPS_MAX);
    EVERY.set((LEVELS_BETWEEN / (tokens.max(1) as u64)).max(1));
}

/// Whether the evaluation on this thread has used up its steps.
pub(super) fn is_used_up() -> bool {
    LEFT.get() == 0
}

/// The function of a step: it gives what it is given, or an error. Once it gave one it gives no more but errors, so a `try`
/// around a loop does not keep it going.
pub(super) fn step() -> Fun<Data> {
    run((STEP, v(0), |cv| bome(take(cv.1))))
}

fn take(value: Val) -> Result<Val, Error<Val>> {
    let left = LEFT.get().saturating_sub(1);
    LEFT.set(left);
    if left == 0 {
        return Err(Error::str(format!("no end after {STEPS_MAX} steps")));
    }
    // Not every so many steps: a round of several steps would meet the same one of them each time.
    let thrown = left.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    if thrown.is_multiple_of(EVERY.get()) && is_deeper(&value, DEPTH_MAX) {
        LEFT.set(0);
        return Err(Error::str(format!("a value of more than {DEPTH_MAX} levels")));
    }
    Ok(value)
}

/// Whether `value` has more than `levels` levels.
fn is_deeper(value: &Val, levels: usize) -> bool {
    match value {
        Val::Arr(elements) => levels == 0 || elements.iter().any(|element| is_deeper(element, levels - 1)),
        Val::Obj(fields) => levels == 0 || fields.values().any(|field| is_deeper(field, levels - 1)),
        _ => false,
    }
}

/// A definition of the library with its steps.
pub(super) fn in_definition(mut definition: Def<&'static str>) -> Def<&'static str> {
    in_def(&mut definition, &|definition| {
        calls(definition).contains(&(definition.name, definition.args.len()))
    });
    definition
}

/// A tree with its steps. Its own definitions do not call themselves (`super::uses`).
pub(super) fn in_term(mut term: Term<&str>) -> Term<&str> {
    in_tree(&mut term, &|_| false);
    term
}

fn in_def<'s>(definition: &mut Def<&'s str>, recurs: &dyn Fn(&Def<&'s str>) -> bool) {
    let comes_round = recurs(definition);
    in_tree(&mut definition.body, recurs);
    if comes_round {
        replace(&mut definition.body, before);
    }
}

fn in_tree<'s>(term: &mut Term<&'s str>, recurs: &dyn Fn(&Def<&'s str>) -> bool) {
    match term {
        Term::Id | Term::Recurse | Term::Num(_) | Term::Break(_) | Term::Var(_) | Term::Arr(None) => {}
        Term::Str(_, parts) => {
            for part in parts {
                if let StrPart::Term(term) = part {
                    in_tree(term, recurs);
                }
            }
        }
        Term::Arr(Some(inner)) => {
            in_tree(inner, recurs);
            replace(inner, behind);
        }
        Term::Neg(inner) | Term::Label(_, inner) => in_tree(inner, recurs),
        Term::Obj(entries) => {
            for (key, value) in entries {
                in_tree(key, recurs);
                in_trees(value, recurs);
            }
        }
        Term::BinOp(left, op, right) => {
            in_tree(left, recurs);
            if let BinaryOp::Pipe(Some(pattern)) = op {
                in_pattern(pattern, recurs);
            }
            in_tree(right, recurs);
        }
        Term::Fold(_, source, pattern, args) => {
            in_tree(source, recurs);
            in_pattern(pattern, recurs);
            in_trees(args.iter_mut(), recurs);
            if let Some(update) = args.get_mut(1) {
                replace(update, before);
            }
        }
        Term::TryCatch(body, catch) => {
            in_tree(body, recurs);
            in_trees(catch.as_deref_mut(), recurs);
        }
        Term::IfThenElse(branches, otherwise) => {
            for (condition, then) in branches {
                in_tree(condition, recurs);
                in_tree(then, recurs);
            }
            in_trees(otherwise.as_deref_mut(), recurs);
        }
        Term::Def(definitions, body) => {
            for definition in definitions {
                in_def(definition, recurs);
            }
            in_tree(body, recurs);
        }
        Term::Call(name, args) => {
            in_trees(args.iter_mut(), recurs);
            if *name == "range" && args.len() == 3 {
                replace(term, behind);
            }
        }
        Term::Path(head, path) => {
            in_tree(head, recurs);
            in_path(path, recurs);
        }
    }
}

fn in_trees<'t, 's: 't>(
    terms: impl IntoIterator<Item = &'t mut Term<&'s str>>,
    recurs: &dyn Fn(&Def<&'s str>) -> bool,
) {
    for term in terms {
        in_tree(term, recurs);
    }
}

fn in_path<'s>(path: &mut Path<Term<&'s str>>, recurs: &dyn Fn(&Def<&'s str>) -> bool) {
    for (part, _) in &mut path.0 {
        match part {
            Part::Index(index) => in_tree(index, recurs),
            Part::Range(from, to) => {
                in_trees(from.iter_mut().chain(to), recurs);
            }
        }
    }
}

fn in_pattern<'s>(pattern: &mut Pattern<&'s str>, recurs: &dyn Fn(&Def<&'s str>) -> bool) {
    match pattern {
        Pattern::Var(_) => {}
        Pattern::Arr(elements) => {
            for element in elements {
                in_pattern(element, recurs);
            }
        }
        Pattern::Obj(entries) => {
            for (key, value) in entries {
                in_tree(key, recurs);
                in_pattern(value, recurs);
            }
        }
    }
}

fn replace<'s>(term: &mut Term<&'s str>, with: impl FnOnce(Term<&'s str>) -> Term<&'s str>) {
    *term = with(std::mem::take(term));
}

/// `step as $_ | term`: on the way in, so that it may stand in paths too.
fn before(term: Term<&str>) -> Term<&str> {
    Term::BinOp(
        Box::new(Term::Call(STEP, Vec::new())),
        BinaryOp::Pipe(Some(Pattern::Var(IGNORED))),
        Box::new(term),
    )
}

/// `term | step`
fn behind(term: Term<&str>) -> Term<&str> {
    Term::BinOp(Box::new(term), BinaryOp::Pipe(None), Box::new(Term::Call(STEP, Vec::new())))
}
