//! How many requests a plan makes, as far as it can be known without asking.

use std::fmt;

use super::{Plan, SeedItems, StageIndex, StageKind};
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
    (0..plan.stages.len())
        .map(|index| match &plan.stages[index].kind {
            StageKind::Seed(seed) => match &seed.source {
                SeedItems::Pages { pages, .. } => {
                    Bounds { asks: true, least: 1, most: Some(u64::from(*pages)) }
                }
                _ => Bounds::NONE,
            },
            StageKind::Fetch(_) => Bounds {
                asks: true,
                least: plan.stages[index]
                    .inputs
                    .iter()
                    .filter(|source| source.port == Port::Main)
                    .map(|source| seed_least(plan, source.stage))
                    .max()
                    .unwrap_or(0),
                most: fetched_most(plan, index),
            },
            StageKind::Expand(expand) if expand.request.is_some() => {
                let documents = plan.stages[index].inputs.iter().try_fold(0_u64, |sum, source| {
                    Some(sum.saturating_add(documents_most(plan, source.stage)?))
                });
                let most = documents.map(|documents| documents.saturating_mul(u64::from(expand.pages)));
                Bounds { asks: true, least: 0, most }
            }
            _ => Bounds::NONE,
        })
        .collect()
}

/// Different items that a seed gives at least.
fn seed_least(plan: &Plan, seed: StageIndex) -> u64 {
    match &plan.stages[seed].kind {
        StageKind::Seed(seed) if seed.where_.is_none() => match &seed.source {
            SeedItems::Listed(items) => {
                let mut texts: Vec<String> = items.iter().map(ToString::to_string).collect();
                texts.sort_unstable();
                texts.dedup();
                texts.len() as u64
            }
            SeedItems::Range { first, last } => range(*first, *last),
            SeedItems::Pages { .. } => 0,
        },
        _ => 0,
    }
}

fn seed_most(plan: &Plan, seed: StageIndex) -> Option<u64> {
    match &plan.stages[seed].kind {
        StageKind::Seed(plan) => match &plan.source {
            SeedItems::Listed(items) => Some(items.len() as u64),
            SeedItems::Range { first, last } => Some(range(*first, *last)),
            SeedItems::Pages { .. } => None,
        },
        _ => None,
    }
}

fn range(first: i64, last: i64) -> u64 {
    if last < first { 0 } else { last.abs_diff(first).saturating_add(1) }
}

/// Items that a fetch can be asked for at most: those of its seeds and of every edge into it.
fn fetched_most(plan: &Plan, fetch: StageIndex) -> Option<u64> {
    let seeds = plan.stages[fetch].inputs.iter().filter(|source| source.port == Port::Main);
    let seeds = seeds.map(|source| seed_most(plan, source.stage));
    let edges = plan.item_edges.iter().filter(|edge| edge.to == fetch).map(|edge| {
        if edge.max_items < u64::MAX {
            return Some(edge.max_items);
        }
        let StageKind::Expand(expand) = &plan.stages[edge.from].kind else { return None };
        // An edge without a bound is no feedback, so that this comes to an end unless a loop lies above it.
        let closed = plan.item_edges.iter().any(|other| other.in_loop && other.max_items == u64::MAX);
        let take = u64::from(expand.take?);
        if closed {
            return None;
        }
        let inputs = &plan.stages[edge.from].inputs;
        let documents = inputs
            .iter()
            .try_fold(0_u64, |sum, source| Some(sum.saturating_add(documents_most(plan, source.stage)?)))?;
        Some(documents.saturating_mul(take))
    });
    seeds.chain(edges).try_fold(0_u64, |sum, part| Some(sum.saturating_add(part?)))
}

/// Documents that a stage hands on at most.
fn documents_most(plan: &Plan, stage: StageIndex) -> Option<u64> {
    match &plan.stages[stage].kind {
        StageKind::Fetch(_) => fetched_most(plan, stage),
        StageKind::Expand(_) | StageKind::Filter(_) => plan.stages[stage]
            .inputs
            .iter()
            .try_fold(0_u64, |sum, source| Some(sum.saturating_add(documents_most(plan, source.stage)?))),
        StageKind::Seed(_) | StageKind::Project(_) => None,
    }
}
