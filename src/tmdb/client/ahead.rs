//! Asking before an item has its turn: once, and what comes is kept until then.
//!
//! Whatever goes wrong is nobody's failure: the item is asked for again when it has its turn, with all its attempts. What
//! came well is told of then, so that listeners hear of each document once.
//!
//! Does not belong here: which items (`crate::engine`).

use std::time::Duration;

use super::attempt::{Asked, Came};
use super::{Answer, Caller, Client};
use crate::event::{Activity, Event};
use crate::plan::Request;
use crate::tmdb::failure::AskError;

impl Client {
    /// Asks for what will be asked for, if nobody does and it is not kept; where nothing is kept, or the stage's endpoint
    /// fails item after item, it does nothing.
    ///
    /// # Errors
    /// What ends the run.
    ///
    /// # Cancel safety
    /// As [`Client::ask`].
    pub async fn ask_ahead(&self, caller: &Caller, request: &Request) -> Result<(), AskError> {
        let Some(store) = &self.store else { return Ok(()) };
        let key = self.key(request);
        let circuit = self.circuits.of(&caller.stage);
        if store.has(&key) || circuit.is_open() {
            return Ok(());
        }
        let Some(leader) = self.flights.lead(&key) else { return Ok(()) };
        let mut span = caller.account.on(Activity::Connection);
        match self.one_attempt(caller, request, &key, &circuit, Asked::Ahead, &mut span).await?.came {
            Came::Answer(answer) => leader.land(Ok(answer)),
            Came::Refusal(status) => {
                self.listener.hear(&Event::RequestRefused { stage: caller.stage.clone(), status });
            }
            // Without a landing whoever waits for the same asks himself.
            Came::Never(_) | Came::Again(_) => {}
        }
        Ok(())
    }

    /// Remembers an answer that nobody waits for yet.
    pub(super) fn came_ahead(&self, key: &str, latency: Duration) {
        self.ahead.lock().expect("nothing that holds this lock panics").insert(key.to_owned(), latency);
    }

    /// Tells of an answer that came ahead of its turn, which is now; not if it did not.
    pub(super) fn tell_ahead(&self, caller: &Caller, key: &str, answer: &Answer) -> bool {
        let latency = self.ahead.lock().expect("nothing that holds this lock panics").remove(key);
        let Some(latency) = latency else { return false };
        let bytes = match answer {
            Answer::Document { body, .. } => Some(body.len()),
            Answer::Missing { .. } => None,
        };
        self.came(caller, bytes, latency);
        true
    }
}
