//! What a recovery does when others have been at the files meanwhile.

use super::*;

/// A world in which run 2 died right after its first rename.
fn half_published() -> World {
    let operations = operations_of(&World::published());
    let table = |path: &Path| path.extension().is_some_and(|it| it == "parquet" || it == "arrow");
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
    assert!(recovered.lost[0].ends_with("out/cast.arrow"), "{recovered:?}");
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
    let writers = commit.stage(&world.specs(), "2").expect("stages");
    std::fs::write(&foreign, "another pipeline's").expect("writes");
    // Killed: neither the writers nor the commit get to clear up.
    writers.into_iter().for_each(std::mem::forget);
    drop(commit);
    let (_, recovered) = world.open(&quick()).expect("recovers");
    assert_eq!(recovered.swept.len(), 2);
    assert_eq!(world.leftovers(), [".films.parquet.00000000000000aa.tmp"]);
}

#[test]
fn damaged_journal_is_an_error_that_names_it() {
    let world = World::published();
    std::fs::write(world.state().join("publish.json"), "{\"version\":1,").expect("writes");
    let error = world.open(&quick()).expect_err("is damaged");
    assert!(matches!(error, SinkError::BadRecord { kind: "publish journal", .. }), "{error}");
    assert_eq!(world.seen(), [Some(OLD); 2]);
}
