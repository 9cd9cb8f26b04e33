//! JSON values as jq holds them: read, written, converted.
//!
//! Numbers keep the text that they came as until something calculates with them: what a body says is what
//! a column gets, unrounded.
//!
//! Invariant: [`Json::to_bytes`] writes valid, minified JSON for every value, also for those that JSON has
//! no word for (NaN and the infinities become null, as in jq).

use bytes::Bytes;
use jaq_json::{Map, Num, Val};
use serde_json::{Number, Value};

use super::scan::{JsonFault, Kind, Scanner};

/// Integers with more digits than this are kept as text, as reading them costs time that grows faster
/// than they do.
const INTEGER_DIGITS_MAX: usize = 400;

/// A JSON value on one thread; cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct Json(pub(crate) Val);

impl Json {
    /// Reads one JSON value that must be the whole of `text`. The last of duplicate keys holds, a lone
    /// surrogate reads as U+FFFD.
    pub fn parse(text: &[u8]) -> Result<Self, JsonFault> {
        let text = std::str::from_utf8(text).map_err(|error| JsonFault { at: error.valid_up_to() })?;
        let mut scanner = Scanner::new(text);
        let val = read(&mut scanner)?;
        scanner.end()?;
        Ok(Self(val))
    }

    /// Whether [`Json::parse`] reads `text`, without building anything.
    pub fn check(text: &[u8]) -> Result<(), JsonFault> {
        let text = std::str::from_utf8(text).map_err(|error| JsonFault { at: error.valid_up_to() })?;
        let mut scanner = Scanner::new(text);
        scanner.skip()?;
        scanner.end()
    }

    /// The same value, from serde_json's tree.
    pub fn from_value(value: &Value) -> Self {
        Self(val_from(value))
    }

    /// The same value as serde_json's tree. A number that no `f64` can hold becomes null.
    pub fn to_value(&self) -> Value {
        value_from(&self.0)
    }

    /// Minified JSON text.
    pub fn to_bytes(&self) -> Bytes {
        Bytes::from(self.to_text())
    }

    /// Minified JSON text.
    pub(crate) fn to_text(&self) -> String {
        let mut out = String::new();
        write(&mut out, &self.0);
        out
    }

    /// A field of an object.
    pub fn field(&self, name: &str) -> Option<Self> {
        match &self.0 {
            Val::Obj(fields) => fields.get(&string(name)).cloned().map(Self),
            _ => None,
        }
    }

    /// Is it an object?
    pub fn is_object(&self) -> bool {
        matches!(self.0, Val::Obj(_))
    }
}

/// A text string.
pub(super) fn string(text: &str) -> Val {
    Val::utf8_str(Bytes::copy_from_slice(text.as_bytes()))
}

/// Reads the next value.
pub(super) fn read(scanner: &mut Scanner<'_>) -> Result<Val, JsonFault> {
    Ok(match scanner.peek()? {
        Kind::Null => {
            scanner.null()?;
            Val::Null
        }
        Kind::Bool => Val::Bool(scanner.bool()?),
        Kind::Number => Val::Num(number(scanner.number()?)),
        Kind::String => string(&scanner.string()?),
        Kind::Array => {
            let mut elements = Vec::new();
            scanner.array(|scanner| {
                elements.push(read(scanner)?);
                Ok::<_, JsonFault>(())
            })?;
            Val::Arr(elements.into())
        }
        Kind::Object => {
            let mut fields = Map::default();
            scanner.object(|scanner, key| {
                fields.insert(string(&key), read(scanner)?);
                Ok::<_, JsonFault>(())
            })?;
            Val::obj(fields)
        }
    })
}

/// A number of JSON as jq's number.
fn number(text: &str) -> Num {
    if let Ok(int) = text.parse::<isize>() {
        return Num::Int(int);
    }
    let integer = text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
    if integer
        && text.len() <= INTEGER_DIGITS_MAX
        && let Some(number) = Num::from_str_radix(text, 10)
    {
        return number;
    }
    Num::Dec(text.to_owned().into())
}

