//! What it takes to go through a stage that does nothing: an edge in, a task, the window, an edge out.
//!
//! `cargo bench --bench hop`: time for a value, by order and concurrency, on the runtime that runs have.

#![allow(missing_docs, reason = "criterion's macros write functions without docs")]

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tmdb_etl::engine::{Sender, Turn, Work, edge, run_stage};
use tmdb_etl::event::Account;
use tmdb_etl::plan::Hands;
use tmdb_etl::spec::Order;

const VALUES: u64 = 20_000;
const BUFFER: usize = 64;

/// Hands on what comes.
struct Nothing {
    account: Arc<Account>,
    to: Sender<u64>,
}

impl Work for Nothing {
    type In = u64;
    type Out = u64;
    type Stashed = Infallible;
    type Error = ();

    async fn work(self: Arc<Self>, value: u64, _: Turn) -> Result<u64, ()> {
        Ok(value)
    }

    fn account(&self) -> &Arc<Account> {
        &self.account
    }

    async fn deliver(&self, value: u64) -> Result<(), ()> {
        self.to.send(value).await.map_err(|_| ())
    }

    fn bytes(&self, _: &u64) -> usize {
        0
    }

    async fn stash(self: Arc<Self>, value: u64) -> Result<Infallible, u64> {
        Err(value)
    }

    async fn restore(&self, stashed: Infallible, _: Turn) -> Result<u64, ()> {
        match stashed {}
    }
}

async fn through(concurrency: u32, order: Order) -> u64 {
    let (first, input) = edge(BUFFER);
    let (to, mut last) = edge(BUFFER);
    let hands = Hands::new(NonZeroU32::new(concurrency).expect("not 0"), order);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        for value in 0..VALUES {
            first.send(value).await.expect("the stage is there");
        }
    });
    let stage = Arc::new(Nothing { account: Arc::default(), to });
    tasks.spawn(async move { run_stage(hands, input, stage, || false).await.expect("nothing fails") });
    let mut sum = 0;
    while let Some(value) = last.recv().await {
        sum += value;
    }
    tasks.join_all().await;
    sum
}

fn hop(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().expect("a runtime");
    let mut group = criterion.benchmark_group("hop");
    group.throughput(Throughput::Elements(VALUES));
    group.sample_size(20);
    for (name, concurrency, order) in
        [("one", 1, Order::Input), ("64 by input", 64, Order::Input), ("64 by arrival", 64, Order::Arrival)]
    {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                assert_eq!(runtime.block_on(through(concurrency, order)), VALUES * (VALUES - 1) / 2);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, hop);
criterion_main!(benches);
