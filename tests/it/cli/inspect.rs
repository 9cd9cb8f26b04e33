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
