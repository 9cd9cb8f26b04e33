//! Counting what happens, stage by stage.
//!
//! Invariant: hearing an event of a request is a few additions without a lock; locks are taken only for what
//! is rare or kept as text.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::latency::Latency;
use super::snapshot::{FailureNote, PublishedFile, Resumed, Role, Snapshot, StageSnapshot, TableSnapshot};
use crate::event::{ColumnLoss, Event, Listener, Origin};
use crate::plan::{Plan, StageKind};
use crate::spec::StageId;

/// Failures that are kept with their text: nobody reads more, and a run may have a million.
pub const FAILURES_KEPT: usize = 10;

/// The counts of one run.
#[derive(Debug)]
pub struct Counters {
    pipeline: String,
    start: Instant,
    stages: Vec<Stage>,
    index: HashMap<StageId, usize>,
    /// Microseconds from `start` to the first send, plus one; 0 before it.
    first_send: AtomicU64,
    last_send: AtomicU64,
    rare: Mutex<Rare>,
}

#[derive(Debug)]
struct Stage {
    id: StageId,
    role: Role,
    admitted: AtomicU64,
    found: AtomicU64,
    skipped: AtomicU64,
    requests: AtomicU64,
    documents: AtomicU64,
    from_store: AtomicU64,
    shared: AtomicU64,
    missing: AtomicU64,
    failed: AtomicU64,
    retries: AtomicU64,
    bytes: AtomicU64,
    expression_errors: AtomicU64,
    rows: AtomicU64,
    finished: AtomicBool,
    latency: Latency,
}

#[derive(Debug, Default)]
struct Rare {
    run: Option<String>,
    source: Option<String>,
    resumed: Option<Resumed>,
    failures: Vec<FailureNote>,
    gate: Option<(u16, Instant)>,
    found_rate: Option<f64>,
    tables: HashMap<StageId, Table>,
    /// Why the first expression of a stage failed.
    reasons: HashMap<StageId, String>,
}

#[derive(Debug, Default)]
struct Table {
    dropped: u64,
    columns: Vec<ColumnLoss>,
    published: Option<PublishedFile>,
}

impl Counters {
    /// Counters at zero for the stages of `plan`; the clock starts now.
    pub fn new(plan: &Plan) -> Self {
        let stages: Vec<Stage> = plan
            .stages
            .iter()
            .map(|stage| {
                let role = match stage.kind {
                    StageKind::Seed(_) => Role::Seed,
                    StageKind::Fetch(_) => Role::Fetch,
                    StageKind::Expand(_) => Role::Expand,
                    StageKind::Filter(_) => Role::Filter,
                    StageKind::Project(_) => Role::Project,
                };
                Stage::new(stage.id.clone(), role)
            })
            .collect();
        let index = stages.iter().enumerate().map(|(index, stage)| (stage.id.clone(), index)).collect();
        Self {
            pipeline: plan.name.clone(),
            start: Instant::now(),
            stages,
            index,
            first_send: AtomicU64::new(0),
            last_send: AtomicU64::new(0),
            rare: Mutex::default(),
        }
    }

    /// The counts of this moment.
    pub fn snapshot(&self) -> Snapshot {
        let rare = self.rare();
        let now = Instant::now();
        let (first, last) = (self.first_send.load(Ordering::Relaxed), self.last_send.load(Ordering::Relaxed));
        let tables = self.stages.iter().filter(|stage| stage.role == Role::Project).map(|stage| {
            let table = rare.tables.get(&stage.id);
            TableSnapshot {
                name: stage.id.to_string(),
                rows: stage.rows.load(Ordering::Relaxed),
                dropped: table.map_or(0, |table| table.dropped),
                columns: table.map_or_else(Vec::new, |table| table.columns.clone()),
                published: table.and_then(|table| table.published.clone()),
            }
        });
        Snapshot {
            pipeline: self.pipeline.clone(),
            run: rare.run.clone(),
            source: rare.source.clone(),
            resumed: rare.resumed,
            elapsed: now - self.start,
            sending: Duration::from_micros(last.saturating_sub(first)),
            stages: self.stages.iter().map(|stage| stage.snapshot(rare.reasons.get(&stage.id))).collect(),
            tables: tables.collect(),
            failures: rare.failures.clone(),
            found_rate: rare.found_rate,
            gate: rare.gate.filter(|(_, until)| *until > now).map(|(status, until)| (status, until - now)),
        }
    }

