//! How far a pipeline has followed the lists of changes: `changes.json` in its state folder.
//!
//! ```text
//!  announce (run, new mark) ─▶ publish ─▶ settle          next start: announced, and its run is in a manifest? settled : dropped
//! ```
//!
//! Does not belong here: which days follow from it (`crate::tmdb`), and what a run fetched (`crate::store`).
//!
//! Invariants (docs/architecture/changes.md):
//! * I1 A mark goes forward exactly if the tables of its run are published, wherever the process is killed.
//! * I2 A mark is of one source and one set of tables, all of which are there: what was loaded elsewhere is not skipped here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::error::SinkError;
use super::lock::Lock;
use super::manifest::{decode, read_manifest, timestamp};
use crate::spec::StoreUrl;

const VERSION: u32 = 1;
const FILE: &str = "changes.json";
/// Sets of tables of one pipeline, by `--out` and source: what was not loaded for longest is forgotten, and begins anew.
const MARKS_MAX: usize = 64;
/// Runs whose documents count as fetched: those of half a year, as long as documents may be kept, every half an hour.
const RUNS_MAX: usize = 9_000;

/// A time in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct At(#[serde(with = "timestamp")] Timestamp);

/// How far the tables of one place have followed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark {
    source: String,
    tables: Vec<PathBuf>,
    /// When the last run began that published, by list.
    since: BTreeMap<String, At>,
    /// Ids that changed and could not be fetched, by list: they are asked for again.
    again: BTreeMap<String, Vec<u64>>,
    /// Runs that published, oldest first.
    runs: Vec<String>,
}

impl Watermark {
    /// When the last run began that asked for the changes of `list` and published.
    pub fn since(&self, list: &str) -> Option<Timestamp> {
        self.since.get(list).map(|at| at.0)
    }

    /// Ids of `list` that changed before and could not be fetched.
    pub fn again(&self, list: &str) -> &[u64] {
        self.again.get(list).map_or(&[], Vec::as_slice)
    }

    /// Whether `run` has published here.
    pub fn has_published(&self, run: &str) -> bool {
        self.runs.iter().any(|published| published == run)
    }

    /// From now on `list` is followed from `since` on, but for `again`.
    pub fn advance(&mut self, list: &str, since: Timestamp, again: Vec<u64>) {
        self.since.insert(list.to_owned(), At(since));
        self.again.remove(list);
        if !again.is_empty() {
            self.again.insert(list.to_owned(), again);
        }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Record {
    version: u32,
    marks: Vec<Watermark>,
    announced: Option<Announced>,
}

/// A mark that holds as soon as its run has published.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Announced {
    run: String,
    mark: Watermark,
}

/// The marks of a pipeline. Whoever has them holds its lock.
#[derive(Debug)]
pub struct Watermarks {
    path: PathBuf,
    record: Record,
}

impl Watermarks {
    /// Reads them. A mark that was announced holds if one of its tables was loaded by its run; else it is dropped. To be called
    /// after [`Commit::open`](super::Commit::open), which ends a publish that was interrupted.
    pub fn open(lock: &Lock) -> Result<Self, SinkError> {
        let path = lock.state_dir().join(FILE);
        let record = match Disk::default().read(&path)? {
            Some(text) => decode("record of followed changes", &path, &text, VERSION)?,
            None => Record { version: VERSION, ..Record::default() },
        };
        let mut marks = Self { path, record };
        if let Some(Announced { run, mark }) = marks.record.announced.take() {
            let mut published = false;
            for table in &mark.tables {
                published |= read_manifest(table)?.is_some_and(|manifest| {
                    manifest.facts.run == run || manifest.history.iter().any(|load| load.run == run)
                });
            }
            if published {
                marks.put(run, mark);
            }
        }
        Ok(marks)
    }

    /// The mark of these tables from `source`; one that has followed nothing if there is none, or if a table is gone.
    pub fn of(&self, source: &str, tables: &[PathBuf]) -> Result<Watermark, SinkError> {
        let tables = places(tables);
        let mark = self.record.marks.iter().find(|mark| mark.source == source && mark.tables == tables);
        if let Some(mark) = mark {
            let mut whole = true;
            for table in &tables {
                whole &= read_manifest(table)?.is_some();
            }
            if whole {
                return Ok(mark.clone());
            }
        }
        Ok(Watermark { source: source.to_owned(), tables, ..Watermark::default() })
    }

    /// Before the publish: `mark` is to hold if `run` gets its tables published. Durable when it returns.
    pub fn announce(&mut self, run: &str, mark: Watermark) -> Result<(), SinkError> {
        self.record.announced = Some(Announced { run: run.to_owned(), mark });
        self.write()
    }

    /// After the publish: what was announced holds.
    pub fn settle(&mut self) -> Result<(), SinkError> {
        if let Some(Announced { run, mark }) = self.record.announced.take() {
            self.put(run, mark);
        }
        self.write()
    }

