//! What varies: `movies.concurrency=1,2,4`, and every combination of several.

use std::str::FromStr;

use crate::spec::Change;

/// Most combinations: each is a run of its own.
pub const COMBINATIONS_MAX: usize = 256;

/// A setting and the values that are tried, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variation {
    /// `STAGE.SETTING` or `api.SETTING`.
    pub setting: String,
    /// Different values, at least one.
    pub values: Vec<String>,
}

/// Why a text is no variation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariationError {
    /// No `=`, or nothing on one side.
    #[error("it is like `movies.concurrency=1,2,4` or `api.rate=10/s,40/s`")]
    Malformed,
    /// A value twice.
    #[error("`{0}` stands there twice")]
    Twice(String),
}

impl FromStr for Variation {
    type Err = VariationError;

    fn from_str(text: &str) -> Result<Self, VariationError> {
        let (setting, values) = text.split_once('=').ok_or(VariationError::Malformed)?;
        let values = split(values);
        if setting.trim().is_empty() || values.iter().any(String::is_empty) {
            return Err(VariationError::Malformed);
        }
        if let Some(twice) = values.iter().enumerate().find(|(index, value)| values[..*index].contains(value))
        {
            return Err(VariationError::Twice(twice.1.clone()));
        }
        Ok(Self { setting: setting.trim().to_owned(), values })
    }
}

/// Parts between commas, but for those within brackets.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_i32;
    for c in text.chars() {
        depth += i32::from(matches!(c, '{' | '[')) - i32::from(matches!(c, '}' | ']'));
        match parts.last_mut() {
            Some(part) if c != ',' || depth > 0 => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).collect()
}

/// Every combination, the last variation changing first; `None` if there are more than [`COMBINATIONS_MAX`].
pub fn combinations(variations: &[Variation]) -> Option<Vec<Vec<Change>>> {
    let count =
        variations.iter().try_fold(1_usize, |count, variation| count.checked_mul(variation.values.len()));
    if count.is_none_or(|count| count > COMBINATIONS_MAX) {
        return None;
    }
    let mut all: Vec<Vec<Change>> = vec![Vec::new()];
    for variation in variations {
        let with = |before: &Vec<Change>| {
            let before = before.clone();
            variation
                .values
                .iter()
                .map(move |value| {
                    let change = Change { setting: variation.setting.clone(), value: value.clone() };
                    before.iter().cloned().chain([change]).collect()
                })
                .collect::<Vec<Vec<Change>>>()
        };
        all = all.iter().flat_map(with).collect();
    }
    Some(all)
}

/// How much a value asks for: the number in it, in a second where it is a rate; words have none.
pub(super) fn size(value: &str) -> Option<f64> {
    let value = value.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = value.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(value.len());
    let number: f64 = value[..end].parse().ok()?;
    let unit = value[end..].trim_start();
    let scale = match () {
        () if unit.starts_with("/m") => 1.0 / 60.0,
        () if unit.starts_with("/h") => 1.0 / 3600.0,
        () if unit.starts_with("ms") => 0.001,
        () if unit.starts_with("KiB") => 1024.0,
        () if unit.starts_with("MiB") => 1_048_576.0,
        () if unit.starts_with("GiB") => 1_073_741_824.0,
        () => 1.0,
    };
    Some(number * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variations_are_read_from_text() {
        let values = |text: &str| text.parse::<Variation>().map(|variation| variation.values);
        assert_eq!(values("movies.concurrency=1, 2,auto").unwrap(), ["1", "2", "auto"]);
        assert_eq!(
            values("m.rate={share: 25%, limit: 9/s},none").unwrap(),
            ["{share: 25%, limit: 9/s}", "none"]
        );
        assert_eq!(values("movies.concurrency"), Err(VariationError::Malformed));
        assert_eq!(values("movies.concurrency=1,,2"), Err(VariationError::Malformed));
        assert_eq!(values("=1"), Err(VariationError::Malformed));
        assert_eq!(values("a.b=1,2,1"), Err(VariationError::Twice("1".into())));
    }

    #[test]
    fn every_combination_is_there_once() {
        let variations: Vec<Variation> =
            ["a.x=1,2", "b.y=3,4,5"].iter().map(|text| text.parse().unwrap()).collect();
        let all = combinations(&variations).expect("six");
        let texts: Vec<String> =
            all.iter().map(|changes| changes.iter().map(|change| change.value.as_str()).collect()).collect();
        assert_eq!(texts, ["13", "14", "15", "23", "24", "25"]);
        let many = Variation { setting: "a.x".into(), values: (0..257).map(|n| n.to_string()).collect() };
        assert_eq!(combinations(&[many]), None);
    }

    #[test]
    fn values_have_a_size_where_they_have_a_number() {
        for (value, expect) in [
            ("16", Some(16.0)),
            ("10/s", Some(10.0)),
            ("600/m", Some(10.0)),
            ("auto", None),
            ("64MiB", Some(67_108_864.0)),
            ("{limit: 5/s}", Some(5.0)),
        ] {
            assert_eq!(size(value), expect, "{value}");
        }
    }
}
