//! `format` and `compression` of an output, and how its rows are laid out in files.
//!
//! Invariant: a format stands with a codec that it has, and what only a folder can have stands in a folder; no other pair
//! can be written down.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The format of a table's file, with a codec that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Parquet; its pages are compressed.
    Parquet(ParquetCodec),
    /// An Arrow IPC file; the buffers of its batches are compressed.
    Arrow(ArrowCodec),
}

/// Codec of a Parquet file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParquetCodec {
    /// Zstandard, level 1.
    #[default]
    Zstd,
    /// Snappy, for readers without Zstandard.
    Snappy,
    /// None.
    None,
}

/// Codec of an Arrow file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ArrowCodec {
    /// None: a reader may map the file into memory and use it as it is.
    #[default]
    None,
    /// Zstandard, level 1.
    Zstd,
    /// LZ4 frames.
    Lz4,
}

impl Format {
    /// `format` as it is written in a pipeline file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet(_) => "parquet",
            Self::Arrow(_) => "arrow",
        }
    }

    /// `compression` as it is written in a pipeline file.
    pub fn compression(self) -> &'static str {
        match self {
            Self::Parquet(ParquetCodec::Zstd) | Self::Arrow(ArrowCodec::Zstd) => "zstd",
            Self::Parquet(ParquetCodec::Snappy) => "snappy",
            Self::Arrow(ArrowCodec::Lz4) => "lz4",
            Self::Parquet(ParquetCodec::None) | Self::Arrow(ArrowCodec::None) => "none",
        }
    }
}

/// What a table is on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// One file, replaced as a whole.
    #[default]
    File,
    /// A folder of files.
    Folder(FolderLayout),
    /// A Delta table: a folder of files, and a log that says which of them count.
    Delta(DeltaLayout),
}

impl Layout {
    /// How the folder is filled, where the table is one.
    pub fn folder(&self) -> Option<&FolderLayout> {
        match self {
            Self::File => None,
            Self::Folder(folder) => Some(folder),
            Self::Delta(delta) => Some(&delta.folder),
        }
    }
}

/// How a Delta table is filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeltaLayout {
    /// What it has in common with a folder of files.
    pub folder: FolderLayout,
    /// `key`: columns that tell rows apart; of [`Mode::Upsert`] only, where there is at least one.
    pub key: Vec<String>,
    /// `gone`: what becomes of rows whose item is no more.
    pub gone: Gone,
}

/// `gone`: what an upsert does with the rows of an item that answered with 404, or that a list of changes calls gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Gone {
    /// Leaves them as they are.
    #[default]
    Keep,
    /// Deletes them.
    Delete,
    /// Writes into this column when it was found out.
    Set(String),
}

/// How a folder is filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderLayout {
    /// `mode`: what becomes of the rows that are there.
    pub mode: Mode,
    /// `partition_by`: columns whose values name folders, in the order of their nesting.
    pub partition_by: Vec<String>,
    /// `target_file_size`: encoded bytes after which a file ends.
    pub target_file_bytes: u64,
}

/// `mode`: what a run does with the rows that its table has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Puts its own in their place.
    #[default]
    Overwrite,
    /// Adds its own.
    Append,
    /// Puts each in the place of the one with the same key; of Delta tables only.
    Upsert,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Overwrite => "overwrite",
            Self::Append => "append",
            Self::Upsert => "upsert",
        })
    }
}

/// One entry of `sort_by`. Nulls come last in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// The column.
    pub column: String,
    /// From the greatest to the least.
    pub descending: bool,
}
