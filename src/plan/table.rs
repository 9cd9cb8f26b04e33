//! A table as the plan knows it, before the first request: columns, types, Arrow schema.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::expr::{Expr, Root};
use super::upsert::UpsertPlan;
use crate::spec::{ColumnType, Format, Layout, OnMismatch, Order, SortKey, Span, StageId, clip};

/// Everything that projecting and writing one table needs.
#[derive(Clone, Debug)]
pub struct TablePlan {
    /// The project stage; also the table's name.
    pub stage: StageId,
    /// One row for each output of this expression; `None`: one row for each document.
    pub rows: Option<Expr>,
    /// Columns in the order of the file, never empty.
    pub columns: Vec<ColumnPlan>,
    /// The table's schema, which follows from `columns` alone.
    pub schema: SchemaRef,
    /// The order of its rows.
    pub order: Order,
    /// Where it goes, with `--out` applied.
    pub path: PathBuf,
    /// Format and codec of its files.
    pub format: Format,
    /// Whether it is one file, or a folder of files.
    pub layout: Layout,
    /// What its rows are sorted by on their way to the files; empty where they stay as they come.
    pub sort_by: Vec<SortKey>,
    /// Of a table in which rows take the place of others: how they are told apart.
    pub upsert: Option<Arc<UpsertPlan>>,
}

/// One column.
#[derive(Clone, Debug)]
pub struct ColumnPlan {
    /// Its name.
    pub name: Arc<str>,
    /// Where its name stands in the file.
    pub span: Span,
    /// Its type.
    pub column_type: ColumnType,
    /// What it holds: the expression's only output.
    pub value: Expr,
    /// A null drops the row.
    pub required: bool,
    /// What becomes of a value that does not fit.
    pub on_mismatch: OnMismatch,
}

impl TablePlan {
    /// Whether the column with this place says since when items are gone, and is empty as long as none is.
    pub fn marks_gone(&self, column: usize) -> bool {
        let gone = self.upsert.as_ref().and_then(|upsert| upsert.gone.as_ref());
        gone.is_some_and(|gone| gone.set == Some(column))
    }

    /// What to ask somebody in whose table no row has a value in `path`, a column or something within one:
    /// `director.name`, `genres[].id`.
    pub fn question(&self, column: &ColumnPlan, path: &str) -> String {
        let within = path.strip_prefix(&*column.name).unwrap_or_default();
        let source = column.value.source().trim();
        let Some(plain) = column.value.path() else {
            return format!("does `{}` give anything?", clip(source));
        };
        let place = match (plain.root, &self.rows) {
            (Root::Input, Some(rows)) => format!("what `{}` gives", clip(rows.source())),
            (Root::Input | Root::Doc, _) => "the documents".to_owned(),
            _ => return format!("does `{}` have a value?", clip(&format!("{source}{within}"))),
        };
        // The elements of `[.genres[].name]` are what `.genres[].name` leads to.
        let (source, within) = match within.strip_prefix("[]") {
            Some(rest) if plain.collected => {
                let inner = source.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
                (inner.unwrap_or(source).trim(), rest)
            }
            _ => (source, within),
        };
        // `.` alone is the whole document, whose fields are read as `.name`.
        let source = if source == "." && within.starts_with('.') { "" } else { source };
        format!("is `{}` in {place}?", clip(&format!("{source}{within}")))
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{Options, compile};
    use crate::spec::{Source, parse};

    #[test]
    fn question_names_the_place_where_the_value_should_be() {
        let check = |rows: &str, value: &str, path: &str, expect: &str| {
            let text = format!(
                "
version: 1
name: small
params: {{a: 1}}
stages:
  ids: {{kind: seed, ids: [1]}}
  movies: {{kind: fetch, path: '/movie/{{id}}'}}
  t: {{kind: project, {rows} columns: {{c: {{type: json, value: '{value}'}}}}, output: {{path: t.parquet}}}}
"
            );
            let spec = parse(&Source::new("p.yaml", &text), &[], &|_| None).expect("no fault").spec;
            let plan = compile(spec, &Options::default()).expect("no fault").plan;
            let (_, table) = plan.tables().next().expect("a table");
            assert_eq!(table.question(&table.columns[0], path), expect);
        };
        check("", ".titel", "c", "is `.titel` in the documents?");
        check("", ".director", "c.name", "is `.director.name` in the documents?");
        check("", ".", "c.name", "is `.name` in the documents?");
        check("", ".genres", "c[].id", "is `.genres[].id` in the documents?");
        check("", "[.genres[].nam]", "c[]", "is `.genres[].nam` in the documents?");
        check("", "[.genres[]]", "c[].nam", "is `.genres[].nam` in the documents?");
        check("rows: '.cast[]',", ".nam", "c", "is `.nam` in what `.cast[]` gives?");
        check("rows: '.cast[]',", "$doc.ide", "c", "is `$doc.ide` in the documents?");
        check("", "$parent.id", "c", "does `$parent.id` have a value?");
        check("", ".a + .b", "c", "does `.a + .b` give anything?");
    }
}
