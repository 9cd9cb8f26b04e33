//! A filter at work: documents for which `where` holds go on.

use std::sync::Arc;

use super::context::{Context, on_thread};
use super::error::RunError;
use super::outlets::Outlets;
use super::stash::{Stash, Stashed, Waits as _};
use crate::engine::{Parcel, Turn, Work};
use crate::event::{Account, Activity};
use crate::plan::expr::{EvalError, Input, Scope};
use crate::plan::{Document, FilterPlan};
use crate::spec::{Port, StageId};

/// Everything a filter stage needs.
pub(super) struct Sieve {
    pub stage: StageId,
    pub plan: FilterPlan,
    pub outlets: Outlets,
    pub context: Arc<Context>,
    pub stash: Arc<Stash>,
    pub account: Arc<Account>,
}

impl Work for Sieve {
    type In = Parcel<Document>;
    type Out = Option<Parcel<Document>>;
    type Stashed = Stashed;
    type Error = RunError;

    async fn work(self: Arc<Self>, parcel: Parcel<Document>, _: Turn) -> Result<Self::Out, RunError> {
        let (scope, where_) = (Arc::clone(&self.context.scope), self.plan.where_.clone());
        let document = parcel.value.clone();
        let holds = on_thread(move || Scope::new(&scope, &document).holds(&where_, Input::Document));
        let truth = self.account.time(Activity::Decoding, 1, holds).await;
        self.context.expressions_failed(
            &self.stage,
            u64::from(truth.error.is_some()),
            truth.error.as_ref().map(EvalError::short),
        );
        Ok(truth.holds.then_some(parcel))
    }

    fn account(&self) -> &Arc<Account> {
        &self.account
    }

    async fn deliver(&self, passed: Self::Out) -> Result<(), RunError> {
        if let Some(parcel) = passed {
            self.outlets.send(Port::Main, parcel).await?;
            self.account.passed();
        }
        Ok(())
    }

    fn bytes(&self, passed: &Self::Out) -> usize {
        passed.bytes()
    }

    async fn stash(self: Arc<Self>, passed: Self::Out) -> Result<Stashed, Self::Out> {
        Stash::put(Arc::clone(&self.stash), passed).await
    }

    async fn restore(&self, stashed: Stashed, turn: Turn) -> Result<Self::Out, RunError> {
        Stash::restore(Arc::clone(&self.stash), stashed, &self.context, turn).await
    }
}
