//! Which stage can be reached from which, along documents and items.
//!
//! Does not belong here: what follows from it (`graph`).

use std::collections::BTreeSet;

use super::StageIndex;
use super::graph::{ItemEdge, Source};

/// Whether something of `from` can come to `to`, along these inputs and edges.
pub(super) fn leads(inputs: &[Vec<Source>], edges: &[ItemEdge], from: StageIndex, to: StageIndex) -> bool {
    let mut reached = vec![false; inputs.len()];
    let mut open = vec![from];
    while let Some(stage) = open.pop() {
        if std::mem::replace(&mut reached[stage], true) {
            continue;
        }
        let readers = inputs.iter().enumerate();
        open.extend(
            readers.filter(|(_, of)| of.iter().any(|source| source.stage == stage)).map(|(reader, _)| reader),
        );
        open.extend(edges.iter().filter(|edge| edge.from == stage).map(|edge| edge.to));
    }
    reached[to]
}

/// Which stage can be reached from which, along documents and items.
pub(super) struct Reach {
    from: Vec<BTreeSet<StageIndex>>,
}

impl Reach {
    /// Of a graph with so many stages.
    pub(super) fn new(stages: usize, inputs: &[Vec<Source>], edges: &[ItemEdge]) -> Self {
        let mut next = vec![BTreeSet::new(); stages];
        for (reader, sources) in inputs.iter().enumerate() {
            for source in sources {
                next[source.stage].insert(reader);
            }
        }
        for edge in edges {
            next[edge.from].insert(edge.to);
        }
        let from = (0..stages)
            .map(|start| {
                let mut reached = BTreeSet::new();
                let mut open = vec![start];
                while let Some(stage) = open.pop() {
                    for &after in &next[stage] {
                        if reached.insert(after) {
                            open.push(after);
                        }
                    }
                }
                reached
            })
            .collect();
        Self { from }
    }

    /// Whether something of `from` can come to `to`.
    pub(super) fn leads(&self, from: StageIndex, to: StageIndex) -> bool {
        from == to || self.from[from].contains(&to)
    }

    /// Whether something of `stage` can come back to it.
    pub(super) fn in_loop(&self, stage: StageIndex) -> bool {
        self.from[stage].contains(&stage)
    }
}
