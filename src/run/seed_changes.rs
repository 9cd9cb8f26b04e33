//! A seed of what changed: the lists of its windows, page by page, then what is refreshed, then each id once.
//!
//! ```text
//! windows ─▶ pages ─▶ ids, each once ─┬▶ gone: rows of `.missing`, without a request
//!                                     └▶ items ─▶ and those of `refresh`, as far as its limit goes
//! ```
//!
//! Does not belong here: which days these are (`crate::tmdb`), what is refreshed (`seed_refresh`).
//!
//! Invariants (docs/architecture/changes.md): nothing is handed out before all pages have come, so a list without one of its
//! pages fails the run and is read again by the next; what stands in a list while all of it is read is found, though its rows
//! move up as others go.
//!
//! Pages are asked for one after the other: a day has about a hundred. Which are read again says `crate::tmdb::Moves`, as for every
//! list.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::RunError;
use super::seed::{Seeder, Stop};
use crate::engine::Parcel;
use crate::plan::{ChangesPlan, FIRST_DAY, Item, LAST_DAY, PAGE_MAX};
use crate::spec::Port;
use crate::tmdb::{Answer, AskError, ChangesPage, Moves, Window, windows};

/// Rows of a page.
const PAGE_ROWS: u64 = 100;

/// Why a list of changes cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangesError {
    /// One day has more pages than there are to read.
    #[error("`{request}` has {pages} pages, and TMDB gives 500 at the most")]
    TooLong {
        /// Its first page.
        request: String,
        /// What it says.
        pages: u32,
    },
    /// An answer is no page of it.
    #[error("the answer to `{request}` is no page of a list of changes")]
    NoPage {
        /// What was asked for.
        request: String,
    },
    /// It becomes shorter faster than it can be read.
    #[error("`{request}` became shorter each time it was read")]
    Restless {
        /// Where it was given up.
        request: String,
    },
}

/// An id of a list of changes.
struct Changed {
    id: u64,
    /// When TMDB said that it is gone, if it did.
    gone: Option<Timestamp>,
}

/// The ids of all windows, each once, in the order in which they came.
#[derive(Default)]
struct Ids {
    all: Vec<Changed>,
    places: HashMap<u64, usize>,
}

impl Ids {
    /// The ids of a page that came at `at`, and whether each is gone.
    fn add_all(&mut self, ids: Vec<(u64, bool)>, at: Timestamp) {
        for (id, gone) in ids {
            self.add(id, gone.then_some(at));
        }
    }

    fn add(&mut self, id: u64, gone: Option<Timestamp>) {
        let place = *self.places.entry(id).or_insert_with(|| {
            self.all.push(Changed { id, gone: None });
            self.all.len() - 1
        });
        // Of two lists, the one that says so is the newer: what is gone does not come back.
        self.all[place].gone = self.all[place].gone.or(gone);
    }
}

impl Seeder {
    /// Hands out what changed since the last published run, and what is refreshed beside it.
    pub(super) async fn hand_out_changes(&self, plan: &ChangesPlan) -> Result<(), Stop> {
        let follow = &self.context.follow;
        let now = follow.started_at.unwrap_or_else(|| self.context.client.now());
        let since = follow.since(plan.kind);
        let mut ids = Ids::default();
        for &id in follow.mark.again(plan.kind.as_str()) {
            ids.add(id, None);
        }
        // Where everything is yet to be fetched, it does not matter what changed before.
        if since.is_some() || plan.refresh.is_none() || self.looks() {
            let mut open: VecDeque<Window> = windows(since, now).into();
            while let Some(window) = open.pop_front() {
                if let Some(halves) = self.read_window(plan, window, &mut ids).await? {
                    halves.into_iter().rev().for_each(|half| open.push_front(half));
                }
                // With `--limit` no more is read than is handed out: the next run asks for the same days.
                if self.context.limit.is_some_and(|limit| ids.all.len() as u64 >= limit) {
                    break;
                }
            }
        }
        let refreshed = match plan.refresh {
            Some(refresh) if !self.looks() => {
                let known = ids.places.keys().copied().collect();
                self.refreshed(plan.kind, refresh, known, now).await?
            }
            _ => Vec::new(),
        };
        for Changed { id, gone } in ids.all {
            match gone {
                Some(at) => self.tell_gone(plan, id, at).await?,
                None => self.offer(json!({ "id": id })).await?,
            }
        }
        for body in refreshed {
            self.check_limit()?;
            let rank = self.next_rank();
            self.hand(&body, rank).await?;
        }
        Ok(())
    }

