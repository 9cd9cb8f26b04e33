//! Who reads whom: `from:` resolved and checked, `into:` told forward from feedback, loops found.

use std::collections::BTreeSet;

use super::StageIndex;
use crate::spec::{Faults, Kind, Located, Port, PortRef, Spec, Stage, StageId};

/// A port that a stage reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// The stage that owns the port.
    pub stage: StageIndex,
    /// Which port.
    pub port: Port,
}

/// Items on their way from an expand to a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemEdge {
    /// The expand.
    pub from: StageIndex,
    /// The fetch.
    pub to: StageIndex,
    /// Distinct keys that may be admitted along it.
    pub max_items: u64,
    /// Its target is upstream of it.
    pub feedback: bool,
    /// Both ends are in one loop, so that its items go to the frontier and never through a channel.
    pub in_loop: bool,
}

/// The graph of a pipeline.
pub(super) struct Graph {
    /// What each stage reads by `from:`, given or default.
    pub inputs: Vec<Vec<Source>>,
    /// Item edges, in the order of the file.
    pub item_edges: Vec<ItemEdge>,
    /// Fetch stages by loop.
    pub groups: Vec<Vec<StageIndex>>,
}

/// What goes along an edge.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cargo {
    Items,
    Documents,
}

/// Resolves the wiring of `spec`; faults go to `faults`.
pub(super) fn wire(spec: &Spec, faults: &mut Faults) -> Graph {
    let mut wiring = Wiring { spec, faults, inputs: vec![Vec::new(); spec.stages.len()] };
    wiring.given();
    let into = wiring.targets_of_into();
    let forward_targets = wiring.forward_targets(&into);
    wiring.defaults(&forward_targets);
    let inputs = wiring.inputs;
    let item_edges = item_edges(spec, &inputs, &into, faults);
    let reach = Reach::new(spec.stages.len(), &inputs, &item_edges);
    let item_edges: Vec<ItemEdge> = item_edges
        .into_iter()
        .map(|edge| ItemEdge { in_loop: reach.leads(edge.to, edge.from), ..edge })
        .collect();
    check_lists(spec, &inputs, &reach, faults);
    let groups = groups(spec, &reach);
    Graph { inputs, item_edges, groups }
}

struct Wiring<'a> {
    spec: &'a Spec,
    faults: &'a mut Faults,
    inputs: Vec<Vec<Source>>,
}

