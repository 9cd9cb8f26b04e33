//! The lines of an export in another order than that of the file: most popular first.
//!
//! One pass applies `where`, keeps of every line that may count its popularity and its place, 32 bytes, and puts its text
//! into a file without a name; with a limit there is a heap of that many. So memory is 40 MB for all films there are, and
//! a few KB for the first thousand.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};

use super::lines::Lines;
use super::{Row, SeedFileFault};
use crate::plan::expr::{EvalError, Expr, Input, Json, RunScope, Scope};

/// Lines that are ranked at the most without a limit: sixteen times what there is.
const LINES_MAX: usize = 20_000_000;

/// Lines, the most popular first.
pub(super) struct Ranked {
    texts: File,
    /// The least popular first, to take from the end.
    places: Vec<Place>,
}

/// What was counted while ranking.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    /// Lines that gave nothing.
    pub skipped: u64,
    /// Times that `where` ended in an error.
    pub expression_errors: u64,
    /// The first of them.
    pub expression_error: Option<EvalError>,
}

/// Where a line is, and what it is ranked by: popularity, and the place in the file where that is the same.
#[derive(Clone, Copy, Debug)]
struct Place {
    popularity: f64,
    number: u64,
    at: u64,
    length: usize,
}

impl Ord for Place {
    /// The greater comes first.
    fn cmp(&self, other: &Self) -> Ordering {
        self.popularity.total_cmp(&other.popularity).then_with(|| other.number.cmp(&self.number))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Place {}

impl Ranked {
    /// Ranks the lines for which `where_` holds, and keeps the first `limit` of them.
    pub(super) fn of(
        mut lines: Lines,
        where_: Option<&Expr>,
        scope: &RunScope,
        limit: Option<u64>,
    ) -> Result<(Self, Ranking), SeedFileFault> {
        let scope = Scope::without_document(scope);
        let most = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LINES_MAX).min(LINES_MAX);
        let mut ranking = Ranking::default();
        let mut texts = BufWriter::new(tempfile::tempfile().map_err(SeedFileFault::Spool)?);
        // The least popular on top: it goes when a better one comes.
        let mut best: BinaryHeap<std::cmp::Reverse<Place>> = BinaryHeap::new();
        let (mut number, mut at) = (0, 0);
        while let Some(row) = lines.next()? {
            let Row::Item(text) = row else {
                ranking.skipped += 1;
                continue;
            };
            number += 1;
            let json = Json::parse(&text).expect("an item is JSON");
            if let Some(where_) = where_ {
                let truth = scope.holds(where_, Input::Json(&json));
                if let Some(error) = truth.error {
                    ranking.expression_errors += 1;
                    ranking.expression_error.get_or_insert(error);
                }
                if !truth.holds {
                    continue;
                }
            }
            let popularity =
                json.field("popularity").and_then(|value| value.to_value().as_f64()).unwrap_or(0.0);
            let place = Place { popularity, number, at, length: text.len() };
            if best.len() == most {
                if best.peek().is_none_or(|least| place < least.0) {
                    continue;
                }
                best.pop();
            }
            texts.write_all(&text).map_err(SeedFileFault::Spool)?;
            at += text.len() as u64;
            best.push(std::cmp::Reverse(place));
        }
        let texts = texts.into_inner().map_err(|error| SeedFileFault::Spool(error.into_error()))?;
        let mut places: Vec<Place> = best.into_iter().map(|place| place.0).collect();
        places.sort_unstable();
        Ok((Self { texts, places }, ranking))
    }

    /// The next line.
    pub(super) fn next(&mut self) -> Result<Option<Row>, SeedFileFault> {
        let Some(place) = self.places.pop() else { return Ok(None) };
        let mut text = vec![0; place.length];
        let mut read = || -> io::Result<()> {
            self.texts.seek(SeekFrom::Start(place.at))?;
            self.texts.read_exact(&mut text)
        };
        read().map_err(SeedFileFault::Spool)?;
        Ok(Some(Row::Item(text)))
    }
}
