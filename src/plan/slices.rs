//! Discover beyond the pages that TMDB gives: the list in slices of days, each of which fits.
//!
//! ```text
//!  ◀──────────── all days ────────────▶      57,001 pages
//!  ◀─── …1985 ───▶◀──── 1985… ────────▶      too many: halves
//!  ◀…1927▶◀1927…▶ ◀…2042▶◀2042…▶             and so on
//! ```
//!
//! Does not belong here: reading them (`crate::run`). Invariant: the halves of a slice are all of its days, each once; the first and
//! the last of all slices are open, unless the query itself has bounds. Where they are halved follows from the query and the
//! answers alone, and from no clock.

use std::num::NonZeroU32;

use jiff::civil::Date;
use jiff::{Span, Unit};

use super::SeedItems;
use super::expr::Expr;
use super::request::RequestTemplate;

/// TMDB answers no page beyond this one, whatever a list says that it has.
pub const PAGE_MAX: u32 = 500;

/// Pages of one list that are read again at most, and no more than it has: one that moves faster cannot be followed.
pub const PAGES_AGAIN_MAX: u32 = 100;

/// Halvings from all days to one of them, at the most.
pub(super) const HALVINGS_MAX: u64 = 17;

/// Days before the first and after the last are not told apart.
const FIRST: Date = Date::constant(1870, 1, 1);
const LAST: Date = Date::constant(2099, 12, 31);

/// How the list of a discover is taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slices {
    /// The date by which it is, as TMDB's filters call it.
    pub date: &'static str,
    /// The same in an entry of the list.
    pub field: &'static str,
    /// All of it: what the query leaves.
    pub whole: Slice,
    /// The last days first: as the list goes whose dearest or newest come first.
    pub newest_first: bool,
}

/// The entries of some days, both ends included; without an end it is open there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The first day.
    pub first: Option<Date>,
    /// The last.
    pub last: Option<Date>,
}

impl SeedItems {
    /// A list of so many `pages` at the most; all of it where there is no such number.
    pub(super) fn pages(request: RequestTemplate, pages: Option<NonZeroU32>, items: Expr) -> Self {
        // Whoever wants so many pages wants those of the list as it is.
        let slices = if pages.is_none() { Slices::of(&request) } else { None };
        Self::Pages { request, pages: pages.map_or(PAGE_MAX, NonZeroU32::get), items, slices }
    }
}

impl Slices {
    /// How the list of `request` is taken apart; `None` where it cannot be.
    pub(super) fn of(request: &RequestTemplate) -> Option<Self> {
        let (date, field) = match request.path().to_string().as_str() {
            "/discover/movie" => ("primary_release_date", "release_date"),
            "/discover/tv" => ("first_air_date", "first_air_date"),
            _ => return None,
        };
        // Bounds that are no days are TMDB's to judge.
        let bound = |end: &str| match request.value(&format!("{date}.{end}")) {
            None => Some(None),
            Some(day) => day.parse::<Date>().ok().map(Some),
        };
        let whole = Slice { first: bound("gte")?, last: bound("lte")? };
        let order = request.value("sort_by").unwrap_or_default();
        let newest_first = order.rsplit_once('.').is_none_or(|(_, direction)| direction != "asc");
        Some(Self { date, field, whole, newest_first })
    }

    /// The parameters of the first and the last day.
    pub fn parameters(&self) -> [String; 2] {
        [format!("{}.gte", self.date), format!("{}.lte", self.date)]
    }

    /// Whether what has no date is in the list as a whole, and in no slice.
    pub fn has_undated(&self) -> bool {
        self.whole.first.is_none() && self.whole.last.is_none()
    }

    /// The orders one of which begins with what has no date.
    pub fn orders(&self) -> [String; 2] {
        [format!("{}.asc", self.date), format!("{}.desc", self.date)]
    }

    /// The halves of `slice` in the order in which they are read, if there are two days in it.
    pub fn halves(&self, slice: Slice) -> Option<[Slice; 2]> {
        let [early, late] = slice.halves()?;
        Some(if self.newest_first { [late, early] } else { [early, late] })
    }
}

