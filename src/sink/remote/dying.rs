//! A store in which a process dies, or that refuses once, at a chosen operation.
//!
//! Invariant: one request to a store is one operation; a process that dies at one has sent it or has not, as is said.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use futures::stream::BoxStream;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::open::Store;

thread_local! {
    /// Stores of this thread's tests, by bucket.
    static STORES: RefCell<HashMap<String, Arc<dyn Store>>> = RefCell::default();
}

/// The store that a test of this thread has put in the place of `bucket`.
pub(super) fn store(bucket: &str) -> Option<Arc<dyn Store>> {
    STORES.with_borrow(|stores| stores.get(bucket).cloned())
}

/// `work` with the stores of this thread's test, for a thread that works for it.
#[cfg(feature = "delta")]
pub(in super::super) fn with_stores_of_test<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let stores = STORES.with_borrow(Clone::clone);
    move || {
        STORES.set(stores);
        work()
    }
}

/// Puts `store` in the place of `bucket`, for this thread.
pub(in super::super) fn put_in_place(bucket: &str, store: Arc<dyn Store>) {
    STORES.with_borrow_mut(|stores| stores.insert(bucket.to_owned(), store));
}

/// Takes away what is in the place of `bucket`.
pub(super) fn take_away(bucket: &str) {
    STORES.with_borrow_mut(|stores| stores.remove(bucket));
}

/// When an operation is refused; operations count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// From this operation on every one; this one has not reached the store.
    DieBefore(usize),
    /// The same, and this one has reached the store, whose answer is lost.
    DieAfter(usize),
    /// This one, once.
    FailAt(usize),
}

type Watcher = Box<dyn Fn(&'static str) + Send + Sync>;

/// A store with a fault.
pub(super) struct Dying {
    inner: Arc<dyn Store>,
    fault: Fault,
    done: Mutex<Vec<&'static str>>,
    watcher: Option<Watcher>,
}

impl Dying {
    pub fn new(inner: Arc<dyn Store>, fault: Fault) -> Arc<Self> {
        Arc::new(Self { inner, fault, done: Mutex::default(), watcher: None })
    }

    /// Calls `watcher` before every operation, with its name.
    pub fn watched(
        inner: Arc<dyn Store>,
        watcher: impl Fn(&'static str) + Send + Sync + 'static,
    ) -> Arc<Self> {
        let watcher: Option<Watcher> = Some(Box::new(watcher));
        Arc::new(Self { inner, fault: Fault::None, done: Mutex::default(), watcher })
    }

    /// Every operation so far.
    pub fn operations(&self) -> Vec<&'static str> {
        self.done.lock().expect("no poison").clone()
    }

    async fn run<T>(&self, name: &'static str, operation: impl Future<Output = Result<T>>) -> Result<T> {
        if let Some(watcher) = &self.watcher {
            watcher(name);
        }
        let number = {
            let mut done = self.done.lock().expect("no poison");
            done.push(name);
            done.len() - 1
        };
        let dead = || Error::Generic { store: "test", source: "the process is dead".into() };
        match self.fault {
            Fault::DieBefore(at) if number >= at => Err(dead()),
            Fault::DieAfter(at) if number > at => Err(dead()),
            Fault::DieAfter(at) if number == at => operation.await.and_then(|_| Err(dead())),
            Fault::FailAt(at) if number == at => Err(dead()),
            _ => operation.await,
        }
    }
}

impl fmt::Debug for Dying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl fmt::Display for Dying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[async_trait::async_trait]
impl ObjectStore for Dying {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.run("put", self.inner.put_opts(location, payload, opts)).await
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        unreachable!("uploads have ids here")
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.run("get", self.inner.get_opts(location, options)).await
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        unreachable!("nothing is deleted")
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        unreachable!("nothing is copied")
    }
}

#[async_trait::async_trait]
impl MultipartStore for Dying {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        self.run("create", self.inner.create_multipart(path)).await
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        index: usize,
        data: PutPayload,
    ) -> Result<PartId> {
        self.run("part", self.inner.put_part(path, id, index, data)).await
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        self.run("complete", self.inner.complete_multipart(path, id, parts)).await
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        self.run("abort", self.inner.abort_multipart(path, id)).await
    }
}
