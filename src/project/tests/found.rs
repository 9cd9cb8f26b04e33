//! Items in a document.

use super::*;
use crate::plan::expr::FieldSet;

fn rule(items: &str, where_: Option<&str>, take: Option<u32>) -> ExpandRule {
    let compile = |source| Expr::compile(source).unwrap();
    ExpandRule { when: None, items: compile(items), where_: where_.map(compile), take }
}

#[test]
fn found_items_are_ranked_before_they_are_chosen() {
    let pages = [
        r#"{"results":[{"id":1,"v":1},{"id":2,"v":9},{"id":3,"v":9}]}"#,
        r#"{"results":[{"id":4,"v":9},{"id":5,"v":9}]}"#,
    ];
    let pages = pages.map(|page| Bytes::from_static(page.as_bytes()));
    for (items, where_, take, expected, errors) in [
        (
            ".results[]",
            None,
            None,
            &[
                (1, r#"{"id":1,"v":1}"#),
                (2, r#"{"id":2,"v":9}"#),
                (3, r#"{"id":3,"v":9}"#),
                (4, r#"{"id":4,"v":9}"#),
                (5, r#"{"id":5,"v":9}"#),
            ][..],
            0,
        ),
        (".results[].id", Some(". > 1"), Some(2), &[(2, r#"{"id":2}"#), (3, r#"{"id":3}"#)], 0),
        (".results[].id", Some(". > 3"), Some(3), &[(4, r#"{"id":4}"#), (5, r#"{"id":5}"#)], 0),
        (".results[].id", Some(". == $doc.favourite"), None, &[(3, r#"{"id":3}"#)], 0),
        (".results[]", Some("error"), None, &[], 5),
        (".results[0].id, error(\"x\"), 7", None, None, &[(1, r#"{"id":1}"#), (2, r#"{"id":4}"#)], 2),
        (".absent[]", None, None, &[], 2),
        ("null, [1], \"tt1\"", None, None, &[(3, r#"{"id":"tt1"}"#), (6, r#"{"id":"tt1"}"#)], 4),
        (".results[]", None, Some(0), &[], 0),
    ] {
        let found = rule(items, where_, take).found(&run(), &document(r#"{"favourite":3}"#), &pages);
        let given: Vec<_> =
            found.items.iter().map(|found| (found.rank, std::str::from_utf8(&found.body).unwrap())).collect();
        assert_eq!((&given[..], found.errors), (expected, errors), "{items} {where_:?} {take:?}");
    }
    let broken =
        rule(".results[]", None, None).found(&run(), &document("{}"), &[Bytes::from_static(b"<html>")]);
    assert_eq!((broken.items, broken.errors), (vec![], 1));
    assert!(broken.error.is_some());
}

#[test]
fn an_expand_without_a_condition_wants_every_document() {
    let mut rule = rule(".", None, None);
    assert!(rule.wants(&run(), &document("{}")).holds);
    rule.when = Some(Expr::compile(".title | contains(\"Marvel\")").unwrap());
    for (body, holds, error) in [
        (r#"{"title":"Marvel X"}"#, true, false),
        (r#"{"title":"X"}"#, false, false),
        (r#"{"title":null}"#, false, false),
        ("{", false, true),
    ] {
        let truth = rule.wants(&run(), &document(body));
        assert_eq!((truth.holds, truth.error.is_some()), (holds, error), "{body}");
    }
}

#[test]
fn an_item_keeps_only_the_fields_that_somebody_reads() {
    let fields = FieldSet::Fields(["id".to_owned(), "n".to_owned()].into());
    for (body, expected) in [
        (r#"{"id":1,"title":"x","n":{"a":[1]}}"#, json!({"id": 1, "n": {"a": [1]}})),
        (r#"{"id":1,"id":2}"#, json!({"id": 2})),
        (r#"{"title":"\ud800"}"#, json!({})),
        ("[1]", json!({})),
        ("{", json!({})),
    ] {
        assert_eq!(prune(body.as_bytes(), &fields), expected, "{body}");
    }
    assert_eq!(prune(br#"{"a":1,"b":"x"}"#, &FieldSet::All), json!({"a": 1, "b": "x"}));
}
