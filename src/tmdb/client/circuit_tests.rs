//! Endpoints that fail item after item, on a paused clock.

use std::num::NonZeroU32;

use futures::StreamExt as _;
use futures::future::BoxFuture;

use super::*;
use crate::spec::RunRate;
use crate::tmdb::transport::{Response, TransportError};

const SECOND: Duration = Duration::from_secs(1);

/// Answers in 50 ms; each endpoint (the path's first segment) fails in the spans of seconds that it is told.
struct Endpoints {
    start: Instant,
    dead: Vec<(&'static str, std::ops::Range<u64>)>,
    /// Seconds and endpoint of each send.
    sent: Mutex<Vec<(u64, String)>>,
}

impl Transport for Endpoints {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        _: Duration,
    ) -> BoxFuture<'a, Result<Response, TransportError>> {
        Box::pin(async move {
            let endpoint = request.path().split('/').nth(1).unwrap();
            let id: u32 = request.path().rsplit('/').next().unwrap().parse().unwrap();
            let at = self.start.elapsed().as_secs();
            self.sent.lock().unwrap().push((at, endpoint.to_owned()));
            tokio::time::sleep(Duration::from_millis(50)).await;
            let is_dead =
                |(name, span): &(&str, std::ops::Range<u64>)| *name == endpoint && span.contains(&at);
            let (status, body) = match endpoint {
                "gone" => (404, r#"{"status_code":34}"#),
                "odd" => (422, "{}"),
                // Items 400 to 599 are dead.
                "block" if (400..600).contains(&id) => (500, "{}"),
                _ if self.dead.iter().any(is_dead) => (500, "{}"),
                _ => (200, "{}"),
            };
            Ok(Response { status, body: body.into(), ..Response::default() })
        })
    }
}

/// What is told of circuits, and how many failed unasked.
#[derive(Default)]
struct Told(Mutex<(Vec<String>, usize)>);

impl Listener for Told {
    fn hear(&self, event: &Event) {
        let mut told = self.0.lock().unwrap();
        match event {
            Event::CircuitOpened { stage, failures, .. } => {
                told.0.push(format!("{stage} opened after {failures}"));
            }
            Event::CircuitClosed { stage, open_for } => {
                told.0.push(format!("{stage} closed after {} s", open_for.as_secs()));
            }
            Event::ItemFailed { asked: false, .. } => told.1 += 1,
            _ => {}
        }
    }
}

struct Outcome {
    /// For each stage: answered, failed, and seconds until the last of its items.
    stages: Vec<(usize, usize, u64)>,
    sent: Vec<(u64, String)>,
    told: Vec<String>,
    unasked: usize,
    failures: Vec<Failure>,
}

