//! From a path to the text in its file: gzip and a byte order mark are known by the first bytes, and nothing is
//! ever held as a whole.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::LINE_BYTES_MAX;
use super::error::SeedFileFault;

/// Bytes that are read from the disk at once.
const CHUNK: usize = 64 * 1024;

/// The decompressed bytes of a file, without a byte order mark.
pub(super) type Bytes = BufReader<Box<dyn Read + Send>>;

/// Opens the file at `path`.
pub(super) fn file(path: &Path) -> Result<File, SeedFileFault> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => SeedFileFault::Missing,
        _ => SeedFileFault::Io(error),
    })?;
    match file.metadata() {
        Ok(facts) if facts.is_dir() => Err(SeedFileFault::Folder),
        Ok(_) => Ok(file),
        Err(error) => Err(SeedFileFault::Io(error)),
    }
}

/// Opens the text at `path`.
pub(super) fn text(path: &Path) -> Result<Bytes, SeedFileFault> {
    text_of(file(path)?)
}

/// The text in an open file.
pub(super) fn text_of(file: File) -> Result<Bytes, SeedFileFault> {
    let mut raw = BufReader::with_capacity(CHUNK, file);
    let start = raw.fill_buf().map_err(SeedFileFault::Io)?;
    let inner: Box<dyn Read + Send> =
        if start.starts_with(&[0x1f, 0x8b]) { Box::new(MultiGzDecoder::new(raw)) } else { Box::new(raw) };
    let mut bytes = BufReader::with_capacity(CHUNK, inner);
    let start = bytes.fill_buf().map_err(of_io)?;
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        return Err(SeedFileFault::Utf16);
    }
    if start.starts_with(&[0xef, 0xbb, 0xbf]) {
        bytes.consume(3);
    }
    Ok(bytes)
}

/// What an error while reading means: only a decoder finds fault with the data itself.
pub(super) fn of_io(error: io::Error) -> SeedFileFault {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            SeedFileFault::Gzip(error)
        }
        io::ErrorKind::IsADirectory => SeedFileFault::Folder,
        _ => SeedFileFault::Io(error),
    }
}

/// Bytes for a reader of records that has no bound of its own: one record cannot take more than
/// [`LINE_BYTES_MAX`] of them, so that a quote that is never closed does not fill the memory.
pub(super) struct Metered {
    bytes: Bytes,
    /// Since the last record.
    taken: usize,
    /// What was given last, and where it starts in the whole: lines are counted by it.
    last: Vec<u8>,
    start: u64,
}

/// A record is longer than it may be.
#[derive(Debug, thiserror::Error)]
#[error("a record of more than {LINE_BYTES_MAX} bytes")]
pub(super) struct RecordTooLong;

impl Metered {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self { bytes, taken: 0, last: Vec::new(), start: 0 }
    }

    /// A record begins.
    pub(super) fn begin(&mut self) {
        self.taken = 0;
    }

    /// Whether the byte before `offset` ends a line, as far as it was given last.
    pub(super) fn ends_line(&self, offset: u64) -> bool {
        let at = offset.checked_sub(self.start + 1).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.last.get(at)) == Some(&b'\n')
    }
}

impl Read for Metered {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.taken > LINE_BYTES_MAX {
            return Err(io::Error::other(RecordTooLong));
        }
        let count = self.bytes.read(into)?;
        self.taken += count;
        self.start += self.last.len() as u64;
        self.last.clear();
        self.last.extend_from_slice(&into[..count]);
        Ok(count)
    }
}
