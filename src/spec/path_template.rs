//! `path` and `query` values: text with `{field}` placeholders that an item fills.

use std::fmt;

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
