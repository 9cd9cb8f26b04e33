//! Whole runs of the shipped pipelines against the embedded API, over HTTP, down to the bytes of the tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tmdb_etl::event::{Event, Listener};
use tmdb_etl::mock::{self, Config, FaultKind, Mock};
use tmdb_etl::plan::{self, Plan};
use tmdb_etl::run::{Job, Published, RunError, run_job};
use tmdb_etl::spec;
use tmdb_etl::tmdb::{Clock, Credential, Http};
use tokio_util::sync::CancellationToken;

/// The files in `pipelines/`.
const SHIPPED: [&str; 7] = [
    "costars.yaml",
    "filmography.yaml",
    "marvel.yaml",
    "marvel_similar.yaml",
    "series.yaml",
    "studio.yaml",
    "top_rated.yaml",
];

/// Those of them that load folders, night after night or for hours.
const SCHEDULED: [&str; 2] = ["catalogue.yaml", "nightly.yaml"];

struct Deaf;
impl Listener for Deaf {
    fn hear(&self, _: &Event) {}
}

/// A shipped pipeline, at full speed, with its outputs below `out`.
fn pipeline(name: &str, out: &Path, base_url: &str) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines").join(name);
    let source = spec::read(&path).expect("a shipped pipeline can be read");
    let options = plan::Options {
        out: Some(out.to_owned()),
        base_url: Some(base_url.to_owned()),
        ..plan::Options::default()
    };
    let mut plan = plan::read(&source, &[], &|_| None, &options)
        .unwrap_or_else(|faults| panic!("{}", faults.render(&source)))
        .plan;
    plan.api.rate = spec::RunRate::Unlimited;
    plan
}

pub(crate) async fn run(plan: Plan, mock: &Mock, state: &Path) -> Result<Published, RunError> {
    run_limited(plan, mock, state, None).await
}

async fn run_limited(
    plan: Plan,
    mock: &Mock,
    state: &Path,
    limit: Option<u64>,
) -> Result<Published, RunError> {
    let token = Credential::Token("any".into());
    let transport = Http::new(&mock.base_url(), &plan.api, Some(token)).expect("a loopback URL");
    run_job(Job {
        plan,
        transport: Arc::new(transport),
        source: "mock".into(),
        state: state.to_owned(),
        limit,
        fresh: false,
        clock: Clock::default(),
        seed: 1,
        stop: CancellationToken::new(),
        listener: Arc::new(Deaf),
        counts: Box::new(|| serde_json::Value::Null),
    })
    .await
}

/// What a run left, by table.
struct Tables {
    bytes: BTreeMap<String, Vec<u8>>,
    rows: BTreeMap<String, u64>,
    /// How many kinds of faults the server served.
    fault_kinds: usize,
}

/// Runs a pipeline with these settings.
async fn tables(name: &str, config: Config, change: impl FnOnce(&mut Plan)) -> Tables {
    let folder = tempfile::tempdir().unwrap();
    let mock = mock::start(config).await.unwrap();
    let mut plan = pipeline(name, &folder.path().join("out"), &mock.base_url());
    change(&mut plan);
    let published =
        run(plan, &mock, &folder.path().join("state")).await.unwrap_or_else(|error| panic!("{error}"));
    let fault_kinds = mock.stats().faults.values().filter(|count| **count > 0).count();
    mock.stop().await;
    let bytes = published
        .tables
        .iter()
        .map(|table| (table.name.clone(), std::fs::read(&table.path).unwrap()))
        .collect();
    let rows = published.tables.iter().map(|table| (table.name.clone(), table.rows)).collect();
    Tables { bytes, rows, fault_kinds }
}

fn settings(concurrency: u32, buffer: usize) -> impl FnOnce(&mut Plan) {
    move |plan| {
        for stage in &mut plan.stages {
            stage.concurrency = NonZeroU32::new(concurrency).unwrap();
            stage.buffer = buffer;
        }
    }
}

