//! Asking: one request to its end. Is it asked for already? Kept? Else through the budget, as often as it may be tried.
//!
//! ```text
//! ask ─▶ same request in flight? ─▶ kept? ─▶ [vanguard ─▶ budget ─▶ send ─▶ judge] ─▶ keep ─▶ permit back
//!                                             └──────── again ◀────────┘
//! ```
//!
//! Invariants:
//! * C1 Attempts end by count (`retry.attempts`, all sends that the gate did not refuse) and by clock
//!   (`retry.max_elapsed` from the first send, without time behind the gate; and [`GATED_MAX`] behind it).
//! * C2 Backing off keeps the stage's hand and frees the connection.
//! * C3 A refused credential, an exhausted gate and a way that cannot be trusted end the run: nothing is sent after it.
//!   Nothing else here ends it.
//! * C6 Nothing is sent before the first attempt of the run has ended.
//! * C7 A request is under way at most once, whoever wants it (`flights`), and not sent at all if its answer is kept.
//! * C8 An answer has reached the kernel before its connection is given to another: a killed run repeats what was in flight
//!   and nothing else.
//! * C9 After [`Client::drain`] began no attempt starts, and it ends when those under way have ended and are kept.
//! * C10 An endpoint that fails item after item is probed (`engine::Circuit`, one for each stage): what counts against it is
//!   an item whose retries ended, and whatever the API says of a request is an answer of it.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::attempt::{Asked, Attempt, Came};
use super::answer::Reason;
use super::circuits::Circuits;
use super::clock::Clock;
use super::failure::{AskError, Failure, Fatal};
use super::flights::{Boarding, Flights};
use super::transport::Transport;
use super::vanguard::Vanguard;
use crate::engine::{Budget, Lane, Leave, Workers};
use crate::event::{Account, Activity, Event, Listener, Origin};
use crate::plan::Request;
use crate::spec::{Retry, StageId};
use crate::store::{Kept, Store};

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
    flights: Flights<Result<Answer, AskError>>,
    /// Where answers are kept, unless `keep: none`.
    store: Option<Store>,
    /// What stands before a request in the store: the base address, or `mock`.
    source: String,
    /// What answers are dated by.
    clock: Clock,
    /// No attempt starts any more.
    closing: CancellationToken,
    /// Attempts under way, until their answers are kept.
    under_way: TaskTracker,
    circuits: Circuits,
    /// One more for each request on its way.
    on_the_way: Arc<()>,
    /// What was asked for ahead of its turn, until then: how long the answer took.
    ahead: Mutex<HashMap<String, Duration>>,
    /// What ended the run.
    ended: OnceLock<Fatal>,
    /// The found rate that listeners know, in thousandths of a request a second.
    told: AtomicU64,
}

