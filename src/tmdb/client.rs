//! Asking: one request to its end, through the budget and as many attempts as it may have.
//!
//! Invariants:
//! * C1 Attempts end by count (`retry.attempts`, all sends that the gate did not refuse) and by clock
//!   (`retry.max_elapsed` from the first send, without time behind the gate; and [`GATED_MAX`] behind it).
//! * C2 Backing off keeps the stage's hand and frees the connection.
//! * C3 A refused credential, an exhausted gate and a way that cannot be trusted end the run: nothing is sent after it.
//!   Nothing else here ends it.
//! * C6 Nothing is sent before the first attempt of the run has ended.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use jiff::{Timestamp, Unit};
use tokio::time::Instant;

use super::answer::{Reason, Verdict, judge};
use super::transport::{Transport, TransportError};
use super::vanguard::Vanguard;
use crate::engine::{Budget, Exhausted, Pace};
use crate::event::{Event, Listener};
use crate::plan::Request;
use crate::spec::{Retry, StageId};

/// First step of a request's own backoff.
const BACKOFF_FIRST: Duration = Duration::from_millis(250);
/// Longest step of a request's own backoff.
const BACKOFF_MAX: Duration = Duration::from_secs(20);
/// How long one request stands behind the gate before it counts as failed: what the gate bears as a whole.
const GATED_MAX: Duration = Duration::from_mins(10);
/// How often one request is sent into a gate that closes on it. With steps of half a second at least this
/// is reached only by a request that alone is refused while others are answered.
const REFUSALS_MAX: u32 = 60;

/// Asks the API on behalf of stages.
pub struct Client {
    transport: Arc<dyn Transport>,
    budget: Budget,
    retry: Retry,
    dice: Mutex<fastrand::Rng>,
    listener: Arc<dyn Listener>,
    vanguard: Vanguard,
    /// What ended the run.
    ended: OnceLock<Fatal>,
}

/// Who asks.
#[derive(Debug)]
pub struct Caller {
    /// The stage.
    pub stage: StageId,
    /// Its own cap on the rate.
    pub pace: Option<Arc<Pace>>,
    /// The time of one attempt.
    pub timeout: Duration,
}

/// How asking ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A document.
    Document {
        /// One JSON value.
        body: Bytes,
        /// When its last byte came, to the microsecond.
        fetched_at: Timestamp,
    },
    /// 404.
    Missing,
}

/// Asking ended without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The last reason.
    pub reason: Reason,
    /// Sends, without those that the gate refused.
    pub attempts: u32,
}

/// No further request of this run can succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fatal {
    /// 401.
    #[error("the API refuses the credential{}{}", .code.map(|code| format!(" (code {code})")).unwrap_or_default(), if .message.is_empty() { String::new() } else { format!(": {}", .message) })]
    Unauthorized {
        /// TMDB's status code: 3, 7, 10 or 14.
        code: Option<i64>,
        /// TMDB's message.
        message: String,
    },
    /// Nothing but 429 and 503 for too long.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// No way to the API that may be trusted.
    #[error("{0}")]
    NoWay(TransportError),
}

/// How asking ended otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskError {
    /// This request failed.
    Failed(Failure),
    /// Every request would.
    Fatal(Fatal),
}

impl Client {
    /// A client that sends through `transport` within `budget`, with dice from `seed`.
    pub fn new(
        transport: Arc<dyn Transport>,
        budget: Budget,
        retry: Retry,
        seed: u64,
        listener: Arc<dyn Listener>,
    ) -> Self {
        let dice = Mutex::new(fastrand::Rng::with_seed(seed));
        Self {
            transport,
            budget,
            retry,
            dice,
            listener,
            vanguard: Vanguard::default(),
            ended: OnceLock::new(),
        }
    }

