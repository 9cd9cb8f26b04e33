//! A seed at work: items from nothing, in order, each kept only as far as its readers need it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde_json::{Value, json};

use super::context::{Context, on_thread};
use super::error::RunError;
use super::outlets::Outlets;
use super::seed_file::SeedFile;
use crate::engine::{Closed, Parcel, Sender, edge};
use crate::event::{Activity, Event};
use crate::plan::expr::{EvalError, FieldSet, Input, Json, Scope};
use crate::plan::{Document, Hands, Item, RequestTemplate, SeedItems, SeedPlan};
use crate::project::prune;
use crate::spec::Port;
use crate::tmdb::{Caller, Failure};

/// A fetch that reads a seed.
pub(super) struct SeedReader {
    /// The fields that its items keep.
    pub keeps: FieldSet,
    /// What it asks for.
    pub request: RequestTemplate,
    /// The way to its frontier.
    pub feed: Sender<Item>,
}

/// Everything a seed stage needs.
pub(super) struct Seeder {
    pub plan: SeedPlan,
    pub caller: Caller,
    pub hands: Hands,
    pub readers: Vec<SeedReader>,
    pub outlets: Outlets,
    pub context: Arc<Context>,
    /// Items that `--limit` still allows.
    pub left: AtomicU64,
    /// Items that the source has given so far: the rank of the last of them.
    pub given: AtomicU64,
}

/// Why a seed stops before its source ends.
pub(super) enum Stop {
    /// `--limit` is reached.
    Enough,
    /// The run ends.
    Error(RunError),
}

impl From<Closed> for Stop {
    fn from(closed: Closed) -> Self {
        Self::Error(closed.into())
    }
}

impl From<RunError> for Stop {
    fn from(error: RunError) -> Self {
        Self::Error(error)
    }
}

impl Seeder {
    /// One that has given nothing yet.
    pub fn new(
        plan: SeedPlan,
        caller: Caller,
        hands: Hands,
        readers: Vec<SeedReader>,
        outlets: Outlets,
        context: Arc<Context>,
    ) -> Self {
        let left = AtomicU64::new(context.limit.unwrap_or(u64::MAX));
        Self { plan, caller, hands, readers, outlets, context, left, given: AtomicU64::new(0) }
    }

    /// Hands out every item; of the open `file`, if the seed has one.
    pub(super) async fn run(self, file: Option<SeedFile>) -> Result<(), RunError> {
        let seeder = Arc::new(self);
        let paged = matches!(seeder.plan.source, SeedItems::Pages { .. });
        // Pages are read by several workers, whose times the stage notes; everything else by one.
        let account = Arc::clone(&seeder.caller.account);
        let _alone = (!paged).then(|| (account.open(1), account.begin()));
        let handed_out = match file {
            Some(file) => seeder.hand_out_file(file).await,
            None => seeder.hand_out_all().await,
        };
        match handed_out {
            Ok(()) | Err(Stop::Enough) => Ok(()),
            Err(Stop::Error(error)) => Err(error),
        }
    }

    async fn hand_out_all(self: Arc<Self>) -> Result<(), Stop> {
        match &self.plan.source {
            SeedItems::Listed(items) => {
                for item in items.iter() {
                    self.offer(item.clone()).await?;
                }
                Ok(())
            }
            SeedItems::Range { first, last } => {
                for id in *first..=*last {
                    self.offer(json!({ "id": id })).await?;
                }
                Ok(())
            }
            SeedItems::Pages { .. } => self.hand_out_pages().await,
            SeedItems::File(_) => unreachable!("the file of a seed is open before it starts"),
            SeedItems::Export(export) => self.hand_out_export(export).await,
            SeedItems::Changes(changes) => self.hand_out_changes(changes).await,
        }
    }

