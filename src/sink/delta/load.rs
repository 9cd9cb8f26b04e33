//! The keys of a load: which of its rows count, which earlier ones they replace, and which items are no more.
//!
//! Does not belong here: the rows that are there (`rewrite`).
//!
//! Invariants:
//! * Memory is that of the keys, 50 bytes or so for each, and of one batch of rows; it does not follow the rows' size.
//! * Everything is read from what is staged, so that a recovery finds the same.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;

use arrow::array::{Array as _, ArrayRef, AsArray as _};
use arrow::datatypes::{Field, Schema, SchemaRef, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::digest::Digests;
use super::prune::Prune;
use super::rows::Rows;
use super::work::Job;
use crate::sink::delta_entry::AddFile;
use crate::sink::encode::FormatError;
use crate::sink::error::{Action, SinkError};
use crate::sink::upsert_spec::{GONE_AT, UpsertSpec};
use crate::sink::writer::{DOCUMENTS, GONE};

/// When a row was fetched that does not say it: before all others.
pub(super) const NEVER: i64 = i64::MIN;

/// What is read of a row to know it by.
pub(super) struct KeyColumns<'a> {
    spec: &'a UpsertSpec,
    key: Digests,
    replaced: Digests,
    gone: Option<Digests>,
}

/// Numbers of the rows of a batch.
pub(super) struct Known {
    /// Of the whole key.
    pub key: Vec<u128>,
    /// Of the columns by which rows are replaced together.
    pub replaced: Vec<u128>,
    /// Of the columns by which an item that is gone is known.
    pub gone: Vec<u128>,
    /// When they were fetched.
    pub time: Vec<i64>,
}

impl<'a> KeyColumns<'a> {
    pub fn new(spec: &'a UpsertSpec, schema: &Schema) -> Result<Self, ArrowError> {
        let digests = |names: &[String]| Digests::new(fields(schema, names));
        Ok(Self {
            spec,
            key: digests(&spec.key)?,
            replaced: digests(replaced(spec))?,
            gone: spec.gone.as_ref().map(|gone| digests(&gone.columns)).transpose()?,
        })
    }

    /// Names of the columns that it reads.
    pub fn names(spec: &UpsertSpec) -> Vec<String> {
        let set = spec.gone.iter().filter_map(|gone| gone.set.as_ref());
        spec.key.iter().chain(&spec.fetched_at).chain(set).cloned().collect()
    }

    pub fn of(&self, batch: &RecordBatch) -> Result<Known, ArrowError> {
        let columns = |names: &[String]| columns(batch, names);
        Ok(Known {
            key: self.key.of(&columns(&self.spec.key))?,
            replaced: self.replaced.of(&columns(replaced(self.spec)))?,
            gone: match (&self.gone, &self.spec.gone) {
                (Some(digests), Some(gone)) => digests.of(&columns(&gone.columns))?,
                _ => Vec::new(),
            },
            time: match &self.spec.fetched_at {
                Some(name) => times(batch, name),
                None => vec![NEVER; batch.num_rows()],
            },
        })
    }
}

/// The columns by which rows are replaced together: those of the document, or else the key.
pub(super) fn replaced(spec: &UpsertSpec) -> &[String] {
    if spec.document.is_empty() { &spec.key } else { &spec.document }
}

fn fields<'a>(schema: &'a Schema, names: &'a [String]) -> impl Iterator<Item = &'a Field> {
    names.iter().map(|name| schema.field_with_name(name).expect("a column of the table"))
}

fn columns(batch: &RecordBatch, names: &[String]) -> Vec<ArrayRef> {
    names.iter().map(|name| batch.column_by_name(name).expect("was asked for").clone()).collect()
}

/// The times in a column; of a null [`NEVER`].
pub(super) fn times(batch: &RecordBatch, name: &str) -> Vec<i64> {
    let column = batch.column_by_name(name).expect("was asked for");
    let times = column.as_primitive::<TimestampMicrosecondType>();
    (0..times.len()).map(|row| if times.is_null(row) { NEVER } else { times.value(row) }).collect()
}

/// The keys of a load.
pub(super) struct Load {
    /// By the number of a key: when its row was fetched, and the place of that row in the load.
    winners: HashMap<u128, (i64, u64)>,
    /// By the number of what is replaced: when it was fetched.
    pub replaced: HashMap<u128, i64>,
    /// By the number of an item that is gone: when that was found out.
    pub gone: HashMap<u128, i64>,
    prunes: Vec<Prune>,
    /// Whether some of its rows do not count, because others of it are later.
    pub is_crowded: bool,
}

