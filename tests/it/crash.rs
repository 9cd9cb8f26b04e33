//! `kill -9` at random moments: readers find a complete table of one run or of another every time, and the next run
//! leaves nothing of the killed ones behind.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const PIPELINE: &str = "version: 1
name: crash
params: {generation: 0}
api: {rate: none, keep: none}
max_failures: 1%
stages:
  ids: {kind: seed, range: 1..400}
  movies: {kind: fetch, path: '/movie/{id}', append: [credits]}
  films:
    kind: project
    columns: {id: int64, title: string, generation: {type: int64, value: $params.generation}}
    output: {path: out/films.parquet}
  cast:
    kind: project
    from: movies
    rows: '.credits.cast[]'
    columns: {movie: {type: int64, value: $doc.id}, name: string, generation: {type: int64, value: $params.generation}}
    output: {path: out/cast.parquet}
";

/// Starts a run that writes `generation` into every row.
fn start(folder: &Path, generation: usize) -> Child {
    Command::new(env!("CARGO_BIN_EXE_tmdb-etl"))
        .args(["run", "crash.yaml", "--mock", "--progress", "none", "--set"])
        .arg(format!("generation={generation}"))
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts")
}

fn tables(folder: &Path) -> [PathBuf; 2] {
    ["films", "cast"].map(|name| folder.join(format!("out/{name}.parquet")))
}

fn read(folder: &Path) -> [Vec<u8>; 2] {
    tables(folder).map(|path| std::fs::read(path).expect("a table is there at every moment"))
}

#[test]
fn killed_runs_leave_complete_tables_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("crash.yaml"), PIPELINE).unwrap();
    let complete = [0, 1].map(|generation| {
        let status = start(folder, generation).wait().unwrap();
        assert!(status.success() || status.code() == Some(3), "{status}");
        read(folder)
    });
    assert!(complete[0][0] != complete[1][0] && complete[0][1] != complete[1][1]);

    let seed = std::env::var("CRASH_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut killed = 0;
    for round in 0..20 {
        let mut run = start(folder, round % 2);
        std::thread::sleep(Duration::from_millis(dice.u64(0..900)));
        killed += usize::from(run.try_wait().unwrap().is_none());
        run.kill().unwrap();
        run.wait().unwrap();
        for (index, bytes) in read(folder).iter().enumerate() {
            let whole = complete.iter().any(|tables| tables[index] == *bytes);
            assert!(whole, "seed {seed}, round {round}: table {index} is of no run");
        }
    }
    assert!(killed > 0, "seed {seed}: no run was killed before its end");

    assert!(start(folder, 1).wait().unwrap().success());
    assert!(read(folder) == complete[1], "the tables are of one run");
    let left: Vec<_> = std::fs::read_dir(folder.join("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
