//! Looking at one point of a pipeline: the stages that lead there run, everything else does not.
//!
//! ```text
//!  Plan::upstream_of ─▶ stages ─▶ [tap] ─▶ lines ─▶ whoever asked
//!                          ▲                          │ enough
//!                          └──────── stop ────────────┘
//! ```
//!
//! Does not belong here: what a line looks like (`sight`). Invariants: no file is written, no lock is taken, and when
//! it returns no task is running.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::Poll;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::context::on_thread;
use super::ending::join;
use super::error::RunError;
use super::flow::{Documents, FlowOptions, Wires, context, open_seeds, start};
use super::follow::Follow;
use super::job::run_id;
use super::sight::{Sight, View};
use crate::engine::{Budget, Crew, Parcel, Sender, edge};
use crate::event::Listener;
use crate::plan::expr::Expr;
use crate::plan::{Document, Plan, Source, StageKind};
use crate::spec::Port;
use crate::tmdb::{Client, Transport};

/// A stage works on so many things at once for each of the lines that are wanted: more would ask for what nobody sees,
/// fewer would make a hundred lines wait for each other.
const LINES_PER_WORKER: usize = 4;

/// What to look at, and how.
pub struct Showing {
    /// The whole plan.
    pub plan: Plan,
    /// Where to look.
    pub at: Source,
    /// What to see of each item or document; of no use for the rows of a table.
    pub expr: Expr,
    /// When to stop: after so many lines, or so many failures.
    pub limit: usize,
    /// Where documents come from.
    pub transport: Arc<dyn Transport>,
    /// Dice for backoff.
    pub seed: u64,
    /// Ends it early.
    pub stop: CancellationToken,
    /// Hears what happens.
    pub listener: Arc<dyn Listener>,
}

impl Showing {
    /// The stages that lead to the point, and what to read of them.
    fn cut(&self) -> (Plan, Vec<Source>) {
        let (mut plan, points) = self.plan.upstream_of(self.at);
        // Where most of what is asked for is not what is looked for, asking one by one would take too long.
        if !points.iter().all(|point| matches!(point.port, Port::Failed | Port::Missing)) {
            let few = self.limit.div_ceil(LINES_PER_WORKER);
            for stage in &mut plan.stages {
                stage.buffer = stage.buffer.min(few);
                let fewer = u32::try_from(few).ok().and_then(std::num::NonZeroU32::new);
                stage.concurrency = fewer.map_or(stage.concurrency, |few| stage.concurrency.min(few));
            }
        }
        (plan, points)
    }
}

/// Runs what leads to the point and hands what is seen there to `take`, until that has enough, the limit is reached, or
/// there is no more. Gives the number of lines.
///
/// # Errors
/// As a run, but for `max_failures`, which ends nothing here.
pub async fn show(
    showing: Showing,
    mut take: impl FnMut(Sight) -> ControlFlow<()>,
) -> Result<usize, RunError> {
    let (plan, points) = showing.cut();
    let files = open_seeds(&plan).await?;
    let api = &plan.api;
    let budget = Budget::new(api.connections, api.rate, showing.seed);
    let client = Client::new(
        showing.transport,
        budget,
        api.retry,
        showing.seed.wrapping_add(1),
        Arc::clone(&showing.listener),
    );
    let enough = showing.stop.child_token();
    let options = FlowOptions {
        run: run_id(Timestamp::now(), showing.seed),
        limit: None,
        follow: Follow::default(),
        stop: enough.clone(),
        listener: showing.listener,
    };
    let context = context(&plan, Arc::new(client), options);
    let shown = &showing.plan.stages[showing.at.stage];
    let view = match &shown.kind {
        StageKind::Project(table) => View::rows(table, &context.scope),
        kind => View::Expression {
            expr: showing.expr,
            of_seed: matches!(kind, StageKind::Seed(_)) && showing.at.port == Port::Main,
            scope: Arc::clone(&context.scope),
        },
    };
    let mut wires = Wires::new(&plan);
    let taps = points.iter().map(|point| wires.tap(*point)).collect();
    let mut crew = Crew::new(enough.clone());
    start(&mut crew, &plan, wires, &context, files, |_, _, _| {
        unreachable!("what leads to a point has no tables")
    });
    let (sights, mut seen) = edge(1);
    crew.spawn(shown.id.to_string(), watch(view, taps, sights, showing.limit));

    let (mut lines, mut failures) = (0, 0);
    let taking = async {
        while let Some(sight) = seen.recv().await {
            match &sight {
                Sight::Line(_) => lines += 1,
                Sight::Failure(_) => failures += 1,
                Sight::Note(_) => {}
            }
            let more = take(sight).is_continue();
            if !more || lines >= showing.limit || failures >= showing.limit {
                // What is still on its way is ended; nothing of it would be seen.
                enough.cancel();
                return true;
            }
        }
        false
    };
    let (ended, stopped_here) = tokio::join!(join(crew), taking);
    match ended {
        Err(RunError::Stopped) if stopped_here => Ok(lines),
        ended => ended.map(|()| lines),
    }
}

/// Looks at what comes through the taps, one tap after the other, to the end of all.
///
/// All are read at once, as holding one back may hold back another; of the later ones no more is kept than can be
/// wanted.
async fn watch(
    mut view: View,
    taps: Vec<Documents>,
    sights: Sender<Sight>,
    limit: usize,
) -> Result<(), RunError> {
    let mut waiting: Vec<Vec<Sight>> = taps.iter().map(|_| Vec::new()).collect();
    let mut taps: Vec<Option<Documents>> = taps.into_iter().map(Some).collect();
    let mut turn = 0;
    while turn < taps.len() {
        let (tap, parcel) = next(&mut taps).await;
        if let Some(parcel) = parcel {
            if tap != turn && waiting[tap].len() >= limit {
                continue;
            }
            let (back, seen) = on_thread(move || {
                let seen = view.look(&parcel.value, limit);
                (view, seen)
            })
            .await;
            view = back;
            waiting[tap].extend(seen?);
        } else {
            taps[tap] = None;
            while turn < taps.len() && taps[turn].is_none() {
                send(&mut waiting[turn], &sights).await?;
                turn += 1;
            }
        }
        if turn < taps.len() {
            send(&mut waiting[turn], &sights).await?;
        }
    }
    Ok(())
}

async fn send(waiting: &mut Vec<Sight>, sights: &Sender<Sight>) -> Result<(), RunError> {
    for sight in waiting.drain(..) {
        sights.send(sight).await?;
    }
    Ok(())
}

/// The next document of any open tap, or that one of them has ended. At least one is open.
async fn next(taps: &mut [Option<Documents>]) -> (usize, Option<Parcel<Document>>) {
    std::future::poll_fn(|task| {
        for (index, tap) in taps.iter_mut().enumerate() {
            if let Some(tap) = tap
                && let Poll::Ready(parcel) = tap.poll_recv(task)
            {
                return Poll::Ready((index, parcel));
            }
        }
        Poll::Pending
    })
    .await
}
