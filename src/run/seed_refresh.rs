//! What a seed gives beside what changed: ids of the daily export that were never fetched, then those whose documents are
//! oldest, within the budget of a run.
//!
//! Invariant of resuming: what an earlier attempt of the run chose and fetched comes again, from the store, as its document will
//! count as fetched once the run is published.
//!
//! ```text
//! export ─▶ `where` ─▶ request of each fetch that reads the seed ─▶ fetched when? ─┬▶ never        ┐ the first `limit`
//!                                                                                 ├▶ long ago     ┘ of these
//!                                                                                 └▶ young: not again
//! ```
//!
//! Does not belong here: what changed (`seed_changes`). Invariants: memory grows with the limit and not with the export; an
//! item counts as fetched when all fetches that read the seed have its document from a published run, at the oldest of them.

use std::collections::{BinaryHeap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::context::on_thread;
use super::error::RunError;
use super::seed::{Seeder, Stop};
use super::seed_file::SeedFile;
use crate::event::Event;
use crate::plan::RequestTemplate;
use crate::plan::expr::EvalError;
use crate::spec::{ChangesKind, ExportOrder, Refresh, SeedExport};
use crate::store::Fetched;

/// An item that may come, the first to come being the least: never fetched (no time) before the oldest, as they stand in the
/// export where that is the same.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    fetched_at: Option<Timestamp>,
    place: u64,
    body: Vec<u8>,
}

impl Seeder {
    /// The items of a refresh at `now` beside those that are `known`, which use up its limit first.
    pub(super) async fn refreshed(
        &self,
        kind: ChangesKind,
        refresh: Refresh,
        known: HashSet<u64>,
        now: Timestamp,
    ) -> Result<Vec<Vec<u8>>, Stop> {
        let most =
            refresh.limit.saturating_sub(known.len() as u64).min(self.context.limit.unwrap_or(u64::MAX));
        if most == 0 {
            return Ok(Vec::new());
        }
        let stage = self.caller.stage.to_string();
        let export =
            SeedExport { kind: kind.export(), date: None, order: ExportOrder::default(), limit: None };
        let (path, file) = self.export_file(&export, now).await?;
        let source = self.context.client.source().to_owned();
        let requests: Vec<RequestTemplate> =
            self.readers.iter().map(|reader| reader.request.clone()).collect();
        let choice = Choice {
            known,
            fetched: Arc::clone(&self.context.follow.fetched),
            own: Arc::clone(&self.context.follow.own),
            chosen_before: Vec::new(),
            young: now.checked_sub(refresh.older_than).unwrap_or(Timestamp::MIN),
            when: move |fetched: &Fetched, item: &Value| when(fetched, &source, &requests, item),
            most: usize::try_from(most).unwrap_or(usize::MAX),
            best: BinaryHeap::new(),
        };
        let (where_, scope) = (self.plan.where_.clone(), Arc::clone(&self.context.scope));
        let (chosen, skipped, errors, error) = on_thread(move || {
            let mut choice = choice;
            let (mut skipped, mut errors, mut first) = (0, 0, None);
            let mut file = SeedFile::of_export(path, file, None)?;
            loop {
                let batch = file.batch(where_.as_ref(), &scope);
                skipped += batch.skipped;
                errors += batch.expression_errors;
                first = first.or(batch.expression_error);
                for (place, body) in batch.items {
                    choice.consider(place, body);
                }
                match batch.ended {
                    None => {}
                    Some(Ok(())) => return Ok((choice.chosen(), skipped, errors, first)),
                    Some(Err(error)) => return Err(error),
                }
            }
        })
        .await
        .map_err(|error| RunError::SeedFile { stage, error: Box::new(error) })?;
        self.context.expressions_failed(&self.caller.stage, errors, error.as_ref().map(EvalError::short));
        if skipped > 0 {
            let stage = self.caller.stage.clone();
            self.context.listener.hear(&Event::RowsSkipped { stage, count: skipped });
        }
        Ok(chosen)
    }
}

/// When `item` was fetched: the oldest of what `requests` make of it; none if one of them was never answered.
fn when(fetched: &Fetched, source: &str, requests: &[RequestTemplate], item: &Value) -> Option<Timestamp> {
    let times = requests.iter().map(|template| {
        let request = template.fill(item).ok()?;
        fetched.at(&format!("{source}{request}"))
    });
    times.collect::<Option<Vec<Timestamp>>>()?.into_iter().min()
}

