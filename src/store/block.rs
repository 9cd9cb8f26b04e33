//! A block: some documents that were written together, compressed together and checked together.
//!
//! ```text
//! ┌ 40 bytes ──────────────────────────────────────────────────────────────────┐┌ stored_len bytes ─────┐
//! │ magic 8 │ stored_len 4 │ raw_len 4 │ records 4 │ form 4 │ check 8 │ check 8 ││ payload (zstd or raw) │
//! └──────────────────────────────────────────────────────┘  of payload  of head └┘───────────────────────┘
//! payload, raw: records × (request_len 4 │ headers_len 4 │ body_len 4 │ status 4 │ fetched_at 8), then records × (request,
//! headers as name NUL value NUL, body)
//! ```
//!
//! Numbers are little-endian. Both checks are xxh3 with the segment's id as seed, so that a block of another file is
//! never taken for one of this. The head has a check of its own so that its lengths can be believed: a reader who meets a
//! damaged payload knows where the next block begins, and one who meets a damaged head looks for the next magic.
//!
//! Does not belong here: where blocks lie, and who writes or reads them. Invariants: nothing is allocated by a length
//! that no check stands for or that is above its bound; what [`Block::open`] answers is what [`Builder`] was given, or
//! [`Broken`].

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64_with_seed;
use zstd::bulk::{Compressor, Decompressor};

use super::kept::{Kept, micros, timestamp};

/// Bytes of a head.
pub(super) const HEAD: usize = 40;
/// How a block begins. Not UTF-8, so that no text of a document looks like it.
pub(super) const MAGIC: [u8; 8] = *b"\xfeBLOCK\x01\xfe";
/// Bytes of a record's head in a payload.
const RECORD_HEAD: usize = 24;
/// Raw bytes after which a block is full. Larger ones compress better and cost more where a single document is read from
/// them: see the table in docs/architecture/store.md.
pub(super) const BLOCK_BYTES: usize = 64 << 10;
/// Raw bytes of the largest document with its request and headers: a body has at most 32 MiB (`tmdb/http.rs`).
pub(super) const DOCUMENT_BYTES_MAX: usize = 33 << 20;
/// Raw bytes that a block can have: all but full, and then the largest document.
const RAW_MAX: usize = BLOCK_BYTES + DOCUMENT_BYTES_MAX;
/// Records that a block can have.
pub(super) const RECORDS_MAX: usize = u16::MAX as usize;
/// zstd's level; docs/architecture/store.md has the measurements.
const LEVEL: i32 = 1;

/// The payload is as it is.
const FORM_RAW: u32 = 0;
/// The payload is one zstd frame.
const FORM_ZSTD: u32 = 1;

/// The block, or a part of it, is not as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// A head whose check holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Bytes of the payload as it lies in the file.
    pub stored_len: usize,
    /// Bytes of it decompressed.
    raw_len: usize,
    /// Documents in it.
    pub records: usize,
    form: u32,
    check: u64,
}

impl Head {
    /// Reads the head at the start of `bytes`, of a segment whose id is `segment`.
    pub fn read(bytes: &[u8], segment: u64) -> Result<Self, Broken> {
        let bytes = bytes.get(..HEAD).ok_or(Broken)?;
        let (head, check) = bytes.split_at(HEAD - 8);
        if head[..8] != MAGIC || xxh3_64_with_seed(head, segment) != number_8(check) {
            return Err(Broken);
        }
        let length = |at: usize| number_4(&head[at..]) as usize;
        let read = Self {
            stored_len: length(8),
            raw_len: length(12),
            records: length(16),
            form: number_4(&head[20..]),
            check: number_8(&head[24..]),
        };
        let bounded = read.raw_len <= RAW_MAX && read.stored_len <= zstd::zstd_safe::compress_bound(RAW_MAX);
        if bounded && (1..=RECORDS_MAX).contains(&read.records) { Ok(read) } else { Err(Broken) }
    }

