//! Five servers on a paused clock: what is recommended against what an exhaustive look finds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::plan::{self, Plan, Request};
use crate::spec::{self, Change, Source};
use crate::tmdb::{Capped, Response, Transport, TransportError};

const FILE: &str = "version: 1\nname: bench\napi: {base_url: 'https://sim.test/3', rate: none, connections: 64, keep: none}\nmax_failures: 100%\n\
stages:\n  start: {kind: seed, range: 1..1000000}\n  movies: {kind: fetch, path: '/movie/{id}', concurrency: 64}\n  \
films: {kind: project, columns: {id: int64}, output: {path: films.parquet}}\n";

/// What limits a server.
#[derive(Clone, Copy, Debug)]
enum Limited {
    /// So many accepted in every second, the rest is refused.
    Rate(usize),
    /// So many are worked on at once, the others wait.
    Workers(usize),
    /// By nothing, but each one under way makes all slower.
    Load,
}

/// A server of 40 to 120 ms.
struct Server {
    limited: Limited,
    workers: Semaphore,
    state: Mutex<State>,
}

struct State {
    dice: fastrand::Rng,
    accepted: VecDeque<Instant>,
    under_way: u32,
}

impl Server {
    fn new(limited: Limited, seed: u64) -> Self {
        let workers = if let Limited::Workers(workers) = limited { workers } else { 1000 };
        let dice = fastrand::Rng::with_seed(seed);
        let state = Mutex::new(State { dice, accepted: VecDeque::new(), under_way: 0 });
        Self { limited, workers: Semaphore::new(workers), state }
    }

    fn arrive(&self) -> (bool, Duration) {
        let mut state = self.state.lock().unwrap();
        let now = Instant::now();
        while state.accepted.front().is_some_and(|at| now - *at > Duration::from_secs(1)) {
            state.accepted.pop_front();
        }
        let refused = matches!(self.limited, Limited::Rate(limit) if state.accepted.len() >= limit);
        if !refused {
            state.accepted.push_back(now);
        }
        state.under_way += 1;
        let latency = Duration::from_millis(state.dice.u64(40..120));
        let load = if let Limited::Load = self.limited { state.under_way } else { 0 };
        (refused, latency + Duration::from_millis(4) * load * load.min(40) / 8)
    }
}

impl Transport for Server {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        _: Duration,
    ) -> BoxFuture<'a, Result<Response, TransportError>> {
        Box::pin(async move {
            let worker = self.workers.acquire().await;
            let (refused, latency) = self.arrive();
            tokio::time::sleep(latency).await;
            drop(worker);
            self.state.lock().unwrap().under_way -= 1;
            let text = request.to_string();
            let id: String =
                text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
            let (status, body) =
                if refused { (429, String::new()) } else { (200, format!("{{\"id\": {id}}}")) };
            Ok(Response { status, body: Bytes::from(body), ..Response::default() })
        })
    }
}

fn compiled(changes: &[Change]) -> Plan {
    let source =
        spec::vary(&Source::new("bench.yaml", FILE), changes, &|_| None).expect("settings of the file");
    plan::read(&source, &[], &|_| None, &plan::Options::default())
        .unwrap_or_else(|faults| panic!("{}\n{}", faults.render(&source), source.text))
        .plan
}

fn window(seconds: u64) -> Window {
    Window { warm_up: Duration::from_secs(3), measured: Duration::from_secs(seconds) }
}

fn arena(limited: Limited, seconds: u64) -> Scratch<impl Fn(&Plan) -> Arc<dyn Transport>> {
    let transport = move |_: &Plan| Arc::new(Server::new(limited, 5)) as Arc<dyn Transport>;
    Scratch { transport, window: window(seconds), limit: None }
}

async fn measured(limited: Limited, variations: &[Variation], seconds: u64, repeat: u32) -> Verdict {
    let candidates: Vec<Candidate> = combinations(variations)
        .expect("a few")
        .into_iter()
        .map(|settings| Candidate { plan: compiled(&settings), settings })
        .collect();
    let swept =
        sweep(&arena(limited, seconds), &candidates, repeat, 1, &CancellationToken::new(), |_| {}).await;
    let swept = swept.expect("every trial runs");
    let tried: Vec<_> = candidates
        .into_iter()
        .zip(swept.measured)
        .map(|(candidate, trials)| {
            let allowed = candidate.plan.api.rate.limit().map(|rate| rate.per_second());
            (candidate.settings, allowed, trials)
        })
        .collect();
    judge(variations, &tried, 1)
}

