//! A project at work: documents become batches on a decoding thread, batches become a file on a writing thread.
//!
//! ```text
//!  input 1 ─▶ [decode] ─▶ batches ─▶ [writer buffer] ─▶ writer thread
//!  input 2 ─▶ [decode] ─▶ spool on disk ──── in its turn ──▲
//! ```
//!
//! Inputs are read in their order. Where a list is read, the later ones go to a spool until their turn: they may come
//! from the same documents as the first, and holding them back would hold back those.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use tokio::time::Instant;

use super::context::{Context, on_thread};
use super::error::RunError;
use super::spool::Spool;
use super::table_keys::{self, DocumentKeys};
use crate::engine::{Charge, Closed, Parcel, Receiver, Sender, edge};
use crate::event::{Account, Activity, ColumnLoss, Event};
use crate::plan::{BATCH_ROWS, DECODE_DOCUMENTS, Document, TablePlan, WRITER_BUFFER};
use crate::project::{ColumnCounts, Projector};
use crate::sink::{SinkError, StagedTable, TableWriter};

/// Where the batches of one table come to rest. The real one is [`TableWriter`].
pub trait TableSink: Send + 'static {
    /// What a finished table is.
    type Staged: Send + 'static;

    /// Takes a batch of the table's schema. Blocks.
    fn write(&mut self, batch: &RecordBatch) -> Result<(), SinkError>;

    /// Takes keys of documents that there were, with or without rows; of a table that is upserted. Blocks.
    fn documents(&mut self, _: &RecordBatch) -> Result<(), SinkError> {
        Ok(())
    }

    /// Takes what the key has of items that are gone; of a table that is upserted. Blocks.
    fn gone(&mut self, _: &RecordBatch) -> Result<(), SinkError> {
        Ok(())
    }

    /// Ends the table; nothing is visible yet. Blocks.
    fn finish(self) -> Result<Self::Staged, SinkError>;

    /// Bytes that it holds in memory now, about.
    fn memory_bytes(&self) -> usize {
        0
    }
}

impl TableSink for TableWriter {
    type Staged = StagedTable;

    fn write(&mut self, batch: &RecordBatch) -> Result<(), SinkError> {
        TableWriter::write(self, batch)
    }

    fn documents(&mut self, keys: &RecordBatch) -> Result<(), SinkError> {
        TableWriter::documents(self, keys)
    }

    fn gone(&mut self, keys: &RecordBatch) -> Result<(), SinkError> {
        TableWriter::gone(self, keys)
    }

    fn finish(self) -> Result<StagedTable, SinkError> {
        TableWriter::finish(self)
    }

    fn memory_bytes(&self) -> usize {
        TableWriter::memory_bytes(self)
    }
}

/// What goes to a writer. That its channel closes without `End` means that the run failed.
pub(super) enum ToWriter {
    Batch(RecordBatch, Charge),
    Documents(RecordBatch, Charge),
    Gone(RecordBatch, Charge),
    End,
}

