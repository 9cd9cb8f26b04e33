//! Pages of a list: how many there are to ask for.

use bytes::Bytes;
use serde::Deserialize;

/// TMDB answers no page beyond this one, whatever `total_pages` says.
pub const PAGE_MAX: u32 = 500;

/// How many pages to read, by the first page's body: `total_pages`, at most `wanted` and at most [`PAGE_MAX`];
/// 1 if the body has no such number (a list without pages).
pub fn pages_of(first: &Bytes, wanted: u32) -> u32 {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Page {
        total_pages: serde_json::Value,
    }
    let total =
        serde_json::from_slice::<Page>(first).ok().and_then(|page| page.total_pages.as_u64()).unwrap_or(1);
    u32::try_from(total).unwrap_or(u32::MAX).clamp(1, PAGE_MAX).min(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_end_at_the_smallest_bound() {
        let check = |body: &str, wanted, expect| {
            assert_eq!(pages_of(&Bytes::copy_from_slice(body.as_bytes()), wanted), expect, "{body}");
        };
        check(r#"{"page":1,"total_pages":57001}"#, 500, 500);
        check(r#"{"page":1,"total_pages":57001}"#, 3, 3);
        check(r#"{"page":1,"total_pages":2}"#, 500, 2);
        check(r#"{"page":1,"total_pages":0}"#, 500, 1);
        check(r#"{"genres":[]}"#, 500, 1);
        check(r#"{"total_pages":"7"}"#, 500, 1);
        check("[1,2]", 500, 1);
    }
}
