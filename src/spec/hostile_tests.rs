//! Whatever comes in, the work is bounded and nothing panics.

use proptest::prelude::*;

use super::tests::{no_variables, told};
use super::*;

/// So many pieces with commas between them.
fn names(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect::<Vec<_>>().join(", ")
}

#[test]
fn hostile_files_of_a_megabyte_end_in_few_faults() {
    let fill = |unit: &str| unit.repeat(SOURCE_BYTES_MAX / unit.len());
    let many_keys: String =
        (0..70_000).fold(String::new(), |text, key| text + "k" + &key.to_string() + ": 1\n");
    let bomb: String = (1..200)
        .map(|level| format!("x-{level}: &a{level} [*a{0}, *a{0}, *a{0}, *a{0}]\n", level - 1))
        .fold("x-0: &a0 [1, 1, 1, 1]\n".to_owned(), |text, line| text + &line);
    let wrong = names(140, |name| format!("abcdefghjiabcdefghji{name:03}"));
    let near_names: Vec<String> = (0..199)
        .map(|name| format!("  abcdefghijabcdefghij{name:03}: {{kind: fetch, path: /a, from: [{wrong}]}}\n"))
        .collect();
    let near_names = near_names.concat();
    for text in [
        fill("["),
        fill("{"),
        fill("{a: "),
        fill("- "),
        fill("a: "),
        fill("? "),
        fill("&a "),
        fill("*a "),
        fill("[*a, "),
        fill("!!str "),
        fill("\""),
        fill("- 1\n"),
        fill("a: 1\n"),
        fill("--- 1\n"),
        fill("#"),
        fill("\n"),
        fill("\t"),
        fill("${env:X}"),
        fill("x: ${env:X}\n"),
        fill("eyJhbGciOiJIUzI1NiJ9 "),
        fill("api_key=0123456789abcdef\n"),
        format!("version: 1\nname: a\nstages:\n{}", fill("  a: {}\n").split_off(40)),
        format!("ids: [{}]", "1,".repeat(400_000)),
        "a".repeat(SOURCE_BYTES_MAX),
        many_keys,
        bomb,
        // Texts that aliases repeat, and names that are near each other.
        format!("x: &a '{}'\nparams: [{}]\n", "x ".repeat(400_000), "*a, ".repeat(20_000)),
        format!(
            "x: &a '{}'\nstages: {{{}}}\n",
            "/{a}".repeat(200_000),
            names(190, |name| format!("m{name}: {{kind: fetch, path: *a}}"))
        ),
        format!("version: 1\nstages:\n{near_names}"),
    ] {
        let mut text = text;
        text.truncate(SOURCE_BYTES_MAX);
        let source = Source::new("p.yaml", text);
        let faults = told(&source, &[], &no_variables).expect_err("hostile");
        assert!(faults.iter().count() <= FAULTS_MAX);
        let shown = faults.render(&source);
        assert!(shown.len() < 200_000, "{} bytes", shown.len());
    }
}

/// Pieces of the language, so that random files get past the parser.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "version: 1\n",
        "name: a\n",
        "stages:\n",
        "  s:\n",
        "    kind: seed\n",
        "    ids: [1, 2]\n",
        "    kind: fetch\n",
        "    kind: expand\n",
        "    kind: project\n",
        "    kind: filter\n",
        "    path: /movie/{id}\n",
        "    columns:\n",
        "      id: int64\n",
        "    output: {path: a.parquet}\n",
        "    from: [s, s.found]\n",
        "    into: s\n",
        "api:\n",
        "  rate: ",
        "  retry: {attempts: ",
        "40/s\n",
        "&a ",
        "*a",
        "!t ",
        "'",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ": ",
        "- ",
        ", ",
        "\n",
        "  ",
        "#",
        " # x",
        "${env:",
        "X",
        ":-y}",
        "null",
        "~",
        "true",
        "1e3",
        "<<: ",
        "? ",
        "---\n",
        "|\n",
        ">-\n",
        "\t",
        "é",
        "\u{feff}",
        "\0",
        "params: {a: 1}\n",
        "max_failures: 1%\n",
        "x-y: ",
        "eyJhbGciOiJIUzI1NiJ9",
    ];
    prop_oneof![4 => prop::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => ".{0,4}"]
}

/// Where a value stands, at the `@`.
const PLACES: [&str; 17] = [
    "description: @",
    "api: {rate: @}",
    "api: {timeout: @}",
    "api: {language: @}",
    "api: {base_url: @}",
    "max_failures: @",
    "params: {a: @}",
    "@: 1",
    "stages: {s: {kind: @}}",
    "stages: {@: {kind: seed}}",
    "stages: {s: {kind: seed, range: @}}",
    "stages: {s: {kind: seed, ids: @}}",
    "stages: {s: {kind: seed, file: @}}",
    "stages: {s: {kind: fetch, path: @}}",
    "stages: {s: {kind: fetch, from: @, append: [@], query: {a: @}}}",
    "stages:\n  s:\n    kind: filter\n    where: @",
    "stages:\n  s:\n    kind: project\n    rows: @\n    columns:\n      a: @\n      b: {type: @, value: @}\n      @: string\n    output: {path: @}",
];