fn assert_same(got: &Tables, expect: &Tables, what: &str) {
    let (got, expect) = (&got.bytes, &expect.bytes);
    assert_eq!(got.keys().collect::<Vec<_>>(), expect.keys().collect::<Vec<_>>());
    for (table, bytes) in expect {
        assert!(got[table] == *bytes, "table `{table}` differs: {what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_have_the_same_bytes_at_every_concurrency_and_buffer() {
    for name in SHIPPED {
        let expect = tables(name, Config::default(), settings(1, 1)).await;
        // Answers overtake each other in another way each time.
        let late = |mean: u64| mock::Latency {
            mean: Duration::from_millis(mean),
            jitter: Duration::from_millis(mean),
        };
        for (concurrency, buffer, mean) in
            [(1, 256, 1), (7, 1, 2), (7, 256, 5), (64, 1, 5), (64, 256, 2), (64, 256, 0)]
        {
            let config = Config { latency: late(mean), ..Config::default() };
            let got = tables(name, config, settings(concurrency, buffer)).await;
            let what =
                format!("{name}, concurrency {concurrency}, buffer {buffer}, answers after {mean} ms or so");
            assert_same(&got, &expect, &what);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_have_the_same_bytes_fused_and_unfused() {
    for name in SHIPPED {
        let fused = tables(name, Config::default(), |_| {}).await;
        let apart = tables(name, Config::default(), crate::fusion::unfuse).await;
        assert_same(&fused, &apart, &format!("{name}, fused and unfused"));
    }
}

#[test]
fn every_shipped_pipeline_is_tested_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut tested = [&SHIPPED[..], &SCHEDULED].concat();
    tested.sort_unstable();
    assert_eq!(names, tested);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scheduled_pipelines_load_their_folders() {
    const LIMIT: u64 = 60;
    for name in SCHEDULED {
        if name == "nightly.yaml" && !cfg!(feature = "delta") {
            // Of this pipeline another build has the table; this one says which.
            refused_without_delta_tables(name);
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let (out, state) = (folder.path().join("out"), folder.path().join("state"));
        let mock = mock::start(Config::default()).await.unwrap();
        let load = || run_limited(pipeline(name, &out, &mock.base_url()), &mock, &state, Some(LIMIT));
        let rows = |published: &Published| {
            let films = published.tables.iter().find(|table| table.name == "films").expect("its films");
            assert!(films.path.is_dir(), "{name}: {}", films.path.display());
            films.rows
        };
        let first = load().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(rows(&first), LIMIT, "{name}: the export lists films that there are");
        let years = std::fs::read_dir(&first.tables[0].path)
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("year="))
            .count();
        if name == "catalogue.yaml" {
            assert!(years > 10, "{years} years of {LIMIT} films");
        } else {
            // The next night takes others: what was loaded is young.
            let files = |path: &Path| std::fs::read_dir(path).unwrap().count();
            let before = files(&first.tables[0].path);
            let second = load().await.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(rows(&second), LIMIT, "{name}");
            assert!(files(&second.tables[0].path) > before, "the second load stands beside the first");
        }
        mock.stop().await;
    }
}

/// A build without Delta tables tells where they are asked for, and how to come by them.
fn refused_without_delta_tables(name: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_tmdb-etl"))
        .args(["validate", &format!("pipelines/{name}")])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    let place = told.contains("error[not-in-this-build]") && told.contains("format: delta");
    assert!(place && told.contains("`cargo build --release --features delta`"), "{told}");
}

#[test]
fn catalogue_takes_as_long_as_it_says() {
    let output = Command::new(env!("CARGO_BIN_EXE_tmdb-etl"))
        .args(["plan", "pipelines/catalogue.yaml"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("about 8.6 h at 40/s"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shipped_pipelines_give_the_rows_that_they_promise() {
    let mut shown = String::new();
    for name in SHIPPED {
        let tables = tables(name, Config::default(), |_| {}).await;
        for (table, bytes) in tables.bytes {
            let rows = tables.rows[&table];
            writeln!(shown, "{name}, {table}, {rows} rows\n{}", first_rows(bytes)).unwrap();
        }
    }
    insta::assert_snapshot!(shown);
}

/// The first two rows of a Parquet file, a line for each column.
fn first_rows(file: Vec<u8>) -> String {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file)).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.take(1).map(Result::unwrap).collect();
    let Some(batch) = batches.first() else { return String::new() };
    let options = FormatOptions::default().with_null("-");
    let mut shown = String::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let values = ArrayFormatter::try_new(column.as_ref(), &options).unwrap();
        let values: Vec<String> =
            (0..batch.num_rows().min(2)).map(|row| values.value(row).to_string()).collect();
        writeln!(shown, "  {}: {}", field.name(), values.join(" | ")).unwrap();
    }
    shown
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_the_server_change_no_byte() {
    let kinds =
        [FaultKind::Status500, FaultKind::TooManyRequests, FaultKind::Html, FaultKind::Cut, FaultKind::Reset];
    let faults = kinds.map(|kind| mock::Fault { kind, share: 0.05 }).to_vec();
    let expect = tables("costars.yaml", Config::default(), |_| {}).await;
    let config = Config { faults, ..Config::default() };
    let got = tables("costars.yaml", config, |_| {}).await;
    assert_eq!((expect.fault_kinds, got.fault_kinds), (0, 5));
    assert_same(&got, &expect, "5 % each of 500, 429, HTML 502, cut body and reset");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_run_leaves_the_previous_tables() {
    let folder = tempfile::tempdir().unwrap();
    let (out, state) = (folder.path().join("out"), folder.path().join("state"));
    let mock = mock::start(Config::default()).await.unwrap();
    let first = run(pipeline("marvel.yaml", &out, &mock.base_url()), &mock, &state).await.unwrap();
    let before: Vec<Vec<u8>> = first.tables.iter().map(|table| std::fs::read(&table.path).unwrap()).collect();
    mock.stop().await;

    let dead = mock::Fault { kind: FaultKind::Dead, share: 0.3 };
    let mock = mock::start(Config { faults: vec![dead], ..Config::default() }).await.unwrap();
    let mut plan = pipeline("marvel.yaml", &out, &mock.base_url());
    plan.api.retry.attempts = NonZeroU32::MIN;
    plan.api.keep = None;
    let error = run(plan, &mock, &state).await.unwrap_err();
    assert!(matches!(error, RunError::TooManyFailures { .. }), "{error}");
    let after: Vec<Vec<u8>> = first.tables.iter().map(|table| std::fs::read(&table.path).unwrap()).collect();
    assert!(before == after);
    let staged = walk(folder.path())
        .into_iter()
        .filter(|path| path.rsplit('/').next().is_some_and(|name| name.contains(".tmp")))
        .count();
    assert_eq!(staged, 0, "a failed run leaves no staged file");
    mock.stop().await;
}

/// Every file below a folder.
fn walk(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path.display().to_string()] })
        .collect()
}
