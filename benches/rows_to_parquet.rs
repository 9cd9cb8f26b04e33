//! Rows of 15 columns to a staged Parquet file: encoding, compression, statistics, the disk and its sync.
//!
//! `cargo bench --bench rows_to_parquet`: time for a row of a file of one row group. Every film has texts of its own, or they
//! would compress to nothing.

#![allow(missing_docs, reason = "criterion's macros write functions without docs")]

mod film;

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;
use tmdb_etl::plan::expr::RunScope;
use tmdb_etl::plan::{Document, Item, TablePlan};
use tmdb_etl::project::Projector;
use tmdb_etl::sink::{Commit, Lock, ROW_GROUP_ROWS, TableSpec, TableWriter};

use self::film::{film, films};

const BATCH_ROWS: usize = 1_024;
const WORDS: [&str; 8] =
    ["lamp", "winter", "letters", "a ship", "the village", "returns", "nobody", "at night"];

/// Batches of films that differ.
fn batches(table: &Arc<TablePlan>) -> Vec<RecordBatch> {
    let mut dice = fastrand::Rng::with_seed(1);
    let mut projector = Projector::new(Arc::clone(table), Arc::new(RunScope::default()), BATCH_ROWS);
    let mut full = Vec::new();
    let mut body = film();
    for id in 0..ROW_GROUP_ROWS {
        let words: Vec<&str> = (0..60).map(|_| WORDS[dice.usize(..WORDS.len())]).collect();
        body["id"] = json!(id);
        body["imdb_id"] = json!(format!("tt{id:07}"));
        body["title"] = json!(format!("{} {id}", words[0]));
        body["overview"] = json!(words.join(" "));
        body["revenue"] = json!(dice.u32(..));
        body["vote_count"] = json!(dice.u16(..));
        let document = Document::new(Item::seed(json!({ "id": id })), Bytes::from(body.to_string()), None);
        projector.push(&document, &mut full).expect("nothing fails on a mismatch");
    }
    full
}

fn rows_to_parquet(criterion: &mut Criterion) {
    let table = films();
    let batches = batches(&table);
    let folder = tempfile::tempdir().expect("a folder");
    let lock = Lock::acquire(&folder.path().join("state"), "bench").expect("nobody has it");
    let (commit, _) = Commit::open(lock).expect("nothing is left");
    let spec = TableSpec {
        name: "films".into(),
        path: folder.path().join("films.parquet"),
        schema: Arc::clone(&table.schema),
        definitions: Vec::new(),
        format: table.format,
        layout: table.layout.clone(),
        sort_by: Vec::new(),
        upsert: None,
        pipeline: "bench".into(),
    };
    let writer =
        || -> TableWriter { commit.stage(std::slice::from_ref(&spec), "run").expect("stages").remove(0) };
    let write = |mut writer: TableWriter| {
        for batch in &batches {
            writer.write(batch).expect("there is room");
        }
        writer.finish().expect("there is room").bytes
    };
    let bytes = write(writer());
    let mut group =
        criterion.benchmark_group(format!("rows to Parquet, {} bytes a row", bytes / ROW_GROUP_ROWS as u64));
    group.throughput(Throughput::Elements(ROW_GROUP_ROWS as u64));
    group.sample_size(10);
    group.bench_function("zstd", |bencher| bencher.iter_batched(writer, write, BatchSize::PerIteration));
    group.finish();
}

criterion_group!(benches, rows_to_parquet);
criterion_main!(benches);