/// Who asks.
#[derive(Debug)]
pub struct Caller {
    /// The stage.
    pub stage: StageId,
    /// Where it waits for the budget: its cap and its share.
    pub lane: Lane,
    /// Its workers, where their number is to be found.
    pub workers: Option<Arc<Workers>>,
    /// The time of one attempt.
    pub timeout: Duration,
    /// Where the time of its workers is noted.
    pub account: Arc<Account>,
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
    Missing {
        /// When the answer came, to the microsecond.
        fetched_at: Timestamp,
    },
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
        let circuits = Circuits::new(retry.max_elapsed, Arc::clone(&listener));
        Self {
            transport,
            budget,
            retry,
            dice,
            listener,
            vanguard: Vanguard::default(),
            flights: Flights::default(),
            store: None,
            source: String::new(),
            clock: Clock::default(),
            closing: CancellationToken::new(),
            under_way: TaskTracker::new(),
            circuits,
            on_the_way: Arc::default(),
            ahead: Mutex::default(),
            ended: OnceLock::new(),
            told: AtomicU64::new(0),
        }
    }

    /// The same client with answers kept in `store`, those of `source` (the base address, or `mock`).
    #[must_use]
    pub fn with_store(self, store: Store, source: &str) -> Self {
        Self { store: Some(store), source: source.to_owned(), ..self }
    }

    /// The answer to `request`: of whoever asks for it now, or as it was kept, or from the API.
    ///
    /// # Cancel safety
    /// Dropped, an attempt may have been sent and its answer is lost; whoever waits for the same asks again.
    pub async fn ask(&self, caller: &Caller, request: &Request) -> Result<Answer, AskError> {
        let key = self.key(request);
        let boarding = caller.account.time(Activity::Flight, 1, self.flights.join(&key)).await;
        match boarding {
            Boarding::Lead(leader) => {
                let result = match self.kept(caller, &key).await {
                    Some(answer) => Ok(answer),
                    None => self.send(caller, request, &key).await,
                };
                leader.land(result.clone());
                result
            }
            Boarding::Landed(result) => {
                match &result {
                    Ok(answer) => self.reused(caller, &key, answer, Origin::Flight),
                    Err(AskError::Failed(failure)) => self.tell_failed(caller, request, failure),
                    Err(AskError::Fatal(_)) => {}
                }
                result
            }
        }
    }

    /// Lets the attempts under way come to their ends and be kept; starts no others. Whoever has yet to send waits forever, and
    /// is to be dropped after this.
    ///
    /// # Cancel safety
    /// Dropped, nothing is sent any more all the same.
    pub async fn drain(&self) {
        self.closing.cancel();
        self.under_way.close();
        self.under_way.wait().await;
    }

    /// The answer that is kept for `key`. One that cannot be read is asked for again.
    async fn kept(&self, caller: &Caller, key: &str) -> Option<Answer> {
        match caller.account.time(Activity::Store, 1, self.store.as_ref()?.find(key)).await {
            Ok(kept) => {
                let Kept { status, body, fetched_at, .. } = kept?;
                let answer = match status {
                    404 => Answer::Missing { fetched_at },
                    _ => Answer::Document { body, fetched_at },
                };
                self.circuits.kept(&caller.stage);
                self.reused(caller, key, &answer, Origin::Store);
                Some(answer)
            }
            Err(error) => {
                tracing::warn!(request = key, %error, "a kept document cannot be read and is asked for again");
                None
            }
        }
    }

    /// Sends `request` until it is answered or failed.
    async fn send(&self, caller: &Caller, request: &Request, key: &str) -> Result<Answer, AskError> {
        let mut first_sent: Option<Instant> = None;
        let mut gated = Duration::ZERO;
        let mut attempts = 0;
        let mut refusals = 0;
        let mut last = None;
        let circuit = self.circuits.of(&caller.stage);
        let mut span = caller.account.on(Activity::Backoff);
        loop {
            let probe = match circuit.enter().await {
                Leave::Free => None,
                Leave::Probe(probe) => Some(probe),
                Leave::Refused(refusal) => {
                    let reason = last.unwrap_or(Reason::Unasked { why: refusal.why });
                    return Err(self.failed(caller, request, reason, attempts));
                }
            };
            let attempt = self.one_attempt(caller, request, key, &circuit, Asked::InTurn, &mut span).await?;
            let Attempt { sent_at, gated: gated_now, came } = attempt;
            if first_sent.is_some() {
                gated += gated_now;
            }
            let started = *first_sent.get_or_insert(sent_at);
            let reason = match came {
                Came::Answer(answer) => return Ok(answer),
                Came::Refusal(status) => {
                    refusals += 1;
                    if refusals < REFUSALS_MAX && gated < GATED_MAX {
                        self.listener.hear(&Event::RequestRefused { stage: caller.stage.clone(), status });
                        continue;
                    }
                    let reason =
                        Reason::Status { status, code: None, message: "each time it was asked".to_owned() };
                    self.circuits.given_up(&caller.stage, &circuit, &reason);
                    return Err(self.failed(caller, request, reason, attempts + refusals));
                }
                Came::Never(reason) => return Err(self.failed(caller, request, reason, attempts + 1)),
                Came::Again(reason) => reason,
            };
            // Of an endpoint that has long been dead each item is asked for once.
            let last_chance = probe.is_some_and(|probe| probe.failed(gated_now));
            attempts += 1;
            let wait = self.backoff(attempts);
            let elapsed = (started.elapsed() + wait).saturating_sub(gated);
            if last_chance || attempts >= self.retry.attempts.get() || elapsed > self.retry.max_elapsed {
                self.circuits.given_up(&caller.stage, &circuit, &reason);
                return Err(self.failed(caller, request, reason, attempts));
            }
            self.listener.hear(&Event::RequestRetried {
                stage: caller.stage.clone(),
                request: request.to_string(),
                reason: reason.to_string(),
                wait,
            });
            last = Some(reason);
            span.turn(Activity::Backoff);
            tokio::time::sleep(wait).await;
        }
    }

    /// What ended the run, if anything has.
    pub(super) fn ended(&self) -> Option<Fatal> {
        self.ended.get().cloned()
    }

    /// Tells the listener.
    pub(super) fn tell(&self, event: &Event) {
        self.listener.hear(event);
    }

    /// The way out.
    pub(super) fn transport(&self) -> &dyn Transport {
        &*self.transport
    }

    /// How long to back off after so many attempts in so much time; `None`: no longer.
    pub(super) fn wait_after(&self, attempts: u32, elapsed: Duration) -> Option<Duration> {
        let wait = self.backoff(attempts);
        let over = attempts >= self.retry.attempts.get() || elapsed + wait > self.retry.max_elapsed;
        (!over).then_some(wait)
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
        let failure = Failure { reason, attempts };
        self.tell_failed(caller, request, &failure);
        AskError::Failed(failure)
    }

    fn tell_failed(&self, caller: &Caller, request: &Request, failure: &Failure) {
        self.listener.hear(&Event::ItemFailed {
            stage: caller.stage.clone(),
            request: request.to_string(),
            error: failure.to_string(),
            asked: failure.attempts > 0,
        });
    }
}

mod ahead;
mod anew;
mod attempt;
#[cfg(test)]
mod circuit_tests;
mod learning;
#[cfg(test)]
mod tests;
