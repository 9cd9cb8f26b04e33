//! What a load does with the rows that are there.

use super::*;

/// The rows behind `loads`, one run after the other, there and in a store.
fn check(world: &World, loads: &[Brought], expect: &[Row]) {
    check_there(world, loads, expect);
    #[cfg(feature = "cloud")]
    check_there(&world.moved_to_store(), loads, expect);
}

fn check_there(world: &World, loads: &[Brought], expect: &[Row]) {
    for (run, load) in (1..).zip(loads) {
        world.load(run, load);
    }
    assert_eq!(world.seen(), expect, "{loads:#?}");
    assert_eq!(world.leftovers(), Vec::<String>::new());
}

#[test]
fn overwrite_puts_the_rows_of_a_run_in_place_of_all_others() {
    let loads = [rows(&[(1, "a", 1, 10, None), (2, "a", 1, 10, None)]), rows(&[(3, "a", 2, 5, None)])];
    check(&World::new(Mode::Overwrite), &loads, &[(3, "a", 2, 5, None)]);
    // A run without rows leaves a table without rows.
    check(&World::new(Mode::Overwrite), &[loads[0].clone(), Brought::default()], &[]);
    check(&World::new(Mode::Overwrite), &[Brought::default()], &[]);
}

#[test]
fn append_adds_the_rows_of_each_run() {
    let row = (1, "a", 1, 10, None);
    check(&World::new(Mode::Append), &[rows(&[row]), Brought::default(), rows(&[row])], &[row, row]);
}

#[test]
fn upsert_replaces_all_rows_of_a_document_and_no_others() {
    let first =
        rows(&[(1, "a", 1, 10, None), (1, "b", 1, 10, None), (2, "a", 1, 10, None), (3, "c", 1, 10, None)]);
    let world = World::new(Mode::Upsert);
    // Credit b of film 1 has vanished, c has come; film 4 is new.
    let second = rows(&[(1, "a", 2, 20, None), (1, "c", 2, 20, None), (4, "a", 2, 20, None)]);
    let expect = [
        (1, "a", 2, 20, None),
        (1, "c", 2, 20, None),
        (2, "a", 1, 10, None),
        (3, "c", 1, 10, None),
        (4, "a", 2, 20, None),
    ];
    check(&world, &[first.clone(), second], &expect);
    // Film 2 has no rows any more.
    let world = World::new(Mode::Upsert);
    let second = Brought { empty: vec![(2, 20)], ..Brought::default() };
    check(&world, &[first, second], &[(1, "a", 1, 10, None), (1, "b", 1, 10, None), (3, "c", 1, 10, None)]);
}

#[test]
fn upsert_keeps_one_row_of_a_key_that_which_was_fetched_last() {
    let twice = rows(&[(1, "a", 1, 10, None), (2, "a", 1, 10, None), (1, "a", 2, 10, None)]);
    check(&World::new(Mode::Upsert), &[twice], &[(1, "a", 2, 10, None), (2, "a", 1, 10, None)]);
    // Of one document that came twice the rows of the later count, also those that it has not any more.
    let twice = rows(&[(1, "a", 2, 20, None), (1, "a", 1, 10, None), (1, "b", 1, 10, None)]);
    check(&World::new(Mode::Upsert), &[twice], &[(1, "a", 2, 20, None)]);
    // A run that published late has an older state of film 1.
    let new = rows(&[(1, "a", 2, 20, None)]);
    let late = rows(&[(1, "a", 1, 10, None), (1, "b", 1, 10, None), (2, "a", 1, 10, None)]);
    let expect = [(1, "a", 2, 20, None), (2, "a", 1, 10, None)];
    check(&World::new(Mode::Upsert), &[new.clone(), late.clone()], &expect);
    // Without a column of times the one published last counts.
    let untimed = World { timed: false, ..World::new(Mode::Upsert) };
    check(&untimed, &[new, late.clone()], &late.rows);
}

