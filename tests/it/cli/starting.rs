//! The first minutes: help, a starter pipeline, completions, and readers that go away.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use super::place::{Place, text};

/// Every command, as `--help` lists them.
fn commands(place: &Place) -> Vec<String> {
    let help = text(&place.run(&["--help"], &[]).stdout);
    let list = help.split_once("Commands:\n").expect("commands").1.split_once("\n\n").expect("options").0;
    let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.map(|line| line.split_whitespace().next().expect("a name").to_owned()).collect()
}

#[test]
fn help_says_what_there_is() {
    let place = Place::new();
    let width = [("COLUMNS", "100")];
    insta::assert_snapshot!("help", place.check(&["--help"], &width));
    insta::assert_snapshot!("help_short", place.check(&["-h"], &width));
    let commands = commands(&place);
    assert!(commands.len() >= 8, "{commands:?}");
    for command in commands.iter().filter(|command| *command != "help") {
        insta::assert_snapshot!(format!("help_{command}"), place.check(&[command, "--help"], &width));
        let short = text(&place.run(&[command, "-h"], &width).stdout);
        assert!(short.lines().count() <= 40, "{command} -h is longer than a screen:\n{short}");
    }
}

#[test]
fn without_arguments_it_says_how_to_start() {
    let place = Place::new();
    let shown = place.check(&[], &[("COLUMNS", "100")]);
    assert!(shown.starts_with("exit 2\n--- stdout\n--- stderr\n"), "{shown}");
    assert!(shown.contains("First steps:") && shown.contains("tmdb-etl init"), "{shown}");
    let version = place.check(&["--version"], &[]);
    assert_eq!(version, format!("exit 0\n--- stdout\ntmdb-etl {}\n--- stderr\n", env!("CARGO_PKG_VERSION")));
    insta::assert_snapshot!("mistyped_command", place.check(&["shwo", "small.yaml"], &[]));
}

#[test]
fn every_starter_validates_runs_and_leaves_tables() {
    for template in ["films", "people", "series", "discover"] {
        let place = Place::new();
        let wrote = place.check(&["init", "my-first", "--template", template], &[]);
        assert!(wrote.starts_with("exit 0\n--- stdout\n--- stderr\nwrote my-first.yaml, "), "{wrote}");
        let valid = place.check(&["validate", "my-first.yaml"], &[]);
        assert!(
            valid.starts_with("exit 0\n--- stdout\nmy-first.yaml: ok") && valid.ends_with("--- stderr\n"),
            "{valid}"
        );
        // What it says to type next, and what its first lines say.
        let file = std::fs::read_to_string(place.path().join("my-first.yaml")).unwrap();
        let said = wrote.lines().chain(file.lines().filter_map(|line| line.strip_prefix("#")));
        let mut checked = 0;
        for line in said.filter_map(|line| line.trim_start().strip_prefix("tmdb-etl ")) {
            let line = line.split("  ").next().unwrap();
            let mut words: Vec<&str> = line.split(' ').collect();
            if words[0] == "run" && !words.contains(&"--mock") {
                words.push("--mock");
            }
            let output = place.run(&words, &[]);
            assert!(output.status.success(), "{words:?}\n{}", place.shown(&output));
            assert!(!output.stdout.is_empty(), "{words:?}");
            checked += 1;
        }
        assert_eq!(checked, 8, "{wrote}\n{file}");
        let run =
            place.check(&["run", "my-first.yaml", "--mock", "--output", "json", "--progress", "none"], &[]);
        let object = run.split_once("--- stdout\n").unwrap().1.split_once("--- stderr").unwrap().0;
        let object: serde_json::Value = serde_json::from_str(object).unwrap();
        let tables = object["tables"].as_array().unwrap();
        assert!(
            tables.len() >= 2
                && tables.iter().all(|table| table["rows"].as_u64() > Some(10) || template == "series"),
            "{object}"
        );
        assert_eq!((&object["missing"], &object["failed"]), (&0.into(), &0.into()), "{template}");
    }
}

#[test]
fn examples_of_show_work_on_the_starter() {
    let place = Place::new();
    place.run(&["init"], &[]);
    let help = text(&place.run(&["show", "--help"], &[("COLUMNS", "100")]).stdout);
    let mut checked = 0;
    for line in help.lines().filter_map(|line| line.strip_prefix("  tmdb-etl ")) {
        let (plain, quoted) = match line.split_once(" '") {
            Some((plain, quoted)) => (plain, Some(quoted.trim_end_matches('\''))),
            None => (line.split_once(" |").map_or(line, |(command, _)| command), None),
        };
        let mut words: Vec<&str> = plain.split(' ').chain(quoted).collect();
        if !words.contains(&"--mock") {
            words.push("--mock");
        }
        let output = place.run(&words, &[]);
        assert!(output.status.success(), "{words:?}\n{}", place.shown(&output));
        // Nothing fails in the embedded API unless it is asked to.
        assert_eq!(output.stdout.is_empty(), line.contains(".failed"), "{words:?}");
        checked += 1;
    }
    assert!(checked >= 6, "{help}");
}

