//! Invariants 1 to 10 of `docs/architecture/commit.md`, on tables so small that every operation of a run can
//! be tried. One table is Parquet, the other Arrow.

mod crash;
mod recovery;
mod refusal;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray as _, Int64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::ipc::reader::FileReader;
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use tempfile::TempDir;

use super::disk::Disk;
use super::disk::script::Fault;
use super::*;
use crate::spec::{ArrowCodec, ParquetCodec};

/// A run's tables hold the run's number in every row, so that a reader can tell whose they are.
type Number = i64;

const OLD: Number = 1;
const NEW: Number = 2;

/// A disk without faults.
fn quick() -> Disk {
    Disk::with_fault(Fault::None)
}

struct World {
    folder: TempDir,
}

impl World {
    fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("tempdir") }
    }

    /// With the tables of run 1.
    fn published() -> Self {
        let world = Self::empty();
        world.run(&quick(), OLD).expect("publishes");
        world
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn table(&self, name: &str) -> PathBuf {
        let ending = if name == "films" { "parquet" } else { "arrow" };
        self.folder.path().join("out").join(format!("{name}.{ending}"))
    }

    fn specs(&self) -> Vec<TableSpec> {
        ["films", "cast"].map(|name| spec(name, self.table(name))).to_vec()
    }

    fn open(&self, disk: &Disk) -> Result<(Commit, Recovered), SinkError> {
        let lock = Lock::acquire(&self.state(), "marvel")?;
        Commit::open_on(lock, disk.clone(), Duration::ZERO)
    }

    fn run(&self, disk: &Disk, number: Number) -> Result<Vec<PublishedTable>, SinkError> {
        let (commit, _) = self.open(disk)?;
        let staged = stage(&commit, &self.specs(), number)?;
        commit.publish(staged, &facts(number, "mock"))
    }

    /// What a reader sees in the two tables, and what their manifests say.
    fn seen(&self) -> [Option<Number>; 2] {
        ["films", "cast"].map(|name| read(&self.table(name)))
    }

    fn manifests(&self) -> [Option<Number>; 2] {
        ["films", "cast"].map(|name| {
            let manifest = read_manifest(&self.table(name)).expect("a manifest or none")?;
            Some(manifest.facts.run.parse().expect("a number"))
        })
    }

    fn journal_is_there(&self) -> bool {
        self.state().join("publish.json").exists()
    }

    /// Files that no finished run leaves.
    fn leftovers(&self) -> Vec<String> {
        let names = |folder: &Path| -> Vec<String> {
            std::fs::read_dir(folder)
                .map(|entries| {
                    entries.map(|it| it.expect("reads").file_name().to_string_lossy().into_owned()).collect()
                })
                .unwrap_or_default()
        };
        let known = |name: &str| {
            let table = name.strip_suffix(".lock").unwrap_or(name);
            let tables = [".parquet", ".arrow"];
            name == "run.lock"
                || name.ends_with(".manifest.json")
                || tables.iter().any(|ending| table.ends_with(ending))
        };
        let mut all = names(&self.state());
        all.extend(names(&self.folder.path().join("out")));
        all.retain(|name| !known(name));
        all
    }
}

fn spec(name: &str, path: PathBuf) -> TableSpec {
    let arrow = path.extension().is_some_and(|ending| ending == "arrow");
    let format = if arrow { Format::Arrow(ArrowCodec::Zstd) } else { Format::Parquet(ParquetCodec::Zstd) };
    TableSpec {
        name: name.to_owned(),
        path,
        schema: Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)])),
        definitions: vec!["d".to_owned()],
        format,
        pipeline: "marvel".to_owned(),
    }
}

fn batch(number: Number) -> RecordBatch {
    let schema = spec("films", PathBuf::new()).schema;
    RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(vec![number; 3]))]).expect("fits")
}

fn stage(commit: &Commit, specs: &[TableSpec], number: Number) -> Result<Vec<StagedTable>, SinkError> {
    let mut staged = Vec::new();
    for mut writer in commit.stage(specs)? {
        writer.write(&batch(number))?;
        staged.push(writer.finish()?);
    }
    Ok(staged)
}

fn facts(number: Number, source: &str) -> RunFacts {
    RunFacts {
        run: number.to_string(),
        pipeline: "marvel".to_owned(),
        source: source.to_owned(),
        started_at: "2026-01-02T03:04:05Z".parse().expect("a time"),
        finished_at: "2026-01-02T03:04:06Z".parse().expect("a time"),
        counts: serde_json::json!({}),
        tool_version: TOOL_VERSION.to_owned(),
    }
}

/// The run whose complete table is at `path`; none if there is no file. Anything else is a broken promise.
fn read(path: &Path) -> Option<Number> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => panic!("{}: {error}", path.display()),
    };
    let batches: Vec<RecordBatch> = if path.extension().is_some_and(|ending| ending == "arrow") {
        let reader = FileReader::try_new(file, None).expect("a complete file");
        reader.map(|batch| batch.expect("a batch")).collect()
    } else {
        let reader = ParquetRecordBatchReader::try_new(file, 1024).expect("a complete file");
        reader.map(|batch| batch.expect("a batch")).collect()
    };
    let mut ids = Vec::new();
    for batch in batches {
        ids.extend(batch.column(0).as_primitive::<Int64Type>().values());
    }
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{}: {ids:?}", path.display());
    Some(ids[0])
}

/// How many operations an undisturbed run on `world` makes, and which.
fn operations_of(world: &World) -> Vec<(Action, PathBuf)> {
    let disk = quick();
    world.run(&disk, NEW).expect("publishes");
    disk.operations()
}
