//! What an answer says beside itself: to the budget, to the number of workers, and of the rate that is looked for.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::{Caller, Client};
use crate::engine::Lane;
use crate::event::Event;
use crate::spec::Rate;

impl Client {
    /// A lane of the budget for a stage: `rate` caps it, `share` of the run's rate is kept for it.
    pub fn lane(&self, rate: Option<Rate>, share: Option<f64>) -> Lane {
        self.budget.lane(rate, share)
    }

    /// What the budget and the stage learn from a good answer.
    pub(super) fn answered(&self, caller: &Caller, sent_at: Instant, latency: Duration) {
        self.budget.answered(sent_at);
        self.tell_rate();
        if let Some(workers) = &caller.workers {
            workers.answered(latency, self.budget.rate_of(caller.lane));
        }
    }

    /// Tells of the rate that was found, if it has changed by a hundredth.
    pub(super) fn tell_rate(&self) {
        let Some(per_second) = self.budget.found() else { return };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate of a few hundred"
        )]
        let now = (per_second * 1000.0) as u64;
        let before = self.told.load(Ordering::Relaxed);
        if before.abs_diff(now) * 100 > before {
            self.told.store(now, Ordering::Relaxed);
            self.listener.hear(&Event::RateFound { per_second });
        }
    }
}
