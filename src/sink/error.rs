//! What can go wrong between a batch and a published table.
//!
//! Invariant: whatever is told here, the tables that were published before are as they were, unless the
//! variant is [`SinkError::Unfinished`].

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use arrow::datatypes::DataType;

use super::encode::FormatError;
use super::lock::Holder;
use super::store_trouble::StoreTrouble;

/// What was being done to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Making a folder.
    CreateFolder,
    /// Making a file that must not be there yet.
    CreateFile,
    /// Writing into a file.
    Write,
    /// Waiting until a file's bytes are on the disk.
    SyncFile,
    /// Waiting until a folder's names are on the disk.
    SyncFolder,
    /// Giving a file its final name.
    Rename,
    /// Making a symbolic link.
    Link,
    /// Giving a file a second name.
    Share,
    /// Removing a file.
    Remove,
    /// Reading a file.
    Read,
    /// Locking a file.
    Lock,
    /// Asking what a path is.
    Inspect,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateFolder => "create folder",
            Self::CreateFile => "create file",
            Self::Write => "write",
            Self::SyncFile => "sync",
            Self::SyncFolder => "sync folder",
            Self::Rename => "rename into place",
            Self::Link => "make link",
            Self::Share => "make hard link",
            Self::Remove => "remove",
            Self::Read => "read",
            Self::Lock => "lock",
            Self::Inspect => "inspect",
        })
    }
}

