//! Lists that move while they are read: which pages to read again, so that nothing is lost that was there throughout.
//!
//! ```text
//! page        1    2    3    4        as they were read, in whatever order
//! rows said  99   99   97   97        between 2 and 3 two rows went
//!                   └ what stood first on 3 is now at the end of 2: 2 is read again
//! ```
//!
//! A row is on no page only if it moved up between the reading of a page and that of the next: then the page says more rows
//! than the next one does. Which of the two is the older does not matter: rows that went between them, or that came before the
//! older of them was read last, show in the same way. So every such break is mended by reading the pages around it again, from
//! first to last, going back as far as rows went meanwhile and on as far as rows came.
//!
//! Does not belong here: asking (`crate::run`). Invariant: a row that is in the list all the time is on a page that was read, as
//! long as the list says what it has. As many rows that come as go, between two pages, do not show.

use crate::plan::PAGES_AGAIN_MAX;

/// Breaks in a row around which every page said again what it had said. Then the answers come from caches of different age, which
/// give the same again however often they are asked, and the rest of the list is not read again.
const STILL_MAX: u32 = 3;

/// What the pages of one list said of its rows.
#[derive(Debug)]
pub struct Moves {
    /// Rows of a full page.
    page_rows: u64,
    /// No page beyond this one is read.
    page_max: u32,
    /// What each page said when it was read first; pages are counted from 1.
    said: Vec<Option<u64>>,
    /// What it said when it was read last.
    now: Vec<Option<u64>>,
    /// Pages below this one have no break that is not mended.
    at: usize,
    mend: Option<Mend>,
    again: usize,
    restless: bool,
    still: u32,
}

/// A break on its way to be mended.
#[derive(Debug)]
struct Mend {
    /// The page before the break.
    at: u64,
    /// What the page behind it said.
    after: u64,
    /// The page to read next, and the last.
    next: u64,
    last: u64,
    /// What the last page said that was read.
    rows: u64,
    /// Whether any page said something else than before.
    moved: bool,
}

impl Moves {
    /// Of a list whose full pages have so many rows, and of which so many pages are read at the most.
    pub fn new(page_rows: u64, page_max: u32) -> Self {
        Self {
            page_rows: page_rows.max(1),
            page_max,
            said: Vec::new(),
            now: Vec::new(),
            at: 0,
            mend: None,
            again: 0,
            restless: false,
            still: 0,
        }
    }

    /// Notes how many rows the list has, as page `page` says, read for the first time; `None` if it does not say.
    pub fn note(&mut self, page: u32, rows: Option<u64>) {
        let place = page as usize - 1;
        for said in [&mut self.said, &mut self.now] {
            said.resize(said.len().max(place + 1), None);
            said[place] = rows;
        }
    }

    /// The page to read again, once all have been read; its answer goes to [`Moves::note_again`].
    pub fn again(&mut self) -> Option<u32> {
        loop {
            match &self.mend {
                Some(mend) if mend.next <= mend.last => {
                    self.restless = self.again >= self.said.len().min(PAGES_AGAIN_MAX as usize);
                    if self.restless {
                        return None;
                    }
                    self.again += 1;
                    return Some(u32::try_from(mend.next).expect("a page that TMDB gives"));
                }
                Some(mend) => {
                    self.still = if mend.moved { 0 } else { self.still + 1 };
                    self.mend = None;
                }
                None => self.mend = Some(self.next_break()?),
            }
        }
    }

    /// Notes what the page says that was read again.
    ///
    /// # Panics
    /// If none was.
    pub fn note_again(&mut self, rows: Option<u64>) {
        let page_rows = self.page_rows;
        let mend = self.mend.as_mut().expect("a page was asked for");
        let place = usize::try_from(mend.next).expect("a page that TMDB gives") - 1;
        self.now.resize(self.now.len().max(place + 1), None);
        let moved = rows.is_some() && rows != self.now[place];
        self.now[place] = rows;
        mend.moved |= moved;
        // One that does not say is as the one before it.
        let rows = rows.unwrap_or(mend.rows);
        let gone = mend.rows.saturating_sub(rows).div_ceil(page_rows);
        mend.rows = rows;
        // A page that says what it said is as old as it was; going back to it and on again would have no end.
        if gone > 0 && moved && mend.next > 1 {
            // What moved up meanwhile is on pages that were read before.
            mend.next = mend.next.saturating_sub(gone).max(1);
            return;
        }
        let came = rows.saturating_sub(mend.after).div_ceil(page_rows);
        mend.last = mend.last.max(mend.at.saturating_add(came)).min(self.page_max.into());
        mend.next += 1;
    }

    /// Whether it moved faster than it could be read, so that something may be lost.
    pub fn is_restless(&self) -> bool {
        self.restless
    }

