//! How rows of a table take the place of others, and what is staged beside its rows for that.
//!
//! Does not belong here: which columns those are (`crate::plan`), and the work itself (`delta`).
//!
//! Invariant: columns are named, so that a journal can hold this; each is one of the table.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use serde::{Deserialize, Serialize};

/// How rows of a table are told apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpsertSpec {
    /// The columns of the key; none is null in any row.
    pub key: Vec<String>,
    /// Those of them that hold the same in all rows of a document: earlier rows with the same values are replaced by all
    /// that come anew.
    pub document: Vec<String>,
    /// The column by which the later of two rows is known.
    pub fetched_at: Option<String>,
    /// What becomes of rows whose item is no more; `None`: they stay.
    pub gone: Option<GoneSpec>,
}

/// How rows of an item that is no more are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoneSpec {
    /// Columns of the key.
    pub columns: Vec<String>,
    /// The column that gets the time; `None`: rows are deleted.
    pub set: Option<String>,
}

/// The column of [`GoneSpec`]'s rows that says when it was found out.
pub(super) const GONE_AT: &str = "gone_at";

impl UpsertSpec {
    /// The columns of what is told of documents: their part of the key, then the time. None if no column is theirs.
    pub(super) fn documents(&self, table: &Schema) -> Option<SchemaRef> {
        let names = self.document.iter().chain(&self.fetched_at);
        (!self.document.is_empty()).then(|| schema_of(table, names))
    }
}

impl GoneSpec {
    /// The columns of what is told of items that are gone: those of the key, then the time.
    pub(super) fn rows(&self, table: &Schema) -> SchemaRef {
        let known = schema_of(table, self.columns.iter());
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let time = Arc::new(Field::new(GONE_AT, time, true));
        Arc::new(Schema::new(known.fields().iter().cloned().chain([time]).collect::<Vec<_>>()))
    }
}

fn schema_of<'a>(table: &Schema, names: impl Iterator<Item = &'a String>) -> SchemaRef {
    let field = |name: &String| Arc::new(table.field_with_name(name).expect("a column of the table").clone());
    Arc::new(Schema::new(names.map(field).collect::<Vec<_>>()))
}
