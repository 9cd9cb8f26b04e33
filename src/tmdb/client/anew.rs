//! What somebody who follows a list asks of the client beside documents: the time, what requests are known by, and to ask for what
//! may be kept already, as a list that moved while it was read is read again.
//!
//! Does not belong here: when that is so (`crate::run`). Invariant: what comes is kept in the place of what was there.

use jiff::Timestamp;

use super::{Answer, AskError, Caller, Client, Clock};
use crate::plan::Request;

impl Client {
    /// The same client with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The time by its clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What stands before each request in the store.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What `request` is known by, here and in the store.
    pub(super) fn key(&self, request: &Request) -> String {
        format!("{}{request}", self.source)
    }

    /// The answer to `request` as the API gives it now, whatever is kept.
    ///
    /// # Cancel safety
    /// As of [`Client::ask`].
    pub async fn ask_anew(&self, caller: &Caller, request: &Request) -> Result<Answer, AskError> {
        self.send(caller, request, &self.key(request)).await
    }
}
