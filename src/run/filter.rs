//! A filter at work: documents for which `where` holds go on.

use std::sync::Arc;

use super::context::{Context, on_thread};
use super::error::RunError;
use super::outlets::Outlets;
use crate::engine::{Parcel, Receiver, run_stage};
use crate::plan::expr::{Input, Scope};
use crate::plan::{Document, FilterPlan, Hands};
use crate::spec::{Port, StageId};

/// Runs a filter stage until its input ends.
pub(super) async fn filter(
    stage: StageId,
    plan: FilterPlan,
    hands: Hands,
    documents: Receiver<Parcel<Document>>,
    outlets: Outlets,
    context: Arc<Context>,
) -> Result<(), RunError> {
    let work = |parcel: Parcel<Document>| {
        let (stage, where_, context) = (stage.clone(), plan.where_.clone(), Arc::clone(&context));
        async move {
            let (scope, document) = (Arc::clone(&context.scope), parcel.value.clone());
            let truth =
                on_thread(move || Scope::new(&scope, &document).holds(&where_, Input::Document)).await;
            context.expressions_failed(&stage, u64::from(truth.error));
            Ok(truth.holds.then_some(parcel))
        }
    };
    let deliver = |passed: Option<Parcel<Document>>| {
        let outlets = &outlets;
        async move {
            match passed {
                Some(parcel) => Ok(outlets.send(Port::Main, parcel).await?),
                None => Ok(()),
            }
        }
    };
    run_stage(hands, documents, work, deliver).await
}
