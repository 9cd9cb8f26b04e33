//! Every type that a column can have, through a load and through a file that is written anew.

use arrow::compute::{concat_batches, sort_to_indices, take_record_batch};

use super::*;
use crate::sink::conformance_tests::{batch, facts, schema};

#[test]
fn every_type_reads_back_as_written_also_from_a_file_written_anew() {
    let folder = tempfile::tempdir().expect("tempdir");
    let lock = Lock::acquire(&folder.path().join("state"), "conformance").expect("free");
    let (commit, _) = Commit::open(lock).expect("opens");
    let path = folder.path().join("types");
    let key = vec!["id".to_owned()];
    let upsert = UpsertSpec { key: key.clone(), document: key.clone(), fetched_at: None, gone: None };
    let layout = FolderLayout { mode: Mode::Upsert, partition_by: Vec::new(), target_file_bytes: 1 << 30 };
    let spec = TableSpec {
        name: "types".to_owned(),
        path: path.clone(),
        schema: schema(),
        definitions: Vec::new(),
        format: Format::Parquet(ParquetCodec::Zstd),
        layout: Layout::Delta(DeltaLayout { folder: layout, key, gone: Gone::Keep }),
        sort_by: Vec::new(),
        upsert: Some(upsert),
        pipeline: "conformance".to_owned(),
    };
    for (run, rows) in [(1, 0..3000), (2, 7..8)] {
        let mut writer = commit.stage(std::slice::from_ref(&spec), &run.to_string()).expect("stages");
        let mut writer = writer.pop().expect("one table");
        writer.write(&batch(rows)).expect("writes");
        let facts = RunFacts {
            run: run.to_string(),
            started_at: Timestamp::from_second(run).expect("a time"),
            ..facts()
        };
        commit.publish(vec![writer.finish().expect("finishes")], &facts).expect("publishes");
    }
    let table = Table::open(&Disk::default(), &path).expect("opens");
    let snapshot = table.snapshot().expect("readable").expect("a table");
    let files = table.live(&snapshot).expect("readable");
    assert_eq!(files.iter().map(|file| file.rows().expect("counted")).collect::<Vec<_>>().len(), 2);
    let batches = files.iter().flat_map(|file| {
        let input = std::fs::File::open(table.place_of(&file.path).expect("a place")).expect("opens");
        Rows::open(input, &[], &schema()).expect("a file").map(|batch| batch.expect("a batch"))
    });
    let all = concat_batches(&schema(), &batches.collect::<Vec<_>>()).expect("one schema");
    let order = sort_to_indices(all.column(0), None, None).expect("numbers");
    assert!(take_record_batch(&all, &order).expect("takes") == batch(0..3000), "read back differently");
    // What the log says of the columns are their types in Delta's words, and back they are ours.
    let told = super::super::columns::to_arrow(&path, &snapshot.schema()).expect("columns");
    // (That a text is JSON is known of columns, not of elements of lists.)
    let columns = schema().fields().len() - 1;
    assert_eq!(told.fields()[..columns], schema().fields()[..columns]);
}
