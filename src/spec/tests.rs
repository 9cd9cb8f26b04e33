//! The whole way from bytes to a [`Spec`]: the pipelines of the repository, bad files with their faults
//! as they are shown, and what is said of both.

use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use super::*;
use crate::plan::{self, Compiled};

pub(super) fn no_variables(_: &str) -> Option<String> {
    None
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The YAML files of a folder of the repository, sorted.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join(folder))
        .expect("the folder is part of the repository")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

fn parse(source: &Source, set: &[(String, String)], variables: Variables<'_>) -> Result<Parsed, Faults> {
    super::parse(source, set, variables).map_err(|rejected| rejected.faults)
}

/// What a user is told of the file: what the graph shows is in it.
pub(super) fn told(
    source: &Source,
    set: &[(String, String)],
    variables: Variables<'_>,
) -> Result<Compiled, Faults> {
    // What the language has is the same in every build.
    let options = plan::Options { delta_tables: true, ..plan::Options::default() };
    plan::read(source, set, variables, &options)
}

fn parse_text(text: &str) -> Result<Parsed, Faults> {
    parse(&Source::new("p.yaml", text), &[], &no_variables)
}

#[test]
fn every_pipeline_of_the_repository_is_valid() {
    let files = files("pipelines");
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let source = read(&file).expect("readable");
        match told(&source, &[], &no_variables) {
            Ok(compiled) => assert!(compiled.warnings.is_empty(), "{}", compiled.warnings.render(&source)),
            Err(faults) => panic!("{}", faults.render(&source)),
        }
    }
}

#[test]
fn bad_files_are_told_as_in_their_snapshots() {
    check_files("tests/data/bad", 60, |name, result| match result {
        Ok(_) => panic!("{name} has no error"),
        Err(faults) => faults,
    });
}

#[test]
fn doubtful_files_are_told_as_in_their_snapshots() {
    check_files("tests/data/doubtful", 4, |name, result| match result {
        Ok(compiled) => compiled.warnings,
        Err(faults) => panic!("{name} has errors: {faults}"),
    });
}

/// Compares what is told of each file of `folder` with its snapshot.
fn check_files(folder: &str, least: usize, told_of: impl Fn(&str, Result<Compiled, Faults>) -> Faults) {
    let files = files(folder);
    assert!(files.len() >= least, "{}", files.len());
    let mut without_help = Vec::new();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join(folder));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for file in files {
            let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
            let bytes = fs::read(&file).expect("readable");
            let source = Source::from_bytes(format!("{name}.yaml"), bytes);
            let text = match source {
                Ok(source) => {
                    let faults = told_of(&name, told(&source, &[], &no_variables));
                    let dead_ends = faults.iter().filter(|fault| fault.help.is_none());
                    without_help.extend(dead_ends.map(|fault| format!("{name}: {}", fault.title)));
                    faults.render(&source)
                }
                Err(faults) => faults.render(&Source::new(format!("{name}.yaml"), "")),
            };
            insta::assert_snapshot!(name.clone(), text);
        }
    });
    assert!(without_help.is_empty(), "these do not say what to do:\n{}", without_help.join("\n"));
}

