//! Answers that nobody should send: through the real transport, the client's judgement and a table.
//!
//! Each server speaks raw bytes on loopback, so that it can also say what no HTTP library would.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use bytes::Bytes;
use serde_json::json;
use tmdb_etl::engine::{Budget, Lane};
use tmdb_etl::event::{Event, Listener};
use tmdb_etl::plan::expr::RunScope;
use tmdb_etl::plan::{self, Document, Item, Request};
use tmdb_etl::project::Projector;
use tmdb_etl::spec::{Api, Retry, RunRate, Source, StageId};
use tmdb_etl::tmdb::{Answer, AskError, Caller, Client, Credential, Http, Transport as _};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What is written after the head of a request.
#[derive(Clone)]
enum Says {
    /// These bytes, and then the end of the connection.
    Bytes(Vec<u8>),
    /// These bytes, and then nothing, with the connection open.
    Stalls(Vec<u8>),
    /// The first bytes once and the second until nobody listens.
    Endless(Vec<u8>, Vec<u8>),
}

/// A server that says the same to everybody.
struct Wire {
    addr: SocketAddr,
    requests: Arc<AtomicUsize>,
    /// The most bytes that one connection took.
    taken: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Wire {
    async fn start(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (requests, taken) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (asked, sent) = (Arc::clone(&requests), Arc::clone(&taken));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(speak(stream, says.clone(), Arc::clone(&asked), Arc::clone(&sent)));
            }
        });
        Self { addr, requests, taken, _tasks: tasks }
    }
}

async fn speak(stream: TcpStream, says: Says, asked: Arc<AtomicUsize>, taken: Arc<AtomicUsize>) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
    }
    asked.fetch_add(1, Ordering::SeqCst);
    match says {
        Says::Bytes(bytes) => {
            drop(stream.write_all(&bytes).await);
            drop(stream.shutdown().await);
        }
        Says::Stalls(bytes) => {
            drop(stream.write_all(&bytes).await);
            drop(stream.read_line(&mut line).await);
        }
        Says::Endless(first, again) => {
            let mut sent = first.len();
            drop(stream.write_all(&first).await);
            while stream.write_all(&again).await.is_ok() {
                sent += again.len();
                taken.fetch_max(sent, Ordering::SeqCst);
            }
        }
    }
}

/// Keeps the last reason why something was asked for again.
#[derive(Default)]
struct Reasons(Mutex<String>);

impl Listener for Reasons {
    fn hear(&self, event: &Event) {
        match event {
            Event::RequestRetried { reason, .. } => self.0.lock().unwrap().clone_from(reason),
            Event::ItemFailed { error, .. } => self.0.lock().unwrap().clone_from(error),
            _ => {}
        }
    }
}

const TIMEOUT: Duration = Duration::from_secs(20);

/// Asks once; two attempts at most, without time between them.
async fn ask(wire: &Wire, timeout: Duration) -> Result<Answer, String> {
    let token = Some(Credential::Token("s3nt1nel-0f-a-cr3dent1al".into()));
    let http = Http::new(&format!("http://{}/3", wire.addr), &Api::default(), token).unwrap();
    let retry = Retry { attempts: NonZeroU32::new(2).unwrap(), ..Retry::default() };
    let reasons = Arc::new(Reasons::default());
    let budget = Budget::new(NonZeroU32::MIN, RunRate::Unlimited, 1);
    let client = Client::new(Arc::new(http), budget, retry, 1, Arc::clone(&reasons) as _);
    let caller = Caller {
        stage: StageId("movies".into()),
        lane: Lane::default(),
        workers: None,
        timeout,
        account: Arc::default(),
    };
    match client.ask(&caller, &Request::new("/movie/603", &[])).await {
        Ok(answer) => Ok(answer),
        Err(AskError::Failed(_)) => Err(reasons.0.lock().unwrap().clone()),
        Err(AskError::Fatal(fatal)) => Err(fatal.to_string()),
    }
}

