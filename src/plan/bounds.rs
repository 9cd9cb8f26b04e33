//! How many requests a plan makes, as far as it can be known without making them.
//!
//! Counted are the requests of a run that completes, without retries. `least` and `most` hold whatever the API
//! answers, as long as it appends what it is asked to; where only an answer can tell, `most` is unknown. An estimate is `most` again, with the sizes that the
//! file (`estimate:`) or the API (`plan --probe`) names put in where they are not known otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::json;

use super::slices::{HALVINGS_MAX, PAGE_MAX, PAGES_AGAIN_MAX};
use super::{ExpandPlan, FetchPlan, FirstPage, Plan, SeedItems, SeedPlan, StageIndex, StageKind};
use crate::spec::Port;

/// Items of a page of TMDB's lists.
const PAGE_ITEMS: u64 = 20;
/// Rows of a page of TMDB's lists of changes.
const CHANGES_PAGE_ITEMS: u64 = 100;

/// What is known of a run beside its file.
#[derive(Clone, Debug, Default)]
pub struct Outlook {
    /// `--limit`: items of each seed.
    pub limit: Option<u64>,
    /// What the API said of the lists of seeds.
    pub probed: BTreeMap<StageIndex, Probe>,
}

/// What the first page of a list says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Its pages, those that nobody can read included.
    pub pages: u64,
    /// Its items.
    pub items: Option<u64>,
}

/// The number of requests of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Whether it makes any.
    pub asks: bool,
    /// At least so many.
    pub least: u64,
    /// At most so many; `None` where only an answer can tell.
    pub most: Option<u64>,
    /// At most so many if the estimates hold; `None` where there is none to tell from.
    pub estimate: Option<u64>,
}

impl Bounds {
    pub(super) const NONE: Self = Self { asks: false, least: 0, most: Some(0), estimate: Some(0) };

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            asks: self.asks || other.asks,
            least: self.least.saturating_add(other.least),
            most: add(self.most, other.most),
            estimate: add(self.estimate, other.estimate),
        }
    }

    /// What is left when `other` is taken away, bound by bound.
    pub(super) fn minus(self, other: Self) -> Self {
        Self {
            asks: self.asks,
            least: self.least.saturating_sub(other.least),
            most: self.most.zip(other.most).map(|(most, other)| most.saturating_sub(other)),
            estimate: self
                .estimate
                .zip(other.estimate)
                .map(|(estimate, other)| estimate.saturating_sub(other)),
        }
    }

    /// The estimate, where it says more than `most`.
    pub(super) fn about(&self) -> Option<u64> {
        self.estimate.filter(|estimate| self.most.is_none_or(|most| *estimate < most))
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.most {
            Some(most) if most == self.least => write!(f, "{most}")?,
            Some(most) => write!(f, "{} to {most}", self.least)?,
            None => write!(f, "{} to ?", self.least)?,
        }
        self.about().map_or(Ok(()), |about| write!(f, ", about {about}"))
    }
}

/// How many requests a run makes without retries, where the file says so: exactly, or by the estimates of its author.
pub fn expected(plan: &Plan, outlook: &Outlook) -> Option<u64> {
    let total = bounds(plan, outlook).into_iter().fold(Bounds::NONE, Bounds::plus);
    total.most.filter(|most| *most == total.least).or_else(|| total.about())
}

