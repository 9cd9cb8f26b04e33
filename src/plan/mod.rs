//! What the pipeline means.

pub mod expr;
mod item;
mod request;
mod table;

pub use item::{Document, Item};
pub use request::{Request, RequestTemplate, Unfillable};
pub use table::{ColumnPlan, TablePlan};
