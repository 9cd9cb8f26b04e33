//! The JSON Schema of a pipeline file, for editors: made from the table of the language, so that it knows
//! what the decoder knows.
//!
//! Belongs here: how the table is said in JSON Schema (draft 2020-12). Does not belong here: any key. Invariant: what
//! the decoder takes, the schema takes; what the schema refuses, the decoder refuses. What only the graph, another
//! scalar or jq shows, the schema does not see.

mod form;

use serde_json::{Map, Value, json};

use super::language::{self, KINDS, Key, Object, Rule, Takes, literal};
use form::{choice, form};

/// The schema as text, as `docs/pipeline.schema.json` holds it.
pub fn schema() -> String {
    let mut text =
        serde_json::to_string_pretty(&document()).expect("a JSON value without keys that are not text");
    text.push('\n');
    text
}

/// The schema.
fn document() -> Value {
    let mut root = Map::new();
    root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".to_owned(), json!("Pipeline of tmdb-etl"));
    if let Value::Object(pipeline) = object(&language::PIPELINE) {
        root.extend(pipeline);
    }
    let mut definitions = Map::from_iter([("stage".to_owned(), stage())]);
    let mut open: Vec<&Object> = KINDS.iter().map(|(_, kind)| *kind).collect();
    open.extend(mentioned(&language::PIPELINE));
    while let Some(next) = open.pop() {
        if !definitions.contains_key(next.name) {
            definitions.insert(next.name.to_owned(), object(next));
            open.extend(mentioned(next));
        }
    }
    definitions.sort_keys();
    root.insert("$defs".to_owned(), Value::Object(definitions));
    Value::Object(root)
}

/// A stage: its kind decides which keys it has.
fn stage() -> Value {
    let words: Vec<_> = KINDS.iter().map(|(word, kind)| (*word, kind.about)).collect();
    let kinds = KINDS.iter().map(|(word, kind)| {
        json!({
            "if": { "properties": { "kind": { "const": word } }, "required": ["kind"] },
            "then": { "$ref": reference(kind) },
        })
    });
    let mut kind = choice(&words);
    kind["description"] = json!("What the stage does; it decides which other keys the stage has.");
    json!({
        "description": "A stage: `kind` and the keys of that kind.",
        "type": "object",
        "required": ["kind"],
        "properties": { "kind": kind },
        "allOf": kinds.collect::<Vec<_>>(),
    })
}

fn object(object: &Object) -> Value {
    let mut schema = json!({
        "description": object.about,
        "type": "object",
        "additionalProperties": false,
        "properties": object.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect::<Map<_, _>>(),
    });
    let required: Vec<_> = object.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if object.extensions {
        schema["patternProperties"] =
            json!({ "^x-": { "description": "The author's own: a place for anchors, not read." } });
    }
    for rule in object.rules {
        apply(*rule, &mut schema);
    }
    schema
}

fn apply(rule: Rule, schema: &mut Value) {
    let there = |key: &&str| json!({ "required": [key] });
    match rule {
        Rule::Needs(keys, other) => {
            for key in keys {
                schema["dependentRequired"][*key] = json!([other]);
            }
        }
        Rule::AnyOf(keys) => schema["anyOf"] = keys.iter().map(there).collect(),
        Rule::OneSource(sources) => {
            // With a path, `items` says where in an answer they are.
            let others = sources.iter().filter(|key| !["path", "items"].contains(key));
            schema["if"] = there(&"path");
            schema["then"] = json!({
                "not": { "anyOf": others.map(there).collect::<Vec<_>>() },
                "properties": { "items": { "not": { "type": "array" } } },
            });
            schema["else"] = json!({
                "oneOf": sources.iter().filter(|key| **key != "path").map(there).collect::<Vec<_>>(),
                "properties": { "items": { "type": "array" } },
            });
        }
    }
}

/// A key's value, with all that a person is told of it.
fn property(key: &Key) -> Value {
    let mut words = vec![key.about.to_owned()];
    words.extend(sentences(key.takes));
    let mut schema = Map::new();
    if let Some(default) = key.default {
        if !["{}", "[]"].contains(&default) {
            words.push(format!("Default: `{default}`."));
        }
        schema.insert("default".to_owned(), literal(default));
    }
    schema.insert("description".to_owned(), json!(words.join(" ")));
    if !key.examples.is_empty() {
        schema.insert("examples".to_owned(), key.examples.iter().map(|example| literal(example)).collect());
    }
    if let Value::Object(form) = form(key.takes) {
        schema.extend(form);
    }
    Value::Object(schema)
}

/// Units and bounds in words.
fn sentences(takes: Takes) -> Vec<String> {
    match takes {
        Takes::Text(pattern) if !pattern.says.is_empty() => vec![pattern.says.to_owned()],
        Takes::Whole(least, most) if most < i64::MAX as u64 => {
            vec![format!("A whole number from {least} to {most}.")]
        }
        Takes::Time(least, most) => {
            let (least, most) = (super::decode::duration_text(least), super::decode::duration_text(most));
            vec![format!("{} From `{least}` to `{most}`.", language::DURATION.says)]
        }
        Takes::List(list) => list.most.map(|most| format!("At most {most}.")).into_iter().collect(),
        Takes::Names(names) => names.most.map(|most| format!("At most {most}.")).into_iter().collect(),
        Takes::Choice(words) => {
            vec![format!(
                "One of {}.",
                words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ")
            )]
        }
        Takes::Either(forms) => forms
            .iter()
            .flat_map(|form| match form {
                Takes::Choice([(word, _)]) => vec![format!("Or `{word}`.")],
                form => sentences(*form),
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn reference(object: &Object) -> String {
    format!("#/$defs/{}", object.name)
}

/// The mappings that the keys of `object` take.
fn mentioned(object: &Object) -> Vec<&'static Object> {
    let mut found = Vec::new();
    let mut open: Vec<Takes> = object.keys.iter().map(|key| key.takes).collect();
    while let Some(takes) = open.pop() {
        match takes {
            Takes::Object(object) => found.push(object),
            Takes::Names(names) => open.extend([names.value].into_iter().chain(names.otherwise)),
            Takes::List(list) => open.push(list.of),
            Takes::Either(forms) => open.extend(forms),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests;
