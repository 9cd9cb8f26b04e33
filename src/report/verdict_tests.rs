//! The verdict against an oracle: seven pipelines run on a paused clock with every resource doubled, one after the other.
//! What shortens the run most is what the verdict has to name. Numbers are written in each scenario.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use futures::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Counters, Resource, Verdict, verdict};
use crate::engine::Budget;
use crate::event::simulated::{self, Costs};
use crate::event::{Activity, Listener};
use crate::plan::{self, Options, Request};
use crate::run::{FlowOptions, Follow, TableSink, flow};
use crate::sink::SinkError;
use crate::spec::Source;
use crate::tmdb::{Client, Response, Transport, TransportError};

/// What may be doubled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knob {
    Rate,
    Concurrency,
    Connections,
    Server,
    Writing,
    Decoding,
    Found,
}

const KNOBS: [Knob; 7] = [
    Knob::Rate,
    Knob::Concurrency,
    Knob::Connections,
    Knob::Server,
    Knob::Writing,
    Knob::Decoding,
    Knob::Found,
];

/// A run, by numbers.
#[derive(Clone, Copy, Debug)]
struct Scenario {
    /// Requests a second; `None`: no limit.
    rate: Option<u32>,
    concurrency: u32,
    connections: u32,
    /// How long every answer takes, whatever else is asked for.
    latency_ms: f64,
    /// How long the server is at each answer, with no time for another.
    service_ms: f64,
    /// For a row.
    writing_ms: f64,
    /// For a document.
    decoding_ms: f64,
    /// Films: of a list, or found one after the other.
    films: u32,
    /// What each film leads to.
    take: Option<u32>,
}

/// 200 films, and nothing that would be in their way.
const FREE: Scenario = Scenario {
    rate: None,
    concurrency: 16,
    connections: 64,
    latency_ms: 80.0,
    service_ms: 0.0,
    writing_ms: 0.0,
    decoding_ms: 0.0,
    films: 320,
    take: None,
};

impl Scenario {
    fn with_twice(mut self, knob: Knob) -> Self {
        match knob {
            Knob::Rate => self.rate = self.rate.map(|rate| rate * 2),
            Knob::Concurrency => self.concurrency *= 2,
            Knob::Connections => self.connections *= 2,
            Knob::Server => {
                (self.latency_ms, self.service_ms) = (self.latency_ms / 2.0, self.service_ms / 2.0);
            }
            Knob::Writing => self.writing_ms /= 2.0,
            Knob::Decoding => self.decoding_ms /= 2.0,
            Knob::Found => self.take = self.take.map(|take| take * 2),
        }
        self
    }

    fn yaml(&self) -> String {
        let rate = self.rate.map_or_else(|| "none".to_owned(), |rate| format!("{rate}/s"));
        let (connections, concurrency, films) = (self.connections, self.concurrency, self.films);
        let head = format!(
            "version: 1\nname: sim\napi: {{base_url: 'https://sim.test/3', rate: {rate}, connections: {connections}}}\nstages:\n"
        );
        let fetch = format!("  movies: {{kind: fetch, path: '/movie/{{id}}', concurrency: {concurrency}}}\n");
        let table = "  cast: {kind: project, from: movies, rows: '.cast[]', columns: {id: int64}, output: {path: c.parquet}}\n";
        match self.take {
            None => format!("{head}  ids: {{kind: seed, range: 1..{films}}}\n{fetch}{table}"),
            Some(take) => format!(
                "{head}  ids: {{kind: seed, ids: [1]}}\n{fetch}  next: {{kind: expand, items: '.next[]', take: {take}, \
                 into: movies, max_depth: 1000, max_items: {films}}}\n{table}"
            ),
        }
    }
}

/// Answers after a while, some of it one after the other.
struct Server {
    latency: Duration,
    service: Duration,
    alone: Mutex<()>,
}