/// Asks for so many items of each endpoint, so many at a time, all endpoints side by side.
async fn ask(
    dead: &[(&'static str, std::ops::Range<u64>)],
    stages: &[(&'static str, usize, usize)],
) -> Outcome {
    let start = Instant::now();
    let transport = Arc::new(Endpoints { start, dead: dead.to_vec(), sent: Mutex::default() });
    let told = Arc::new(Told::default());
    let budget = Budget::new(NonZeroU32::new(64).unwrap(), RunRate::Unlimited, 1);
    let client = Client::new(transport.clone(), budget, Retry::default(), 1, told.clone());
    let failures = Mutex::new(Vec::new());
    let asking = stages.iter().map(|(endpoint, items, at_once)| {
        let (client, failures) = (&client, &failures);
        let caller = Caller {
            stage: StageId((*endpoint).into()),
            lane: Lane::default(),
            timeout: 10 * SECOND,
            workers: None,
            account: Arc::default(),
        };
        async move {
            let asked = (0..*items).map(|id| {
                let caller = &caller;
                async move { client.ask(caller, &Request::new(&format!("/{endpoint}/{id}"), &[])).await }
            });
            let results: Vec<_> = futures::stream::iter(asked).buffer_unordered(*at_once).collect().await;
            let answered = results.iter().filter(|result| result.is_ok()).count();
            let failed = results.into_iter().filter_map(|result| match result {
                Err(AskError::Failed(failure)) => Some(failure),
                _ => None,
            });
            failures.lock().unwrap().extend(failed);
            (answered, items - answered, start.elapsed().as_secs())
        }
    });
    let stages = futures::future::join_all(asking).await;
    let sent = std::mem::take(&mut *transport.sent.lock().unwrap());
    let (told, unasked) = std::mem::take(&mut *told.0.lock().unwrap());
    Outcome { stages, sent, told, unasked, failures: failures.into_inner().unwrap() }
}

#[tokio::test(start_paused = true)]
async fn dead_endpoint_takes_no_retry_clock_for_every_item() {
    for at_once in [1, 16, 64] {
        let items = 10_000;
        let outcome = ask(&[("movie", 0..u64::MAX)], &[("movie", items, at_once)]).await;
        let (answered, failed, seconds) = outcome.stages[0];
        assert_eq!((answered, failed), (0, items));
        // Eight items one after the other, two minutes of patience, then 75 ms each.
        let most = 200 + 750;
        assert!(seconds <= most, "{seconds} s, {at_once} at once");
        let all_clocks = 10_000 * 3 / at_once as u64;
        println!(
            "{at_once} at once: {seconds} s, {} requests; with all retries some {all_clocks} s",
            outcome.sent.len()
        );
        assert!(outcome.sent.len() <= items + 400, "{} requests", outcome.sent.len());
        assert_eq!(outcome.told, ["movie opened after 8"]);
        let unasked = Reason::Unasked { why: "server answered 500".into() };
        let honest =
            outcome.failures.iter().filter(|failure| failure.reason == unasked && failure.attempts == 0);
        assert_eq!(honest.count(), outcome.unasked);
        assert_eq!(outcome.unasked > 0, at_once > 40, "{} at {at_once} at once", outcome.unasked);
    }
}

#[tokio::test(start_paused = true)]
async fn a_block_of_dead_items_costs_no_healthy_one() {
    for at_once in [1, 16, 64] {
        let outcome = ask(&[], &[("block", 2_000, at_once)]).await;
        let (answered, failed, _) = outcome.stages[0];
        // With so many hands some of those that queue behind the dead ones wait too long.
        let lost = if at_once > 40 { at_once } else { 0 };
        assert!(answered + failed == 2_000 && failed <= 200 + lost, "{failed} failed, {at_once} at once");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_a_minute_costs_a_handful_of_items() {
    for at_once in [1, 16] {
        let outcome = ask(&[("movie", 5..65)], &[("movie", 3_000, at_once)]).await;
        let (answered, failed, _) = outcome.stages[0];
        assert_eq!(answered + failed, 3_000);
        assert!(failed <= 8 + at_once + 8, "{failed} failed, {at_once} at once");
        assert_eq!((outcome.told.len(), outcome.unasked), (2, 0), "{:?}", outcome.told);
        // While it lasts, one request goes at a time.
        let during = outcome.sent.iter().filter(|(at, _)| (40..65).contains(at)).count();
        assert!(during <= 3, "{during}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_endpoint_slows_no_other_stage() {
    let alone = ask(&[], &[("person", 2_000, 16)]).await;
    let beside = ask(&[("movie", 0..u64::MAX)], &[("movie", 1_000, 16), ("person", 2_000, 16)]).await;
    let ((answered, failed, seconds), (_, _, expect)) = (beside.stages[1], alone.stages[0]);
    assert_eq!((answered, failed), (2_000, 0));
    assert!(seconds <= expect + 1, "{seconds} s beside a dead endpoint, {expect} s alone");
}

#[tokio::test(start_paused = true)]
async fn what_the_api_says_of_an_item_is_an_answer() {
    let outcome = ask(&[], &[("gone", 100, 4), ("odd", 100, 4)]).await;
    assert_eq!((outcome.stages[0].0, outcome.stages[1].1), (100, 100));
    assert_eq!((outcome.sent.len(), outcome.told.len()), (200, 0));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_comes_back_late_is_noticed() {
    // Given up after two minutes; items still come now and then, as from a slow stage above.
    let outcome = ask(&[("movie", 0..400)], &[("movie", 9, 9)]).await;
    assert_eq!(outcome.stages[0].1, 9);
    let start = Instant::now();
    let transport = Arc::new(Endpoints { start, dead: vec![("movie", 0..400)], sent: Mutex::default() });
    let told = Arc::new(Told::default());
    let budget = Budget::new(NonZeroU32::new(64).unwrap(), RunRate::Unlimited, 1);
    let client = Client::new(transport, budget, Retry::default(), 1, told.clone());
    let caller = Caller {
        stage: StageId("movie".into()),
        lane: Lane::default(),
        timeout: 10 * SECOND,
        workers: None,
        account: Arc::default(),
    };
    let mut answered_at = None;
    for id in 0..1_000 {
        let request = Request::new(&format!("/movie/{id}"), &[]);
        if client.ask(&caller, &request).await.is_ok() {
            answered_at.get_or_insert(start.elapsed().as_secs());
        }
        tokio::time::sleep(SECOND).await;
    }
    let answered_at = answered_at.expect("it is asked again");
    assert!((400..402).contains(&answered_at), "{answered_at} s");
    assert_eq!(told.0.lock().unwrap().0.len(), 2);
}