    fn stage(&self, id: &StageId) -> &Stage {
        let index = self.index.get(id).expect("events name stages of the plan");
        &self.stages[*index]
    }

    fn rare(&self) -> MutexGuard<'_, Rare> {
        self.rare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sent(&self) {
        let now = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX).saturating_add(1);
        // Whoever comes second fails, and that is right.
        let _ = self.first_send.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        self.last_send.fetch_max(now, Ordering::Relaxed);
    }
}

impl Listener for Counters {
    fn hear(&self, event: &Event) {
        match event {
            Event::RunStarted { run, source, .. } => {
                let mut rare = self.rare();
                rare.run = Some(run.clone());
                rare.source = Some(source.clone());
            }
            Event::StateRecovered { .. } | Event::FileFetched { .. } => {}
            Event::RunResumed { since, documents } => {
                self.rare().resumed = Some(Resumed { since: *since, documents: *documents });
            }
            Event::ItemSeeded { stage } | Event::ItemAdmitted { stage } => {
                add(&self.stage(stage).admitted, 1);
            }
            Event::RowsSkipped { stage, count } => add(&self.stage(stage).skipped, *count),
            Event::RequestSent { stage } => {
                self.sent();
                add(&self.stage(stage).requests, 1);
            }
            Event::RequestRetried { stage, .. } | Event::RequestRefused { stage, .. } => {
                add(&self.stage(stage).retries, 1);
            }
            Event::RateFound { per_second } => self.rare().found_rate = Some(*per_second),
            Event::GateClosed { status, wait } => {
                self.rare().gate = Some((*status, Instant::now() + *wait));
            }
            Event::DocumentFetched { stage, bytes, latency } => {
                let stage = self.stage(stage);
                add(&stage.documents, 1);
                add(&stage.bytes, *bytes as u64);
                stage.latency.add(*latency);
            }
            Event::DocumentMissing { stage, latency } => {
                let stage = self.stage(stage);
                add(&stage.missing, 1);
                stage.latency.add(*latency);
            }
            Event::AnswerReused { stage, from, bytes } => {
                let stage = self.stage(stage);
                add(
                    match from {
                        Origin::Store => &stage.from_store,
                        Origin::Flight => &stage.shared,
                    },
                    1,
                );
                match bytes {
                    Some(bytes) => {
                        add(&stage.documents, 1);
                        add(&stage.bytes, *bytes as u64);
                    }
                    None => add(&stage.missing, 1),
                }
            }
            Event::ItemFailed { stage, request, error } => {
                add(&self.stage(stage).failed, 1);
                let mut rare = self.rare();
                if rare.failures.len() < FAILURES_KEPT {
                    rare.failures.push(FailureNote {
                        stage: stage.to_string(),
                        request: request.clone(),
                        error: error.clone(),
                    });
                }
            }
            Event::ItemsFound { stage, count } => add(&self.stage(stage).found, *count as u64),
            Event::ExpressionFailed { stage, count, reason } => {
                add(&self.stage(stage).expression_errors, *count);
                self.rare().reasons.entry(stage.clone()).or_insert_with(|| reason.clone());
            }
            Event::StageFinished { stage } => self.stage(stage).finished.store(true, Ordering::Relaxed),
            Event::RowsWritten { table, rows } => add(&self.stage(table).rows, *rows as u64),
            Event::TableCounted { table, dropped_rows, columns } => {
                let mut rare = self.rare();
                let table = rare.tables.entry(table.clone()).or_default();
                table.dropped += dropped_rows;
                for loss in columns {
                    match table.columns.iter_mut().find(|known| known.name == loss.name) {
                        Some(known) => {
                            known.mismatches += loss.mismatches;
                            known.errors += loss.errors;
                            known.misfit = known.misfit.take().or_else(|| loss.misfit.clone());
                            known.failure = known.failure.take().or_else(|| loss.failure.clone());
                        }
                        None => table.columns.push(loss.clone()),
                    }
                }
            }
            Event::TablePublished { table, path, rows, bytes, empty } => {
                let (path, empty) = (path.clone(), empty.clone());
                let file = PublishedFile { path, rows: *rows, bytes: *bytes, empty };
                self.rare().tables.entry(table.clone()).or_default().published = Some(file);
            }
        }
    }
}

