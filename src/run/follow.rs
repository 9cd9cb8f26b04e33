//! What a run follows of the lists of changes: since when, what is to be asked for again, what was fetched and when; and how
//! far the next run may go on from here.
//!
//! Does not belong here: reading the lists (`seed_changes`), choosing what is refreshed (`seed_refresh`), the record
//! itself (`crate::sink`).
//!
//! Invariants: every attempt of a logical run has the same windows and chooses from the same documents, those of published runs;
//! and a list goes forward only past items that were fetched, are gone, or are noted for the next run.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::plan::{Item, Plan, SeedItems, StageIndex, StageKind};
use crate::sink::Watermark;
use crate::spec::{ChangesKind, Port, StageId};
use crate::store::Fetched;

/// Failed items that are noted by their ids. With more of them the whole list is read again.
const FAILED_MAX: usize = 10_000;

/// What a run goes by.
#[derive(Clone, Debug, Default)]
pub struct Follow {
    /// When the logical run began: the end of the last window. Without it nobody loads anything, and one page is looked at.
    pub(super) started_at: Option<Timestamp>,
    pub(super) mark: Watermark,
    /// When documents of published runs were fetched.
    pub(super) fetched: Arc<Fetched>,
    /// What earlier attempts of this run fetched.
    pub(super) own: Arc<Fetched>,
}

impl Follow {
    pub(super) fn since(&self, kind: ChangesKind) -> Option<Timestamp> {
        self.mark.since(kind.as_str())
    }
}

/// The items that failed in a run, as far as they are items of seeds.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<Failed>);

#[derive(Clone, Debug, Default)]
pub(super) struct Failed {
    /// Stage and id.
    items: Vec<(StageId, u64)>,
    /// There were others.
    others: bool,
}

impl Failures {
    pub(super) fn note(&self, stage: &StageId, item: &Item) {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = item.fields["id"].as_u64().filter(|_| item.parent.is_none() && item.depth == 0);
        match id {
            Some(id) if failed.items.len() < FAILED_MAX => failed.items.push((stage.clone(), id)),
            _ => failed.others = true,
        }
    }

    pub(super) fn take(&self) -> Failed {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The seeds of a plan that follow changes.
pub(super) fn followed(plan: &Plan) -> impl Iterator<Item = (StageIndex, ChangesKind, bool)> + '_ {
    plan.stages.iter().enumerate().filter_map(|(index, stage)| match &stage.kind {
        StageKind::Seed(seed) => match &seed.source {
            SeedItems::Changes(changes) => Some((index, changes.kind, changes.refresh.is_some())),
            _ => None,
        },
        _ => None,
    })
}

/// The mark behind a run that began at `started_at` and in which these items failed. With `--limit` the run saw only a part,
/// and no list goes forward.
pub(super) fn advanced(
    plan: &Plan,
    mark: &Watermark,
    started_at: Timestamp,
    failed: &Failed,
    limited: bool,
) -> Watermark {
    let mut mark = mark.clone();
    if limited {
        return mark;
    }
    for (seed, kind, _) in followed(plan) {
        let readers: Vec<&StageId> = plan
            .readers(seed, Port::Main)
            .map(|(reader, _)| &plan.stages[reader])
            .filter(|reader| matches!(reader.kind, StageKind::Fetch(_)))
            .map(|reader| &reader.id)
            .collect();
        // What failed elsewhere may hang on any item.
        let elsewhere = failed.others
            || failed.items.iter().any(|(stage, _)| {
                !followed(plan).any(|(seed, _, _)| {
                    plan.readers(seed, Port::Main).any(|(reader, _)| {
                        plan.stages[reader].id == *stage
                            && matches!(plan.stages[reader].kind, StageKind::Fetch(_))
                    })
                })
            });
        if elsewhere {
            continue;
        }
        let mut again: Vec<u64> =
            failed.items.iter().filter(|(stage, _)| readers.contains(&stage)).map(|(_, id)| *id).collect();
        again.sort_unstable();
        again.dedup();
        mark.advance(kind.as_str(), started_at, again);
    }
    mark
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::{Options, read};
    use crate::spec::Source;

    const PIPELINE: &str = "version: 1\nname: p\nstages:\n  new: {kind: seed, changes: movie}\n  movies: {kind: fetch, path: '/movie/{id}'}\n  similar: {kind: expand, path: '/movie/{id}/similar', fuse: false}\n  films: {kind: project, from: similar.found, columns: {id: int64}, output: {path: out/films, mode: append}}\n";

    /// Since when the next run asks, and for which ids again, when `failed` (stages and items) failed in a run at 09:00.
    fn check(limited: bool, failed: &[(&str, Item)], expect: (bool, &[u64])) {
        let plan = read(&Source::new("p.yaml", PIPELINE), &[], &|_| None, &Options::default())
            .expect("a pipeline")
            .plan;
        let failures = Failures::default();
        for (stage, item) in failed {
            let stage = plan.stages.iter().find(|known| known.id.as_str() == *stage).expect("a stage");
            failures.note(&stage.id, item);
        }
        let now = "2026-11-25T09:00:00Z".parse().expect("a time");
        let mark = advanced(&plan, &Watermark::default(), now, &failures.take(), limited);
        assert_eq!((mark.since("movie") == Some(now), mark.again("movie")), expect);
    }

    #[test]
    fn limited_run_moves_no_mark() {
        check(false, &[], (true, &[]));
        check(true, &[], (false, &[]));
    }

    #[test]
    fn items_that_failed_are_asked_for_again_and_other_failures_hold_the_mark() {
        let seed = |id: u64| Item::seed(json!({ "id": id }));
        check(false, &[("movies", seed(7)), ("movies", seed(3)), ("movies", seed(7))], (true, &[3, 7]));
        check(false, &[("movies", seed(7)), ("similar", seed(3))], (false, &[]));
        check(false, &[("movies", Item::seed(json!({ "id": "tt7" })))], (false, &[]));
        check(false, &[("movies", Item { depth: 1, ..seed(7) })], (false, &[]));
    }
}
