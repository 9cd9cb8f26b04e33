//! Tables in object stores, with the real program: what a wrong environment is told before the first request, what is never
//! shown, and a whole run against the server that `tests/s3.sh` starts.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use crate::cli::place::{Place, SMALL, text};

const SECRET: &str = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY";
const KEY: &str = "AKIAIOSFODNN7EXAMPLE";

fn place(url: &str) -> Place {
    let place = Place::new();
    place.write("films.yaml", &SMALL.replace("out/films.parquet", &format!("'{url}'")));
    place
}

/// A server that answers every request with this status and body; 0 is no answer at all.
struct Canned {
    port: u16,
    requests: Arc<AtomicUsize>,
}

impl Canned {
    fn start(status: u16, body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                if status == 0 {
                    silent.push(stream);
                    continue;
                }
                let seen = Arc::clone(&seen);
                thread::spawn(move || answer(stream, status, body, &seen));
            }
        });
        Self { port, requests }
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn answer(stream: TcpStream, status: u16, body: &str, seen: &AtomicUsize) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let (mut length, mut line) = (0, String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut content = vec![0; length];
        reader.read_exact(&mut content).unwrap();
        seen.fetch_add(1, Ordering::Relaxed);
        let answer = format!("HTTP/1.1 {status} S\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// Runs with this endpoint and expects this code of an error; nothing of the credential is anywhere.
fn check(endpoint: &str, code: &str, exit: i32, hint: &str) {
    let place = place("s3://warehouse/tmdb/films.parquet");
    let env = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
    ];
    let output = place.run(&["run", "films.yaml", "--mock", "--output", "json", "-vv"], &env);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    let object: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    assert_eq!(object["error"]["code"], code, "{stdout}{stderr}");
    assert_eq!(output.status.code(), Some(exit), "{stdout}");
    assert_eq!(object["requests"], 0, "told before the first request");
    let told = format!("{}; {}", object["error"]["message"], object["error"]["hint"]);
    assert!(told.contains("warehouse") && told.contains(hint), "{told}");
    let mut all = stdout + &stderr;
    for file in place.files() {
        all += &String::from_utf8_lossy(&std::fs::read(file).unwrap());
    }
    assert!(!all.contains(SECRET) && !all.contains(KEY), "the credential is shown: {all}");
}

#[test]
fn wrong_environment_is_told_by_bucket_before_the_first_request() {
    let cases: [(u16, &'static str, &str, i32, &str); 8] = [
        (
            403,
            "<Error><Code>InvalidAccessKeyId</Code><AWSAccessKeyId>AKIAIOSFODNN7EXAMPLE</AWSAccessKeyId></Error>",
            "store-credentials",
            2,
            "AWS_ACCESS_KEY_ID",
        ),
        (
            403,
            "<Error><Code>SignatureDoesNotMatch</Code></Error>",
            "store-credentials",
            2,
            "AWS_SECRET_ACCESS_KEY",
        ),
        (403, "<Error><Code>AccessDenied</Code></Error>", "store-not-permitted", 2, "abort uploads"),
        (404, "<Error><Code>NoSuchBucket</Code></Error>", "no-bucket", 2, "make bucket `warehouse`"),
        (301, "<Error><Code>PermanentRedirect</Code></Error>", "store-region", 2, "AWS_REGION"),
        (400, "<Error><Code>AuthorizationHeaderMalformed</Code></Error>", "store-region", 2, "AWS_REGION"),
        (403, "<Error><Code>RequestTimeTooSkewed</Code></Error>", "store-clock", 1, "NTP"),
        (503, "<Error><Code>SlowDown</Code></Error>", "store", 1, "run the same command again"),
    ];
    for (status, body, code, exit, hint) in cases {
        let server = Canned::start(status, body);
        check(&server.endpoint(), code, exit, hint);
        let requests = server.requests.load(Ordering::Relaxed);
        assert!((1..=4).contains(&requests), "{code}: {requests} requests");
    }
}

#[test]
fn server_that_is_gone_or_silent_is_told_in_bounded_time() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    check(&gone, "store-unreachable", 1, "AWS_ENDPOINT_URL");
    check(&Canned::start(0, "").endpoint(), "store-unreachable", 1, "AWS_ENDPOINT_URL");
}

#[test]
fn validating_and_planning_ask_no_store_and_bench_writes_elsewhere() {
    let server = Canned::start(500, "");
    let endpoint = server.endpoint();
    let place = place("s3://warehouse/tmdb/films.parquet");
    let env =
        [("AWS_ENDPOINT_URL", &*endpoint), ("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)];
    for arguments in [&["validate", "films.yaml"][..], &["plan", "films.yaml", "--out", "there"]] {
        let output = place.run(arguments, &env);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        if arguments[0] == "plan" {
            assert!(text(&output.stdout).contains("s3://warehouse/tmdb/films.parquet"));
        }
    }
    let output = place.run(&["bench", "films.yaml", "--repeat", "1", "--vary", "movies.concurrency=1"], &env);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(server.requests.load(Ordering::Relaxed), 0);
}

/// The bucket on the server that the environment names.
fn bucket() -> Option<String> {
    let bucket = std::env::var("TMDB_ETL_TEST_BUCKET").ok();
    if bucket.is_none() {
        eprintln!("skipped: no server that speaks S3 is named by TMDB_ETL_TEST_BUCKET");
    }
    bucket
}

#[test]
fn run_publishes_to_a_server_and_inspect_reads_it_back() {
    let Some(bucket) = bucket() else { return };
    let url = format!("s3://{bucket}/it/{:016x}/films.parquet", std::process::id());
    let place = place(&url);
    let output = place.run(&["run", "films.yaml", "--mock", "--output", "json"], &[]);
    let object: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!((&object["status"], output.status.code()), (&Value::from("complete"), Some(0)), "{object}");
    assert_eq!(object["tables"][0]["files"][0], url);
    assert!(!place.path().join("s3:").exists(), "an address is no folder");
    let again = place.run(&["run", "films.yaml", "--mock"], &[]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    let output = place.run(&["inspect", &url, "--output", "json", "--history"], &[]);
    let object: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    let table = &object["tables"][0];
    assert_eq!(
        (&table["rows"], table["first_rows"][0]["id"].as_u64()),
        (&Value::from(3), Some(1726)),
        "{object}"
    );
    assert_eq!(table["manifest"]["history"].as_array().map(Vec::len), Some(2), "{object}");
    // Data of the mock are not replaced by those of another source.
    let env = [("TMDB_TOKEN", "any"), ("TMDB_BASE_URL", "http://127.0.0.1:9/3")];
    let refused = place.run(&["run", "films.yaml", "--output", "json"], &env);
    let object: Value = serde_json::from_str(&text(&refused.stdout)).unwrap();
    assert_eq!((&object["error"]["code"], refused.status.code()), (&Value::from("other-source"), Some(2)));
    let missing = place.run(&["inspect", &format!("{url}.none")], &[]);
    assert_eq!(missing.status.code(), Some(2), "{}", text(&missing.stderr));
}
