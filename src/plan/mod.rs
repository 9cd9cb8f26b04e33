//! What the pipeline means.

mod item;

pub use item::{Document, Item};
