//! TMDB's daily exports of ids (<https://developer.themoviedb.org/docs/daily-id-exports>): which file is the latest.
//!
//! The job starts about 07:00 UTC and is done by 08:00; a file stays for three months.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::spec::ExportKind;

/// The hour of the day, in UTC, at which the files of that day are there.
const READY_AT_HOUR: i8 = 8;
/// How many days back the latest file is looked for, behind the first that may be there.
const DAYS_BACK: i64 = 7;

/// The path of the file of a day, on the host of the files.
pub fn export_path(kind: ExportKind, date: Date) -> String {
    format!("/p/exports/{}_ids_{}.json.gz", kind.as_str(), date.strftime("%m_%d_%Y"))
}

/// The days whose file may be the latest, latest first: of today if its hour has come, else of yesterday, and the
/// week before that. Days are those of UTC, whatever the zone of this machine.
pub fn latest_days(now: Timestamp) -> impl Iterator<Item = Date> {
    let now = now.to_zoned(TimeZone::UTC);
    let first = i64::from(now.hour() < READY_AT_HOUR);
    (first..=first + DAYS_BACK).map(move |days| now.date().saturating_sub(Span::new().days(days)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latest_file_is_looked_for_from_today_or_yesterday_by_the_hour_of_utc() {
        let check = |now: &str, first: &str, last: &str| {
            let days: Vec<Date> = latest_days(now.parse().unwrap()).collect();
            assert_eq!(days.len(), 8, "{now}");
            let (first, last): (Date, Date) = (first.parse().unwrap(), last.parse().unwrap());
            assert_eq!((days[0], days[7]), (first, last), "{now}");
        };
        check("2026-11-25T08:00:00Z", "2026-11-25", "2026-11-18");
        check("2026-11-25T07:59:59Z", "2026-11-24", "2026-11-17");
        check("2026-03-01T00:00:00Z", "2026-02-28", "2026-02-21");
        check("2027-01-01T03:00:00Z", "2026-12-31", "2026-12-24");
        // Another zone's day is not asked for: there it is the 26th, or still the 24th.
        check("2026-11-26T01:00:00+02:00", "2026-11-25", "2026-11-18");
        check("2026-11-24T22:00:00-10:00", "2026-11-25", "2026-11-18");
    }

    #[test]
    fn file_is_named_after_list_and_day() {
        let day: Date = "2026-09-03".parse().unwrap();
        assert_eq!(export_path(ExportKind::Movie, day), "/p/exports/movie_ids_09_03_2026.json.gz");
        assert_eq!(
            export_path(ExportKind::ProductionCompany, day),
            "/p/exports/production_company_ids_09_03_2026.json.gz"
        );
    }
}
