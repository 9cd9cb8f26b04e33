//! A seed at work: items from nothing, in order, each kept only as far as its readers need it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::context::{Context, on_thread};
use super::error::RunError;
use super::outlets::Outlets;
use super::rows::{self, Ending};
use crate::engine::{Closed, Parcel, Sender, edge, run_stage};
use crate::plan::expr::{Expr, FieldSet, Input, Json, Scope};
use crate::plan::{Hands, Item, RequestTemplate, SeedItems, SeedPlan};
use crate::project::prune;
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
}

/// How many items a seed has handed out, against `--limit`.
struct Handed {
    left: u64,
}

/// Why a seed stops before its source ends.
enum Stop {
    /// `--limit` is reached.
    Enough,
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
        let mut handed = Handed { left: self.context.limit.unwrap_or(u64::MAX) };
        let result = match &self.plan.source {
            SeedItems::Listed(items) => self.listed(Arc::clone(items), &mut handed).await,
            SeedItems::Range { first, last } => self.range(*first, *last, &mut handed).await,
            SeedItems::Pages { request, pages, items } => {
                self.pages(request, *pages, items, &mut handed).await
            }
        };
        match result {
            Ok(()) | Err(Stop::Enough) => Ok(()),
            Err(Stop::Error(error)) => Err(error),
        }
    }

    async fn listed(&self, items: Arc<Vec<Value>>, handed: &mut Handed) -> Result<(), Stop> {
        for item in items.iter() {
            self.offer(item.clone(), handed).await?;
        }
        Ok(())
    }

    async fn range(&self, first: i64, last: i64, handed: &mut Handed) -> Result<(), Stop> {
        for id in first..=last {
            self.offer(json!({ "id": id }), handed).await?;
        }
        Ok(())
    }

    /// Reads the first page, then as many more as it says there are, several at once and in order.
    async fn pages(
        &self,
        request: &RequestTemplate,
        wanted: u32,
        items: &Expr,
        handed: &mut Handed,
    ) -> Result<(), Stop> {
        let first = self.page(request, items, 1, wanted).await?;
        let pages = first.pages;
        self.hand_out(first, handed).await?;
        let (numbers, queue) = edge(1);
        let number = async move {
            for page in 2..=pages {
                if numbers.send(page).await.is_err() {
                    return;
                }
            }
        };
        // The reading half borrows this seed, so it runs here and its requests do not run as tasks of their
        // own: the stage's window bounds them all the same.
        let handed = tokio::sync::Mutex::new(handed);
        let this = Arc::new(PageReader::new(self, request, items, wanted));
        let read = run_stage(
            self.hands,
            queue,
            |page| {
                let this = Arc::clone(&this);
                async move { this.read(page).await.map_err(Stop::Error) }
            },
            |page| {
                let handed = &handed;
                async move { self.hand_out(page, &mut *handed.lock().await).await }
            },
        );
        let ((), result) = tokio::join!(number, read);
        result
    }

    async fn page(&self, request: &RequestTemplate, items: &Expr, page: u32, wanted: u32) -> Result<Page, RunError> {
        PageReader::new(self, request, items, wanted).read(page).await
    }

    async fn hand_out(&self, page: Page, handed: &mut Handed) -> Result<(), Stop> {
        if let Some(ending) = page.ended {
            self.outlets.send(ending.port, Parcel::loose(ending.row)).await?;
        }
        for item in page.items {
            self.offer(item, handed).await?;
        }
        Ok(())
    }

    /// Hands an item to every reader, if `where` holds for it.
    async fn offer(&self, item: Value, handed: &mut Handed) -> Result<(), Stop> {
        if handed.left == 0 {
            return Err(Stop::Enough);
        }
        let body = match &self.plan.where_ {
            None => serde_json::to_vec(&item).expect("a JSON value can be written"),
            Some(where_) => {
                let (scope, where_) = (Arc::clone(&self.context.scope), where_.clone());
                let (truth, body) = on_thread(move || {
                    let json = Json::from_value(&item);
                    let truth = Scope::without_document(&scope).holds(&where_, Input::Json(&json));
                    (truth, json.to_bytes().to_vec())
                })
                .await;
                self.context.expressions_failed(&self.caller.stage, u64::from(truth.error));
                if !truth.holds {
                    return Ok(());
                }
                body
            }
        };
        handed.left -= 1;
        for reader in &self.readers {
            reader.feed.send(Item::seed(prune(&body, &reader.keeps))).await?;
        }
        Ok(())
    }
}

/// One page of a seed's list.
struct Page {
    items: Vec<Value>,
    ended: Option<Ending>,
    /// How many pages there are to read, by this one.
    pages: u32,
}

/// Reads pages; owns what its tasks need.
struct PageReader {
    context: Arc<Context>,
    caller: Caller,
    request: RequestTemplate,
    items: Expr,
    wanted: u32,
}

impl PageReader {
    fn new(seeder: &Seeder, request: &RequestTemplate, items: &Expr, wanted: u32) -> Self {
        let caller = Caller {
            stage: seeder.caller.stage.clone(),
            pace: seeder.caller.pace.clone(),
            timeout: seeder.caller.timeout,
        };
        let context = Arc::clone(&seeder.context);
        Self { context, caller, request: request.clone(), items: items.clone(), wanted }
    }

    async fn read(&self, page: u32) -> Result<Page, RunError> {
        let item = Item::seed(json!({ "page": page }));
        match self.context.ask(&self.caller, &self.request, &item, page).await? {
            Ok((_, Answer::Document { body, .. })) => {
                let pages = pages_of(&body, self.wanted);
                let (scope, items) = (Arc::clone(&self.context.scope), self.items.clone());
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
            Ok((key, Answer::Missing)) => {
                let ended = Some(rows::missing(&self.caller.stage, &item, &key));
                Ok(Page { items: Vec::new(), ended, pages: 1 })
            }
            Err(ending) => Ok(Page { items: Vec::new(), ended: Some(ending), pages: 1 }),
        }
    }
}

/// An item is an object; anything else is the `id` of one.
fn object(value: Value) -> Value {
    if value.is_object() { value } else { json!({ "id": value }) }
}

