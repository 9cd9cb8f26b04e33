//! A full load from an export, in partitions, that is killed again and again: the same files as of a load that was not, and little
//! memory.
//!
//! `TORTURE_BACKFILL` films; the long form has 200,000.

use std::collections::BTreeMap;
use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use tmdb_etl::mock::Config;

use super::{Bench, CONNECTIONS, Server, knob, pause, repeats, signal, told, walk};

const PIPELINE: &str = "\
version: 1
name: backfill
api: {rate: none, connections: 20, timeout: 5s}
memory: 256MiB
stages:
  all: {kind: seed, export: movie}
  movies: {kind: fetch, path: '/movie/{id}', concurrency: 32}
  films:
    kind: project
    columns:
      id: {type: int64, required: true}
      title: string
      overview: string
      popularity: float64
      year: {type: int32, value: '.release_date[:4] | tonumber?'}
    output: {path: out/films, partition_by: [year]}
";

/// The most resident memory that a process has had so far, in KiB; 0 where the system does not say.
fn peak(run: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", run.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// The files of the table, by their places without the run that is in their names.
fn files(bench: &Bench) -> BTreeMap<String, Vec<u8>> {
    let table = bench.path().join("out/films");
    let Ok(table) = fs::canonicalize(table) else { return BTreeMap::new() };
    let run = table.file_name().unwrap().to_str().unwrap().to_owned();
    let place = |path: &std::path::Path| path.strip_prefix(&table).unwrap().display().to_string();
    walk(&table).iter().map(|path| (place(path).replace(&run, "RUN"), fs::read(path).unwrap())).collect()
}

/// Waits until `run` has asked for so many, or has ended; the most memory that was seen.
fn watch(run: &mut Child, server: &Server, until: u64) -> u64 {
    let (mut most, began) = (0, Instant::now());
    while server.mock.requests() < until && run.try_wait().unwrap().is_none() {
        most = most.max(peak(run));
        assert!(began.elapsed() < Duration::from_hours(2), "it hangs");
        pause(2);
    }
    most
}

#[test]
fn a_backfill_killed_five_times_ends_in_the_files_of_one_that_was_not() {
    let (films, seed) = (knob("TORTURE_BACKFILL", 1_500), knob("TORTURE_SEED", 1));
    let mut dice = fastrand::Rng::with_seed(seed);
    let config = Config { films: u32::try_from(films).unwrap(), ..Config::default() };
    let server = Server::start(config.clone());
    let bench = Bench::new(&server, PIPELINE);
    let mut run = bench.start();
    let most = watch(&mut run, &server, u64::MAX);
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let whole = files(&bench);
    let asked_once = server.stop();
    assert!(whole.len() > 50, "{} files", whole.len());

    let server = Server::start(config);
    let bench = Bench::new(&server, PIPELINE);
    let mut killed = 0;
    for round in 1..=5 {
        let mut run = bench.start();
        let before = server.mock.requests();
        let left = asked_once.requests.saturating_sub(before);
        watch(&mut run, &server, before + dice.u64(0..left * 2 / (6 - round).max(2)));
        if run.try_wait().unwrap().is_none() {
            signal(&run, "-KILL");
            killed += 1;
        }
        run.wait().unwrap();
    }
    let mut run = bench.start();
    let most_after = watch(&mut run, &server, u64::MAX);
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let ended = files(&bench);
    let differ: Vec<&String> = whole.keys().filter(|name| ended.get(*name) != whole.get(*name)).collect();
    assert!(differ.is_empty() && ended.len() == whole.len(), "seed {seed}: {differ:?}");
    assert_eq!(bench.staged(), Vec::<std::path::PathBuf>::new(), "seed {seed}: staged files are left");
    let stats = server.stop();
    let repeated = repeats(&stats);
    println!(
        "{films} films in {} files, seed {seed}: killed {killed} times, {} requests, {repeated} of them repeated; at most {} MiB, \
         {} MiB after the last kill",
        whole.len(),
        stats.requests,
        most / 1024,
        most_after / 1024
    );
    assert!(killed >= 3, "seed {seed}: only {killed} attempts were ended early");
    // Of the export each attempt that came to it asks anew.
    assert!(repeated <= (CONNECTIONS + 10) * killed, "seed {seed}: {repeated} requests were repeated");
    // The budget is of what is on its way; the program and its allocator come on top.
    assert!(most.max(most_after) < (256 + 128) * 1024, "seed {seed}: {most} and {most_after} KiB");
}
