//! The small languages inside scalars that have no type of their own: durations, ranges, percentages,
//! names. Text in, value or reason out; places and messages around it are the callers'.

use std::time::Duration;

use thiserror::Error;

use super::super::language::NAME_BYTES_MAX;

/// Why a text is not a duration.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum DurationError {
    /// A number alone.
    #[error("a duration needs its unit")]
    NoUnit,
    /// Anything else.
    #[error("a duration is a whole number and a unit")]
    Malformed,
}

/// Reads `250ms`, `10s`, `2m`, `8h`, `30d`.
pub(super) fn duration(text: &str) -> Result<Duration, DurationError> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().map_err(|_| DurationError::Malformed)?;
    let ms_per_unit = match text[digits..].trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" => return Err(DurationError::NoUnit),
        _ => return Err(DurationError::Malformed),
    };
    number.checked_mul(ms_per_unit).map(Duration::from_millis).ok_or(DurationError::Malformed)
}

/// The duration that somebody meant by `1.5m`, `1h30m`, `10 seconds` or `2 weeks`.
pub(super) fn meant(text: &str) -> Option<Duration> {
    let mut total_ms = 0.0;
    let mut rest = text.trim();
    for _ in 0..4 {
        if rest.is_empty() {
            break;
        }
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, behind) = rest.split_at(digits);
        let behind = behind.trim_start();
        let letters = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(letters);
        let ms_per_unit = match unit.to_ascii_lowercase().as_str() {
            "ms" | "millis" | "milliseconds" => 1.0,
            "s" | "sec" | "secs" | "second" | "seconds" => 1e3,
            "m" | "min" | "mins" | "minute" | "minutes" => 6e4,
            "h" | "hr" | "hour" | "hours" => 3.6e6,
            "d" | "day" | "days" => 8.64e7,
            "w" | "week" | "weeks" => 6.048e8,
            _ => return None,
        };
        total_ms += number.parse::<f64>().ok()? * ms_per_unit;
        rest = behind.trim_start();
    }
    // Beyond a year nobody meant it.
    let whole = rest.is_empty() && total_ms.fract() == 0.0 && (1.0..3.2e10).contains(&total_ms);
    whole.then(|| Duration::from_secs_f64(total_ms / 1e3))
}

/// `text` as a duration of this language reads, for hints and bounds.
pub(in super::super) fn duration_text(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        _ if ms > 86_400_000 && ms.is_multiple_of(86_400_000) => format!("{}d", ms / 86_400_000),
        _ if ms >= 3_600_000 && ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms >= 60_000 && ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ if ms >= 1_000 && ms.is_multiple_of(1_000) => format!("{}s", ms / 1_000),
        _ => format!("{ms}ms"),
    }
}

/// Why a text is not a size.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum SizeError {
    /// A number alone.
    #[error("a size needs its unit")]
    NoUnit,
    /// Anything else.
    #[error("a size is a whole number and a unit")]
    Malformed,
}

/// Reads `512KiB`, `128MiB`, `1GiB`.
pub(super) fn size(text: &str) -> Result<u64, SizeError> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().map_err(|_| SizeError::Malformed)?;
    let bytes_per_unit: u64 = match text[digits..].trim_start() {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "" => return Err(SizeError::NoUnit),
        _ => return Err(SizeError::Malformed),
    };
    number.checked_mul(bytes_per_unit).ok_or(SizeError::Malformed)
}

/// The size that somebody meant by `128MB`, `128 mib`, `128M` or `1g`, as this language writes it.
pub(super) fn meant_size(text: &str) -> Option<String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim_start().to_ascii_lowercase().as_str() {
        "k" | "kb" | "kib" => "KiB",
        "m" | "mb" | "mib" => "MiB",
        "g" | "gb" | "gib" => "GiB",
        _ => return None,
    };
    Some(format!("{number}{unit}"))
}

/// `bytes` as a size of this language reads, for bounds.
pub(crate) fn size_text(bytes: u64) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 30) => format!("{}GiB", bytes >> 30),
        _ if bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        _ => format!("{}KiB", bytes >> 10),
    }
}

/// Why a text is not a range.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum RangeError {
    /// Not two whole numbers with two dots.
    #[error("a range is two whole numbers with `..` between them")]
    Malformed,
    /// The first is above the last.
    #[error("the first number of a range is at most its last")]
    Backwards,
}

