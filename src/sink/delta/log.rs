//! The commit of a load to the log, and whether it is there.
//!
//! Does not belong here: what the commit holds (`work`), and its place among the steps of a publish (`publish`).
//!
//! Invariant: a commit that is not in the log has changed nothing; one that is, is known by its number.

use std::collections::HashSet;
use std::sync::Arc;

use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::transaction::create_table::create_table;
use delta_kernel::transaction::data_layout::DataLayout;
use delta_kernel::transaction::{CommitResult, CommittedTransaction, Transaction, UpdateTableOperation};
use delta_kernel::{KernelError, SnapshotRef};

use super::facts::{Noted, PIPELINE, SOURCE, TABLE};
use super::table::{Table, apart};
use super::work::Job;
use super::{adds, columns};
use crate::sink::delta_entry::AddFile;
use crate::sink::disk::Disk;
use crate::sink::encode::{FormatError, TOOL_VERSION};
use crate::sink::error::SinkError;
use crate::sink::facts::Load;
use crate::sink::journal::Entry;
use crate::spec::Mode;

/// Commits between two checkpoints: as many as Delta's own writers leave.
const CHECKPOINT_COMMITS: u64 = 10;

/// Writes the commit; answers whether it is in the log. If not, somebody else's has come between.
pub(in crate::sink) fn commit(disk: &Disk, entry: &Entry) -> Result<bool, SinkError> {
    apart(|| commit_here(disk, entry))
}

fn commit_here(disk: &Disk, entry: &Entry) -> Result<bool, SinkError> {
    let table = Table::open(disk, &entry.path)?;
    let job = Job::new(disk, &table, entry)?;
    let snapshot = table.snapshot()?;
    if let Some(snapshot) = &snapshot
        && is_committed(&table, snapshot, entry)?
    {
        return Ok(true);
    }
    if job.delta.work.base != snapshot.as_ref().map(|it| it.version()) {
        return Ok(false);
    }
    let committed = match &snapshot {
        None => create(&job)?,
        Some(snapshot) => update(&job, snapshot)?,
    };
    let Some(committed) = committed else { return Ok(false) };
    checkpoint(&table, &committed);
    Ok(true)
}

/// The commit that makes the table.
fn create(job: &Job<'_>) -> Result<Option<CommittedTransaction>, SinkError> {
    let refused = |error| job.table.refused("create", error);
    let facts = &job.entry.manifest.facts;
    let schema = columns::to_delta(&job.entry.path, &job.schema)?;
    let (app, version) = number(job.entry);
    let noted = noted(job, 0, 0, 0);
    let mut builder = create_table(job.table.url.as_str(), Arc::new(schema), engine(), true)
        .with_table_properties([
            (SOURCE, facts.source.as_str()),
            (PIPELINE, facts.pipeline.as_str()),
            (TABLE, job.entry.manifest.table.as_str()),
        ])
        .with_transaction_id(app, version)
        .with_operation_parameters(noted.parameters(&job.delta.partition_by));
    if !job.delta.partition_by.is_empty() {
        builder = builder.with_data_layout(DataLayout::partitioned(&job.delta.partition_by));
    }
    let by = Box::new(FileSystemCommitter::new());
    let mut transaction = match builder.build(job.table.engine.as_ref(), by) {
        Ok(transaction) => transaction,
        Err(KernelError::TableAlreadyExistsAtPath(_)) => return Ok(None),
        Err(error) => return Err(refused(error)),
    };
    add(job, &mut transaction)?;
    match transaction.commit(job.table.engine.as_ref()).map_err(refused)? {
        CommitResult::Committed(committed) => Ok(Some(committed)),
        CommitResult::Conflicted(_) => Ok(None),
        CommitResult::Retryable(failed) => Err(refused(failed.error)),
    }
}

