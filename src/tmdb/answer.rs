//! What an answer means: a document, no such thing, again, slow down, never, or stop. One table, from the list of
//! TMDB's status codes (developer.themoviedb.org, "Errors") and from what its CDN sends instead.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;

use super::transport::{Prospect, Response, TransportError};
use crate::plan::expr::Json;

/// The longest piece of a server's message that is passed on, in characters.
const MESSAGE_MAX: usize = 200;

/// What to do about one attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// 200 with a JSON body.
    Document(Bytes),
    /// 404: an answer, not a failure.
    Missing,
    /// Another attempt may help.
    Again(Reason),
    /// The API asks everybody to slow down.
    SlowDown { status: u16, retry_after: Option<Duration> },
    /// No attempt will help.
    Never(Reason),
    /// The credential is refused: no request of this run will help.
    Stop { code: Option<i64>, message: String },
    /// Nor will any where there is no way to the API.
    NoWay(TransportError),
}

/// Why an attempt came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing readable came back.
    Transport(TransportError),
    /// A status other than 200 and 404.
    Status {
        /// HTTP status.
        status: u16,
        /// TMDB's `status_code`, if the body has one.
        code: Option<i64>,
        /// TMDB's `status_message` or `errors`, shortened; empty if there is none.
        message: String,
    },
    /// A body with status 200 that is not JSON, as whoever reads documents understands it: UTF-8, and nested no
    /// deeper than that.
    NotJson {
        /// What it says to be, if that is not JSON.
        content_type: Option<String>,
        /// The byte at which reading stopped.
        at: usize,
    },
    /// The item cannot be asked for at all.
    Unfillable(crate::plan::Unfillable),
    /// It was not asked for, as its endpoint had failed for too long.
    Unasked {
        /// The failure that was one too many.
        why: std::sync::Arc<str>,
    },
}

impl Reason {
    /// The HTTP status, if an answer had one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::NotJson { .. } => Some(200),
            Self::Transport(_) | Self::Unfillable(_) | Self::Unasked { .. } => None,
        }
    }

    /// The way out, where one can be told.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Transport(error) => error.advice(),
            Self::Status { status: 300..=399, .. } => {
                Some("check `api.base_url` and TMDB_BASE_URL; a login page of the network redirects too")
            }
            Self::NotJson { content_type: Some(_), .. } => Some(
                "check `api.base_url` and TMDB_BASE_URL; a proxy or a login page may answer in the API's place",
            ),
            Self::Status { .. } | Self::NotJson { .. } | Self::Unfillable(_) | Self::Unasked { .. } => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => error.fmt(f),
            Self::Status { status, code, message } => {
                write!(f, "server answered {status}")?;
                if let Some(code) = code {
                    write!(f, " (code {code})")?;
                }
                if message.is_empty() { Ok(()) } else { write!(f, ": {message}") }
            }
            Self::NotJson { content_type: Some(content_type), .. } => {
                write!(f, "server answered 200 with a body that is not JSON but {content_type}")
            }
            Self::NotJson { content_type: None, at } => {
                write!(
                    f,
                    "server answered 200 with a body that is no whole JSON: reading stopped at byte {at}"
                )
            }
            Self::Unfillable(error) => error.fmt(f),
            Self::Unasked { why } => {
                write!(f, "not asked for, as requests of its stage had kept failing: {why}")
            }
        }
    }
}

/// TMDB's error bodies, all of their shapes.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    status_code: Option<i64>,
    status_message: Option<String>,
    errors: Vec<String>,
}

