//! What runs leave beside their tables: `STATE/PIPELINE/runs/RUN/` with `run.json` and `report.html`.
//!
//! Does not belong here: what stands in them (`crate::report`). Invariants: no more than [`KEPT`] runs of a pipeline are
//! kept; nothing is removed but folders of runs; what cannot be written or read is told and changes no exit code of a run.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::exit::Exit;
use super::printer::Printer;
use super::problem::{Problem, Verdict};
use crate::report::{RECORD_VERSION, Record, html};

/// Runs of a pipeline that are kept: a month of nights.
const KEPT: usize = 31;
/// Largest file that is read as a run. 31 stages over 400 points take a tenth of it.
const BYTES_MAX: u64 = 16 << 20;

const RECORD: &str = "run.json";
const REPORT: &str = "report.html";

/// Runs that cannot be told of.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunsError {
    /// No run has left anything.
    #[error("no run has left a report in `{}`", .state.display())]
    None { state: PathBuf },
    /// None is called so.
    #[error("no run in `{}` is called `{name}`", .state.display())]
    Unknown { state: PathBuf, name: String, last: String },
    /// The disk.
    #[error("{action} `{}`", .path.display())]
    Disk { action: &'static str, path: PathBuf, source: io::Error },
    /// Not a run of ours.
    #[error("read `{}`: it is no record of a run: {reason}", .path.display())]
    Odd { path: PathBuf, reason: String },
    /// From a later version of the program.
    #[error("read `{}`: it has version {found}, and this program knows {RECORD_VERSION}", .path.display())]
    Newer { path: PathBuf, found: u32 },
}

impl RunsError {
    /// What follows from it.
    pub(super) fn verdict(&self) -> Verdict {
        let (exit, code, hint) = match self {
            Self::None { .. } => (
                Exit::Invalid,
                "no-runs",
                "every run leaves one, whatever becomes of it; `--state DIR` says where to look".to_owned(),
            ),
            Self::Unknown { last, .. } => (
                Exit::Invalid,
                "unknown-run",
                format!("`tmdb-etl inspect --runs` lists them; the last is `{last}`"),
            ),
            Self::Disk { .. } => {
                (Exit::Failed, "report", "look at its permissions, and at the disk that it is on".to_owned())
            }
            Self::Odd { .. } => {
                (Exit::Failed, "report", "give the id of a run, or the `run.json` that it left".to_owned())
            }
            Self::Newer { .. } => {
                (Exit::Failed, "report", "use the program that wrote it, or a later one".to_owned())
            }
        };
        Verdict { exit, code, hints: vec![hint] }
    }
}

/// Keeps a record; where its report is. That it cannot be kept is told.
pub(super) fn keep_or_tell(state: &Path, record: &Record, printer: &Printer) -> Option<PathBuf> {
    match keep(state, record) {
        Ok(report) => Some(report),
        Err(error) => {
            let message = Problem::from(error).message();
            printer.talk(&format!("warning: the run's report was not kept\n  {message}\n"));
            None
        }
    }
}

/// Keeps a record with its report; where the report is.
pub(super) fn keep(state: &Path, record: &Record) -> Result<PathBuf, RunsError> {
    let runs = state.join(&record.pipeline).join("runs");
    let folder = runs.join(&record.run);
    fs::create_dir_all(&folder).map_err(|source| RunsError::Disk {
        action: "make the folder",
        path: folder.clone(),
        source,
    })?;
    let json = serde_json::to_string_pretty(record).expect("a record has no map with odd keys");
    write(&folder.join(RECORD), &format!("{json}\n"))?;
    let report = folder.join(REPORT);
    write(&report, &html(record))?;
    let mut kept = folders(&runs);
    kept.sort();
    for old in kept.iter().rev().skip(KEPT) {
        // A folder that cannot be removed is tried again after the next run.
        let _ = fs::remove_dir_all(old);
    }
    Ok(report)
}

/// Writes a text, in place of what is there.
pub(super) fn write(path: &Path, text: &str) -> Result<(), RunsError> {
    fs::write(path, text).map_err(|source| RunsError::Disk { action: "write", path: path.to_owned(), source })
}

/// Folders of runs below `runs`.
fn folders(runs: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(runs) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path()).filter(|path| path.join(RECORD).is_file()).collect()
}

/// The records below a state folder, those of one pipeline's too, the newest first.
pub(super) fn records(state: &Path) -> Vec<PathBuf> {
    let mut found = folders(&state.join("runs"));
    if let Ok(entries) = fs::read_dir(state) {
        found.extend(entries.flatten().flat_map(|entry| folders(&entry.path().join("runs"))));
    }
    // Ids of runs begin with the time.
    found.sort_by(|one, other| other.file_name().cmp(&one.file_name()));
    found.into_iter().map(|folder| folder.join(RECORD)).collect()
}

