//! What else may be in the folder, and what goes from it.

use std::collections::BTreeMap;
use std::fs;

use super::*;
use crate::store::segment::path;

async fn fill(folder: &Path, run: &str, ids: std::ops::Range<u64>) {
    let (store, _) = open(folder, run);
    for id in ids {
        store.keep(&url(id), film(id)).await.expect("kept");
    }
    store.close().await.expect("closes");
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("it is there")
        .map(|entry| entry.expect("reads").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn files_of_others_are_left_alone_and_named() {
    let folder = tempfile::tempdir().expect("tempdir");
    fill(folder.path(), "a", 0..3).await;
    for name in ["notes.txt", "1.seg", "000000001.seg", "0000000a.seg", "00000001.seg.bak", "_00000001.idx"] {
        fs::write(folder.path().join(name), "mine").expect("writes");
    }
    fs::create_dir(folder.path().join("00000007.seg")).expect("makes");
    let (store, opened) = open(folder.path(), "a");
    assert_eq!((opened.documents, opened.segments, opened.strangers.len()), (3, 1, 7));
    store.keep(&url(9), film(9)).await.expect("its number is free");
    drop(store);
    let before = names(folder.path());
    trim(folder.path(), Timestamp::MAX, None).expect("trims");
    clear(folder.path()).expect("clears");
    let gone = ["00000001.idx", "00000001.seg", "00000008.seg"];
    let left: Vec<String> = before.into_iter().filter(|name| !gone.contains(&&**name)).collect();
    assert_eq!(names(folder.path()), left);
}

#[tokio::test]
async fn an_index_of_another_segment_is_not_believed() {
    let folder = tempfile::tempdir().expect("tempdir");
    fill(folder.path(), "a", 0..5).await;
    fill(folder.path(), "a", 5..10).await;
    // Of the same length, but for the id.
    let index = |number| path(folder.path(), number).with_extension("idx");
    fs::copy(index(2), index(1)).expect("copies");
    let (store, opened) = open(folder.path(), "a");
    assert_eq!(opened.documents, 10);
    for id in 0..10 {
        assert_eq!(store.get(&url(id)).expect("reads"), Some(film(id)));
    }
}

#[tokio::test]
async fn a_copy_of_a_segment_brings_nothing_back() {
    let folder = tempfile::tempdir().expect("tempdir");
    let old = Kept { body: Bytes::from_static(b"{\"old\":true}"), ..film(1) };
    let (store, _) = open(folder.path(), "a");
    store.keep(&url(1), old).await.expect("kept");
    store.close().await.expect("closes");
    let (store, _) = open(folder.path(), "a");
    store.keep(&url(1), film(1)).await.expect("kept");
    store.close().await.expect("closes");
    fs::copy(path(folder.path(), 1), path(folder.path(), 9)).expect("copies");
    let (store, opened) = open(folder.path(), "a");
    assert_eq!((opened.documents, opened.segments), (1, 3));
    assert_eq!(store.get(&url(1)).expect("reads"), Some(film(1)));
    drop(store);
    // Under another number alone it is read as well.
    fs::copy(path(folder.path(), 2), path(folder.path(), 20)).expect("copies");
    fs::write(path(folder.path(), 2), "").expect("writes");
    let (store, _) = open(folder.path(), "b");
    assert_eq!(store.get(&url(1)).expect("reads"), Some(film(1)));
}

#[tokio::test]
async fn an_empty_file_is_a_process_that_died_at_once() {
    let folder = tempfile::tempdir().expect("tempdir");
    fs::write(path(folder.path(), 4), "").expect("writes");
    fs::write(path(folder.path(), 6).with_extension("idx"), "").expect("writes");
    let (store, opened) = open(folder.path(), "a");
    assert_eq!((opened.documents, opened.segments, opened.losses), (0, 1, Vec::new()));
    store.keep(&url(1), film(1)).await.expect("kept");
    store.close().await.expect("closes");
    assert_eq!(names(folder.path()), ["00000004.seg", "00000006.idx", "00000007.idx", "00000007.seg"]);
    let removed = trim(folder.path(), Timestamp::MIN, None).expect("trims");
    assert_eq!((removed.segments, removed.documents), (1, 0));
    assert_eq!(names(folder.path()), ["00000007.idx", "00000007.seg"]);
}

#[tokio::test]
async fn an_attempt_that_kept_nothing_leaves_nothing() {
    let folder = tempfile::tempdir().expect("tempdir");
    fill(folder.path(), "a", 0..0).await;
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn trimming_takes_what_is_too_old_and_never_the_unfinished_run() {
    let folder = tempfile::tempdir().expect("tempdir");
    for (run, ids) in [("a", 0..10), ("b", 10..20), ("c", 20..30)] {
        fill(folder.path(), run, ids).await;
    }
    let trimmed = |horizon, never| {
        let would = trimmable(folder.path(), horizon, never).expect("counts");
        let did = trim(folder.path(), horizon, never).expect("trims");
        assert_eq!(would, did);
        (did.segments, did.documents)
    };
    // The newest of a segment decides.
    assert_eq!(trimmed(at(9), None), (0, 0));
    assert_eq!(trimmed(at(15), None), (1, 10));
    assert_eq!(trimmed(Timestamp::MAX, Some("b")), (1, 10));
    let (_, opened) = open(folder.path(), "b");
    assert_eq!(opened.documents, 10);
    assert_eq!(trimmed(Timestamp::MAX, None), (2, 10));
}

#[tokio::test]
async fn statistics_count_what_is_there() {
    let folder = tempfile::tempdir().expect("tempdir");
    assert_eq!(stats(folder.path().join("absent").as_path()).expect("counts"), Stats::default());
    fill(folder.path(), "a", 0..10).await;
    let (store, _) = open(folder.path(), "b");
    for id in 10..15 {
        store.keep(&url(id), film(id)).await.expect("kept");
    }
    drop(store);
    let counted = stats(folder.path()).expect("counts");
    assert_eq!((counted.documents, counted.segments, counted.lost_bytes), (15, 2, 0));
    assert_eq!(counted.by_status, BTreeMap::from([(200, 12), (404, 3)]));
    assert_eq!((counted.oldest, counted.newest), (Some(at(0)), Some(at(14))));
    assert_eq!(counted.by_run["a"].documents, 10);
    assert_eq!(counted.by_run["b"].documents, 5);
    let on_disk = names(folder.path())
        .iter()
        .map(|name| fs::metadata(folder.path().join(name)).expect("it is there").len())
        .sum::<u64>();
    assert_eq!(counted.bytes, on_disk);
    let bodies: usize = (0..15).map(|id| film(id).body.len()).sum();
    assert!(counted.raw_bytes > bodies as u64);
    assert_eq!(names(folder.path()).len(), 3, "nothing was mended");
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_what_was_kept_stays() {
    let folder = tempfile::tempdir().expect("tempdir");
    let (store, _) = open(folder.path(), "a");
    store.keep(&url(1), film(1)).await.expect("kept");
    let length = fs::metadata(path(folder.path(), 1)).expect("it is there").len();
    store.0.writer.set_disk(Some(length + 60));
    let both = tokio::join!(async { store.keep(&url(2), film(2)).await }, async {
        store.keep(&url(3), film(3)).await
    });
    for error in [both.0, both.1].map(|kept| kept.expect_err("no room")) {
        assert!(matches!(error, StoreError::Full { action: Action::Write, .. }), "{error}");
        assert!(error.hint().contains("make room"));
    }
    assert!(!store.has(&url(2)));
    assert_eq!(fs::metadata(path(folder.path(), 1)).expect("it is there").len(), length, "no half block");
    store.0.writer.set_disk(None);
    store.keep(&url(2), film(2)).await.expect("there is room again");
    store.close().await.expect("closes");
    let (store, opened) = open(folder.path(), "a");
    assert_eq!((opened.documents, opened.losses), (2, Vec::new()));
    assert_eq!(store.get(&url(2)).expect("reads"), Some(film(2)));
}

#[tokio::test]
async fn a_folder_that_cannot_be_is_an_error_at_once() {
    let folder = tempfile::tempdir().expect("tempdir");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("writes");
    let error = Store::open(&file.join("documents"), serving("a", Timestamp::MIN)).expect_err("it is a file");
    assert!(matches!(error, StoreError::Disk { action: Action::CreateFolder, .. }), "{error}");
    let error = Store::open(&file, serving("a", Timestamp::MIN)).expect_err("it is a file");
    assert!(matches!(error, StoreError::Disk { .. }), "{error}");
}

#[test]
fn refusals_are_told_by_what_helps() {
    use std::io::ErrorKind;
    let check = |kind: ErrorKind, expect: &str| {
        let error = StoreError::disk(Action::CreateFile, Path::new("x"), kind.into());
        assert_eq!(error.to_string(), format!("create file `x`{expect}"));
    };
    check(ErrorKind::PermissionDenied, ": not permitted");
    check(ErrorKind::ReadOnlyFilesystem, ": not permitted");
    check(ErrorKind::StorageFull, ": no space left on the device");
    check(ErrorKind::QuotaExceeded, ": no space left on the device");
    check(ErrorKind::NotADirectory, "");
}
