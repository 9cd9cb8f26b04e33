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

/// Answers by request.
#[derive(Debug, Default)]
pub(super) struct Recordings {
    /// As it was recorded.
    exact: HashMap<String, (u16, Bytes)>,
    /// Without what says no more than the default does, for requests that were not recorded as they are.
    near: HashMap<String, (u16, Bytes)>,
}

impl Recordings {
    pub(super) fn read(folder: &Path) -> Result<Self, RecordingsError> {
        let read = |path: PathBuf| match fs::read(&path) {
            Ok(bytes) => Ok(bytes),
            Err(source) => Err(RecordingsError::Read { path, source }),
        };
        let inside = folder.join(INDEX);
        let index = if inside.exists() { inside } else { folder.join("..").join(INDEX) };
        let index = String::from_utf8_lossy(&read(index)?).into_owned();
        let mut recordings = Self::default();
        for (at, text) in index.lines().enumerate().skip(1) {
            let fault = || RecordingsError::Line { line: at + 1 };
            let mut columns = text.split('\t');
            let (Some(request), Some(status), Some(file)) = (columns.next(), columns.next(), columns.next())
            else {
                return Err(fault());
            };
            let status = status.parse().map_err(|_| fault())?;
            let (path, query) = request.split_once('?').unwrap_or((request, ""));
            let request = Request::new(path, Some(query));
            let answer = (status, Bytes::from(read(folder.join(file))?));
            recordings.near.entry(request.without_defaults()).or_insert_with(|| answer.clone());
            recordings.exact.insert(request.canonical().to_owned(), answer);
        }
        Ok(recordings)
    }

    pub(super) fn answer(&self, request: &Request) -> Option<Answer> {
        let exact = self.exact.get(request.canonical());
        let (status, body) = exact.or_else(|| self.near.get(&request.without_defaults()))?;
        Some(Answer::recorded(*status, body.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_gets_what_was_recorded_for_it_before_what_is_as_good() {
        let folder = tempfile::tempdir().unwrap();
        let index = "request\tstatus\tfile\n/3/a\t200\tbare\n/3/a?language=en-US\t200\tlanguage\n/3/b?page=1\t404\tfirst\n";
        fs::write(folder.path().join(INDEX), index).unwrap();
        for file in ["bare", "language", "first"] {
            fs::write(folder.path().join(file), file).unwrap();
        }
        let recordings = Recordings::read(folder.path()).unwrap();
        let check = |query: &str, path: &str, expect: Option<&str>| {
            let answer = recordings.answer(&Request::new(path, Some(query)));
            assert_eq!(
                answer.map(|answer| answer.body),
                expect.map(|text| Bytes::from(text.to_owned())),
                "{path}?{query}"
            );
        };
        check("", "/3/a", Some("bare"));
        check("language=en-US", "/3/a", Some("language"));
        check("page=1", "/3/a", Some("bare"));
        check("language=de", "/3/a", None);
        check("language=en-US", "/3/b", Some("first"));
    }
}