/// Reads `1..1000`, both ends included.
pub(super) fn range(text: &str) -> Result<(i64, i64), RangeError> {
    let (first, last) = text.split_once("..").ok_or(RangeError::Malformed)?;
    let number = |text: &str| -> Result<i64, RangeError> {
        let text = text.trim();
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if plain { text.parse().map_err(|_| RangeError::Malformed) } else { Err(RangeError::Malformed) }
    };
    let (first, last) = (number(first)?, number(last)?);
    if first > last { Err(RangeError::Backwards) } else { Ok((first, last)) }
}

/// Reads `1%`, `0.5 %`: 0 to 100.
pub(super) fn percent(text: &str) -> Option<f64> {
    let number = text.trim().strip_suffix('%')?.trim_end();
    let plain = number.starts_with(|first: char| first.is_ascii_digit())
        && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = number.parse().ok().filter(|_| plain)?;
    (0.0..=100.0).contains(&number).then_some(number)
}

/// `[a-z0-9_-]+`: the name of a pipeline.
pub(crate) fn is_pipeline_name(text: &str) -> bool {
    let letter =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(letter)
}

/// `[a-z][a-z0-9_]*`: the name of a stage.
pub(super) fn is_stage_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && is_pipeline_name(text)
        && !text.contains('-')
}

/// `[A-Za-z_][A-Za-z0-9_]*`: what jq takes behind `.` and `$`.
pub(in crate::spec) fn is_identifier(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The name of a stage nearest to what was written: in small letters, with `_` for the rest.
pub(super) fn as_name(text: &str) -> Option<String> {
    let name: String = text
        .chars()
        .take(NAME_BYTES_MAX)
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    Some(name).filter(|name| is_stage_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (text, expected) in [
            ("250ms", Ok(250)),
            ("10s", Ok(10_000)),
            ("10 s", Ok(10_000)),
            ("2m", Ok(120_000)),
            ("8h", Ok(28_800_000)),
            ("0s", Ok(0)),
            ("10", Err(DurationError::NoUnit)),
            ("s", Err(DurationError::Malformed)),
            ("", Err(DurationError::Malformed)),
            ("1.5s", Err(DurationError::Malformed)),
            ("-1s", Err(DurationError::Malformed)),
            ("30d", Ok(2_592_000_000)),
            ("1w", Err(DurationError::Malformed)),
            ("1m30s", Err(DurationError::Malformed)),
            ("99999999999999999999s", Err(DurationError::Malformed)),
            ("18446744073709551615h", Err(DurationError::Malformed)),
        ] {
            assert_eq!(duration(text), expected.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn a_duration_reads_back_as_it_is_written() {
        for text in ["250ms", "10s", "90s", "2m", "8h", "24h", "30d", "1500ms"] {
            assert_eq!(duration(text).map(duration_text), Ok(text.to_owned()));
        }
    }

    #[test]
    fn ranges_include_both_ends() {
        for (text, expected) in [
            ("1..1000", Ok((1, 1000))),
            ("7..7", Ok((7, 7))),
            ("1 .. 3", Ok((1, 3))),
            ("3..1", Err(RangeError::Backwards)),
            ("1...3", Err(RangeError::Malformed)),
            ("1..=3", Err(RangeError::Malformed)),
            ("1-3", Err(RangeError::Malformed)),
            ("..3", Err(RangeError::Malformed)),
            ("-1..3", Err(RangeError::Malformed)),
            ("1..99999999999999999999", Err(RangeError::Malformed)),
        ] {
            assert_eq!(range(text), expected, "{text}");
        }
    }

    #[test]
    fn percentages_lie_between_0_and_100() {
        for (text, expected) in [
            ("1%", Some(1.0)),
            ("0.5 %", Some(0.5)),
            ("100%", Some(100.0)),
            ("101%", None),
            ("-1%", None),
            ("1", None),
            ("%", None),
            ("inf%", None),
            ("1e1%", None),
        ] {
            assert_eq!(percent(text), expected, "{text}");
        }
    }

    #[test]
    fn names_are_small_letters_digits_and_signs() {
        for (text, pipeline, stage) in [
            ("marvel", true, true),
            ("marvel-2", true, false),
            ("2fast", true, false),
            ("a_1", true, true),
            ("Marvel", false, false),
            ("", false, false),
            ("a.b", false, false),
            ("é", false, false),
        ] {
            assert_eq!((is_pipeline_name(text), is_stage_name(text)), (pipeline, stage), "{text}");
        }
        assert_eq!(as_name("Top Films").as_deref(), Some("top_films"));
        assert_eq!(as_name("2fast"), None);
    }
}
