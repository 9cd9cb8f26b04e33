//! How documents reach the disk.
//!
//! ```text
//! keep ─▶ queue (bounded in bytes) ─▶ whoever finds nobody writing starts a job on a blocking thread; it takes what waits,
//!                                     makes blocks of it, writes them with one call, answers all of them, and looks again
//! ```
//!
//! A job, and not a thread of its own, so that tokio knows that something is being waited for: a test with a paused clock
//! would let time run while a document is on its way to the disk. Only syncing has a thread, as it alone waits for a time.
//!
//! Does not belong here: who may read. Invariants: whoever is answered well has its bytes in the kernel; blocks stand in
//! the file in the order of their documents' asking; after a write that failed the file ends where it ended before.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use xxhash_rust::xxh3::xxh3_64;

use super::block::{Builder, raw_len};
use super::error::{Action, StoreError};
use super::folder::{SEGMENTS_MAX, remove_segment};
use super::index::{Entry, Index, hash};
use super::kept::{Kept, micros};
use super::segment::{Label, path};
use super::shelf::{Shelf, Source};
use super::sync::Syncer;

/// Bytes of a segment after which the next begins. What a crash leaves without an index is read again when the store is
/// opened: 64 MiB take 0.2 s.
const SEGMENT_BYTES: u64 = 64 << 20;
/// Documents of a segment after which the next begins: 24 bytes each are held until its index is written.
const SEGMENT_RECORDS: usize = 1 << 18;
/// Raw bytes after which one write ends, so that nobody waits for a whole queue.
const WRITE_BYTES: usize = 1 << 20;
/// Bytes of documents that wait to be written: room for the largest.
const ROOM_BYTES: usize = 34 << 20;
/// Bytes that one permit of the room stands for.
const PERMIT_BYTES: usize = 1 << 10;

/// The way in.
pub(super) struct Writer {
    room: Arc<Semaphore>,
    queue: Mutex<Queue>,
    pen: Mutex<Pen>,
    syncer: Syncer,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// Whether a job is writing, which will look here again before it ends.
    writing: bool,
}

/// A document on its way.
struct Waiting {
    request: String,
    kept: Kept,
    written: oneshot::Sender<Result<(), StoreError>>,
    _room: OwnedSemaphorePermit,
}

/// The segment that is being written.
struct Pen {
    folder: PathBuf,
    run: String,
    number: u32,
    path: PathBuf,
    file: Arc<File>,
    /// Its number on the shelf.
    source: usize,
    /// With the length of what was written well.
    index: Index,
    builder: Builder,
    out: Vec<u8>,
    entries: Vec<Entry>,
    closed: bool,
    /// Bytes after which the disk of a test is full.
    #[cfg(test)]
    disk_bytes: Option<u64>,
}

impl Writer {
    /// Begins segment `number` of `folder`, which is there.
    pub fn open(folder: &Path, run: &str, number: u32, shelf: &Shelf) -> Result<Self, StoreError> {
        let pen = Pen::begin(folder, run, number, shelf)?;
        Ok(Self {
            room: Arc::new(Semaphore::new(ROOM_BYTES / PERMIT_BYTES)),
            queue: Mutex::default(),
            pen: Mutex::new(pen),
            syncer: Syncer::start(),
        })
    }

    /// Puts a document into the queue, when there is room. `true` asks the caller to start [`Writer::write`].
    pub async fn queue(&self, request: &str, kept: Kept) -> Result<(Written, bool), StoreError> {
        let permits =
            u32::try_from(raw_len(request, &kept) / PERMIT_BYTES + 1).expect("a document is bounded");
        let Ok(room) = Arc::clone(&self.room).acquire_many_owned(permits).await else {
            return Err(StoreError::Closed { request: request.to_owned() });
        };
        let (written, answer) = oneshot::channel();
        let waiting = Waiting { request: request.to_owned(), kept, written, _room: room };
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.waiting.push(waiting);
        Ok((answer, !mem::replace(&mut queue.writing, true)))
    }

    /// Writes until nothing waits. Blocks for the disk and to compress.
    pub fn write(&self, onto: &Shelf) {
        loop {
            let waiting = {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                if queue.waiting.is_empty() {
                    queue.writing = false;
                    return;
                }
                mem::take(&mut queue.waiting)
            };
            let mut pen = self.pen.lock().unwrap_or_else(PoisonError::into_inner);
            let mut waiting = waiting.into_iter().peekable();
            while waiting.peek().is_some() {
                let mut bytes = 0;
                let mut batch = Vec::new();
                while let Some(next) = waiting.next_if(|_| bytes < WRITE_BYTES) {
                    bytes += raw_len(&next.request, &next.kept);
                    batch.push(next);
                }
                let done = self.syncer.check().and_then(|()| pen.write(&batch, onto));
                if done.is_ok() {
                    self.syncer.dirty(&pen.file, &pen.path);
                }
                for waiting in batch {
                    // Whoever no longer waits is not told.
                    let _ = waiting.written.send(done.clone());
                }
            }
        }
    }

    /// Lets nobody in any more, and waits until everybody who is in is answered.
    pub async fn shut(&self) {
        let all = u32::try_from(ROOM_BYTES / PERMIT_BYTES).expect("it is a constant");
        // An error means that it is shut already.
        let _alone = self.room.acquire_many(all).await;
        self.room.close();
    }

