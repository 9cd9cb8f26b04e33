//! Sixty nights of a pipeline that follows what changed, on a clock of its own, against a small world that changes: attempts are
//! stopped, killed, fail in the middle or publish with failed items, and nights are left out. Everything follows from a seed. A killed
//! attempt is one whose tasks are gone between two answers, with nothing said and nothing tidied; a real process is killed in `torture`.
//!
//! Judged are the tables as a warehouse reads them (the last row of each key, `docs/SCHEDULING.md`) against a full load of the
//! last day, and the requests against what had to be asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::AsArray as _;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::json;
use tmdb_etl::event::{Event, Listener};
use tmdb_etl::plan::{self, Plan, Request};
use tmdb_etl::run::{Job, Published, RunError, run_job};
use tmdb_etl::sink::delta_files;
use tmdb_etl::spec::Source;
use tmdb_etl::tmdb::{Clock, Download, Response, Transport, TransportError};
use tokio_util::sync::CancellationToken;

/// What comes before the tables.
const HEAD: &str = "\
version: 1
name: nightly
api: {rate: none, keep: 40d, resume_within: 7d, retry: {attempts: 1}}
max_failures: 20%
stages:
  new: {kind: seed, changes: movie, refresh: {never_seen: export, older_than: 10d, limit: LIMIT}}
  movies: {kind: fetch, path: '/movie/{id}', concurrency: 4}
";

/// Tables to which every load adds its rows.
const APPEND: &str = "
  films:
    kind: project
    columns: {id: int64, version: int64, fetched_at: {type: timestamp, value: $meta.fetched_at}}
    output: {path: films, mode: append}
  gone:
    kind: project
    from: [new.missing, movies.missing]
    columns: {id: {type: int64, value: .item.id}, fetched_at: {type: timestamp, value: $meta.fetched_at}}
    output: {path: gone, mode: append}
";

/// The same into a table in which every film has one row, that of its last state, and none when it is gone.
const UPSERT: &str = "
  films:
    kind: project
    columns:
      id: {type: int64, required: true}
      version: int64
      fetched_at: {type: timestamp, value: $meta.fetched_at}
    output: {path: films, format: delta, mode: upsert, key: id, gone: delete}
";

const NIGHTS: i64 = 60;
/// Items of a run: the films that are there at first take some nights.
const LIMIT: u64 = 400;
const FILMS: u64 = 1_000;
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A film from its creation to its end.
#[derive(Debug)]
struct Film {
    created: Timestamp,
    changed: Vec<Timestamp>,
    gone: Option<Timestamp>,
}

impl Film {
    /// Its version, if it is there.
    fn at(&self, now: Timestamp) -> Option<i64> {
        let there = self.created <= now && self.gone.is_none_or(|gone| gone > now);
        there.then(|| self.changed.iter().filter(|time| **time <= now).count().try_into().unwrap())
    }

    fn events(&self) -> impl Iterator<Item = Timestamp> {
        self.changed.iter().copied().chain([self.created]).chain(self.gone)
    }
}

