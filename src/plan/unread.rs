//! What is legal and does nothing: stages that nobody reads, and a pipeline without a table.

use super::StageIndex;
use super::graph::Graph;
use crate::spec::{Faults, Kind, Port, Spec};

/// Warns of what is written down in vain.
pub(super) fn check_use(spec: &Spec, graph: &Graph, faults: &mut Faults) {
    let read = |stage: StageIndex, port: Port| {
        graph.inputs.iter().flatten().any(|source| source.stage == stage && source.port == port)
    };
    if !spec.stages.iter().any(|stage| matches!(stage.kind, Kind::Project(_))) {
        faults
            .error_without_place("no-table", "the pipeline writes no table")
            .help("add a stage of `kind: project`, which says the columns and the file");
        // The stage that nothing reads yet is the one that it will read.
        return;
    }
    for (index, stage) in spec.stages.iter().enumerate() {
        let id = &stage.id;
        match &stage.kind {
            Kind::Seed(_) | Kind::Filter(_) if !read(index, Port::Main) => {
                faults
                    .warning("unread-stage", id.span, format!("nothing reads `{}`", id.value))
                    .help("read it by `from`, or remove it");
            }
            Kind::Fetch(_) => {
                let ports = [Port::Main, Port::Failed, Port::Missing];
                if !ports.into_iter().any(|port| read(index, port)) {
                    faults
                        .warning("unread-stage", id.span, format!("nothing reads `{}`", id.value))
                        .help("its documents are fetched and thrown away");
                }
            }
            // Of one that names the wrong target that is told.
            Kind::Expand(expand)
                if expand.into.is_none()
                    && !read(index, Port::Found)
                    && !graph.item_edges.iter().any(|edge| edge.from == index) =>
            {
                faults
                    .warning("unread-stage", id.span, format!("nothing takes what `{}` finds", id.value))
                    .help(format!("give it an `into:`, or read `{}.found`", id.value));
            }
            _ => {}
        }
    }
}
