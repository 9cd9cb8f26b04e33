//! `path` and `query` values: text with `{field}` placeholders that an item fills.

use std::fmt;

use thiserror::Error;

use super::fault::clip;

/// Text with placeholders, e.g. `/tv/{id}/season/{season}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate {
    /// Literal text and placeholders in order; two literals never follow each other.
    pub parts: Vec<Part>,
}

/// A piece of a [`PathTemplate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Sent as it is.
    Literal(String),
    /// A field of the item.
    Field(String),
}

impl PathTemplate {
    /// The names of the fields that the template asks of an item.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Field(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    /// Adds a part at the end.
    pub(super) fn push(&mut self, part: Part) {
        match (self.parts.last_mut(), part) {
            (_, Part::Literal(text)) if text.is_empty() => {}
            (Some(Part::Literal(before)), Part::Literal(text)) => before.push_str(&text),
            (_, part) => self.parts.push(part),
        }
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Literal(text) => f.write_str(text)?,
                Part::Field(name) => write!(f, "{{{name}}}")?,
            }
        }
        Ok(())
    }
}

/// Why a text is not a path or a value of a query.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum TemplateError {
    /// `{` without `}`, or `}` without `{`.
    #[error("the braces do not match")]
    Braces,
    /// What stands between the braces is not the name of a field.
    #[error("`{{{0}}}` does not name a field of an item")]
    Field(String),
    /// A path that does not start at the base URL.
    #[error("a path starts with `/`")]
    NotRooted,
    /// `/` alone.
    #[error("a path names something below the base URL")]
    Bare,
    /// `?` or `#`.
    #[error("a path has no `{0}`")]
    Separator(char),
    /// `.` or `..`, as such or percent-encoded.
    #[error("a path has no `.` or `..` between its slashes")]
    Dots,
    /// `//` or `/` at the end.
    #[error("nothing stands between two slashes or behind the last")]
    EmptySegment,
    /// A space, a control character, `\\`.
    #[error("a path has no {0:?}")]
    Character(char),
}

impl TemplateError {
    /// What to do about it.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Braces => "a placeholder is the name of a field in braces: `{id}`",
            Self::Field(_) => "letters, digits and `_`, as in `{id}`; or a param, as in `{$params.kind}`",
            Self::NotRooted | Self::Bare => "write it like `/movie/{id}`, without the base URL",
            Self::Separator('?') => "parameters go into `query`, as in `query: {language: de}`",
            Self::Separator(_) => "what follows it belongs to a browser: leave it out",
            Self::Dots | Self::EmptySegment | Self::Character(_) => "write it like `/movie/{id}`",
        }
    }
}

impl PathTemplate {
    /// Reads text with placeholders, for a value of a query.
    pub(super) fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (literal, brace) = rest.split_at(at);
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            let inside = brace.strip_prefix('{').ok_or(TemplateError::Braces)?;
            let end = inside.find('}').ok_or(TemplateError::Braces)?;
            let name = &inside[..end];
            if name.contains('{') {
                return Err(TemplateError::Braces);
            }
            if !is_field(name) {
                return Err(TemplateError::Field(clip(name)));
            }
            parts.push(Part::Field(name.to_owned()));
            rest = &inside[end + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// Reads a path below the base URL.
    pub(super) fn parse_path(text: &str) -> Result<Self, TemplateError> {
        let template = Self::parse(text)?;
        if !text.starts_with('/') {
            return Err(TemplateError::NotRooted);
        }
        let mut segments = text[1..].split('/');
        if text.len() == 1 {
            return Err(TemplateError::Bare);
        }
        if let Some(character) = text.chars().find(|&c| c == '?' || c == '#') {
            return Err(TemplateError::Separator(character));
        }
        // A backslash is a slash to URL parsers, and a percent-encoded dot is a dot.
        if let Some(character) = text.chars().find(|&c| c == '\\' || c.is_whitespace() || c.is_control()) {
            return Err(TemplateError::Character(character));
        }
        if segments.clone().any(|segment| {
            let plain = segment.to_ascii_lowercase().replace("%2e", ".");
            plain == "." || plain == ".."
        }) {
            return Err(TemplateError::Dots);
        }
        if segments.any(str::is_empty) {
            return Err(TemplateError::EmptySegment);
        }
        Ok(template)
    }
}

/// Whether `name` can be a placeholder.
fn is_field(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_back_as_it_is_written() {
        for text in
            ["/movie/{id}", "/tv/{id}/season/{season}", "/discover/movie", "/a-{x}{y}.json", "/a...b/.c"]
        {
            let template = PathTemplate::parse_path(text).expect(text);
            assert_eq!(template.to_string(), text);
        }
        let template = PathTemplate::parse_path("/tv/{id}/season/{n}").expect("a path");
        assert_eq!(template.fields().collect::<Vec<_>>(), ["id", "n"]);
    }

    #[test]
    fn what_is_no_path_says_why() {
        use TemplateError as E;
        for (text, expected) in [
            ("movie/{id}", E::NotRooted),
            ("https://api.themoviedb.org/3/movie", E::NotRooted),
            ("", E::NotRooted),
            ("/", E::Bare),
            ("/movie/{id", E::Braces),
            ("/movie/id}", E::Braces),
            ("/movie/{{id}}", E::Braces),
            ("/movie/{}", E::Field(String::new())),
            ("/movie/{a.b}", E::Field("a.b".to_owned())),
            ("/movie?x=1", E::Separator('?')),
            ("/movie#x", E::Separator('#')),
            ("/a/../b", E::Dots),
            ("/a/%2E%2e", E::Dots),
            ("/a/.", E::Dots),
            ("/a//b", E::EmptySegment),
            ("/a/", E::EmptySegment),
            ("/a b", E::Character(' ')),
            ("/a\\..\\b", E::Character('\\')),
        ] {
            assert_eq!(PathTemplate::parse_path(text), Err(expected), "{text}");
        }
    }
}
