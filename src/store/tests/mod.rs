//! The store as a whole, on a real folder.

mod crash;
mod damage;
mod folder;

use std::path::Path;

use bytes::Bytes;
use jiff::Timestamp;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("a time")
}

fn serving(run: &str, not_before: Timestamp) -> Serving {
    Serving { run: run.to_owned(), not_before }
}

fn open(folder: &Path, run: &str) -> (Store, Opened) {
    Store::open(folder, serving(run, Timestamp::MIN)).expect("opens")
}

fn url(id: u64) -> String {
    format!("https://api.example/3/movie/{id}?language=en-US")
}

fn film(id: u64) -> Kept {
    let status = if id.is_multiple_of(7) { 404 } else { 200 };
    let words = usize::try_from(id % 50).expect("small");
    let body = format!(r#"{{"id":{id},"title":"Film {id}","overview":"{}"}}"#, "word ".repeat(words));
    Kept {
        status,
        body: Bytes::from(body),
        fetched_at: at(i64::try_from(id).expect("small")),
        headers: vec![("etag".to_owned(), format!("W/\"{id:032x}\""))],
    }
}

#[tokio::test]
async fn what_was_kept_is_given_back_now_and_later() {
    let folder = tempfile::tempdir().expect("tempdir");
    let (store, opened) = open(folder.path(), "a");
    assert_eq!(opened, Opened::default());
    let keeps: Vec<_> = (0..500)
        .map(|id| {
            let store = store.clone();
            async move { store.keep(&url(id), film(id)).await }
        })
        .collect();
    for kept in futures::future::join_all(keeps).await {
        kept.expect("kept");
    }
    for id in 0..500 {
        assert!(store.has(&url(id)));
        assert_eq!(store.get(&url(id)).expect("reads"), Some(film(id)));
        assert_eq!(store.find(&url(id)).await.expect("reads"), Some(film(id)));
    }
    assert_eq!(store.get(&url(500)).expect("reads"), None);
    store.close().await.expect("closes");
    store.close().await.expect("twice");
    assert!(matches!(store.keep(&url(500), film(500)).await, Err(StoreError::Closed { .. })));

    let (store, opened) = open(folder.path(), "b");
    assert_eq!((opened.documents, opened.segments, opened.losses), (500, 1, Vec::new()));
    for id in 0..500 {
        assert_eq!(store.get(&url(id)).expect("reads"), Some(film(id)));
    }
}

#[tokio::test]
async fn a_store_that_is_not_closed_loses_nothing() {
    let folder = tempfile::tempdir().expect("tempdir");
    for round in 0..4 {
        let (store, opened) = open(folder.path(), "a");
        assert_eq!((opened.documents, opened.losses), (round * 10, Vec::new()));
        for id in round * 10..round * 10 + 10 {
            store.keep(&url(id), film(id)).await.expect("kept");
        }
    }
    let (store, _) = open(folder.path(), "a");
    for id in 0..40 {
        assert_eq!(store.get(&url(id)).expect("reads"), Some(film(id)));
    }
}

#[tokio::test]
async fn own_documents_serve_always_and_others_while_they_are_young() {
    let folder = tempfile::tempdir().expect("tempdir");
    for (run, ids) in [("a", 0..10), ("b", 10..20)] {
        let (store, _) = open(folder.path(), run);
        for id in ids {
            store.keep(&url(id), film(id)).await.expect("kept");
        }
        store.close().await.expect("closes");
    }
    let (store, opened) = Store::open(folder.path(), serving("b", at(5))).expect("opens");
    assert_eq!(opened.documents, 15);
    assert!(!store.has(&url(4)) && store.has(&url(5)));
    let (_, opened) = Store::open(folder.path(), serving("b", at(1000))).expect("opens");
    assert_eq!(opened.documents, 10);
    let (_, opened) = Store::open(folder.path(), serving("c", at(15))).expect("opens");
    assert_eq!(opened.documents, 5);
}
