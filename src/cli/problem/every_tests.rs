//! Every problem that a command can end with says what to do.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use arrow::datatypes::DataType;
use parquet::errors::ParquetError;

use super::*;
use crate::engine::{Closed, Exhausted};
use crate::project::Misfit;
use crate::run::{ChangesError, ExportError, SeedFileError, SeedFileFault};
use crate::sink::{Action, FileFormat, Holder, ReadError, SinkError, StoreTrouble};
use crate::store::{self, StoreError};
use crate::tmdb::{Distrust, Failure, Reason, TransportError, Unkept};

fn disk() -> io::Error {
    io::Error::other("disk on fire")
}

fn json() -> serde_json::Error {
    serde_json::from_str::<u8>("x").expect_err("no number")
}

fn stores() -> Vec<StoreError> {
    let path = || PathBuf::from(".tmdb-etl/marvel/documents/00000001.seg");
    let (request, action) = (|| "mock/movie/603".to_owned(), store::Action::Write);
    let source = || std::sync::Arc::new(disk());
    vec![
        StoreError::Full { action, path: path(), source: source() },
        StoreError::NotPermitted { action, path: path(), source: source() },
        StoreError::Disk { action, path: path(), source: source() },
        StoreError::Newer { path: path(), found: 2, known: 1 },
        StoreError::TooLarge { request: request(), bytes: 2, limit: 1 },
        StoreError::TooMany { folder: path(), limit: 1 },
        StoreError::Closed { request: request() },
    ]
}

fn sinks() -> Vec<SinkError> {
    let path = || PathBuf::from("out/films.parquet");
    let (table, column) = (|| "films".to_owned(), || "id".to_owned());
    let action = Action::Write;
    let url = || "s3://bucket/films.parquet".to_owned();
    let trouble = |trouble| SinkError::Store { doing: "read", url: url(), trouble, said: " (Code)".into() };
    vec![
        SinkError::Full { action, path: path(), source: disk() },
        SinkError::NotPermitted { action, path: path(), source: disk() },
        SinkError::Disk { action, path: path(), source: disk() },
        SinkError::NotAFile { table: table(), path: path(), found: "a folder" },
        SinkError::NotOurs { table: table(), path: "out/films".into(), found: "a folder" },
        SinkError::NoDelta { path: "out/films".into() },
        SinkError::OtherDelta {
            path: "out/films".into(),
            difference: "`id` long is there, `id` string would come".into(),
        },
        SinkError::Delta { what: "commit to", path: "out/films".into(), source: "no such key".into() },
        SinkError::DeltaBusy { path: "out/films".into(), tries: 20 },
        SinkError::OtherColumns {
            path: "out/films".into(),
            difference: "`id` int64 is there, `id` string would come".into(),
        },
        SinkError::OtherPartitions {
            path: "out/films".into(),
            published: "nothing".into(),
            wanted: "`year`".into(),
        },
        SinkError::Incomplete { path: "out/films".into(), missing: "its manifest".into() },
        SinkError::TooManyFiles { path: "out/films".into(), most: 50_000 },
        SinkError::TooManyPartitions { table: table(), most: 10_000 },
        SinkError::PartitionName { table: table(), column: column(), length: 400 },
        SinkError::Disk { action: Action::Share, path: path(), source: disk() },
        SinkError::BadPath { table: table(), path: path(), reason: "it names no file" },
        SinkError::SamePath { first: table(), second: table(), path: path() },
        SinkError::UnsupportedColumn { table: table(), column: column(), data_type: DataType::Null },
        SinkError::SchemaMismatch { table: table(), expected: column(), found: column() },
        SinkError::Encode {
            table: table(),
            path: path(),
            source: ParquetError::General("odd".into()).into(),
        },
        SinkError::Locked {
            pipeline: "films".into(),
            holder: Box::new(Holder { pid: 7, host: "here".into(), since: jiff::Timestamp::UNIX_EPOCH }),
        },
        SinkError::TableLocked { path: path(), waited: Duration::from_secs(30) },
        SinkError::OtherSource { path: path(), published: "mock".into(), wanted: "x".into() },
        SinkError::OtherSource { path: path(), published: "x".into(), wanted: "mock".into() },
        SinkError::OtherSource { path: url().into(), published: "mock".into(), wanted: "x".into() },
        SinkError::NoStores { url: url() },
        trouble(StoreTrouble::NoCredentials),
        trouble(StoreTrouble::BadCredentials),
        trouble(StoreTrouble::NotPermitted),
        trouble(StoreTrouble::NoBucket),
        trouble(StoreTrouble::Region),
        trouble(StoreTrouble::Clock),
        trouble(StoreTrouble::Unreachable),
        trouble(StoreTrouble::TimedOut),
        trouble(StoreTrouble::Busy),
        trouble(StoreTrouble::NoConditions),
        trouble(StoreTrouble::Setup),
        trouble(StoreTrouble::UploadGone),
        trouble(StoreTrouble::Other),
        SinkError::OtherWriter { url: url(), by: "run 7 of pipeline `films`".into() },
        SinkError::BadRecord { kind: "journal", path: path(), source: json() },
        SinkError::RecordVersion { kind: "journal", path: path(), found: 2, known: 1 },
        SinkError::Unfinished {
            journal: path(),
            source: Box::new(SinkError::Disk { action, path: path(), source: disk() }),
        },
    ]
}

