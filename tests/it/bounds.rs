//! The bounds of `plan` against what runs do: at least, at most, for every stage.

use std::sync::Arc;

use serde_json::Value;
use tmdb_etl::mock::{self, Config};
use tmdb_etl::plan::{self, Outlook};
use tmdb_etl::report::Counters;
use tmdb_etl::run::{Job, run_job};
use tmdb_etl::spec::Source;
use tmdb_etl::tmdb::{Clock, Credential, Http};
use tokio_util::sync::CancellationToken;

/// Runs `stages` and compares the requests of every stage with what its plan says.
async fn check(stages: &str, limit: Option<u64>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ids.csv"), "id\n1726\n24428\n\n24428\n1\n").unwrap();
    let file = folder.path().join("ids.csv");
    let stages = stages.replace("ids.csv", &file.display().to_string());
    let text = format!(
        "version: 1\nname: p\napi: {{rate: 2000/s}}\nmax_failures: 100%\nstages:\n{stages}  t: {{kind: project, columns: {{id: int64}}, output: {{path: t.parquet}}}}\n"
    );
    let mock = mock::start(Config::default()).await.unwrap();
    let options = plan::Options {
        out: Some(folder.path().to_owned()),
        base_url: Some(mock.base_url()),
        ..plan::Options::default()
    };
    let source = Source::new("p.yaml", text);
    let plan = plan::read(&source, &[], &|_| None, &options)
        .unwrap_or_else(|faults| panic!("{}", faults.render(&source)))
        .plan;
    let told = plan::to_json(&plan, &Outlook { limit, ..Outlook::default() });
    let counters = Arc::new(Counters::new(&plan));
    let transport = Http::new(&mock.base_url(), &plan.api, Some(Credential::Token("any".into()))).unwrap();
    let job = Job {
        plan,
        transport: Arc::new(transport),
        source: "mock".into(),
        state: folder.path().join("state"),
        limit,
        fresh: false,
        clock: Clock::default(),
        seed: 1,
        stop: CancellationToken::new(),
        listener: Arc::clone(&counters) as _,
        counts: Box::new(|| Value::Null),
    };
    run_job(job).await.unwrap_or_else(|error| panic!("{error}\n{stages}"));
    mock.stop().await;
    let snapshot = counters.snapshot();
    let holds = |bounds: &Value, requests: u64, what: &str| {
        let least = bounds["least"].as_u64().unwrap_or(0);
        let most = bounds["most"].as_u64();
        // A stage that asks nothing has no bounds.
        let most = if bounds.is_null() { Some(0) } else { most };
        assert!(
            least <= requests && most.is_none_or(|most| requests <= most),
            "{what}: {requests} requests, {bounds}\n{stages}"
        );
    };
    for (stage, asked) in told["stages"].as_array().unwrap().iter().zip(&snapshot.stages) {
        holds(&stage["requests"], asked.requests, &asked.id);
    }
    let all = snapshot.totals().requests;
    assert!(all > 0);
    holds(&told["requests"], all, "total");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_keeps_within_the_bounds_of_its_plan() {
    let films = "  films: {kind: fetch, path: '/movie/{id}', append: [credits]}\n";
    let seeds = [
        "ids: [1726, 1726, 24428, 999999999]",
        "items: [{id: 1726}, {other: 2}, {id: 24428, x: 1}]",
        "range: 1..30",
        "range: 1..30, where: '.id > 20'",
        "path: /discover/movie, pages: 3",
        "path: /discover/movie, pages: 2, where: '.id > 100'",
        "file: ids.csv",
        "file: {path: ids.csv, column: id}, where: '.id > 5'",
    ];
    for seed in seeds {
        for limit in [None, Some(1), Some(3)] {
            check(&format!("  ids: {{kind: seed, {seed}}}\n{films}"), limit).await;
        }
    }
    let one = format!("  ids: {{kind: seed, ids: [24428, 1726]}}\n{films}");
    let similar = |keys: &str| {
        format!("{one}  more: {{kind: expand, path: '/movie/{{id}}/similar', into: films, {keys}}}\n")
    };
    check(&similar("take: 2, max_depth: 2, max_items: 100"), None).await;
    check(&similar("take: 3, max_depth: 3, max_items: 5, pages: 2"), None).await;
    check(&similar("take: 3, max_depth: 3, max_items: 5, pages: 2, fuse: false"), None).await;
    check(&similar("max_depth: 1, max_items: 100"), Some(1)).await;
    check(&similar("max_depth: 0, max_items: 9, when: '.vote_count > 1'"), None).await;
    let people = format!(
        "{one}  cast: {{kind: expand, items: '.credits.cast[]', take: 4}}\n  \
         people: {{kind: fetch, from: cast.found, path: '/person/{{id}}', append: [movie_credits]}}\n  \
         known: {{kind: expand, from: people, items: '.movie_credits.cast[]', take: 3, into: films, max_depth: 3, max_items: 20}}\n  \
         old: {{kind: filter, from: films, where: '.id > 1000'}}\n  \
         lists: {{kind: expand, path: '/movie/{{id}}/recommendations', from: old}}\n"
    );
    check(&people, None).await;
    check("  ids: {kind: seed, range: 1..9}\n  one: {kind: fetch, path: /movie/popular}\n", None).await;
}