fn day(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// What the API knows.
struct World(BTreeMap<u64, Film>);

impl World {
    fn random(dice: &mut fastrand::Rng) -> Self {
        let before = start() - DAY * 30;
        let film = |created| Film { created, changed: Vec::new(), gone: None };
        let mut films: BTreeMap<u64, Film> = (1..=FILMS).map(|id| (id, film(before))).collect();
        for night in 0..=NIGHTS {
            // Nothing happens while runs may be under way, so that a full load has one answer.
            let time = |dice: &mut fastrand::Rng| {
                let hour = if dice.bool() { dice.i64(0..8) } else { dice.i64(14..24) };
                start()
                    + DAY * i32::try_from(night).unwrap()
                    + SignedDuration::from_secs(hour * 3600 + dice.i64(0..3600))
            };
            for _ in 0..dice.u32(5..15) {
                let (id, created) = (films.len() as u64 + 1, time(dice));
                films.insert(id, film(created));
            }
            for _ in 0..dice.u32(100..260) {
                let time = time(dice);
                let film = films.get_mut(&dice.u64(1..=FILMS)).unwrap();
                if film.created < time && film.gone.is_none_or(|gone| gone > time) {
                    film.changed.push(time);
                }
            }
            for _ in 0..dice.u32(0..5) {
                let time = time(dice);
                let film = films.get_mut(&dice.u64(1..=FILMS)).unwrap();
                if film.gone.is_none() {
                    film.changed.retain(|changed| *changed < time);
                    film.gone = Some(time);
                }
            }
        }
        Self(films)
    }

    /// A full load.
    fn load(&self, now: Timestamp) -> BTreeMap<u64, i64> {
        self.0.iter().filter_map(|(id, film)| Some((*id, film.at(now)?))).collect()
    }

    /// What a list of changes has, and whether each is gone.
    fn changes(&self, days: std::ops::RangeInclusive<Date>, now: Timestamp) -> Vec<(u64, bool)> {
        let films = self
            .0
            .iter()
            .filter(|(_, film)| film.events().any(|time| time <= now && days.contains(&day(time))));
        films.map(|(id, film)| (*id, film.at(now).is_none())).collect()
    }

    /// The ids of the export of a day.
    fn export(&self, date: Date) -> BTreeSet<u64> {
        let made = date.at(7, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp();
        self.load(made).into_keys().collect()
    }
}

/// What goes wrong in an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    None,
    /// A signal after so many requests.
    Stop(u64),
    /// The process is gone after so many requests.
    Kill(u64),
    /// The credential is refused after so many requests.
    Refused(u64),
    /// Pages of the list fail from this one on.
    Pages(u64),
    /// One film in so many fails.
    Films(u64),
}

/// The way to the world, with a clock that goes on by 10 ms for each request.
struct Wire {
    world: World,
    state: Mutex<State>,
}

struct State {
    now: Timestamp,
    trouble: Trouble,
    /// Requests of this attempt, and of all.
    attempt: u64,
    requests: u64,
    failed: u64,
    /// Films that failed in this attempt.
    films: BTreeSet<u64>,
    /// How often a list of changes becomes shorter by 30 rows, page by page.
    shrinks: u64,
    stop: CancellationToken,
    kill: CancellationToken,
}

impl Wire {
    fn answer(&self, path: &str, query: &dyn Fn(&str) -> Option<String>) -> Response {
        let mut state = self.state.lock().unwrap();
        state.now += SignedDuration::from_millis(10);
        state.requests += 1;
        state.attempt += 1;
        let status = |status| Response { status, ..Response::default() };
        let page = query("page").map_or(1, |page| page.parse::<u64>().unwrap());
        match state.trouble {
            Trouble::Stop(after) if state.attempt >= after => state.stop.cancel(),
            Trouble::Refused(after) if state.attempt >= after => {
                let body = r#"{"status_code":7,"status_message":"Invalid API key"}"#.into();
                return Response { body, ..status(401) };
            }
            Trouble::Pages(from) if path == "/movie/changes" && page >= from => return status(500),
            _ => {}
        }
        if path == "/movie/changes" {
            // Somebody takes rows from the front of the list while it is read.
            let shrunk = state.shrinks.min(state.attempt.saturating_sub(1)) * 30;
            let date = |name: &str| query(name).unwrap().parse::<Date>().unwrap();
            let (first, last) = (date("start_date"), date("end_date"));
            assert!((last - first).get_days() <= 14, "{first} to {last}");
            let mut rows = self.world.changes(first..=last, state.now);
            rows.drain(..usize::try_from(shrunk).unwrap());
            let results: Vec<_> = rows
                .iter()
                .skip(usize::try_from(page - 1).unwrap() * 100)
                .take(100)
                .map(|(id, gone)| json!({"id": id, "adult": if *gone { None } else { Some(false) }}))
                .collect();
            let pages = rows.len().div_ceil(100).max(1);
            let body =
                json!({"results": results, "page": page, "total_pages": pages, "total_results": rows.len()});
            return Response { body: body.to_string().into(), ..status(200) };
        }
        let id: u64 = path.strip_prefix("/movie/").unwrap().parse().unwrap();
        if let Trouble::Films(one_in) = state.trouble
            && id.is_multiple_of(one_in)
        {
            state.failed += 1;
            state.films.insert(id);
            return status(500);
        }
        match self.world.0.get(&id).and_then(|film| film.at(state.now)) {
            Some(version) => {
                Response { body: json!({"id": id, "version": version}).to_string().into(), ..status(200) }
            }
            None => Response {
                body: r#"{"success":false,"status_code":34,"status_message":"gone"}"#.into(),
                ..status(404)
            },
        }
    }
}

impl Transport for Wire {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        _: Duration,
    ) -> BoxFuture<'a, Result<Response, TransportError>> {
        Box::pin(async move {
            let text = request.to_string();
            let query = |name: &str| {
                let (_, rest) = text.split_once(&format!("{name}="))?;
                Some(rest.split('&').next().unwrap_or_default().to_owned())
            };
            let killed = {
                let state = self.state.lock().unwrap();
                matches!(state.trouble, Trouble::Kill(after) if state.attempt >= after)
                    .then(|| state.kill.clone())
            };
            if let Some(kill) = killed {
                kill.cancel();
                std::future::pending::<()>().await;
            }
            Ok(self.answer(request.path(), &query))
        })
    }

    fn open<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Download, TransportError>> {
        Box::pin(async move {
            let name = path.strip_prefix("/p/exports/movie_ids_").unwrap().strip_suffix(".json.gz").unwrap();
            let date = Date::strptime("%m_%d_%Y", name).unwrap();
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            for id in self.world.export(date) {
                writeln!(packed, r#"{{"id":{id}}}"#).unwrap();
            }
            let bytes = Bytes::from(packed.finish().unwrap());
            let length = Some(bytes.len() as u64);
            Ok(Download { status: 200, length, chunks: futures::stream::iter([Ok(bytes)]).boxed() })
        })
    }
}

