//! The seam under the client: one request out, one answer in. The real one is `Http`; tests of the engine bring
//! their own.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::plan::Request;

/// What came back, whatever its status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, if present and understood, as time from now.
    pub retry_after: Option<Duration>,
    /// `Content-Type`, lower case, without parameters.
    pub content_type: Option<String>,
    /// The whole body, decompressed.
    pub body: Bytes,
}

/// Nothing came back that could be read to its end. All of these are worth another attempt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection.
    #[error("could not connect: {0}")]
    Connect(String),
    /// The time of one attempt was over.
    #[error("no answer within {:.1} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The connection ended before the answer did.
    #[error("the answer was cut off: {0}")]
    Cut(String),
    /// The body is larger than any document is.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
}

/// Sends one request and reads its answer to the end.
pub trait Transport: Send + Sync {
    /// Sends `request` once; gives up after `timeout`.
    ///
    /// # Cancel safety
    /// Dropped, the request may or may not have been sent.
    fn send<'a>(
        &'a self,
        request: &'a Request,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Response, TransportError>>;
}
