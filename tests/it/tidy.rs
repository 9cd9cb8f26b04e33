//! Taste as tests: what a reader of the source may rely on, checked over every file of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Module order is law: a module uses only those that stand above it. `docs/ARCHITECTURE.md` says what belongs in each.
const LAW: [&str; 13] = [
    "spec", "plan", "event", "engine", "store", "tmdb", "project", "sink", "run", "report", "mock", "bench",
    "cli",
];

/// Lines of a file before a second idea is looked for.
const LINES_MAX: usize = 400;

/// Longer files, each with its one idea.
const LONG: [(&str, &str); 1] = [("src/project/tests.rs", "cases as data, one list for each rule")];

/// A file of this repository: its path with `/` from the root, and its text.
struct File {
    path: String,
    text: String,
}

impl File {
    /// The top module, if the file belongs to one.
    fn module(&self) -> Option<&str> {
        let inner = self.path.strip_prefix("src/")?;
        let top = inner.split('/').next()?;
        let top = top.strip_suffix(".rs").unwrap_or(top);
        (!matches!(top, "lib" | "main")).then_some(top)
    }

    /// Whether only tests compile it.
    fn is_test(&self) -> bool {
        self.path.split('/').any(|part| matches!(part.trim_end_matches(".rs"), "tests" | "it"))
            || self.path.split('/').any(|part| part.trim_end_matches(".rs").ends_with("_tests"))
    }

    /// The lines that the program consists of, with their numbers: no comments, and nothing from `mod tests` on, which
    /// stands last in a file.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self.text.find("#[cfg(test)]\nmod tests {").unwrap_or(self.text.len());
        self.text[..tests]
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` with one of these extensions, sorted.
fn files(folder: &str, extensions: &[&str]) -> Vec<File> {
    let mut open = vec![root().join(folder)];
    let mut found: Vec<PathBuf> = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let path = entry.unwrap().path();
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            if path.is_dir() {
                // What fuzzing leaves is nobody's source.
                if !["target", "corpus", "artifacts"].iter().any(|built| path.ends_with(built)) {
                    open.push(path);
                }
            } else if extensions.contains(&extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    let file = |path: PathBuf| File {
        // One test file is not UTF-8, on purpose.
        text: String::from_utf8_lossy(
            &std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        )
        .into_owned(),
        path: path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/"),
    };
    found.into_iter().map(file).collect()
}

fn source() -> Vec<File> {
    files("src", &["rs"])
}

/// Fails with all faults at once.
#[track_caller]
fn check(what: &str, faults: Vec<String>) {
    assert!(faults.is_empty(), "{what}:\n  {}", faults.join("\n  "));
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent = source().into_iter().filter(|file| !file.text.starts_with("//! ")).map(|file| file.path);
    check("open these with `//!`: what for, what does not belong, which invariant", silent.collect());
}

#[test]
fn no_file_is_longer_than_its_idea() {
    let lines = |file: &File| file.text.lines().count();
    let (long, usual): (Vec<_>, Vec<_>) = source().into_iter().partition(|file| lines(file) > LINES_MAX);
    let known = |file: &&File| LONG.iter().any(|(path, _)| *path == file.path);
    let unknown =
        long.iter().filter(|file| !known(file)).map(|file| format!("{}: {} lines", file.path, lines(file)));
    check("split these by idea, or give a reason in `LONG`", unknown.collect());
    let short = usual.iter().filter(known).map(|file| file.path.clone());
    check("these are short enough now; take them from `LONG`", short.collect());
}

