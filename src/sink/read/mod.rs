//! Reading tables back, also those that others wrote: what a file says about itself, and its first rows.
//!
//! Belongs here: telling formats apart, schema, counts and rows as plain values. Does not belong here: how they are
//! shown (`crate::cli`).
//!
//! Invariant: whatever the bytes are, the answer is a table or a [`ReadError`]; what is held follows from the
//! footer and the rows asked for, and in an Arrow file from its largest batch.

mod handle;
mod of_arrow;
mod of_parquet;
mod value;
mod widest;
mod words;

use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use serde_json::Value;

use self::handle::Handle;
use super::delta;
use super::encode::FormatError;
use super::error::SinkError;
use super::shape::is_delta;
use crate::spec::StoreUrl;

pub use widest::widest;
pub use words::type_words;

/// Endings of files that hold tables, for looking through a folder.
const ENDINGS: [&str; 4] = ["parquet", "arrow", "feather", "ipc"];

/// Files of a folder that are looked at: what holds more is not a folder of tables, and each file costs a read.
pub const FOLDER_FILES_MAX: usize = 10_000;

/// Levels of partitions that are looked through: twice what this program makes.
const PARTITION_LEVELS_MAX: usize = 8;

/// The format of a file, by its first and last bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Parquet.
    Parquet,
    /// An Arrow IPC file, which is also what Feather 2 is.
    Arrow,
}

impl FileFormat {
    /// Its name, as in a pipeline file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }
}

/// What a file says about itself.
#[derive(Clone, Debug)]
pub struct TableFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub format: FileFormat,
    /// Its size.
    pub bytes: u64,
    /// Rows.
    pub rows: u64,
    /// Row groups of a Parquet file, batches of an Arrow file.
    pub groups: u64,
    /// Codecs that occur in it, each once; `none` is one.
    pub codecs: Vec<String>,
    /// Columns.
    pub schema: SchemaRef,
    /// Nulls of each column where the file says it.
    pub nulls: Vec<Option<u64>>,
    /// The program that wrote it, in its own words.
    pub written_by: Option<String>,
    /// Keys and values that its writer left, without the copy of the schema that Arrow keeps there.
    pub metadata: Vec<(String, String)>,
}

/// What is in a folder.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    /// Files that end like tables, by name.
    pub tables: Vec<PathBuf>,
    /// Folders in it, by name.
    pub folders: Vec<PathBuf>,
}

