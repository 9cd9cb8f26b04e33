//! One body through one table, by the walk and by jq: what the targets compare.

use std::sync::Arc;

use bytes::Bytes;
use tmdb_etl::plan::expr::RunScope;
use tmdb_etl::plan::{self, Document, Item, Options, TablePlan};
use tmdb_etl::project::Projector;
use tmdb_etl::spec::Source;

/// Rows of a batch: few, so that bodies cross from one into the next.
const BATCH_ROWS: usize = 3;

/// The tables of a pipeline; `None` if it is refused.
pub fn tables(pipeline: &str) -> Option<Vec<Arc<TablePlan>>> {
    let source = Source::new("fuzz.yaml", pipeline);
    let compiled = plan::read(&source, &[], &|_| None, &Options::default()).ok()?;
    Some(compiled.plan.tables().map(|(_, table)| Arc::clone(table)).collect())
}

/// Projects `body` both ways and insists on the same batches, counts and errors.
pub fn both_ways(table: &Arc<TablePlan>, body: &[u8]) {
    let run = Arc::new(RunScope::default());
    let document = Document::new(Item::seed(serde_json::json!({"id": 603})), Bytes::copy_from_slice(body), Some("2026-11-22T10:00:00Z".parse().expect("a time")));
    let [fast, jq] = [true, false].map(|fast| {
        let projector = Projector::new(Arc::clone(table), Arc::clone(&run), BATCH_ROWS);
        let mut projector = if fast { projector } else { projector.by_jq() };
        let mut batches = Vec::new();
        let error = projector.push(&document, &mut batches).err();
        batches.extend(projector.finish());
        (batches, projector.counts().clone(), error)
    });
    assert_eq!(fast, jq);
}
