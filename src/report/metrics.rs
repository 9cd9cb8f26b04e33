//! A snapshot as Prometheus reads it (text format 0.0.4).
//!
//! Does not belong here: the port that serves it (`crate::cli`). Invariant: labels are stages, tables and activities of the
//! plan, so that their number is bounded by the pipeline file; nothing that was asked for becomes a label.

use std::fmt::{Display, Write as _};

use super::figures::real;
use super::snapshot::{Snapshot, StageSnapshot};
use crate::event::Activity;

/// What is read of each stage: its name, what it is, and how to read it.
type OfStages<const N: usize> = [(&'static str, &'static str, fn(&StageSnapshot) -> u64); N];

/// The metrics of a moment.
pub fn metrics(snapshot: &Snapshot) -> String {
    let mut text = Text { text: String::new(), pipeline: label(&snapshot.pipeline) };
    let of_stages: OfStages<9> = [
        ("requests_sent_total", "Requests that left, each attempt one.", |stage| stage.requests),
        ("documents_fetched_total", "Documents that came.", |stage| stage.documents),
        ("document_bytes_total", "Bytes of documents, decompressed.", |stage| stage.bytes),
        ("documents_missing_total", "Answers that there is no such thing (404).", |stage| stage.missing),
        ("documents_from_store_total", "Documents that were kept from before.", |stage| stage.from_store),
        ("items_failed_total", "Items for which asking ended without an answer.", |stage| stage.failed),
        ("requests_retried_total", "Attempts that were followed by another.", |stage| stage.retries),
        ("requests_refused_total", "Answers of 429 and 503.", |stage| stage.refused),
        ("items_found_total", "Items that were found in documents.", |stage| stage.found),
    ];
    for (name, help, read) in of_stages {
        text.begin(name, "counter", help);
        for stage in &snapshot.stages {
            text.sample(name, &[("stage", &stage.id)], read(stage));
        }
    }
    let gauges: OfStages<3> = [
        ("stage_in_flight", "Values in the hands of a stage.", |stage| stage.hours.busy),
        ("stage_workers", "Values that it may have in its hands.", |stage| stage.hours.workers),
        ("stage_queue", "Values that wait before it.", |stage| stage.queue as u64),
    ];
    for (name, help, read) in gauges {
        text.begin(name, "gauge", help);
        for stage in &snapshot.stages {
            text.sample(name, &[("stage", &stage.id)], read(stage));
        }
    }
    let name = "worker_seconds_total";
    text.begin(name, "counter", "Time of a stage's workers, by what they were on.");
    for stage in &snapshot.stages {
        for on in Activity::ALL.iter().filter(|on| !stage.hours.spent(**on).is_zero()) {
            let labels = [("stage", stage.id.as_str()), ("activity", on.name())];
            text.sample(name, &labels, stage.hours.spent(*on).as_secs_f64());
        }
    }
    latency(&mut text, snapshot);
    text.begin("rows_written_total", "counter", "Rows that were handed to a table's writer.");
    for table in &snapshot.tables {
        text.sample("rows_written_total", &[("table", &table.name)], table.rows);
    }
    text.begin("rows_dropped_total", "counter", "Rows that were dropped.");
    for table in &snapshot.tables {
        text.sample("rows_dropped_total", &[("table", &table.name)], table.dropped);
    }
    text.begin("gate_open", "gauge", "1 while requests may be sent, 0 after a 429 or 503.");
    text.sample("gate_open", &[], u64::from(snapshot.gate.is_none()));
    if let Some(rate) = snapshot.layout.rate {
        text.begin("rate_limit", "gauge", "Requests a second that the run is held to.");
        text.sample("rate_limit", &[], rate.per_second());
    }
    text.begin("run_seconds", "gauge", "Time since the command began.");
    text.sample("run_seconds", &[], snapshot.elapsed.as_secs_f64());
    text.text
}

/// Upper ends of the buckets of latency, in seconds.
const BUCKETS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8];

fn latency(text: &mut Text, snapshot: &Snapshot) {
    let name = "request_latency_seconds";
    text.begin(name, "histogram", "From the send to the last byte of an answer.");
    for stage in snapshot.stages.iter().filter(|stage| !stage.latencies.is_empty()) {
        let within = |limit: f64| -> u64 {
            stage
                .latencies
                .iter()
                .filter(|(time, _)| time.as_secs_f64() <= limit)
                .map(|(_, count)| count)
                .sum()
        };
        for limit in BUCKETS {
            text.sample(
                &format!("{name}_bucket"),
                &[("stage", &stage.id), ("le", &limit.to_string())],
                within(limit),
            );
        }
        let all = within(f64::INFINITY);
        text.sample(&format!("{name}_bucket"), &[("stage", &stage.id), ("le", "+Inf")], all);
        let sum: f64 = stage.latencies.iter().map(|(time, count)| time.as_secs_f64() * real(*count)).sum();
        text.sample(&format!("{name}_sum"), &[("stage", &stage.id)], sum);
        text.sample(&format!("{name}_count"), &[("stage", &stage.id)], all);
    }
}

struct Text {
    text: String,
    pipeline: String,
}

impl Text {
    fn begin(&mut self, name: &str, kind: &str, help: &str) {
        // Writing into a string does not fail.
        let _ = write!(self.text, "# HELP tmdb_etl_{name} {help}\n# TYPE tmdb_etl_{name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.text, "tmdb_etl_{name}{{pipeline=\"{}\"", self.pipeline);
        for (key, value) in labels {
            let _ = write!(self.text, ",{key}=\"{}\"", label(value));
        }
        let _ = writeln!(self.text, "}} {value}");
    }
}

/// A label's value, escaped as the format wants it.
fn label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_metric_has_its_kind_and_its_stage() {
        let stage = StageSnapshot {
            id: "mo\"vies".to_owned(),
            requests: 7,
            latencies: vec![(Duration::from_millis(80), 3), (Duration::from_mins(1), 1)],
            ..StageSnapshot::default()
        };
        let snapshot = Snapshot { pipeline: "marvel".to_owned(), stages: vec![stage], ..Snapshot::default() };
        let text = metrics(&snapshot);
        let lines: Vec<&str> = text.lines().collect();
        for line in [
            r#"tmdb_etl_requests_sent_total{pipeline="marvel",stage="mo\"vies"} 7"#,
            r#"tmdb_etl_request_latency_seconds_bucket{pipeline="marvel",stage="mo\"vies",le="0.05"} 0"#,
            r#"tmdb_etl_request_latency_seconds_bucket{pipeline="marvel",stage="mo\"vies",le="0.1"} 3"#,
            r#"tmdb_etl_request_latency_seconds_bucket{pipeline="marvel",stage="mo\"vies",le="+Inf"} 4"#,
            r#"tmdb_etl_gate_open{pipeline="marvel"} 1"#,
        ] {
            assert!(lines.contains(&line), "{line} is not in\n{text}");
        }
        for line in &lines {
            let known = |name: &str| lines.iter().any(|other| other.starts_with(&format!("# TYPE {name} ")));
            let name = line.split(['{', ' ']).next().unwrap();
            let base = name.trim_end_matches("_bucket").trim_end_matches("_sum").trim_end_matches("_count");
            assert!(line.starts_with('#') || known(name) || known(base), "{line}");
        }
    }
}
