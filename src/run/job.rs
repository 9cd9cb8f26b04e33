//! One command's work: lock, finish what a killed run left, run, publish.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;

use super::context::on_thread;
use super::error::RunError;
use super::flow::{FlowOptions, flow_from, open_seeds};
use super::follow::{Follow, advanced, followed};
use super::logical::{Asked, Logical, decide};
use crate::engine::Budget;
use crate::event::{EmptyColumn, Event, Listener};
use crate::plan::{Plan, TablePlan};
use crate::sink::{
    Commit, GoneSpec, Lock, PublishedTable, Recovered, RunFacts, SinkError, TOOL_VERSION, TableSpec,
    TableWriter, Unfinished, UpsertSpec, Watermarks, check_source,
};
use crate::store::{self, Serving, Store};
use crate::tmdb::{Client, Clock, Transport};

/// How long requests under way may take when a run is asked to stop. With five seconds for the last writes it is below the
/// thirty that Kubernetes waits.
const DRAIN_MAX: Duration = Duration::from_secs(20);

/// Everything that a run depends on.
pub struct Job {
    /// The plan.
    pub plan: Plan,
    /// Where documents come from.
    pub transport: Arc<dyn Transport>,
    /// What the manifests call that place: the API's base address, or `mock`.
    pub source: String,
    /// `--state`: the folder of all pipelines' states.
    pub state: PathBuf,
    /// `--limit`.
    pub limit: Option<u64>,
    /// `--fresh`: abandon an unfinished run, use nothing that is kept.
    pub fresh: bool,
    /// The time of day.
    pub clock: Clock,
    /// Dice for backoff.
    pub seed: u64,
    /// Ends the run early: requests under way are answered and kept, nothing is published.
    pub stop: CancellationToken,
    /// Hears what happens.
    pub listener: Arc<dyn Listener>,
    /// What the manifests say of the run's requests and failures.
    pub counts: Box<dyn Fn() -> serde_json::Value + Send + Sync>,
}

/// A finished run.
#[derive(Clone, Debug)]
pub struct Published {
    /// Its id.
    pub run: String,
    /// Its tables, all visible.
    pub tables: Vec<PublishedTable>,
    /// Items that failed, within `max_failures`.
    pub failures: u64,
}

