//! The client on a paused clock, against a script of answers.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use futures::future::BoxFuture;

use super::*;
use crate::spec::RunRate;
use crate::store::Serving;
use crate::tmdb::transport::{Distrust, Response, TransportError};

type Reply = Result<Response, TransportError>;

/// Answers from a script; the last one again and again. Each answer takes 50 ms.
struct Script {
    replies: Mutex<VecDeque<Reply>>,
    sent: Mutex<Vec<Instant>>,
}

impl Transport for Script {
    fn send<'a>(&'a self, _: &'a Request, _: Duration) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            self.sent.lock().unwrap().push(Instant::now());
            tokio::time::sleep(Duration::from_millis(50)).await;
            let mut replies = self.replies.lock().unwrap();
            let reply = replies.pop_front().expect("a reply");
            if replies.is_empty() {
                replies.push_back(reply.clone());
            }
            reply
        })
    }
}

struct Deaf;
impl Listener for Deaf {
    fn hear(&self, _: &Event) {}
}

#[expect(clippy::unnecessary_wraps, reason = "a line of the script, beside those that are errors")]
fn reply(status: u16, body: &'static str) -> Reply {
    Ok(Response { status, body: Bytes::from_static(body.as_bytes()), ..Response::default() })
}

#[expect(clippy::unnecessary_wraps, reason = "a line of the script, beside those that are errors")]
fn throttled(retry_after: Option<u64>) -> Reply {
    Ok(Response { status: 429, retry_after: retry_after.map(Duration::from_secs), ..Response::default() })
}

fn cut() -> Reply {
    Err(TransportError::Cut("connection reset".into()))
}

/// What comes of asking once, how often it was sent, and how long it took.
async fn ask(replies: Vec<Reply>, retry: Retry) -> (Result<Answer, AskError>, usize, Duration) {
    let script = Arc::new(Script { replies: Mutex::new(replies.into()), sent: Mutex::default() });
    let budget = Budget::new(NonZeroU32::new(2).unwrap(), RunRate::Unlimited, 1);
    let client = Client::new(script.clone(), budget, retry, 1, Arc::new(Deaf));
    let caller = Caller {
        stage: StageId("movies".into()),
        lane: Lane::default(),
        workers: None,
        timeout: Duration::from_secs(10),
        account: Arc::default(),
    };
    let start = Instant::now();
    let result = client.ask(&caller, &Request::new("/movie/603", &[])).await;
    let sent = script.sent.lock().unwrap().len();
    (result, sent, start.elapsed())
}