/// The best of what was considered.
struct Choice<F> {
    known: HashSet<u64>,
    fetched: Arc<Fetched>,
    /// What earlier attempts of the run fetched: they chose it, so it comes, whatever is due by now.
    own: Arc<Fetched>,
    chosen_before: Vec<Vec<u8>>,
    /// What was fetched then or later does not come.
    young: Timestamp,
    when: F,
    most: usize,
    /// The last to come on top: it goes when a better one comes.
    best: BinaryHeap<Candidate>,
}

impl<F: Fn(&Fetched, &Value) -> Option<Timestamp>> Choice<F> {
    fn consider(&mut self, place: u64, body: Vec<u8>) {
        let item: Value = serde_json::from_slice(&body).expect("an item is JSON");
        if item["id"].as_u64().is_some_and(|id| self.known.contains(&id)) {
            return;
        }
        if (self.when)(&self.own, &item).is_some() {
            self.chosen_before.push(body);
            return;
        }
        let fetched_at = (self.when)(&self.fetched, &item);
        if fetched_at.is_some_and(|at| at >= self.young) {
            return;
        }
        let candidate = Candidate { fetched_at, place, body };
        if self.best.len() < self.most {
            self.best.push(candidate);
        } else if let Some(mut last) = self.best.peek_mut()
            && candidate < *last
        {
            *last = candidate;
        }
    }

    /// In the order in which they come.
    fn chosen(self) -> Vec<Vec<u8>> {
        let left = self.most.saturating_sub(self.chosen_before.len());
        let best = self.best.into_sorted_vec().into_iter().take(left);
        self.chosen_before.into_iter().chain(best.map(|candidate| candidate.body)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-25T09:00:00Z";

    /// The ids that come, of 1 to 6 of which 2, 3, 5 and 6 were fetched 50, 40, 20 and 60 days ago.
    /// An earlier attempt fetched `before`.
    fn check(most: usize, known: &[u64], before: &'static [u64], expect: &[u64]) {
        let own = Arc::new(Fetched::default());
        let now: Timestamp = NOW.parse().expect("a time");
        let ago = move |days: i64| now - jiff::SignedDuration::from_hours(24 * days);
        let mut choice = Choice {
            known: known.iter().copied().collect(),
            fetched: Arc::new(Fetched::default()),
            own: Arc::clone(&own),
            chosen_before: Vec::new(),
            young: ago(30),
            when: move |of: &Fetched, item: &Value| match item["id"].as_u64() {
                id if std::ptr::eq(of, &raw const *own) => id.filter(|id| before.contains(id)).map(|_| now),
                Some(2) => Some(ago(50)),
                Some(3) => Some(ago(40)),
                Some(5) => Some(ago(20)),
                Some(6) => Some(ago(60)),
                _ => None,
            },
            most,
            best: BinaryHeap::new(),
        };
        for id in 1..=6_u64 {
            choice.consider(id, format!(r#"{{"id":{id}}}"#).into_bytes());
        }
        let ids: Vec<u64> = choice
            .chosen()
            .iter()
            .map(|body| serde_json::from_slice::<Value>(body).expect("JSON")["id"].as_u64().expect("an id"))
            .collect();
        assert_eq!(ids, expect, "at most {most} beside {known:?}");
    }

    #[test]
    fn never_fetched_come_first_then_the_oldest_and_never_the_young() {
        check(10, &[], &[], &[1, 4, 6, 2, 3]);
        check(4, &[], &[], &[1, 4, 6, 2]);
        check(1, &[], &[], &[1]);
        check(10, &[1, 6], &[], &[4, 2, 3]);
    }

    #[test]
    fn what_an_earlier_attempt_fetched_comes_again() {
        check(4, &[], &[2, 5], &[2, 5, 1, 4]);
        check(1, &[], &[2, 5], &[2, 5]);
        check(4, &[2], &[2], &[1, 4, 6, 3]);
    }

    #[test]
    fn item_is_as_old_as_the_oldest_of_its_documents() {
        let item = serde_json::json!({ "id": 5 });
        assert_eq!(when(&Fetched::default(), "mock", &[], &item), None);
    }
}
