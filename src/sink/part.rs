//! One data file on its way to the disk.
//!
//! Does not belong here: the format (`encode`), and which file it is of its table (`writer`, `folder`).
//!
//! Invariant: a [`PartFacts`] exists only if every row was accepted and every byte is on the disk.

use std::path::{Path, PathBuf};

use arrow::record_batch::RecordBatch;

use super::TableSpec;
use super::disk::Disk;
use super::encode::{Encoder, FormatError};
use super::error::{Action, SinkError};
use super::ranges::KeyRange;
use super::staged::Output;

/// A file that is being written.
pub(super) struct Part {
    encoder: Encoder<Output>,
    path: PathBuf,
    table: String,
    disk: Disk,
}

/// What is known of a finished file.
#[derive(Clone, Debug)]
pub(super) struct PartFacts {
    pub rows: u64,
    pub bytes: u64,
    pub digest: String,
    pub ranges: Vec<KeyRange>,
}

impl Part {
    /// Begins the file at `path`, whose columns and format are those of `spec`.
    pub fn create(disk: &Disk, spec: &TableSpec, fingerprint: &str, path: &Path) -> Result<Self, SinkError> {
        let output = Output::create(disk, path)?;
        let encoder = Encoder::new(output, spec, fingerprint).map_err(|source| SinkError::Encode {
            table: spec.name.clone(),
            path: path.to_path_buf(),
            source,
        })?;
        Ok(Self { encoder, path: path.to_path_buf(), table: spec.name.clone(), disk: disk.clone() })
    }

    /// Takes a batch, cut in any place.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), SinkError> {
        self.encoder.write(batch).map_err(|source| self.refused(source))
    }

    /// Takes a chunk, cut where such are always cut. Not to be mixed with `write`.
    pub fn write_chunk(&mut self, chunk: RecordBatch) -> Result<(), SinkError> {
        self.encoder.write_chunk(chunk).map_err(|source| self.refused(source))
    }

    /// What the file would be about as large as if it ended now. Follows from the chunks alone.
    pub fn bytes(&mut self) -> u64 {
        self.encoder.open_bytes() as u64 + self.encoder.output().bytes
    }

    /// Estimate of the bytes held in memory.
    pub fn memory_bytes(&self) -> usize {
        self.encoder.memory_bytes()
    }

    /// Writes the rest and syncs.
    pub fn finish(mut self) -> Result<PartFacts, SinkError> {
        self.encoder.finish().map_err(|source| self.refused(source))?;
        let (rows, ranges) = (self.encoder.rows(), self.encoder.ranges());
        let output = self.encoder.output();
        self.disk.sync_file(&output.file, &self.path)?;
        Ok(PartFacts { rows, bytes: output.bytes, digest: output.digest(), ranges })
    }

    /// The error behind an error of the format.
    fn refused(&mut self, source: FormatError) -> SinkError {
        match self.encoder.output().refusal.take() {
            Some(refusal) => SinkError::disk(Action::Write, &self.path, refusal),
            None => SinkError::Encode { table: self.table.clone(), path: self.path.clone(), source },
        }
    }
}
