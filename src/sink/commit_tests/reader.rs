//! A reader who never stops, while loads come and go.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// Rows of a load: three files of whole chunks, as the target is one byte.
const ROWS: usize = 3 * 1024;

const LOADS: Number = 50;

/// Lets the readers end, also when a load panics.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn load(world: &World, number: Number) {
    let (commit, _) = world.open(&quick()).expect("opens");
    let mut staged = Vec::new();
    for mut writer in commit.stage(&world.specs(), &number.to_string()).expect("stages") {
        let rows = Arc::new(Int64Array::from(vec![number; ROWS]));
        let schema = spec("films", PathBuf::new()).schema;
        writer.write(&RecordBatch::try_new(schema, vec![rows]).expect("fits")).expect("writes");
        staged.push(writer.finish().expect("finishes"));
    }
    commit.publish(staged, &facts(number, "mock")).expect("publishes");
}

/// As DuckDB, Polars and pyarrow do it: the names first, then each file by its name. `None` if one was not found.
fn read_as_others_do(table: &Path) -> Option<Vec<Number>> {
    let names: Vec<PathBuf> = std::fs::read_dir(table)
        .expect("is always there")
        .map(|entry| entry.expect("reads").path())
        .collect();
    let mut ids = Vec::new();
    for name in names {
        std::thread::yield_now();
        ids.extend(ids_of(&name)?);
    }
    Some(ids)
}

#[test]
fn reader_in_a_loop_sees_whole_loads_and_none_twice() {
    let world = World::empty_folders();
    load(&world, 1);
    let done = AtomicBool::new(false);
    let read = |table: &str, check: &dyn Fn(&[Number]) -> bool| {
        let (mut whole, mut missed) = (0, 0);
        loop {
            let last = done.load(Ordering::SeqCst);
            match read_as_others_do(&world.table(table)) {
                Some(ids) => {
                    assert!(
                        check(&ids),
                        "{table}: {} rows, from {:?} to {:?}",
                        ids.len(),
                        ids.first(),
                        ids.last()
                    );
                    whole += 1;
                }
                // Caught in the swap: not found, and nothing else.
                None => missed += 1,
            }
            if last {
                return (whole, missed);
            }
        }
    };
    let overwritten = |ids: &[Number]| ids.len() == ROWS && ids.iter().all(|id| *id == ids[0]);
    let appended = |ids: &[Number]| {
        let mut counts = std::collections::BTreeMap::new();
        for id in ids {
            *counts.entry(*id).or_insert(0) += 1;
        }
        counts.keys().copied().eq(1..=Number::try_from(counts.len()).expect("few"))
            && counts.values().all(|count| *count == ROWS)
    };
    let (films, cast) = std::thread::scope(|scope| {
        let films = scope.spawn(|| read("films", &overwritten));
        let cast = scope.spawn(|| read("cast", &appended));
        let end = End(&done);
        (2..=LOADS).for_each(|number| load(&world, number));
        drop(end);
        (films.join().expect("reads"), cast.join().expect("reads"))
    });
    assert!(films.0 > 0 && cast.0 > 0, "films {films:?}, cast {cast:?}");
    // Files that were appended to keep their names: only two loads in one reading take them away.
    assert_eq!(read_as_others_do(&world.table("cast")).map(|ids| ids.len()), Some(50 * ROWS));
    assert_eq!(read_as_others_do(&world.table("films")), Some(vec![LOADS; ROWS]));
}
