//! The one table of coercion: what of JSON fits which type. `docs/COERCION.md` says the same in words, and
//! each of its lines is a test (`tests/coercion.rs`).

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::Date;

use super::cell::Cell;
use crate::spec::ColumnType;

/// What became of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Coerced<T> {
    Value(T),
    Null,
    Mismatch,
}

use Coerced::{Mismatch, Null};

impl<T> From<Option<T>> for Coerced<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Mismatch, Self::Value)
    }
}

/// `bool`
pub(super) fn bool(cell: &Cell<'_>) -> Coerced<bool> {
    match cell {
        Cell::Null | Cell::Error => Null,
        Cell::Bool(bool) => Coerced::Value(*bool),
        _ => Mismatch,
    }
}

/// `int32`
pub(super) fn int32(cell: &Cell<'_>) -> Coerced<i32> {
    match int64(cell) {
        Coerced::Value(int) => i32::try_from(int).ok().into(),
        Null => Null,
        Mismatch => Mismatch,
    }
}

/// `int64`
pub(super) fn int64(cell: &Cell<'_>) -> Coerced<i64> {
    match cell {
        Cell::Null | Cell::Error => Null,
        Cell::Int(int) => Coerced::Value(*int),
        Cell::Float(float) => whole_float(*float).into(),
        Cell::Decimal(text) => whole_decimal(text).into(),
        _ => Mismatch,
    }
}

/// `float64`
pub(super) fn float64(cell: &Cell<'_>) -> Coerced<f64> {
    let float = match cell {
        Cell::Null | Cell::Error => return Null,
        #[expect(clippy::cast_precision_loss, reason = "the column is a float: the nearest one is the value")]
        Cell::Int(int) => *int as f64,
        Cell::Float(float) => *float,
        Cell::Decimal(text) => text.parse().unwrap_or(f64::NAN),
        _ => return Mismatch,
    };
    Some(float).filter(|float| float.is_finite()).into()
}

/// `string`
pub(super) fn string<'c>(cell: &'c Cell<'_>) -> Coerced<&'c str> {
    match cell {
        Cell::Null | Cell::Error => Null,
        Cell::Text(text) => Coerced::Value(text),
        _ => Mismatch,
    }
}

/// `json`
pub(super) fn json<'c>(cell: &'c Cell<'_>) -> Coerced<Cow<'c, str>> {
    match cell {
        Cell::Null | Cell::Error => Null,
        Cell::Many => Mismatch,
        cell => Coerced::Value(cell.text()),
    }
}

/// `date`: days since 1970-01-01
pub(super) fn date(cell: &Cell<'_>) -> Coerced<i32> {
    match cell {
        Cell::Null | Cell::Error => Null,
        Cell::Text(text) if text.is_empty() => Null,
        Cell::Text(text) => days(text).into(),
        _ => Mismatch,
    }
}

/// `timestamp`: microseconds since 1970-01-01T00:00:00Z
pub(super) fn timestamp(cell: &Cell<'_>) -> Coerced<i64> {
    match cell {
        Cell::Null | Cell::Error => Null,
        Cell::Text(text) if text.is_empty() => Null,
        Cell::Text(text) => instant(text).map(Timestamp::as_microsecond).into(),
        _ => Mismatch,
    }
}

/// `list<T>`
pub(super) fn list<'c, 'a>(cell: &'c Cell<'a>) -> Coerced<&'c [Cell<'a>]> {
    match cell {
        Cell::Null | Cell::Error => Null,
        Cell::List(elements) => Coerced::Value(elements),
        _ => Mismatch,
    }
}

/// `struct<…>`: the fields that are there, by their number
pub(super) fn structure<'c, 'a>(cell: &'c Cell<'a>) -> Coerced<&'c [(usize, Cell<'a>)]> {
    match cell {
        Cell::Null | Cell::Error => Null,
        Cell::Struct(fields) => Coerced::Value(fields),
        _ => Mismatch,
    }
}

/// The first value in `cell` that does not fit, with its type; `path` is where the cell stands, and leads to
/// the value afterwards.
pub(super) fn misfit<'c, 'a, 't>(
    cell: &'c Cell<'a>,
    column_type: &'t ColumnType,
    path: &mut String,
) -> Option<(&'c Cell<'a>, &'t ColumnType)> {
    let fits = match column_type {
        ColumnType::Bool => bool(cell) != Mismatch,
        ColumnType::Int32 => int32(cell) != Mismatch,
        ColumnType::Int64 => int64(cell) != Mismatch,
        ColumnType::Float64 => float64(cell) != Mismatch,
        ColumnType::String => string(cell) != Mismatch,
        ColumnType::Date => date(cell) != Mismatch,
        ColumnType::Timestamp => timestamp(cell) != Mismatch,
        ColumnType::Json => !matches!(cell, Cell::Many),
        ColumnType::List(_) => !matches!(list(cell), Mismatch),
        ColumnType::Struct(_) => !matches!(structure(cell), Mismatch),
    };
    if !fits {
        return Some((cell, column_type));
    }
    let length = path.len();
    let mut inside = |part: String, cell: &'c Cell<'a>, column_type: &'t ColumnType| {
        path.push_str(&part);
        let found = misfit(cell, column_type, path);
        if found.is_none() {
            path.truncate(length);
        }
        found
    };
    match (cell, column_type) {
        (Cell::List(elements), ColumnType::List(element_type)) => {
            let mut elements = elements.iter().enumerate();
            elements.find_map(|(index, element)| inside(format!("[{index}]"), element, element_type))
        }
        (Cell::Struct(members), ColumnType::Struct(fields)) => members.iter().find_map(|(number, member)| {
            let field = &fields[*number];
            inside(format!(".{}", field.name), member, &field.column_type)
        }),
        _ => None,
    }
}

