//! Rows of jsonl files: a value on each line. An object is an item as it is, nested fields too, as in `items:`; a
//! number or a text is its `id`. Blank lines are nothing; a null, an empty text and, with `column`, a line
//! without that field are skipped and counted.

use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead as _, Read as _};
use std::path::Path;

use serde_json::{Number, Value};

use super::bytes::{self, Bytes};
use super::error::SeedFileFault;
use super::{LINE_BYTES_MAX, Row, Wanted, missing, with_id};
use crate::plan::expr::Json;
use crate::spec::clip;

/// Lines that are looked at before the run begins: a misspelt field shows in each of them.
const LINES_AHEAD: usize = 100;
/// Bytes of them.
const BYTES_AHEAD: usize = LINE_BYTES_MAX;
/// Whole numbers up to here are the same in a float.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// An open jsonl file.
pub(super) struct Lines {
    bytes: Bytes,
    /// Lines that were read.
    read: u64,
    /// Read, and not yet handed out.
    ahead: VecDeque<Line>,
    column: Option<String>,
    /// The first line opens a list or an object that it does not close.
    open_ended: bool,
    /// Fields that are asked for and that no line had so far, and what to say if none has one.
    unseen: Vec<(String, SeedFileFault)>,
}

struct Line {
    number: u64,
    text: Result<Vec<u8>, SeedFileFault>,
}

impl Lines {
    /// Opens the file and looks at its first lines.
    pub(super) fn open(path: &Path, wanted: &Wanted) -> Result<Self, SeedFileFault> {
        let column = wanted.column.clone();
        let mut file = Self {
            bytes: bytes::text(path)?,
            read: 0,
            ahead: VecDeque::new(),
            column,
            open_ended: false,
            unseen: Vec::new(),
        };
        let (mut names, mut objects, mut size, mut ended) = (BTreeSet::new(), false, 0, false);
        while file.ahead.len() < LINES_AHEAD && size < BYTES_AHEAD {
            let Some(line) = file.read()? else {
                ended = true;
                break;
            };
            size += line.text.as_ref().map_or(0, Vec::len);
            let seen = file.look(&line, &mut names, &mut objects);
            let first = file.ahead.is_empty();
            file.ahead.push_back(line);
            // What is wrong further down may lie behind what `--limit` takes.
            match seen {
                Err(fault) if first => return Err(fault),
                Err(_) => break,
                Ok(()) => {}
            }
        }
        if objects {
            let lacking = wanted.asked().into_iter().filter(|name| !names.contains(*name));
            for name in lacking {
                let fault = missing(name, wanted, names.iter().cloned().collect());
                // A field may be sparse, and first come further down; but not one whose neighbour is there, nor in a
                // file that ends here.
                if ended || matches!(&fault, SeedFileFault::NoColumn { nearest: Some(_), .. }) {
                    return Err(fault);
                }
                file.unseen.push((name.to_owned(), fault));
            }
        }
        Ok(file)
    }

    /// Lines that are items as they are.
    pub(super) fn of(bytes: Bytes) -> Self {
        Self { bytes, read: 0, ahead: VecDeque::new(), column: None, open_ended: false, unseen: Vec::new() }
    }

    /// Collects the names of a line's fields.
    fn look(
        &mut self,
        line: &Line,
        names: &mut BTreeSet<String>,
        objects: &mut bool,
    ) -> Result<(), SeedFileFault> {
        let Ok(text) = &line.text else { return Ok(()) };
        if line.number == 1 {
            let text = text.trim_ascii();
            self.open_ended = text.starts_with(b"[") || matches!(text, b"{");
        }
        match self.parse(line.number, text)?.to_value() {
            Value::Object(fields) => {
                *objects = true;
                names.extend(fields.into_iter().map(|(name, _)| name));
            }
            Value::Array(_) if self.open_ended => return Err(self.not_json(line.number, 1)),
            _ => {
                names.insert("id".to_owned());
            }
        }
        Ok(())
    }

    /// The next row.
    pub(super) fn next(&mut self) -> Result<Option<Row>, SeedFileFault> {
        let line = match self.ahead.pop_front() {
            Some(line) => Some(line),
            None => self.read()?,
        };
        let Some(Line { number, text }) = line else {
            return match self.unseen.pop() {
                Some((_, fault)) => Err(fault),
                None => Ok(None),
            };
        };
        let text = text?;
        let json = self.parse(number, &text)?;
        if !self.unseen.is_empty() && json.is_object() {
            self.unseen.retain(|(name, _)| json.field(name).is_none());
        }
        let value = match (&self.column, json.is_object()) {
            (None, true) => return Ok(Some(Row::Item(text))),
            (Some(name), true) => json.field(name).map_or(Value::Null, |json| json.to_value()),
            (_, false) => json.to_value(),
        };
        match id(value) {
            Ok(Some(id)) => Ok(Some(Row::Item(with_id(id)))),
            Ok(None) => Ok(Some(Row::Empty)),
            Err(found) => {
                let column = self.column.clone().filter(|_| json.is_object());
                Err(SeedFileFault::NotAnId { line: number, column, found })
            }
        }
    }

    /// The next line that is not blank.
    fn read(&mut self) -> Result<Option<Line>, SeedFileFault> {
        loop {
            let mut text = Vec::new();
            let most = LINE_BYTES_MAX as u64 + 1;
            let count = self.bytes.by_ref().take(most).read_until(b'\n', &mut text).map_err(bytes::of_io)?;
            if count == 0 {
                return Ok(None);
            }
            self.read += 1;
            let number = self.read;
            if count > LINE_BYTES_MAX && text.last() != Some(&b'\n') {
                return Ok(Some(Line { number, text: Err(SeedFileFault::TooLong { line: number }) }));
            }
            if !text.trim_ascii().is_empty() {
                return Ok(Some(Line { number, text: Ok(text) }));
            }
        }
    }

    fn parse(&self, line: u64, text: &[u8]) -> Result<Json, SeedFileFault> {
        let Ok(utf8) = std::str::from_utf8(text) else {
            return Err(SeedFileFault::NotUtf8 { line, column: None });
        };
        Json::parse(text).map_err(|fault| {
            let before = utf8.get(..fault.at).map_or(0, |before| before.chars().count());
            self.not_json(line, before + 1)
        })
    }

    fn not_json(&self, line: u64, character: usize) -> SeedFileFault {
        SeedFileFault::NotJson { line, character, whole: self.open_ended }
    }
}

/// A value as an id; `None` if there is none, an error that says what it is instead. Programs that know no
/// whole number beside a null write `603.0`.
pub(super) fn id(value: Value) -> Result<Option<Value>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(_) => Ok(Some(value)),
        Value::Number(number) => match whole(&number) {
            Some(number) => Ok(Some(Value::Number(number))),
            None => Err(format!("the number {number}")),
        },
        Value::Bool(truth) => Err(format!("the boolean {truth}")),
        Value::Array(_) => Err("a list".to_owned()),
        Value::Object(_) => Err(format!("the object {}", clip(&value.to_string()))),
    }
}

fn whole(number: &Number) -> Option<Number> {
    if number.is_i64() || number.is_u64() {
        return Some(number.clone());
    }
    let float = number.as_f64()?;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and small enough")]
    let whole = (float.fract() == 0.0 && float.abs() <= WHOLE_MAX).then_some(float as i64)?;
    Some(Number::from(whole))
}
