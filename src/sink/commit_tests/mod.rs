//! Invariants 1 to 10 and 13 to 16 of `docs/architecture/commit.md`, on tables so small that every operation of a run can
//! be tried. One table is Parquet, the other Arrow; both are files, or both are folders, of which the second is appended to.

mod append;
mod crash;
mod reader;
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
use crate::spec::{ArrowCodec, FolderLayout, Mode, ParquetCodec};

/// A run's tables hold the run's number in every row, so that a reader can tell whose they are.
pub(super) type Number = i64;

pub(super) const OLD: Number = 1;
pub(super) const NEW: Number = 2;

/// A disk without faults.
fn quick() -> Disk {
    Disk::with_fault(Fault::None)
}

struct World {
    folder: TempDir,
    /// Whether its tables are folders.
    folders: bool,
}

impl World {
    fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("tempdir"), folders: false }
    }

    fn empty_folders() -> Self {
        Self { folders: true, ..Self::empty() }
    }

    /// With the tables of run 1.
    fn published() -> Self {
        let world = Self::empty();
        world.run(&quick(), OLD).expect("publishes");
        world
    }

    fn published_folders() -> Self {
        let world = Self::empty_folders();
        world.run(&quick(), OLD).expect("publishes");
        world
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn table(&self, name: &str) -> PathBuf {
        let ending = if name == "films" { "parquet" } else { "arrow" };
        self.out().join(if self.folders { name.to_owned() } else { format!("{name}.{ending}") })
    }

    fn specs(&self) -> Vec<TableSpec> {
        let spec = |name| {
            let path = self.table(name);
            if self.folders { folder_spec(name, path) } else { spec(name, path) }
        };
        ["films", "cast"].map(spec).to_vec()
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

    /// Names that no finished run leaves.
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
            let folders = ["films", "cast", ".films", ".cast", ".films.gen", ".cast.gen"];
            name == "run.lock"
                || name.ends_with(".manifest.json")
                || tables.iter().any(|ending| table.ends_with(ending))
                || (self.folders && folders.contains(&table))
        };
        let mut all = names(&self.state());
        all.extend(names(&self.out()));
        all.retain(|name| !known(name));
        for table in ["films", "cast"] {
            let published = self.generations(table);
            let home = format!(".{table}.gen");
            let stray = names(&self.out().join(&home)).into_iter().filter(|name| {
                let name = name.strip_suffix(".manifest.json").unwrap_or(name);
                !published.iter().any(|known| known == name)
            });
            all.extend(stray.map(|name| format!("{home}/{name}")));
        }
        all
    }

    /// The generations that a folder table had, as its manifest remembers them.
    fn generations(&self, table: &str) -> Vec<String> {
        let manifest = read_manifest(&self.table(table)).expect("a manifest or none");
        let history = manifest.map(|manifest| manifest.history).unwrap_or_default();
        history.into_iter().filter_map(|load| load.generation).collect()
    }

    /// Folders of generations that are there.
    fn kept(&self, table: &str) -> Vec<String> {
        let home = self.out().join(format!(".{table}.gen"));
        let entries = std::fs::read_dir(home).expect("is there").map(|entry| entry.expect("reads"));
        let folders = entries.filter(|entry| entry.file_type().expect("a type").is_dir());
        let mut names: Vec<String> =
            folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn folder_spec(name: &str, path: PathBuf) -> TableSpec {
    let (mode, format) = match name {
        "films" => (Mode::Overwrite, Format::Parquet(ParquetCodec::Zstd)),
        _ => (Mode::Append, Format::Arrow(ArrowCodec::Zstd)),
    };
    let layout = FolderLayout { mode, partition_by: Vec::new(), target_file_bytes: 1 };
    TableSpec { format, layout: Layout::Folder(layout), ..spec(name, path) }
}

pub(super) fn spec(name: &str, path: PathBuf) -> TableSpec {
    let arrow = path.extension().is_some_and(|ending| ending == "arrow");
    let format = if arrow { Format::Arrow(ArrowCodec::Zstd) } else { Format::Parquet(ParquetCodec::Zstd) };
    TableSpec {
        name: name.to_owned(),
        path,
        schema: Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)])),
        definitions: vec!["d".to_owned()],
        format,
        layout: Layout::default(),
        sort_by: Vec::new(),
        upsert: None,
        pipeline: "marvel".to_owned(),
    }
}

pub(super) fn batch(number: Number) -> RecordBatch {
    let schema = spec("films", PathBuf::new()).schema;
    RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(vec![number; 3]))]).expect("fits")
}

fn stage(commit: &Commit, specs: &[TableSpec], number: Number) -> Result<Vec<StagedTable>, SinkError> {
    let mut staged = Vec::new();
    for mut writer in commit.stage(specs, &number.to_string())? {
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

/// The last run whose complete rows are at `path`; none if nothing is there. Anything else is a broken promise.
fn read(path: &Path) -> Option<Number> {
    let ids = read_ids(path)?;
    // Rows of one run, three of each; an appended table has those of several.
    let mut runs = ids.clone();
    runs.dedup();
    let whole = runs.iter().all(|run| ids.iter().filter(|id| *id == run).count() == 3);
    let one = runs.len() == 1 || path.ends_with("cast");
    assert!(whole && one && ids.len() == 3 * runs.len(), "{}: {ids:?}", path.display());
    runs.last().copied()
}

/// The ids of all rows of a table, in their order.
fn read_ids(path: &Path) -> Option<Vec<Number>> {
    let mut files = vec![path.to_path_buf()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path).expect("a folder").map(|it| it.expect("reads").path());
        files = entries.collect();
        files.sort_by_key(|file| {
            // `part-00000.RUN.arrow`: appended files have the number of their run.
            let name = file.file_name().expect("a name").to_string_lossy().into_owned();
            let run: Number = name.split('.').nth(1).and_then(|run| run.parse().ok()).expect("a run");
            (run, name)
        });
    }
    let mut ids = Vec::new();
    for file in files {
        ids.extend(ids_of(&file)?);
    }
    Some(ids)
}

fn ids_of(path: &Path) -> Option<Vec<Number>> {
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
    let columns = batches.iter().map(|batch| batch.column(0).as_primitive::<Int64Type>());
    Some(columns.flat_map(|ids| ids.values().to_vec()).collect())
}

/// How many operations an undisturbed run on `world` makes, and which.
fn operations_of(world: &World) -> Vec<(Action, PathBuf)> {
    let disk = quick();
    world.run(&disk, NEW).expect("publishes");
    disk.operations()
}
