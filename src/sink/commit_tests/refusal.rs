//! What is refused, with which words, and that every table is as it was.

use super::*;

#[test]
#[expect(clippy::disallowed_methods, reason = "a thread that panics, joined at once")]
fn abandoned_and_dropped_writers_and_tables_leave_nothing() {
    let world = World::published();
    let (commit, _) = world.open(&quick()).expect("opens");
    let staged_files = || world.leftovers().into_iter().filter(|name| name != "staged.json").count();
    for mut writer in commit.stage(&world.specs(), "2").expect("stages") {
        writer.write(&batch(NEW)).expect("writes");
        writer.abandon();
    }
    assert_eq!(staged_files(), 0);
    let staged = stage(&commit, &world.specs(), NEW).expect("stages");
    assert_eq!(staged_files(), 2);
    drop(staged);
    assert_eq!(staged_files(), 0);
    let writer = commit.stage(&world.specs(), "2").expect("stages").pop().expect("two");
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
