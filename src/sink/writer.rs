//! The way of one table's batches to what is staged for it.
//!
//! Does not belong here: the format (`encode`), the files of a folder (`folder`), and when they become visible (`commit`).
//!
//! Invariant: a [`StagedTable`] exists only if every batch was accepted and every byte is on the disk.

use std::path::Path;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use super::TableSpec;
use super::disk::{Disk, folder_of};
use super::error::SinkError;
use super::facts::{FileFacts, TableColumn};
use super::folder::FolderWriter;
use super::nulls::{self, ColumnFacts};
use super::part::Part;
use super::partition::Partitions;
use super::schema::{difference, fingerprint};
use super::sort::{self, By, Sorter};
use super::staged::{Place, StagedDelta, StagedFile, StagedFolder, StagedTable};
use super::type_words;

/// Names of what is staged beside the rows of a table that is upserted: keys of documents, and of items that are gone.
pub(super) const DOCUMENTS: &str = "documents.keys";
pub(super) const GONE: &str = "gone.keys";

/// Writes one table. Blocking: it encodes, compresses and writes, so it has a thread of its own.
///
/// [`Commit::stage`](super::Commit::stage) makes it. Dropping it, also by a panic, removes what it staged.
pub struct TableWriter {
    sorter: Option<Box<Sorter>>,
    partitions: Option<Partitions>,
    // Before `file`: what is still buffered is written before the file is removed.
    target: Target,
    keys: Keys,
    file: StagedFile,
    folder: Option<StagedFolder>,
    delta: Option<Box<StagedDelta>>,
    spec: TableSpec,
    fingerprint: String,
    columns: Vec<ColumnFacts>,
    rows: u64,
    run: String,
}

/// Keys that are staged beside the rows; of none there is no file.
#[derive(Default)]
struct Keys {
    documents: Option<Part>,
    gone: Option<Part>,
}

enum Target {
    File(Box<Part>),
    Folder(Box<FolderWriter>),
}

impl TableWriter {
    /// Stages `spec`, whose path is absolute by now, at `place`, for `run`.
    pub(super) fn create(disk: &Disk, spec: &TableSpec, place: Place, run: &str) -> Result<Self, SinkError> {
        let fingerprint = fingerprint(&spec.name, &spec.schema)?;
        let Place { staged, folder, delta } = place;
        let partitions = match spec.layout.folder() {
            Some(layout) if !layout.partition_by.is_empty() => {
                Some(Partitions::new(&spec.schema, &layout.partition_by))
            }
            _ => None,
        };
        let sorter = sorter(spec, partitions.as_ref(), folder_of(&staged))?.map(Box::new);
        let generation = folder.as_ref().map(|folder| &folder.generation);
        let generation = generation.or(delta.as_ref().map(|delta| &delta.generation));
        let target = match (spec.layout.folder(), generation) {
            (Some(layout), Some(generation)) => {
                let (place, partitions) = ((staged.clone(), &**generation, run), partitions.clone());
                let writer = FolderWriter::create(disk, spec, layout, partitions, &fingerprint, place)?;
                Target::Folder(Box::new(writer))
            }
            _ => Target::File(Box::new(Part::create(disk, spec, &fingerprint, &staged)?)),
        };
        Ok(Self {
            sorter,
            partitions,
            target,
            keys: Keys::default(),
            file: StagedFile::new(disk, staged),
            folder,
            delta,
            columns: nulls::columns(&spec.schema, &spec.definitions),
            spec: spec.clone(),
            fingerprint,
            rows: 0,
            run: run.to_owned(),
        })
    }

    /// The same writers, those that sort with their share of a memory budget.
    pub fn within(writers: Vec<Self>, memory_bytes: u64) -> Vec<Self> {
        let sorting = writers.iter().filter(|writer| writer.sorter.is_some()).count();
        let share = sort::share(memory_bytes, sorting);
        let within = |writer: Self| {
            let sorter = writer.sorter.map(|sorter| Box::new(sorter.with_limit(share)));
            Self { sorter, ..writer }
        };
        writers.into_iter().map(within).collect()
    }

