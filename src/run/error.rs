//! How a run can end without a published dataset.

use std::time::Duration;

use super::seed_changes::ChangesError;
use super::seed_export::ExportError;
use super::seed_file::SeedFileError;
use crate::engine::Closed;
use crate::project::ProjectError;
use crate::sink::SinkError;
use crate::store::StoreError;
use crate::tmdb::{Failure, Fatal};

/// Why a run published nothing.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No request can succeed.
    #[error("stage `{stage}`: {fatal}")]
    Fatal {
        /// The stage that learnt it first.
        stage: String,
        /// What it learnt.
        fatal: Fatal,
    },
    /// More items failed than `max_failures` allows.
    #[error(
        "{failed} of {finished} items failed, more than `max_failures: {allowed}` allows; the last was {last}"
    )]
    TooManyFailures {
        /// Failed items.
        failed: u64,
        /// Finished items, those that failed and those that are missing included.
        finished: u64,
        /// The setting.
        allowed: String,
        /// The failure that was one too many, or the last.
        last: String,
        /// The way out of it, where one can be told.
        advice: Option<&'static str>,
    },
    /// A table's `on_mismatch: fail`.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// Writing or publishing.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The documents that are kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file of a seed.
    #[error("stage `{stage}`: {error}")]
    SeedFile {
        /// The seed.
        stage: String,
        /// What is wrong with it.
        error: Box<SeedFileError>,
    },
    /// The export of a seed.
    #[error("stage `{stage}`: {error}")]
    Export {
        /// The seed.
        stage: String,
        /// What is wrong with it.
        error: Box<ExportError>,
    },
    /// The list of changes of a seed.
    #[error("stage `{stage}`: {error}")]
    Changes {
        /// The seed.
        stage: String,
        /// What is wrong with it.
        error: ChangesError,
    },
    /// The list of a seed is not there, or could not be asked for: its first page, without which there is nothing to do.
    #[error("stage `{stage}`: read its list `{request}`: {}", .failure.as_ref().map_or_else(|| "the API has no such list (404)".to_owned(), ToString::to_string))]
    SeedList {
        /// The seed.
        stage: String,
        /// What was asked for.
        request: String,
        /// What went wrong; `None` for a 404.
        failure: Option<Box<Failure>>,
    },
    /// The list of a seed could not be asked for before a run.
    #[error("stage `{stage}`: ask how long its list is: {reason}")]
    Probe {
        /// The seed.
        stage: String,
        /// What went wrong.
        reason: String,
    },
    /// Rows that wait for their turn could not be kept on disk.
    #[error("keep rows of `{table}` that wait for their turn: {reason}")]
    Spool {
        /// The table.
        table: String,
        /// What went wrong.
        reason: String,
    },
    /// An expression that comes to no end.
    #[error("evaluate `{expression}`: no end after {} s on one document", .most.as_secs())]
    Endless {
        /// Its text.
        expression: String,
        /// The bound.
        most: Duration,
    },
    /// A result that waited for its turn on disk could not be read.
    #[error("stage `{stage}`: read a result that waited on disk: {reason}")]
    Stash {
        /// The stage.
        stage: String,
        /// What went wrong.
        reason: String,
    },
    /// A bug in a stage.
    #[error("stage `{stage}` panicked: {message}")]
    Panicked {
        /// The stage.
        stage: String,
        /// The panic's message.
        message: String,
    },
    /// No folder for a trial.
    #[error("make a folder for a trial: {0}")]
    Scratch(String),
    /// Somebody asked the run to stop.
    #[error("the run was stopped")]
    Stopped,
    /// The next stage is gone; why, says that stage.
    #[error(transparent)]
    Closed(#[from] Closed),
}

impl RunError {
    /// Whether another task's error explains this one.
    pub(super) fn is_consequence(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}
