//! Kept documents: what keeping, opening and reading them takes.
//!
//! `cargo bench --bench store` for single steps. `cargo bench --bench store -- documents 1000000 [FOLDER]` keeps so many
//! documents of about 1.4 KB from 64 tasks, and from one alone; then opens and reads them in processes of their own, in
//! the order of their writing and at random, with an index and without. FOLDER wants 600 MB for a million.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use jiff::Timestamp;
use tmdb_etl::mock::{self, Config};
use tmdb_etl::store::{Kept, Serving, Store};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

/// Films that are kept again and again, each time with another id in front.
const FILMS: u64 = 1_000;
/// Tasks that keep at once: as many as may be in flight over one HTTP/2 connection.
const TASKS: u64 = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().filter(|argument| argument != "--bench").collect();
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    match arguments.get(1).map(String::as_str) {
        Some("documents") => match arguments.get(3) {
            Some(folder) => documents(number(2), Path::new(folder)),
            None => documents(number(2), tempfile::tempdir().expect("a folder").path()),
        },
        Some("reread") => reread(number(2), Path::new(&arguments[3])),
        _ => {
            let mut criterion = Criterion::default().configure_from_args();
            steps(&mut criterion);
            criterion.final_summary();
        }
    }
}

/// Single steps.
fn steps(criterion: &mut Criterion) {
    let films = films();
    let runtime = runtime();
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let mut group = criterion.benchmark_group("store");

    group.throughput(Throughput::Elements(1));
    let mut next = 0;
    group.bench_function("keep_alone", |bencher| {
        bencher.iter(|| {
            next += 1;
            runtime.block_on(store.keep(&url(next), kept(&films, next))).expect("kept");
        });
    });
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("keep_from_64_tasks", |bencher| {
        bencher.iter(|| {
            keep(&runtime, &store, &films, next..next + 1_000, TASKS);
            next += 1_000;
        });
    });
    runtime.block_on(store.close()).expect("closes");
    drop(store);

    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    keep(&runtime, &store, &films, 0..50_000, TASKS);
    runtime.block_on(store.close()).expect("closes");
    drop(store);
    group.throughput(Throughput::Elements(50_000));
    group.bench_function("open_50000", |bencher| bencher.iter(|| black_box(open(folder.path()))));
    let store = open(folder.path());
    group.throughput(Throughput::Elements(1));
    let mut at = 0;
    group.bench_function("get_in_order", |bencher| {
        bencher.iter(|| {
            at = (at + 1) % 50_000;
            black_box(store.get(&url(at)).expect("reads").expect("it was kept"))
        });
    });
    let mut dice = fastrand::Rng::with_seed(7);
    group.bench_function("get_at_random", |bencher| {
        bencher.iter(|| black_box(store.get(&url(dice.u64(..50_000))).expect("reads").expect("it was kept")));
    });
    group.finish();
}

/// The whole, at its size.
fn documents(count: u64, folder: &Path) {
    let films = films();
    let runtime = runtime();
    let every = |name: &str, tasks: u64, count: u64| {
        let folder = folder.join(name);
        let store = open(&folder);
        // What making them takes is not the store's.
        let cpu = cpu_seconds();
        let made = (0..count).map(|id| black_box(kept(&films, id)).body.len() as u64).sum::<u64>();
        let making = cpu_seconds() - cpu;
        let (clock, cpu) = (Instant::now(), cpu_seconds());
        keep(&runtime, &store, &films, 0..count, tasks);
        let (wall, cpu) = (clock.elapsed().as_secs_f64(), cpu_seconds() - cpu - making);
        runtime.block_on(store.close()).expect("closes");
        drop(store);
        println!(
            "keep from {tasks} tasks: {:.0}/s, {:.1} µs of CPU each, {} MB of bodies in {} MB",
            per(count, wall),
            cpu / real(count) * 1e6,
            made >> 20,
            size(&folder) >> 20
        );
        folder
    };
    let alone = every("alone", 1, count / 10);
    reread_elsewhere("written alone", count / 10, &alone);
    let together = every("together", TASKS, count);
    reread_elsewhere("written together", count, &together);
    // As a killed process leaves it: the last segment has no index.
    let last = std::fs::read_dir(&together)
        .expect("it is there")
        .map(|entry| entry.expect("reads").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "idx"))
        .max()
        .expect("it has an index");
    remove(&last);
    reread_elsewhere("after a kill", count, &together);
}

#[expect(clippy::disallowed_methods, reason = "the folder is the bench's own")]
fn remove(path: &Path) {
    std::fs::remove_file(path).expect("it goes");
}

