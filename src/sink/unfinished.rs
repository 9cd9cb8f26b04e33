//! The record of a logical run that has not published yet: `run.json` in the state folder. While it is there, the next
//! attempt of the same pipeline may go on with that run.
//!
//! Does not belong here: whether it does (`crate::run`), and the documents that make it worth while (`crate::store`).
//!
//! Invariant: it is written before the first request of its run, and removed after its publish; a crash in between leaves a
//! record that names a run whose tables are published, which their manifests tell.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::disk::{Disk, temporary_name};
use super::error::SinkError;
use super::lock::Lock;
use super::manifest::{decode, timestamp};

const VERSION: u32 = 1;
const FILE: &str = "run.json";

/// A logical run from its first attempt to its publish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    version: u32,
    /// Its id.
    pub run: String,
    /// When its first attempt began.
    #[serde(with = "timestamp")]
    pub started_at: Timestamp,
    /// Documents of earlier runs serve it if they were fetched then or later: the same in every attempt, so that what served
    /// the first is not too old for the second.
    #[serde(with = "timestamp")]
    pub not_before: Timestamp,
    /// Its params: with others it is another run.
    pub params: Map<String, Value>,
    /// Where its documents come from.
    pub source: String,
}

impl Unfinished {
    /// A run that begins now.
    pub fn new(
        run: String,
        started_at: Timestamp,
        not_before: Timestamp,
        params: Map<String, Value>,
        source: String,
    ) -> Self {
        Self { version: VERSION, run, started_at, not_before, params, source }
    }

    /// The record in the state folder of a pipeline; none if its last run has published.
    pub fn read(state: &Path) -> Result<Option<Self>, SinkError> {
        let path = path(state);
        match Disk::default().read(&path)? {
            Some(text) => decode("record of an unfinished run", &path, &text, VERSION).map(Some),
            None => Ok(None),
        }
    }

    /// Writes it, durably, in place of the one that is there.
    pub fn write(&self, lock: &Lock) -> Result<(), SinkError> {
        let text = serde_json::to_vec_pretty(self).expect("a record is plain data");
        Disk::default().replace(&path(lock.state_dir()), &text)
    }

    /// Removes the record, durably.
    pub fn remove(lock: &Lock) -> Result<(), SinkError> {
        let disk = Disk::default();
        disk.remove(&temporary_name(&path(lock.state_dir())))?;
        if disk.remove(&path(lock.state_dir()))? {
            disk.sync_folder(lock.state_dir())?;
        }
        Ok(())
    }
}

fn path(state: &Path) -> PathBuf {
    state.join(FILE)
}
