//! Pages of a list: what each of them says of the whole.

use serde::Deserialize;
use serde_json::Value;

use crate::plan::PAGE_MAX;

/// What a page says of its list, as of when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its pages, those included that nobody can read; 1 if the body has no such number (a list without pages).
    pub pages: u32,
    /// Its rows, if it says so.
    pub rows: Option<u64>,
}

impl Said {
    /// Reads a body.
    pub fn read(body: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Page {
            total_pages: Value,
            total_results: Value,
        }
        let page: Page = serde_json::from_slice(body).unwrap_or_default();
        let pages = page.total_pages.as_u64().unwrap_or(1);
        Self { pages: u32::try_from(pages).unwrap_or(u32::MAX).max(1), rows: page.total_results.as_u64() }
    }

    /// How many of its pages to read: those that TMDB gives, at most `wanted`.
    pub fn readable(&self, wanted: u32) -> u32 {
        self.pages.min(PAGE_MAX).min(wanted)
    }

    /// Rows of a full page; 0 where they are not known.
    pub fn page_rows(&self) -> u64 {
        self.rows.unwrap_or(0).div_ceil(u64::from(self.pages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_end_at_the_smallest_bound() {
        let check = |body: &str, wanted, expect| {
            assert_eq!(Said::read(body.as_bytes()).readable(wanted), expect, "{body}");
        };
        check(r#"{"page":1,"total_pages":57001}"#, 500, 500);
        check(r#"{"page":1,"total_pages":57001}"#, 3, 3);
        check(r#"{"page":1,"total_pages":2}"#, 500, 2);
        check(r#"{"page":1,"total_pages":0}"#, 500, 1);
        check(r#"{"genres":[]}"#, 500, 1);
        check(r#"{"total_pages":"7"}"#, 500, 1);
        check("[1,2]", 500, 1);
    }

    #[test]
    fn a_page_says_how_many_rows_there_are_or_nothing() {
        let check = |body: &str, pages, rows, page_rows| {
            let said = Said::read(body.as_bytes());
            assert_eq!((said, said.page_rows()), (Said { pages, rows }, page_rows), "{body}");
        };
        check(r#"{"page":1,"total_pages":57001,"total_results":1140006}"#, 57_001, Some(1_140_006), 20);
        check(r#"{"total_pages":0,"total_results":0}"#, 1, Some(0), 0);
        check(r#"{"genres":[]}"#, 1, None, 0);
        check("[1]", 1, None, 0);
    }
}
