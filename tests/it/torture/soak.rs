//! Everything at once, for a while: attempts that are killed, stopped or left alone, a pipeline that is edited between them, state
//! that is deleted or damaged. Whatever readers find is the tables of one whole run of one version of the file.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use tmdb_etl::mock::{Config, Fault, FaultKind};

use super::{Bench, Server, assert_clear, crawl, knob, pause, signal, walk};

/// Versions of one pipeline: columns come and go, the crawl grows.
fn versions() -> Vec<String> {
    vec![
        crawl("soak", 90, ""),
        crawl("soak", 90, ", overview: string"),
        crawl("soak", 120, ""),
        crawl("soak", 90, "").replace("take: 4", "take: 2"),
        // A second loop through people, whose films come back into the first.
        crawl("soak", 60, "")
            .replace(
                "  films:\n",
                "  billed: {kind: expand, from: movies, items: '.credits.cast[]', take: 1}\n  people: {kind: fetch, from: billed.found, path: \
                 '/person/{id}', append: [movie_credits]}\n  known: {kind: expand, from: people, items: '.movie_credits.cast[]', take: 2, into: movies, \
                 max_depth: 3, max_items: 40}\n  films:\n",
            )
            .replace("kind: project\n    columns: {id: int64", "kind: project\n    from: movies\n    columns: {id: int64"),
    ]
}

#[test]
fn whatever_happens_between_and_during_attempts_readers_find_one_whole_run() {
    let seed = knob("TORTURE_SEED", 1);
    let mut dice = fastrand::Rng::with_seed(seed);
    let kinds = [FaultKind::Status500, FaultKind::Cut, FaultKind::Reset, FaultKind::Html];
    let faults = kinds.map(|kind| Fault { kind, share: 0.01 }).to_vec();
    let config = Config { films: 6000, latency: "5ms±4ms".parse().unwrap(), faults, ..Config::default() };
    let server = Server::start(config);
    let versions = versions();
    let whole: Vec<BTreeMap<String, Vec<u8>>> =
        versions.iter().map(|version| Bench::new(&server, version).complete()).collect();
    for (index, one) in whole.iter().enumerate() {
        assert!(whole[..index].iter().all(|other| other != one), "version {index} is like another");
    }

    let bench = Bench::new(&server, &versions[0]);
    let (mut version, mut attempts, mut ended) = (0, 0, 0);
    let until = Instant::now() + Duration::from_secs(knob("TORTURE_SECONDS", 12));
    while Instant::now() < until {
        attempts += 1;
        let what = format!("seed {seed}, attempt {attempts}, version {version}");
        let mut run = bench.start();
        match dice.u8(..10) {
            0..5 => {
                pause(dice.u64(..1500));
                // It may have ended meanwhile.
                let _ = run.kill();
            }
            5..8 => {
                pause(dice.u64(..1500));
                if run.try_wait().unwrap().is_none() {
                    signal(&run, "-TERM");
                }
            }
            _ => {}
        }
        let output = run.wait_with_output().unwrap();
        match output.status.code() {
            None => {}
            Some(130 | 143) => ended += 1,
            Some(_) => {
                assert_clear(&output, &what);
                assert_eq!(output.status.code(), Some(0), "{what}: {}", super::told(&output));
                assert!(
                    bench.tables() == whole[version],
                    "{what}: tables of another run than the one that just ended"
                );
                ended += 1;
            }
        }
        let tables = bench.tables();
        let mixed = !tables.is_empty() && !whole.contains(&tables);
        // Between the renames of a publish that was killed, readers see some old and some new tables; the next start mends it.
        let publishing = walk(&bench.state()).iter().any(|path| path.ends_with("publish.json"));
        assert!(!mixed || publishing, "{what}: tables of no whole run");
        for (name, bytes) in &tables {
            let known = whole.iter().any(|whole| whole.get(name) == Some(bytes));
            assert!(known, "{what}: `{name}` is of no whole run");
        }

        match dice.u8(..10) {
            0..3 => {
                version = dice.usize(..versions.len());
                bench.write(&versions[version]);
            }
            // Without its journal a publish stays as it was killed, as docs/architecture/commit.md says.
            3 if !publishing => drop(fs::remove_dir_all(bench.state())),
            4 => damage(&bench, &mut dice),
            _ => {}
        }
    }
    assert!(bench.complete() == whole[version], "seed {seed}: the last run, of version {version}");
    println!("seed {seed}: {attempts} attempts, {ended} of them ended by themselves or were stopped");
    server.stop();
}

/// Cuts or changes one of the files of kept documents.
fn damage(bench: &Bench, dice: &mut fastrand::Rng) {
    let files: Vec<_> = walk(&bench.state())
        .into_iter()
        .filter(|path| !path.extension().is_some_and(|end| end == "json" || end == "lock"))
        .collect();
    let Some(file) = files.get(dice.usize(..files.len().max(1))) else { return };
    let mut bytes = fs::read(file).unwrap();
    if bytes.is_empty() {
        return;
    }
    let at = dice.usize(..bytes.len());
    if dice.bool() {
        bytes.truncate(at);
    } else {
        bytes[at] ^= 0x10;
    }
    fs::write(file, bytes).unwrap();
}
