//! The program as its user meets it: exit codes, what stands on stdout and stderr, what stays untouched.

mod bench;
mod columns;
mod failures;
mod inspect;
mod locks;
pub mod place;
mod seeds;
mod show;
mod starting;
mod store;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tmdb_etl::mock::{self, Auth, Config, Fault, FaultKind, Mock};
use tmdb_etl::sink::Lock;
use tokio::runtime::Runtime;

use place::{Place, SMALL, pretty, text};

/// A server that lives as long as this.
struct Server {
    runtime: Runtime,
    mock: Mock,
}

impl Server {
    fn start(config: Config) -> Self {
        let runtime = Runtime::new().unwrap();
        let mock = runtime.block_on(mock::start(config)).unwrap();
        Self { runtime, mock }
    }

    fn base_url(&self) -> String {
        self.mock.base_url()
    }

    fn stop(self) -> mock::Stats {
        let stats = self.mock.stats();
        self.runtime.block_on(self.mock.stop());
        stats
    }
}

fn terminate(child: &Child) {
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
}

#[test]
fn unknown_argument_is_invalid_usage() {
    let place = Place::new();
    insta::assert_snapshot!(place.check(&["run", "small.yaml", "--moc"], &[]));
    for arguments in [&["run"][..], &["run", "small.yaml", "--limit", "0"], &["mock", "--fault", "500=200%"]]
    {
        assert_eq!(place.run(arguments, &[]).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn without_credential_nothing_is_asked_and_both_ways_out_are_named() {
    let place = Place::new();
    insta::assert_snapshot!("no_credential", place.check(&["run", "small.yaml"], &[("TMDB_TOKEN", " ")]));
    let server = Server::start(Config::default());
    let env = [("TMDB_BASE_URL", server.base_url())];
    let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let shown = place.check(&["run", "small.yaml", "--output", "json"], &env);
    insta::assert_snapshot!("no_credential_loopback_json", shown);
    assert_eq!(server.stop().requests, 0);
    assert_eq!(place.files().len(), 1, "no state folder either");
}

#[test]
fn credential_does_not_leave_over_plain_http() {
    let place = Place::new();
    let env = [("TMDB_TOKEN", "t"), ("TMDB_BASE_URL", "http://films.invalid/3")];
    insta::assert_snapshot!(place.check(&["run", "small.yaml"], &env));
}

#[test]
fn faults_of_a_file_are_told_all_at_once() {
    let place = Place::new();
    place.write(
        "broken.yaml",
        &SMALL.replace("fetch,", "fetch, concurency: 3,").replace("title: string", "title: sting"),
    );
    insta::assert_snapshot!("unknown_file", place.check(&["run", "none.yaml", "--mock"], &[]));
    insta::assert_snapshot!("broken_file", place.check(&["run", "broken.yaml", "--mock"], &[]));
    let shown = place.check(&["run", "broken.yaml", "--mock", "--output", "json"], &[]);
    insta::assert_snapshot!("broken_file_json", shown);
    place.write(
        "broken.yaml",
        &SMALL.replace(".release_date", "'.['").replace("version: 1\n", "version: 1 # é\n"),
    );
    insta::assert_snapshot!("broken_expression", place.check(&["plan", "broken.yaml"], &[]));
}

#[test]
fn validate_judges_every_file() {
    let place = Place::new();
    place.write("broken.yaml", &SMALL.replace("version: 1", "version: 2"));
    insta::assert_snapshot!(place.check(&["validate", "small.yaml", "broken.yaml", "none.yaml"], &[]));
    assert_eq!(place.run(&["validate", "small.yaml"], &[]).status.code(), Some(0));
}

#[test]
fn validate_takes_standard_input_and_denies_warnings() {
    let place = Place::new();
    place.write(
        "doubtful.yaml",
        &SMALL.replace("stages:", "x-none: 1\nstages:").replace("fetch,", "fetch, concurrency: 999,"),
    );
    let shown = place.check(&["validate", "doubtful.yaml", "--deny-warnings"], &[]);
    insta::assert_snapshot!("validate_deny_warnings", shown);
    assert_eq!(place.run(&["validate", "doubtful.yaml"], &[]).status.code(), Some(0));
    place.write("broken.yaml", &SMALL.replace("title: string", "title: sting"));
    let arguments = [
        "validate",
        "small.yaml",
        "doubtful.yaml",
        "broken.yaml",
        "small.yaml",
        "smal.yaml",
        "--output",
        "json",
    ];
    insta::assert_snapshot!("validate_json", place.check(&arguments, &[]));
    let file = fs::File::open(place.path().join("broken.yaml")).unwrap();
    let output = place.command(&["validate", "-"], &[]).stdin(file).output().unwrap();
    let shown = place.shown(&output);
    assert!(shown.starts_with("exit 2\n") && shown.contains("<stdin>:"), "{shown}");
}

#[test]
fn schema_is_the_file_in_docs() {
    let place = Place::new();
    let output = place.run(&["schema"], &[]);
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pipeline.schema.json");
    assert!(output.status.success() && output.stdout == fs::read(shipped).unwrap());
}

#[test]
fn plan_is_printed_with_what_the_command_line_changes() {
    let place = Place::new();
    insta::assert_snapshot!(
        place.check(&["plan", "small.yaml", "--set", "least=7", "--out", "elsewhere"], &[])
    );
}

#[test]
fn base_url_with_a_password_is_refused_and_not_shown() {
    let place = Place::new();
    for command in ["plan", "run"] {
        let env = [("TMDB_BASE_URL", "https://user:s3cret@films.invalid/3"), ("TMDB_TOKEN", "t")];
        let shown = place.check(&[command, "small.yaml"], &env);
        assert!(shown.starts_with("exit 2\n") && shown.contains("hint:"), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}

#[test]
fn reader_that_goes_away_is_no_error() {
    let place = Place::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    // Of TMDB itself its rate would be doubtful.
    let env = [("TMDB_BASE_URL", "http://127.0.0.1:1/3")];
    let output = place.command(&["plan", "small.yaml"], &env).stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
}

#[test]
fn run_publishes_and_says_where() {
    let place = Place::new();
    insta::assert_snapshot!("run_text", place.check(&["run", "small.yaml", "--mock"], &[]));
    let shown = place.check(&["run", "small.yaml", "--mock", "--output", "json", "--progress", "none"], &[]);
    insta::assert_snapshot!("run_json", shown);
    let arguments = ["run", "small.yaml", "--mock", "--out", "deep/er", "--state", "st", "--limit", "2"];
    insta::assert_snapshot!("run_limit", place.check(&arguments, &[]));
    assert!(place.path().join("deep/er/out/films.parquet").is_file());
    assert!(place.path().join("st/small").is_dir());
}

#[test]
fn embedded_api_goes_before_every_other_and_sees_no_credential() {
    let place = Place::new();
    let server = Server::start(Config::default());
    let env = [("TMDB_BASE_URL", &*server.base_url()), ("TMDB_TOKEN", "t")];
    assert_eq!(place.run(&["run", "small.yaml", "--mock"], &env).status.code(), Some(0));
    assert_eq!(server.stop().requests, 0);
}

#[test]
fn set_must_have_the_type_of_its_default() {
    let place = Place::new();
    let shown = place.check(&["run", "small.yaml", "--mock", "--set", "least=many", "--set", "lest=3"], &[]);
    insta::assert_snapshot!("set_wrong_type", shown);
    insta::assert_snapshot!("set_not_a_pair", place.check(&["run", "small.yaml", "--set", "least"], &[]));
}

#[test]
fn second_run_finds_the_lock_held() {
    let place = Place::new();
    let _lock = Lock::acquire(&place.path().join(".tmdb-etl/small"), "small").unwrap();
    insta::assert_snapshot!("locked", place.check(&["run", "small.yaml", "--mock"], &[]));
    let shown = place.check(&["run", "small.yaml", "--mock", "--output", "json"], &[]);
    assert!(shown.contains("\"status\": \"locked\"") && shown.contains("\"code\": \"locked\""), "{shown}");
}

#[test]
fn tables_of_another_source_are_not_overwritten() {
    let place = Place::new();
    assert!(place.run(&["run", "small.yaml", "--mock"], &[]).status.success());
    let before = fs::read(place.path().join("out/films.parquet")).unwrap();
    let server = Server::start(Config::default());
    let env = [("TMDB_BASE_URL", &*server.base_url()), ("TMDB_TOKEN", "t")];
    insta::assert_snapshot!(place.check(&["run", "small.yaml"], &env));
    assert_eq!(server.stop().requests, 0);
    assert_eq!(fs::read(place.path().join("out/films.parquet")).unwrap(), before);
}

#[test]
fn refused_credential_fails_the_run() {
    let place = Place::new();
    let server = Server::start(Config { auth: Auth::Token("right".to_owned()), ..Config::default() });
    let env = [("TMDB_BASE_URL", &*server.base_url()), ("TMDB_TOKEN", "wr0ng-s3cret")];
    let output = place.run(&["run", "small.yaml"], &env);
    // How many were on their way when the first was refused is a matter of chance.
    let shown: String = place
        .shown(&output)
        .lines()
        .filter(|line| !line.contains("movies 0"))
        .map(|line| line.to_owned() + "\n")
        .collect();
    assert!(shown.contains("exit 1\n"), "{shown}");
    let error = &shown[shown.find("error:").expect("an error is told")..];
    insta::assert_snapshot!(error);
    assert!(!shown.contains("s3cret"));
    assert!(!place.path().join("out/films.parquet").exists());
}

#[test]
fn partial_run_says_what_failed() {
    let place = Place::new();
    let text = SMALL.replace("rate: 1000/s", "rate: 1000/s, retry: {attempts: 1}");
    let text = text.replace("ids: [1726, 24428, 299536]", "range: 1..12");
    // One at a time, so that they fail in order.
    let text = text.replace("kind: fetch,", "kind: fetch, concurrency: 1,");
    place.write("partial.yaml", &text.replace("stages:", "max_failures: 50%\nstages:"));
    let dead = Fault { kind: FaultKind::Dead, share: 0.2 };
    let server = Server::start(Config { faults: vec![dead], ..Config::default() });
    let env = [("TMDB_BASE_URL", &*server.base_url()), ("TMDB_TOKEN", "t")];
    insta::assert_snapshot!("partial", place.check(&["run", "partial.yaml"], &env));
    place.write("failed.yaml", &text.replace("stages:", "max_failures: 0%\nstages:"));
    let shown =
        place.check(&["run", "failed.yaml", "--out", "x", "--output", "json", "--progress", "none"], &env);
    let object = &shown[..shown.find("--- stderr").expect("there is talk")];
    assert!(object.contains("\"status\": \"failed\"") && object.contains("too-many-failures"), "{object}");
    assert!(shown.starts_with("exit 1\n"), "{shown}");
}

#[test]
fn sigterm_stops_a_run_and_leaves_its_tables_as_they_were() {
    let place = Place::new();
    // What is under way is given eight seconds; nothing that is kept serves the second run.
    place.write("small.yaml", &SMALL.replace("rate: 1000/s", "rate: 1000/s, timeout: 8s, keep: 0s"));
    let server = Server::start(Config::default());
    let token = ("TMDB_TOKEN", "t");
    let publish = place.run(&["run", "small.yaml"], &[("TMDB_BASE_URL", &server.base_url()), token]);
    assert!(publish.status.success());
    let before = fs::read(place.path().join("out/films.parquet")).unwrap();
    let addr = server.mock.addr();
    server.stop();

    // The same place, so that the source is the same; and no answer within this test.
    let latency = "1000s".parse().unwrap();
    let server = Server::start(Config { addr, latency, ..Config::default() });
    let base_url = server.base_url();
    let arguments = ["run", "small.yaml", "--output", "json", "--progress", "json"];
    let mut command = place.command(&arguments, &[("TMDB_BASE_URL", &base_url), token]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let asked = lines.find(|line| {
        // Warnings about the file come first, for people.
        let line: Value = serde_json::from_str(line.as_ref().unwrap()).unwrap_or_default();
        // The others wait for the first.
        line["event"] == "progress" && line["requests"] == 1
    });
    assert!(asked.is_some(), "the run ended by itself");
    terminate(&child);
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    let rest: String = lines.map(|line| line.unwrap() + "\n").collect();
    assert_eq!(child.wait().unwrap().code(), Some(143), "{rest}");
    assert!(rest.contains("{\"event\":\"stopping\",\"signal\":\"SIGTERM\"}"), "{rest}");
    insta::assert_snapshot!(pretty(&stdout));
    assert_eq!(fs::read(place.path().join("out/films.parquet")).unwrap(), before);
    server.stop();
}

#[test]
fn credential_shows_nowhere_whatever_goes_wrong() {
    const SENTINEL: &str = "s3nt1nel-0f-a-cr3dent1al";
    let faults: Vec<Fault> = FaultKind::ALL
        .into_iter()
        .map(|(kind, _)| Fault { kind, share: if kind == FaultKind::TooManyRequests { 0.02 } else { 0.08 } })
        .collect();
    let check = |name: &str| {
        let place = Place::new();
        let api = "rate: 1000/s, connections: 64, timeout: 500ms, retry: {attempts: 4}";
        let text = SMALL.replace("rate: 1000/s", api).replace("ids: [1726, 24428, 299536]", "range: 1..60");
        let text = text.replace("kind: fetch,", "kind: fetch, concurrency: 60,");
        place.write("small.yaml", &text.replace("stages:", "max_failures: 100%\nstages:"));
        let server = Server::start(Config { faults: faults.clone(), seed: 3, ..Config::default() });
        let env = [("TMDB_BASE_URL", &*server.base_url()), (name, SENTINEL)];
        let output = place.run(&["run", "small.yaml", "-vv"], &env);
        let met = server.stop().faults;
        assert_eq!(met.len(), FaultKind::ALL.len(), "a fault was not met: {met:?}");
        let (stdout, stderr) = (text_of(&output.stdout), text_of(&output.stderr));
        assert_eq!(output.status.code(), Some(3), "{stdout}{stderr}");
        assert!(stderr.contains("DEBUG") && stderr.contains("request retried"), "{stderr}");
        assert!(!stdout.contains(SENTINEL) && !stderr.contains(SENTINEL), "{stdout}{stderr}");
        let files = place.files();
        assert!(files.iter().any(|file| file.ends_with("run.lock")), "{files:?}");
        assert!(files.iter().any(|file| file.ends_with("films.parquet")), "{files:?}");
        for file in files {
            assert!(!text_of(&fs::read(&file).unwrap()).contains(SENTINEL), "{}", file.display());
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| check("TMDB_TOKEN"));
        scope.spawn(|| check("TMDB_API_KEY"));
    });
}

/// Bytes as text, whatever they are.
fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn mock_serves_until_it_is_told_to_end() {
    let place = Place::new();
    let mut command = place.command(&["mock", "--films", "100", "--latency", "1ms"], &[]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut base_url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut base_url).unwrap();
    let env = [("TMDB_BASE_URL", base_url.trim()), ("TMDB_API_KEY", "any")];
    let ran = place.run(&["run", "small.yaml"], &env);
    assert!(ran.status.success(), "{}", place.shown(&ran));
    terminate(&child);
    let output = child.wait_with_output().unwrap();
    let mut shown = base_url;
    write!(shown, "{}", text(&output.stderr)).unwrap();
    let shown: String = shown.lines().map(|line| place.masked(line) + "\n").collect();
    let shown = shown[..shown.find("; at most").expect("the line of stats")].to_owned();
    insta::assert_snapshot!(shown);
    assert_eq!(output.status.code(), Some(0));
}
