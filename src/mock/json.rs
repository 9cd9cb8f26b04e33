//! Writing JSON text straight into a buffer, in the order of TMDB's fields.
//!
//! A body of the embedded API is written once and thrown away, so no tree is built. Commas follow from
//! the last byte written: whoever uses this only opens, puts and closes.

use std::fmt::Write as _;

/// A JSON text under construction: minified, raw UTF-8, `/` and `&` as they are, as TMDB sends it.
#[derive(Debug, Default)]
pub(super) struct Json(String);

impl Json {
    pub(super) fn new() -> Self {
        Self(String::with_capacity(4096))
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }

    fn separate(&mut self) {
        if !matches!(self.0.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.0.push(',');
        }
    }

    /// The name of the next value.
    pub(super) fn key(&mut self, name: &str) -> &mut Self {
        self.separate();
        self.0.push('"');
        self.0.push_str(name);
        self.0.push_str("\":");
        self
    }

    /// `{ … }` around whatever `fill` writes.
    pub(super) fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        self.separate();
        self.0.push('{');
        fill(self);
        self.0.push('}');
    }

    /// `[ … ]` around whatever `fill` writes.
    pub(super) fn array(&mut self, fill: impl FnOnce(&mut Self)) {
        self.separate();
        self.0.push('[');
        fill(self);
        self.0.push(']');
    }

    pub(super) fn null(&mut self) {
        self.separate();
        self.0.push_str("null");
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.separate();
        self.0.push_str(if value { "true" } else { "false" });
    }

    pub(super) fn int(&mut self, value: impl Into<u64>) {
        self.separate();
        let mut value = value.into();
        let mut digits = [0_u8; 20];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b'0' + u8::try_from(value % 10).expect("a digit");
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.0.push_str(std::str::from_utf8(&digits[start..]).expect("digits are ASCII"));
    }

    /// `units` / 10 000 with no more decimals than needed and at least one: TMDB's floats never look
    /// like integers.
    pub(super) fn decimal(&mut self, units: u32) {
        self.separate();
        let mut decimals = units % 10_000;
        let mut width = 4;
        while width > 1 && decimals.is_multiple_of(10) {
            decimals /= 10;
            width -= 1;
        }
        self.write(format_args!("{}.{decimals:0width$}", units / 10_000));
    }

    pub(super) fn str(&mut self, text: &str) {
        self.separate();
        self.0.push('"');
        self.escape(text);
        self.0.push('"');
    }

    /// A string with nothing in it to escape, from format arguments.
    pub(super) fn plain(&mut self, text: std::fmt::Arguments<'_>) {
        self.separate();
        self.0.push('"');
        self.write(text);
        self.0.push('"');
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("a String takes everything");
    }

    fn escape(&mut self, text: &str) {
        let mut from = 0;
        for (at, byte) in text.bytes().enumerate() {
            let escaped = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                b'\n' => "\\n",
                b'\r' => "\\r",
                b'\t' => "\\t",
                0..=0x1F => "",
                _ => continue,
            };
            self.0.push_str(&text[from..at]);
            if escaped.is_empty() {
                self.write(format_args!("\\u{byte:04x}"));
            } else {
                self.0.push_str(escaped);
            }
            from = at + 1;
        }
        self.0.push_str(&text[from..]);
    }

    pub(super) fn put_int(&mut self, name: &str, value: impl Into<u64>) {
        self.key(name).int(value);
    }

    pub(super) fn put_bool(&mut self, name: &str, value: bool) {
        self.key(name).bool(value);
    }

    pub(super) fn put_str(&mut self, name: &str, value: &str) {
        self.key(name).str(value);
    }

    pub(super) fn put_decimal(&mut self, name: &str, units: u32) {
        self.key(name).decimal(units);
    }

    pub(super) fn put_null(&mut self, name: &str) {
        self.key(name).null();
    }

    pub(super) fn put_option(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.put_str(name, value),
            None => self.put_null(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_back_as_they_went_in() {
        for text in ["", "plain", "\"\\\r\n\t\u{1}\u{1f}", "e\u{301} 𠮷 & / <b>"] {
            let mut json = Json::new();
            json.str(text);
            let back: String = serde_json::from_slice(&json.into_bytes()).unwrap();
            assert_eq!(back, text);
        }
    }

    #[test]
    fn decimals_are_short_and_never_integers() {
        let check = |units, expect: &str| {
            let mut json = Json::new();
            json.decimal(units);
            assert_eq!(String::from_utf8(json.into_bytes()).unwrap(), expect);
        };
        check(0, "0.0");
        check(62_441, "6.2441");
        check(53_330, "5.333");
        check(70_000, "7.0");
        check(1_896, "0.1896");
        check(700, "0.07");
    }

    #[test]
    fn commas_stand_between_values_only() {
        let mut json = Json::new();
        json.object(|json| {
            json.put_int("a", 10_u32);
            json.key("b").array(|json| {
                json.object(|_| ());
                json.null();
                json.bool(true);
            });
            json.put_str("c", "");
        });
        let text = String::from_utf8(json.into_bytes()).unwrap();
        assert_eq!(text, r#"{"a":10,"b":[{},null,true],"c":""}"#);
    }
}
