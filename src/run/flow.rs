//! From a plan to running stages: every edge is made here, every task is started here.
//!
//! One film's way: `seed` → frontier ([`crate::engine`]) → `fetch` → ([`crate::tmdb`]) → `expand` → `table` →
//! ([`crate::project`], [`crate::sink`]).

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::context::{Context, caller, on_thread};
use super::ending::join;
use super::error::RunError;
use super::expand::{Expander, ItemOutlet};
use super::fetch::Fetcher;
use super::filter::Sieve;
use super::follow::{Failed, Failures, Follow};
use super::foresight::Foresight;
use super::outlets::Outlets;
use super::seed::{SeedReader, Seeder};
use super::seed_file::SeedFile;
use super::stash::Stash;
use super::table::{TableSink, table};
use super::tally::Tally;
use crate::engine::{
    Crew, Demand, EdgeId, Errand, Feed, Frontier, FrontierEdge, FrontierPlan, KeyOf, Memory, Parcel,
    Receiver, Slot, edge, run_stage,
};
use crate::event::{Event, Gauge, Listener};
use crate::plan::expr::{FieldSet, RunScope};
use crate::plan::{
    Document, Hands, ItemEdge, Plan, SEED_BUFFER, Source, StageIndex, StageKind, StagePlan, TablePlan,
};
use crate::project::ExpandRule;
use crate::spec::Port;
use crate::tmdb::Client;

/// What a run needs beside its plan.
pub struct FlowOptions {
    /// The run's id.
    pub run: String,
    /// `--limit`: items of each seed.
    pub limit: Option<u64>,
    /// What it follows of the lists of changes.
    pub follow: Follow,
    /// Ends the run early.
    pub stop: CancellationToken,
    /// Hears what happens.
    pub listener: Arc<dyn Listener>,
}

/// What a run has done when all of its tables are staged.
pub struct Flowed<T> {
    /// The tables, in the order of the plan.
    pub tables: Vec<T>,
    /// Items that failed, within `max_failures`.
    pub failures: u64,
    /// Which of them are items of seeds.
    pub(super) failed: Failed,
}

/// Runs `plan` until every table is staged in its sink; `sinks` are in the order of [`Plan::tables`].
pub async fn flow<S: TableSink>(
    plan: &Plan,
    client: Arc<Client>,
    sinks: Vec<S>,
    options: FlowOptions,
) -> Result<Flowed<S::Staged>, RunError> {
    let files = open_seeds(plan).await?;
    flow_from(plan, client, sinks, options, files).await
}

/// The open files of seeds.
pub(super) type SeedFiles = HashMap<StageIndex, SeedFile>;

/// Opens the files of all seeds, before anything is asked: what is wrong with one of them is told at once.
pub(super) async fn open_seeds(plan: &Plan) -> Result<SeedFiles, RunError> {
    let plan = plan.clone();
    on_thread(move || {
        let mut files = SeedFiles::new();
        for (index, stage) in plan.stages.iter().enumerate() {
            let StageKind::Seed(_) = &stage.kind else { continue };
            let id = stage.id.to_string();
            let file = SeedFile::open(&plan, index)
                .map_err(|error| RunError::SeedFile { stage: id, error: Box::new(error) })?;
            files.extend(file.map(|file| (index, file)));
        }
        Ok(files)
    })
    .await
}

/// Runs `plan` with the files of its seeds opened before.
pub(super) async fn flow_from<S: TableSink>(
    plan: &Plan,
    client: Arc<Client>,
    sinks: Vec<S>,
    options: FlowOptions,
    files: SeedFiles,
) -> Result<Flowed<S::Staged>, RunError> {
    let mut crew = Crew::new(options.stop.child_token());
    let context = context(plan, client, options);
    let (staged, mut finished) = edge(sinks.len().max(1));
    let mut sinks = sinks.into_iter();
    start(&mut crew, plan, Wires::new(plan), &context, files, |index, table_plan, documents| {
        let gone = plan.stages[index].gone.len();
        let sink = sinks.next().expect("there is a sink for each table");
        let (staged, context) = (staged.clone(), Arc::clone(&context));
        Box::pin(table(table_plan, documents, gone, sink, staged, index, context))
    });
    drop(staged);
    join(crew).await?;
    context.tally.judge_at_end()?;
    let mut tables = Vec::new();
    while let Some(table) = finished.recv().await {
        tables.push(table);
    }
    tables.sort_by_key(|(index, _)| *index);
    let tables = tables.into_iter().map(|(_, table)| table).collect();
    Ok(Flowed { tables, failures: context.tally.failures(), failed: context.failures.take() })
}

