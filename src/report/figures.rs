//! Numbers as people read them: `1,204`, `14.2 KiB`, `52 ms`, `1 min 12 s`.

use std::time::Duration;

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "rates and shares need no more than 53 bits")]
pub(super) fn real(count: u64) -> f64 {
    count as f64
}

/// With a comma between thousands.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 row`, `2 rows`: `word` is the plural.
pub fn counted(number: u64, word: &str) -> String {
    let word = if number == 1 { word.strip_suffix('s').unwrap_or(word) } else { word };
    format!("{} {word}", count(number))
}

/// A size in bytes.
pub fn bytes(number: u64) -> String {
    let mut size = real(number);
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 1024.0 {
            return if unit == "B" { format!("{number} B") } else { format!("{size:.1} {unit}") };
        }
        size /= 1024.0;
    }
    format!("{size:.1} TiB")
}

/// A share of 1 as `97 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// A time from a tenth of a millisecond to hours.
pub(super) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 if !time.as_micros().is_multiple_of(1000) && time.as_millis() < 10 => {
            format!("{:.1} ms", time.as_secs_f64() * 1000.0)
        }
        0 => format!("{} ms", time.as_millis()),
        1..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        for (number, expect) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), expect);
        }
        for (number, expect) in [(0, "0 rows"), (1, "1 row"), (1200, "1,200 rows")] {
            assert_eq!(counted(number, "rows"), expect);
        }
        for (number, expect) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 << 30, "3.0 GiB")] {
            assert_eq!(bytes(number), expect);
        }
        assert_eq!(time(Duration::from_micros(430)), "0.4 ms");
        for (ms, expect) in [
            (0, "0 ms"),
            (52, "52 ms"),
            (1_240, "1.2 s"),
            (12_900, "12 s"),
            (72_000, "1 min 12 s"),
            (3_720_000, "1 h 2 min"),
        ] {
            assert_eq!(time(Duration::from_millis(ms)), expect);
        }
    }
}
