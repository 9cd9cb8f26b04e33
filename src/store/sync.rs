//! Making written documents durable, at most once a second, beside the writing.
//!
//! Does not belong here: crashes of the process, which cost nothing that was written; this is for power that fails.
//! Invariants: what was written is on the disk about a second later; an error of it reaches whoever writes next; the thread
//! is joined when its [`Syncer`] is stopped or dropped.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::error::{Action, StoreError};

/// The pause after a sync. One takes 5 to 50 ms on a usual disk.
const PAUSE: Duration = Duration::from_secs(1);

/// A thread that syncs.
pub(super) struct Syncer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What has bytes that are not on the disk yet.
    dirty: Option<(Arc<File>, PathBuf)>,
    failed: Option<StoreError>,
    stopping: bool,
}

impl Syncer {
    /// Starts the thread.
    pub fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("store-sync".to_owned())
            .spawn(move || theirs.work())
            .expect("a process can have a thread more");
        Self { shared, thread: Mutex::new(Some(thread)) }
    }

    /// `file` at `path` has new bytes. The file before it, if another, was synced by whoever ended it.
    pub fn dirty(&self, file: &Arc<File>, path: &Path) {
        let mut state = self.shared.lock();
        if state.dirty.is_none() {
            state.dirty = Some((Arc::clone(file), path.to_path_buf()));
            self.shared.changed.notify_one();
        } else if let Some(dirty) = &mut state.dirty
            && !Arc::ptr_eq(&dirty.0, file)
        {
            *dirty = (Arc::clone(file), path.to_path_buf());
        }
    }

    /// The error of a sync, if one failed: what was written before it may not be on the disk.
    pub fn check(&self) -> Result<(), StoreError> {
        self.shared.lock().failed.clone().map_or(Ok(()), Err)
    }

    /// Ends the thread, without a last sync, and waits for it.
    pub fn stop(&self) -> Result<(), StoreError> {
        self.shared.lock().stopping = true;
        self.shared.changed.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            thread.join().expect("syncing does not panic");
        }
        self.check()
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.stop();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            let idle = |state: &mut State| state.dirty.is_none() && !state.stopping;
            state = self.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
            if state.stopping {
                return;
            }
            let Some((file, path)) = state.dirty.take() else { continue };
            drop(state);
            let synced = file.sync_data();
            state = self.lock();
            if let Err(error) = synced {
                state.failed = Some(StoreError::disk(Action::Sync, &path, error));
                return;
            }
            let pausing = |state: &mut State| !state.stopping;
            state = self
                .changed
                .wait_timeout_while(state, PAUSE, pausing)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}
