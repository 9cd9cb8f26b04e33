//! Folder tables that grow, and what several publishers do to one.

use super::*;

/// Another pipeline that writes the tables of `world`.
fn other(world: &World) -> Commit {
    let lock = Lock::acquire(&world.folder.path().join("other"), "other").expect("free");
    Commit::open(lock).expect("opens").0
}

fn publish(commit: &Commit, specs: &[TableSpec], number: Number) -> Vec<PublishedTable> {
    let staged = stage(commit, specs, number).expect("stages");
    commit.publish(staged, &facts(number, "mock")).expect("publishes")
}

fn cast(world: &World) -> Vec<TableSpec> {
    vec![world.specs().pop().expect("two")]
}

#[test]
fn appended_rows_stand_behind_those_that_were_there() {
    let world = World::empty_folders();
    (1..=4).for_each(|number| drop(world.run(&quick(), number).expect("publishes")));
    assert_eq!(read_ids(&world.table("cast")), Some(vec![1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]));
    assert_eq!(read_ids(&world.table("films")), Some(vec![4; 3]));
    let manifest = read_manifest(&world.table("cast")).expect("reads").expect("is there");
    assert_eq!((manifest.rows, manifest.files.len()), (12, 4));
    let runs: Vec<&str> = manifest.files.iter().map(|file| &*file.run).collect();
    assert_eq!(runs, ["1", "2", "3", "4"]);
    let loads: Vec<(&str, u64, u64)> =
        manifest.history.iter().map(|load| (&*load.run, load.rows, load.table_rows)).collect();
    assert_eq!(loads, [("1", 3, 3), ("2", 3, 6), ("3", 3, 9), ("4", 3, 12)]);
    assert_eq!(manifest.files[1].ranges[0].min, 2);
    // Every name of a file, and none but the last two generations.
    assert_eq!(world.kept("cast"), ["3", "4"]);
    assert_eq!(world.kept("films"), ["3", "4"]);
}

#[test]
fn run_that_appended_before_appends_nothing_more() {
    let world = World::published_folders();
    for _ in 0..2 {
        world.run(&quick(), NEW).expect("publishes");
        assert_eq!(read_ids(&world.table("cast")), Some(vec![1, 1, 1, 2, 2, 2]));
        assert_eq!(world.seen(), [Some(NEW); 2]);
        assert_eq!(world.leftovers(), Vec::<String>::new());
    }
    // Also after others, and when it is all that there is to publish.
    world.run(&quick(), 3).expect("publishes");
    let (commit, _) = world.open(&quick()).expect("opens");
    let again = publish(&commit, &cast(&world), NEW);
    assert_eq!((again[0].rows, again[0].name.as_str()), (3, "cast"));
    assert_eq!(read_ids(&world.table("cast")), Some(vec![1, 1, 1, 2, 2, 2, 3, 3, 3]));
    drop(commit);
    world.open(&quick()).expect("opens");
    assert_eq!(world.leftovers(), Vec::<String>::new());
}

#[test]
fn overwriting_again_under_the_same_run_takes_names_of_its_own() {
    let world = World::published_folders();
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(world.table("films")).expect("a folder");
        entries.map(|entry| entry.expect("reads").file_name().to_string_lossy().into_owned()).collect()
    };
    let before = names();
    let (commit, _) = world.open(&quick()).expect("opens");
    publish(&commit, &[world.specs().remove(0)], OLD);
    assert_eq!(read_manifest(&world.table("films")).expect("reads").expect("is there").rows, 3);
    assert!(before != names(), "a reader of the old names would read new files: {before:?}");
}

#[test]
fn two_pipelines_that_append_to_one_table_lose_nothing() {
    let world = World::published_folders();
    let (commit, _) = world.open(&quick()).expect("opens");
    let second = other(&world);
    // Both stage before either publishes.
    let first_rows = stage(&commit, &cast(&world), 2).expect("stages");
    let second_rows = stage(&second, &cast(&world), 3).expect("stages");
    second.publish(second_rows, &facts(3, "mock")).expect("publishes");
    commit.publish(first_rows, &facts(2, "mock")).expect("publishes");
    assert_eq!(read_ids(&world.table("cast")).map(|ids| ids.len()), Some(9));
}

