//! Plain paths: the expressions that say where a value stands and nothing else.
//!
//! Most columns are one. A plain path can be followed in the text of a body without building a tree, which
//! `crate::project` does; what it means is jq's meaning all the same.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::Term;
use jaq_core::path::{Opt, Part};

/// Where a plain path starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Root {
    /// `.`
    Input,
    /// `$doc`
    Doc,
    /// `$item`
    Item,
    /// `$parent`
    Parent,
    /// `$params`
    Params,
    /// `$meta`
    Meta,
}

/// One step of a plain path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// `.a`, `."a-b"`, `.["a"]`
    Field(Box<str>),
    /// `[0]`, counted from the front
    Index(usize),
    /// `[]`
    Each,
}

/// A path such as `$doc.a.b` or `[.a[].b]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlainPath {
    /// Where it starts.
    pub root: Root,
    /// What it follows from there.
    pub steps: Vec<Step>,
    /// In brackets: all it leads to is one array.
    pub collected: bool,
}

impl PlainPath {
    /// Does it have exactly one output wherever it has no error?
    pub fn is_single(&self) -> bool {
        self.collected || !self.steps.contains(&Step::Each)
    }

    pub(super) fn recognise(term: &Term<&str>) -> Option<Self> {
        let (term, collected) = match term {
            Term::Arr(Some(inner)) => (&**inner, true),
            term => (term, false),
        };
        let mut steps = Vec::new();
        let root = follow(term, &mut steps)?;
        Some(Self { root, steps, collected })
    }
}

fn follow(term: &Term<&str>, steps: &mut Vec<Step>) -> Option<Root> {
    Some(match term {
        Term::Id => Root::Input,
        Term::Var("$doc") => Root::Doc,
        Term::Var("$item") => Root::Item,
        Term::Var("$parent") => Root::Parent,
        Term::Var("$params") => Root::Params,
        Term::Var("$meta") => Root::Meta,
        Term::Path(head, path) => {
            let root = follow(head, steps)?;
            for (part, opt) in &path.0 {
                steps.push(match (part, opt) {
                    (Part::Index(Term::Num(index)), Opt::Essential) => Step::Index(index.parse().ok()?),
                    (Part::Index(key), Opt::Essential) => Step::Field(constant(key)?.into()),
                    (Part::Range(None, None), Opt::Essential) => Step::Each,
                    _ => return None,
                });
            }
            root
        }
        _ => return None,
    })
}

/// The text of a string without interpolation.
pub(super) fn constant(term: &Term<&str>) -> Option<String> {
    let Term::Str(None, parts) = term else { return None };
    let mut text = String::new();
    for part in parts {
        match part {
            StrPart::Str(plain) => text.push_str(plain),
            StrPart::Char(escaped) => text.push(*escaped),
            StrPart::Term(_) => return None,
        }
    }
    Some(text)
}
