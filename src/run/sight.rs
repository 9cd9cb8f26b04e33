//! What can be seen of the documents at a point: lines of JSON, and what went wrong on the way to them.
//!
//! Does not belong here: how the documents come there (`show`), where the lines go (`crate::cli`).
//!
//! Invariant: a row is shown with the values that its table would hold, a document with the text that was answered.

use std::sync::Arc;

use arrow::array::{Array, AsArray as _};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use jiff::{Timestamp, ToSpan as _, civil};
use serde_json::Value;

use crate::plan::expr::{Expr, Input, Json, RunScope, Scope, write_float, write_string};
use crate::plan::{BATCH_ROWS, Document, TablePlan};
use crate::project::{Counts, Failure, Misfit, ProjectError, Projector};

/// Characters of an item in a message.
const ITEM_CHARS_MAX: usize = 80;

/// One thing that is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// A JSON value, minified.
    Line(String),
    /// Something about the line before or after: a value that did not fit.
    Note(String),
    /// A document on which the expression failed, or a row that was dropped.
    Failure(String),
}

/// How documents are looked at.
pub(super) enum View {
    /// Through an expression, as one that stands in a project that reads them; or as the `where` of a seed, whose
    /// items come from no document.
    Expression { expr: Expr, of_seed: bool, scope: Arc<RunScope> },
    /// As rows.
    Rows { projector: Box<Projector>, table: Arc<TablePlan> },
}

impl View {
    pub(super) fn rows(table: &Arc<TablePlan>, scope: &Arc<RunScope>) -> Self {
        let projector = Projector::new(Arc::clone(table), Arc::clone(scope), BATCH_ROWS);
        Self::Rows { projector: Box::new(projector), table: Arc::clone(table) }
    }

    /// What is seen of one document, at most `limit` lines. Takes its time.
    ///
    /// # Errors
    /// A value that does not fit where the table says `on_mismatch: fail`.
    pub(super) fn look(&mut self, document: &Document, limit: usize) -> Result<Vec<Sight>, ProjectError> {
        match self {
            Self::Expression { expr, of_seed, scope } => Ok(outputs(expr, *of_seed, scope, document, limit)),
            Self::Rows { projector, table } => rows(projector, table, document, limit),
        }
    }
}

fn outputs(expr: &Expr, of_seed: bool, run: &RunScope, document: &Document, limit: usize) -> Vec<Sight> {
    let items = if of_seed {
        match Json::parse(&document.body) {
            Ok(item) => Scope::without_document(run).first(expr, Input::Json(&item), limit),
            Err(fault) => unreachable!("an item is JSON: {fault}"),
        }
    } else {
        Scope::new(run, document).first(expr, Input::Document, limit)
    };
    let line = |json: &Json| Sight::Line(json.to_text());
    let mut sights: Vec<Sight> = items.values.iter().map(line).collect();
    if let Some(error) = items.error {
        sights.push(Sight::Failure(format!(
            "the expression failed on item {}: {}",
            shown(document),
            error.short()
        )));
    }
    sights
}

fn rows(
    projector: &mut Projector,
    table: &TablePlan,
    document: &Document,
    limit: usize,
) -> Result<Vec<Sight>, ProjectError> {
    projector.forget_examples();
    let before = projector.counts();
    let mut batches = Vec::new();
    projector.push(document, &mut batches)?;
    batches.extend(projector.finish());
    let mut sights = losses(&before, &projector.counts(), table, document);
    let lines = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| line(batch, row)));
    sights.extend(lines.take(limit).map(Sight::Line));
    Ok(sights)
}

/// What the rows of one document lost.
fn losses(before: &Counts, after: &Counts, table: &TablePlan, document: &Document) -> Vec<Sight> {
    let mut sights = Vec::new();
    let item = shown(document);
    let counted =
        |count: u64, one: &str, more: &str| format!("{count} {}", if count == 1 { one } else { more });
    for (column, (before, after)) in table.columns.iter().zip(before.columns.iter().zip(&after.columns)) {
        let name = &column.name;
        match after.mismatches - before.mismatches {
            0 => {}
            count => {
                let values = counted(count, "value does", "values do");
                let what = after.misfit.as_ref().map_or_else(
                    || format!("{values} not fit"),
                    |misfit| match (count, misfit) {
                        (1, Misfit { value, column_type, .. }) => {
                            format!("{value} is not of type {column_type}")
                        }
                        (_, Misfit { path, value, column_type, .. }) => {
                            format!(
                                "{values} not fit; the first, `{path}`: {value} is not of type {column_type}"
                            )
                        }
                    },
                );
                sights.push(Sight::Note(format!("column `{name}`: {what} (item {item})")));
            }
        }
        match after.errors - before.errors {
            0 => {}
            count => sights.push(Sight::Note(format!(
                "column `{name}`: `{}` failed on {}{} (item {item})",
                column.value.source(),
                counted(count, "row", "rows"),
                because(after.failure.as_ref()),
            ))),
        }
    }
    if after.rows_errors > before.rows_errors {
        let rows = table.rows.as_ref().map_or("", Expr::source);
        let why = because(after.rows_failure.as_ref());
        sights.push(Sight::Failure(format!("`rows: {rows}` failed on item {item}{why}")));
    }
    if after.broken > before.broken {
        sights.push(Sight::Failure(format!("the answer for item {item} is not JSON")));
    }
    match after.dropped - before.dropped {
        0 => {}
        count => sights.push(Sight::Failure(format!(
            "{} dropped: a required column is null, or a value did not fit (item {item})",
            counted(count, "row", "rows"),
        ))),
    }
    sights
}

