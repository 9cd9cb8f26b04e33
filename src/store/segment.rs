//! A segment: a file that one process wrote from its start to its end, and that nobody changes afterwards.
//!
//! ```text
//! NNNNNNNN.seg   magic 8 │ format 4 │ length 4 │ label (JSON) │ check 8 ║ block ║ block ║ …
//! NNNNNNNN.idx   see `index.rs`; made when the segment is complete, and again whenever it is missing or wrong
//! ```
//!
//! The first sixteen bytes and the check at the end of the label are the same in every format there will be, so that an
//! older program can tell a newer file from a damaged one.
//!
//! Does not belong here: what blocks hold. Invariant: [`scan`] answers every block of the file that is whole, whatever
//! lies between, and says how many bytes were not.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;
use zstd::bulk::Decompressor;

use super::block::{Block, HEAD, Head, MAGIC, number_4, number_8};
use super::error::{Action, StoreError};

/// The format that is written, and the last that is understood.
pub(super) const FORMAT: u32 = 1;
/// How a segment begins.
const SEGMENT_MAGIC: [u8; 8] = *b"\xfeTMDBSEG";
/// Most bytes of a label; a run's id has 25.
const LABEL_MAX: usize = 16 << 10;
/// Bytes that are read at once while looking for blocks.
const WINDOW: usize = 1 << 20;

/// What a segment says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Label {
    /// The logical run that wrote it.
    pub run: String,
    /// Random: tells this segment from every other, whatever the files are called.
    pub id: u64,
    /// Microseconds since 1970.
    pub created_at: i64,
}

/// What stands at the start of a file.
#[derive(Debug)]
pub(super) enum Start {
    /// A label, and where the first block begins.
    Labelled(Label, u64),
    /// The file ends before its label does: its process died at once.
    Torn,
    /// Bytes that no version wrote.
    Damaged,
}

impl Label {
    /// The bytes at the start of its segment.
    pub fn write(&self) -> Vec<u8> {
        let text = serde_json::to_vec(self).expect("a label is plain data");
        let length = u32::try_from(text.len()).expect("a label is short");
        let mut bytes = SEGMENT_MAGIC.to_vec();
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&text);
        let check = xxh3_64(&bytes);
        bytes.extend_from_slice(&check.to_le_bytes());
        bytes
    }

    /// Reads the label of the segment at `path`.
    pub fn read(file: &File, path: &Path) -> Result<Start, StoreError> {
        let bytes = read_up_to(file, 0, 16 + LABEL_MAX + 8)
            .map_err(|error| StoreError::disk(Action::Read, path, error))?;
        if bytes.len() < 16 {
            return Ok(Start::Torn);
        }
        let length = number_4(&bytes[12..]) as usize;
        if bytes[..8] != SEGMENT_MAGIC || length > LABEL_MAX {
            return Ok(Start::Damaged);
        }
        let end = 16 + length;
        let Some(check) = bytes.get(end..end + 8) else { return Ok(Start::Torn) };
        if xxh3_64(&bytes[..end]) != number_8(check) {
            return Ok(Start::Damaged);
        }
        let found = number_4(&bytes[8..]);
        if found > FORMAT {
            return Err(StoreError::Newer { path: path.to_path_buf(), found, known: FORMAT });
        }
        match serde_json::from_slice(&bytes[16..end]) {
            Ok(label) => Ok(Start::Labelled(label, (end + 8) as u64)),
            Err(_) => Ok(Start::Damaged),
        }
    }

    /// Bytes of the label in its file.
    pub fn len(&self) -> u64 {
        self.write().len() as u64
    }
}

/// The number of a segment or an index by its file's name, if it is one of ours.
pub(super) fn number(name: &str) -> Option<(u32, Kind)> {
    let (digits, ending) = name.split_at_checked(8)?;
    let kind = match ending {
        ".seg" => Kind::Segment,
        ".idx" => Kind::Index,
        _ => return None,
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((digits.parse().ok()?, kind))
}

/// What a file of ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Segment,
    Index,
}

