//! Documents in, batches of exactly so many rows out.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;

use crate::plan::expr::{EvalError, Input, Json, Output, PlainPath, Root, RunScope, Scope, Step, meta_field};
use crate::plan::{Document, TablePlan};
use crate::spec::{ColumnType, OnMismatch};

use super::cell::Cell;
use super::column::{Appended, Column};
use super::example::{Failure, Misfit, item};
use super::shape::{Rows, Shape, Source};
use super::walk::{Stop, Walked, walk};

/// A document that cannot become rows, so that the run fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProjectError {
    /// `on_mismatch: fail`.
    #[error(
        "column `{}` of table `{table}`: {} is not of type {} (item {})",
        misfit.path, misfit.value, misfit.column_type, misfit.item
    )]
    Mismatch {
        /// The table.
        table: String,
        /// The value.
        misfit: Box<Misfit>,
    },
    /// More than 2 GiB of text, or 2^31 elements, in one batch.
    #[error("column `{column}` of table `{table}`: more than 2 GiB in one batch (item {item})")]
    Overflow {
        /// The table.
        table: String,
        /// Its column.
        column: String,
        /// The item as JSON, cut short.
        item: String,
    },
}

/// What happened on the way from documents to rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows that came through.
    pub rows: u64,
    /// Rows dropped by `required` or `on_mismatch: drop`.
    pub dropped: u64,
    /// Documents without rows because their body is not JSON.
    pub broken: u64,
    /// Documents on which `rows` failed; the rows before the failure count as rows.
    pub rows_errors: u64,
    /// The first of them.
    pub rows_failure: Option<Failure>,
    /// In the order of the table's columns.
    pub columns: Vec<ColumnCounts>,
}

/// What happened to one column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnCounts {
    /// Values, elements of lists and fields of structs that did not fit their type.
    pub mismatches: u64,
    /// The same by their place: `directors` for the column itself, `directors[]` for the elements of a list,
    /// `directors[].name` for a field of theirs. Only places with any.
    pub places: Vec<(String, u64)>,
    /// The first of them.
    pub misfit: Option<Misfit>,
    /// Rows on which the expression failed.
    pub errors: u64,
    /// The first of them.
    pub failure: Option<Failure>,
}

/// Turns the documents of one table into batches. Owns the open batch; moves between threads.
pub struct Projector {
    table: Arc<TablePlan>,
    run: Arc<RunScope>,
    shape: Shape,
    columns: Vec<Column>,
    batch_rows: usize,
    open_rows: usize,
    counts: Counts,
    fast: bool,
}

impl Projector {
    /// For `table`, with batches of `batch_rows` rows, at least one.
    pub fn new(table: Arc<TablePlan>, run: Arc<RunScope>, batch_rows: usize) -> Self {
        let batch_rows = batch_rows.max(1);
        let shape = Shape::new(&table);
        let columns: Vec<_> =
            table.columns.iter().map(|column| Column::new(&column.column_type, batch_rows)).collect();
        let counts = Counts { columns: vec![ColumnCounts::default(); columns.len()], ..Counts::default() };
        Self { table, run, shape, columns, batch_rows, open_rows: 0, counts, fast: true }
    }

    /// The same without the fast way: for comparing the two.
    #[doc(hidden)]
    #[must_use]
    pub fn by_jq(mut self) -> Self {
        self.fast = false;
        self
    }

    /// Adds the rows of one document. Batches that become full go to `full`; each has exactly `batch_rows`
    /// rows. After an error the rows of this document may be there in part, and the run is over.
    pub fn push(&mut self, document: &Document, full: &mut Vec<RecordBatch>) -> Result<(), ProjectError> {
        let run = Arc::clone(&self.run);
        let scope = Scope::new(&run, document);
        let walked = match self.walk(document, &run) {
            Ok(walked) => Some(walked),
            Err(Stop::Odd) => None,
            Err(Stop::Broken) => {
                self.counts.broken += 1;
                return Ok(());
            }
        };
        let unread = walked.is_none() || !self.shape.walks;
        if unread && self.shape.reads_body && !scope.has_body() {
            self.counts.broken += 1;
            return Ok(());
        }
        if let Some(walked) = walked
            && let Some(elements) = self.elements(&scope, &walked)
        {
            return self.walked_rows(&scope, document, &walked, &elements, full);
        }
        self.jq_rows(&scope, document, full)
    }

    /// What is open, as a last batch; `None` if nothing is.
    pub fn finish(&mut self) -> Option<RecordBatch> {
        (self.open_rows > 0).then(|| self.batch())
    }

    /// Rows in the open batch.
    pub fn open_rows(&self) -> usize {
        self.open_rows
    }