fn val_from(value: &Value) -> Val {
    match value {
        Value::Null => Val::Null,
        Value::Bool(bool) => Val::Bool(*bool),
        Value::Number(number) => Val::Num(match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(int), ..) => Num::from_integral(int),
            (_, Some(int), _) => Num::from_integral(int),
            (.., float) => Num::Float(float.unwrap_or(f64::NAN)),
        }),
        Value::String(text) => string(text),
        Value::Array(elements) => Val::Arr(elements.iter().map(val_from).collect::<Vec<_>>().into()),
        Value::Object(fields) => {
            Val::obj(fields.iter().map(|(key, value)| (string(key), val_from(value))).collect())
        }
    }
}

fn value_from(val: &Val) -> Value {
    match val {
        Val::Null => Value::Null,
        Val::Bool(bool) => Value::Bool(*bool),
        Val::Num(Num::Int(int)) => Value::from(*int),
        Val::Num(Num::BigInt(int)) => match u64::try_from(&**int) {
            Ok(int) => Value::from(int),
            Err(_) => float_value(int.to_string().parse().unwrap_or(f64::NAN)),
        },
        Val::Num(Num::Float(float)) => float_value(*float),
        Val::Num(Num::Dec(text)) => float_value(text.parse().unwrap_or(f64::NAN)),
        Val::BStr(bytes) | Val::TStr(bytes) => Value::String(String::from_utf8_lossy(bytes).into_owned()),
        Val::Arr(elements) => Value::Array(elements.iter().map(value_from).collect()),
        Val::Obj(fields) => {
            Value::Object(fields.iter().map(|(key, value)| (key_text(key), value_from(value))).collect())
        }
    }
}

fn float_value(float: f64) -> Value {
    Number::from_f64(float).map_or(Value::Null, Value::Number)
}

/// The key as JSON can have it: jq's objects may have keys that are no strings.
fn key_text(key: &Val) -> String {
    match key {
        Val::BStr(bytes) | Val::TStr(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => {
            let mut text = String::new();
            write(&mut text, other);
            text
        }
    }
}

/// Appends `val` as minified JSON.
fn write(out: &mut String, val: &Val) {
    match val {
        Val::Null => out.push_str("null"),
        Val::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
        Val::Num(Num::Float(float)) => write_float(out, *float),
        Val::Num(number) => out.push_str(&number.to_string()),
        Val::BStr(bytes) | Val::TStr(bytes) => write_string(out, &String::from_utf8_lossy(bytes)),
        Val::Arr(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(out, element);
            }
            out.push(']');
        }
        Val::Obj(fields) => {
            out.push('{');
            for (index, (key, value)) in fields.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(out, &key_text(key));
                out.push(':');
                write(out, value);
            }
            out.push('}');
        }
    }
}

/// Appends a float; null where it is not finite.
pub(crate) fn write_float(out: &mut String, float: f64) {
    match Number::from_f64(float) {
        Some(number) => out.push_str(&number.to_string()),
        None => out.push_str("null"),
    }
}

/// Appends a string in quotes.
pub(crate) fn write_string(out: &mut String, text: &str) {
    out.push_str(&serde_json::to_string(text).expect("a string is always JSON"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_survives_reading_and_writing() {
        for (text, expected) in [
            (" [ 1 , 7.10 , 1e400 , -0 , -0.0 ] ", "[1,7.10,1e400,0,-0.0]"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
            (r#""\ud800 \u00e9 \u0000""#, "\"\u{fffd} é \\u0000\""),
        ] {
            assert_eq!(Json::parse(text.as_bytes()).unwrap().to_text(), expected, "{text}");
        }
        let long = "1".repeat(100_000);
        assert_eq!(Json::parse(long.as_bytes()).unwrap().to_text(), long);
    }

    #[test]
    fn values_that_json_has_no_word_for_are_written_as_valid_json() {
        let odd = Val::obj(
            [(Val::from(1_usize), Val::from(f64::NAN)), (Val::Null, Val::byte_str("é"))]
                .into_iter()
                .collect(),
        );
        assert_eq!(Json(odd).to_text(), r#"{"1":null,"null":"é"}"#);
    }

    proptest! {
        #[test]
        fn trees_survive_both_directions(text in r#"\[("[a-z\\n]{0,4}"|-?[1-9][0-9]{0,17}|null|true|\{"k":\[\]\})?\]"#) {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                let json = Json::parse(text.as_bytes()).unwrap();
                prop_assert_eq!(json.to_value(), value.clone());
                prop_assert_eq!(Json::from_value(&value).to_text(), serde_json::to_string(&value).unwrap());
            }
        }
    }
}
