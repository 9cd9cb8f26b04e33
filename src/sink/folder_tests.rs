//! Tables of many files: where files end, what is in which folder, in which order. Through the door of a run, so that
//! manifests are judged with the files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Int32Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

use super::conformance_tests::facts;
use super::*;
use crate::spec::{FolderLayout, Mode, ParquetCodec};

const LARGE: u64 = 1 << 40;

fn spec(folder: &Path, partition_by: &[&str], sort_by: &[(&str, bool)], target_file_bytes: u64) -> TableSpec {
    let fields = [
        ("id", DataType::Int64),
        ("title", DataType::Utf8),
        ("year", DataType::Int32),
        ("language", DataType::Utf8),
    ];
    let partition_by = partition_by.iter().map(|&name| name.to_owned()).collect();
    let key = |&(column, descending): &(&str, bool)| SortKey { column: column.to_owned(), descending };
    TableSpec {
        name: "films".to_owned(),
        path: folder.join("films"),
        schema: Arc::new(Schema::new(fields.map(|(name, kind)| Field::new(name, kind, true)).to_vec())),
        definitions: Vec::new(),
        format: Format::Parquet(ParquetCodec::Zstd),
        layout: Layout::Folder(FolderLayout { mode: Mode::Overwrite, partition_by, target_file_bytes }),
        sort_by: sort_by.iter().map(key).collect(),
        upsert: None,
        pipeline: "films".to_owned(),
    }
}

/// Films with these ids: every 13th has no year, the others one of `years`; every 7th has an empty language.
fn films(ids: std::ops::Range<i64>, years: i64) -> RecordBatch {
    let titles: StringArray =
        ids.clone().map(|id| Some(format!("{:016x}", id.wrapping_mul(0x9e37_79b9)))).collect();
    let year = |id: i64| (id % 13 != 0).then(|| 1900 + i32::try_from(id * 31 % years).expect("small"));
    let languages: StringArray = ids
        .clone()
        .map(|id| Some(["", "en", "de", "fr", "ja", "ko", "it"][usize::try_from(id % 7).expect("small")]))
        .collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids.clone())),
        Arc::new(titles),
        Arc::new(ids.map(year).collect::<Int32Array>()),
        Arc::new(languages),
    ];
    RecordBatch::try_new(spec(Path::new(""), &[], &[], 0).schema, columns).expect("fits")
}

/// Loads `rows` films in batches of `cut`; the most memory that the writer said it held.
fn load(spec: &TableSpec, rows: i64, years: i64, cut: &[i64]) -> (Manifest, usize) {
    let state = tempfile::tempdir().expect("tempdir");
    let lock = Lock::acquire(state.path(), "films").expect("free");
    let (commit, _) = Commit::open(lock).expect("opens");
    let mut writer = commit.stage(std::slice::from_ref(spec), "7").expect("stages").pop().expect("one");
    let (mut start, mut cuts, mut peak) = (0, cut.iter().cycle(), 0);
    while start < rows {
        let end = rows.min(start + cuts.next().expect("cycles"));
        writer.write(&films(start..end, years)).expect("writes");
        peak = peak.max(writer.memory_bytes());
        start = end;
    }
    let staged = writer.finish().expect("finishes");
    commit.publish(vec![staged], &facts()).expect("publishes");
    (read_manifest(&spec.path).expect("reads").expect("is there"), peak)
}

/// The ids in the file at `path` of the table, in their order.
fn ids(table: &Path, path: &str) -> Vec<i64> {
    let file = std::fs::File::open(table.join(path)).expect("is there");
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file").build().expect("reads");
    let batches: Vec<RecordBatch> = reader.map(|batch| batch.expect("a batch")).collect();
    batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
}

fn place() -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().expect("tempdir");
    let path = place.path().to_path_buf();
    (place, path)
}

/// Paths, rows and digests of the files.
fn told(manifest: &Manifest) -> Vec<(&str, u64, &str)> {
    manifest.files.iter().map(|file| (&*file.path, file.rows, &*file.digest)).collect()
}

#[test]
fn files_end_at_the_same_rows_however_rows_were_cut() {
    let (_place, folder) = place();
    let spec = spec(&folder, &[], &[], 100_000);
    let (whole, _) = load(&spec, 30_000, 100, &[30_000]);
    assert!(whole.files.len() > 3, "{:?}", told(&whole));
    let (last, full) = whole.files.split_last().expect("some");
    assert!(full.iter().all(|file| file.rows % 1024 == 0), "{:?}", told(&whole));
    // About its target: an open page is counted before it is compressed, and the footer is not.
    let about = |file: &FileFacts| (25_000..120_000).contains(&file.bytes);
    assert!(full.iter().all(about), "{:?}", whole.files);
    assert!(last.rows > 0);
    let all: Vec<i64> = whole.files.iter().flat_map(|file| ids(&spec.path, &file.path)).collect();
    assert!(all.into_iter().eq(0..30_000));
    for cut in [&[1000][..], &[1], &[7, 4096, 1, 333]] {
        let rows = if cut == [1] { 3_000 } else { 30_000 };
        let (expect, _) = load(&spec, rows, 100, &[rows]);
        let (pieces, _) = load(&spec, rows, 100, cut);
        // Each load of one run has names of its own.
        let files = |manifest: &Manifest| -> Vec<(u64, String)> {
            manifest.files.iter().map(|file| (file.rows, file.digest.clone())).collect()
        };
        assert_eq!(files(&expect), files(&pieces), "{cut:?}");
    }
}

