//! The sort against that of the standard library, wherever memory runs full.

use std::sync::Arc;

use arrow::array::{AsArray as _, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};

use super::*;

fn schema() -> SchemaRef {
    let fields = [("year", DataType::Int64), ("title", DataType::Utf8), ("vote", DataType::Float64)];
    let mut fields = fields.map(|(name, kind)| Field::new(name, kind, true)).to_vec();
    fields.push(Field::new("came", DataType::Int64, false));
    Arc::new(Schema::new(fields))
}

type Row = (Option<i64>, Option<String>, Option<f64>, i64);

/// Rows with many equal keys; `came` is the place of a row.
fn rows(count: i64) -> Vec<Row> {
    let mut dice = fastrand::Rng::with_seed(7);
    let row = |came| {
        let year = (!dice.u8(..).is_multiple_of(8)).then(|| 1990 + dice.i64(..5));
        let title = (!dice.u8(..).is_multiple_of(5)).then(|| format!("t{}", dice.u8(..20)));
        let vote = (!dice.u8(..).is_multiple_of(9)).then(|| f64::from(dice.u8(..4)) - 1.5);
        (year, title, vote, came)
    };
    (0..count).map(row).collect()
}

fn batch(rows: &[Row]) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.1.clone()).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.2).collect::<Float64Array>()),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.3))),
    ];
    RecordBatch::try_new(schema(), columns).expect("fits")
}

/// The places from which the rows came, in their new order.
fn sorted(rows: &[Row], cut: usize, by: &[By], limit: usize) -> Vec<i64> {
    let folder = tempfile::tempdir().expect("tempdir");
    let mut sorter = Sorter::new("t", &schema(), by, folder.path()).expect("sorts").with_limit(limit);
    rows.chunks(cut).for_each(|rows| sorter.push(&batch(rows)).expect("takes"));
    let mut came = Vec::new();
    let take = |batch: &RecordBatch| {
        came.extend_from_slice(batch.column(3).as_primitive::<Int64Type>().values());
        Ok(())
    };
    sorter.finish(take).expect("sorts");
    assert_eq!(std::fs::read_dir(folder.path()).expect("is there").count(), 0, "files without names");
    came
}

#[test]
fn rows_are_sorted_as_a_stable_sort_does_it_wherever_memory_ran_full() {
    let rows = rows(4_000);
    // The oracle: nulls last in either direction.
    let mut expect = rows.clone();
    let last = |null: bool| u8::from(null);
    expect.sort_by(|a, b| {
        let year = (last(a.0.is_none()), a.0).cmp(&(last(b.0.is_none()), b.0));
        let vote = match (a.2, b.2) {
            (Some(a), Some(b)) => b.total_cmp(&a),
            (a, b) => last(a.is_none()).cmp(&last(b.is_none())),
        };
        year.then(vote).then_with(|| (last(a.1.is_none()), &a.1).cmp(&(last(b.1.is_none()), &b.1)))
    });
    let expect: Vec<i64> = expect.into_iter().map(|row| row.3).collect();
    let by = [(0, false), (2, true), (1, false)].map(|(column, descending)| By { column, descending });
    // Held as a whole; in a few runs; in so many that runs of runs are merged twice.
    for (cut, limit) in [(4_000, usize::MAX), (1000, 50_000), (333, 10_000), (64, 1_500), (7, 200)] {
        assert!(sorted(&rows, cut, &by, limit) == expect, "cut {cut}, limit {limit}");
    }
}

#[test]
fn nothing_and_one_row_are_sorted() {
    let by = [By { column: 1, descending: false }];
    assert_eq!(sorted(&[], 1, &by, 1), Vec::<i64>::new());
    assert_eq!(sorted(&rows(1), 1, &by, 1), [0]);
}

#[test]
fn batches_on_disk_are_short_where_rows_are_long() {
    let check = |row_bytes: usize, expect: usize| {
        assert_eq!(step(1000, 1000 * row_bytes, HELD_BYTES), expect, "{row_bytes}");
    };
    check(100, 1024);
    check(1024, 512);
    check(36 * 1024, 14);
    check(10 * 1024 * 1024, 1);
}

#[test]
fn folder_that_takes_no_file_is_an_error_that_names_it() {
    let by = [By { column: 0, descending: false }];
    let mut sorter = Sorter::new("t", &schema(), &by, Path::new("/nowhere")).expect("opens").with_limit(1);
    let error = sorter.push(&batch(&rows(3))).expect_err("no such folder");
    assert_eq!(error.to_string(), "write `/nowhere`");
}

#[test]
fn sorted_tables_share_an_eighth_of_the_budget() {
    let check =
        |mib: u64, tables, expect_kib: usize| assert_eq!(share(mib << 20, tables), expect_kib << 10, "{mib}");
    check(256, 1, 32 << 10);
    check(256, 4, 8 << 10);
    check(256, 0, 32 << 10);
    check(192, 3, 8 << 10);
    check(8, 5, 1 << 10);
}