fn vary(texts: &[&str]) -> Vec<Variation> {
    texts.iter().map(|text| text.parse().expect("a variation")).collect()
}

fn values(verdict: &Verdict) -> Vec<String> {
    let recommended = verdict.recommended.as_ref().expect("something was measured");
    verdict.rows[recommended.row].settings.iter().map(|change| change.value.clone()).collect()
}

/// Recommends by short trials and holds that against long ones.
async fn check(limited: Limited, texts: &[&str], expect: &[&str]) {
    let variations = vary(texts);
    let verdict = measured(limited, &variations, 10, 2).await;
    let chosen = values(&verdict);
    let exhaustive = measured(limited, &variations, 30, 1).await;
    let of = |row: &Row| row.rows_per_second * if row.refused > 0.01 { 0.0 } else { 1.0 };
    let best = exhaustive.rows.iter().map(of).fold(0.0, f64::max);
    let same = |row: &&Row| row.settings.iter().map(|change| &change.value).eq(chosen.iter());
    let reached = of(exhaustive.rows.iter().find(same).expect("it was tried"));
    assert!(reached >= 0.95 * best, "{limited:?}: {chosen:?} gives {reached} of {best}");
    assert_eq!(chosen, expect, "{limited:?}: {}", verdict.recommended.expect("as above").why);
}