impl Wiring<'_> {
    /// Resolves every `from:` that the file gives.
    fn given(&mut self) {
        for index in 0..self.spec.stages.len() {
            let stage = &self.spec.stages[index];
            for from in &stage.from {
                if let Some(source) = self.resolve(index, from) {
                    self.inputs[index].push(source);
                }
            }
        }
    }

    fn resolve(&mut self, reader: StageIndex, from: &Located<PortRef>) -> Option<Source> {
        let stages = &self.spec.stages;
        let index = position(self.spec, &from.value.stage);
        if index >= reader {
            self.faults
                .error(
                    "from-below",
                    from.span,
                    format!("`{}` does not stand above this stage", from.value.stage),
                )
                .help("`from:` reads a stage further up; only the `into:` of an expand may point against the flow");
            return None;
        }
        let source = Source { stage: index, port: from.value.port };
        let (owner, reader) = (&stages[index], &stages[reader]);
        let Some(cargo) = cargo_of(owner, source.port) else {
            let ports = ports_of(owner);
            let fault = self.faults.error(
                "unknown-port",
                from.span,
                format!("`{}` is a {} and has no such port", owner.id.value, kind_name(owner)),
            );
            if ports.is_empty() {
                fault.help("it has no ports; read the stage itself");
            } else {
                fault.help(format!("it has {}", ports.join(", ")));
            }
            return None;
        };
        let takes = match reader.kind {
            Kind::Fetch(_) => cargo == Cargo::Items,
            Kind::Expand(_) | Kind::Filter(_) => cargo == Cargo::Documents && source.port == Port::Main,
            Kind::Project(_) => cargo == Cargo::Documents || source.port == Port::Found,
            Kind::Seed(_) => false,
        };
        if !takes {
            let help = match reader.kind {
                Kind::Fetch(_) => "a fetch takes items: a seed, or the `.found` of an expand",
                Kind::Project(_) => "a project takes documents (a fetch, expand or filter) or a port",
                _ => "it takes documents: a fetch, expand or filter",
            };
            self.faults
                .error(
                    "wrong-input",
                    from.span,
                    format!("a {} cannot read `{}`", kind_name(reader), from.value),
                )
                .help(help);
            return None;
        }
        Some(source)
    }

    /// For each stage, the fetch that its `into:` names.
    fn targets_of_into(&mut self) -> Vec<Option<StageIndex>> {
        let stages = &self.spec.stages;
        let mut targets = vec![None; stages.len()];
        for (index, stage) in stages.iter().enumerate() {
            let Kind::Expand(expand) = &stage.kind else { continue };
            let Some(into) = &expand.into else { continue };
            let target = position(self.spec, &into.value);
            if matches!(stages[target].kind, Kind::Fetch(_)) {
                targets[index] = Some(target);
            } else {
                let kind = kind_name(&stages[target]);
                self.faults
                    .error("into-not-fetch", into.span, format!("`{}` is a {kind}", into.value))
                    .help("`into:` names the fetch that shall ask for the items found");
            }
        }
        targets
    }

    /// Fetches without `from:` that an expand further up names by `into:`: they take what it finds, and not the
    /// nearest seed.
    fn forward_targets(&self, into: &[Option<StageIndex>]) -> BTreeSet<StageIndex> {
        into.iter()
            .enumerate()
            .filter_map(|(from, target)| target.filter(|target| *target > from))
            .filter(|target| self.spec.stages[*target].from.is_empty())
            .collect()
    }

    /// Gives every stage without `from:` the nearest stage above that it can read.
    fn defaults(&mut self, forward_targets: &BTreeSet<StageIndex>) {
        for (index, stage) in self.spec.stages.iter().enumerate() {
            let seed = matches!(stage.kind, Kind::Seed(_));
            if seed || !stage.from.is_empty() || forward_targets.contains(&index) {
                continue;
            }
            let fetch = matches!(stage.kind, Kind::Fetch(_));
            let above = self.spec.stages[..index].iter().rposition(|above| match above.kind {
                Kind::Seed(_) => fetch,
                Kind::Fetch(_) | Kind::Expand(_) | Kind::Filter(_) => !fetch,
                Kind::Project(_) => false,
            });
            if let Some(stage) = above {
                self.inputs[index].push(Source { stage, port: Port::Main });
            } else {
                let help = if fetch {
                    "put a seed above it, or name one in `from:`"
                } else {
                    "put a fetch above it, or name one in `from:`"
                };
                let title = format!("`{}` has nothing to read", stage.id.value);
                self.faults.error("no-input", stage.id.span, title).help(help);
            }
        }
    }
}

/// The item edges of `from: X.found` and `into:`, with feedback told apart and its bounds demanded.
fn item_edges(
    spec: &Spec,
    inputs: &[Vec<Source>],
    into: &[Option<StageIndex>],
    faults: &mut Faults,
) -> Vec<ItemEdge> {
    let mut edges: Vec<ItemEdge> = Vec::new();
    for (index, stage) in spec.stages.iter().enumerate() {
        let Kind::Expand(expand) = &stage.kind else { continue };
        for (reader, sources) in inputs.iter().enumerate() {
            let reads = sources.contains(&Source { stage: index, port: Port::Found });
            if reads && matches!(spec.stages[reader].kind, Kind::Fetch(_)) {
                if into[index] == Some(reader) {
                    let reader = &spec.stages[reader].id;
                    faults
                        .error(
                            "duplicate-input",
                            reader.span,
                            format!("`{0}.found` reaches `{1}` twice", stage.id.value, reader.value),
                        )
                        .help("either `into:` there or `from:` here, not both");
                }
                let edge = ItemEdge {
                    from: index,
                    to: reader,
                    max_items: u64::MAX,
                    feedback: false,
                    in_loop: false,
                };
                edges.push(edge);
            }
        }
        let Some(to) = into[index] else { continue };
        let feedback = Reach::new(spec.stages.len(), inputs, &edges).leads(to, index);
        if feedback && (expand.max_depth.is_none() || expand.max_items.is_none()) {
            let missing = match (expand.max_depth, expand.max_items) {
                (None, None) => "`max_depth` and `max_items`",
                (None, Some(_)) => "`max_depth`",
                _ => "`max_items`",
            };
            let span = expand.into.as_ref().map_or(stage.id.span, |into| into.span);
            faults
                .error(
                    "unbounded-loop",
                    span,
                    format!("a loop back into `{}` needs {missing}", spec.stages[to].id.value),
                )
                .label("this closes a loop")
                .help("`max_depth: 2` and `max_items: 2000` are what a crawl of two hops wants");
        }
        edges.push(ItemEdge {
            from: index,
            to,
            max_items: expand.max_items.unwrap_or(u64::MAX),
            feedback,
            in_loop: false,
        });
    }
    edges
}

