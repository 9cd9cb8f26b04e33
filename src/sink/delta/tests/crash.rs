//! A process that dies at every operation on the disk and on the log, a disk that refuses once, and others who commit between.

use std::io::ErrorKind;

use super::*;
use crate::sink::Action;

fn before() -> Brought {
    rows(&[(1, "a", 1, 10, None), (1, "b", 1, 10, None), (2, "a", 1, 10, None), (3, "a", 1, 10, None)])
}

/// A load that writes a file anew, and in which a key occurs twice.
fn load() -> Brought {
    Brought {
        rows: vec![(1, "a", 1, 20, None), (1, "a", 2, 20, None), (4, "a", 2, 20, None)],
        empty: Vec::new(),
        gone: vec![(3, 20)],
    }
}

fn behind(mode: Mode) -> Vec<Row> {
    let mut rows = match mode {
        Mode::Overwrite => load().rows,
        Mode::Append => before().rows.into_iter().chain(load().rows).collect(),
        Mode::Upsert => vec![(1, "a", 2, 20, None), (2, "a", 1, 10, None), (4, "a", 2, 20, None)],
    };
    rows.sort_unstable();
    rows
}

fn world(kind: fn(Mode) -> World, mode: Mode, published: bool) -> World {
    let world = kind(mode);
    if published {
        world.load(1, &before());
    }
    world
}

fn operations(kind: fn(Mode) -> World, mode: Mode, published: bool) -> Vec<(Action, PathBuf)> {
    let world = world(kind, mode, published);
    let disk = quick();
    world.run(&disk, 2, &load()).expect("publishes");
    disk.operations()
}

/// A world whose second run died when its journal was in place, and nothing else done.
fn died_behind_the_journal(kind: fn(Mode) -> World, mode: Mode) -> World {
    let journal = operations(kind, mode, true)
        .iter()
        .rposition(|(action, path)| *action == Action::Rename && path.ends_with("publish.json"));
    let world = world(kind, mode, true);
    world.run(&Disk::with_fault(Fault::DieAt(journal.expect("written") + 1)), 2, &load()).ok();
    world
}

fn changes(action: Action) -> bool {
    use Action::{CreateFile, CreateFolder, Remove, Rename, SyncFolder, Write};
    matches!(action, CreateFile | CreateFolder | Write | Rename | Remove | SyncFolder)
}

#[test]
fn crash_at_every_operation_ends_all_old_or_all_new_and_loads_once() {
    for &kind in KINDS {
        for mode in [Mode::Upsert, Mode::Append, Mode::Overwrite] {
            let (mut old, mut new) = (0, 0);
            for (at, operation) in operations(kind, mode, true).into_iter().enumerate() {
                // Dying before anything else leaves what dying before the next change leaves.
                if !changes(operation.0) {
                    continue;
                }
                let world = world(kind, mode, true);
                world.run(&Disk::with_fault(Fault::DieAt(at)), 2, &load()).ok();
                let decided = world.state().join("publish.json").exists();
                let hint = format!("{mode}, died at {at}, {operation:?}");
                let crashed = world.seen();
                if !decided {
                    let whole = crashed == before().rows || crashed == behind(mode);
                    assert!(whole, "{hint}: {crashed:?}");
                }
                let (_, recovered) = world.open(&quick()).expect("recovers");
                let end = if decided { behind(mode) } else { crashed };
                assert_eq!(world.seen(), end, "{hint}");
                assert_eq!(recovered.lost, Vec::<PathBuf>::new(), "{hint}");
                assert_eq!(recovered.run.is_some(), decided, "{hint}");
                assert_eq!(world.leftovers(), Vec::<String>::new(), "{hint}");
                *if end == before().rows { &mut old } else { &mut new } += 1;
                // The same run once more, as one that did not learn of its publish: it is in the table once.
                world.load(2, &load());
                assert_eq!(world.seen(), behind(mode), "{hint}");
                assert_eq!(world.version(), Some(1), "{hint}");
            }
            assert!(old > 10 && new > 5, "{mode}: {old} ended old, {new} new: a side was never tried");
        }
    }
}

#[test]
fn crash_at_every_operation_of_a_first_load_leaves_no_table_or_a_whole_one() {
    for &kind in KINDS {
        for (at, operation) in operations(kind, Mode::Upsert, false).into_iter().enumerate() {
            if !changes(operation.0) {
                continue;
            }
            let world = world(kind, Mode::Upsert, false);
            world.run(&Disk::with_fault(Fault::DieAt(at)), 2, &load()).ok();
            let hint = format!("died at {at}, {operation:?}");
            world.open(&quick()).expect("recovers");
            let expect = vec![(1, "a", 2, 20, None), (4, "a", 2, 20, None)];
            assert!(world.seen().is_empty() || world.seen() == expect, "{hint}: {:?}", world.seen());
            assert_eq!(world.leftovers(), Vec::<String>::new(), "{hint}");
            world.load(2, &load());
            assert_eq!((world.seen(), world.version()), (expect, Some(0)), "{hint}");
        }
    }
}

