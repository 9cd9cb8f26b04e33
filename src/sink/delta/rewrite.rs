//! Files of the table of which some rows go: read one by one, and written anew without them.
//!
//! ```text
//!  keys of a file ─▶ is one of them replaced or gone? ── no ─▶ the file stays
//!                                                     └─ yes ─▶ its other rows ─▶ a new file, or none
//! ```
//!
//! Does not belong here: the keys of the load (`load`), and what becomes of the files (`work`).
//!
//! Invariant: one file is open at a time, and one batch of its rows in memory beside the row group that is written. Of a table in
//! a store copies of the files that are written anew are on the disk until they are written.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, TimestampMicrosecondArray};
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use xxhash_rust::xxh3::xxh3_128;

use super::home::Home;
use super::live::Live;
use super::load::{KeyColumns, Known, Load, NEVER, times};
use super::rows::Rows;
use super::work::Job;
use crate::sink::TableSpec;
use crate::sink::delta_entry::AddFile;
use crate::sink::encode::FormatError;
use crate::sink::error::SinkError;
use crate::sink::generation;
use crate::sink::part::Part;
use crate::sink::partition::Partitions;
use crate::sink::upsert_spec::UpsertSpec;
use crate::spec::{Format, Layout};

/// What a load does to the rows that are there.
pub(super) struct Rewrite<'a> {
    job: &'a Job<'a>,
    spec: &'a UpsertSpec,
    load: &'a Load,
    /// Numbers of what is there in a later state than the load has it.
    superseded: HashSet<u128>,
    keys: KeyColumns<'a>,
    /// Where in the staged folder new files go, which is part of their names.
    folder: String,
    is_made: bool,
    number: usize,
}

/// What becomes of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Goes,
    /// Gets this time.
    Marked(i64),
}

impl<'a> Rewrite<'a> {
    pub fn new(job: &'a Job<'a>, spec: &'a UpsertSpec, load: &'a Load) -> Result<Self, SinkError> {
        let keys = KeyColumns::new(spec, &job.schema).map_err(|error| job.bad_file(Path::new(""), error))?;
        let folder = format!("{:08x}", fastrand::u32(..));
        Ok(Self { job, spec, load, superseded: HashSet::new(), keys, folder, is_made: false, number: 0 })
    }

    /// Whether a row of the file is replaced or gone. Notes what is later there than in the load.
    pub fn look(&mut self, file: &Live) -> Result<bool, SinkError> {
        let schema = self.job.schema_of(&KeyColumns::names(self.spec));
        let place = self.readable(file)?;
        let bad = |error: FormatError| self.job.bad_file(&place, error);
        let mut touched = false;
        for batch in Rows::open(self.job.read(&place)?, &file.partition, &schema).map_err(bad)? {
            let batch = batch.map_err(bad)?;
            let known = self.keys.of(&batch).map_err(|error| bad(error.into()))?;
            let marked = self.marked(&batch);
            for row in 0..batch.num_rows() {
                if let Some(time) = self.load.replaced.get(&known.replaced[row])
                    && known.time[row] > *time
                {
                    self.superseded.insert(known.replaced[row]);
                }
                touched |= self.fate(&known, &marked, row) != Fate::Stays;
            }
        }
        if !touched {
            self.let_go(&place)?;
        }
        Ok(touched)
    }

    /// Where a file of the table can be read: in its place, or from a copy of ours.
    fn readable(&mut self, file: &Live) -> Result<PathBuf, SinkError> {
        let copy = match self.job.table.home {
            Home::Folder(_) => return self.job.table.place_of(&file.path),
            Home::Store(_) => self.folder()?.join(format!("{:032x}.copy", xxh3_128(file.path.as_bytes()))),
        };
        self.job.table.copy(self.job.disk, &file.path, &copy)?;
        Ok(copy)
    }

    /// Removes what was read, if it was a copy.
    fn let_go(&self, place: &Path) -> Result<(), SinkError> {
        if matches!(self.job.table.home, Home::Store(_)) {
            self.job.disk.remove(place)?;
        }
        Ok(())
    }

    /// The folder of new files and of copies, made.
    fn folder(&mut self) -> Result<PathBuf, SinkError> {
        let folder = self.job.entry.staged.join(&self.folder);
        if !self.is_made {
            self.job.disk.create_folder(&folder)?;
            self.is_made = true;
        }
        Ok(folder)
    }

    /// When each row was marked as gone, where rows are marked.
    fn marked(&self, batch: &RecordBatch) -> Vec<i64> {
        let set = self.spec.gone.as_ref().and_then(|gone| gone.set.as_ref());
        set.map_or_else(Vec::new, |name| times(batch, name))
    }

    fn fate(&self, known: &Known, marked: &[i64], row: usize) -> Fate {
        let replaced = known.replaced[row];
        if self.load.replaced.contains_key(&replaced) && !self.superseded.contains(&replaced) {
            return Fate::Goes;
        }
        let gone = known.gone.get(row).and_then(|number| self.load.gone.get(number));
        match gone {
            // Since then it was there again.
            Some(&time) if time != NEVER && known.time[row] > time => Fate::Stays,
            Some(_) if marked.is_empty() => Fate::Goes,
            Some(&time) if marked[row] == NEVER && time != NEVER => Fate::Marked(time),
            _ => Fate::Stays,
        }
    }

