//! What the pipeline means.

mod item;
mod request;

pub use item::{Document, Item};
pub use request::{Request, RequestTemplate, Unfillable};