fn attempts_of(result: Result<Answer, AskError>) -> u32 {
    match result {
        Err(AskError::Failed(failure)) => failure.attempts,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn document_comes_after_faults() {
    let replies =
        vec![cut(), reply(500, "{}"), reply(502, "<html>"), reply(200, "{\"id\":"), reply(200, "{}")];
    let (result, sent, _) = ask(replies, Retry::default()).await;
    assert!(matches!(result, Ok(Answer::Document { body, .. }) if body == "{}"));
    assert_eq!(sent, 5);
}

#[tokio::test(start_paused = true)]
async fn retries_end_by_count() {
    let (result, sent, _) = ask(vec![cut()], Retry::default()).await;
    assert_eq!((attempts_of(result), sent), (5, 5));
}

#[tokio::test(start_paused = true)]
async fn retries_end_by_clock() {
    let retry = Retry { attempts: NonZeroU32::new(20).unwrap(), max_elapsed: Duration::from_secs(3) };
    let (result, sent, elapsed) = ask(vec![cut()], retry).await;
    assert!(attempts_of(result) < 20 && sent > 1);
    assert!(elapsed <= Duration::from_secs(3) + Duration::from_millis(50), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn throttled_request_waits_for_retry_after() {
    let (result, sent, elapsed) = ask(vec![throttled(Some(30)), reply(200, "{}")], Retry::default()).await;
    assert!(result.is_ok());
    assert_eq!((sent, elapsed), (2, Duration::from_millis(30_100)));
}

#[tokio::test(start_paused = true)]
async fn throttling_uses_no_attempt_and_no_clock() {
    let retry = Retry { attempts: NonZeroU32::new(2).unwrap(), max_elapsed: Duration::from_secs(5) };
    let mut replies: Vec<Reply> = (0..8).map(|_| throttled(Some(20))).collect();
    replies.extend([cut(), reply(200, "{}")]);
    let (result, sent, _) = ask(replies, retry).await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(sent, 10);
}

#[tokio::test(start_paused = true)]
async fn endless_throttling_ends_the_run() {
    let (result, _, elapsed) = ask(vec![throttled(None)], Retry::default()).await;
    assert!(matches!(result, Err(AskError::Fatal(Fatal::Exhausted(_)))), "{result:?}");
    assert!(elapsed <= Duration::from_secs(601));
}

#[tokio::test(start_paused = true)]
async fn refused_credential_stops_at_once() {
    let body = r#"{"status_code":7,"status_message":"Invalid API key"}"#;
    let (result, sent, _) = ask(vec![reply(401, body)], Retry::default()).await;
    assert_eq!(sent, 1);
    let Err(AskError::Fatal(fatal)) = result else { panic!("{result:?}") };
    assert_eq!(fatal.to_string(), "the API refuses the credential (code 7): Invalid API key");
}

#[tokio::test(start_paused = true)]
async fn missing_is_an_answer_and_invalid_is_not_asked_twice() {
    let (result, sent, _) = ask(vec![reply(404, r#"{"status_code":34}"#)], Retry::default()).await;
    assert!(matches!(result, Ok(Answer::Missing { .. })) && sent == 1, "{result:?} after {sent}");
    let (result, sent, _) = ask(vec![reply(422, r#"{"errors":["page"]}"#)], Retry::default()).await;
    assert_eq!((attempts_of(result), sent), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_no_attempt_mends_is_not_tried_again() {
    let check = async |error: TransportError, expect: &str, sends: usize| {
        let (result, sent, _) = ask(vec![Err(error.clone())], Retry::default()).await;
        let ended = match result {
            Err(AskError::Fatal(Fatal::NoWay(_))) => "no way",
            Err(AskError::Failed(_)) => "failed",
            _ => "something else",
        };
        assert_eq!((ended, sent), (expect, sends), "{error}");
    };
    let text = String::new;
    check(TransportError::Certificate(Distrust::Issuer), "no way", 1).await;
    check(TransportError::Tls(text()), "no way", 1).await;
    check(TransportError::ProxyCredential, "no way", 1).await;
    check(TransportError::TooLarge { limit: 1 }, "failed", 1).await;
    check(TransportError::Encoding(text()), "failed", 1).await;
    check(TransportError::Address(text()), "failed", 1).await;
    check(TransportError::Unresolved { host: text(), reason: text() }, "failed", 5).await;
    check(TransportError::Connect(text()), "failed", 5).await;
    check(TransportError::Proxy(text()), "failed", 5).await;
}

/// How many were sent, by the time at which they were, when eight ask at once.
async fn sends_of_eight(replies: Vec<Reply>, drop_first: bool) -> Vec<(u128, usize)> {
    let script = Arc::new(Script { replies: Mutex::new(replies.into()), sent: Mutex::default() });
    let budget = Budget::new(NonZeroU32::new(20).unwrap(), RunRate::Unlimited, 1);
    let client = Client::new(script.clone(), budget, Retry::default(), 1, Arc::new(Deaf));
    let caller = Caller {
        stage: StageId("movies".into()),
        lane: Lane::default(),
        workers: None,
        timeout: Duration::from_secs(10),
        account: Arc::default(),
    };
    let requests: Vec<_> = (1..=8).map(|id| Request::new(&format!("/movie/{id}"), &[])).collect();
    let start = Instant::now();
    let first = async {
        let asking = client.ask(&caller, &requests[0]);
        let patience = Duration::from_millis(if drop_first { 10 } else { 1_000 });
        drop(tokio::time::timeout(patience, asking).await);
    };
    let others = futures::future::join_all(requests[1..].iter().map(|request| client.ask(&caller, request)));
    tokio::join!(first, others);
    let mut sends: Vec<(u128, usize)> = Vec::new();
    for sent in script.sent.lock().unwrap().iter() {
        let at = (*sent - start).as_millis();
        match sends.last_mut() {
            Some((last, count)) if *last == at => *count += 1,
            _ => sends.push((at, 1)),
        }
    }
    sends
}

#[tokio::test(start_paused = true)]
async fn the_first_attempt_goes_alone_and_the_others_after_it() {
    let document = || reply(200, "{}");
    assert_eq!(sends_of_eight(vec![document()], false).await, [(0, 1), (50, 7)]);
    // A failure is an end too: the others do not queue for one attempt each.
    let sends = sends_of_eight(vec![cut(), document()], false).await;
    assert_eq!(sends[..2], [(0, 1), (50, 7)]);
    // What ends the run is learnt by one.
    let untrusted = Err(TransportError::Certificate(Distrust::Name));
    assert_eq!(sends_of_eight(vec![untrusted], false).await, [(0, 1)]);
    assert_eq!(sends_of_eight(vec![reply(401, "")], false).await, [(0, 1)]);
    // Dropped on its way, it leaves its place to the next.
    assert_eq!(sends_of_eight(vec![document()], true).await, [(0, 1), (10, 1), (60, 6)]);
}

#[tokio::test(start_paused = true)]
async fn backing_off_frees_the_connection() {
    let replies = vec![cut(), reply(200, "{}")];
    let script = Arc::new(Script { replies: Mutex::new(replies.into()), sent: Mutex::default() });
    let budget = Budget::new(NonZeroU32::MIN, RunRate::Unlimited, 1);
    let client = Client::new(script.clone(), budget, Retry::default(), 3, Arc::new(Deaf));
    let caller = Caller {
        stage: StageId("movies".into()),
        lane: Lane::default(),
        workers: None,
        timeout: Duration::from_secs(10),
        account: Arc::default(),
    };
    let (a, b) = (Request::new("/movie/1", &[]), Request::new("/movie/2", &[]));
    let start = Instant::now();
    let first = client.ask(&caller, &a);
    let second = async {
        // Asked while the first backs off; the only connection must be free.
        tokio::time::sleep(Duration::from_millis(51)).await;
        client.ask(&caller, &b).await.unwrap();
        start.elapsed()
    };
    let (first, second) = tokio::join!(first, second);
    assert!(first.is_ok());
    assert_eq!(second, Duration::from_millis(101));
}

/// A client over `replies` with documents kept in `folder`, and what it sends.
fn keeping(folder: &std::path::Path, replies: Vec<Reply>, run: &str) -> (Client, Arc<Script>) {
    let script = Arc::new(Script { replies: Mutex::new(replies.into()), sent: Mutex::default() });
    let serving = Serving { run: run.to_owned(), not_before: Timestamp::now() };
    let (store, _) = Store::open(folder, serving).unwrap();
    let budget = Budget::new(NonZeroU32::new(2).unwrap(), RunRate::Unlimited, 1);
    let client = Client::new(script.clone(), budget, Retry::default(), 1, Arc::new(Deaf));
    (client.with_store(store, "mock"), script)
}

fn movies() -> Caller {
    Caller {
        stage: StageId("movies".into()),
        lane: Lane::default(),
        workers: None,
        timeout: Duration::from_secs(10),
        account: Arc::default(),
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_wants_what_is_asked_for_gets_the_same_answer() {
    let script =
        Arc::new(Script { replies: Mutex::new([cut(), reply(200, "{}")].into()), sent: Mutex::default() });
    let budget = Budget::new(NonZeroU32::new(20).unwrap(), RunRate::Unlimited, 1);
    let client = Client::new(script.clone(), budget, Retry::default(), 1, Arc::new(Deaf));
    let (caller, request) = (movies(), Request::new("/movie/603", &[]));
    let answers = futures::future::join_all((0..5).map(|_| client.ask(&caller, &request))).await;
    assert_eq!(script.sent.lock().unwrap().len(), 2, "one request, with one retry");
    assert!(answers.iter().all(|answer| answer.is_ok() && *answer == answers[0]), "{answers:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_is_not_asked_for_again_by_the_next_process_either() {
    let folder = tempfile::tempdir().unwrap();
    let (film, none) = (Request::new("/movie/603", &[]), Request::new("/movie/1", &[]));
    let replies = vec![reply(200, r#"{"id":603}"#), reply(404, r#"{"status_code":34}"#)];
    let (client, script) = keeping(folder.path(), replies, "r1");
    let first = (client.ask(&movies(), &film).await, client.ask(&movies(), &none).await);
    let again = (client.ask(&movies(), &film).await, client.ask(&movies(), &none).await);
    assert_eq!(script.sent.lock().unwrap().len(), 2);
    assert!(matches!(first, (Ok(Answer::Document { .. }), Ok(Answer::Missing { .. }))), "{first:?}");
    assert_eq!(again, first, "with the same bytes and times");
    // As after a kill: nothing is closed.
    drop(client);
    let (client, script) = keeping(folder.path(), vec![reply(200, "{}")], "r1");
    assert_eq!((client.ask(&movies(), &film).await, client.ask(&movies(), &none).await), first);
    assert!(script.sent.lock().unwrap().is_empty());
    // Too old for another run.
    drop(client);
    let (client, script) = keeping(folder.path(), vec![reply(200, "{}")], "r2");
    client.ask(&movies(), &film).await.unwrap();
    assert_eq!(script.sent.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (client, script) = keeping(folder.path(), vec![reply(422, "{}"), reply(200, "{}")], "r1");
    let request = Request::new("/movie/603", &[]);
    assert!(client.ask(&movies(), &request).await.is_err());
    assert!(client.ask(&movies(), &request).await.is_ok());
    assert_eq!(script.sent.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn drained_means_that_what_was_under_way_is_kept_and_nothing_else_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let (client, script) = keeping(folder.path(), vec![reply(200, "{}")], "r1");
    let requests: Vec<_> = (1..=6).map(|id| Request::new(&format!("/movie/{id}"), &[])).collect();
    let caller = movies();
    let asking = futures::future::join_all(requests.iter().map(|request| client.ask(&caller, request)));
    let drain = async {
        // The first goes alone until 50 ms; then two at a time.
        tokio::time::sleep(Duration::from_millis(60)).await;
        client.drain().await;
        Instant::now()
    };
    let start = Instant::now();
    let drained = tokio::select! {
        _ = asking => panic!("those who have not sent wait"),
        drained = drain => drained,
    };
    assert_eq!(drained - start, Duration::from_millis(100), "as long as what was under way");
    assert_eq!(script.sent.lock().unwrap().len(), 3);
    drop(client);
    let (client, script) = keeping(folder.path(), vec![reply(200, "{}")], "r1");
    for request in &requests {
        client.ask(&caller, request).await.unwrap();
    }
    assert_eq!(script.sent.lock().unwrap().len(), 3, "three of six were kept");
}
