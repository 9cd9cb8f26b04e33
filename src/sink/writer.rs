//! The way of one table's batches to a staged file.
//!
//! Does not belong here: the format (`encode`), and when the file becomes visible (`commit`).
//!
//! Invariant: a [`StagedTable`] exists only if every batch was accepted and every byte is on the disk.

use std::path::PathBuf;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use super::TableSpec;
use super::disk::Disk;
use super::encode::{Encoder, FormatError};
use super::error::{Action, SinkError};
use super::schema::{difference, fingerprint};
use super::staged::{Output, StagedFile, StagedTable};

/// Writes one table. Blocking: it encodes, compresses and writes, so it has a thread of its own.
///
/// [`Commit::stage`](super::Commit::stage) makes it. Dropping it, also by a panic, removes what it staged.
pub struct TableWriter {
    // Before `file`: what is still buffered is written before the file is removed.
    encoder: Encoder<Output>,
    file: StagedFile,
    name: String,
    path: PathBuf,
    schema: SchemaRef,
    fingerprint: String,
    disk: Disk,
}

impl TableWriter {
    /// Stages `spec`, whose path is absolute by now, as `staged`.
    pub(super) fn create(disk: &Disk, spec: &TableSpec, staged: PathBuf) -> Result<Self, SinkError> {
        let fingerprint = fingerprint(&spec.name, &spec.schema)?;
        let output = Output::create(disk, &staged)?;
        let file = StagedFile::new(disk, staged);
        let encoder = Encoder::new(output, spec, &fingerprint).map_err(|source| SinkError::Encode {
            table: spec.name.clone(),
            path: file.path.clone(),
            source,
        })?;
        Ok(Self {
            encoder,
            file,
            name: spec.name.clone(),
            path: spec.path.clone(),
            schema: spec.schema.clone(),
            fingerprint,
            disk: disk.clone(),
        })
    }

    /// Takes a batch with exactly the table's columns. How rows are cut into batches does not show in
    /// the file.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), SinkError> {
        if let Some((expected, found)) = difference(&self.schema, batch.schema_ref()) {
            return Err(SinkError::SchemaMismatch { table: self.name.clone(), expected, found });
        }
        self.encoder.write(batch).map_err(|source| self.refused(source))
    }

    /// Writes the rest, syncs, and hands over the complete table.
    pub fn finish(mut self) -> Result<StagedTable, SinkError> {
        self.encoder.finish().map_err(|source| self.refused(source))?;
        let rows = self.encoder.rows();
        let columns = self.encoder.columns().to_vec();
        let output = self.encoder.output();
        self.disk.sync_file(&output.file, &self.file.path)?;
        Ok(StagedTable {
            name: self.name,
            path: self.path,
            rows,
            columns,
            bytes: output.bytes,
            schema_fingerprint: self.fingerprint,
            digest: output.digest(),
            file: self.file,
        })
    }

    /// Removes what was staged.
    pub fn abandon(self) {
        drop(self);
    }

    /// Rows taken so far.
    pub fn rows(&self) -> u64 {
        self.encoder.rows()
    }

    /// Estimate of the bytes held in memory: the open row group or batch, and the rows before it.
    pub fn memory_bytes(&self) -> usize {
        self.encoder.memory_bytes()
    }

    /// The error behind an error of the format.
    fn refused(&mut self, source: FormatError) -> SinkError {
        match self.encoder.output().refusal.take() {
            Some(refusal) => SinkError::disk(Action::Write, &self.file.path, refusal),
            None => SinkError::Encode { table: self.name.clone(), path: self.file.path.clone(), source },
        }
    }
}
