//! How many requests a plan makes, as far as it can be known without asking.

use std::collections::BTreeSet;
use std::fmt;

use super::{ExpandPlan, Plan, SeedItems, SeedPlan, StageIndex, StageKind};
use crate::spec::Port;

/// The number of requests of a stage, without retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Whether it makes any.
    pub asks: bool,
    /// At least so many.
    pub least: u64,
    /// At most so many; `None` where only an answer can tell.
    pub most: Option<u64>,
}

impl Bounds {
    pub(super) const NONE: Self = Self { asks: false, least: 0, most: Some(0) };

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            asks: self.asks || other.asks,
            least: self.least.saturating_add(other.least),
            most: self.most.zip(other.most).map(|(a, b)| a.saturating_add(b)),
        }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.most {
            Some(most) if most == self.least => write!(f, "{most}"),
            Some(most) => write!(f, "{} to {most}", self.least),
            None => write!(f, "{} to ?", self.least),
        }
    }
}

/// The bounds of every stage. Items that a filter or `where` may drop, and items that may be found twice,
/// count for `most` and not for `least`.
pub(super) fn bounds(plan: &Plan) -> Vec<Bounds> {
    let handed = handed_on(plan);
    let stages = plan.stages.iter().zip(&handed);
    stages
        .map(|(stage, handed)| match &stage.kind {
            StageKind::Seed(SeedPlan { source: SeedItems::Pages { pages, .. }, .. }) => {
                Bounds { asks: true, least: 1, most: Some(u64::from(*pages)) }
            }
            StageKind::Fetch(_) => {
                let seeds = stage.inputs.iter().map(|source| seed_least(&plan.stages[source.stage].kind));
                Bounds { asks: true, least: seeds.max().unwrap_or(0), most: *handed }
            }
            StageKind::Expand(ExpandPlan { request: Some(_), pages, .. }) => {
                let most = handed.map(|documents| documents.saturating_mul(u64::from(*pages)));
                Bounds { asks: true, least: 0, most }
            }
            _ => Bounds::NONE,
        })
        .collect()
}

/// Items or documents that each stage hands on at most; `None` where only an answer can tell.
///
/// Each round knows one stage further down. What is not known after as many rounds as there are stages
/// depends on itself, and stays unknown.
fn handed_on(plan: &Plan) -> Vec<Option<u64>> {
    let mut handed = vec![None; plan.stages.len()];
    for _ in &plan.stages {
        handed = (0..plan.stages.len()).map(|stage| handed_by(plan, stage, &handed)).collect();
    }
    handed
}

/// What `stage` hands on at most, given what the others do.
fn handed_by(plan: &Plan, stage: StageIndex, handed: &[Option<u64>]) -> Option<u64> {
    let inputs = plan.stages[stage].inputs.iter();
    match &plan.stages[stage].kind {
        StageKind::Seed(seed) => match &seed.source {
            SeedItems::Listed(items) => Some(items.len() as u64),
            SeedItems::Range { first, last } => Some(range(*first, *last)),
            SeedItems::Pages { .. } => None,
        },
        StageKind::Fetch(_) => {
            let seeds = inputs.filter(|source| source.port == Port::Main).map(|source| handed[source.stage]);
            let edges = plan.item_edges.iter().filter(|edge| edge.to == stage);
            let found = edges.map(|edge| match &plan.stages[edge.from].kind {
                _ if edge.max_items < u64::MAX => Some(edge.max_items),
                StageKind::Expand(expand) => Some(handed[edge.from]?.saturating_mul(u64::from(expand.take?))),
                _ => None,
            });
            sum(seeds.chain(found))
        }
        StageKind::Expand(_) | StageKind::Filter(_) => sum(inputs.map(|source| handed[source.stage])),
        StageKind::Project(_) => None,
    }
}

fn sum(mut parts: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    parts.try_fold(0_u64, |sum, part| Some(sum.saturating_add(part?)))
}

/// Different items that a seed gives at least.
fn seed_least(kind: &StageKind) -> u64 {
    match kind {
        StageKind::Seed(SeedPlan { source: SeedItems::Listed(items), where_: None }) => {
            items.iter().map(ToString::to_string).collect::<BTreeSet<_>>().len() as u64
        }
        StageKind::Seed(SeedPlan { source: SeedItems::Range { first, last }, where_: None }) => {
            range(*first, *last)
        }
        _ => 0,
    }
}

fn range(first: i64, last: i64) -> u64 {
    if last < first { 0 } else { last.abs_diff(first).saturating_add(1) }
}