/// The modules that `line` names by `crate::`.
fn named(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::").map(|(at, word)| {
        let rest = &line[at + word.len()..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn a_module_uses_only_those_above_it() {
    let place = |module: &str| LAW.iter().position(|other| *other == module);
    let mut faults = Vec::new();
    for file in source().into_iter().filter(|file| !file.is_test()) {
        let Some(module) = file.module() else { continue };
        let Some(own) = place(module) else {
            faults.push(format!("{}: `{module}` has no place in the order", file.path));
            continue;
        };
        for (number, line) in file.code() {
            for other in named(line) {
                // A group of modules in braces would not be seen.
                if other.is_empty() {
                    faults.push(format!("{}:{number}: name each module in a `use` of its own", file.path));
                } else if place(other).is_some_and(|other| other > own) {
                    faults.push(format!("{}:{number}: `{module}` stands above `{other}`", file.path));
                }
            }
        }
    }
    check("module order is law", faults);
}

/// What only `run` may know together.
#[test]
fn only_run_and_cli_know_api_projection_and_sink_together() {
    let mut faults = Vec::new();
    let modules: BTreeSet<_> = source().iter().filter_map(|file| file.module().map(str::to_owned)).collect();
    for module in modules.iter().filter(|module| !matches!(module.as_str(), "run" | "cli")) {
        let files: Vec<_> = source();
        let own = files.iter().filter(|file| file.module() == Some(module) && !file.is_test());
        let uses: BTreeSet<_> = own
            .flat_map(File::code)
            .flat_map(|(_, line)| named(line))
            .filter(|other| matches!(*other, "tmdb" | "project" | "sink") && other != module)
            .collect();
        if !uses.is_empty() {
            faults.push(format!("`{module}` uses {uses:?}"));
        }
    }
    check("only `run` puts these together", faults);
}

#[test]
fn the_mock_knows_nothing_that_it_judges() {
    let mut faults = Vec::new();
    for file in source().into_iter().filter(|file| file.module() == Some("mock") && !file.is_test()) {
        for (number, line) in file.code() {
            for other in named(line).filter(|other| LAW.contains(other) && *other != "mock") {
                faults.push(format!("{}:{number}: uses `{other}`", file.path));
            }
        }
    }
    check("the embedded API judges the rest from outside", faults);
}

#[test]
fn nothing_is_left_for_later_in_the_code() {
    // Put together here, so that this file does not name them.
    let macros = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!("));
    let mut faults = Vec::new();
    for file in ["src", "tests", "benches"].iter().flat_map(|folder| files(folder, &["rs"])) {
        for (index, line) in file.text.lines().enumerate() {
            for name in macros.iter().filter(|name| line.contains(name.as_str())) {
                faults.push(format!("{}:{}: {name}…)", file.path, index + 1));
            }
        }
    }
    check("finish these", faults);
}

#[test]
fn no_snapshot_waits_for_a_decision() {
    let pending = ["src", "tests"].iter().flat_map(|folder| files(folder, &["new", "pending-snap"]));
    check("accept or reject these", pending.map(|file| file.path).collect());
}

/// Text of this repository that people read: a path on somebody's machine or the host of a package registry is of no
/// use to anybody else.
#[test]
fn nothing_names_a_machine_or_a_registry() {
    // Put together here, so that this file does not name them.
    let machine = ["home/", "Users/", "root/"].map(|folder| format!("/{folder}"));
    let registry = [["crates", "io"], ["npmjs", "org"], ["pypi", "org"]].map(|parts| parts.join("."));
    let extensions = ["rs", "md", "toml", "yaml", "yml", "snap", "tsv"];
    let mut texts: Vec<File> = ["src", "tests", "benches", "docs", "pipelines", ".ci"]
        .iter()
        .flat_map(|folder| files(folder, &extensions))
        .collect();
    let single = [
        "README.md",
        "CHANGELOG.md",
        "Cargo.toml",
        "clippy.toml",
        "deny.toml",
        "justfile",
        ".ci/run",
        ".gitignore",
    ];
    texts.extend(single.map(|path| File {
        text: std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}")),
        path: path.to_owned(),
    }));
    let mut faults = Vec::new();
    for file in &texts {
        for (index, line) in file.text.lines().enumerate() {
            let starts_there = |folder: &String| {
                line.match_indices(folder.as_str()).any(|(at, _)| {
                    !line[..at]
                        .ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '}'))
                })
            };
            if machine.iter().any(starts_there) || registry.iter().any(|host| line.contains(host.as_str())) {
                faults.push(format!("{}:{}: {}", file.path, index + 1, line.trim()));
            }
        }
    }
    check("these name a machine's folder or a registry's host", faults);
}

#[test]
fn attribution_stands_where_tmdb_asks_for_it() {
    let sentence = "This product uses the TMDB API but is not endorsed or certified by TMDB.";
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains(sentence), "README.md must say: {sentence}");
}
