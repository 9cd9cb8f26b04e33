//! Where the data files of a table are, and their way there and back.
//!
//! ```text
//!  folder: staged file ─ renamed ─▶ in the table ─ read in place
//!  store:  staged file ─ put ─────▶ an object    ─ copied beside what is staged ─▶ read from there
//! ```
//!
//! Does not belong here: which files those are (`work`), and the log (`table`).
//!
//! Invariant: what comes into a table gets a name that nobody else has, and counts for nobody until the log says so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use super::table::Table;
use super::work::is_gone;
use crate::sink::delta_entry::{AddFile, Work};
use crate::sink::disk::Disk;
use crate::sink::error::SinkError;
use crate::sink::journal::Entry;
use crate::sink::remote::Files;
use crate::sink::shape::LOG;

/// The place of a table.
pub(super) enum Home {
    /// A folder, absolute.
    Folder(PathBuf),
    /// Below an address.
    Store(Files),
}

impl Home {
    /// Whether it is worth looking for a log; in a store only looking tells.
    pub fn may_have_log(&self) -> bool {
        match self {
            Self::Folder(folder) => folder.join(LOG).is_dir(),
            Self::Store(_) => true,
        }
    }
}

impl Table {
    /// Refuses if files could not be put here in the end.
    pub fn check(&self) -> Result<(), SinkError> {
        match &self.home {
            // It is found out by staging beside it.
            Home::Folder(_) => Ok(()),
            Home::Store(files) => files.check(self.runtime.handle()),
        }
    }

    /// Where a file of the log is: on the disk, or its address.
    pub fn place_of(&self, path: &str) -> Result<PathBuf, SinkError> {
        let place = match &self.home {
            Home::Folder(folder) => {
                let place = self.url.join(path).ok().and_then(|url| url.to_file_path().ok());
                place.filter(|place| place.starts_with(folder))
            }
            Home::Store(files) => self.name_in_store(path).map(|name| files.url().below(&name).path()),
        };
        place.ok_or_else(|| self.elsewhere(path))
    }

    /// The name within the table of a file of the log, as the store has it.
    fn name_in_store(&self, path: &str) -> Option<String> {
        let url = self.url.join(path).ok()?;
        let is_here = url.scheme() == self.url.scheme() && url.host_str() == self.url.host_str();
        let name = url.path().strip_prefix(self.url.path()).filter(|_| is_here)?;
        Some(percent_decode_str(name).decode_utf8().ok()?.into_owned())
    }

    fn elsewhere(&self, path: &str) -> SinkError {
        SinkError::OtherDelta {
            path: self.path.clone(),
            difference: format!("its file `{path}` is in another place"),
        }
    }

    /// Makes `copy` of a file of the log, on the disk, unless it is there.
    pub fn copy(&self, disk: &Disk, path: &str, copy: &Path) -> Result<(), SinkError> {
        let Home::Store(files) = &self.home else { return Ok(()) };
        if disk.inspect(copy)?.is_none() {
            let name = self.name_in_store(path).ok_or_else(|| self.elsewhere(path))?;
            files.fetch(self.runtime.handle(), &name, &mut disk.create_new(copy)?, copy)?;
        }
        Ok(())
    }

    /// Whether a file that comes is still staged in `staged`, or has come.
    pub fn has(&self, disk: &Disk, staged: &Path, file: &AddFile) -> Result<bool, SinkError> {
        if disk.inspect(&staged.join(&file.staged))?.is_some() {
            return Ok(true);
        }
        match &self.home {
            Home::Folder(folder) => Ok(disk.inspect(&folder.join(&file.path))?.is_some()),
            // Behind the commit its footer is read once more, so it has to be on the disk.
            Home::Store(_) => Ok(false),
        }
    }

    /// Brings the files of `entry` that come into the table, and takes back those that an earlier working out brought there.
    pub fn bring(&self, disk: &Disk, entry: &Entry) -> Result<(), SinkError> {
        let work = &entry.delta.as_ref().expect("of a Delta table").work;
        let staged = &entry.staged;
        match &self.home {
            Home::Folder(folder) => bring_into(folder, disk, entry, work),
            Home::Store(files) => {
                let on = self.runtime.handle();
                work.stale.iter().try_for_each(|name| files.remove(on, name))?;
                let adds = work.adds.iter();
                let adds = adds.map(|file| (staged.join(&file.staged), &*file.path, file.bytes));
                files.put(on, &adds.collect::<Vec<_>>())
            }
        }
    }
}

fn bring_into(table: &Path, disk: &Disk, entry: &Entry, work: &Work) -> Result<(), SinkError> {
    let staged = &entry.staged;
    for name in &work.stale {
        let place = table.join(name);
        // The files of the load itself are read again by whoever works it out once more.
        if !entry.manifest.files.iter().any(|file| file.path == *name) {
            disk.remove(&place)?;
        } else if disk.inspect(&place)?.is_some() {
            disk.rename(&place, &staged.join(name))?;
        }
    }
    disk.create_folders(&table.join(LOG))?;
    let mut folders = BTreeSet::from([table.to_path_buf()]);
    for file in &work.adds {
        let (from, to) = (staged.join(&file.staged), table.join(&file.path));
        let parent = to.parent().expect("a file in a folder");
        if folders.insert(parent.to_path_buf()) {
            disk.create_folders(parent)?;
        }
        if disk.inspect(&from)?.is_some() {
            disk.rename(&from, &to)?;
        } else if disk.size(&to)? != Some(file.bytes) {
            return Err(is_gone(&to));
        }
    }
    folders.iter().try_for_each(|folder| disk.sync_folder(folder))
}
