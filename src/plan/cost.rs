//! What a run costs: its requests, the time that they take at the rate, the stage that decides it, and what would
//! make it less.
//!
//! Invariant: times follow from rates alone. How quickly the API answers is not known beforehand, so a run may
//! take longer, and never less.

use std::fmt;

use super::bounds::{Bounds, Outlook, bounds};
use super::{ExpandPlan, FirstPage, Plan, SeedItems, SeedPlan, StageIndex, StageKind, StagePlan};
use crate::spec::{Port, Rate};

/// The cost of a plan.
#[derive(Clone, Debug)]
pub(super) struct Cost {
    /// Requests of each stage.
    pub stages: Vec<Bounds>,
    /// Of all together.
    pub total: Bounds,
    /// Requests that fusion saves; `None` where nothing is fused.
    pub saved: Option<Bounds>,
    /// The time that they take; `None` without any rate.
    pub seconds: Option<Seconds>,
    /// The stage that decides it, if one does.
    pub decides: Option<Decides>,
}

/// Times in seconds, as [`Bounds`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seconds {
    pub least: f64,
    pub most: Option<f64>,
    pub estimate: Option<f64>,
}

/// Which stage decides the cost.
#[derive(Clone, Debug)]
pub(super) struct Decides {
    pub stage: StageIndex,
    pub why: Why,
    /// What makes it less, or known.
    pub levers: Vec<String>,
}

/// Why it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Nobody knows beforehand how many requests it makes.
    Unknown,
    /// It makes most of them.
    Requests,
    /// Its own rate takes longer than the run's takes for all.
    Rate,
}

/// Computes the cost.
pub(super) fn cost(plan: &Plan, outlook: &Outlook) -> Cost {
    let stages = bounds(plan, outlook);
    let sum = |stages: &[Bounds]| {
        let asking = stages.iter().filter(|bounds| bounds.asks);
        asking.fold(Bounds::NONE, |sum, stage| sum.plus(*stage))
    };
    let total = sum(&stages);
    let is_fused = |stage: &StagePlan| matches!(stage.first_page(), FirstPage::With { .. });
    let saved = plan.stages.iter().any(is_fused).then(|| sum(&bounds(&plan.unfused(), outlook)).minus(total));
    let rates = plan.stages.iter().zip(&stages).filter(|(_, bounds)| bounds.asks);
    let limited = plan.api.rate.limit().is_some() || rates.clone().any(|(stage, _)| stage.rate.is_some());
    let seconds = limited.then(|| Seconds {
        least: time(plan, &stages, |bounds| Some(bounds.least)).unwrap_or(0.0),
        most: time(plan, &stages, |bounds| bounds.most),
        estimate: time(plan, &stages, |bounds| bounds.estimate),
    });
    let decides = decides(plan, &stages);
    Cost { stages, total, saved, seconds, decides }
}

impl Seconds {
    /// The estimate, where it says more than `most`.
    fn about(&self) -> Option<f64> {
        self.estimate.filter(|estimate| self.most.is_none_or(|most| *estimate < most))
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = (shown(self.least), self.most.map_or_else(|| "?".to_owned(), shown));
        if least == most {
            f.write_str(&most)?;
        } else {
            write!(f, "{least} to {most}")?;
        }
        self.about().map_or(Ok(()), |about| write!(f, ", about {}", shown(about)))
    }
}

