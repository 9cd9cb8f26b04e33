//! What the pipeline means: a graph of stages and edges, compiled expressions, the schema of every table. Plain
//! data; no I/O, and nothing in it is optional that a run needs.
//!
//! ```text
//! Spec ─▶ wiring (who reads whom) ─▶ groups (loops) ─▶ fields (what an item keeps) ─▶ Plan
//! ```
//!
//! Does not belong here: how a file is read (`crate::spec`), how anything runs (`crate::engine`, `crate::run`).

mod appendable;
mod bounds;
mod changes;
mod compile;
mod cost;
mod definition;
mod edges;
pub mod expr;
mod expression;
mod fields;
mod fusion;
mod graph;
mod item;
mod json;
mod mermaid;
mod notes;
mod point;
mod reach;
mod read;
mod request;
mod slices;
mod slip;
mod split;
mod stores;
mod table;
mod table_text;
mod text;
mod unread;
mod upsert;

pub use bounds::{Outlook, Probe, expected};
pub use changes::{ChangesPlan, FIRST_DAY, LAST_DAY, WINDOW_DAYS};
pub use compile::{Compiled, Options, compile};
pub use fusion::{Apart, FirstPage};
pub use graph::{ItemEdge, Source};
pub use item::{Document, Item};
pub use json::to_json;
pub use mermaid::to_mermaid;
pub use point::{Cargo, PointError};
pub use read::{read, read_expression};
pub use request::{Key, Request, RequestTemplate, Unfillable};
pub use slices::{PAGE_MAX, PAGES_AGAIN_MAX, Slice, Slices};
pub use split::{FusedPart, IdAt, Parts, split};
pub use table::{ColumnPlan, TablePlan};
pub use text::describe;
pub use upsert::{GonePlan, UpsertPlan};

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use self::expr::{Expr, FieldSet};
#[cfg(test)]
mod show_tests;
#[cfg(test)]
mod tests;

use crate::spec::{Api, MaxFailures, Order, Port, Rate, SeedExport, SeedFile, StageId};

/// Rows of a record batch: enough that encoding is done in long runs, small enough to hold three of each table.
pub const BATCH_ROWS: usize = 1024;
/// Documents that one decoding job takes at once.
pub const DECODE_DOCUMENTS: usize = 64;
/// Batches that wait for a table's writer.
pub const WRITER_BUFFER: usize = 1;
/// Items between a seed and the frontier: the frontier asks only when its stage has room.
pub const SEED_BUFFER: usize = 1;

/// Index of a stage in [`Plan::stages`].
pub type StageIndex = usize;

/// A pipeline, compiled.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The pipeline's name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// `$params`.
    pub params: Arc<Map<String, Value>>,
    /// The API and its budget.
    pub api: Api,
    /// How many failed items the run bears.
    pub max_failures: MaxFailures,
    /// What bodies, batches and buffers of the run may hold, in bytes.
    pub memory: u64,
    /// Stages in the order of the file.
    pub stages: Vec<StagePlan>,
    /// Item edges from expands to fetches, in the order of the file.
    pub item_edges: Vec<ItemEdge>,
    /// Fetch stages by group: those of one loop together, every other alone. In the order of the file.
    pub groups: Vec<Vec<StageIndex>>,
}

/// A stage, compiled.
#[derive(Clone, Debug)]
pub struct StagePlan {
    /// Its name.
    pub id: StageId,
    /// What it reads by `from:`, in reading order. Item edges of `into:` are in [`Plan::item_edges`].
    pub inputs: Vec<Source>,
    /// Of a table whose rows go with their items: ports that tell which of those are gone.
    pub gone: Vec<Source>,
    /// Values that wait before it, for each input.
    pub buffer: usize,
    /// Requests or documents in its hands at once.
    pub concurrency: NonZeroU32,
    /// Whether it begins with fewer and grows as the rate and the latency ask for: `concurrency: auto`.
    pub adaptive: bool,
    /// The order in which its results leave: by input if anybody downstream needs that.
    pub order: Order,
    /// A cap below the run's rate.
    pub rate: Option<Rate>,
    /// What of the run's rate is kept for it while it has work, above 0 to 1.
    pub share: Option<f64>,
    /// The time of one attempt.
    pub timeout: Duration,
    /// Whether its documents carry the token of their item, because an expand of the same loop reads them.
    pub tokens: bool,
    /// Whether its documents bring along what was appended for an expand that reads on from here.
    pub parts: bool,
    /// Its own part.
    pub kind: StageKind,
}

