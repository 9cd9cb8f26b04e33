//! The same pipeline with other settings: what `bench --vary` tries out.
//!
//! The file's tree is written down again in YAML's flow style, with the new values in it as they were typed; what they mean
//! is judged as in any file. Does not belong here: which combinations are tried (`crate::bench`).

use std::fmt::Write as _;

use serde_json::Value;

use super::fault::Faults;
use super::nearest::nearest;
use super::scalar::{Core, Style};
use super::source::Source;
use super::tree::{Entry, Node, NodeValue, find, mapping};
use super::yaml;

/// A setting with the value that it is to have, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `STAGE.SETTING` or `api.SETTING`; deeper ones have more dots.
    pub setting: String,
    /// As it would stand in the file.
    pub value: String,
}

/// Why a setting cannot be varied.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum VaryError {
    /// The file is no pipeline.
    #[error("the file has no stages")]
    NoStages,
    /// Not `STAGE.SETTING`.
    #[error("`{0}` is not like `movies.concurrency` or `api.rate`")]
    Malformed(String),
    /// There is no such stage.
    #[error("there is no stage `{name}`{}", .meant.as_ref().map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default())]
    NoStage {
        /// The name.
        name: String,
        /// The nearest there is.
        meant: Option<String>,
    },
}

/// `source` with the changes made.
///
/// # Errors
/// A setting that has no place in the file.
pub fn vary(
    source: &Source,
    changes: &[Change],
    variables: &dyn Fn(&str) -> Option<String>,
) -> Result<Source, VaryError> {
    let mut faults = Faults::default();
    let root = yaml::parse(source, variables, &mut faults).ok_or(VaryError::NoStages)?;
    let stages =
        find(mapping(&root), "stages").map(|stages| mapping(&stages.value)).ok_or(VaryError::NoStages)?;
    let mut paths = Vec::new();
    for change in changes {
        let mut path: Vec<&str> = change.setting.split('.').collect();
        if path.len() < 2 || path.iter().any(|part| part.trim().is_empty()) {
            return Err(VaryError::Malformed(change.setting.clone()));
        }
        if path[0] != "api" {
            if find(stages, path[0]).is_none() {
                let meant = nearest(path[0], stages.iter().map(|stage| stage.key.as_str()));
                let meant = meant.map(ToString::to_string);
                return Err(VaryError::NoStage { name: path[0].to_owned(), meant });
            }
            path.insert(0, "stages");
            // It stands a step deeper, and nobody thinks of it there.
            if path[2..] == ["compression"] {
                path.insert(2, "output");
            }
        }
        paths.push((path, change.value.as_str()));
    }
    let paths: Vec<(&[&str], &str)> = paths.iter().map(|(path, value)| (path.as_slice(), *value)).collect();
    let mut text = String::new();
    write_map(mapping(&root), &paths, &mut text);
    Ok(Source::new(source.name.clone(), text))
}

/// Writes a mapping with the changes below it; what is not there is added.
fn write_map(entries: &[Entry], changes: &[(&[&str], &str)], text: &mut String) {
    text.push('{');
    let mut first = true;
    let mut key = |name: &str, text: &mut String| {
        // Writing into a string does not fail.
        let _ = write!(text, "{}{}: ", if first { "" } else { ", " }, Value::from(name));
        first = false;
    };
    for entry in entries {
        key(&entry.key, text);
        let below = below(changes, &entry.key);
        match (value_at(&below), &entry.value.value) {
            (Some(value), _) => text.push_str(value),
            (None, NodeValue::Map(entries)) => write_map(entries, &below, text),
            (None, _) if !below.is_empty() => write_map(&[], &below, text),
            (None, _) => write_node(&entry.value, text),
        }
    }
    let mut added: Vec<&str> = Vec::new();
    for (path, _) in changes {
        let name = path[0];
        if find(entries, name).is_none() && !added.contains(&name) {
            added.push(name);
            key(name, text);
            let below = below(changes, name);
            match value_at(&below) {
                Some(value) => text.push_str(value),
                None => write_map(&[], &below, text),
            }
        }
    }
    text.push('}');
}

fn below<'a>(changes: &[(&'a [&'a str], &'a str)], key: &str) -> Vec<(&'a [&'a str], &'a str)> {
    changes
        .iter()
        .filter(|(path, _)| path.first() == Some(&key))
        .map(|(path, value)| (&path[1..], *value))
        .collect()
}

fn value_at<'a>(changes: &[(&[&str], &'a str)]) -> Option<&'a str> {
    changes.iter().find(|(path, _)| path.is_empty()).map(|(_, value)| *value)
}

fn write_node(node: &Node, text: &mut String) {
    match &node.value {
        NodeValue::Scalar(scalar) => match scalar.core {
            Core::String => text.push_str(&Value::from(scalar.text.as_str()).to_string()),
            Core::Null if scalar.style == Style::Plain => text.push_str("null"),
            _ => text.push_str(&scalar.text),
        },
        NodeValue::List(nodes) => {
            text.push('[');
            for (index, node) in nodes.iter().enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                write_node(node, text);
            }
            text.push(']');
        }
        NodeValue::Map(entries) => write_map(entries, &[], text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Concurrency, Kind, parse};

    const FILE: &str = "version: 1\nname: p\napi: {language: no}\nx-seed: &seed {kind: seed, ids: [1, 0x10, \"007\"]}\nstages:\n  \
         start: *seed\n  movies:\n    kind: fetch\n    path: /movie/{id}   # with a comment\n    concurrency: 4\n  films:\n    \
         kind: project\n    columns: {id: int64, title: {type: string, value: '.title + \"#\"'}}\n    output: {path: films.parquet}\n";

    fn varied(changes: &[(&str, &str)]) -> Result<Source, VaryError> {
        let change =
            |(setting, value): &(&str, &str)| Change { setting: (*setting).into(), value: (*value).into() };
        vary(&Source::new("p.yaml", FILE), &changes.iter().map(change).collect::<Vec<_>>(), &|_| None)
    }

    #[test]
    fn settings_are_changed_and_added_and_the_rest_is_as_it_was() {
        let source = varied(&[
            ("movies.concurrency", "auto"),
            ("movies.rate", "{share: 25%}"),
            ("api.rate", "10/s"),
            ("films.compression", "snappy"),
        ])
        .expect("all have a place");
        let parsed = parse(&source, &[], &|_| None).unwrap_or_else(|rejected| {
            panic!("{}\n{}", rejected.faults.render(&source), source.text);
        });
        let spec = parsed.spec;
        assert_eq!(
            (spec.api.language.as_str(), spec.api.rate.limit().map(|rate| rate.limit)),
            ("no", Some(10.0))
        );
        let Kind::Fetch(movies) = &spec.stages[1].kind else { panic!("a fetch") };
        assert_eq!(movies.requests.concurrency, Some(Concurrency::Auto));
        assert!(movies.requests.share.is_some());
        assert!(
            source.text.contains(r#""compression": snappy"#) && source.text.contains(r#"[1, 0x10, "007"]"#)
        );
    }

    #[test]
    fn what_has_no_place_is_told() {
        assert_eq!(varied(&[("concurrency", "1")]), Err(VaryError::Malformed("concurrency".into())));
        let error = varied(&[("movis.concurrency", "1")]).unwrap_err();
        assert_eq!(error.to_string(), "there is no stage `movis`; did you mean `movies`?");
    }
}
