//! Counting what happens, stage by stage.
//!
//! Invariant: hearing an event of a request is a few additions without a lock; locks are taken only for what
//! is rare or kept as text.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::incomplete::Incomplete;
use super::kinds::Kinds;
use super::latency::Latency;
use super::layout::Layout;
use super::snapshot::{
    AbsenceNote, CircuitNote, FailureNote, PublishedFile, Resumed, Role, Snapshot, StageSnapshot,
    TableSnapshot,
};
use crate::event::{Account, ColumnLoss, Event, Gauge, Hours, Listener, Origin};
use crate::plan::{Plan, StageIndex, StageKind};
use crate::spec::{Port, StageId};

/// Failures, and 404s, that are kept with their text: nobody reads more, and a run may have a million.
pub const FAILURES_KEPT: usize = 10;

/// The counts of one run.
#[derive(Debug)]
pub struct Counters {
    pipeline: String,
    layout: Arc<Layout>,
    start: Instant,
    stages: Vec<Stage>,
    index: HashMap<StageId, usize>,
    /// Microseconds from `start` to the first send, plus one; 0 before it.
    first_send: AtomicU64,
    last_send: AtomicU64,
    /// 404s that no table shows.
    absences: AtomicU64,
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
    unasked: AtomicU64,
    retries: AtomicU64,
    refused: AtomicU64,
    bytes: AtomicU64,
    expression_errors: AtomicU64,
    rows: AtomicU64,
    finished: AtomicBool,
    latency: Latency,
    /// Tables that show what failed and what is missing: they need not be listed.
    failed_table: Option<PathBuf>,
    missing_table: Option<PathBuf>,
    works: OnceLock<Works>,
}

/// What can be read of a stage at work.
#[derive(Debug)]
struct Works {
    account: Arc<Account>,
    queue: Gauge,
}

