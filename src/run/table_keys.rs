//! What a table that is upserted hears beside its rows: which documents there were, and which items are gone.
//!
//! ```text
//!  documents ─▶ their part of the key, one row for each ─▶ writer
//!  items that are gone ─▶ what the key has of them      ─▶ writer
//! ```
//!
//! Does not belong here: what becomes of rows by it (`crate::sink`). Invariant: the order does not matter, neither of these
//! among themselves nor to the rows.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;

use super::context::{Context, on_thread};
use super::error::RunError;
use super::table::ToWriter;
use crate::engine::{Parcel, Receiver, Sender};
use crate::event::{Account, Activity};
use crate::plan::{BATCH_ROWS, DECODE_DOCUMENTS, Document, TablePlan};
use crate::project::{ProjectError, Projector};

/// The parts of keys that are the documents', on their way to the writer.
pub(super) struct DocumentKeys {
    projector: Projector,
    to: Sender<ToWriter>,
}

impl DocumentKeys {
    /// For a table that has such.
    pub(super) fn new(plan: &TablePlan, to: &Sender<ToWriter>, context: &Context) -> Option<Self> {
        let documents = plan.upsert.as_ref()?.documents.as_ref()?;
        let projector = Projector::new(Arc::clone(documents), Arc::clone(&context.scope), BATCH_ROWS);
        Some(Self { projector, to: to.clone() })
    }

    /// Adds a document. What becomes full goes to `full`.
    pub(super) fn push(
        &mut self,
        document: &Document,
        full: &mut Vec<RecordBatch>,
    ) -> Result<(), ProjectError> {
        self.projector.push(document, full)
    }

    /// Hands on what is full.
    pub(super) async fn hand_on(&self, full: Vec<RecordBatch>, context: &Context) -> Result<(), RunError> {
        for batch in full {
            let charge = context.memory.table(batch.get_array_memory_size());
            self.to.send(ToWriter::Documents(batch, charge)).await?;
        }
        Ok(())
    }

    /// Hands on the rest.
    pub(super) async fn finish(mut self, context: &Context) -> Result<(), RunError> {
        let (keys, last) = on_thread(move || {
            let last = self.projector.finish();
            (self, last)
        })
        .await;
        keys.hand_on(last.into_iter().collect(), context).await
    }
}

/// Reads which items are gone, to the end of `input`.
pub(super) async fn gone(
    plan: &TablePlan,
    mut input: Receiver<Parcel<Document>>,
    to: &Sender<ToWriter>,
    context: &Context,
    account: &Account,
) -> Result<(), RunError> {
    let rows = plan.upsert.as_ref().and_then(|upsert| upsert.gone.as_ref()).map(|gone| &gone.rows);
    let rows = rows.expect("only a table that hears of items that are gone has such an input");
    let mut projector = Projector::new(Arc::clone(rows), Arc::clone(&context.scope), BATCH_ROWS);
    loop {
        let mut parcels = Vec::with_capacity(DECODE_DOCUMENTS);
        if input.recv_many(&mut parcels, DECODE_DOCUMENTS).await == 0 {
            break;
        }
        let count = parcels.len();
        let decoding = on_thread(move || {
            let mut full = Vec::new();
            let result = parcels.iter().try_for_each(|parcel| projector.push(&parcel.value, &mut full));
            (projector, result.map(|()| full))
        });
        let (back, full) = account.time(Activity::Decoding, count, decoding).await;
        projector = back;
        for batch in full? {
            let charge = context.memory.table(batch.get_array_memory_size());
            to.send(ToWriter::Gone(batch, charge)).await?;
        }
    }
    if let Some(batch) = on_thread(move || projector.finish()).await {
        let charge = context.memory.table(batch.get_array_memory_size());
        to.send(ToWriter::Gone(batch, charge)).await?;
    }
    Ok(())
}
