//! A record put together from the last snapshot of a run, how it went, and what its counts do not tell.
//!
//! Does not belong here: what the names mean (`record`).

use std::time::Duration;

use super::figures::real;
use super::history::History;
use super::record::{
    EdgeRecord, Facts, FailureRecord, LatencyRecord, RECORD_VERSION, Record, SeriesRecord, SettingsRecord,
    StageRecord, TableRecord, TotalsRecord, VerdictRecord,
};
use super::snapshot::{Role, Snapshot, StageSnapshot};
use super::usage::Usage;
use super::verdict::verdict;
use crate::event::Activity;
use crate::spec::Rate;

impl Record {
    /// Puts everything together. `snapshot` is the last one of the run.
    pub fn new(snapshot: &Snapshot, history: &History, facts: Facts) -> Self {
        let names: Vec<String> = snapshot.stages.iter().map(|stage| stage.id.clone()).collect();
        let stages = snapshot.stages.iter().zip(&snapshot.layout.stages);
        let per_second = |rate: Option<Rate>| rate.map(|rate| rate.per_second());
        let edges = snapshot.layout.edges.iter().map(|edge| EdgeRecord {
            from: names[edge.from].clone(),
            port: edge.port.to_owned(),
            to: names[edge.to].clone(),
            feedback: edge.feedback,
            count: flow(snapshot, edge.from, edge.port),
        });
        let tables = snapshot.tables.iter().map(|table| TableRecord {
            name: table.name.clone(),
            rows: table.published.as_ref().map_or(table.rows, |file| file.rows),
            dropped: table.dropped,
            mismatches: table.columns.iter().map(|loss| loss.mismatches).sum(),
            path: table.published.as_ref().map(|file| file.path.to_string_lossy().into_owned()),
            bytes: table.published.as_ref().map(|file| file.bytes),
        });
        let failures = snapshot.failures.iter().map(|failure| FailureRecord {
            stage: failure.stage.clone(),
            request: failure.request.clone(),
            error: failure.error.clone(),
        });
        Self {
            version: RECORD_VERSION,
            tool: facts.tool.clone(),
            run: snapshot.run.clone().unwrap_or_default(),
            pipeline: snapshot.pipeline.clone(),
            source: snapshot.source.clone().unwrap_or_default(),
            status: facts.status.clone(),
            error: facts.error.clone(),
            started_at: facts.started_at.clone(),
            seconds: seconds(snapshot.elapsed),
            flow_seconds: seconds(snapshot.flowing().unwrap_or_default()),
            verdict: verdict(snapshot).map(|verdict| VerdictRecord {
                resource: verdict.resource.name().to_owned(),
                stage: verdict.stage,
                share: rounded(verdict.share),
                setting: verdict.setting,
                words: verdict.words,
            }),
            totals: TotalsRecord::new(snapshot, &facts.usage),
            settings: SettingsRecord {
                rate_per_second: per_second(snapshot.layout.rate),
                connections: snapshot.layout.connections,
                limit: facts.limit,
            },
            stages: stages
                .map(|(stage, layout)| StageRecord {
                    concurrency: layout.concurrency,
                    buffer: layout.buffer as u64,
                    rate_per_second: per_second(layout.rate),
                    ..StageRecord::new(stage)
                })
                .collect(),
            edges: edges.collect(),
            tables: tables.collect(),
            failures: failures.collect(),
            incomplete_lists: snapshot.incomplete.lines(),
            failure_kinds: snapshot.failure_kinds.clone(),
            series: SeriesRecord::new(history, &names),
        }
    }
}

/// What left a stage by a port.
fn flow(snapshot: &Snapshot, from: usize, port: &str) -> u64 {
    let stage = &snapshot.stages[from];
    match (port, stage.role) {
        ("found", _) => stage.found,
        ("failed", _) => stage.failed,
        ("missing", _) => stage.missing,
        (_, Role::Seed) => stage.admitted,
        (_, Role::Fetch) => stage.documents,
        (_, Role::Filter) => stage.hours.passed,
        _ => stage.hours.worked,
    }
}

impl StageRecord {
    fn new(stage: &StageSnapshot) -> Self {
        let spent = |of_writer: bool| {
            let of = Activity::ALL.into_iter().filter(|on| on.is_of_writer() == of_writer);
            of.map(|on| (on.name().to_owned(), seconds(stage.hours.spent(on))))
                .filter(|(_, time)| *time > 0.0)
                .collect()
        };
        Self {
            name: stage.id.clone(),
            kind: stage.role.name().to_owned(),
            items: if stage.role == Role::Expand || stage.role == Role::Filter {
                stage.hours.worked
            } else {
                stage.admitted
            },
            found: stage.found,
            requests: stage.requests,
            documents: stage.documents,
            missing: stage.missing,
            failed: stage.failed,
            retries: stage.retries,
            seconds: seconds(stage.lasted()),
            latency: LatencyRecord {
                p50_ms: stage.p50.map(ms),
                p95_ms: stage.p95.map(ms),
                p99_ms: stage.p99.map(ms),
                steps: stage.latencies.iter().map(|(time, count)| (ms(*time), *count)).collect(),
            },
            worker_seconds: spent(false),
            writer_seconds: spent(true),
            ..Self::default()
        }
    }
}

impl TotalsRecord {
    fn new(snapshot: &Snapshot, usage: &Usage) -> Self {
        let totals = snapshot.totals();
        let rows: u64 =
            snapshot.tables.iter().filter_map(|table| table.published.as_ref()).map(|file| file.rows).sum();
        let rate = snapshot.rate();
        let allowed = snapshot.layout.rate.map(|rate| rate.per_second());
        let (p50, p99) = snapshot.quantiles();
        Self {
            requests: totals.requests,
            documents: totals.documents,
            document_bytes: totals.bytes,
            missing: totals.missing,
            failed: totals.failed,
            retries: totals.retries,
            refused: totals.refused,
            from_store: totals.from_store,
            rows,
            requests_per_second: rate.map(rounded),
            rate_share: rate.zip(allowed).map(|(rate, allowed)| rounded(rate / allowed)),
            rows_per_second: rounded(real(rows) / snapshot.elapsed.as_secs_f64().max(0.001)),
            cpu_seconds: usage.cpu.map(seconds),
            cpu_micros_per_row: usage
                .cpu
                .filter(|_| rows > 0)
                .map(|cpu| rounded(cpu.as_secs_f64() * 1e6 / real(rows))),
            memory_bytes_max: usage.memory_max,
            p50_ms: p50.map(ms),
            p99_ms: p99.map(ms),
        }
    }
}

impl SeriesRecord {
    fn new(history: &History, names: &[String]) -> Self {
        let points = history.points();
        let each = |of: &dyn Fn(usize) -> Vec<u64>| {
            names.iter().enumerate().map(|(index, name)| (name.clone(), of(index))).collect()
        };
        Self {
            seconds: points.iter().map(|point| seconds(point.at)).collect(),
            requests: points.iter().map(|point| point.requests).collect(),
            queues: each(&|stage| points.iter().map(|point| point.queues[stage] as u64).collect()),
            in_flight: each(&|stage| points.iter().map(|point| point.busy[stage]).collect()),
        }
    }
}

fn seconds(time: Duration) -> f64 {
    rounded(time.as_secs_f64())
}

fn ms(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1000.0)
}

/// To a thousandth: nobody reads more.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}
