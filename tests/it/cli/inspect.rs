//! Tables as their reader meets them: `inspect`, other formats than Parquet, and columns without a value.

use std::fs;

use serde_json::Value;

use super::place::{Place, SMALL, text};

/// The pipeline of a place with a slip, and its table as an Arrow file.
fn slip() -> String {
    SMALL.replace("title: string", "titel: string").replace("films.parquet}", "films.arrow}")
}

/// `line` without what differs from run to run: ids, times and sizes.
fn masked(shown: &str) -> String {
    let line = |line: &str| {
        let label = line.split_whitespace().next().unwrap_or_default();
        match label {
            "size" | "run" | "finished" | "schema" | "written" if line.starts_with("  ") => {
                format!("  {label} #\n")
            }
            _ => line.to_owned() + "\n",
        }
    };
    shown.lines().map(line).collect()
}

#[test]
fn inspect_shows_what_a_run_left() {
    let place = Place::new();
    place.write("arrow.yaml", &slip().replace("name: small", "name: arrow"));
    assert!(place.run(&["run", "small.yaml", "--mock"], &[]).status.success());
    assert!(place.run(&["run", "arrow.yaml", "--mock"], &[]).status.success());
    insta::assert_snapshot!("inspect_folder", masked(&place.check(&["inspect", "out"], &[])));
    let rows = place.run(&["inspect", "out/films.arrow", "--rows", "0"], &[]);
    assert!(!text(&rows.stdout).contains("row 1") && text(&rows.stdout).contains("3 in 1 batch"));

    let output = place.run(&["inspect", "out/films.arrow", "--output", "json"], &[]);
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["status"], "complete");
    let table = &object["tables"][0];
    assert_eq!(table["format"], "arrow");
    assert_eq!(table["rows"], 3);
    assert_eq!(table["columns"][1]["name"], "titel");
    assert_eq!(table["columns"][1]["nulls"], 3);
    assert_eq!(table["first_rows"][0]["id"], 1726);
    assert_eq!(table["first_rows"][0]["titel"], Value::Null);
    assert_eq!(table["manifest"]["source"], "mock");
}

#[test]
fn inspect_tells_what_is_no_table_and_shows_the_rest() {
    let place = Place::new();
    assert!(place.run(&["run", "small.yaml", "--mock"], &[]).status.success());
    let whole = fs::read(place.path().join("out/films.parquet")).unwrap();
    fs::write(place.path().join("out/cut.parquet"), &whole[..whole.len() / 2]).unwrap();
    place.write("out/words.parquet", "id,title\n1,Iron Man\n");
    let shown = place.check(&["inspect", "out", "--rows", "0"], &[]);
    insta::assert_snapshot!("inspect_damaged", masked(&shown));
    insta::assert_snapshot!("inspect_nothing", place.check(&["inspect", "."], &[]));
    for path in ["none", "small.yaml", ".tmdb-etl"] {
        assert_eq!(place.run(&["inspect", path], &[]).status.code(), Some(2), "{path}");
    }
    let output = place.run(&["inspect", "none", "--output", "json"], &[]);
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&object["status"], &object["error"]["code"]), (&"invalid".into(), &"no-file".into()));
}

#[test]
fn column_without_a_value_is_told_at_the_end_of_a_run_and_at_its_place_from_then_on() {
    let place = Place::new();
    place.write("slip.yaml", &slip());
    let first = place.run(&["run", "slip.yaml", "--mock", "--output", "json"], &[]);
    let object: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(object["tables"][0]["empty_columns"], serde_json::json!(["titel", "year"]));
    assert!(
        text(&first.stderr).contains("films: no row has a value in `titel`: is `.titel` in the documents?")
    );
    assert!(!text(&first.stderr).contains("empty-column"), "nothing was known before");

    let told = |arguments: &[&str]| text(&place.run(arguments, &[]).stderr).matches("[empty-column]").count();
    insta::assert_snapshot!("empty_column", place.check(&["validate", "slip.yaml"], &[]));
    assert_eq!(told(&["plan", "slip.yaml"]), 2);
    assert_eq!(told(&["run", "slip.yaml", "--mock"]), 2);
    assert_eq!(told(&["run", "slip.yaml", "--mock", "--out", "elsewhere"]), 0, "no table is there");

    let mended = slip().replace("titel: string", "titel: {type: string, value: .title}");
    place.write("slip.yaml", &mended);
    assert_eq!(told(&["validate", "slip.yaml"]), 1, "the mended column is not told, the other is");
    place.write("slip.yaml", &slip());
    let manifest = place.path().join("out/.films.arrow.manifest.json");
    let whole = fs::read_to_string(&manifest).unwrap();
    for record in [&whole[..whole.len() / 2], "", "null", "{\"version\":99}"] {
        fs::write(&manifest, record).unwrap();
        assert_eq!(told(&["validate", "slip.yaml"]), 0, "{record}");
    }
}

