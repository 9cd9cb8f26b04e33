//! What of a plan is legal and good to know.
//!
//! Does not belong here: what the file alone shows; that is a warning, and told before the plan.

use super::Plan;
use super::fusion;
use crate::spec::RunRate;

/// Each in a sentence without a full stop.
pub(super) fn notes(plan: &Plan) -> Vec<String> {
    let mut notes = Vec::new();
    fusion::notes(plan, &mut notes);
    if plan.api.rate == RunRate::Unlimited && !plan.api.is_tmdb() {
        notes.push("no rate: the API's answers alone slow this run down".to_owned());
    }
    if plan.api.rate == RunRate::Auto {
        notes.push(
            "the rate is found while the run goes on, from where the API answers with 429: how long it takes is not known"
                .to_owned(),
        );
    }
    notes
}