impl Transport for Server {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        _: Duration,
    ) -> BoxFuture<'a, Result<Response, TransportError>> {
        Box::pin(async move {
            tokio::time::sleep(self.latency).await;
            if !self.service.is_zero() {
                let _alone = self.alone.lock().await;
                tokio::time::sleep(self.service).await;
            }
            let id: u64 = request.path().rsplit('/').next().unwrap().parse().unwrap();
            // Numbers that do not come twice, modulo a prime, so that a long chain stays within them.
            let child = |nth: u64| (id * 8 + 2 + nth) % 1_000_000_007;
            let next: Vec<String> = (0..8).map(|nth| format!(r#"{{"id":{}}}"#, child(nth))).collect();
            let cast = [r#"{"id":7}"#; 16].join(",");
            let body = format!(r#"{{"id":{id},"next":[{}],"cast":[{cast}]}}"#, next.join(","));
            Ok(Response { status: 200, body: body.into(), ..Response::default() })
        })
    }
}

/// Its cost is simulated.
struct Nowhere;

impl TableSink for Nowhere {
    type Staged = ();

    fn write(&mut self, _: &RecordBatch) -> Result<(), SinkError> {
        Ok(())
    }

    fn finish(self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Runs a scenario: how long it took on its clock, and the verdict.
fn run(scenario: Scenario) -> (Duration, Verdict) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let ms = |ms: f64| Duration::from_secs_f64(ms / 1000.0);
    simulated::set(Costs { decoding: ms(scenario.decoding_ms), writing: ms(scenario.writing_ms) });
    let ended = runtime.block_on(async move {
        let source = Source::new("sim.yaml", scenario.yaml());
        let plan = plan::read(&source, &[], &|_| None, &Options::default())
            .unwrap_or_else(|faults| panic!("{}", faults.render(&source)))
            .plan;
        let counters = Arc::new(Counters::new(&plan));
        let listener: Arc<dyn Listener> = Arc::clone(&counters) as _;
        let server = Server {
            latency: ms(scenario.latency_ms),
            service: ms(scenario.service_ms),
            alone: Mutex::default(),
        };
        let budget = Budget::new(NonZeroU32::new(scenario.connections).unwrap(), plan.api.rate, 1);
        let client = Client::new(Arc::new(server), budget, plan.api.retry, 1, Arc::clone(&listener));
        let options = FlowOptions {
            run: "sim".into(),
            limit: None,
            follow: Follow::default(),
            stop: CancellationToken::new(),
            listener,
        };
        let start = Instant::now();
        flow(&plan, Arc::new(client), vec![Nowhere], options).await.unwrap();
        let took = start.elapsed();
        let snapshot = counters.snapshot();
        for stage in &snapshot.stages {
            let hours = &stage.hours;
            let times =
                if matches!(stage.id.as_str(), "cast") { 1 } else { u32::try_from(hours.workers).unwrap() };
            assert_eq!(
                hours.total(false),
                stage.lasted() * times,
                "{}: not every worker is accounted for",
                stage.id
            );
            let shares: f64 =
                Activity::ALL.iter().filter(|on| !on.is_of_writer()).map(|on| hours.share(*on)).sum();
            assert!(hours.total(false).is_zero() || (shares - 1.0).abs() < 1e-9, "{}: {shares}", stage.id);
        }
        (took, verdict(&snapshot).expect("it ran"))
    });
    simulated::set(Costs::default());
    ended
}

/// Runs a scenario as it is and with each resource doubled, and compares with the verdict.
#[track_caller]
fn check(scenario: Scenario, expect: Resource, stage: &str, knob: Knob) {
    let (took, verdict) = run(scenario);
    let times: Vec<(Knob, Duration)> =
        KNOBS.iter().map(|knob| (*knob, run(scenario.with_twice(*knob)).0)).collect();
    let told = || format!("{took:?} as it is, doubled {times:?}; {verdict:?}");
    let of = |knob: Knob| times.iter().find(|(other, _)| *other == knob).unwrap().1;
    let best = times.iter().map(|(_, time)| *time).min().unwrap();
    // Where two help alike, as half the latency and twice the workers do, the one that can be set is named.
    assert!(of(knob) <= best.mul_f64(1.03), "doubling {knob:?} is not what helps most: {}", told());
    assert!(of(knob) <= took.mul_f64(0.75), "doubling {knob:?} hardly helps: {}", told());
    assert_eq!((verdict.resource, verdict.stage.as_deref()), (expect, Some(stage)), "{}", told());
    assert_eq!(
        verdict.setting.is_some(),
        !matches!(expect, Resource::Server | Resource::Decoding),
        "{}",
        told()
    );
    let of_the_run = matches!(expect, Resource::Rate | Resource::Connections);
    let named = of_the_run || verdict.words.contains(&format!("`{stage}`"));
    assert!(named && verdict.share > 0.5 && verdict.share <= 1.01, "{}", told());
}

#[test]
fn a_rate_that_is_used_up_is_named() {
    check(Scenario { rate: Some(20), ..FREE }, Resource::Rate, "movies", Knob::Rate);
    // Workers wait for connections then, and those for the rate.
    let many = Scenario { rate: Some(40), concurrency: 64, connections: 20, ..FREE };
    check(many, Resource::Rate, "movies", Knob::Rate);
}

#[test]
fn too_little_concurrency_is_named() {
    check(Scenario { concurrency: 4, ..FREE }, Resource::Concurrency, "movies", Knob::Concurrency);
    let slow = Scenario { concurrency: 8, latency_ms: 2000.0, rate: Some(40), ..FREE };
    check(slow, Resource::Concurrency, "movies", Knob::Concurrency);
}

#[test]
fn too_few_connections_are_named() {
    let few = Scenario { concurrency: 32, connections: 4, ..FREE };
    check(few, Resource::Connections, "movies", Knob::Connections);
}

#[test]
fn a_server_at_its_limit_is_named() {
    let slow = Scenario { latency_ms: 5.0, service_ms: 20.0, ..FREE };
    check(slow, Resource::Server, "movies", Knob::Server);
    let with_a_rate = Scenario { rate: Some(120), concurrency: 20, connections: 20, ..slow };
    check(with_a_rate, Resource::Server, "movies", Knob::Server);
}

#[test]
fn a_slow_sink_is_named() {
    check(Scenario { writing_ms: 2.0, ..FREE }, Resource::Writing, "cast", Knob::Writing);
}

#[test]
fn a_starved_feedback_edge_is_named() {
    check(Scenario { take: Some(1), films: 100, ..FREE }, Resource::Found, "next", Knob::Found);
}

#[test]
fn a_run_that_hardly_asks_is_not_told_to_find_more() {
    let (_, verdict) = run(Scenario { take: Some(1), films: 10, ..FREE });
    assert_ne!(verdict.resource, Resource::Found, "{verdict:?}");
}

#[test]
fn slow_decoding_is_named() {
    check(Scenario { decoding_ms: 20.0, ..FREE }, Resource::Decoding, "cast", Knob::Decoding);
}
