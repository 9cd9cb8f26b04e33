//! What a turn of the budget costs: 1,000 requests wait in three lanes, each goes as soon as it may, and comes again.
//!
//! `cargo bench --bench limiter`: time for a turn, on one thread. `queued` is bounded by connections, so that every turn is handed
//! on by whoever is done; `paced` by a rate that the clock can just keep, so that one of the waiters sleeps for all.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tmdb_etl::engine::{Budget, Lane};
use tmdb_etl::spec::{Rate, RunRate};

const WAITERS: u64 = 1000;
const TURNS_EACH: u64 = 20;

fn turns(connections: u32, rate: RunRate) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    runtime.block_on(local.run_until(async {
        let budget = Arc::new(Budget::new(NonZeroU32::new(connections).expect("not 0"), rate, 1));
        let lanes: [Lane; 3] =
            [budget.lane(None, Some(0.5)), budget.lane(None, Some(0.25)), budget.lane(None, None)];
        let mut tasks = tokio::task::JoinSet::new();
        for waiter in 0..WAITERS {
            let (budget, lane) = (Arc::clone(&budget), lanes[usize::try_from(waiter % 3).expect("below 3")]);
            tasks.spawn_local(async move {
                for _ in 0..TURNS_EACH {
                    let passage = budget.enter(lane).await;
                    tokio::task::yield_now().await;
                    drop(passage);
                }
            });
        }
        while tasks.join_next().await.is_some() {}
    }));
}

fn limiter(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("limiter");
    group.throughput(Throughput::Elements(WAITERS * TURNS_EACH));
    group.sample_size(20);
    group.bench_function("queued", |bencher| bencher.iter(|| turns(64, RunRate::Unlimited)));
    let rate = Rate { limit: 200_000.0, per: Duration::from_secs(1), burst: None };
    group.bench_function("paced", |bencher| bencher.iter(|| turns(2000, RunRate::Limited(rate))));
    group.finish();
}

criterion_group!(benches, limiter);
criterion_main!(benches);
