//! Two who publish the same tables, and readers meanwhile.

use std::sync::Mutex;

use super::*;

fn everywhere(what: impl Fn(World)) {
    what(World::in_memory());
    if let Some(world) = World::on_server() {
        what(world);
    }
}

#[test]
fn second_of_two_writers_is_told_who_was_first() {
    everywhere(|first| {
        let first = first.published();
        let second = first.beside();
        let (one, _) = first.open().expect("opens");
        let (two, _) = second.open().expect("opens");
        let staged_one = first.stage(&one, NEW).expect("stages");
        let staged_two = second.stage(&two, 3).expect("stages");
        one.publish(staged_one, &facts(NEW, "mock")).expect("is first");
        let error = two.publish(staged_two, &facts(3, "mock")).expect_err("is second");
        let SinkError::OtherWriter { by, .. } = &error else { panic!("{error}") };
        assert_eq!(by, "run 2 of pipeline `marvel`, finished 2026-01-02T03:04:06Z");
        drop((one, two));
        assert_eq!((first.seen(), first.manifests()), ([Some(NEW); 2], [Some(NEW); 2]));
        // It has left nothing, and may publish over what it now knows of.
        assert_eq!((second.claims(), second.journal_is_there()), (0, false));
        second.run(3).expect("publishes");
        assert_eq!((first.seen(), first.manifests()), ([Some(3); 2], [Some(3); 2]));
        assert_eq!(second.leftovers(), Vec::<String>::new());
    });
}

#[test]
fn writers_at_the_same_time_end_with_one_load_in_all_tables() {
    everywhere(|world| {
        let world = world.published();
        let Where::Store { store, bucket, .. } = &world.place else { panic!("a store") };
        let worlds: Vec<World> = (0..4).map(|_| world.beside()).collect();
        let barrier = std::sync::Barrier::new(worlds.len());
        let won: Vec<Number> = std::thread::scope(|scope| {
            let threads: Vec<_> = worlds
                .iter()
                .zip(10..)
                .map(|(world, number)| {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        put_in_place(bucket, Arc::clone(store));
                        let (commit, _) = world.open_with(Duration::from_secs(30)).expect("opens");
                        let staged = world.stage(&commit, number).expect("stages");
                        barrier.wait();
                        match commit.publish(staged, &facts(number, "mock")) {
                            Ok(_) => Some(number),
                            Err(SinkError::OtherWriter { .. }) => None,
                            Err(error) => panic!("{error}"),
                        }
                    })
                })
                .collect();
            threads.into_iter().filter_map(|thread| thread.join().expect("no panic")).collect()
        });
        assert_eq!(won.len(), 1, "{won:?}");
        assert_eq!((world.seen(), world.manifests()), ([Some(won[0]); 2], [Some(won[0]); 2]));
        assert_eq!(world.claims(), 0);
    });
}

#[test]
fn claim_of_a_dead_writer_is_taken_over_and_the_writer_is_told_when_it_comes_back() {
    let published = || World::in_memory().published();
    let through = published().through(Fault::None).is_some();
    assert!(through);
    let count = {
        let world = published();
        let dying = world.through(Fault::None).expect("a store");
        world.run(NEW).expect("publishes");
        dying.operations().len()
    };
    let mut taken = 0;
    for at in 0..count {
        let dead = published();
        dead.through(Fault::DieBefore(at));
        dead.run(NEW).expect_err("dies");
        let (crashed, decided) = (dead.claims(), dead.journal_is_there());
        dead.through(Fault::None);
        let other = dead.beside();
        if let Err(error) = other.run(3) {
            // A table was finished before it died.
            assert!(matches!(error, SinkError::OtherWriter { .. }), "{at}: {error}");
            other.run(3).expect("publishes");
        }
        assert_eq!((dead.seen(), dead.manifests()), ([Some(3); 2], [Some(3); 2]), "{at}");
        let (_, recovered) = dead.open().expect("recovers");
        assert_eq!(recovered.lost.len(), if decided { 2 } else { 0 }, "{at}");
        assert_eq!((dead.seen(), dead.manifests()), ([Some(3); 2], [Some(3); 2]), "{at}");
        assert_eq!((dead.leftovers(), dead.claims()), (Vec::new(), 0), "{at}");
        taken += usize::from(crashed > 0);
    }
    assert!(taken > 3, "no claim was left to take over");
}

#[test]
fn writer_that_is_slow_cannot_change_a_table_that_was_taken_over() {
    let world = World::in_memory().published();
    let other = world.beside();
    let Where::Store { store, bucket, .. } = &world.place else { panic!("a store") };
    let (state, plain) = (Mutex::new(Some(other)), (bucket.clone(), Arc::clone(store)));
    let taken = Arc::new(Mutex::new(false));
    let done = Arc::clone(&taken);
    let slow = Dying::watched(Arc::clone(store), move |name| {
        // Before its first table changes, somebody else comes, waits, and publishes.
        if name == "complete"
            && let Some(other) = state.lock().expect("no poison").take()
        {
            let (bucket, store) = plain.clone();
            std::thread::scope(|scope| {
                let publishing = scope.spawn(move || {
                    put_in_place(&bucket, store);
                    other.run(3).expect("takes over");
                });
                publishing.join().expect("no panic");
            });
            *done.lock().expect("no poison") = true;
        }
    });
    put_in_place(bucket, slow);
    let error = world.run(NEW).expect_err("is too late");
    let SinkError::Unfinished { source, .. } = &error else { panic!("{error}") };
    assert!(matches!(&**source, SinkError::OtherWriter { .. }), "{source}");
    assert!(*taken.lock().expect("no poison"));
    assert_eq!((world.seen(), world.manifests()), ([Some(3); 2], [Some(3); 2]));
    world.through(Fault::None);
    let (_, recovered) = world.open().expect("recovers");
    assert_eq!(recovered.lost.len(), 2);
    assert_eq!((world.seen(), world.claims()), ([Some(3); 2], 0));
}

#[test]
fn reader_at_every_request_finds_whole_tables_that_do_not_go_back() {
    let world = World::in_memory().published();
    let Where::Store { store, bucket, .. } = &world.place else { panic!("a store") };
    let seen = Arc::new(Mutex::new(Vec::new()));
    let reader = (world.beside(), Arc::clone(&seen));
    let watched = Dying::watched(Arc::clone(store), move |_| {
        let (world, seen) = &reader;
        let now = std::thread::scope(|scope| scope.spawn(|| world.seen()).join().expect("no panic"));
        seen.lock().expect("no poison").push(now);
    });
    put_in_place(bucket, watched);
    world.run(NEW).expect("publishes");
    let seen = seen.lock().expect("no poison");
    let sums: Vec<i64> = seen.iter().map(|now| now.iter().flatten().sum()).collect();
    assert!(sums.is_sorted() && sums[0] == 2 * OLD && sums[sums.len() - 1] == 2 * NEW, "{seen:?}");
}
