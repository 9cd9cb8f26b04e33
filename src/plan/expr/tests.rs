//! Expressions as their users write them: what they give, what they read, what is said of faulty ones.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use super::*;
use crate::plan::{Document, Item};

fn document(body: &str) -> Document {
    let mut item = Item::seed(json!({"id": 603, "title": "asked"}));
    item.parent = Some(Arc::new(json!({"id": 1})));
    item.depth = 1;
    item.rank = 3;
    Document::new(
        item,
        Bytes::copy_from_slice(body.as_bytes()),
        Some("2026-11-22T10:00:00.1234567Z".parse().unwrap()),
    )
}

fn run() -> RunScope {
    let params = json!({"min_votes": 200}).as_object().unwrap().clone();
    RunScope { params: Arc::new(params), run: "r1".into() }
}

/// Outputs as text, `!` for an error at the end.
fn outputs(source: &str, body: &str) -> Vec<String> {
    let (run, document) = (run(), document(body));
    let items = Scope::new(&run, &document).items(&Expr::compile(source).unwrap(), Input::Document);
    let mut texts: Vec<String> = items.values.iter().map(Json::to_text).collect();
    texts.extend(items.error.map(|_| "!".into()));
    texts
}

#[test]
fn an_expression_gives_what_jq_gives() {
    let body =
        r#"{"id":603,"title":"Marvel","vote_count":300,"genres":[{"name":"a"},{"name":"b"}],"x":7.10}"#;
    for (source, expected) in [
        (".id", &["603"][..]),
        (".genres[].name", &["\"a\"", "\"b\""]),
        ("[.genres[].name]", &["[\"a\",\"b\"]"]),
        (".title | contains(\"Marvel\")", &["true"]),
        (".vote_count > $params.min_votes", &["true"]),
        (
            "$doc.id, $item.id, $parent.id, $meta.depth, $meta.rank, $meta.run",
            &["603", "603", "1", "1", "3", "\"r1\""],
        ),
        ("$meta.seed.id", &["603"]),
        ("$meta.fetched_at", &["\"2026-11-22T10:00:00.123456Z\""]),
        (".x", &["7.10"]),
        (".x + 0", &["7.1"]),
        (".absent.deeper", &["null"]),
        (".title.deeper", &["!"]),
        (".absent[]", &["!"]),
        (".genres[] | .name, error(\"no\")", &["\"a\"", "!"]),
        ("empty", &[]),
        ("\"[1]\" | fromjson", &["[1]"]),
        ("\"2020-01-01T00:00:00Z\" | fromdate | strftime(\"%Y\")", &["\"2020\""]),
        (".title | test(\"^mar\"; \"i\")", &["true"]),
        (
            "@json",
            &[
                r#""{\"id\":603,\"title\":\"Marvel\",\"vote_count\":300,\"genres\":[{\"name\":\"a\"},{\"name\":\"b\"}],\"x\":7.10}""#,
            ],
        ),
    ] {
        assert_eq!(outputs(source, body), expected, "{source}");
    }
}