    /// Bytes that the open batch holds, about.
    pub fn memory_bytes(&self) -> usize {
        self.columns.iter().map(Column::memory_bytes).sum()
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        let mut counts = self.counts.clone();
        for ((counts, column), plan) in counts.columns.iter_mut().zip(&self.columns).zip(&self.table.columns)
        {
            column.misfits(&plan.name, &mut counts.places);
        }
        counts
    }

    /// Forgets the examples of what went wrong, so that the next documents give theirs.
    pub fn forget_examples(&mut self) {
        self.counts.rows_failure = None;
        for column in &mut self.counts.columns {
            (column.misfit, column.failure) = (None, None);
        }
    }

    fn walk<'a>(&self, document: &'a Document, run: &'a RunScope) -> Result<Walked<'a>, Stop> {
        if !self.fast {
            return Err(Stop::Odd);
        }
        let mut walked = if self.shape.walks {
            let body = std::str::from_utf8(&document.body).map_err(|_| Stop::Broken)?;
            walk(&self.shape, body)?
        } else {
            Walked { doc: self.shape.doc_cells(), rows: Vec::new(), row_count: 0, rows_error: false }
        };
        for (cell, path, column_type) in &self.shape.constants {
            walked.doc[*cell] = constant(path, column_type, document, run);
        }
        Ok(walked)
    }

    /// The inputs of the rows where jq needs them, as many as were walked over; `None` if the two ways
    /// differ on their number, which only the bound on outputs can do.
    fn elements(&self, scope: &Scope<'_>, walked: &Walked<'_>) -> Option<Vec<Json>> {
        match (&self.table.rows, &self.shape.rows) {
            (Some(rows), Rows::Walked) if self.shape.sources.contains(&Source::Jq) => {
                Some(scope.items(rows, Input::Document).values)
                    .filter(|values| values.len() == walked.row_count)
            }
            (_, Rows::Jq) => None,
            _ => Some(Vec::new()),
        }
    }

    fn walked_rows(
        &mut self,
        scope: &Scope<'_>,
        document: &Document,
        walked: &Walked<'_>,
        elements: &[Json],
        full: &mut Vec<RecordBatch>,
    ) -> Result<(), ProjectError> {
        if self.shape.rows == Rows::Document {
            return self.row(scope, document, Some((&walked.doc, &[])), (0, Input::Document), full);
        }
        if walked.rows_error {
            self.rows_failed(scope, document, None);
        }
        let width = self.shape.row_absent.len();
        for index in 0..walked.row_count {
            let cells = (&walked.doc[..], &walked.rows[index * width..][..width]);
            let input = elements.get(index).map_or(Input::Document, Input::Json);
            self.row(scope, document, Some(cells), (index, input), full)?;
        }
        Ok(())
    }

    fn jq_rows(
        &mut self,
        scope: &Scope<'_>,
        document: &Document,
        full: &mut Vec<RecordBatch>,
    ) -> Result<(), ProjectError> {
        let Some(rows) = self.table.rows.clone() else {
            return self.row(scope, document, None, (0, Input::Document), full);
        };
        let items = scope.items(&rows, Input::Document);
        if items.error.is_some() {
            self.rows_failed(scope, document, items.error);
        }
        for (index, json) in items.values.iter().enumerate() {
            self.row(scope, document, None, (index, Input::Json(json)), full)?;
        }
        Ok(())
    }

    /// Counts that `rows` failed; the walk does not know why.
    fn rows_failed(&mut self, scope: &Scope<'_>, document: &Document, error: Option<EvalError>) {
        self.counts.rows_errors += 1;
        if self.counts.rows_failure.is_none() {
            let again = || scope.items(self.table.rows.as_ref()?, Input::Document).error;
            self.counts.rows_failure = error.or_else(again).map(|error| Failure::new(&error, document));
        }
    }

    /// Why the expression of a column fails on the row with this number of the document: as jq says it, as
    /// the walk does not know.
    fn failure(&self, scope: &Scope<'_>, document: &Document, column: usize, row: usize) -> Option<Failure> {
        let value = &self.table.columns[column].value;
        let element = match &self.table.rows {
            Some(rows) => Some(scope.items(rows, Input::Document).values.into_iter().nth(row)?),
            None => None,
        };
        let input = element.as_ref().map_or(Input::Document, Input::Json);
        scope.first(value, input, 2).error.map(|error| Failure::new(&error, document))
    }

