//! Counting what finished and what failed against `max_failures`.

use std::sync::{Mutex, PoisonError};

use super::error::RunError;
use crate::spec::MaxFailures;

/// A percentage says nothing about the first few: it ends a run early only after so many finished items.
const PERCENT_AFTER: u64 = 200;

/// The count of one run.
#[derive(Debug)]
pub(super) struct Tally {
    allowed: MaxFailures,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    finished: u64,
    failed: u64,
    last: String,
    advice: Option<&'static str>,
}

impl Tally {
    pub(super) fn new(allowed: MaxFailures) -> Self {
        Self { allowed, counts: Mutex::default() }
    }

    /// An item was answered, with a document or a 404.
    pub(super) fn answered(&self) {
        self.counts().finished += 1;
    }

    /// An item failed, `advice` is the way out if there is one; an error if that is one too many.
    pub(super) fn failed(
        &self,
        advice: Option<&'static str>,
        what: impl FnOnce() -> String,
    ) -> Result<(), RunError> {
        let mut counts = self.counts();
        counts.finished += 1;
        counts.failed += 1;
        counts.last = what();
        counts.advice = advice;
        let early = match self.allowed {
            MaxFailures::Count(_) => true,
            MaxFailures::Percent(_) => counts.finished >= PERCENT_AFTER,
        };
        if early { self.judge(&counts) } else { Ok(()) }
    }

    /// The judgement at the end.
    pub(super) fn judge_at_end(&self) -> Result<(), RunError> {
        self.judge(&self.counts())
    }

    /// How many items failed.
    pub(super) fn failures(&self) -> u64 {
        self.counts().failed
    }

    fn judge(&self, counts: &Counts) -> Result<(), RunError> {
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
        let share = counts.failed as f64 * 100.0 / counts.finished.max(1) as f64;
        let (borne, allowed) = match self.allowed {
            MaxFailures::Count(allowed) => (counts.failed <= allowed, allowed.to_string()),
            MaxFailures::Percent(allowed) => (share <= allowed, format!("{allowed}%")),
        };
        if borne {
            return Ok(());
        }
        let (failed, finished, last) = (counts.failed, counts.finished, counts.last.clone());
        Err(RunError::TooManyFailures { failed, finished, allowed, last, advice: counts.advice })
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Finishes items, `true` for those that fail, and says after how many it was too much, and whether it is at the
    /// end.
    fn check(allowed: MaxFailures, items: impl IntoIterator<Item = bool>) -> (Option<usize>, bool) {
        let tally = Tally::new(allowed);
        let mut early = None;
        for (index, fails) in items.into_iter().enumerate() {
            if fails && tally.failed(None, String::new).is_err() {
                early.get_or_insert(index + 1);
            } else if !fails {
                tally.answered();
            }
        }
        (early, tally.judge_at_end().is_err())
    }

    #[test]
    fn a_count_stops_the_run_when_passed() {
        assert_eq!(check(MaxFailures::Count(0), [false, true, false]), (Some(2), true));
        assert_eq!(check(MaxFailures::Count(2), [true, true]), (None, false));
        assert_eq!(check(MaxFailures::Count(2), [true, true, true]), (Some(3), true));
    }

    #[test]
    fn a_percentage_waits_for_two_hundred_items_or_the_end() {
        let one_percent = MaxFailures::Percent(1.0);
        assert_eq!(check(one_percent, [true, false]), (None, true));
        assert_eq!(check(one_percent, (0..200).map(|i| i == 0 || i == 1)), (None, false));
        assert_eq!(check(one_percent, (0..200).map(|i| i < 3)), (None, true));
        assert_eq!(check(one_percent, (0..400).map(|i| (197..202).contains(&i))), (Some(200), true));
        assert_eq!(check(MaxFailures::Percent(0.0), []), (None, false));
    }
}
