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

/// A pipeline that upserts the same three films, and one that appends those of `params.least`.
fn delta_pipeline(url: &str, mode: &str) -> String {
    let output = format!("{{path: '{url}', format: delta, mode: {mode}}}");
    SMALL.replace("{path: out/films.parquet}", &output)
}

#[test]
#[cfg(not(all(feature = "cloud", feature = "delta")))]
fn delta_table_in_a_store_is_a_fault_that_names_the_build() {
    let place = Place::new();
    place.write("films.yaml", &delta_pipeline("s3://warehouse/tmdb/films", "append"));
    let output = place.run(&["validate", "films.yaml"], &[]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("cargo build --release --features cloud,delta"), "{told}");
}

#[cfg(all(feature = "cloud", feature = "delta"))]
mod delta {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    use super::*;

    /// Runs, and expects this many rows in the table behind it, in so many versions.
    fn check(place: &Place, arguments: &[&str], url: &str, rows: u64, loads: usize) {
        let output = place.run(&[&["run", "films.yaml", "--mock"], arguments].concat(), &[]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let table = inspected(place, url);
        assert_eq!(table["rows"], rows, "{table}");
        assert_eq!(table["manifest"]["history"].as_array().map(Vec::len), Some(loads), "{table}");
    }

    fn inspected(place: &Place, url: &str) -> Value {
        let output = place.run(&["inspect", url, "--output", "json", "--history"], &[]);
        let object: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
        assert_eq!(
            (&object["status"], &object["tables"][0]["format"]),
            (&"complete".into(), &"delta".into()),
            "{object}"
        );
        object["tables"][0].clone()
    }

    fn url(bucket: &str, name: &str) -> String {
        format!("s3://{bucket}/it/{:08x}-{:016x}/{name}", std::process::id(), fastrand::u64(..))
    }

    #[test]
    fn planning_shows_the_address_and_asks_no_store() {
        let server = Canned::start(500, "");
        let place = Place::new();
        place.write("films.yaml", &delta_pipeline("s3://warehouse/tmdb/films/", "append"));
        let output =
            place.run(&["plan", "films.yaml", "--out", "there"], &[("AWS_ENDPOINT_URL", &server.endpoint())]);
        let shown = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(
            shown.contains("s3://warehouse/tmdb/films,") || shown.contains("s3://warehouse/tmdb/films "),
            "{shown}"
        );
        assert_eq!(server.requests.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn wrong_environment_is_told_by_bucket_before_the_first_request() {
        for (status, body, code, hint) in [
            (404, "<Error><Code>NoSuchBucket</Code></Error>", "no-bucket", "make bucket `warehouse`"),
            (403, "<Error><Code>AccessDenied</Code></Error>", "store-not-permitted", "`warehouse`"),
            (0, "", "store-unreachable", "AWS_ENDPOINT_URL"),
        ] {
            let server = Canned::start(status, body);
            let place = Place::new();
            place.write("films.yaml", &delta_pipeline("s3://warehouse/tmdb/films", "append"));
            let endpoint = server.endpoint();
            let env = [
                ("AWS_ENDPOINT_URL", &*endpoint),
                ("AWS_REGION", "eu-central-1"),
                ("AWS_ACCESS_KEY_ID", KEY),
                ("AWS_SECRET_ACCESS_KEY", SECRET),
            ];
            let started = Instant::now();
            let output = place.run(&["run", "films.yaml", "--mock", "--output", "json", "-vv"], &env);
            let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
            let object: Value = serde_json::from_str(&stdout).unwrap();
            assert_eq!(
                (&object["error"]["code"], &object["requests"]),
                (&code.into(), &0.into()),
                "{stdout}{stderr}"
            );
            let told = format!("{}; {}", object["error"]["message"], object["error"]["hint"]);
            assert!(told.contains("warehouse") && told.contains(hint), "{told}");
            assert!(started.elapsed() < Duration::from_mins(1), "{:?}", started.elapsed());
            assert!(![&stdout, &stderr].iter().any(|text| text.contains(SECRET) || text.contains(KEY)));
        }
    }

    #[test]
    fn table_is_appended_overwritten_and_upserted_on_a_server() {
        let Some(bucket) = bucket() else { return };
        for (mode, rows) in [("append", [3, 6]), ("overwrite", [3, 3]), ("upsert, key: id", [3, 3])] {
            let (place, url) = (Place::new(), url(&bucket, "films"));
            place.write("films.yaml", &delta_pipeline(&url, mode));
            check(&place, &[], &url, rows[0], 1);
            check(&place, &["--fresh", "--out", "there"], &url, rows[1], 2);
            assert!(!place.path().join("s3:").exists(), "an address is no folder");
            read_by_others(&url, rows[1]);
        }
    }

    #[test]
    fn partitions_are_folders_of_objects_whatever_their_values() {
        let Some(bucket) = bucket() else { return };
        let (place, url) = (Place::new(), url(&bucket, "by title"));
        // Titles have spaces, which the log, the names of objects and requests each write in their own way.
        place.write("films.yaml", &delta_pipeline(&url, "upsert, key: id, partition_by: title, sort_by: id"));
        check(&place, &[], &url, 3, 1);
        check(&place, &["--fresh"], &url, 3, 2);
        let files = inspected(&place, &url)["files"].clone();
        let files: Vec<&str> = files.as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
        let below = format!("{url}/title=Iron");
        assert!(files.len() == 3 && files.iter().any(|file| file.starts_with(&below)), "{files:?}");
        read_by_others(&url, 3);
    }

    #[test]
    fn run_that_is_killed_in_its_publish_is_gone_on_with_and_loads_once() {
        let Some(bucket) = bucket() else { return };
        let (place, url) = (Place::new(), url(&bucket, "films"));
        place.write("films.yaml", &delta_pipeline(&url, "append"));
        check(&place, &[], &url, 3, 1);
        // The journal stands for as long as files and commit take their way.
        let mut child = place
            .command(&["run", "films.yaml", "--mock", "--fresh"], &[])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let journal = place.path().join(".tmdb-etl/small/publish.json");
        let until = Instant::now() + Duration::from_mins(1);
        while !journal.exists() && child.try_wait().unwrap().is_none() && Instant::now() < until {
            std::thread::yield_now();
        }
        let decided = journal.exists();
        child.kill().unwrap();
        child.wait().unwrap();
        let decided = decided || journal.exists();
        eprintln!("killed {} its publish was decided", if decided { "after" } else { "before" });
        // What was decided is done first, then the next run appends its own.
        check(&place, &["--fresh"], &url, if decided { 9 } else { 6 }, if decided { 3 } else { 2 });
        read_by_others(&url, if decided { 9 } else { 6 });
    }

    /// The rows that `deltalake` finds, where Python has it.
    fn read_by_others(url: &str, rows: u64) {
        let Some(python) = std::env::var_os("TMDB_ETL_PYTHON") else {
            eprintln!("skipped: no Python with deltalake is named by TMDB_ETL_PYTHON");
            return;
        };
        let program = "import sys, os\n\
            from deltalake import DeltaTable\n\
            table = DeltaTable(sys.argv[1], storage_options={'AWS_ALLOW_HTTP': 'true', 'AWS_ENDPOINT_URL': os.environ['AWS_ENDPOINT_URL']})\n\
            print(table.to_pyarrow_table().num_rows)\n";
        let read = std::process::Command::new(python).args(["-c", program, url]).output().unwrap();
        assert_eq!(text(&read.stdout).trim(), rows.to_string(), "{}", text(&read.stderr));
    }
}
