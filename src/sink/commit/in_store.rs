//! The steps of a publish for tables that are objects in a store.
//!
//! Does not belong here: how a store is asked (`remote`).

use super::{Commit, Entry, Journal, LoadId, RunFacts, SinkError, StagedTable, State, StoreUrl};
use crate::sink::remote::{self, Publish, Stand};
use crate::sink::remote_entry::RemoteEntry;
use std::path::PathBuf;

impl Commit {
    /// Whether a table can be published at `url`; the load that is there is remembered.
    pub(super) fn look_at(&self, url: &StoreUrl) -> Result<PathBuf, SinkError> {
        let load = remote::check(url)?;
        let path = url.path();
        self.seen.lock().expect("nothing panics while it holds this").insert(path.clone(), load);
        Ok(path)
    }

    /// What the journal holds of a staged table: no store is asked, so that nothing that was staged depends on one.
    pub(super) fn in_store_entry(&self, table: &StagedTable, facts: &RunFacts) -> Entry {
        let before: Option<LoadId> =
            self.seen.lock().expect("nothing panics while it holds this").get(&table.path).cloned().flatten();
        Entry {
            staged: table.staged().to_path_buf(),
            path: table.path.clone(),
            link: None,
            delta: None,
            manifest: super::manifest(table, facts),
            remote: Some(RemoteEntry {
                before,
                claim: format!("{}-{:016x}", facts.run, fastrand::u64(..)),
                upload: None,
            }),
        }
    }

    /// How far a crash let a table come.
    pub(super) fn in_store_state(&self, entry: &Entry) -> Result<State, SinkError> {
        let staged = self.disk.digest(&entry.staged)?.is_some_and(|digest| digest == entry.manifest.digest);
        let stand = remote::stand_of(entry).map_err(|source| self.unfinished(source))?;
        Ok(match stand {
            Stand::Published => State::Published,
            Stand::Pending if staged => State::Staged,
            // What cannot be published any more holds up nobody else.
            Stand::Pending | Stand::Lost => {
                remote::let_go(entry).map_err(|source| self.unfinished(source))?;
                State::Lost
            }
        })
    }

    /// Everything that readers do not see: the parts of all tables in stores, and their claims.
    pub(super) fn claim(
        &self,
        journal: &mut Journal,
        states: &[State],
    ) -> Result<Option<Publish>, SinkError> {
        let tables = journal.tables.iter().zip(states).enumerate();
        let pending: Vec<usize> = tables
            .filter(|(_, (entry, state))| entry.remote.is_some() && **state == State::Staged)
            .map(|(at, _)| at)
            .collect();
        remote::prepare(&self.disk, self.state(), journal, &pending, self.table_wait)
    }
}
