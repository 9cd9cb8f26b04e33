//! A seed at work: items from nothing, in order, each kept only as far as its readers need it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::context::{Context, on_thread};
use super::error::RunError;
use super::outlets::Outlets;
use super::rows::{self, Ending};
use crate::engine::{Closed, Parcel, Sender, Work, edge, run_stage};
use crate::event::Event;
use crate::plan::expr::{FieldSet, Input, Json, Scope};
use crate::plan::{Document, Hands, Item, SeedItems, SeedPlan};
use crate::project::prune;
use crate::spec::Port;
use crate::tmdb::{Answer, Caller, pages_of};

/// A fetch that reads a seed.
pub(super) struct SeedReader {
    /// The fields that its items keep.
    pub keeps: FieldSet,
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

/// One page of a seed's list.
pub(super) struct Page {
    items: Vec<Value>,
    ended: Option<Ending>,
    /// How many pages there are to read, by this one.
    pages: u32,
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
    /// Hands out every item.
    pub(super) async fn run(self) -> Result<(), RunError> {
        match Arc::new(self).hand_out_all().await {
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
        }
    }

    /// Reads the first page, then as many more as it says there are, several at once and in order.
    async fn hand_out_pages(self: Arc<Self>) -> Result<(), Stop> {
        let first = Arc::clone(&self).work(1).await?;
        let pages = first.pages;
        self.deliver(first).await?;
        let (numbers, queue) = edge(1);
        let count = async move {
            for page in 2..=pages {
                // Closed: the reading has stopped, and says why.
                if numbers.send(page).await.is_err() {
                    return;
                }
            }
        };
        let hands = self.hands;
        let ((), read) = tokio::join!(count, run_stage(hands, queue, self));
        read
    }

    /// Hands an item to every reader (as a document to those who look at the items themselves), if `where` holds for it.
    async fn offer(&self, item: Value) -> Result<(), Stop> {
        if self.left.load(Ordering::Relaxed) == 0 {
            return Err(Stop::Enough);
        }
        let rank = self.given.fetch_add(1, Ordering::Relaxed) + 1;
        let rank = u32::try_from(rank).unwrap_or(u32::MAX);
        let Some(body) = self.wanted(item).await else { return Ok(()) };
        self.left.fetch_sub(1, Ordering::Relaxed);
        if self.outlets.is_read(Port::Main) {
            let item = serde_json::from_slice(&body).expect("it was written a moment ago");
            let document = Document {
                item: Item::seed(item),
                body: body.clone().into(),
                fetched_at: Timestamp::UNIX_EPOCH,
            };
            self.outlets.send(Port::Main, Parcel::loose(document)).await?;
        }
        for reader in &self.readers {
            reader.feed.send(Item { rank, ..Item::seed(prune(&body, &reader.keeps)) }).await?;
        }
        self.context.listener.hear(&Event::ItemSeeded { stage: self.caller.stage.clone() });
        Ok(())
    }

    /// The item as JSON, if `where` holds for it.
    async fn wanted(&self, item: Value) -> Option<Vec<u8>> {
        let Some(where_) = self.plan.where_.clone() else {
            return Some(serde_json::to_vec(&item).expect("a JSON value can be written"));
        };
        let scope = Arc::clone(&self.context.scope);
        let (truth, body) = on_thread(move || {
            let json = Json::from_value(&item);
            let truth = Scope::without_document(&scope).holds(&where_, Input::Json(&json));
            (truth, json.to_bytes().to_vec())
        })
        .await;
        self.context.expressions_failed(&self.caller.stage, u64::from(truth.error));
        truth.holds.then_some(body)
    }
}

/// The pages of a list: numbers in, items out.
impl Work for Seeder {
    type In = u32;
    type Out = Page;
    type Error = Stop;

    async fn work(self: Arc<Self>, page: u32) -> Result<Page, Stop> {
        let SeedItems::Pages { request, pages: wanted, items } = &self.plan.source else {
            unreachable!("only a list has pages")
        };
        let item = Item::seed(json!({ "page": page }));
        let none = |ending| Page { items: Vec::new(), ended: Some(ending), pages: 1 };
        let body = match self.context.ask(&self.caller, request, &item, page).await? {
            Ok((_, Answer::Document { body, .. })) => body,
            Ok((key, Answer::Missing)) => return Ok(none(rows::missing(&self.caller.stage, &item, &key))),
            Err(ending) => return Ok(none(ending)),
        };
        let pages = pages_of(&body, *wanted);
        let (scope, items) = (Arc::clone(&self.context.scope), items.clone());
        let (items, error) = on_thread(move || {
            let Ok(json) = Json::parse(&body) else { return (Vec::new(), true) };
            let items = Scope::without_document(&scope).items(&items, Input::Json(&json));
            let values = items.values.iter().map(|item| object(item.to_value())).collect();
            (values, items.error.is_some())
        })
        .await;
        self.context.expressions_failed(&self.caller.stage, u64::from(error));
        Ok(Page { items, ended: None, pages })
    }

    async fn deliver(&self, page: Page) -> Result<(), Stop> {
        if let Some(ending) = page.ended {
            self.outlets.send(ending.port, Parcel::loose(ending.row)).await?;
        }
        for item in page.items {
            self.offer(item).await?;
        }
        Ok(())
    }
}

/// An item is an object; anything else is the `id` of one.
fn object(value: Value) -> Value {
    if value.is_object() { value } else { json!({ "id": value }) }
}
