//! One table and its log, open.
//!
//! Does not belong here: what is read or committed, and the data files (`home`).
//!
//! Invariant: the log is read and written through an object store, on whatever the table is; every request to a store goes
//! over the runtime of its table, whose connections end with it.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use delta_kernel::object_store::local::LocalFileSystem;
use delta_kernel::object_store::{self, ObjectStore};
use delta_kernel::{Engine, KernelError, Snapshot, SnapshotRef};
use delta_kernel_default_engine::executor::tokio::TokioMultiThreadExecutor;
use delta_kernel_default_engine::{DefaultEngine, DefaultEngineBuilder};
use tokio::runtime::{Builder, Runtime};
use url::Url;

use super::home::Home;
use crate::sink::disk::Disk;
use crate::sink::error::{Action, SinkError};
use crate::sink::remote::{Files, Patience};
use crate::sink::shape::LOG;
use crate::spec::StoreUrl;

/// Threads of the runtime that waits for the store: one for a request, one for the request within it.
const THREADS: usize = 2;
/// Threads on which the local store blocks.
const BLOCKING_THREADS: usize = 4;

/// `path` from the root; an address stays as it is.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, SinkError> {
    if StoreUrl::is_meant(path) {
        return Ok(path.to_path_buf());
    }
    std::path::absolute(path).map_err(|error| SinkError::disk(Action::Inspect, path, error))
}

/// Does `work` on a thread of its own. The kernel waits for the store in its own runtime, and must not do that on a thread that
/// belongs to another.
pub(super) fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    #[cfg(all(test, feature = "cloud"))]
    let work = crate::sink::remote::with_stores_of_test(work);
    let done = std::thread::scope(|scope| scope.spawn(work).join());
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// A table that may not be there yet.
pub(super) struct Table {
    pub engine: Arc<DefaultEngine<TokioMultiThreadExecutor>>,
    pub url: Url,
    /// Its path, as it was asked for.
    pub path: PathBuf,
    pub home: Home,
    // Behind what waits in it.
    pub runtime: Runtime,
}

impl Table {
    /// The table at `path`, which is absolute or an address, for whoever works on it. To be used [`apart`].
    pub fn open(disk: &Disk, path: &Path) -> Result<Self, SinkError> {
        Self::open_with(disk, path, Patience::Work)
    }

    /// The same for whoever only looks, before a run or at its table: a store that does not answer is told within seconds.
    pub fn look_at(disk: &Disk, path: &Path) -> Result<Self, SinkError> {
        Self::open_with(disk, path, Patience::Check)
    }

    fn open_with(disk: &Disk, path: &Path, patience: Patience) -> Result<Self, SinkError> {
        let bad = |reason| SinkError::BadPath { table: String::new(), path: path.to_path_buf(), reason };
        let store: Arc<dyn ObjectStore>;
        let (url, home) = if let Some(address) = StoreUrl::of(path) {
            let files = Files::open(&address, patience)?;
            #[cfg(all(test, feature = "cloud"))]
            let files = files.through(|store| super::tests::store::asking_in_store(store, disk));
            store = files.store();
            (Url::parse(&address.below("").to_string()).ok(), Home::Store(files))
        } else {
            // What the log holds is as durable as the journal that goes by it.
            let folder = Arc::new(LocalFileSystem::new().with_fsync(disk.is_durable()));
            #[cfg(test)]
            let folder = super::tests::store::asking(folder, disk);
            store = folder;
            (Url::from_directory_path(path).ok(), Home::Folder(path.to_path_buf()))
        };
        let url = url.ok_or_else(|| bad("it is neither absolute nor an address"))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .max_blocking_threads(BLOCKING_THREADS)
            .enable_all()
            .build()
            .map_err(|error| SinkError::disk(Action::Inspect, path, error))?;
        let executor = TokioMultiThreadExecutor::new(runtime.handle().clone());
        let engine = DefaultEngineBuilder::new(store).with_task_executor(Arc::new(executor)).build();
        Ok(Self { engine: Arc::new(engine), url, path: path.to_path_buf(), home, runtime })
    }

    /// Its newest version; none if it has none.
    pub fn snapshot(&self) -> Result<Option<SnapshotRef>, SinkError> {
        if !self.home.may_have_log() || self.is_empty()? {
            return Ok(None);
        }
        Snapshot::builder_for(self.url.as_str())
            .build(self.engine.as_ref())
            .map(Some)
            .map_err(|error| self.refused("read", error))
    }

    /// Whether its log has no file.
    fn is_empty(&self) -> Result<bool, SinkError> {
        let log = self.url.join(&format!("{LOG}/")).expect("a name below a folder");
        let mut files =
            self.engine.storage_handler().list_from(&log).map_err(|error| self.refused("read", error))?;
        match files.next() {
            None => Ok(true),
            Some(Ok(_)) => Ok(false),
            Some(Err(error)) => Err(self.refused("read", error)),
        }
    }

    /// By meaning, what the kernel answered to an attempt to `what` this table: a disk that is full, or a store that refuses,
    /// is told as such, however deep it was found out.
    pub fn refused(&self, what: &'static str, error: KernelError) -> SinkError {
        let mut cause: Option<&(dyn Error + 'static)> = Some(match &error {
            // The kernel names this one's cause in its words only.
            KernelError::ObjectStore(store) => store,
            other => other,
        });
        while let Some(found) = cause {
            if let Some(answer) = found.downcast_ref::<object_store::Error>()
                && let Home::Store(files) = &self.home
            {
                return files.trouble(what, answer);
            }
            if let Some(io) = found.downcast_ref::<io::Error>()
                && matches!(
                    io.kind(),
                    io::ErrorKind::StorageFull
                        | io::ErrorKind::QuotaExceeded
                        | io::ErrorKind::PermissionDenied
                        | io::ErrorKind::ReadOnlyFilesystem
                )
            {
                return SinkError::disk(Action::Write, &self.path.join(LOG), io.kind().into());
            }
            cause = found.source();
        }
        SinkError::Delta { what, path: self.path.clone(), source: Box::new(error) }
    }
}
