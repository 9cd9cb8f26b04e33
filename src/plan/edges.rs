//! Every edge of a plan in one list, as the formats of `plan` show them.

use super::{ExpandPlan, Plan, StageIndex, StageKind};
use crate::spec::Port;

/// What runs from one stage to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub from: StageIndex,
    pub port: Port,
    pub to: StageIndex,
    /// Its target is upstream.
    pub feedback: bool,
    /// Documents as deep as this are not expanded.
    pub max_depth: Option<u32>,
    /// Items that it admits.
    pub max_items: Option<u64>,
}

/// The edges of `plan`, by their target; those of items after those of `from:`.
pub(super) fn edges(plan: &Plan) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (to, stage) in plan.stages.iter().enumerate() {
        let by_items = |from| plan.item_edges.iter().any(|edge| edge.from == from && edge.to == to);
        for source in stage.inputs.iter().chain(&stage.gone) {
            if source.port != Port::Found || !by_items(source.stage) {
                edges.push(Edge {
                    from: source.stage,
                    port: source.port,
                    to,
                    feedback: false,
                    max_depth: None,
                    max_items: None,
                });
            }
        }
        for edge in plan.item_edges.iter().filter(|edge| edge.to == to) {
            let max_depth = match plan.stages[edge.from].kind {
                StageKind::Expand(ExpandPlan { max_depth, .. }) => max_depth,
                _ => None,
            };
            edges.push(Edge {
                from: edge.from,
                port: Port::Found,
                to,
                feedback: edge.feedback,
                max_depth,
                max_items: (edge.max_items < u64::MAX).then_some(edge.max_items),
            });
        }
    }
    edges
}

impl Edge {
    /// What moves along it.
    pub(super) fn carries(&self, plan: &Plan) -> &'static str {
        match (&plan.stages[self.from].kind, self.port) {
            (_, Port::Failed | Port::Missing) => "rows",
            (StageKind::Seed(_), _) | (_, Port::Found) => "items",
            _ => "documents",
        }
    }
}

/// The word of a port; nothing for the stage itself.
pub(super) fn port_name(port: Port) -> Option<&'static str> {
    match port {
        Port::Main => None,
        Port::Found => Some("found"),
        Port::Failed => Some("failed"),
        Port::Missing => Some("missing"),
    }
}
