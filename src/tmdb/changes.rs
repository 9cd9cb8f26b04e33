//! Lists of what changed: which days to ask for, and what a page says.
//!
//! ```text
//!  last published run          now
//!   ──┼───────────────────────┼──▶ time
//!   [ day | … 14 days … | day ][ … ]   windows, oldest first; both ends are days of UTC
//! ```
//!
//! Does not belong here: how a list is read (`crate::run`), where the time of the last run is kept (`crate::sink`).
//!
//! Invariants: the windows are without a gap from the day of the last run to that of this one, and no longer than TMDB allows.
//! The days at both ends are asked for by two runs each, as they were not over when the first of them asked; so it does not
//! matter whether TMDB means `end_date` with its day or without.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::plan::WINDOW_DAYS;

/// How old an answer may be when it comes: TMDB's caches hold documents for up to eight hours. What a run fetched is of that
/// long before it, and what changed since then is asked for again.
const CACHED_MAX: Duration = Duration::from_hours(8);
/// Since when TMDB has written down what changed.
const EPOCH: Date = Date::constant(2012, 10, 5);

/// Some days, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first.
    pub first: Date,
    /// The last.
    pub last: Date,
}

impl Window {
    /// The same days in two windows, if there are two days; three and more share the one in the middle, as windows do. A list
    /// of more pages than TMDB gives is read in halves.
    pub fn halves(self) -> Option<[Self; 2]> {
        let days = (self.last - self.first).get_days();
        let middle = self.first.saturating_add(Span::new().days(days / 2));
        let next = if days > 1 { middle } else { self.last };
        (days > 0).then_some([Self { last: middle, ..self }, Self { first: next, ..self }])
    }
}

/// The windows that a run at `now` asks for, when the last one that published began at `since`; without one, or if the clock
/// was set back behind it, the last days that fit into one window.
pub fn windows(since: Option<Timestamp>, now: Timestamp) -> Vec<Window> {
    let day = |time: Timestamp| time.to_zoned(TimeZone::UTC).date();
    let today = day(now);
    let first = match since.filter(|since| *since <= now) {
        Some(since) => day(since.checked_sub(CACHED_MAX).unwrap_or(Timestamp::MIN)),
        None => today.saturating_sub(Span::new().days(WINDOW_DAYS - 1)),
    };
    let mut windows = Vec::new();
    let mut first = first.clamp(EPOCH, today.max(EPOCH));
    loop {
        let last = first.saturating_add(Span::new().days(WINDOW_DAYS - 1)).min(today.max(first));
        windows.push(Window { first, last });
        if last >= today {
            return windows;
        }
        // The next one begins on the day on which this one ends.
        first = last;
    }
}

/// A page of such a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangesPage {
    /// Its ids, and whether each is gone. Rows without an id are left out.
    pub ids: Vec<(u64, bool)>,
    /// Pages of the whole list, as of now.
    pub pages: u32,
    /// Rows of the whole list, as of now.
    pub rows: u64,
}