fn because(failure: Option<&Failure>) -> String {
    failure.map_or_else(String::new, |failure| format!(": {}", failure.reason))
}

/// The item of a document, or of a large one enough to know it by.
fn shown(document: &Document) -> String {
    let fields = &document.item.fields;
    let text = fields.to_string();
    match (text.char_indices().nth(ITEM_CHARS_MAX), fields.get("id")) {
        (None, _) => text,
        (Some(_), Some(id @ (Value::Number(_) | Value::Null))) => format!("{{\"id\":{id},…}}"),
        (Some((end, _)), _) => format!("{}…", &text[..end]),
    }
}

/// A row as an object.
fn line(batch: &RecordBatch, row: usize) -> String {
    let mut out = String::new();
    let schema = batch.schema_ref();
    object(
        &mut out,
        schema.fields().iter().zip(batch.columns()).map(|(field, column)| (field.name(), &**column)),
        row,
    );
    out
}

fn object<'a>(out: &mut String, fields: impl Iterator<Item = (&'a String, &'a dyn Array)>, row: usize) {
    out.push('{');
    for (index, (name, column)) in fields.enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(out, name);
        out.push(':');
        value(out, column, row);
    }
    out.push('}');
}

/// Appends the value of a column in a row: text and times in quotes, null where there is none.
fn value(out: &mut String, column: &dyn Array, row: usize) {
    if column.is_null(row) {
        out.push_str("null");
        return;
    }
    match column.data_type() {
        DataType::Boolean => out.push_str(if column.as_boolean().value(row) { "true" } else { "false" }),
        DataType::Int32 => out.push_str(&column.as_primitive::<Int32Type>().value(row).to_string()),
        DataType::Int64 => out.push_str(&column.as_primitive::<Int64Type>().value(row).to_string()),
        DataType::Float64 => write_float(out, column.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => write_string(out, column.as_string::<i32>().value(row)),
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>().value(row);
            let date =
                civil::date(1970, 1, 1).checked_add(days.days()).expect("coercion takes no other dates");
            write_string(out, &date.to_string());
        }
        DataType::Timestamp(..) => {
            let micros = column.as_primitive::<TimestampMicrosecondType>().value(row);
            let time = Timestamp::from_microsecond(micros).expect("coercion takes no other times");
            write_string(out, &time.to_string());
        }
        DataType::List(_) => {
            let elements = column.as_list::<i32>().value(row);
            out.push('[');
            for index in 0..elements.len() {
                if index > 0 {
                    out.push(',');
                }
                value(out, &*elements, index);
            }
            out.push(']');
        }
        DataType::Struct(fields) => {
            let columns = column.as_struct().columns();
            object(out, fields.iter().zip(columns).map(|(field, column)| (field.name(), &**column)), row);
        }
        other => unreachable!("no column of a table has type {other}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::{Item, Options, read};
    use crate::spec::Source;

    fn table(columns: &str) -> Arc<TablePlan> {
        let file = format!(
            "version: 1\nname: p\nstages:\n  ids: {{kind: seed, ids: [1]}}\n  movies: {{kind: fetch, path: '/movie/{{id}}'}}\n  films: {{kind: project, columns: {{{columns}}}, output: {{path: x.parquet}}}}\n"
        );
        let source = Source::new("p.yaml", file);
        let plan = read(&source, &[], &|_| None, &Options::default())
            .unwrap_or_else(|faults| panic!("{}", faults.render(&source)))
            .plan;
        Arc::clone(plan.tables().next().expect("one table").1)
    }

    fn look(columns: &str, body: Value) -> Vec<Sight> {
        let mut view = View::rows(&table(columns), &Arc::default());
        let document = Document::new(Item::seed(json!({"id": 1})), body.to_string().into(), None);
        view.look(&document, 9).expect("no column fails")
    }

    #[test]
    fn every_type_is_written_as_json() {
        let columns = "a: bool, b: int32, c: int64, d: float64, e: string, f: date, g: timestamp, h: json, i: list<date>, j: list<string>, k: int64";
        let body = json!({
            "a": true, "b": -1, "c": 2_923_706_026_i64, "d": 7.5, "e": "say \"é\"\n", "f": "2012-04-25",
            "g": "2012-04-25T10:00:00.000Z", "h": {"x": [1]}, "i": ["1900-01-31", null], "j": [],
        });
        let expect = r#"{"a":true,"b":-1,"c":2923706026,"d":7.5,"e":"say \"é\"\n","f":"2012-04-25","g":"2012-04-25T10:00:00Z","h":"{\"x\":[1]}","i":["1900-01-31",null],"j":[],"k":null}"#;
        assert_eq!(look(columns, body), [Sight::Line(expect.to_owned())]);
    }

    #[test]
    fn what_a_row_lost_is_told_before_it() {
        let notes = look(
            "id: int64, year: {type: int32, value: .date}, n: {type: int32, value: .id.x}",
            json!({"id": 1, "date": "2012"}),
        );
        let texts: Vec<String> = notes.iter().map(|sight| format!("{sight:?}")).collect();
        insta::assert_snapshot!(texts.join("\n"), @r#"
        Note("column `year`: \"2012\" is not of type int32 (item {\"id\":1})")
        Note("column `n`: `.id.x` failed on 1 row: cannot index 1 with \"x\" (item {\"id\":1})")
        Line("{\"id\":1,\"year\":null,\"n\":null}")
        "#);
        let dropped = look("id: {type: int64, required: true}", json!({}));
        assert!(
            matches!(&dropped[..], [Sight::Failure(text)] if text.starts_with("1 row dropped")),
            "{dropped:?}"
        );
    }
}