/// Runs one table until its inputs end; its staged file goes to `staged`. The last `gone` inputs tell which items are gone.
pub(super) async fn table<S: TableSink>(
    plan: Arc<TablePlan>,
    mut inputs: Vec<Receiver<Parcel<Document>>>,
    gone: usize,
    sink: S,
    staged: Sender<(usize, S::Staged)>,
    index: usize,
    context: Arc<Context>,
) -> Result<(), RunError> {
    let (batches, queue) = edge(WRITER_BUFFER);
    let account = &context.accounts[index];
    let _opened = account.open(0);
    let writer = write(sink, queue, context.memory.table(0), account);
    let gone = inputs.split_off(inputs.len() - gone);
    let project = async {
        let gone = gone.into_iter().map(|input| table_keys::gone(&plan, input, &batches, &context, account));
        let gone = futures::future::try_join_all(gone);
        let mut inputs = inputs.into_iter();
        let first = inputs.next().expect("a project reads something");
        let mut spools = Vec::new();
        let mut later = Vec::new();
        for input in inputs {
            let spool = Spool::new(&plan)?;
            spools.push(spool.clone());
            let to = Destination::Spool(spool);
            let keys = DocumentKeys::new(&plan, &batches, &context);
            later.push(decode(&plan, input, to, keys, &context, account));
        }
        let keys = DocumentKeys::new(&plan, &batches, &context);
        let first = decode(&plan, first, Destination::Writer(batches.clone()), keys, &context, account);
        let later = futures::future::try_join_all(later);
        let (first, mut ended, _) = futures::future::try_join3(first, later, gone).await?;
        ended.push(first);
        for spool in spools {
            let mut stored = on_thread(move || spool.replay()).await?;
            loop {
                let (back, batch) = on_thread(move || {
                    let batch = stored.next_batch();
                    (stored, batch)
                })
                .await;
                stored = back;
                let Some(batch) = batch? else { break };
                let charge = context.memory.table(batch.get_array_memory_size());
                batches.send(ToWriter::Batch(batch, charge)).await?;
            }
        }
        batches.send(ToWriter::End).await?;
        drop(batches);
        Ok::<_, RunError>(ended)
    };
    // A writer that fails closes its queue, which `project` notices as a closed edge: the writer's error
    // is the one to tell.
    let (written, projected) = tokio::join!(writer, project);
    let table = written?;
    // Whoever has no more to decode waits for the file.
    for ended in projected? {
        account.add(Activity::Output, ended.elapsed());
    }
    let table = table.ok_or(Closed)?;
    staged.send((index, table)).await?;
    Ok(())
}

/// Where decoded batches go.
enum Destination {
    Writer(Sender<ToWriter>),
    Spool(Spool),
}

/// Decodes one input to its end; says when that was.
async fn decode(
    plan: &Arc<TablePlan>,
    mut documents: Receiver<Parcel<Document>>,
    to: Destination,
    mut keys: Option<DocumentKeys>,
    context: &Context,
    account: &Account,
) -> Result<Instant, RunError> {
    let mut projector = Projector::new(Arc::clone(plan), Arc::clone(&context.scope), BATCH_ROWS);
    let mut open = context.memory.table(projector.memory_bytes());
    loop {
        // Never more documents than the open batch has room for, so that what is on its way is known.
        let room = DECODE_DOCUMENTS.min(BATCH_ROWS - projector.open_rows()).max(1);
        let mut parcels = Vec::with_capacity(room);
        if account.time(Activity::Input, 1, documents.recv_many(&mut parcels, room)).await == 0 {
            break;
        }
        let count = parcels.len();
        let open_before = projector.open_rows();
        let decoding = on_thread(move || {
            let (mut full, mut full_keys) = (Vec::new(), Vec::new());
            // Each body is given back as soon as its rows are there.
            let result = parcels.into_iter().try_for_each(|parcel| {
                if let Some(keys) = &mut keys {
                    keys.push(&parcel.value, &mut full_keys)?;
                }
                projector.push(&parcel.value, &mut full)
            });
            (projector, keys, result.map(|()| (full, full_keys)))
        });
        let (back, keys_back, full) = account.time(Activity::Decoding, count, decoding).await;
        (projector, keys) = (back, keys_back);
        open.resize(projector.memory_bytes());
        let (full, full_keys) = full?;
        if let Some(keys) = &keys {
            keys.hand_on(full_keys, context).await?;
        }
        let rows: usize = full.iter().map(RecordBatch::num_rows).sum();
        let rows = (rows + projector.open_rows()).saturating_sub(open_before);
        context.listener.hear(&Event::RowsDecoded { table: plan.stage.clone(), rows });
        for batch in full {
            account.time(Activity::Output, 1, hand_on(plan, batch, &to, context)).await?;
        }
    }
    drop(open);
    if let Some(keys) = keys {
        keys.finish(context).await?;
    }
    let finishing = on_thread(move || (projector.finish(), projector.counts()));
    let (last, counts) = account.time(Activity::Decoding, 0, finishing).await;
    if let Some(batch) = last {
        account.time(Activity::Output, 1, hand_on(plan, batch, &to, context)).await?;
    }
    context.listener.hear(&Event::TableCounted {
        table: plan.stage.clone(),
        dropped_rows: counts.dropped,
        columns: plan
            .columns
            .iter()
            .zip(&counts.columns)
            .flat_map(|(column, counts)| losses(&column.name, counts))
            .collect(),
    });
    let reason = counts.rows_failure.map(|failure| format!("{} (item {})", failure.reason, failure.item));
    context.expressions_failed(&plan.stage, counts.rows_errors, reason);
    Ok(Instant::now())
}

