//! Real answers through the client and through tables with every field, and the embedded API through the same tables.
//!
//! The recordings are TMDB's and not part of this repository: where they are not beside it, their tests say so and
//! pass. What the embedded API is held to, it is held to everywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::Array;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use serde_json::json;
use tmdb_etl::engine::{Budget, Lane};
use tmdb_etl::event::{Event, Listener};
use tmdb_etl::mock::{self, Config, Mock};
use tmdb_etl::plan::expr::RunScope;
use tmdb_etl::plan::{self, Document, Item, Request, TablePlan};
use tmdb_etl::project::Projector;
use tmdb_etl::spec::{Api, Retry, RunRate, StageId};
use tmdb_etl::tmdb::{Answer, AskError, Caller, Client, Credential, Fatal, Http, Transport as _};

/// One line of the index.
struct Recorded {
    request: String,
    status: u16,
    body: Bytes,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tmdb/recordings")
}

/// All recordings, if they are at hand.
fn recorded() -> Option<Vec<Recorded>> {
    let folder = folder();
    let Ok(index) = fs::read_to_string(folder.join("../index.tsv")) else {
        eprintln!("skipped: there are no recordings in {}", folder.display());
        return None;
    };
    let line = |line: &str| {
        let columns: Vec<_> = line.split('\t').collect();
        let body = fs::read(folder.join(columns[2])).unwrap_or_else(|error| panic!("{line}: {error}")).into();
        Recorded { request: columns[0].to_owned(), status: columns[1].parse().unwrap(), body }
    };
    Some(index.lines().skip(1).map(line).collect())
}

struct Deaf;
impl Listener for Deaf {
    fn hear(&self, _: &Event) {}
}

fn http(base_url: &str) -> Http {
    Http::new(base_url, &Api::default(), Some(Credential::Token("any".into()))).unwrap()
}

/// The request as it is written in the index or in a list of paths.
fn request(text: &str) -> Request {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let pairs: Vec<_> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (decoded(name), decoded(value))).collect();
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Request::new(path, &pairs)
}

async fn ask(http: Http, request: &Request) -> Result<Answer, AskError> {
    let budget = Budget::new(NonZeroU32::MIN, RunRate::Unlimited, 1);
    let client = Client::new(Arc::new(http), budget, Retry::default(), 1, Arc::new(Deaf));
    let caller = Caller {
        stage: StageId("bodies".into()),
        lane: Lane::default(),
        workers: None,
        timeout: Duration::from_secs(10),
        account: Arc::default(),
    };
    client.ask(&caller, request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_answer_comes_through_the_client_as_what_it_is() {
    let Some(recorded) = recorded() else { return };
    let mock = mock::start(Config { recordings: Some(folder()), ..Config::default() }).await.unwrap();
    for Recorded { request: text, status, body } in recorded {
        let (base_url, target) = match text.strip_prefix("/3") {
            Some(target) => (mock.base_url(), target),
            None => (mock.base_url().trim_end_matches("/3").to_owned(), text.as_str()),
        };
        let request = request(target);
        let response = http(&base_url).send(&request, Duration::from_secs(10)).await.unwrap();
        assert_eq!(response.status, status, "{text}");
        assert!(response.body == body, "{text}: another body");
        match (status, ask(http(&base_url), &request).await) {
            (200, Ok(Answer::Document { body: document, .. })) => assert!(document == body, "{text}"),
            // More than one line of an export is no JSON.
            (200, Err(AskError::Failed(_))) => assert!(text.starts_with("/p/exports/"), "{text}"),
            (404, Ok(Answer::Missing { .. }))
            | (401, Err(AskError::Fatal(Fatal::Unauthorized { code: Some(7), .. }))) => {}
            (_, other) => panic!("{text}: {other:?}"),
        }
    }
    mock.stop().await;
}

/// Which tables a body is for, by its path.
fn tables_of(request: &str) -> &'static [&'static str] {
    let path = request.split('?').next().unwrap_or_default();
    let parts: Vec<_> = path.trim_start_matches("/3").split('/').filter(|part| !part.is_empty()).collect();
    match parts[..] {
        ["movie" | "tv" | "person", "changes"] => &["changes"],
        ["movie", "popular" | "top_rated" | "upcoming" | "now_playing"]
        | ["discover" | "search", "movie"]
        | ["company" | "keyword", _, "movies"]
        | ["movie", _, "similar"]
        | ["collection", _] => &["film_item"],
        ["movie", _, "recommendations"] | ["trending", "movie", _] => &["film_item", "typed_item"],
        ["tv", "popular" | "top_rated" | "on_the_air" | "airing_today"]
        | ["discover" | "search", "tv"]
        | ["tv", _, "similar"] => &["series_item"],
        ["tv", _, "recommendations"] | ["trending", "tv", _] => &["series_item", "typed_item"],
        ["movie", _] => &["film"],
        ["tv", _] => &["series"],
        ["person", _] if path != "/3/person/popular" && path != "/person/popular" => &["person"],
        ["movie" | "tv", _, "credits"] => &["cast", "crew"],
        ["person", _, "movie_credits"] => &["roles", "jobs"],
        ["tv", _, "season", _] => &["season", "episodes"],
        ["genre", _, "list"] => &["genres"],
        ["movie" | "tv", _, "keywords"] => &["keywords"],
        ["movie", _, "release_dates"] => &["releases"],
        _ => &[],
    }
}

/// The tables of `columns.yaml`, by name.
fn tables() -> BTreeMap<String, Arc<TablePlan>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/recordings/columns.yaml");
    let source = tmdb_etl::spec::read(&path).expect("a file of these tests");
    let read = plan::read(
        &source,
        &[],
        &|_| None,
        &plan::Options { out: None, base_url: None, ..plan::Options::default() },
    );
    let plan = read.unwrap_or_else(|faults| panic!("{}", faults.render(&source))).plan;
    plan.tables().map(|(_, table)| (table.stage.to_string(), Arc::clone(table))).collect()
}

