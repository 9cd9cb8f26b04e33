//! What can go wrong between a document and the folder that keeps it.
//!
//! Does not belong here: damage. A block that cannot be read is no error but a document less, and is counted.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was being done to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Making the folder.
    CreateFolder,
    /// Looking through the folder.
    List,
    /// Making a new segment.
    CreateFile,
    /// Writing documents or an index.
    Write,
    /// Waiting until bytes are on the disk.
    Sync,
    /// Reading documents or an index.
    Read,
    /// Removing a segment.
    Remove,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateFolder => "create folder",
            Self::List => "look through",
            Self::CreateFile => "create file",
            Self::Write => "write kept documents to",
            Self::Sync => "sync",
            Self::Read => "read kept documents from",
            Self::Remove => "remove",
        })
    }
}

/// A failure of the store. Several who wait for one write are told the same, so it can be cloned.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk (or a quota on it) has no room.
    #[error("{action} `{}`: no space left on the device", path.display())]
    Full {
        /// What was being done.
        action: Action,
        /// To which path.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The path may not be read or written.
    #[error("{action} `{}`: not permitted", path.display())]
    NotPermitted {
        /// What was being done.
        action: Action,
        /// To which path.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// Another refusal of the disk.
    #[error("{action} `{}`", path.display())]
    Disk {
        /// What was being done.
        action: Action,
        /// To which path.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// Written by a later version of this program.
    #[error("read kept documents from `{}`: it has format {found}, and this version knows up to {known}", path.display())]
    Newer {
        /// The segment.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The last format known here.
        known: u32,
    },
    /// A document that no answer of the API is as large as.
    #[error("keep `{request}`: {bytes} bytes are more than the {limit} that a document may have")]
    TooLarge {
        /// Whose answer.
        request: String,
        /// Request, headers and body together.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// So many runs left documents that none can be added.
    #[error("keep documents in `{}`: it has {limit} segments, and cannot have more", folder.display())]
    TooMany {
        /// The folder.
        folder: PathBuf,
        /// The limit.
        limit: usize,
    },
    /// The store was closed before.
    #[error("keep `{request}`: the store is closed")]
    Closed {
        /// Whose answer.
        request: String,
    },
}

impl StoreError {
    /// Sorts what the system said by what its reader can do about it.
    pub(super) fn disk(action: Action, path: &Path, error: io::Error) -> Self {
        let (path, source) = (path.to_path_buf(), Arc::new(error));
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full { action, path, source }
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NotPermitted { action, path, source }
            }
            _ => Self::Disk { action, path, source },
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Full { .. } => {
                "make room, then run the same command again: what was kept before stays. `tmdb-etl store trim` drops what is too old, and `keep: none` keeps nothing"
            }
            Self::NotPermitted { .. } => {
                "give `--state DIR` a folder that may be written to, or set `keep: none` to keep nothing"
            }
            Self::Disk { .. } => "check the disk and the path, or keep state elsewhere with `--state DIR`",
            Self::Newer { .. } => {
                "use the version of tmdb-etl that wrote it or a newer one, give `--state DIR` another folder, or remove the documents with `tmdb-etl store clear`"
            }
            Self::TooLarge { .. } | Self::Closed { .. } => "this is a bug in tmdb-etl; please report it",
            Self::TooMany { .. } => "`tmdb-etl store trim` or `tmdb-etl store clear` makes room",
        }
    }
}
