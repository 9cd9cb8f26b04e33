//! How asking ends without an answer: for one request, or for all of them.

use super::answer::Reason;
use super::transport::TransportError;
use crate::engine::Exhausted;
use crate::store::StoreError;

/// Asking ended without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The last reason.
    pub reason: Reason,
    /// Sends, without those that the gate refused.
    pub attempts: u32,
}

/// As `server answered 500, after 5 attempts`.
impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A server's own words may end in a full stop.
        let words = self.reason.to_string();
        if self.attempts == 0 {
            return f.write_str(&words);
        }
        let plural = if self.attempts == 1 { "" } else { "s" };
        write!(f, "{}, after {} attempt{plural}", words.trim_end_matches('.'), self.attempts)
    }
}

/// No further request of this run can succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fatal {
    /// 401.
    #[error("the API refuses the credential{}{}", .code.map(|code| format!(" (code {code})")).unwrap_or_default(), if .message.is_empty() { String::new() } else { format!(": {}", .message) })]
    Unauthorized {
        /// TMDB's status code: 3, 7, 10 or 14.
        code: Option<i64>,
        /// TMDB's message.
        message: String,
    },
    /// Nothing but 429 and 503 for too long.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// No way to the API that may be trusted.
    #[error("{0}")]
    NoWay(TransportError),
    /// An answer cannot be kept: the run could not be gone on with, and its tables may have no room either.
    #[error("{0}")]
    Unkept(#[from] Unkept),
}

/// Why an answer cannot be kept. Errors of the system do not compare; what they say does.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct Unkept(#[from] pub StoreError);

impl PartialEq for Unkept {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_string() == other.0.to_string()
    }
}

impl Eq for Unkept {}

/// How asking ended otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskError {
    /// This request failed.
    Failed(Failure),
    /// Every request would.
    Fatal(Fatal),
}
