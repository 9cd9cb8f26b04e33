//! The fenced blocks of a page, and the pipeline that a fragment is part of.

use std::fmt::Write as _;

/// A fenced block.
pub struct Block {
    /// Page and line, for messages.
    pub place: String,
    /// What stands behind the fence: a language, and `key=value` after it.
    pub info: String,
    /// What is between the fences, without the indentation that all lines have.
    pub text: String,
}

impl Block {
    /// The language of the block.
    pub fn language(&self) -> &str {
        self.info.split(' ').next().unwrap_or_default()
    }

    /// What is said of it by `name=…`.
    pub fn mark(&self, name: &str) -> Option<&str> {
        self.info.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    /// The names that stand at the left edge, as YAML sees them.
    fn names(&self) -> Vec<&str> {
        names(&self.text, "")
    }
}

/// The names of entries that are indented by `indent`.
fn names<'t>(text: &'t str, indent: &str) -> Vec<&'t str> {
    let name = |line: &'t str| {
        let entry = line.strip_prefix(indent)?;
        let (name, _) = entry.split_once(':')?;
        (!name.starts_with([' ', '#', '-'])).then_some(name)
    };
    text.lines().filter_map(name).collect()
}

/// The blocks of a page, in order.
pub fn blocks(page: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(info), None) => {
                let (place, info) = (format!("{page}:{}", number + 1), info.to_owned());
                open = Some(Block { place, info, text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => writeln!(block.text, "{line}").expect("a text can be written to"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{page}: a block is not closed");
    for block in &mut blocks {
        block.text = dedented(&block.text);
    }
    blocks
}

fn dedented(text: &str) -> String {
    let filled = || text.lines().filter(|line| !line.trim().is_empty());
    let margin = filled().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    text.lines().map(|line| line.get(margin..).unwrap_or_default().to_owned() + "\n").collect()
}

fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| " ".repeat(by) + line + "\n").collect()
}

/// Keys of the top of a file: a fragment of nothing else is one of a pipeline.
const TOP: [&str; 7] = ["version", "name", "description", "params", "api", "max_failures", "stages"];

/// Stages that a fragment may name without having them.
const STAGES: [(&str, &str); 3] = [
    ("start", "{kind: seed, ids: [1726]}"),
    ("movies", "{kind: fetch, path: '/movie/{id}', append: [credits]}"),
    ("similar", "{kind: expand, path: '/movie/{id}/similar'}"),
];

/// The whole pipeline that a block is, or that it is a part of.
pub fn whole(block: &Block) -> String {
    let names = block.names();
    match block.mark("fragment") {
        _ if names.contains(&"version") => block.text.clone(),
        Some("columns") => project(&format!("columns:\n{}", indented(&block.text, 2))),
        Some("project") => project(&block.text),
        None if names.iter().all(|name| TOP.contains(name) || name.starts_with("x-")) => top(&block.text),
        None => top(&format!("stages:\n{}", indented(&block.text, 2))),
        Some(other) => panic!("{}: there is no `fragment={other}`", block.place),
    }
}

/// Keys of a table as a pipeline.
fn project(keys: &str) -> String {
    let mut stage = format!("kind: project\n{keys}");
    for (name, value) in [("columns", "{id: int64}"), ("output", "{path: table.parquet}")] {
        if !names(keys, "").contains(&name) {
            writeln!(stage, "{name}: {value}").expect("a text can be written to");
        }
    }
    top(&format!("stages:\n  table:\n{}", indented(&stage, 4)))
}

/// Keys of the top as a pipeline.
fn top(keys: &str) -> String {
    let mut text = String::new();
    let given = names(keys, "");
    for (name, value) in [("version", "1"), ("name", "skeleton"), ("params", "{min_votes: 200}")] {
        if !given.contains(&name) {
            writeln!(text, "{name}: {value}").expect("a text can be written to");
        }
    }
    let (before, stages) = keys.split_once("stages:\n").unwrap_or((keys, ""));
    let given = names(stages, "  ");
    let mut skeleton = String::new();
    for (name, stage) in STAGES {
        if !given.contains(&name) && (name != "similar" || stages.contains(name)) {
            writeln!(skeleton, "  {name}: {stage}").expect("a text can be written to");
        }
    }
    let last = "  last: {kind: project, from: movies, columns: {id: int64}, output: {path: last.parquet}}\n";
    format!("{text}{before}stages:\n{skeleton}{stages}{last}")
}
