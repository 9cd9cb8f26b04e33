//! Kept documents: cache, checkpoint and raw layer in one (docs/architecture/store.md).
//!
//! ```text
//! <state>/<pipeline>/documents/
//!   00000001.seg  a run's documents in compressed blocks, appended and never changed    (`segment.rs`, `block.rs`)
//!   00000001.idx  where they are; can be made again                                     (`index.rs`)
//!
//! keep ─▶ `writer.rs` ─▶ segment        get ─▶ `shelf.rs` ─▶ block ─▶ document
//! ```
//!
//! Every attempt of a run writes segments of its own, which carry the logical run's id, so that a whole segment is what
//! grows old and goes. Does not belong here: HTTP, stages, plans, when a document is asked for; and the lock that keeps a
//! second process away, which whoever opens the store holds.
//!
//! Invariants (K-numbers in docs/architecture/store.md): what [`Store::keep`] answered survives the process; a document is
//! given as it was kept or not at all; damage costs what it hit and is said; memory is bounded by the number of documents.

mod block;
mod error;
mod folder;
mod index;
mod kept;
mod segment;
mod shelf;
mod sync;
#[cfg(test)]
mod tests;
mod writer;

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zstd::bulk::Decompressor;

pub use error::{Action, StoreError};
pub use folder::{Fetched, Removed, RunStats, Stats, clear, fetched, stats, trim, trimmable};
pub use kept::{Kept, Serving};
pub use segment::Lost;

use crate::engine::on_thread;

use block::{DOCUMENT_BYTES_MAX, raw_len};
use folder::{SEGMENTS_MAX, list, look_at};
use kept::micros;
use shelf::{AtHand, Shelf, Source};
use writer::{Writer, sync_folder};

/// How often all other tasks have their turn between the first document and the writing. Each time more answers arrive and
/// come along; docs/architecture/store.md has what it saves.
const TURNS: usize = 16;

/// One pipeline's kept documents. Clones are the same store.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    shelf: Shelf,
    writer: Writer,
}

/// What was there when a store was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Documents that may serve this run.
    pub documents: u64,
    /// Bytes of all segments and indices, those that serve nobody too.
    pub bytes: u64,
    /// Segments.
    pub segments: u64,
    /// Segments that lost something; told by the opening that finds it, and not again.
    pub losses: Vec<Loss>,
    /// Files that are not of a store; they are left alone.
    pub strangers: Vec<PathBuf>,
}

/// A segment that lost something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The segment.
    pub path: PathBuf,
    /// How much.
    pub lost: Lost,
}