    fn write(&self, segment: u64, into: &mut [u8]) {
        let length = |length: usize| u32::try_from(length).expect("a block is bounded").to_le_bytes();
        into[..8].copy_from_slice(&MAGIC);
        into[8..12].copy_from_slice(&length(self.stored_len));
        into[12..16].copy_from_slice(&length(self.raw_len));
        into[16..20].copy_from_slice(&length(self.records));
        into[20..24].copy_from_slice(&self.form.to_le_bytes());
        into[24..32].copy_from_slice(&self.check.to_le_bytes());
        let check = xxh3_64_with_seed(&into[..HEAD - 8], segment);
        into[HEAD - 8..HEAD].copy_from_slice(&check.to_le_bytes());
    }
}

/// Bytes that a document takes in a raw payload.
pub(super) fn raw_len(request: &str, kept: &Kept) -> usize {
    let headers: usize = headers(kept).map(|(name, value)| name.len() + value.len() + 2).sum();
    RECORD_HEAD + request.len() + headers + kept.body.len()
}

/// Headers that can be written; HTTP allows no NUL in any.
fn headers(kept: &Kept) -> impl Iterator<Item = &(String, String)> {
    kept.headers.iter().filter(|(name, value)| !name.contains('\0') && !value.contains('\0'))
}

/// Collects documents for one block after the other.
pub(super) struct Builder {
    heads: Vec<u8>,
    data: Vec<u8>,
    raw: Vec<u8>,
    compressor: Compressor<'static>,
}

impl Builder {
    pub fn new() -> Self {
        let compressor = Compressor::new(LEVEL).expect("zstd knows the level");
        Self { heads: Vec::new(), data: Vec::new(), raw: Vec::new(), compressor }
    }

    /// Documents collected.
    pub fn records(&self) -> usize {
        self.heads.len() / RECORD_HEAD
    }

    /// Whether the block should be finished before another document comes.
    pub fn is_full(&self) -> bool {
        self.heads.len() + self.data.len() >= BLOCK_BYTES || self.records() == RECORDS_MAX
    }

    /// Adds a document. It has at most [`DOCUMENT_BYTES_MAX`], and the block is not full.
    pub fn push(&mut self, request: &str, kept: &Kept) {
        let length = |length: usize| u32::try_from(length).expect("a document is bounded").to_le_bytes();
        let start = self.data.len();
        self.data.extend_from_slice(request.as_bytes());
        for (name, value) in headers(kept) {
            for text in [name, value] {
                self.data.extend_from_slice(text.as_bytes());
                self.data.push(0);
            }
        }
        let headers = self.data.len() - start - request.len();
        self.data.extend_from_slice(&kept.body);
        self.heads.extend_from_slice(&length(request.len()));
        self.heads.extend_from_slice(&length(headers));
        self.heads.extend_from_slice(&length(kept.body.len()));
        self.heads.extend_from_slice(&u32::from(kept.status).to_le_bytes());
        self.heads.extend_from_slice(&micros(kept.fetched_at).to_le_bytes());
    }

    /// Appends the block to `into` and begins the next; answers the raw length. At least one document was pushed.
    pub fn finish(&mut self, segment: u64, into: &mut Vec<u8>) -> usize {
        let records = self.records();
        self.raw.clear();
        self.raw.append(&mut self.heads);
        self.raw.append(&mut self.data);
        let start = into.len();
        let bound = zstd::zstd_safe::compress_bound(self.raw.len());
        into.resize(start + HEAD + bound, 0);
        let compressed = self.compressor.compress_to_buffer(&self.raw, &mut into[start + HEAD..]);
        let (form, stored_len) = match compressed {
            Ok(length) if length < self.raw.len() => (FORM_ZSTD, length),
            // Random bytes get no smaller; and there is room for them, as the bound is above their length.
            _ => {
                into[start + HEAD..start + HEAD + self.raw.len()].copy_from_slice(&self.raw);
                (FORM_RAW, self.raw.len())
            }
        };
        into.truncate(start + HEAD + stored_len);
        let (head, payload) = into[start..].split_at_mut(HEAD);
        let check = xxh3_64_with_seed(payload, segment);
        Head { stored_len, raw_len: self.raw.len(), records, form, check }.write(segment, head);
        self.raw.len()
    }
}

