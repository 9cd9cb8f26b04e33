//! What a run leaves for whoever asks why it took so long: the report in a real browser, `run.json`, `inspect --runs`,
//! metrics, JSON lines of progress and log. The browser is Chromium; where there is none, its test says so and ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::cli::place::{Place, text};

/// A crawl of a few seconds' worth of requests in little time.
const CRAWL: &str = "\
version: 1
name: crawl
api: {rate: 200/s}
max_failures: 100%
stages:
  ids: {kind: seed, range: 1..120}
  movies: {kind: fetch, path: '/movie/{id}', concurrency: 8}
  similar: {kind: expand, path: '/movie/{id}/similar', fuse: false, take: 1, into: movies, max_depth: 1, max_items: 20}
  films: {kind: project, columns: {id: int64, title: string}, output: {path: out/films.parquet}}
";

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Runs the crawl; its outcome and its record.
fn crawl(place: &Place, arguments: &[&str]) -> (Value, Value) {
    place.write("crawl.yaml", CRAWL);
    let all: Vec<&str> = ["run", "crawl.yaml", "--mock", "--output", "json", "--progress", "none"]
        .into_iter()
        .chain(arguments.iter().copied())
        .collect();
    let output = place.run(&all, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    let report = place.path().join(outcome["report"].as_str().unwrap());
    let record = json_of(&report.with_file_name("run.json"));
    (outcome, record)
}

#[test]
fn a_run_leaves_a_record_whose_numbers_agree() {
    let place = Place::new();
    let (outcome, record) = crawl(&place, &[]);
    assert_eq!((&record["version"], &record["status"]), (&json!(1), &json!("complete")));
    for name in ["requests", "retries", "failed", "missing"] {
        assert_eq!(record["totals"][name], outcome[name], "{name}");
    }
    assert_eq!(record["run"], outcome["run"]);
    assert_eq!(record["verdict"]["words"], outcome["verdict"]["words"]);
    assert_eq!(record["totals"]["rows"], record["tables"][0]["rows"]);
    for stage in record["stages"].as_array().unwrap() {
        let number = |name: &str| stage[name].as_f64().unwrap();
        let spent: f64 =
            stage["worker_seconds"].as_object().unwrap().values().filter_map(Value::as_f64).sum();
        let workers = match stage["kind"].as_str().unwrap() {
            "fetch" | "expand" => number("concurrency"),
            _ => 1.0,
        };
        // Times are written to the millisecond, each of a dozen.
        assert!((spent - workers * number("seconds")).abs() < 0.02, "{spent} of {workers} workers: {stage}");
        let answers: u64 =
            stage["latency"]["steps"].as_array().unwrap().iter().filter_map(|step| step[1].as_u64()).sum();
        assert_eq!(
            json!(answers),
            json!(stage["documents"].as_u64().unwrap() + stage["missing"].as_u64().unwrap())
        );
    }
    let series = &record["series"];
    let points = series["seconds"].as_array().unwrap().len();
    assert!(points >= 3);
    assert_eq!(series["requests"].as_array().unwrap()[points - 1], outcome["requests"]);
    for (name, queue) in series["queues"].as_object().unwrap() {
        assert_eq!(queue.as_array().unwrap().len(), points, "{name}");
    }
}

#[test]
fn runs_are_listed_and_drawn_again() {
    let place = Place::new();
    let (first, _) = crawl(&place, &["--limit", "5"]);
    let (second, _) = crawl(&place, &["--limit", "6"]);
    let listed = place.run(&["inspect", "--runs", "--output", "json"], &[]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let runs: Vec<&Value> = listed["runs"].as_array().unwrap().iter().map(|run| &run["run"]).collect();
    assert!(runs.contains(&&first["run"]) && runs.contains(&&second["run"]), "{listed}");
    let page = place.path().join(first["report"].as_str().unwrap());
    let before = std::fs::read(&page).unwrap();
    std::fs::remove_file(&page).unwrap();
    let drawn = place.run(&["report", first["run"].as_str().unwrap()], &[]);
    assert!(text(&drawn.stdout).trim().ends_with("report.html"), "{}", text(&drawn.stderr));
    assert_eq!(std::fs::read(&page).unwrap(), before, "the same record gives the same page");
    let unknown = place.run(&["report", "moveis"], &[]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("hint: "));
}

#[test]
fn a_run_that_publishes_nothing_leaves_a_report_too() {
    let place = Place::new();
    place.write(
        "crawl.yaml",
        &CRAWL.replace("max_failures: 100%", "max_failures: 0").replace("/movie/", "/odd/"),
    );
    let output = place.run(&["run", "crawl.yaml", "--mock", "--progress", "none", "--output", "json"], &[]);
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    let report = place.path().join(outcome["report"].as_str().unwrap());
    let record = json_of(&report.with_file_name("run.json"));
    assert_eq!(record["status"], outcome["status"]);
    assert!(std::fs::read_to_string(report).unwrap().contains("TMDB API"));
}

#[test]
fn lines_of_progress_have_stable_names() {
    let place = Place::new();
    place.write("crawl.yaml", CRAWL);
    let output = place.run(&["run", "crawl.yaml", "--mock", "--progress", "json"], &[]);
    let lines: Vec<Value> = text(&output.stderr)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    assert_eq!(lines[0]["event"], "started");
    let last = lines.last().unwrap();
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    insta::assert_snapshot!(format!(
        "{}\n{}\n{}",
        names(&lines[0]),
        names(last),
        names(&last["stages"]["movies"])
    ));
    assert_eq!(last["stages"]["ids"]["items"], 120);
    assert_eq!(last["event"], "progress");
}

#[test]
fn the_log_can_be_json() {
    let place = Place::new();
    let output = place.run(&["run", "small.yaml", "--mock", "--progress", "none", "--log", "json"], &[]);
    let stderr = text(&output.stderr);
    let lines: Vec<Value> = stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(
        lines.iter().any(|line| line["message"] == "run started" && line["pipeline"] == "small"),
        "{stderr}"
    );
}

#[test]
fn metrics_can_be_read_while_a_run_lasts() {
    let place = Place::new();
    place.write("crawl.yaml", &CRAWL.replace("200/s", "60/s"));
    let mut run = place
        .command(&["run", "crawl.yaml", "--mock", "--progress", "plain", "--metrics", "127.0.0.1:0"], &[])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(run.stderr.take().unwrap()).lines();
    let url = lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("metrics: http://")).unwrap();
    let addr = url.trim_start_matches("metrics: http://").trim_end_matches("/metrics").to_owned();
    // The run began, so that it has sent something soon.
    lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("crawl: run ")).unwrap();
    let scrape = |path: &str| {
        let mut stream = TcpStream::connect(&addr).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: metrics\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = scrape("/metrics");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("text/plain; version=0.0.4"), "{answer}");
    assert!(
        answer.contains("\ntmdb_etl_requests_sent_total{pipeline=\"crawl\",stage=\"movies\"} "),
        "{answer}"
    );
    assert!(scrape("/other").starts_with("HTTP/1.1 404"));
    lines.for_each(drop);
    assert!(run.wait().unwrap().success());
    assert!(TcpStream::connect(&addr).is_err(), "the port ends with the run");
}

