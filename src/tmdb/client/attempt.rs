//! One attempt: through the budget, on its way, judged, and what is an answer kept.
//!
//! Does not belong here: whether there is another (`client`).

use std::time::Duration;

use jiff::Unit;
use tokio::time::Instant;

use super::{Answer, Caller, Client};
use crate::engine::Circuit;
use crate::event::{Activity, Event, Span};
use crate::plan::Request;
use crate::store::Kept;
use crate::tmdb::answer::{Reason, Verdict, judge};
use crate::tmdb::failure::{AskError, Fatal, Unkept};

/// Whether somebody waits for the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Its item has its turn.
    InTurn,
    /// The turn of its item will come; the answer is told of then.
    Ahead,
}

/// An attempt that was made.
pub(super) struct Attempt {
    /// When it was sent.
    pub sent_at: Instant,
    /// How long it stood behind the gate before that.
    pub gated: Duration,
    /// What it came to.
    pub came: Came,
}

/// What an attempt came to.
pub(super) enum Came {
    /// An answer, which is kept.
    Answer(Answer),
    /// The API asks to slow down, with this status.
    Refusal(u16),
    /// Nothing, and another attempt would come to the same.
    Never(Reason),
    /// Nothing.
    Again(Reason),
}

impl Client {
    /// Sends `request` once, when it may go.
    ///
    /// # Errors
    /// What ends the run.
    ///
    /// # Cancel safety
    /// Dropped, it may have been sent, and its answer is lost.
    pub(super) async fn one_attempt(
        &self,
        caller: &Caller,
        request: &Request,
        key: &str,
        circuit: &Circuit,
        asked: Asked,
        span: &mut Span<'_>,
    ) -> Result<Attempt, AskError> {
        span.turn(Activity::Connection);
        let going = self.vanguard.go().await;
        if let Some(fatal) = self.ended.get() {
            return Err(AskError::Fatal(fatal.clone()));
        }
        span.turn(Activity::Rate);
        let passage = tokio::select! {
            biased;
            () = self.closing.cancelled() => std::future::pending().await,
            passage = self.budget.enter(caller.lane) => passage,
        };
        let _under_way = self.under_way.token();
        self.listener.hear(&Event::RequestSent { stage: caller.stage.clone() });
        let mut response = self.send_once(caller, request, &passage, span).await;
        let (sent_at, latency) = (passage.sent_at, passage.sent_at.elapsed());
        let fetched_at = self.clock.now().round(Unit::Microsecond).expect("rounding down the time of day");
        let kept = self.store.as_ref().zip(response.as_mut().ok()).map(|(store, response)| {
            let (status, body) = (response.status, response.body.clone());
            (store, Kept { status, body, fetched_at, headers: std::mem::take(&mut response.validators) })
        });
        let verdict = judge(response);
        // Whoever waits for the first attempt learns what ended the run before it may go.
        if !matches!(verdict, Verdict::Stop { .. } | Verdict::NoWay(_)) {
            going.back();
        }
        let attempt = |came| Attempt { sent_at, gated: passage.gated, came };
        let body = match verdict {
            Verdict::Document(body) => Some(body),
            Verdict::Missing => None,
            Verdict::Stop { code, message } => {
                return Err(self.end(Fatal::Unauthorized { code, message }));
            }
            Verdict::NoWay(error) => return Err(self.end(Fatal::NoWay(error))),
            Verdict::SlowDown { status, retry_after } => {
                let closed = self.budget.refused(status, sent_at, retry_after);
                self.tell_rate();
                if let Some(wait) = closed.map_err(|error| self.end(error.into()))? {
                    self.listener.hear(&Event::GateClosed { status, wait });
                }
                return Ok(attempt(Came::Refusal(status)));
            }
            Verdict::Never(reason) => {
                self.circuits.answered(&caller.stage, circuit);
                return Ok(attempt(Came::Never(reason)));
            }
            Verdict::Again(reason) => return Ok(attempt(Came::Again(reason))),
        };
        self.circuits.answered(&caller.stage, circuit);
        self.answered(caller, sent_at, latency);
        let bytes = body.as_ref().map(bytes::Bytes::len);
        match asked {
            Asked::InTurn => self.came(caller, bytes, latency),
            Asked::Ahead => self.came_ahead(key, latency),
        }
        span.turn(Activity::Store);
        if let Some((store, kept)) = kept {
            store.keep(key, kept).await.map_err(|error| self.end(Fatal::Unkept(Unkept(error))))?;
        }
        let answer = match body {
            Some(body) => Answer::Document { body, fetched_at },
            None => Answer::Missing { fetched_at },
        };
        Ok(attempt(Came::Answer(answer)))
    }

    /// Tells of an answer to a request of this stage: a document of so many bytes, or a 404.
    pub(super) fn came(&self, caller: &Caller, bytes: Option<usize>, latency: Duration) {
        let stage = caller.stage.clone();
        self.listener.hear(&match bytes {
            Some(bytes) => Event::DocumentFetched { stage, bytes, latency },
            None => Event::DocumentMissing { stage, latency },
        });
    }
}