/// What the stages of a run share.
pub(super) fn context(plan: &Plan, client: Arc<Client>, options: FlowOptions) -> Arc<Context> {
    let demands = plan.stages.iter().enumerate();
    Arc::new(Context {
        client,
        memory: Memory::new(usize::try_from(plan.memory).unwrap_or(usize::MAX)),
        demands: demands.map(|(place, stage)| (stage.id.clone(), Demand::new(place))).collect(),
        tally: Tally::new(plan.max_failures),
        scope: Arc::new(RunScope { params: Arc::clone(&plan.params), run: options.run }),
        listener: options.listener,
        limit: options.limit,
        follow: options.follow,
        failures: Failures::default(),
        accounts: plan.stages.iter().map(|_| Arc::default()).collect(),
    })
}

/// Starts every stage; `tables` makes the task of a project from its index, its plan and its inputs.
pub(super) fn start(
    crew: &mut Crew<RunError>,
    plan: &Plan,
    mut wires: Wires<'_>,
    context: &Arc<Context>,
    mut files: SeedFiles,
    mut tables: impl FnMut(StageIndex, Arc<TablePlan>, Vec<Documents>) -> BoxFuture<'static, Result<(), RunError>>,
) {
    wires.start_frontiers(crew);
    let foresights: Vec<_> =
        (0..plan.stages.len()).map(|stage| Foresight::new(plan, stage, &wires.item_outlets)).collect();
    for (index, stage) in plan.stages.iter().enumerate() {
        let outlets = wires.outlets.remove(&index).unwrap_or_default();
        let documents = wires.documents.remove(&index).unwrap_or_default();
        let id = stage.id.clone();
        let listener = Arc::clone(&context.listener);
        let done = move |result: Result<(), RunError>| {
            if result.is_ok() {
                listener.hear(&Event::StageFinished { stage: id });
            }
            result
        };
        let (name, context) = (stage.id.to_string(), Arc::clone(context));
        // Results that wait for one that takes long.
        let hands = Hands { ready_bytes: plan.ready_bytes(), ..stage.hands() };
        let stash = Arc::new(Stash::new(stage.id.clone()));
        let memory = context.memory.clone();
        let is_short = move || memory.is_short();
        let account = Arc::clone(&context.accounts[index]);
        context.listener.hear(&Event::StageStarted {
            stage: stage.id.clone(),
            account: Arc::clone(&account),
            queue: wires.queues.remove(&index).unwrap_or_else(|| Gauge::new(|| 0)),
            buffer: stage.buffer,
        });
        match &stage.kind {
            StageKind::Seed(seed) => {
                let readers = wires.seed_readers.remove(&index).unwrap_or_default();
                let caller = caller(stage, &context.client, &account);
                let seeder = Seeder::new(seed.clone(), caller, hands, readers, outlets, context);
                let file = files.remove(&index);
                crew.spawn(name, async move { done(seeder.run(file).await) });
            }
            StageKind::Fetch(plan) => {
                let items = wires.items.remove(&index).expect("every fetch has a frontier");
                let caller = caller(stage, &context.client, &account);
                let foresight = foresights[index].clone();
                let fetcher = Fetcher { plan: plan.clone(), caller, outlets, context, stash, foresight };
                crew.spawn(
                    name,
                    async move { done(run_stage(hands, items, Arc::new(fetcher), is_short).await) },
                );
            }
            StageKind::Expand(expand) => {
                let expander = Expander {
                    plan: expand.clone(),
                    hands_parts_on: stage.parts,
                    rule: Arc::new(ExpandRule::new(expand)),
                    caller: caller(stage, &context.client, &account),
                    items: wires.item_outlets.remove(&index).unwrap_or_default(),
                    outlets,
                    context,
                    stash,
                };
                let documents = merged(crew, &stage.id.to_string(), documents, stage.buffer);
                crew.spawn(name, async move {
                    done(run_stage(hands, documents, Arc::new(expander), is_short).await)
                });
            }
            StageKind::Filter(plan) => {
                let documents = merged(crew, &stage.id.to_string(), documents, stage.buffer);
                let sieve =
                    Sieve { stage: stage.id.clone(), plan: plan.clone(), outlets, context, stash, account };
                crew.spawn(name, async move {
                    done(run_stage(hands, documents, Arc::new(sieve), is_short).await)
                });
            }
            StageKind::Project(plan) => {
                let task = tables(index, Arc::clone(plan), documents);
                crew.spawn(name, async move { done(task.await) });
            }
        }
    }
}

