//! The counts of one moment, as plain data: what progress and summary are written from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::figures::real;
use super::incomplete::Incomplete;
use super::layout::Layout;
use crate::event::{ColumnLoss, EmptyColumn, Hours};

/// What kind of stage it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// A seed.
    #[default]
    Seed,
    /// A fetch.
    Fetch,
    /// An expand.
    Expand,
    /// A filter.
    Filter,
    /// A project.
    Project,
}

impl Role {
    /// Its name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::Fetch => "fetch",
            Self::Expand => "expand",
            Self::Filter => "filter",
            Self::Project => "project",
        }
    }
}

/// Everything that is known of a run at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The plan, as far as reports show it.
    pub layout: Arc<Layout>,
    /// The pipeline.
    pub pipeline: String,
    /// The run's id; `None` before it began.
    pub run: Option<String>,
    /// Where documents come from; `None` before it began.
    pub source: Option<String>,
    /// The unfinished run that it goes on with, if it does.
    pub resumed: Option<Resumed>,
    /// Since the command began.
    pub elapsed: Duration,
    /// From the first send to the last.
    pub sending: Duration,
    /// Stages in the order of the file.
    pub stages: Vec<StageSnapshot>,
    /// Tables in the order of the file.
    pub tables: Vec<TableSnapshot>,
    /// The first failures, of stages whose failures no table shows.
    pub failures: Vec<FailureNote>,
    /// The first 404s, of stages whose 404s no table shows.
    pub absences: Vec<AbsenceNote>,
    /// Failed items and attempts by kind.
    pub failure_kinds: BTreeMap<String, u64>,
    /// For how long nobody may send, and the status that asked for it.
    pub gate: Option<(u16, Duration)>,
    /// The rate that was found, in requests a second, where the file leaves it to be found.
    pub found_rate: Option<f64>,
    /// Lists that have more than they gave.
    pub incomplete: Incomplete,
}

/// A run that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// When it began.
    pub since: Timestamp,
    /// Documents that were kept and may serve it.
    pub documents: u64,
}

/// Counts of one stage.
#[derive(Clone, Debug, Default)]
pub struct StageSnapshot {
    /// Its name.
    pub id: String,
    /// What it is.
    pub role: Role,
    /// Items that it took on; of a seed, those that it handed out.
    pub admitted: u64,
    /// Items that it found.
    pub found: u64,
    /// Rows of its file that gave no item.
    pub skipped: u64,
    /// Sends, each attempt one.
    pub requests: u64,
    /// Documents, wherever they came from.
    pub documents: u64,
    /// Documents and 404s that were kept, and needed no request.
    pub from_store: u64,
    /// Documents and 404s that another stage was asking for already.
    pub shared: u64,
    /// 404s.
    pub missing: u64,
    /// Items that failed.
    pub failed: u64,
    /// Those of them that were not asked for, as the endpoint had failed for too long.
    pub unasked: u64,
    /// Its endpoint failed item after item, and was probed.
    pub circuit: Option<CircuitNote>,
    /// Attempts that were followed by another.
    pub retries: u64,
    /// Where a table shows what failed.
    pub failed_table: Option<PathBuf>,
    /// Where a table shows what is missing.
    pub missing_table: Option<PathBuf>,
    /// Answers of 429 and 503 among them.
    pub refused: u64,
    /// Bytes of its documents.
    pub bytes: u64,
    /// Expressions that ended in an error, without those of columns.
    pub expression_errors: u64,
    /// Why the first of them did.
    pub expression_error: String,
    /// It handed its last thing on.
    pub finished: bool,
    /// The time that half of the answers took at the most.
    pub p50: Option<Duration>,
    /// The time that 95 % of the answers took at the most.
    pub p95: Option<Duration>,
    /// The time that 99 % of the answers took at the most.
    pub p99: Option<Duration>,
    /// Answers by the time that they took at the most, without empty steps.
    pub latencies: Vec<(Duration, u64)>,
    /// Where the time of its workers went.
    pub hours: Hours,
    /// Values that wait before it now.
    pub queue: usize,
}

impl StageSnapshot {
    /// From its beginning to its end, or to now.
    pub fn lasted(&self) -> Duration {
        match (self.hours.opened, self.hours.closed) {
            (Some(opened), Some(closed)) => closed - opened,
            (Some(opened), None) => opened.elapsed(),
            (None, _) => Duration::ZERO,
        }
    }
}

/// Counts of one table.
#[derive(Clone, Debug)]
pub struct TableSnapshot {
    /// The project stage.
    pub name: String,
    /// Rows so far.
    pub rows: u64,
    /// Rows that were dropped.
    pub dropped: u64,
    /// What columns lost.
    pub columns: Vec<ColumnLoss>,
    /// Where it is, once it is.
    pub published: Option<PublishedFile>,
}