struct Deaf;
impl Listener for Deaf {
    fn hear(&self, _: &Event) {}
}

struct Scene {
    folder: tempfile::TempDir,
    wire: Arc<Wire>,
    tables: &'static str,
    seed: u64,
}

impl Scene {
    fn new(seed: u64, tables: &'static str) -> Self {
        let world = World::random(&mut fastrand::Rng::with_seed(seed));
        let state = State {
            now: start(),
            trouble: Trouble::None,
            attempt: 0,
            requests: 0,
            failed: 0,
            films: BTreeSet::new(),
            shrinks: 0,
            stop: CancellationToken::new(),
            kill: CancellationToken::new(),
        };
        let wire = Arc::new(Wire { world, state: Mutex::new(state) });
        Self { folder: tempfile::tempdir().unwrap(), wire, tables, seed }
    }

    fn plan(&self) -> Plan {
        let source = Source::new(
            "nightly.yaml",
            format!("{HEAD}{}", self.tables).replace("LIMIT", &LIMIT.to_string()),
        );
        let options = plan::Options {
            out: Some(self.folder.path().join("out")),
            base_url: None,
            ..plan::Options::default()
        };
        plan::read(&source, &[], &|_| None, &options)
            .unwrap_or_else(|faults| panic!("{}", faults.render(&source)))
            .plan
    }

    /// One attempt at `now`; a killed one is told as one that was stopped.
    async fn attempt(&self, now: Timestamp, trouble: Trouble) -> Result<Published, RunError> {
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        {
            let mut state = self.wire.state.lock().unwrap();
            (state.now, state.trouble, state.attempt, state.stop) = (now, trouble, 0, stop.clone());
            state.kill = kill.clone();
            state.films.clear();
        }
        let wire = Arc::clone(&self.wire);
        let running = run_job(Job {
            plan: self.plan(),
            transport: Arc::clone(&self.wire) as _,
            source: "world".into(),
            state: self.folder.path().join("state"),
            limit: None,
            fresh: false,
            clock: Clock::new(move || wire.state.lock().unwrap().now),
            seed: self.seed ^ now.as_second().unsigned_abs(),
            stop,
            listener: Arc::new(Deaf),
            counts: Box::new(|| serde_json::Value::Null),
        });
        tokio::select! {
            result = running => result,
            () = kill.cancelled() => Err(RunError::Stopped),
        }
    }

