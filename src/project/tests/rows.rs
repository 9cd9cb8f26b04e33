//! What stands in a row, and which rows there are.

use super::*;

#[test]
fn a_film_becomes_a_row() {
    let body = r#"{"id":603,"title":"The \"Matrix\"","release_date":"1999-03-30","runtime":136,"revenue":2923706026,
        "belongs_to_collection":{"name":"Matrix"},"genres":[{"id":28,"name":"Action"},{"id":878,"name":"SF"}],
        "vote_average":8.2,"adult":false,"origin_country":["US"]}"#;
    check(
        None,
        &[
            (Int64, ".id"),
            (Text, ".title"),
            (Date, ".release_date"),
            (Int32, ".runtime"),
            (Int32, ".revenue"),
            (Text, ".belongs_to_collection.name"),
            (Json, ".belongs_to_collection"),
            (list(Text), "[.genres[].name]"),
            (list(Int64), "[.genres[].id]"),
            (Json, "[.genres[].id]"),
            (Text, ".genres[1].name"),
            (Text, ".genres[2].name"),
            (Float64, ".vote_average"),
            (Bool, ".adult"),
            (list(Text), ".origin_country"),
            (Int32, "$meta.depth"),
            (Timestamp, "$meta.fetched_at"),
            (Int64, "$item.id"),
            (Float64, "$parent.id"),
            (Int32, "$params.a"),
            (Int32, ".runtime + 1"),
            (Text, ".title, .title"),
            (Text, "empty"),
            (Text, ".absent"),
        ],
        body,
        &[
            "603|The \"Matrix\"|1999-03-30|136|~|Matrix|{\"name\":\"Matrix\"}|[Action, SF]|[28, 878]|[28,878]|SF|~|8.2|false|[US]|2|2026-11-22T10:00:00.123456|603|7.25|1|137|~|~|~",
        ],
    );
}

#[test]
fn rows_are_the_elements_and_the_document_may_stand_around_them() {
    let columns =
        [(Int64, "$doc.id"), (Int64, ".id"), (Text, "$doc.late"), (Text, ".name"), (Int32, "$meta.rank")];
    for (body, expected) in [
        (
            r#"{"id":1,"credits":{"cast":[{"id":2,"name":"a"},{"name":null,"id":3}]},"late":"l"}"#,
            &["1|2|l|a|5", "1|3|l|~|5"][..],
        ),
        (r#"{"id":1,"credits":{"cast":[]},"late":"l"}"#, &[]),
        (r#"{"id":1,"credits":{"cast":[null]}}"#, &["1|~|~|~|5"]),
        (r#"{"id":1,"credits":{"cast":[{"id":2},7,{"id":3}]}}"#, &["1|2|~|~|5", "1|~|~|~|5", "1|3|~|~|5"]),
        (r#"{"id":1,"credits":{"cast":{"x":{"id":2},"y":{"id":3}}}}"#, &["1|2|~|~|5", "1|3|~|~|5"]),
        (r#"{"id":1,"credits":{"cast":[{"id":2},{"id":3,"id":4}]},"id":9}"#, &["9|2|~|~|5", "9|4|~|~|5"]),
    ] {
        let counts = check(Some(".credits.cast[]"), &columns, body, expected);
        assert_eq!((counts.rows_errors, counts.rows), (0, expected.len() as u64), "{body}");
    }
    for body in [
        r#"{"id":1}"#,
        r#"{"id":1,"credits":null}"#,
        r#"{"id":1,"credits":[]}"#,
        r#"{"credits":{"cast":7}}"#,
        "7",
        "null",
    ] {
        let counts = check(Some(".credits.cast[]"), &columns, body, &[]);
        assert_eq!((counts.rows_errors, counts.rows), (1, 0), "{body}");
    }
}

#[test]
fn rows_before_a_failure_of_rows_are_rows() {
    let columns = [(Int64, ".id"), (Int64, ".id + 1")];
    let body = r#"{"a":[{"b":[{"id":1},{"id":2}]},{"b":7},{"b":[{"id":3}]}]}"#;
    for rows in [".a[].b[]", ".a[] | .b[]"] {
        assert_eq!(check(Some(rows), &columns, body, &["1|2", "2|3"]).rows_errors, 1, "{rows}");
    }
}

#[test]
fn failing_paths_are_null_and_counted_as_jq_would_fail() {
    for (value, body, errors) in [
        (".a.b", r#"{"a":{}}"#, 0),
        (".a.b", r#"{"a":null}"#, 0),
        (".a.b", "{}", 0),
        (".a.b", "null", 0),
        (".a.b.c", r#"{"a":7}"#, 1),
        (".a.b", r#"{"a":"x"}"#, 1),
        (".a.b", r#"{"a":[]}"#, 1),
        (".a", "7", 1),
        (".a[0]", r#"{"a":[]}"#, 0),
        (".a[0].b", r#"{"a":{}}"#, 0),
        (".a[0]", r#"{"a":"x"}"#, 1),
        ("[.a[].b]", "{}", 1),
        ("[.a[].b]", r#"{"a":[{"b":1},7]}"#, 1),
        ("$item.id.x", "{}", 1),
        ("$item.absent.x", "{}", 0),
        ("$meta.seed.n.m.x", "{}", 1),
        ("$params.b[0]", "{}", 1),
    ] {
        let counts = check(None, &[(Json, value)], body, &["~"]);
        assert_eq!(
            (counts.columns[0].errors, counts.columns[0].mismatches),
            (errors, 0),
            "{value} of {body}"
        );
    }
}