/// What became of some bodies in one table.
#[derive(Default)]
struct Found {
    rows: u64,
    /// Columns that were never anything but null.
    empty: BTreeSet<String>,
    /// Mismatches and errors: column and count.
    faults: Vec<(String, u64)>,
}

fn project(table: &Arc<TablePlan>, bodies: &[Bytes]) -> Found {
    let mut projector = Projector::new(Arc::clone(table), Arc::new(RunScope::default()), 1024);
    let mut batches: Vec<RecordBatch> = Vec::new();
    for body in bodies {
        let item = Item::seed(json!({"id": 1}));
        let document = Document::new(item, body.clone(), None);
        projector.push(&document, &mut batches).unwrap();
    }
    batches.extend(projector.finish());
    let counts = projector.counts();
    assert_eq!((counts.broken, counts.rows_errors, counts.dropped), (0, 0, 0), "{}", table.stage);
    let mut found = Found { rows: counts.rows, ..Found::default() };
    for (index, (column, counts)) in table.columns.iter().zip(&counts.columns).enumerate() {
        if batches.iter().all(|batch| batch.column(index).null_count() == batch.num_rows()) {
            found.empty.insert(column.name.to_string());
        }
        let faults = counts.mismatches + counts.errors;
        if faults > 0 {
            found.faults.push((column.name.to_string(), faults));
        }
    }
    found
}

/// Projects every body into its tables and compares: columns that are null in all of a table's bodies, and faults.
#[track_caller]
fn check(bodies: &[(String, Bytes)], empty: &[(&str, &str)], faults: &[(&str, &str, u64)]) {
    let tables = tables();
    let (mut got_empty, mut got_faults) = (BTreeSet::new(), Vec::new());
    for (name, table) in &tables {
        let ours: Vec<_> = bodies
            .iter()
            .filter(|(request, _)| tables_of(request).contains(&name.as_str()))
            .map(|(_, body)| body.clone())
            .collect();
        assert!(!ours.is_empty(), "no body for `{name}`");
        let found = project(table, &ours);
        assert!(found.rows > 0, "no row for `{name}`");
        got_empty.extend(found.empty.into_iter().map(|column| (name.clone(), column)));
        got_faults.extend(found.faults.into_iter().map(|(column, count)| (name.clone(), column, count)));
    }
    let empty: BTreeSet<_> =
        empty.iter().map(|&(table, column)| (table.to_owned(), column.to_owned())).collect();
    let faults: Vec<_> =
        faults.iter().map(|&(table, column, count)| (table.to_owned(), column.to_owned(), count)).collect();
    assert_eq!((got_faults, got_empty), (faults, empty));
}

#[test]
fn recorded_answers_fit_tables_with_every_field() {
    let Some(recorded) = recorded() else { return };
    let bodies: Vec<_> = recorded
        .into_iter()
        .filter(|recorded| recorded.status == 200)
        .map(|recorded| (recorded.request, recorded.body))
        .collect();
    // Null in every recording, as only people who are alive and series that have ended were recorded.
    let null = [("person", "deathday"), ("person", "homepage"), ("series", "next_episode_day")];
    check(&bodies, &null, &[]);
}

/// The bodies that the embedded API answers to these paths.
async fn served(mock: &Mock, paths: impl IntoIterator<Item = String>) -> Vec<(String, Bytes)> {
    let http = http(&mock.base_url());
    let mut bodies = Vec::new();
    for path in paths {
        let response = http.send(&request(&path), Duration::from_secs(10)).await.unwrap();
        assert!(matches!(response.status, 200 | 404), "{path}: {}", response.status);
        if response.status == 200 {
            bodies.push((path, response.body));
        }
    }
    bodies
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_api_fits_the_same_tables() {
    let mock = mock::start(Config::default()).await.unwrap();
    let mut paths: Vec<String> = Vec::new();
    for id in (1..150).chain([1726, 24428, 299_534, 299_536]) {
        for rest in ["", "/credits", "/similar", "/recommendations", "/keywords", "/release_dates"] {
            paths.push(format!("/movie/{id}{rest}"));
        }
    }
    for id in 1..60 {
        for rest in ["", "/credits", "/similar", "/season/1"] {
            paths.push(format!("/tv/{id}{rest}"));
        }
    }
    for id in (1_001..1_010).chain(100_000..100_150) {
        paths.extend([format!("/person/{id}"), format!("/person/{id}/movie_credits")]);
    }
    let lists = ["popular", "top_rated", "upcoming", "now_playing"].map(|list| format!("/movie/{list}"));
    paths.extend(lists);
    paths.extend((1..4).map(|page| format!("/discover/movie?page={page}")));
    paths.extend((3_001..3_005).map(|id| format!("/keyword/{id}/movies")));
    paths.extend((700_001..700_004).map(|id| format!("/collection/{id}")));
    let others = ["/search/movie?query=the", "/trending/movie/week", "/movie/changes", "/genre/movie/list"];
    paths.extend(others.map(str::to_owned));
    // As in every recording.
    let null = [("person", "homepage"), ("series", "next_episode_day")];
    check(&served(&mock, paths).await, &null, &[]);
    mock.stop().await;
}