/// One input for a stage that reads several, one after the other.
fn merged(crew: &mut Crew<RunError>, name: &str, mut inputs: Vec<Documents>, buffer: usize) -> Documents {
    if inputs.len() == 1 {
        return inputs.remove(0);
    }
    let (sender, receiver) = edge(buffer);
    crew.spawn(format!("{name} (inputs)"), async move {
        for mut input in inputs {
            while let Some(parcel) = input.recv().await {
                sender.send(parcel).await?;
            }
        }
        Ok(())
    });
    receiver
}

/// The receiving end of an edge of documents.
pub(super) type Documents = Receiver<Parcel<Document>>;

/// All edges of a run, by the stage at either end.
pub(super) struct Wires<'a> {
    plan: &'a Plan,
    outlets: HashMap<StageIndex, Outlets>,
    documents: HashMap<StageIndex, Vec<Documents>>,
    items: HashMap<StageIndex, Receiver<Errand>>,
    /// What waits before each stage.
    queues: HashMap<StageIndex, Gauge>,
    item_outlets: HashMap<StageIndex, Vec<ItemOutlet>>,
    seed_readers: HashMap<StageIndex, Vec<SeedReader>>,
}

impl<'a> Wires<'a> {
    /// Makes the edges of documents.
    pub(super) fn new(plan: &'a Plan) -> Self {
        let mut wires = Self {
            plan,
            outlets: HashMap::new(),
            documents: HashMap::new(),
            items: HashMap::new(),
            queues: HashMap::new(),
            item_outlets: HashMap::new(),
            seed_readers: HashMap::new(),
        };
        for (index, stage) in plan.stages.iter().enumerate() {
            if matches!(stage.kind, StageKind::Seed(_) | StageKind::Fetch(_)) {
                continue;
            }
            let closes_loop = plan.item_edges.iter().any(|edge| edge.from == index && edge.in_loop);
            let mut gauges = Vec::new();
            for source in stage.inputs.iter().chain(&stage.gone) {
                let (sender, receiver) = edge(stage.buffer);
                gauges.push(sender.gauge());
                let tokens = source.port == Port::Main && (stage.tokens || closes_loop);
                let parts = source.port == Port::Main && stage.takes_parts();
                wires.outlets.entry(source.stage).or_default().add(source.port, tokens, parts, sender);
                wires.documents.entry(index).or_default().push(receiver);
            }
            let queue = Gauge::new(move || gauges.iter().map(Gauge::read).sum());
            wires.queues.insert(index, queue);
        }
        wires
    }

    /// A reader of `point` beside those of the plan.
    pub(super) fn tap(&mut self, point: Source) -> Documents {
        let (sender, receiver) = edge(1);
        self.outlets.entry(point.stage).or_default().add(point.port, false, false, sender);
        receiver
    }

