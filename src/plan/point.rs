//! A point of a pipeline to look at, as `STAGE` or `STAGE.PORT`, and the plan cut down to what leads there.
//!
//! Does not belong here: what is done with what arrives (`crate::run`).
//!
//! Invariant: of a loop either every stage leads to a point or none, so a cut never opens one.

use std::collections::BTreeSet;

use super::expr::FieldSet;
use super::{ItemEdge, Plan, Source, StageIndex, StageKind, StagePlan};
use crate::spec::{MaxFailures, Order, Port, PortRef, clip, nearest};

/// Why a text names no point of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointError {
    /// Nothing was named.
    #[error("no stage is named")]
    None {
        /// Each stage, what is there, and its ports.
        known: Vec<String>,
    },
    /// No such stage.
    #[error("the pipeline has no stage `{name}`")]
    Stage {
        /// As given.
        name: String,
        /// What was meant, perhaps.
        nearest: Option<String>,
        /// Each stage, what is there, and its ports.
        known: Vec<String>,
    },
    /// The stage has no such port.
    #[error("`{stage}` is {kind} and has no port `{port}`")]
    Port {
        /// The stage.
        stage: String,
        /// Its kind, with its article.
        kind: &'static str,
        /// As given.
        port: String,
        /// What was meant, perhaps, with the stage's name.
        nearest: Option<String>,
        /// Its ports, with the stage's name.
        known: Vec<String>,
    },
}

/// What is at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cargo {
    /// Items of a seed, or of `.found`.
    Items,
    /// Documents.
    Documents,
    /// Rows of a table, or of `.failed` and `.missing`.
    Rows,
}

impl Cargo {
    /// Its plural.
    pub fn name(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::Documents => "documents",
            Self::Rows => "rows",
        }
    }
}

/// Every port and what it is called.
const PORTS: [(Port, &str); 4] =
    [(Port::Main, ""), (Port::Found, "found"), (Port::Failed, "failed"), (Port::Missing, "missing")];

impl Plan {
    /// Whether what is at a point is known without a request: the items of a seed that asks for no list.
    pub fn is_listed(&self, at: Source) -> bool {
        match &self.stages[at.stage].kind {
            StageKind::Seed(seed) => at.port == Port::Main && !seed.asks(),
            _ => false,
        }
    }

    /// The point that `text` names, like `movies` or `similar.found`.
    pub fn point(&self, text: &str) -> Result<Source, PointError> {
        let (name, port) = text.split_once('.').map_or((text, None), |(name, port)| (name, Some(port)));
        let Some(index) = self.stages.iter().position(|stage| stage.id.as_str() == name) else {
            if text.is_empty() {
                return Err(PointError::None { known: self.described() });
            }
            let stages = self.stages.iter().map(|stage| stage.id.as_str());
            let nearest = nearest(name, stages).map(|stage| match port {
                Some(port) => format!("{stage}.{port}"),
                None => stage.to_owned(),
            });
            // The port may be a slip of its own.
            let nearest = nearest.filter(|text| self.point(text).is_ok());
            return Err(PointError::Stage { name: clip(name), nearest, known: self.described() });
        };
        let stage = &self.stages[index];
        let wanted = port.unwrap_or_default();
        if let Some((port, _)) =
            PORTS.into_iter().find(|(port, name)| *name == wanted && stage.cargo(*port).is_some())
            && (text == name || !wanted.is_empty())
        {
            return Ok(Source { stage: index, port });
        }
        let ports: Vec<&str> = stage.ports().collect();
        Err(PointError::Port {
            stage: name.to_owned(),
            kind: stage.kind_name(),
            port: clip(wanted),
            nearest: nearest(wanted, ports.iter().copied()).map(|port| format!("{name}.{port}")),
            known: ports.iter().map(|port| format!("{name}.{port}")).collect(),
        })
    }

    /// What a point is called.
    pub fn point_name(&self, point: Source) -> String {
        PortRef { stage: self.stages[point.stage].id.clone(), port: point.port }.to_string()
    }

    /// What is there.
    ///
    /// # Panics
    /// If there is no such point.
    pub fn cargo(&self, point: Source) -> Cargo {
        self.stages[point.stage].cargo(point.port).expect("a point is one of the plan's")
    }

    /// Each stage with what is there and its ports: `similar (documents; .found, .failed, .missing)`.
    fn described(&self) -> Vec<String> {
        let described = |stage: &StagePlan| {
            let there = stage.cargo(Port::Main).map_or("nothing", Cargo::name);
            let ports: Vec<String> = stage.ports().map(|port| format!(".{port}")).collect();
            let ports = if ports.is_empty() { String::new() } else { format!("; {}", ports.join(", ")) };
            format!("{} ({there}{ports})", stage.id)
        };
        self.stages.iter().map(described).collect()
    }

