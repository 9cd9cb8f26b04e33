//! Lists of seeds that have more than they gave.
//!
//! Does not belong here: items that were asked for and failed, which `outcomes` tells. Invariant: of many only the first are kept.

use std::fmt::Display;

use super::figures::count;
use crate::event::ListLoss;

/// Lists that are kept with their text.
const KEPT: usize = 10;

/// The first of them, and how many there are.
#[derive(Clone, Debug, Default)]
pub struct Incomplete {
    number: u64,
    first: Vec<String>,
}

impl Incomplete {
    pub(super) fn note(&mut self, stage: impl Display, request: &str, why: ListLoss) {
        self.number += 1;
        if self.first.len() < KEPT {
            self.first.push(format!("{stage}: `{request}` {}", told(why)));
        }
    }

    /// A line for each.
    pub fn lines(&self) -> Vec<String> {
        let more = self.number - self.first.len() as u64;
        let more = (more > 0).then(|| format!("and {} more", count(more)));
        self.first.iter().cloned().chain(more).collect()
    }
}

fn told(why: ListLoss) -> String {
    match why {
        ListLoss::TooLong { pages } => {
            format!("has {} pages, and TMDB gives 500: the others were not read", count(pages.into()))
        }
        ListLoss::Restless => "moved faster than it could be read again: something may be lost".to_owned(),
        ListLoss::Undated { rows } => format!(
            "has about {} entries without a date, which TMDB gives on no page: `export` has them",
            count(rows)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_told_and_the_others_counted() {
        let mut lists = Incomplete::default();
        assert!(lists.lines().is_empty());
        lists.note(
            "all",
            "/discover/movie?primary_release_date.gte=2000-01-01",
            ListLoss::TooLong { pages: 1501 },
        );
        lists.note("all", "/movie/popular", ListLoss::Restless);
        lists.note("all", "/discover/tv", ListLoss::Undated { rows: 72_000 });
        (0..9).for_each(|_| lists.note("all", "/movie/popular", ListLoss::Restless));
        let lines = lists.lines();
        assert_eq!(
            lines[0],
            "all: `/discover/movie?primary_release_date.gte=2000-01-01` has 1,501 pages, and TMDB gives 500: the others \
             were not read"
        );
        assert_eq!(
            lines[2],
            "all: `/discover/tv` has about 72,000 entries without a date, which TMDB gives on no page: `export` has them"
        );
        assert_eq!((lines.len(), &*lines[10]), (11, "and 2 more"));
    }
}
