//! Paged seeds against a small API whose lists move while they are read, and whose discover has more pages than it gives, on a
//! paused clock.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use futures::future::BoxFuture;
use jiff::civil::Date;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::json;
use tmdb_etl::event::{Event, ListLoss, Listener};
use tmdb_etl::plan::{self, Request};
use tmdb_etl::run::{Job, run_job};
use tmdb_etl::spec::Source;
use tmdb_etl::tmdb::{Clock, Response, Transport, TransportError};
use tokio_util::sync::CancellationToken;

/// Rows of a page: 500 pages are 1,000.
const PAGE_ROWS: usize = 2;

/// An API of one list.
struct Wire(Mutex<World>);

struct World {
    /// Ids and their days; 0 is no day.
    films: Vec<(u64, Option<Date>)>,
    /// What comes or goes between two answers.
    drift: Drift,
    dice: fastrand::Rng,
    stayed: BTreeSet<u64>,
    /// How often each request for a page came.
    asked: BTreeMap<String, u32>,
}

#[derive(Clone, Copy, Debug)]
enum Drift {
    Still,
    Grows,
    Shrinks,
}

impl World {
    fn new(films: Vec<(u64, Option<Date>)>, drift: Drift, seed: u64) -> Self {
        let stayed = films.iter().map(|(id, _)| *id).collect();
        Self { films, drift, dice: fastrand::Rng::with_seed(seed), stayed, asked: BTreeMap::new() }
    }

    fn drift(&mut self) {
        if self.dice.u8(..12) > 0 {
            return;
        }
        for _ in 0..self.dice.usize(1..4) {
            let place = self.dice.usize(..self.films.len());
            match self.drift {
                Drift::Still => {}
                Drift::Grows => self.films.insert(place, (100_000 + self.films.len() as u64, None)),
                Drift::Shrinks => _ = self.stayed.remove(&self.films.remove(place).0),
            }
        }
    }

    fn answer(&mut self, text: &str) -> Response {
        if let Some(id) =
            text.strip_prefix("/movie/").and_then(|rest| rest.split('?').next()?.parse::<u64>().ok())
        {
            return Response {
                status: 200,
                body: json!({"id": id}).to_string().into(),
                ..Response::default()
            };
        }
        *self.asked.entry(text.to_owned()).or_default() += 1;
        self.drift();
        let value = |name: &str| {
            let (_, rest) = text.split_once(&format!("{name}="))?;
            Some(rest.split('&').next().unwrap_or_default().to_owned())
        };
        let page = value("page").map_or(1, |page| page.parse::<usize>().unwrap());
        if page > 500 {
            let body = r#"{"errors":["page must be less than or equal to 500"],"success":false}"#.into();
            return Response { status: 422, body, ..Response::default() };
        }
        let day = |end: &str| Some(value(&format!("primary_release_date.{end}"))?.parse::<Date>().unwrap());
        let (first, last) = (day("gte"), day("lte"));
        let mut films: Vec<_> = self
            .films
            .iter()
            .filter(|(_, date)| first.is_none_or(|first| date.is_some_and(|date| date >= first)))
            .filter(|(_, date)| last.is_none_or(|last| date.is_some_and(|date| date <= last)))
            .collect();
        match value("sort_by").as_deref() {
            Some("primary_release_date.asc") => films.sort_by_key(|(_, date)| *date),
            Some("primary_release_date.desc") => films.sort_by_key(|(_, date)| std::cmp::Reverse(*date)),
            _ => {}
        }
        let date = |date: &Option<Date>| date.map_or_else(String::new, |date| date.to_string());
        let results: Vec<_> = films
            .iter()
            .skip((page - 1) * PAGE_ROWS)
            .take(PAGE_ROWS)
            .map(|(id, day)| json!({"id": id, "release_date": date(day)}))
            .collect();
        let pages = films.len().div_ceil(PAGE_ROWS).max(1);
        let body =
            json!({"page": page, "results": results, "total_pages": pages, "total_results": films.len()});
        Response { status: 200, body: body.to_string().into(), ..Response::default() }
    }
}

impl Transport for Wire {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        _: Duration,
    ) -> BoxFuture<'a, Result<Response, TransportError>> {
        Box::pin(async move {
            let there = self.0.lock().unwrap().dice.u64(1..200);
            tokio::time::sleep(Duration::from_millis(there)).await;
            let response = self.0.lock().unwrap().answer(&request.to_string());
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok(response)
        })
    }
}

/// Hears how many items came and what lists did not give.
#[derive(Default)]
struct Heard {
    seeded: Mutex<usize>,
    losses: Mutex<Vec<(String, ListLoss)>>,
}

