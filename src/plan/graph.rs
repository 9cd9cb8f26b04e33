//! Who reads whom: `from:` resolved and checked, `into:` told forward from feedback, loops found.

use std::collections::BTreeSet;

use super::StageIndex;
use super::reach::{Reach, leads};
use crate::spec::{Faults, Kind, KindName, Located, Outline, Port, PortRef, Reads, Spec, StageId};

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
    let stages: Vec<Outline> = spec.stages.iter().map(Outline::of).collect();
    let (inputs, item_edges) = edges(&stages, true, faults);
    let reach = Reach::new(spec.stages.len(), &inputs, &item_edges);
    let item_edges: Vec<ItemEdge> = item_edges
        .into_iter()
        .map(|edge| ItemEdge { in_loop: reach.leads(edge.to, edge.from), ..edge })
        .collect();
    check_lists(spec, &inputs, &reach, faults);
    let groups = groups(spec, &reach);
    Graph { inputs, item_edges, groups }
}

/// Looks for the faults of a wiring of which not everything may be known.
pub(super) fn check(stages: &[Outline], faults: &mut Faults) {
    edges(stages, false, faults);
}

/// What each stage reads and the item edges between them; `whole` if everything is known of every stage.
fn edges(stages: &[Outline], whole: bool, faults: &mut Faults) -> (Vec<Vec<Source>>, Vec<ItemEdge>) {
    let mut wiring = Wiring { stages, whole, faults, inputs: vec![Vec::new(); stages.len()] };
    wiring.given();
    let into = wiring.targets_of_into();
    let forward_targets = wiring.forward_targets(&into);
    wiring.defaults(&forward_targets);
    let inputs = wiring.inputs;
    let item_edges = item_edges(stages, &inputs, &into, faults);
    (inputs, item_edges)
}

struct Wiring<'a> {
    stages: &'a [Outline],
    whole: bool,
    faults: &'a mut Faults,
    inputs: Vec<Vec<Source>>,
}

