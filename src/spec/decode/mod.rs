//! The located tree to a [`Spec`], by hand: every key is judged, every fault is collected, and what is
//! wrong in one place does not hide what is wrong in another.
//!
//! Belongs here: the language of DESIGN §2, one file for each part of it. Does not belong here: YAML
//! (`yaml`), and what needs the graph (`crate::plan`).

mod api;
mod base_url;
mod column_type;
mod doubts;
mod expect;
mod fields;
mod grammar;
mod json;
mod order;
mod output;
mod param;
mod params;
mod request;
mod seed;
mod seed_export;
mod seed_file;
mod seed_refresh;
mod settings;
mod sketch;
mod stage;
mod table;
mod upsert;

use std::collections::HashMap;
use std::path::Path;

use super::credential;
use super::fault::{Faults, clip};
use super::language::{self, NAME_BYTES_MAX, STAGES_MAX};
use super::model::{Kind, Span, Spec, Stage};
use super::nearest::nearest;
use super::scalar::Core;
use super::sketch::Sketch;
use super::source::{SOURCE_BYTES_MAX, Source};
use super::tree::{Entry, Node, NodeValue};
use super::yaml;
pub use base_url::{BaseUrlError, parse_base_url};
pub use doubts::ABOUT_THE_ADDRESS;
use fields::{Fields, Keys};
pub(in crate::spec) use grammar::{duration_text, is_identifier};
pub(crate) use grammar::{is_pipeline_name, size_text};
use param::Params;
use stage::Names;

static PIPELINE: Keys = Keys {
    elsewhere: &[
        ("keep", "it belongs into `api`"),
        ("rate", "it belongs into `api`, or to a stage"),
        ("language", "it belongs into `api`"),
        ("base_url", "it belongs into `api`"),
        ("concurrency", "it belongs to a stage"),
    ],
    ..Keys::of(&language::PIPELINE)
};

/// What came out of a pipeline file without errors.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The pipeline.
    pub spec: Spec,
    /// What is hardly meant; may be empty.
    pub warnings: Faults,
}

/// What came out of a pipeline file with errors.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{faults}")]
pub struct Rejected {
    /// What is wrong, warnings too.
    pub faults: Faults,
    /// What can be known of the pipeline nevertheless; nothing where YAML itself is broken.
    pub sketch: Option<Box<Sketch>>,
}

impl From<Faults> for Rejected {
    fn from(faults: Faults) -> Self {
        Self { faults, sketch: None }
    }
}

/// Reads a pipeline file. `overrides` are the names and values of `--set`; `variables` is the environment
/// for `${env:…}`.
///
/// # Errors
/// Everything that is wrong with the file, as far as it can be seen without the graph.
pub fn parse(
    source: &Source,
    overrides: &[(String, String)],
    variables: &dyn Fn(&str) -> Option<String>,
) -> Result<Parsed, Rejected> {
    let mut faults = Faults::default();
    if source.text.len() > SOURCE_BYTES_MAX {
        faults
            .error_without_place("too-large", format!("the file is larger than {SOURCE_BYTES_MAX} bytes"))
            .help("long lists of ids belong in a file of their own");
        return Err(faults.into());
    }
    credentials(source, &mut faults);
    let Some(root) = yaml::parse(source, variables, &mut faults) else {
        assert!(faults.has_errors(), "a file without a tree has an error");
        return Err(faults.into());
    };
    match pipeline(&root, overrides, &mut faults) {
        Some(spec) if !faults.has_errors() => Ok(Parsed { spec, warnings: faults }),
        _ => {
            assert!(faults.has_errors(), "a pipeline that is not read has an error");
            let sketch = sketch::decode(&root, &faults).map(Box::new);
            Err(Rejected { faults, sketch })
        }
    }
}

/// Searches the raw text, since a credential must not stand in a comment either.
fn credentials(source: &Source, faults: &mut Faults) {
    for place in credential::find(&source.text) {
        if faults.is_full() {
            break;
        }
        faults
            .secret(
                "credential-in-file",
                Span { start: place.start, end: place.end },
                "this looks like a credential",
            )
            .help(credential::HINT);
    }
}

fn pipeline(root: &Node, overrides: &[(String, String)], faults: &mut Faults) -> Option<Spec> {
    let NodeValue::Map(entries) = &root.value else {
        faults
            .error("not-a-mapping", root.span, "a pipeline is a mapping")
            .label(format!("this is {root}"))
            .help("start with `version: 1`");
        return None;
    };
    let at = entries.first().map_or(root.span, |entry| entry.key_span);
    if is_of_another_kind(entries, faults) {
        return None;
    }
    let fields = Fields::open("the pipeline", root, at, &PIPELINE, faults)?;
    if let Some(entry) = fields.require("version", faults) {
        version(entry, faults);
    }
    let name = fields.require("name", faults).and_then(|entry| name(entry, faults));
    let description =
        fields.get("description").and_then(|entry| expect::text("description", &entry.value, faults));
    let mut params = params::decode(fields.get("params"), faults);
    params::override_with(&mut params, overrides, faults);
    let api = api::decode(fields.get("api"), faults);
    let max_failures = api::max_failures(fields.get("max_failures"), faults);
    let memory = api::memory(fields.get("memory"), faults);
    let stages = fields.require("stages", faults).and_then(|entry| stages(entry, Params(&params), faults));
    if !faults.has_errors() {
        doubts::look(entries, &api, faults);
    }
    Some(Spec {
        name: name?,
        description: description.map(|text| text.value),
        params,
        api,
        max_failures,
        memory,
        stages: stages?,
    })
}