    /// The next break: a page that says more rows than the one behind it.
    fn next_break(&mut self) -> Option<Mend> {
        if self.still >= STILL_MAX {
            return None;
        }
        let rest = self.said[self.at..].windows(2);
        let (place, before, after) = rest
            .enumerate()
            .filter_map(|(place, pair)| Some((self.at + place, pair[0]?, pair[1]?)))
            .find(|(_, before, after)| before > after)?;
        self.at = place + 1;
        let at = place as u64 + 1;
        let back = (before - after).div_ceil(self.page_rows).min(at);
        Some(Mend { at, after, next: at + 1 - back, last: at, rows: after, moved: false })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A list of numbers that moves by itself.
    struct World {
        rows: Vec<u32>,
        dice: fastrand::Rng,
        /// Whether rows come or go.
        grows: bool,
        changes: u32,
        stayed: BTreeSet<u32>,
        next: u32,
    }

    impl World {
        fn page(&mut self, page: u32, size: usize) -> (Vec<u32>, u64) {
            if self.changes > 0 && self.dice.u8(..3) == 0 {
                self.changes -= 1;
                for _ in 0..self.dice.usize(1..2 * size) {
                    let place = self.dice.usize(..self.rows.len());
                    if self.grows {
                        self.rows.insert(place, self.next);
                        self.next += 1;
                    } else {
                        let gone = self.rows.remove(place);
                        self.stayed.remove(&gone);
                    }
                }
            }
            let first = (page as usize - 1) * size;
            let rows = self.rows.iter().skip(first).take(size).copied().collect();
            (rows, self.rows.len() as u64)
        }
    }

    /// Reads a list that rows come to or go from; whether it could be followed. Its pages are read in about their
    /// order, as several workers do.
    fn read(seed: u64) -> bool {
        let mut dice = fastrand::Rng::with_seed(seed);
        let (size, count) = (dice.usize(2..8), dice.u32(60..200));
        let mut world = World {
            rows: (0..count).collect(),
            grows: dice.bool(),
            changes: dice.u32(0..6),
            stayed: (0..count).collect(),
            next: count,
            dice: dice.fork(),
        };
        let mut moves = Moves::new(size as u64, 500);
        let mut found = BTreeSet::new();
        let (mut from, mut to) = (1_u32, u32::try_from((count as usize).div_ceil(size)).unwrap());
        while from <= to {
            let mut order: Vec<u32> = (from..=to).collect();
            // Workers take pages in turn, and their answers come in any order within a few.
            order.chunks_mut(dice.usize(1..6)).for_each(|few| dice.shuffle(few));
            let mut pages_then = 0;
            for page in order {
                let (rows, total) = world.page(page, size);
                found.extend(rows);
                moves.note(page, Some(total));
                if page == to {
                    pages_then = u32::try_from(total.div_ceil(size as u64)).unwrap();
                }
            }
            (from, to) = (to + 1, pages_then);
        }
        while let Some(page) = moves.again() {
            let (rows, total) = world.page(page, size);
            found.extend(rows);
            moves.note_again(Some(total));
        }
        if moves.is_restless() {
            return false;
        }
        let lost: Vec<_> = world.stayed.difference(&found).collect();
        assert!(lost.is_empty(), "seed {seed}: {lost:?} of {count} in pages of {size}");
        true
    }

    #[test]
    fn what_is_there_throughout_is_read_whatever_comes_or_goes() {
        let followed = (0..3_000).filter(|seed| read(*seed)).count();
        assert!(followed > 2_500, "{followed}");
    }

    /// `said` by pages in their order, and by every page that is read again; the pages that are read again.
    fn again(said: &[u64], now: impl Fn(u32) -> u64) -> Vec<u32> {
        let mut moves = Moves::new(20, 500);
        for (page, rows) in (1..).zip(said) {
            moves.note(page, Some(*rows));
        }
        let mut pages = Vec::new();
        while let Some(page) = moves.again() {
            pages.push(page);
            moves.note_again(Some(now(page)));
        }
        pages
    }

    #[test]
    fn a_list_that_stands_still_or_grows_in_order_is_read_once() {
        assert_eq!(again(&[100, 100, 100, 100, 100], |_| 100), [0_u32; 0]);
        assert_eq!(again(&[100, 100, 130, 131, 131], |_| 131), [0_u32; 0]);
        assert_eq!(again(&[], |_| 0), [0_u32; 0]);
    }

    #[test]
    fn rows_that_went_make_as_many_pages_be_read_again() {
        assert_eq!(again(&[100, 100, 99, 99, 99], |_| 99), [2]);
        assert_eq!(again(&[100, 100, 79, 79], |_| 79), [1, 2]);
        assert_eq!(again(&[100, 20], |_| 20), [1]);
        // It goes on meanwhile.
        assert_eq!(again(&[100, 100, 100, 99, 99], |_| 90), [3, 2, 3]);
    }

    #[test]
    fn pages_that_come_from_caches_are_not_asked_for_again_and_again() {
        let said = [100, 99, 100, 99, 100, 99, 100, 99, 100, 99];
        let pages = again(&said, |page| said[page as usize - 1]);
        assert_eq!(pages, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_list_that_becomes_shorter_each_time_is_given_up() {
        let (mut moves, mut rows) = (Moves::new(20, 500), 100_000);
        (1..=500).for_each(|page| moves.note(page, Some(rows - u64::from(page / 250))));
        while moves.again().is_some() {
            rows -= 20;
            moves.note_again(Some(rows));
        }
        assert!(moves.is_restless());
    }
}