fn whole_float(float: f64) -> Option<i64> {
    // Both bounds are floats: -2^63 is one, and 2^63 is the first float that does not fit.
    let fits =
        float.fract() == 0.0 && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&float);
    #[expect(clippy::cast_possible_truncation, reason = "whole and within the bounds of i64")]
    fits.then_some(float as i64)
}

/// The whole number that a JSON number such as `7.0` or `7e2` is, without rounding; `None` if it is none.
fn whole_decimal(text: &str) -> Option<i64> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() && whole.bytes().all(|digit| digit == b'0') {
        return Some(0);
    }
    // An exponent beyond i32 makes any number but zero too large, or no whole number.
    let exponent: i32 = exponent.parse().ok()?;
    let mut shift = i64::from(exponent) - i64::try_from(fraction.len()).ok()?;
    let mut value = 0_i128;
    let mut zeros = 0_u32;
    for digit in whole.bytes().chain(fraction.bytes()) {
        if digit == b'0' {
            zeros += 1;
            continue;
        }
        value = value.checked_mul(10_i128.checked_pow(zeros + 1)?)?.checked_add(i128::from(digit - b'0'))?;
        zeros = 0;
    }
    shift += i64::from(zeros);
    let value = value.checked_mul(10_i128.checked_pow(u32::try_from(shift).ok()?)?)?;
    i64::try_from(if negative { -value } else { value }).ok()
}

/// Days since 1970-01-01 of `YYYY-MM-DD`, alone or before the time of a timestamp.
fn days(text: &str) -> Option<i32> {
    const EPOCH: Date = Date::constant(1970, 1, 1);
    if text.len() > 10 {
        instant(text)?;
    }
    let date = civil(text.as_bytes().get(..10)?)?;
    i32::try_from(date.duration_since(EPOCH).as_secs() / 86_400).ok()
}

/// `YYYY-MM-DD`, a day that the calendar has.
fn civil(text: &[u8]) -> Option<Date> {
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_i16, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + i16::from(digit - b'0'))
        })
    };
    let [_, _, _, _, b'-', _, _, b'-', _, _] = text else { return None };
    let (month, day) = (i8::try_from(number(&text[5..7])?).ok()?, i8::try_from(number(&text[8..])?).ok()?);
    Date::new(number(&text[..4])?, month, day).ok()
}

/// RFC 3339, or TMDB's `2023-04-08 16:35:05 UTC` (the lists of changes).
fn instant(text: &str) -> Option<Timestamp> {
    let utc;
    let text = match text.strip_suffix(" UTC") {
        Some(local) => {
            utc = format!("{local}Z");
            &utc
        }
        None => text,
    };
    // jiff reads more than RFC 3339 has (zones in brackets, times without minutes): keep to the RFC.
    let bytes = text.as_bytes();
    civil(bytes.get(..10)?)?;
    let (b'T' | b't' | b' ') = bytes.get(10)? else { return None };
    let [_, _, b':', _, _, b':', _, _, ..] = bytes.get(11..)? else { return None };
    let offset = match bytes {
        [.., b'Z' | b'z'] => 1,
        [.., b'+' | b'-', _, _, b':', _, _] => 6,
        _ => return None,
    };
    let plain = bytes[11..bytes.len() - offset]
        .iter()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_found_without_rounding() {
        for (text, expected) in [
            ("7.0", Some(7)),
            ("-7.000", Some(-7)),
            ("7.5", None),
            ("7e2", Some(700)),
            ("1200e-2", Some(12)),
            ("1205e-2", None),
            ("0e999999999999", Some(0)),
            ("0.0e-5", Some(0)),
            ("1e999999999999", None),
            ("1e-999999999999", None),
            ("9007199254740993.0", Some(9_007_199_254_740_993)),
            ("9223372036854775807.0", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("-9223372036854775808.0", Some(i64::MIN)),
            ("1000000000000000000000000000000000000000000000e-44", Some(10)),
        ] {
            assert_eq!(whole_decimal(text), expected, "{text}");
        }
        for (float, expected) in [
            (7.0, Some(7)),
            (7.5, None),
            (f64::NAN, None),
            (1e19, None),
            (-2_f64.powi(63), Some(i64::MIN)),
            (2_f64.powi(63), None),
        ] {
            assert_eq!(whole_float(float), expected, "{float}");
        }
    }

    #[test]
    fn days_before_and_after_the_epoch_are_counted() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("1969-12-31", Some(-1)),
            ("2000-02-29", Some(11_016)),
            ("1900-02-29", None),
            ("0001-01-01", Some(-719_162)),
            ("9999-12-31", Some(2_932_896)),
        ] {
            assert_eq!(days(text), expected, "{text}");
        }
    }
}
