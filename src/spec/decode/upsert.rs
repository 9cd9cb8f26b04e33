//! `key` and `gone` of an output: which row takes the place of which, and what becomes of those whose item is no more.
//!
//! Does not belong here: which columns of a key are the document's (`crate::plan`).
//!
//! Invariant: what comes out names columns that the table has: those of a key are required and tell rows apart, the one that
//! is set is a timestamp that may be null. Both stand in an upsert only.

use super::super::fault::{Faults, clip};
use super::super::language::{self, KEY_COLUMNS_MAX};
use super::super::model::{Column, ColumnType, Gone, Located, Mode};
use super::super::tree::{Entry, NodeValue};
use super::fields::{Fields, Keys};
use super::{expect, order};

static GONE: Keys = Keys::of(&language::GONE);

/// Reads `key` and `gone` of an output with this `mode`, told or not.
pub(super) fn decode(
    fields: Fields<'_>,
    mode: Option<Mode>,
    columns: &[Column],
    faults: &mut Faults,
) -> Option<(Vec<String>, Gone)> {
    let key = fields.get("key").map(|entry| (entry, key(entry, columns, faults)));
    let gone = fields.get("gone").map(|entry| (entry, gone(entry, columns, faults)));
    if mode == Some(Mode::Upsert) {
        if key.is_none() {
            fields.require("key", faults);
        }
        let key = key.and_then(|(_, key)| key);
        let gone = gone.map_or(Some(Gone::default()), |(_, gone)| gone);
        return Some((key?, gone?));
    }
    // Of a mode that is at fault nobody knows which it was to be.
    if mode.is_some() || fields.get("mode").is_none() {
        let only = key.map(|(entry, _)| entry).into_iter().chain(gone.map(|(entry, _)| entry));
        let mut told = false;
        for entry in only {
            faults
                .error("needs-upsert", entry.key_span, format!("`{}` is only for `mode: upsert`", entry.key))
                .help("write `format: delta, mode: upsert`, or remove it");
            told = true;
        }
        if told {
            return None;
        }
    }
    Some((Vec::new(), Gone::default()))
}

/// What no column of a Delta table may have in its name (its protocol, "Column Mapping": without that, which readers may not
/// know, names are as Parquet's first readers took them).
const NOT_IN_NAMES: [char; 9] = [' ', ',', ';', '{', '}', '(', ')', '=', '\t'];

/// Tells of columns whose names a Delta table cannot have.
pub(super) fn check_names(columns: &[Column], faults: &mut Faults) {
    for (place, column) in columns.iter().enumerate() {
        let name = &column.name;
        if name.value.contains(NOT_IN_NAMES) {
            faults
                .error(
                    "bad-name",
                    name.span,
                    format!("`{}` names no column of a Delta table", clip(&name.value)),
                )
                .help("its names have no spaces and none of `,;{}()=`; an underscore is fine");
        }
        let same = |other: &&Column| other.name.value.eq_ignore_ascii_case(&name.value);
        if let Some(first) = columns[..place].iter().find(same) {
            faults
                .error("ambiguous-column", name.span, "to a Delta table this name and another are one")
                .also(first.name.span, "the other")
                .help("give one of them another name: case does not count");
        }
    }
}

fn key(entry: &Entry, columns: &[Column], faults: &mut Faults) -> Option<Vec<String>> {
    let may = |name: &Located<String>, faults: &mut Faults| may_be_a_key(name, columns, faults);
    order::names("key", entry, KEY_COLUMNS_MAX, "leave out one of them", may, faults)
}

fn may_be_a_key(name: &Located<String>, columns: &[Column], faults: &mut Faults) -> bool {
    use ColumnType::{Bool, Date, Int32, Int64, String, Timestamp};
    if columns.is_empty() {
        return true;
    }
    let Some(column) = order::known("key", name, columns, faults) else { return false };
    let column_type = &column.column_type.value;
    if !matches!(column_type, Bool | Date | Int32 | Int64 | String | Timestamp) {
        faults
            .error(
                "bad-key",
                name.span,
                format!("values of type {} cannot tell rows apart", clip(&column_type.to_string())),
            )
            .also(column.column_type.span, "its type")
            .help("the types are bool, int32, int64, string, date and timestamp");
        return false;
    }
    if !column.required {
        let column_type = column_type.to_string();
        let value = match &column.value {
            Some(value) => format!(", value: {}", clip(&value.value)),
            None => std::string::String::new(),
        };
        faults
            .error("nullable-key", name.span, format!("`{}` may be null", clip(&name.value)))
            .also(column.name.span, "the column")
            .help(format!(
                "rows without it cannot be told apart: write `{}: {{type: {}{value}, required: true}}`",
                clip(&name.value),
                clip(&column_type)
            ));
        return false;
    }
    true
}

fn gone(entry: &Entry, columns: &[Column], faults: &mut Faults) -> Option<Gone> {
    let NodeValue::Map(_) = &entry.value.value else {
        let words = [("keep", false), ("delete", true)];
        return expect::choice(entry, &words, faults)
            .map(|delete| if delete { Gone::Delete } else { Gone::Keep });
    };
    let fields = Fields::open("gone", &entry.value, entry.key_span, &GONE, faults)?;
    let name = expect::text("set", &fields.require("set", faults)?.value, faults)?;
    if columns.is_empty() {
        return Some(Gone::Set(name.value));
    }
    let column = order::known("set", &name, columns, faults)?;
    if column.column_type.value != ColumnType::Timestamp || column.required {
        faults
            .error("bad-gone", name.span, format!("`{}` cannot say when an item was gone", clip(&name.value)))
            .also(column.name.span, "the column")
            .help(format!(
                "write `{}: {{type: timestamp, value: 'null'}}`: null as long as it is there",
                clip(&name.value)
            ));
        return None;
    }
    Some(Gone::Set(name.value))
}
