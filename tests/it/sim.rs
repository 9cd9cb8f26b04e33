//! The engine by simulation: whole pipelines over random graphs on a paused clock, judged by an oracle that shares no
//! code with the engine. Everything follows from a seed, which stands in every message.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::record_batch::RecordBatch;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tmdb_etl::engine::Budget;
use tmdb_etl::event::{Event, Listener};
use tmdb_etl::plan::{self, Plan, Request};
use tmdb_etl::run::{FlowOptions, Follow, TableSink, flow};
use tmdb_etl::sink::SinkError;
use tmdb_etl::spec::Source;
use tmdb_etl::store::{Serving, Store};
use tmdb_etl::tmdb::{Client, Response, Transport, TransportError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Two kinds of nodes with links: `films[f]` are the films that film `f` names, and so on. Absent ones answer 404.
#[derive(Debug, Default)]
struct World {
    similar: BTreeMap<i64, Vec<i64>>,
    cast: BTreeMap<i64, Vec<i64>>,
    films: BTreeMap<i64, Vec<i64>>,
    /// Links on a page of `/similar`.
    per_page: usize,
    /// Films whose appended parts are no answers: absent, an error, something else.
    odd: BTreeMap<i64, u8>,
}

impl World {
    fn random(dice: &mut fastrand::Rng, fan_out: i64) -> Self {
        let (films, people) = (dice.i64(5..60), dice.i64(5..40));
        let mut world = Self { per_page: [1000, 3, 2][dice.usize(..3)], ..Self::default() };
        for film in 1..=films {
            if dice.u8(..4) == 0 {
                world.odd.insert(film, dice.u8(..4));
            }
            if dice.u8(..10) == 0 {
                continue; // 404
            }
            let similar = (0..dice.usize(0..6)).map(|_| dice.i64(1..=films)).collect();
            world.similar.insert(film, similar);
            world.cast.insert(film, (0..dice.usize(0..5)).map(|_| dice.i64(1..=people)).collect());
        }
        if fan_out > 0 {
            world.similar.insert(1, (0..fan_out).map(|i| 1 + (i * 7) % (films * 3)).collect());
            world.cast.insert(1, (0..fan_out).map(|i| 1 + (i * 5) % (people * 3)).collect());
        }
        for person in 1..=people {
            world.films.insert(person, (0..dice.usize(0..6)).map(|_| dice.i64(1..=films)).collect());
        }
        world
    }

    /// The answer to a path, with these names appended.
    fn answer(&self, path: &str, page: usize, appended: &[&str]) -> Option<String> {
        let list = |ids: &[i64]| {
            let items: Vec<String> =
                ids.iter().map(|id| format!(r#"{{"id":{id},"odd":{}}}"#, id % 2)).collect();
            format!("[{}]", items.join(","))
        };
        let mut parts = path.trim_start_matches('/').split('/');
        let (kind, id, sub) = (parts.next()?, parts.next()?.parse().ok()?, parts.next());
        match (kind, sub) {
            ("movie", None) => {
                let (similar, cast) = (self.similar.get(&id)?, self.cast.get(&id).map(Vec::as_slice));
                let cast = list(cast.unwrap_or_default());
                let mut members = vec![format!(r#""links":{}"#, list(similar)), format!(r#""cast":{cast}"#)];
                for name in appended {
                    let alone = self.answer(&format!("{path}/{name}"), 1, &[])?;
                    let part = match self.odd.get(&id) {
                        None => alone.replace(&format!(r#""id":{id},"cast""#), r#""cast""#),
                        Some(0) => continue,
                        Some(1) => r#"{"success":false,"status_code":34,"status_message":"gone"}"#.to_owned(),
                        Some(2) => "null".to_owned(),
                        Some(_) => "[]".to_owned(),
                    };
                    // Some stand before what is not appended.
                    let at = if id % 2 == 0 { 0 } else { members.len() };
                    members.insert(at, format!(r#""{name}":{part}"#));
                }
                Some(format!(r#"{{"id":{id},{}}}"#, members.join(",")))
            }
            ("movie", Some("similar")) => {
                let similar = self.similar.get(&id)?;
                let pages = similar.len().div_ceil(self.per_page).max(1);
                let links = similar.chunks(self.per_page).nth(page - 1).unwrap_or_default();
                Some(format!(r#"{{"page":{page},"total_pages":{pages},"results":{}}}"#, list(links)))
            }
            ("movie", Some("credits")) => {
                Some(format!(r#"{{"id":{id},"cast":{}}}"#, list(self.cast.get(&id)?)))
            }
            ("person", None) => Some(format!(r#"{{"id":{id},"films":{}}}"#, list(self.films.get(&id)?))),
            _ => None,
        }
    }
}

const MINUTE: Duration = Duration::from_mins(1);

/// A wire with random latency and faults that watches the limits.
struct Wire {
    world: World,
    dice: Mutex<fastrand::Rng>,
    /// A path that takes a minute.
    slow: Option<&'static str>,
    /// No request fails.
    faultless: bool,
    state: Mutex<Watch>,
}

#[derive(Default)]
struct Watch {
    in_flight: usize,
    most_in_flight: usize,
    per_stage: HashMap<&'static str, (usize, usize)>,
    sent_at: Vec<Instant>,
    appended: usize,
    answered: HashMap<String, u32>,
    faults: HashMap<String, u32>,
}

fn stage_of(path: &str) -> &'static str {
    match path {
        path if path.contains("/similar") => "similar",
        path if path.contains("/credits") => "cast",
        path if path.starts_with("/movie") => "movies",
        _ => "people",
    }
}

impl Transport for Wire {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        _: Duration,
    ) -> BoxFuture<'a, Result<Response, TransportError>> {
        Box::pin(async move {
            let path = request.path().to_owned();
            let text = request.to_string();
            let value = |name: &str| {
                let (_, value) = text.split_once(name)?;
                Some(value.split_once('&').map_or(value, |(value, _)| value))
            };
            let appended: Vec<&str> =
                value("append_to_response=").map(|names| names.split(',').collect()).unwrap_or_default();
            let page: usize = value("&page=").map_or(1, |page| page.parse().unwrap());
            let asked = if page > 1 { format!("{path} {page}") } else { path.clone() };
            let (latency, fault) = {
                let mut dice = self.dice.lock().unwrap();
                (Duration::from_millis(dice.u64(0..200)), if self.faultless { 100 } else { dice.u8(..100) })
            };
            let latency = if self.slow == Some(&*path) { MINUTE } else { latency };
            {
                let mut watch = self.state.lock().unwrap();
                watch.in_flight += 1;
                watch.most_in_flight = watch.most_in_flight.max(watch.in_flight);
                let stage = watch.per_stage.entry(stage_of(&path)).or_default();
                stage.0 += 1;
                stage.1 = stage.1.max(stage.0);
                watch.sent_at.push(Instant::now());
            }
            tokio::time::sleep(latency).await;
            let mut watch = self.state.lock().unwrap();
            watch.in_flight -= 1;
            watch.per_stage.get_mut(stage_of(&path)).unwrap().0 -= 1;
            watch.appended += appended.len();
            let faults = watch.faults.entry(asked.clone()).or_default();
            if *faults < 3 && fault < 15 {
                *faults += 1;
                return match fault {
                    0..3 => Ok(Response { status: 429, ..Response::default() }),
                    3..6 => Ok(Response { status: 500, ..Response::default() }),
                    6..9 => Ok(Response { status: 200, body: "<html>".into(), ..Response::default() }),
                    _ => Err(TransportError::Cut("reset".into())),
                };
            }
            *watch.answered.entry(asked).or_default() += 1;
            Ok(match self.world.answer(&path, page, &appended) {
                Some(body) => Response { status: 200, body: body.into(), ..Response::default() },
                None => Response { status: 404, body: r#"{"status_code":34}"#.into(), ..Response::default() },
            })
        })
    }
}

/// Rows of a table in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<RecordBatch>>>);

impl TableSink for Memory {
    type Staged = ();

    fn write(&mut self, batch: &RecordBatch) -> Result<(), SinkError> {
        self.0.lock().unwrap().push(batch.clone());
        Ok(())
    }

    fn finish(self) -> Result<(), SinkError> {
        Ok(())
    }
}

impl Memory {
    /// Rows of integer columns; null is -1.
    fn rows(&self) -> Vec<Vec<i64>> {
        let mut rows = Vec::new();
        for batch in self.0.lock().unwrap().iter() {
            for row in 0..batch.num_rows() {
                let cell = |column: &Arc<dyn Array>| {
                    if column.is_null(row) {
                        -1
                    } else {
                        match column.as_primitive_opt::<Int64Type>() {
                            Some(column) => column.value(row),
                            None => i64::from(column.as_primitive::<Int32Type>().value(row)),
                        }
                    }
                };
                rows.push(batch.columns().iter().map(cell).collect());
            }
        }
        rows
    }
}

struct Deaf;
impl Listener for Deaf {
    fn hear(&self, _: &Event) {}
}

/// An expand of a shape, as the oracle needs it.
#[derive(Clone, Debug)]
struct Edge {
    name: &'static str,
    from: &'static str,
    into: &'static str,
    field: &'static str,
    take: usize,
    max_depth: u32,
    max_items: u64,
    odd_only: bool,
    /// Asks for this part of a film instead of looking into the document.
    asks: Option<&'static str>,
    pages: usize,
    /// Expands only what has an id that three does not divide.
    picky: bool,
    fuse: bool,
}

/// What the run should give: documents in admission order by stage, and found rows by expand.
#[derive(Debug, Default, PartialEq, Eq)]
struct Expected {
    documents: BTreeMap<&'static str, Vec<Vec<i64>>>,
    found: BTreeMap<&'static str, Vec<Vec<i64>>>,
    /// Every item that is taken on, by stage.
    admitted: HashSet<(&'static str, i64)>,
}

/// The oracle: breadth first with one queue.
fn oracle(world: &World, seeds: &[i64], edges: &[Edge]) -> Expected {
    let mut expected = Expected::default();
    let mut seen = HashSet::new();
    let mut left: Vec<u64> = edges.iter().map(|edge| edge.max_items).collect();
    // Stage, id, depth, parent, rank.
    let mut queue: VecDeque<(&'static str, i64, u32, i64, i64)> = (1..)
        .zip(seeds)
        .filter(|(_, id)| seen.insert(("movies", **id)))
        .map(|(rank, id)| ("movies", *id, 0, -1, rank))
        .collect();
    while let Some((stage, id, depth, parent, rank)) = queue.pop_front() {
        let node = if stage == "movies" { world.similar.get(&id) } else { world.films.get(&id) };
        if node.is_none() {
            continue; // 404
        }
        let row = vec![id, i64::from(depth), parent, rank];
        expected.documents.entry(if stage == "movies" { "movies" } else { "people" }).or_default().push(row);
        for (index, edge) in edges.iter().enumerate() {
            if edge.from != stage || depth >= edge.max_depth || edge.picky && id % 3 == 0 {
                continue;
            }
            let links = match edge.field {
                "similar" => &world.similar[&id],
                "cast" => &world.cast[&id],
                _ => &world.films[&id],
            };
            let shown = if edge.asks == Some("similar") { edge.pages * world.per_page } else { usize::MAX };
            let links = &links[..links.len().min(shown)];
            let ranked = links.iter().enumerate().filter(|(_, id)| !edge.odd_only || **id % 2 == 1);
            for (place, target) in ranked.take(edge.take) {
                let rank = i64::try_from(place).unwrap() + 1;
                expected.found.entry(edge.name).or_default().push(vec![
                    id,
                    *target,
                    rank,
                    i64::from(depth) + 1,
                ]);
                if left[index] > 0 && seen.insert((edge.into, *target)) {
                    left[index] -= 1;
                    queue.push_back((edge.into, *target, depth + 1, id, rank));
                }
            }
        }
    }
    expected.admitted = seen;
    expected
}

fn buffer(dice: &mut fastrand::Rng) -> String {
    format!("buffer: {}", [1, 1, 2, 64][dice.usize(..4)])
}

fn concurrency_and_buffer(dice: &mut fastrand::Rng) -> String {
    let share = [", rate: {share: 20%}", ", rate: {share: 5%, limit: 30/s}", "", ""][dice.usize(..4)];
    format!("concurrency: {}, {}{share}", ["1", "2", "7", "64", "auto"][dice.usize(..5)], buffer(dice))
}

/// A pipeline with these edges and random settings.
#[expect(clippy::format_push_string, reason = "a text of a few lines, once for each simulation")]
fn yaml(dice: &mut fastrand::Rng, seeds: &[i64], edges: &[Edge], order: &str, rate: &str) -> String {
    let mut text = format!(
        "version: 1\nname: sim\napi: {{base_url: 'https://sim.test/3', rate: {rate}, connections: 20, retry: {{attempts: 8, max_elapsed: 10m}}}}\n\
         max_failures: 0\nstages:\n  start: {{kind: seed, ids: {seeds:?}}}\n"
    );
    text += &format!("  movies: {{kind: fetch, path: '/movie/{{id}}', {}}}\n", concurrency_and_buffer(dice));
    // The documents reach the expands through filters that drop none, and the expands one after the other or
    // side by side: none of it may change a row.
    let mut last = "movies".to_owned();
    for index in 0..dice.u8(..5).saturating_sub(2) {
        let name = format!("all{index}");
        text += &format!("  {name}: {{kind: filter, from: {last}, where: '.id > 0', {}}}\n", buffer(dice));
        last = name;
    }
    let chained = dice.bool();
    let expand = |edge: &Edge, from: &str, setting: String| {
        let source = match (edge.asks, edge.field) {
            (Some("similar"), _) => {
                format!("path: '/movie/{{id}}/similar', pages: {}, fuse: {}", edge.pages, edge.fuse)
            }
            // Its own `id` is what an appended object loses.
            (Some(_), _) => format!(
                "path: '/movie/{{id}}/credits', fuse: {}, items: '.id as $id | .cast[] | select($id == $doc.id)'",
                edge.fuse
            ),
            (None, "similar") => "items: '.links[]'".to_owned(),
            (None, field) => format!("items: '.{field}[]'"),
        };
        let when = if edge.picky {
            "when: '.id % 3 != 0 and (has(\"credits\") or has(\"similar\") | not)', "
        } else {
            ""
        };
        let where_ = if edge.odd_only { "where: '.odd == 1', " } else { "" };
        // What asks for nothing has no rate.
        let asks_nothing = if edge.asks.is_none() { setting.find(", rate:") } else { None };
        let setting = asks_nothing.map_or(setting.as_str(), |at| &setting[..at]);
        format!(
            "  {}: {{kind: expand, from: {from}, {source}, {when}{where_}take: {}, into: {}, max_depth: {}, max_items: {}, {setting}}}\n",
            edge.name, edge.take, edge.into, edge.max_depth, edge.max_items
        )
    };
    for edge in edges.iter().filter(|edge| edge.from == "movies") {
        text += &expand(edge, &last, concurrency_and_buffer(dice));
        if chained {
            edge.name.clone_into(&mut last);
        }
    }
    if edges.iter().any(|edge| edge.into == "people") {
        text +=
            &format!("  people: {{kind: fetch, path: '/person/{{id}}', {}}}\n", concurrency_and_buffer(dice));
        let mut last = "people".to_owned();
        for edge in edges.iter().filter(|edge| edge.from == "people") {
            text += &expand(edge, &last, concurrency_and_buffer(dice));
            edge.name.clone_into(&mut last);
        }
    }
    let columns = "{id: int64, depth: {type: int32, value: $meta.depth}, parent: {type: int64, value: $parent.id}, \
                   rank: {type: int32, value: $meta.rank}}";
    let table = |name: &str, from: &str, columns: &str, setting: String| {
        format!(
            "  t_{name}: {{kind: project, from: {from}, order: {order}, columns: {columns}, output: {{path: {name}.parquet}}, {setting}}}\n"
        )
    };
    text += &table("movies", "movies", columns, buffer(dice));
    if edges.iter().any(|edge| edge.into == "people") {
        text += &table("people", "people", columns, buffer(dice));
    }
    for edge in edges {
        let columns = "{source: {type: int64, value: $parent.id}, id: int64, rank: {type: int32, value: $meta.rank}, \
                       depth: {type: int32, value: $meta.depth}}";
        text += &table(edge.name, &format!("{}.found", edge.name), columns, buffer(dice));
    }
    text
}

fn compile(text: &str) -> Plan {
    let source = Source::new("sim.yaml", text);
    plan::read(&source, &[], &|_| None, &plan::Options::default())
        .unwrap_or_else(|faults| panic!("{}\n{text}", faults.render(&source)))
        .plan
}

/// Runs a pipeline over a world; the rows of each table, and what the wire saw.
async fn run(plan: &Plan, world: World, seed: u64) -> (BTreeMap<String, Vec<Vec<i64>>>, Arc<Wire>) {
    run_over(plan, Wire { slow: None, faultless: false, ..wire(world, seed) }, seed, None).await
}

fn wire(world: World, seed: u64) -> Wire {
    let dice = Mutex::new(fastrand::Rng::with_seed(seed));
    Wire { world, dice, slow: None, faultless: true, state: Mutex::default() }
}

/// Runs a pipeline over a wire, with its documents kept in a folder, or nowhere.
async fn run_over(
    plan: &Plan,
    wire: Wire,
    seed: u64,
    kept: Option<&Path>,
) -> (BTreeMap<String, Vec<Vec<i64>>>, Arc<Wire>) {
    let wire = Arc::new(wire);
    let budget = Budget::new(plan.api.connections, plan.api.rate, seed);
    let mut client = Client::new(wire.clone(), budget, plan.api.retry, seed, Arc::new(Deaf));
    if let Some(folder) = kept {
        let serving = Serving { run: "sim".into(), not_before: Timestamp::now() };
        client = client.with_store(Store::open(folder, serving).unwrap().0, "sim");
    }
    let sinks: Vec<Memory> = plan.tables().map(|_| Memory::default()).collect();
    let options = FlowOptions {
        run: "sim".into(),
        limit: None,
        follow: Follow::default(),
        stop: CancellationToken::new(),
        listener: Arc::new(Deaf),
    };
    let flowing = flow(plan, Arc::new(client), sinks.clone(), options);
    tokio::time::timeout(Duration::from_hours(10), flowing)
        .await
        .unwrap_or_else(|_| panic!("seed {seed}: the run does not end"))
        .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let names = plan.tables().map(|(_, table)| table.stage.to_string());
    (names.zip(sinks.iter().map(Memory::rows)).collect(), wire)
}

fn edge(name: &'static str, from: &'static str, into: &'static str, field: &'static str) -> Edge {
    Edge {
        name,
        from,
        into,
        field,
        take: 4,
        max_depth: 3,
        max_items: 40,
        odd_only: false,
        asks: None,
        pages: 1,
        picky: false,
        fuse: true,
    }
}

/// The shapes: loops through one and two fetch stages, with and without requests of their own, and no loop.
fn shapes() -> Vec<Vec<Edge>> {
    let similar = edge("similar", "movies", "movies", "similar");
    let asked = Edge { asks: Some("similar"), odd_only: true, ..similar.clone() };
    let cast = edge("cast", "movies", "people", "cast");
    let credits = edge("credits", "people", "movies", "films");
    let bounded = Edge { max_depth: u32::MAX, max_items: u64::MAX, ..cast.clone() };
    vec![
        vec![similar.clone()],
        vec![asked.clone()],
        vec![cast.clone(), credits.clone()],
        vec![similar, cast.clone(), credits.clone()],
        vec![asked.clone(), cast.clone(), Edge { max_items: 3, ..credits.clone() }],
        vec![asked, Edge { asks: Some("credits"), ..cast }, credits],
        vec![bounded],
    ]
}

/// One simulation; everything about it follows from `seed`.
fn simulate(seed: u64) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async move {
        let mut dice = fastrand::Rng::with_seed(seed);
        let shapes = shapes();
        let mut edges = shapes[dice.usize(..shapes.len())].clone();
        let wide = dice.u8(..8) == 0;
        for edge in &mut edges {
            if edge.max_depth == u32::MAX {
                (edge.max_depth, edge.max_items) = (1000, 1_000_000);
            } else {
                (edge.max_depth, edge.max_items) = (dice.u32(1..5), dice.u64(1..60));
            }
            edge.take = if wide { 1000 } else { dice.usize(1..6) };
            if edge.asks.is_some() {
                (edge.pages, edge.picky, edge.fuse) = (dice.usize(1..4), dice.bool(), dice.u8(..4) > 0);
            }
        }
        let world = World::random(&mut dice, if wide { 1000 } else { 0 });
        let odd: HashSet<i64> = world.odd.keys().copied().collect();
        let seeds: Vec<i64> = (0..dice.usize(0..20)).map(|_| dice.i64(1..30)).chain([1]).collect();
        let order = if dice.bool() { "input" } else { "arrival" };
        let rate = if dice.bool() { "none" } else { "40/s" };
        let text = yaml(&mut dice, &seeds, &edges, order, rate);
        let context = || format!("seed {seed}\n{text}");
        let expected = oracle(&world, &seeds, &edges);
        let mut plan = compile(&text);
        // From room for nothing, where every stage goes on one by one, to enough.
        plan.memory = [1, 3_000, 60_000, 256 << 20][dice.usize(..4)];
        let slow = dice.bool().then_some("/movie/1");
        // Where documents are kept, some are asked for ahead of their turn.
        let folder = tempfile::tempdir().unwrap();
        let kept = dice.bool().then_some(folder.path());
        let (rows_of, network) =
            run_over(&plan, Wire { slow, faultless: false, ..wire(world, seed) }, seed, kept).await;
        let check = |table: String, expect: Option<&Vec<Vec<i64>>>| {
            let mut rows = rows_of.get(&table).cloned().unwrap_or_default();
            let mut expect = expect.cloned().unwrap_or_default();
            if order == "arrival" {
                rows.sort();
                expect.sort();
            }
            assert_eq!(rows, expect, "{table}, {}", context());
        };
        check("t_movies".into(), expected.documents.get("movies"));
        check("t_people".into(), expected.documents.get("people"));
        for edge in &edges {
            check(format!("t_{}", edge.name), expected.found.get(edge.name));
        }
        let watch = network.state.lock().unwrap();
        assert!(watch.most_in_flight <= 20, "{} connections, {}", watch.most_in_flight, context());
        for (path, times) in &watch.answered {
            assert_eq!(*times, 1, "{path} was asked {times} times, {}", context());
            let mut parts = path.trim_start_matches('/').split('/');
            let stage = if parts.next() == Some("movie") { "movies" } else { "people" };
            let id = parts.next().unwrap().split(' ').next().unwrap().parse().unwrap();
            assert!(expected.admitted.contains(&(stage, id)), "{path} has no turn, {}", context());
        }
        // What came with its document is not asked for.
        for edge in edges.iter().filter(|edge| edge.fuse) {
            let Some(part) = edge.asks else { continue };
            let alone = |path: &&String| {
                let id = path.strip_prefix("/movie/").and_then(|path| path.strip_suffix(part));
                id.is_some_and(|id| !odd.contains(&id.trim_end_matches('/').parse().unwrap()))
            };
            assert_eq!(watch.answered.keys().find(alone), None, "{}", context());
        }
        let fused = edges.iter().any(|edge| edge.fuse && edge.asks.is_some());
        assert_eq!(watch.appended > 0, fused, "{}", context());
        for stage in &plan.stages {
            let most = watch.per_stage.get(stage.id.as_str()).map_or(0, |(_, most)| *most);
            assert!(most <= stage.concurrency.get() as usize, "{}: {most}, {}", stage.id, context());
        }
        if rate == "40/s" {
            let sent = &watch.sent_at;
            let crowded = sent.windows(41).find(|window| window[40] - window[0] <= Duration::from_secs(1));
            assert!(crowded.is_none(), "41 requests in a second, {}", context());
        }
    });
}

#[test]
fn every_crawl_ends_and_equals_breadth_first_search() {
    let (first, count) = match std::env::var("SIM_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => (seed, 1),
        None => (0, 150),
    };
    for seed in first..first + count {
        simulate(seed);
    }
}

/// Rows of each table, how long the run took on the paused clock, and how many requests were answered.
fn timed(
    stages: &str,
    films: i64,
    (concurrency, buffer, seed): (u32, usize, u64),
    slow: Option<&'static str>,
    memory: u64,
    kept: Option<&Path>,
) -> (BTreeMap<String, Vec<Vec<i64>>>, Duration, u32) {
    let text = format!(
        "version: 1\nname: sim\napi: {{base_url: 'https://sim.test/3', rate: none, connections: 256, timeout: 2m}}\n\
         stages:\n  start: {{kind: seed, range: 1..{films}}}\n{stages}"
    );
    let mut plan = compile(&text);
    plan.memory = memory;
    for stage in &mut plan.stages {
        stage.concurrency = NonZeroU32::new(concurrency).unwrap();
        stage.buffer = buffer;
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async move {
        let mut world = World { per_page: 20, ..World::default() };
        // Beyond those that are asked for at first there are as many to be found.
        for film in 1..=2 * films {
            if film % 50 != 0 {
                world.similar.insert(film, vec![film + 1, film * 7 % films]);
            }
        }
        let started = Instant::now();
        let (rows, wire) = run_over(&plan, Wire { slow, ..wire(world, seed) }, seed, kept).await;
        let answered = wire.state.lock().unwrap().answered.values().sum();
        (rows, started.elapsed(), answered)
    })
}

#[test]
fn one_id_that_takes_a_minute_costs_nothing_elsewhere() {
    let table = |name: &str, from: &str| {
        format!(
            "  {name}: {{kind: project, from: {from}, columns: {{id: int64}}, output: {{path: {name}.parquet}}}}\n"
        )
    };
    let fetch = "  movies: {kind: fetch, path: '/movie/{id}'}\n";
    let plain = format!("{fetch}{}", table("films", "movies"));
    let asked = format!(
        "{fetch}  similar: {{kind: expand, path: '/movie/{{id}}/similar', fuse: false}}\n  some: {{kind: filter, where: '.id % 3 > 0'}}\n{}{}{}",
        table("films", "some"),
        table("found", "similar.found"),
        table("missing", "movies.missing"),
    );
    // Beside the room for everything, one in which all that waits has to wait on disk.
    for (stages, slow, films, memory) in [
        (&plain, "/movie/3", 1500, 256 << 20),
        (&plain, "/movie/3", 1500, 100_000),
        (&asked, "/movie/5/similar", 800, 256 << 20),
        (&asked, "/movie/5", 800, 100_000),
    ] {
        let expected = timed(stages, films, (1, 1, 1), None, 256 << 20, None).0;
        assert!(expected["films"].len() > 400);
        for (setting, latencies) in [((7, 1), 1), ((7, 256), 2), ((64, 1), 2), ((64, 256), 1), ((1, 1), 2)] {
            let setting = (setting.0, setting.1, latencies);
            let (rows, took, _) = timed(stages, films, setting, Some(slow), memory, None);
            assert!(rows == expected, "{slow}, {setting:?}: other rows");
            if memory < 1 << 20 || setting.0 == 1 {
                continue; // One worker is all there is, and little room makes little progress.
            }
            let (_, without, _) = timed(stages, films, setting, None, memory, None);
            let most = without.max(MINUTE) + Duration::from_secs(2);
            assert!(took <= most, "{slow}, {setting:?}: {took:?}, and {without:?} without the minute");
        }
    }
}

#[test]
fn one_id_that_takes_a_minute_keeps_the_next_level_waiting_for_nothing_but_its_turn() {
    let crawl = |max_items: u32, order: &str| {
        format!(
            "  movies: {{kind: fetch, path: '/movie/{{id}}'}}\n  similar: {{kind: expand, items: '.links[] | .id += 400', take: 2, into: movies, \
             max_depth: 1, max_items: {max_items}}}\n  films: {{kind: project, from: movies, order: {order}, columns: {{id: int64}}, output: {{path: f.parquet}}}}\n"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    for (name, max_items, order) in [
        ("all of it is known to come", 5_000, "arrival"),
        ("all of it is known to come, and is looked into before its turn", 5_000, "input"),
        ("what was found leads to nothing more, so that is all there can be", 790, "input"),
        ("a budget may cut it", 300, "arrival"),
        ("a budget may cut it, whatever is looked into", 300, "input"),
    ] {
        let run = |slow, kept| {
            let (mut rows, took, answered) =
                timed(&crawl(max_items, order), 400, (7, 64, 1), slow, 256 << 20, kept);
            for rows in rows.values_mut() {
                rows.sort();
            }
            (rows, took, answered)
        };
        let (expected, without, requests) = run(None, None);
        let (rows, waiting, _) = run(Some("/movie/3"), None);
        let kept = folder.path().join(format!("{max_items}-{order}"));
        let (rows_ahead, ahead, requests_ahead) = run(Some("/movie/3"), Some(&kept));
        assert!(rows == expected && rows_ahead == expected, "{name}: other rows");
        assert_eq!(requests_ahead, requests, "{name}: requests");
        let level = waiting.saturating_sub(MINUTE);
        assert!(level > Duration::from_secs(1), "{name}: {waiting:?}, and {without:?} without the minute");
        if max_items >= 790 {
            assert!(ahead < MINUTE + Duration::from_secs(1), "{name}: {ahead:?}, and {waiting:?} without it");
        } else {
            assert!(
                ahead + Duration::from_secs(1) > waiting,
                "{name}: {ahead:?}, and {waiting:?} without it"
            );
        }
    }
}

#[test]
fn a_seed_with_several_readers_never_waits_for_the_turn_of_one() {
    let head = "version: 1\nname: sim\napi: {base_url: 'https://sim.test/3', rate: none, retry: {attempts: 8}}\n\
                max_failures: 0\nstages:\n  start: {kind: seed, range: 1..40}\n  movies: {kind: fetch, path: '/movie/{id}', buffer: 1}\n  \
                cast: {kind: expand, items: '.cast[]'}\n";
    let tables = "  t_movies: {kind: project, from: movies, columns: {id: int64}, output: {path: m.parquet}}\n  \
                  t_people: {kind: project, from: people, columns: {id: int64}, output: {path: p.parquet}}\n";
    // In a loop with its other reader, and after what its other reader leads to.
    let people = "  people: {kind: fetch, from: [cast.found, start], path: '/person/{id}', buffer: 1}\n";
    let known = "  known: {kind: expand, from: people, items: '.films[]', into: movies, max_depth: 3, max_items: 9}\n";
    for stages in [format!("{head}{people}{known}{tables}"), format!("{head}{people}{tables}")] {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async move {
            let world = World::random(&mut fastrand::Rng::with_seed(3), 0);
            let known: HashSet<i64> = (1..=40).filter(|id| world.films.contains_key(id)).collect();
            let (rows_of, _) = run(&compile(&stages), world, 3).await;
            let people: HashSet<i64> = rows_of["t_people"].iter().map(|row| row[0]).collect();
            assert!(known.is_subset(&people), "{stages}");
        });
    }
}

#[test]
fn the_same_bytes_of_answers_give_the_same_rows_at_every_concurrency() {
    let rows = |concurrency: u32, buffer: u32, seed: u64| {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async move {
            let world = World::random(&mut fastrand::Rng::with_seed(7), 0);
            let edges = &shapes()[3];
            let text = yaml(&mut fastrand::Rng::with_seed(1), &[1, 2, 3, 4, 5], edges, "input", "none");
            let mut plan = compile(&text);
            for stage in &mut plan.stages {
                stage.concurrency = NonZeroU32::new(concurrency).unwrap();
                stage.buffer = buffer as usize;
            }
            run(&plan, world, seed).await.0
        })
    };
    let one = rows(1, 1, 11);
    assert!(one["t_movies"].len() > 5);
    for (concurrency, buffer, seed) in [(64, 1, 12), (7, 256, 13), (64, 256, 14), (1, 256, 15)] {
        assert_eq!(rows(concurrency, buffer, seed), one, "concurrency {concurrency}, buffer {buffer}");
    }
}
