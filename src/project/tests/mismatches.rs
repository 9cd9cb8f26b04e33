//! What does not fit: nulls, counts, rows that go, runs that end.

use super::*;

#[test]
fn bad_elements_are_null_in_their_list_and_counted() {
    let counts = check(
        None,
        &[(list(Int64), ".a"), (list(Date), ".d")],
        r#"{"a":[1,"x",null,7.0,[2]],"d":["","1970-01-01","?"]}"#,
        &["[1, ~, ~, 7, ~]|[~, 1970-01-01, ~]"],
    );
    assert_eq!(counts.columns.iter().map(|column| column.mismatches).collect::<Vec<_>>(), [2, 1]);
    check(None, &[(list(Int64), ".a")], r#"{"a":null}"#, &["~"]);
    assert_eq!(check(None, &[(list(Int64), ".a")], r#"{"a":7}"#, &["~"]).columns[0].mismatches, 1);
}

#[test]
fn required_and_drop_take_the_whole_row_and_nothing_else() {
    let mut columns = vec![
        column("a", list(Text), ".a"),
        column("j", Json, "."),
        column("b", Int32, ".b"),
        column("c", Bool, ".c"),
    ];
    columns[2].required = true;
    columns[3].on_mismatch = OnMismatch::Drop;
    let bodies = [
        r#"{"a":["x"],"b":1,"c":true}"#,
        r#"{"a":["y","z"],"b":null,"c":true}"#,
        r#"{"a":["y"],"b":"2","c":true}"#,
        r#"{"a":["y"],"b":3,"c":"no"}"#,
        r#"{"a":[],"b":4,"c":null}"#,
        r#"{"a":["w"],"b":5,"c":fal"#,
    ];
    let outcome = both(&table(None, columns), &bodies.map(document));
    assert_eq!(
        lines(&outcome.batches),
        ["[x]|{\"a\":[\"x\"],\"b\":1,\"c\":true}|1|true", "[]|{\"a\":[],\"b\":4,\"c\":null}|4|~"]
    );
    let counts = outcome.counts;
    assert_eq!((counts.rows, counts.dropped, counts.broken), (2, 3, 1));
    assert_eq!(counts.columns.iter().map(|column| column.mismatches).collect::<Vec<_>>(), [0, 0, 1, 1]);
}

#[test]
fn fail_names_table_column_value_and_item() {
    let mut columns = vec![column("a", Text, ".a"), column("b", Int32, ".b")];
    columns[1].on_mismatch = OnMismatch::Fail;
    let outcome = both(
        &table(None, columns),
        &[document(r#"{"a":"x","b":1}"#), document(format!(r#"{{"a":"y","b":"{}"}}"#, "7".repeat(200)))],
    );
    let message = outcome.error.unwrap().to_string();
    let value = "7".repeat(79);
    assert!(
        message.starts_with(&format!(
            "column `b` of table `films`: \"{value}… is not of type int32 (item {{\"id\":603,"
        )),
        "{message}"
    );
    assert_eq!(lines(&outcome.batches), ["x|1"]);
}

#[test]
fn the_first_that_went_wrong_is_kept_by_both_ways() {
    let structs = "list<struct<id: int64, names: list<string>>>".parse().unwrap();
    let columns = vec![column("d", structs, ".d"), column("e", Int64, ".e.f")];
    let bodies = [
        r#"{"rows": [{"d": [], "e": null}, {"d": [{"names": ["x", 7]}, 8], "e": "text"}]}"#,
        r#"{"rows": [{"d": 9, "e": 10}, 1]}"#,
        r#"{"rows": 11}"#,
    ];
    let counts = both(&table(Some(".rows[]"), columns), &bodies.map(document)).counts;
    let misfit = counts.columns[0].misfit.as_ref().unwrap();
    assert_eq!(
        [&misfit.path, &misfit.place, &misfit.value, &misfit.column_type],
        ["d[0].names[1]", "d[].names[]", "7", "string"]
    );
    assert!(counts.columns[0].places.iter().any(|(place, _)| *place == misfit.place));
    assert_eq!(counts.columns[1].failure.as_ref().unwrap().reason, "cannot index \"text\" with \"f\"");
    assert_eq!(counts.rows_failure.unwrap().reason, "cannot use 11 as iterable (array or object)");
}