    /// Syncs what was written and writes its index. Blocks; nobody writes any more.
    pub fn close(&self) -> Result<(), StoreError> {
        let mut pen = self.pen.lock().unwrap_or_else(PoisonError::into_inner);
        let synced = self.syncer.stop();
        if mem::replace(&mut pen.closed, true) {
            return Ok(());
        }
        synced?;
        if pen.index.entries.is_empty() {
            return remove_segment(&pen.folder, pen.number);
        }
        pen.seal()
    }
}

#[cfg(test)]
impl Writer {
    /// From now on the segment can have no more than so many bytes.
    pub fn set_disk(&self, bytes: Option<u64>) {
        self.pen.lock().unwrap_or_else(PoisonError::into_inner).disk_bytes = bytes;
    }
}

/// Tells how writing ended.
pub(super) type Written = oneshot::Receiver<Result<(), StoreError>>;

impl Pen {
    fn begin(folder: &Path, run: &str, number: u32, shelf: &Shelf) -> Result<Self, StoreError> {
        let path = path(folder, number);
        let created_at = micros(Timestamp::now());
        // Nothing is secret about it; it must only differ.
        let id = xxh3_64(format!("{run} {number} {created_at} {}", std::process::id()).as_bytes());
        let label = Label { run: run.to_owned(), id, created_at };
        let mut file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&path)
            .map_err(|error| StoreError::disk(Action::CreateFile, &path, error))?;
        file.write_all(&label.write()).map_err(|error| StoreError::disk(Action::Write, &path, error))?;
        sync_folder(folder)?;
        let source = shelf.add_source(Source { path: path.clone(), id });
        if source >= SEGMENTS_MAX {
            return Err(StoreError::TooMany { folder: folder.to_path_buf(), limit: SEGMENTS_MAX });
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            run: run.to_owned(),
            number,
            path,
            file: Arc::new(file),
            source,
            index: Index::new(label),
            builder: Builder::new(),
            out: Vec::new(),
            entries: Vec::new(),
            closed: false,
            #[cfg(test)]
            disk_bytes: None,
        })
    }

    /// Writes documents with one call, and puts them on the shelf.
    fn write(&mut self, batch: &[Waiting], onto: &Shelf) -> Result<(), StoreError> {
        if self.index.totals.length >= SEGMENT_BYTES || self.index.entries.len() >= SEGMENT_RECORDS {
            self.seal()?;
            *self = Self::begin(&self.folder, &self.run, self.number + 1, onto)?;
        }
        self.out.clear();
        self.entries.clear();
        let mut raw_bytes = 0;
        for waiting in batch {
            let offset = self.index.totals.length + self.out.len() as u64;
            self.entries.push(Entry {
                hash: hash(waiting.request.as_bytes()),
                fetched_at: micros(waiting.kept.fetched_at),
                offset: u32::try_from(offset).expect("a segment is bounded"),
                slot: u16::try_from(self.builder.records()).expect("a block is bounded"),
            });
            self.builder.push(&waiting.request, &waiting.kept);
            if self.builder.is_full() {
                raw_bytes += self.builder.finish(self.index.totals.label.id, &mut self.out);
            }
        }
        if self.builder.records() > 0 {
            raw_bytes += self.builder.finish(self.index.totals.label.id, &mut self.out);
        }
        if let Err(error) = self.put() {
            self.cut_back();
            return Err(StoreError::disk(Action::Write, &self.path, error));
        }
        self.index.totals.length += self.out.len() as u64;
        self.index.totals.raw_bytes += raw_bytes as u64;
        for (entry, waiting) in self.entries.iter().zip(batch) {
            self.index.add(*entry, waiting.kept.status);
        }
        onto.add(self.source, self.entries.iter().copied());
        Ok(())
    }

    fn put(&self) -> io::Result<()> {
        #[cfg(test)]
        if let Some(room) = self.disk_bytes.map(|bytes| bytes.saturating_sub(self.index.totals.length))
            && room < self.out.len() as u64
        {
            (&*self.file).write_all(&self.out[..usize::try_from(room).expect("it is small")])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        (&*self.file).write_all(&self.out)
    }

    /// Takes back the half of a block that the disk had room for. Where even that fails it stays, and readers look for the
    /// block after it.
    fn cut_back(&mut self) {
        if self.file.set_len(self.index.totals.length).is_err()
            && let Ok(metadata) = self.file.metadata()
        {
            self.index.totals.length = metadata.len();
        }
    }

    /// Makes the segment durable, and writes its index.
    fn seal(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(|error| StoreError::disk(Action::Sync, &self.path, error))?;
        let index = self.path.with_extension("idx");
        // A half-written index is none.
        std::fs::write(&index, self.index.write())
            .map_err(|error| StoreError::disk(Action::Write, &index, error))
    }
}

/// Makes the names in `folder` durable. Only Unix can; and tests of this module do not cut the power.
pub(super) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    let synced = if cfg!(unix) && !cfg!(test) {
        File::open(folder).and_then(|folder| folder.sync_all())
    } else {
        io::Result::Ok(())
    };
    synced.map_err(|error| StoreError::disk(Action::Sync, folder, error))
}
