//! One list of a seed, page by page: the first, then as many more as there are, several at once and in order; then those again
//! between which the list moved.
//!
//! ```text
//! page 1 ─▶ 2 … n, several at once ─▶ more, where it grew ─▶ pages around breaks, one by one ─▶ items, each once
//! ```
//!
//! Does not belong here: which lists these are (`seed_lists`), which pages to read again (`crate::tmdb::Moves`).
//!
//! Invariants: an item that is in the list all the time is handed out (as far as the list says what it has), and once, however
//! many pages it is on; the order follows from the answers alone. An item twice on one page is twice in the list.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

use super::context::{Unanswered, on_thread};
use super::error::RunError;
use super::rows::Ending;
use super::seed::{Seeder, Stop};
use crate::engine::{Parcel, Seen, Turn, Work, Workers, edge, run_stage};
use crate::event::{Account, Event, ListLoss};
use crate::plan::expr::{EvalError, Input, Json, Scope};
use crate::plan::{Item, Key, PAGE_MAX, Request, SeedItems};
use crate::tmdb::{Answer, AskError, Moves, Said};

/// A list on its way.
pub(super) struct List {
    seeder: Arc<Seeder>,
    /// Its first page.
    request: Request,
    /// Items of this and of other lists of the seed.
    seen: Arc<Mutex<Seen>>,
    progress: Mutex<Progress>,
}

/// What its pages said so far.
struct Progress {
    moves: Moves,
    /// The highest page, and what it said.
    highest: u32,
    said: Said,
}

/// One page of it.
pub(super) struct Page {
    number: u32,
    pub items: Vec<Value>,
    ended: Option<Ending>,
    /// What it says of the list, if it came.
    said: Option<Said>,
    /// Which of the first and the last entry has no date, where that is asked.
    pub undated: [bool; 2],
}

/// Those of the items of one page that were on no page before; all of them are known from now on.
fn fresh(seen: &mut Seen, items: Vec<Value>) -> Vec<Value> {
    let keys: Vec<Key> = items.iter().map(key).collect();
    let known: Vec<bool> = keys.iter().map(|key| seen.contains(*key)).collect();
    for key in keys {
        seen.insert(key);
    }
    items.into_iter().zip(known).filter_map(|(item, known)| (!known).then_some(item)).collect()
}

/// What two entries of a list are the same by: the `id`, in lists of several kinds with its kind, as everything else of an entry
/// may change from page to page; without one, all of it.
fn key(item: &Value) -> Key {
    match (item.get("id"), item.get("media_type")) {
        (Some(id), None) => match id.as_u64().and_then(|id| u32::try_from(id).ok()) {
            Some(number) => Key::Number(number),
            None => Key::Hash(xxh3_128(id.to_string().as_bytes())),
        },
        (Some(id), Some(kind)) => Key::Hash(xxh3_128(format!("{kind} {id}").as_bytes())),
        (None, _) => Key::Hash(xxh3_128(item.to_string().as_bytes())),
    }
}

impl List {
    pub(super) fn new(seeder: &Arc<Seeder>, request: Request, seen: &Arc<Mutex<Seen>>) -> Arc<Self> {
        let said = Said { pages: 1, rows: None };
        let progress = Mutex::new(Progress { moves: Moves::new(0, 1), highest: 0, said });
        Arc::new(Self { seeder: Arc::clone(seeder), request, seen: Arc::clone(seen), progress })
    }

    /// The first page, and what it says of the list.
    pub(super) async fn first(self: &Arc<Self>) -> Result<(Page, Said), Stop> {
        let page = self.alone(1, false).await?;
        let said = page.said.expect("without its first page there is no list");
        Ok((page, said))
    }

