//! The report for machines. Names are only ever added; null is what is not known.
//!
//! `{version, pipeline, against, server, seconds, warm_up, repeat, cut_short, results, recommended}`; a result is `{settings,
//! rows_per_second, documents_per_second, requests_per_second, share_of_rate, p50_ms, p99_ms, cpu_us_per_row,
//! peak_memory_bytes, refused, failed, trials, outliers, samples, within_noise}`, recommended `{settings, confidence, why}`.

use serde_json::{Map, Value, json};

use super::Report;
use super::judge::Row;
use crate::spec::Change;

/// The report as one JSON object.
pub fn to_json(report: &Report) -> Value {
    let verdict = &report.verdict;
    let recommended = verdict.recommended.as_ref().map(|recommended| {
        json!({
            "settings": settings(&verdict.rows[recommended.row].settings),
            "confidence": rounded(recommended.confidence, 100.0),
            "why": recommended.why,
        })
    });
    json!({
        "version": 1,
        "pipeline": report.pipeline,
        "against": report.against,
        "server": report.server,
        "seconds": report.window.measured.as_secs_f64(),
        "warm_up": report.window.warm_up.as_secs_f64(),
        "repeat": report.repeat,
        "cut_short": report.cut_short,
        "results": verdict.rows.iter().map(result).collect::<Vec<_>>(),
        "recommended": recommended,
    })
}

fn result(row: &Row) -> Value {
    let ms = |time: std::time::Duration| rounded(time.as_secs_f64() * 1000.0, 10.0);
    json!({
        "settings": settings(&row.settings),
        "rows_per_second": rounded(row.rows_per_second, 100.0),
        "documents_per_second": rounded(row.documents_per_second, 100.0),
        "requests_per_second": rounded(row.requests_per_second, 100.0),
        "share_of_rate": row.share_of_rate.map(|share| rounded(share, 1000.0)),
        "p50_ms": row.p50.map(ms),
        "p99_ms": row.p99.map(ms),
        "cpu_us_per_row": row.cpu_us_per_row.map(|cpu| rounded(cpu, 1.0)),
        "peak_memory_bytes": row.peak_bytes,
        "refused": rounded(row.refused, 10_000.0),
        "failed": row.failed,
        "trials": row.trials,
        "outliers": row.outliers,
        "samples": row.samples.iter().map(|sample| rounded(*sample, 100.0)).collect::<Vec<_>>(),
        "within_noise": row.within_noise,
    })
}

fn settings(changes: &[Change]) -> Value {
    let pairs = changes.iter().map(|change| (change.setting.clone(), Value::from(change.value.as_str())));
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn rounded(value: f64, to: f64) -> f64 {
    (value * to).round() / to
}
