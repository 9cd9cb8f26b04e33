//! Tables as the plan has them, bodies as TMDB sends them, and both ways to the same columns.

mod batches;
mod coercion;
mod found;
mod mismatches;
mod nested;
mod rows;
mod ways;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Field, Schema, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use serde_json::json;

use super::*;
use crate::plan::expr::{Expr, RunScope};
use crate::plan::{ColumnPlan, Document, Item, TablePlan};
use crate::spec::ColumnType::{self, Bool, Date, Float64, Int32, Int64, Json, String as Text, Timestamp};
use crate::spec::{Format, OnMismatch, Order, ParquetCodec, Span, StageId};

fn column(name: &str, column_type: ColumnType, value: &str) -> ColumnPlan {
    ColumnPlan {
        name: name.into(),
        span: Span::default(),
        column_type,
        value: Expr::compile(value).unwrap_or_else(|fault| panic!("{value}: {fault}")),
        required: false,
        on_mismatch: OnMismatch::Null,
    }
}

fn table(rows: Option<&str>, columns: Vec<ColumnPlan>) -> Arc<TablePlan> {
    let fields = columns
        .iter()
        .map(|column| Field::new(&*column.name, column.column_type.arrow(), !column.required))
        .collect::<Vec<_>>();
    Arc::new(TablePlan {
        stage: StageId("films".into()),
        rows: rows.map(|rows| Expr::compile(rows).unwrap()),
        schema: Arc::new(Schema::new(fields)),
        columns,
        order: Order::Input,
        path: "out.parquet".into(),
        layout: crate::spec::Layout::default(),
        sort_by: Vec::new(),
        upsert: None,
        format: Format::Parquet(ParquetCodec::None),
    })
}

fn document(body: impl AsRef<[u8]>) -> Document {
    let mut item = Item::seed(json!({"id": 603, "n": {"m": [1, 2.5, "x"]}, "big": u64::MAX}));
    item.parent = Some(Arc::new(json!({"id": 7.25, "list": [1, "a", null]})));
    item.depth = 2;
    item.rank = 5;
    Document::new(
        item,
        Bytes::copy_from_slice(body.as_ref()),
        Some("2026-11-22T10:00:00.123456Z".parse().unwrap()),
    )
}

fn run() -> Arc<RunScope> {
    let params = json!({"a": 1, "b": "x", "c": [1, 2]}).as_object().unwrap().clone();
    Arc::new(RunScope { params: Arc::new(params), run: "r1".into() })
}

/// Timestamps without their zone, which arrow can only show with a database of zones.
fn without_zone(array: &ArrayRef) -> ArrayRef {
    match array.as_primitive_opt::<TimestampMicrosecondType>() {
        Some(timestamps) => Arc::new(timestamps.clone().with_timezone_opt(None::<&str>)),
        None => Arc::clone(array),
    }
}

/// Rows as text: one line each, `~` for null.
fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("~");
    let mut lines = Vec::new();
    for batch in batches {
        let columns: Vec<_> = batch.columns().iter().map(without_zone).collect();
        let formatters: Vec<_> =
            columns.iter().map(|array| ArrayFormatter::try_new(array, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            lines.push(
                formatters.iter().map(|cells| cells.value(row).to_string()).collect::<Vec<_>>().join("|"),
            );
        }
    }
    lines
}

struct Outcome {
    batches: Vec<RecordBatch>,
    counts: Counts,
    error: Option<ProjectError>,
}

fn project(mut projector: Projector, documents: &[Document]) -> Outcome {
    let mut batches = Vec::new();
    let mut error = None;
    for document in documents {
        if let Err(fault) = projector.push(document, &mut batches) {
            error = Some(fault);
            break;
        }
    }
    batches.extend(projector.finish());
    Outcome { batches, counts: projector.counts().clone(), error }
}

/// Projects by both ways, insists that they agree, and returns one outcome.
fn both(table: &Arc<TablePlan>, documents: &[Document]) -> Outcome {
    let fast = project(Projector::new(Arc::clone(table), run(), 1000), documents);
    let jq = project(Projector::new(Arc::clone(table), run(), 1000).by_jq(), documents);
    assert_eq!(fast.batches, jq.batches);
    assert_eq!(fast.counts, jq.counts);
    assert_eq!(fast.error, jq.error);
    fast
}

fn check(rows: Option<&str>, columns: &[(ColumnType, &str)], body: &str, expected: &[&str]) -> Counts {
    let columns =
        columns.iter().enumerate().map(|(i, (t, v))| column(&format!("c{i}"), t.clone(), v)).collect();
    let outcome = both(&table(rows, columns), &[document(body)]);
    assert_eq!(lines(&outcome.batches), expected, "{body}");
    outcome.counts
}

fn list(element: ColumnType) -> ColumnType {
    ColumnType::List(Box::new(element))
}

fn typed(text: &str) -> ColumnType {
    text.parse().unwrap_or_else(|fault| panic!("{text}: {fault}"))
}