/// What a stage does.
#[derive(Clone, Debug)]
pub enum StageKind {
    /// Items from nothing.
    Seed(SeedPlan),
    /// Items to documents.
    Fetch(FetchPlan),
    /// Documents to the same documents and found items.
    Expand(ExpandPlan),
    /// Documents to fewer documents.
    Filter(FilterPlan),
    /// Documents to a table.
    Project(Arc<TablePlan>),
}

/// A seed, compiled.
#[derive(Clone, Debug)]
pub struct SeedPlan {
    /// Where its items come from.
    pub source: SeedItems,
    /// `where` on each.
    pub where_: Option<Expr>,
    /// About how many items it gives, if its author said so.
    pub estimate: Option<u64>,
}

impl SeedPlan {
    /// Whether it makes requests, and so has `.missing` and `.failed`.
    pub fn asks(&self) -> bool {
        matches!(self.source, SeedItems::Pages { .. } | SeedItems::Changes(_))
    }
}

/// Where a seed's items come from.
#[derive(Clone, Debug)]
pub enum SeedItems {
    /// These.
    Listed(Arc<Vec<Value>>),
    /// `{id: first}` to `{id: last}`.
    Range {
        /// First id.
        first: i64,
        /// Last id, included.
        last: i64,
    },
    /// Pages of a list.
    Pages {
        /// The first page's request.
        request: RequestTemplate,
        /// Pages at the most.
        pages: u32,
        /// The items of a page.
        items: Expr,
        /// How the list is taken apart where it has more pages than TMDB gives.
        slices: Option<Slices>,
    },
    /// Rows of a file.
    File(SeedFile),
    /// The ids of a daily export.
    Export(SeedExport),
    /// What has changed.
    Changes(ChangesPlan),
}

/// A fetch, compiled.
#[derive(Clone, Debug)]
pub struct FetchPlan {
    /// What it asks for.
    pub request: RequestTemplate,
    /// `append`, as the file says it.
    pub append: Vec<String>,
    /// What takes the place of the first pages of expands: [`split`] cuts it out of the answer.
    pub parts: Vec<FusedPart>,
    /// The fields that items keep here.
    pub keeps: FieldSet,
}

/// An expand, compiled.
#[derive(Clone, Debug)]
pub struct ExpandPlan {
    /// What it asks for; `None`: it looks through the document itself.
    pub request: Option<RequestTemplate>,
    /// Pages at the most.
    pub pages: u32,
    /// `fuse`: whether its first page may come with the document.
    pub fuse: bool,
    /// How its first page is asked for; [`Plan::fuse`] decides it.
    pub first_page: FirstPage,
    /// `when`.
    pub when: Option<Expr>,
    /// `items`.
    pub items: Expr,
    /// `where`.
    pub where_: Option<Expr>,
    /// `take`.
    pub take: Option<u32>,
    /// With `into:`, documents of this depth are handed on unexpanded.
    pub max_depth: Option<u32>,
}

/// A filter, compiled.
#[derive(Clone, Debug)]
pub struct FilterPlan {
    /// Holds for what is handed on.
    pub where_: Expr,
}

impl Plan {
    /// Tables in the order of the file.
    pub fn tables(&self) -> impl Iterator<Item = (StageIndex, &Arc<TablePlan>)> {
        self.stages.iter().enumerate().filter_map(|(index, stage)| match &stage.kind {
            StageKind::Project(table) => Some((index, table)),
            _ => None,
        })
    }

