//! The data files of a table that has a log: put below its address, fetched, looked for, removed.
//!
//! Does not belong here: which files those are, and the log (`delta`).
//!
//! Invariants: a file is there whole or not at all, as an object is; none of it is in memory but for the parts that are on
//! their way.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path as Key;
use object_store::{Error, GetOptions, ObjectStore, ObjectStoreExt as _, PutPayload};
use tokio::runtime::Handle;

use super::super::error::{Action, SinkError};
use super::open::{self, Patience, Store};
use super::{Target, key, trouble, upload};
use crate::spec::StoreUrl;

/// Below what name the right to write is tried, where no reader looks.
const TRIED: &str = "_delta_log/.tried";

/// Files on their way at once that are put by one request each, so in memory: 32 MiB at most, as the parts of a large one.
const SMALL_AT_ONCE: usize = 4;

/// The place of a table's files.
#[derive(Clone, Debug)]
pub(in super::super) struct Files {
    store: Arc<dyn Store>,
    url: StoreUrl,
}

impl Files {
    /// Those below `url`.
    ///
    /// # Errors
    /// Settings that do not make a store; no request is sent.
    pub fn open(url: &StoreUrl, patience: Patience) -> Result<Self, SinkError> {
        Ok(Self { store: open::store(url, patience)?, url: url.clone() })
    }

    /// The same through a store that stands before theirs.
    #[cfg(test)]
    pub fn through(self, before: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>) -> Self {
        Self { store: before(self.store), url: self.url }
    }

    /// Their address.
    pub fn url(&self) -> &StoreUrl {
        &self.url
    }

