//! A fetch at work: one document for each item.

use std::sync::Arc;

use super::context::Context;
use super::error::RunError;
use super::outlets::Outlets;
use super::rows::{self, Ending};
use crate::engine::{Parcel, Receiver, run_stage};
use crate::plan::{Document, FetchPlan, Hands, Item};
use crate::spec::Port;
use crate::tmdb::{Answer, Caller};

/// What became of one item.
enum Fetched {
    Document(Parcel<Document>),
    Ended(Ending),
}

/// Runs a fetch stage until its frontier has no more items for it.
pub(super) async fn fetch(
    plan: FetchPlan,
    caller: Caller,
    hands: Hands,
    items: Receiver<Parcel<Item>>,
    outlets: Outlets,
    context: Arc<Context>,
) -> Result<(), RunError> {
    let (plan, caller) = (Arc::new(plan), Arc::new(caller));
    let work = |parcel: Parcel<Item>| {
        let (plan, caller, context) = (Arc::clone(&plan), Arc::clone(&caller), Arc::clone(&context));
        async move { one(&plan, &caller, parcel, &context).await }
    };
    let deliver = |fetched| {
        let outlets = &outlets;
        async move {
            match fetched {
                Fetched::Document(parcel) => outlets.send(Port::Main, parcel).await?,
                Fetched::Ended(ending) => outlets.send(ending.port, Parcel::loose(ending.row)).await?,
            }
            Ok(())
        }
    };
    run_stage(hands, items, work, deliver).await
}

async fn one(
    plan: &FetchPlan,
    caller: &Caller,
    parcel: Parcel<Item>,
    context: &Context,
) -> Result<Fetched, RunError> {
    let item = &parcel.value;
    match context.ask(caller, &plan.request, item, 1).await? {
        Ok((_, Answer::Document { body, fetched_at })) => {
            let document = Document { item: item.clone(), body, fetched_at };
            Ok(Fetched::Document(Parcel { value: document, token: parcel.token }))
        }
        Ok((key, Answer::Missing)) => Ok(Fetched::Ended(rows::missing(&caller.stage, item, &key))),
        Err(ending) => Ok(Fetched::Ended(ending)),
    }
}