#[test]
fn every_row_is_in_the_folder_of_its_value_in_the_order_in_which_it_came() {
    let (_place, folder) = place();
    let spec = spec(&folder, &["year"], &[], LARGE);
    let (manifest, _) = load(&spec, 20_000, 120, &[1024]);
    let mut expect: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for id in 0..20_000_i64 {
        let year = if id % 13 == 0 {
            "__HIVE_DEFAULT_PARTITION__".to_owned()
        } else {
            (1900 + id * 31 % 120).to_string()
        };
        expect.entry(format!("year={year}/part-00000.7.parquet")).or_default().push(id);
    }
    let found: BTreeMap<String, Vec<i64>> =
        manifest.files.iter().map(|file| (file.path.clone(), ids(&spec.path, &file.path))).collect();
    assert!(found == expect, "{:?}", told(&manifest));
    assert_eq!(manifest.generation.as_ref().map(|it| it.partition_by.clone()), Some(vec!["year".to_owned()]));
    // The column is in the names, and not in the files.
    let file = std::fs::File::open(spec.path.join(&manifest.files[0].path)).expect("is there");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file");
    let names: Vec<&str> = reader.schema().fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["id", "title", "language"]);
    // And of the nulls of all rows somebody counted.
    assert_eq!((manifest.columns[2].values, manifest.columns[2].nulls), (20_000, 1539));
}

#[test]
fn partitions_cost_no_memory() {
    let (_place, folder) = place();
    let spec = spec(&folder, &["year"], &[], LARGE);
    let (few, few_peak) = load(&spec, 20_000, 2, &[1024]);
    let (many, many_peak) = load(&spec, 20_000, 190, &[1024]);
    assert_eq!((few.files.len(), many.files.len()), (3, 191));
    assert!(many_peak <= few_peak + few_peak / 10, "{few_peak} bytes for 3 folders, {many_peak} for 191");
}

#[test]
fn columns_nest_and_an_empty_text_is_no_value() {
    let (_place, folder) = place();
    let spec = spec(&folder, &["language", "year"], &[], LARGE);
    let (manifest, _) = load(&spec, 2_000, 3, &[100]);
    let folders: Vec<&str> =
        manifest.files.iter().map(|file| file.path.rsplit_once('/').expect("in a folder").0).collect();
    assert_eq!(folders.len(), 7 * 4);
    assert_eq!(folders[0], "language=de/year=1900");
    assert_eq!(
        *folders.last().expect("some"),
        "language=__HIVE_DEFAULT_PARTITION__/year=__HIVE_DEFAULT_PARTITION__"
    );
}

#[test]
fn rows_are_sorted_within_each_folder() {
    let (_place, folder) = place();
    let spec = spec(&folder, &["language"], &[("year", true), ("title", false)], LARGE);
    let (manifest, _) = load(&spec, 5_000, 9, &[100, 3]);
    let key = |id: &i64| {
        let year = if id % 13 == 0 { i64::MIN } else { 1900 + id * 31 % 9 };
        (std::cmp::Reverse(year), format!("{:016x}", id.wrapping_mul(0x9e37_79b9)))
    };
    for file in &manifest.files {
        let ids = ids(&spec.path, &file.path);
        assert!(ids.len() > 100 && ids.is_sorted_by_key(key), "{}", file.path);
    }
    // The files say so themselves.
    let file = std::fs::File::open(spec.path.join(&manifest.files[0].path)).expect("is there");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file");
    let sorting = reader.metadata().row_group(0).sorting_columns().expect("they are sorted");
    let sorting: Vec<(i32, bool, bool)> =
        sorting.iter().map(|it| (it.column_idx, it.descending, it.nulls_first)).collect();
    assert_eq!(sorting, [(2, true, false), (1, false, false)]);
}

#[test]
fn single_file_is_sorted_and_its_bytes_do_not_show_how_rows_came() {
    let (_place, folder) = place();
    let folders = spec(&folder, &[], &[("title", false)], LARGE);
    let spec = TableSpec { path: folder.join("films.parquet"), layout: Layout::File, ..folders };
    let (whole, _) = load(&spec, 5_000, 9, &[5_000]);
    let (pieces, _) = load(&spec, 5_000, 9, &[77, 1]);
    assert_eq!(whole.digest, pieces.digest);
    assert_eq!(whole.files[0].ranges[0].max, 4_999);
    let key = |id: &i64| format!("{:016x}", id.wrapping_mul(0x9e37_79b9));
    assert!(ids(&folder, "films.parquet").is_sorted_by_key(key));
}

#[test]
fn table_without_rows_is_a_file_with_its_columns() {
    let (_place, folder) = place();
    let plain = spec(&folder, &[], &[], LARGE);
    let (manifest, _) = load(&plain, 0, 1, &[1]);
    assert_eq!(
        (&*manifest.files[0].path, manifest.files.len(), manifest.rows),
        ("part-00000.7.parquet", 1, 0)
    );
    let (_place, folder) = place();
    let (manifest, _) = load(&spec(&folder, &["year"], &[], LARGE), 0, 1, &[1]);
    assert_eq!(manifest.files[0].path, "year=__HIVE_DEFAULT_PARTITION__/part-00000.7.parquet");
}

#[test]
fn too_many_folders_are_refused() {
    let (_place, folder) = place();
    let spec = spec(&folder, &["id"], &[], LARGE);
    let state = tempfile::tempdir().expect("tempdir");
    let (commit, _) = Commit::open(Lock::acquire(state.path(), "films").expect("free")).expect("opens");
    let mut writer = commit.stage(std::slice::from_ref(&spec), "7").expect("stages").pop().expect("one");
    writer.write(&films(0..201, 5)).expect("takes");
    let error = writer.finish().expect_err("too many").to_string();
    assert_eq!(error, "write table `films`: `partition_by` gives more than 200 folders");
    assert_eq!(std::fs::read_dir(folder.join(".films.gen")).expect("is there").count(), 0, "all is cleared");
}
