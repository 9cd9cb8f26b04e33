//! Back-pressure by equality: with a writer that takes nothing, exactly as many items are on their way as the plan
//! says, and not one more.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use futures::future::BoxFuture;
use tmdb_etl::engine::Budget;
use tmdb_etl::event::{Event, Listener};
use tmdb_etl::plan::{self, Plan, Request};
use tmdb_etl::run::{FlowOptions, Follow, RunError, TableSink, flow};
use tmdb_etl::sink::SinkError;
use tmdb_etl::spec::Source;
use tmdb_etl::tmdb::{Client, Response, Transport, TransportError};
use tokio_util::sync::CancellationToken;

/// Answers every request at once; panics on the path that it is told to.
#[derive(Default)]
struct Echo {
    panics_on: Option<&'static str>,
    /// Spaces behind each answer.
    padding: usize,
    alive: Arc<Alive>,
}

/// Bytes of bodies that are still somewhere, and the most that ever were.
#[derive(Default)]
struct Alive {
    bytes: AtomicUsize,
    most: AtomicUsize,
}

/// A body that knows when its last copy is gone.
struct Body(String, Arc<Alive>);

impl Body {
    fn bytes(text: String, alive: &Arc<Alive>) -> Bytes {
        let bytes = alive.bytes.fetch_add(text.len(), Ordering::SeqCst) + text.len();
        alive.most.fetch_max(bytes, Ordering::SeqCst);
        Bytes::from_owner(Self(text, Arc::clone(alive)))
    }
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.1.bytes.fetch_sub(self.0.len(), Ordering::SeqCst);
    }
}

impl Transport for Echo {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        _: Duration,
    ) -> BoxFuture<'a, Result<Response, TransportError>> {
        Box::pin(async move {
            assert_ne!(Some(request.path()), self.panics_on, "the wire is cut");
            let id = request.path().rsplit('/').next().unwrap();
            let text = format!(r#"{{"id":{id}}}{:padding$}"#, "", padding = self.padding);
            Ok(Response { status: 200, body: Body::bytes(text, &self.alive), ..Response::default() })
        })
    }
}

#[derive(Default)]
struct Seeded(AtomicUsize);

