//! What an expression reads, found in its syntax tree.
//!
//! The frontier keeps of an item only the fields that somebody downstream reads, so a reading that is
//! missed here would be a null there. Hence the rule: `$item.a` reads the field `a`, any other mention of
//! `$item` reads all of it.

use std::collections::BTreeSet;
use std::ops::Range;

use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::load::{lex::StrPart, span};
use jaq_core::path::{Part, Path};

use super::ExprFault;
use super::hint;
use super::library::WHOLE;
use super::path::constant;

/// The fields of `$meta`.
pub const META_FIELDS: [&str; 5] = ["depth", "rank", "seed", "fetched_at", "run"];

/// Top-level fields of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldSet {
    /// These.
    Fields(BTreeSet<String>),
    /// Possibly any.
    All,
}

impl Default for FieldSet {
    fn default() -> Self {
        Self::Fields(BTreeSet::new())
    }
}

impl FieldSet {
    /// Adds one field.
    pub fn insert(&mut self, field: String) {
        if let Self::Fields(fields) = self {
            fields.insert(field);
        }
    }

    /// Adds what `other` has.
    pub fn extend(&mut self, other: &Self) {
        match other {
            Self::All => *self = Self::All,
            Self::Fields(fields) => fields.iter().for_each(|field| self.insert(field.clone())),
        }
    }

    /// Is `field` in it?
    pub fn contains(&self, field: &str) -> bool {
        match self {
            Self::All => true,
            Self::Fields(fields) => fields.contains(field),
        }
    }

    /// Is nothing in it?
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Fields(fields) if fields.is_empty())
    }
}

/// What an expression reads beside its input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Fields of `$item`.
    pub item: FieldSet,
    /// Fields of `$parent`.
    pub parent: FieldSet,
    /// `$doc`.
    pub doc: bool,
    /// Fields of `$params`.
    pub params: FieldSet,
    /// `$meta`.
    pub meta: bool,
    /// Where in it an assignment (`.a = 1`) is, which as a condition holds for everything.
    pub assigns: Assigns,
}

/// Where assignments are in an expression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Assigns {
    /// Nowhere that matters.
    #[default]
    No,
    /// The whole is one.
    Whole,
    /// Within it, where a condition is tested.
    Test,
}

/// Functions whose last argument is a condition.
const TESTS: [&str; 5] = ["select", "any", "all", "until", "while"];

/// The functions that are called, by name and number of arguments.
pub(super) type Calls<'s> = BTreeSet<(&'s str, usize)>;

/// Walks the tree once; faults are for what jq would accept and we do not.
pub(super) fn walk<'s>(source: &'s str, term: &Term<&'s str>) -> Result<(Uses, Calls<'s>), ExprFault> {
    let mut walk = Walk::new(source);
    walk.term(term);
    if walk.uses.assigns == Assigns::No && is_assignment(term) {
        walk.uses.assigns = Assigns::Whole;
    }
    walk.fault.map_or(Ok((walk.uses, walk.calls)), Err)
}