/// Why there is no table to read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Nothing is there.
    #[error("read `{}`: there is no such {}", path.display(), if StoreUrl::is_meant(path) { "object" } else { "file or folder" })]
    Missing {
        /// Where.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("read `{}`", path.display())]
    Refused {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A device, a pipe or a socket.
    #[error("read `{}`: it is neither a file nor a folder", path.display())]
    NotAFile {
        /// Where.
        path: PathBuf,
    },
    /// No bytes.
    #[error("read `{}`: the file is empty, of 0 bytes", path.display())]
    Empty {
        /// Where.
        path: PathBuf,
    },
    /// Another kind of file.
    #[error("read `{}`: not a table: it is {what}", path.display())]
    NotATable {
        /// Where.
        path: PathBuf,
        /// What it looks like, with its article.
        what: &'static str,
    },
    /// Its beginning is there, its end is not.
    #[error("read `{}`: it begins as {} and has no end", path.display(), if *format == FileFormat::Parquet { "a Parquet file" } else { "an Arrow file" })]
    CutOff {
        /// Where.
        path: PathBuf,
        /// As what it begins.
        format: FileFormat,
    },
    /// Both ends are there, and what is between does not fit, or needs what this program does not have.
    #[error("read `{}`: this {} file cannot be decoded", path.display(), if *format == FileFormat::Parquet { "Parquet" } else { "Arrow" })]
    Damaged {
        /// Where.
        path: PathBuf,
        /// What it is.
        format: FileFormat,
        /// What the decoder said; it may have said nothing.
        source: Option<FormatError>,
    },
    /// A folder without tables.
    #[error("read `{}`: no table is in this folder", path.display())]
    NoTables {
        /// Where.
        path: PathBuf,
        /// Folders in it.
        folders: Vec<PathBuf>,
    },
    /// A Delta table in which no file counts.
    #[error("read `{}`: the Delta table has no rows", path.display())]
    NoRows {
        /// Where.
        path: PathBuf,
    },
    /// An object store, or the log of a Delta table, does not let it be read.
    #[error(transparent)]
    Store(#[from] SinkError),
    /// A folder with more files than anybody looks at.
    #[error("read `{}`: more than {FOLDER_FILES_MAX} files are in this folder", path.display())]
    TooManyFiles {
        /// Where.
        path: PathBuf,
    },
}

/// Whether `path` is a folder (or a link to one), or a file.
pub fn is_folder(path: &Path) -> Result<bool, ReadError> {
    if StoreUrl::is_meant(path) {
        // A store has no folders; what is no object there is told when it is opened.
        return Ok(false);
    }
    let found = fs::metadata(path).map_err(|source| refused(path, source))?;
    if found.is_dir() || found.is_file() {
        Ok(found.is_dir())
    } else {
        Err(ReadError::NotAFile { path: path.to_owned() })
    }
}

/// The files that count in the Delta table at `path`, those in a store by their addresses, and nothing if no such table is there.
pub fn delta_files(path: &Path) -> Result<Option<Vec<PathBuf>>, ReadError> {
    if !is_delta(path)? {
        return Ok(None);
    }
    let files = delta::live_files(path)?;
    if files.is_empty() {
        return Err(ReadError::NoRows { path: path.to_owned() });
    }
    Ok(Some(files))
}

/// Looks through a folder, and through those in it that are named like partitions (`year=1999`). Hidden files are none of its
/// tables; neither are those that begin with `_`, which others write beside theirs (`_SUCCESS`, `_metadata`).
pub fn look_through(path: &Path) -> Result<Folder, ReadError> {
    let mut folder = Folder::default();
    look_into(path, path, PARTITION_LEVELS_MAX, &mut folder)?;
    folder.tables.sort();
    folder.folders.sort();
    if folder.tables.is_empty() {
        return Err(ReadError::NoTables { path: path.to_owned(), folders: folder.folders });
    }
    Ok(folder)
}

fn look_into(top: &Path, path: &Path, levels: usize, folder: &mut Folder) -> Result<(), ReadError> {
    for entry in fs::read_dir(path).map_err(|source| refused(path, source))? {
        let entry = entry.map_err(|source| refused(path, source))?.path();
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(['.', '_']) {
            continue;
        }
        if entry.is_dir() {
            if name.contains('=') && levels > 0 {
                look_into(top, &entry, levels - 1, folder)?;
            } else {
                folder.folders.push(entry);
            }
        } else if ends_like_a_table(&entry) {
            folder.tables.push(entry);
        }
        if folder.tables.len() > FOLDER_FILES_MAX {
            return Err(ReadError::TooManyFiles { path: top.to_owned() });
        }
    }
    Ok(())
}

/// Whether a name is one of a data file.
pub(super) fn ends_like_a_table(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// Reads what the file at `path` says about itself, whatever its name.
pub fn read_table(path: &Path) -> Result<TableFile, ReadError> {
    if is_folder(path)? {
        return Err(ReadError::NotAFile { path: path.to_owned() });
    }
    let file = Handle::open(path)?;
    let format = recognise(path, &file).map_err(|source| refused(path, source))??;
    decode(path, format, || match format {
        FileFormat::Parquet => of_parquet::table(path, &file),
        FileFormat::Arrow => of_arrow::table(path, &file),
    })
}

/// The first rows of a table, at most `rows`, each with a value for each column.
pub fn first_rows(table: &TableFile, rows: usize) -> Result<Vec<Vec<Value>>, ReadError> {
    if rows == 0 || table.rows == 0 {
        return Ok(Vec::new());
    }
    let file = Handle::open(&table.path)?;
    decode(&table.path, table.format, || {
        let batches: Vec<RecordBatch> = match table.format {
            FileFormat::Parquet => of_parquet::first_batches(&file, rows)?,
            FileFormat::Arrow => of_arrow::first_batches(&file, rows)?,
        };
        let mut values = Vec::new();
        for batch in batches {
            for row in 0..batch.num_rows().min(rows - values.len()) {
                let cells = batch.columns().iter().map(|column| value::value(column, row));
                values.push(cells.collect::<Result<Vec<Value>, _>>()?);
            }
        }
        Ok(values)
    })
}

fn refused(path: &Path, source: io::Error) -> ReadError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ReadError::Missing { path },
        _ => ReadError::Refused { path, source },
    }
}

/// Decoders answer damaged bytes with an error nearly always; where they panic, that is an answer, too.
fn decode<T>(
    path: &Path,
    format: FileFormat,
    work: impl FnOnce() -> Result<T, FormatError>,
) -> Result<T, ReadError> {
    let damaged = |source| ReadError::Damaged { path: path.to_owned(), format, source };
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|source| damaged(Some(source))),
        Err(_) => Err(damaged(None)),
    }
}

/// Which format it is, or what it is instead.
fn recognise(path: &Path, mut file: &Handle) -> io::Result<Result<FileFormat, ReadError>> {
    const ENDS: usize = 8;
    let mut head = Vec::with_capacity(256);
    file.take(256).read_to_end(&mut head)?;
    let length = file.bytes()?;
    let mut tail = Vec::with_capacity(ENDS);
    file.seek(SeekFrom::Start(length.saturating_sub(ENDS as u64)))?;
    file.take(ENDS as u64).read_to_end(&mut tail)?;
    let path = path.to_owned();
    let ended = |magic: &[u8], format| {
        // The shortest files have a magic at both ends, and the length of a footer before the last.
        let whole = tail.ends_with(magic) && length >= 2 * magic.len() as u64 + 4;
        if whole { Ok(format) } else { Err(ReadError::CutOff { path: path.clone(), format }) }
    };
    Ok(if head.is_empty() {
        Err(ReadError::Empty { path })
    } else if head.starts_with(b"PAR1") {
        ended(b"PAR1", FileFormat::Parquet)
    } else if head.starts_with(b"ARROW1") {
        ended(b"ARROW1", FileFormat::Arrow)
    } else {
        Err(ReadError::NotATable { path, what: kind_of(&head) })
    })
}

/// What bytes that are no table look like.
fn kind_of(head: &[u8]) -> &'static str {
    const KINDS: [(&[u8], &str); 8] = [
        (b"PARE", "an encrypted Parquet file"),
        (b"FEA1", "a Feather file of version 1, which nothing writes any more"),
        (&[0xff, 0xff, 0xff, 0xff], "an Arrow stream, not an Arrow file"),
        (b"ORC", "an ORC file"),
        (b"Obj\x01", "an Avro file"),
        (&[0x1f, 0x8b], "compressed with gzip"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"SQLite format 3", "an SQLite database"),
    ];
    if let Some((_, what)) = KINDS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return what;
    }
    // A character may be cut at the end of what was read.
    let text = match std::str::from_utf8(head) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&head[..error.valid_up_to()]).ok(),
        Err(_) => None,
    };
    match text {
        Some(text) if text.trim_start().starts_with(['{', '[']) => "JSON text",
        Some(text) if !text.contains('\0') => "text",
        _ => "of a format that is not known here",
    }
}

#[cfg(test)]
mod tests;