fn runs() -> Vec<RunError> {
    let text = || "films".to_owned();
    let fatal = |fatal| RunError::Fatal { stage: "movies".into(), fatal };
    let mut all = vec![
        fatal(Fatal::Unauthorized { code: Some(7), message: "no".into() }),
        fatal(Fatal::Exhausted(Exhausted { refused: Duration::from_mins(10) })),
        RunError::TooManyFailures {
            failed: 2,
            finished: 9,
            allowed: "1%".into(),
            last: text(),
            advice: None,
        },
        RunError::TooManyFailures {
            failed: 2,
            finished: 9,
            allowed: "1%".into(),
            last: text(),
            advice: Some("look at the network"),
        },
        RunError::Export {
            stage: text(),
            error: Box::new(ExportError::Absent {
                kind: crate::spec::ExportKind::Movie,
                first: "2026-11-24".parse().unwrap(),
                last: "2026-11-17".parse().unwrap(),
            }),
        },
        RunError::Export {
            stage: text(),
            error: Box::new(ExportError::Disk {
                file: text(),
                error: std::io::Error::other("no space left"),
            }),
        },
        RunError::Changes {
            stage: text(),
            error: ChangesError::TooLong { request: "/movie/changes".into(), pages: 501 },
        },
        RunError::Changes { stage: text(), error: ChangesError::NoPage { request: "/movie/changes".into() } },
        RunError::Changes {
            stage: text(),
            error: ChangesError::Restless { request: "/movie/changes".into() },
        },
        RunError::SeedList { stage: text(), request: "/list/1".into(), failure: None },
        RunError::SeedList {
            stage: text(),
            request: "/list/1".into(),
            failure: Some(Box::new(Failure {
                reason: Reason::Status { status: 500, code: Some(11), message: "Internal error.".into() },
                attempts: 5,
            })),
        },
        RunError::Probe { stage: text(), reason: text() },
        RunError::Project(ProjectError::Mismatch {
            table: text(),
            misfit: Box::new(Misfit {
                path: text(),
                place: text(),
                value: text(),
                column_type: text(),
                item: text(),
            }),
        }),
        RunError::Project(ProjectError::Overflow { table: text(), column: text(), item: text() }),
        RunError::Spool { table: text(), reason: text() },
        RunError::Endless { expression: text(), most: Duration::from_secs(1) },
        RunError::Stash { stage: text(), reason: text() },
        RunError::Panicked { stage: text(), message: text() },
        RunError::Scratch(text()),
        RunError::Stopped,
        RunError::Closed(Closed),
    ];
    all.extend(sinks().into_iter().map(RunError::Sink));
    all.extend(stores().into_iter().map(RunError::Store));
    all.push(fatal(Fatal::Unkept(Unkept(stores().remove(0)))));
    all.extend(ways().into_iter().map(|error| fatal(Fatal::NoWay(error))));
    all.extend(files().into_iter().map(|fault| RunError::SeedFile {
        stage: text(),
        error: Box::new(SeedFileError { path: "ids.csv".into(), fault }),
    }));
    all
}

fn reads() -> Vec<ReadError> {
    let path = || PathBuf::from("out/films");
    let format = FileFormat::Parquet;
    vec![
        ReadError::Missing { path: path() },
        ReadError::Refused { path: path(), source: disk() },
        ReadError::NotAFile { path: path() },
        ReadError::Empty { path: path() },
        ReadError::NotATable { path: path(), what: "text" },
        ReadError::CutOff { path: path(), format },
        ReadError::Damaged { path: path(), format, source: None },
        ReadError::NoTables { path: path(), folders: vec![path()] },
        ReadError::NoTables { path: path(), folders: Vec::new() },
        ReadError::TooManyFiles { path: path() },
        ReadError::NoRows { path: path() },
        ReadError::Store(SinkError::NoDelta { path: path() }),
    ]
}

/// What ends a run before the API has answered anything.
fn ways() -> Vec<TransportError> {
    let mut all: Vec<_> = [
        Distrust::Issuer,
        Distrust::Dates("it is no longer valid"),
        Distrust::Name,
        Distrust::Other("odd".into()),
    ]
    .map(TransportError::Certificate)
    .into();
    all.extend([TransportError::ProxyCredential, TransportError::Tls("it speaks plain http".into())]);
    all
}

