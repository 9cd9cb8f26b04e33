//! Which run this is: a new one, or the one that an earlier attempt began and did not publish.
//!
//! A *logical run* lasts from its first attempt to its publish. Attempts that were killed, stopped or failed are of one run
//! if pipeline, params and source are the same: the next has its id and its start, and every document that it kept.
//!
//! Does not belong here: how documents are kept, and how tables are published.
//!
//! Invariants:
//! * R1 A run whose tables are published is never gone on with, even if it was killed before it could say so.
//! * R2 Which documents of earlier runs may serve is decided once, by the first attempt.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::sink::{SinkError, Unfinished, read_manifest};

/// What decides which run this is.
pub(super) struct Asked<'a> {
    pub params: &'a Map<String, Value>,
    pub source: &'a str,
    /// `api.keep`; with `None` no run is gone on with.
    pub keep: Option<Duration>,
    /// `api.resume_within`.
    pub within: Duration,
    /// `--fresh`: abandon an unfinished run.
    pub abandon: bool,
    /// `--fresh`, or a run that follows changes: use nothing that earlier runs kept, as it may have changed since.
    pub fresh: bool,
    /// The id of a run that begins now.
    pub id: String,
    pub now: Timestamp,
}

/// The run.
#[derive(Debug, PartialEq)]
pub(super) struct Logical {
    pub record: Unfinished,
    /// It goes on; else it begins.
    pub resumed: bool,
}

/// Decides, by what the state folder and the manifests of the tables at `paths` say.
pub(super) fn decide<'a>(
    state: &Path,
    paths: impl IntoIterator<Item = &'a Path>,
    asked: Asked<'_>,
) -> Result<Logical, SinkError> {
    let unfinished = if asked.keep.is_some() && !asked.abandon { Unfinished::read(state)? } else { None };
    if let Some(record) = unfinished.filter(|record| is_of(record, &asked)) {
        let mut published = false;
        for path in paths {
            published |= read_manifest(path)?.is_some_and(|manifest| manifest.facts.run == record.run);
        }
        if !published {
            return Ok(Logical { record, resumed: true });
        }
    }
    let not_before = match asked.keep {
        Some(keep) if !asked.fresh => asked.now.checked_sub(keep).unwrap_or(Timestamp::MIN),
        _ => asked.now,
    };
    let params = asked.params.clone();
    let record = Unfinished::new(asked.id, asked.now, not_before, params, asked.source.to_owned());
    Ok(Logical { record, resumed: false })
}

/// Whether this attempt is of the run that `record` tells of. A clock that was set back makes no run old.
fn is_of(record: &Unfinished, asked: &Asked<'_>) -> bool {
    let age = Duration::try_from(asked.now.duration_since(record.started_at)).unwrap_or_default();
    record.source == asked.source && record.params == *asked.params && age <= asked.within
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Lock;

    const HOUR: Duration = Duration::from_hours(1);

    fn at(hour: u32) -> Timestamp {
        format!("2026-11-25T{hour:02}:00:00Z").parse().expect("a time")
    }

    fn params(votes: u64) -> Map<String, Value> {
        Map::from_iter([("min_votes".to_owned(), Value::from(votes))])
    }

    /// What is decided at hour 10 when a run `old` began at hour 9 with 200 votes, from `mock`.
    fn check(change: impl FnOnce(&mut Asked<'_>), expect: (&str, bool, Timestamp)) {
        let folder = tempfile::tempdir().expect("tempdir");
        let lock = Lock::acquire(folder.path(), "marvel").expect("free");
        let old = Unfinished::new("old".to_owned(), at(9), at(1), params(200), "mock".to_owned());
        old.write(&lock).expect("writes");
        let (same, other) = (params(200), params(500));
        let mut asked = Asked {
            params: &same,
            source: "mock",
            keep: Some(8 * HOUR),
            within: 24 * HOUR,
            abandon: false,
            fresh: false,
            id: "new".to_owned(),
            now: at(10),
        };
        change(&mut asked);
        if asked.id == "other params" {
            asked.params = &other;
        }
        let logical = decide(folder.path(), [], asked).expect("readable");
        let record = &logical.record;
        assert_eq!((record.run.as_str(), logical.resumed, record.not_before), expect);
    }

    #[test]
    fn an_unfinished_run_of_the_same_params_and_source_is_gone_on_with() {
        check(|_| {}, ("old", true, at(1)));
        check(|asked| asked.now = at(8), ("old", true, at(1)));
        // R2: another `keep` does not change what serves.
        check(|asked| asked.keep = Some(Duration::ZERO), ("old", true, at(1)));
    }

    #[test]
    fn any_other_run_begins() {
        check(|asked| asked.id = "other params".to_owned(), ("other params", false, at(2)));
        check(|asked| asked.source = "https://api.themoviedb.org/3", ("new", false, at(2)));
        check(|asked| asked.within = HOUR / 2, ("new", false, at(2)));
        check(|asked| asked.keep = None, ("new", false, at(10)));
        check(|asked| (asked.abandon, asked.fresh) = (true, true), ("new", false, at(10)));
        // What follows changes goes on with its own run, and a new one uses nothing that is older.
        check(|asked| asked.fresh = true, ("old", true, at(1)));
        check(|asked| (asked.fresh, asked.within) = (true, HOUR / 2), ("new", false, at(10)));
    }

    #[test]
    fn a_record_that_cannot_be_read_is_an_error_unless_it_is_abandoned() {
        let folder = tempfile::tempdir().expect("tempdir");
        std::fs::write(folder.path().join("run.json"), "{").expect("writes");
        let none = Map::new();
        let asked = |fresh| {
            let asked = Asked {
                params: &none,
                source: "mock",
                keep: Some(HOUR),
                within: HOUR,
                abandon: fresh,
                fresh,
                id: "new".to_owned(),
                now: at(10),
            };
            decide(folder.path(), [], asked)
        };
        assert!(matches!(asked(false), Err(SinkError::BadRecord { .. })));
        assert!(asked(true).is_ok());
    }
}
