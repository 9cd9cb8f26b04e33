//! Structs, lists of structs and lists of lists: their values, their mismatches, and bodies that are all
//! brackets.

use super::*;

const FILM: &str = r#"{"id":603,"belongs_to_collection":{"id":2344,"poster_path":null,"name":"Matrix"},
    "genres":[{"id":28,"name":"Action"},{"name":"SF","id":878}],
    "credits":{"crew":[{"id":1,"name":"Lana","job":"Director"},{"id":3,"name":"Zach","job":"Editor"},
        {"id":2,"name":"Lilly","job":"Director","gender":1}]}}"#;

#[test]
fn a_film_with_its_directors_is_one_row() {
    let person = || typed("list<struct<id: int64, name: string>>");
    check(
        None,
        &[
            (person(), "[.credits.crew[] | select(.job == \"Director\") | {id, name}]"),
            (person(), ".genres"),
            (person(), "[.genres[]]"),
            (typed("struct<id: int64, name: string>"), ".belongs_to_collection"),
            (typed("struct<name: string, id: int32>"), ".genres[1]"),
            (typed("struct<name: string>"), ".absent"),
            (typed("struct<id: int64>"), "$item"),
            (typed("struct<n: struct<m: json>, big: float64>"), "$item"),
            (typed("list<list<int64>>"), "[[.credits.crew[].id], [], null]"),
            (typed("struct<depth: int32, seed: struct<id: int64>>"), "$meta"),
        ],
        FILM,
        &[&*[
            "[{id: 1, name: Lana}, {id: 2, name: Lilly}]",
            "[{id: 28, name: Action}, {id: 878, name: SF}]",
            "[{id: 28, name: Action}, {id: 878, name: SF}]",
            "{id: 2344, name: Matrix}",
            "{name: SF, id: 878}",
            "~",
            "{id: 603}",
            "{n: {m: [1,2.5,\"x\"]}, big: 1.8446744073709552e19}",
            "[[1, 3, 2], [], ~]",
            "{depth: 2, seed: {id: 603}}",
        ]
        .join("|")],
    );
}

#[test]
fn structs_stand_in_rows_of_elements_too() {
    let columns = [
        (typed("struct<id: int64>"), "."),
        (typed("struct<id: int64>"), "$doc"),
        (typed("struct<name: string>"), "{name}"),
    ];
    let rows = ["{id: 28}|{id: 603}|{name: Action}", "{id: 878}|{id: 603}|{name: SF}"];
    check(Some(".genres[]"), &columns, FILM, &rows);
}

