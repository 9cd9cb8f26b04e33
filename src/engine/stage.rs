//! A stage at work: items in, as many in its hands as it may have, results out in the order of intake or
//! of arrival.
//!
//! ```text
//!  edge ──▶ intake ──▶ [window: running | ready | in the stash] ──▶ delivery ──▶ …
//! ```
//!
//! Invariants:
//! * At most [`Hands::total`] values are between intake and the end of their delivery, but for those that waited for one
//!   that took longer (below), and a blocked delivery fills exactly that many; at most [`Hands::working`] of them are
//!   worked on at once; work goes on while delivery waits.
//! * A result that takes long holds up nothing but the delivery of what came after it: while the first in turn is still
//!   worked on, intake goes on beyond `total`, up to [`Hands::KEYS_MAX`]. Results that then wait hold no more than
//!   [`Hands::ready_bytes`]: what finishes beyond is stashed ([`Work::stash`]) and comes back in its turn.
//! * A delivery that takes long makes nobody go on: that is back-pressure.
//!
//! The window itself is in `window.rs`.

use std::future::Future;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use super::edge::Receiver;
use super::turn::Turn;
use super::window::{Finished, Next, Window};
use super::workers::Workers;
use crate::event::Account;
use crate::plan::Hands;

/// What a stage does with its values.
pub trait Work: Send + Sync + 'static {
    /// What comes in.
    type In: Send + 'static;
    /// What one of them becomes.
    type Out: Send + 'static;
    /// What is left in memory of a result that waits elsewhere.
    type Stashed: Send + 'static;
    /// What ends the run.
    type Error: Send + 'static;

    /// Works on one value, as a task of its own.
    fn work(
        self: Arc<Self>,
        value: Self::In,
        turn: Turn,
    ) -> impl Future<Output = Result<Self::Out, Self::Error>> + Send;

    /// What bounds the values that are worked on at once, where that is not a number.
    fn workers(&self) -> Option<Arc<Workers>> {
        None
    }

    /// Where the time of the stage's workers is noted.
    fn account(&self) -> &Arc<Account>;

    /// Hands one result on; called for one after the other.
    fn deliver(&self, result: Self::Out) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// The memory that a result holds while it waits, in bytes; 0 for what is never in the stash.
    fn bytes(&self, result: &Self::Out) -> usize;

    /// Puts a result elsewhere, out of memory; gives it back where there is no room for it. As a task of its own.
    fn stash(
        self: Arc<Self>,
        result: Self::Out,
    ) -> impl Future<Output = Result<Self::Stashed, Self::Out>> + Send;

    /// The result that was stashed, whose turn has come.
    fn restore(
        &self,
        stashed: Self::Stashed,
        turn: Turn,
    ) -> impl Future<Output = Result<Self::Out, Self::Error>> + Send;
}

/// What became of a task.
enum Done<W: Work> {
    Worked(u64, Result<W::Out, W::Error>),
    Stashed(u64, Result<W::Stashed, W::Out>),
}

/// Runs a stage until its input ends or its work fails. `is_short` says whether somebody waits for memory.
///
/// # Errors
/// The first error of `work`, `deliver` or `restore`; what is still running is aborted.
///
/// # Panics
/// A panic of `work` goes on here, so that it carries the stage's name.
pub async fn run_stage<W: Work>(
    hands: Hands,
    mut input: Receiver<W::In>,
    stage: Arc<W>,
    is_short: impl Fn() -> bool + Send + Sync,
) -> Result<(), W::Error> {
    let window = Window::new(hands);
    let workers = stage.workers().map(|workers| workers.permits());
    let workers = workers.unwrap_or_else(|| Arc::new(Semaphore::new(hands.working)));

    let account = Arc::clone(stage.account());
    let _opened = account.open(stage.workers().map_or(hands.working, |workers| workers.count()));
    let intake = async {
        let mut tasks = FuturesUnordered::new();
        let mut open = true;
        loop {
            let next = async {
                let worker =
                    Arc::clone(&workers).acquire_owned().await.expect("the semaphore is never closed");
                // A value is taken only while there is a place for it: that may end while it is waited for.
                loop {
                    account.waits_for_output();
                    window.has_place().await;
                    account.waits_for_input();
                    tokio::select! {
                        biased;
                        () = window.has_no_place() => {}
                        value = input.recv() => return value.map(|value| (worker, value)),
                    }
                }
            };
            tokio::select! {
                biased;
                Some(done) = tasks.next(), if !tasks.is_empty() => {
                    match finished(done) {
                        Some(Done::Worked(number, result)) => {
                            let result = result?;
                            let bytes = stage.bytes(&result);
                            if let Finished::Stash(result) = window.finished(number, result, bytes, is_short()) {
                                let stashed = Arc::clone(&stage).stash(result);
                                tasks.push(task(async move { Done::<W>::Stashed(number, stashed.await) }));
                            }
                        }
                        Some(Done::Stashed(number, stashed)) => window.stashed(number, stashed, |result| stage.bytes(result)),
                        // The runtime shuts down.
                        None => return Ok(()),
                    }
                }
                value = next, if open => {
                    if let Some((worker, value)) = value {
                        let number = window.take();
                        let shift = account.begin();
                        let (stage, turn) = (Arc::clone(&stage), window.turn(number));
                        tasks.push(task(async move {
                            let result = stage.work(value, turn).await;
                            drop((shift, worker));
                            Done::<W>::Worked(number, result)
                        }));
                    } else {
                        account.ends();
                        open = false;
                    }
                }
                else => break,
            }
        }
        window.close();
        Ok(())
    };

    let delivery = async {
        loop {
            let (number, result) = match window.next().await {
                Next::Ready(number, result) => (number, result),
                Next::Stashed(number, stashed) => {
                    (number, stage.restore(stashed, window.turn(number)).await?)
                }
                Next::End => return Ok(()),
            };
            stage.deliver(result).await?;
            window.delivered(number);
        }
    };

    tokio::pin!(intake, delivery);
    tokio::select! {
        biased;
        result = &mut delivery => result,
        result = &mut intake => {
            result?;
            delivery.await
        }
    }
}

/// Starts a task that is aborted when its handle is dropped.
fn task<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> AbortOnDropHandle<T> {
    #[expect(clippy::disallowed_methods, reason = "the handle aborts on drop and is awaited by its stage")]
    AbortOnDropHandle::new(tokio::spawn(work))
}

/// What a task gave; its panic goes on here. `None` if the runtime shuts down: only that cancels a task whose handle we
/// hold.
fn finished<T>(done: Result<T, tokio::task::JoinError>) -> Option<T> {
    match done {
        Ok(done) => Some(done),
        Err(gone) => match gone.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => None,
        },
    }
}
