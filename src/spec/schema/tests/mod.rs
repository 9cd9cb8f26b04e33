//! The schema against the decoder: both are made from one table, and these tests hold them together.

mod marks;
mod specimen;
mod values;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::{Value, json};
use serde_yaml::options::{DuplicateKeyPolicy, MergeKeyPolicy};

use self::values::VALUES;
use super::super::language::{
    API, COLUMN, EXPAND, EXPORT, FETCH, FILE, FILTER, GONE, Key, OUTPUT, Object, PIPELINE, PROJECT, RATE,
    REFRESH, RETRY, SEED, SORT_KEY, STAGE_RATE, literal,
};
use super::super::{Faults, Source};
use super::{document, schema};
use crate::plan;
use specimen::specimen;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn no_variables(_: &str) -> Option<String> {
    None
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&document()).expect("a valid schema")
}

/// YAML 1.2 as another reader sees it.
fn as_json(text: &str) -> Option<Value> {
    let options = serde_yaml::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        underscored_numbers_as_strings: true,
        strict_booleans: true,
        reject_unsupported_tags: true,
    };
    serde_yaml::from_str_with_options(text, options).ok()
}

/// The YAML files of a folder of the repository, sorted, with their names.
fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join(folder))
        .expect("the folder is part of the repository")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), fs::read(path).expect("readable"))).collect()
}

fn decoded(text: &str) -> Result<plan::Compiled, Faults> {
    let options = plan::Options { delta_tables: true, ..plan::Options::default() };
    plan::read(&Source::new("p.yaml", text), &[], &no_variables, &options)
}

fn is_decoded(text: &str) -> bool {
    super::super::parse(&Source::new("p.yaml", text), &[], &no_variables).is_ok()
}

#[test]
fn the_file_in_docs_is_up_to_date() {
    let path = root().join("docs/pipeline.schema.json");
    let shipped = fs::read_to_string(&path).unwrap_or_default();
    assert!(shipped == schema(), "write it anew: cargo run -- schema > docs/pipeline.schema.json");
}

#[test]
fn it_is_a_json_schema() {
    let schema = document();
    if let Err(error) = jsonschema::draft202012::meta::validate(&schema) {
        panic!("{error}");
    }
    // Patterns are only read where they are used.
    validator();
}