    /// Takes a batch with exactly the table's columns. How rows are cut into batches does not show in
    /// the files.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), SinkError> {
        if let Some((expected, found)) = difference(&self.spec.schema, batch.schema_ref()) {
            return Err(SinkError::SchemaMismatch { table: self.spec.name.clone(), expected, found });
        }
        self.rows += batch.num_rows() as u64;
        nulls::count(&mut self.columns, batch);
        match (&mut self.sorter, &self.partitions) {
            (Some(sorter), Some(partitions)) => sorter.push(&partitions.settle(batch)),
            (Some(sorter), None) => sorter.push(batch),
            (None, _) => self.target.write(batch),
        }
    }

    /// Takes keys of documents that there were, with or without rows: the columns of [`UpsertSpec::document`](super::UpsertSpec::document), then the time.
    pub fn documents(&mut self, keys: &RecordBatch) -> Result<(), SinkError> {
        let Some(schema) = self.spec.upsert.as_ref().and_then(|upsert| upsert.documents(&self.spec.schema))
        else {
            return Ok(());
        };
        let part = match &mut self.keys.documents {
            Some(part) => part,
            none => none.insert(self.file.beside(DOCUMENTS, &self.spec, schema, &self.fingerprint)?),
        };
        part.write(keys)
    }

    /// Takes keys of items that are gone: the columns of [`GoneSpec::columns`](super::GoneSpec::columns), then the time. They
    /// are let go of where rows stay.
    pub fn gone(&mut self, keys: &RecordBatch) -> Result<(), SinkError> {
        let Some(gone) = self.spec.upsert.as_ref().and_then(|upsert| upsert.gone.as_ref()) else {
            return Ok(());
        };
        let part = match &mut self.keys.gone {
            Some(part) => part,
            none => {
                let schema = gone.rows(&self.spec.schema);
                none.insert(self.file.beside(GONE, &self.spec, schema, &self.fingerprint)?)
            }
        };
        part.write(keys)
    }

    /// Writes the rest, syncs, and hands over the complete table.
    pub fn finish(mut self) -> Result<StagedTable, SinkError> {
        for part in [self.keys.documents.take(), self.keys.gone.take()].into_iter().flatten() {
            part.finish()?;
        }
        if let Some(sorter) = self.sorter.take() {
            sorter.finish(|batch| self.target.write(batch))?;
        }
        let (files, digest) = match self.target {
            Target::File(part) => {
                let facts = part.finish()?;
                let name = self.spec.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let digest = facts.digest.clone();
                let (rows, bytes, ranges) = (facts.rows, facts.bytes, facts.ranges);
                (
                    vec![FileFacts { path: name, rows, bytes, digest: facts.digest, run: self.run, ranges }],
                    digest,
                )
            }
            // Each file has its own.
            Target::Folder(folder) => (folder.finish()?, String::new()),
        };
        Ok(StagedTable {
            name: self.spec.name,
            path: self.spec.path,
            rows: self.rows,
            columns: self.columns,
            bytes: files.iter().map(|file| file.bytes).sum(),
            schema_fingerprint: self.fingerprint,
            schema: column_types(&self.spec.schema),
            files,
            digest,
            folder: self.folder,
            delta: self.delta,
            file: self.file,
        })
    }

    /// Removes what was staged.
    pub fn abandon(self) {
        drop(self);
    }

    /// Rows taken so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Estimate of the bytes held in memory: the open row group or batch, and the rows before it.
    pub fn memory_bytes(&self) -> usize {
        let sorting = self.sorter.as_ref().map_or(0, |sorter| sorter.memory_bytes());
        let writing = match &self.target {
            Target::File(part) => part.memory_bytes(),
            Target::Folder(folder) => folder.memory_bytes(),
        };
        let keys = [&self.keys.documents, &self.keys.gone].into_iter().flatten().map(Part::memory_bytes);
        sorting + writing + keys.sum::<usize>()
    }
}

impl Target {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), SinkError> {
        match self {
            Self::File(part) => part.write(batch),
            Self::Folder(folder) => folder.write(batch),
        }
    }
}

/// What puts the rows of a table in order, partition by partition; none where they stay as they come.
fn sorter(
    spec: &TableSpec,
    partitions: Option<&Partitions>,
    folder: &Path,
) -> Result<Option<Sorter>, SinkError> {
    let schema = partitions.map_or(&spec.schema, |partitions| &partitions.settled);
    let folders = partitions.into_iter().flat_map(Partitions::places);
    let folders = folders.map(|column| By { column, descending: false });
    let sorted = spec.sort_by.iter().map(|key| By {
        column: schema.index_of(&key.column).expect("the plan knows every column of `sort_by`"),
        descending: key.descending,
    });
    let by: Vec<By> = folders.chain(sorted).collect();
    if by.is_empty() { Ok(None) } else { Sorter::new(&spec.name, schema, &by, folder).map(Some) }
}

/// The columns by type.
pub(super) fn column_types(schema: &SchemaRef) -> Vec<TableColumn> {
    let column = |field: &std::sync::Arc<arrow::datatypes::Field>| TableColumn {
        name: field.name().clone(),
        column_type: type_words(field),
        required: !field.is_nullable(),
    };
    schema.fields().iter().map(column).collect()
}