/// What a column lost, place by place.
fn losses(column: &str, counts: &ColumnCounts) -> Vec<ColumnLoss> {
    let at = |item: &str, what: &str| format!("{what} (item {item})");
    let misfit = |place: &str| {
        let misfit = counts.misfit.as_ref().filter(|misfit| misfit.place == place)?;
        Some((misfit.column_type.clone(), at(&misfit.item, &misfit.value)))
    };
    let mut losses: Vec<ColumnLoss> = Vec::new();
    if counts.errors > 0 {
        let failure = counts.failure.as_ref().map(|failure| at(&failure.item, &failure.reason));
        losses.push(ColumnLoss {
            name: column.to_owned(),
            errors: counts.errors,
            failure,
            ..Default::default()
        });
    }
    for (place, mismatches) in &counts.places {
        let (mismatches, misfit) = (*mismatches, misfit(place));
        match losses.iter_mut().find(|loss| loss.name == *place) {
            Some(loss) => (loss.mismatches, loss.misfit) = (mismatches, misfit),
            None => {
                losses.push(ColumnLoss { name: place.clone(), mismatches, misfit, ..Default::default() });
            }
        }
    }
    losses
}

async fn hand_on(
    plan: &TablePlan,
    batch: RecordBatch,
    to: &Destination,
    context: &Context,
) -> Result<(), RunError> {
    let rows = batch.num_rows();
    match to {
        Destination::Writer(batches) => {
            let charge = context.memory.table(batch.get_array_memory_size());
            batches.send(ToWriter::Batch(batch, charge)).await?;
        }
        Destination::Spool(spool) => {
            let spool = spool.clone();
            on_thread(move || spool.push(&batch)).await?;
        }
    }
    context.listener.hear(&Event::RowsWritten { table: plan.stage.clone(), rows });
    Ok(())
}

/// The writing half, each batch on a thread; `None` if the run ended before the table did.
async fn write<S: TableSink>(
    mut sink: S,
    mut queue: Receiver<ToWriter>,
    mut open: Charge,
    account: &Account,
) -> Result<Option<S::Staged>, SinkError> {
    while let Some(message) = account.time(Activity::Batches, 1, queue.recv()).await {
        match message {
            ToWriter::End => {
                let finishing = on_thread(move || sink.finish());
                return account.time(Activity::Writing, 0, finishing).await.map(Some);
            }
            given => {
                let rows = match &given {
                    ToWriter::Batch(batch, _) => batch.num_rows(),
                    _ => 0,
                };
                let writing = on_thread(move || {
                    let (result, batch, charge) = match given {
                        ToWriter::Batch(batch, charge) => (sink.write(&batch), batch, charge),
                        ToWriter::Documents(keys, charge) => (sink.documents(&keys), keys, charge),
                        ToWriter::Gone(keys, charge) => (sink.gone(&keys), keys, charge),
                        ToWriter::End => unreachable!("is told apart above"),
                    };
                    drop((batch, charge));
                    (sink, result)
                });
                let (back, result) = account.time(Activity::Writing, rows, writing).await;
                sink = back;
                open.resize(sink.memory_bytes());
                result?;
            }
        }
    }
    Ok(None)
}