/// A world in which run 2 decided to publish and died before the first of its links.
fn decided() -> World {
    let world = World::published_folders();
    let operations = operations_of(&World::published_folders());
    let at = operations.iter().position(|(action, _)| *action == Action::Link).expect("makes links");
    world.run(&Disk::with_fault(Fault::DieAt(at)), NEW).expect_err("dies");
    assert!(world.journal_is_there());
    assert_eq!(world.seen(), [Some(OLD); 2]);
    world
}

#[test]
fn recovery_follows_what_others_have_appended_meanwhile() {
    let at_most = operations_of(&World::published_folders()).len();
    for again in 0..at_most {
        let world = decided();
        publish(&other(&world), &cast(&world), 3);
        // The recovery itself dies, once at each operation.
        let dead = world.open(&Disk::with_fault(Fault::DieAt(again)));
        let done = dead.is_ok();
        drop(dead);
        let (_, recovered) = world.open(&quick()).expect("recovers");
        assert_eq!(recovered.lost, Vec::<PathBuf>::new());
        let ids = read_ids(&world.table("cast")).expect("is there");
        assert_eq!(ids, [1, 1, 1, 2, 2, 2, 3, 3, 3], "again at {again}");
        let manifest = read_manifest(&world.table("cast")).expect("reads").expect("is there");
        assert_eq!((manifest.rows, manifest.facts.run.as_str()), (9, "2"), "again at {again}");
        assert_eq!(world.leftovers(), Vec::<String>::new(), "again at {again}");
        if done {
            assert!(again > 10, "a recovery of {again} operations");
            return;
        }
    }
    panic!("the recovery never got through");
}

#[test]
fn recovery_leaves_what_others_have_put_above_it() {
    let world = World::published_folders();
    let operations = operations_of(&World::published_folders());
    // Died with both links in place, before the journal went.
    let last = operations
        .iter()
        .rposition(|(action, path)| *action == Action::Remove && path.ends_with("publish.json"))
        .expect("removes the journal");
    world.run(&Disk::with_fault(Fault::DieAt(last)), NEW).expect_err("dies");
    assert_eq!(world.seen(), [Some(NEW); 2]);
    publish(&other(&world), &[world.specs().remove(0)], 9);
    let (_, recovered) = world.open(&quick()).expect("recovers");
    assert_eq!(world.seen(), [Some(9), Some(NEW)]);
    assert_eq!(recovered.lost.len(), 1, "{recovered:?}");
    assert_eq!(world.leftovers(), Vec::<String>::new());
}

#[test]
fn recovery_publishes_no_folder_in_which_a_file_was_changed() {
    let world = decided();
    let folder = world.out().join(".cast.gen/2");
    let own = std::fs::read_dir(&folder)
        .expect("is filed")
        .map(|entry| entry.expect("reads").path())
        .find(|path| path.to_string_lossy().contains(".2."))
        .expect("its own file");
    std::fs::write(own, "cut").expect("writes");
    let (_, recovered) = world.open(&quick()).expect("recovers");
    assert_eq!(world.seen(), [Some(NEW), Some(OLD)], "cast stays old rather than broken");
    assert_eq!(recovered.lost.len(), 1, "{recovered:?}");
    world.run(&quick(), 3).expect("publishes");
    assert_eq!(read_ids(&world.table("cast")), Some(vec![1, 1, 1, 3, 3, 3]));
}

