//! The way of one table's rows into the files of a generation that is being staged.
//!
//! ```text
//!  rows, in their order ─▶ chunks of 1,024 rows ─▶ part-00000, part-00001, …
//!  sorted by partition  ─▶ the same in each: year=1999/part-00000, …, year=2000/part-00000, …
//! ```
//!
//! Does not belong here: the order of rows (`writer`), and what of earlier generations is brought in (`assembly`).
//!
//! Invariant: where a file ends follows from the rows before it. A size is compared with encoded bytes, which follow from
//! the rows, and only between chunks, which are always cut in the same places. One file is open at a time, whatever the
//! number of partitions.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use arrow::compute::BatchCoalescer;
use arrow::record_batch::RecordBatch;

use super::TableSpec;
use super::disk::Disk;
use super::encode::{CHUNK_ROWS, FormatError};
use super::error::SinkError;
use super::facts::FileFacts;
use super::generation;
use super::part::Part;
use super::partition::{PARTITIONS_MAX, Partitions};
use crate::spec::FolderLayout;

/// Writes the files of one table.
pub(super) struct FolderWriter {
    open: Option<(String, Part)>,
    chunks: BatchCoalescer,
    files: Vec<FileFacts>,
    /// Of the next file in its partition.
    number: usize,
    folder: PathBuf,
    partitions: Option<Partitions>,
    /// The folder of the last row.
    partition: String,
    /// Every folder that was made, below `folder`.
    made: BTreeSet<PathBuf>,
    /// How many folders hold files.
    partition_count: usize,
    generation: String,
    run: String,
    spec: TableSpec,
    fingerprint: String,
    target_bytes: u64,
    disk: Disk,
}

impl FolderWriter {
    /// Makes the staged folder: `place` is where, the name of the generation, and the run.
    pub fn create(
        disk: &Disk,
        spec: &TableSpec,
        layout: &FolderLayout,
        partitions: Option<Partitions>,
        fingerprint: &str,
        place: (PathBuf, &str, &str),
    ) -> Result<Self, SinkError> {
        let (folder, generation, run) = place;
        disk.create_folder(&folder)?;
        let schema = partitions.as_ref().map_or(&spec.schema, |partitions| &partitions.files).clone();
        let spec = &TableSpec { schema: schema.clone(), ..spec.clone() };
        Ok(Self {
            open: None,
            chunks: BatchCoalescer::new(schema, CHUNK_ROWS),
            files: Vec::new(),
            number: 0,
            folder,
            partitions,
            partition: String::new(),
            made: BTreeSet::new(),
            partition_count: 0,
            generation: generation.to_owned(),
            run: run.to_owned(),
            spec: spec.clone(),
            fingerprint: fingerprint.to_owned(),
            target_bytes: layout.target_file_bytes,
            disk: disk.clone(),
        })
    }

    /// Takes a batch, cut in any place; rows of one partition must follow each other.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), SinkError> {
        let Some(partitions) = self.partitions.clone() else { return self.take(batch.clone()) };
        let starts = partitions.starts(batch);
        let ends = starts.iter().skip(1).copied().chain([batch.num_rows()]);
        for (start, end) in starts.iter().copied().zip(ends) {
            let partition = partitions.folder(batch, start, &self.spec.name)?;
            if partition != self.partition {
                self.enter(partition)?;
            }
            self.take(partitions.rest(&batch.slice(start, end - start)))?;
        }
        Ok(())
    }

    fn take(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        self.chunks.push_batch(batch).map_err(|source| self.refused(source))?;
        self.drain()
    }

    /// Ends the files of the last partition and begins the folder of another.
    fn enter(&mut self, partition: String) -> Result<(), SinkError> {
        self.chunks.finish_buffered_batch().map_err(|source| self.refused(source))?;
        self.drain()?;
        self.end()?;
        self.partition_count += 1;
        if self.partition_count > PARTITIONS_MAX {
            return Err(SinkError::TooManyPartitions { table: self.spec.name.clone(), most: PARTITIONS_MAX });
        }
        let mut folder = self.folder.clone();
        for level in Path::new(&partition) {
            folder.push(level);
            if self.made.insert(folder.clone()) {
                self.disk.create_folder(&folder)?;
            }
        }
        (self.partition, self.number) = (partition, 0);
        Ok(())
    }

    /// Writes the rest, syncs, and tells the files. A table without rows is one file without rows, for its columns.
    pub fn finish(mut self) -> Result<Vec<FileFacts>, SinkError> {
        self.chunks.finish_buffered_batch().map_err(|source| self.refused(source))?;
        self.drain()?;
        if self.files.is_empty() && self.open.is_none() {
            if let Some(partitions) = &self.partitions {
                self.enter(partitions.folder_of_nothing(&self.spec.name)?)?;
            }
            self.open = Some(self.begin()?);
        }
        self.end()?;
        self.made.iter().try_for_each(|folder| self.disk.sync_folder(folder))?;
        self.disk.sync_folder(&self.folder)?;
        Ok(self.files)
    }

    /// Estimate of the bytes held in memory.
    pub fn memory_bytes(&self) -> usize {
        self.chunks.size() + self.open.as_ref().map_or(0, |(_, part)| part.memory_bytes())
    }

    fn drain(&mut self) -> Result<(), SinkError> {
        while let Some(chunk) = self.chunks.next_completed_batch() {
            let (name, mut part) = match self.open.take() {
                Some(open) => open,
                None => self.begin()?,
            };
            part.write_chunk(chunk)?;
            let full = part.bytes() >= self.target_bytes;
            self.open = Some((name, part));
            if full {
                self.end()?;
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(String, Part), SinkError> {
        let name = generation::part(self.number, &self.generation, self.spec.format.name());
        let name = if self.partition.is_empty() { name } else { format!("{}/{name}", self.partition) };
        self.number += 1;
        let part = Part::create(&self.disk, &self.spec, &self.fingerprint, &self.folder.join(&name))?;
        Ok((name, part))
    }

    fn end(&mut self) -> Result<(), SinkError> {
        let Some((path, part)) = self.open.take() else { return Ok(()) };
        let facts = part.finish()?;
        self.files.push(FileFacts {
            path,
            rows: facts.rows,
            bytes: facts.bytes,
            digest: facts.digest,
            run: self.run.clone(),
            ranges: facts.ranges,
        });
        Ok(())
    }

    fn refused(&self, source: arrow::error::ArrowError) -> SinkError {
        let source = FormatError::Arrow(source);
        SinkError::Encode { table: self.spec.name.clone(), path: self.folder.clone(), source }
    }
}
