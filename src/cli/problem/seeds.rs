//! What to do about seeds that give no items.

use super::{Verdict, verdict};
use crate::cli::Exit;
use crate::run::{ChangesError, ExportError};

pub(super) fn of_changes(error: &ChangesError) -> Verdict {
    let hint = match error {
        ChangesError::TooLong { .. } => {
            "TMDB gives no more than 500 pages of a day; a full load by `export` has what is missing"
        }
        ChangesError::NoPage { .. } => {
            "is `api.base_url` that of TMDB's API, version 3? `-vv` shows what it answers"
        }
        ChangesError::Restless { .. } => "try again later: the next run asks for the same days",
    };
    verdict(Exit::Failed, "changes", &[hint])
}

pub(super) fn of_export(error: &ExportError) -> Verdict {
    let (code, hint) = match error {
        ExportError::Absent { first, last, .. } if first == last => (
            "export",
            "files are there from 08:00 UTC of their day on, for three months: name another `date`, or none",
        ),
        ExportError::Absent { .. } => (
            "export",
            "see status.themoviedb.org; a file that was downloaded is read by `file: {path: …, column: id}`",
        ),
        ExportError::Failed { failure, .. } => (
            "export",
            failure
                .reason
                .advice()
                .unwrap_or("run it again later; a downloaded file is read by `file: {path: …, column: id}`"),
        ),
        ExportError::Disk { .. } => {
            ("spool", "TMPDIR names the folder for temporary files, which takes the whole file")
        }
    };
    verdict(Exit::Failed, code, &[hint])
}