/// Texts of letters of every width among the signs that the small languages are made of.
fn text() -> impl Strategy<Value = String> {
    let words = [
        "<", ">", "{", "}", "[", "]", "(", ")", ":", ",", ".", "..", "/", "?", "$", "${", "{{", "}}", "&",
        "=", "-", "#", " ", "'", "\"", "\\", "|", "1", "40", "s", "%", "list", "struct", "int64", "id",
        "not null", "$params.", "a", "é", "ß", "宽", "😀", "e\u{301}", "\u{202e}", "\u{200d}", "ש",
        "\u{feff}", "\u{a0}", "\u{2028}", "ﬁ",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..12).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(source) = Source::from_bytes("p.yaml", bytes)
            && let Err(faults) = told(&source, &[], &no_variables)
        {
            prop_assert!(!faults.render(&source).is_empty());
        }
    }

    #[test]
    fn no_pieces_of_the_language_make_it_panic(pieces in prop::collection::vec(piece(), 0..60)) {
        let source = Source::new("p.yaml", pieces.concat());
        let variables = |name: &str| (name == "X").then(|| "1".to_owned());
        if let Err(faults) = told(&source, &[("a".to_owned(), pieces.concat())], &variables) {
            prop_assert!(!faults.render(&source).is_empty());
            prop_assert!(!faults.render_styled(&source).is_empty());
        }
    }

    #[test]
    fn no_letter_in_a_value_makes_it_panic(
        text in text(),
        quoted in any::<bool>(),
        crlf in any::<bool>(),
        place in prop::sample::select(PLACES.to_vec()),
    ) {
        let value = if quoted { format!("'{}'", text.replace('\'', "''")) } else { text };
        let mut text = format!("version: 1\nname: a\n{}", place.replace('@', &value));
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        let source = Source::new("p.yaml", text);
        if let Err(faults) = told(&source, &[("a".to_owned(), value.clone())], &no_variables) {
            prop_assert!(!faults.render(&source).is_empty());
        }
    }

    #[test]
    fn a_credential_at_any_place_is_a_fault_and_is_not_shown(
        at in 0..6000usize,
        before in prop::sample::select(vec![" ", "\"", "'", ": ", "=", "\n", "# ", ", ", "[", "{", "Bearer ", "\n  "]),
        after in prop::sample::select(vec!["", " ", "\"", "'", ": ", "\n", ",", "]", "}", ": {kind: seed}\n"]),
    ) {
        let mut text = include_str!("../../pipelines/marvel.yaml").to_owned();
        let at = text.floor_char_boundary(at);
        text.insert_str(at, &format!("{before}eyJhbGciOiJIUzI1NiJ9.S3cretS3cretS3cret{after}"));
        let source = Source::new("p.yaml", text);
        let faults = told(&source, &[], &no_variables).expect_err("a credential");
        prop_assert!(faults.iter().any(|fault| fault.code == "credential-in-file"));
        let shown = faults.render(&source) + &faults.render_styled(&source);
        prop_assert!(!shown.to_lowercase().contains("s3cret"), "{}", shown);
    }

    #[test]
    fn no_change_of_the_lines_of_a_pipeline_makes_it_panic(
        which in 0..3usize,
        edits in prop::collection::vec((0..4u8, 0..100usize, 0..100usize), 1..6),
        cut in prop::option::of(0..4000usize),
    ) {
        let mut text = [
            include_str!("../../pipelines/marvel.yaml"),
            include_str!("../../pipelines/costars.yaml"),
            include_str!("../../pipelines/marvel_similar.yaml"),
        ][which].to_owned();
        for (edit, a, b) in edits {
            let mut lines: Vec<&str> = text.lines().collect();
            let (a, b) = (a % lines.len(), b % lines.len());
            match edit {
                0 => { lines.remove(a); }
                1 => lines.insert(b, lines[a]),
                2 => lines.swap(a, b),
                _ => lines[a] = lines[a].trim_start(),
            }
            text = lines.join("\n");
            if text.is_empty() { break; }
        }
        if let Some(cut) = cut {
            text.truncate(text.floor_char_boundary(cut));
        }
        let source = Source::new("p.yaml", text);
        if let Err(faults) = told(&source, &[], &no_variables) {
            prop_assert!(!faults.render(&source).is_empty());
        }
    }

    #[test]
    fn no_cut_or_changed_byte_of_a_pipeline_makes_it_panic(at in 0..6000usize, with in ".{0,3}", cut in 0..40usize) {
        let mut text = include_str!("../../pipelines/marvel.yaml").to_owned();
        let start = text.floor_char_boundary(at);
        let end = text.floor_char_boundary(start + cut).max(start);
        text.replace_range(start..end, &with);
        let source = Source::new("p.yaml", text);
        if let Err(faults) = told(&source, &[], &no_variables) {
            prop_assert!(!faults.render(&source).is_empty());
        }
    }
}
