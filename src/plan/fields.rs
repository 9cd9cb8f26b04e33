//! What an item keeps while it waits: only the fields that its request and the expressions downstream read.
//!
//! A frontier may hold items by the million, so the rest of a found list entry is dropped when it is admitted. When
//! in doubt (an expression that handles `$item` as a whole) everything is kept.

use std::collections::BTreeSet;

use super::expr::{Expr, FieldSet, Root, Step};
use super::graph::ItemEdge;
use super::{Plan, RequestTemplate, StageIndex, StageKind, StagePlan};
use crate::spec::Port;

/// For each stage, the fields that items of it keep; empty sets for what is no fetch.
pub(super) fn kept_fields(stages: &[StagePlan], edges: &[ItemEdge]) -> Vec<FieldSet> {
    let mut kept = vec![FieldSet::Fields(BTreeSet::new()); stages.len()];
    for (reader, stage) in stages.iter().enumerate() {
        for input in &stage.inputs {
            // The fetches whose items are `$item` for what this stage reads.
            for fetch in origins(stages, input.stage) {
                let port = if matches!(stage.kind, StageKind::Fetch(_)) { Port::Main } else { input.port };
                read_by(stages, reader, port, fetch, edges, &mut kept);
            }
        }
        if let StageKind::Fetch(plan) = &stage.kind {
            kept[reader].extend(&fields_of(&plan.request));
        }
    }
    kept
}

/// Adds what `reader` reads of documents (or rows of `port`) that descend from `fetch`.
fn read_by(
    stages: &[StagePlan],
    reader: StageIndex,
    port: Port,
    fetch: StageIndex,
    edges: &[ItemEdge],
    kept: &mut [FieldSet],
) {
    if matches!(stages[reader].kind, StageKind::Fetch(_)) {
        return;
    }
    if let StageKind::Expand(plan) = &stages[reader].kind
        && let Some(request) = &plan.request
    {
        kept[fetch].extend(&fields_of(request));
    }
    // `$parent` of a document is the item of the fetch in whose document it was found.
    let parents: Vec<StageIndex> =
        edges.iter().filter(|edge| edge.to == fetch).flat_map(|edge| origins(stages, edge.from)).collect();
    for expr in expressions(&stages[reader].kind) {
        let uses = expr.uses();
        if expr.source().contains("seed") {
            // `$meta.seed` shows a seed's item, whatever fetch it was for.
            for kept in kept.iter_mut() {
                *kept = FieldSet::All;
            }
        }
        match port {
            // A found item is `$item` as a whole; its parent is what is kept here.
            Port::Found => kept[fetch].extend(&uses.parent),
            Port::Main => {
                kept[fetch].extend(&uses.item);
                for &parent in &parents {
                    kept[parent].extend(&uses.parent);
                }
            }
            Port::Failed | Port::Missing => {
                for name in ["item", "parent"] {
                    let read = row_fields(expr, name);
                    let whose: &[StageIndex] = if name == "item" { &[fetch] } else { &parents };
                    for &fetch in whose {
                        kept[fetch].extend(&read);
                    }
                }
                kept[fetch].extend(&uses.item);
            }
        }
    }
}

/// What an expression on a `.failed` or `.missing` row reads of its `.item` or `.parent`.
fn row_fields(expr: &Expr, name: &str) -> FieldSet {
    let Some(path) = expr.path() else { return FieldSet::All };
    let mut fields = FieldSet::Fields(BTreeSet::new());
    if matches!(path.root, Root::Input | Root::Doc) {
        match path.steps.as_slice() {
            [Step::Field(first), Step::Field(field), ..] if &**first == name => {
                fields.insert(field.to_string());
            }
            [Step::Field(first), ..] if &**first != name => {}
            _ => fields = FieldSet::All,
        }
    }
    fields
}

/// The fetches from whose answers the documents of `stage` come.
pub(super) fn origins(stages: &[StagePlan], stage: StageIndex) -> Vec<StageIndex> {
    match stages[stage].kind {
        StageKind::Fetch(_) => vec![stage],
        StageKind::Seed(_) | StageKind::Project(_) => Vec::new(),
        StageKind::Expand(_) | StageKind::Filter(_) => {
            stages[stage].inputs.iter().flat_map(|input| origins(stages, input.stage)).collect()
        }
    }
}

fn fields_of(request: &RequestTemplate) -> FieldSet {
    FieldSet::Fields(request.fields().map(str::to_owned).collect())
}

/// Every expression of a stage.
fn expressions(kind: &StageKind) -> Vec<&Expr> {
    match kind {
        StageKind::Seed(plan) => plan.where_.iter().collect(),
        StageKind::Fetch(_) => Vec::new(),
        StageKind::Expand(plan) => plan.when.iter().chain([&plan.items]).chain(plan.where_.iter()).collect(),
        StageKind::Filter(plan) => vec![&plan.where_],
        StageKind::Project(table) => {
            table.rows.iter().chain(table.columns.iter().map(|column| &column.value)).collect()
        }
    }
}

impl Plan {
    /// Whether anybody reads a port of `stage`.
    pub fn is_read(&self, stage: StageIndex, port: Port) -> bool {
        self.readers(stage, port).next().is_some()
    }
}