/// Runs a pipeline and publishes its tables.
///
/// # Errors
/// The tables of the last run are as they were.
pub async fn run_job(job: Job) -> Result<Published, RunError> {
    let files = open_seeds(&job.plan).await?;
    let now = job.clock.now();
    let tables: Vec<_> = job.plan.tables().map(|(_, table)| Arc::clone(table)).collect();
    let definitions = job.plan.tables().map(|(stage, _)| job.plan.definitions(stage));
    let paths: Vec<PathBuf> = tables.iter().map(|table| table.path.clone()).collect();
    let specs: Vec<TableSpec> = tables
        .iter()
        .zip(definitions)
        .map(|(table, definitions)| TableSpec {
            name: table.stage.to_string(),
            path: table.path.clone(),
            schema: Arc::clone(&table.schema),
            definitions,
            format: table.format,
            layout: table.layout.clone(),
            sort_by: table.sort_by.clone(),
            upsert: upsert(table, job.limit.is_some()),
            pipeline: job.plan.name.clone(),
        })
        .collect();
    let (state, pipeline, source) =
        (job.state.join(&job.plan.name), job.plan.name.clone(), job.source.clone());
    let (params, id) = (Arc::clone(&job.plan.params), run_id(now, job.seed));
    let (abandon, fresh) = (job.fresh, job.fresh);
    let follows = followed(&job.plan).next().is_some();
    let refreshes = followed(&job.plan).any(|(_, _, refreshes)| refreshes);
    let (keep, within) = (job.plan.api.keep, job.plan.api.resume_within);
    let memory = job.plan.memory;
    let Started { commit, writers, recovered, logical, documents, marks, follow } =
        on_thread(move || -> Result<_, RunError> {
            let lock = Lock::acquire(&state, &pipeline)?;
            let (commit, recovered) = Commit::open(lock)?;
            check_source(&paths, &source)?;
            let marks = if follows { Some(Watermarks::open(commit.lock())?) } else { None };
            let fresh = fresh || follows;
            let asked = Asked { params: &params, source: &source, keep, within, abandon, fresh, id, now };
            let logical = decide(&state, paths.iter().map(PathBuf::as_path), asked)?;
            let mut follow = Follow { started_at: Some(logical.record.started_at), ..Follow::default() };
            if let Some(marks) = &marks {
                follow.mark = marks.of(&source, &paths)?;
            }
            if refreshes {
                let folder = documents_folder(commit.lock().state_dir());
                let published = |run: &str| follow.mark.has_published(run);
                follow.fetched = Arc::new(store::fetched(&folder, published)?);
                let own = |run: &str| run == logical.record.run;
                follow.own = Arc::new(store::fetched(&folder, own)?);
            }
            let documents = match keep {
                Some(_) => Some(Documents::open(commit.lock(), &logical)?),
                None => None,
            };
            let writers = TableWriter::within(commit.stage(&specs, &logical.record.run)?, memory);
            Ok(Started { commit, writers, recovered, logical, documents, marks, follow })
        })
        .await?;
    let run = logical.record.run.clone();
    if recovered.run.is_some() || !recovered.swept.is_empty() {
        job.listener.hear(&Event::StateRecovered {
            run: recovered.run,
            published: recovered.published,
            swept: recovered.swept.len(),
        });
    }
    job.listener.hear(&Event::RunStarted {
        run: run.clone(),
        pipeline: job.plan.name.clone(),
        source: job.source.clone(),
    });
    if logical.resumed {
        let documents = documents.as_ref().map_or(0, |documents| documents.served);
        job.listener.hear(&Event::RunResumed { since: logical.record.started_at, documents });
    }
    let flowed = {
        let api = &job.plan.api;
        let budget = Budget::new(api.connections, api.rate, job.seed);
        let seed = job.seed.wrapping_add(1);
        let mut client = Client::new(job.transport, budget, api.retry, seed, Arc::clone(&job.listener));
        client = client.with_clock(job.clock.clone());
        if let Some(documents) = &documents {
            client = client.with_store(documents.store.clone(), &job.source);
        }
        let client = Arc::new(client);
        let now = CancellationToken::new();
        let options = FlowOptions {
            run: run.clone(),
            limit: job.limit,
            follow: follow.clone(),
            stop: now.clone(),
            listener: Arc::clone(&job.listener),
        };
        let flow = flow_from::<TableWriter>(&job.plan, Arc::clone(&client), writers, options, files);
        stoppable(flow, &client, &job.stop, &now).await
    };
    // However it ended: what was asked for is not asked for again.
    let store = documents.map(|documents| documents.store);
    if let Some(store) = &store
        && let Err(error) = store.close().await
    {
        tracing::warn!(%error, "kept documents are not safe from a power failure");
    }
    let flowed = flowed?;
    let advanced =
        advanced(&job.plan, &follow.mark, logical.record.started_at, &flowed.failed, job.limit.is_some());
    let facts = RunFacts {
        run: run.clone(),
        pipeline: job.plan.name,
        source: job.source,
        started_at: logical.record.started_at,
        finished_at: job.clock.now(),
        counts: (job.counts)(),
        tool_version: TOOL_VERSION.to_owned(),
    };
    let staged = flowed.tables;
    let kept = keep
        .zip(store)
        .map(|(keep, store)| (job.clock.now().checked_sub(keep).unwrap_or(Timestamp::MIN), store));
    let published = on_thread(move || -> Result<_, SinkError> {
        let mut marks = marks;
        if let Some(marks) = &mut marks {
            marks.announce(&facts.run, advanced)?;
        }
        let published = commit.publish(staged, &facts)?;
        // The tables are there, whatever becomes of the rest.
        if let Err(error) = end(&commit, kept, marks) {
            tracing::warn!(%error, "the state folder could not be tidied; the next run does it");
        }
        Ok(published)
    })
    .await?;
    for (table, plan) in published.iter().zip(&tables) {
        job.listener.hear(&Event::TablePublished {
            table: plan.stage.clone(),
            path: plan.path.clone(),
            rows: table.rows,
            bytes: table.bytes,
            empty: empty(plan, table),
        });
    }
    Ok(Published { run, tables: published, failures: flowed.failures })
}