    /// Hands out the rest of the list from its first page, up to `wanted` pages; what its last page says.
    pub(super) async fn read(self: Arc<Self>, first: Page, wanted: u32) -> Result<Said, Stop> {
        let said = first.said.expect("without its first page there is no list");
        self.progress().moves = Moves::new(said.page_rows(), wanted);
        self.deliver(first).await?;
        let mut read = 1;
        loop {
            let until = self.progress().said.readable(wanted);
            if until <= read {
                break;
            }
            let (numbers, queue) = edge(1);
            let count = async move {
                for page in read + 1..=until {
                    // Closed: the reading has stopped, and says why.
                    if numbers.send(page).await.is_err() {
                        return;
                    }
                }
            };
            let ((), pages) =
                tokio::join!(count, run_stage(self.seeder.hands, queue, Arc::clone(&self), || false));
            pages?;
            read = until;
        }
        self.mend().await?;
        Ok(self.progress().said)
    }

    /// Reads again what moved while it was read.
    async fn mend(self: &Arc<Self>) -> Result<(), Stop> {
        loop {
            let again = self.progress().moves.again();
            let Some(number) = again else { break };
            self.seeder.check_limit()?;
            let page = self.alone(number, true).await?;
            self.progress().moves.note_again(page.said.and_then(|said| said.rows));
            self.give(page).await?;
        }
        if self.progress().moves.is_restless() {
            self.lost(ListLoss::Restless);
        }
        Ok(())
    }

    /// Asks for one page while no other is asked for.
    pub(super) async fn alone(self: &Arc<Self>, number: u32, anew: bool) -> Result<Page, Stop> {
        let account = &self.seeder.caller.account;
        let _alone = (account.open(1), account.begin());
        self.ask(number, anew, &Turn::alone()).await
    }

    /// Hands out those items of a page that were on none before.
    pub(super) async fn give(&self, page: Page) -> Result<(), Stop> {
        if let Some(ending) = page.ended {
            self.seeder.outlets.send(ending.port, Parcel::loose(ending.row)).await?;
        }
        let fresh = {
            let mut seen = self.seen.lock().expect("nothing that holds this lock panics");
            fresh(&mut seen, page.items)
        };
        self.seeder.offer_all(fresh).await
    }

    /// Tells that the list has more than it gave.
    pub(super) fn lost(&self, why: ListLoss) {
        let (stage, request) = (self.seeder.caller.stage.clone(), self.request.to_string());
        self.seeder.context.listener.hear(&Event::ListIncomplete { stage, request, why });
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().expect("nothing that holds this lock panics")
    }

    async fn ask(&self, number: u32, anew: bool, turn: &Turn) -> Result<Page, Stop> {
        let seeder = &self.seeder;
        let (context, caller) = (&seeder.context, &seeder.caller);
        let request = self.request.clone().page(number);
        let item = Item::seed(json!({ "page": number }));
        let none =
            |ending| Page { number, items: Vec::new(), ended: Some(ending), said: None, undated: [false; 2] };
        let demand = context.demand(&caller.stage);
        let room = context.memory.reserve(demand, turn).await;
        let asked = if anew {
            context.client.ask_anew(caller, &request).await
        } else {
            context.client.ask(caller, &request).await
        };
        let body = match asked {
            Ok(Answer::Document { body, .. }) => room.fill(demand, body),
            Err(AskError::Fatal(fatal)) => {
                return Err(RunError::Fatal { stage: caller.stage.to_string(), fatal }.into());
            }
            // Without its first page there is no list, and what was published would be empty.
            Ok(Answer::Missing { .. }) if number == 1 => {
                return Err(seeder.without_list(request.to_string(), None).into());
            }
            Err(AskError::Failed(failure)) if number == 1 => {
                return Err(seeder.without_list(request.to_string(), Some(failure)).into());
            }
            Ok(Answer::Missing { fetched_at }) => {
                return Ok(none(context.missing(caller, &item, request.to_string(), fetched_at)));
            }
            Err(AskError::Failed(failure)) => {
                let unanswered = Unanswered { key: request.to_string(), failure };
                return Ok(none(context.failed(caller, &item, &unanswered)?));
            }
        };
        if !anew {
            context.tally.answered();
        }
        let SeedItems::Pages { items, slices, .. } = &seeder.plan.source else {
            unreachable!("only a list has pages")
        };
        let (scope, items) = (Arc::clone(&context.scope), items.clone());
        let field = slices.as_ref().map(|slices| slices.field);
        let (said, items, error, undated) = on_thread(move || {
            let said = Said::read(&body);
            let json = match Json::parse(&body) {
                Ok(json) => json,
                Err(fault) => return (said, Vec::new(), Some(EvalError::from(fault)), [false; 2]),
            };
            let items = Scope::without_document(&scope).items(&items, Input::Json(&json));
            let values = items.values.iter().map(|item| object(item.to_value())).collect();
            (said, values, items.error, field.map_or([false; 2], |field| undated(&body, field)))
        })
        .await;
        context.expressions_failed(
            &caller.stage,
            u64::from(error.is_some()),
            error.as_ref().map(EvalError::short),
        );
        Ok(Page { number, items, ended: None, said: Some(said), undated })
    }
}

