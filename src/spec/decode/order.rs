//! `partition_by` and `sort_by` of an output: columns of the table by name.
//!
//! Invariant: what comes out names columns that the table has, each of a type that names folders or can be sorted by. Of a
//! table whose columns are at fault nothing is known, and nothing told.

use super::super::fault::{Faults, clip};
use super::super::language::{self, PARTITION_COLUMNS_MAX, SORT_COLUMNS_MAX};
use super::super::model::{Column, ColumnType, Located, SortKey};
use super::super::nearest::nearest;
use super::super::tree::{Entry, Node, NodeValue};
use super::expect;
use super::fields::{Fields, Keys};

static SORT_KEY: Keys = Keys::of(&language::SORT_KEY);

/// Reads `partition_by`.
pub(super) fn partition_by(entry: &Entry, columns: &[Column], faults: &mut Faults) -> Option<Vec<String>> {
    let may = |name: &Located<String>, faults: &mut Faults| may_name_folders(name, columns, faults);
    let help = "each column is one level of folders";
    let names = names("partition_by", entry, PARTITION_COLUMNS_MAX, help, may, faults)?;
    if !columns.is_empty() && names.len() == columns.len() {
        faults
            .error(
                "bad-partition",
                entry.value.span,
                "every column is in the names of folders, and none is left for the files",
            )
            .help("leave out one of them");
        return None;
    }
    Some(names)
}

/// The names of columns under `key`, each once and each one that `may` stand there; `help` says why not twice. None if
/// anything is wrong with any.
pub(super) fn names(
    key: &str,
    entry: &Entry,
    most: usize,
    help: &str,
    may: impl Fn(&Located<String>, &mut Faults) -> bool,
    faults: &mut Faults,
) -> Option<Vec<String>> {
    let nodes = several(entry, "a column or a list of columns", most, faults)?;
    let mut names: Vec<Located<String>> = Vec::new();
    let mut whole = true;
    for node in nodes {
        let Some(name) = expect::text(key, node, faults) else {
            whole = false;
            continue;
        };
        if let Some(first) = names.iter().find(|first| first.value == name.value) {
            faults
                .error("duplicate-column", name.span, format!("`{}` stands here twice", clip(&name.value)))
                .also(first.span, "the first")
                .help(help);
            whole = false;
        }
        whole &= may(&name, faults);
        names.push(name);
    }
    whole.then(|| names.into_iter().map(|name| name.value).collect())
}

fn may_name_folders(name: &Located<String>, columns: &[Column], faults: &mut Faults) -> bool {
    use ColumnType::{Bool, Date, Int32, Int64, String, Timestamp};
    if columns.is_empty() {
        return true;
    }
    let Some(column) = known("partition_by", name, columns, faults) else { return false };
    let column_type = &column.column_type.value;
    if !matches!(column_type, Bool | Date | Int32 | Int64 | String) {
        let fault = faults
            .error(
                "bad-partition",
                name.span,
                format!("values of type {} cannot name folders", clip(&column_type.to_string())),
            )
            .also(column.column_type.span, "its type");
        match column_type {
            Timestamp => {
                fault.help("make a column of type `date`, or one of the year, and partition by that")
            }
            _ => fault.help("the types are bool, int32, int64, date and string"),
        };
        return false;
    }
    if name.value == "id" || name.value.ends_with("_id") {
        faults
            .warning(
                "many-partitions",
                name.span,
                format!("`{}` looks like a key: one folder for each row", clip(&name.value)),
            )
            .help("partition by a column of few values, and sort by the key: `sort_by`");
    }
    true
}

/// Reads `sort_by`.
pub(super) fn sort_by(entry: &Entry, columns: &[Column], faults: &mut Faults) -> Option<Vec<SortKey>> {
    let nodes = several(entry, "a column or a list of columns", SORT_COLUMNS_MAX, faults)?;
    let keys: Vec<Option<SortKey>> =
        nodes.iter().map(|node| sort_key(entry, node, columns, faults)).collect();
    keys.into_iter().collect()
}

fn sort_key(entry: &Entry, node: &Node, columns: &[Column], faults: &mut Faults) -> Option<SortKey> {
    let (name, descending) = if let NodeValue::Map(_) = node.value {
        let fields = Fields::open("sort_by", node, entry.key_span, &SORT_KEY, faults)?;
        let descending = fields.get("descending").map(|entry| expect::boolean(entry, faults));
        let name = fields.require("column", faults)?;
        (expect::text("column", &name.value, faults)?, descending.unwrap_or(Some(false))?)
    } else {
        let name = expect::text("sort_by", node, faults)?;
        if let Some(column) = meant_descending(&name.value, columns) {
            faults
                .error(
                    "unknown-column",
                    name.span,
                    format!("the table has no column `{}`", clip(&name.value)),
                )
                .help(format!("write `{{column: {}, descending: true}}`", clip(column)));
            return None;
        }
        (name, false)
    };
    if !columns.is_empty() {
        let column = known("sort_by", &name, columns, faults)?;
        let column_type = &column.column_type.value;
        if matches!(column_type, ColumnType::Json | ColumnType::List(_) | ColumnType::Struct(_)) {
            faults
                .error(
                    "bad-sort",
                    name.span,
                    format!("rows cannot be sorted by values of type {}", clip(&column_type.to_string())),
                )
                .also(column.column_type.span, "its type")
                .help("make a column of what they are to be sorted by");
            return None;
        }
    }
    Some(SortKey { column: name.value, descending })
}

/// The column that somebody meant by `-popularity` or `popularity desc`.
fn meant_descending<'a>(text: &str, columns: &'a [Column]) -> Option<&'a str> {
    let lower = text.to_ascii_lowercase();
    let name =
        text.strip_prefix('-').or_else(|| lower.ends_with(" desc").then(|| text[..text.len() - 5].trim()))?;
    columns.iter().map(|column| column.name.value.as_str()).find(|column| *column == name)
}

/// The column called `name`.
pub(super) fn known<'a>(
    key: &str,
    name: &Located<String>,
    columns: &'a [Column],
    faults: &mut Faults,
) -> Option<&'a Column> {
    if let Some(column) = columns.iter().find(|column| column.name.value == name.value) {
        return Some(column);
    }
    let names = || columns.iter().map(|column| column.name.value.as_str());
    let title = format!("`{key}` names no column of the table: `{}`", clip(&name.value));
    let fault = faults.error("unknown-column", name.span, title);
    match nearest(&name.value, names()) {
        Some(near) => fault.help(format!("did you mean `{}`?", clip(near))),
        None => fault.help(format!("its columns: {}", clip(&names().collect::<Vec<_>>().join(", ")))),
    };
    None
}

/// One value, or a list of at least one and at most `most`.
pub(super) fn several<'a>(
    entry: &'a Entry,
    takes: &str,
    most: usize,
    faults: &mut Faults,
) -> Option<&'a [Node]> {
    let NodeValue::List(nodes) = &entry.value.value else {
        if let NodeValue::Map(_) = entry.value.value {
            expect::wrong(&entry.key, &entry.value, takes, faults)
                .help(format!("as in `{}: [year]`", entry.key));
            return None;
        }
        return Some(std::slice::from_ref(&entry.value));
    };
    if nodes.is_empty() {
        faults
            .error("bad-length", entry.value.span, format!("`{}` names at least one column", entry.key))
            .help("name one, or remove the key");
        return None;
    }
    if nodes.len() > most {
        faults
            .error("too-many", entry.value.span, format!("`{}` takes at most {most} columns", entry.key))
            .help("name those that most queries ask for");
        return None;
    }
    Some(nodes)
}