/// An answer with these lines in its head.
fn answer(status: &str, head: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in [&[&*format!("HTTP/1.1 {status}")], head, &[""]].concat() {
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(body.as_ref());
    bytes
}

fn sized(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    answer("200 OK", &["content-type: application/json", &format!("content-length: {}", body.len())], body)
}

/// The ids in a table of one column, made from this body.
fn ids(body: Bytes) -> Vec<Option<i64>> {
    let text = "version: 1\nname: a\nstages:\n  s: {kind: seed, ids: [1]}\n  m: {kind: fetch, path: '/movie/{id}'}\n  \
                t: {kind: project, columns: {id: int64, all: {type: json, value: .}}, output: {path: a.parquet}}\n";
    let source = Source::new("a.yaml", text);
    let options = plan::Options { out: None, base_url: None, ..plan::Options::default() };
    let plan = plan::read(&source, &[], &|_| None, &options);
    let plan = plan.unwrap_or_else(|faults| panic!("{}", faults.render(&source))).plan;
    let (_, table) = plan.tables().next().unwrap();
    let mut projector = Projector::new(Arc::clone(table), Arc::new(RunScope::default()), 8);
    let document = Document::new(Item::seed(json!({"id": 1})), body, None);
    projector.push(&document, &mut Vec::new()).unwrap();
    assert_eq!(projector.counts().broken, 0, "the client hands on what a table can read");
    let batch = projector.finish().expect("a row");
    batch.column(0).as_primitive::<Int64Type>().iter().collect()
}

#[tokio::test]
async fn odd_bodies_that_are_json_become_a_row() {
    let check = async |bytes: Vec<u8>, expect: Option<i64>| {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
        let wire = Wire::start(Says::Bytes(bytes)).await;
        match ask(&wire, TIMEOUT).await {
            Ok(Answer::Document { body, .. }) => assert_eq!(ids(body), [expect], "{shown}"),
            other => panic!("{shown}: {other:?}"),
        }
        assert_eq!(wire.requests.load(Ordering::SeqCst), 1, "{shown}");
    };
    check(sized(r#"{"id":603}"#), Some(603)).await;
    check(sized(r#"{"id":1,"id":2}"#), Some(2)).await;
    check(sized("[]"), None).await;
    check(sized("null"), None).await;
    check(sized(r#"{"id":1e400}"#), None).await;
    check(sized(r#"{"id":"\ud800"}"#), None).await;
    check(sized("[".repeat(128) + &"]".repeat(128)), None).await;
    // The end of the connection is the end of the body, if nothing else is.
    check(answer("200 OK", &["content-type: application/json"], r#"{"id":4}"#), Some(4)).await;
    check(answer("200 OK", &["transfer-encoding: chunked"], "8\r\n{\"id\":5}\r\n0\r\n\r\n"), Some(5)).await;
    // Nobody needs to say that it is JSON.
    check(answer("200 OK", &["content-type: text/plain", "content-length: 8"], r#"{"id":6}"#), Some(6)).await;
    check(answer("200 OK", &["content-encoding: identity", "content-length: 8"], r#"{"id":7}"#), Some(7))
        .await;
    // More than was announced is not read, and not taken for the next answer either.
    check(answer("200 OK", &["content-length: 8"], "{\"id\":8}{\"id\":9}"), Some(8)).await;
    let policy = format!("content-security-policy: {}", "x".repeat(64 << 10));
    check(answer("200 OK", &[&policy, "content-length: 8"], r#"{"id":9}"#), Some(9)).await;
}

#[tokio::test]
async fn what_is_no_answer_fails_with_its_reason() {
    let check = async |bytes: Vec<u8>, sends: usize, expect: &str| {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
        let wire = Wire::start(Says::Bytes(bytes)).await;
        let reason = ask(&wire, TIMEOUT).await.expect_err(&shown);
        assert!(reason.contains(expect), "{shown}: {reason}");
        assert!(!reason.contains("s3nt1nel"), "{shown}: {reason}");
        assert_eq!(wire.requests.load(Ordering::SeqCst), sends, "{shown}: {reason}");
    };
    let broken =
        |at: usize| format!("a body that is no whole JSON: reading stopped at byte {at}, after 2 attempts");
    for (body, at) in [
        (&b""[..], 0),
        (b" ", 1),
        (b"{\"id\":NaN}", 6),
        (b"{\"id\":-Infinity}", 7),
        (b"{\"id\":1}{\"id\":2}", 8),
        (b"\xef\xbb\xbf{\"id\":1}", 0),
        (b"{\"title\":\"\xff\"}", 10),
        (b"\xff\xfe{\0}\0", 0),
        (b"\0{\0}", 0),
        (b"{'id': 1}", 1),
        (b"callback({})", 0),
    ] {
        check(sized(body), 2, &broken(at)).await;
    }
    check(sized("[".repeat(10 << 20)), 2, &broken(128)).await;
    check(sized("[".repeat(129) + &"]".repeat(129)), 2, &broken(128)).await;
    let html =
        answer("200 OK", &["content-type: text/html; charset=utf-8", "content-length: 13"], "<html></html>");
    check(html, 2, "a body that is not JSON but text/html").await;

    for status in ["204 No Content", "304 Not Modified"] {
        check(answer(status, &[], ""), 1, &format!("server answered {}, after 1 attempt", &status[..3]))
            .await;
    }
    check(answer("206 Partial Content", &["content-length: 2"], "{}"), 1, "server answered 206").await;
    check(answer("300 Multiple Choices", &["content-length: 0"], ""), 1, "server answered 300").await;
    let elsewhere = ["location: //evil.example/3?key=s3cret", "content-length: 0"];
    check(answer("302 Found", &elsewhere, ""), 1, "it redirects to http://evil.example, where").await;
    check(answer("302 Found", &["location: \\\u{1}", "content-length: 0"], ""), 2, "the answer was cut off")
        .await;
    check(answer("999 Odd", &["content-length: 0"], ""), 1, "server answered 999").await;

    let announced = |length: &str| vec![format!("content-length: {length}")];
    for (length, sends, reason) in [
        ("9", 2, "the answer was cut off"),
        ("7", 2, "no whole JSON: reading stopped at byte 7"),
        ("-1", 2, "the answer was cut off"),
        ("8, 9", 2, "the answer was cut off"),
        ("99999999999999999999", 2, "the answer was cut off"),
        ("18446744073709551615", 2, "the answer was cut off"),
    ] {
        let head = announced(length);
        check(answer("200 OK", &[&head[0]], r#"{"id":1}"#), sends, reason).await;
    }
    check(answer("200 OK", &["transfer-encoding: chunked"], "8\r\n{\"id\":5}\r\n"), 2, "cut off").await;
    check(answer("200 OK", &["transfer-encoding: chunked"], "zz\r\n{}\r\n0\r\n\r\n"), 2, "cut off").await;

    // Nothing was asked for but gzip.
    for encoding in ["br", "zstd", "deflate", "gzip, gzip", "secret"] {
        let head = [&*format!("content-encoding: {encoding}"), "content-length: 8"];
        let expect = format!("encoded as `{encoding}`, and only gzip was asked for, after 1 attempt");
        check(answer("200 OK", &head, r#"{"id":1}"#), 1, &expect).await;
    }
    check(answer("200 OK", &["content-encoding: gzip", "content-length: 8"], r#"{"id":1}"#), 2, "cut off")
        .await;

    // hyper takes 100 lines of headers, and 400 KB.
    let lines: Vec<String> = (0..101).map(|n| format!("x-{n}: 1")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    check(answer("200 OK", &lines, "{}"), 2, "cut off").await;
    let bomb = format!("x: {}", "y".repeat(1 << 20));
    check(answer("200 OK", &[&bomb], "{}"), 2, "cut off").await;
    check(b"HTTP/1.1 200".to_vec(), 2, "cut off").await;
    check(b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec(), 2, "cut off").await;
    check(Vec::new(), 2, "cut off").await;
}

/// What has no end is read up to a bound in bytes, or in time where it stalls.
#[tokio::test]
async fn what_does_not_end_is_given_up() {
    let body_max = 32 << 20;
    // What fits into the sockets on the way was sent without being read.
    let on_the_way = 24 << 20;
    let head = answer("200 OK", &["content-type: application/json"], "");
    let wire = Wire::start(Says::Endless(head, vec![b' '; 64 << 10])).await;
    let reason = ask(&wire, TIMEOUT).await.unwrap_err();
    assert_eq!(reason, "the body is larger than 33554432 bytes, after 1 attempt");
    assert!(wire.taken.load(Ordering::SeqCst) < body_max + on_the_way);

    let wire = Wire::start(Says::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x: y\r\n".repeat(1000))).await;
    let reason = ask(&wire, TIMEOUT).await.unwrap_err();
    assert!(reason.contains("cut off"), "{reason}");

    for said in [&b""[..], b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"id\""] {
        let wire = Wire::start(Says::Stalls(said.to_vec())).await;
        let reason = ask(&wire, Duration::from_millis(200)).await.unwrap_err();
        assert_eq!(reason, "no answer within 0.2 s, after 2 attempts");
    }
}

/// A wait that nobody means is no wait, and one that nobody has the time for ends the run.
#[tokio::test]
async fn retry_after_is_believed_where_it_makes_sense() {
    let check = async |value: &str, expect: Option<Duration>| {
        let head = [&*format!("retry-after: {value}"), "content-length: 0"];
        let wire = Wire::start(Says::Bytes(answer("429 Too Many Requests", &head, ""))).await;
        let http = Http::new(&format!("http://{}/3", wire.addr), &Api::default(), None).unwrap();
        let response = http.send(&Request::new("/movie/603", &[]), TIMEOUT).await.unwrap();
        assert_eq!((response.status, response.retry_after), (429, expect), "{value}");
    };
    check("7", Some(Duration::from_secs(7))).await;
    check("0", Some(Duration::ZERO)).await;
    check("Sun, 06 Nov 1994 08:49:37 GMT", Some(Duration::ZERO)).await;
    check("18446744073709551615", Some(Duration::from_secs(u64::MAX))).await;
    for nonsense in
        ["", "soon", "-5", "1.5", "NaN", "99999999999999999999", "\u{e9}", "Sun, 99 Nov 2026 08:49:37 GMT"]
    {
        check(nonsense, None).await;
    }
    let head = ["retry-after: 18446744073709551615", "content-length: 0"];
    let wire = Wire::start(Says::Bytes(answer("429 Too Many Requests", &head, ""))).await;
    let reason = ask(&wire, TIMEOUT).await.unwrap_err();
    assert!(reason.contains("asks to wait longer than 600 s"), "{reason}");
    assert_eq!(wire.requests.load(Ordering::SeqCst), 1);
}