impl Slice {
    fn halves(self) -> Option<[Self; 2]> {
        let first = self.first.unwrap_or_else(|| self.last.map_or(FIRST, |last| FIRST.min(last)));
        let last = self.last.unwrap_or(LAST.max(first));
        let days = first.until((Unit::Day, last)).ok()?.get_days();
        let middle = first.checked_add(Span::new().days(days / 2)).ok()?;
        let next = middle.tomorrow().ok()?;
        (days > 0).then_some([Self { last: Some(middle), ..self }, Self { first: Some(next), ..self }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Part, PathTemplate};

    fn text(text: &str) -> PathTemplate {
        PathTemplate { parts: vec![Part::Literal(text.to_owned())] }
    }

    fn of(path: &str, query: &[(&str, &str)]) -> Option<Slices> {
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), text(value)));
        Slices::of(&RequestTemplate::new("https://api.example/3", text(path), query, &[], "en-US"))
    }

    fn slice(days: &str) -> Slice {
        let (first, last) = days.split_once("..").unwrap();
        let day = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        Slice { first: day(first), last: day(last) }
    }

    #[test]
    fn halves_are_all_days_once_and_stay_open() {
        let check = |days: &str, expect: Option<[&str; 2]>| {
            assert_eq!(slice(days).halves(), expect.map(|halves| halves.map(slice)), "{days}");
        };
        check("..", Some(["..1984-12-31", "1985-01-01.."]));
        check("1985-01-01..", Some(["1985-01-01..2042-07-02", "2042-07-03.."]));
        check("..1984-12-31", Some(["..1927-07-03", "1927-07-04..1984-12-31"]));
        check("2026-01-01..2026-01-02", Some(["2026-01-01..2026-01-01", "2026-01-02..2026-01-02"]));
        check("2028-02-28..2028-03-01", Some(["2028-02-28..2028-02-29", "2028-03-01..2028-03-01"]));
        // One day is one day, and what is outside of all is one as well.
        check("2026-01-01..2026-01-01", None);
        check("2099-12-31..", None);
        check("2150-01-01..", None);
        check("..1870-01-01", None);
        check("..1850-01-01", None);
        // The wrong way round gives nothing, however it is taken apart.
        check("2026-01-02..2026-01-01", None);
    }

    #[test]
    fn slices_stay_within_the_bounds_of_the_query_and_go_in_its_order() {
        let films = of("/discover/movie", &[]).unwrap();
        assert_eq!((films.whole, films.newest_first, films.has_undated()), (slice(".."), true, true));
        let some = of(
            "/discover/movie",
            &[("primary_release_date.gte", "1999-01-01"), ("sort_by", "primary_release_date.asc")],
        );
        let some = some.unwrap();
        assert_eq!(
            (some.whole, some.newest_first, some.has_undated()),
            (slice("1999-01-01.."), false, false)
        );
        let series = of("/discover/tv", &[("first_air_date.lte", "1999-12-31")]).unwrap();
        assert_eq!((series.whole, series.field), (slice("..1999-12-31"), "first_air_date"));
        assert_eq!(of("/discover/movie", &[("primary_release_date.gte", "1999")]), None);
        assert_eq!(of("/movie/popular", &[]), None);
    }

    #[test]
    fn every_day_is_reached_by_halving() {
        let slices = of("/discover/movie", &[]).unwrap();
        let (mut open, mut days, mut last) = (vec![slices.whole], 0, None);
        while let Some(slice) = open.pop() {
            if let Some([now, later]) = slices.halves(slice) {
                open.extend([later, now]);
                continue;
            }
            let (first, end) = (slice.first.unwrap_or(FIRST), slice.last.unwrap_or(LAST));
            assert_eq!(first, end);
            assert_eq!(last.replace(first).map_or(LAST, |day: Date| day.yesterday().unwrap()), first);
            days += 1;
        }
        assert_eq!(days, 84_006);
    }
}
