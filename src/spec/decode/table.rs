//! A project stage: columns and where they rest.

use std::collections::HashMap;
use std::path::PathBuf;

use super::super::column_type::{ColumnType, TypeError};
use super::super::fault::{Faults, clip};
use super::super::language::{self, COLUMN_NAME_BYTES_MAX, COLUMNS_MAX};
use super::super::model::{Column, Compression, Kind, Located, OnMismatch, Order, Output, Project, Span};
use super::super::tree::{Entry, Node, NodeValue};
use super::fields::{Fields, Keys, not_available_yet};
use super::{expect, grammar, settings};

pub(super) static KEYS: Keys = Keys {
    later: &["partition_by", "sort_by", "key", "mode", "format", "target_file_size"],
    elsewhere: &[
        ("where", "it belongs to a filter stage, which this one reads"),
        ("items", "a table has `rows`: one row for each output of the expression"),
        ("path", "it belongs into `output`"),
        ("compression", "it belongs into `output`"),
    ],
    ..Keys::of(&language::PROJECT)
};
static COLUMN: Keys = Keys {
    elsewhere: &[("nullable", "a column is nullable unless `required: true`")],
    ..Keys::of(&language::COLUMN)
};
static OUTPUT: Keys = Keys {
    later: &["format", "mode", "partition_by", "sort_by", "key", "target_file_size", "keep"],
    ..Keys::of(&language::OUTPUT)
};

/// Reads the keys of a project stage.
pub(super) fn decode(fields: Fields<'_>, faults: &mut Faults) -> Option<Kind> {
    let order = fields.get("order").and_then(|entry| {
        expect::choice(entry, &[("input", Order::Input), ("arrival", Order::Arrival)], faults)
    });
    let rows = fields.get("rows").and_then(|entry| expect::expression(entry, faults));
    let buffer = settings::buffer(fields, faults);
    let columns = fields.require("columns", faults).and_then(|entry| columns(entry, faults));
    let output = fields.require("output", faults).and_then(|entry| output(entry, faults));
    Some(Kind::Project(Project {
        order: order.unwrap_or_default(),
        rows,
        columns: columns?,
        output: output?,
        buffer,
    }))
}

fn columns(entry: &Entry, faults: &mut Faults) -> Option<Vec<Column>> {
    let NodeValue::Map(entries) = &entry.value.value else {
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
    entries.iter().map(|entry| column(entry, faults)).collect::<Vec<_>>().into_iter().collect()
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
    if let NodeValue::Map(_) = entry.value.value {
        let fields = Fields::open(&entry.key, &entry.value, entry.key_span, &COLUMN, faults)?;
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
        column.column_type = column_type("type", &entry.value, faults)?;
    } else {
        check_default_value(&column.name, faults);
        column.column_type = column_type(&entry.key, &entry.value, faults)?;
    }
    Some(column)
}

/// Without `value` a column holds `.NAME`, so its name must be one that jq reads that way.
fn check_default_value(name: &Located<String>, faults: &mut Faults) {
    if !grammar::is_identifier(&name.value) {
        let path = clip(&name.value);
        faults
            .error("missing-key", name.span, format!("the column `{path}` needs `value`"))
            .help(format!("`.{path}` is no path of jq: name the field, as in `value: '.[\"{path}\"]'`"));
    }
}

fn column_type(name: &str, node: &Node, faults: &mut Faults) -> Option<Located<ColumnType>> {
    if let NodeValue::List(_) = node.value {
        expect::wrong(name, node, "a type", faults).help("a list of text is `list<string>`");
        return None;
    }
    let text = expect::text(name, node, faults)?;
    let error = match ColumnType::parse(&text.value) {
        Ok(column_type) => return Some(Located::new(column_type, text.span)),
        Err(error) => error,
    };
    let title = error.to_string();
    match error {
        TypeError::NotYet(what) => {
            let what = if what.starts_with("struct") { "a struct type" } else { "a list of lists" };
            not_available_yet(what, text.span, faults);
        }
        TypeError::Unclosed(_) => {
            faults.error("unknown-type", text.span, title).help("as in `list<string>`");
        }
        TypeError::Unknown { nearest, .. } => {
            let fault = faults.error("unknown-type", text.span, title);
            match nearest {
                Some(name) => fault.did_you_mean(Some(name)),
                None => {
                    fault.help(format!("there are {} and list<…> of them", ColumnType::SCALARS.join(", ")))
                }
            };
        }
    }
    None
}

fn output(entry: &Entry, faults: &mut Faults) -> Option<Output> {
    if let NodeValue::Scalar(scalar) = &entry.value.value
        && !scalar.broken
    {
        expect::wrong("output", &entry.value, "a mapping", faults)
            .help(format!("write `{{path: {}}}`", clip(&scalar.text)));
        return None;
    }
    let fields = Fields::open("output", &entry.value, entry.key_span, &OUTPUT, faults)?;
    let compression = fields.get("compression").and_then(|entry| {
        expect::choice(entry, &[("zstd", Compression::Zstd), ("none", Compression::None)], faults)
    });
    let path = fields.require("path", faults).and_then(|entry| output_path(entry, faults))?;
    Some(Output { path, compression: compression.unwrap_or_default() })
}

fn output_path(entry: &Entry, faults: &mut Faults) -> Option<Located<PathBuf>> {
    let text = expect::text("path", &entry.value, faults)?;
    let span = text.span;
    let path = PathBuf::from(&text.value);
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if text.value.trim().is_empty() || text.value.contains(char::is_control) {
        faults.error("bad-output", span, "`path` takes the name of a file").help("as in `out/films.parquet`");
    } else if text.value.contains("://") {
        not_available_yet("an object store as `output`", span, faults);
    } else if extension.eq_ignore_ascii_case("arrow") {
        not_available_yet("an `.arrow` file as `output`", span, faults);
    } else if extension == "parquet" && !text.value.ends_with('/') {
        return Some(Located::new(path, span));
    } else if extension.is_empty() || text.value.ends_with('/') {
        not_available_yet("a folder as `output`", span, faults);
    } else {
        faults
            .error("bad-output", span, format!("there is no format for files in `.{}`", clip(extension)))
            .help("write a `.parquet` file");
    }
    None
}
