//! What a publish does for Delta tables, whose log others may write to at any time.
//!
//! Does not belong here: the order of the steps over all tables (`commit`), and the log (`delta`).
//!
//! Invariant: names of files are in the journal before the files are in a table, so that a recovery knows which of them are
//! nobody's.

use std::path::{Path, PathBuf};

use super::TableSpec;
use super::commit::{Commit, State};
use super::delta::{self, Ready};
use super::disk::Disk;
use super::error::SinkError;
use super::journal::Journal;
use super::staged::{Place, StagedDelta, staged_name};
use crate::spec::{DeltaLayout, Layout, StoreUrl};

/// How often a commit to a Delta table is worked out again because others were first: each time costs as much as the first.
const DELTA_TRIES: u32 = 20;

/// Where a Delta table is staged: beside its folder, so that files move into it by a rename; one in a store in the state folder.
pub(super) fn delta_place(spec: &TableSpec, layout: &DeltaLayout, run: &str, state: &Path) -> Place {
    // Names in a log are for ever, and a run may stage more than once.
    let generation = format!("{run}-{:08x}", fastrand::u32(..));
    let delta = StagedDelta { generation, layout: layout.clone(), spec: spec.clone() };
    let beside = StoreUrl::of(&spec.path).map_or_else(|| spec.path.clone(), |url| state.join(url.name()));
    Place { staged: staged_name(&beside), folder: None, delta: Some(Box::new(delta)) }
}

impl Commit {
    /// Works out the commit of a Delta table anew, if it has to be, and brings its files to where it will name them.
    pub(super) fn ready_delta(&self, journal: &mut Journal, at: usize) -> Result<(), SinkError> {
        match delta::ready(&self.disk, &mut journal.tables[at])? {
            Ready::Committed => return Ok(()),
            Ready::Anew => journal.write(&self.disk, self.state())?,
            Ready::AsItWas => {}
        }
        delta::place(&self.disk, &journal.tables[at])
    }

    /// Commits to a Delta table, behind whoever comes between.
    pub(super) fn commit_delta(
        &self,
        journal: &mut Journal,
        at: usize,
        path: &Path,
    ) -> Result<(), SinkError> {
        for _ in 0..DELTA_TRIES {
            if delta::commit(&self.disk, &journal.tables[at])? {
                return Ok(());
            }
            self.ready_delta(journal, at)?;
        }
        Err(SinkError::DeltaBusy { path: path.to_path_buf(), tries: DELTA_TRIES })
    }

    /// Removes what was staged for Delta tables and did not move into them. What cannot be removed stays in the list of staged
    /// files: it is taken out of `gone`.
    pub(super) fn clear_deltas(&self, journal: &Journal, gone: &mut Vec<PathBuf>) {
        for entry in journal.tables.iter().filter(|entry| entry.delta.is_some()) {
            if self.disk.remove_staged(&entry.staged).is_err() {
                gone.retain(|name| *name != entry.staged);
            }
        }
    }
}

/// The Delta tables that are yet to be committed: their places in the journal, and their paths.
pub(super) fn staged_deltas(journal: &Journal, states: &[State]) -> Vec<(usize, PathBuf)> {
    let tables = journal.tables.iter().zip(states).enumerate();
    let staged = tables.filter(|(_, (entry, state))| entry.delta.is_some() && **state == State::Staged);
    staged.map(|(at, (entry, _))| (at, entry.path.clone())).collect()
}

/// Refuses what a Delta table would refuse in the end.
pub(super) fn check_delta(disk: &Disk, spec: &TableSpec) -> Result<(), SinkError> {
    match &spec.layout {
        Layout::Delta(layout) => delta::check(disk, spec, layout),
        Layout::File | Layout::Folder(_) => Ok(()),
    }
}