#[tokio::test(start_paused = true)]
async fn the_knee_of_a_rate_is_where_littles_law_puts_it() {
    let concurrency = "movies.concurrency=1,2,4,8,16,32";
    // 40/s × 80 ms = 3.2.
    check(Limited::Rate(40), &["api.rate=40/s", concurrency], &["40/s", "4"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_of_eight_workers_wants_eight() {
    check(Limited::Workers(8), &["movies.concurrency=2,4,8,16,64"], &["8"]).await;
}

#[tokio::test(start_paused = true)]
async fn where_connections_are_the_limit_more_concurrency_is_not_recommended() {
    let texts = ["api.connections=4,6", "movies.concurrency=2,6,24"];
    check(Limited::Workers(100), &texts, &["6", "6"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_rate_above_the_servers_is_not_recommended() {
    check(Limited::Rate(30), &["api.rate=10/s,20/s,29/s,60/s"], &["29/s"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_slows_down_is_asked_by_as_few_as_reach_its_best() {
    check(Limited::Load, &["movies.concurrency=1,4,8,12,16,24,48"], &["12"]).await;
}

#[tokio::test(start_paused = true)]
async fn an_end_from_outside_keeps_what_was_measured() {
    let variations = vary(&["movies.concurrency=1,2,4,8"]);
    let candidates: Vec<Candidate> = combinations(&variations)
        .expect("four")
        .into_iter()
        .map(|settings| Candidate { plan: compiled(&settings), settings })
        .collect();
    let stop = CancellationToken::new();
    let mut told = 0;
    let arena = arena(Limited::Workers(9), 2);
    let swept = sweep(&arena, &candidates, 3, 1, &stop, |progress| {
        told = progress.done;
        if progress.done == 6 {
            stop.cancel();
        }
    });
    let swept = swept.await.expect("no trial fails");
    assert!(swept.cut_short && told == 6);
    assert_eq!(swept.measured.iter().map(Vec::len).sum::<usize>(), 6);
    assert!(
        swept.measured.iter().all(|trials| !trials.is_empty()),
        "each had its turn before any had a third"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cap_on_requests_ends_the_sweep_before_one_more_is_sent() {
    let stop = CancellationToken::new();
    let left = Arc::new(std::sync::atomic::AtomicU64::new(50));
    let server = Arc::new(Server::new(Limited::Workers(100), 1));
    let transport = |_: &Plan| {
        Arc::new(Capped::new(server.clone(), Arc::clone(&left), stop.clone())) as Arc<dyn Transport>
    };
    let arena = Scratch { transport, window: window(60), limit: None };
    let candidates = [Candidate { settings: Vec::new(), plan: compiled(&[]) }];
    let swept = sweep(&arena, &candidates, 1, 1, &stop, |_| {}).await.expect("no trial fails");
    assert!(swept.cut_short);
    assert!(server.state.lock().unwrap().accepted.len() <= 50);
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_ends_within_its_window_is_measured_as_a_whole() {
    let transport = |_: &Plan| Arc::new(Server::new(Limited::Workers(8), 1)) as Arc<dyn Transport>;
    let arena = Scratch { transport, window: window(600), limit: Some(100) };
    let measured = arena.trial(&compiled(&[]), 1).await.expect("it ends");
    assert_eq!((measured.rows, measured.documents), (100, 100));
    assert!(measured.seconds < 3.0, "{}", measured.seconds);
}

fn report() -> Report {
    let trial = |rows: u64, refused: u64| Measured {
        seconds: 10.0,
        rows,
        documents: rows,
        requests: rows + refused,
        refused,
        p50: Some(Duration::from_millis(80)),
        p99: Some(Duration::from_millis(119)),
        cpu_seconds: Some(0.04),
        peak_bytes: Some(48 << 20),
        ..Measured::default()
    };
    let variations = vary(&["movies.concurrency=1,2,4,8"]);
    let tried: Vec<_> = combinations(&variations)
        .expect("four")
        .into_iter()
        .zip([[125, 126, 124], [249, 250, 251], [392, 394, 300], [394, 393, 394]])
        .map(|(settings, rows)| (settings, Some(40.0), rows.map(|rows| trial(rows, 0)).to_vec()))
        .collect();
    Report {
        pipeline: "films <&>".into(),
        against: "mock".into(),
        server: "80ms±40ms, 40/s".into(),
        window: window(10),
        repeat: 3,
        verdict: judge(&variations, &tried, 1),
        variations,
        cut_short: false,
    }
}

#[test]
fn the_table_marks_what_to_take_what_is_as_good_and_outliers() {
    let text = describe(&report());
    let line = |start: &str| text.lines().find(|line| line.trim_start().starts_with(start)).expect("a line");
    assert!(line("4 ").ends_with("◀ take, 1 outlier"), "{text}");
    assert!(line("8 ").ends_with("= as good") && line("2 ").ends_with('3'), "{text}");
    assert!(
        line("4 ").contains("39.2") && line("4 ").contains("98 %") && line("4 ").contains("48 MiB"),
        "{text}"
    );
    assert!(text.contains("take movies.concurrency = 4: the smallest within "), "{text}");
    assert!(!text.contains("--repeat"), "three trials are enough to say so");
}

#[test]
fn the_json_has_one_result_for_each_combination() {
    let json = to_json(&report());
    assert_eq!(json["version"], 1);
    assert_eq!(json["results"].as_array().map(Vec::len), Some(4));
    assert_eq!(json["recommended"]["settings"]["movies.concurrency"], "4");
    assert_eq!(json["results"][2]["within_noise"], true);
    assert_eq!(json["results"][1]["within_noise"], false);
}

#[test]
fn the_page_joins_what_differs_in_the_last_setting_only() {
    let variations = vary(&["api.rate=20/s,40/s", "movies.concurrency=1,2,4"]);
    let trial = Measured { seconds: 1.0, rows: 10, ..Measured::default() };
    let tried: Vec<_> = combinations(&variations)
        .expect("six")
        .into_iter()
        .map(|settings| (settings, None, vec![trial]))
        .collect();
    let page = to_html(&Report { verdict: judge(&variations, &tried, 1), variations, ..report() });
    let lines: Vec<&str> = page.split("<polyline points=\"").skip(1).collect();
    let points =
        lines.iter().map(|line| line.split('"').next().map_or(0, |points| points.split(' ').count()));
    assert_eq!(points.collect::<Vec<_>>(), [3, 3]);
    // Nothing is said twice: one line of labels for each setting, and a place on two curves is no knee.
    assert_eq!(page.matches("class=\"value\"").count(), 12);
    assert!(page.contains(">take</text>") && !page.contains(">knee</text>"));
}

#[test]
fn the_page_has_a_point_for_each_trial_and_median_and_loads_nothing() {
    let page = to_html(&report());
    assert_eq!(page.matches("class=\"trial\"").count(), 12);
    assert_eq!(page.matches("class=\"median\"").count(), 4);
    assert_eq!(page.matches("class=\"knee\"").count(), 1);
    assert_eq!(page.matches("<polyline").count(), 1);
    assert!(page.contains("films &lt;&amp;&gt;") && !page.contains("<&>"));
    assert!(!page.contains("<script") && !page.contains("http"));
}
