//! A fetch at work: one document for each item.

use std::sync::Arc;

use super::context::Context;
use super::error::RunError;
use super::outlets::Outlets;
use super::rows::Ending;
use crate::engine::{Parcel, Work, Workers};
use crate::event::{Account, Event};
use crate::plan::{Document, FetchPlan, Item, split};
use crate::spec::Port;
use crate::tmdb::{Answer, Caller};

/// What became of one item.
pub(super) enum Fetched {
    Document(Parcel<Document>),
    Ended(Ending),
}

/// Everything a fetch stage needs.
pub(super) struct Fetcher {
    pub plan: FetchPlan,
    pub caller: Caller,
    pub outlets: Outlets,
    pub context: Arc<Context>,
}

impl Work for Fetcher {
    type In = Parcel<Item>;
    type Out = Fetched;
    type Error = RunError;

    fn workers(&self) -> Option<Arc<Workers>> {
        self.caller.workers.clone()
    }

    async fn work(self: Arc<Self>, parcel: Parcel<Item>) -> Result<Fetched, RunError> {
        let Parcel { value: item, token } = parcel;
        self.context.listener.hear(&Event::ItemAdmitted { stage: self.caller.stage.clone() });
        match self.context.ask(&self.caller, &self.plan.request, &item, 1).await? {
            Ok((_, Answer::Document { body, fetched_at })) => {
                self.context.tally.answered();
                let (body, parts) = split(&body, &self.plan.parts);
                let document = Document { item, body, fetched_at: Some(fetched_at), parts };
                Ok(Fetched::Document(Parcel { value: document, token }))
            }
            Ok((key, Answer::Missing { fetched_at })) => {
                Ok(Fetched::Ended(self.context.missing(&self.caller, &item, key, fetched_at)))
            }
            Err(unanswered) => Ok(Fetched::Ended(self.context.failed(&self.caller, &item, &unanswered)?)),
        }
    }

    fn account(&self) -> &Arc<Account> {
        &self.caller.account
    }

    async fn deliver(&self, fetched: Fetched) -> Result<(), RunError> {
        match fetched {
            Fetched::Document(parcel) => self.outlets.send(Port::Main, parcel).await?,
            Fetched::Ended(ending) => self.outlets.send(ending.port, Parcel::loose(ending.row)).await?,
        }
        Ok(())
    }
}