impl Listener for Seeded {
    fn hear(&self, event: &Event) {
        if matches!(event, Event::ItemSeeded { .. }) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// A writer that takes its first batch and keeps it until it is let go.
#[derive(Clone, Default)]
struct Blocked {
    open: Arc<(Mutex<bool>, Condvar)>,
    holds: Arc<AtomicBool>,
    rows: Arc<AtomicUsize>,
}

impl Blocked {
    fn let_go(&self) {
        *self.open.0.lock().unwrap() = true;
        self.open.1.notify_all();
    }
}

/// Lets a writer go even when a test fails: a runtime does not end before its blocked threads do.
struct LetGo(Blocked);

impl Drop for LetGo {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

impl TableSink for Blocked {
    type Staged = ();

    fn write(&mut self, batch: &RecordBatch) -> Result<(), SinkError> {
        self.holds.store(true, Ordering::SeqCst);
        let (open, changed) = &*self.open;
        let open = changed.wait_while(open.lock().unwrap(), |open| !*open).unwrap();
        drop(open);
        self.rows.fetch_add(batch.num_rows(), Ordering::SeqCst);
        Ok(())
    }

    fn finish(self) -> Result<(), SinkError> {
        Ok(())
    }
}

fn plan(stages: &str) -> Plan {
    let text = format!(
        "version: 1\nname: line\napi: {{base_url: 'https://sim.test/3', rate: none}}\nmax_failures: 0\nstages:\n{stages}"
    );
    let source = Source::new("line.yaml", text);
    plan::read(&source, &[], &|_| None, &plan::Options::default())
        .unwrap_or_else(|faults| panic!("{}", faults.render(&source)))
        .plan
}

fn client(echo: Echo, plan: &Plan, listener: Arc<dyn Listener>) -> Arc<Client> {
    let budget = Budget::new(plan.api.connections, plan.api.rate, 1);
    Arc::new(Client::new(Arc::new(echo), budget, plan.api.retry, 1, listener))
}

fn options(listener: Arc<dyn Listener>) -> FlowOptions {
    FlowOptions {
        run: "line".into(),
        limit: None,
        follow: Follow::default(),
        stop: CancellationToken::new(),
        listener,
    }
}

/// Blocks the writer of a line, waits until everything stands still, and lets go.
async fn check(stages: &str) {
    let plan = plan(stages);
    let expect = plan.in_flight_when_blocked().expect("a line");
    let (seeded, sink) = (Arc::new(Seeded::default()), Blocked::default());
    let _let_go = LetGo(sink.clone());
    let flowing = flow(
        &plan,
        client(Echo::default(), &plan, seeded.clone()),
        vec![sink.clone()],
        options(seeded.clone()),
    );
    let watching = async {
        // Yielding lets every other task have its turn; when all of them wait, the count stands.
        while !sink.holds.load(Ordering::SeqCst) || seeded.0.load(Ordering::SeqCst) < expect {
            tokio::task::yield_now().await;
        }
        for _ in 0..20_000 {
            tokio::task::yield_now().await;
        }
        let blocked = seeded.0.load(Ordering::SeqCst);
        sink.let_go();
        blocked
    };
    let both = async { tokio::join!(flowing, watching) };
    let (flowed, blocked) =
        tokio::time::timeout(Duration::from_mins(2), both).await.expect("the line stands still too early");
    flowed.unwrap();
    assert_eq!(blocked, expect, "{stages}");
    assert_eq!(sink.rows.load(Ordering::SeqCst), 40_000);
}

const TABLE: &str = "  films: {kind: project, columns: {id: int64}, output: {path: films.parquet}";

#[tokio::test]
async fn blocked_writer_stops_the_seed_at_the_number_that_the_plan_says() {
    let seed = "  ids: {kind: seed, range: 1..40000}\n";
    let fetch = "  movies: {kind: fetch, path: '/movie/{id}'";
    check(&format!("{seed}{fetch}, concurrency: 1, buffer: 1}}\n{TABLE}, buffer: 1}}\n")).await;
    check(&format!("{seed}{fetch}, concurrency: 16, buffer: 64}}\n{TABLE}}}\n")).await;
    let filter = "  some: {kind: filter, where: '.id > 0', buffer: 5}\n";
    check(&format!(
        "{seed}{fetch}, concurrency: 7, buffer: 3}}\n{filter}{TABLE}, order: arrival, buffer: 2}}\n"
    ))
    .await;
}

#[tokio::test]
async fn blocked_writer_stops_the_fetching_when_the_memory_is_full() {
    const MEMORY: usize = 2 << 20;
    const BODY: usize = 20_000;
    for order in ["input", "arrival"] {
        // The buffers alone would take 160 MB.
        let mut plan = plan(&format!(
            "  ids: {{kind: seed, range: 1..5000}}\n  movies: {{kind: fetch, path: '/movie/{{id}}', concurrency: 16, buffer: 4000}}\n  \
             some: {{kind: filter, where: '.id > 0', buffer: 4000}}\n{TABLE}, order: {order}, buffer: 4000}}\n"
        ));
        plan.memory = MEMORY as u64;
        let alive = Arc::new(Alive::default());
        let echo = Echo { padding: BODY, alive: Arc::clone(&alive), ..Echo::default() };
        let (seeded, sink) = (Arc::new(Seeded::default()), Blocked::default());
        let _let_go = LetGo(sink.clone());
        let flowing =
            flow(&plan, client(echo, &plan, seeded.clone()), vec![sink.clone()], options(seeded.clone()));
        let watching = async {
            // Full, but for what is reserved or held by batches; a batch that fills up on the way makes room once more, so
            // it is full when it stands still.
            let bytes = || alive.bytes.load(Ordering::SeqCst);
            loop {
                while !sink.holds.load(Ordering::SeqCst) || bytes() < MEMORY / 2 {
                    tokio::task::yield_now().await;
                }
                let before = bytes();
                for _ in 0..20_000 {
                    tokio::task::yield_now().await;
                }
                if bytes() == before {
                    break;
                }
            }
            sink.let_go();
        };
        let both = async { tokio::join!(flowing, watching) };
        let (flowed, ()) =
            tokio::time::timeout(Duration::from_mins(2), both).await.expect("the memory is never full");
        flowed.unwrap();
        assert_eq!(sink.rows.load(Ordering::SeqCst), 5000);
        assert_eq!(alive.bytes.load(Ordering::SeqCst), 0);
        // The sixteen that are asked for at once may turn out larger than expected.
        let most = alive.most.load(Ordering::SeqCst);
        assert!(most <= MEMORY + 16 * BODY, "{order}: {most} bytes");
    }
}

#[tokio::test]
async fn panic_in_a_stage_ends_the_run_and_names_the_stage() {
    let plan = plan(&format!(
        "  ids: {{kind: seed, range: 1..40000}}\n  movies: {{kind: fetch, path: '/movie/{{id}}'}}\n{TABLE}}}\n"
    ));
    let listener: Arc<dyn Listener> = Arc::new(Seeded::default());
    let sink = Blocked::default();
    sink.let_go();
    let client = client(Echo { panics_on: Some("/movie/777"), ..Echo::default() }, &plan, listener.clone());
    let error = flow(&plan, client, vec![sink], options(listener)).await.err().expect("it cannot end well");
    let RunError::Panicked { stage, message } = error else { panic!("{error}") };
    assert_eq!(stage, "movies");
    assert!(message.contains("the wire is cut"), "{message}");
}
