//! What it costs to note where time goes and to listen: all that is done of it for one document of a fetch, against the
//! whole of a document's way from body to row.
//!
//! `cargo bench --bench account`. The way of a document is `film/walk` of `body_to_row`, 2 to 4 µs here, and about 40 µs with
//! HTTP and files: 2 % of that are 0.8 µs.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tmdb_etl::event::{Account, Activity, Event, Gauge, Listener};
use tmdb_etl::plan::{self, Options};
use tmdb_etl::report::Counters;
use tmdb_etl::spec::{Source, StageId};

const PIPELINE: &str = "version: 1
name: bench
stages:
  ids: {kind: seed, ids: [1]}
  movies: {kind: fetch, path: '/movie/{id}'}
  films: {kind: project, columns: {id: int64}, output: {path: films.parquet}}
";

fn account(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _entered = runtime.enter();
    let source = Source::new("bench.yaml", PIPELINE);
    let plan = plan::read(&source, &[], &|_| None, &Options::default()).expect("no fault").plan;
    let (counters, account) = (Counters::new(&plan), Arc::new(Account::default()));
    let stage = StageId("movies".into());
    let queue = Gauge::new(|| 0);
    counters.hear(&Event::StageStarted {
        stage: stage.clone(),
        account: Arc::clone(&account),
        queue,
        buffer: 64,
    });
    let _opened = account.open(16);
    criterion.bench_function("time of one document", |bench| {
        bench.iter(|| {
            account.waits_for_input();
            let shift = account.begin();
            let mut span = account.on(Activity::Connection);
            span.turn(Activity::Gate);
            span.turn(Activity::Rate);
            span.turn(Activity::Network);
            account.attempt(black_box(16), black_box(Duration::from_millis(80)));
            span.turn(Activity::Decoding);
            drop(span);
            drop(shift);
        });
    });
    criterion.bench_function("events of one document", |bench| {
        bench.iter(|| {
            counters.hear(&Event::ItemAdmitted { stage: stage.clone() });
            counters.hear(&Event::RequestSent { stage: stage.clone() });
            let latency = black_box(Duration::from_millis(80));
            counters.hear(&Event::DocumentFetched { stage: stage.clone(), bytes: 2000, latency });
        });
    });
    criterion.bench_function("snapshot", |bench| bench.iter(|| black_box(counters.snapshot())));
}

criterion_group!(benches, account);
criterion_main!(benches);