/// A commit that follows another.
fn update(job: &Job<'_>, snapshot: &SnapshotRef) -> Result<Option<CommittedTransaction>, SinkError> {
    let refused = |error| job.table.refused("commit to", error);
    let schema = columns::to_delta(&job.entry.path, &job.schema)?;
    let changes = columns::changes(&job.entry.path, snapshot, &schema, &job.delta.partition_by)?;
    let work = &job.delta.work;
    let live = job.table.live(snapshot)?;
    let stays = live.iter().filter(|file| !work.removes.contains(&file.path));
    let (mut rows, mut files, mut bytes) = (0, 0, 0);
    for file in stays {
        rows += file.rows().unwrap_or_default();
        files += 1;
        bytes += file.bytes;
    }
    let (app, version) = number(job.entry);
    let operation = match job.delta.mode {
        Mode::Overwrite | Mode::Append => UpdateTableOperation::Write,
        Mode::Upsert => UpdateTableOperation::Merge,
    };
    let is_blind = job.delta.mode == Mode::Append && changes.is_empty() && !work.adds.is_empty();
    let mut builder = SnapshotRef::clone(snapshot)
        .update_table(operation, engine(), true)
        .with_transaction_id(app, version)
        .with_operation_parameters(noted(job, rows, files, bytes).parameters(&job.delta.partition_by));
    if is_blind {
        builder = builder.with_blind_append();
    }
    for column in changes.added {
        builder = builder.add_column(column);
    }
    for column in changes.nullable {
        builder = builder.set_nullable(column);
    }
    let by = Box::new(FileSystemCommitter::new());
    let mut transaction = builder.build(job.table.engine.as_ref(), by).map_err(refused)?;
    if !work.removes.is_empty() {
        let goes: HashSet<&str> = work.removes.iter().map(String::as_str).collect();
        for files in job.table.removals(snapshot, |path| goes.contains(path))? {
            transaction.remove_files(files);
        }
    }
    add(job, &mut transaction)?;
    match transaction.commit(job.table.engine.as_ref()).map_err(refused)? {
        CommitResult::Committed(committed) => Ok(Some(committed)),
        CommitResult::Conflicted(_) => Ok(None),
        CommitResult::Retryable(failed) => Err(refused(failed.error)),
    }
}

fn add<S>(job: &Job<'_>, transaction: &mut Transaction<S>) -> Result<(), SinkError> {
    let files = &job.delta.work.adds;
    if files.is_empty() {
        return Ok(());
    }
    let modified = job.entry.manifest.facts.finished_at.as_millisecond();
    let open = |file: &AddFile| job.open(file).map_err(Failure::Sink);
    let rows = adds::rows(files, &job.schema, modified, open).map_err(|failure| match failure {
        Failure::Sink(error) => error,
        Failure::Format(source) => job.bad_file(&job.entry.path, source),
    })?;
    transaction.add_files(Box::new(ArrowEngineData::new(rows)));
    Ok(())
}

enum Failure {
    Sink(SinkError),
    Format(FormatError),
}

impl From<FormatError> for Failure {
    fn from(source: FormatError) -> Self {
        Self::Format(source)
    }
}

/// What the commit notes of the load, of a table of which so much stays.
fn noted(job: &Job<'_>, rows: u64, files: usize, bytes: u64) -> Noted {
    let (manifest, work) = (&job.entry.manifest, &job.delta.work);
    let facts = &manifest.facts;
    let sum = |count: fn(&AddFile) -> u64| work.adds.iter().map(count).sum::<u64>();
    Noted {
        table: manifest.table.clone(),
        facts: facts.clone(),
        columns: manifest.columns.clone(),
        load: Load {
            run: facts.run.clone(),
            pipeline: facts.pipeline.clone(),
            finished_at: facts.finished_at,
            generation: None,
            mode: job.delta.mode,
            rows: manifest.rows,
            table_rows: rows + sum(|file| file.rows),
            files: files + work.adds.len(),
            bytes: bytes + sum(|file| file.bytes),
            schema_fingerprint: manifest.schema_fingerprint.clone(),
        },
    }
}

/// Who commits, and the number by which its commit is known: the start of the logical run, which all of its attempts have.
fn number(entry: &Entry) -> (String, i64) {
    let facts = &entry.manifest.facts;
    (format!("tmdb-etl/{}/{}", facts.pipeline, entry.manifest.table), facts.started_at.as_millisecond())
}

/// Whether this run's commit is in the log. One that others of the same name have followed is found by what it noted.
pub(super) fn is_committed(table: &Table, snapshot: &SnapshotRef, entry: &Entry) -> Result<bool, SinkError> {
    let (app, version) = number(entry);
    let last = snapshot
        .get_app_id_version(&app, table.engine.as_ref())
        .map_err(|error| table.refused("read the transactions of", error))?;
    match last {
        Some(last) if last == version => Ok(true),
        Some(last) if last > version => {
            let facts = &entry.manifest.facts;
            let noted = table.noted(snapshot)?;
            let own = |noted: &Noted| noted.facts.run == facts.run && noted.facts.pipeline == facts.pipeline;
            Ok(noted.iter().any(|(_, noted)| own(noted)))
        }
        _ => Ok(false),
    }
}

/// Every so many commits the log gets a summary, so that readers need not read all of it. Without it nothing is lost.
fn checkpoint(table: &Table, committed: &CommittedTransaction) {
    if committed.commit_version() == 0 || !committed.commit_version().is_multiple_of(CHECKPOINT_COMMITS) {
        return;
    }
    let Some(snapshot) = committed.post_commit_snapshot() else { return };
    if let Err(error) = snapshot.checkpoint(table.engine.as_ref(), None) {
        tracing::warn!(%error, table = %table.path.display(), "no checkpoint of the log; the next load tries again");
    }
}

fn engine() -> String {
    format!("tmdb-etl/{TOOL_VERSION}")
}