impl Listener for Heard {
    fn hear(&self, event: &Event) {
        match event {
            Event::ItemSeeded { .. } => *self.seeded.lock().unwrap() += 1,
            Event::ListIncomplete { request, why, .. } => {
                self.losses.lock().unwrap().push((request.clone(), *why));
            }
            _ => {}
        }
    }
}

struct Read {
    ids: Vec<u64>,
    losses: Vec<(String, ListLoss)>,
    world: World,
}

/// Runs a pipeline whose only table has what `seed` gives.
async fn read(seed: &str, world: World, limit: Option<u64>) -> Read {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "version: 1\nname: lists\napi: {{rate: none, retry: {{attempts: 1}}}}\nstages:\n  all: {{kind: seed, {seed}}}\n  \
         films: {{kind: fetch, path: '/movie/{{id}}'}}\n  ids: {{kind: project, columns: {{id: int64}}, output: {{path: ids.parquet}}}}\n"
    );
    let source = Source::new("lists.yaml", text);
    let options = plan::Options { out: Some(folder.path().to_owned()), ..plan::Options::default() };
    let plan = plan::read(&source, &[], &|_| None, &options)
        .unwrap_or_else(|faults| panic!("{}", faults.render(&source)))
        .plan;
    let (wire, heard) = (Arc::new(Wire(Mutex::new(world))), Arc::new(Heard::default()));
    run_job(Job {
        plan,
        transport: Arc::clone(&wire) as _,
        source: "world".into(),
        state: folder.path().join("state"),
        limit,
        fresh: false,
        clock: Clock::default(),
        seed: 1,
        stop: CancellationToken::new(),
        listener: Arc::clone(&heard) as _,
        counts: Box::new(|| serde_json::Value::Null),
    })
    .await
    .unwrap_or_else(|error| panic!("{error}"));
    let ids = ids(&folder.path().join("ids.parquet"));
    assert_eq!(*heard.seeded.lock().unwrap(), ids.len(), "each item is handed out once");
    let losses = heard.losses.lock().unwrap().clone();
    let Ok(wire) = Arc::try_unwrap(wire) else { panic!("the run has ended") };
    Read { ids, losses, world: wire.0.into_inner().unwrap() }
}

fn ids(file: &Path) -> Vec<u64> {
    let batches =
        ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap().build().unwrap();
    let ids = batches.flat_map(|batch| {
        batch.unwrap().column(0).as_primitive::<Int64Type>().values().iter().copied().collect::<Vec<_>>()
    });
    ids.map(|id| id.try_into().unwrap()).collect()
}

/// Films of all days, those of one day more than a list of it gives.
fn catalogue(count: u64, on_one_day: u64) -> Vec<(u64, Option<Date>)> {
    let mut dice = fastrand::Rng::with_seed(count);
    let mut day = |id: u64| match dice.u8(..20) {
        0 => None,
        _ if id <= on_one_day => Some(Date::constant(2000, 1, 1)),
        // Before and behind all days that are told apart, too.
        1 => Some(Date::constant(1850, 1, 1)),
        2 => Some(Date::constant(2150, 1, 1)),
        _ => Some(Date::new(dice.i16(1900..2030), dice.i8(1..13), dice.i8(1..29)).unwrap()),
    };
    (1..=count).map(|id| (id, day(id))).collect()
}

const DISCOVER: &str = "path: /discover/movie";

#[tokio::test(start_paused = true)]
async fn a_discover_of_more_than_500_pages_gives_every_film_once_and_in_one_order() {
    let films = catalogue(5_300, 0);
    let all: BTreeSet<u64> = films.iter().map(|(id, _)| *id).collect();
    let mut orders = Vec::new();
    for concurrency in [1, 8] {
        let world = World::new(films.clone(), Drift::Still, concurrency);
        let read = read(&format!("{DISCOVER}, concurrency: {concurrency}"), world, None).await;
        assert_eq!(read.losses, []);
        assert_eq!(read.ids.len(), all.len());
        assert_eq!(read.ids.iter().copied().collect::<BTreeSet<_>>(), all);
        // What only counted what is there is asked for no second time; two orders are tried for what has no date.
        let asked = &read.world.asked;
        assert!(asked.values().all(|times| *times == 1), "{asked:?}");
        let pages = 5_300_u32.div_ceil(2);
        assert!((2_650..2_650 + 40).contains(&asked.len()), "{} for {pages} pages", asked.len());
        orders.push(read.ids);
    }
    assert_eq!(orders[0], orders[1]);
}

