//! What a start finishes of what an earlier process of the pipeline left.
//!
//! Does not belong here: the steps themselves (`commit`).
//!
//! Invariant: a publish that was decided goes on from wherever it was; what was only staged is removed.

use std::path::Path;

use super::{
    Commit, Entry, Journal, Recovered, SinkError, StagedList, Stand, State, assembly, delta, folder_of,
};
use crate::sink::journal::sweep_temporaries;

impl Commit {
    pub(super) fn recover(&self) -> Result<Recovered, SinkError> {
        let mut recovered = Recovered::default();
        sweep_temporaries(&self.disk, self.state())?;
        if let Some(mut journal) = Journal::read(&self.disk, self.state())? {
            self.roll_forward(&mut journal, &mut recovered)?;
        }
        let mut list = StagedList::read(&self.disk, self.state())?;
        for file in &list.files {
            if self.disk.remove_staged(file)? {
                recovered.swept.push(file.clone());
            }
        }
        list.files.clear();
        list.write(&self.disk, self.state())?;
        Ok(recovered)
    }

    fn roll_forward(&self, journal: &mut Journal, recovered: &mut Recovered) -> Result<(), SinkError> {
        // A folder that is gone took its tables with it; there is nothing to lock in it.
        let there = journal.tables.iter();
        let there = there.filter(|entry| !entry.is_in_store() && folder_of(&entry.path).is_dir());
        let _locks = self.lock_tables(there.map(|entry| (&*entry.path, &*entry.manifest.table)))?;
        let mut states = Vec::with_capacity(journal.tables.len());
        for entry in &mut journal.tables {
            states.push(self.state_of(entry)?);
        }
        let claimed = self.claim(journal, &states).map_err(|source| self.unfinished(source))?;
        self.carry_out(journal, &states, claimed)?;
        recovered.run = journal.tables.first().map(|entry| entry.manifest.facts.run.clone());
        for (entry, state) in journal.tables.iter().zip(states) {
            match state {
                State::Staged | State::Filed | State::Published => {
                    recovered.published.push(entry.path.clone());
                }
                State::Lost => recovered.lost.push(entry.path.clone()),
            }
        }
        Ok(())
    }

    /// How far a crash let one table come. Files are known by their digest: a name may by now hold
    /// what another pipeline published.
    fn state_of(&self, entry: &mut Entry) -> Result<State, SinkError> {
        if entry.remote.is_some() {
            return self.in_store_state(entry);
        }
        if entry.delta.is_some() {
            let stand = delta::stand_of(&self.disk, entry);
            // A store may refuse for now; the journal stays.
            let stand =
                if entry.is_in_store() { stand.map_err(|source| self.unfinished(source)) } else { stand };
            return Ok(match stand? {
                delta::Stand::Staged => State::Staged,
                delta::Stand::Committed => State::Published,
                delta::Stand::Lost => State::Lost,
            });
        }
        if entry.link.is_some() {
            return Ok(match assembly::stand_of(&self.disk, entry) {
                Ok(Stand::Staged) => State::Staged,
                Ok(Stand::Filed) => State::Filed,
                Ok(Stand::Visible) => State::Published,
                // Somebody has published what this cannot follow: theirs stays.
                Ok(Stand::Lost)
                | Err(
                    SinkError::OtherColumns { .. }
                    | SinkError::OtherPartitions { .. }
                    | SinkError::Incomplete { .. }
                    | SinkError::TooManyFiles { .. },
                ) => State::Lost,
                Err(error) => return Err(error),
            });
        }
        let ours = |path: &Path| {
            Ok::<bool, SinkError>(
                self.disk.digest(path)?.is_some_and(|digest| digest == entry.manifest.digest),
            )
        };
        Ok(if ours(&entry.staged)? {
            State::Staged
        } else if ours(&entry.path)? {
            State::Published
        } else {
            State::Lost
        })
    }
}