/// Judges one attempt.
pub(super) fn judge(answer: Result<Response, TransportError>) -> Verdict {
    let response = match answer {
        Ok(response) => response,
        Err(error) => {
            return match error.prospect() {
                Prospect::Again => Verdict::Again(Reason::Transport(error)),
                Prospect::Never => Verdict::Never(Reason::Transport(error)),
                Prospect::Hopeless => Verdict::NoWay(error),
            };
        }
    };
    if response.status == 200 {
        return match Json::check(&response.body) {
            Ok(()) => Verdict::Document(response.body),
            Err(fault) => {
                let content_type = response.content_type.filter(|kind| !kind.ends_with("json"));
                Verdict::Again(Reason::NotJson { content_type, at: fault.at })
            }
        };
    }
    let body: ErrorBody = serde_json::from_slice(&response.body).unwrap_or_default();
    let code = body.status_code;
    let message: String =
        body.status_message.unwrap_or_else(|| body.errors.join("; ")).chars().take(MESSAGE_MAX).collect();
    let message = match response.redirect {
        Some(origin) if (300..400).contains(&response.status) => {
            format!("it redirects to {origin}, where the credential does not go")
        }
        _ => message,
    };
    let reason = |message| Reason::Status { status: response.status, code, message };
    match (response.status, code) {
        (401, _) => Verdict::Stop { code, message },
        // A 404 of a CDN's error page says nothing about the document.
        (404, Some(_)) => Verdict::Missing,
        (429 | 503, _) => Verdict::SlowDown { status: response.status, retry_after: response.retry_after },
        // 501 is code 2, an invalid service; code 44 is an invalid id, though it says 500.
        (501, _) | (500, Some(44)) => Verdict::Never(reason(message)),
        (404 | 408 | 425 | 500..=599, _) => Verdict::Again(reason(message)),
        _ => Verdict::Never(reason(message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Verdict {
        let body = Bytes::copy_from_slice(body.as_bytes());
        judge(Ok(Response { status, body, ..Response::default() }))
    }

    #[test]
    fn each_answer_has_its_meaning() {
        let check = |status, body: &str, expect: &str| {
            let verdict = match answer(status, body) {
                Verdict::Document(_) => "document",
                Verdict::Missing => "missing",
                Verdict::Again(_) => "again",
                Verdict::SlowDown { .. } => "slow down",
                Verdict::Never(_) => "never",
                Verdict::Stop { .. } => "stop",
                Verdict::NoWay(_) => "no way",
            };
            assert_eq!(verdict, expect, "{status} {body}");
        };
        check(200, r#"{"id":603}"#, "document");
        check(200, r#"{"id":603"#, "again");
        check(200, "", "again");
        check(200, "<html>busy</html>", "again");
        check(200, r#"{"id":NaN}"#, "again");
        check(200, "\u{feff}{}", "again");
        check(200, &("[".repeat(129) + &"]".repeat(129)), "again");
        check(404, r#"{"success":false,"status_code":34,"status_message":"gone"}"#, "missing");
        check(404, "<html>not here</html>", "again");
        check(401, r#"{"status_code":7,"status_message":"Invalid API key"}"#, "stop");
        check(401, r#"{"status_code":10}"#, "stop");
        check(401, "", "stop");
        check(429, "", "slow down");
        check(429, r#"{"status_code":25}"#, "slow down");
        check(503, r#"{"status_code":9}"#, "slow down");
        check(500, r#"{"status_code":11}"#, "again");
        check(500, r#"{"status_code":44}"#, "never");
        check(501, r#"{"status_code":2}"#, "never");
        check(502, "<html>bad gateway</html>", "again");
        check(504, r#"{"status_code":24}"#, "again");
        check(422, r#"{"errors":["query must be provided"]}"#, "never");
        check(400, r#"{"success":false,"failure":true,"status_code":17}"#, "never");
        check(301, "", "never");
    }

    #[test]
    fn message_of_the_server_is_passed_on_and_shortened() {
        let check = |body: &str, expect: &str| match answer(422, body) {
            Verdict::Never(reason) => assert_eq!(reason.to_string(), expect),
            other => panic!("{other:?}"),
        };
        check(r#"{"errors":["a","b"],"success":false}"#, "server answered 422: a; b");
        check(
            r#"{"status_code":5,"status_message":"Invalid parameters"}"#,
            "server answered 422 (code 5): Invalid parameters",
        );
        let long = "x".repeat(1000);
        check(
            &format!(r#"{{"status_message":"{long}"}}"#),
            &format!("server answered 422: {}", "x".repeat(200)),
        );
    }
}