impl Stage {
    fn new(id: StageId, role: Role) -> Self {
        Self {
            id,
            role,
            admitted: AtomicU64::new(0),
            found: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            documents: AtomicU64::new(0),
            from_store: AtomicU64::new(0),
            shared: AtomicU64::new(0),
            missing: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            expression_errors: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            finished: AtomicBool::new(false),
            latency: Latency::default(),
        }
    }

    fn snapshot(&self, expression_error: Option<&String>) -> StageSnapshot {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        StageSnapshot {
            id: self.id.to_string(),
            role: self.role,
            admitted: read(&self.admitted),
            found: read(&self.found),
            skipped: read(&self.skipped),
            requests: read(&self.requests),
            documents: read(&self.documents),
            from_store: read(&self.from_store),
            shared: read(&self.shared),
            missing: read(&self.missing),
            failed: read(&self.failed),
            retries: read(&self.retries),
            bytes: read(&self.bytes),
            expression_errors: read(&self.expression_errors),
            expression_error: expression_error.cloned().unwrap_or_default(),
            finished: self.finished.load(Ordering::Relaxed),
            p50: self.latency.quantile(0.50),
            p99: self.latency.quantile(0.99),
        }
    }
}

fn add(count: &AtomicU64, number: u64) {
    count.fetch_add(number, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Options, compile};
    use crate::spec::{Source, parse};

    const PIPELINE: &str = "
version: 1
name: small
stages:
  ids: {kind: seed, ids: [1]}
  movies: {kind: fetch, path: '/movie/{id}'}
  films: {kind: project, columns: {id: int64, title: string}, output: {path: films.parquet}}
";

    fn counters() -> Counters {
        let spec = parse(&Source::new("p.yaml", PIPELINE), &[], &|_| None).expect("no fault").spec;
        Counters::new(&compile(spec, &Options::default()).expect("no fault").plan)
    }

    fn id(name: &str) -> StageId {
        StageId(name.into())
    }

    #[test]
    fn every_attempt_is_a_request_and_every_further_one_a_retry() {
        let counters = counters();
        let latency = Duration::from_millis(50);
        for _ in 0..3 {
            counters.hear(&Event::RequestSent { stage: id("movies") });
        }
        counters.hear(&Event::RequestRefused { stage: id("movies"), status: 429 });
        let (request, reason) = ("/movie/1".to_owned(), "cut".to_owned());
        counters.hear(&Event::RequestRetried { stage: id("movies"), request, reason, wait: latency });
        counters.hear(&Event::DocumentFetched { stage: id("movies"), bytes: 900, latency });
        let totals = counters.snapshot().totals();
        assert_eq!((totals.requests, totals.retries, totals.documents, totals.bytes), (3, 2, 1, 900));
        assert_eq!(counters.snapshot().rate(), None, "too short to say");
    }

    #[test]
    fn failures_are_all_counted_and_the_first_ten_kept() {
        let counters = counters();
        for number in 0..25 {
            let (request, error) = (format!("/movie/{number}"), "cut".to_owned());
            counters.hear(&Event::ItemFailed { stage: id("movies"), request, error });
        }
        let snapshot = counters.snapshot();
        assert_eq!(snapshot.totals().failed, 25);
        let kept: Vec<&str> = snapshot.failures.iter().map(|failure| failure.request.as_str()).collect();
        assert_eq!((kept.len(), kept[0], kept[9]), (FAILURES_KEPT, "/movie/0", "/movie/9"));
    }

    #[test]
    fn counts_of_a_table_add_up_over_its_inputs() {
        let counters = counters();
        for (column, mismatches, errors) in [("id", 1, 0), ("title", 0, 2), ("id", 3, 4)] {
            let failure = (errors > 0).then(|| format!("{errors} times"));
            let columns =
                vec![ColumnLoss { name: column.to_owned(), mismatches, errors, misfit: None, failure }];
            counters.hear(&Event::TableCounted { table: id("films"), dropped_rows: 5, columns });
        }
        let table = &counters.snapshot().tables[0];
        assert_eq!(table.dropped, 15);
        let columns: Vec<_> = table
            .columns
            .iter()
            .map(|loss| (loss.name.as_str(), loss.mismatches, loss.errors, loss.failure.as_deref()))
            .collect();
        assert_eq!(columns, [("id", 4, 4, Some("4 times")), ("title", 0, 2, Some("2 times"))]);
    }
}
