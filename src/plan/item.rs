//! What moves through a pipeline: items (what to ask for) and documents (what was answered).
//!
//! Both are plain data. An item is a small key that may wait in a frontier by the million; a document
//! carries its body and is only ever held in a bounded place.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use super::split::Parts;

/// One piece of work: what is asked for, and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// `$item`: an object with the fields that the plan keeps.
    pub fields: Arc<Value>,
    /// `$parent`: the item in whose document this one was found; `None` for a seed.
    pub parent: Option<Arc<Value>>,
    /// `$meta.seed`: the seed item that this one descends from (a seed: itself).
    pub seed: Arc<Value>,
    /// `$meta.depth`: expand edges between the seed and this item.
    pub depth: u32,
    /// `$meta.rank`: 1-based place among the items of its document, or of its seed, before `where`.
    pub rank: u32,
}

impl Item {
    /// A seed: depth 0, no parent, descends from itself. Its rank is for whoever reads the source to say.
    pub fn seed(fields: Value) -> Self {
        let fields = Arc::new(fields);
        Self { seed: Arc::clone(&fields), fields, parent: None, depth: 0, rank: 0 }
    }
}

/// A JSON body and the item that it answers. The rows of ports (`found`, `failed`, `missing`) travel as
/// documents too, so that a table reads every source in one way.
#[derive(Clone, Debug)]
pub struct Document {
    /// What was asked for.
    pub item: Item,
    /// One JSON value, checked when it was received.
    pub body: Bytes,
    /// When the answer came; `None` for what is no answer: an item of a seed, a failure.
    pub fetched_at: Option<Timestamp>,
    /// What was asked for along with it for expands further down, and is no part of it.
    pub parts: Parts,
}

impl Document {
    /// A body by itself.
    pub fn new(item: Item, body: Bytes, fetched_at: Option<Timestamp>) -> Self {
        Self { item, body, fetched_at, parts: Parts::default() }
    }
}