#[test]
fn everything_that_marvel_says_is_in_the_spec() {
    let source = read(&root().join("pipelines/marvel.yaml")).expect("readable");
    let overrides = [("min_votes".to_owned(), "500".to_owned())];
    let spec = parse(&source, &overrides, &no_variables).expect("valid").spec;
    assert_eq!(spec.params["min_votes"], 500);
    let names: Vec<&str> = spec.stages.iter().map(|stage| stage.id.value.as_str()).collect();
    assert_eq!(names, ["marvel", "movies", "similar", "films", "cast", "links"]);
    let Kind::Seed(Seed { source: SeedSource::Items(items), .. }) = &spec.stages[0].kind else {
        panic!("a seed with ids")
    };
    assert_eq!((items.len(), &items[0]["id"]), (28, &1726.into()));
    assert_eq!((spec.name.as_str(), spec.max_failures), ("marvel", MaxFailures::Percent(1.0)));
    assert_eq!((spec.api.timeout.as_secs(), spec.api.retry.max_elapsed.as_secs()), (10, 120));
    let Kind::Fetch(movies) = &spec.stages[1].kind else { panic!("a fetch") };
    let append: Vec<&str> = movies.append.iter().map(|name| name.value.as_str()).collect();
    assert_eq!(
        (movies.path.value.to_string().as_str(), &append[..]),
        ("/movie/{id}", &["credits", "keywords"][..])
    );
    assert_eq!(movies.requests.concurrency, NonZeroU32::new(16).map(Concurrency::Number));
    assert_eq!(movies.requests.buffer.map(NonZeroU32::get), Some(64));
    let Kind::Expand(similar) = &spec.stages[2].kind else { panic!("an expand") };
    let text =
        |expression: &Option<Located<String>>| expression.as_ref().map(|located| located.value.clone());
    assert_eq!(text(&similar.when).as_deref(), Some(".vote_count > $params.min_votes"));
    assert_eq!(text(&similar.items).as_deref(), Some(".results[]"));
    assert_eq!(text(&similar.where_).as_deref(), Some(".original_language == \"en\""));
    assert_eq!(similar.into.as_ref().map(|into| into.value.as_str()), Some("movies"));
    assert_eq!((similar.take, similar.max_depth, similar.max_items), (Some(3), Some(2), Some(2000)));
    let Kind::Project(films) = &spec.stages[3].kind else { panic!("a table") };
    let columns: Vec<String> = films
        .columns
        .iter()
        .map(|column| {
            let value = column.value.as_ref().map_or("-", |value| value.value.as_str());
            format!("{}: {} = {value}", column.name.value, column.column_type.value)
        })
        .collect();
    assert_eq!(
        columns,
        [
            "id: int64 = -",
            "title: string = -",
            "release_date: date = -",
            "runtime: int32 = -",
            "revenue: int64 = -",
            "collection: string = .belongs_to_collection.name",
            "genres: list<string> = [.genres[].name]",
            "depth: int32 = $meta.depth",
        ]
    );
    assert_eq!(films.output.path.value, Path::new("out/marvel/films.parquet"));
    let Kind::Project(cast) = &spec.stages[4].kind else { panic!("a table") };
    assert_eq!(text(&cast.rows).as_deref(), Some(".credits.cast[]"));
    assert!(cast.columns[0].required && !cast.columns[2].required);
    let from: Vec<String> = spec.stages[5].from.iter().map(|port| port.value.to_string()).collect();
    assert_eq!(from, ["similar.found"]);
}

#[test]
fn places_are_where_things_stand() {
    let source = read(&root().join("pipelines/marvel.yaml")).expect("readable");
    let spec = parse(&source, &[], &no_variables).expect("valid").spec;
    let at = |span: Span| &source.text[span.start..span.end];
    assert_eq!(at(spec.api.base_url.span), "https://api.themoviedb.org/3");
    assert_eq!(at(spec.stages[1].id.span), "movies");
    assert_eq!(at(spec.stages[5].from[0].span), "similar.found");
    let Kind::Expand(similar) = &spec.stages[2].kind else { panic!("an expand") };
    assert_eq!(similar.when.as_ref().map(|when| at(when.span)), Some("'.vote_count > $params.min_votes'"));
    assert_eq!(similar.path.as_ref().map(|path| at(path.span)), Some("/movie/{id}/similar"));
}

#[test]
fn line_ends_of_windows_and_a_byte_order_mark_are_read() {
    let text = include_str!("../../pipelines/marvel.yaml").replace('\n', "\r\n");
    let parsed = parse_text(&format!("\u{feff}{text}")).expect("valid");
    assert_eq!(parsed.spec.stages.len(), 6);
    let faults = parse_text(&text.replace("int32", "int23")).expect_err("no type");
    let shown = faults.render(&Source::new("p.yaml", text.replace("int32", "int23")));
    assert!(shown.contains("did you mean `int32`?") && !shown.contains('\r'), "{shown}");
}

