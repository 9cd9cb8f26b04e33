//! What a value may be, said in JSON Schema. In every scalar a `${env:NAME}` may stand instead.

use serde_json::{Map, Value, json};

use super::super::language::{DURATION, IDENTIFIER, List, Names, Takes, VARIABLE, literal};
use super::reference;

/// The names of the types without parameters.
const TYPES: [&str; 8] = super::super::column_type::ColumnType::SCALARS;

/// The schema of `takes`, without words.
pub(super) fn form(takes: Takes) -> Value {
    match takes {
        Takes::Exactly(word) => any_of([json!({ "const": literal(word) }), variable()]),
        Takes::Prose => json!({ "type": "string" }),
        Takes::Text(pattern) => told(text(pattern.regex), pattern.says),
        Takes::ColumnType => {
            let lists = TYPES.map(|name| format!("list<{name}>"));
            let words: Vec<&str> = TYPES.into_iter().chain(lists.iter().map(String::as_str)).collect();
            // The words are what an editor proposes, the pattern what holds.
            any_of([json!({ "enum": words }), text(&column_type())])
        }
        Takes::Expression => json!({ "type": ["string", "number", "boolean"], "pattern": r"\S" }),
        Takes::Time(..) => told(text(DURATION.regex), DURATION.says),
        Takes::Whole(least, most) => {
            let mut schema = json!({ "type": ["integer", "string"], "minimum": least, "pattern": VARIABLE });
            let mut says = format!("A whole number, at least {least}.");
            if most < i64::MAX as u64 {
                schema["maximum"] = json!(most);
                says = format!("A whole number from {least} to {most}.");
            }
            told(schema, &says)
        }
        Takes::Id => json!({ "type": ["integer", "string"] }),
        Takes::Boolean => told(
            json!({ "type": ["boolean", "string"], "pattern": VARIABLE }),
            "`true` or `false`, without quotes.",
        ),
        Takes::Scalar => {
            let template = format!(r"(?:[^{{}}]|\{{(?:\$params\.)?{}\}})+", IDENTIFIER.regex);
            json!({ "type": ["string", "number", "boolean"], "pattern": whole(&template) })
        }
        Takes::Choice(words) => choice(words),
        Takes::Object(object) => json!({ "$ref": reference(object) }),
        Takes::Stage => json!({ "$ref": "#/$defs/stage" }),
        Takes::Names(names) => mapping(names),
        Takes::List(list) => sequence(list),
        Takes::Either(forms) => any_of(forms.iter().map(|takes| form(*takes))),
        Takes::Anything => json!({}),
    }
}

/// What editors say instead of the pattern that a text does not match (a keyword of the YAML language server).
fn told(mut schema: Value, says: &str) -> Value {
    if !says.is_empty() {
        schema["patternErrorMessage"] = json!(says);
    }
    schema
}

/// One of several.
pub(super) fn any_of(forms: impl IntoIterator<Item = Value>) -> Value {
    json!({ "anyOf": forms.into_iter().collect::<Vec<_>>() })
}

/// One of some words, each with what it means.
pub(super) fn choice(words: &[(&str, &str)]) -> Value {
    let mut forms: Vec<Value> =
        words.iter().map(|(word, about)| json!({ "const": word, "description": about })).collect();
    if words.iter().any(|(word, _)| *word == "null") {
        // To YAML this word is nothing at all.
        forms.push(json!({ "const": null }));
    }
    forms.push(variable());
    any_of(forms)
}

fn mapping(names: &Names) -> Value {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    let mut name = names.name.map_or_else(|| json!({}), |pattern| json!({ "pattern": whole(pattern.regex) }));
    if !names.never.is_empty() {
        let never: Vec<_> = names.never.iter().map(|name| any_case(name)).collect();
        name["not"] = json!({ "pattern": format!("^(?:{})$", never.join("|")) });
    }
    schema.insert("propertyNames".to_owned(), name);
    match names.otherwise {
        None => schema.insert("additionalProperties".to_owned(), form(names.value)),
        Some(otherwise) => {
            let identifier = format!("^{}$", IDENTIFIER.regex);
            schema.insert("patternProperties".to_owned(), json!({ identifier: form(names.value) }));
            schema.insert("additionalProperties".to_owned(), form(otherwise))
        }
    };
    if names.least > 0 {
        schema.insert("minProperties".to_owned(), json!(names.least));
    }
    if let Some(most) = names.most {
        schema.insert("maxProperties".to_owned(), json!(most));
    }
    Value::Object(schema)
}

fn sequence(list: &List) -> Value {
    let mut schema = json!({ "type": "array", "items": form(list.of) });
    if list.least > 0 {
        schema["minItems"] = json!(list.least);
    }
    if let Some(most) = list.most {
        schema["maxItems"] = json!(most);
    }
    if list.distinct {
        schema["uniqueItems"] = json!(true);
    }
    schema
}

fn text(regex: &str) -> Value {
    json!({ "type": "string", "pattern": whole(regex) })
}

/// A text that holds a variable: what it stands for is known when the file is read.
fn variable() -> Value {
    json!({ "type": "string", "pattern": VARIABLE })
}

/// `regex` for the whole text, or a variable somewhere in it.
fn whole(regex: &str) -> String {
    format!("^(?:{regex})$|{VARIABLE}")
}

/// A regular expression for `word` in small and in large letters: ECMA-262 has no flag for it inside.
fn any_case(word: &str) -> String {
    word.chars()
        .map(|c| match c {
            'a'..='z' => format!("[{}{c}]", c.to_ascii_uppercase()),
            _ => c.to_string(),
        })
        .collect()
}

/// Levels of types inside one another that are looked through: a regular expression grows with each of them.
const TYPE_LEVELS: usize = 3;

/// What `ColumnType` reads, as far as a regular expression goes: below [`TYPE_LEVELS`] whatever has its brackets.
fn column_type() -> String {
    let name = TYPES.join("|");
    let mut inner = format!(r"(?:{name}|(?:list|struct)\s*<[\s\S]+>)");
    for _ in 1..TYPE_LEVELS {
        let field = format!(r"\s*{}\s*:\s*{inner}\s*", IDENTIFIER.regex);
        inner = format!(r"(?:{name}|list\s*<\s*{inner}\s*>|struct\s*<{field}(?:,{field})*>)");
    }
    format!(r"\s*{inner}\s*")
}
