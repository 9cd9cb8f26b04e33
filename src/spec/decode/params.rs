//! `params`, and `--set` over them.

use serde_json::{Map, Value};

use super::super::credential;
use super::super::fault::{Faults, clip};
use super::super::nearest::nearest;
use super::super::scalar::{Core, Style};
use super::super::tree::{Entry, NodeValue};
use super::super::yaml;
use super::{expect, grammar, json};

/// Reads `params`.
pub(super) fn decode(entry: Option<&Entry>, faults: &mut Faults) -> Map<String, Value> {
    let mut params = Map::new();
    let Some(entry) = entry else { return params };
    let NodeValue::Map(entries) = &entry.value.value else {
        if !expect::is_broken(&entry.value) {
            expect::wrong("params", &entry.value, "a mapping of names to values", faults)
                .help("each has its default, as in `{min_votes: 200}`");
        }
        return params;
    };
    for param in entries {
        if !grammar::is_identifier(&param.key) {
            faults
                .error("bad-name", param.key_span, format!("`{}` cannot name a parameter", clip(&param.key)))
                .help("letters, digits and `_`, not a digit in front: expressions read it as `$params.NAME`");
        }
        // Even without its value the name is known to `--set`.
        params.insert(param.key.clone(), json::of(&param.value, faults).unwrap_or_default());
    }
    params
}

/// Puts the values of `--set` over the defaults. Of two for the same name the later one holds.
pub(super) fn override_with(
    params: &mut Map<String, Value>,
    overrides: &[(String, String)],
    faults: &mut Faults,
) {
    for (name, text) in overrides {
        if !credential::find(text).is_empty() {
            faults
                .error_without_place(
                    "credential-in-file",
                    format!("--set {}: this looks like a credential", clip(name)),
                )
                .help("it is read from TMDB_TOKEN or TMDB_API_KEY in the environment, and only from there");
            continue;
        }
        let Some(default) = params.get(name) else {
            let known: Vec<&str> = params.keys().map(String::as_str).collect();
            let fault = faults.error_without_place(
                "unknown-param",
                format!("--set: the pipeline has no parameter `{}`", clip(name)),
            );
            match nearest(name, known.iter().copied()) {
                Some(near) => fault.did_you_mean(Some(near)),
                None if known.is_empty() => fault.help("it has no `params` at all"),
                None => fault.help(format!("it has: {}", known.join(", "))),
            };
            continue;
        };
        if let Some(value) = typed_like(default, text) {
            params.insert(name.clone(), value);
        } else {
            let takes = kind(default);
            faults
                .error_without_place("wrong-param-type", format!("--set {}: takes {takes}", clip(name)))
                .help(format!("its default is {takes}, and so must be what replaces it"));
        }
    }
}

/// `text` as a value of the type of `default`.
fn typed_like(default: &Value, text: &str) -> Option<Value> {
    if let Value::String(_) = default {
        // A shell eats quotes, so whatever is typed is text; quotes that survive are YAML's.
        let scalar = yaml::parse_scalar(text).filter(|scalar| scalar.style == Style::Quoted);
        return Some(Value::String(scalar.map_or_else(|| text.to_owned(), |scalar| scalar.text)));
    }
    let scalar = yaml::parse_scalar(text)?;
    match (default, scalar.core) {
        (Value::Number(number), Core::Int(value)) if number.is_f64() => {
            json::of_scalar(&scalar).filter(|_| value.unsigned_abs() < 1 << 53).map(as_float)
        }
        (Value::Number(number), Core::Float(_)) if number.is_f64() => json::of_scalar(&scalar),
        (Value::Number(number), Core::Int(_)) if !number.is_f64() => json::of_scalar(&scalar),
        (Value::Bool(_), Core::Bool(_)) | (Value::Null, _) => json::of_scalar(&scalar),
        _ => None,
    }
}

/// A whole number as one with a fraction, so that the parameter keeps its type.
fn as_float(value: Value) -> Value {
    value.as_f64().map_or(value, Value::from)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "a number, a boolean or text",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "a whole number",
        Value::String(_) => "text",
        Value::Array(_) => "a list, which `--set` cannot write",
        Value::Object(_) => "a mapping, which `--set` cannot write",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(set: &str, expected: Result<Value, &str>) {
        let Value::Object(mut params) = json!({
            "votes": 200, "score": 6.5, "language": "en", "adult": false, "list": [1], "any": null
        }) else {
            panic!("an object");
        };
        let (name, text) = set.split_once('=').expect("NAME=VALUE");
        let mut faults = Faults::default();
        override_with(&mut params, &[(name.to_owned(), text.to_owned())], &mut faults);
        let result = match faults.iter().next() {
            Some(fault) => Err(format!("{}: {}", fault.code, fault.help.as_deref().unwrap_or_default())),
            None => Ok(params[name].clone()),
        };
        assert_eq!(result, expected.map_err(str::to_owned), "{set}");
    }

    #[test]
    fn set_takes_what_has_the_type_of_the_default() {
        check("votes=500", Ok(json!(500)));
        check("votes=-1", Ok(json!(-1)));
        check("score=7", Ok(json!(7.0)));
        check("score=7.25", Ok(json!(7.25)));
        check("language=no", Ok(json!("no")));
        check("language=2020", Ok(json!("2020")));
        check("language='de'", Ok(json!("de")));
        check("language=", Ok(json!("")));
        check("language=a: [b", Ok(json!("a: [b")));
        check("adult=true", Ok(json!(true)));
        check("any=1", Ok(json!(1)));
    }

    #[test]
    fn set_refuses_other_types_and_unknown_names() {
        let whole = "wrong-param-type: its default is a whole number, and so must be what replaces it";
        check("votes=many", Err(whole));
        check("votes=1.5", Err(whole));
        check("votes=", Err(whole));
        check("votes=[1]", Err(whole));
        check("votes='1'", Err(whole));
        check(
            "adult=yes",
            Err("wrong-param-type: its default is true or false, and so must be what replaces it"),
        );
        check(
            "list=2",
            Err(
                "wrong-param-type: its default is a list, which `--set` cannot write, and so must be what replaces it",
            ),
        );
        check("vote=1", Err("unknown-param: did you mean `votes`?"));
        check(
            "language=eyJhbGciOiJIUzI1NiJ9.e30",
            Err(
                "credential-in-file: it is read from TMDB_TOKEN or TMDB_API_KEY in the environment, and only from there",
            ),
        );
        check("colour=1", Err("unknown-param: it has: votes, score, language, adult, list, any"));
    }
}