    /// The store that they are in.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store) as Arc<dyn ObjectStore>
    }

    /// By meaning, what the store answered to an attempt at `doing`.
    pub fn trouble(&self, doing: &'static str, error: &Error) -> SinkError {
        trouble::of(doing, &self.url, error)
    }

    /// Whether files may be put here, before hours are spent on them: begins an upload and gives it up, which nobody sees.
    pub fn check(&self, on: &Handle) -> Result<(), SinkError> {
        let key = self.key(TRIED)?;
        let to = Target { store: &*self.store, url: &self.url, key: &key };
        on.block_on(async {
            let id = upload::create(to).await?;
            upload::give_up(to, &id).await
        })
    }

    /// Puts every file that is not there yet: where it is on the disk, its name, which is nobody else's, and its size.
    pub fn put(&self, on: &Handle, files: &[(PathBuf, &str, u64)]) -> Result<(), SinkError> {
        let is_small = |file: &&(PathBuf, &str, u64)| file.2 <= upload::PART_BYTES;
        on.block_on(async {
            let small = files.iter().filter(is_small).map(|(from, name, bytes)| async move {
                if self.size_of(name).await? == Some(*bytes) {
                    Ok(())
                } else {
                    self.put_small(from, name).await
                }
            });
            futures::stream::iter(small).buffer_unordered(SMALL_AT_ONCE).try_collect::<()>().await?;
            // One by one, as the parts of one fill the line.
            for (from, name, bytes) in files.iter().filter(|file| !is_small(file)) {
                if self.size_of(name).await? != Some(*bytes) {
                    self.put_large(from, name).await?;
                }
            }
            Ok(())
        })
    }

    /// Writes what is under `name` into `into`, which stands for the file at `place`.
    pub fn fetch(&self, on: &Handle, name: &str, into: &mut File, place: &Path) -> Result<(), SinkError> {
        let refused = |error: Error| match error {
            Error::NotFound { .. } => {
                let path = self.url.below(name).path();
                SinkError::disk(Action::Read, &path, io::ErrorKind::NotFound.into())
            }
            error => self.trouble("read a file of", &error),
        };
        let key = self.key(name)?;
        on.block_on(async {
            let found = self.store.get_opts(&key, GetOptions::default()).await.map_err(refused)?;
            let mut pieces = found.into_stream();
            while let Some(piece) = pieces.next().await {
                let written = into.write_all(&piece.map_err(refused)?);
                written.map_err(|error| SinkError::disk(Action::Write, place, error))?;
            }
            Ok(())
        })
    }

    /// Removes the file `name`, if it is there.
    pub fn remove(&self, on: &Handle, name: &str) -> Result<(), SinkError> {
        match on.block_on(self.store.delete(&self.key(name)?)) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.trouble("remove a file of", &error)),
        }
    }

    /// The size in bytes of the file `name`; none if it is not there.
    async fn size_of(&self, name: &str) -> Result<Option<u64>, SinkError> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        match self.store.get_opts(&self.key(name)?, options).await {
            Ok(found) => Ok(Some(found.meta.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.trouble("look for a file of", &error)),
        }
    }

    async fn put_small(&self, from: &Path, name: &str) -> Result<(), SinkError> {
        let content = std::fs::read(from).map_err(|error| SinkError::disk(Action::Read, from, error))?;
        let put = self.store.put(&self.key(name)?, PutPayload::from(content)).await;
        put.map(drop).map_err(|error| self.trouble("write a file of", &error))
    }

    async fn put_large(&self, from: &Path, name: &str) -> Result<(), SinkError> {
        let key = self.key(name)?;
        let to = Target { store: &*self.store, url: &self.url, key: &key };
        let id = upload::create(to).await?;
        let sent = async {
            let parts = upload::send(to, &id, from, None).await?;
            let done = self.store.complete_multipart(&key, &id, parts).await;
            done.map(drop).map_err(|error| self.trouble("write a file of", &error))
        };
        let sent = sent.await;
        if sent.is_err() {
            // The first error is the one to tell; what is not given up is in no reader's way.
            let _ = upload::give_up(to, &id).await;
        }
        sent
    }

    fn key(&self, name: &str) -> Result<Key, SinkError> {
        key(&self.url, &self.url.below(name).key)
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use tokio::runtime::{Builder, Runtime};

    use super::super::dying::{Dying, Fault};
    use super::*;

    fn runtime() -> Runtime {
        Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
    }

    fn files(store: Arc<dyn Store>) -> Files {
        Files { store, url: StoreUrl::parse("s3://bucket/warehouse/films").expect("an address") }
    }

    #[test]
    fn files_of_every_size_come_back_as_they_were_and_are_put_once() {
        let folder = tempfile::tempdir().expect("tempdir");
        let sizes = [0, 1, upload::PART_BYTES, upload::PART_BYTES + 1, 2 * upload::PART_BYTES];
        let content = |size: u64| -> Vec<u8> { (0..size).map(|at| (at % 251) as u8).collect() };
        let names = sizes.map(|size| format!("year=50%25/part-{size}.parquet"));
        let staged: Vec<(PathBuf, &str, u64)> = sizes
            .iter()
            .zip(&names)
            .map(|(size, name)| {
                let path = folder.path().join(size.to_string());
                std::fs::write(&path, content(*size)).expect("writes");
                (path, &**name, *size)
            })
            .collect();
        let (runtime, store) = (runtime(), Arc::new(InMemory::new()));
        let on = runtime.handle();
        let dying = Dying::new(store, Fault::None);
        let files = files(Arc::clone(&dying) as Arc<dyn Store>);
        files.check(on).expect("may write");
        files.put(on, &staged).expect("puts");
        for (size, name) in sizes.iter().zip(&names) {
            let copy = folder.path().join("copy");
            let mut into = File::create(&copy).expect("creates");
            files.fetch(on, name, &mut into, &copy).expect("fetches");
            assert!(std::fs::read(&copy).expect("reads") == content(*size), "{name}");
        }
        let puts = || dying.operations().iter().filter(|name| ["put", "complete"].contains(name)).count();
        let before = puts();
        files.put(on, &staged).expect("puts nothing");
        assert_eq!((before, puts()), (sizes.len(), sizes.len()));
    }

    #[test]
    fn upload_that_fails_is_given_up_and_leaves_no_file() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("large");
        std::fs::write(&path, vec![7; 9 << 20]).expect("writes");
        let runtime = runtime();
        let on = runtime.handle();
        // The look, the upload, its two parts, its completion.
        for at in 0..5 {
            let dying = Dying::new(Arc::new(InMemory::new()), Fault::FailAt(at));
            let files = files(Arc::clone(&dying) as Arc<dyn Store>);
            files.put(on, &[(path.clone(), "large.parquet", 9 << 20)]).expect_err("fails");
            let operations = dying.operations();
            assert_eq!(
                operations.contains(&"create") && at != 1,
                operations.contains(&"abort"),
                "{operations:?}"
            );
            assert_eq!(on.block_on(files.size_of("large.parquet")).expect("looks"), None);
        }
    }
}
