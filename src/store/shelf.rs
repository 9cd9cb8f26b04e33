//! Where the documents that may serve this run are, and how one is fetched from there.
//!
//! ```text
//! request ─hash▶ places (memory) ─▶ segment, offset, slot ─▶ block (in memory, or read, checked, decompressed) ─▶ record
//! ```
//!
//! Does not belong here: writing, and which documents may serve. Invariants: an answer is the record of exactly the request
//! that was asked for; what cannot be read as it was written is forgotten and counted; open files and blocks in memory are
//! bounded.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use zstd::bulk::Decompressor;

use super::block::{BLOCK_BYTES, Block, Broken, HEAD, Head};
use super::error::{Action, StoreError};
use super::index::{Entry, hash};
use super::kept::Kept;
use super::segment::read_up_to;

/// Files of segments that are open at once, well below what a process may have (1,024 is usual).
const OPEN_MAX: usize = 64;
/// Blocks in memory. A crawl that is walked again asks nearly in the order in which it was written, and its stages read
/// from a few places at once.
const BLOCKS_MAX: usize = 16;
/// Bytes of a block that is worth keeping: one that holds a document larger than this holds little else.
const BLOCK_KEPT_MAX: usize = 4 * BLOCK_BYTES;
/// Bytes that are read at once: the head, and the whole of a block that holds one document of usual size.
const FIRST_READ: usize = 4096;

/// A segment that documents are read from.
#[derive(Debug)]
pub(super) struct Source {
    pub path: PathBuf,
    /// The id in its label.
    pub id: u64,
}

/// Documents that may serve.
pub(super) struct Shelf {
    sources: RwLock<Vec<Arc<Source>>>,
    places: RwLock<Places>,
    files: Mutex<VecDeque<(usize, Arc<File>)>>,
    blocks: Mutex<VecDeque<(Spot, Block)>>,
    damaged: AtomicU64,
}

/// A block of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spot {
    source: usize,
    offset: u32,
}

/// From the hash of a request to its place: 16 bits of source, 32 of offset, 16 of slot. The table takes 17 bytes for each
/// of its slots, of which at most seven in eight are used.
type Places = HashMap<u64, u64, BuildHasherDefault<AsItIs>>;

/// What is hashed is a hash already.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only numbers are hashed");
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

impl Shelf {
    /// An empty shelf with room for so many documents.
    pub fn new(documents: usize) -> Self {
        Self {
            sources: RwLock::default(),
            places: RwLock::new(Places::with_capacity_and_hasher(documents, BuildHasherDefault::default())),
            files: Mutex::default(),
            blocks: Mutex::default(),
            damaged: AtomicU64::new(0),
        }
    }

    /// Adds a segment; answers its number here.
    pub fn add_source(&self, source: Source) -> usize {
        let mut sources = self.sources.write().unwrap_or_else(PoisonError::into_inner);
        sources.push(Arc::new(source));
        sources.len() - 1
    }

    /// Adds documents of a segment; they take the places of others that answer the same.
    pub fn add(&self, source: usize, entries: impl IntoIterator<Item = Entry>) {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        for entry in entries {
            places.insert(entry.hash, pack(source, entry));
        }
    }

    /// Documents on it.
    pub fn len(&self) -> usize {
        self.places.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Documents that were found damaged when they were asked for.
    pub fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Whether there is a document of this hash.
    pub fn has(&self, request: &str) -> bool {
        self.place(request).is_some()
    }

    /// The document, if its block is in memory; else whether there is one elsewhere.
    pub fn at_hand(&self, request: &str) -> AtHand {
        let Some(place) = self.place(request) else { return AtHand::Absent };
        let (spot, number) = unpack(place);
        match self.block_in_memory(spot) {
            Some(block) => AtHand::Answer(self.answer(request, place, block.record(number))),
            None => AtHand::OnDisk,
        }
    }

    /// The document. Blocks for the disk and to decompress.
    pub fn get(
        &self,
        request: &str,
        unpack_with: &mut Decompressor<'static>,
    ) -> Result<Option<Kept>, StoreError> {
        let Some(place) = self.place(request) else { return Ok(None) };
        let (spot, number) = unpack(place);
        let block = match self.block_in_memory(spot) {
            Some(block) => Ok(block),
            None => self.read_block(spot, unpack_with)?,
        };
        let record = match &block {
            Ok(block) => block.record(number),
            Err(Broken) => Err(Broken),
        };
        Ok(self.answer(request, place, record))
    }

    fn place(&self, request: &str) -> Option<u64> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        places.get(&hash(request.as_bytes())).copied()
    }