impl ChangesPage {
    /// Reads a body; `None` if it is no such page.
    pub fn read(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Body {
            results: Vec<Map<String, Value>>,
            #[serde(default)]
            total_pages: Value,
            #[serde(default)]
            total_results: Value,
        }
        let body: Body = serde_json::from_slice(body).ok()?;
        let ids = body.results.iter().filter_map(|row| {
            // An id that no longer exists says `null` to whether it is for adults; an old row may not say anything.
            let gone = row.get("adult").is_some_and(Value::is_null);
            Some((row.get("id")?.as_u64()?, gone))
        });
        let pages = body.total_pages.as_u64().unwrap_or(1);
        Some(Self {
            ids: ids.collect(),
            pages: u32::try_from(pages).unwrap_or(u32::MAX).max(1),
            rows: body.total_results.as_u64().unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// `expect` as `first/last` for each window.
    #[track_caller]
    fn check(since: Option<&str>, now: &str, expect: &[&str]) {
        let windows = windows(since.map(time), time(now));
        let shown: Vec<String> =
            windows.iter().map(|window| format!("{}/{}", window.first, window.last)).collect();
        assert_eq!(shown, expect, "since {since:?}, at {now}");
        for window in &windows {
            assert!((window.last - window.first).get_days() < WINDOW_DAYS, "{window:?}");
        }
    }

    #[test]
    fn windows_reach_from_the_day_of_the_last_run_to_this_one() {
        // Every night at the same hour: the day of the last run was not over.
        check(Some("2026-11-24T09:00:00Z"), "2026-11-25T09:00:00Z", &["2026-11-24/2026-11-25"]);
        // Twice on a day.
        check(Some("2026-11-25T09:00:00Z"), "2026-11-25T21:00:00Z", &["2026-11-25/2026-11-25"]);
        // What was fetched shortly after midnight may have been of the day before.
        check(Some("2026-11-25T07:59:59Z"), "2026-11-25T21:00:00Z", &["2026-11-24/2026-11-25"]);
        check(Some("2026-11-25T08:00:00Z"), "2026-11-25T21:00:00Z", &["2026-11-25/2026-11-25"]);
        // The last moment of a day, and the first of the next.
        check(Some("2026-11-24T23:59:59Z"), "2026-11-25T00:00:00Z", &["2026-11-24/2026-11-25"]);
        // Over the end of February and of the year.
        check(Some("2028-02-28T12:00:00Z"), "2028-03-01T12:00:00Z", &["2028-02-28/2028-03-01"]);
        check(Some("2026-12-31T12:00:00Z"), "2027-01-01T12:00:00Z", &["2026-12-31/2027-01-01"]);
    }

    #[test]
    fn days_are_those_of_utc_whatever_the_zone() {
        // 01:00 of the 26th in Berlin is still the 25th, 20:00 of the 24th in New York is already the 25th.
        check(Some("2026-11-25T10:00:00+01:00"), "2026-11-26T00:30:00+01:00", &["2026-11-25/2026-11-25"]);
        check(Some("2026-11-24T09:00:00-05:00"), "2026-11-24T20:00:00-05:00", &["2026-11-24/2026-11-25"]);
        // The night in which the clocks of Berlin are set forward has a day of 23 hours there and of 24 here.
        check(Some("2026-03-28T12:00:00+01:00"), "2026-03-29T12:00:00+02:00", &["2026-03-28/2026-03-29"]);
    }

    #[test]
    fn first_run_asks_for_one_window() {
        check(None, "2026-11-25T09:00:00Z", &["2026-11-12/2026-11-25"]);
        check(None, "2012-10-06T09:00:00Z", &["2012-10-05/2012-10-06"]);
    }

    #[test]
    fn long_pause_takes_several_windows_that_touch() {
        check(Some("2026-11-12T09:00:00Z"), "2026-11-25T09:00:00Z", &["2026-11-12/2026-11-25"]);
        check(
            Some("2026-11-11T09:00:00Z"),
            "2026-11-25T09:00:00Z",
            &["2026-11-11/2026-11-24", "2026-11-24/2026-11-25"],
        );
        check(
            Some("2026-08-25T09:00:00Z"),
            "2026-11-25T09:00:00Z",
            &[
                "2026-08-25/2026-09-07",
                "2026-09-07/2026-09-20",
                "2026-09-20/2026-10-03",
                "2026-10-03/2026-10-16",
                "2026-10-16/2026-10-29",
                "2026-10-29/2026-11-11",
                "2026-11-11/2026-11-24",
                "2026-11-24/2026-11-25",
            ],
        );
    }

    #[test]
    fn clock_that_was_set_back_asks_for_as_much_as_a_first_run() {
        check(Some("2027-06-01T09:00:00Z"), "2026-11-25T09:00:00Z", &["2026-11-12/2026-11-25"]);
        // Before TMDB wrote anything down.
        check(Some("2001-01-01T00:00:00Z"), "2001-01-02T00:00:00Z", &["2012-10-05/2012-10-05"]);
        assert_eq!(windows(Some(time("1970-01-01T00:00:00Z")), time("2026-11-25T09:00:00Z")).len(), 398);
    }

    #[test]
    fn halves_are_all_days_of_a_window_once() {
        let window = |first: &str, last: &str| Window {
            first: first.parse().expect("a day"),
            last: last.parse().expect("a day"),
        };
        let halves = window("2026-11-12", "2026-11-25").halves();
        assert_eq!(halves, Some([window("2026-11-12", "2026-11-18"), window("2026-11-18", "2026-11-25")]));
        let two = window("2026-11-24", "2026-11-25").halves();
        assert_eq!(two, Some([window("2026-11-24", "2026-11-24"), window("2026-11-25", "2026-11-25")]));
        assert_eq!(window("2026-11-25", "2026-11-25").halves(), None);
    }

    #[test]
    fn null_marks_what_is_gone_and_rows_without_an_id_are_left_out() {
        let body = br#"{"results":[{"id":5,"adult":false},{"id":6,"adult":null,"softcore":null},{"id":7},
            {"id":null,"adult":false},{"adult":true}],"page":1,"total_pages":2,"total_results":105}"#;
        let expect = ChangesPage { ids: vec![(5, false), (6, true), (7, false)], pages: 2, rows: 105 };
        assert_eq!(ChangesPage::read(body), Some(expect));
        assert_eq!(ChangesPage::read(br#"{"results":[]}"#).map(|page| page.pages), Some(1));
        assert_eq!(ChangesPage::read(br#"{"items":[]}"#), None);
        assert_eq!(ChangesPage::read(b"[]"), None);
    }
}