/// How rows of a table are told apart. A run with `--limit` saw only a part, and takes nothing for gone.
fn upsert(table: &TablePlan, limited: bool) -> Option<UpsertSpec> {
    let plan = table.upsert.as_ref()?;
    let name = |column: &usize| table.columns[*column].name.to_string();
    let names = |columns: &[usize]| columns.iter().map(name).collect();
    let gone = plan
        .gone
        .as_ref()
        .filter(|_| !limited)
        .map(|gone| GoneSpec { columns: names(&gone.columns), set: gone.set.as_ref().map(name) });
    let fetched_at = plan.fetched_at.as_ref().map(name);
    Some(UpsertSpec { key: names(&plan.key), document: names(&plan.document), fetched_at, gone })
}

/// What a run has in hand before its first request.
struct Started {
    commit: Commit,
    writers: Vec<TableWriter>,
    recovered: Recovered,
    logical: Logical,
    documents: Option<Documents>,
    marks: Option<Watermarks>,
    follow: Follow,
}

/// The documents that are kept, open.
struct Documents {
    store: Store,
    /// How many of them may serve this run.
    served: u64,
}

impl Documents {
    /// Opens them for a run, and puts the run's record in place first: what is kept for it must be found again.
    fn open(lock: &Lock, logical: &Logical) -> Result<Self, RunError> {
        if !logical.resumed {
            logical.record.write(lock)?;
        }
        let serving = Serving { run: logical.record.run.clone(), not_before: logical.record.not_before };
        let (store, opened) = Store::open(&documents_folder(lock.state_dir()), serving)?;
        for loss in &opened.losses {
            tracing::warn!(
                path = %loss.path.display(),
                lost = ?loss.lost,
                "documents that were kept are lost and will be asked for again"
            );
        }
        Ok(Self { store, served: opened.documents })
    }
}

/// Where the documents of a pipeline are, below its state folder.
pub fn documents_folder(state: &Path) -> PathBuf {
    state.join("documents")
}

/// Runs `flow`. When `stop` is cancelled, requests under way are answered and kept, for [`DRAIN_MAX`] at the most; then the
/// flow is ended by `now`.
async fn stoppable<T>(
    flow: impl Future<Output = Result<T, RunError>>,
    client: &Client,
    stop: &CancellationToken,
    now: &CancellationToken,
) -> Result<T, RunError> {
    let drained = async {
        stop.cancelled().await;
        // What does not end in time is asked for again by the next attempt.
        let _ = tokio::time::timeout(DRAIN_MAX, client.drain()).await;
        now.cancel();
        std::future::pending::<std::convert::Infallible>().await
    };
    tokio::select! {
        biased;
        result = flow => result,
        never = drained => match never {},
    }
}

/// After the publish: no record of an unfinished run, and no documents that are too old to serve.
fn end(commit: &Commit, kept: Option<(Timestamp, Store)>, marks: Option<Watermarks>) -> Result<(), RunError> {
    if let Some(mut marks) = marks {
        marks.settle()?;
    }
    Unfinished::remove(commit.lock())?;
    if let Some((horizon, store)) = kept {
        drop(store);
        store::trim(&documents_folder(commit.lock().state_dir()), horizon, None)?;
    }
    Ok(())
}

/// What no row of a published table has a value in.
fn empty(plan: &TablePlan, table: &PublishedTable) -> Vec<EmptyColumn> {
    let columns = plan.columns.iter().zip(&table.columns).enumerate();
    let columns = columns.filter(|(place, _)| !plan.marks_gone(*place)).map(|(_, column)| column);
    let paths = columns.flat_map(|(column, facts)| facts.empty().into_iter().map(move |path| (column, path)));
    paths.map(|(column, name)| EmptyColumn { question: plan.question(column, &name), name }).collect()
}

/// An id that sorts by time: `20261122T195012Z-4f3a9c01`.
pub(super) fn run_id(now: Timestamp, seed: u64) -> String {
    let time = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ");
    format!("{time}-{:08x}", fastrand::Rng::with_seed(seed).u32(..))
}