    /// What `record` answers to `request`; forgets `place` if it is broken.
    fn answer(
        &self,
        request: &str,
        place: u64,
        record: Result<super::block::Record<'_>, Broken>,
    ) -> Option<Kept> {
        let kept = record.and_then(|record| {
            // Another request of the same hash is no damage.
            if record.request() == request.as_bytes() { record.kept().map(Some) } else { Ok(None) }
        });
        kept.unwrap_or_else(|Broken| {
            let hash = hash(request.as_bytes());
            let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
            // Unless somebody kept it anew meanwhile.
            if places.get(&hash) == Some(&place) {
                places.remove(&hash);
                self.damaged.fetch_add(1, Ordering::Relaxed);
            }
            None
        })
    }

    fn block_in_memory(&self, spot: Spot) -> Option<Block> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let at = blocks.iter().position(|(known, _)| *known == spot)?;
        if at > 0 {
            // The one used last stands first; the last goes first.
            let found = blocks.remove(at).expect("it was found there");
            blocks.push_front(found);
        }
        Some(blocks[0].1.clone())
    }

    fn read_block(
        &self,
        spot: Spot,
        unpack_with: &mut Decompressor<'static>,
    ) -> Result<Result<Block, Broken>, StoreError> {
        let source = {
            let sources = self.sources.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(&sources[spot.source])
        };
        let on = |error| StoreError::disk(Action::Read, &source.path, error);
        let file = self.file(spot.source, &source.path)?;
        let offset = u64::from(spot.offset);
        let mut bytes = read_up_to(&file, offset, FIRST_READ).map_err(on)?;
        let Ok(head) = Head::read(&bytes, source.id) else { return Ok(Err(Broken)) };
        let wanted = HEAD + head.stored_len;
        if wanted > bytes.len() {
            let have = bytes.len();
            bytes.extend(read_up_to(&file, offset + have as u64, wanted - have).map_err(on)?);
        }
        let Some(payload) = bytes.get(HEAD..wanted) else { return Ok(Err(Broken)) };
        let block = Block::open(&head, payload, source.id, unpack_with);
        if let Ok(block) = &block
            && block.len() <= BLOCK_KEPT_MAX
            && head.records > 1
        {
            let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
            blocks.push_front((spot, block.clone()));
            blocks.truncate(BLOCKS_MAX);
        }
        Ok(block)
    }

    fn file(&self, source: usize, path: &Path) -> Result<Arc<File>, StoreError> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = files.iter().position(|(known, _)| *known == source) {
            if at > 0 {
                let found = files.remove(at).expect("it was found there");
                files.push_front(found);
            }
        } else {
            let file = File::open(path).map_err(|error| StoreError::disk(Action::Read, path, error))?;
            files.push_front((source, Arc::new(file)));
            files.truncate(OPEN_MAX);
        }
        Ok(Arc::clone(&files[0].1))
    }
}

/// What is known of a document without the disk.
pub(super) enum AtHand {
    /// There is none.
    Absent,
    /// It, or none after all.
    Answer(Option<Kept>),
    /// There may be one on the disk.
    OnDisk,
}

fn pack(source: usize, entry: Entry) -> u64 {
    let source = u16::try_from(source).expect("segments are bounded by their number");
    u64::from(source) << 48 | u64::from(entry.offset) << 16 | u64::from(entry.slot)
}

fn unpack(place: u64) -> (Spot, usize) {
    let offset = u32::try_from(place >> 16 & u64::from(u32::MAX)).expect("it is masked");
    let source = usize::try_from(place >> 48).expect("sixteen bits");
    (Spot { source, offset }, usize::try_from(place & 0xffff).expect("sixteen bits"))
}
