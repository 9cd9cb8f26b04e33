//! The seam under the client: one request out, one answer in. The real one is `Http`; tests of the engine bring
//! their own.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

use super::download::Download;
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
    /// `ETag` and `Cache-Control`, where present: by what it could be asked for again. Names in lower case.
    pub validators: Vec<(String, String)>,
    /// Scheme and host of `Location`: where a redirect points, without what its path and query may echo.
    pub redirect: Option<String>,
    /// The whole body, decompressed.
    pub body: Bytes,
}

/// Nothing came back that could be read to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The name of a host has no address.
    #[error("no address was found for the host `{host}`: {reason}")]
    Unresolved {
        /// Of the API, or of a proxy on the way to it.
        host: String,
        /// Why.
        reason: String,
    },
    /// No connection.
    #[error("could not connect: {0}")]
    Connect(String),
    /// No connection for so long.
    #[error("no connection within {:.1} s", .0.as_secs_f64())]
    ConnectTimeout(Duration),
    /// A proxy is there, and opens no way to the API.
    #[error("the proxy opens no way to the API: {0}")]
    Proxy(String),
    /// The proxy wants to know who asks.
    #[error("the proxy asks for a user and a password, and accepts none that it was given (407)")]
    ProxyCredential,
    /// Whoever answers cannot prove to be the API.
    #[error("the server's certificate is not accepted: {0}")]
    Certificate(Distrust),
    /// Whoever answers speaks no TLS, or none that both sides know.
    #[error("no TLS connection comes about: {0}")]
    Tls(String),
    /// The time of one attempt was over.
    #[error("no answer within {:.1} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The connection ended before the answer did.
    #[error("the answer was cut off: {0}")]
    Cut(String),
    /// The request is none that can be sent: its address is longer than 64 KiB, for all we know.
    #[error("it cannot be asked for: {0}")]
    Address(String),
    /// The body is larger than any document is.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The body is compressed in a way that nobody asked for.
    #[error("the body is encoded as `{0}`, and only gzip was asked for")]
    Encoding(String),
}

/// Why a certificate proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// Nobody who is trusted has signed it.
    #[error("no authority that is trusted here has signed it")]
    Issuer,
    /// Not yet, or no longer.
    #[error("{0}")]
    Dates(&'static str),
    /// It names others.
    #[error("it belongs to another host than the one in the URL")]
    Name,
    /// In words of rustls.
    #[error("{0}")]
    Other(String),
}

/// What another attempt may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prospect {
    /// Perhaps an answer.
    Again,
    /// The same for this request.
    Never,
    /// The same for every request of this run.
    Hopeless,
}

impl TransportError {
    /// What another attempt may bring. Settings do not mend themselves: neither a certificate nor a proxy's password is
    /// tried for minutes.
    pub fn prospect(&self) -> Prospect {
        match self {
            Self::Unresolved { .. }
            | Self::Connect(_)
            | Self::ConnectTimeout(_)
            | Self::Proxy(_)
            | Self::Timeout(_)
            | Self::Cut(_) => Prospect::Again,
            Self::Address(_) | Self::TooLarge { .. } | Self::Encoding(_) => Prospect::Never,
            Self::ProxyCredential | Self::Certificate(_) | Self::Tls(_) => Prospect::Hopeless,
        }
    }

    /// The way out, for whoever reads the message.
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unresolved { .. } => {
                "check the host in `api.base_url` and TMDB_BASE_URL, and the network; behind a proxy, set HTTPS_PROXY"
            }
            Self::Connect(_) | Self::ConnectTimeout(_) => {
                "check the host and port in `api.base_url` and TMDB_BASE_URL, and the network; behind a proxy, set \
                 HTTPS_PROXY"
            }
            Self::Proxy(_) => "check HTTPS_PROXY (or ALL_PROXY); NO_PROXY names hosts that need no proxy",
            Self::ProxyCredential => {
                "HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT, with %40 for an `@` in the password"
            }
            Self::Certificate(distrust) => match distrust {
                Distrust::Issuer => {
                    "if a proxy or a private authority signs for the API, SSL_CERT_FILE names the PEM file of its \
                     certificates, which then take the place of the system's"
                }
                Distrust::Dates(_) => {
                    "check the clock of this machine; else the server's owner has to renew it"
                }
                Distrust::Name => {
                    "check the host in `api.base_url` and TMDB_BASE_URL; a login page of the network answers under \
                     other names too"
                }
                Distrust::Other(_) => {
                    "whoever answers is not the API, or is set up wrongly: do not send it a credential"
                }
            },
            Self::Tls(_) => {
                "check scheme and port in `api.base_url` and TMDB_BASE_URL; TLS 1.2 or 1.3 is needed"
            }
            Self::Encoding(_) => "a proxy or cache on the way alters answers: check HTTPS_PROXY",
            Self::Timeout(_) | Self::Cut(_) | Self::Address(_) | Self::TooLarge { .. } => return None,
        })
    }
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

    /// Opens the file at `path` (it starts with `/`) of the API's file host, which never sees the credential.
    ///
    /// # Cancel safety
    /// As of [`Transport::send`].
    fn open<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Download, TransportError>> {
        let reason = format!("there is no host of files for `{path}`");
        Box::pin(async { Err(TransportError::Tls(reason)) })
    }
}