/// A table in its place.
#[derive(Clone, Debug)]
pub struct PublishedFile {
    /// Where.
    pub path: PathBuf,
    /// Rows.
    pub rows: u64,
    /// Size.
    pub bytes: u64,
    /// What no row has a value in.
    pub empty: Vec<EmptyColumn>,
}

/// An item that failed.
#[derive(Clone, Debug)]
pub struct FailureNote {
    /// Whose.
    pub stage: String,
    /// What was asked for.
    pub request: String,
    /// What went wrong the last time.
    pub error: String,
}

impl StageSnapshot {
    /// How often it wanted an answer, sent for or not.
    pub fn asked(&self) -> u64 {
        self.requests + self.from_store + self.shared
    }
}

/// An endpoint that failed item after item.
#[derive(Clone, Debug, Default)]
pub struct CircuitNote {
    /// How often it came to that.
    pub openings: u64,
    /// Items in a row, the first time.
    pub failures: u32,
    /// Why the last of them failed, the first time.
    pub reason: String,
    /// It has not answered since.
    pub open: bool,
    /// How long it was probed, in all, until it answered.
    pub open_for: Duration,
}

/// An item that the API does not have.
#[derive(Clone, Debug)]
pub struct AbsenceNote {
    /// Whose.
    pub stage: String,
    /// What was asked for.
    pub request: String,
}

/// Sums over all stages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Sends.
    pub requests: u64,
    /// Documents.
    pub documents: u64,
    /// Documents and 404s that were kept.
    pub from_store: u64,
    /// Documents and 404s that another stage was asking for.
    pub shared: u64,
    /// Bytes of the documents.
    pub bytes: u64,
    /// 404s.
    pub missing: u64,
    /// Items that failed.
    pub failed: u64,
    /// Attempts that were followed by another.
    pub retries: u64,
    /// Answers of 429 and 503 among them.
    pub refused: u64,
}

impl Snapshot {
    /// Requests a second that the run is held to: as its file says, or as was found.
    pub fn allowed(&self) -> Option<f64> {
        self.layout.rate.map(|rate| rate.per_second()).or(self.found_rate)
    }

    /// The sums over all stages.
    pub fn totals(&self) -> Totals {
        self.stages.iter().fold(Totals::default(), |sum, stage| Totals {
            requests: sum.requests + stage.requests,
            documents: sum.documents + stage.documents,
            from_store: sum.from_store + stage.from_store,
            shared: sum.shared + stage.shared,
            bytes: sum.bytes + stage.bytes,
            missing: sum.missing + stage.missing,
            failed: sum.failed + stage.failed,
            retries: sum.retries + stage.retries,
            refused: sum.refused + stage.refused,
        })
    }

    /// The times that half and 99 % of all answers took at the most.
    pub fn quantiles(&self) -> (Option<Duration>, Option<Duration>) {
        let mut steps: BTreeMap<Duration, u64> = BTreeMap::new();
        for (time, count) in self.stages.iter().flat_map(|stage| &stage.latencies) {
            *steps.entry(*time).or_default() += count;
        }
        let total: u64 = steps.values().sum();
        let quantile = |share: f64| {
            let mut seen = 0;
            let reached = |count: &u64| {
                seen += count;
                real(seen) >= real(total) * share
            };
            steps.values().position(reached).and_then(|at| steps.keys().nth(at).copied())
        };
        (quantile(0.5), quantile(0.99))
    }

    /// From the beginning of the first stage to the end of the last, or to now; `None` before the first.
    pub fn flowing(&self) -> Option<Duration> {
        let began = self.stages.iter().filter_map(|stage| stage.hours.opened).min()?;
        self.stages.iter().filter_map(|stage| Some(stage.hours.opened? + stage.lasted() - began)).max()
    }

    /// Sends in a second, from the first to the last; `None` where that is too short to say.
    pub fn rate(&self) -> Option<f64> {
        let requests = self.totals().requests;
        (self.sending >= Duration::from_secs(1))
            .then(|| real(requests.saturating_sub(1)) / self.sending.as_secs_f64())
    }

    /// The counts that the manifests of its tables hold.
    pub fn to_json(&self) -> Value {
        let totals = self.totals();
        let stages = self.stages.iter().filter(|stage| stage.asked() > 0).map(|stage| {
            let counts = json!({
                "requests": stage.requests,
                "documents": stage.documents,
                "from_store": stage.from_store,
                "missing": stage.missing,
                "failed": stage.failed,
                "retries": stage.retries,
            });
            (stage.id.clone(), counts)
        });
        json!({
            "requests": totals.requests,
            "documents": totals.documents,
            "from_store": totals.from_store,
            "missing": totals.missing,
            "failed": totals.failed,
            "retries": totals.retries,
            "stages": stages.collect::<serde_json::Map<_, _>>(),
        })
    }
}