    /// Whether somebody only looks at the seed (`show`): one page is enough for that.
    pub(super) fn looks(&self) -> bool {
        self.context.follow.started_at.is_none()
    }

    /// Reads the list of a window; or says into which it is to be taken apart, as it has more pages than TMDB gives.
    async fn read_window(
        &self,
        plan: &ChangesPlan,
        window: Window,
        ids: &mut Ids,
    ) -> Result<Option<[Window; 2]>, RunError> {
        let days = json!({ FIRST_DAY: window.first.to_string(), LAST_DAY: window.last.to_string() });
        let (mut moves, mut number, mut last) = (Moves::new(PAGE_ROWS, PAGE_MAX), 1_u32, String::new());
        loop {
            let (request, page, at) = self.changes_page(plan, &days, number, false).await?;
            ids.add_all(page.ids, at);
            if self.looks() {
                return Ok(None);
            }
            if page.pages > PAGE_MAX {
                return match window.halves() {
                    Some(halves) => Ok(Some(halves)),
                    None => Err(self.unfollowed(ChangesError::TooLong { request, pages: page.pages })),
                };
            }
            moves.note(number, Some(page.rows));
            if number >= page.pages {
                break;
            }
            number += 1;
        }
        // Rows that went let those behind them move up, to pages that were read before.
        while let Some(number) = moves.again() {
            let (request, page, at) = self.changes_page(plan, &days, number, true).await?;
            ids.add_all(page.ids, at);
            moves.note_again(Some(page.rows));
            last = request;
        }
        if moves.is_restless() {
            return Err(self.unfollowed(ChangesError::Restless { request: last }));
        }
        Ok(None)
    }

    /// One page, with its request and the time of its answer. Its few kilobytes, one page at a time, wait for no memory.
    async fn changes_page(
        &self,
        plan: &ChangesPlan,
        days: &Value,
        number: u32,
        anew: bool,
    ) -> Result<(String, ChangesPage, Timestamp), RunError> {
        let request = plan.request.fill(days).expect("both days are there").page(number);
        let shown = request.to_string();
        let client = &self.context.client;
        let asked = if anew {
            client.ask_anew(&self.caller, &request).await
        } else {
            client.ask(&self.caller, &request).await
        };
        match asked {
            Ok(Answer::Document { body, fetched_at }) => match ChangesPage::read(&body) {
                Some(page) => Ok((shown, page, fetched_at)),
                None => Err(self.unfollowed(ChangesError::NoPage { request: shown })),
            },
            Ok(Answer::Missing { .. }) => Err(self.without_list(shown, None)),
            Err(AskError::Failed(failure)) => Err(self.without_list(shown, Some(failure))),
            Err(AskError::Fatal(fatal)) => {
                Err(RunError::Fatal { stage: self.caller.stage.to_string(), fatal })
            }
        }
    }

    /// A row of `.missing` for an id that is gone.
    async fn tell_gone(&self, plan: &ChangesPlan, id: u64, at: Timestamp) -> Result<(), Stop> {
        self.check_limit()?;
        let rank = u32::try_from(self.next_rank()).unwrap_or(u32::MAX);
        let item = Item { rank, ..Item::seed(json!({ "id": id })) };
        let key = format!("/{}/{id}", plan.kind.as_str());
        let ending = self.context.missing(&self.caller, &item, key, at);
        self.outlets.send(Port::Missing, Parcel::loose(ending.row)).await?;
        Ok(())
    }

    fn unfollowed(&self, error: ChangesError) -> RunError {
        RunError::Changes { stage: self.caller.stage.to_string(), error }
    }
}
