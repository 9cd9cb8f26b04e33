//! A store that asks the scripted disk before each operation, so that a process can die between a table and its log.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

#[cfg(feature = "cloud")]
use delta_kernel::object_store::MultipartId;
#[cfg(feature = "cloud")]
use delta_kernel::object_store::multipart::{MultipartStore, PartId};
use delta_kernel::object_store::path::Path;
use delta_kernel::object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use futures::StreamExt as _;
use futures::stream::BoxStream;

use crate::sink::disk::Disk;
use crate::sink::error::Action;
#[cfg(feature = "cloud")]
use crate::sink::remote::Store;

/// `store` behind the script of `disk`, if it has one.
pub(in crate::sink::delta) fn asking(store: Arc<dyn ObjectStore>, disk: &Disk) -> Arc<dyn ObjectStore> {
    if disk.script.is_none() {
        return store;
    }
    Arc::new(Asking { store, disk: disk.clone() })
}

/// The same for one that takes uploads in parts.
#[cfg(feature = "cloud")]
pub(in crate::sink::delta) fn asking_in_store(store: Arc<dyn Store>, disk: &Disk) -> Arc<dyn Store> {
    if disk.script.is_none() {
        return store;
    }
    Arc::new(Asking { store, disk: disk.clone() })
}

#[derive(Debug)]
struct Asking<S: ?Sized> {
    disk: Disk,
    store: Arc<S>,
}

impl<S: fmt::Display + ?Sized> fmt::Display for Asking<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

impl<S: ?Sized> Asking<S> {
    fn ask(&self, action: Action, path: &Path) -> Result<()> {
        let path = PathBuf::from(format!("/{path}"));
        self.disk
            .ask(action, &path)
            .map_err(|error| Error::Generic { store: "script", source: Box::new(error) })
    }
}

#[async_trait::async_trait]
impl<S: ObjectStore + ?Sized> ObjectStore for Asking<S> {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.ask(Action::Write, path)?;
        self.store.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.ask(Action::Write, path)?;
        self.store.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.ask(Action::Read, path)?;
        self.store.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let disk = self.disk.clone();
        let store = Arc::clone(&self.store);
        let asked = Self { disk, store };
        let paths =
            paths.map(move |path| path.and_then(|path| asked.ask(Action::Remove, &path).map(|()| path)));
        self.store.delete_stream(paths.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let root = Path::default();
        match self.ask(Action::Inspect, prefix.unwrap_or(&root)) {
            Ok(()) => self.store.list(prefix),
            Err(error) => futures::stream::iter([Err(error)]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let root = Path::default();
        self.ask(Action::Inspect, prefix.unwrap_or(&root))?;
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.ask(Action::Write, to)?;
        self.store.copy_opts(from, to, options).await
    }
}

#[cfg(feature = "cloud")]
#[async_trait::async_trait]
impl MultipartStore for Asking<dyn Store> {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        self.ask(Action::CreateFile, path)?;
        self.store.create_multipart(path).await
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        index: usize,
        data: PutPayload,
    ) -> Result<PartId> {
        self.ask(Action::Write, path)?;
        self.store.put_part(path, id, index, data).await
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        self.ask(Action::Rename, path)?;
        self.store.complete_multipart(path, id, parts).await
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        self.ask(Action::Remove, path)?;
        self.store.abort_multipart(path, id).await
    }
}
