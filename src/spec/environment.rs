//! `${env:NAME}` and `${env:NAME:-default}` in the text of a scalar.
//!
//! Belongs here: replacing in text that YAML has decoded already, so that a value cannot change the
//! structure of the file. Does not belong here: the process's environment; it is passed in.

use thiserror::Error;

use super::credential;

const OPEN: &str = "${env:";

/// Why a `${env:…}` cannot be replaced.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum VariableError {
    /// No `}` follows.
    #[error("`${{env:` without a `}}`")]
    Unclosed,
    /// Not a name of a variable.
    #[error("`{0}` is not the name of a variable")]
    BadName(String),
    /// The variable that holds the credential.
    #[error("`{0}` is the credential, which is never part of the file")]
    Credential(String),
    /// Not set, and no default.
    #[error("the environment variable `{0}` is not set")]
    Missing(String),
}

/// A `${env:…}` that cannot be replaced: why, and where it starts in the text.
pub(super) type Failure = (VariableError, usize);

/// Replaces every variable in `text`; `None` if there is none in it. A variable that is set to nothing
/// takes its default as well, as `:-` does in a shell.
pub(super) fn replace(
    text: &str,
    variables: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, Vec<Failure>> {
    if !text.contains(OPEN) {
        return Ok(None);
    }
    let mut replaced = String::new();
    let mut failures = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find(OPEN) {
        let start = at + found;
        replaced.push_str(&text[at..start]);
        let inside = start + OPEN.len();
        let Some(length) = text[inside..].find('}') else {
            failures.push((VariableError::Unclosed, start));
            at = text.len();
            break;
        };
        match value(&text[inside..inside + length], variables) {
            Ok(value) => replaced.push_str(&value),
            Err(error) => failures.push((error, start)),
        }
        at = inside + length + 1;
    }
    replaced.push_str(&text[at..]);
    if failures.is_empty() { Ok(Some(replaced)) } else { Err(failures) }
}

fn value(inside: &str, variables: &dyn Fn(&str) -> Option<String>) -> Result<String, VariableError> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let mut letters = name.chars();
    let starts = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    if !starts || !letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        return Err(VariableError::BadName(super::fault::clip(name)));
    }
    if credential::VARIABLES.contains(&name) {
        return Err(VariableError::Credential(name.to_owned()));
    }
    match (variables(name), default) {
        (Some(value), Some(default)) if value.is_empty() => Ok(default.to_owned()),
        (Some(value), _) => Ok(value),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(VariableError::Missing(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<Option<&str>, &str>) {
        let variables = |name: &str| match name {
            "HOST" => Some("127.0.0.1".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${env:HOST}".to_owned()),
            "TMDB_TOKEN" => Some("secret".to_owned()),
            _ => None,
        };
        let result = replace(text, &variables);
        let result = result.as_ref().map(Option::as_deref).map_err(|failures| failures[0].0.to_string());
        assert_eq!(result, expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn variables_are_replaced_once_and_defaults_fill_in() {
        check("no variable, ${x}", Ok(None));
        check("http://${env:HOST}:80/", Ok(Some("http://127.0.0.1:80/")));
        check("${env:HOST}${env:HOST}", Ok(Some("127.0.0.1127.0.0.1")));
        check("${env:UNSET:-a:-b}", Ok(Some("a:-b")));
        check("${env:EMPTY:-x}", Ok(Some("x")));
        check("${env:EMPTY}", Ok(Some("")));
        check("${env:UNSET:-}", Ok(Some("")));
        check("${env:NESTED}", Ok(Some("${env:HOST}")));
    }

    #[test]
    fn what_cannot_be_replaced_says_why() {
        check("${env:UNSET}", Err("the environment variable `UNSET` is not set"));
        check("${env:HOST", Err("`${env:` without a `}`"));
        check("${env:}", Err("`` is not the name of a variable"));
        check("${env:A B}", Err("`A B` is not the name of a variable"));
        check("${env:TMDB_TOKEN}", Err("`TMDB_TOKEN` is the credential, which is never part of the file"));
        check("${env:TMDB_TOKEN:-x}", Err("`TMDB_TOKEN` is the credential, which is never part of the file"));
    }
}