/// The bounds of every stage. Items that a filter or `where` may drop, and items that may be found twice,
/// count for `most` and not for `least`.
pub(super) fn bounds(plan: &Plan, outlook: &Outlook) -> Vec<Bounds> {
    let sizes = |estimated: bool| -> Vec<Option<u64>> {
        let size = |index| size(plan, outlook, index, estimated);
        (0..plan.stages.len()).map(size).collect()
    };
    let (most, estimate) = (most_requests(plan, &sizes(false)), most_requests(plan, &sizes(true)));
    let stages = plan.stages.iter().enumerate();
    stages
        .map(|(index, stage)| {
            // What is not known otherwise does not make known bounds wider.
            let (most, estimate) = (most[index], at_most(estimate[index], most[index]));
            match &stage.kind {
                StageKind::Seed(seed @ SeedPlan { source: SeedItems::Pages { pages, slices, .. }, .. }) => {
                    let said = pages_of(seed, outlook.probed.get(&index));
                    if slices.is_some() {
                        let estimate = pages_in_slices(seed, said, outlook.limit);
                        return Bounds { asks: true, least: 1, most: None, estimate };
                    }
                    let pages = u64::from(*pages);
                    let estimate = said.map_or(pages, |said| said.clamp(1, pages));
                    // A list that moves meanwhile is read again in part.
                    let again = if pages > 1 { pages.min(PAGES_AGAIN_MAX.into()) } else { 0 };
                    let most = pages + again;
                    Bounds { asks: true, least: 1, most: Some(most), estimate: Some(estimate) }
                }
                StageKind::Seed(seed @ SeedPlan { source: SeedItems::Changes(changes), .. }) => {
                    // How many days have passed, and how much changed in them, is seen when the run starts.
                    let least = u64::from(changes.refresh.is_none());
                    let estimate = seed.estimate.map(|items| items.div_ceil(CHANGES_PAGE_ITEMS).max(1));
                    Bounds { asks: true, least, most: None, estimate }
                }
                StageKind::Fetch(fetch) => {
                    let seeds = stage.inputs.iter().filter(|source| source.port == Port::Main);
                    let least =
                        seeds.map(|source| distinct(&plan.stages[source.stage].kind, fetch, outlook.limit));
                    Bounds { asks: true, least: least.max().unwrap_or(0), most, estimate }
                }
                StageKind::Expand(ExpandPlan { request: Some(_), .. }) => {
                    Bounds { asks: true, least: 0, most, estimate }
                }
                _ => Bounds::NONE,
            }
        })
        .collect()
}

/// Items that a seed gives at most.
fn size(plan: &Plan, outlook: &Outlook, index: StageIndex, estimated: bool) -> Option<u64> {
    let StageKind::Seed(seed) = &plan.stages[index].kind else { return Some(0) };
    let known = match &seed.source {
        SeedItems::Listed(items) => Some(items.len() as u64),
        SeedItems::Range { first, last } => Some(range(*first, *last)),
        SeedItems::Pages { pages, slices, .. } if estimated => {
            let readable = match slices {
                Some(_) => u64::MAX,
                None => u64::from(*pages).saturating_mul(PAGE_ITEMS),
            };
            let probed = outlook.probed.get(&index).and_then(|probe| probe.items);
            probed.map(|items| items.min(readable)).or(seed.estimate)
        }
        SeedItems::Export(export) => at_most(export.limit, seed.estimate.filter(|_| estimated)),
        _ if estimated => seed.estimate,
        _ => None,
    };
    at_most(known, outlook.limit)
}

/// Pages that a list has, by what is said of it.
fn pages_of(seed: &SeedPlan, probe: Option<&Probe>) -> Option<u64> {
    match probe {
        Some(probe) => Some(probe.pages),
        // What `where` leaves of a list says nothing of its pages.
        None if seed.where_.is_none() => seed.estimate.map(|items| items.div_ceil(PAGE_ITEMS)),
        None => None,
    }
}

/// Requests for a list that is taken apart where it has more pages than TMDB gives, if it has so many.
fn pages_in_slices(seed: &SeedPlan, said: Option<u64>, limit: Option<u64>) -> Option<u64> {
    // What `where` leaves out is read without counting.
    let wanted = limit.filter(|_| seed.where_.is_none()).map(|items| items.div_ceil(PAGE_ITEMS).max(1));
    let pages = at_most(said, wanted)?;
    // A slice is half full at least, on the whole; its last page may be, and each was the half of something.
    let slices = pages / (u64::from(PAGE_MAX) / 2) + 1;
    let fits = said.is_some_and(|said| said <= u64::from(PAGE_MAX));
    Some(if fits { pages } else { pages + (2 * slices).max(HALVINGS_MAX) })
}

