//! What the stages of one run share: the client, the count of failures, the constants of expressions, the listener.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::error::RunError;
use super::follow::{Failures, Follow};
use super::rows::{self, Ending};
use super::tally::Tally;
pub(super) use crate::engine::on_thread;
use crate::engine::{Demand, Memory, Turn, Workers};
use crate::event::{Account, Event, Listener};
use crate::plan::expr::RunScope;
use crate::plan::{Item, RequestTemplate, StagePlan};
use crate::spec::StageId;
use crate::tmdb::{Answer, AskError, Caller, Client, Failure, Reason};

/// Shared by all stages.
pub(super) struct Context {
    pub client: Arc<Client>,
    pub memory: Memory,
    /// What each stage asks of memory.
    pub demands: HashMap<StageId, Demand>,
    pub tally: Tally,
    pub scope: Arc<RunScope>,
    pub listener: Arc<dyn Listener>,
    /// `--limit`: items of each seed.
    pub limit: Option<u64>,
    /// What it follows of the lists of changes.
    pub follow: Follow,
    /// Items of seeds that failed.
    pub failures: Failures,
    /// Where the time of each stage's workers is noted, in the order of the plan.
    pub accounts: Vec<Arc<Account>>,
}

/// What asking came to without an answer, with the request, or the template of one that could not be filled.
pub(super) struct Unanswered {
    pub key: String,
    pub failure: Failure,
}

impl Context {
    /// Asks for page `page` of what `item` makes of `template`: the request and its answer, or why there is none.
    ///
    /// It counts nothing towards `max_failures`: an item may take several requests, and is finished once.
    ///
    /// Waits for memory first; the body holds it until its last copy is gone.
    pub(super) async fn ask(
        &self,
        caller: &Caller,
        template: &RequestTemplate,
        item: &Item,
        page: u32,
        turn: &Turn,
    ) -> Result<Result<(String, Answer), Unanswered>, RunError> {
        let request = match template.fill(&item.fields) {
            Ok(request) => request.page(page),
            Err(unfillable) => {
                let failure = Failure { reason: Reason::Unfillable(unfillable), attempts: 0 };
                self.listener.hear(&Event::ItemFailed {
                    stage: caller.stage.clone(),
                    request: template.path().to_string(),
                    error: failure.reason.to_string(),
                    asked: true,
                });
                return Ok(Err(Unanswered { key: template.path().to_string(), failure }));
            }
        };
        // Known by what it is, whatever else was appended to it.
        let key = template
            .identity_of(&request, &item.fields, page)
            .expect("what fills a request fills its identity");
        let demand = self.demand(&caller.stage);
        let room = self.memory.reserve(demand, turn).await;
        match self.client.ask(caller, &request).await {
            Ok(Answer::Document { body, fetched_at }) => {
                let body = room.fill(demand, body);
                Ok(Ok((key, Answer::Document { body, fetched_at })))
            }
            Ok(answer) => Ok(Ok((key, answer))),
            Err(AskError::Failed(failure)) => Ok(Err(Unanswered { key, failure })),
            Err(AskError::Fatal(fatal)) => Err(RunError::Fatal { stage: caller.stage.to_string(), fatal }),
        }
    }

    /// Asks for what an item with these `fields` makes of `template`, before it has its turn.
    pub(super) async fn ask_ahead(
        &self,
        caller: &Caller,
        template: &RequestTemplate,
        fields: &serde_json::Value,
        turn: &Turn,
    ) -> Result<(), RunError> {
        let Ok(request) = template.fill(fields) else { return Ok(()) };
        // Held while it is kept.
        let _room = self.memory.reserve(self.demand(&caller.stage), turn).await;
        match self.client.ask_ahead(caller, &request.page(1)).await {
            Err(AskError::Fatal(fatal)) => Err(RunError::Fatal { stage: caller.stage.to_string(), fatal }),
            Ok(()) | Err(AskError::Failed(_)) => Ok(()),
        }
    }

    /// What a stage asks of memory.
    pub(super) fn demand(&self, stage: &StageId) -> &Demand {
        self.demands.get(stage).expect("every stage has its demand")
    }

    /// `item` is finished, as there is nothing under `key`: the row of `.missing`.
    pub(super) fn missing(&self, caller: &Caller, item: &Item, key: String, at: Timestamp) -> Ending {
        self.tally.answered();
        let ending = rows::missing(&caller.stage, item, &key, at);
        self.listener.hear(&Event::ItemMissing { stage: caller.stage.clone(), request: key });
        ending
    }

    /// `item` is finished, as asking for it failed: the row of `.failed`.
    ///
    /// # Errors
    /// If that is one too many.
    pub(super) fn failed(
        &self,
        caller: &Caller,
        item: &Item,
        unanswered: &Unanswered,
    ) -> Result<Ending, RunError> {
        let Unanswered { key, failure } = unanswered;
        self.failures.note(&caller.stage, item);
        self.tally.failed(failure.reason.advice(), || format!("`{key}`: {}", failure.reason))?;
        Ok(rows::failed(&caller.stage, item, key, failure))
    }

    /// Tells of expressions that ended in an error, if any did; the first says why.
    pub(super) fn expressions_failed(&self, stage: &StageId, count: u64, reason: Option<String>) {
        if count > 0 {
            let (stage, reason) = (stage.clone(), reason.unwrap_or_default());
            self.listener.hear(&Event::ExpressionFailed { stage, count, reason });
        }
    }
}

/// Who asks on behalf of a stage, with a lane of its own in the budget.
pub(super) fn caller(stage: &StagePlan, client: &Client, account: &Arc<Account>) -> Caller {
    Caller {
        stage: stage.id.clone(),
        lane: client.lane(stage.rate, stage.share),
        workers: stage.adaptive.then(|| Arc::new(Workers::adaptive(stage.hands().working))),
        timeout: stage.timeout,
        account: Arc::clone(account),
    }
}
