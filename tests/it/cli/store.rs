//! Kept documents as their user meets them: `store stats`, `trim` and `clear`.

use std::fs;

use serde_json::Value;
use tmdb_etl::sink::Lock;

use super::place::{Place, SMALL, text};

/// What differs from run to run is times, sizes and ids.
fn masked(shown: &str) -> String {
    let line = |line: &str| match line.split_whitespace().next().unwrap_or_default() {
        label @ ("size" | "fetched" | "runs") => format!("  {label} #\n"),
        "small:" => format!("{} #\n", line.rsplit_once(", ").expect("its size stands last").0),
        _ => line.to_owned() + "\n",
    };
    shown.lines().map(line).collect()
}

fn object(place: &Place, arguments: &[&str]) -> Value {
    let output = place.run(arguments, &[]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", place.shown(&output)))
}

/// Requests of a run, and documents from the store.
fn asked(place: &Place) -> (u64, u64) {
    let object = object(place, &["run", "small.yaml", "--mock", "--output", "json"]);
    assert_eq!(object["status"], "complete");
    (object["requests"].as_u64().unwrap(), object["from_store"].as_u64().unwrap())
}

#[test]
fn documents_are_counted_trimmed_and_cleared() {
    let place = Place::new();
    insta::assert_snapshot!("store_of_nobody", place.check(&["store", "stats"], &[]));
    assert_eq!(asked(&place), (3, 0));
    insta::assert_snapshot!("store_stats", masked(&place.check(&["store", "stats"], &[])));
    insta::assert_snapshot!(
        "store_stats_of_a_file",
        masked(&place.check(&["store", "stats", "small.yaml"], &[]))
    );
    let counted = object(&place, &["store", "stats", "small", "--output", "json"]);
    assert_eq!((&counted["status"], &counted["error"]), (&"complete".into(), &Value::Null));
    let small = &counted["pipelines"][0];
    assert_eq!(
        (&small["pipeline"], &small["documents"], &small["unfinished"]),
        (&"small".into(), &3.into(), &Value::Null)
    );
    assert_eq!(small["by_status"]["200"], 3);
    assert_eq!(small["runs"][0]["documents"], 3);

    // As young as they are, the file lets them serve.
    let kept = object(&place, &["store", "trim", "small.yaml", "--output", "json"]);
    assert_eq!((&kept["removed"], &kept["what"]["documents"]), (&true.into(), &0.into()));
    let all = ["store", "trim", "small", "--older-than", "0s"];
    insta::assert_snapshot!(
        "store_trim_dry",
        masked(&place.check(&[&all[..], &["--dry-run"]].concat(), &[]))
    );
    assert_eq!(asked(&place), (0, 3), "nothing was removed");
    insta::assert_snapshot!("store_trim", masked(&place.check(&all, &[])));
    assert_eq!(asked(&place), (3, 0), "all were removed");

    insta::assert_snapshot!("store_clear_unsure", place.check(&["store", "clear", "small"], &[]));
    assert_eq!(asked(&place), (0, 3), "nothing was removed");
    insta::assert_snapshot!(
        "store_clear",
        masked(&place.check(&["store", "clear", "small.yaml", "--yes"], &[]))
    );
    assert!(!place.path().join(".tmdb-etl/small/documents").exists());
    insta::assert_snapshot!("store_clear_again", place.check(&["store", "clear", "small"], &[]));
    assert_eq!(asked(&place), (3, 0));
}

#[test]
fn documents_of_an_unfinished_run_are_not_trimmed() {
    let place = Place::new();
    let failing = SMALL.replace("year: {type: int32", "year: {on_mismatch: fail, type: int32");
    place.write("small.yaml", &failing);
    assert_eq!(place.run(&["run", "small.yaml", "--mock"], &[]).status.code(), Some(1));
    let counted = object(&place, &["store", "stats", "small.yaml", "--output", "json"]);
    let small = &counted["pipelines"][0];
    let documents = small["documents"].as_u64().unwrap();
    assert!(documents > 0 && small["unfinished"] == small["runs"][0]["run"], "{small}");
    assert_eq!(small["trimmable"]["documents"], 0);
    let trimmed = object(&place, &["store", "trim", "small.yaml", "--older-than", "0s", "--output", "json"]);
    assert_eq!(trimmed["what"]["documents"], 0);
    let refused = place.run(&["store", "clear", "small"], &[]);
    assert!(text(&refused.stderr).contains("its unfinished run"), "{}", place.shown(&refused));
    let cleared = object(&place, &["store", "clear", "small", "--yes", "--output", "json"]);
    assert_eq!(cleared["what"]["documents"], documents);
}

#[test]
fn nothing_is_removed_under_a_run() {
    let place = Place::new();
    asked(&place);
    let lock = Lock::acquire(&place.path().join(".tmdb-etl/small"), "small").unwrap();
    insta::assert_snapshot!("store_locked", place.check(&["store", "clear", "small", "--yes"], &[]));
    let locked = object(&place, &["store", "trim", "small.yaml", "--output", "json"]);
    assert_eq!((&locked["status"], &locked["error"]["code"]), (&"locked".into(), &"locked".into()));
    assert_eq!(place.run(&["store", "stats", "small"], &[]).status.code(), Some(0));
    drop(lock);
    assert_eq!(asked(&place), (0, 3));
}

#[test]
fn what_store_cannot_do_is_told() {
    let place = Place::new();
    insta::assert_snapshot!("store_trim_by_name", place.check(&["store", "trim", "small"], &[]));
    place.write("broken.yaml", "name: [");
    for arguments in [
        &["store"][..],
        &["store", "trim"],
        &["store", "trim", "small", "--older-than", "long"],
        &["store", "stats", "broken.yaml"],
        &["store", "clear", "none.yaml", "--yes"],
    ] {
        assert_eq!(place.run(arguments, &[]).status.code(), Some(2), "{arguments:?}");
    }
    // A store of a later version is left alone by all but `clear`.
    asked(&place);
    let folder = place.path().join(".tmdb-etl/small/documents");
    let mut later = b"\xfeTMDBSEG".to_vec();
    later.extend_from_slice(&99_u32.to_le_bytes());
    later.extend_from_slice(&2_u32.to_le_bytes());
    later.extend_from_slice(b"{}");
    let check = xxhash_rust::xxh3::xxh3_64(&later);
    later.extend_from_slice(&check.to_le_bytes());
    fs::write(folder.join("00000099.seg"), later).unwrap();
    insta::assert_snapshot!("store_of_a_later_version", place.check(&["run", "small.yaml", "--mock"], &[]));
    assert_eq!(place.run(&["store", "stats", "small"], &[]).status.code(), Some(1));
    assert_eq!(place.run(&["store", "clear", "small", "--yes"], &[]).status.code(), Some(0));
}