/// What a definition of jq's library calls.
pub(super) fn calls(definition: &Def<&'static str>) -> Calls<'static> {
    let mut walk = Walk::new("");
    walk.body(definition);
    walk.calls
}

struct Walk<'s> {
    source: &'s str,
    uses: Uses,
    calls: Calls<'s>,
    /// Definitions around this place: name and number of parameters.
    open: Vec<(&'s str, usize)>,
    fault: Option<ExprFault>,
}

impl<'s> Walk<'s> {
    fn new(source: &'s str) -> Self {
        Self { source, uses: Uses::default(), calls: Calls::default(), open: Vec::new(), fault: None }
    }

    fn fail(&mut self, part: &'s str, message: String, help: Option<String>) {
        // The library's own text is elsewhere, and what it does is right.
        if self.source.is_empty() {
            return;
        }
        let at: Range<usize> = span(self.source, part);
        self.fault.get_or_insert(ExprFault { message, at: Some(at), help });
    }

    fn terms<'t>(&mut self, terms: impl IntoIterator<Item = &'t Term<&'s str>>)
    where
        's: 't,
    {
        for term in terms {
            self.term(term);
        }
    }

    fn term(&mut self, term: &Term<&'s str>) {
        match term {
            Term::Id | Term::Recurse | Term::Num(_) | Term::Break(_) | Term::Arr(None) => {}
            Term::Str(format, parts) => {
                self.calls.extend(format.iter().map(|format| (*format, 0)));
                for part in parts {
                    if let StrPart::Term(term) = part {
                        self.term(term);
                    }
                }
            }
            Term::Arr(Some(term)) | Term::Neg(term) | Term::Label(_, term) => self.term(term),
            Term::Obj(entries) => {
                for (key, value) in entries {
                    self.term(key);
                    self.terms(value);
                }
            }
            Term::BinOp(left, op, right) => {
                self.term(left);
                if let BinaryOp::Pipe(Some(pattern)) = op {
                    self.pattern(pattern);
                }
                self.term(right);
            }
            Term::Fold(_, source, pattern, args) => {
                self.term(source);
                self.pattern(pattern);
                self.terms(args);
            }
            Term::TryCatch(body, catch) => {
                self.term(body);
                self.terms(catch.as_deref());
            }
            Term::IfThenElse(branches, otherwise) => {
                for (condition, then) in branches {
                    self.test(condition);
                    self.term(condition);
                    self.term(then);
                }
                self.terms(otherwise.as_deref());
            }
            Term::Def(definitions, body) => {
                for definition in definitions {
                    self.definition(definition);
                }
                self.term(body);
            }
            Term::Call(name, args) => {
                if self.open.contains(&(*name, args.len())) {
                    self.fail(
                        name,
                        format!("`{name}` calls itself"),
                        Some("`recurse`, `while`, `until`, `limit` and `reduce` repeat without a recursion of one's own".into()),
                    );
                }
                if *name == WHOLE {
                    self.fail(name, format!("unknown function `{name}`"), None);
                }
                self.calls.insert((name, args.len()));
                if TESTS.contains(name) {
                    // `until` and `while` have theirs in front.
                    let condition =
                        if matches!(*name, "until" | "while") { args.first() } else { args.last() };
                    if let Some(condition) = condition {
                        self.test(condition);
                    }
                }
                self.terms(args);
            }
            Term::Var(name) => self.variable(name, None),
            Term::Path(head, path) => self.path(head, path),
        }
    }

    fn test(&mut self, condition: &Term<&'s str>) {
        if is_assignment(condition) {
            self.uses.assigns = Assigns::Test;
        }
    }

    fn definition(&mut self, definition: &Def<&'s str>) {
        self.open.push((definition.name, definition.args.len()));
        self.body(definition);
        self.open.pop();
    }

    fn body(&mut self, definition: &Def<&'s str>) {
        self.term(&definition.body);
    }

    fn pattern(&mut self, pattern: &Pattern<&'s str>) {
        match pattern {
            Pattern::Var(_) => {}
            Pattern::Arr(elements) => elements.iter().for_each(|element| self.pattern(element)),
            Pattern::Obj(entries) => {
                for (key, value) in entries {
                    self.term(key);
                    self.pattern(value);
                }
            }
        }
    }

    fn path(&mut self, head: &Term<&'s str>, path: &Path<Term<&'s str>>) {
        match (head, path.0.first()) {
            (Term::Var(name), Some((Part::Index(key), _))) => self.variable(name, constant(key)),
            _ => self.term(head),
        }
        for (part, _) in &path.0 {
            match part {
                Part::Index(term) => self.term(term),
                Part::Range(from, to) => from.iter().chain(to).for_each(|term| self.term(term)),
            }
        }
    }

    /// A mention of a variable; `field` is what is read of it, if that much is known.
    fn variable(&mut self, name: &'s str, field: Option<String>) {
        let set = match name {
            "$item" => &mut self.uses.item,
            "$parent" => &mut self.uses.parent,
            "$params" => &mut self.uses.params,
            "$doc" => {
                self.uses.doc = true;
                return;
            }
            "$meta" => {
                self.uses.meta = true;
                if let Some(field) = field.filter(|field| !META_FIELDS.contains(&field.as_str())) {
                    let help = hint(&field, META_FIELDS)
                        .or_else(|| Some(format!("`$meta` has {}", META_FIELDS.join(", "))));
                    self.fail(name, format!("`$meta` has no field `{field}`"), help);
                }
                return;
            }
            _ => return,
        };
        match field {
            Some(field) => set.insert(field),
            None => *set = FieldSet::All,
        }
    }
}

/// Whether it, or a side of its `and` or `or`, is `left = right`.
fn is_assignment(term: &Term<&str>) -> bool {
    match term {
        Term::BinOp(_, BinaryOp::Assign, _) => true,
        Term::BinOp(left, BinaryOp::And | BinaryOp::Or, right) => is_assignment(left) || is_assignment(right),
        _ => false,
    }
}
