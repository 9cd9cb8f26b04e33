//! What a manifest holds of columns, files and loads.
//!
//! Does not belong here: the manifest itself and where it lies (`manifest`).
//!
//! Invariant: plain data, in which a later version only adds.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::manifest::timestamp;
use super::ranges::KeyRange;
use crate::spec::Mode;

/// A column of a published table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// Its type, in the words of a pipeline file.
    #[serde(rename = "type")]
    pub column_type: String,
    /// Whether no row is null.
    pub required: bool,
}

/// One state of a folder table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Its name, which its folder and its newest files have.
    pub name: String,
    /// The one before it, which stays until the next load.
    pub previous: Option<String>,
    /// How it came from that.
    pub mode: Mode,
    /// Columns that are in the names of folders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partition_by: Vec<String>,
}

/// One data file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Its place in the table's folder; its name, where it is the table.
    pub path: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Digest of its bytes.
    pub digest: String,
    /// The run whose rows these are.
    pub run: String,
    /// What its columns lie between.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<KeyRange>,
}

/// One publish of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// The run.
    pub run: String,
    /// Its pipeline.
    pub pipeline: String,
    /// When its last row was written.
    #[serde(with = "timestamp")]
    pub finished_at: Timestamp,
    /// Of a folder table, the generation that it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<String>,
    /// What it did with the rows that were there.
    pub mode: Mode,
    /// Rows that it brought.
    pub rows: u64,
    /// Rows of the table after it.
    pub table_rows: u64,
    /// Files of the table after it.
    pub files: usize,
    /// Size of the table after it.
    pub bytes: u64,
    /// Fingerprint of its schema.
    pub schema_fingerprint: String,
}
