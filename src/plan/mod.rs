//! What the pipeline means.

pub mod expr;
mod item;
mod table;

pub use item::{Document, Item};
pub use table::{ColumnPlan, TablePlan};