#[tokio::test(start_paused = true)]
async fn the_order_of_a_discover_by_date_is_that_of_its_films() {
    let films: Vec<_> = catalogue(3_000, 0).into_iter().filter(|(_, date)| date.is_some()).collect();
    let days: BTreeMap<u64, Option<Date>> = films.iter().copied().collect();
    for (order, newest_first) in [("desc", true), ("asc", false)] {
        let world = World::new(films.clone(), Drift::Still, 1);
        let read =
            read(&format!("{DISCOVER}, query: {{sort_by: primary_release_date.{order}}}"), world, None).await;
        assert_eq!(read.ids.len(), films.len());
        let days: Vec<_> = read.ids.iter().map(|id| days[id]).collect();
        assert!(days.is_sorted_by(|a, b| if newest_first { a >= b } else { a <= b }), "{order}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_of_more_than_500_pages_is_told() {
    let world = World::new(catalogue(1_500, 1_200), Drift::Still, 1);
    let full = world.films.iter().filter(|(_, date)| *date == Some(Date::constant(2000, 1, 1))).count();
    assert!(full > 1_000);
    let read = read(DISCOVER, world, None).await;
    assert_eq!(read.ids.len(), 1_500 - (full - 1_000));
    let [(request, ListLoss::TooLong { pages })] = &read.losses[..] else { panic!("{:?}", read.losses) };
    assert_eq!(*pages as usize, full.div_ceil(2));
    assert!(request.contains("primary_release_date.gte=2000-01-01&primary_release_date.lte=2000-01-01"));
}

#[tokio::test(start_paused = true)]
async fn a_split_stays_within_the_bounds_of_the_query_and_needs_none_where_it_fits() {
    let films = catalogue(5_300, 0);
    let (first, last) = (Date::constant(1950, 6, 1), Date::constant(2020, 12, 31));
    let within = films.iter().filter(|(_, date)| date.is_some_and(|date| first <= date && date <= last));
    let within: BTreeSet<u64> = within.map(|(id, _)| *id).collect();
    let query = format!("query: {{primary_release_date.gte: '{first}', primary_release_date.lte: '{last}'}}");
    let some = read(&format!("{DISCOVER}, {query}"), World::new(films.clone(), Drift::Still, 1), None).await;
    assert_eq!(some.ids.iter().copied().collect::<BTreeSet<_>>(), within);
    assert!(some.world.asked.keys().all(|request| request.contains(".gte=") && request.contains(".lte=")));

    let few = read(DISCOVER, World::new(films[..900].to_vec(), Drift::Still, 1), None).await;
    assert_eq!(few.ids, (1..=900).collect::<Vec<_>>());
    assert_eq!(few.world.asked.len(), 450);

    let pages = read(&format!("{DISCOVER}, pages: 500"), World::new(films, Drift::Still, 1), None).await;
    assert_eq!(pages.ids, (1..=1_000).collect::<Vec<_>>());
    let told: Vec<_> = pages.losses.iter().map(|(_, why)| *why).collect();
    assert_eq!(told, [ListLoss::TooLong { pages: 2_650 }]);
}

#[tokio::test(start_paused = true)]
async fn a_limit_ends_the_splitting_and_cuts_what_comes_first() {
    let films = catalogue(5_300, 0);
    let all = read(DISCOVER, World::new(films.clone(), Drift::Still, 1), None).await;
    for limit in [1, 100, 1_500] {
        let world = World::new(films.clone(), Drift::Still, 1);
        let some = read(&format!("{DISCOVER}, concurrency: 2"), world, Some(limit)).await;
        let taken = usize::try_from(limit).unwrap();
        assert_eq!(some.ids, all.ids[..taken]);
        let asked = some.world.asked.len();
        assert!(asked < taken / PAGE_ROWS + 30, "{asked} requests for {limit} items");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_moves_while_it_is_read_loses_nothing_and_repeats_nothing() {
    let mut repeated = 0;
    for seed in 0..60 {
        let drift = if seed % 2 == 0 { Drift::Grows } else { Drift::Shrinks };
        let films = (1..=160).map(|id| (id, None)).collect();
        let concurrency = seed % 5 + 1;
        let popular = format!("path: /movie/popular, concurrency: {concurrency}");
        let Read { ids, losses, world } = read(&popular, World::new(films, drift, seed), None).await;
        let found: BTreeSet<u64> = ids.iter().copied().collect();
        assert_eq!(found.len(), ids.len(), "seed {seed}: {drift:?}");
        if losses.is_empty() {
            let lost: Vec<_> = world.stayed.difference(&found).collect();
            assert!(lost.is_empty(), "seed {seed}: {drift:?}: {lost:?}");
        }
        repeated += world.asked.values().filter(|times| **times > 1).count();
        assert!(losses.len() <= 1, "{losses:?}");
    }
    assert!(repeated > 50, "{repeated}");
}
