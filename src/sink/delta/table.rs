//! One table and its log, open.
//!
//! Does not belong here: what is read or committed. Invariant: nothing here knows more of a place than a folder and an object
//! store; the files themselves go through `Disk`.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use delta_kernel::object_store::ObjectStore;
use delta_kernel::object_store::local::LocalFileSystem;
use delta_kernel::{Engine, KernelError, Snapshot, SnapshotRef};
use delta_kernel_default_engine::executor::tokio::TokioMultiThreadExecutor;
use delta_kernel_default_engine::{DefaultEngine, DefaultEngineBuilder};
use url::Url;

use crate::sink::disk::Disk;
use crate::sink::error::{Action, SinkError};

/// The folder of the log.
pub(super) const LOG: &str = "_delta_log";

/// Threads of the runtime that waits for the store: one for a request, one for the request within it.
const THREADS: usize = 2;
/// Threads on which the local store blocks.
const BLOCKING_THREADS: usize = 4;

/// Whether a Delta table is at `path`, or the beginnings of one.
pub(in crate::sink) fn is_table(path: &Path) -> bool {
    path.join(LOG).is_dir()
}

/// `path` from the root.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, SinkError> {
    std::path::absolute(path).map_err(|error| SinkError::disk(Action::Inspect, path, error))
}

/// Does `work` on a thread of its own. The kernel waits for the store in its own runtime, and must not do that on a thread that
/// belongs to another.
pub(super) fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let done = std::thread::scope(|scope| scope.spawn(work).join());
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// A table that may not be there yet.
pub(super) struct Table {
    pub engine: Arc<DefaultEngine<TokioMultiThreadExecutor>>,
    pub url: Url,
    pub folder: PathBuf,
}

impl Table {
    /// The table in `folder`, an absolute path. To be used [`apart`].
    pub fn open(disk: &Disk, folder: &Path) -> Result<Self, SinkError> {
        // What the log holds is as durable as the journal that goes by it.
        let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new().with_fsync(disk.is_durable()));
        #[cfg(test)]
        let store: Arc<dyn ObjectStore> = super::tests::store::asking(store, disk);
        let url = Url::from_directory_path(folder).map_err(|()| SinkError::BadPath {
            table: String::new(),
            path: folder.to_path_buf(),
            reason: "it is not absolute",
        })?;
        let folder = folder.to_path_buf();
        let executor = TokioMultiThreadExecutor::new_owned_runtime(Some(THREADS), Some(BLOCKING_THREADS))
            .map_err(|error| refused("open", &folder, error))?;
        let engine = DefaultEngineBuilder::new(store).with_task_executor(Arc::new(executor)).build();
        let engine = Arc::new(engine);
        Ok(Self { engine, url, folder })
    }

    /// Its newest version; none if it has none.
    pub fn snapshot(&self) -> Result<Option<SnapshotRef>, SinkError> {
        if !is_table(&self.folder) || self.is_empty()? {
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

    /// What the kernel answered to an attempt to `what` this table.
    pub fn refused(&self, what: &'static str, error: KernelError) -> SinkError {
        refused(what, &self.folder, error)
    }
}

/// By meaning: a disk that is full is told as such, however deep it was found out.
fn refused(what: &'static str, folder: &Path, error: KernelError) -> SinkError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(match &error {
        // The kernel names this one's cause in its words only.
        KernelError::ObjectStore(store) => store,
        other => other,
    });
    while let Some(found) = cause {
        if let Some(io) = found.downcast_ref::<io::Error>()
            && matches!(
                io.kind(),
                io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::PermissionDenied
                    | io::ErrorKind::ReadOnlyFilesystem
            )
        {
            return SinkError::disk(Action::Write, &folder.join(LOG), io.kind().into());
        }
        cause = found.source();
    }
    SinkError::Delta { what, path: folder.to_path_buf(), source: Box::new(error) }
}