#[test]
fn init_overwrites_nothing_unasked() {
    let place = Place::new();
    place.write("films.yaml", "mine");
    let mut shown = String::new();
    for arguments in [
        &["init"][..],
        &["init", "My Films"],
        &["init", "pipelines/films.yaml"],
        &["init", "other", "-o", "no/such/folder.yaml"],
        &["init", "other", "-o", "."],
        &["init", "other", "--template", "film"],
        &["init", "other", "--file", "other file.yaml"],
        &["init", "--force"],
    ] {
        writeln!(shown, "$ {}\n{}", arguments.join(" "), place.check(arguments, &[])).unwrap();
        if arguments != ["init", "--force"] {
            assert_eq!(std::fs::read_to_string(place.path().join("films.yaml")).unwrap(), "mine");
        }
    }
    insta::assert_snapshot!(shown);
    let printed = text(&place.run(&["init", "--file", "-"], &[]).stdout);
    let written = std::fs::read_to_string(place.path().join("films.yaml")).unwrap();
    // On stdout there is no file beside it that a first line could name.
    let (first, written) = written.split_once('\n').unwrap();
    assert_eq!(first, "# yaml-language-server: $schema=tmdb-etl.schema.json");
    assert_eq!(printed, written);
}

#[test]
fn completions_of_bash_complete() {
    let place = Place::new();
    let script = text(&place.run(&["completions", "bash"], &[]).stdout);
    place.write("completions.sh", &script);
    let check = |line: &str, expect: &[&str], not: &[&str]| {
        let program = format!(
            "source completions.sh; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); \
             _tmdb_etl tmdb-etl \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\" 2>/dev/null; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let mut bash = Command::new("bash");
        let output =
            bash.args(["--norc", "-c", &program]).current_dir(place.path()).stdin(Stdio::null()).output();
        let Ok(output) = output else {
            println!("there is no bash here; skipped");
            return;
        };
        let offered = text(&output.stdout);
        for word in expect {
            assert!(
                offered.lines().any(|line| line == *word),
                "{line}: no {word}\n{offered}{}",
                text(&output.stderr)
            );
        }
        for word in not {
            assert!(!offered.lines().any(|line| line == *word), "{line}: {word}\n{offered}");
        }
    };
    std::fs::create_dir(place.path().join("pipelines")).unwrap();
    place.write("notes.txt", "");
    place.write("odd.yml", "");
    check("tmdb-etl ''", &["run", "show", "init", "completions"], &["small.yaml"]);
    check("tmdb-etl ru", &["run"], &["show"]);
    for command in ["run", "show", "plan", "validate small.yaml"] {
        let line = format!("tmdb-etl {command} ''");
        check(&line, &["small.yaml", "odd.yml", "pipelines"], &["notes.txt", "completions.sh", "--help"]);
    }
    check("tmdb-etl run sm", &["small.yaml"], &["odd.yml"]);
    check("tmdb-etl run --", &["--mock", "--set", "--color"], &["small.yaml"]);
    check("tmdb-etl show small.yaml --", &["--jq", "--meta"], &[]);
    check("tmdb-etl run small.yaml --progress ''", &["auto", "none"], &["small.yaml"]);
    check("tmdb-etl completions ''", &["zsh", "fish"], &["small.yaml"]);
}

#[test]
fn nobody_who_goes_away_is_a_panic() {
    let place = Place::new();
    let gone = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    for arguments in [
        &["--help"][..],
        &["show", "--help"],
        &["--version"],
        &["completions", "zsh"],
        &["init", "--file", "-"],
        &["validate", "small.yaml"],
        &["plan", "small.yaml"],
        &["run", "small.yaml", "--mock"],
        &["show", "small.yaml", "movies", "--mock"],
        &[],
        &["run", "nothing.yaml"],
        &["init", "No Name"],
        &["show", "small.yaml"],
    ] {
        let expect = place.run(arguments, &[]).status.code();
        let output = place.command(arguments, &[]).stdout(gone()).output().unwrap();
        assert_eq!(output.status.code(), expect, "{arguments:?} without stdout: {}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("panicked"), "{arguments:?}: {}", text(&output.stderr));
        let output = place.command(arguments, &[]).stdout(gone()).stderr(gone()).output().unwrap();
        assert_eq!(output.status.code(), expect, "{arguments:?} without stdout and stderr");
    }
}

#[test]
fn colours_are_asked_for_or_not() {
    let place = Place::new();
    let coloured = |arguments: &[&str], env: &[(&str, &str)]| {
        let output = place.run(arguments, env);
        (text(&output.stdout) + &text(&output.stderr)).contains('\x1b')
    };
    assert!(!coloured(&["validate", "nothing.yaml"], &[]), "no terminal");
    assert!(coloured(&["validate", "nothing.yaml", "--color", "always"], &[]));
    assert!(
        coloured(&["--color=always", "validate", "nothing.yaml"], &[("NO_COLOR", "1")]),
        "asked for is asked for"
    );
    assert!(!coloured(&["validate", "nothing.yaml", "--color", "never"], &[]));
    assert!(coloured(&["--color", "always", "--help"], &[]));
    assert!(coloured(&["run", "--colour", "--color", "always"], &[]), "usage");
    assert!(!coloured(&["--color", "always", "completions", "bash"], &[]), "data has none");
    assert!(
        !coloured(&["--color", "always", "show", "small.yaml", "movies", "--mock"], &[]),
        "data has none"
    );
}
