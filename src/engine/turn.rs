//! Whose turn it is in a stage: the oldest value that is not delivered yet is the first in turn.
//!
//! Whoever is first must be able to go on whatever those behind it hold, as they may wait for it; see `limits/memory.rs`.

use tokio::sync::watch;

/// The turns of one stage's values, numbered in the order of intake.
#[derive(Debug)]
pub(super) struct Turns {
    first: watch::Sender<u64>,
}

/// The turn of one value.
#[derive(Clone, Debug)]
pub struct Turn {
    number: u64,
    /// None if nobody is before it.
    first: Option<watch::Receiver<u64>>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { first: watch::Sender::new(0) }
    }
}

impl Turns {
    /// The turn of the value with this number.
    pub(super) fn of(&self, number: u64) -> Turn {
        Turn { number, first: Some(self.first.subscribe()) }
    }

    /// Tells which value is first now.
    pub(super) fn set_first(&self, number: u64) {
        self.first.send_if_modified(|first| std::mem::replace(first, number) != number);
    }
}

impl Turn {
    /// The turn of something that has no others beside it: it is always the first.
    pub fn alone() -> Self {
        Self { number: 0, first: None }
    }

    /// The number of its value.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether it is the first.
    #[cfg(test)]
    pub(super) fn is_first(&self) -> bool {
        self.first.as_ref().is_none_or(|first| *first.borrow() >= self.number)
    }

    /// Waits until it is the first.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn first(&self) {
        let Some(first) = &self.first else { return };
        // A stage that is gone has no turns any more, and aborts whoever waits for one.
        if first.clone().wait_for(|first| *first >= self.number).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
