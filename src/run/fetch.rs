//! A fetch at work: one document for each item.

use std::sync::Arc;

use super::context::Context;
use super::error::RunError;
use super::foresight::Foresight;
use super::outlets::Outlets;
use super::rows::Ending;
use super::stash::{Page, Pen, Stash, Stashed, Waits, document_bytes};
use crate::engine::{Errand, Parcel, Token, Turn, Work, Workers};
use crate::event::{Account, Event};
use crate::plan::{Document, FetchPlan, split};
use crate::spec::Port;
use crate::tmdb::{Answer, Caller};

/// What became of one item.
pub(super) enum Fetched {
    Document(Parcel<Document>),
    Ended(Ending),
    /// It was asked for ahead of its turn.
    Ahead,
}

/// Everything a fetch stage needs.
pub(super) struct Fetcher {
    pub plan: FetchPlan,
    pub caller: Caller,
    pub outlets: Outlets,
    pub context: Arc<Context>,
    pub stash: Arc<Stash>,
    pub foresight: Foresight,
}

impl Work for Fetcher {
    type In = Errand;
    type Out = Fetched;
    type Stashed = Stashed;
    type Error = RunError;

    fn workers(&self) -> Option<Arc<Workers>> {
        self.caller.workers.clone()
    }

    async fn work(self: Arc<Self>, errand: Errand, turn: Turn) -> Result<Fetched, RunError> {
        let Parcel { value: item, token } = match errand {
            Errand::Item(parcel) => parcel,
            Errand::Ahead(fields) => {
                self.context.ask_ahead(&self.caller, &self.plan.request, &fields, &turn).await?;
                return Ok(Fetched::Ahead);
            }
        };
        self.context.listener.hear(&Event::ItemAdmitted { stage: self.caller.stage.clone() });
        match self.context.ask(&self.caller, &self.plan.request, &item, 1, &turn).await? {
            Ok((_, Answer::Document { body, fetched_at })) => {
                self.context.tally.answered();
                let (mut body, parts) = split(&body, &self.plan.parts);
                if !parts.places().is_empty() {
                    // It is a copy; the parts are pieces of the answer.
                    let demand = self.context.demand(&self.caller.stage);
                    body = self.context.memory.bodies(body.len(), demand, &turn).hold(body);
                }
                let document = Document { item, body, fetched_at: Some(fetched_at), parts };
                if turn.is_held_up() {
                    self.foresight.look(&document, &self.context).await;
                }
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
            Fetched::Ahead => {}
        }
        Ok(())
    }

    fn bytes(&self, fetched: &Fetched) -> usize {
        fetched.bytes()
    }

    async fn stash(self: Arc<Self>, fetched: Fetched) -> Result<Stashed, Fetched> {
        Stash::put(Arc::clone(&self.stash), fetched).await
    }

    async fn restore(&self, stashed: Stashed, turn: Turn) -> Result<Fetched, RunError> {
        Stash::restore(Arc::clone(&self.stash), stashed, &self.context, turn).await
    }
}

impl Waits for Fetched {
    fn bytes(&self) -> usize {
        match self {
            Self::Document(parcel) => parcel.bytes(),
            Self::Ended(ending) => document_bytes(&ending.row),
            Self::Ahead => 0,
        }
    }

    fn token(&self) -> Option<Token> {
        match self {
            Self::Document(parcel) => parcel.token(),
            Self::Ended(_) | Self::Ahead => None,
        }
    }

    fn write(&self, pen: &mut Pen) {
        match self {
            Self::Document(parcel) => {
                pen.number(0);
                parcel.write(pen);
            }
            Self::Ended(ending) => {
                pen.number(1);
                ending.write(pen);
            }
            Self::Ahead => unreachable!("what takes no memory is not stashed"),
        }
    }

    fn read(page: &mut Page, token: Option<Token>) -> Self {
        match page.number() {
            0 => Self::Document(Parcel::read(page, token)),
            _ => Self::Ended(Ending::read(page)),
        }
    }
}
