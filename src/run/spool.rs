//! Batches that wait for their turn on disk, as an Arrow IPC stream in a file that has no name.
//!
//! Invariant: the file is unlinked before its first byte, so a killed run leaves nothing behind.

use std::fs::File;
use std::io::{BufReader, BufWriter, Seek as _, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;

use super::error::RunError;
use crate::plan::TablePlan;

/// Batches of one table, written once and read once. A clone is the same spool.
#[derive(Clone)]
pub(super) struct Spool {
    table: Arc<str>,
    writer: Arc<Mutex<Option<StreamWriter<BufWriter<File>>>>>,
}

impl Spool {
    /// An empty spool in the folder for temporary files.
    pub(super) fn new(plan: &TablePlan) -> Result<Self, RunError> {
        let table: Arc<str> = plan.stage.as_str().into();
        let writer = tempfile::tempfile()
            .map_err(|error| error.to_string())
            .and_then(|file| {
                StreamWriter::try_new(BufWriter::new(file), &plan.schema).map_err(|error| error.to_string())
            })
            .map_err(|reason| RunError::Spool { table: table.to_string(), reason })?;
        Ok(Self { table, writer: Arc::new(Mutex::new(Some(writer))) })
    }

    /// Adds a batch. Blocks.
    pub(super) fn push(&self, batch: &RecordBatch) -> Result<(), RunError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = writer.as_mut().expect("a spool is not written after it was read");
        writer.write(batch).map_err(|error| self.error(error))
    }

    /// Ends the writing and goes back to the first batch. Blocks.
    pub(super) fn replay(self) -> Result<Stored, RunError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut writer = writer.expect("a spool is read once");
        writer.finish().map_err(|error| self.error(error))?;
        let buffered = writer.into_inner().map_err(|error| self.error(error))?;
        let mut file = buffered.into_inner().map_err(|error| self.error(error))?;
        file.seek(SeekFrom::Start(0)).map_err(|error| self.error(error))?;
        let batches = StreamReader::try_new(BufReader::new(file), None).map_err(|error| self.error(error))?;
        Ok(Stored { spool: self, batches })
    }

    fn error(&self, error: impl std::fmt::Display) -> RunError {
        RunError::Spool { table: self.table.to_string(), reason: error.to_string() }
    }
}

/// The batches of a spool, from the first.
pub(super) struct Stored {
    spool: Spool,
    batches: StreamReader<BufReader<File>>,
}

impl Stored {
    /// The next batch, or none after the last. Blocks.
    pub(super) fn next_batch(&mut self) -> Result<Option<RecordBatch>, RunError> {
        self.batches.next().transpose().map_err(|error| self.spool.error(error))
    }
}