/// Where segment `number` of `folder` lies.
pub(super) fn path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:08}.seg"))
}

/// Bytes of a segment that hold nothing that can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// At its end: what the process was writing when it died, or what the disk did not get.
    pub torn_bytes: u64,
    /// Before other documents: damage from outside.
    pub damaged_bytes: u64,
    /// Documents that were in damaged blocks, as far as their heads could still be read.
    pub documents: u64,
}

/// Reads every whole block from `start` to the end of the file at `path`, and hands it to `each` with its place.
pub(super) fn scan(
    file: &File,
    path: &Path,
    segment: u64,
    start: u64,
    mut each: impl FnMut(u64, &Block),
) -> Result<Lost, StoreError> {
    let on = |error| StoreError::disk(Action::Read, path, error);
    let length = file.metadata().map_err(on)?.len();
    let mut unpack = Decompressor::new().map_err(on)?;
    let mut lost = Lost::default();
    let mut window = Window { file, start: 0, bytes: Vec::new() };
    // Bytes since the last whole block, and documents that heads among them tell of.
    let (mut gap, mut gap_documents) = (0, 0);
    let mut at = start;
    while at < length {
        let head = Head::read(window.at(at, HEAD).map_err(on)?, segment);
        let Ok(head) = head else {
            let next = window.find_magic(at + 1, length).map_err(on)?;
            gap += next - at;
            at = next;
            continue;
        };
        let size = HEAD as u64 + head.stored_len as u64;
        if at + size > length {
            // Its bytes never came, or were cut off; nothing can follow it that is not a part of it.
            gap += length - at;
            break;
        }
        let payload = &window.at(at, HEAD + head.stored_len).map_err(on)?[HEAD..];
        if let Ok(block) = Block::open(&head, payload, segment, &mut unpack) {
            lost.damaged_bytes += std::mem::take(&mut gap);
            lost.documents += std::mem::take(&mut gap_documents);
            each(at, &block);
        } else {
            gap += size;
            gap_documents += head.records as u64;
        }
        at += size;
    }
    if gap_documents > 0 {
        // Whole in length, so it was not torn.
        lost.damaged_bytes += gap;
        lost.documents += gap_documents;
    } else {
        lost.torn_bytes = gap;
    }
    Ok(lost)
}

/// A piece of the file in memory.
struct Window<'a> {
    file: &'a File,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// `wanted` bytes from `at`, or fewer where the file ends. `wanted` is bounded by whoever asks.
    fn at(&mut self, at: u64, wanted: usize) -> io::Result<&[u8]> {
        let end = self.start + self.bytes.len() as u64;
        if at < self.start || at + wanted as u64 > end {
            self.bytes = read_up_to(self.file, at, wanted.max(WINDOW))?;
            self.start = at;
        }
        let from = usize::try_from(at - self.start).expect("it is in the window");
        Ok(&self.bytes[from..self.bytes.len().min(from + wanted)])
    }

    /// The next place of a block's magic from `at` on, or `end`.
    fn find_magic(&mut self, mut at: u64, end: u64) -> io::Result<u64> {
        while at < end {
            let bytes = self.at(at, WINDOW)?;
            if bytes.len() < MAGIC.len() {
                break;
            }
            if let Some(found) = bytes.windows(MAGIC.len()).position(|window| window == MAGIC) {
                return Ok(at + found as u64);
            }
            // The magic may lie across the border of two windows.
            at += (bytes.len() - MAGIC.len() + 1) as u64;
        }
        Ok(end)
    }
}

/// Up to `wanted` bytes from `at`; fewer only at the end of the file.
pub(super) fn read_up_to(file: &File, at: u64, wanted: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; wanted];
    let mut filled = 0;
    while filled < wanted {
        match read_at(file, &mut bytes[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

#[cfg(unix)]
fn read_at(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, at)
}

#[cfg(windows)]
fn read_at(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, into, at)
}