    /// Writes the rows of a file of the table that stay; none if all go. `None` for `file` if nothing changes after all.
    pub fn table_file(&mut self, file: &Live) -> Result<Outcome, SinkError> {
        let place = self.readable(file)?;
        let input = self.job.read(&place)?;
        let outcome = self.write(&place, input, &file.partition, |this, batch, known, changed| {
            let marked = this.marked(batch);
            let fates: Vec<Fate> = (0..batch.num_rows()).map(|row| this.fate(known, &marked, row)).collect();
            *changed |= fates.iter().any(|fate| *fate != Fate::Stays);
            let stays: BooleanArray = fates.iter().map(|fate| Some(*fate != Fate::Goes)).collect();
            let batch = this.mark(batch, &marked, &fates);
            (batch, stays)
        })?;
        self.let_go(&place)?;
        Ok(outcome)
    }

    /// Writes the rows of a file of the load that count, of which the first has this place in the load.
    pub fn load_file(&mut self, file: &AddFile, first: u64) -> Result<Outcome, SinkError> {
        let input = self.job.open(file)?;
        let mut place = first;
        self.write(Path::new(&file.path), input, &file.partition, |this, batch, known, changed| {
            let counts = (0..batch.num_rows()).map(|row| {
                let row_place = place + row as u64;
                !this.superseded.contains(&known.replaced[row]) && this.load.counts(known, row, row_place)
            });
            let stays: BooleanArray = counts.map(Some).collect();
            place += batch.num_rows() as u64;
            *changed |= stays.false_count() > 0;
            (batch.clone(), stays)
        })
    }

    /// Whether some rows of the load are earlier than what is there.
    pub fn is_superseded(&self) -> bool {
        !self.superseded.is_empty()
    }

    fn mark(&self, batch: &RecordBatch, marked: &[i64], fates: &[Fate]) -> RecordBatch {
        let Some(name) = self.spec.gone.as_ref().and_then(|gone| gone.set.as_ref()) else {
            return batch.clone();
        };
        let time = |(row, fate): (usize, &Fate)| match fate {
            Fate::Marked(time) => Some(*time),
            _ => Some(marked[row]).filter(|time| *time != NEVER),
        };
        let times: TimestampMicrosecondArray = fates.iter().enumerate().map(time).collect();
        let index = batch.schema_ref().index_of(name).expect("a column of the table");
        let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
        columns[index] = Arc::new(times.with_timezone("UTC"));
        RecordBatch::try_new(batch.schema(), columns).expect("the same columns")
    }

    fn write(
        &mut self,
        from: &Path,
        input: std::fs::File,
        partition: &[(String, Option<String>)],
        mut judge: impl FnMut(&Self, &RecordBatch, &Known, &mut bool) -> (RecordBatch, BooleanArray),
    ) -> Result<Outcome, SinkError> {
        let bad = |job: &Job<'_>, error: FormatError| job.bad_file(from, error);
        let mut changed = false;
        let mut part: Option<(AddFile, Part)> = None;
        for batch in Rows::open(input, partition, &self.job.schema).map_err(|error| bad(self.job, error))? {
            let batch = batch.map_err(|error| bad(self.job, error))?;
            let known = self.keys.of(&batch).map_err(|error| bad(self.job, error.into()))?;
            let (batch, stays) = judge(self, &batch, &known, &mut changed);
            let kept = filter_record_batch(&batch, &stays).map_err(|error| bad(self.job, error.into()))?;
            if kept.num_rows() == 0 {
                continue;
            }
            let names = &self.job.delta.partition_by;
            let kept =
                if names.is_empty() { kept } else { Partitions::new(&self.job.schema, names).rest(&kept) };
            let (_, part) = match &mut part {
                Some(part) => part,
                None => part.insert(self.begin(partition)?),
            };
            part.write(&kept)?;
        }
        let Some((mut file, part)) = part else {
            return Ok(if changed { Outcome::Nothing } else { Outcome::Same });
        };
        if !changed {
            // Written in vain: it goes with the staged folder.
            return Ok(Outcome::Same);
        }
        let facts = part.finish()?;
        (file.rows, file.bytes) = (facts.rows, facts.bytes);
        Ok(Outcome::Anew(file))
    }

    fn begin(&mut self, partition: &[(String, Option<String>)]) -> Result<(AddFile, Part), SinkError> {
        let job = self.job;
        let names = job.delta.partition_by.as_slice();
        let schema = if names.is_empty() {
            Arc::clone(&job.schema)
        } else {
            Partitions::new(&job.schema, names).files
        };
        let folder = self.folder()?;
        let name =
            generation::part(self.number, &format!("{}-{}", job.delta.generation, self.folder), "parquet");
        self.number += 1;
        let spec = TableSpec {
            name: job.entry.manifest.table.clone(),
            path: job.entry.path.clone(),
            schema,
            definitions: Vec::new(),
            format: Format::Parquet(job.delta.compression),
            layout: Layout::File,
            sort_by: Vec::new(),
            upsert: None,
            pipeline: job.entry.manifest.facts.pipeline.clone(),
        };
        let part =
            Part::create(job.disk, &spec, &job.entry.manifest.schema_fingerprint, &folder.join(&name))?;
        let path = match Partitions::folder_of(names, partition, &spec.name)? {
            folder if folder.is_empty() => name.clone(),
            folder => format!("{folder}/{name}"),
        };
        let staged = format!("{}/{name}", self.folder);
        Ok((AddFile { path, staged, rows: 0, bytes: 0, partition: partition.to_vec() }, part))
    }
}

/// What became of a file.
pub(super) enum Outcome {
    /// It stays as it is.
    Same,
    /// No row of it stays.
    Nothing,
    /// This takes its place.
    Anew(AddFile),
}