    fn rows(&self, table: &str) -> Vec<Vec<i64>> {
        let folder = self.folder.path().join("out").join(table);
        let files = match delta_files(&folder) {
            Ok(Some(files)) => files,
            Ok(None) => {
                let entries = std::fs::read_dir(&folder).into_iter().flatten();
                entries.map(|entry| entry.unwrap().path()).collect()
            }
            Err(error) => panic!("{error}"),
        };
        let mut rows = Vec::new();
        for path in files.iter().filter(|path| path.extension().is_some_and(|ending| ending == "parquet")) {
            read_rows(path, &mut rows);
        }
        rows
    }

    /// The tables as a warehouse reads them: when each key was fetched last, and its version unless it is gone.
    fn folded(&self) -> BTreeMap<u64, (i64, Option<i64>)> {
        let films = self.rows("films").into_iter().map(|row| (row[0], row[2], Some(row[1])));
        let gone = self.rows("gone").into_iter().map(|row| (row[0], row[1], None));
        let mut folded = BTreeMap::new();
        let all: Vec<_> = films.chain(gone).collect();
        if self.tables == UPSERT {
            let ids: BTreeSet<i64> = all.iter().map(|(id, ..)| *id).collect();
            assert_eq!(ids.len(), all.len(), "seed {}: a film has two rows", self.seed);
        }
        for (id, at, version) in all {
            let last = folded.entry(u64::try_from(id).unwrap()).or_insert((at, version));
            if at > last.0 {
                *last = (at, version);
            }
        }
        folded
    }

    fn dataset(&self) -> BTreeMap<u64, i64> {
        self.folded().into_iter().filter_map(|(id, (_, version))| Some((id, version?))).collect()
    }

    fn requests(&self) -> (u64, u64) {
        let state = self.wire.state.lock().unwrap();
        (state.requests, state.failed)
    }

    /// What a run at `now` has to ask for, by what the tables hold: what changed since the day on which the last one began, what was
    /// never fetched and what was fetched ten days ago, within the limit; and the pages of the list.
    fn needed(&self, since: Option<Timestamp>, now: Timestamp, again: &BTreeSet<u64>) -> u64 {
        let folded = self.folded();
        let list = since.map(|since| {
            let days = day(since - SignedDuration::from_hours(8))..=day(now);
            self.wire.world.changes(days, now)
        });
        let pages = list.as_ref().map_or(0, |list| list.len().div_ceil(100).max(1) as u64);
        let list: BTreeMap<u64, bool> = list.into_iter().flatten().collect();
        let changed = list.iter().filter(|(_, gone)| !**gone).count()
            + again.iter().filter(|id| !list.contains_key(id)).count();
        let old = (now - DAY * 10).as_microsecond();
        let due = self.wire.world.export(day(now)).into_iter().filter(|id| {
            let known = list.contains_key(id) || again.contains(id);
            !known && folded.get(id).is_none_or(|(at, _)| *at < old)
        });
        let known = list.len() + again.iter().filter(|id| !list.contains_key(id)).count();
        let left = LIMIT.saturating_sub(known as u64);
        pages + changed as u64 + (due.count() as u64).min(left)
    }
}

/// Numbers and times of a file, a list for each row.
fn read_rows(path: &Path, rows: &mut Vec<Vec<i64>>) {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    for batch in reader {
        let batch = batch.unwrap();
        for row in 0..batch.num_rows() {
            let value = |column: &arrow::array::ArrayRef| match column.as_primitive_opt::<Int64Type>() {
                Some(numbers) => numbers.value(row),
                None => column.as_primitive::<TimestampMicrosecondType>().value(row),
            };
            rows.push(batch.columns().iter().map(value).collect());
        }
    }
}

