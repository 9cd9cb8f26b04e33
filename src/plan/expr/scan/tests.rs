//! What the scanner takes for JSON, against serde_json.

use super::*;
use proptest::prelude::*;
use serde_json::value::RawValue;

fn accepts(text: &str) -> bool {
    let mut scanner = Scanner::new(text);
    scanner.skip().and_then(|()| scanner.end()).is_ok()
}

#[test]
fn skipping_is_as_strict_as_serde_json() {
    for text in [
        "",
        " ",
        "null",
        "nul",
        "nullx",
        "true",
        "false",
        "tru",
        "0",
        "-0",
        "01",
        "-",
        "1.",
        ".1",
        "1.0",
        "1e",
        "1e5",
        "1E+5",
        "1e-",
        "+1",
        "NaN",
        "Infinity",
        "\"\"",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud800\"",
        "\"a\nb\"",
        "\"12345678\u{1}\"",
        "[]",
        "[",
        "]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1,2]",
        "{}",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1,\"b\":2}",
        "1 2",
        "[1]x",
        "# c\n1",
        " [ 1 , { \"a\" : [ ] } ] ",
    ] {
        assert_eq!(accepts(text), serde_json::from_str::<&RawValue>(text).is_ok(), "{text}");
    }
}

#[test]
fn nesting_is_bounded_the_same_whether_read_or_skipped() {
    for (depth, fits) in [(128, true), (129, false), (1_000_000, false)] {
        let text = "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(accepts(&text), fits, "{depth}");
        assert_eq!(super::super::Json::parse(text.as_bytes()).is_ok(), fits, "{depth}");
    }
}

#[test]
fn escapes_read_as_what_they_name() {
    for (text, expected) in [
        (r#""a\"b\\c\/d\b\f\n\r\t""#, "a\"b\\c/d\u{8}\u{c}\n\r\t"),
        (r#""\u00e9\uD83D\ude00""#, "é😀"),
        (r#""\ud800""#, "\u{fffd}"),
        (r#""\ud800\ud83d\ude00""#, "\u{fffd}😀"),
        (r#""\ud800\u0041""#, "\u{fffd}A"),
        (r#""\udc00x""#, "\u{fffd}x"),
    ] {
        assert_eq!(Scanner::new(text).string().unwrap(), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn strings_read_as_serde_json_reads_them(string in any::<String>()) {
        let text = serde_json::to_string(&string).unwrap();
        prop_assert_eq!(Scanner::new(&text).string().unwrap(), string);
    }

    #[test]
    fn damaged_texts_are_judged_as_serde_json_judges_them(
        text in r#"([\[\]{}:,"\\ue019.+a\-]|true|null|"a":|[0-9]){0,24}"#,
    ) {
        prop_assert_eq!(accepts(&text), serde_json::from_str::<&RawValue>(&text).is_ok());
    }
}
