//! A table as the plan knows it, before the first request: columns, types, Arrow schema.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::expr::Expr;
use crate::spec::{ColumnType, Format, OnMismatch, Order, Span, StageId};

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
    /// Its format and codec.
    pub format: Format,
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
