//! What the API says of the lists that seeds read, asked before a run: one request for each.
//!
//! Does not belong here: what follows from it (`crate::plan`).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::context::caller;
use super::error::RunError;
use crate::engine::Budget;
use crate::event::Listener;
use crate::plan::{Plan, Probe, SeedItems, SeedPlan, StageIndex, StageKind};
use crate::tmdb::{Answer, AskError, Client, Said, Transport};

/// Asks for the first page of every seed's list. `seed` is for the dice of backoff.
///
/// # Errors
/// A list that is not there, or that nobody can ask for: a run would come to the same end.
pub async fn probe(
    plan: &Plan,
    transport: Arc<dyn Transport>,
    seed: u64,
) -> Result<BTreeMap<StageIndex, Probe>, RunError> {
    let silent: Arc<dyn Listener> = Arc::new(Vec::new());
    let budget = Budget::new(plan.api.connections, plan.api.rate, seed);
    let client = Client::new(transport, budget, plan.api.retry, seed.wrapping_add(1), silent);
    let mut probes = BTreeMap::new();
    for (index, stage) in plan.stages.iter().enumerate() {
        let StageKind::Seed(SeedPlan { source: SeedItems::Pages { request, items, .. }, .. }) = &stage.kind
        else {
            continue;
        };
        let failed = |reason: String| RunError::Probe { stage: stage.id.to_string(), reason };
        let request = request.fill(&json!({})).map_err(|unfillable| failed(unfillable.to_string()))?;
        let body = match client.ask(&caller(stage, &client, &Arc::default()), &request).await {
            Ok(Answer::Document { body, .. }) => body,
            Ok(Answer::Missing { .. }) => return Err(failed(format!("the API has no `{request}`"))),
            Err(AskError::Failed(failure)) => return Err(failed(format!("`{request}`: {}", failure.reason))),
            Err(AskError::Fatal(fatal)) => {
                return Err(RunError::Fatal { stage: stage.id.to_string(), fatal });
            }
        };
        // Another expression may find any number of items in a page.
        let counts = items.source() == ".results[]";
        probes.insert(index, said(&body, counts));
    }
    Ok(probes)
}

/// What a first page says of its list; a body without such numbers is a list of one page.
fn said(body: &[u8], counts: bool) -> Probe {
    let said = Said::read(body);
    Probe { pages: said.pages.into(), items: said.rows.filter(|_| counts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_how_many_there_are_or_is_the_only_one() {
        let check = |body: &str, counts, pages, items| {
            assert_eq!(said(body.as_bytes(), counts), Probe { pages, items }, "{body}");
        };
        check(r#"{"page":1,"total_pages":57001,"total_results":1140006}"#, true, 57_001, Some(1_140_006));
        check(r#"{"page":1,"total_pages":3,"total_results":50}"#, false, 3, None);
        check(r#"{"total_pages":0,"total_results":0}"#, true, 1, Some(0));
        check(r#"{"genres":[]}"#, true, 1, None);
        check("[1]", true, 1, None);
    }
}
