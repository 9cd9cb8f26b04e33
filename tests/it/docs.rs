//! The pages are true: what they show is valid and runs, what they name is there.

pub mod blocks;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tmdb_etl::plan::{self, Options};
use tmdb_etl::spec::{Severity, Source};

use blocks::{Block, blocks, whole};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The pages below the root by name, with their texts.
fn pages() -> Vec<(String, String)> {
    let mut pages = vec!["README.md".to_owned(), "CHANGELOG.md".to_owned()];
    for folder in ["docs", "docs/architecture"] {
        let files = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "md"));
        let name = |file: PathBuf| file.file_name().expect("a file").to_str().unwrap().to_owned();
        pages.extend(files.map(|file| format!("{folder}/{}", name(file))));
    }
    pages.sort();
    pages.into_iter().map(|page| (page.clone(), fs::read_to_string(root().join(page)).unwrap())).collect()
}

/// The blocks of all pages in one language, but for those that belong to another program.
fn blocks_in(language: &str) -> Vec<Block> {
    let all = pages().into_iter().flat_map(|(page, text)| blocks(&page, &text));
    all.filter(|block| block.language() == language && block.mark("of").is_none()).collect()
}

/// The codes of the errors of a pipeline, and how they are told.
fn errors(name: &str, text: &str) -> (Vec<&'static str>, String) {
    let source = Source::new(name, text);
    // What the language has is the same in every build.
    let options = Options { delta_tables: true, object_stores: true, ..Options::default() };
    let faults = match plan::read(&source, &[], &|_| None, &options) {
        Ok(compiled) => compiled.warnings,
        Err(faults) => faults,
    };
    let errors = faults.iter().filter(|fault| fault.severity == Severity::Error);
    (errors.map(|fault| fault.code).collect(), faults.render(&source))
}

#[test]
fn every_block_of_yaml_is_what_its_page_says_it_is() {
    let blocks = blocks_in("yaml");
    assert!(blocks.len() >= 25, "{}", blocks.len());
    for block in blocks {
        let text = whole(&block);
        let (codes, told) = errors(&block.place, &text);
        match block.mark("refused") {
            Some(code) => assert_eq!(codes, [code], "{}\n{told}", block.place),
            None if codes.is_empty() => {}
            None => panic!("{}\n{text}\n{told}", block.place),
        }
    }
}

#[test]
fn every_whole_pipeline_of_a_page_runs() {
    let mut ran = 0;
    for block in blocks_in("yaml") {
        if !block.text.starts_with("version:") || block.mark("refused").is_some() {
            continue;
        }
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("page.yaml"), &block.text).unwrap();
        let arguments = ["run", "page.yaml", "--mock", "--limit", "5", "--progress", "none"];
        let output = program(place.path()).args(arguments).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{}: {told}", block.place);
        let summary = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!summary.contains("what did not fit"), "{}\n{summary}", block.place);
        let tables = summary.lines().filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        assert!(tables.max() > Some(0), "{}: no rows\n{summary}", block.place);
        ran += 1;
    }
    assert!(ran >= 4, "{ran}");
}

fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tmdb-etl"));
    command.current_dir(folder).stdin(Stdio::null());
    for name in ["TMDB_TOKEN", "TMDB_API_KEY", "TMDB_BASE_URL"] {
        command.env_remove(name);
    }
    command
}

