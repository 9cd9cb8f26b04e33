//! Invariants 1 to 10 of `docs/architecture/commit.md`: a process that dies, and a disk that refuses, at
//! every single operation of a run.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{AsArray as _, Int64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use tempfile::TempDir;

use super::disk::Disk;
use super::disk::script::Fault;
use super::*;

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
        self.folder.path().join("out").join(format!("{name}.parquet"))
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
            name == "run.lock"
                || name.ends_with(".parquet")
                || name.ends_with(".parquet.lock")
                || name.ends_with(".manifest.json")
        };
        let mut all = names(&self.state());
        all.extend(names(&self.folder.path().join("out")));
        all.retain(|name| !known(name));
        all
    }
}

fn spec(name: &str, path: PathBuf) -> TableSpec {
    TableSpec {
        name: name.to_owned(),
        path,
        schema: Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)])),
        compression: Compression::Zstd,
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
    let batches = ParquetRecordBatchReader::try_new(file, 1024).expect("a complete file");
    let mut ids = Vec::new();
    for batch in batches {
        ids.extend(batch.expect("a batch").column(0).as_primitive::<Int64Type>().values());
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

#[test]
fn crash_at_every_operation_ends_all_old_or_all_new() {
    let check = |world: fn() -> World, before: Option<Number>| {
        let (mut old, mut new) = (0, 0);
        for at in 0..operations_of(&world()).len() {
            let world = world();
            world.run(&Disk::with_fault(Fault::DieAt(at)), NEW).ok();
            // A reader that comes now: complete tables, and nothing new unless the journal was written.
            let (crashed, decided) = (world.seen(), world.journal_is_there());
            if !decided {
                assert_eq!(crashed[0], crashed[1], "a mixture without a journal, died at {at}");
            }
            let end = if decided { Some(NEW) } else { crashed[0] };
            let (_, recovered) = world.open(&quick()).expect("recovers");
            assert_eq!(world.seen(), [end; 2], "died at {at}");
            assert_eq!(world.manifests(), [end; 2], "died at {at}");
            assert_eq!(world.leftovers(), Vec::<String>::new(), "died at {at}");
            assert_eq!(recovered.lost, Vec::<PathBuf>::new(), "died at {at}");
            assert_eq!(recovered.run, decided.then(|| NEW.to_string()), "died at {at}");
            *if end == before { &mut old } else { &mut new } += 1;
            // Nothing is left to do, and the next run goes through.
            assert_eq!(world.open(&quick()).expect("opens").1, Recovered::default());
            world.run(&quick(), 3).expect("publishes");
            assert_eq!(world.seen(), [Some(3); 2], "died at {at}");
        }
        assert!(old > 10 && new > 10, "{old} ended old, {new} new: a side was never tried");
    };
    check(World::published, Some(OLD));
    check(World::empty, None);
}

#[test]
fn crash_at_every_operation_of_a_recovery_ends_all_new() {
    let decided: Vec<usize> = (0..operations_of(&World::published()).len())
        .filter(|at| {
            let world = World::published();
            world.run(&Disk::with_fault(Fault::DieAt(*at)), NEW).ok();
            world.journal_is_there()
        })
        .collect();
    assert!(decided.len() > 10, "{decided:?}");
    for at in decided {
        for again in 0.. {
            let world = World::published();
            world.run(&Disk::with_fault(Fault::DieAt(at)), NEW).ok();
            let recovery = world.open(&Disk::with_fault(Fault::DieAt(again)));
            let done = recovery.is_ok();
            drop(recovery);
            world.open(&quick()).expect("recovers");
            assert_eq!(world.seen(), [Some(NEW); 2], "died at {at}, again at {again}");
            assert_eq!(world.manifests(), [Some(NEW); 2], "died at {at}, again at {again}");
            assert_eq!(world.leftovers(), Vec::<String>::new(), "died at {at}, again at {again}");
            if done {
                assert!(again > 5, "a recovery of {again} operations");
                break;
            }
        }
    }
}

#[test]
fn refusal_at_every_operation_leaves_old_tables_or_a_journal() {
    for (at, operation) in operations_of(&World::published()).into_iter().enumerate() {
        let world = World::published();
        let result = world.run(&Disk::with_fault(Fault::FailAt(at, ErrorKind::PermissionDenied)), NEW);
        let hint = format!("operation {at}, {operation:?}");
        match &result {
            // Only clearing up behind a publish may fail unheard.
            Ok(_) => assert_eq!(world.seen(), [Some(NEW); 2], "{hint}"),
            Err(SinkError::Unfinished { .. }) => {
                let end = world.seen();
                assert!(world.journal_is_there() || end == [Some(NEW); 2], "{hint}");
            }
            Err(error) => {
                assert!(matches!(error, SinkError::NotPermitted { .. }), "{hint}: {error}");
                assert_eq!((world.seen(), world.manifests()), ([Some(OLD); 2], [Some(OLD); 2]), "{hint}");
                let staged: Vec<String> =
                    world.leftovers().into_iter().filter(|name| name.starts_with(".films")).collect();
                assert!(staged.is_empty(), "{hint}: {staged:?}");
            }
        }
        let decided = world.journal_is_there();
        let before = world.seen();
        world.open(&quick()).expect("recovers");
        assert_eq!(world.seen(), if decided { [Some(NEW); 2] } else { before }, "{hint}");
        assert_eq!(world.manifests(), world.seen(), "{hint}");
        assert_eq!(world.leftovers(), Vec::<String>::new(), "{hint}");
    }
}

#[test]
fn reader_finds_a_complete_table_before_every_operation() {
    let world = Arc::new(World::published());
    let readings = Arc::new(Mutex::new(Vec::new()));
    let disk = Disk::watched({
        let (world, readings) = (Arc::clone(&world), Arc::clone(&readings));
        move || readings.lock().expect("no poison").push(world.seen().map(|it| it.expect("a table")))
    });
    world.run(&disk, NEW).expect("publishes");
    let mut readings = readings.lock().expect("no poison").clone();
    readings.dedup();
    assert_eq!(readings, [[OLD, OLD], [NEW, OLD], [NEW, NEW]]);
}

#[test]
fn everything_is_durable_before_what_depends_on_it() {
    let world = World::published();
    let disk = quick();
    world.run(&disk, NEW).expect("publishes");
    let mut lines: Vec<String> = disk
        .operations()
        .into_iter()
        .filter(|(action, _)| !matches!(action, Action::Read | Action::Inspect))
        .map(|(action, path)| {
            let path =
                path.strip_prefix(world.folder.path().canonicalize().expect("is there")).unwrap_or(&path);
            let mut name = path.display().to_string();
            // `.films.parquet.0123456789abcdef.tmp`
            if let Some(at) = name.find(".parquet.").map(|at| at + ".parquet.".len())
                && name.len() == at + "0123456789abcdef.tmp".len()
            {
                name.replace_range(at..at + 16, "HEX");
            }
            format!("{action} {name}")
        })
        .collect();
    lines.dedup();
    insta::assert_snapshot!(lines.join("\n"), @"
    remove state/publish.json.tmp
    remove state/staged.json.tmp
    remove state/staged.json
    remove state/staged.json.tmp
    create file state/staged.json.tmp
    write state/staged.json.tmp
    sync state/staged.json.tmp
    rename into place state/staged.json
    sync folder state
    create file out/.films.parquet.HEX.tmp
    create file out/.cast.parquet.HEX.tmp
    write out/.films.parquet.HEX.tmp
    sync out/.films.parquet.HEX.tmp
    write out/.cast.parquet.HEX.tmp
    sync out/.cast.parquet.HEX.tmp
    sync folder out
    remove state/publish.json.tmp
    create file state/publish.json.tmp
    write state/publish.json.tmp
    sync state/publish.json.tmp
    rename into place state/publish.json
    sync folder state
    rename into place out/films.parquet
    rename into place out/cast.parquet
    sync folder out
    remove out/.films.parquet.manifest.json.tmp
    create file out/.films.parquet.manifest.json.tmp
    write out/.films.parquet.manifest.json.tmp
    sync out/.films.parquet.manifest.json.tmp
    rename into place out/.films.parquet.manifest.json
    sync folder out
    remove out/.cast.parquet.manifest.json.tmp
    create file out/.cast.parquet.manifest.json.tmp
    write out/.cast.parquet.manifest.json.tmp
    sync out/.cast.parquet.manifest.json.tmp
    rename into place out/.cast.parquet.manifest.json
    sync folder out
    remove state/publish.json
    sync folder state
    remove state/staged.json
    ");
}

#[test]
fn two_runs_with_the_same_rows_publish_the_same_bytes() {
    let world = World::published();
    let before = std::fs::read(world.table("films")).expect("is there");
    let (commit, _) = world.open(&quick()).expect("opens");
    let staged = stage(&commit, &world.specs(), OLD).expect("stages");
    commit.publish(staged, &facts(7, "mock")).expect("publishes");
    assert_eq!(world.manifests(), [Some(7); 2]);
    assert!(before == std::fs::read(world.table("films")).expect("is there"), "bytes differ");
}

#[test]
fn manifest_knows_the_file_it_stands_beside() {
    let world = World::published();
    let manifest = read_manifest(&world.table("films")).expect("reads").expect("is there");
    let digest = Disk::default().digest(&world.table("films")).expect("reads");
    assert_eq!(digest, Some(manifest.digest));
    assert_eq!(manifest.bytes, std::fs::metadata(world.table("films")).expect("is there").len());
    assert_eq!((manifest.rows, manifest.table.as_str()), (3, "films"));
}

/// A world in which run 2 died right after its first rename.
fn half_published() -> World {
    let operations = operations_of(&World::published());
    let table = |path: &Path| path.extension().is_some_and(|it| it == "parquet");
    let renames: Vec<usize> = operations
        .iter()
        .enumerate()
        .filter(|(_, (action, path))| *action == Action::Rename && table(path))
        .map(|(at, _)| at)
        .collect();
    assert_eq!(renames.len(), 2);
    let world = World::published();
    world.run(&Disk::with_fault(Fault::DieAt(renames[1])), NEW).expect_err("dies");
    assert_eq!(world.seen(), [Some(NEW), Some(OLD)]);
    world
}

#[test]
fn recovery_leaves_alone_what_others_have_published_meanwhile() {
    let world = half_published();
    let other = Lock::acquire(&world.folder.path().join("other"), "other").expect("free");
    let (other, _) = Commit::open(other).expect("opens");
    let staged = stage(&other, &[spec("films", world.table("films"))], 9).expect("stages");
    other.publish(staged, &facts(9, "mock")).expect("publishes");
    let (_, recovered) = world.open(&quick()).expect("recovers");
    assert_eq!(world.seen(), [Some(9), Some(NEW)]);
    assert_eq!(world.manifests(), [Some(9), Some(NEW)]);
    assert_eq!(recovered.lost.len(), 1);
    assert!(recovered.lost[0].ends_with("out/films.parquet"), "{recovered:?}");
}

#[test]
fn recovery_does_not_publish_a_staged_file_that_was_changed() {
    let world = half_published();
    let staged = world.leftovers().into_iter().find(|name| name.starts_with(".cast")).expect("staged");
    std::fs::write(world.folder.path().join("out").join(staged), "cut").expect("writes");
    let (_, recovered) = world.open(&quick()).expect("recovers");
    assert_eq!(world.seen(), [Some(NEW), Some(OLD)], "cast stays old rather than broken");
    assert!(recovered.lost[0].ends_with("out/cast.parquet"), "{recovered:?}");
    assert_eq!(world.leftovers(), Vec::<String>::new());
}

#[test]
fn recovery_survives_that_the_whole_dataset_was_deleted() {
    let world = half_published();
    std::fs::remove_dir_all(world.folder.path().join("out")).expect("was there");
    let (_, recovered) = world.open(&quick()).expect("recovers");
    assert_eq!((recovered.lost.len(), recovered.published.len()), (2, 0));
    world.run(&quick(), 3).expect("publishes");
    assert_eq!(world.seen(), [Some(3); 2]);
}

#[test]
fn recovery_touches_no_file_that_is_not_in_its_records() {
    let world = World::empty();
    let (commit, _) = world.open(&quick()).expect("opens");
    let foreign = world.folder.path().join("out/.films.parquet.00000000000000aa.tmp");
    let writers = commit.stage(&world.specs()).expect("stages");
    std::fs::write(&foreign, "another pipeline's").expect("writes");
    // Killed: neither the writers nor the commit get to clear up.
    writers.into_iter().for_each(std::mem::forget);
    drop(commit);
    let (_, recovered) = world.open(&quick()).expect("recovers");
    assert_eq!(recovered.swept.len(), 2);
    assert_eq!(world.leftovers(), [".films.parquet.00000000000000aa.tmp"]);
}

#[test]
fn abandoned_and_dropped_writers_and_tables_leave_nothing() {
    let world = World::published();
    let (commit, _) = world.open(&quick()).expect("opens");
    let staged_files = || world.leftovers().into_iter().filter(|name| name != "staged.json").count();
    for mut writer in commit.stage(&world.specs()).expect("stages") {
        writer.write(&batch(NEW)).expect("writes");
        writer.abandon();
    }
    assert_eq!(staged_files(), 0);
    let staged = stage(&commit, &world.specs(), NEW).expect("stages");
    assert_eq!(staged_files(), 2);
    drop(staged);
    assert_eq!(staged_files(), 0);
    let writer = commit.stage(&world.specs()).expect("stages").pop().expect("two");
    let panicked = std::thread::spawn(move || {
        let _writer = writer;
        panic!("a bug in the projection");
    });
    panicked.join().expect_err("panicked");
    assert_eq!(staged_files(), 0);
    assert_eq!(world.seen(), [Some(OLD); 2]);
}

/// Runs with something in the way, and expects this refusal with every table as it was.
#[track_caller]
fn check_refused(
    specs: fn(&World) -> Vec<TableSpec>,
    prepare: fn(&World),
    disk: &Disk,
    source: &str,
    expect: &str,
) {
    let world = World::published();
    prepare(&world);
    let before = world.seen();
    let (commit, _) = world.open(disk).expect("opens");
    let error = stage(&commit, &specs(&world), NEW)
        .and_then(|staged| commit.publish(staged, &facts(NEW, source)))
        .expect_err("is refused");
    let folder = world.folder.path().canonicalize().expect("is there").display().to_string();
    let text = error.to_string().replace(&folder, "DIR");
    let text = match text.find(".parquet.").map(|at| at + ".parquet.".len()) {
        Some(at) if text[at..].contains(".tmp") => format!("{}HEX{}", &text[..at], &text[at + 16..]),
        _ => text,
    };
    assert_eq!(text, expect);
    assert_eq!(world.seen(), before, "{expect}");
    drop(commit);
    world.open(&quick()).expect("recovers");
    assert_eq!(world.leftovers(), Vec::<String>::new(), "{expect}");
    assert_eq!(world.seen(), before, "{expect}");
}

#[test]
fn refusals_name_path_and_operation_and_leave_tables_as_they_were() {
    let at =
        |world: &World, name: &str, path: &str| vec![spec(name, world.folder.path().join("out").join(path))];
    let _ = at;
    let none: fn(&World) = |_| {};
    let real = Disk::default();
    let mock = "mock";
    check_refused(
        |world| vec![spec("films", world.folder.path().join("out/folder.parquet"))],
        |world| std::fs::create_dir(world.folder.path().join("out/folder.parquet")).expect("is new"),
        &real,
        mock,
        "publish table `films`: `DIR/out/folder.parquet` is a folder, not a plain file",
    );
    check_refused(
        |world| vec![spec("films", world.table("films").join("deeper.parquet"))],
        none,
        &real,
        mock,
        "create folder `DIR/out/films.parquet`",
    );
    check_refused(
        |world| {
            vec![
                spec("films", world.table("films")),
                spec("cast", world.folder.path().join("out/../out/films.parquet")),
            ]
        },
        none,
        &real,
        mock,
        "publish tables `films` and `cast`: both go to `DIR/out/films.parquet`",
    );
    check_refused(
        |world| vec![spec("films", world.folder.path().join("out/.."))],
        none,
        &real,
        mock,
        "publish table `films`: `DIR/out/..` cannot be the path of a table: it names no file",
    );
    check_refused(
        World::specs,
        none,
        &real,
        "https://api.themoviedb.org/3",
        "publish `DIR/out/films.parquet`: it holds data of mock, this run reads https://api.themoviedb.org/3",
    );
    check_refused(
        World::specs,
        none,
        &Disk::with_fault(Fault::Refuse(Action::CreateFile, ErrorKind::ReadOnlyFilesystem)),
        mock,
        "create file `DIR/state/staged.json.tmp`: not permitted",
    );
    check_refused(
        |world| {
            let columns = vec![Field::new("id", DataType::Binary, false)];
            vec![TableSpec { schema: Arc::new(Schema::new(columns)), ..spec("films", world.table("films")) }]
        },
        none,
        &real,
        mock,
        "write table `films`: column `id` has type Binary, which tables cannot have",
    );
    check_refused(
        |world| {
            let columns = vec![Field::new("id", DataType::Int32, false)];
            vec![TableSpec { schema: Arc::new(Schema::new(columns)), ..spec("films", world.table("films")) }]
        },
        none,
        &real,
        mock,
        "write table `films`: a batch does not have its columns: expected `id` Int32 required, found `id` Int64 required",
    );
}

#[test]
fn link_in_place_of_a_table_is_refused_rather_than_replaced() {
    #[cfg(unix)]
    check_refused(
        |world| vec![spec("films", world.folder.path().join("out/link.parquet"))],
        |world| {
            std::os::unix::fs::symlink(world.table("films"), world.folder.path().join("out/link.parquet"))
                .expect("is new");
        },
        &Disk::default(),
        "mock",
        "publish table `films`: `DIR/out/link.parquet` is a symbolic link, not a plain file",
    );
}

#[test]
fn full_disk_in_a_data_file_is_told_as_such() {
    // The first write of a run goes to `staged.json`, the second to the first table.
    let world = World::published();
    let operations = operations_of(&world);
    let write = operations
        .iter()
        .position(|(action, path)| {
            *action == Action::Write && path.to_string_lossy().contains(".films.parquet.")
        })
        .expect("writes films");
    check_refused(
        World::specs,
        |_| {},
        &Disk::with_fault(Fault::FailAt(write, ErrorKind::StorageFull)),
        "mock",
        "write `DIR/out/.films.parquet.HEX.tmp`: no space left on the device",
    );
}

#[test]
fn table_that_another_run_is_publishing_is_given_up_with_all_tables_old() {
    let world = World::published();
    let (commit, _) = world.open(&quick()).expect("opens");
    let staged = stage(&commit, &world.specs(), NEW).expect("stages");
    let table = staged[0].path.clone();
    let other = super::lock::TableLock::acquire(&table, Duration::ZERO).expect("free");
    let error = commit.publish(staged, &facts(NEW, "mock")).expect_err("taken");
    assert!(matches!(&error, SinkError::TableLocked { path, .. } if *path == table), "{error}");
    assert_eq!(world.seen(), [Some(OLD); 2]);
    drop(other);
    let staged = stage(&commit, &world.specs(), NEW).expect("stages");
    commit.publish(staged, &facts(NEW, "mock")).expect("publishes");
    assert_eq!(world.seen(), [Some(NEW); 2]);
}

#[test]
fn damaged_journal_is_an_error_that_names_it() {
    let world = World::published();
    std::fs::write(world.state().join("publish.json"), "{\"version\":1,").expect("writes");
    let error = world.open(&quick()).expect_err("is damaged");
    assert!(matches!(error, SinkError::BadRecord { kind: "publish journal", .. }), "{error}");
    assert_eq!(world.seen(), [Some(OLD); 2]);
}