/// Requests of each stage but seeds at most, when seeds give `sizes`.
///
/// It counts depth by depth, as a crawl does: what is found at one depth is asked for at the next. Every loop has
/// an edge with a `max_depth`, so there is a last.
fn most_requests(plan: &Plan, sizes: &[Option<u64>]) -> Vec<Option<u64>> {
    let none = || vec![Some(0_u64); plan.stages.len()];
    let (mut handed, mut asked, mut found) = (none(), none(), none());
    let mut admitted = vec![Some(0_u64); plan.item_edges.len()];
    for depth in 0.. {
        let mut here = none();
        for (index, stage) in plan.stages.iter().enumerate() {
            let above = stage.inputs.iter().filter(|source| source.port == Port::Main);
            let read = sum(above.map(|source| here[source.stage]));
            here[index] = match stage.kind {
                StageKind::Seed(_) if depth == 0 => sizes[index],
                StageKind::Seed(_) | StageKind::Project(_) => Some(0),
                StageKind::Fetch(_) => add(read, found[index]),
                StageKind::Expand(_) | StageKind::Filter(_) => read,
            };
            handed[index] = add(handed[index], here[index]);
        }
        let expanded = |stage: StageIndex| match &plan.stages[stage].kind {
            StageKind::Expand(expand) if expand.max_depth.is_none_or(|max| depth < max) => Some(expand),
            _ => None,
        };
        for index in (0..plan.stages.len()).filter(|index| expanded(*index).is_some()) {
            asked[index] = add(asked[index], here[index]);
        }
        found = none();
        for (edge, admitted) in plan.item_edges.iter().zip(&mut admitted) {
            let Some(expand) = expanded(edge.from) else { continue };
            let most = (edge.max_items < u64::MAX).then_some(edge.max_items);
            let items = match here[edge.from] {
                Some(0) => Some(0),
                documents => {
                    documents.zip(expand.take).map(|(documents, take)| times(documents, take.into()))
                }
            };
            let items = at_most(items, most);
            *admitted = at_most(add(*admitted, items), most);
            found[edge.to] = add(found[edge.to], items);
        }
        if found.iter().all(|items| *items == Some(0)) {
            break;
        }
    }
    // All depths together hold no more than the edges admit.
    for (index, stage) in plan.stages.iter().enumerate() {
        let above = stage.inputs.iter().filter(|source| source.port == Port::Main);
        let read = sum(above.map(|source| handed[source.stage]));
        let edges = plan.item_edges.iter().zip(&admitted).filter(|(edge, _)| edge.to == index);
        let reach = match stage.kind {
            StageKind::Fetch(_) => add(read, sum(edges.map(|(_, admitted)| *admitted))),
            StageKind::Expand(_) | StageKind::Filter(_) => read,
            StageKind::Seed(_) | StageKind::Project(_) => continue,
        };
        handed[index] = at_most(handed[index], reach);
        asked[index] = at_most(asked[index], reach);
    }
    let stages = plan.stages.iter().enumerate();
    stages
        .map(|(index, stage)| match &stage.kind {
            StageKind::Fetch(_) => handed[index],
            StageKind::Expand(ExpandPlan { request: Some(_), pages, first_page, .. }) => {
                // A first page that comes with the document costs nothing.
                let fused = matches!(first_page, FirstPage::With { .. });
                asked[index].map(|documents| times(documents, u64::from(*pages) - u64::from(fused)))
            }
            _ => Some(0),
        })
        .collect()
}

/// Different requests that `fetch` makes of the items of a seed at least.
fn distinct(kind: &StageKind, fetch: &FetchPlan, limit: Option<u64>) -> u64 {
    let limit = limit.unwrap_or(u64::MAX);
    match kind {
        StageKind::Seed(SeedPlan { source: SeedItems::Listed(items), where_: None, .. }) => {
            let taken = items.iter().take(usize::try_from(limit).unwrap_or(usize::MAX));
            let requests = taken.filter_map(|item| Some(fetch.request.fill(item).ok()?.to_string()));
            requests.collect::<BTreeSet<_>>().len() as u64
        }
        StageKind::Seed(SeedPlan { source: SeedItems::Range { first, last }, where_: None, .. }) => {
            let fills = last >= first && fetch.request.fill(&json!({ "id": first })).is_ok();
            let differ = fetch.request.fields().next().is_some();
            match (fills, differ) {
                (true, true) => range(*first, *last).min(limit),
                (true, false) => 1,
                (false, _) => 0,
            }
        }
        _ => 0,
    }
}

fn range(first: i64, last: i64) -> u64 {
    if last < first { 0 } else { last.abs_diff(first).saturating_add(1) }
}

/// The sum, if both are known.
fn add(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.zip(b).map(|(a, b)| a.saturating_add(b))
}

fn sum(parts: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    parts.fold(Some(0), add)
}

fn times(a: u64, b: u64) -> u64 {
    a.saturating_mul(b)
}

/// The smaller one of what is known.
fn at_most(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (known, None) | (None, known) => known,
    }
}