/// Files that have been given in place of a pipeline, by a key of theirs.
const OTHER_FILES: [(&str, &str); 8] = [
    ("services", "a file of Docker Compose"),
    ("jobs", "a workflow of a CI system"),
    ("apiVersion", "a manifest of Kubernetes"),
    ("openapi", "a description of an API"),
    ("streams", "the manifest of a connector"),
    ("models", "a project of another tool"),
    ("dependencies", "a list of packages"),
    ("columns", "a part of a pipeline"),
];

/// Tells once that this is no pipeline, instead of every key that a pipeline does not have.
fn is_of_another_kind(entries: &[Entry], faults: &mut Faults) -> bool {
    let names = || language::PIPELINE.names().chain(PIPELINE.elsewhere.iter().map(|&(name, _)| name));
    let is_ours = |entry: &Entry| match entry.key.as_str() {
        "version" | "name" | "description" => false,
        key => PIPELINE.has(key) || nearest(key, names()).is_some(),
    };
    if entries.iter().take(language::STAGES_MAX).any(is_ours) {
        return false;
    }
    let Some(stranger) = entries.iter().find(|entry| !PIPELINE.has(&entry.key)) else { return false };
    let known = entries.iter().find_map(|entry| {
        OTHER_FILES.iter().find(|(key, _)| *key == entry.key).map(|(_, what)| (entry.key_span, *what))
    });
    let (span, title) = match known {
        Some((span, what)) => (span, format!("this is no pipeline, but {what}")),
        None => (stranger.key_span, "this is no pipeline: it has no `stages`".to_owned()),
    };
    faults
        .error("not-a-pipeline", span, title)
        .label("a pipeline has no such key")
        .help("a pipeline has `version: 1`, `name` and `stages`");
    true
}

fn version(entry: &Entry, faults: &mut Faults) {
    let Some(scalar) = expect::scalar("version", &entry.value, "the number 1", faults) else { return };
    match scalar.core {
        Core::Int(1) => {}
        Core::Int(_) | Core::Float(_) => {
            faults
                .error(
                    "unsupported-version",
                    entry.value.span,
                    "this program reads version 1 of the language",
                )
                .help("write `version: 1`, or use a newer program");
        }
        _ => {
            expect::wrong("version", &entry.value, "the number 1", faults).help("write `version: 1`");
        }
    }
}

/// Reads a duration such as `8h` or `30d`, as a file has it.
pub(crate) fn parse_duration(text: &str) -> Option<std::time::Duration> {
    grammar::duration(text).ok()
}

fn name(entry: &Entry, faults: &mut Faults) -> Option<String> {
    let text = expect::text("name", &entry.value, faults)?;
    if grammar::is_pipeline_name(&text.value) {
        return Some(text.value);
    }
    let fault =
        faults.error("bad-name", text.span, format!("`{}` cannot name a pipeline", clip(&text.value)));
    match grammar::as_name(&text.value) {
        Some(name) if text.value.len() <= NAME_BYTES_MAX => fault.help(format!("as in `{name}`")),
        _ => fault.help("small letters, digits, `_` and `-`, at most 64: it names a folder and a lock"),
    };
    None
}

fn stages(entry: &Entry, params: Params<'_>, faults: &mut Faults) -> Option<Vec<Stage>> {
    let NodeValue::Map(entries) = &entry.value.value else {
        if !expect::is_broken(&entry.value) {
            expect::wrong("stages", &entry.value, "a mapping of names to stages", faults)
                .help("the name of a stage is its key, as in `films: {kind: project, …}`");
        }
        return None;
    };
    if entries.is_empty() {
        faults
            .error("missing-key", entry.key_span, "a pipeline needs at least one stage")
            .help("as in `start: {kind: seed, ids: [1726]}`");
    }
    if let Some(beyond) = entries.get(STAGES_MAX) {
        faults
            .error("too-many", beyond.key_span, format!("a pipeline has at most {STAGES_MAX} stages"))
            .help("make several pipelines of it");
        return None;
    }
    let names = Names(entries.iter().map(|entry| entry.key.as_str()).collect());
    let stages: Vec<Option<Stage>> =
        entries.iter().map(|entry| stage::decode(entry, &names, params, faults)).collect();
    let stages: Vec<Stage> = stages.into_iter().flatten().collect();
    one_table_a_file(&stages, faults);
    settings::whole_shares(&stages, faults);
    Some(stages)
}

/// Two tables in one file would overwrite each other.
fn one_table_a_file(stages: &[Stage], faults: &mut Faults) {
    let mut files: HashMap<&Path, Span> = HashMap::new();
    for stage in stages {
        let Kind::Project(project) = &stage.kind else { continue };
        let path = &project.output.path;
        let file = path.value.strip_prefix("./").unwrap_or(&path.value);
        if let Some(&first) = files.get(file) {
            faults
                .error("duplicate-output", path.span, "two tables go into this file")
                .label("the second")
                .also(first, "the first")
                .help("give each table a file of its own");
        } else {
            files.insert(file, path.span);
        }
    }
    for stage in stages {
        let Kind::Project(project) = &stage.kind else { continue };
        let path = &project.output.path;
        let file = path.value.strip_prefix("./").unwrap_or(&path.value);
        // What is inside a table is swapped with it.
        if let Some(&around) = file.ancestors().skip(1).find_map(|above| files.get(above)) {
            faults
                .error("nested-output", path.span, "this is inside another table")
                .also(around, "the other table")
                .help("give each table a place beside the others");
        }
    }
}
