//! Finds what looks like a credential in text, and hides it.
//!
//! The credential comes from the environment and is never in the file (DESIGN §2: it appears in no
//! message). Belongs here: the shapes of TMDB's credentials, a JWT (`eyJ…`, the "API Read Access Token")
//! and the value of an `api_key`. Does not belong here: where the real credential comes from.

use std::borrow::Cow;
use std::ops::Range;

/// Shortest text after `eyJ` or `bearer` that is taken for a token; real ones have some 200 characters.
const TOKEN_BYTES_MIN: usize = 16;
/// Shortest value of an `api_key` that is taken for a key; real ones have 32 characters.
const KEY_BYTES_MIN: usize = 12;

/// Variables of the environment that hold the credential.
pub(super) const VARIABLES: [&str; 2] = ["TMDB_TOKEN", "TMDB_API_KEY"];

/// What to do about a credential in the file.
pub(super) const HINT: &str =
    "the credential is never in the file: set TMDB_TOKEN or TMDB_API_KEY in the environment";

/// Names of query parameters that carry a credential.
pub(super) const PARAMETERS: [&str; 5] =
    ["api_key", "apikey", "access_token", "session_id", "guest_session_id"];

/// The places in `text` that look like a credential, in order, without overlap.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if let Some(place) = token(bytes, at).or_else(|| key(bytes, at)) {
            at = place.end;
            found.push(place);
        } else {
            at += 1;
        }
    }
    found
}

/// `text` with whatever [`find`] finds replaced by as many `*`.
pub(super) fn mask(text: &str) -> Cow<'_, str> {
    let places = find(text);
    if places.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(mask_places(text, &places)) }
}

/// `text` with `places` (on character boundaries) replaced by as many `*` as they have bytes, so that
/// places behind them stay true.
pub(super) fn mask_places(text: &str, places: &[Range<usize>]) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for place in places {
        let start = place.start.max(at);
        if start >= place.end {
            continue;
        }
        masked.push_str(&text[at..start]);
        masked.extend(std::iter::repeat_n('*', place.end - start));
        at = place.end;
    }
    masked.push_str(&text[at..]);
    masked
}

/// A JWT that starts at `at`.
fn token(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    if !bytes[at..].starts_with(b"eyJ") || (at > 0 && bytes[at - 1].is_ascii_alphanumeric()) {
        return None;
    }
    let end = run(bytes, at);
    (end - at >= TOKEN_BYTES_MIN).then_some(at..end)
}

/// The value after `api_key=`, `api_key:` or `bearer ` that starts at `at`.
fn key(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    for (name, least) in [
        ("api_key", KEY_BYTES_MIN),
        ("apikey", KEY_BYTES_MIN),
        ("api-key", KEY_BYTES_MIN),
        ("bearer", TOKEN_BYTES_MIN),
    ] {
        let Some(head) = bytes.get(at..at + name.len()) else { continue };
        if !head.eq_ignore_ascii_case(name.as_bytes()) {
            continue;
        }
        let after = at + name.len();
        let value = skip(bytes, after, b" \t\"':=");
        let end = run(bytes, value);
        if value > after && end - value >= least {
            return Some(value..end);
        }
    }
    None
}

/// The first byte from `at` on that is none of `skipped`.
fn skip(bytes: &[u8], at: usize, skipped: &[u8]) -> usize {
    at + bytes[at..].iter().take_while(|byte| skipped.contains(byte)).count()
}

/// One past the last byte of the run of base64url characters and dots at `at`.
fn run(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_hidden_and_names_stay() {
        for (text, expected) in [
            ("token: eyJhbGciOiJIUzI1NiJ9.eyJhdWQi", "token: *****************************"),
            ("?api_key=0123456789abcdef&page=2", "?api_key=****************&page=2"),
            ("api_key: '0123456789abcdef'", "api_key: '****************'"),
            ("Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer ****************"),
            ("# export TMDB_API_KEY first", "# export TMDB_API_KEY first"),
            ("api_key: ${env:TMDB_API_KEY}", "api_key: ${env:TMDB_API_KEY}"),
            ("keyJournal: 1", "keyJournal: 1"),
        ] {
            assert_eq!(mask(text), expected);
        }
    }
}
