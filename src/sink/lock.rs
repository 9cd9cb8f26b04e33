//! Who may run a pipeline, and who may publish a table: locks of the kernel (flock), which go with
//! their holder however it ends.
//!
//! Does not belong here: locks between threads. The file is never removed: removing a locked file lets
//! two holders lock two files of one name.
//!
//! Invariant: at most one [`Lock`] of a state folder and one `TableLock` of a table exist on a machine.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::error::{Action, SinkError};
use super::manifest::{hidden, timestamp};

const FILE: &str = "run.lock";

/// More than a holder writes; a file that is longer holds something else.
const HOLDER_BYTES_MAX: u64 = 4096;

/// How often a table's lock is tried again: well below what a publish takes.
const TABLE_RETRY: Duration = Duration::from_millis(20);

/// The right to run a pipeline, until it is dropped or its process ends.
#[derive(Debug)]
pub struct Lock {
    state: PathBuf,
    _held: Held,
}

/// Who holds a lock, as it wrote itself into the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process.
    pub pid: u32,
    /// Machine.
    pub host: String,
    /// When it took the lock.
    #[serde(with = "timestamp")]
    pub since: Timestamp,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pid == 0 {
            // It holds the lock and has not yet said who it is.
            return f.write_str("a process that has not said who it is");
        }
        write!(f, "process {} on {} since {:.0}", self.pid, self.host, self.since)
    }
}

impl Lock {
    /// Takes the lock of the pipeline whose state is in `state_dir`, which is made if it is missing.
    /// Answers at once: a lock that is held is [`SinkError::Locked`] with its holder.
    pub fn acquire(state_dir: &Path, pipeline: &str) -> Result<Self, SinkError> {
        let disk = Disk::default();
        let state = std::path::absolute(state_dir)
            .map_err(|error| SinkError::disk(Action::Inspect, state_dir, error))?;
        disk.create_folders(&state)?;
        let path = state.join(FILE);
        let on = |action| move |error| SinkError::disk(action, &state_dir.join(FILE), error);
        let mut file = open(&path).map_err(on(Action::Lock))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = Box::new(read_holder(&mut file).map_err(on(Action::Read))?);
                return Err(SinkError::Locked { pipeline: pipeline.to_owned(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(on(Action::Lock)(error)),
        }
        let holder = Holder { pid: std::process::id(), host: host(), since: Timestamp::now() };
        let text = serde_json::to_vec(&holder).expect("a holder is plain data");
        file.set_len(0).and_then(|()| file.write_all(&text)).map_err(on(Action::Write))?;
        Ok(Self { state, _held: Held(file) })
    }

    /// The state folder, absolute.
    pub fn state_dir(&self) -> &Path {
        &self.state
    }
}

/// The right to publish one table.
#[derive(Debug)]
pub(super) struct TableLock {
    _held: Held,
}

impl TableLock {
    /// Takes the lock beside `table`, waiting at most `wait` for another publish to end.
    #[expect(
        clippy::disallowed_methods,
        reason = "flock has no wait with an end; this runs on a thread of its own, against other processes' clock"
    )]
    pub fn acquire(table: &Path, wait: Duration) -> Result<Self, SinkError> {
        let path = hidden(table, ".lock");
        let file = open(&path).map_err(|error| SinkError::disk(Action::Lock, &path, error))?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _held: Held(file) }),
                Err(TryLockError::WouldBlock) if start.elapsed() < wait => thread::sleep(TABLE_RETRY),
                Err(TryLockError::WouldBlock) => {
                    return Err(SinkError::TableLocked { path: table.to_path_buf(), waited: wait });
                }
                Err(TryLockError::Error(error)) => return Err(SinkError::disk(Action::Lock, &path, error)),
            }
        }
    }
}

/// A locked file.
#[derive(Debug)]
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        // Closing alone is not enough: a child process has a copy of the file between its fork and its
        // exec, and with it the lock. What cannot be unlocked here goes with the last copy.
        let _ = self.0.unlock();
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// The holder's own words; a file that is still empty, half written or holds something else says nothing.
fn read_holder(file: &mut File) -> io::Result<Holder> {
    let mut text = Vec::new();
    file.rewind()?;
    file.take(HOLDER_BYTES_MAX).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text).unwrap_or(Holder {
        pid: 0,
        host: String::new(),
        since: Timestamp::UNIX_EPOCH,
    }))
}

/// The machine's name, for people; a scheduler's log rarely says which node it was.
#[expect(
    clippy::disallowed_methods,
    reason = "the machine's name is no setting; nothing but a message depends on it"
)]
fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "an unnamed machine".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_run_is_told_who_holds_the_lock() {
        let folder = tempfile::tempdir().expect("tempdir");
        let state = folder.path().join("state/marvel");
        let first = Lock::acquire(&state, "marvel").expect("free");
        let error = Lock::acquire(&state, "marvel").expect_err("held");
        let SinkError::Locked { pipeline, holder } = &error else { panic!("{error}") };
        assert_eq!((pipeline.as_str(), holder.pid), ("marvel", std::process::id()));
        assert!(error.to_string().contains(&holder.host), "{error}");
        drop(first);
        Lock::acquire(&state, "marvel").expect("free again");
    }

    #[test]
    fn holder_that_has_not_written_itself_yet_is_no_error() {
        let folder = tempfile::tempdir().expect("tempdir");
        let file = open(&folder.path().join(FILE)).expect("opens");
        file.try_lock().expect("free");
        let error = Lock::acquire(folder.path(), "marvel").expect_err("held");
        assert_eq!(
            error.to_string(),
            "lock pipeline `marvel`: held by a process that has not said who it is"
        );
    }

    #[test]
    fn different_state_folders_do_not_lock_each_other() {
        let folder = tempfile::tempdir().expect("tempdir");
        let _first = Lock::acquire(&folder.path().join("a"), "a").expect("free");
        Lock::acquire(&folder.path().join("b"), "b").expect("free");
    }

    #[test]
    fn taken_table_is_given_up_after_the_wait() {
        let folder = tempfile::tempdir().expect("tempdir");
        let table = folder.path().join("films.parquet");
        let first = TableLock::acquire(&table, Duration::ZERO).expect("free");
        let error = TableLock::acquire(&table, Duration::ZERO).expect_err("held");
        assert!(matches!(error, SinkError::TableLocked { .. }), "{error}");
        drop(first);
        TableLock::acquire(&table, Duration::ZERO).expect("free again");
    }
}
