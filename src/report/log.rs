//! Events as lines of a log: every one at `debug`, what an operator may want to follow at `info`.

use tracing::{debug, info, warn};

use crate::event::{Event, Listener};

/// Hands events to `tracing`.
#[derive(Clone, Copy, Debug)]
pub struct Log;

impl Listener for Log {
    fn hear(&self, event: &Event) {
        match event {
            Event::RunStarted { run, pipeline, source } => info!(run, pipeline, source, "run started"),
            Event::StateRecovered { run, published, swept } => {
                info!(run, ?published, swept, "state recovered");
            }
            Event::RunResumed { since, documents } => info!(%since, documents, "run resumed"),
            Event::StageStarted { stage, buffer, .. } => debug!(%stage, buffer, "stage started"),
            Event::ItemSeeded { stage } => debug!(%stage, "item seeded"),
            Event::RowsSkipped { stage, count } => debug!(%stage, count, "rows skipped"),
            Event::ListIncomplete { stage, request, why } => {
                warn!(%stage, request, ?why, "list incomplete");
            }
            Event::FileFetched { stage, file, bytes } => info!(%stage, file, bytes, "file fetched"),
            Event::ItemAdmitted { stage } => debug!(%stage, "item admitted"),
            Event::RequestSent { stage } => debug!(%stage, "request sent"),
            Event::RequestRetried { stage, request, reason, wait } => {
                info!(%stage, request, reason, wait_ms = wait.as_millis(), "request retried");
            }
            Event::RequestRefused { stage, status } => debug!(%stage, status, "request refused"),
            Event::RowsDecoded { table, rows } => debug!(%table, rows, "rows decoded"),
            Event::RateFound { per_second } => debug!(per_second, "rate found"),
            Event::GateClosed { status, wait } => {
                info!(status, wait_ms = wait.as_millis(), "gate closed");
            }
            Event::DocumentFetched { stage, bytes, latency } => {
                debug!(%stage, bytes, latency_ms = latency.as_millis(), "document fetched");
            }
            Event::DocumentMissing { stage, latency } => {
                debug!(%stage, latency_ms = latency.as_millis(), "document missing");
            }
            Event::AnswerReused { stage, from, bytes } => debug!(%stage, ?from, bytes, "answer reused"),
            Event::ItemFailed { stage, request, error, .. } => warn!(%stage, request, error, "item failed"),
            Event::CircuitOpened { stage, failures, reason } => {
                warn!(%stage, failures, reason, "circuit opened");
            }
            Event::CircuitClosed { stage, open_for } => {
                info!(%stage, open_for_ms = open_for.as_millis(), "circuit closed");
            }
            Event::ItemMissing { stage, request } => debug!(%stage, request, "item missing"),
            Event::ItemsFound { stage, count } => debug!(%stage, count, "items found"),
            Event::ExpressionFailed { stage, count, reason } => {
                debug!(%stage, count, reason, "expression failed");
            }
            Event::StageFinished { stage } => info!(%stage, "stage finished"),
            Event::RowsWritten { table, rows } => debug!(%table, rows, "rows written"),
            Event::TableCounted { table, dropped_rows, columns } => {
                debug!(%table, dropped_rows, ?columns, "table counted");
            }
            Event::TablePublished { table, path, rows, bytes, empty } => {
                let empty = empty.len();
                info!(%table, path = %path.display(), rows, bytes, empty, "table published");
            }
        }
    }
}