#[test]
fn the_first_output_decides_whether_a_condition_holds() {
    let (run, document) = (run(), document(r#"{"a":1}"#));
    let scope = Scope::new(&run, &document);
    for (source, holds, error) in [
        ("true", true, false),
        ("0", true, false),
        ("false", false, false),
        ("null", false, false),
        ("empty", false, false),
        ("false, true", false, false),
        ("true, error", true, false),
        ("error", false, true),
        (".a.b", false, true),
    ] {
        let truth = scope.holds(&Expr::compile(source).unwrap(), Input::Document);
        assert_eq!((truth.holds, truth.error.is_some()), (holds, error), "{source}");
    }
}

#[test]
fn a_seed_is_judged_without_a_document() {
    let run = run();
    let scope = Scope::without_document(&run);
    let seed = Json::from_value(&json!({"id": 5}));
    for source in [
        ".id == 5",
        "$doc == null and $item == null and $parent == null",
        "$meta.depth == 0",
        "$params.min_votes == 200",
    ] {
        assert!(scope.holds(&Expr::compile(source).unwrap(), Input::Json(&seed)).holds, "{source}");
    }
}

#[test]
fn faults_name_the_place_and_the_way_out() {
    for (source, message, place, help) in [
        ("$itme.id", "unknown variable `$itme`", "$itme", "did you mean `$item`?"),
        ("$x", "unknown variable `$x`", "$x", "there are $doc, $item, $parent, $params, $meta"),
        ("$ENV.TMDB_TOKEN", "`$ENV` is not available", "$ENV", "the environment holds the credential"),
        ("env.TMDB_TOKEN", "`env` is not available", "env", "the environment holds the credential"),
        (".a | now", "`now` is not available", "now", "`$meta.fetched_at`"),
        ("input", "`input` is not available", "input", "one document"),
        ("inputs", "`inputs` is not available", "inputs", "one document"),
        ("halt", "`halt` is not available", "halt", "only give values"),
        ("halt(1)", "`halt` is not available", "halt", "only give values"),
        ("halt_error", "`halt_error` is not available", "halt_error", "only give values"),
        ("debug", "`debug` is not available", "debug", "only give values"),
        ("debug(.a)", "`debug` is not available", "debug", "only give values"),
        ("stderr", "`stderr` is not available", "stderr", "only give values"),
        ("localtime", "`localtime` is not available", "localtime", "UTC"),
        ("input_line_number", "`input_line_number` is not available", "input_line_number", "one document"),
        ("$meta.dept", "`$meta` has no field `dept`", "$meta", "did you mean `depth`?"),
        (".a | lenght", "unknown function `lenght`", "lenght", "did you mean `length`?"),
        ("test()", "expected term, found `)`", ")", ""),
        ("has", "`has` called with 0 arguments", "has", "it takes 1"),
        ("title", "unknown function `title`", "title", "a field is `.title`"),
        (".a && .b", "expected token, found `&`", "&", "`and`, `or` and `not`"),
        (".a || .b", "expected the end, found `||`", "||", "`and`, `or` and `not`"),
        (".a = 'x'", "expected token, found `'`", "'", "double quotes"),
        (".a ==", "expected term, found the end", "", ""),
        ("[.a", "expected closing bracket, found the end", "", ""),
        ("", "expected term, found the end", "", ""),
        ("def f: f; f", "`f` calls itself", "f", "`recurse`"),
        ("import \"a\" as a; .", "", "", ""),
    ] {
        let fault = Expr::compile(source).expect_err(source);
        if !message.is_empty() {
            assert_eq!(fault.message, message, "{source}");
            assert_eq!(fault.at.map_or("", |at| &source[at]), place, "{source}");
            let given = fault.help.unwrap_or_default();
            assert!(given.contains(help) && given.is_empty() == help.is_empty(), "{source}: {given}");
        }
    }
}

#[test]
fn an_expression_too_big_to_compile_safely_is_a_fault() {
    for source in
        ["(".repeat(5000), "[".repeat(40), "1+".repeat(3000) + "1", "\"\\(".repeat(5000), " ".repeat(1 << 20)]
    {
        assert!(Expr::compile(&source).is_err());
    }
    for (unit, tokens, last) in [
        ("1,", 2, "1"),
        ("-", 1, "1"),
        ("1|", 2, "1"),
        ("1+", 2, "1"),
        (".a", 1, ""),
        ("1 as $x|", 4, "1"),
        ("try ", 1, "1"),
    ] {
        let source = unit.repeat((compile::TOKENS_MAX - 1) / tokens) + last;
        let expr = Expr::compile(&source).unwrap_or_else(|fault| panic!("{fault}: {source}"));
        let run = run();
        let null = Json::from_value(&json!(null));
        Scope::without_document(&run).items(&expr, Input::Json(&null));
    }
}

#[test]
fn uses_are_the_fields_that_are_read() {
    let fields = |names: &[&str]| FieldSet::Fields(names.iter().map(|&name| name.to_owned()).collect());
    for (source, item, parent, doc) in [
        (".a", fields(&[]), fields(&[]), false),
        ("$item.a.b + $item[\"c d\"] + $item.e?", fields(&["a", "c d", "e"]), fields(&[]), false),
        ("$item", FieldSet::All, fields(&[]), false),
        ("$item | .a", FieldSet::All, fields(&[]), false),
        ("{$item}", FieldSet::All, fields(&[]), false),
        ("$item[.a]", FieldSet::All, fields(&[]), false),
        ("$item[]", FieldSet::All, fields(&[]), false),
        ("\"\\($item.a) \\($parent.b)\"", fields(&["a"]), fields(&["b"]), false),
        (
            "if $doc.x then [.[] | select(. == $parent.id)] else {a: $item.b} end",
            fields(&["b"]),
            fields(&["id"]),
            true,
        ),
        ("reduce .[] as {a: $x, ($item.k): $y} (0; . + $item.s)", fields(&["k", "s"]), fields(&[]), false),
        ("def f($v): $v + $item.z; try f(1) catch $parent.w", fields(&["z"]), fields(&["w"]), false),
        (".[$item.i:$parent.j]", fields(&["i"]), fields(&["j"]), false),
    ] {
        let expr = Expr::compile(source).unwrap();
        let expected = Uses { item, parent, doc, ..Uses::default() };
        assert_eq!(expr.uses(), &expected, "{source}");
    }
    assert_eq!(Expr::compile("$params.a + $params.b").unwrap().params(), &fields(&["a", "b"]));
}

#[test]
fn plain_paths_are_recognised() {
    let path = |root, steps: &[Step], collected| Some(PlainPath { root, steps: steps.to_vec(), collected });
    let field = |name: &str| Step::Field(name.into());
    for (source, expected) in [
        (".", path(Root::Input, &[], false)),
        (".a", path(Root::Input, &[field("a")], false)),
        (".a.b", path(Root::Input, &[field("a"), field("b")], false)),
        (".\"a-b\"", path(Root::Input, &[field("a-b")], false)),
        (".[\"a\"]", path(Root::Input, &[field("a")], false)),
        (".\"\\u0061\"", path(Root::Input, &[field("a")], false)),
        ("(.a).b", path(Root::Input, &[field("a"), field("b")], false)),
        ("$doc.a[0]", path(Root::Doc, &[field("a"), Step::Index(0)], false)),
        ("$item.a", path(Root::Item, &[field("a")], false)),
        ("$parent.a", path(Root::Parent, &[field("a")], false)),
        ("$params.a", path(Root::Params, &[field("a")], false)),
        ("$meta.depth", path(Root::Meta, &[field("depth")], false)),
        ("[.a[].b]", path(Root::Input, &[field("a"), Step::Each, field("b")], true)),
        ("[.a]", path(Root::Input, &[field("a")], true)),
        (".a[]", path(Root::Input, &[field("a"), Step::Each], false)),
        (".a?", None),
        (".a[-1]", None),
        (".a[0:1]", None),
        (".[\"a\", \"b\"]", None),
        (".\"a\\(1)\"", None),
        (".a | .b", None),
        (". as $doc | $doc.a", None),
        ("[[.a]]", None),
        (".a + 1", None),
    ] {
        assert_eq!(Expr::compile(source).unwrap().path().cloned(), expected, "{source}");
    }
}

#[test]
fn hostile_bodies_are_errors_and_not_crashes() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let quoted = format!("{{\"s\":\"{deep}\"}}");
    for (source, body) in [(".a", &*deep), (".s | fromjson", &*quoted), (".", "{\"a\":"), (".", "\u{fffd}")] {
        assert_eq!(outputs(source, body), ["!"], "{source}");
    }
    assert_eq!(outputs("\"ab\" * 9223372036854775807", "{}"), ["!"]);
    assert_eq!(outputs("repeat(1)", "{}").last().unwrap(), "!");
}

/// Each of these went on for ever, or built a value whose dropping overflowed the stack.
#[test]
fn what_loops_ends_after_a_bound_of_steps_and_levels() {
    for source in [
        "last(repeat(.))",
        "[repeat(1)]",
        "[range(0; infinite)]",
        "last(range(1; infinite))",
        "until(false; .)",
        "last(while(true; .))",
        "last(recurse(.))",
        "reduce range(0; infinite) as $i (0; . + 1)",
        "last(foreach range(0; infinite) as $i (0; .; .))",
        "reduce range(40000) as $i (0; [.])",
        "reduce range(40000) as $i (0; {a: [[.]]})",
        "reduce range(40000) as $i (0; [., [1], (reduce (1, 2, 3) as $j ([]; . + [$j]))])",
        "last(recurse([.]))",
        "until(false; {a: .})",
        "try last(repeat(.)) catch 1",
        "(last(repeat(.)))? // 2",
        "def f: last(repeat(.)); f, 1",
    ] {
        assert_eq!(outputs(source, "{}").last().map(String::as_str), Some("!"), "{source}");
    }
    // What ends is not touched, and neither are paths through what has steps.
    for (source, expected) in [
        ("[range(1000)] | add", "499500"),
        ("reduce range(100) as $i (0; [.]) | [recurse(.[]?)] | length", "101"),
        ("[limit(3; repeat(1))]", "[1,1,1]"),
        ("first(range(5; infinite))", "5"),
        ("{a: [1, {b: 2}]} | [paths] | length", "4"),
        ("{a: {b: 1}} | (recurse | select(. == 1)) |= 2 | .a.b", "2"),
        ("[1, [2]] | walk(if type == \"number\" then . + 1 else . end)", "[2,[3]]"),
        ("[3, 1, 2] | sort | map(. * 2) | join(\"-\")", "\"2-4-6\""),
        ("label $out | foreach (1, 2, 3) as $i (0; . + $i; if . > 2 then ., break $out else . end)", "3"),
        ("\"ab\" | gsub(\"(?<x>[a-z])\"; \"<\\(.x)>\")", "\"<a><b>\""),
        ("[[1, [2]], 3] | flatten", "[1,2,3]"),
    ] {
        assert_eq!(outputs(source, "{}").last().map(String::as_str), Some(expected), "{source}");
    }
}

#[test]
fn the_whole_of_an_expression_cannot_be_called_from_within() {
    let fault = Expr::compile("__expression").unwrap_err();
    assert_eq!(fault.message, "unknown function `__expression`");
}

#[test]
fn expressions_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Expr>();
}

/// An expression is compiled with what it reaches of the library, so whatever is reached must be enough.
#[test]
fn every_function_of_the_library_compiles_by_itself() {
    let mut count = 0;
    for (name, arity) in library::signatures() {
        let call =
            if arity == 0 { name.to_owned() } else { format!("{name}({})", [".a"; 9][..arity].join("; ")) };
        // Formats stand before a string, and names with `$` are no calls.
        let source = if name.starts_with('@') { format!("{name} \"\\(.)\"") } else { call };
        if name.starts_with('$') {
            continue;
        }
        count += 1;
        let compiled = Expr::compile(&source);
        assert!(compiled.is_ok(), "{source}: {compiled:?}");
    }
    assert!(count > 150, "{count} functions");
}
