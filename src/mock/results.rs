//! Pages of what a condition picks out of the whole catalogue.
//!
//! A condition costs one walk over the catalogue, or over the days that it names; the last few results are kept, so that the
//! pages of one query cost one walk together. Memory: [`RESULTS_KEPT`] lists of at most 10 000 ids each, and once asked for by
//! day, 8 bytes for each film.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::catalogue::Catalogue;
use super::dice::mix;
use super::lists::{Listed, PER_PAGE};
use super::request::{PAGE_MAX, Request};

/// Results of conditions that are kept.
const RESULTS_KEPT: usize = 16;

/// What picks: its text is all that the result depends on.
pub(super) trait Picks: Debug {
    /// What it picks, in its order.
    fn walk(&self, catalogue: &Catalogue, days: &Days) -> Found;
}

/// From one number to another, both included.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Range(pub(super) Option<u32>, pub(super) Option<u32>);

impl Range {
    pub(super) fn holds(self, value: u32) -> bool {
        self.0.is_none_or(|low| value >= low) && self.1.is_none_or(|high| value <= high)
    }

    /// As [`Range::holds`]; what has no date is in no range.
    pub(super) fn holds_day(self, day: u32) -> bool {
        (self.is_open() || day != 0) && self.holds(day)
    }

    pub(super) fn is_open(self) -> bool {
        self.0.is_none() && self.1.is_none()
    }

    /// What is in both.
    pub(super) fn and(self, other: Self) -> Self {
        let high = [self.1, other.1].into_iter().flatten().min();
        Self(self.0.max(other.0), high)
    }
}

/// The ids that a condition picks out, as far as pages reach, and how many there are in all.
#[derive(Debug)]
pub(super) struct Found {
    ids: Vec<u32>,
    total: u32,
}

impl Found {
    pub(super) fn new(all: impl ExactSizeIterator<Item = u32>) -> Self {
        let total = u32::try_from(all.len()).expect("at most the number of ids");
        Self { ids: all.take((PAGE_MAX * PER_PAGE) as usize).collect(), total }
    }
}

/// Films and series by their days: `(yyyymmdd, id)`, sorted.
#[derive(Debug, Default)]
pub(super) struct Days {
    films: OnceLock<Vec<(u32, u32)>>,
    series: OnceLock<Vec<(u32, u32)>>,
}

impl Days {
    /// The films of these days; all of them where the range is open.
    pub(super) fn films<'a>(
        &'a self,
        catalogue: &'a Catalogue,
        days: Range,
    ) -> Box<dyn Iterator<Item = u32> + 'a> {
        if days.is_open() {
            return Box::new(catalogue.ids());
        }
        let all = self.films.get_or_init(|| sorted(catalogue.ids().map(|id| (catalogue.facts(id).date, id))));
        Box::new(within(all, days))
    }

    /// The series of these days, in the same way.
    pub(super) fn series<'a>(
        &'a self,
        catalogue: &'a Catalogue,
        days: Range,
    ) -> Box<dyn Iterator<Item = u32> + 'a> {
        let ids = || (1..=catalogue.films).filter_map(|id| catalogue.series(id));
        if days.is_open() {
            return Box::new(ids().map(|series| series.id));
        }
        let dated = || ids().map(|series| (series.first_air_date(), series.id));
        Box::new(within(self.series.get_or_init(|| sorted(dated())), days))
    }
}

fn sorted(dated: impl Iterator<Item = (u32, u32)>) -> Vec<(u32, u32)> {
    let mut dated: Vec<_> = dated.collect();
    dated.sort_unstable();
    dated
}

fn within(all: &[(u32, u32)], days: Range) -> impl Iterator<Item = u32> {
    let first = all.partition_point(|&(day, _)| day < days.0.unwrap_or(1).max(1));
    let rest = all[first..].iter().take_while(move |&&(day, _)| days.holds(day));
    rest.map(|&(_, id)| id)
}

/// The results of the conditions asked last.
#[derive(Debug, Default)]
pub(super) struct Results {
    kept: Mutex<VecDeque<(String, Arc<Found>)>>,
    days: Days,
}

impl Results {
    /// A page of what `condition` picks, dearest first.
    pub(super) fn page(
        &self,
        catalogue: &Catalogue,
        request: &Request,
        page: u32,
        condition: &impl Picks,
    ) -> Listed {
        let name = format!("{condition:?}");
        let kept = |kept: &VecDeque<(String, Arc<Found>)>| {
            kept.iter().find(|(known, _)| *known == name).map(|(_, found)| Arc::clone(found))
        };
        let found = kept(&self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        let found = found.unwrap_or_else(|| {
            let found = Arc::new(condition.walk(catalogue, &self.days));
            let mut results = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            results.truncate(RESULTS_KEPT - 1);
            results.push_front((name, Arc::clone(&found)));
            found
        });
        page_of(&found, request, page)
    }
}

/// A page as TMDB's cache has it: now and then it is older than the one before, so that a film comes twice;
/// now and then it is short; and totals need not agree.
fn page_of(found: &Found, request: &Request, page: u32) -> Listed {
    let of_query = xxhash_rust::xxh3::xxh3_64(request.get("sort_by").unwrap_or_default().as_bytes());
    let throw = mix(of_query ^ u64::from(page));
    let first = ((page - 1).saturating_mul(PER_PAGE)) as usize;
    let shifted = usize::from(page > 1 && throw.is_multiple_of(10) && first < found.ids.len());
    let start = (first - shifted).min(found.ids.len());
    let end = (start + PER_PAGE as usize).min(found.ids.len());
    let mut ids = found.ids[start..end].to_vec();
    if throw % 17 == 1 && ids.len() == PER_PAGE as usize {
        ids.pop();
    }
    let moved = page > 1 && throw % 7 == 2 && !matches!(found.total % PER_PAGE, 0 | 19);
    Listed {
        ids,
        total_pages: found.total.div_ceil(PER_PAGE).max(1),
        total_results: found.total + u32::from(moved),
    }
}
