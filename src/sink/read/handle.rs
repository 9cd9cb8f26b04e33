//! What a table is read from: a file, or an object in a store.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use bytes::Bytes;
use parquet::file::reader::{ChunkReader, Length};

use super::{ReadError, refused};
#[cfg(feature = "cloud")]
use crate::sink::remote::Object;
use crate::spec::StoreUrl;

/// Something open that has bytes at places.
#[derive(Debug)]
pub(super) enum Handle {
    /// A file.
    File(File),
    /// An object.
    #[cfg(feature = "cloud")]
    Object(Object),
}

impl Handle {
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        match StoreUrl::of_object(path) {
            Some(url) => Self::object(path, &url),
            None => File::open(path).map(Self::File).map_err(|source| refused(path, source)),
        }
    }

    #[cfg(feature = "cloud")]
    fn object(path: &Path, url: &StoreUrl) -> Result<Self, ReadError> {
        match Object::open(url)? {
            Some(object) => Ok(Self::Object(object)),
            None => Err(ReadError::Missing { path: path.to_owned() }),
        }
    }

    #[cfg(not(feature = "cloud"))]
    fn object(_: &Path, url: &StoreUrl) -> Result<Self, ReadError> {
        Err(crate::sink::SinkError::NoStores { url: url.to_string() }.into())
    }

    /// Its size.
    pub fn bytes(&self) -> io::Result<u64> {
        match self {
            Self::File(file) => Ok(file.metadata()?.len()),
            #[cfg(feature = "cloud")]
            Self::Object(object) => Ok(object.bytes()),
        }
    }

    /// A second handle to the same bytes, and to the same place in them.
    pub fn again(&self) -> io::Result<Self> {
        match self {
            Self::File(file) => file.try_clone().map(Self::File),
            #[cfg(feature = "cloud")]
            Self::Object(object) => Ok(Self::Object(object.clone())),
        }
    }
}

impl Read for &Handle {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Handle::File(file) => (&*file).read(into),
            #[cfg(feature = "cloud")]
            Handle::Object(object) => (&*object).read(into),
        }
    }
}

impl Seek for &Handle {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Handle::File(file) => (&*file).seek(to),
            #[cfg(feature = "cloud")]
            Handle::Object(object) => (&*object).seek(to),
        }
    }
}

impl Length for Handle {
    fn len(&self) -> u64 {
        match self {
            Self::File(file) => Length::len(file),
            #[cfg(feature = "cloud")]
            Self::Object(object) => Length::len(object),
        }
    }
}

impl ChunkReader for Handle {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(match self {
            Self::File(file) => Box::new(file.get_read(start)?),
            #[cfg(feature = "cloud")]
            Self::Object(object) => Box::new(object.get_read(start)?),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        match self {
            Self::File(file) => file.get_bytes(start, length),
            #[cfg(feature = "cloud")]
            Self::Object(object) => object.get_bytes(start, length),
        }
    }
}
