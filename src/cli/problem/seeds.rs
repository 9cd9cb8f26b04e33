//! What to do about seeds that give no items.

use super::{Verdict, verdict};
use crate::cli::Exit;
use crate::run::ExportError;

pub(super) fn not_yet(key: &str, word: &str) -> Verdict {
    let hint =
        format!("instead of `{key}` ask for the list itself: `path: /{word}/changes` has the last 24 hours");
    Verdict { exit: Exit::Invalid, code: "not-available-yet", hints: vec![hint] }
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
