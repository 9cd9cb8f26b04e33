//! Rows of the ports `failed` and `missing`: what was asked for and how it ended, as documents, so that tables read
//! them like any other.
//!
//! Invariant: a row says what the answers say and nothing of the attempt that got them. A 404 is an answer and is kept with its
//! time, so that time is the row's; a failure is no answer, is asked for again by the same command, and has no time, as
//! otherwise a run that was killed would leave other bytes than one that was not.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::stash::{Page, Pen};
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

impl Ending {
    /// Writes it for the time that it waits on disk.
    pub(super) fn write(&self, pen: &mut Pen) {
        pen.number(usize::from(self.port == Port::Failed));
        pen.document(&self.row);
    }

    /// Reads it back.
    pub(super) fn read(page: &mut Page) -> Self {
        let port = if page.number() == 1 { Port::Failed } else { Port::Missing };
        Self { port, row: page.document() }
    }
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

/// The API answered 404 to `key` (a request in canonical form) for `item`, at `fetched_at`.
pub(super) fn missing(stage: &StageId, item: &Item, key: &str, fetched_at: Timestamp) -> Ending {
    let row = Row { status: Some(404), ..row(stage, item, key) };
    row.ending(Port::Missing, item, Some(fetched_at))
}

/// Asking for `key` ended in a failure.
pub(super) fn failed(stage: &StageId, item: &Item, key: &str, failure: &Failure) -> Ending {
    let row = Row {
        status: failure.reason.status(),
        attempts: Some(failure.attempts),
        error: Some(failure.reason.to_string()),
        ..row(stage, item, key)
    };
    row.ending(Port::Failed, item, None)
}

fn row<'a>(stage: &'a StageId, item: &'a Item, key: &'a str) -> Row<'a> {
    Row {
        item: &item.fields,
        parent: item.parent.as_deref(),
        key,
        stage: stage.as_str(),
        status: None,
        attempts: None,
        error: None,
        depth: item.depth,
    }
}

impl Row<'_> {
    fn ending(&self, port: Port, item: &Item, fetched_at: Option<Timestamp>) -> Ending {
        let body =
            serde_json::to_vec(self).expect("a row of strings, numbers and JSON values can be written");
        Ending { port, row: Document::new(item.clone(), Bytes::from(body), fetched_at) }
    }
}
