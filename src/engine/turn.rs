//! Whose turn it is in a stage: the oldest value that is not delivered yet is the first in turn.
//!
//! Whoever is first must be able to go on whatever those behind it hold, as they may wait for it; see `limits/memory.rs`.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// How long the first in turn is worked on before those behind it count as held up: longer than any answer takes that comes
/// at once.
const HELD_UP_AFTER: Duration = Duration::from_secs(1);

/// The turns of one stage's values, numbered in the order of intake.
#[derive(Debug)]
pub(super) struct Turns {
    first: watch::Sender<First>,
}

#[derive(Debug)]
struct First {
    number: u64,
    /// Since when it is the first and still worked on; none if it is done.
    working_since: Option<Instant>,
}

/// The turn of one value.
#[derive(Clone, Debug)]
pub struct Turn {
    number: u64,
    /// None if nobody is before it.
    first: Option<watch::Receiver<First>>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { first: watch::Sender::new(First { number: 0, working_since: None }) }
    }
}

impl Turns {
    /// The turn of the value with this number.
    pub(super) fn of(&self, number: u64) -> Turn {
        Turn { number, first: Some(self.first.subscribe()) }
    }

    /// Tells which value is first now, and whether it is still worked on.
    pub(super) fn set_first(&self, number: u64, is_working: bool) {
        self.first.send_if_modified(|first| {
            let is_new = first.number != number;
            if is_new || first.working_since.is_some() != is_working {
                *first = First { number, working_since: is_working.then(Instant::now) };
            }
            is_new
        });
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
        self.first.as_ref().is_none_or(|first| first.borrow().number >= self.number)
    }

    /// Whether one before it takes long to be worked on, and may take longer.
    pub fn is_held_up(&self) -> bool {
        self.first.as_ref().is_some_and(|first| {
            let first = first.borrow();
            let since = first.working_since.filter(|_| first.number < self.number);
            since.is_some_and(|since| since.elapsed() >= HELD_UP_AFTER)
        })
    }

    /// Waits until it is the first.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn first(&self) {
        let Some(first) = &self.first else { return };
        // A stage that is gone has no turns any more, and aborts whoever waits for one.
        if first.clone().wait_for(|first| first.number >= self.number).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
