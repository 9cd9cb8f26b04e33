//! A process that dies, and a store that refuses once, at every request of a run.

use super::*;

/// Requests of an undisturbed run over tables that are there.
fn requests(world: World) -> Vec<&'static str> {
    let dying = world.through(Fault::None).expect("a store");
    world.run(NEW).expect("publishes");
    dying.operations()
}

fn check(world: fn() -> World, before: Option<Number>) {
    let (mut old, mut new) = (0, 0);
    let count = requests(world()).len();
    for fault in (0..count).flat_map(|at| [Fault::DieBefore(at), Fault::DieAfter(at)]) {
        let world = world();
        world.through(fault);
        world.run(NEW).expect_err("dies");
        // A reader that comes now finds whole tables; nothing is new unless it was decided.
        let decided = world.journal_is_there();
        if !decided {
            assert_eq!(world.seen(), [before; 2], "{fault:?}");
        }
        world.through(Fault::None);
        let (commit, recovered) = world.open().expect("recovers");
        let end = if decided { Some(NEW) } else { before };
        assert_eq!((world.seen(), world.manifests()), ([end; 2], [end; 2]), "{fault:?}");
        assert_eq!(
            (recovered.run, recovered.lost),
            (decided.then(|| NEW.to_string()), Vec::new()),
            "{fault:?}"
        );
        assert_eq!((world.leftovers(), world.claims()), (Vec::new(), 0), "{fault:?}");
        drop(commit);
        *if decided { &mut new } else { &mut old } += 1;
        assert_eq!(world.open().expect("opens").1, Recovered::default(), "{fault:?}");
        world.run(3).expect("publishes");
        assert_eq!((world.seen(), world.manifests()), ([Some(3); 2], [Some(3); 2]), "{fault:?}");
    }
    assert!(old > 5 && new > 10, "{old} ended old, {new} new: a side was never tried");
}

#[test]
fn crash_at_every_request_ends_all_old_or_all_new() {
    check(World::in_memory, None);
    check(|| World::in_memory().published(), Some(OLD));
}

#[test]
fn crash_at_every_request_to_a_server_ends_all_old_or_all_new() {
    if World::on_server().is_none() {
        eprintln!("skipped: no server that speaks S3 is named by TMDB_ETL_TEST_BUCKET");
        return;
    }
    check(|| World::on_server().expect("is named").published(), Some(OLD));
}

#[test]
fn crash_at_every_request_of_a_recovery_ends_all_new() {
    let published = || World::in_memory().published();
    for at in 0..requests(published()).len() {
        let crashed = || {
            let world = published();
            world.through(Fault::DieBefore(at));
            world.run(NEW).expect_err("dies");
            world
        };
        let world = crashed();
        if !world.journal_is_there() {
            continue;
        }
        let dying = world.through(Fault::None).expect("a store");
        drop(world.open().expect("recovers"));
        for fault in (0..dying.operations().len()).flat_map(|at| [Fault::DieBefore(at), Fault::DieAfter(at)])
        {
            let world = crashed();
            world.through(fault);
            world.open().expect_err("dies");
            world.through(Fault::None);
            let (_, recovered) = world.open().expect("recovers");
            assert_eq!(
                (world.seen(), world.manifests()),
                ([Some(NEW); 2], [Some(NEW); 2]),
                "{at}, {fault:?}"
            );
            assert_eq!(recovered.lost, Vec::<PathBuf>::new(), "{at}, {fault:?}");
            assert_eq!((world.leftovers(), world.claims()), (Vec::new(), 0), "{at}, {fault:?}");
        }
    }
}

#[test]
fn refusal_at_every_request_leaves_old_tables_or_a_journal() {
    let published = || World::in_memory().published();
    for at in 0..requests(published()).len() {
        let world = published();
        world.through(Fault::FailAt(at));
        match world.run(NEW) {
            Ok(_) => panic!("refused at {at}, and nobody was told"),
            Err(SinkError::Unfinished { .. }) => assert!(world.journal_is_there(), "{at}"),
            Err(error) => {
                assert!(matches!(error, SinkError::Store { .. }), "{at}: {error}");
                assert_eq!((world.seen(), world.manifests()), ([Some(OLD); 2], [Some(OLD); 2]), "{at}");
            }
        }
        world.through(Fault::None);
        world.run(3).expect("publishes");
        assert_eq!((world.seen(), world.manifests()), ([Some(3); 2], [Some(3); 2]), "{at}");
        assert_eq!((world.leftovers(), world.claims()), (Vec::new(), 0), "{at}");
    }
}

#[test]
fn all_parts_are_sent_and_all_tables_claimed_before_the_first_changes() {
    let operations = requests(World::in_memory().published());
    let last = |name| operations.iter().rposition(|operation| *operation == name).expect("is made");
    let first = operations.iter().position(|operation| *operation == "complete").expect("is made");
    assert!(last("part") < first && last("create") < first, "{operations:?}");
    assert_eq!(operations[first..first + 2], ["complete"; 2], "{operations:?}");
    let claims = operations[..first].iter().filter(|operation| **operation == "put").count();
    assert_eq!(claims, 2, "{operations:?}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "somebody who removes what was staged")]
fn staged_file_that_somebody_removes_leaves_its_table_old_and_unclaimed() {
    let world = World::in_memory().published();
    let count = requests(World::in_memory().published()).len();
    let at = count - 4; // the first of two completes, and two manifests
    world.through(Fault::DieBefore(at));
    world.run(NEW).expect_err("dies");
    for entry in std::fs::read_dir(world.state()).expect("is there") {
        let path = entry.expect("reads").path();
        if path.extension().is_some_and(|ending| ending == "tmp") && path.to_string_lossy().contains("cast") {
            std::fs::remove_file(path).expect("was there");
        }
    }
    world.through(Fault::None);
    let (_, recovered) = world.open().expect("recovers");
    assert_eq!(recovered.lost, [world.table("cast.arrow")]);
    assert_eq!((world.seen(), world.manifests()), ([Some(NEW), Some(OLD)], [Some(NEW), Some(OLD)]));
    assert_eq!((world.leftovers(), world.claims()), (Vec::new(), 0));
}
