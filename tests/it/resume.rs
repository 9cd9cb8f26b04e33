//! Runs that are killed and stopped, and the command that goes on with them: the same tables, and little asked twice.

use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tmdb_etl::mock::{self, Config, Latency, Mock};
use tokio::runtime::Runtime;

use crate::cli::place::{Place, text};

const CONNECTIONS: u64 = 8;
const CRAWL: &str = "\
version: 1
name: crawl
api: {rate: none, connections: 8, keep: 0s}
max_failures: 10
stages:
  start: {kind: seed, range: 1..12}
  movies: {kind: fetch, path: '/movie/{id}', concurrency: 8}
  similar:
    kind: expand
    path: /movie/{id}/similar
    take: 4
    into: movies
    max_depth: 3
    max_items: 150
    concurrency: 8
  films:
    kind: project
    columns: {id: int64, title: string, depth: {type: int32, value: $meta.depth}}
    output: {path: out/films.parquet}
  links:
    kind: project
    from: similar.found
    columns: {source: {type: int64, value: $parent.id}, target: {type: int64, value: .id}}
    output: {path: out/links.parquet}
";

/// A slow server, and a place to run the crawl against it.
struct Scene {
    /// The server ends with it.
    _runtime: Runtime,
    mock: Mock,
    base_url: String,
}

impl Scene {
    fn new() -> Self {
        let latency = Latency { mean: Duration::from_millis(15), ..Latency::default() };
        let config = Config { films: 3_000, latency, record: true, ..Config::default() };
        let runtime = Runtime::new().unwrap();
        let mock = runtime.block_on(mock::start(config)).unwrap();
        let base_url = mock.base_url();
        Self { _runtime: runtime, mock, base_url }
    }

    fn place() -> Place {
        let place = Place::new();
        place.write("crawl.yaml", CRAWL);
        place
    }

    fn start(&self, place: &Place, more: &[&str]) -> Child {
        let arguments = [&["run", "crawl.yaml", "--progress", "none", "--output", "json"], more].concat();
        let env = [("TMDB_TOKEN", "any"), ("TMDB_BASE_URL", self.base_url.as_str())];
        let mut command = place.command(&arguments, &env);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    }

    /// The object that a whole run prints; it must end well.
    fn run(&self, place: &Place, more: &[&str]) -> Value {
        let output = self.start(place, more).wait_with_output().unwrap();
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn requests(&self) -> u64 {
        self.mock.stats().requests
    }

    /// Waits until the server has seen so many requests, or the run has ended.
    fn until(&self, requests: u64, child: &mut Child) {
        while self.requests() < requests && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn tables(place: &Place) -> [Vec<u8>; 2] {
    ["films", "links"].map(|name| std::fs::read(place.path().join(format!("out/{name}.parquet"))).unwrap())
}

#[test]
fn killed_crawls_repeat_little_and_end_the_same() {
    let scene = Scene::new();
    let whole = Scene::place();
    let uninterrupted = scene.run(&whole, &[])["requests"].as_u64().unwrap();
    assert!(uninterrupted > 100, "{uninterrupted}");

    let place = Scene::place();
    let before = scene.requests();
    let mut dice = fastrand::Rng::with_seed(4);
    let mut kills = 0;
    for _ in 0..8 {
        let mut child = scene.start(&place, &[]);
        scene.until(scene.requests() + dice.u64(1..30), &mut child);
        kills += u64::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!place.path().join("out/films.parquet").exists(), "nothing is published by halves");
    }
    assert_eq!(kills, 8);
    let last = scene.run(&place, &[]);
    assert!(tables(&place) == tables(&whole), "the same bytes");
    let asked = scene.requests() - before;
    assert!(asked <= uninterrupted + kills * CONNECTIONS, "{asked} requests instead of {uninterrupted}");
    let from_store = last["from_store"].as_u64().unwrap();
    assert_eq!(last["requests"].as_u64().unwrap() + from_store, uninterrupted, "{last}");
    assert!(from_store > 0);
}

#[test]
fn a_stopped_run_is_gone_on_with() {
    let scene = Scene::new();
    let whole = Scene::place();
    let uninterrupted = scene.run(&whole, &[])["requests"].as_u64().unwrap();

    let place = Scene::place();
    let before = scene.requests();
    let mut child = scene.start(&place, &["--limit", "1000"]);
    scene.until(before + 40, &mut child);
    let signalled = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(signalled.unwrap().success());
    let stopped = child.wait_with_output().unwrap();
    assert_eq!(stopped.status.code(), Some(143));
    let said = text(&stopped.stderr);
    assert!(
        said.contains("goes on where this one ended:\n  tmdb-etl run crawl.yaml --progress none --output json --limit 1000\n"),
        "{said}"
    );
    let first: Value = serde_json::from_slice(&stopped.stdout).unwrap();
    assert_eq!(first["status"], "stopped");

    let second = scene.run(&place, &[]);
    assert_eq!(second["run"], first["run"], "one logical run");
    assert!(tables(&place) == tables(&whole), "the same bytes");
    // What was under way was answered and kept: nothing is asked twice.
    assert_eq!(scene.requests() - before, uninterrupted);
}

#[test]
fn a_run_killed_behind_its_publish_is_over() {
    let scene = Scene::new();
    let place = Scene::place();
    let first = scene.run(&place, &[]);
    let record = place.path().join(".tmdb-etl/crawl/run.json");
    assert!(!record.exists(), "a published run leaves no record");
    // As if the process had died just before the record was removed.
    let since = "2026-11-25T00:00:00Z".parse::<jiff::Timestamp>().unwrap().max(jiff::Timestamp::now());
    let left = json!({
        "version": 1,
        "run": first["run"],
        "started_at": since.to_string(),
        "not_before": since.to_string(),
        "params": {},
        "source": scene.base_url,
    });
    std::fs::write(&record, left.to_string()).unwrap();
    let second = scene.run(&place, &[]);
    assert_ne!(second["run"], first["run"]);
    assert_eq!(second["from_store"], 0, "`keep: 0s` lets no later run use anything");
    assert!(!record.exists());
}

#[test]
fn kept_documents_serve_later_runs_and_fresh_asks_for_everything() {
    let scene = Scene::new();
    let place = Scene::place();
    place.write("crawl.yaml", &CRAWL.replace("keep: 0s", "keep: 8h"));
    let first = scene.run(&place, &[]);
    let second = scene.run(&place, &[]);
    assert_eq!((&second["requests"], &second["from_store"]), (&json!(0), &first["requests"]));
    assert_ne!(second["run"], first["run"]);
    let fresh = scene.run(&place, &["--fresh"]);
    assert_eq!((&fresh["requests"], &fresh["from_store"]), (&first["requests"], &json!(0)));
    place.write("crawl.yaml", &CRAWL.replace("keep: 0s", "keep: none"));
    let none = scene.run(&place, &[]);
    assert_eq!((&none["requests"], &none["from_store"]), (&first["requests"], &json!(0)));
}
