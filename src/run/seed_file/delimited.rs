//! Rows of csv and tsv files (RFC 4180): the first line names the columns, a quoted value may hold line ends.
//!
//! Whitespace around names and values is dropped. A whole number in canonical form becomes a number, all else
//! stays text: `007` and `+7` are names, not numbers. A column without a name is no field: that is how an index
//! is written. An empty value is null, and a row without any value is skipped.

use std::path::Path;

use csv::{ByteRecord, ErrorKind, ReaderBuilder};
use serde_json::{Map, Value};

use super::bytes::{self, Metered, RecordTooLong};
use super::error::SeedFileFault;
use super::{Row, Wanted, bytes_of, missing, with_id};
use crate::spec::{FileFormat, clip};

/// An open csv or tsv file.
pub(super) struct Delimited {
    reader: csv::Reader<Metered>,
    record: ByteRecord,
    columns: Vec<String>,
    /// The column that is the id.
    id: Option<usize>,
}

impl Delimited {
    /// Opens the file and reads its header.
    pub(super) fn open(path: &Path, wanted: &Wanted) -> Result<Self, SeedFileFault> {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .delimiter(if wanted.format == FileFormat::Tsv { b'\t' } else { b',' })
            .from_reader(Metered::new(bytes::text(path)?));
        let mut file = Self { reader, record: ByteRecord::new(), columns: Vec::new(), id: None };
        if !file.read()? {
            return Err(SeedFileFault::NoHeader);
        }
        file.columns = (0..file.record.len())
            .map(|at| file.text(at, None).map(str::to_owned))
            .collect::<Result<_, _>>()?;
        file.check(wanted)?;
        Ok(file)
    }

    /// Judges the header.
    fn check(&mut self, wanted: &Wanted) -> Result<(), SeedFileFault> {
        let named = |name: &str| self.columns.iter().filter(|column| *column == name).count();
        let asked = wanted.asked();
        let lacks = asked.iter().find(|name| named(name) == 0);
        if let Some(name) = lacks {
            let values = self.columns.iter().all(|column| column.parse::<f64>().is_ok());
            return Err(if values {
                SeedFileFault::HeaderOfValues { first: clip(&self.columns.join(", ")) }
            } else {
                missing(name, wanted, self.columns.clone())
            });
        }
        // Another column of an item that stands twice would be one of both by chance.
        let doubtful = self.columns.iter().enumerate().find(|(_, name)| {
            !name.is_empty() && named(name) > 1 && (wanted.column.is_none() || asked.contains(&name.as_str()))
        });
        if let Some((first, name)) = doubtful {
            let second = self.columns.iter().rposition(|other| other == name).unwrap_or(first);
            return Err(SeedFileFault::DuplicateColumn {
                name: name.clone(),
                first: first + 1,
                second: second + 1,
            });
        }
        self.id =
            wanted.column.as_ref().and_then(|name| self.columns.iter().position(|column| column == name));
        Ok(())
    }

    /// The next row.
    pub(super) fn next(&mut self) -> Result<Option<Row>, SeedFileFault> {
        if !self.read()? {
            return Ok(None);
        }
        let Some(id) = self.id else { return self.item().map(Some) };
        let text = self.text(id, Some(id))?;
        if text.is_empty() {
            return Ok(Some(Row::Empty));
        }
        if text.contains(['\n', '\r']) {
            let (line, column) = (self.line(), Some(self.columns[id].clone()));
            let found = "text of several lines (is a double quote open?)".to_owned();
            return Err(SeedFileFault::NotAnId { line, column, found });
        }
        Ok(Some(Row::Item(with_id(value(text)))))
    }

    /// The row with all of its fields.
    fn item(&self) -> Result<Row, SeedFileFault> {
        let mut fields = Map::new();
        for (at, name) in self.columns.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            fields.insert(name.clone(), value(self.text(at, Some(at))?));
        }
        let empty = fields.values().all(Value::is_null);
        Ok(if empty { Row::Empty } else { Row::Item(bytes_of(&Value::Object(fields))) })
    }

    /// Reads a record; whether there was one.
    fn read(&mut self) -> Result<bool, SeedFileFault> {
        self.reader.get_mut().begin();
        let result = self.reader.read_byte_record(&mut self.record);
        result.map_err(|error| match error.into_kind() {
            ErrorKind::UnequalLengths { expected_len: header, len: fields, .. } => {
                SeedFileFault::Ragged { line: self.line(), fields, header }
            }
            ErrorKind::Io(error)
                if error
                    .get_ref()
                    .is_some_and(<dyn std::error::Error + Send + Sync>::is::<RecordTooLong>) =>
            {
                SeedFileFault::TooLong { line: self.record.position().map_or(1, csv::Position::line) }
            }
            ErrorKind::Io(error) => bytes::of_io(error),
            other => unreachable!("bytes are read as they are, and nothing is sought or decoded: {other:?}"),
        })
    }

    fn text(&self, at: usize, column: Option<usize>) -> Result<&str, SeedFileFault> {
        std::str::from_utf8(self.record[at].trim_ascii()).map_err(|_| SeedFileFault::NotUtf8 {
            line: self.line(),
            column: column.map(|at| self.columns[at].clone()),
        })
    }

    /// The line in which the record that was read last begins. The reader's own count stands before the blank
    /// lines above a record, and in the middle of a `\r\n`.
    fn line(&self) -> u64 {
        let end = self.reader.position();
        let last = end.line() - u64::from(self.reader.get_ref().ends_line(end.byte()));
        let within = self.record.as_slice().split(|byte| *byte == b'\n').count() - 1;
        last.saturating_sub(within as u64).max(1)
    }
}

/// A value as JSON.
fn value(text: &str) -> Value {
    match text.parse::<i64>() {
        _ if text.is_empty() => Value::Null,
        Ok(number) if number.to_string() == text => Value::from(number),
        _ => Value::from(text),
    }
}