#[derive(Debug, Default)]
struct Rare {
    run: Option<String>,
    source: Option<String>,
    resumed: Option<Resumed>,
    failures: Vec<FailureNote>,
    absences: Vec<AbsenceNote>,
    failure_kinds: Kinds,
    gate: Option<(u16, Instant)>,
    found_rate: Option<f64>,
    lists: Incomplete,
    tables: HashMap<StageId, Table>,
    /// Why the first expression of a stage failed.
    reasons: HashMap<StageId, String>,
    /// Stages whose endpoint was probed.
    circuits: HashMap<StageId, CircuitNote>,
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
        let layout = Layout::of(plan);
        let stages: Vec<Stage> = plan
            .stages
            .iter()
            .enumerate()
            .zip(&layout.stages)
            .map(|((index, stage), layout)| {
                let table = |port| table_of(plan, index, port);
                Stage {
                    failed_table: table(Port::Failed),
                    missing_table: table(Port::Missing),
                    ..Stage::new(stage.id.clone(), layout.role)
                }
            })
            .collect();
        let index = stages.iter().enumerate().map(|(index, stage)| (stage.id.clone(), index)).collect();
        Self {
            pipeline: plan.name.clone(),
            layout: Arc::new(layout),
            start: Instant::now(),
            stages,
            index,
            first_send: AtomicU64::new(0),
            last_send: AtomicU64::new(0),
            absences: AtomicU64::new(0),
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
            layout: Arc::clone(&self.layout),
            pipeline: self.pipeline.clone(),
            run: rare.run.clone(),
            source: rare.source.clone(),
            resumed: rare.resumed,
            elapsed: now - self.start,
            sending: Duration::from_micros(last.saturating_sub(first)),
            stages: self.stages.iter().map(|stage| stage.snapshot(&rare)).collect(),
            tables: tables.collect(),
            failures: rare.failures.clone(),
            absences: rare.absences.clone(),
            found_rate: rare.found_rate,
            incomplete: rare.lists.clone(),
            failure_kinds: rare.failure_kinds.counts().clone(),
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
            Event::StateRecovered { .. } | Event::FileFetched { .. } | Event::RowsDecoded { .. } => {}
            Event::RunResumed { since, documents } => {
                self.rare().resumed = Some(Resumed { since: *since, documents: *documents });
            }
            Event::StageStarted { stage, account, queue, .. } => {
                let (account, queue) = (Arc::clone(account), queue.clone());
                // A stage starts once.
                let _ = self.stage(stage).works.set(Works { account, queue });
            }
            Event::ItemSeeded { stage } | Event::ItemAdmitted { stage } => {
                add(&self.stage(stage).admitted, 1);
            }
            Event::RowsSkipped { stage, count } => add(&self.stage(stage).skipped, *count),
            Event::ListIncomplete { stage, request, why } => self.rare().lists.note(stage, request, *why),
            Event::RequestSent { stage } => {
                self.sent();
                add(&self.stage(stage).requests, 1);
            }
            Event::RequestRetried { stage, reason, .. } => {
                add(&self.stage(stage).retries, 1);
                self.rare().failure_kinds.count("again: ", reason);
            }
            Event::RequestRefused { stage, .. } => {
                add(&self.stage(stage).retries, 1);
                add(&self.stage(stage).refused, 1);
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
            Event::CircuitOpened { stage, failures, reason } => {
                let mut rare = self.rare();
                let note = rare.circuits.entry(stage.clone()).or_default();
                note.openings += 1;
                note.open = true;
                if note.openings == 1 {
                    (note.failures, note.reason) = (*failures, reason.clone());
                }
            }
            Event::CircuitClosed { stage, open_for } => {
                let mut rare = self.rare();
                let note = rare.circuits.entry(stage.clone()).or_default();
                note.open = false;
                note.open_for += *open_for;
            }
            Event::ItemFailed { stage, request, error, asked } => {
                let counts = self.stage(stage);
                add(&counts.failed, 1);
                add(&counts.unasked, u64::from(!asked));
                let mut rare = self.rare();
                rare.failure_kinds.count("failed: ", error);
                if counts.failed_table.is_none() && rare.failures.len() < FAILURES_KEPT {
                    rare.failures.push(FailureNote {
                        stage: stage.to_string(),
                        request: request.clone(),
                        error: error.clone(),
                    });
                }
            }
            Event::ItemMissing { stage, request } => {
                // Thousands of 404s are nothing rare: beyond the first, no lock is taken.
                if self.stage(stage).missing_table.is_none()
                    && self.absences.fetch_add(1, Ordering::Relaxed) < FAILURES_KEPT as u64
                {
                    let (stage, request) = (stage.to_string(), request.clone());
                    self.rare().absences.push(AbsenceNote { stage, request });
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
            unasked: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            expression_errors: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            finished: AtomicBool::new(false),
            latency: Latency::default(),
            failed_table: None,
            missing_table: None,
            works: OnceLock::new(),
        }
    }

    fn snapshot(&self, rare: &Rare) -> StageSnapshot {
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
            unasked: read(&self.unasked),
            retries: read(&self.retries),
            failed_table: self.failed_table.clone(),
            missing_table: self.missing_table.clone(),
            refused: read(&self.refused),
            bytes: read(&self.bytes),
            expression_errors: read(&self.expression_errors),
            expression_error: rare.reasons.get(&self.id).cloned().unwrap_or_default(),
            circuit: rare.circuits.get(&self.id).cloned(),
            finished: self.finished.load(Ordering::Relaxed),
            p50: self.latency.quantile(0.50),
            p95: self.latency.quantile(0.95),
            p99: self.latency.quantile(0.99),
            latencies: self.latency.steps(),
            hours: self.works.get().map_or_else(Hours::default, |works| works.account.hours()),
            queue: self.works.get().map_or(0, |works| works.queue.read()),
        }
    }
}

/// Where a table reads `port` of `stage`, if one does.
fn table_of(plan: &Plan, stage: StageIndex, port: Port) -> Option<PathBuf> {
    plan.stages.iter().find_map(|reader| match &reader.kind {
        StageKind::Project(table)
            if reader.inputs.iter().any(|source| source.stage == stage && source.port == port) =>
        {
            Some(table.path.clone())
        }
        _ => None,
    })
}

fn add(count: &AtomicU64, number: u64) {
    count.fetch_add(number, Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
