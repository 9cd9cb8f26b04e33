//! Any status, headers and body as the answer of a server: asking ends, and a document that comes out can be paged
//! and expanded.
#![no_main]

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use libfuzzer_sys::fuzz_target;
use tmdb_etl::engine::{Budget, Lane};
use tmdb_etl::event::{Event, Listener};
use tmdb_etl::plan::expr::{Expr, RunScope};
use tmdb_etl::plan::{Document, Item, Request};
use tmdb_etl::project::ExpandRule;
use tmdb_etl::spec::{Retry, RunRate, StageId};
use tmdb_etl::tmdb::{Answer, Caller, Client, Response, Transport, TransportError, pages_of};

/// Answers the same every time.
struct Same(Mutex<Response>);

impl Transport for Same {
    fn send<'a>(
        &'a self,
        _request: &'a Request,
        _timeout: Duration,
    ) -> BoxFuture<'a, Result<Response, TransportError>> {
        let response = self.0.lock().expect("no panic holds it").clone();
        Box::pin(async { Ok(response) })
    }
}

struct Deaf;

impl Listener for Deaf {
    fn hear(&self, _event: &Event) {}
}

fuzz_target!(|input: (u16, Option<u32>, Option<String>, &[u8])| {
    let (status, retry_after, content_type, body) = input;
    // Most statuses mean the same; 200 is where the body is read.
    let status = [200, 200, 200, 401, 404, 429, 500, 503, status][usize::from(status % 9)];
    let response = Response {
        redirect: None,
        status,
        retry_after: retry_after.map(|seconds| Duration::from_secs(u64::from(seconds))),
        content_type,
        body: Bytes::copy_from_slice(body),
    };
    // On a paused clock backing off takes no time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let answer = runtime.expect("a runtime").block_on(async {
        let connections = NonZeroU32::new(1).expect("1 is not 0");
        let client = Client::new(
            Arc::new(Same(Mutex::new(response))),
            Budget::new(connections, RunRate::Unlimited, 1),
            Retry::default(),
            1,
            Arc::new(Deaf),
        );
        let timeout = Duration::from_secs(10);
        let caller = Caller {
            stage: StageId("movies".into()),
            lane: Lane::default(),
            workers: None,
            timeout,
            account: Arc::default(),
        };
        client.ask(&caller, &Request::new("/movie/603", &[])).await
    });
    let Ok(Answer::Document { body, fetched_at }) = answer else { return };
    assert!((1..=500).contains(&pages_of(&body, 500)));
    let compile = |source| Expr::compile(source).expect("it is an expression");
    let rule = ExpandRule {
        when: Some(compile(".page != 7")),
        items: compile(".results[]"),
        where_: Some(compile(".id > 1")),
        take: Some(5),
    };
    let document = Document::new(Item::seed(serde_json::json!({"id": 603})), body.clone(), Some(fetched_at));
    let found = rule.found(&RunScope::default(), &document, &[body]);
    assert!(found.items.len() <= 5);
});
