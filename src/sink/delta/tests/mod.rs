//! Delta tables: what a load leaves, whatever comes between. The table has a row for each film and credit; a film is a
//! document, so its rows are replaced together.

mod columns;
mod crash;
mod history;
#[cfg(feature = "cloud")]
mod in_store;
mod merge;
mod python;
pub(super) mod store;
mod types;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use futures::StreamExt as _;
use jiff::Timestamp;
use tempfile::TempDir;

use super::home::Home;
use super::rows::Rows;
use super::table::Table;
use crate::sink::disk::Disk;
use crate::sink::disk::script::Fault;
use crate::sink::upsert_spec::GONE_AT;
use crate::sink::{
    Commit, GoneSpec, Lock, PublishedTable, Recovered, RunFacts, SinkError, StagedTable, TOOL_VERSION,
    TableSpec, UpsertSpec,
};
use crate::spec::{DeltaLayout, FolderLayout, Format, Gone, Layout, Mode, ParquetCodec};

/// A disk without faults.
fn quick() -> Disk {
    Disk::with_fault(Fault::None)
}

/// A row: film, credit, version, when it was fetched, since when it is gone.
type Row = (i64, &'static str, i64, i64, Option<i64>);

/// What one run brings.
#[derive(Clone, Debug, Default)]
struct Brought {
    rows: Vec<Row>,
    /// Films without rows, and when they were fetched.
    empty: Vec<(i64, i64)>,
    /// Films that are gone, and when that was found out.
    gone: Vec<(i64, i64)>,
}

fn rows(rows: &[Row]) -> Brought {
    Brought { rows: rows.to_vec(), ..Brought::default() }
}

/// Worlds with their tables on the disk and, in a build that knows them, in a store.
const KINDS: &[fn(Mode) -> World] = &[
    World::new,
    #[cfg(feature = "cloud")]
    World::in_store,
];

struct World {
    folder: TempDir,
    /// The bucket that the table is in, if it is in a store.
    bucket: Option<String>,
    mode: Mode,
    gone: Gone,
    partitioned: bool,
    timed: bool,
    /// The folder that the table is in; by default one that a URL escapes.
    place: &'static str,
}

impl World {
    fn new(mode: Mode) -> Self {
        let folder = tempfile::tempdir().expect("tempdir");
        let (gone, place) = (Gone::Delete, "out of é");
        Self { folder, bucket: None, mode, gone, partitioned: false, timed: true, place }
    }

    /// The same with the table in a store that is empty: in memory, for this test's thread.
    #[cfg(feature = "cloud")]
    fn in_store(mode: Mode) -> Self {
        Self::new(mode).moved_to_store()
    }

    /// Another world like this one, with its table in a store.
    #[cfg(feature = "cloud")]
    fn moved_to_store(&self) -> Self {
        let bucket = format!("memory-{:016x}", fastrand::u64(..));
        crate::sink::remote::put_in_place(&bucket, Arc::new(object_store::memory::InMemory::new()));
        let folder = tempfile::tempdir().expect("tempdir");
        Self { folder, bucket: Some(bucket), gone: self.gone.clone(), ..*self }
    }

    /// Where it stages.
    fn stages_in(&self) -> PathBuf {
        match self.bucket {
            Some(_) => self.state(),
            None => self.path().parent().expect("a folder").to_path_buf(),
        }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn path(&self) -> PathBuf {
        if let Some(bucket) = &self.bucket {
            return PathBuf::from(format!("s3://{bucket}/{}/films", self.place));
        }
        self.folder.path().join(self.place).join("films")
    }

    fn schema() -> SchemaRef {
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        Arc::new(Schema::new(vec![
            Field::new("film", DataType::Int64, false),
            Field::new("credit", DataType::Utf8, false),
            Field::new("version", DataType::Int64, true),
            Field::new("fetched_at", time.clone(), true),
            Field::new("deleted_at", time, true),
        ]))
    }

    fn spec(&self) -> TableSpec {
        let partition_by = if self.partitioned { vec!["version".to_owned()] } else { Vec::new() };
        let folder = FolderLayout { mode: self.mode, partition_by, target_file_bytes: 1 };
        let key = vec!["film".to_owned(), "credit".to_owned()];
        let film = vec!["film".to_owned()];
        let gone = match &self.gone {
            Gone::Keep => None,
            Gone::Delete => Some(GoneSpec { columns: film.clone(), set: None }),
            Gone::Set(column) => Some(GoneSpec { columns: film.clone(), set: Some(column.clone()) }),
        };
        let fetched_at = self.timed.then(|| "fetched_at".to_owned());
        let upsert = UpsertSpec { key: key.clone(), document: film, fetched_at, gone };
        TableSpec {
            name: "films".to_owned(),
            path: self.path(),
            schema: Self::schema(),
            definitions: Vec::new(),
            format: Format::Parquet(ParquetCodec::Zstd),
            layout: Layout::Delta(DeltaLayout { folder, key, gone: self.gone.clone() }),
            sort_by: Vec::new(),
            upsert: (self.mode == Mode::Upsert).then_some(upsert),
            pipeline: "nightly".to_owned(),
        }
    }

    fn open(&self, disk: &Disk) -> Result<(Commit, Recovered), SinkError> {
        let lock = Lock::acquire(&self.state(), "nightly")?;
        Commit::open_on(lock, disk.clone(), Duration::ZERO)
    }

    fn stage(&self, commit: &Commit, run: i64, brought: &Brought) -> Result<Vec<StagedTable>, SinkError> {
        let mut writers = commit.stage(&[self.spec()], &run.to_string())?;
        let mut writer = writers.pop().expect("one table");
        writer.write(&batch(&brought.rows))?;
        if self.mode == Mode::Upsert {
            let mut films: BTreeMap<i64, i64> = brought.empty.iter().copied().collect();
            films.extend(brought.rows.iter().map(|row| (row.0, row.3)));
            writer.documents(&self.keys("fetched_at", films.into_iter()))?;
            writer.gone(&self.keys(GONE_AT, brought.gone.iter().copied()))?;
        }
        Ok(vec![writer.finish()?])
    }

    fn keys(&self, time: &str, films: impl Iterator<Item = (i64, i64)>) -> RecordBatch {
        let (films, times): (Vec<i64>, Vec<i64>) = films.unzip();
        let mut fields = vec![Field::new("film", DataType::Int64, false)];
        let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(films))];
        if self.timed || time == GONE_AT {
            let times = TimestampMicrosecondArray::from(times).with_timezone("UTC");
            fields.push(Field::new(time, times.data_type().clone(), true));
            columns.push(Arc::new(times));
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("fits")
    }

    /// A run from its start to its publish.
    fn run(&self, disk: &Disk, run: i64, brought: &Brought) -> Result<Vec<PublishedTable>, SinkError> {
        let (commit, _) = self.open(disk)?;
        let staged = self.stage(&commit, run, brought)?;
        commit.publish(staged, &facts(run, "mock"))
    }

    fn load(&self, run: i64, brought: &Brought) {
        self.run(&quick(), run, brought).expect("publishes");
    }

    fn table(&self) -> Table {
        Table::open(&Disk::default(), &self.path()).expect("opens")
    }

    /// The newest version, if there is a table.
    fn version(&self) -> Option<u64> {
        self.table().snapshot().expect("readable").map(|snapshot| snapshot.version())
    }

    /// What a reader finds, in an order of its own.
    fn seen(&self) -> Vec<Row> {
        let table = self.table();
        let Some(snapshot) = table.snapshot().expect("readable") else { return Vec::new() };
        let mut seen = Vec::new();
        for file in table.live(&snapshot).expect("readable") {
            let copy = self.folder.path().join("a copy");
            table.copy(&Disk::default(), &file.path, &copy).expect("in the store");
            let place =
                if copy.exists() { copy.clone() } else { table.place_of(&file.path).expect("is there") };
            let input =
                std::fs::File::open(&place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
            let before = seen.len();
            for batch in Rows::open(input, &file.partition, &Self::schema()).expect("a file") {
                seen.extend(of(&batch.expect("a batch")));
            }
            assert_eq!(file.rows(), Some((seen.len() - before) as u64), "{}", file.path);
            Disk::default().remove(&copy).expect("removes");
        }
        seen.sort_unstable();
        seen
    }

    /// Whatever is in the folders, and in the store, that no version and no finished run has.
    fn leftovers(&self) -> Vec<String> {
        let mut names = Vec::new();
        let table = self.table();
        let mut known: Vec<PathBuf> = Vec::new();
        if let Some(snapshot) = table.snapshot().expect("readable") {
            for version in 0..=snapshot.version() {
                let snapshot = delta_kernel::Snapshot::builder_for(table.url.as_str())
                    .at_version(version)
                    .build(table.engine.as_ref())
                    .expect("readable");
                let live = table.live(&snapshot).expect("readable");
                known.extend(live.iter().map(|file| table.place_of(&file.path).expect("in the table")));
            }
        }
        let mut open = vec![self.folder.path().to_path_buf()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.expect("reads").path();
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                if path.is_dir() && name != "_delta_log" {
                    open.push(path);
                } else if !known.contains(&path)
                    && path.extension().is_none_or(|ending| ending != "lock")
                    && name != "_delta_log"
                {
                    names.push(path.display().to_string());
                }
            }
        }
        if let Home::Store(files) = &table.home {
            let listed = table.runtime.block_on(files.store().list(None).collect::<Vec<_>>());
            for found in listed {
                let key = found.expect("lists").location.to_string();
                let address =
                    PathBuf::from(format!("s3://{}/{key}", self.bucket.as_ref().expect("in a store")));
                if !known.contains(&address) && !key.contains("/_delta_log/") {
                    names.push(address.display().to_string());
                }
            }
        }
        names
    }
}

fn facts(run: i64, source: &str) -> RunFacts {
    let start: Timestamp = "2026-01-02T03:04:05Z".parse().expect("a time");
    let started_at = start + jiff::SignedDuration::from_secs(run);
    RunFacts {
        run: run.to_string(),
        pipeline: "nightly".to_owned(),
        source: source.to_owned(),
        started_at,
        finished_at: started_at,
        counts: serde_json::json!({}),
        tool_version: TOOL_VERSION.to_owned(),
    }
}

fn batch(rows: &[Row]) -> RecordBatch {
    let time = |pick: fn(&Row) -> Option<i64>| {
        rows.iter().map(pick).collect::<TimestampMicrosecondArray>().with_timezone("UTC")
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| Some(row.0)).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| Some(row.1)).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| Some(row.2)).collect::<Int64Array>()),
        Arc::new(time(|row| Some(row.3))),
        Arc::new(time(|row| row.4)),
    ];
    RecordBatch::try_new(World::schema(), columns).expect("fits")
}

fn of(batch: &RecordBatch) -> Vec<Row> {
    let column = |at: usize| batch.column(at).as_primitive::<Int64Type>();
    let time = |at: usize| batch.column(at).as_primitive::<TimestampMicrosecondType>();
    let credits = batch.column(1).as_string::<i32>();
    let credit = |row: usize| ["a", "b", "c", "d"].into_iter().find(|it| *it == credits.value(row));
    let row = |row: usize| {
        let gone = time(4).is_valid(row).then(|| time(4).value(row));
        (column(0).value(row), credit(row).expect("a credit"), column(2).value(row), time(3).value(row), gone)
    };
    (0..batch.num_rows()).map(row).collect()
}