    fn put(&mut self, run: String, mut mark: Watermark) {
        mark.runs.retain(|published| *published != run);
        mark.runs.push(run);
        mark.runs.drain(..mark.runs.len().saturating_sub(RUNS_MAX));
        let marks = &mut self.record.marks;
        marks.retain(|other| other.source != mark.source || other.tables != mark.tables);
        marks.push(mark);
        marks.drain(..marks.len().saturating_sub(MARKS_MAX));
    }

    fn write(&self) -> Result<(), SinkError> {
        let text = serde_json::to_vec_pretty(&self.record).expect("a record is plain data");
        Disk::default().replace(&self.path, &text)
    }
}

/// The tables by absolute paths, in an order of their own.
fn places(tables: &[PathBuf]) -> Vec<PathBuf> {
    let absolute = |path: &PathBuf| match std::path::absolute(path) {
        Ok(absolute) if !StoreUrl::is_meant(path) => absolute,
        _ => path.clone(),
    };
    let mut places: Vec<PathBuf> = tables.iter().map(absolute).collect();
    places.sort();
    places
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn time(hour: u32) -> Timestamp {
        format!("2026-11-25T{hour:02}:00:00Z").parse().expect("a time")
    }

    /// A manifest as a publish of `run` leaves it, read as one of an older version.
    fn publish(table: &Path, run: &str) {
        let manifest = serde_json::json!({
            "version": 1, "table": "films", "rows": 1, "bytes": 1, "digest": "", "schema_fingerprint": "",
            "run": run, "pipeline": "nightly", "source": "mock", "started_at": "2026-11-25T09:00:00Z",
            "finished_at": "2026-11-25T09:10:00Z", "counts": null, "tool_version": "0.1.0",
        });
        let name = format!(".{}.manifest.json", table.file_name().expect("a name").to_string_lossy());
        std::fs::write(table.with_file_name(name), manifest.to_string()).expect("writes");
    }

    /// The marks after a start that found what an earlier process left.
    fn marks(lock: &Lock) -> Watermarks {
        Watermarks::open(lock).expect("readable")
    }

    #[test]
    fn a_mark_holds_exactly_if_its_run_has_published() {
        let folder = tempfile::tempdir().expect("tempdir");
        let tables = [folder.path().join("films.parquet")];
        let lock = Lock::acquire(&folder.path().join("state"), "nightly").expect("free");
        let since = |marks: &Watermarks| marks.of("mock", &tables).expect("readable").since("movie");
        let announce = |run: &str, hour| {
            let mut marks = marks(&lock);
            let mut mark = marks.of("mock", &tables).expect("readable");
            mark.advance("movie", time(hour), vec![7]);
            marks.announce(run, mark).expect("writes");
            marks
        };
        // Killed before the publish: the run does not count.
        announce("one", 1);
        assert_eq!(since(&marks(&lock)), None);
        publish(&tables[0], "zero");
        assert_eq!(since(&marks(&lock)), None);
        // Killed behind it: it does, and so does its list of runs.
        announce("two", 2);
        publish(&tables[0], "two");
        let found = marks(&lock);
        assert_eq!(since(&found), Some(time(2)));
        let mark = found.of("mock", &tables).expect("readable");
        assert!(mark.has_published("two") && !mark.has_published("one"));
        assert_eq!((mark.again("movie"), mark.again("tv")), (&[7][..], &[][..]));
        // Whoever comes next builds on it, and a run without a publish takes nothing back.
        let mut third = announce("three", 3);
        publish(&tables[0], "three");
        third.settle().expect("writes");
        announce("four", 4);
        let found = marks(&lock);
        assert_eq!(since(&found), Some(time(3)));
        assert!(found.of("mock", &tables).expect("readable").has_published("two"));
    }

    #[test]
    fn a_mark_is_of_one_source_and_of_tables_that_are_there() {
        let folder = tempfile::tempdir().expect("tempdir");
        let tables = [folder.path().join("films.parquet"), folder.path().join("gone.parquet")];
        let lock = Lock::acquire(&folder.path().join("state"), "nightly").expect("free");
        let mut written = marks(&lock);
        let mut mark = written.of("mock", &tables).expect("readable");
        mark.advance("movie", time(2), Vec::new());
        written.announce("two", mark).expect("writes");
        publish(&tables[0], "two");
        written.settle().expect("writes");
        let check = |source: &str, tables: &[PathBuf], expect| {
            let mark = marks(&lock).of(source, tables).expect("readable");
            assert_eq!(mark.since("movie"), expect, "{source} {tables:?}");
        };
        // One of its tables was removed.
        check("mock", &tables, None);
        publish(&tables[1], "two");
        check("mock", &tables, Some(time(2)));
        let turned: Vec<PathBuf> = tables.iter().rev().cloned().collect();
        check("mock", &turned, Some(time(2)));
        check("https://api.themoviedb.org/3", &tables, None);
        check("mock", &tables[..1], None);
    }
}