#[test]
fn crash_at_every_operation_of_a_recovery_ends_all_new() {
    for &kind in KINDS {
        let decided: Vec<usize> = operations(kind, Mode::Upsert, true)
            .iter()
            .enumerate()
            .filter(|(_, (action, _))| changes(*action))
            .map(|(at, _)| at)
            .filter(|at| {
                let world = world(kind, Mode::Upsert, true);
                world.run(&Disk::with_fault(Fault::DieAt(*at)), 2, &load()).ok();
                world.state().join("publish.json").exists()
            })
            .collect();
        assert!(decided.len() > 3, "{decided:?}");
        for at in decided {
            let crashed = || {
                let world = world(kind, Mode::Upsert, true);
                world.run(&Disk::with_fault(Fault::DieAt(at)), 2, &load()).ok();
                world
            };
            let disk = quick();
            drop(crashed().open(&disk).expect("recovers"));
            for (again, _) in disk.operations().iter().enumerate().filter(|(_, (action, _))| changes(*action))
            {
                let world = crashed();
                world.open(&Disk::with_fault(Fault::DieAt(again))).ok();
                world.open(&quick()).expect("recovers");
                assert_eq!(world.seen(), behind(Mode::Upsert), "died at {at}, again at {again}");
                assert_eq!(world.version(), Some(1), "died at {at}, again at {again}");
                assert_eq!(world.leftovers(), Vec::<String>::new(), "died at {at}, again at {again}");
            }
        }
    }
}

#[test]
fn refusal_at_every_operation_leaves_the_old_table_or_a_journal() {
    for &kind in KINDS {
        for (at, operation) in operations(kind, Mode::Upsert, true).into_iter().enumerate() {
            let world = world(kind, Mode::Upsert, true);
            let disk = Disk::with_fault(Fault::FailAt(at, ErrorKind::StorageFull));
            let result = world.run(&disk, 2, &load());
            let hint = format!("operation {at}, {operation:?}");
            let decided = world.state().join("publish.json").exists();
            match &result {
                Ok(_) => assert_eq!(world.seen(), behind(Mode::Upsert), "{hint}"),
                Err(SinkError::Unfinished { .. }) => {
                    assert!(decided || world.seen() == behind(Mode::Upsert), "{hint}");
                }
                Err(error) => {
                    assert!(
                        matches!(error, SinkError::Full { .. } | SinkError::Store { .. }),
                        "{hint}: {error:?}"
                    );
                    assert_eq!(world.seen(), before().rows, "{hint}");
                }
            }
            world.open(&quick()).expect("recovers");
            if decided {
                assert_eq!(world.seen(), behind(Mode::Upsert), "{hint}");
            }
            assert_eq!(world.leftovers(), Vec::<String>::new(), "{hint}");
        }
    }
}

/// A load of somebody else, from a state folder of its own.
fn others(world: &World, run: i64, brought: &Brought) {
    let lock = Lock::acquire(&world.folder.path().join("others"), "nightly").expect("free");
    let (commit, _) = Commit::open_on(lock, quick(), Duration::ZERO).expect("opens");
    let staged = world.stage(&commit, run, brought).expect("stages");
    let facts = RunFacts { pipeline: "others".to_owned(), ..facts(run, "mock") };
    commit.publish(staged, &facts).expect("publishes");
}

#[test]
fn commit_of_others_in_between_is_followed_and_an_upsert_worked_out_again() {
    for &kind in KINDS {
        // Film 1 gets another credit, film 3 a later state, film 5 comes.
        let theirs = rows(&[(1, "c", 9, 15, None), (3, "b", 9, 30, None), (5, "a", 9, 15, None)]);
        for mode in [Mode::Upsert, Mode::Append, Mode::Overwrite] {
            // Behind it, so that the commit is one that was worked out on the version before theirs.
            let world = died_behind_the_journal(kind, mode);
            assert!(world.state().join("publish.json").exists(), "{mode}");
            others(&world, 7, &theirs);
            let (_, recovered) = world.open(&quick()).expect("recovers");
            assert_eq!(recovered.lost, Vec::<PathBuf>::new());
            let mut expect = match mode {
                Mode::Upsert => vec![
                    (1, "a", 2, 20, None),
                    (2, "a", 1, 10, None),
                    // It was there again after it had been found out to be gone.
                    (3, "b", 9, 30, None),
                    (4, "a", 2, 20, None),
                    (5, "a", 9, 15, None),
                ],
                Mode::Append => [before().rows, theirs.rows.clone(), load().rows].concat(),
                Mode::Overwrite => load().rows,
            };
            expect.sort_unstable();
            assert_eq!((world.seen(), world.version()), (expect, Some(2)), "{mode}");
            assert_eq!(world.leftovers(), Vec::<String>::new(), "{mode}");
        }
    }
}

