//! Everything that can happen in a run, one documented enum.
//!
//! The engine and its stages only tell; `crate::report` only listens. Nothing is decided by who listens,
//! and no event ever holds a credential, a header or a body.

mod account;
#[cfg(test)]
mod account_tests;
mod gauge;
mod hours;
#[cfg(test)]
pub(crate) mod simulated;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

pub use account::{Account, Opened, Shift, Span};
pub use gauge::Gauge;
pub use hours::{Activity, Hours};

use crate::spec::StageId;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A run began, after its file was found valid and before the first request.
    RunStarted {
        /// The run's id.
        run: String,
        /// The pipeline's name.
        pipeline: String,
        /// Where documents come from, without any credential.
        source: String,
    },
    /// It goes on with an unfinished run.
    RunResumed {
        /// When that began.
        since: Timestamp,
        /// Documents that are kept and may serve it.
        documents: u64,
    },
    /// What a killed run left was finished or swept away.
    StateRecovered {
        /// The run whose half-done publish was finished.
        run: Option<String>,
        /// Its tables, now all visible.
        published: Vec<PathBuf>,
        /// Staged files of dead runs that were removed.
        swept: usize,
    },
    /// A stage began. Where its time goes and what waits before it can be read from now on.
    StageStarted {
        /// The stage.
        stage: StageId,
        /// Where the time of its workers goes.
        account: Arc<Account>,
        /// Values that wait before it.
        queue: Gauge,
        /// How many may wait there.
        buffer: usize,
    },
    /// A seed handed an item to its readers.
    ItemSeeded {
        /// The seed.
        stage: StageId,
    },
    /// Rows of a seed's file gave no item: they are empty.
    RowsSkipped {
        /// The seed.
        stage: StageId,
        /// How many.
        count: u64,
    },
    /// A list of a seed has more than it gave.
    ListIncomplete {
        /// The seed.
        stage: StageId,
        /// Its first page, without credential.
        request: String,
        /// What is lacking, and why.
        why: ListLoss,
    },
    /// A file came whole from the API's file host: an export of ids.
    FileFetched {
        /// The seed.
        stage: StageId,
        /// Its path there.
        file: String,
        /// As it is sent, compressed.
        bytes: u64,
    },
    /// A fetch stage took on an item that it had not seen before.
    ItemAdmitted {
        /// The fetch stage.
        stage: StageId,
    },
    /// A request left for the API (each attempt is one).
    RequestSent {
        /// The stage that asks.
        stage: StageId,
    },
    /// An attempt came to nothing and another will follow.
    RequestRetried {
        /// The stage that asks.
        stage: StageId,
        /// What was asked for, without credential.
        request: String,
        /// What went wrong.
        reason: String,
        /// How long this request backs off.
        wait: Duration,
    },
    /// An attempt was answered with 429 or 503, and another will follow when the gate opens.
    RequestRefused {
        /// The stage that asks.
        stage: StageId,
        /// 429 or 503.
        status: u16,
    },
    /// The API asked everybody to slow down.
    GateClosed {
        /// 429 or 503.
        status: u16,
        /// How long nobody sends.
        wait: Duration,
    },
    /// The rate that the file leaves to be found has changed.
    RateFound {
        /// Requests in a second.
        per_second: f64,
    },
    /// An answer arrived that is a document.
    DocumentFetched {
        /// The stage that asked.
        stage: StageId,
        /// Size of the body, in bytes, decompressed.
        bytes: usize,
        /// From the last send to the body's last byte.
        latency: Duration,
    },
    /// The API says that there is no such thing (404).
    DocumentMissing {
        /// The stage that asked.
        stage: StageId,
        /// From the last send to the answer.
        latency: Duration,
    },
    /// An answer was there without a request of this stage.
    AnswerReused {
        /// The stage that asked.
        stage: StageId,
        /// Where it was.
        from: Origin,
        /// Size of the document, in bytes; `None` for a 404.
        bytes: Option<usize>,
    },
    /// Asking ended without an answer.
    ItemFailed {
        /// The stage that asked.
        stage: StageId,
        /// What was asked for, without credential.
        request: String,
        /// What went wrong the last time.
        error: String,
        /// Whether it was asked for; not if its endpoint had failed for too long.
        asked: bool,
    },
    /// Items of a stage failed one after the other: its endpoint is probed, one attempt at a time.
    CircuitOpened {
        /// The stage that asks.
        stage: StageId,
        /// How many in a row.
        failures: u32,
        /// Why the last of them did.
        reason: String,
    },
    /// The endpoint of a stage answers again.
    CircuitClosed {
        /// The stage that asks.
        stage: StageId,
        /// How long it was probed.
        open_for: Duration,
    },
    /// An item is finished, as the API has no such thing (404).
    ItemMissing {
        /// The stage that asked.
        stage: StageId,
        /// What was asked for, without credential.
        request: String,
    },
    /// An expand looked through a document.
    ItemsFound {
        /// The expand stage.
        stage: StageId,
        /// Items after `take`.
        count: usize,
    },
    /// Expressions of a stage ended in an error, which counts as false, none or null.
    ExpressionFailed {
        /// The stage.
        stage: StageId,
        /// How many times.
        count: u64,
        /// Why the first did, cut short.
        reason: String,
    },
    /// A stage handed its last thing on.
    StageFinished {
        /// The stage.
        stage: StageId,
    },
    /// Documents became rows, which now wait for their batch to fill.
    RowsDecoded {
        /// The project stage.
        table: StageId,
        /// How many.
        rows: usize,
    },
    /// Rows were handed to a table's writer.
    RowsWritten {
        /// The project stage.
        table: StageId,
        /// How many.
        rows: usize,
    },
    /// A value did not fit its column, or a row was dropped.
    TableCounted {
        /// The project stage.
        table: StageId,
        /// Rows dropped for a `required` column or `on_mismatch: drop`.
        dropped_rows: u64,
        /// What columns lost; only those that lost something.
        columns: Vec<ColumnLoss>,
    },
    /// A table is in its place.
    TablePublished {
        /// The project stage.
        table: StageId,
        /// Where.
        path: PathBuf,
        /// How many rows.
        rows: u64,
        /// How many bytes.
        bytes: u64,
        /// What no row has a value in.
        empty: Vec<EmptyColumn>,
    },
}

