//! Where columns rest: a Parquet or Arrow file for each table, or a folder of them, made visible together with all tables of
//! the run.
//!
//! ```text
//!  batches ─▶ TableWriter ─▶ .films.parquet.<hex>.tmp  ─┐
//!  batches ─▶ TableWriter ─▶ .cast.gen/.<hex>.tmp/part… ─┴─▶ Commit::publish ─▶ films.parquet, cast ─▶ .cast.gen/<run>
//! ```
//!
//! Belongs here: the bytes of a data file, staging, locks, the publish journal, manifests. Does not
//! belong here: how a document becomes columns (`crate::project`), and when a run may publish
//! (`crate::run`). Everything here blocks; it runs on threads of its own, never on the async ones.
//!
//! Invariant: at every moment a table's path holds nothing or one complete table, and after a start the
//! tables of a run are all old or all new. The steps are in `docs/architecture/commit.md`.

mod arrow_file;
mod assembly;
mod commit;
mod commit_delta;
#[cfg(feature = "delta")]
mod delta;
#[cfg(not(feature = "delta"))]
#[path = "delta_absent.rs"]
mod delta;
mod delta_entry;
mod disk;
mod encode;
mod error;
mod evolution;
mod facts;
mod folder;
mod generation;
mod journal;
mod lock;
mod manifest;
mod nulls;
mod outcome;
mod parquet_file;
mod part;
mod partition;
mod ranges;
mod read;
#[cfg(feature = "cloud")]
mod remote;
#[cfg(not(feature = "cloud"))]
#[path = "remote_absent.rs"]
mod remote;
mod remote_entry;
mod schema;
mod shape;
mod sort;
mod staged;
mod store_trouble;
mod unfinished;
mod upsert_spec;
mod watermark;
mod writer;

#[cfg(test)]
mod commit_tests;
#[cfg(test)]
mod conformance_tests;
#[cfg(test)]
mod folder_tests;
#[cfg(test)]
mod nested_tests;

use std::path::PathBuf;

use arrow::datatypes::SchemaRef;

use crate::spec::{Format, Layout, SortKey};

pub use commit::Commit;
pub use encode::{FormatError, TOOL_VERSION};
pub use error::{Action, SinkError};
pub use facts::{FileFacts, Generation, Load, TableColumn};
pub use lock::{Holder, Lock};
pub use manifest::{Manifest, RunFacts, check_source, known_manifest, read_manifest, shown_manifest};
pub use nulls::ColumnFacts;
pub use outcome::{PublishedTable, Recovered};
pub use parquet_file::{ROW_GROUP_BYTES_MAX, ROW_GROUP_ROWS};
pub use ranges::KeyRange;
pub use read::{
    FOLDER_FILES_MAX, FileFormat, Folder, ReadError, TableFile, delta_files, first_rows, is_folder,
    look_through, read_table, type_words, widest,
};
pub use schema::fingerprint;
pub use staged::StagedTable;
pub use store_trouble::StoreTrouble;
pub use unfinished::Unfinished;
pub use upsert_spec::{GoneSpec, UpsertSpec};
pub use watermark::{Watermark, Watermarks};
pub use writer::TableWriter;

/// A table to write.
#[derive(Clone, Debug)]
pub struct TableSpec {
    /// Its name: the project stage.
    pub name: String,
    /// Where it is to appear; relative to the working directory, or absolute.
    pub path: PathBuf,
    /// Its columns: every batch must have exactly these.
    pub schema: SchemaRef,
    /// What each column is made from, in words that change with it; a later start compares them. May be shorter
    /// than the columns, which then have none.
    pub definitions: Vec<String>,
    /// Format and codec of its files.
    pub format: Format,
    /// Whether it is one file, or a folder of files.
    pub layout: Layout,
    /// The order of its rows, or within each folder of a partitioned table; without it that in which they come.
    pub sort_by: Vec<SortKey>,
    /// Of a table in which rows take the place of others: how they are told apart.
    pub upsert: Option<UpsertSpec>,
    /// Name of the pipeline, which the file's metadata hold.
    pub pipeline: String,
}