/// In a process of its own, whose memory says something.
fn reread_elsewhere(what: &str, count: u64, folder: &Path) {
    println!("{what}:");
    let program = std::env::current_exe().expect("this program");
    let status =
        Command::new(program).arg("reread").arg(count.to_string()).arg(folder).status().expect("starts");
    assert!(status.success());
}

fn reread(count: u64, folder: &Path) {
    let (before, clock, cpu) = (peak_mb(), Instant::now(), cpu_seconds());
    let store = open(folder);
    println!(
        "  open: {:.3} s, {:.3} s of CPU; {} documents, peak memory {} MB (an empty process: {before})",
        clock.elapsed().as_secs_f64(),
        cpu_seconds() - cpu,
        store.documents(),
        peak_mb()
    );
    let mut dice = fastrand::Rng::with_seed(7);
    let read = |name: &str, reads: u64, mut next: Box<dyn FnMut(u64) -> u64 + '_>| {
        let (clock, cpu) = (Instant::now(), cpu_seconds());
        for at in 0..reads {
            black_box(store.get(&url(next(at))).expect("reads").expect("it was kept"));
        }
        let (wall, cpu) = (clock.elapsed().as_secs_f64(), cpu_seconds() - cpu);
        println!("  get {name}: {:.0}/s, {:.0}/s of CPU", per(reads, wall), per(reads, cpu));
    };
    read("in order", count, Box::new(|at| at));
    read("at random", count / 10, Box::new(|_| dice.u64(..count)));
    println!("  peak memory {} MB", peak_mb());
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

fn open(folder: &Path) -> Store {
    let serving = Serving { run: "bench".to_owned(), not_before: Timestamp::MIN };
    Store::open(folder, serving).expect("opens").0
}

fn keep(runtime: &Runtime, store: &Store, films: &Arc<Vec<Bytes>>, ids: std::ops::Range<u64>, tasks: u64) {
    let next = Arc::new(AtomicU64::new(ids.start));
    let mut crew = tokio::task::JoinSet::new();
    for _ in 0..tasks {
        let (store, films, next) = (store.clone(), Arc::clone(films), Arc::clone(&next));
        crew.spawn_on(
            async move {
                loop {
                    let id = next.fetch_add(1, Ordering::Relaxed);
                    if id >= ids.end {
                        break;
                    }
                    store.keep(&url(id), kept(&films, id)).await.expect("kept");
                }
            },
            runtime.handle(),
        );
    }
    runtime.block_on(async { while crew.join_next().await.is_some() {} });
}

fn url(id: u64) -> String {
    format!("https://api.themoviedb.org/3/movie/{id}?append_to_response=keywords&language=en-US")
}

fn kept(films: &[Bytes], id: u64) -> Kept {
    let film = &films[usize::try_from(id % FILMS).expect("small")];
    let mut body = format!(r#"{{"place":{id},"#).into_bytes();
    body.extend_from_slice(&film[1..]);
    let micros = 1_700_000_000_000_000 + i64::try_from(id).expect("small");
    let tag = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Kept {
        status: 200,
        body: body.into(),
        fetched_at: Timestamp::from_microsecond(micros).expect("a time"),
        headers: vec![("etag".to_owned(), format!("W/\"{tag:032x}\""))],
    }
}

/// Films of the embedded API with their keywords.
fn films() -> Arc<Vec<Bytes>> {
    let runtime = runtime();
    let server = runtime.block_on(mock::start(Config::default())).expect("it starts");
    let film = |id: u64| {
        let mut stream = TcpStream::connect(server.addr()).expect("it listens");
        write!(
            stream,
            "GET /3/movie/{id}?append_to_response=keywords HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer any\r\n\
             Connection: close\r\n\r\n",
            server.addr()
        )
        .expect("sends");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answers");
        let body = answer.windows(4).position(|end| end == b"\r\n\r\n").expect("it has a head") + 4;
        Bytes::from(answer).slice(body..)
    };
    let films: Vec<Bytes> = (1_u64..)
        .map(film)
        .filter(|body| body.starts_with(b"{\"adult\""))
        .take(usize::try_from(FILMS).expect("small"))
        .collect();
    runtime.block_on(server.stop());
    Arc::new(films)
}

fn size(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).expect("it is there");
    files.map(|entry| entry.expect("reads").metadata().expect("it is there").len()).sum()
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn real(count: u64) -> f64 {
    count as f64
}

fn per(count: u64, seconds: f64) -> f64 {
    real(count) / seconds.max(1e-9)
}

/// CPU time of this process so far, both kinds, in seconds; 0 where there is no `/proc`.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}

/// The most memory of this process so far, in MB.
fn peak_mb() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() >> 10
}