#[test]
fn what_cannot_be_appended_to_is_refused_and_stays() {
    let refused = |prepare: &dyn Fn(&World), spec: &dyn Fn(TableSpec) -> TableSpec, expect: &str| {
        let world = World::published_folders();
        prepare(&world);
        let (commit, _) = world.open(&quick()).expect("opens");
        let spec = spec(cast(&world).remove(0));
        let run = || {
            let mut writer = commit.stage(std::slice::from_ref(&spec), "2")?.remove(0);
            let values = Arc::new(Int64Array::from(vec![2; 3]));
            let columns: Vec<arrow::array::ArrayRef> =
                spec.schema.fields().iter().map(|_| values.clone() as _).collect();
            writer.write(&RecordBatch::try_new(spec.schema.clone(), columns).expect("fits"))?;
            commit.publish(vec![writer.finish()?], &facts(NEW, "mock"))
        };
        let error = run().expect_err("is refused");
        let folder = world.folder.path().canonicalize().expect("is there").display().to_string();
        assert_eq!(error.to_string().replace(&folder, "DIR"), expect);
        drop(commit);
        world.open(&quick()).expect("recovers");
        // Without its manifest nobody knows the first generation.
        let left: Vec<String> =
            world.leftovers().into_iter().filter(|name| !name.ends_with(".gen/1")).collect();
        assert_eq!(left, Vec::<String>::new(), "{expect}");
    };
    let nothing: &dyn Fn(&World) = &|_| {};
    let same: &dyn Fn(TableSpec) -> TableSpec = &|spec| spec;
    refused(
        nothing,
        &|spec| {
            let fields = ["other", "id"].map(|name| Field::new(name, DataType::Int64, false));
            TableSpec { schema: Arc::new(Schema::new(fields.to_vec())), ..spec }
        },
        "append to `DIR/out/cast`: its columns and those of this run do not go together: `other` int64 required would come, and rows that are there have none",
    );
    refused(
        &|world| {
            let file = std::fs::read_dir(world.table("cast")).expect("a folder").next().expect("a file");
            #[expect(clippy::disallowed_methods, reason = "somebody who clears up")]
            std::fs::remove_file(file.expect("reads").path()).expect("is there");
        },
        same,
        "append to `DIR/out/cast`: `part-00000.1.arrow` is gone from it",
    );
    refused(
        &|world| {
            #[expect(clippy::disallowed_methods, reason = "somebody who clears up")]
            std::fs::remove_file(world.out().join(".cast.gen/1.manifest.json")).expect("is there");
        },
        same,
        "append to `DIR/out/cast`: its manifest is gone from it",
    );
}

#[test]
fn what_others_made_is_not_replaced_by_a_folder_table() {
    let refused = |prepare: &dyn Fn(&Path), expect: &str| {
        let world = World::empty_folders();
        std::fs::create_dir(world.out()).expect("is new");
        let path = world.out().join("films");
        prepare(&path);
        let (commit, _) = world.open(&quick()).expect("opens");
        let error = stage(&commit, &world.specs(), NEW).expect_err("is refused").to_string();
        let folder = world.folder.path().canonicalize().expect("is there").display().to_string();
        let expect =
            format!("publish table `films`: `DIR/out/films` is {expect}, not a table of this program");
        assert_eq!(error.replace(&folder, "DIR"), expect);
        assert!(std::fs::symlink_metadata(path).is_ok());
    };
    refused(&|path| std::fs::create_dir(path).expect("is new"), "a folder");
    refused(&|path| std::fs::write(path, "mine").expect("writes"), "a file");
    #[cfg(unix)]
    refused(&|path| std::os::unix::fs::symlink("/tmp", path).expect("is new"), "a symbolic link");
}

#[test]
fn table_may_not_be_inside_another() {
    let world = World::published_folders();
    let (commit, _) = world.open(&quick()).expect("opens");
    let inside = spec("inside", world.table("films").join("inside.parquet"));
    let error = stage(&commit, &[inside], NEW).expect_err("is refused").to_string();
    assert!(error.ends_with("cannot be the path of a table: it is inside another table"), "{error}");
}
