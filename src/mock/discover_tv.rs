//! `/discover/tv`: series that a condition picks out of the whole catalogue.
//!
//! Does not belong here: what a series is (`tv`), pages (`results`). Invariant: a condition says all that its result depends on.

use super::catalogue::Catalogue;
use super::discover::day;
use super::request::Request;
use super::results::{Days, Found, Picks, Range};
use super::tv::Series;

/// Which series, and in which order.
#[derive(Debug)]
pub(super) struct SeriesCondition<'a> {
    dates: Range,
    vote_count: Range,
    genre: Option<u32>,
    language: Option<&'a str>,
    by_date: bool,
    ascending: bool,
}

impl<'a> SeriesCondition<'a> {
    /// Filters that are not known are ignored.
    pub(super) fn discover(request: &'a Request) -> Self {
        let sort = request.get("sort_by").unwrap_or_default();
        let first_day = |end: &str| request.get(&format!("first_air_date.{end}")).and_then(day);
        Self {
            dates: Range(first_day("gte"), first_day("lte")),
            vote_count: Range(request.number("vote_count.gte"), request.number("vote_count.lte")),
            genre: request.number("with_genres"),
            language: request.get("with_original_language"),
            by_date: sort.starts_with("first_air_date"),
            ascending: sort.rsplit_once('.').is_some_and(|(_, direction)| direction == "asc"),
        }
    }

    fn matches(&self, series: &Series) -> bool {
        self.dates.holds_day(series.first_air_date())
            && self.vote_count.holds(series.vote_count)
            && self.genre.is_none_or(|genre| series.genre_id() == genre)
            && self.language.is_none_or(|language| series.language.code == language)
    }
}

impl Picks for SeriesCondition<'_> {
    fn walk(&self, catalogue: &Catalogue, days: &Days) -> Found {
        let series = days.series(catalogue, self.dates).filter_map(|id| catalogue.series(id));
        let number = |series: &Series| if self.by_date { series.first_air_date() } else { series.popularity };
        let mut found: Vec<(u32, u32)> =
            series.filter(|series| self.matches(series)).map(|series| (number(&series), series.id)).collect();
        found.sort_by_key(|&(number, _)| number);
        if !self.ascending {
            found.reverse();
        }
        Found::new(found.into_iter().map(|(_, id)| id))
    }
}
