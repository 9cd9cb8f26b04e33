//! The files that count in a version of the table.
//!
//! Invariant: every file that the log has at that version is told, and no other.

use std::path::{Path, PathBuf};

use arrow::array::{Array as _, AsArray as _, MapArray, RecordBatch, StructArray};
use arrow::datatypes::Int64Type;
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::{FilteredEngineData, KernelResult, SnapshotRef};
use serde_json::Value;

use super::table::{Table, absolute, apart};
use crate::sink::disk::Disk;
use crate::sink::error::SinkError;

/// A file of the table.
#[derive(Clone, Debug)]
pub(super) struct Live {
    /// Its name in the log: relative to the table, and escaped as in a URL.
    pub path: String,
    pub bytes: u64,
    /// What the log says of its rows: `numRecords`, `minValues`, `maxValues`.
    pub stats: Value,
    /// Its values of the columns that are in the names of folders.
    pub partition: Vec<(String, Option<String>)>,
    /// Whether some of its rows are taken out by a file beside it.
    pub has_deletions: bool,
}

impl Live {
    pub fn rows(&self) -> Option<u64> {
        self.stats.get("numRecords").and_then(Value::as_u64)
    }
}

impl Table {
    /// Its files at a version.
    pub fn live(&self, snapshot: &SnapshotRef) -> Result<Vec<Live>, SinkError> {
        let mut live = Vec::new();
        self.scan(snapshot, |files, selected| {
            for row in (0..files.num_rows()).filter(|row| selected[*row]) {
                live.push(file(files, row));
            }
        })?;
        Ok(live)
    }

    /// The log's own rows of the files that `goes` holds for, as a commit that removes them wants them.
    pub fn removals(
        &self,
        snapshot: &SnapshotRef,
        goes: impl Fn(&str) -> bool,
    ) -> Result<Vec<FilteredEngineData>, SinkError> {
        let mut removals = Vec::new();
        self.scan(snapshot, |files, selected| {
            let paths = column(files, "path").as_string::<i32>();
            let selection = selected.iter().enumerate().map(|(row, it)| *it && goes(paths.value(row)));
            removals.push((files.clone(), selection.collect::<Vec<bool>>()));
        })?;
        let removals = removals.into_iter().filter(|(_, selection)| selection.contains(&true));
        removals
            .map(|(files, selection)| {
                FilteredEngineData::try_new(Box::new(ArrowEngineData::new(files)), selection)
            })
            .collect::<KernelResult<_>>()
            .map_err(|error| self.refused("read the files of", error))
    }

    fn scan(
        &self,
        snapshot: &SnapshotRef,
        mut take: impl FnMut(&RecordBatch, &[bool]),
    ) -> Result<(), SinkError> {
        let refused = |error| self.refused("read the files of", error);
        let scan = SnapshotRef::clone(snapshot).scan_builder().build().map_err(refused)?;
        for found in scan.scan_metadata(self.engine.as_ref()).map_err(refused)? {
            let (data, mut selected) = found.map_err(refused)?.scan_files.into_parts();
            let files = ArrowEngineData::try_from_engine_data(data).map_err(refused)?;
            // What the selection does not reach is selected.
            selected.resize(files.record_batch().num_rows(), true);
            take(files.record_batch(), &selected);
        }
        Ok(())
    }
}

/// The files of the table at `path`: on the disk, or their addresses.
pub(in crate::sink) fn live_files(path: &Path) -> Result<Vec<PathBuf>, SinkError> {
    let path = absolute(path)?;
    apart(|| {
        let table = Table::look_at(&Disk::default(), &path)?;
        let Some(snapshot) = table.snapshot()? else { return Ok(Vec::new()) };
        table.live(&snapshot)?.iter().map(|file| table.place_of(&file.path)).collect()
    })
}

fn file(files: &RecordBatch, row: usize) -> Live {
    let stats = column(files, "stats").as_string::<i32>();
    let stats = stats.is_valid(row).then(|| stats.value(row));
    let constants = column(files, "fileConstantValues").as_struct();
    let deletions = column(files, "deletionVector");
    let bytes = column(files, "size").as_primitive::<Int64Type>().value(row);
    Live {
        path: column(files, "path").as_string::<i32>().value(row).to_owned(),
        bytes: u64::try_from(bytes).unwrap_or_default(),
        stats: stats.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
        partition: partition(constants, row),
        has_deletions: deletions.is_valid(row),
    }
}

fn partition(constants: &StructArray, row: usize) -> Vec<(String, Option<String>)> {
    let values = constants.column_by_name("partitionValues").expect("the kernel's schema has it");
    let values: &MapArray = values.as_map();
    if values.is_null(row) {
        return Vec::new();
    }
    let entries = values.value(row);
    let (names, values) = (entries.column(0).as_string::<i32>(), entries.column(1).as_string::<i32>());
    let value = |at: usize| values.is_valid(at).then(|| values.value(at).to_owned());
    (0..entries.len()).map(|at| (names.value(at).to_owned(), value(at).filter(|it| !it.is_empty()))).collect()
}

fn column<'a>(files: &'a RecordBatch, name: &str) -> &'a arrow::array::ArrayRef {
    files.column_by_name(name).expect("the kernel's schema has it")
}