    /// Adds one row, or none of it. `cells` are those of the walk: the document's and the row's. The row has a
    /// number in its document, and an input where jq needs it.
    fn row(
        &mut self,
        scope: &Scope<'_>,
        document: &Document,
        cells: Option<(&[Cell<'_>], &[Cell<'_>])>,
        (number, input): (usize, Input<'_>),
        full: &mut Vec<RecordBatch>,
    ) -> Result<(), ProjectError> {
        for index in 0..self.columns.len() {
            let errors = self.counts.columns[index].errors;
            let kept = match (&self.shape.sources[index], cells) {
                (Source::Doc(cell), Some((doc, _))) => self.append(index, &doc[*cell], document),
                (Source::Row(cell), Some((_, row))) => self.append(index, &row[*cell], document),
                (Source::Jq, _) | (_, None) => {
                    let plan = &self.table.columns[index];
                    let output: Output = scope.output(&plan.value, input);
                    let cell = Cell::output(&output, &plan.column_type);
                    self.append(index, &cell, document)
                }
            };
            let counts = &self.counts.columns[index];
            if counts.errors > errors && counts.failure.is_none() {
                self.counts.columns[index].failure = self.failure(scope, document, index, number);
            }
            if !matches!(kept, Ok(true)) {
                for column in &mut self.columns[..=index] {
                    column.truncate(self.open_rows);
                }
                self.counts.dropped += 1;
                return kept.map(drop);
            }
        }
        self.counts.rows += 1;
        self.open_rows += 1;
        if self.open_rows == self.batch_rows {
            let batch = self.batch();
            full.push(batch);
        }
        Ok(())
    }

    /// Adds one cell; `false` if the row must go.
    fn append(&mut self, index: usize, cell: &Cell<'_>, document: &Document) -> Result<bool, ProjectError> {
        let plan = &self.table.columns[index];
        let counts = &mut self.counts.columns[index];
        let Ok(Appended { null, mismatches }) = self.columns[index].append(cell) else {
            return Err(ProjectError::Overflow {
                table: plan_name(&self.table),
                column: plan.name.to_string(),
                item: item(document),
            });
        };
        counts.errors += u64::from(matches!(cell, Cell::Error));
        counts.mismatches += mismatches;
        if mismatches > 0 {
            let find = || Misfit::find(&plan.name, cell, &plan.column_type, document);
            match plan.on_mismatch {
                OnMismatch::Fail => {
                    return Err(ProjectError::Mismatch {
                        table: plan_name(&self.table),
                        misfit: Box::new(find()),
                    });
                }
                OnMismatch::Null | OnMismatch::Drop if counts.misfit.is_none() => {
                    counts.misfit = Some(find());
                }
                OnMismatch::Null | OnMismatch::Drop => {}
            }
            if plan.on_mismatch == OnMismatch::Drop {
                return Ok(false);
            }
        }
        Ok(!(null && plan.required))
    }

    fn batch(&mut self) -> RecordBatch {
        self.open_rows = 0;
        let arrays = self.columns.iter_mut().map(Column::finish).collect();
        RecordBatch::try_new(Arc::clone(&self.table.schema), arrays)
            .expect("the plan's schema follows from its columns, and so do the arrays")
    }
}

fn plan_name(table: &TablePlan) -> String {
    table.stage.as_str().to_owned()
}

/// The cell of a path that does not start in the body.
fn constant<'a>(
    path: &PlainPath,
    column_type: &ColumnType,
    document: &'a Document,
    run: &'a RunScope,
) -> Cell<'a> {
    let item = &document.item;
    let (mut value, steps) = match (path.root, &path.steps[..]) {
        (Root::Item, steps) => (&*item.fields, steps),
        (Root::Parent, steps) => match &item.parent {
            Some(parent) => (&**parent, steps),
            None => (&serde_json::Value::Null, steps),
        },
        (Root::Params, [Step::Field(name), rest @ ..]) => {
            (run.params.get(&**name).unwrap_or(&serde_json::Value::Null), rest)
        }
        (Root::Meta, [Step::Field(name), rest @ ..]) if &**name == "seed" => (&*item.seed, rest),
        (Root::Meta, [Step::Field(name)]) => {
            let value = meta_field(run, Some(document), name).expect("the shape knows the fields of $meta");
            return match value {
                serde_json::Value::String(text) => Cell::Text(text.into()),
                other => other.as_i64().map_or(Cell::Null, Cell::Int),
            };
        }
        // An object of jq has no key that is a number.
        (Root::Params | Root::Meta, [Step::Index(_), rest @ ..]) => (&serde_json::Value::Null, rest),
        _ => return Cell::Error,
    };
    for step in steps {
        value = match (step, value) {
            (_, serde_json::Value::Null) | (Step::Index(_), serde_json::Value::Object(_)) => {
                &serde_json::Value::Null
            }
            (Step::Field(name), serde_json::Value::Object(fields)) => {
                fields.get(&**name).unwrap_or(&serde_json::Value::Null)
            }
            (Step::Index(index), serde_json::Value::Array(elements)) => {
                elements.get(*index).unwrap_or(&serde_json::Value::Null)
            }
            _ => return Cell::Error,
        };
    }
    Cell::value(value, column_type)
}
