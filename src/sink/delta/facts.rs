//! What this program remembers of a load, in the log's own places.
//!
//! | what | where |
//! |---|---|
//! | source, pipeline, table | properties of the table, from its first commit on |
//! | run, counts, columns, rows and files after it | parameters of the operation (`commitInfo`) of each load |
//! | the run's number | `txn`, by which a second attempt is known |
//!
//! Does not belong here: what is made of it (`crate::sink::manifest`).
//!
//! Invariant: nothing of it is needed to read the table, and a log without it, or one whose old commits were cleaned away, is
//! only one that tells less.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{Array as _, AsArray as _, MapArray};
use delta_kernel::commit_range::{CommitOrdering, CommitRange, DeltaAction};
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::{KernelError, SnapshotRef};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::columns::to_arrow;
use super::table::{Table, absolute, apart};
use crate::sink::disk::Disk;
use crate::sink::error::SinkError;
use crate::sink::facts::{FileFacts, Load, TableColumn};
use crate::sink::manifest::{HISTORY_MAX, Manifest, RunFacts};
use crate::sink::nulls::ColumnFacts;
use crate::sink::{fingerprint, type_words};

/// The parameter of an operation that holds [`Noted`], as JSON.
const NOTED: &str = "tmdb-etl";
/// Properties of the table.
pub(super) const SOURCE: &str = "tmdb-etl.source";
pub(super) const PIPELINE: &str = "tmdb-etl.pipeline";
pub(super) const TABLE: &str = "tmdb-etl.table";

/// What is noted of a load.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Noted {
    pub table: String,
    #[serde(flatten)]
    pub facts: RunFacts,
    pub columns: Vec<ColumnFacts>,
    pub load: Load,
}

impl Noted {
    /// As parameters of the operation, beside those that every reader of a history knows.
    pub fn parameters(&self, partition_by: &[String]) -> BTreeMap<String, Option<String>> {
        let mode = self.load.mode.to_string();
        let json = |value: &dyn Fn() -> serde_json::Result<String>| value().expect("plain data");
        BTreeMap::from([
            ("mode".to_owned(), Some(mode)),
            ("partitionBy".to_owned(), Some(json(&|| serde_json::to_string(partition_by)))),
            (NOTED.to_owned(), Some(json(&|| serde_json::to_string(self)))),
        ])
    }
}

impl Table {
    /// What is noted of the last loads, the newest first, each with its version.
    pub fn noted(&self, snapshot: &SnapshotRef) -> Result<Vec<(u64, Noted)>, SinkError> {
        let refused = |error| self.refused("read the history of", error);
        let latest = snapshot.version();
        let range = |start: u64| {
            CommitRange::builder_for(self.url.as_str(), start)
                .with_end_version(latest)
                .with_ordering(CommitOrdering::DescendingOrder)
                .build(self.engine.as_ref())
        };
        let range = match range(latest.saturating_sub(HISTORY_MAX as u64 - 1)) {
            // Commits before it were cleaned away.
            Err(KernelError::StartVersionNotFound { earliest, .. }) => range(earliest),
            Err(KernelError::EmptyLog) => return Ok(Vec::new()),
            other => other,
        };
        let range = range.map_err(refused)?;
        let mut noted = Vec::new();
        let commits =
            range.commits(self.engine.clone(), None, &[DeltaAction::CommitInfo]).map_err(refused)?;
        for commit in commits {
            let commit = commit.map_err(refused)?;
            for actions in commit.get_actions(self.engine.as_ref()).map_err(refused)? {
                let actions =
                    ArrowEngineData::try_from_engine_data(actions.map_err(refused)?).map_err(refused)?;
                let Some(infos) = actions.record_batch().column_by_name("commitInfo") else { continue };
                let Some(parameters) = infos.as_struct().column_by_name("operationParameters") else {
                    continue;
                };
                let found = (0..infos.len()).filter(|row| infos.is_valid(*row));
                let found = found.filter_map(|row| parameter(parameters.as_map(), row));
                // What another version of this program noted, and this one cannot read, tells nothing.
                noted.extend(
                    found.filter_map(|text| Some((commit.version(), serde_json::from_str(&text).ok()?))),
                );
            }
        }
        Ok(noted)
    }
}

fn parameter(parameters: &MapArray, row: usize) -> Option<String> {
    if parameters.is_null(row) {
        return None;
    }
    let entries = parameters.value(row);
    let (names, values) = (entries.column(0).as_string::<i32>(), entries.column(1).as_string::<i32>());
    let at = (0..entries.len()).find(|at| names.value(*at) == NOTED && values.is_valid(*at))?;
    Some(values.value(at).to_owned())
}

/// What is known of the Delta table at `path`; none where there is no table, or one that others made and no load of ours.
pub(in crate::sink) fn manifest(path: &Path) -> Result<Option<Manifest>, SinkError> {
    apart(|| read_manifest(path))
}

fn read_manifest(path: &Path) -> Result<Option<Manifest>, SinkError> {
    let table = Table::look_at(&Disk::default(), &absolute(path)?)?;
    let Some(snapshot) = table.snapshot()? else { return Ok(None) };
    let mut noted = table.noted(&snapshot)?;
    let history = noted.iter().rev().map(|(_, noted)| noted.load.clone()).collect();
    let last = (!noted.is_empty()).then(|| noted.remove(0).1);
    let property = |name: &str| snapshot.metadata_configuration().get(name).cloned();
    let (name, columns, facts) = match (last, property(SOURCE)) {
        (Some(noted), _) => (noted.table, noted.columns, noted.facts),
        (None, Some(source)) => {
            let facts = RunFacts {
                run: String::new(),
                pipeline: property(PIPELINE).unwrap_or_default(),
                source,
                started_at: Timestamp::UNIX_EPOCH,
                finished_at: Timestamp::UNIX_EPOCH,
                counts: serde_json::Value::Null,
                tool_version: String::new(),
            };
            (property(TABLE).unwrap_or_default(), Vec::new(), facts)
        }
        (None, None) => return Ok(None),
    };
    let schema = to_arrow(path, &snapshot.schema())?;
    let files = table.live(&snapshot)?.into_iter().map(|file| FileFacts {
        rows: file.rows().unwrap_or_default(),
        bytes: file.bytes,
        path: file.path,
        digest: String::new(),
        run: String::new(),
        ranges: Vec::new(),
    });
    let files: Vec<FileFacts> = files.collect();
    Ok(Some(Manifest {
        version: Manifest::VERSION,
        table: name,
        rows: files.iter().map(|file| file.rows).sum(),
        bytes: files.iter().map(|file| file.bytes).sum(),
        digest: String::new(),
        // Of a table that others changed there may be none.
        schema_fingerprint: fingerprint("", &schema).unwrap_or_default(),
        columns,
        schema: schema
            .fields()
            .iter()
            .map(|field| TableColumn {
                name: field.name().clone(),
                column_type: type_words(field),
                required: !field.is_nullable(),
            })
            .collect(),
        generation: None,
        files,
        history,
        facts,
    }))
}