/// A block in memory, decompressed.
#[derive(Clone, Debug)]
pub(super) struct Block {
    raw: Bytes,
    records: usize,
}

/// One document of a block, still in it.
pub(super) struct Record<'a> {
    block: &'a Block,
    head: &'a [u8],
    start: usize,
}

impl Block {
    /// Checks `payload` against `head` and decompresses it.
    pub fn open(
        head: &Head,
        payload: &[u8],
        segment: u64,
        unpack: &mut Decompressor<'static>,
    ) -> Result<Self, Broken> {
        if payload.len() != head.stored_len || xxh3_64_with_seed(payload, segment) != head.check {
            return Err(Broken);
        }
        let raw = match head.form {
            FORM_RAW => payload.to_vec(),
            FORM_ZSTD => unpack.decompress(payload, head.raw_len).map_err(|_| Broken)?,
            _ => return Err(Broken),
        };
        if raw.len() != head.raw_len || head.records * RECORD_HEAD > raw.len() {
            return Err(Broken);
        }
        Ok(Self { raw: raw.into(), records: head.records })
    }

    /// Bytes that it takes in memory.
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Document number `slot`.
    pub fn record(&self, slot: usize) -> Result<Record<'_>, Broken> {
        if slot >= self.records {
            return Err(Broken);
        }
        let heads = &self.raw[..self.records * RECORD_HEAD];
        let before = heads[..slot * RECORD_HEAD].chunks_exact(RECORD_HEAD).map(data_len);
        let start = before.fold(heads.len() as u64, u64::saturating_add);
        let head = &heads[slot * RECORD_HEAD..(slot + 1) * RECORD_HEAD];
        let end = start.saturating_add(data_len(head));
        if end > self.raw.len() as u64 {
            return Err(Broken);
        }
        let start = usize::try_from(start).expect("it is below the length");
        Ok(Record { block: self, head, start })
    }

    /// All documents in their order; a broken one ends them.
    pub fn records(&self) -> impl Iterator<Item = Result<Record<'_>, Broken>> {
        let mut start = self.records * RECORD_HEAD;
        self.raw[..start].chunks_exact(RECORD_HEAD).map(move |head| {
            let length = usize::try_from(data_len(head)).map_err(|_| Broken)?;
            let record = Record { block: self, head, start };
            start = start.checked_add(length).filter(|end| *end <= self.raw.len()).ok_or(Broken)?;
            Ok(record)
        })
    }
}

impl Record<'_> {
    /// Whose answer it is, as bytes.
    pub fn request(&self) -> &[u8] {
        &self.block.raw[self.start..self.start + number_4(self.head) as usize]
    }

    pub fn status(&self) -> Result<u16, Broken> {
        u16::try_from(number_4(&self.head[12..])).map_err(|_| Broken)
    }

    /// In microseconds.
    pub fn fetched_at(&self) -> i64 {
        i64::from_le_bytes(self.head[16..24].try_into().expect("eight bytes"))
    }

    /// The document, without holding on to the block if that is much larger.
    pub fn kept(&self) -> Result<Kept, Broken> {
        let headers_at = self.start + number_4(self.head) as usize;
        let body_at = headers_at + number_4(&self.head[4..]) as usize;
        let body = body_at..body_at + number_4(&self.head[8..]) as usize;
        let mut texts = self.block.raw[headers_at..body_at].split(|byte| *byte == 0);
        let mut headers = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| Broken);
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            headers.push((text(name)?, text(value)?));
        }
        let body = if body.len() * 2 > self.block.raw.len() {
            self.block.raw.slice(body)
        } else {
            Bytes::copy_from_slice(&self.block.raw[body])
        };
        Ok(Kept { status: self.status()?, body, fetched_at: timestamp(self.fetched_at()), headers })
    }
}

/// What follows the heads for one record.
fn data_len(head: &[u8]) -> u64 {
    [0, 4, 8].into_iter().map(|at| u64::from(number_4(&head[at..]))).sum()
}

/// Little-endian, from the start of `bytes`.
pub(super) fn number_4(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes[..4].try_into().expect("four bytes"))
}

/// Little-endian, from the start of `bytes`.
pub(super) fn number_8(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"))
}
