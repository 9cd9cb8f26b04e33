//! A process that dies, and a disk that refuses once, at every single operation of a run.

use std::sync::Mutex;

use super::*;

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
            if world.folders {
                assert!(world.kept("films").len() <= 2 && world.kept("cast").len() <= 2, "died at {at}");
            }
        }
        assert!(old > 10 && new > 10, "{old} ended old, {new} new: a side was never tried");
    };
    check(World::published, Some(OLD));
    check(World::empty, None);
    check(World::published_folders, Some(OLD));
    check(World::empty_folders, None);
}

#[test]
fn crash_at_every_operation_of_a_recovery_ends_all_new() {
    let changes = |action: &Action| {
        use Action::{CreateFile, CreateFolder, Link, Remove, Rename, Share, Write};
        matches!(action, CreateFile | CreateFolder | Link | Share | Write | Rename | Remove)
    };
    for published in [World::published, World::published_folders] {
        // Dying before anything else leaves what dying before the next change leaves.
        let decided: Vec<usize> = operations_of(&published())
            .iter()
            .enumerate()
            .filter(|(_, (action, _))| changes(action))
            .map(|(at, _)| at)
            .filter(|at| {
                let world = published();
                world.run(&Disk::with_fault(Fault::DieAt(*at)), NEW).ok();
                world.journal_is_there()
            })
            .collect();
        assert!(decided.len() > 10, "{decided:?}");
        for at in decided {
            let world = published();
            world.run(&Disk::with_fault(Fault::DieAt(at)), NEW).ok();
            let disk = quick();
            drop(world.open(&disk).expect("recovers"));
            let recovery = disk.operations();
            assert!(recovery.len() > 5, "a recovery of {} operations", recovery.len());
            for again in (0..recovery.len()).filter(|again| changes(&recovery[*again].0)) {
                let world = published();
                world.run(&Disk::with_fault(Fault::DieAt(at)), NEW).ok();
                world.open(&Disk::with_fault(Fault::DieAt(again))).expect_err("dies");
                world.open(&quick()).expect("recovers");
                assert_eq!(world.seen(), [Some(NEW); 2], "died at {at}, again at {again}");
                assert_eq!(world.manifests(), [Some(NEW); 2], "died at {at}, again at {again}");
                assert_eq!(world.leftovers(), Vec::<String>::new(), "died at {at}, again at {again}");
            }
        }
    }
}

#[test]
fn refusal_at_every_operation_leaves_old_tables_or_a_journal() {
    for published in [World::published, World::published_folders] {
        for (at, operation) in operations_of(&published()).into_iter().enumerate() {
            let world = published();
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
}

#[test]
fn reader_finds_a_complete_table_before_every_operation() {
    for published in [World::published, World::published_folders] {
        let world = Arc::new(published());
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
            let digits = "0123456789abcdef";
            let at = name.strip_suffix(".tmp").and_then(|name| name.len().checked_sub(digits.len()));
            if let Some(at) = at
                && name[at..at + digits.len()].chars().all(|c| digits.contains(c))
            {
                name.replace_range(at..at + digits.len(), "HEX");
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
    create file out/.cast.arrow.HEX.tmp
    write out/.films.parquet.HEX.tmp
    sync out/.films.parquet.HEX.tmp
    write out/.cast.arrow.HEX.tmp
    sync out/.cast.arrow.HEX.tmp
    sync folder out
    remove state/publish.json.tmp
    create file state/publish.json.tmp
    write state/publish.json.tmp
    sync state/publish.json.tmp
    rename into place state/publish.json
    sync folder state
    rename into place out/films.parquet
    rename into place out/cast.arrow
    sync folder out
    remove out/.films.parquet.manifest.json.tmp
    create file out/.films.parquet.manifest.json.tmp
    write out/.films.parquet.manifest.json.tmp
    sync out/.films.parquet.manifest.json.tmp
    rename into place out/.films.parquet.manifest.json
    sync folder out
    remove out/.cast.arrow.manifest.json.tmp
    create file out/.cast.arrow.manifest.json.tmp
    write out/.cast.arrow.manifest.json.tmp
    sync out/.cast.arrow.manifest.json.tmp
    rename into place out/.cast.arrow.manifest.json
    sync folder out
    remove state/publish.json
    sync folder state
    remove state/staged.json
    ");
}

#[test]
fn two_runs_with_the_same_rows_publish_the_same_bytes() {
    let world = World::published();
    let bytes = || ["films", "cast"].map(|name| std::fs::read(world.table(name)).expect("is there"));
    let before = bytes();
    let (commit, _) = world.open(&quick()).expect("opens");
    let staged = stage(&commit, &world.specs(), OLD).expect("stages");
    commit.publish(staged, &facts(7, "mock")).expect("publishes");
    assert_eq!(world.manifests(), [Some(7); 2]);
    assert!(before == bytes(), "bytes differ");
}

#[test]
fn manifest_knows_the_file_it_stands_beside() {
    let world = World::published();
    for name in ["films", "cast"] {
        let manifest = read_manifest(&world.table(name)).expect("reads").expect("is there");
        let digest = Disk::default().digest(&world.table(name)).expect("reads");
        assert_eq!(digest, Some(manifest.digest));
        assert_eq!(manifest.bytes, std::fs::metadata(world.table(name)).expect("is there").len());
        assert_eq!((manifest.rows, manifest.table.as_str()), (3, name));
        let id = &manifest.columns[0];
        assert_eq!(
            (id.name.as_str(), id.values, id.nulls, id.definition.as_deref()),
            ("id", 3, 0, Some("d"))
        );
    }
}
