//! What it takes to admit an item that was found, and to hand it out: 20 under each parent, as a page of TMDB has.
//!
//! `cargo bench --bench frontier_admit`. Before that, the bytes that a million keys hold while they wait, for each; the
//! promise is less than 64.

#![allow(missing_docs, reason = "criterion's macros write functions without docs")]

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;
use tmdb_etl::engine::{
    EdgeId, Errand, Feed, Frontier, FrontierEdge, FrontierPlan, Parcel, Receiver, Slot, edge,
};
use tmdb_etl::plan::{Item, Key};

const FOUND: u64 = 20;

/// A loop through one stage; what it hands out.
fn start(parents: u64) -> (tokio::task::JoinSet<()>, Receiver<Errand>) {
    let key = |item: &Item| Key::Number(u32::try_from(item.fields["id"].as_u64().unwrap()).unwrap());
    let frontier = Frontier::new(FrontierPlan {
        keys: vec![Box::new(key)],
        edges: vec![FrontierEdge { to: Slot(0), max_items: u64::MAX, take: Some(FOUND), max_depth: None }],
        loops: true,
        keeps: false,
    });
    let (seeds, items) = edge(1);
    let (stage, handed_out) = edge(64);
    let mut tasks = tokio::task::JoinSet::new();
    let feed = Feed { slot: Slot(0), edge: None, items, eager: false };
    tasks.spawn(frontier.clone().feed(vec![feed]));
    tasks.spawn(async move { frontier.hand_out(Slot(0), stage).await.unwrap() });
    tasks.spawn(async move {
        for id in 0..parents {
            seeds.send(Item::seed(json!({ "id": id }))).await.unwrap();
        }
    });
    (tasks, handed_out)
}

/// What is found under one parent.
fn found(item: &Item, parents: u64) -> Vec<Item> {
    let parent = item.fields["id"].as_u64().unwrap();
    let found = (0..FOUND).map(|n| Item {
        // Spread over a million and a half, as the ids of films are.
        fields: Arc::new(json!({ "id": parents + (parent * FOUND + n) * 9_973 % 1_700_021 })),
        parent: Some(Arc::clone(&item.fields)),
        seed: Arc::clone(&item.seed),
        depth: 1,
        rank: u32::try_from(n).unwrap(),
    });
    found.collect()
}

async fn crawl(parents: u64) -> u64 {
    let (tasks, mut handed_out) = start(parents);
    let mut count = 0;
    while let Some(Errand::Item(Parcel { value, token })) = handed_out.recv().await {
        count += 1;
        if value.depth == 0 {
            token.unwrap().found(EdgeId(0), found(&value, parents));
        }
    }
    tasks.join_all().await;
    count
}

/// Bytes for each key of so many that wait: the parents are held until all is found.
fn bytes_per_key(parents: u64) -> (u64, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut keys = 0;
    let info = allocation_counter::measure(|| {
        runtime.block_on(async {
            let (tasks, mut handed_out) = start(parents);
            let mut held = Vec::new();
            for _ in 0..parents {
                let Some(Errand::Item(Parcel { value, token })) = handed_out.recv().await else {
                    panic!("it was fed")
                };
                token.as_ref().unwrap().found(EdgeId(0), found(&value, parents));
                held.push(token);
            }
            held.clear();
            while handed_out.recv().await.is_some() {
                keys += 1;
            }
            tasks.join_all().await;
        });
    });
    (keys, info.bytes_max / keys)
}

fn admit(criterion: &mut Criterion) {
    let (keys, bytes) = bytes_per_key(50_000);
    println!(
        "{keys} keys of ids: {bytes} bytes for each at most, with the tokens of those that were handed out"
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut group = criterion.benchmark_group("frontier");
    group.throughput(Throughput::Elements(1_000 * (FOUND + 1)));
    group.bench_function("admit", |bencher| {
        bencher.iter_batched(|| (), |()| runtime.block_on(crawl(1_000)), BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, admit);
criterion_main!(benches);
