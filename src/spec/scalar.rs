//! Which value the text of a plain scalar stands for, by the core schema of YAML 1.2 (§10.3.2 of the
//! specification): `no`, `on` and `y` are strings.
//!
//! Belongs here: text to null, boolean, number or string. Does not belong here: quotes and escapes
//! (`yaml`), and which of these a key of the language takes (`decode`).

use std::fmt;

use super::fault::clip;

/// What the text of a scalar stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Core {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that fits 64 bits with a sign.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Everything else, and whatever is quoted.
    String,
}

impl Core {
    /// Reads the text of a plain scalar.
    pub(super) fn of(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "true" | "True" | "TRUE" => Self::Bool(true),
            "false" | "False" | "FALSE" => Self::Bool(false),
            ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Self::Float(f64::INFINITY),
            "-.inf" | "-.Inf" | "-.INF" => Self::Float(f64::NEG_INFINITY),
            ".nan" | ".NaN" | ".NAN" => Self::Float(f64::NAN),
            _ => integer(text).or_else(|| float(text)).unwrap_or(Self::String),
        }
    }
}

fn integer(text: &str) -> Option<Core> {
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let plain = digits.chars().all(|digit| digit.is_digit(radix));
            return i64::from_str_radix(digits, radix).ok().filter(|_| plain).map(Core::Int);
        }
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if plain { text.parse().ok().map(Core::Int) } else { None }
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn float(text: &str) -> Option<Core> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let holds = digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent));
    if holds { text.parse().ok().map(Core::Float) } else { None }
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Without quotes.
    Plain,
    /// In single or double quotes, or as a block.
    Quoted,
}

/// A scalar after decoding.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scalar {
    /// Its text, escapes and variables replaced.
    pub(super) text: String,
    /// How it was written.
    pub(super) style: Style,
    /// What it stands for.
    pub(super) core: Core,
    /// YAML ended it at a ` #` on its line.
    pub(super) cut: bool,
    /// Its fault is told already: what it should have been is not to be judged again.
    pub(super) broken: bool,
}

/// What it is, for "this is …".
impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.core {
            Core::Null => f.write_str("empty"),
            Core::Bool(_) => write!(f, "the boolean `{}`", self.text),
            Core::Int(_) | Core::Float(_) => write!(f, "the number `{}`", clip(&self.text)),
            Core::String if self.text.trim().is_empty() => f.write_str("empty text"),
            Core::String => f.write_str("text"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        for (text, core) in [
            ("", Core::Null),
            ("~", Core::Null),
            ("null", Core::Null),
            ("true", Core::Bool(true)),
            ("False", Core::Bool(false)),
            ("no", Core::String),
            ("on", Core::String),
            ("y", Core::String),
            ("12", Core::Int(12)),
            ("-7", Core::Int(-7)),
            ("+7", Core::Int(7)),
            ("007", Core::Int(7)),
            ("0x1F", Core::Int(31)),
            ("0o17", Core::Int(15)),
            ("0x-1", Core::String),
            ("0x", Core::String),
            ("1_000", Core::String),
            ("9223372036854775808", Core::Float(9_223_372_036_854_775_808.0)),
            ("1.", Core::Float(1.0)),
            (".5", Core::Float(0.5)),
            ("1e3", Core::Float(1000.0)),
            ("-1.5E-1", Core::Float(-0.15)),
            (".", Core::String),
            ("e3", Core::String),
            ("1e", Core::String),
            ("1..9", Core::String),
            ("-.inf", Core::Float(f64::NEG_INFINITY)),
            ("inf", Core::String),
            ("nan", Core::String),
            ("12:30", Core::String),
            ("2008-04-30", Core::String),
            ("+", Core::String),
        ] {
            assert_eq!(Core::of(text), core, "{text}");
        }
    }
}