#[test]
fn file_of_a_load_that_others_made_old_after_it_was_brought_in_is_taken_back() {
    // A later state of film 1, so that the file of the load, which has an earlier one, is written anew.
    let theirs = rows(&[(1, "a", 9, 30, None)]);
    for &kind in KINDS {
        let commit = operations(kind, Mode::Upsert, true).into_iter().rposition(|(action, path)| {
            action == Action::Write && path.to_string_lossy().contains("_delta_log")
        });
        let at = commit.expect("commits");
        let crashed = || {
            let world = world(kind, Mode::Upsert, true);
            world.run(&Disk::with_fault(Fault::DieAt(at)), 2, &load()).ok();
            others(&world, 7, &theirs);
            world
        };
        let expect = [(1, "a", 9, 30, None), (2, "a", 1, 10, None), (4, "a", 2, 20, None)];
        let disk = quick();
        drop(crashed().open(&disk).expect("recovers"));
        let again = disk.operations().into_iter().enumerate().filter(|(_, (action, _))| changes(*action));
        for (again, operation) in
            again.map(|(at, operation)| (Some(at), Some(operation))).chain([(None, None)])
        {
            let world = crashed();
            if let Some(again) = again {
                world.open(&Disk::with_fault(Fault::DieAt(again))).ok();
            }
            world.open(&quick()).expect("recovers");
            let hint = format!("died again at {operation:?}");
            assert_eq!((&*world.seen(), world.version()), (&expect[..], Some(2)), "{hint}");
            assert_eq!(world.leftovers(), Vec::<String>::new(), "{hint}");
        }
    }
}

#[test]
fn later_load_of_the_same_name_does_not_hide_one_that_is_yet_to_come() {
    for &kind in KINDS {
        let world = died_behind_the_journal(kind, Mode::Append);
        // The same pipeline on another machine.
        let lock = Lock::acquire(&world.folder.path().join("elsewhere"), "nightly").expect("free");
        let (commit, _) = Commit::open_on(lock, quick(), Duration::ZERO).expect("opens");
        let staged = world.stage(&commit, 3, &rows(&[(8, "a", 1, 10, None)])).expect("stages");
        commit.publish(staged, &facts(3, "mock")).expect("publishes");
        world.open(&quick()).expect("recovers");
        assert_eq!(world.seen().len(), before().rows.len() + 1 + load().rows.len());
        world.open(&quick()).expect("nothing to do");
        assert_eq!(world.version(), Some(2));
    }
}

#[test]
fn table_that_others_made_another_one_of_is_left_alone_and_reported_as_lost() {
    for &kind in KINDS {
        let world = died_behind_the_journal(kind, Mode::Append);
        // A column comes that the load does not have.
        let lock = Lock::acquire(&world.folder.path().join("others"), "nightly").expect("free");
        let (commit, _) = Commit::open_on(lock, quick(), Duration::ZERO).expect("opens");
        let mut spec = world.spec();
        let more = Field::new("votes", DataType::Int64, true);
        spec.schema = Arc::new(Schema::new(
            spec.schema.fields().iter().cloned().chain([Arc::new(more)]).collect::<Vec<_>>(),
        ));
        let writer = commit.stage(&[spec], "7").expect("stages").pop().expect("one table");
        let staged = vec![writer.finish().expect("finishes")];
        commit
            .publish(staged, &RunFacts { pipeline: "others".to_owned(), ..facts(7, "mock") })
            .expect("publishes");
        let (_, recovered) = world.open(&quick()).expect("recovers");
        assert_eq!((recovered.lost, world.seen()), (vec![world.path()], before().rows));
        assert_eq!(world.leftovers(), Vec::<String>::new());
        assert!(world.run(&quick(), 3, &load()).is_err(), "and the next run says why");
    }
}

#[test]
fn staged_file_that_somebody_took_away_is_a_lost_table_and_no_wrong_one() {
    for &kind in KINDS {
        let world = died_behind_the_journal(kind, Mode::Upsert);
        let staged: Vec<PathBuf> = std::fs::read_dir(world.stages_in())
            .expect("reads")
            .map(|entry| entry.expect("reads").path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "tmp"))
            .collect();
        for folder in &staged {
            Disk::default().remove_folder(folder).expect("removes");
        }
        let (_, recovered) = world.open(&quick()).expect("recovers");
        assert_eq!((recovered.lost, world.seen()), (vec![world.path()], before().rows));
    }
}