/// Debian's name for it, and others'.
fn chromium() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    std::env::split_paths(&folders)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|path| path.is_file())
}

/// Opens a page: its document afterwards, and what it wrote to the console.
fn open(chromium: &Path, page: &Path) -> (String, Vec<String>) {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--enable-logging=stderr", "--v=0", "--timeout=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let console =
        text(&output.stderr).lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    (text(&output.stdout), console)
}

/// The values of an attribute.
fn values(dom: &str, attribute: &str) -> Vec<usize> {
    let mark = format!("{attribute}=\"");
    dom.split(&mark).skip(1).map(|rest| rest.split('"').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn a_browser_opens_the_report_without_a_word_on_its_console() {
    let Some(chromium) = chromium() else {
        println!("skipped: there is no Chromium (Debian: apt-get install chromium)");
        return;
    };
    let place = Place::new();
    // What would be seen if there were something to see.
    place.write("odd.html", "<script>console.error('seen')</script>");
    let (_, console) = open(&chromium, &place.path().join("odd.html"));
    assert!(console.iter().any(|line| line.contains("seen")), "the console is not heard");

    let (outcome, record) = crawl(&place, &[]);
    let (dom, console) = open(&chromium, &place.path().join(outcome["report"].as_str().unwrap()));
    assert!(console.is_empty(), "{console:?}");
    let stages = record["stages"].as_array().unwrap();
    assert_eq!(values(&dom, "data-nodes"), [stages.len()]);
    assert_eq!(values(&dom, "data-edges"), [record["edges"].as_array().unwrap().len()]);
    // Each line has as many points as it says: the browser has parsed them.
    let drawn: Vec<usize> = dom
        .split("<polyline")
        .skip(1)
        .map(|line| line.split("points=\"").nth(1).unwrap().split('"').next().unwrap().split(' ').count())
        .collect();
    assert_eq!(drawn, values(&dom, "data-points"));
    let seconds = record["series"]["seconds"].as_array().unwrap();
    // The queues of three stages, one point each time.
    assert_eq!(drawn[1..], [seconds.len(); 3], "{seconds:?}");
    let bars = values(&dom, "data-bars");
    assert_eq!(bars.len(), 2, "times of answers of two stages");
    assert_eq!(dom.matches("<rect class=\"bar\"").count(), bars.iter().sum::<usize>());
    let shares: Vec<f64> = dom
        .split("data-share=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().parse().unwrap())
        .collect();
    let sum: f64 = shares.iter().sum();
    // Four stages and the writer of a table, each 1.
    assert!((sum - 5.0).abs() < 0.01, "{sum}");
}