/// The arguments of our program in a line of a shell, if it calls it. A word in `'…'` is one, ` #` starts a comment.
fn arguments(line: &str) -> Option<Vec<String>> {
    let line = line.split(" #").next().unwrap_or_default().trim().trim_start_matches("$ ");
    let mut words: Vec<String> = Vec::new();
    for (turn, part) in line.split('\'').enumerate() {
        if turn % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    // Where a shell sends what is printed.
    words.retain(|word| !word.trim_start_matches('2').starts_with('>'));
    let is_setting = |word: &String| {
        let name = word.split('=').next().unwrap_or_default();
        word.contains('=') && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    let start = words.iter().position(|word| !is_setting(word))?;
    let words = words.split_off(start);
    match words.first()?.as_str() {
        "tmdb-etl" => Some(words[1..].to_vec()),
        "cargo" if words.get(1).is_some_and(|word| word == "run") => {
            let own = words.iter().position(|word| word == "--")?;
            Some(words[own + 1..].to_vec())
        }
        _ => None,
    }
}

#[test]
fn every_call_of_the_program_on_a_page_can_be_parsed() {
    let folder = tempfile::tempdir().unwrap();
    let mut parsed = 0;
    for block in blocks_in("sh") {
        for line in block.text.lines() {
            let Some(arguments) = arguments(line) else { continue };
            // clap reads from left to right: help is shown only if everything before it is known.
            let output = program(folder.path()).args(&arguments).arg("--help").output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{}: {line}\n{told}", block.place);
            parsed += 1;
        }
    }
    assert!(parsed >= 6, "{parsed}");
}

/// A page without its blocks.
fn prose(text: &str) -> String {
    let mut inside = false;
    let kept = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    kept.collect::<Vec<_>>().join("\n")
}

/// The anchors of a page's headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text);
    let headings = headings.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

/// How a heading is linked to: in small letters, with `-` for a space, without other signs.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    for (page, text) in pages() {
        let here = root().join(&page);
        for target in prose(&text).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("https://") || target.starts_with("http://") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { here.clone() } else { here.parent().expect("a page").join(file) };
            assert!(path.exists(), "{page}: there is no `{target}`");
            let known = |path: &Path| anchors(&fs::read_to_string(path).unwrap()).contains(heading);
            assert!(heading.is_empty() || known(&path), "{page}: there is no heading for `{target}`");
        }
    }
}

#[test]
fn table_of_contents_has_every_chapter() {
    let text = fs::read_to_string(root().join("docs/PIPELINES.md")).unwrap();
    for heading in prose(&text).lines().filter_map(|line| line.strip_prefix("## ")) {
        let link = format!("(#{})", anchor(heading));
        assert!(text.contains(&link), "`{heading}` is not in the table of contents");
    }
}

/// Adds every key with its default, however deep in the schema it stands.
fn properties(schema: &Value, keys: &mut BTreeSet<(String, Option<String>)>) {
    match schema {
        Value::Object(fields) => {
            for (name, field) in fields {
                if let ("properties", Value::Object(properties)) = (name.as_str(), field) {
                    for (key, property) in properties {
                        let default = property.get("default").map(|default| match default {
                            Value::String(text) => text.clone(),
                            other => other.to_string(),
                        });
                        keys.insert((key.clone(), default));
                    }
                }
                properties(field, keys);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| properties(element, keys)),
        _ => {}
    }
}

#[test]
fn every_key_of_the_language_has_a_line_in_the_reference_with_its_default() {
    let text = fs::read_to_string(root().join("docs/PIPELINES.md")).unwrap();
    let schema = fs::read(root().join("docs/pipeline.schema.json")).unwrap();
    let mut keys = BTreeSet::new();
    properties(&serde_json::from_slice(&schema).unwrap(), &mut keys);
    assert!(keys.len() > 50, "{}", keys.len());
    for (key, default) in keys {
        let start = format!("| `{key}` |");
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with(&start)).collect();
        assert!(!lines.is_empty(), "no line for `{key}`");
        let cell = match default.as_deref() {
            None => continue,
            Some("{}" | "[]") => "none".to_owned(),
            // As many pages as the API gives.
            Some("500") => "`all`".to_owned(),
            Some(default) => format!("`{default}`"),
        };
        let told = |line: &&str| line.split('|').nth(3).is_some_and(|default| default.contains(&cell));
        assert!(lines.iter().any(told), "no line for `{key}` has the default {cell}: {lines:#?}");
    }
}