impl Wiring<'_> {
    /// Resolves every `from:` that the file gives.
    fn given(&mut self) {
        for (index, stage) in self.stages.iter().enumerate() {
            let Reads::Given(from) = &stage.reads else { continue };
            for from in from {
                if let Some(source) = self.resolve(index, from) {
                    self.inputs[index].push(source);
                }
            }
        }
    }

    fn resolve(&mut self, reader: StageIndex, from: &Located<PortRef>) -> Option<Source> {
        let index = position(self.stages, &from.value.stage);
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
        let owner = &self.stages[index];
        let (kind, reader) = (owner.kind?, self.stages[reader].kind?);
        let Some(cargo) = cargo_of(owner, source.port) else {
            // A port that only requests have, of a stage that may yet make some.
            if owner.asks.is_none() && source.port != Port::Found {
                return None;
            }
            if source.port == Port::Main {
                self.faults
                    .error(
                        "wrong-input",
                        from.span,
                        format!("`{}` is {kind}, which hands nothing on", owner.id.value),
                    )
                    .help("read what it reads: a fetch, expand or filter");
                return None;
            }
            let ports = ports_of(owner);
            let fault = self.faults.error(
                "unknown-port",
                from.span,
                format!("`{}` is {} and has no such port", owner.id.value, kind),
            );
            if ports.is_empty() {
                fault.help("it has no ports; read the stage itself");
            } else {
                fault.help(format!("it has {}", ports.join(", ")));
            }
            return None;
        };
        let takes = match reader {
            KindName::Fetch => cargo == Cargo::Items,
            KindName::Expand | KindName::Filter => cargo == Cargo::Documents && source.port == Port::Main,
            KindName::Project => cargo == Cargo::Documents || source.port == Port::Found,
            KindName::Seed => false,
        };
        if !takes {
            let help = match reader {
                KindName::Fetch => "a fetch takes items: a seed, or the `.found` of an expand",
                KindName::Project => "a project takes documents (a fetch, expand or filter) or a port",
                _ => "it takes documents: a fetch, expand or filter",
            };
            self.faults
                .error("wrong-input", from.span, format!("{reader} cannot read `{}`", from.value))
                .help(help);
            return None;
        }
        Some(source)
    }

    /// For each stage, the fetch that its `into:` names.
    fn targets_of_into(&mut self) -> Vec<Option<StageIndex>> {
        let mut targets = vec![None; self.stages.len()];
        for (index, stage) in self.stages.iter().enumerate() {
            let Some(into) = &stage.into else { continue };
            let target = position(self.stages, &into.value);
            let Some(kind) = self.stages[target].kind else { continue };
            if kind == KindName::Fetch {
                targets[index] = Some(target);
            } else {
                self.faults
                    .error("into-not-fetch", into.span, format!("`{}` is {kind}", into.value))
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
            .filter(|target| matches!(self.stages[*target].reads, Reads::Nearest))
            .collect()
    }

    /// Gives every stage without `from:` the nearest stage above that it can read.
    fn defaults(&mut self, forward_targets: &BTreeSet<StageIndex>) {
        for (index, stage) in self.stages.iter().enumerate() {
            let (Some(kind), Reads::Nearest) = (stage.kind, &stage.reads) else { continue };
            if forward_targets.contains(&index) {
                continue;
            }
            let fetch = kind == KindName::Fetch;
            let above = self.stages[..index].iter().rposition(|above| match above.kind {
                Some(KindName::Seed) => fetch,
                Some(KindName::Fetch | KindName::Expand | KindName::Filter) => !fetch,
                Some(KindName::Project) => false,
                // It may be the one.
                None => true,
            });
            match above {
                Some(above) if self.stages[above].kind.is_none() => {}
                Some(stage) => self.inputs[index].push(Source { stage, port: Port::Main }),
                None if !self.whole => {}
                None => {
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
}

/// The item edges of `from: X.found` and `into:`, with feedback told apart and its bounds demanded.
fn item_edges(
    stages: &[Outline],
    inputs: &[Vec<Source>],
    into: &[Option<StageIndex>],
    faults: &mut Faults,
) -> Vec<ItemEdge> {
    let mut edges: Vec<ItemEdge> = Vec::new();
    for (index, stage) in stages.iter().enumerate() {
        for (reader, sources) in inputs.iter().enumerate() {
            let reads = sources.contains(&Source { stage: index, port: Port::Found });
            if reads && stages[reader].kind == Some(KindName::Fetch) {
                if into[index] == Some(reader) {
                    let reader = &stages[reader].id;
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
        let feedback = leads(inputs, &edges, to, index);
        if feedback && !stage.lacks_bounds.is_empty() {
            let missing = stage.lacks_bounds.join("` and `");
            let span = stage.into.as_ref().map_or(stage.id.span, |into| into.span);
            faults
                .error(
                    "unbounded-loop",
                    span,
                    format!("a loop back into `{}` needs `{missing}`", stages[to].id.value),
                )
                .label("this closes a loop")
                .help("`max_depth: 2` and `max_items: 2000` are what a crawl of two hops wants");
        }
        edges.push(ItemEdge {
            from: index,
            to,
            max_items: stage.max_items.unwrap_or(u64::MAX),
            feedback,
            in_loop: false,
        });
    }
    edges
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
fn position(stages: &[Outline], name: &StageId) -> StageIndex {
    let found = stages.iter().position(|stage| stage.id.value == *name);
    found.expect("a name that no stage has is refused, and is in no outline")
}

/// What a port hands on; `None` if the stage has no such port.
fn cargo_of(stage: &Outline, port: Port) -> Option<Cargo> {
    match (stage.kind?, port) {
        (KindName::Seed, Port::Main) | (KindName::Expand, Port::Found) => Some(Cargo::Items),
        (KindName::Fetch | KindName::Expand | KindName::Filter, Port::Main) => Some(Cargo::Documents),
        (_, Port::Failed | Port::Missing) if stage.asks == Some(true) => Some(Cargo::Documents),
        _ => None,
    }
}

fn ports_of(stage: &Outline) -> Vec<String> {
    [(Port::Found, "found"), (Port::Failed, "failed"), (Port::Missing, "missing")]
        .into_iter()
        .filter(|(port, _)| cargo_of(stage, *port).is_some())
        .map(|(_, name)| format!("`{}.{name}`", stage.id.value))
        .collect()
}