    /// The plan of what leads to `point`, and where to read there: at the point itself, or for the rows of a table at
    /// each of its inputs.
    ///
    /// It has no table, every item is whole (an expression that is being written may read any field), results are in the
    /// order of input, and no number of failures ends it.
    #[must_use]
    pub fn upstream_of(&self, point: Source) -> (Self, Vec<Source>) {
        let points = match &self.stages[point.stage].kind {
            StageKind::Project(_) => self.stages[point.stage].inputs.clone(),
            _ => vec![point],
        };
        let mut kept = BTreeSet::new();
        let mut open: Vec<StageIndex> = points.iter().map(|point| point.stage).collect();
        while let Some(stage) = open.pop() {
            if !kept.insert(stage) {
                continue;
            }
            open.extend(self.stages[stage].inputs.iter().map(|input| input.stage));
            open.extend(self.item_edges.iter().filter(|edge| edge.to == stage).map(|edge| edge.from));
        }
        let place = |stage: StageIndex| kept.iter().position(|kept| *kept == stage);
        let moved = |source: &Source| {
            let stage = place(source.stage).expect("whatever a kept stage reads is kept");
            Source { stage, port: source.port }
        };
        let stages = kept.iter().map(|index| {
            let stage = &self.stages[*index];
            let mut kind = stage.kind.clone();
            match &mut kind {
                StageKind::Fetch(fetch) => fetch.keeps = FieldSet::All,
                StageKind::Project(_) => unreachable!("nobody reads a table"),
                StageKind::Seed(_) | StageKind::Expand(_) | StageKind::Filter(_) => {}
            }
            let inputs = stage.inputs.iter().map(moved).collect();
            StagePlan { inputs, gone: Vec::new(), order: Order::Input, kind, ..stage.clone() }
        });
        let stages: Vec<StagePlan> = stages.collect();
        let item_edges = self
            .item_edges
            .iter()
            .filter_map(|edge| Some(ItemEdge { from: place(edge.from)?, to: place(edge.to)?, ..*edge }));
        let groups = self.groups.iter().map(|group| group.iter().filter_map(|stage| place(*stage)).collect());
        let mut plan = Self {
            stages,
            item_edges: item_edges.collect(),
            groups: groups.filter(|group: &Vec<_>| !group.is_empty()).collect(),
            max_failures: MaxFailures::Percent(100.0),
            ..self.clone()
        };
        // Of an expand that is cut away nobody wants the first page.
        plan.fuse();
        (plan, points.iter().map(moved).collect())
    }
}

impl StagePlan {
    /// What one of its ports hands on; `None` if there is no such port.
    fn cargo(&self, port: Port) -> Option<Cargo> {
        let asks = match &self.kind {
            StageKind::Seed(seed) => seed.asks(),
            StageKind::Fetch(_) => true,
            StageKind::Expand(expand) => expand.request.is_some(),
            StageKind::Filter(_) | StageKind::Project(_) => false,
        };
        match (port, &self.kind) {
            (Port::Main, StageKind::Seed(_)) | (Port::Found, StageKind::Expand(_)) => Some(Cargo::Items),
            (Port::Main, StageKind::Project(_)) => Some(Cargo::Rows),
            (Port::Main, _) => Some(Cargo::Documents),
            (Port::Failed | Port::Missing, _) if asks => Some(Cargo::Rows),
            _ => None,
        }
    }

    /// The names of its ports.
    fn ports(&self) -> impl Iterator<Item = &'static str> + '_ {
        let named = PORTS.into_iter().filter(|(port, _)| *port != Port::Main);
        named.filter(|(port, _)| self.cargo(*port).is_some()).map(|(_, name)| name)
    }

    /// Its kind, with its article.
    fn kind_name(&self) -> &'static str {
        match self.kind {
            StageKind::Seed(_) => "a seed",
            StageKind::Fetch(_) => "a fetch",
            StageKind::Expand(_) => "an expand",
            StageKind::Filter(_) => "a filter",
            StageKind::Project(_) => "a project",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Options, read};
    use crate::spec::Source as File;

    fn plan(file: &str) -> Plan {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines").join(file);
        let source: File = crate::spec::read(&path).expect("a shipped pipeline");
        read(&source, &[], &|_| None, &Options::default()).expect("without a fault").plan
    }

    /// What `text` is of `marvel.yaml`: its name and what is there, or the fault and what may have been meant.
    fn check(text: &str, expect: &str) {
        let plan = plan("marvel.yaml");
        let found = match plan.point(text) {
            Ok(point) => format!("{} {}", plan.point_name(point), plan.cargo(point).name()),
            Err(PointError::None { known }) => format!("none of {}", known.len()),
            Err(PointError::Stage { nearest, .. } | PointError::Port { nearest, .. }) => {
                format!("{nearest:?}")
            }
        };
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn a_point_is_a_stage_or_a_port_that_it_has() {
        check("marvel", "marvel items");
        check("movies", "movies documents");
        check("movies.failed", "movies.failed rows");
        check("similar", "similar documents");
        check("similar.found", "similar.found items");
        check("films", "films rows");
        check("", "none of 6");
        check("moveis", "Some(\"movies\")");
        check("similr.found", "Some(\"similar.found\")");
        check("similr.fund", "None");
        check("similar.fund", "Some(\"similar.found\")");
        check("movies.found", "None");
        check("films.missing", "None");
        check("movies.", "None");
        check("marvel.failed", "None");
    }

    #[test]
    fn a_cut_keeps_what_leads_there_and_whole_loops() {
        let cut = |file: &str, text: &str| {
            let plan = plan(file);
            let (cut, points) = plan.upstream_of(plan.point(text).expect("a point"));
            let names: Vec<String> = cut.stages.iter().map(|stage| stage.id.to_string()).collect();
            (names.join(" "), cut.point_name(points[0]), cut.item_edges.len(), cut.groups)
        };
        let all = "marvel movies similar".to_owned();
        assert_eq!(cut("marvel.yaml", "links"), (all, "similar.found".into(), 1, vec![vec![1]]));
        assert_eq!(cut("marvel.yaml", "marvel"), ("marvel".into(), "marvel".into(), 0, vec![]));
        let whole = "marvel movies similar".to_owned();
        assert_eq!(cut("marvel.yaml", "movies.missing"), (whole, "movies.missing".into(), 1, vec![vec![1]]));
        let whole = "start movies billed people known_for".to_owned();
        assert_eq!(cut("costars.yaml", "billed.found"), (whole, "billed.found".into(), 2, vec![vec![1, 3]]));
    }
}