async fn sixty_nights(seed: u64, tables: &'static str) {
    let scene = Scene::new(seed, tables);
    let mut dice = fastrand::Rng::with_seed(seed ^ 0x6e69);
    let (mut since, mut again) = (None, BTreeSet::new());
    // Of the run that has not published yet, if there is one.
    let mut began: Option<Timestamp> = None;
    let (mut needed, mut troubles, mut resumed) = (0_u64, 0_u64, 0);
    for number in 0..=NIGHTS {
        let last = number == NIGHTS;
        // Now and then the machine is off, once for three weeks.
        let away = (20..41).contains(&number) && began.is_none();
        if !last && (away || dice.u8(..10) == 0) {
            continue;
        }
        let night = start() + DAY * i32::try_from(number).unwrap() + SignedDuration::from_hours(9);
        for attempt in 0..if last { 2 } else { dice.i64(1..4) } {
            let trouble = match dice.u8(..10) {
                _ if last => Trouble::None,
                0 | 1 => Trouble::Stop(dice.u64(1..300)),
                2 | 3 => Trouble::Refused(dice.u64(1..300)),
                4 => Trouble::Pages(dice.u64(1..3)),
                5 => Trouble::Films(dice.u64(30..60)),
                6 | 7 => Trouble::Kill(dice.u64(0..300)),
                _ => Trouble::None,
            };
            let now = night + SignedDuration::from_mins(20 * attempt);
            resumed += u64::from(began.is_some());
            let began_at = *began.get_or_insert(now);
            let must = scene.needed(since, began_at, &again);
            let (_, failed) = scene.requests();
            let result = scene.attempt(now, trouble).await;
            troubles += scene.requests().1 - failed;
            match result {
                Ok(_) => {
                    needed += must;
                    again = scene.wire.state.lock().unwrap().films.clone();
                    (since, began) = (Some(began_at), None);
                    if !last || began_at >= night {
                        break;
                    }
                }
                Err(error) => {
                    let expected = matches!(
                        error,
                        RunError::Stopped
                            | RunError::Fatal { .. }
                            | RunError::SeedList { .. }
                            | RunError::TooManyFailures { .. }
                    );
                    assert!(expected && trouble != Trouble::None, "seed {seed}: {trouble:?}: {error}");
                    // What was under way is asked for again.
                    troubles += 4;
                }
            }
        }
    }
    let now = start() + DAY * i32::try_from(NIGHTS).unwrap() + SignedDuration::from_hours(9);
    let (full, got) = (scene.wire.world.load(now), scene.dataset());
    let differ: Vec<_> = full
        .keys()
        .chain(got.keys())
        .filter(|id| full.get(id) != got.get(id))
        .map(|id| (id, full.get(id), got.get(id), &scene.wire.world.0[id]))
        .collect();
    assert!(differ.is_empty(), "seed {seed}: {} differ: {:#?}", differ.len(), &differ[..1]);
    assert!(scene.wire.world.0.values().filter(|film| film.gone.is_some()).count() > 20 && resumed > 0);
    let requests = scene.requests().0;
    let most = (needed + troubles) * 105 / 100;
    eprintln!("seed {seed}: {requests} requests, {needed} needed, {troubles} by trouble, {resumed} resumed");
    assert!(requests <= most, "seed {seed}: {requests} requests, {needed} needed, {troubles} by trouble");
}

#[tokio::test(start_paused = true)]
async fn sixty_nights_with_failures_end_equal_to_a_full_load() {
    for seed in 1..=2 {
        sixty_nights(seed, APPEND).await;
    }
}

#[cfg(feature = "delta")]
#[tokio::test(start_paused = true)]
async fn sixty_nights_of_upserts_with_failures_end_equal_to_a_full_load() {
    for seed in 3..=4 {
        sixty_nights(seed, UPSERT).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_becomes_shorter_while_it_is_read_loses_nothing() {
    let scene = Scene::new(7, APPEND);
    let morning = |day: i32| start() + DAY * day + SignedDuration::from_hours(9);
    scene.attempt(morning(0), Trouble::None).await.unwrap();
    scene.wire.state.lock().unwrap().shrinks = 2;
    scene.attempt(morning(3), Trouble::None).await.unwrap();
    let rows = scene.wire.world.changes(day(morning(0))..=day(morning(3)), morning(3));
    assert!(rows.len() > 250, "{} rows fill three pages", rows.len());
    // Some of these were on no page that was read at first.
    let stayed: BTreeSet<u64> = rows.iter().skip(60).filter(|(_, gone)| !gone).map(|(id, _)| *id).collect();
    let since = morning(3).as_microsecond();
    let fetched: BTreeSet<u64> =
        scene.folded().into_iter().filter(|(_, (at, _))| *at >= since).map(|(id, _)| id).collect();
    let lost: Vec<_> = stayed.difference(&fetched).collect();
    assert!(lost.is_empty(), "{lost:?}");
}