impl Store {
    /// Opens the store in `folder`, which is made if it is missing, for one attempt of a run. Blocks: about 0.2 s for each
    /// million documents, and as much for each segment that a crash left without an index.
    ///
    /// The caller holds the pipeline's lock for as long as the store is open.
    ///
    /// # Errors
    /// If the folder cannot be read or written, or holds documents of a later version. Damage is no error.
    pub fn open(folder: &Path, serving: Serving) -> Result<(Self, Opened), StoreError> {
        std::fs::create_dir_all(folder)
            .map_err(|error| StoreError::disk(Action::CreateFolder, folder, error))?;
        folder.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_folder)?;
        let listing = list(folder)?;
        if listing.numbers.len() >= SEGMENTS_MAX {
            return Err(StoreError::TooMany { folder: folder.to_path_buf(), limit: SEGMENTS_MAX });
        }
        let mut opened = Opened { strangers: listing.strangers, ..Opened::default() };
        let not_before = micros(serving.not_before);
        let mut found = Vec::new();
        let mut ids = HashSet::new();
        for &number in &listing.numbers {
            let serves = |totals: &index::Totals| {
                totals.label.run == serving.run || totals.newest.is_some_and(|newest| newest >= not_before)
            };
            let looked = look_at(folder, number, serves, true)?;
            opened.segments += 1;
            opened.bytes += looked.bytes;
            if looked.lost != Lost::default() {
                opened.losses.push(Loss { path: segment::path(folder, number), lost: looked.lost });
            }
            let Some(totals) = looked.totals else { continue };
            // A copy adds nothing, and must not bring back what is out of date.
            if ids.insert(totals.label.id) && !looked.entries.is_empty() {
                found.push((number, totals.label, looked.entries));
            }
        }
        // What comes last takes the place of what answers the same: this run's own before others', later before earlier.
        found.sort_by_key(|(number, label, _)| (label.run == serving.run, label.created_at, *number));
        let shelf = Shelf::new(found.iter().map(|(_, _, entries)| entries.len()).sum());
        for (number, label, entries) in found {
            let source = shelf.add_source(Source { path: segment::path(folder, number), id: label.id });
            let own = label.run == serving.run;
            shelf.add(source, entries.into_iter().filter(|entry| own || entry.fetched_at >= not_before));
        }
        opened.documents = shelf.len() as u64;
        let number = listing.highest.map_or(1, |highest| highest + 1);
        let writer = Writer::open(folder, &serving.run, number, &shelf)?;
        Ok((Self(Arc::new(Inner { shelf, writer })), opened))
    }

    /// Whether there is a document of this request, as far as memory knows: it may turn out to be damaged.
    pub fn has(&self, request: &str) -> bool {
        self.0.shelf.has(request)
    }

    /// The document of `request`, if one may serve; a damaged one is none, and is counted. Blocks for the disk and to
    /// decompress; see [`Store::find`].
    pub fn get(&self, request: &str) -> Result<Option<Kept>, StoreError> {
        thread_local! {
            static UNPACK: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
        }
        UNPACK.with_borrow_mut(|unpack| {
            let unpack =
                unpack.get_or_insert_with(|| Decompressor::new().expect("zstd has memory for a context"));
            self.0.shelf.get(request, unpack)
        })
    }

    /// As [`Store::get`], for a task: it goes to a thread only if the disk is needed.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn find(&self, request: &str) -> Result<Option<Kept>, StoreError> {
        match self.0.shelf.at_hand(request) {
            AtHand::Absent => Ok(None),
            AtHand::Answer(kept) => Ok(kept),
            AtHand::OnDisk => {
                let (store, request) = (self.clone(), request.to_owned());
                on_thread(move || store.get(&request)).await
            }
        }
    }

    /// Keeps an answer, in the place of an earlier one; returns when its bytes have reached the kernel. Waits while too
    /// much is on its way.
    ///
    /// # Cancel safety
    /// Dropped, the document may be kept or not.
    pub async fn keep(&self, request: &str, kept: Kept) -> Result<(), StoreError> {
        let bytes = raw_len(request, &kept);
        if bytes > DOCUMENT_BYTES_MAX {
            let (request, limit) = (request.to_owned(), DOCUMENT_BYTES_MAX);
            return Err(StoreError::TooLarge { request, bytes, limit });
        }
        let (written, start) = self.0.writer.queue(request, kept).await?;
        if start {
            let inner = Arc::clone(&self.0);
            start_soon(move || inner.writer.write(&inner.shelf));
        }
        written.await.unwrap_or_else(|_| Err(StoreError::Closed { request: request.to_owned() }))
    }

    /// Documents that may serve now, those kept by this attempt with them.
    pub fn documents(&self) -> u64 {
        self.0.shelf.len() as u64
    }

    /// Documents that turned out to be damaged when they were asked for.
    pub fn damaged(&self) -> u64 {
        self.0.shelf.damaged()
    }

    /// Waits for what is on its way, makes everything durable and writes the index. After that nothing is kept any more,
    /// and reading goes on. A second call does nothing. A store that is not closed loses nothing either: its next opening
    /// reads the last segment.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.0.writer.shut().await;
        let inner = Arc::clone(&self.0);
        on_thread(move || inner.writer.close()).await
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("documents", &self.documents()).finish_non_exhaustive()
    }
}

/// Starts `job` on a thread that may block, after everybody who has something to do has done it: whoever comes with a
/// document meanwhile is written with it. Whoever put a document into the queue waits for the job's answer.
#[expect(clippy::disallowed_methods, reason = "the job is waited for by the documents that it answers")]
fn start_soon(job: impl FnOnce() + Send + 'static) {
    drop(tokio::spawn(async {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        drop(tokio::task::spawn_blocking(job));
    }));
}