#[test]
fn a_null_struct_and_a_struct_of_nulls_are_kept_apart() {
    let column_type = typed("struct<a: int64, b: struct<c: string>, d: list<struct<e: bool>>>");
    for (body, expected) in [
        ("{}", "~"),
        (r#"{"v":null}"#, "~"),
        (r#"{"v":{}}"#, "{a: ~, b: ~, d: ~}"),
        (r#"{"v":{"b":{}}}"#, "{a: ~, b: {c: ~}, d: ~}"),
        (r#"{"v":{"d":[]}}"#, "{a: ~, b: ~, d: []}"),
        (r#"{"v":{"d":[null,{},{"e":null},{"e":true}]}}"#, "{a: ~, b: ~, d: [~, {e: ~}, {e: ~}, {e: true}]}"),
    ] {
        check(None, &[(column_type.clone(), ".v")], body, &[expected]);
    }
}

#[test]
fn mismatches_are_counted_at_their_place() {
    let columns = [
        (typed("list<struct<id: int64, name: string, at: struct<x: int32>>>"), ".l"),
        (typed("struct<tags: list<string>>"), ".s"),
        (list(list(Int64)), ".ll"),
    ];
    let body = r#"{"l":[{"id":"1","name":2,"at":{"x":"y"}},{"id":"2","at":[]},7],"s":{"tags":[1,"a",2]},"ll":[[1,""],2]}"#;
    let row = "[{id: ~, name: ~, at: {x: ~}}, {id: ~, name: ~, at: ~}, ~]|{tags: [~, a, ~]}|[[1, ~], ~]";
    let counts = check(None, &columns, body, &[row]);
    let places = |column: usize| {
        let places = counts.columns[column].places.iter();
        places.map(|(place, count)| format!("{place} {count}")).collect::<Vec<_>>()
    };
    assert_eq!(places(0), ["c0[] 1", "c0[].id 2", "c0[].name 1", "c0[].at 1", "c0[].at.x 1"]);
    assert_eq!(places(1), ["c1.tags[] 2"]);
    assert_eq!(places(2), ["c2[] 1", "c2[][] 1"]);
    assert_eq!(counts.columns.iter().map(|column| column.mismatches).collect::<Vec<_>>(), [6, 2, 2]);
    let counts = check(None, &columns[..1], r#"{"l":{}}"#, &["~"]);
    assert_eq!(counts.columns[0].places, [("c0".to_owned(), 1)]);
}

#[test]
fn a_mismatch_inside_drops_the_row_or_fails_the_run() {
    let directors = |on_mismatch| {
        let mut column =
            column("directors", typed("list<struct<id: int64, at: struct<name: string>>>"), ".d");
        column.on_mismatch = on_mismatch;
        table(None, vec![super::column("id", Int64, ".id"), column])
    };
    let bodies = [
        r#"{"id":1,"d":[{"id":1,"at":{"name":"a"}}]}"#,
        r#"{"id":2,"d":[{"id":1,"at":{"name":"b"}},{"id":2,"at":{"name":[7]}}]}"#,
        r#"{"id":3,"d":[]}"#,
    ]
    .map(document);
    let dropped = both(&directors(OnMismatch::Drop), &bodies);
    assert_eq!(lines(&dropped.batches), ["1|[{id: 1, at: {name: a}}]", "3|[]"]);
    assert_eq!((dropped.counts.dropped, dropped.counts.columns[1].mismatches), (1, 1));
    let failed = both(&directors(OnMismatch::Fail), &bodies).error.expect("fails").to_string();
    assert!(
        failed
            .starts_with("column `directors[1].at.name` of table `films`: [7] is not of type string (item {"),
        "{failed}"
    );
}

#[test]
fn bodies_that_are_all_brackets_end_in_little() {
    let nested = |depth: usize| format!("{{\"v\":{}7{}}}", r#"{"v":"#.repeat(depth), "}".repeat(depth));
    let deep = (0..15).fold("struct<v: int64>".to_owned(), |inner, _| format!("struct<v: {inner}>"));
    // At the depth of the type, beyond it, at the reader's bound and beyond.
    for (depth, mismatches, broken) in [(16, 0, 0), (17, 1, 0), (127, 1, 0), (128, 0, 1), (100_000, 0, 1)] {
        let outcome = both(&table(None, vec![column("v", typed(&deep), ".v")]), &[document(nested(depth))]);
        let counts = outcome.counts;
        assert_eq!((counts.columns[0].mismatches, counts.broken), (mismatches, broken), "{depth}");
    }
    // A hundred thousand structs without a field, and a field a hundred thousand times.
    let wide: Vec<_> = (0..100).map(|field| format!("f{field}: bool")).collect();
    let wide = typed(&format!("list<struct<{}>>", wide.join(", ")));
    let empty = format!("{{\"v\":[{}]}}", vec!["{}"; 100_000].join(","));
    let again = format!("{{\"v\":[{{{}}}]}}", vec![r#""f7":true"#; 100_000].join(","));
    for (body, elements) in [(empty, 100_000), (again, 1)] {
        let outcome = both(&table(None, vec![column("v", wide.clone(), ".v")]), &[document(body)]);
        assert_eq!(outcome.batches[0].column(0).as_list::<i32>().value(0).len(), elements);
    }
}
