//! Expressions: jq, compiled when the file is read, run against one document at a time.
//!
//! `when`, `where`, `items`, `rows` and `value` are jq, through jaq. Belongs here: what an expression may
//! say ([`Expr`]), what it reads ([`Uses`]), and what it gives for a document ([`Scope`]). Does not belong
//! here: what becomes of the values (`crate::project`, `crate::engine`).
//!
//! ```text
//!  text ──▶ Expr (shared by all threads) ──┐
//!  run ───▶ RunScope (one per run) ────────┼──▶ Scope (one per document) ──▶ Truth · Items
//!  item and body ──▶ Document ─────────────┘
//! ```
//!
//! Invariants: the same expression gives the same values for the same document, parameters and run,
//! everywhere and at any time; an error of an expression is a value, never a panic; what loops ends after a bounded
//! number of steps; the environment cannot be read.

mod compile;
mod fuel;
mod json;
mod library;
mod path;
mod running;
pub(crate) mod scan;
mod scope;
mod uses;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::spec::nearest;

pub(super) use compile::{all, with_room};
pub use json::Json;
pub(crate) use json::{write_float, write_string};
pub use path::{PlainPath, Root, Step};
pub use running::Watch;
pub use scan::JsonFault;
pub use scope::{EvalError, Input, Items, RunScope, Scope, Truth};
pub(crate) use scope::{Output, meta_field};
pub use uses::{Assigns, FieldSet, META_FIELDS, Uses};

/// The variables of every expression, in the order in which they are bound.
pub const VARIABLES: [&str; 5] = ["$doc", "$item", "$parent", "$params", "$meta"];

/// A compiled expression; a clone is a reference.
#[derive(Clone)]
pub struct Expr(Arc<Compiled>);

struct Compiled {
    source: String,
    filter: jaq_core::Filter<library::Data>,
    uses: Uses,
    path: Option<PlainPath>,
    /// Words and signs.
    tokens: usize,
}

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprFault {
    /// What is wrong.
    pub message: String,
    /// Where in the text, in bytes.
    pub at: Option<Range<usize>>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Expr {
    /// Compiles `source`.
    pub fn compile(source: &str) -> Result<Self, ExprFault> {
        compile::bounds(source)?;
        compile::with_room(|| Self::compile_here(source))
    }

    fn compile_here(source: &str) -> Result<Self, ExprFault> {
        let tokens = compile::tokens(source)?;
        let term = compile::term(source, &tokens)?;
        let (uses, calls) = uses::walk(source, &term)?;
        let path = PlainPath::recognise(&term);
        let term = if path.is_some() { term } else { fuel::in_term(term) };
        let filter = compile::filter(source, term, calls)?;
        let tokens = compile::count(&tokens);
        Ok(Self(Arc::new(Compiled { source: source.to_owned(), filter, uses, path, tokens })))
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// What it reads beside its input.
    pub fn uses(&self) -> &Uses {
        &self.0.uses
    }

    /// The fields of `$params` that it reads.
    pub fn params(&self) -> &FieldSet {
        &self.0.uses.params
    }

    /// The plain path that it is, if it is one.
    pub fn path(&self) -> Option<&PlainPath> {
        self.0.path.as_ref()
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expr({})", self.source())
    }
}

/// "Did you mean …?", if anything is near.
fn hint<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<String> {
    nearest(name, known).map(|candidate| format!("did you mean `{candidate}`?"))
}

#[cfg(test)]
mod tests;
