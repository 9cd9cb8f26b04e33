//! The end of work as a type: a token travels with every admitted item and dies with the last copy of what
//! came of it.

use std::fmt;
use std::sync::Arc;

use super::frontier::{EdgeId, Shared};
use crate::plan::Item;

/// Proof that an admitted item is still being worked on, and the way back to the frontier that admitted it.
///
/// Clones stand for the same item; when the last is dropped, however that came about, the frontier
/// learns that nothing more will be found under it.
#[derive(Clone)]
pub struct Token(Arc<Alive>);

struct Alive {
    number: u64,
    frontier: Arc<Shared>,
}

impl Token {
    pub(super) fn new(number: u64, frontier: Arc<Shared>) -> Self {
        Self(Arc::new(Alive { number, frontier }))
    }

    /// Hands the items that were found under this one to the frontier. Never waits.
    ///
    /// They are admitted when everything under all earlier items has been found.
    pub fn found(&self, edge: EdgeId, items: Vec<Item>) {
        self.0.frontier.found(self.0.number, edge, items);
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.frontier.settled(self.number);
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.0.number)
    }
}

/// What moves along an edge: a value, and the token of the item that it came of.
#[derive(Clone, Debug)]
pub struct Parcel<T> {
    /// The value.
    pub value: T,
    /// The token, on edges that lead to a feedback edge.
    pub token: Option<Token>,
}

impl<T> Parcel<T> {
    /// A value that no frontier waits for.
    pub fn loose(value: T) -> Self {
        Self { value, token: None }
    }

    /// Another value under the same token.
    pub fn with<U>(&self, value: U) -> Parcel<U> {
        Parcel { value, token: self.token.clone() }
    }
}