/// A failure of the sink.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The disk (or a quota on it) has no room.
    #[error("{action} `{}`: no space left on the device", path.display())]
    Full {
        /// What was being done.
        action: Action,
        /// To which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The path may not be written to.
    #[error("{action} `{}`: not permitted", path.display())]
    NotPermitted {
        /// What was being done.
        action: Action,
        /// To which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another refusal of the disk.
    #[error("{action} `{}`", path.display())]
    Disk {
        /// What was being done.
        action: Action,
        /// To which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A table's path is taken by something that is not a plain file.
    #[error("publish table `{table}`: `{}` is {found}, not a plain file", path.display())]
    NotAFile {
        /// The table.
        table: String,
        /// Its path.
        path: PathBuf,
        /// What is there, with its article.
        found: &'static str,
    },
    /// The path of a folder table is taken by something that this program did not make.
    #[error("publish table `{table}`: `{}` is {found}, not a table of this program", path.display())]
    NotOurs {
        /// The table.
        table: String,
        /// Its path.
        path: PathBuf,
        /// What is there, with its article.
        found: &'static str,
    },
    /// The rows of a published table cannot be continued with other columns.
    #[error("append to `{}`: its columns and those of this run do not go together: {difference}", path.display())]
    OtherColumns {
        /// The table's path.
        path: PathBuf,
        /// The columns that differ.
        difference: String,
    },
    /// A published table is cut into other folders than this run would.
    #[error("append to `{}`: it is partitioned by {published}, this run by {wanted}", path.display())]
    OtherPartitions {
        /// The table's path.
        path: PathBuf,
        /// Columns of what is there, or `nothing`.
        published: String,
        /// Columns of this run.
        wanted: String,
    },
    /// A Delta table, in a build that knows none.
    #[error("open `{}`: it is a Delta table, and this program was built without them", path.display())]
    NoDelta {
        /// The table's path.
        path: PathBuf,
    },
    /// A Delta table that a load does not go together with.
    #[error("publish into Delta table `{}`: {difference}", path.display())]
    OtherDelta {
        /// The table's path.
        path: PathBuf,
        /// What is there, and what would come.
        difference: String,
    },
    /// The log of a Delta table, or what keeps it, refused.
    #[error("{what} Delta table `{}`", path.display())]
    Delta {
        /// What was being done.
        what: &'static str,
        /// The table's path.
        path: PathBuf,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Others commit to a Delta table faster than this run can follow.
    #[error("commit to Delta table `{}`: others were first {tries} times", path.display())]
    DeltaBusy {
        /// The table's path.
        path: PathBuf,
        /// How often it was tried.
        tries: u32,
    },
    /// What is known of a folder table and what is in it differ.
    #[error("append to `{}`: {missing} is gone from it", path.display())]
    Incomplete {
        /// The table's path.
        path: PathBuf,
        /// A file, or what the manifest is.
        missing: String,
    },
    /// A table of more files than one may have.
    #[error("append to `{}`: it would have more than {most} files", path.display())]
    TooManyFiles {
        /// The table's path.
        path: PathBuf,
        /// The limit.
        most: usize,
    },
    /// A column has more values than a table may have folders.
    #[error("write table `{table}`: `partition_by` gives more than {most} folders")]
    TooManyPartitions {
        /// The table.
        table: String,
        /// The limit.
        most: usize,
    },
    /// A value that no folder can be named after.
    #[error("write table `{table}`: a value of `{column}` is too long to name a folder: {length} bytes")]
    PartitionName {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Bytes of the name that it would need.
        length: usize,
    },
    /// A path that names no file, such as `/` or `..`, or that is not UTF-8.
    #[error("publish table `{table}`: `{}` cannot be the path of a table: {reason}", path.display())]
    BadPath {
        /// The table.
        table: String,
        /// Its path.
        path: PathBuf,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// Two tables of one run want the same file.
    #[error("publish tables `{first}` and `{second}`: both go to `{}`", path.display())]
    SamePath {
        /// One table.
        first: String,
        /// The other.
        second: String,
        /// The file.
        path: PathBuf,
    },
    /// A column of a type that tables cannot have.
    #[error("write table `{table}`: column `{column}` has type {data_type}, which tables cannot have")]
    UnsupportedColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its type.
        data_type: DataType,
    },
    /// A batch that does not have the table's columns.
    #[error("write table `{table}`: a batch does not have its columns: expected {expected}, found {found}")]
    SchemaMismatch {
        /// The table.
        table: String,
        /// The first column that differs, as declared.
        expected: String,
        /// The same as it came.
        found: String,
    },
    /// The format refused.
    #[error("encode table `{table}` into `{}`", path.display())]
    Encode {
        /// The table.
        table: String,
        /// The staged file.
        path: PathBuf,
        /// What it said.
        source: FormatError,
    },
    /// Another run of the same pipeline is under way.
    #[error("lock pipeline `{pipeline}`: held by {holder}")]
    Locked {
        /// The pipeline.
        pipeline: String,
        /// Who holds it.
        holder: Box<Holder>,
    },
    /// Another pipeline is publishing the same table, and has been for longer than a publish takes.
    #[error("lock table `{}`: another run has been publishing it for more than {waited:?}", path.display())]
    TableLocked {
        /// The table's path.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// The published table came from somewhere else.
    #[error("publish `{}`: it holds data of {published}, this run reads {wanted}", path.display())]
    OtherSource {
        /// The table's path.
        path: PathBuf,
        /// The source in its manifest.
        published: String,
        /// The source of this run.
        wanted: String,
    },
    /// An object store, in a build that knows none.
    #[error("open `{url}`: this program was built without object stores")]
    NoStores {
        /// The address.
        url: String,
    },
    /// An object store did not do it.
    #[error("{doing} `{url}`: {trouble}{said}")]
    Store {
        /// What was being done.
        doing: &'static str,
        /// The address.
        url: String,
        /// Why not, by meaning.
        trouble: StoreTrouble,
        /// The store's own word, in parentheses, or nothing.
        said: String,
    },
    /// Somebody else has published a table in an object store since the run began.
    #[error("publish `{url}`: somebody else was first: {by}")]
    OtherWriter {
        /// The address.
        url: String,
        /// Who.
        by: String,
    },
    /// A manifest, the journal or the list of staged files does not read as one.
    #[error("read {kind} `{}`", path.display())]
    BadRecord {
        /// What it should be.
        kind: &'static str,
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A record of another version of this program.
    #[error("read {kind} `{}`: version {found}, this program knows {known}", path.display())]
    RecordVersion {
        /// What it is.
        kind: &'static str,
        /// Where it is.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The publish is decided and could not be carried through: some tables may be new, others old. The
    /// next start goes on with it.
    #[error("finish the publish in `{}`", journal.display())]
    Unfinished {
        /// The journal that the next start reads.
        journal: PathBuf,
        /// What stopped it.
        source: Box<SinkError>,
    },
}

impl SinkError {
    /// What the system answered to `action` on `path`, by meaning.
    pub(super) fn disk(action: Action, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { action, path, source },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NotPermitted { action, path, source }
            }
            _ => Self::Disk { action, path, source },
        }
    }
}
