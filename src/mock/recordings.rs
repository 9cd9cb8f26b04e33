//! Real answers, replayed: a folder of bodies and an index of `request <TAB> status <TAB> file`.
//!
//! Read as a whole at the start, so that nothing waits for a disk later.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::answer::Answer;
use super::request::Request;

/// The index, in the folder or beside it.
const INDEX: &str = "index.tsv";

/// A folder of recordings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingsError {
    /// The index or a file that it names.
    #[error("read `{}`", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line that is not a request, a status and a file.
    #[error("line {line} of the index is not a request, a status and a file, separated by tabs")]
    Line {
        /// Counted from 1.
        line: usize,
    },
}

/// Answers by request, without what says no more than the default does.
#[derive(Debug)]
pub(super) struct Recordings(HashMap<String, (u16, Bytes)>);

impl Recordings {
    pub(super) fn read(folder: &Path) -> Result<Self, RecordingsError> {
        let read = |path: PathBuf| match fs::read(&path) {
            Ok(bytes) => Ok(bytes),
            Err(source) => Err(RecordingsError::Read { path, source }),
        };
        let inside = folder.join(INDEX);
        let index = if inside.exists() { inside } else { folder.join("..").join(INDEX) };
        let index = String::from_utf8_lossy(&read(index)?).into_owned();
        let mut answers = HashMap::new();
        for (at, text) in index.lines().enumerate().skip(1) {
            let fault = || RecordingsError::Line { line: at + 1 };
            let mut columns = text.split('\t');
            let (Some(request), Some(status), Some(file)) = (columns.next(), columns.next(), columns.next())
            else {
                return Err(fault());
            };
            let status = status.parse().map_err(|_| fault())?;
            let (path, query) = request.split_once('?').unwrap_or((request, ""));
            let request = Request::new(path, Some(query)).without_defaults();
            answers.insert(request, (status, read(folder.join(file))?.into()));
        }
        Ok(Self(answers))
    }

    pub(super) fn answer(&self, request: &Request) -> Option<Answer> {
        let (status, body) = self.0.get(&request.without_defaults())?;
        Some(Answer::recorded(*status, body.clone()))
    }
}
