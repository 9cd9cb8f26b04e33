//! One command's work: lock, finish what a killed run left, run, publish.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;

use super::context::on_thread;
use super::error::RunError;
use super::flow::{FlowOptions, flow_from, open_seeds};
use crate::engine::Budget;
use crate::event::{EmptyColumn, Event, Listener};
use crate::plan::{Plan, TablePlan};
use crate::sink::{
    Commit, Lock, PublishedTable, RunFacts, SinkError, TOOL_VERSION, TableSpec, TableWriter, check_source,
};
use crate::tmdb::{Client, Transport};

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
    /// Dice for backoff.
    pub seed: u64,
    /// Ends the run early; nothing is published then.
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
    let started_at = Timestamp::now();
    let run = run_id(started_at, job.seed);
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
            pipeline: job.plan.name.clone(),
        })
        .collect();
    let (state, pipeline, source) =
        (job.state.join(&job.plan.name), job.plan.name.clone(), job.source.clone());
    let (commit, writers, recovered) = on_thread(move || -> Result<_, SinkError> {
        let lock = Lock::acquire(&state, &pipeline)?;
        let (commit, recovered) = Commit::open(lock)?;
        check_source(&paths, &source)?;
        let writers = commit.stage(&specs)?;
        Ok((commit, writers, recovered))
    })
    .await?;
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
    let flowed = {
        let api = &job.plan.api;
        let budget = Budget::new(api.connections, api.rate, job.seed);
        let client = Client::new(
            job.transport,
            budget,
            api.retry,
            job.seed.wrapping_add(1),
            Arc::clone(&job.listener),
        );
        let options = FlowOptions {
            run: run.clone(),
            limit: job.limit,
            stop: job.stop,
            listener: Arc::clone(&job.listener),
        };
        flow_from::<TableWriter>(&job.plan, Arc::new(client), writers, options, files).await?
    };
    let facts = RunFacts {
        run: run.clone(),
        pipeline: job.plan.name,
        source: job.source,
        started_at,
        finished_at: Timestamp::now(),
        counts: (job.counts)(),
        tool_version: TOOL_VERSION.to_owned(),
    };
    let staged = flowed.tables;
    let published = on_thread(move || commit.publish(staged, &facts)).await?;
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

/// What no row of a published table has a value in.
fn empty(plan: &TablePlan, table: &PublishedTable) -> Vec<EmptyColumn> {
    let columns = plan.columns.iter().zip(&table.columns);
    let paths = columns.flat_map(|(column, facts)| facts.empty().into_iter().map(move |path| (column, path)));
    paths.map(|(column, name)| EmptyColumn { question: plan.question(column, &name), name }).collect()
}

/// An id that sorts by time: `20261122T195012Z-4f3a9c01`.
pub(super) fn run_id(now: Timestamp, seed: u64) -> String {
    let time = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ");
    format!("{time}-{:08x}", fastrand::Rng::with_seed(seed).u32(..))
}