    /// Asks for `request` until it is answered or failed.
    ///
    /// # Cancel safety
    /// Dropped, an attempt may have been sent and its answer is lost.
    pub async fn ask(&self, caller: &Caller, request: &Request) -> Result<Answer, AskError> {
        let mut first_sent: Option<Instant> = None;
        let mut gated = Duration::ZERO;
        let mut attempts = 0;
        let mut refusals = 0;
        loop {
            let going = self.vanguard.go().await;
            if let Some(fatal) = self.ended.get() {
                return Err(AskError::Fatal(fatal.clone()));
            }
            let passage = self.budget.enter(caller.pace.as_deref()).await;
            if first_sent.is_some() {
                gated += passage.gated;
            }
            let started = *first_sent.get_or_insert(passage.sent_at);
            self.listener.hear(&Event::RequestSent { stage: caller.stage.clone() });
            let verdict = judge(self.transport.send(request, caller.timeout).await);
            let (sent_at, latency) = (passage.sent_at, passage.sent_at.elapsed());
            drop(passage);
            // Whoever waits for the first attempt learns what ended the run before it may go.
            if !matches!(verdict, Verdict::Stop { .. } | Verdict::NoWay(_)) {
                going.back();
            }
            let stage = caller.stage.clone();
            let reason = match verdict {
                Verdict::Document(body) => {
                    self.budget.gate.answered(sent_at);
                    self.listener.hear(&Event::DocumentFetched { stage, bytes: body.len(), latency });
                    let fetched_at =
                        Timestamp::now().round(Unit::Microsecond).expect("rounding down the time of day");
                    return Ok(Answer::Document { body, fetched_at });
                }
                Verdict::Missing => {
                    self.budget.gate.answered(sent_at);
                    self.listener.hear(&Event::DocumentMissing { stage, latency });
                    return Ok(Answer::Missing);
                }
                Verdict::Stop { code, message } => {
                    return Err(self.end(Fatal::Unauthorized { code, message }));
                }
                Verdict::NoWay(error) => return Err(self.end(Fatal::NoWay(error))),
                Verdict::SlowDown { status, retry_after } => {
                    let closed = self.budget.gate.close(sent_at, retry_after);
                    if let Some(wait) = closed.map_err(|error| self.end(error.into()))? {
                        self.listener.hear(&Event::GateClosed { status, wait });
                    }
                    refusals += 1;
                    if refusals < REFUSALS_MAX && gated < GATED_MAX {
                        self.listener.hear(&Event::RequestRefused { stage, status });
                        continue;
                    }
                    let reason =
                        Reason::Status { status, code: None, message: "each time it was asked".to_owned() };
                    return Err(self.failed(caller, request, reason, attempts + refusals));
                }
                Verdict::Never(reason) => return Err(self.failed(caller, request, reason, attempts + 1)),
                Verdict::Again(reason) => reason,
            };
            attempts += 1;
            let wait = self.backoff(attempts);
            let elapsed = (started.elapsed() + wait).saturating_sub(gated);
            if attempts >= self.retry.attempts.get() || elapsed > self.retry.max_elapsed {
                return Err(self.failed(caller, request, reason, attempts));
            }
            self.listener.hear(&Event::RequestRetried {
                stage,
                request: request.to_string(),
                reason: reason.to_string(),
                wait,
            });
            tokio::time::sleep(wait).await;
        }
    }

    /// No further request is sent.
    fn end(&self, fatal: Fatal) -> AskError {
        AskError::Fatal(self.ended.get_or_init(|| fatal).clone())
    }

    /// Full jitter: anything up to the step, so that requests that failed together do not come back together.
    fn backoff(&self, attempts: u32) -> Duration {
        let step = BACKOFF_FIRST.saturating_mul(1 << attempts.min(16)).min(BACKOFF_MAX);
        let dice = self.dice.lock().expect("nothing that holds this lock panics").f64();
        step.mul_f64(dice)
    }

    fn failed(&self, caller: &Caller, request: &Request, reason: Reason, attempts: u32) -> AskError {
        // A server's own words may end in a full stop.
        let words = reason.to_string();
        let plural = if attempts == 1 { "" } else { "s" };
        self.listener.hear(&Event::ItemFailed {
            stage: caller.stage.clone(),
            request: request.to_string(),
            error: format!("{}, after {attempts} attempt{plural}", words.trim_end_matches('.')),
        });
        AskError::Failed(Failure { reason, attempts })
    }
}

#[cfg(test)]
mod tests;
