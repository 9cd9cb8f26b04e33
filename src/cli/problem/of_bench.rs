//! What can go wrong in a bench beside its trials.

use std::io;
use std::path::PathBuf;

use super::super::exit::Exit;
use super::Verdict;
use crate::bench::COMBINATIONS_MAX;

/// Why there is no bench, or no page of it.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum BenchError {
    /// A value of `--vary` that the file could not have.
    #[error("vary the settings: {reason}")]
    Vary { reason: String, hint: Option<String> },
    /// More combinations than anybody waits for.
    #[error("`--vary` has more than {COMBINATIONS_MAX} combinations")]
    TooMany,
    /// The page.
    #[error("write {}", .path.display())]
    Report { path: PathBuf, source: io::Error },
}

/// What follows from it.
pub(super) fn verdict(error: &BenchError) -> Verdict {
    let (exit, code, hint) = match error {
        BenchError::Vary { hint: Some(hint), .. } => (Exit::Invalid, "invalid-variation", hint.clone()),
        BenchError::Vary { hint: None, .. } => (
            Exit::Invalid,
            "invalid-variation",
            "values are as in the file: `--vary movies.concurrency=1,4,16 --vary api.rate=10/s,40/s`"
                .to_owned(),
        ),
        BenchError::TooMany => {
            (Exit::Invalid, "too-many-variations", "vary fewer settings at once, or fewer values".to_owned())
        }
        BenchError::Report { .. } => {
            (Exit::Failed, "no-report", "name another file: `--report /tmp/bench.html`".to_owned())
        }
    };
    Verdict { exit, code, hints: vec![hint] }
}