/// The pages of a list: numbers in, items out.
impl Work for List {
    type In = u32;
    type Out = Page;
    type Stashed = Infallible;
    type Error = Stop;

    fn workers(&self) -> Option<Arc<Workers>> {
        self.seeder.caller.workers.clone()
    }

    async fn work(self: Arc<Self>, number: u32, turn: Turn) -> Result<Page, Stop> {
        self.ask(number, false, &turn).await
    }

    fn account(&self) -> &Arc<Account> {
        &self.seeder.caller.account
    }

    async fn deliver(&self, page: Page) -> Result<(), Stop> {
        {
            let mut progress = self.progress();
            progress.moves.note(page.number, page.said.and_then(|said| said.rows));
            if let Some(said) = page.said.filter(|_| page.number > progress.highest) {
                (progress.highest, progress.said) = (page.number, said);
            }
        }
        self.give(page).await
    }

    /// A list has at most [`PAGE_MAX`] pages, which wait where they are.
    fn bytes(&self, _: &Page) -> usize {
        const { assert!(PAGE_MAX <= 500) };
        0
    }

    async fn stash(self: Arc<Self>, page: Page) -> Result<Infallible, Page> {
        Err(page)
    }

    async fn restore(&self, stashed: Infallible, _: Turn) -> Result<Page, Stop> {
        match stashed {}
    }
}

/// An item is an object; anything else is the `id` of one.
fn object(value: Value) -> Value {
    if value.is_object() { value } else { json!({ "id": value }) }
}

/// Whether the first and the last entry of a page have no date.
fn undated(body: &[u8], field: &str) -> [bool; 2] {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Body {
        results: Vec<serde_json::Map<String, Value>>,
    }
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    let undated = |entry: Option<&serde_json::Map<String, Value>>| {
        entry.is_some_and(|entry| entry.get(field).is_none_or(|date| date.as_str().is_none_or(str::is_empty)))
    };
    [undated(body.results.first()), undated(body.results.last())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_known_by_its_id_and_kind_whatever_else_changes() {
        let mut seen = Seen::default();
        let mut fresh = |items: Value| fresh(&mut seen, serde_json::from_value(items).unwrap()).len();
        assert_eq!(fresh(json!([{"id": 1, "popularity": 2.0}, {"id": "tt1"}, {"id": 5_000_000_000_u64}])), 3);
        assert_eq!(fresh(json!([{"id": 1, "popularity": 1.0}, {"id": "tt1"}, {"id": 5_000_000_000_u64}])), 0);
        assert_eq!(fresh(json!([{"id": 1, "media_type": "tv"}, {"id": 1, "media_type": "movie"}])), 2);
        assert_eq!(fresh(json!([{"name": "a"}, {"name": "b"}])), 2);
        assert_eq!(fresh(json!([{"name": "b"}, {"id": 2, "credit": "x"}, {"id": 2, "credit": "y"}])), 2);
    }

    #[test]
    fn what_has_no_date_says_so_in_several_ways() {
        let check =
            |body: &str, expect| assert_eq!(undated(body.as_bytes(), "release_date"), expect, "{body}");
        check(r#"{"results":[{"release_date":""},{"release_date":"1999-03-31"}]}"#, [true, false]);
        check(r#"{"results":[{"release_date":"1999-03-31"},{"release_date":null}]}"#, [false, true]);
        check(r#"{"results":[{"id":1}]}"#, [true, true]);
        check(r#"{"results":[]}"#, [false, false]);
        check("[]", [false, false]);
    }
}
