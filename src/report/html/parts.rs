//! Pieces of the page that are no charts: tables, stacked bars of time, figures.

use std::collections::BTreeMap;
use std::time::Duration;

use maud::{Markup, html};

use crate::event::Activity;
use crate::report::figures::{bytes, count, percent, time};
use crate::report::record::{Record, StageRecord};

/// Seconds as people read them.
pub(super) fn seconds(seconds: f64) -> String {
    time(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// Milliseconds as people read them.
pub(super) fn ms(ms: Option<f64>) -> String {
    ms.map_or_else(
        || "–".to_owned(),
        |ms| if ms < 10.0 { format!("{ms:.1} ms") } else { seconds(ms / 1000.0) },
    )
}

/// The figures under the verdict.
pub(super) fn figures(record: &Record) -> Markup {
    let totals = &record.totals;
    let mut figures = vec![
        (count(totals.rows), "rows published".to_owned()),
        (seconds(record.seconds), "from start to end".to_owned()),
        (count(totals.requests), "requests".to_owned()),
    ];
    if let Some(rate) = totals.requests_per_second {
        let of =
            totals.rate_share.map_or_else(String::new, |share| format!(", {} of the rate", percent(share)));
        figures.push((format!("{rate:.1}/s"), format!("requests{of}")));
    }
    figures.push((bytes(totals.document_bytes), format!("{} documents", count(totals.documents))));
    if totals.from_store > 0 {
        figures.push((count(totals.from_store), "documents kept from before".to_owned()));
    }
    if totals.p50_ms.is_some() {
        figures.push((ms(totals.p50_ms), format!("median answer, p99 {}", ms(totals.p99_ms))));
    }
    figures.push((count(totals.failed), format!("failed, {} missing", count(totals.missing))));
    figures.push((count(totals.retries), format!("retries, {} after 429 or 503", count(totals.refused))));
    if let Some(cpu) = totals.cpu_seconds {
        let per_row =
            totals.cpu_micros_per_row.map_or_else(String::new, |micros| format!(", {micros:.0} µs a row"));
        figures.push((seconds(cpu), format!("of processors{per_row}")));
    }
    if let Some(memory) = totals.memory_bytes_max {
        figures.push((bytes(memory), "memory at its peak".to_owned()));
    }
    html! { div.figures { @for (figure, what) in figures { div { b { (figure) } span { (what) } } } } }
}

/// What an activity is called for people.
fn words(activity: &str) -> &'static str {
    match activity {
        "input" => "waiting for input",
        "output" => "waiting for output",
        "stage_rate" => "waiting for its own rate",
        "connection" => "waiting for a connection",
        "gate" => "behind the gate (429, 503)",
        "rate" => "waiting for the rate",
        "network" => "waiting for answers",
        "backoff" => "waiting to try again",
        "store" => "kept documents",
        "memory" => "waiting for memory",
        "flight" => "waiting for the same request",
        "decoding" => "decoding",
        "working" => "other work",
        "batches" => "waiting for rows",
        "writing" => "writing",
        _ => "other",
    }
}

/// Where the time of every stage went.
pub(super) fn time_spent(record: &Record) -> Markup {
    let bar = |name: String, spent: &BTreeMap<String, f64>| {
        let total: f64 = spent.values().sum();
        let parts = Activity::ALL.iter().filter_map(|on| Some((on.name(), *spent.get(on.name())?)));
        let shares: Vec<(&str, f64)> = parts.map(|(on, time)| (on, time / total)).collect();
        html! {
            span { (name) }
            div.stack {
                @for (on, share) in shares {
                    i style={ "width:" (format!("{:.3}", share * 100.0)) "%;background:var(--" (on) ")" }
                      title={ (words(on)) ": " (percent(share)) } data-share=(format!("{share:.4}")) {}
                }
            }
        }
    };
    let used = |on: &Activity| {
        record.stages.iter().any(|stage| {
            stage.worker_seconds.contains_key(on.name()) || stage.writer_seconds.contains_key(on.name())
        })
    };
    html! {
        div.time {
            @for stage in &record.stages {
                @if !stage.worker_seconds.is_empty() { (bar(stage.name.clone(), &stage.worker_seconds)) }
                @if !stage.writer_seconds.is_empty() {
                    (bar(format!("{} (file)", stage.name), &stage.writer_seconds))
                }
            }
        }
        ul.legend {
            // Waiting for rows has the colour of waiting for input.
            @for on in Activity::ALL.iter().filter(|on| **on != Activity::Batches && used(on)) {
                li { i style={ "background:var(--" (on.name()) ")" } {} (words(on.name())) }
            }
        }
    }
}

/// Counts of every stage.
pub(super) fn stages(record: &Record) -> Markup {
    let settings = |stage: &StageRecord| {
        let rate = stage.rate_per_second.map_or_else(String::new, |rate| format!(", {rate}/s"));
        match stage.kind.as_str() {
            "seed" => String::new(),
            "project" => format!("buffer {}", stage.buffer),
            _ => format!("concurrency {}, buffer {}{rate}", stage.concurrency, stage.buffer),
        }
    };
    html! {
        div.scroll { table {
            tr { th { "stage" } th { "kind" } th.n { "items" } th.n { "requests" } th.n { "missing" } th.n { "failed" }
                 th.n { "retries" } th.n { "p50" } th.n { "p95" } th.n { "p99" } th { "settings" } }
            @for stage in &record.stages {
                tr {
                    td { (stage.name) } td { (stage.kind) }
                    td.n { (if stage.kind == "project" { "–".to_owned() } else { count(stage.items) }) }
                    td.n { (count(stage.requests)) } td.n { (count(stage.missing)) } td.n { (count(stage.failed)) }
                    td.n { (count(stage.retries)) }
                    td.n { (ms(stage.latency.p50_ms)) } td.n { (ms(stage.latency.p95_ms)) } td.n { (ms(stage.latency.p99_ms)) }
                    td { (settings(stage)) }
                }
            }
        } }
    }
}

/// Tables and where they are.
pub(super) fn tables(record: &Record) -> Markup {
    html! {
        div.scroll { table {
            tr { th { "table" } th.n { "rows" } th.n { "size" } th.n { "did not fit" } th { "file" } }
            @for table in &record.tables {
                tr {
                    td { (table.name) } td.n { (count(table.rows)) }
                    td.n { (table.bytes.map_or_else(|| "–".to_owned(), bytes)) }
                    td.n { (count(table.mismatches)) }
                    td.text { (table.path.as_deref().unwrap_or("not published")) }
                }
            }
        } }
    }
}

/// What failed, by kind and the first of them.
pub(super) fn failures(record: &Record) -> Markup {
    html! {
        @for list in &record.incomplete_lists { p.note { (list) } }
        @if record.failure_kinds.is_empty() { p.note { "Nothing failed." } }
        @else {
            table {
                tr { th { "what" } th.n { "times" } }
                @for (kind, times) in &record.failure_kinds { tr { td.text { (kind) } td.n { (count(*times)) } } }
            }
        }
        @if !record.failures.is_empty() {
            h3 { @if record.totals.failed > record.failures.len() as u64 {
                "the first " (record.failures.len()) " of " (count(record.totals.failed)) " failed items"
            } @else { "failed items" } }
            table { @for failure in &record.failures {
                tr { td { (failure.stage) } td.text { (failure.request) } td.text { (failure.error) } }
            } }
        }
    }
}

/// What the run was held to.
pub(super) fn settings(record: &Record) -> Markup {
    let settings = &record.settings;
    let rate = settings.rate_per_second.map_or_else(|| "none".to_owned(), |rate| format!("{rate}/s"));
    let limit = settings
        .limit
        .map_or_else(|| "none".to_owned(), |limit| format!("{} items of each seed", count(limit)));
    html! {
        table {
            tr { td { "api.rate" } td.text { (rate) } }
            tr { td { "api.connections" } td.text { (settings.connections) } }
            tr { td { "--limit" } td.text { (limit) } }
            tr { td { "source" } td.text { (record.source) } }
            tr { td { "run" } td.text { (record.run) } }
            tr { td { "program" } td.text { (record.tool) } }
        }
    }
}
