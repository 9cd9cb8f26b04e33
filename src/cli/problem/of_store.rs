//! What follows from trouble with kept documents.

use super::{Exit, Verdict, verdict};
use crate::store::StoreError;

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
