//! What an answer says beside itself: to the budget, to the number of workers, and of the rate that is looked for.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::{Answer, Caller, Client};
use crate::engine::{Lane, Passage};
use crate::event::{Activity, Event, Origin, Span};
use crate::plan::Request;
use crate::spec::Rate;
use crate::tmdb::transport::{Response, TransportError};

impl Client {
    /// A lane of the budget for a stage: `rate` caps it, `share` of the run's rate is kept for it.
    pub fn lane(&self, rate: Option<Rate>, share: Option<f64>) -> Lane {
        self.budget.lane(rate, share)
    }

    /// Sends `request` once, and notes what was waited for before and how long the answer took.
    pub(super) async fn send_once(
        &self,
        caller: &Caller,
        request: &Request,
        passage: &Passage,
        span: &mut Span<'_>,
    ) -> Result<Response, TransportError> {
        // What was waited for is known afterwards; what is left of it was the rate, the stage's or the run's.
        let rate = if passage.capped { Activity::StageRate } else { Activity::Rate };
        let parts = [(Activity::Connection, passage.unconnected), (Activity::Gate, passage.gated)];
        span.divide(&parts, rate, Activity::Network);
        let on_the_way = Arc::clone(&self.on_the_way);
        let load = Arc::strong_count(&on_the_way) - 1;
        let response = self.transport.send(request, caller.timeout).await;
        caller.account.attempt(load, passage.sent_at.elapsed());
        span.turn(Activity::Decoding);
        response
    }

    /// Tells of an answer that needed no request now.
    pub(super) fn reused(&self, caller: &Caller, key: &str, answer: &Answer, from: Origin) {
        if self.tell_ahead(caller, key, answer) {
            return;
        }
        let bytes = match answer {
            Answer::Document { body, .. } => Some(body.len()),
            Answer::Missing { .. } => None,
        };
        self.listener.hear(&Event::AnswerReused { stage: caller.stage.clone(), from, bytes });
    }

    /// What the budget and the stage learn from a good answer.
    pub(super) fn answered(&self, caller: &Caller, sent_at: Instant, latency: Duration) {
        self.budget.answered(sent_at);
        self.tell_rate();
        if let Some(workers) = &caller.workers {
            workers.answered(latency, self.budget.rate_of(caller.lane));
            caller.account.resize(workers.count());
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