#[test]
fn faults_count_themselves_in_words() {
    let faults = parse_text("name: 1\n").expect_err("three faults");
    assert_eq!(faults.to_string(), "the pipeline file has 3 errors");
}

#[test]
fn defaults_stand_where_the_file_says_nothing() {
    let parsed =
        parse_text("{version: 1, name: a, stages: {s: {kind: seed, path: /discover/movie}}}").expect("valid");
    let spec = parsed.spec;
    assert_eq!(spec.api.base_url.value, "https://api.themoviedb.org/3");
    assert_eq!(spec.api.rate.limit().map(|rate| rate.to_string()).as_deref(), Some("40/s"));
    assert_eq!((spec.api.connections.get(), spec.api.retry.attempts.get()), (20, 5));
    assert_eq!(spec.max_failures, MaxFailures::Count(0));
    assert_eq!(spec.memory, 256 << 20);
    let Kind::Seed(Seed { source: SeedSource::Path { pages, .. }, .. }) = &spec.stages[0].kind else {
        panic!("a seed with a path")
    };
    assert_eq!(*pages, None);
}

#[test]
fn variables_are_typed_where_they_are_not_quoted() {
    let text = "version: 1\nname: ${env:NAME}\nmax_failures: ${env:COUNT}\napi:\n  language: '${env:LANG:-no}'\n  \
                connections: ${env:N:-7}\nstages: {s: {kind: seed, ids: [1]}}\n";
    let variables = |name: &str| match name {
        "NAME" => Some("nightly".to_owned()),
        "COUNT" => Some("3".to_owned()),
        _ => None,
    };
    let spec = parse(&Source::new("p.yaml", text), &[], &variables).expect("valid").spec;
    assert_eq!((spec.name.as_str(), spec.max_failures), ("nightly", MaxFailures::Count(3)));
    assert_eq!((spec.api.language.as_str(), spec.api.connections.get()), ("no", 7));
}

#[test]
fn a_variable_cannot_change_the_structure_of_the_file() {
    let text = "version: 1\nname: ${env:NAME}\nstages: {s: {kind: seed, ids: [1]}}\n";
    let variables = |_: &str| Some("a\napi: {rate: none}".to_owned());
    let faults = parse(&Source::new("p.yaml", text), &[], &variables).expect_err("not a name");
    assert_eq!(faults.iter().map(|fault| fault.code).collect::<Vec<_>>(), ["bad-name"]);
}

#[test]
fn a_credential_from_a_variable_is_not_shown() {
    let text = "version: 1\nname: a\ndescription: ${env:X}\nstages: {\"${env:X}\": {kind: seed, ids: [1]}}\n";
    let secret = format!("eyJ{}", "s3cret".repeat(10));
    let source = Source::new("p.yaml", text);
    let faults = told(&source, &[], &|_| Some(secret.clone())).expect_err("a credential");
    let shown = faults.render(&source);
    assert!(shown.contains("credential-in-file") && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn anchors_live_under_extensions_and_aliases_are_copies() {
    let text = "version: 1\nname: a\nx-columns: &columns {id: int64}\nstages:\n  s: {kind: seed, ids: [1]}\n  \
                m: {kind: fetch, path: '/movie/{id}'}\n  t: {kind: project, columns: *columns, output: {path: t.parquet}}\n";
    let spec = parse_text(text).expect("valid").spec;
    let Kind::Project(table) = &spec.stages[2].kind else { panic!("a table") };
    assert_eq!(table.columns[0].name.value, "id");
}

#[test]
fn unlimited_rate_against_tmdb_is_a_warning() {
    let text = "{version: 1, name: a, api: {rate: none}, stages: {s: {kind: seed, ids: []}}}";
    let parsed = parse_text(text).expect("valid");
    let codes: Vec<_> = parsed.warnings.iter().map(|fault| fault.code).collect();
    assert_eq!(codes, ["unlimited-rate", "empty-seed"]);
}