impl Load {
    /// Reads the keys of what is staged: `files` and what stands beside them.
    pub fn read(job: &Job<'_>, spec: &UpsertSpec, files: &[AddFile]) -> Result<Self, SinkError> {
        let by = |names: &[String]| {
            let field = job.schema.field_with_name(&names[0]).expect("a column of the table");
            Prune::new(field.name(), field.data_type())
        };
        let gone = spec.gone.as_ref().map(|gone| by(&gone.columns));
        let mut load = Self {
            winners: HashMap::new(),
            replaced: HashMap::new(),
            gone: HashMap::new(),
            prunes: std::iter::once(by(replaced(spec))).chain(gone).collect(),
            is_crowded: false,
        };
        let keys = KeyColumns::new(spec, &job.schema).map_err(|error| job.bad_file(Path::new(""), error))?;
        load.read_rows(job, spec, &keys, files)?;
        if let Some(schema) = spec.documents(&job.schema)
            && let Some(rows) = beside(job, DOCUMENTS, &schema)?
        {
            for batch in rows {
                let batch = batch.map_err(|error| job.bad_file(Path::new(DOCUMENTS), error))?;
                load.prunes[0].add(&columns(&batch, replaced(spec))[0]);
                let numbers = keys.replaced.of(&columns(&batch, replaced(spec)));
                let numbers = numbers.map_err(|error| job.bad_file(Path::new(DOCUMENTS), error))?;
                let times = spec.fetched_at.as_ref().map(|name| times(&batch, name));
                for (row, number) in numbers.into_iter().enumerate() {
                    load.replace(number, times.as_ref().map_or(NEVER, |times| times[row]));
                }
            }
        }
        if let (Some(gone), Some(digests)) = (&spec.gone, &keys.gone)
            && let Some(rows) = beside(job, GONE, &gone.rows(&job.schema))?
        {
            for batch in rows {
                let batch = batch.map_err(|error| job.bad_file(Path::new(GONE), error))?;
                load.prunes[1].add(&columns(&batch, &gone.columns)[0]);
                let numbers = digests.of(&columns(&batch, &gone.columns));
                let numbers = numbers.map_err(|error| job.bad_file(Path::new(GONE), error))?;
                for (number, time) in numbers.into_iter().zip(times(&batch, GONE_AT)) {
                    let last = load.gone.entry(number).or_insert(time);
                    *last = (*last).max(time);
                }
            }
        }
        load.prunes.iter_mut().for_each(Prune::settle);
        Ok(load)
    }

    fn read_rows(
        &mut self,
        job: &Job<'_>,
        spec: &UpsertSpec,
        keys: &KeyColumns<'_>,
        files: &[AddFile],
    ) -> Result<(), SinkError> {
        let schema = job.schema_of(&KeyColumns::names(spec));
        let mut place = 0;
        for file in files {
            let bad = |error: FormatError| job.bad_file(Path::new(&file.path), error);
            for batch in Rows::open(job.open(file)?, &file.partition, &schema).map_err(bad)? {
                let batch = batch.map_err(bad)?;
                self.prunes[0].add(&columns(&batch, replaced(spec))[0]);
                let known = keys.of(&batch).map_err(|error| bad(error.into()))?;
                for row in 0..batch.num_rows() {
                    let time = known.time[row];
                    let winner = self.winners.entry(known.key[row]);
                    self.is_crowded |= matches!(winner, std::collections::hash_map::Entry::Occupied(_));
                    let last = winner.or_insert((time, place));
                    // Of two that were fetched at one time the last in the order of the table counts.
                    *last = (*last).max((time, place));
                    self.replace(known.replaced[row], time);
                    place += 1;
                }
            }
        }
        Ok(())
    }

    fn replace(&mut self, number: u128, time: i64) {
        match self.replaced.entry(number) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(time);
            }
            std::collections::hash_map::Entry::Occupied(mut entry) => {
                // Rows of one document that were fetched at two times: those of the earlier do not count.
                self.is_crowded |= *entry.get() != time;
                let last = entry.get_mut();
                *last = (*last).max(time);
            }
        }
    }

    /// Whether a row of the load counts, by its place in it.
    pub fn counts(&self, known: &Known, row: usize, place: u64) -> bool {
        self.winners.get(&known.key[row]) == Some(&(known.time[row], place))
            && self.replaced.get(&known.replaced[row]) == Some(&known.time[row])
    }

    /// Whether a file of the table may hold a row that this load replaces, or one of an item that is gone.
    pub fn may_touch(&self, file: &super::live::Live) -> bool {
        self.prunes.iter().any(|prune| prune.may_be_in(file))
    }
}

/// What is staged beside the rows under this name, if anything is.
fn beside(job: &Job<'_>, name: &str, schema: &SchemaRef) -> Result<Option<Rows>, SinkError> {
    let path = job.entry.staged.join(name);
    match File::open(&path) {
        Ok(file) => Rows::open(file, &[], schema).map(Some).map_err(|error| job.bad_file(&path, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SinkError::disk(Action::Read, &path, error)),
    }
}
