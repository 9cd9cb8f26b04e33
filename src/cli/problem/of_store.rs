//! What follows from trouble with kept documents, and what can go wrong in the command `store`.

use std::io;
use std::path::PathBuf;

use super::{Exit, Problem, Verdict, of_sink, verdict};
use crate::report::counted;
use crate::sink::SinkError;
use crate::store::StoreError;

/// Why `store` did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum StoreProblem {
    /// Kept documents.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A lock, or the record of an unfinished run.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The state folder cannot be looked through.
    #[error("look through `{}`", path.display())]
    State {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
    /// Nobody says how old documents may be.
    #[error("trim documents of `{name}`: a name alone does not say how long documents are kept")]
    NoAge { name: String },
    /// What cannot be undone was asked for without `--yes`.
    #[error("`store clear` would remove {} of `{name}`{}; nothing was removed", counted(*.documents, "documents"), .unfinished.as_ref().map(|run| format!(", and its unfinished run {run} would ask for everything again")).unwrap_or_default())]
    NotSure { name: String, documents: u64, unfinished: Option<String> },
}

impl StoreProblem {
    /// What follows from it.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Store(error) => of_store(error),
            Self::Sink(error) => of_sink(error),
            Self::State { .. } => verdict(Exit::Failed, "state", &["check the path that `--state` gives"]),
            Self::NoAge { .. } => verdict(
                Exit::Invalid,
                "no-age",
                &["name the pipeline's file, whose `keep` says it, or add `--older-than 30d`"],
            ),
            Self::NotSure { .. } => verdict(Exit::Invalid, "not-sure", &["`--yes` does it"]),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        StoreProblem::from(error).into()
    }
}

impl From<SinkError> for Problem {
    fn from(error: SinkError) -> Self {
        StoreProblem::from(error).into()
    }
}

/// What follows from it.
pub(super) fn of_store(error: &StoreError) -> Verdict {
    let code = match error {
        StoreError::Full { .. } => "disk-full",
        StoreError::NotPermitted { .. } => "not-permitted",
        StoreError::Disk { .. } => "disk",
        StoreError::Newer { .. } => "store-newer",
        StoreError::TooMany { .. } => "store-full",
        StoreError::TooLarge { .. } | StoreError::Closed { .. } => "bug",
    };
    verdict(Exit::Failed, code, &[error.hint()])
}
