//! An object that is read like a file: a piece here and there, not the whole of it.
//!
//! Invariant: all pieces are of one version of the object; a publish in between is an error, never a mixture.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use object_store::{Error, GetOptions, GetRange, ObjectStore as _};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use tokio::runtime::Runtime;

use super::super::error::SinkError;
use super::open::Patience;
use super::{Place, runtime, trouble};
use crate::spec::StoreUrl;

/// Bytes that are read at once where somebody reads on: a footer, or the pages of a column's first rows.
const AHEAD_BYTES: u64 = 256 * 1024;

/// An object, open.
#[derive(Clone, Debug)]
pub(in super::super) struct Object(Arc<Open>);

#[derive(Debug)]
struct Open {
    runtime: Runtime,
    place: Place,
    bytes: u64,
    e_tag: Option<String>,
    reading: Mutex<Reading>,
}

#[derive(Debug, Default)]
struct Reading {
    at: u64,
    start: u64,
    piece: Bytes,
}

impl Object {
    /// Opens the object at `url`; none if there is none.
    pub fn open(url: &StoreUrl) -> Result<Option<Self>, SinkError> {
        let place = Place::open(url, Patience::Check)?;
        let runtime = runtime();
        let options = GetOptions { head: true, ..GetOptions::default() };
        let meta = match runtime.block_on(place.store.get_opts(&place.data, options)) {
            Ok(got) => got.meta,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(trouble::of("read", url, &error)),
        };
        let reading = Mutex::default();
        Ok(Some(Self(Arc::new(Open { runtime, place, bytes: meta.size, e_tag: meta.e_tag, reading }))))
    }

    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.0.bytes
    }

    fn piece(&self, start: u64, length: u64) -> io::Result<Bytes> {
        let open = &*self.0;
        let end = start.saturating_add(length).min(open.bytes);
        if start >= end {
            return Ok(Bytes::new());
        }
        let range = Some(GetRange::Bounded(start..end));
        let options = GetOptions { range, if_match: open.e_tag.clone(), ..GetOptions::default() };
        let got = async { open.place.store.get_opts(&open.place.data, options).await?.bytes().await };
        open.runtime.block_on(got).map_err(|error| match error {
            Error::Precondition { .. } | Error::NotFound { .. } => {
                io::Error::other("somebody has published another one meanwhile")
            }
            error => io::Error::other(trouble::of("read", &open.place.url, &error)),
        })
    }
}

impl Read for &Object {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut reading = self.0.reading.lock().expect("nothing panics while it reads");
        let offset = reading.at.checked_sub(reading.start).and_then(|offset| usize::try_from(offset).ok());
        let there = offset.filter(|offset| *offset < reading.piece.len());
        let offset = if let Some(offset) = there {
            offset
        } else {
            reading.start = reading.at;
            reading.piece = self.piece(reading.at, AHEAD_BYTES.max(into.len() as u64))?;
            0
        };
        let count = into.len().min(reading.piece.len() - offset);
        into[..count].copy_from_slice(&reading.piece[offset..offset + count]);
        reading.at += count as u64;
        Ok(count)
    }
}

impl Seek for &Object {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let mut reading = self.0.reading.lock().expect("nothing panics while it reads");
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.0.bytes.checked_add_signed(by),
            SeekFrom::Current(by) => reading.at.checked_add_signed(by),
        };
        reading.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(reading.at)
    }
}

impl Length for Object {
    fn len(&self) -> u64 {
        self.0.bytes
    }
}

impl ChunkReader for Object {
    type T = Cursor<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        // Whoever asks reads the header of a page, and then the page by its length.
        Ok(Cursor::new(self.piece(start, AHEAD_BYTES).map_err(|error| ParquetError::External(error.into()))?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let piece = self.piece(start, length as u64).map_err(|error| ParquetError::External(error.into()))?;
        if piece.len() == length { Ok(piece) } else { Err(ParquetError::EOF("the object is shorter".into())) }
    }
}