    /// Who reads a port by `from:`: the stage and which of its inputs it is.
    pub fn readers(&self, stage: StageIndex, port: Port) -> impl Iterator<Item = (StageIndex, usize)> + '_ {
        self.stages.iter().enumerate().flat_map(move |(reader, plan)| {
            plan.inputs
                .iter()
                .enumerate()
                .filter(move |(_, input)| input.stage == stage && input.port == port)
                .map(move |(turn, _)| (reader, turn))
        })
    }

    /// The group of a fetch stage.
    ///
    /// # Panics
    /// If `stage` is no fetch.
    pub fn group_of(&self, stage: StageIndex) -> usize {
        self.groups.iter().position(|group| group.contains(&stage)).expect("every fetch is in a group")
    }

    /// How many items the only seed has handed out when a table's writer takes nothing more, for a pipeline
    /// that is one line from a seed to a table of one row for each document; `None` for any other.
    ///
    /// The sum of every place in which something can wait: back-pressure is tested against it by equality.
    pub fn in_flight_when_blocked(&self) -> Option<usize> {
        let line = self.item_edges.is_empty()
            && self.stages.len() >= 3
            && self.stages.iter().enumerate().all(|(index, stage)| match stage.inputs.as_slice() {
                [] => index == 0,
                [only] => only.stage + 1 == index && only.port == Port::Main,
                _ => false,
            });
        if !line {
            return None;
        }
        self.stages.iter().try_fold(0, |sum, stage| {
            Some(
                sum + match &stage.kind {
                    // In the edge, and the one that the frontier has no room for.
                    StageKind::Seed(_) => SEED_BUFFER + 1,
                    StageKind::Project(table) if table.rows.is_none() => {
                        // Open, waiting for the writer, and in the writer's hands.
                        stage.buffer + BATCH_ROWS * (1 + WRITER_BUFFER + 1)
                    }
                    StageKind::Project(_) => return None,
                    _ => stage.buffer + stage.hands().total,
                },
            )
        })
    }
}

/// The share of the memory that results may hold which wait for their turn, all stages together.
const READY_SHARE: u64 = 4;

impl Plan {
    /// What results that wait for their turn in one stage may hold, in bytes.
    pub fn ready_bytes(&self) -> usize {
        let ordered = |stage: &&StagePlan| stage.order == Order::Input && stage.concurrency.get() > 1;
        let stages = self.stages.iter().filter(ordered).count().max(1) as u64;
        usize::try_from(self.memory / READY_SHARE / stages).unwrap_or(usize::MAX).max(1)
    }
}

impl StagePlan {
    /// How many values it holds.
    pub fn hands(&self) -> Hands {
        Hands::new(self.concurrency, self.order)
    }
}

/// Values that wait for their turn, for each one that may be worked on, while nothing takes long. Four rides out a request
/// that takes four times as long as the others; what takes longer is waited for beyond it ([`Hands::ready_bytes`]).
const WINDOW_PER_WORKER: usize = 4;

/// How many values a stage holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hands {
    /// Values worked on at once: the stage's `concurrency`.
    pub working: usize,
    /// Those and the ones that wait for their turn.
    pub total: usize,
    /// The order in which results leave.
    pub order: Order,
    /// What results that wait for one that takes long may hold in memory, in bytes; what is beyond waits elsewhere. With 0
    /// nothing waits beyond `total`.
    pub ready_bytes: usize,
}

impl Hands {
    /// Values between intake and delivery at the very most, wherever they wait: a place takes about a hundred bytes. At
    /// TMDB's rate that is forty minutes behind one request, and two minutes are the longest that one is tried for.
    pub const KEYS_MAX: usize = 100_000;

    /// The hands of a stage of this `concurrency` whose results leave in this `order`.
    pub fn new(concurrency: NonZeroU32, order: Order) -> Self {
        let working = concurrency.get() as usize;
        // One at a time is in order by itself.
        let total = if order == Order::Input && working > 1 { working * WINDOW_PER_WORKER } else { working };
        Self { working, total, order, ready_bytes: 0 }
    }
}