    /// Makes a frontier for each group of fetches, with its feeds, and starts it.
    fn start_frontiers(&mut self, crew: &mut Crew<RunError>) {
        for group in &self.plan.groups {
            let edges: Vec<_> = self.plan.item_edges.iter().filter(|edge| group.contains(&edge.to)).collect();
            let slot = |stage: StageIndex| {
                Slot(group.iter().position(|member| *member == stage).expect("an edge ends in its group"))
            };
            let plan = FrontierPlan {
                keys: group.iter().map(|stage| self.key(*stage)).collect(),
                edges: edges.iter().map(|edge| self.frontier_edge(edge, slot(edge.to))).collect(),
                loops: edges.iter().any(|edge| edge.in_loop),
                keeps: self.plan.api.keep.is_some(),
            };
            let frontier = Frontier::new(plan);
            let mut feeds: Vec<(StageIndex, usize, Feed)> = Vec::new();
            for (id, item_edge) in edges.iter().enumerate() {
                let edge_id = EdgeId(id);
                let to = &self.plan.stages[item_edge.to];
                let feed = (!item_edge.in_loop).then(|| {
                    let (sender, items) = edge(to.buffer);
                    let turn = turn(to, Source { stage: item_edge.from, port: Port::Found });
                    let feed = Feed { slot: slot(item_edge.to), edge: Some(edge_id), items, eager: true };
                    feeds.push((item_edge.to, turn, feed));
                    sender
                });
                let keeps = self.keeps(item_edge.to);
                let outlet = ItemOutlet { frontier: frontier.clone(), edge: edge_id, keeps, feed };
                self.item_outlets.entry(item_edge.from).or_default().push(outlet);
            }
            for &member in group {
                let stage = &self.plan.stages[member];
                for source in stage.inputs.iter().filter(|source| source.port == Port::Main) {
                    let (sender, items) = edge(SEED_BUFFER);
                    // A seed waits for each of its readers, so one that has its turn later must not hold up the others.
                    let eager = self.plan.readers(source.stage, Port::Main).nth(1).is_some();
                    let feed = Feed { slot: slot(member), edge: None, items, eager };
                    feeds.push((member, turn(stage, *source), feed));
                    let StageKind::Fetch(fetch) = &stage.kind else { unreachable!("groups are of fetches") };
                    let request = fetch.request.clone();
                    let reader = SeedReader { keeps: self.keeps(member), request, feed: sender };
                    self.seed_readers.entry(source.stage).or_default().push(reader);
                }
            }
            feeds.sort_by_key(|(stage, turn, _)| (*stage, *turn));
            let feeds = feeds.into_iter().map(|(_, _, feed)| feed).collect();
            let name = self.plan.stages[group[0]].id.to_string();
            let feeding = frontier.clone().feed(feeds);
            crew.spawn(format!("{name} (frontier)"), async move {
                feeding.await;
                Ok(())
            });
            for &member in group {
                let stage = &self.plan.stages[member];
                let (sender, items) = edge(stage.buffer);
                self.items.insert(member, items);
                let queue = sender.gauge();
                // The frontier reserves the place of the item that it has yet to find.
                self.queues.insert(member, Gauge::new(move || queue.read().saturating_sub(1)));
                let handing = frontier.clone().hand_out(slot(member), sender);
                crew.spawn(format!("{} (frontier)", stage.id), async move { Ok(handing.await?) });
            }
        }
    }

    fn frontier_edge(&self, edge: &ItemEdge, to: Slot) -> FrontierEdge {
        let StageKind::Expand(expand) = &self.plan.stages[edge.from].kind else {
            unreachable!("items come from expands")
        };
        FrontierEdge {
            to,
            max_items: edge.max_items,
            take: expand.take.map(u64::from),
            max_depth: expand.max_depth,
        }
    }

    fn keeps(&self, fetch: StageIndex) -> FieldSet {
        match &self.plan.stages[fetch].kind {
            StageKind::Fetch(plan) => plan.keeps.clone(),
            _ => unreachable!("items go to fetches only"),
        }
    }

    fn key(&self, fetch: StageIndex) -> KeyOf {
        match &self.plan.stages[fetch].kind {
            StageKind::Fetch(plan) => {
                let request = plan.request.clone();
                Box::new(move |item| request.key(&item.fields))
            }
            _ => unreachable!("only fetches are in groups"),
        }
    }
}

/// In which turn `stage` reads `source`; edges of `into:` come after everything in `from:`.
fn turn(stage: &StagePlan, source: Source) -> usize {
    stage.inputs.iter().position(|input| *input == source).unwrap_or(stage.inputs.len())
}
