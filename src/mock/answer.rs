//! What the server says to a request, before it goes over the wire; the error bodies of TMDB.

use bytes::Bytes;

use super::json::Json;

/// Longest time that TMDB says an answer may be kept.
pub(super) const MAX_AGE: u32 = 28_800;
/// The same for what changes by the minute.
pub(super) const MAX_AGE_SHORT: u32 = 600;

/// Status, body and how long a client may keep it.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
    pub(super) max_age: u32,
    pub(super) kind: Kind,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    Html,
    /// A file as it is, whose length is told.
    File,
}

impl Answer {
    /// 200 with an object that `fill` writes.
    pub(super) fn object(max_age: u32, fill: impl FnOnce(&mut Json)) -> Self {
        let mut json = Json::new();
        json.object(fill);
        Self { status: 200, body: json.into_bytes().into(), max_age, kind: Kind::Json }
    }

    /// A file.
    pub(super) fn file(body: Bytes) -> Self {
        Self { status: 200, body, max_age: 0, kind: Kind::File }
    }

    /// An answer of any status from a body as recorded.
    pub(super) fn recorded(status: u16, body: Bytes) -> Self {
        Self { status, body, max_age: MAX_AGE, kind: Kind::Json }
    }

    /// The same object with a last field `padding` that makes it `size` bytes long, if it is shorter.
    #[must_use]
    pub(super) fn padded(mut self, size: usize) -> Self {
        const FIELD: &[u8] = br#","padding":"#;
        let Some(length) = size.checked_sub(self.body.len() + FIELD.len() + 2) else { return self };
        if self.status == 200 && self.body.ends_with(b"}") {
            let mut body = Vec::with_capacity(size);
            body.extend_from_slice(&self.body[..self.body.len() - 1]);
            body.extend_from_slice(FIELD);
            body.push(b'"');
            body.resize(body.len() + length, b'.');
            body.extend_from_slice(b"\"}");
            self.body = body.into();
        }
        self
    }

    fn error(status: u16, code: u32, message: &str) -> Self {
        let mut json = Json::new();
        json.object(|json| {
            json.put_bool("success", false);
            json.put_int("status_code", code);
            json.put_str("status_message", message);
        });
        Self { status, body: json.into_bytes().into(), max_age: 0, kind: Kind::Json }
    }

    fn fixed(status: u16, body: &'static str) -> Self {
        Self { status, body: Bytes::from_static(body.as_bytes()), max_age: 0, kind: Kind::Json }
    }

    pub(super) fn not_found() -> Self {
        Self::error(404, 34, "The resource you requested could not be found.")
    }

    pub(super) fn unauthorized() -> Self {
        // The order of the keys is the recorded one, which is not that of the other errors.
        Self::fixed(
            401,
            r#"{"status_code":7,"status_message":"Invalid API key: You must be granted a valid key.","success":false}"#,
        )
    }

    pub(super) fn too_many_requests() -> Self {
        Self::error(429, 25, "Your request count is over the allowed limit.")
    }

    pub(super) fn internal_error() -> Self {
        Self::error(500, 11, "Internal error: Something went wrong, contact TMDB.")
    }

    pub(super) fn bad_gateway() -> Self {
        let page = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
                    <center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>CloudFront</center>\r\n</body>\r\n</html>\r\n";
        Self { kind: Kind::Html, ..Self::fixed(502, page) }
    }

    pub(super) fn invalid_page() -> Self {
        let message = "Invalid page: Pages start at 1 and max at 500. They are expected to be an integer.";
        Self::error(400, 22, message)
    }

    /// The other shape in which a page is refused.
    pub(super) fn page_too_large() -> Self {
        Self::fixed(422, r#"{"errors":["page must be less than or equal to 500"],"success":false}"#)
    }

    pub(super) fn too_many_appended() -> Self {
        let message = "Too many append to response objects: The maximum number of remote calls is 20.";
        Self::error(400, 27, message)
    }

    pub(super) fn query_missing() -> Self {
        Self::fixed(422, r#"{"errors":["query must be provided"]}"#)
    }

    pub(super) fn invalid_date() -> Self {
        Self::error(400, 23, "Invalid date: Format needs to be YYYY-MM-DD.")
    }

    pub(super) fn date_range_too_long() -> Self {
        Self::error(422, 20, "Invalid date range: Should be a range no longer than 14 days.")
    }
}