/// What a list did not give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListLoss {
    /// It has more pages than TMDB gives.
    TooLong {
        /// So many.
        pages: u32,
    },
    /// It moved faster than it could be read.
    Restless,
    /// Entries without a date, which are in no slice of days.
    Undated {
        /// About so many.
        rows: u64,
    },
}

/// Where an answer was that needed no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Among the kept documents.
    Store,
    /// On its way to another stage.
    Flight,
}

/// What a column lost, or a place within its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnLoss {
    /// The column, or a place such as `directors[].name`.
    pub name: String,
    /// Values that did not fit.
    pub mismatches: u64,
    /// Rows on which the expression failed.
    pub errors: u64,
    /// The type and the first value that did not fit it, with its item, cut short; of one place of each column.
    pub misfit: Option<(String, String)>,
    /// Why the expression failed first, with the item, cut short.
    pub failure: Option<String>,
}

/// A column of a published table, or a field within one, that is null in every row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmptyColumn {
    /// The column, as in `title`, `director.name` or `genres[].id`.
    pub name: String,
    /// What to ask about the pipeline file.
    pub question: String,
}

/// Hears events, on whatever thread they happen; must be quick and never block.
pub trait Listener: Send + Sync {
    /// Called once for each event.
    fn hear(&self, event: &Event);
}

/// Tells several listeners, in order.
impl Listener for Vec<std::sync::Arc<dyn Listener>> {
    fn hear(&self, event: &Event) {
        for listener in self {
            listener.hear(event);
        }
    }
}