/// The record of the run that `name` means: an id, a pipeline (its last run), a folder or a file; without it the last of all.
pub(super) fn find(state: &Path, name: Option<&str>) -> Result<PathBuf, RunsError> {
    if let Some(name) = name {
        let path = Path::new(name);
        if path.is_file() {
            return Ok(path.to_owned());
        }
        if path.join(RECORD).is_file() {
            return Ok(path.join(RECORD));
        }
    }
    let records = records(state);
    let Some(last) = records.first() else { return Err(RunsError::None { state: state.to_owned() }) };
    let Some(name) = name else { return Ok(last.clone()) };
    let part =
        |path: &Path, up: usize| path.ancestors().nth(up).and_then(Path::file_name).map(ToOwned::to_owned);
    let called = |path: &&PathBuf| [1, 3].iter().any(|up| part(path, *up).is_some_and(|part| part == name));
    records.iter().find(called).cloned().ok_or_else(|| RunsError::Unknown {
        state: state.to_owned(),
        name: name.to_owned(),
        last: part(last, 1).unwrap_or_default().to_string_lossy().into_owned(),
    })
}

/// Reads a record.
pub(super) fn read(path: &Path) -> Result<Record, RunsError> {
    let disk = |source| RunsError::Disk { action: "read", path: path.to_owned(), source };
    let odd = |reason: String| RunsError::Odd { path: path.to_owned(), reason };
    let size = fs::metadata(path).map_err(disk)?.len();
    if size > BYTES_MAX {
        return Err(odd(format!("it has {size} bytes")));
    }
    let text = fs::read(path).map_err(disk)?;
    // A list would be taken for the fields in their order.
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err(odd("it is no JSON object".to_owned()));
    }
    let record: Record = serde_json::from_slice(&text).map_err(|error| odd(error.to_string()))?;
    match record.version {
        0 => Err(odd("it names no version".to_owned())),
        version if version > RECORD_VERSION => {
            Err(RunsError::Newer { path: path.to_owned(), found: version })
        }
        _ => Ok(record),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(pipeline: &str, run: &str) -> Record {
        Record {
            version: RECORD_VERSION,
            pipeline: pipeline.to_owned(),
            run: run.to_owned(),
            ..Record::default()
        }
    }

    #[test]
    fn the_last_runs_are_kept_and_nothing_else_goes() {
        let state = tempfile::tempdir().unwrap();
        let runs = state.path().join("films/runs");
        fs::create_dir_all(runs.join("0-notes")).unwrap();
        for run in 0..KEPT + 3 {
            keep(state.path(), &record("films", &format!("20261125T18{run:04}Z"))).unwrap();
        }
        assert!(runs.join("0-notes").is_dir());
        let kept = records(state.path());
        assert_eq!(kept.len(), KEPT);
        assert!(kept[0].ends_with(format!("20261125T18{:04}Z/run.json", KEPT + 2)), "{kept:?}");
    }

    #[test]
    fn a_run_is_found_by_its_id_its_pipeline_its_folder_or_as_the_last() {
        let state = tempfile::tempdir().unwrap();
        assert!(matches!(find(state.path(), None), Err(RunsError::None { .. })));
        for (pipeline, run) in [("films", "20261101"), ("shows", "20261103"), ("films", "20261102")] {
            keep(state.path(), &record(pipeline, run)).unwrap();
        }
        let folder = state.path().join("films/runs/20261101");
        for (name, expect) in [
            (None, "20261103"),
            (Some("films"), "20261102"),
            (Some("20261101"), "20261101"),
            (Some(folder.to_str().unwrap()), "20261101"),
        ] {
            assert_eq!(read(&find(state.path(), name).unwrap()).unwrap().run, expect, "{name:?}");
        }
        assert!(matches!(find(state.path(), Some("odd")), Err(RunsError::Unknown { .. })));
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        for (text, newer) in [("", false), ("[1]", false), ("{}", false), ("{\"version\":99}", true)] {
            fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err();
            assert_eq!(matches!(error, RunsError::Newer { .. }), newer, "{text}: {error}");
        }
        // Names of later programs with the same version are left aside.
        fs::write(&path, "{\"version\":1,\"run\":\"r\",\"later\":{}}").unwrap();
        assert_eq!(read(&path).unwrap().run, "r");
    }
}
