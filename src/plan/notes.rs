//! What of a plan is legal and good to know.

use super::{Plan, SeedItems, StageKind};

/// Each in a sentence without a full stop.
pub(super) fn notes(plan: &Plan) -> Vec<String> {
    let mut notes = Vec::new();
    let connections = plan.api.connections;
    for stage in &plan.stages {
        let asks = match &stage.kind {
            StageKind::Fetch(_) => true,
            StageKind::Seed(seed) => {
                let key = match &seed.source {
                    SeedItems::Export(kind) => Some(format!("export: {}", kind.as_str())),
                    SeedItems::Changes(kind) => Some(format!("changes: {}", kind.as_str())),
                    _ => None,
                };
                if let Some(key) = key {
                    notes.push(format!("`{}`: this version does not run `{key}` yet", stage.id));
                }
                matches!(seed.source, SeedItems::Pages { .. })
            }
            StageKind::Expand(expand) => expand.request.is_some(),
            StageKind::Filter(_) | StageKind::Project(_) => false,
        };
        if asks && stage.concurrency > connections {
            notes.push(format!(
                "`{}` works on {} requests at once, and the run has {connections} connections: the others wait",
                stage.id, stage.concurrency
            ));
        }
        if let (Some(own), Some(all)) = (stage.rate, plan.api.rate)
            && asks
            && own.per_second() > all.per_second()
        {
            notes.push(format!("`{}` may ask {own}, and the run {all}: its own rate does nothing", stage.id));
        }
    }
    if plan.api.rate.is_none() {
        notes.push("no rate: the API's answers alone slow this run down".to_owned());
    }
    notes
}
