//! How documents become columns.
//!
//! Belongs here: from a body's bytes to Arrow arrays ([`Projector`]), and from a document to the items in
//! it ([`ExpandRule`]). Does not belong here: where batches go (`crate::sink`), who calls this and on which
//! thread (`crate::run`).
//!
//! ```text
//!            ┌─ plain paths: one walk over the text ─┐
//!  Document ─┤                                       ├─▶ Cell ─▶ coerce ─▶ column buffers ─▶ RecordBatch
//!            └─ jq: the tree, jaq ───────────────────┘
//! ```
//!
//! Invariants: both ways give the same cells, as both read through one scanner (`plan::expr::scan`) and
//! whatever the walk has no rule for is left to jq; one table of coercion (`docs/COERCION.md`) stands
//! between cells and columns; a row is in every column or in none.

mod cell;
mod coerce;
mod column;
mod example;
mod found;
mod projector;
mod shape;
mod walk;

pub use example::{Failure, Misfit};
pub use found::{ExpandRule, Found, FoundItems, prune};
pub use projector::{ColumnCounts, Counts, ProjectError, Projector};

#[cfg(test)]
mod tests;
