//! A stage at work: items in, as many in its hands as it may have, results out in the order of intake or
//! of arrival.
//!
//! ```text
//!  edge ──▶ intake ──▶ [hands: running | waiting for their turn] ──▶ delivery ──▶ …
//! ```
//!
//! Invariants: at most [`Hands::total`] values are between intake and the end of their delivery, and a blocked
//! delivery fills exactly that many; at most [`Hands::working`] of them are worked on at once; work goes
//! on while delivery waits.

use std::future::Future;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::{FuturesOrdered, FuturesUnordered};
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use super::edge::Receiver;
use super::workers::Workers;
use crate::event::Account;
use crate::plan::Hands;
use crate::spec::Order;

/// What a stage does with its values.
pub trait Work: Send + Sync + 'static {
    /// What comes in.
    type In: Send + 'static;
    /// What one of them becomes.
    type Out: Send + 'static;
    /// What ends the run.
    type Error: Send + 'static;

    /// Works on one value, as a task of its own.
    fn work(self: Arc<Self>, value: Self::In) -> impl Future<Output = Result<Self::Out, Self::Error>> + Send;

    /// What bounds the values that are worked on at once, where that is not a number.
    fn workers(&self) -> Option<Arc<Workers>> {
        None
    }

    /// Where the time of the stage's workers is noted.
    fn account(&self) -> &Arc<Account>;

    /// Hands one result on; called for one after the other.
    fn deliver(&self, result: Self::Out) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Runs a stage until its input ends or its work fails.
///
/// # Errors
/// The first error of `work` or `deliver`; what is still running is aborted.
///
/// # Panics
/// A panic of `work` goes on here, so that it carries the stage's name.
pub async fn run_stage<W: Work>(
    hands: Hands,
    mut input: Receiver<W::In>,
    stage: Arc<W>,
) -> Result<(), W::Error> {
    let room = Arc::new(Semaphore::new(hands.total));
    let workers = stage.workers().map(|workers| workers.permits());
    let workers = workers.unwrap_or_else(|| Arc::new(Semaphore::new(hands.working)));
    // Room for every handle that can exist, so that intake never waits here.
    let (started, mut handles) = super::edge::edge(hands.total);

    let account = Arc::clone(stage.account());
    let _opened = account.open(stage.workers().map_or(hands.working, |workers| workers.count()));
    let intake_stage = Arc::clone(&stage);
    let intake = async move {
        loop {
            if room.available_permits() == 0 {
                account.waits_for_output();
            }
            let place = Arc::clone(&room).acquire_owned().await.expect("the semaphore is never closed");
            account.waits_for_input();
            // Before the value is taken, so that work starts in the order of intake.
            let worker = Arc::clone(&workers).acquire_owned().await.expect("the semaphore is never closed");
            let Some(value) = input.recv().await else { return account.ends() };
            let shift = account.begin();
            let work = Arc::clone(&intake_stage).work(value);
            let task = async move {
                let result = work.await;
                drop(shift);
                drop(worker);
                (result, place)
            };
            #[expect(
                clippy::disallowed_methods,
                reason = "the handle aborts on drop and is awaited by delivery"
            )]
            let handle = AbortOnDropHandle::new(tokio::spawn(task));
            if started.send(handle).await.is_err() {
                return;
            }
        }
    };

    let delivery = async move {
        let mut running = Running::new(hands.order);
        let mut open = true;
        while open || !running.is_empty() {
            tokio::select! {
                biased;
                Some(done) = running.next(), if !running.is_empty() => {
                    let (result, place) = match done {
                        Ok(done) => done,
                        Err(gone) => match gone.try_into_panic() {
                            Ok(panic) => std::panic::resume_unwind(panic),
                            // Only a runtime that shuts down cancels a task whose handle we hold.
                            Err(_) => return Ok(()),
                        },
                    };
                    stage.deliver(result?).await?;
                    drop(place);
                }
                handle = handles.recv(), if open => match handle {
                    Some(handle) => running.push(handle),
                    None => open = false,
                },
            }
        }
        Ok(())
    };

    // Delivery that failed drops the handles' channel, and with it intake ends.
    tokio::pin!(intake, delivery);
    tokio::select! {
        biased;
        result = &mut delivery => result,
        () = &mut intake => delivery.await,
    }
}

/// Handles in the order in which their results are wanted.
enum Running<T> {
    Ordered(FuturesOrdered<AbortOnDropHandle<T>>),
    Arrival(FuturesUnordered<AbortOnDropHandle<T>>),
}

impl<T> Running<T> {
    fn new(order: Order) -> Self {
        match order {
            Order::Input => Self::Ordered(FuturesOrdered::new()),
            Order::Arrival => Self::Arrival(FuturesUnordered::new()),
        }
    }

    fn push(&mut self, handle: AbortOnDropHandle<T>) {
        match self {
            Self::Ordered(running) => running.push_back(handle),
            Self::Arrival(running) => running.push(handle),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Ordered(running) => running.is_empty(),
            Self::Arrival(running) => running.is_empty(),
        }
    }

    async fn next(&mut self) -> Option<Result<T, tokio::task::JoinError>> {
        match self {
            Self::Ordered(running) => running.next().await,
            Self::Arrival(running) => running.next().await,
        }
    }
}