fn files() -> Vec<SeedFileFault> {
    vec![
        SeedFileFault::Missing,
        SeedFileFault::Folder,
        SeedFileFault::Io(disk()),
        SeedFileFault::Gzip(disk()),
        SeedFileFault::NotUtf8 { line: 3, column: Some("id".into()) },
        SeedFileFault::Utf16,
        SeedFileFault::NoHeader,
        SeedFileFault::HeaderOfValues { first: "603".into() },
        SeedFileFault::DuplicateColumn { name: "id".into(), first: 1, second: 2 },
        SeedFileFault::TooLong { line: 3 },
    ]
}

fn problems() -> Vec<Problem> {
    let (file, known) = (|| "films.yaml".to_owned(), || vec!["movies (documents)".to_owned()]);
    let again = || "tmdb-etl show films.yaml".to_owned();
    let point = |error: PointError| Problem::Point { again: again(), error: error.into() };
    let listen = MockError::Listen { addr: ([127, 0, 0, 1], 80).into(), source: disk() };
    let port = |known| PointError::Port {
        stage: "films".into(),
        kind: "a project",
        port: "found".into(),
        nearest: None,
        known,
    };
    let mut all = vec![
        Problem::Faults { file: file(), count: 2 },
        Problem::Faults { file: "--jq".into(), count: 1 },
        Problem::NoCredential { base_url: "https://films.invalid".into(), instead: "run with `--mock`" },
        Problem::Http(HttpError::BaseUrl { base_url: "x".into() }),
        Problem::Http(HttpError::Plaintext { host: "films.invalid".into() }),
        Problem::Http(HttpError::Credential),
        Problem::Http(HttpError::Client { reason: "no certificates".into() }),
        Problem::Proxy(ProxyError::Address { variable: "HTTPS_PROXY" }),
        Problem::Proxy(ProxyError::Scheme { variable: "ALL_PROXY", scheme: "socks5".into() }),
        Problem::Mock(listen),
        Problem::Mock(MockError::Faults { total: 1.5 }),
        Problem::Mock(MockError::Recordings(RecordingsError::Line { line: 3 })),
        Problem::Mock(MockError::Recordings(RecordingsError::Read {
            path: "index.tsv".into(),
            source: disk(),
        })),
        Problem::Init(InitError::Name { name: "A b".into(), nearest: Some("a_b".into()), file: None }),
        Problem::Init(InitError::Name {
            name: "a b.yaml".into(),
            nearest: None,
            file: Some("a b.yaml".into()),
        }),
        Problem::Init(InitError::Exists { path: "films.yaml".into() }),
        Problem::Init(InitError::Write {
            path: "x/films.yaml".into(),
            source: io::ErrorKind::NotFound.into(),
        }),
        Problem::Init(InitError::Write { path: "films.yaml".into(), source: disk() }),
        Problem::Runs(RunsError::None { state: ".tmdb-etl".into() }),
        Problem::Runs(RunsError::Unknown {
            state: ".tmdb-etl".into(),
            name: "moveis".into(),
            last: "20261125T181500Z-4f3a9c01".into(),
        }),
        Problem::Runs(RunsError::Disk { action: "read", path: "run.json".into(), source: disk() }),
        Problem::Runs(RunsError::Odd { path: "run.json".into(), reason: "it names no version".into() }),
        Problem::Runs(RunsError::Newer { path: "run.json".into(), found: 9 }),
        Problem::Metrics(PortError { addr: ([127, 0, 0, 1], 80).into(), source: disk() }),
        point(PointError::None { known: known() }),
        point(PointError::Stage { name: "moveis".into(), nearest: Some("movies".into()), known: known() }),
        point(port(Vec::new())),
        point(port(known())),
        Problem::RowsAsTheyAre { again: again(), table: "films".into(), reads: vec!["movies".into()] },
        Problem::Bench(BenchError::Vary {
            reason: "a rate needs its unit".to_owned(),
            hint: Some("write `10/s`".to_owned()),
        }),
        Problem::Bench(BenchError::Vary { reason: "there is no stage `x`".to_owned(), hint: None }),
        Problem::Bench(BenchError::TooMany),
        Problem::Bench(BenchError::Report { path: "bench.html".into(), source: disk() }),
        Problem::Start(disk()),
    ];
    all.extend(reads().into_iter().map(Problem::Read));
    all.extend(runs().into_iter().map(|error| Problem::Run { error, signal: None }));
    all
}

#[test]
fn every_problem_ends_with_what_to_do() {
    let shown: Vec<String> = problems().iter().map(|problem| problem.render(false)).collect();
    for text in &shown {
        let last = text.lines().last().expect("a problem is told");
        assert!(last.starts_with("hint: ") && last.len() > 12, "{text}");
        assert!(text.lines().all(|line| !line.ends_with('.')), "{text}");
    }
    insta::assert_snapshot!(shown.join("\n"));
}