#[test]
fn every_shipped_pipeline_conforms_and_names_it() {
    let validator = validator();
    for (name, bytes) in files("pipelines") {
        let text = String::from_utf8(bytes).expect("text");
        let value = as_json(&text).expect("YAML");
        let faults: Vec<_> = validator
            .iter_errors(&value)
            .map(|error| format!("{name}: {}: {error}", error.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        let first = text.lines().next().unwrap_or_default();
        assert_eq!(first, "# yaml-language-server: $schema=../docs/pipeline.schema.json", "{name}");
    }
}

#[test]
fn every_key_is_described() {
    let document = document();
    let mut objects = vec![("a pipeline".to_owned(), &document)];
    objects.extend(
        document["$defs"].as_object().into_iter().flatten().map(|(name, object)| (name.clone(), object)),
    );
    assert!(objects.len() >= 12);
    for (name, object) in objects {
        assert!(object["description"].as_str().is_some_and(|text| text.len() > 10), "{name}");
        let properties = object["properties"].as_object().expect("an object of the language");
        for (key, value) in properties {
            let text = value["description"].as_str().unwrap_or_default();
            assert!(text.len() > 10 && text.ends_with(['.', '?']), "{name}.{key}: {text}");
        }
    }
}

/// Where in the specimen a mapping stands. A key is tried at each place.
const PLACES: [(&Object, &[&str]); 17] = [
    (&PIPELINE, &[""]),
    (&API, &["/api"]),
    (&RETRY, &["/api/retry"]),
    (&RATE, &["/api/rate"]),
    (&STAGE_RATE, &["/stages/movies/rate"]),
    (&SEED, &["/stages/ids", "/stages/list", "/stages/news"]),
    (&REFRESH, &["/stages/news/refresh"]),
    (&EXPORT, &["/stages/listed/export"]),
    (&FILE, &["/stages/more/file"]),
    (&FETCH, &["/stages/movies"]),
    (&EXPAND, &["/stages/similar", "/stages/cast"]),
    (&FILTER, &["/stages/some"]),
    (&PROJECT, &["/stages/films"]),
    (&COLUMN, &["/stages/films/columns/id"]),
    (&OUTPUT, &["/stages/films/output", "/stages/others/output", "/stages/current/output"]),
    (&GONE, &["/stages/current/output/gone"]),
    (&SORT_KEY, &["/stages/others/output/sort_by/0"]),
];

/// The specimen with `key` at `place` as `edit` leaves it. Of a seed's sources only one stays.
fn edited(place: &str, key: &str, value: Option<Value>) -> Value {
    let mut pipeline = specimen();
    if key == "keep" {
        // What is refreshed has to be kept for longer than most values say.
        pipeline["stages"]["news"].as_object_mut().expect("a seed").remove("refresh");
    }
    let object =
        pipeline.pointer_mut(place).and_then(Value::as_object_mut).expect("a mapping of the specimen");
    if ["items", "range", "file", "export", "changes"].contains(&key) {
        object.remove("ids");
    }
    match value {
        Some(value) => object.insert(key.to_owned(), value),
        None => object.remove(key),
    };
    pipeline
}

fn keys() -> impl Iterator<Item = (&'static str, &'static Key)> {
    PLACES.iter().flat_map(|(object, places)| {
        places.iter().flat_map(|place| object.keys.iter().map(move |key| (*place, key)))
    })
}

#[test]
fn the_specimen_is_a_pipeline() {
    if let Err(faults) = decoded(&specimen().to_string()) {
        panic!("{}", faults.render(&Source::new("p.yaml", specimen().to_string())));
    }
    assert!(validator().is_valid(&specimen()));
}

#[test]
fn every_default_and_example_is_taken_by_decoder_and_schema() {
    let validator = validator();
    for (object, places) in PLACES {
        for key in object.keys {
            for text in key.examples.iter().copied().chain(key.default) {
                let taken = places.iter().any(|place| {
                    let pipeline = edited(place, key.name, Some(literal(text)));
                    let decoded = is_decoded(&pipeline.to_string());
                    assert!(!decoded || validator.is_valid(&pipeline), "{place}/{}: {text}", key.name);
                    decoded
                });
                assert!(taken, "{}.{}: {text}", object.name, key.name);
            }
        }
    }
}

#[test]
fn every_default_is_what_holds_without_the_key() {
    let shown = |pipeline: &Value| {
        let plan = decoded(&pipeline.to_string()).map_err(|faults| faults.iter().next().cloned());
        let plan = plan.unwrap_or_else(|fault| panic!("{fault:?}: {pipeline}")).plan;
        let text = format!(
            "{:?} {:?} {:?} {:?} {:?}",
            plan.params, plan.api, plan.max_failures, plan.memory, plan.stages
        );
        let mut parts = text.split("Span {");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| text + part.split_once('}').map_or("", |(_, rest)| rest))
    };
    for (object, places) in PLACES {
        for key in object.keys.iter().filter(|key| key.default.is_some()) {
            let default = key.default.map(literal);
            // A key that only goes with a `path` is not taken at every place.
            let held = places.iter().filter(|place| {
                let without = edited(place, key.name, None);
                let with = edited(place, key.name, default.clone());
                is_decoded(&with.to_string()) && shown(&without) == shown(&with)
            });
            assert!(held.count() > 0, "{}.{}: {default:?}", object.name, key.name);
        }
    }
}

#[test]
fn both_demand_the_same_keys_and_refuse_others() {
    let validator = validator();
    for (place, key) in keys().filter(|(_, key)| key.required) {
        let pipeline = edited(place, key.name, None);
        assert!(!is_decoded(&pipeline.to_string()), "{place}/{}", key.name);
        assert!(!validator.is_valid(&pipeline), "{place}/{}", key.name);
    }
    for (_, places) in PLACES {
        for place in places {
            let pipeline = edited(place, "zzz", Some(json!(1)));
            assert!(!is_decoded(&pipeline.to_string()) && !validator.is_valid(&pipeline), "{place}/zzz");
        }
    }
}

#[test]
fn what_the_decoder_takes_the_schema_takes() {
    let validator = validator();
    let mut taken = 0;
    let mut seen = HashSet::new();
    // What takes the same is judged once: there are twenty counts and ten expressions.
    for (place, key) in keys().filter(|(_, key)| seen.insert(format!("{:?}", key.takes))) {
        for text in VALUES {
            let pipeline = edited(place, key.name, Some(json!("@@"))).to_string().replace("\"@@\"", text);
            if !is_decoded(&pipeline) {
                continue;
            }
            taken += 1;
            let value = as_json(&pipeline).expect("what our reader takes another one takes");
            assert!(validator.is_valid(&value), "{place}/{}: {text}", key.name);
        }
    }
    assert!(taken > 300, "{taken}");
}
