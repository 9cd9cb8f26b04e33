//! What the log tells of loads, and whom it refuses.

use super::*;
use crate::sink::{check_source, known_manifest, read_manifest};

#[test]
fn log_remembers_loads_and_their_runs() {
    for &kind in KINDS {
        let world = kind(Mode::Upsert);
        assert_eq!(read_manifest(&world.path()).expect("reads"), None);
        world.load(1, &rows(&[(1, "a", 1, 10, None), (2, "a", 1, 10, None)]));
        world.load(2, &rows(&[(2, "a", 2, 20, None), (3, "a", 2, 20, None)]));
        let manifest = read_manifest(&world.path()).expect("reads").expect("is there");
        // Nobody who is only curious waits for a network.
        let known = world.bucket.is_none().then(|| manifest.clone());
        assert_eq!(known_manifest(&world.path()), known);
        assert_eq!((manifest.rows, manifest.facts.run.as_str(), manifest.table.as_str()), (3, "2", "films"));
        assert_eq!(manifest.schema[0].column_type, "int64");
        let loads: Vec<(&str, u64, u64, usize)> = manifest
            .history
            .iter()
            .map(|load| (load.run.as_str(), load.rows, load.table_rows, load.files))
            .collect();
        assert_eq!(loads, [("1", 2, 2, 1), ("2", 2, 3, 2)]);
        assert_eq!(manifest.history[1].mode, Mode::Upsert);
        assert_eq!(manifest.history[1].bytes, manifest.bytes);
    }
}

#[test]
fn table_of_another_source_is_refused_also_when_its_history_was_cleaned_away() {
    let world = World::new(Mode::Append);
    for run in 1..=11 {
        world.load(run, &rows(&[(run, "a", 1, 10, None)]));
    }
    let other = "https://api.themoviedb.org/3";
    let refused = || {
        let told = check_source(&[world.path()], other).map_err(|error| error.to_string());
        let expect =
            format!("publish `{}`: it holds data of mock, this run reads {other}", world.path().display());
        assert_eq!(told, Err(expect));
        check_source(&[world.path()], "mock").expect("the same source");
    };
    refused();
    // Up to the checkpoint of version 10.
    for version in 0..10 {
        let commit = world.path().join("_delta_log").join(format!("{version:020}.json"));
        Disk::default().remove(&commit).expect("removes");
    }
    refused();
    Disk::default()
        .remove(&world.path().join("_delta_log").join(format!("{:020}.json", 10)))
        .expect("removes");
    refused();
    world.load(12, &rows(&[(12, "a", 1, 10, None)]));
    assert_eq!(world.seen().len(), 12);
}

#[test]
fn folder_with_other_things_is_not_replaced() {
    let world = World::new(Mode::Overwrite);
    std::fs::create_dir_all(world.path()).expect("makes");
    world.load(1, &Brought::default());
    let world = World::new(Mode::Overwrite);
    std::fs::create_dir_all(world.path()).expect("makes");
    std::fs::write(world.path().join("notes.txt"), "mine").expect("writes");
    assert!(matches!(world.run(&quick(), 1, &Brought::default()), Err(SinkError::NotOurs { .. })));
    let world = World::new(Mode::Overwrite);
    std::fs::create_dir_all(world.folder.path().join("out of é")).expect("makes");
    std::fs::write(world.path(), "mine").expect("writes");
    assert!(matches!(world.run(&quick(), 1, &Brought::default()), Err(SinkError::NotOurs { .. })));
}
