//! The one table of what may stand in a pipeline file: every mapping, every key, what a value may be.
//!
//! ```text
//!            ┌─▶ decode: which keys are known, required, nearest to a slip; the bounds
//! language ──┤
//!            └─▶ schema: the JSON Schema that editors read
//! ```
//!
//! Belongs here: plain data, and the words that explain it to a person. Does not belong here: how a value is
//! read (`decode`), or what only the graph shows (`crate::plan`). Invariant: a key that is not in this table
//! is unknown to the decoder and to the schema alike.
//!
//! To add a key, give its mapping one [`Key`], with a sentence that says what it does; units, bounds and the default are
//! put behind it from the data. Then read it in `decode` by its name ([`super::decode`] asserts that what it reads
//! is here), and write the schema anew: `cargo run -- schema > docs/pipeline.schema.json`. The tests of `schema` put the default
//! and every example of every key through the decoder and the schema.

mod limits;
mod pattern;
mod pipeline;
mod refresh;
mod stages;
mod table;

use std::time::Duration;

use serde_json::Value;

pub(crate) use limits::APPEND_MAX;
pub(super) use limits::*;
pub(super) use pattern::{DURATION, IDENTIFIER, Pattern, VARIABLE};
pub(super) use pipeline::{API, PIPELINE, RATE, RETRY, STAGE_RATE};
pub(super) use refresh::REFRESH;
pub(super) use stages::{EXPAND, EXPAND_NEEDS_PATH, EXPORT, FETCH, FILE, FILTER, SEED, SEED_NEEDS_PATH};
pub(super) use table::{COLUMN, GONE, OUTPUT, PROJECT, SORT_KEY};

/// The kinds of stage: the word, what is said of it, its keys.
pub(super) static KINDS: [(&str, &Object); 5] =
    [("seed", &SEED), ("fetch", &FETCH), ("expand", &EXPAND), ("filter", &FILTER), ("project", &PROJECT)];

/// A mapping of the language.
#[derive(Debug)]
pub(super) struct Object {
    /// Its name among the definitions of the schema.
    pub(super) name: &'static str,
    /// What it is in messages, e.g. "a fetch stage".
    pub(super) what: &'static str,
    /// What it is for.
    pub(super) about: &'static str,
    /// Its keys, in the order in which a person would write them.
    pub(super) keys: &'static [Key],
    /// What its keys ask of each other.
    pub(super) rules: &'static [Rule],
    /// Keys with `x-` in front are the author's own.
    pub(super) extensions: bool,
}

/// A key of a mapping.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// The key itself.
    pub(super) name: &'static str,
    /// What it says, in a sentence or two.
    pub(super) about: &'static str,
    /// What its value may be.
    pub(super) takes: Takes,
    /// What holds without it, as JSON or else as text.
    pub(super) default: Option<&'static str>,
    /// Values that one may write, as JSON or else as text.
    pub(super) examples: &'static [&'static str],
    /// It must be there.
    pub(super) required: bool,
}

/// What a value may be. `${env:NAME}` may stand for every scalar of them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Takes {
    /// This word or number, as JSON or else as text.
    Exactly(&'static str),
    /// Text without a rule.
    Prose,
    /// Text of a grammar.
    Text(&'static Pattern),
    /// The type of a column.
    ColumnType,
    /// jq.
    Expression,
    /// A duration within bounds.
    Time(Duration, Duration),
    /// A whole number within bounds.
    Whole(u64, u64),
    /// Any whole number, or text.
    Id,
    /// `true` or `false`.
    Boolean,
    /// Text, a number or a boolean.
    Scalar,
    /// One of some words, each with what it means.
    Choice(&'static [(&'static str, &'static str)]),
    /// A mapping with keys of ours.
    Object(&'static Object),
    /// A stage of any kind.
    Stage,
    /// A mapping of names that the author chooses.
    Names(&'static Names),
    /// A list.
    List(&'static List),
    /// One of several forms.
    Either(&'static [Takes]),
    /// Any value.
    Anything,
}

/// A mapping of names that the author chooses.
#[derive(Debug)]
pub(super) struct Names {
    /// What a name may be; `None`: anything that is not empty.
    pub(super) name: Option<&'static Pattern>,
    /// Names that may not stand here, whatever their case.
    pub(super) never: &'static [&'static str],
    /// What stands behind a name.
    pub(super) value: Takes,
    /// What stands behind a name that is no identifier, where that differs.
    pub(super) otherwise: Option<Takes>,
    /// At least so many.
    pub(super) least: usize,
    /// At most so many.
    pub(super) most: Option<usize>,
}

/// A list.
#[derive(Debug)]
pub(super) struct List {
    /// What its elements may be.
    pub(super) of: Takes,
    /// At least so many.
    pub(super) least: usize,
    /// At most so many.
    pub(super) most: Option<usize>,
    /// None twice.
    pub(super) distinct: bool,
}

/// What the keys of a mapping ask of each other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// Each of the first keys needs the second.
    Needs(&'static [&'static str], &'static str),
    /// At least one of these is there.
    AnyOf(&'static [&'static str]),
    /// Exactly one of these is there; with `path`, `items` is an expression and no source.
    OneSource(&'static [&'static str]),
}

impl Object {
    /// A mapping without peculiarities.
    const fn new(name: &'static str, what: &'static str, about: &'static str, keys: &'static [Key]) -> Self {
        Self { name, what, about, keys, rules: &[], extensions: false }
    }

    /// The names of its keys.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name)
    }

    /// A value of `name` as one would write it.
    pub(super) fn example(&self, name: &str) -> Option<String> {
        let key = self.keys.iter().find(|key| key.name == name)?;
        let text = match key.takes {
            Takes::Exactly(word) => word,
            _ => key.examples.first().copied().or(key.default)?,
        };
        Some(in_yaml(&literal(text)))
    }

    /// Whether `name` is one of its keys.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }
}

/// JSON, or else the text itself.
pub(super) fn literal(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// `value` in YAML's flow style, as a person writes it.
fn in_yaml(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '$'))
                && !text.contains(['[', ']', '{', '}', ',', '#', '\''])
                && !text.contains(": ");
            if plain { text.clone() } else { format!("'{}'", text.replace('\'', "''")) }
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(in_yaml).collect::<Vec<_>>().join(", "))
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{name}: {}", in_yaml(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

impl Key {
    /// A key that may be left out.
    const fn new(name: &'static str, takes: Takes, about: &'static str) -> Self {
        Self { name, about, takes, default: None, examples: &[], required: false }
    }

    /// It must be there.
    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// What holds without it.
    const fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// Values that one may write.
    const fn examples(self, examples: &'static [&'static str]) -> Self {
        Self { examples, ..self }
    }

    /// The same key with other values.
    const fn takes(self, takes: Takes) -> Self {
        Self { takes, ..self }
    }

    /// The same key, said in other words.
    const fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }
}
