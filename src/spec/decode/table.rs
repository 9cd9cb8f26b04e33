//! A project stage: columns and where they rest.

use std::collections::HashMap;

use super::super::column_type::ColumnType;
use super::super::fault::{Faults, clip};
use super::super::language::{self, COLUMN_NAME_BYTES_MAX, COLUMNS_MAX};
use super::super::model::{Column, Kind, Located, OnMismatch, Order, Project, Span};
use super::super::tree::{Entry, NodeValue};
use super::fields::{Fields, Keys};
use super::output::output;
use super::{column_type, expect, grammar, settings};

pub(super) static KEYS: Keys = Keys {
    elsewhere: &[
        ("mode", "it belongs into `output`"),
        ("target_file_size", "it belongs into `output`"),
        ("partition_by", "it belongs into `output`"),
        ("sort_by", "it belongs into `output`"),
        ("key", "it belongs into `output`"),
        ("gone", "it belongs into `output`"),
        ("where", "it belongs to a filter stage, which this one reads"),
        ("items", "a table has `rows`: one row for each output of the expression"),
        ("path", "it belongs into `output`"),
        ("compression", "it belongs into `output`"),
        ("format", "it belongs into `output`"),
    ],
    ..Keys::of(&language::PROJECT)
};
static COLUMN: Keys = Keys {
    elsewhere: &[("nullable", "a column is nullable unless `required: true`")],
    ..Keys::of(&language::COLUMN)
};

/// Reads the keys of a project stage.
pub(super) fn decode(fields: Fields<'_>, faults: &mut Faults) -> Option<Kind> {
    let order = fields.get("order").and_then(|entry| {
        expect::choice(entry, &[("input", Order::Input), ("arrival", Order::Arrival)], faults)
    });
    let rows = fields.get("rows").and_then(|entry| expect::expression(entry, faults));
    let buffer = settings::buffer(fields, faults);
    let columns = fields.require("columns", faults).and_then(|entry| columns(entry, faults));
    let known = columns.as_deref().unwrap_or_default();
    let output = fields.require("output", faults).and_then(|entry| output(entry, known, faults));
    Some(Kind::Project(Project {
        order: order.unwrap_or_default(),
        rows,
        columns: columns?,
        output: output?,
        buffer,
    }))
}

fn columns(entry: &Entry, faults: &mut Faults) -> Option<Vec<Column>> {
    let node = column_type::rejoined(&entry.value, faults);
    let NodeValue::Map(entries) = &node.value else {
        if !expect::is_broken(&entry.value) {
            expect::wrong("columns", &entry.value, "a mapping of names to types", faults)
                .help("each name with its type, as in `id: int64`");
        }
        return None;
    };
    if entries.is_empty() {
        faults
            .error("missing-key", entry.value.span, "a table needs at least one column")
            .help("as in `id: int64`");
    }
    if let Some(beyond) = entries.get(COLUMNS_MAX) {
        faults
            .error("too-many", beyond.key_span, format!("a table has at most {COLUMNS_MAX} columns"))
            .help("make several tables of it, or keep the rest in one column of type `json`");
        return None;
    }
    let mut folded: HashMap<String, Span> = HashMap::new();
    for column in entries {
        if let Some(&first) = folded.get(&column.key.to_lowercase()) {
            faults
                .warning(
                    "ambiguous-column",
                    column.key_span,
                    "this name differs from another in its case only",
                )
                .also(first, "the other")
                .help("DuckDB and Spark take the two for one");
        }
        folded.insert(column.key.to_lowercase(), column.key_span);
    }
    let columns: Vec<Option<Column>> = entries.iter().map(|entry| column(entry, faults)).collect();
    let mut leaves = 0;
    for Column { column_type, .. } in columns.iter().flatten() {
        leaves += column_type.value.leaves();
        if leaves > COLUMNS_MAX {
            faults
                .error("too-many", column_type.span, format!("a table has at most {COLUMNS_MAX} columns"))
                .help("each field of a struct counts as one");
            return None;
        }
    }
    columns.into_iter().collect()
}

fn column(entry: &Entry, faults: &mut Faults) -> Option<Column> {
    let name = Located::new(entry.key.clone(), entry.key_span);
    if name.value.trim().is_empty()
        || name.value.len() > COLUMN_NAME_BYTES_MAX
        || name.value.contains(char::is_control)
    {
        faults
            .error("bad-name", name.span, format!("`{}` cannot name a column", clip(&name.value)))
            .help(format!("a name is one line that is not empty, of at most {COLUMN_NAME_BYTES_MAX} bytes"));
    }
    let mut column = Column {
        name,
        column_type: Located::new(ColumnType::Json, entry.value.span),
        value: None,
        required: false,
        on_mismatch: OnMismatch::default(),
    };
    if column_type::is_taken_apart(&entry.value) {
        column_type::tell_taken_apart(entry.value.span, &column_type::text_of(&entry.value), faults);
        return None;
    }
    if let NodeValue::Map(entries) = &entry.value.value {
        if entries.iter().all(|entry| !COLUMN.object.has(&entry.key))
            && column_type::as_type(&entry.value).is_some()
        {
            // An object of names and types is a struct in everybody's eyes but ours.
            column_type::decode(&entry.key, &entry.value, faults);
            return None;
        }
        let node = column_type::rejoined(&entry.value, faults);
        let fields = Fields::open(&entry.key, &node, entry.key_span, &COLUMN, faults)?;
        column.value = fields.get("value").and_then(|entry| expect::expression(entry, faults));
        column.required =
            fields.get("required").and_then(|entry| expect::boolean(entry, faults)).unwrap_or(false);
        let words = [("null", OnMismatch::Null), ("drop", OnMismatch::Drop), ("fail", OnMismatch::Fail)];
        column.on_mismatch = fields
            .get("on_mismatch")
            .and_then(|entry| expect::choice(entry, &words, faults))
            .unwrap_or_default();
        if fields.get("value").is_none() {
            check_default_value(&column.name, faults);
        }
        let entry = fields.require("type", faults)?;
        column.column_type = column_type::decode("type", &entry.value, faults)?;
    } else {
        check_default_value(&column.name, faults);
        column.column_type = column_type::decode(&entry.key, &entry.value, faults)?;
    }
    Some(column)
}

/// Without `value` a column holds `.NAME`, so its name must be one that jq reads that way.
fn check_default_value(name: &Located<String>, faults: &mut Faults) {
    // One that cannot even name a column is told.
    if !grammar::is_identifier(&name.value) && !name.value.trim().is_empty() {
        let path = clip(&name.value);
        faults
            .error("missing-key", name.span, format!("the column `{path}` needs `value`"))
            .help(format!("`.{path}` is no path of jq: name the field, as in `value: '.[\"{path}\"]'`"));
    }
}
