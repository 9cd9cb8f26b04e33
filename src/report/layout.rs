//! What of a plan a report shows: stages with their settings, and the edges between them.
//!
//! Invariant: plain data; what a report says does not depend on a plan that is at hand.

use crate::plan::{Plan, StageKind, StagePlan};
use crate::spec::{Format, ParquetCodec, Port, Rate};

use super::snapshot::Role;

/// A pipeline as reports show it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// The rate that the run is held to; `None`: none.
    pub rate: Option<Rate>,
    /// Requests under way at once.
    pub connections: u32,
    /// Stages in the order of the file.
    pub stages: Vec<StageLayout>,
    /// Edges between them.
    pub edges: Vec<EdgeLayout>,
}

/// A stage.
#[derive(Clone, Debug, PartialEq)]
pub struct StageLayout {
    /// Its name.
    pub id: String,
    /// What it is.
    pub role: Role,
    /// Its `concurrency`.
    pub concurrency: u32,
    /// Its `buffer`.
    pub buffer: usize,
    /// Its own `rate`.
    pub rate: Option<Rate>,
    /// Its `take`.
    pub take: Option<u32>,
    /// Whether its table is compressed in a way that costs more than another.
    pub zstd: bool,
}

/// An edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeLayout {
    /// Index of the stage that it leaves.
    pub from: usize,
    /// The port.
    pub port: &'static str,
    /// Index of the stage that it enters.
    pub to: usize,
    /// It leads upstream.
    pub feedback: bool,
    /// Both its ends are in one loop.
    pub in_loop: bool,
}

impl Layout {
    /// The layout of `plan`.
    pub fn of(plan: &Plan) -> Self {
        let stages = plan.stages.iter().map(StageLayout::of).collect();
        let mut edges = Vec::new();
        for (to, stage) in plan.stages.iter().enumerate() {
            for source in stage.inputs.iter().chain(&stage.gone) {
                let port = match source.port {
                    Port::Main => "",
                    Port::Found => "found",
                    Port::Failed => "failed",
                    Port::Missing => "missing",
                };
                edges.push(EdgeLayout { from: source.stage, port, to, feedback: false, in_loop: false });
            }
        }
        edges.extend(plan.item_edges.iter().map(|edge| EdgeLayout {
            from: edge.from,
            port: "found",
            to: edge.to,
            feedback: edge.feedback,
            in_loop: edge.in_loop,
        }));
        Self { rate: plan.api.rate.limit(), connections: plan.api.connections.get(), stages, edges }
    }
}

impl StageLayout {
    fn of(stage: &StagePlan) -> Self {
        let (role, take, zstd) = match &stage.kind {
            StageKind::Seed(_) => (Role::Seed, None, false),
            StageKind::Fetch(_) => (Role::Fetch, None, false),
            StageKind::Expand(expand) => (Role::Expand, expand.take, false),
            StageKind::Filter(_) => (Role::Filter, None, false),
            StageKind::Project(table) => {
                (Role::Project, None, table.format == Format::Parquet(ParquetCodec::Zstd))
            }
        };
        Self {
            id: stage.id.to_string(),
            role,
            concurrency: stage.concurrency.get(),
            buffer: stage.buffer,
            rate: stage.rate,
            take,
            zstd,
        }
    }
}
