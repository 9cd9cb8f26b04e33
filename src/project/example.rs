//! The first of many that went wrong: a count alone does not say what to change.
//!
//! Invariant: nothing is longer than a line can bear, whatever an answer holds.

use super::cell::Cell;
use super::coerce;
use crate::plan::Document;
use crate::plan::expr::EvalError;
use crate::spec::ColumnType;

/// Characters of a value or an item in a message.
const SHOWN_CHARS_MAX: usize = 80;

/// A value that did not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The column, or the path within it: `directors[1].name`.
    pub path: String,
    /// The same for every element of a list: `directors[].name`.
    pub place: String,
    /// The value as JSON, cut short.
    pub value: String,
    /// The type there.
    pub column_type: String,
    /// The item as JSON, cut short.
    pub item: String,
}

/// An expression that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What jq says, cut short.
    pub reason: String,
    /// The item as JSON, cut short.
    pub item: String,
}

impl Misfit {
    /// The first value in `cell` that does not fit, of which there is one.
    pub(super) fn find(column: &str, cell: &Cell<'_>, column_type: &ColumnType, document: &Document) -> Self {
        let mut path = column.to_owned();
        let (value, column_type) = coerce::misfit(cell, column_type, &mut path)
            .expect("what was counted a mismatch is found again by the same rules");
        Self {
            place: format!("{column}{}", without_indices(&path[column.len()..])),
            path,
            value: shown(value.text().into_owned()),
            column_type: column_type.to_string(),
            item: item(document),
        }
    }
}

impl Failure {
    /// `error` on `document`.
    pub(super) fn new(error: &EvalError, document: &Document) -> Self {
        Self { reason: error.short(), item: item(document) }
    }
}

/// `[1].name` as `[].name`; names of fields have no brackets.
fn without_indices(path: &str) -> String {
    let parts: Vec<&str> =
        path.split('[').map(|part| part.trim_start_matches(|sign: char| sign.is_ascii_digit())).collect();
    parts.join("[")
}

/// The item of a document, cut short.
pub(super) fn item(document: &Document) -> String {
    shown(document.item.fields.to_string())
}

fn shown(text: String) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