/// Which stage can be reached from which, along documents and items.
pub(super) struct Reach {
    from: Vec<BTreeSet<StageIndex>>,
}

impl Reach {
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

    fn in_loop(&self, stage: StageIndex) -> bool {
        self.from[stage].contains(&stage)
    }
}

/// Lists that could only be read by holding all of their later entries in memory.
fn check_lists(spec: &Spec, inputs: &[Vec<Source>], reach: &Reach, faults: &mut Faults) {
    for (index, stage) in spec.stages.iter().enumerate() {
        let sources = &inputs[index];
        if !matches!(stage.kind, Kind::Expand(_) | Kind::Filter(_)) || sources.len() < 2 {
            continue;
        }
        let span = stage.from.first().map_or(stage.id.span, |from| from.span);
        if sources.iter().any(|source| reach.in_loop(source.stage)) {
            faults
                .error(
                    "list-in-loop",
                    span,
                    format!("`{}` reads several stages, one of which is in a loop", stage.id.value),
                )
                .help("the loop would have to end before the next is read; use one stage for each");
            continue;
        }
        let shared = (0..spec.stages.len()).find(|upstream| {
            sources.iter().filter(|source| reach.leads(*upstream, source.stage)).count() > 1
        });
        if let Some(upstream) = shared {
            let upstream = &spec.stages[upstream].id.value;
            faults
                .error("shared-origin", span, format!("the stages that `{}` reads all come from `{upstream}`", stage.id.value))
                .help("one is read after the other, so every document of the second would have to wait; use one stage for each");
        }
    }
}

/// Fetch stages by loop, each loop and each stage outside every loop once.
fn groups(spec: &Spec, reach: &Reach) -> Vec<Vec<StageIndex>> {
    let mut groups: Vec<Vec<StageIndex>> = Vec::new();
    for (index, stage) in spec.stages.iter().enumerate() {
        if !matches!(stage.kind, Kind::Fetch(_)) {
            continue;
        }
        let together = |other: StageIndex| reach.leads(index, other) && reach.leads(other, index);
        match groups.iter_mut().find(|group| group[0] != index && together(group[0])) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}

/// Where the stage of this name stands.
fn position(spec: &Spec, name: &StageId) -> StageIndex {
    let found = spec.stages.iter().position(|stage| stage.id.value == *name);
    found.expect("the file was refused if it names a stage that it does not have")
}

/// What a port hands on; `None` if the stage has no such port.
fn cargo_of(stage: &Stage, port: Port) -> Option<Cargo> {
    match (&stage.kind, port) {
        (Kind::Seed(_), Port::Main) | (Kind::Expand(_), Port::Found) => Some(Cargo::Items),
        (Kind::Fetch(_) | Kind::Expand(_) | Kind::Filter(_), Port::Main) => Some(Cargo::Documents),
        (_, Port::Failed | Port::Missing) if makes_requests(stage) => Some(Cargo::Documents),
        _ => None,
    }
}

fn makes_requests(stage: &Stage) -> bool {
    match &stage.kind {
        Kind::Seed(seed) => matches!(seed.source, crate::spec::SeedSource::Path { .. }),
        Kind::Fetch(_) => true,
        Kind::Expand(expand) => expand.path.is_some(),
        Kind::Filter(_) | Kind::Project(_) => false,
    }
}

fn ports_of(stage: &Stage) -> Vec<String> {
    [(Port::Found, "found"), (Port::Failed, "failed"), (Port::Missing, "missing")]
        .into_iter()
        .filter(|(port, _)| cargo_of(stage, *port).is_some())
        .map(|(_, name)| format!("`{}.{name}`", stage.id.value))
        .collect()
}

/// The kind as the file writes it.
pub(super) fn kind_name(stage: &Stage) -> &'static str {
    match stage.kind {
        Kind::Seed(_) => "seed",
        Kind::Fetch(_) => "fetch",
        Kind::Expand(_) => "expand",
        Kind::Filter(_) => "filter",
        Kind::Project(_) => "project",
    }
}
