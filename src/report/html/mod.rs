//! `report.html`: a run on one page that needs nothing else, drawn from its [`Record`].
//!
//! ```text
//! Record ─▶ page: verdict, figures, graph, charts (SVG), tables ─▶ one file
//! ```
//!
//! Does not belong here: measuring (`record`), files (`crate::cli`).
//!
//! Invariants: nothing is loaded from elsewhere and nothing runs; every text of a run is escaped by maud; the same record
//! gives the same bytes.

mod chart;
mod graph;
mod page;
mod parts;

pub use chart::ceiling;
pub use page::html;

#[cfg(test)]
mod tests;
