//! Rows in another order than they came, however many they are.
//!
//! ```text
//!  batches ─▶ held until they are too many ─▶ a sorted run on disk ─┐
//!                                             a sorted run on disk ─┴▶ merged ─▶ batches
//! ```
//!
//! Does not belong here: which columns (`crate::spec`), and what becomes of the rows (`folder`, `part`).
//!
//! Invariant: rows that are equal by their keys keep the order in which they came, so the result follows from the rows
//! alone and not from where memory ran full. Memory is that of the rows held, of their keys, and of one batch of each run.
//! Runs are in files without a name, which a killed run does not leave behind.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use arrow::array::ArrayRef;
use arrow::compute::{SortOptions, interleave_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use arrow::row::{OwnedRow, RowConverter, Rows, SortField};

use super::arrow_file::bytes_of;
use super::encode::{CHUNK_ROWS, FormatError};
use super::error::{Action, SinkError};

/// Bytes of the rows that a table holds before it sorts them into a run, where nobody says more: an eighth of the default
/// memory budget of a process (256 MiB). A million films of fifteen columns make a dozen runs.
const HELD_BYTES: usize = 32 * 1024 * 1024;

/// What they hold at least: less would be a file for every few rows.
const HELD_BYTES_MIN: usize = 1024 * 1024;

/// The share of the memory budget that tables sort in, all together: sorting takes keys and places beside the rows, and bodies need
/// the rest.
const BUDGET_SHARE: u64 = 8;

/// Bytes of rows that each of `tables` sorted tables may hold within a budget.
pub(super) fn share(memory_bytes: u64, tables: usize) -> usize {
    let share = memory_bytes / BUDGET_SHARE / (tables.max(1) as u64);
    usize::try_from(share).unwrap_or(usize::MAX).max(HELD_BYTES_MIN)
}

/// Runs of one level that are merged into one of the next: as many as can be read side by side in the memory of one run.
const FAN_IN: usize = 16;

/// Batches of runs that are read side by side: `FAN_IN` of a level, of three levels, and some room.
const SIDE_BY_SIDE: usize = 4 * FAN_IN;

/// A column to sort by.
#[derive(Clone, Copy, Debug)]
pub(super) struct By {
    /// Its place in the table.
    pub column: usize,
    /// From the greatest to the least; nulls are last in either direction.
    pub descending: bool,
}

/// Takes rows in any order and gives them back in one.
pub(super) struct Sorter {
    keys: Keys,
    held: Vec<RecordBatch>,
    held_bytes: usize,
    held_bytes_max: usize,
    /// Runs on disk; those of a higher level hold earlier rows, and within a level earlier runs come first.
    levels: Vec<Vec<Run>>,
    schema: SchemaRef,
    table: String,
    folder: PathBuf,
}

/// What rows are compared by.
struct Keys {
    converter: RowConverter,
    columns: Vec<usize>,
}

impl Keys {
    fn of(&self, batch: &RecordBatch) -> Result<Rows, ArrowError> {
        let columns: Vec<ArrayRef> =
            self.columns.iter().map(|column| batch.column(*column).clone()).collect();
        self.converter.convert_columns(&columns)
    }
}

/// Sorted rows on disk, from the first.
type Run = StreamReader<BufReader<File>>;

impl Sorter {
    /// Sorts rows of `schema`; runs go to `folder`, which is on the disk that the table goes to.
    pub fn new(table: &str, schema: &SchemaRef, by: &[By], folder: &Path) -> Result<Self, SinkError> {
        let field = |by: &By| {
            let options = SortOptions { descending: by.descending, nulls_first: false };
            SortField::new_with_options(schema.field(by.column).data_type().clone(), options)
        };
        let refused = |source: ArrowError| SinkError::Encode {
            table: table.to_owned(),
            path: folder.to_path_buf(),
            source: source.into(),
        };
        let converter = RowConverter::new(by.iter().map(field).collect()).map_err(refused)?;
        Ok(Self {
            keys: Keys { converter, columns: by.iter().map(|by| by.column).collect() },
            held: Vec::new(),
            held_bytes: 0,
            held_bytes_max: HELD_BYTES,
            levels: Vec::new(),
            schema: schema.clone(),
            table: table.to_owned(),
            folder: folder.to_path_buf(),
        })
    }

    /// The same with so many bytes of rows held.
    pub fn with_limit(self, held_bytes_max: usize) -> Self {
        Self { held_bytes_max, ..self }
    }

    /// Takes a batch.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<(), SinkError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.held_bytes += batch.columns().iter().map(|column| bytes_of(column)).sum::<usize>();
        self.held.push(batch.clone());
        if self.held_bytes >= self.held_bytes_max { self.spill() } else { Ok(()) }
    }

    /// Gives every row to `to`, in order.
    pub fn finish(
        mut self,
        mut to: impl FnMut(&RecordBatch) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        if self.levels.is_empty() {
            let held = std::mem::take(&mut self.held);
            return self.sorted(&held, CHUNK_ROWS, &mut to);
        }
        self.spill()?;
        let runs: Vec<Run> = std::mem::take(&mut self.levels).into_iter().rev().flatten().collect();
        self.merge(runs, CHUNK_ROWS, &mut to)
    }

    /// Estimate of the bytes held in memory, keys apart.
    pub fn memory_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Puts what is held on disk, and makes one run of many.
    fn spill(&mut self) -> Result<(), SinkError> {
        if self.held.is_empty() {
            return Ok(());
        }
        let rows: usize = self.held.iter().map(RecordBatch::num_rows).sum();
        let step = step(rows, self.held_bytes, self.held_bytes_max);
        let held = std::mem::take(&mut self.held);
        self.held_bytes = 0;
        let run = self.run(|sorter, to| sorter.sorted(&held, step, to))?;
        drop(held);
        self.add(0, run);
        let mut level = 0;
        while self.levels[level].len() >= FAN_IN {
            let runs = std::mem::take(&mut self.levels[level]);
            let merged = self.run(|sorter, to| sorter.merge(runs, step, to))?;
            level += 1;
            self.add(level, merged);
        }
        Ok(())
    }

    fn add(&mut self, level: usize, run: Run) {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(run);
    }

    /// Writes what `rows` gives to a file, and goes back to its first row.
    fn run(
        &self,
        rows: impl FnOnce(&Self, &mut dyn FnMut(&RecordBatch) -> Result<(), SinkError>) -> Result<(), SinkError>,
    ) -> Result<Run, SinkError> {
        let on_disk = |error| SinkError::disk(Action::Write, &self.folder, error);
        let file = tempfile::tempfile_in(&self.folder).map_err(on_disk)?;
        let mut writer =
            StreamWriter::try_new(BufWriter::new(file), &self.schema).map_err(|error| self.refused(error))?;
        rows(self, &mut |batch| writer.write(batch).map_err(|error| self.refused(error)))?;
        writer.finish().map_err(|error| self.refused(error))?;
        let buffered = writer.into_inner().map_err(|error| self.refused(error))?;
        let mut file = buffered.into_inner().map_err(|error| on_disk(error.into_error()))?;
        file.seek(SeekFrom::Start(0)).map_err(on_disk)?;
        StreamReader::try_new(BufReader::new(file), None).map_err(|error| self.refused(error))
    }

    /// Gives the rows of `batches` to `to` in order, `step` at a time.
    fn sorted(
        &self,
        batches: &[RecordBatch],
        step: usize,
        to: &mut dyn FnMut(&RecordBatch) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        let keys: Vec<Rows> = batches
            .iter()
            .map(|batch| self.keys.of(batch))
            .collect::<Result<_, _>>()
            .map_err(|error| self.refused(error))?;
        let places =
            |(index, batch): (usize, &RecordBatch)| (0..batch.num_rows()).map(move |row| (index, row));
        let mut order: Vec<(usize, usize)> = batches.iter().enumerate().flat_map(places).collect();
        // A stable sort: equal rows stay as they came.
        order.sort_by(|a, b| keys[a.0].row(a.1).cmp(&keys[b.0].row(b.1)));
        drop(keys);
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        for part in order.chunks(step) {
            let batch = interleave_record_batch(&batches, part).map_err(|error| self.refused(error))?;
            to(&batch)?;
        }
        Ok(())
    }

    /// Gives the rows of `runs` to `to` in order, `step` at a time; of equal rows those of an earlier run come first.
    fn merge(
        &self,
        runs: Vec<Run>,
        step: usize,
        to: &mut dyn FnMut(&RecordBatch) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        let mut cursors = Vec::with_capacity(runs.len());
        let mut next: BinaryHeap<Reverse<(OwnedRow, usize)>> = BinaryHeap::with_capacity(runs.len());
        for run in runs {
            let mut cursor = Cursor { run, batch: None, row: 0, place: 0 };
            if cursor.load(&self.keys).map_err(|error| self.refused(error))? {
                next.push(Reverse((cursor.key(), cursors.len())));
            }
            cursors.push(cursor);
        }
        // The batches that rows of `order` are in, some of which their run has left behind.
        let mut used: Vec<RecordBatch> = Vec::new();
        let mut order: Vec<(usize, usize)> = Vec::with_capacity(step);
        while let Some(Reverse((_, index))) = next.pop() {
            let cursor = &mut cursors[index];
            let (batch, _) = cursor.batch.as_ref().expect("a cursor with a key stands on a batch");
            if cursor.place == 0 {
                used.push(batch.clone());
                cursor.place = used.len();
            }
            order.push((cursor.place - 1, cursor.row));
            cursor.row += 1;
            let more = cursor.row < batch.num_rows()
                || cursor.load(&self.keys).map_err(|error| self.refused(error))?;
            if more {
                next.push(Reverse((cursor.key(), index)));
            }
            if order.len() == step {
                self.give(&mut used, &mut order, to)?;
                for cursor in &mut cursors {
                    cursor.place = 0;
                }
            }
        }
        self.give(&mut used, &mut order, to)
    }

    fn give(
        &self,
        used: &mut Vec<RecordBatch>,
        order: &mut Vec<(usize, usize)>,
        to: &mut dyn FnMut(&RecordBatch) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        if order.is_empty() {
            return Ok(());
        }
        let batches: Vec<&RecordBatch> = used.iter().collect();
        let batch = interleave_record_batch(&batches, order).map_err(|error| self.refused(error))?;
        used.clear();
        order.clear();
        to(&batch)
    }

    fn refused(&self, error: ArrowError) -> SinkError {
        match error {
            ArrowError::IoError(_, source) => SinkError::disk(Action::Write, &self.folder, source),
            source => SinkError::Encode {
                table: self.table.clone(),
                path: self.folder.clone(),
                source: FormatError::Arrow(source),
            },
        }
    }
}

/// How far the reading of a run is.
struct Cursor {
    run: Run,
    batch: Option<(RecordBatch, Rows)>,
    row: usize,
    /// One more than the batch's place among those in use; 0 if it is not among them.
    place: usize,
}

impl Cursor {
    /// Goes to the next batch that has rows; answers whether there is one.
    fn load(&mut self, keys: &Keys) -> Result<bool, ArrowError> {
        (self.batch, self.row, self.place) = (None, 0, 0);
        for batch in self.run.by_ref() {
            let batch = batch?;
            if batch.num_rows() > 0 {
                let rows = keys.of(&batch)?;
                self.batch = Some((batch, rows));
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn key(&self) -> OwnedRow {
        let (_, rows) = self.batch.as_ref().expect("a loaded cursor");
        rows.row(self.row).owned()
    }
}

/// Rows of a batch on disk, so that those read side by side fit into the memory of one run.
fn step(rows: usize, bytes: usize, bytes_max: usize) -> usize {
    let row_bytes = (bytes / rows.max(1)).max(1);
    (bytes_max / SIDE_BY_SIDE / row_bytes).clamp(1, CHUNK_ROWS)
}

#[cfg(test)]
mod tests;
