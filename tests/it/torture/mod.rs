//! What a crawl must survive, with real processes against a server that counts: kills, full disks, damaged state, dead
//! ids, edits between attempts.
//!
//! `cargo test` runs the short form. `tests/torture.sh` runs the long one, by these variables: `TORTURE_FILMS`, `TORTURE_KILLS`,
//! `TORTURE_BACKFILL`, `TORTURE_SECONDS` (of the soak), `TORTURE_SEED`.

mod backfill;
mod dead;
mod disk;
mod kill;
mod soak;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tmdb_etl::mock::{self, Config, Mock, Stats};
use tokio::runtime::Runtime;

/// A number from the environment, or that of the short form.
fn knob(name: &str, short: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(short)
}

/// How many connections the pipelines here have: what a kill may cost.
const CONNECTIONS: u64 = 20;

/// A crawl through a loop with requests of its own: films, what is similar to them, casts, the links, and what is missing.
fn crawl(name: &str, films: u64, more_columns: &str) -> String {
    format!(
        "version: 1
name: {name}
api: {{rate: none, connections: {CONNECTIONS}, timeout: 5s}}
max_failures: 0
stages:
  ids: {{kind: seed, range: 1..{seeds}}}
  movies: {{kind: fetch, path: '/movie/{{id}}', append: [credits], concurrency: 32}}
  similar:
    kind: expand
    path: /movie/{{id}}/similar
    when: .id % 3 == 0
    take: 4
    into: movies
    max_depth: 3
    max_items: {films}
    concurrency: 8
  films:
    kind: project
    columns: {{id: int64, title: string, depth: {{type: int32, value: $meta.depth}}{more_columns}}}
    output: {{path: out/films.parquet}}
  cast:
    kind: project
    from: movies
    rows: '.credits.cast[]'
    columns: {{movie: {{type: int64, value: $doc.id}}, name: string}}
    output: {{path: out/cast.arrow}}
  links:
    kind: project
    from: similar.found
    columns: {{source: {{type: int64, value: $parent.id}}, target: {{type: int64, value: .id}}, rank: {{type: int32, value: $meta.rank}}}}
    output: {{path: out/links.parquet}}
  missing:
    kind: project
    from: [movies.missing, similar.missing]
    columns: {{key: string, depth: int32}}
    output: {{path: out/missing.parquet}}
",
        seeds = films * 3 / 4,
    )
}

/// A server in this process, which is another one than the program's.
struct Server {
    runtime: Runtime,
    mock: Mock,
}

impl Server {
    /// Records what is asked for.
    fn start(config: Config) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mock = runtime.block_on(mock::start(Config { record: true, ..config })).unwrap();
        Self { runtime, mock }
    }

    fn stats(&self) -> Stats {
        self.mock.stats()
    }

    fn stop(self) -> Stats {
        let stats = self.mock.stats();
        self.runtime.block_on(self.mock.stop());
        stats
    }
}

/// A folder in which one pipeline is run again and again.
struct Bench {
    folder: tempfile::TempDir,
    base_url: String,
}

impl Bench {
    fn new(server: &Server, pipeline: &str) -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap(), base_url: server.mock.base_url() };
        bench.write(pipeline);
        bench
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, pipeline: &str) {
        fs::write(self.path().join("crawl.yaml"), pipeline).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tmdb-etl"));
        command.args(["run", "crawl.yaml", "--progress", "none"]).current_dir(self.path());
        command.env("TMDB_BASE_URL", &self.base_url).env("TMDB_TOKEN", "any");
        command.stdin(Stdio::null());
        command
    }

    fn start(&self) -> Child {
        self.command().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn run(&self) -> Output {
        self.command().output().unwrap()
    }

    /// Runs it to its end, which must be a good one.
    fn complete(&self) -> BTreeMap<String, Vec<u8>> {
        let output = self.run();
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        self.tables()
    }

    /// What readers find: the bytes of each table.
    fn tables(&self) -> BTreeMap<String, Vec<u8>> {
        let Ok(entries) = fs::read_dir(self.path().join("out")) else { return BTreeMap::new() };
        entries
            .map(|entry| entry.unwrap())
            .filter_map(|entry| {
                Some((entry.file_name().into_string().unwrap(), fs::read(entry.path()).ok()?))
            })
            .filter(|(name, _)| !name.starts_with('.'))
            .collect()
    }

    /// Staged files of dead runs.
    fn staged(&self) -> Vec<PathBuf> {
        walk(&self.path().join("out"))
            .into_iter()
            .filter(|path| path.extension().is_some_and(|end| end == "tmp"))
            .collect()
    }

    fn state(&self) -> PathBuf {
        self.path().join(".tmdb-etl")
    }
}

/// Every file below a folder, sorted.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// What a run said, for messages.
fn told(output: &Output) -> String {
    format!(
        "{:?}\n{}{}",
        output.status.code(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A clear end: one of the documented codes, and if it went wrong an error with a hint. No panic.
fn assert_clear(output: &Output, what: &str) {
    let text = told(output);
    assert!(!text.contains("panicked") && !text.contains("a bug in tmdb-etl"), "{what}: {text}");
    match output.status.code() {
        Some(0 | 3) => {}
        Some(1 | 2 | 4) => assert!(text.contains("\nerror: ") && text.contains("\nhint: "), "{what}: {text}"),
        _ => panic!("{what}: {text}"),
    }
}

/// How often the server was asked for what it had been asked for before.
fn repeats(stats: &Stats) -> u64 {
    stats.asked.values().map(|times| times - 1).sum()
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}