#[test]
fn table_that_changes_its_format_is_a_new_file_or_replaces_its_own() {
    let place = Place::new();
    let run = |output: &str| {
        place.write("small.yaml", &SMALL.replace("{path: out/films.parquet}", output));
        let ran = place.run(&["run", "small.yaml", "--mock"], &[]);
        assert!(ran.status.success(), "{}", place.shown(&ran));
    };
    let begins = |name: &str| fs::read(place.path().join(name)).unwrap()[..4].to_vec();
    run("{path: out/films.parquet}");
    run("{path: out/films.arrow}");
    assert_eq!(
        (begins("out/films.parquet"), begins("out/films.arrow")),
        (b"PAR1".to_vec(), b"ARRO".to_vec())
    );
    run("{path: out/films.data, format: arrow}");
    assert_eq!(begins("out/films.data"), b"ARRO");
    run("{path: out/films.data, format: parquet, compression: snappy}");
    assert_eq!(begins("out/films.data"), b"PAR1");
}

#[test]
fn folder_table_grows_load_by_load_and_tells_its_history() {
    let place = Place::new();
    let folders = SMALL.replace("path: out/films.parquet", "path: out/films, mode: append");
    assert!(folders != SMALL, "the pipeline of a place has changed");
    place.write("folders.yaml", &folders);
    for load in 1..=3_u64 {
        let output = place.run(&["run", "folders.yaml", "--mock"], &[]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let output = place.run(&["inspect", "out/films/", "--history", "--output", "json"], &[]);
        let object: Value = serde_json::from_slice(&output.stdout).unwrap();
        let table = &object["tables"][0];
        assert_eq!(table["rows"], 3 * load);
        assert_eq!(table["files"].as_array().unwrap().len() as u64, load);
        assert_eq!(table["manifest"]["history"].as_array().unwrap().len() as u64, load);
        assert_eq!(table["manifest"]["files"][0]["ranges"][0]["column"], "id");
    }
    let shown = place.run(&["inspect", "out/films", "--history", "--rows", "0"], &[]);
    let shown = text(&shown.stdout);
    assert!(shown.contains("3 loads") && shown.contains("append"), "{shown}");
    // The files of two generations, and no third.
    let home = fs::read_dir(place.path().join("out/.films.gen")).unwrap();
    assert_eq!(home.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count(), 2);
}

#[test]
fn folder_of_somebody_else_is_refused_before_the_first_request() {
    let place = Place::new();
    place.write("folders.yaml", &SMALL.replace("path: out/films.parquet", "path: out/films"));
    fs::create_dir_all(place.path().join("out/films")).unwrap();
    place.write("out/films/mine.txt", "mine");
    insta::assert_snapshot!("foreign_folder", place.check(&["run", "folders.yaml", "--mock"], &[]));
    assert!(place.path().join("out/films/mine.txt").exists());
}

#[test]
fn partitioned_table_is_one_table_with_all_its_rows() {
    let place = Place::new();
    let partitioned = SMALL
        .replace("path: out/films.parquet", "path: out/films, partition_by: year, sort_by: title")
        .replace("value: .release_date", "value: '.release_date[:4] | tonumber?'");
    place.write("years.yaml", &partitioned);
    let output = place.run(&["run", "years.yaml", "--mock"], &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let output = place.run(&["inspect", "out/films", "--output", "json"], &[]);
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["tables"].as_array().unwrap().len(), 1, "{object}");
    let table = &object["tables"][0];
    assert_eq!((&table["rows"], &table["manifest"]["rows"]), (&3.into(), &3.into()));
    // Iron Man, The Avengers and Infinity War came in three years.
    let files: Vec<&str> = table["manifest"]["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["path"].as_str().unwrap())
        .collect();
    let years: Vec<&str> = files.iter().map(|path| path.split('/').next().unwrap()).collect();
    assert_eq!(years, ["year=2008", "year=2012", "year=2018"]);
}