    /// Reads the file a batch at a time, one ahead of what is handed out. No thread is held in between: a seed
    /// that waits for its readers must not keep others from decoding.
    pub(super) async fn hand_out_file(&self, mut file: SeedFile) -> Result<(), Stop> {
        let (batches, mut queue) = edge(1);
        let read = async move {
            loop {
                let (where_, scope) = (self.plan.where_.clone(), Arc::clone(&self.context.scope));
                let (back, batch) = on_thread(move || {
                    let batch = file.batch(where_.as_ref(), &scope);
                    (file, batch)
                })
                .await;
                file = back;
                let last = batch.ended.is_some();
                // Closed: the handing out has stopped, and says why.
                if batches.send(batch).await.is_err() || last {
                    return;
                }
            }
        };
        let hand_out = async move {
            while let Some(batch) = queue.recv().await {
                self.context.expressions_failed(
                    &self.caller.stage,
                    batch.expression_errors,
                    batch.expression_error.as_ref().map(EvalError::short),
                );
                if batch.skipped > 0 {
                    let (stage, count) = (self.caller.stage.clone(), batch.skipped);
                    self.context.listener.hear(&Event::RowsSkipped { stage, count });
                }
                for (rank, body) in &batch.items {
                    self.check_limit()?;
                    self.hand(body, *rank).await?;
                }
                if self.check_limit().is_ok()
                    && let Some(Err(error)) = batch.ended
                {
                    let stage = self.caller.stage.to_string();
                    return Err(RunError::SeedFile { stage, error: Box::new(error) }.into());
                }
            }
            Ok(())
        };
        let ((), handed_out) = tokio::join!(read, hand_out);
        handed_out
    }

    /// Hands an item to every reader (as a document to those who look at the items themselves), if `where` holds for it.
    pub(super) async fn offer(&self, item: Value) -> Result<(), Stop> {
        self.offer_all(vec![item]).await
    }

    /// Does so with each of `items`, whose `where` is evaluated together: a thread for each would cost more than it does.
    pub(super) async fn offer_all(&self, items: Vec<Value>) -> Result<(), Stop> {
        self.check_limit()?;
        for wanted in self.wanted(items).await {
            self.check_limit()?;
            // Its place in what the seed gives, whether it is wanted or not.
            let rank = self.next_rank();
            if let Some(body) = wanted {
                self.hand(&body, rank).await?;
            }
        }
        Ok(())
    }

    /// The place of the next item in what the seed gives.
    pub(super) fn next_rank(&self) -> u64 {
        self.given.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Whether `--limit` allows one more.
    pub(super) fn check_limit(&self) -> Result<(), Stop> {
        if self.left.load(Ordering::Relaxed) == 0 { Err(Stop::Enough) } else { Ok(()) }
    }

    /// Hands an item to every reader, and as a document to those who look at the items themselves.
    pub(super) async fn hand(&self, body: &[u8], rank: u64) -> Result<(), Stop> {
        // While pages are read, that is not a worker's time: results are handed on beside them.
        let paged = matches!(self.plan.source, SeedItems::Pages { .. });
        let _handing = (!paged).then(|| self.caller.account.on(Activity::Output));
        let rank = u32::try_from(rank).unwrap_or(u32::MAX);
        self.left.fetch_sub(1, Ordering::Relaxed);
        if self.outlets.is_read(Port::Main) {
            let item = serde_json::from_slice(body).expect("it was written a moment ago");
            let document =
                Document::new(Item { rank, ..Item::seed(item) }, Bytes::copy_from_slice(body), None);
            self.outlets.send(Port::Main, Parcel::loose(document)).await?;
        }
        for reader in &self.readers {
            reader.feed.send(Item { rank, ..Item::seed(prune(body, &reader.keeps)) }).await?;
        }
        self.context.listener.hear(&Event::ItemSeeded { stage: self.caller.stage.clone() });
        Ok(())
    }

    pub(super) fn without_list(&self, request: String, failure: Option<Failure>) -> RunError {
        RunError::SeedList { stage: self.caller.stage.to_string(), request, failure: failure.map(Box::new) }
    }

    /// Each item as JSON, if `where` holds for it.
    async fn wanted(&self, items: Vec<Value>) -> Vec<Option<Vec<u8>>> {
        let Some(where_) = self.plan.where_.clone() else {
            let written = |item| serde_json::to_vec(&item).expect("a JSON value can be written");
            return items.into_iter().map(|item| Some(written(item))).collect();
        };
        let scope = Arc::clone(&self.context.scope);
        let (wanted, failed, first) = on_thread(move || {
            let scope = Scope::without_document(&scope);
            let (mut failed, mut first) = (0, None);
            let wanted = items.iter().map(|item| {
                let json = Json::from_value(item);
                let truth = scope.holds(&where_, Input::Json(&json));
                failed += u64::from(truth.error.is_some());
                first = first.take().or(truth.error);
                truth.holds.then(|| json.to_bytes().to_vec())
            });
            let wanted: Vec<_> = wanted.collect();
            (wanted, failed, first)
        })
        .await;
        self.context.expressions_failed(&self.caller.stage, failed, first.as_ref().map(EvalError::short));
        wanted
    }
}
