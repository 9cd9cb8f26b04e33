//! What can be wrong with a file of items, and what to do about each.
//!
//! Invariant: what is wrong within a file names its line, and the column where there is one.

use std::fmt;
use std::io;
use std::path::PathBuf;

use parquet::errors::ParquetError;

use super::LINE_BYTES_MAX;
use crate::spec::{FileFormat, clip};

/// Why a seed's file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("read `{}`: {fault}", .path.display())]
pub struct SeedFileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: SeedFileFault,
}

/// What is wrong with a seed's file.
#[derive(Debug, thiserror::Error)]
pub enum SeedFileFault {
    /// It is not there.
    #[error("there is no such file")]
    Missing,
    /// It is a folder.
    #[error("it is a folder")]
    Folder,
    /// The system does not give it.
    #[error("{0}")]
    Io(io::Error),
    /// It ends within its compressed data, or that is damaged.
    #[error("its gzip data is damaged or cut off: {0}")]
    Gzip(io::Error),
    /// A byte that is no UTF-8.
    #[error("line {line}{} is not UTF-8", Column(column))]
    NotUtf8 {
        /// Where.
        line: u64,
        /// In which column.
        column: Option<String>,
    },
    /// It starts with the mark of UTF-16.
    #[error("it is UTF-16")]
    Utf16,
    /// A csv file without any line.
    #[error("it is empty, without the line that names its columns")]
    NoHeader,
    /// The first line of a csv file names no column: all of it is numbers.
    #[error("line 1 names no columns, it has values: {first}")]
    HeaderOfValues {
        /// What it has.
        first: String,
    },
    /// Two columns of one name.
    #[error("columns {first} and {second} are both called `{name}`")]
    DuplicateColumn {
        /// The name.
        name: String,
        /// Place of the first, from 1.
        first: usize,
        /// Place of the second.
        second: usize,
    },
    /// The column that is asked for is not there.
    #[error("it has no {} `{name}`; it has {}", noun(*.format), list(.columns))]
    NoColumn {
        /// What was asked for.
        name: String,
        /// Decides the word for a column.
        format: FileFormat,
        /// The columns that are there, in their order.
        columns: Vec<String>,
        /// The one that may have been meant.
        nearest: Option<String>,
        /// Whether a fetch asks for it, and not `column`.
        by_fetch: bool,
    },
    /// A row with more or fewer fields than the header.
    #[error("line {line} has {fields}, and the header has {header}")]
    Ragged {
        /// Where.
        line: u64,
        /// Its fields.
        fields: u64,
        /// The header's.
        header: u64,
    },
    /// A line without an end in sight.
    #[error("line {line} is longer than {LINE_BYTES_MAX} bytes")]
    TooLong {
        /// Where.
        line: u64,
    },
    /// A line that is no JSON value.
    #[error("line {line}, character {character} is not JSON")]
    NotJson {
        /// Where.
        line: u64,
        /// Where in it, from 1.
        character: usize,
        /// The file starts with a bracket: it may be one value over many lines.
        whole: bool,
    },
    /// A value that can be no id.
    #[error("line {line}{} has {found}, and an id is a whole number or text", Column(column))]
    NotAnId {
        /// Where.
        line: u64,
        /// In which column.
        column: Option<String>,
        /// What is there.
        found: String,
    },
    /// Lines that are put into another order could not be kept on disk.
    #[error("keep its lines while they are ranked: {0}")]
    Spool(io::Error),
    /// What Parquet says.
    #[error("{0}")]
    Parquet(ParquetError),
    /// A column whose values cannot be used.
    #[error("its column `{column}` is {data_type}")]
    UnusableColumn {
        /// Which.
        column: String,
        /// Its type in Arrow's words.
        data_type: String,
    },
}

impl SeedFileFault {
    /// Whether the system failed, and not the file or its name.
    pub fn is_system(&self) -> bool {
        matches!(self, Self::Io(_) | Self::Spool(_))
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing => "a path is relative to the folder in which the command runs".to_owned(),
            Self::Folder => "name one file in it, or make a seed of each".to_owned(),
            Self::Io(_) => "see that it can be read by the user who runs this".to_owned(),
            Self::Gzip(_) => "fetch it again; `gzip -t` checks it".to_owned(),
            Self::NotUtf8 { .. } => {
                "save it as UTF-8, as in `iconv -f latin1 -t utf-8 FILE`".to_owned()
            }
            Self::Utf16 => "save it as UTF-8, as in `iconv -f utf-16 -t utf-8 FILE`".to_owned(),
            Self::NoHeader => "write a first line that names the columns, such as `id`".to_owned(),
            Self::HeaderOfValues { .. } => {
                "write a line above it that names the columns, such as `id`; a list of bare numbers can be read as it is by `format: jsonl`".to_owned()
            }
            Self::DuplicateColumn { .. } => "give each a name of its own, or name another `column`".to_owned(),
            Self::NoColumn { columns, nearest, by_fetch, .. } => no_column(columns, nearest.as_deref(), *by_fetch),
            Self::Ragged { .. } => {
                "put a value that holds the separator into double quotes; a quote in it is written twice".to_owned()
            }
            Self::TooLong { .. } => {
                "in csv a double quote may be open; in jsonl every value has a line of its own".to_owned()
            }
            Self::NotJson { whole: true, .. } => {
                "one value over many lines is no jsonl: `jq -c '.[]' FILE` writes each element on a line".to_owned()
            }
            Self::NotJson { whole: false, .. } => "every line of jsonl is one JSON value".to_owned(),
            Self::NotAnId { .. } => {
                "correct it, name another `column`, or leave `column` out to have every field".to_owned()
            }
            Self::Spool(_) => "TMPDIR names the folder for temporary files".to_owned(),
            Self::Parquet(_) => "see that it is a whole Parquet file; `format:` says if it is something else".to_owned(),
            Self::UnusableColumn { .. } => {
                "name a `column` of numbers or text, or write this one as text".to_owned()
            }
        }
    }
}

fn no_column(columns: &[String], nearest: Option<&str>, by_fetch: bool) -> String {
    let separated =
        columns.iter().find_map(|name| [';', '\t', '|'].into_iter().find(|mark| name.contains(*mark)));
    match (separated, nearest) {
        (Some('\t'), _) => "the columns are separated by tabs: say `format: tsv`".to_owned(),
        (Some(mark), _) => {
            format!("the columns seem to be separated by `{mark}`: write the file with commas")
        }
        (None, Some(nearest)) if by_fetch => {
            format!(
                "did you mean `{{{nearest}}}` in the `path` of the fetch? or take one column as the id by `column:`"
            )
        }
        (None, Some(nearest)) => format!("did you mean `column: {nearest}`?"),
        (None, None) if by_fetch => {
            "the `path` of the fetch asks for it; name the column that has the ids by `column:`".to_owned()
        }
        (None, None) => "name one of these".to_owned(),
    }
}

fn noun(format: FileFormat) -> &'static str {
    if format == FileFormat::Jsonl { "field" } else { "column" }
}

/// Names as people list them, the first dozen.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 12;
    if names.is_empty() {
        return "none".to_owned();
    }
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{}`", clip(name))).collect();
    let more = if names.len() > SHOWN { format!(" and {} more", names.len() - SHOWN) } else { String::new() };
    shown.join(", ") + &more
}

/// `, column `id``, where there is one.
struct Column<'a>(&'a Option<String>);

impl fmt::Display for Column<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, ", column `{}`,", clip(name)),
            None => Ok(()),
        }
    }
}
