//! `run.json`: everything that is known of a run after its end, for machines and for `tmdb-etl report`.
//!
//! Does not belong here: where it is kept (`crate::cli`), how it is drawn (`html`). Invariant: names are stable within a
//! [`RECORD_VERSION`]; a reader takes what it knows and leaves the rest. `docs/REPORT.md` describes every name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::usage::Usage;

/// The version of `run.json` that is written. It grows when a name changes its meaning or goes.
pub const RECORD_VERSION: u32 = 1;

/// What a run's counts do not tell.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// `complete`, `partial`, `failed` or `stopped`.
    pub status: String,
    /// When the command began, RFC 3339.
    pub started_at: String,
    /// The program, as in `tmdb-etl 0.1.0`.
    pub tool: String,
    /// `--limit`.
    pub limit: Option<u64>,
    /// Why nothing was published.
    pub error: Option<ErrorRecord>,
    /// What the process took.
    pub usage: Usage,
}

/// A run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// [`RECORD_VERSION`].
    pub version: u32,
    /// The program.
    pub tool: String,
    /// The run's id.
    pub run: String,
    /// The pipeline.
    pub pipeline: String,
    /// Where documents came from.
    pub source: String,
    /// How it ended.
    pub status: String,
    /// Why nothing was published.
    pub error: Option<ErrorRecord>,
    /// When it began.
    pub started_at: String,
    /// How long the command took.
    pub seconds: f64,
    /// How long the stages were at work.
    pub flow_seconds: f64,
    /// Why it took so long.
    pub verdict: Option<VerdictRecord>,
    /// Sums and figures.
    pub totals: TotalsRecord,
    /// Settings of the whole run.
    pub settings: SettingsRecord,
    /// Stages in the order of the file.
    pub stages: Vec<StageRecord>,
    /// Edges between them.
    pub edges: Vec<EdgeRecord>,
    /// Tables in the order of the file.
    pub tables: Vec<TableRecord>,
    /// The first failures.
    pub failures: Vec<FailureRecord>,
    /// The first lists of seeds that have more than they gave, in words.
    pub incomplete_lists: Vec<String>,
    /// Failed items and attempts by kind.
    pub failure_kinds: BTreeMap<String, u64>,
    /// How it went over time.
    pub series: SeriesRecord,
}

/// Why nothing was published.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorRecord {
    /// Stable, in kebab-case.
    pub code: String,
    /// For people.
    pub message: String,
}

/// Why it took so long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VerdictRecord {
    /// What limited it.
    pub resource: String,
    /// At which stage.
    pub stage: Option<String>,
    /// The share of time that says so.
    pub share: f64,
    /// The setting that would change it.
    pub setting: Option<String>,
    /// In words.
    pub words: String,
}

/// Sums and figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TotalsRecord {
    /// Sends, each attempt one.
    pub requests: u64,
    /// Documents.
    pub documents: u64,
    /// Their bytes.
    pub document_bytes: u64,
    /// 404s.
    pub missing: u64,
    /// Items that failed.
    pub failed: u64,
    /// Attempts that were followed by another.
    pub retries: u64,
    /// Answers of 429 and 503.
    pub refused: u64,
    /// Documents that were kept from before.
    pub from_store: u64,
    /// Rows of published tables.
    pub rows: u64,
    /// Sends in a second, from the first to the last.
    pub requests_per_second: Option<f64>,
    /// Of what the rate allows, 0 to 1.
    pub rate_share: Option<f64>,
    /// Rows in a second of `seconds`.
    pub rows_per_second: f64,
    /// Processor time of the whole process.
    pub cpu_seconds: Option<f64>,
    /// Processor time for a row, in microseconds.
    pub cpu_micros_per_row: Option<f64>,
    /// The most memory that the process had.
    pub memory_bytes_max: Option<u64>,
    /// Median time of an answer, in milliseconds.
    pub p50_ms: Option<f64>,
    /// 99 % of the answers took no longer.
    pub p99_ms: Option<f64>,
}

/// Settings of the whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SettingsRecord {
    /// `api.rate` in requests a second; null: no limit.
    pub rate_per_second: Option<f64>,
    /// `api.connections`.
    pub connections: u32,
    /// `--limit`.
    pub limit: Option<u64>,
}

/// A stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StageRecord {
    /// Its name.
    pub name: String,
    /// `seed`, `fetch`, `expand`, `filter` or `project`.
    pub kind: String,
    /// `concurrency`.
    pub concurrency: u32,
    /// `buffer`.
    pub buffer: u64,
    /// `rate`, in requests a second.
    pub rate_per_second: Option<f64>,
    /// Items taken on.
    pub items: u64,
    /// Items found.
    pub found: u64,
    /// Sends.
    pub requests: u64,
    /// Documents.
    pub documents: u64,
    /// 404s.
    pub missing: u64,
    /// Items that failed.
    pub failed: u64,
    /// Attempts that were followed by another.
    pub retries: u64,
    /// How long it was at work.
    pub seconds: f64,
    /// Times of answers.
    pub latency: LatencyRecord,
    /// Seconds of all workers together, by activity.
    pub worker_seconds: BTreeMap<String, f64>,
    /// Seconds of a table's writer, by activity.
    pub writer_seconds: BTreeMap<String, f64>,
}

/// Times of answers, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LatencyRecord {
    /// Half took no longer.
    pub p50_ms: Option<f64>,
    /// 95 % took no longer.
    pub p95_ms: Option<f64>,
    /// 99 % took no longer.
    pub p99_ms: Option<f64>,
    /// Upper ends of steps, and answers within each.
    pub steps: Vec<(f64, u64)>,
}

/// An edge.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EdgeRecord {
    /// The stage that it leaves.
    pub from: String,
    /// The port; empty for the main one.
    pub port: String,
    /// The stage that it enters.
    pub to: String,
    /// It leads upstream.
    pub feedback: bool,
    /// What went along it: documents or items.
    pub count: u64,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TableRecord {
    /// The project stage.
    pub name: String,
    /// Rows, whether published or not.
    pub rows: u64,
    /// Rows that were dropped.
    pub dropped: u64,
    /// Values that did not fit.
    pub mismatches: u64,
    /// Where it was published; null: it was not.
    pub path: Option<String>,
    /// Its size.
    pub bytes: Option<u64>,
}

/// An item that failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FailureRecord {
    /// The stage.
    pub stage: String,
    /// What was asked for.
    pub request: String,
    /// What went wrong the last time.
    pub error: String,
}

/// How a run went over time. All lists are equally long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeriesRecord {
    /// Seconds since the beginning.
    pub seconds: Vec<f64>,
    /// Sends so far.
    pub requests: Vec<u64>,
    /// Values that wait before each stage.
    pub queues: BTreeMap<String, Vec<u64>>,
    /// Values in the hands of each stage.
    pub in_flight: BTreeMap<String, Vec<u64>>,
}