/// A time as people read it.
fn shown(seconds: f64) -> String {
    const HOUR: f64 = 3600.0;
    match seconds {
        _ if seconds < 120.0 => format!("{seconds:.1} s"),
        _ if seconds < 3.0 * HOUR => format!("{:.0} min", seconds / 60.0),
        _ if seconds < 72.0 * HOUR => format!("{:.1} h", seconds / HOUR),
        _ => format!("{:.1} days", seconds / HOUR / 24.0),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a time for people")]
fn at(rate: Rate, requests: u64) -> f64 {
    requests as f64 / rate.per_second()
}

/// The time of the numbers that `of` picks: that of all at the run's rate, or of one stage at its own.
fn time(plan: &Plan, stages: &[Bounds], of: impl Fn(&Bounds) -> Option<u64>) -> Option<f64> {
    let (mut all, mut longest) = (0_u64, 0.0_f64);
    for (stage, bounds) in plan.stages.iter().zip(stages) {
        let requests = of(bounds)?;
        all = all.saturating_add(requests);
        longest = longest.max(stage.rate.map_or(0.0, |rate| at(rate, requests)));
    }
    Some(longest.max(plan.api.rate.limit().map_or(0.0, |rate| at(rate, all))))
}

fn decides(plan: &Plan, stages: &[Bounds]) -> Option<Decides> {
    let asking = || (0..stages.len()).filter(|index| stages[*index].asks);
    if let Some(stage) = asking().find(|index| stages[*index].estimate.is_none()) {
        return Some(Decides { stage, why: Why::Unknown, levers: unknown(plan) });
    }
    let number = |index: &StageIndex| stages[*index].estimate.unwrap_or(u64::MAX);
    let all = asking().map(|index| number(&index)).fold(0_u64, u64::saturating_add);
    let slow = asking().filter_map(|index| Some((index, at(plan.stages[index].rate?, number(&index)))));
    let slow = slow.max_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((stage, seconds)) = slow
        && seconds > plan.api.rate.limit().map_or(0.0, |rate| at(rate, all))
    {
        let levers = vec![format!("a higher `rate` of `{}`", plan.stages[stage].id)];
        return Some(Decides { stage, why: Why::Rate, levers });
    }
    // One of many is not what decides; and of a handful of requests nobody wants fewer.
    let stage = asking().max_by_key(number)?;
    let levers = levers(plan, stage);
    let most = number(&stage);
    (most > 1 && most > all / 2 && !levers.is_empty()).then_some(Decides {
        stage,
        why: Why::Requests,
        levers,
    })
}

/// What would make the number known.
fn unknown(plan: &Plan) -> Vec<String> {
    let mut levers = Vec::new();
    for stage in &plan.stages {
        let StageKind::Seed(seed) = &stage.kind else { continue };
        let sized =
            seed.estimate.is_some() || matches!(seed.source, SeedItems::Listed(_) | SeedItems::Range { .. });
        if !sized {
            let or = if matches!(seed.source, SeedItems::Pages { .. }) { " or `--probe`" } else { "" };
            levers.push(format!("`estimate` on `{}`{or}", stage.id));
        }
    }
    for edge in plan.item_edges.iter().filter(|edge| edge.max_items == u64::MAX) {
        if matches!(&plan.stages[edge.from].kind, StageKind::Expand(ExpandPlan { take: None, .. })) {
            levers.push(format!("`take` on `{}`", plan.stages[edge.from].id));
        }
    }
    levers
}

/// What would make a stage ask less.
fn levers(plan: &Plan, stage: StageIndex) -> Vec<String> {
    let mut levers = Vec::new();
    match &plan.stages[stage].kind {
        StageKind::Seed(SeedPlan { source: SeedItems::Pages { slices, .. }, .. }) => {
            let fewer = if slices.is_some() { "a narrower `query`" } else { "fewer `pages`" };
            levers.push(format!("{fewer} of `{}`", plan.stages[stage].id));
        }
        StageKind::Fetch(_) => {
            for edge in plan.item_edges.iter().filter(|edge| edge.to == stage) {
                let id = &plan.stages[edge.from].id;
                levers.push(if edge.feedback {
                    format!("a smaller `take`, `max_depth` or `max_items` of `{id}`")
                } else {
                    format!("a smaller `take` of `{id}`")
                });
            }
            if plan.stages[stage].inputs.iter().any(|source| source.port == Port::Main) {
                levers.push("`--limit`".to_owned());
            }
        }
        StageKind::Expand(expand) => {
            let id = &plan.stages[stage].id;
            if expand.pages > 1 {
                levers.push(format!("fewer `pages` of `{id}`"));
            }
            let key = if expand.when.is_some() { "a stricter `when`" } else { "a `when`" };
            levers.push(format!("{key} of `{id}`"));
        }
        _ => {}
    }
    levers
}
