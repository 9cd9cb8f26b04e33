//! The lists of a paged seed: the one that the file names, or, where a discover has more pages than TMDB gives, slices of its days.
//!
//! ```text
//! all days: 57,001 pages ─▶ halves, until each has at most 500 ─▶ read, one after the other ─▶ what has no date
//! ```
//!
//! Does not belong here: where a slice is halved (`crate::plan::Slices`), how a list is read (`seed_pages`).
//!
//! Invariants: the first page of a slice is asked for once, whether it is halved or read; nothing is asked for that stands behind
//! the end of `--limit`; what a list has and could not be read is told.

use std::sync::{Arc, Mutex};

use serde_json::json;

use super::seed::{Seeder, Stop};
use super::seed_pages::List;
use crate::engine::Seen;
use crate::event::ListLoss;
use crate::plan::{PAGE_MAX, Request, SeedItems, Slice, Slices};

impl Seeder {
    /// Hands out what is in the list of a path.
    pub(super) async fn hand_out_pages(self: Arc<Self>) -> Result<(), Stop> {
        let SeedItems::Pages { request, pages, slices, .. } = &self.plan.source else {
            unreachable!("only a list has pages")
        };
        let request = request.fill(&json!({})).expect("the request of a seed has no placeholders");
        let seen = Arc::default();
        // Somebody who only looks wants the beginning of the list as it is.
        if let Some(slices) = slices.as_ref().filter(|_| !self.looks()) {
            return self.hand_out_slices(slices, &request, &seen).await;
        }
        let list = List::new(&self, request, &seen);
        let (first, said) = list.first().await?;
        if said.pages > PAGE_MAX && *pages == PAGE_MAX {
            list.lost(ListLoss::TooLong { pages: said.pages });
        }
        list.read(first, *pages).await?;
        Ok(())
    }

    async fn hand_out_slices(
        self: &Arc<Self>,
        slices: &Slices,
        all: &Request,
        seen: &Arc<Mutex<Seen>>,
    ) -> Result<(), Stop> {
        let mut open = vec![slices.whole];
        let (mut rows_of_all, mut rows_of_slices) = (None, 0_u64);
        while let Some(slice) = open.pop() {
            self.check_limit()?;
            let list = List::new(self, request_of(slices, all, slice), seen);
            let (first, said) = list.first().await?;
            rows_of_all = rows_of_all.or(said.rows);
            let halve = |pages: u32| if pages > PAGE_MAX { slices.halves(slice) } else { None };
            if let Some([now, later]) = halve(said.pages) {
                open.extend([later, now]);
                continue;
            }
            if said.pages > PAGE_MAX {
                list.lost(ListLoss::TooLong { pages: said.pages });
            }
            let said = list.read(first, PAGE_MAX).await?;
            // It has grown meanwhile, so its last rows are on no page any more.
            if let Some([now, later]) = halve(said.pages) {
                open.extend([later, now]);
            } else {
                rows_of_slices += said.rows.unwrap_or(0);
            }
        }
        let undated = rows_of_all.unwrap_or(0).saturating_sub(rows_of_slices);
        if undated > 0 && slices.has_undated() {
            self.hand_out_undated(slices, all, undated, seen).await?;
        }
        Ok(())
    }

    /// Hands out what has no date and so is in no slice: the beginning of the list in that order by date which begins with it.
    async fn hand_out_undated(
        self: &Arc<Self>,
        slices: &Slices,
        all: &Request,
        rows: u64,
        seen: &Arc<Mutex<Seen>>,
    ) -> Result<(), Stop> {
        for order in slices.orders() {
            let list = List::new(self, all.with("sort_by", &order), seen);
            let (first, said) = list.first().await?;
            if !first.undated[0] {
                continue;
            }
            let mut dated = !first.undated[1];
            list.give(first).await?;
            for number in 2..=said.readable(PAGE_MAX) {
                if dated {
                    return Ok(());
                }
                let page = list.alone(number, false).await?;
                dated = !page.undated[1];
                list.give(page).await?;
            }
            let given = u64::from(PAGE_MAX) * said.page_rows();
            if rows > given {
                list.lost(ListLoss::Undated { rows: rows - given });
            }
            return Ok(());
        }
        List::new(self, all.clone(), seen).lost(ListLoss::Undated { rows });
        Ok(())
    }
}

/// The list of a slice.
fn request_of(slices: &Slices, all: &Request, slice: Slice) -> Request {
    let ends = slices.parameters().into_iter().zip([slice.first, slice.last]);
    ends.fold(all.clone(), |request, (name, day)| match day {
        Some(day) => request.with(&name, &day.to_string()),
        None => request,
    })
}