#[test]
fn rows_of_items_that_are_gone_go_or_are_marked_or_stay() {
    let first = rows(&[(1, "a", 1, 10, None), (1, "b", 1, 10, None), (2, "a", 1, 10, None)]);
    let gone = Brought { gone: vec![(1, 20), (9, 20)], ..Brought::default() };
    check(&World::new(Mode::Upsert), &[first.clone(), gone.clone()], &[(2, "a", 1, 10, None)]);
    let keeping = World { gone: Gone::Keep, ..World::new(Mode::Upsert) };
    check(&keeping, &[first.clone(), gone.clone()], &first.rows);
    // Marked once: a later run that finds it gone as well changes nothing; a film that is back has no mark.
    let marking = || World { gone: Gone::Set("deleted_at".to_owned()), ..World::new(Mode::Upsert) };
    let marked = [(1, "a", 1, 10, Some(20)), (1, "b", 1, 10, Some(20)), (2, "a", 1, 10, None)];
    let again = Brought { gone: vec![(1, 30)], ..Brought::default() };
    check(&marking(), &[first.clone(), gone.clone(), again], &marked);
    let back = rows(&[(1, "a", 2, 40, None)]);
    check(&marking(), &[first.clone(), gone, back], &[(1, "a", 2, 40, None), (2, "a", 1, 10, None)]);
    // What was fetched after it was found out to be gone is there.
    let late = Brought { gone: vec![(1, 5)], ..Brought::default() };
    check(&World::new(Mode::Upsert), &[first.clone(), late], &first.rows);
}

#[test]
fn files_without_a_key_of_the_load_stay_as_they_are() {
    let world = World::new(Mode::Upsert);
    world.load(1, &rows(&[(1, "a", 1, 10, None)]));
    world.load(2, &rows(&[(5, "a", 1, 10, None)]));
    let files = || {
        let table = world.table();
        let snapshot = table.snapshot().expect("readable").expect("a table");
        let mut paths: Vec<String> =
            table.live(&snapshot).expect("readable").into_iter().map(|file| file.path).collect();
        paths.sort();
        paths
    };
    let before = files();
    world.load(3, &rows(&[(3, "a", 1, 10, None)]));
    let behind = files();
    assert!(behind.len() == 3 && before.iter().all(|path| behind.contains(path)), "{before:?} {behind:?}");
    // Of two files only the one that has film 5 is written anew, and as nothing of it stays, none takes its place.
    world.load(4, &rows(&[(5, "a", 2, 20, None)]));
    let last = files();
    assert_eq!((last.len(), behind.iter().filter(|path| last.contains(path)).count()), (3, 2), "{last:?}");
}

#[test]
fn partitions_hold_what_their_names_say_in_every_mode() {
    for mode in [Mode::Overwrite, Mode::Append, Mode::Upsert] {
        let world = World { partitioned: true, ..World::new(mode) };
        let first = rows(&[(1, "a", 1, 10, None), (2, "a", 1, 10, None), (3, "a", 2, 10, None)]);
        // Film 1 moves from one partition to another.
        let second = rows(&[(1, "a", 2, 20, None)]);
        let expect: &[Row] = match mode {
            Mode::Overwrite => &[(1, "a", 2, 20, None)],
            Mode::Append => {
                &[(1, "a", 1, 10, None), (1, "a", 2, 20, None), (2, "a", 1, 10, None), (3, "a", 2, 10, None)]
            }
            Mode::Upsert => &[(1, "a", 2, 20, None), (2, "a", 1, 10, None), (3, "a", 2, 10, None)],
        };
        check(&world, &[first, second], expect);
        let table = world.table();
        let snapshot = table.snapshot().expect("readable").expect("a table");
        for file in table.live(&snapshot).expect("readable") {
            let value = file.partition[0].1.clone().expect("a version");
            assert!(file.path.starts_with(&format!("version={value}/")), "{}", file.path);
        }
    }
}

#[test]
fn many_loads_are_readable_and_have_checkpoints() {
    let world = World::new(Mode::Upsert);
    for run in 1..=23 {
        world.load(run, &rows(&[(run % 5, "a", run, run, None), (100 + run, "b", run, run, None)]));
    }
    assert_eq!((world.version(), world.seen().len()), (Some(22), 5 + 23));
    let log = world.path().join("_delta_log");
    let names: Vec<String> = std::fs::read_dir(log)
        .expect("a log")
        .map(|entry| entry.expect("reads").file_name().to_string_lossy().into_owned())
        .collect();
    let checkpoints = names.iter().filter(|name| name.contains("checkpoint") && name.ends_with("parquet"));
    assert_eq!(checkpoints.count(), 2, "{names:?}");
}
