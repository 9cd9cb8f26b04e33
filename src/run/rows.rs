//! Rows of the ports `failed` and `missing`: what was asked for and how it ended, as documents, so that tables read
//! them like any other.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::plan::{Document, Item};
use crate::spec::{Port, StageId};
use crate::tmdb::Failure;

/// How asking for one thing ended, if not with a document.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    /// `.failed` or `.missing`.
    pub port: Port,
    /// The row.
    pub row: Document,
}

#[derive(Serialize)]
struct Row<'a> {
    item: &'a Value,
    parent: Option<&'a Value>,
    key: &'a str,
    stage: &'a str,
    status: Option<u16>,
    attempts: Option<u32>,
    error: Option<String>,
    depth: u32,
}

/// The API answered 404 to `key` (a request in canonical form) for `item`.
pub(super) fn missing(stage: &StageId, item: &Item, key: &str) -> Ending {
    ending(Port::Missing, stage, item, key, Some(404), None)
}

/// Asking for `key` ended in a failure.
pub(super) fn failed(stage: &StageId, item: &Item, key: &str, failure: &Failure) -> Ending {
    ending(Port::Failed, stage, item, key, failure.reason.status(), Some(failure))
}

fn ending(
    port: Port,
    stage: &StageId,
    item: &Item,
    key: &str,
    status: Option<u16>,
    failure: Option<&Failure>,
) -> Ending {
    let row = Row {
        item: &item.fields,
        parent: item.parent.as_deref(),
        key,
        stage: stage.as_str(),
        status,
        attempts: failure.map(|failure| failure.attempts),
        error: failure.map(|failure| failure.reason.to_string()),
        depth: item.depth,
    };
    let body = serde_json::to_vec(&row).expect("a row of strings, numbers and JSON values can be written");
    Ending { port, row: Document::new(item.clone(), Bytes::from(body), Timestamp::UNIX_EPOCH) }
}
