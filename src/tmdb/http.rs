//! The real transport: HTTP/2 or HTTP/1.1 over rustls, gzip, proxies from the environment.
//!
//! The API is asked through hyper-util, on which reqwest stands, too: what reqwest adds (layers for redirects, retries and
//! decompression that are all put aside here, and two more URLs for each request) cost a fifth of a row's CPU time;
//! docs/BENCHMARKS.md has the numbers. Files, of which a run reads a few, come by reqwest.
//!
//! Does not belong here: how connections come about (`http/connect.rs`), what an error means (`diagnosis.rs`), what is
//! done about an answer (`answer.rs`).
//!
//! Invariants:
//! * H1 Certificates are always checked; there is no setting against it.
//! * H2 No redirect is followed, so that the credential goes to `base_url` only.
//! * H3 No more than [`BODY_MAX`] of a body is read, counted after decompression, and no more than [`HEADERS_MAX`] of its
//!   headers over HTTP/2 (hyper bounds them itself over HTTP/1.1).
//! * H4 What goes to loopback goes there directly, past every proxy.

use std::error::Error;
use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use http_body_util::Empty;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
    ETAG, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT,
};
use hyper::http::uri::{PathAndQuery, Uri};
use hyper::{Version, http};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::Url;
use reqwest::redirect::Policy;

use self::connect::{Channel, channel};
use super::auth::Credential;
use super::connections::{Connections, wanted};
use super::diagnosis::{Names, diagnose, root};
use super::download::Download;
use super::transport::{Response, Transport, TransportError};
use crate::plan::Request;
use crate::spec::Api;

/// The largest body that is read, in bytes, decompressed. The largest known answer has 420 KB; twenty of these at
/// once are still less than a small machine has.
const BODY_MAX: usize = 32 << 20;
/// The most that is prepared for a body of which only the length is known.
const BODY_HINT_MAX: usize = 1 << 20;
/// The most that the headers of one answer take over HTTP/2, in bytes, as RFC 9113 counts them. TMDB sends 1 KB; proxies
/// add policies of several.
const HEADERS_MAX: u32 = 64 << 10;
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Who asks.
const AGENT: &str = concat!("tmdb-etl/", env!("CARGO_PKG_VERSION"));

/// The API over HTTP.
#[derive(Debug)]
pub struct Http {
    channel: Channel,
    base_url: Url,
    /// The same in parts, of which requests need scheme and host.
    base: http::uri::Parts,
    /// What every request says.
    headers: HeaderMap,
    credential: Option<Credential>,
    connections: Connections,
    files: Files,
}

/// The host of files: another client, without the credential, made when the first file is asked for.
#[derive(Debug)]
struct Files {
    /// Scheme, host and port.
    origin: String,
    loopback: bool,
    client: OnceLock<reqwest::Client>,
}

/// The host of the exports of `url`: TMDB's has its own, any other serves them itself.
fn files_of(url: &Url, host: &str) -> Files {
    let is_tmdb = ["themoviedb.org", "tmdb.org"]
        .into_iter()
        .any(|known| host == known || host.strip_suffix(known).is_some_and(|before| before.ends_with('.')));
    let origin =
        if is_tmdb { "https://files.tmdb.org".to_owned() } else { url.origin().ascii_serialization() };
    Files { origin, loopback: is_loopback(host), client: OnceLock::new() }
}

/// The transport cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// `base_url` is no URL of a web server.
    #[error("read base URL `{base_url}`")]
    BaseUrl {
        /// As given, without user information.
        base_url: String,
    },
    /// The credential would travel in the clear.
    #[error("send the credential to `{host}` over plain http")]
    Plaintext {
        /// The host.
        host: String,
    },
    /// The credential cannot be a header.
    #[error("use TMDB_TOKEN: it holds characters that no token has")]
    Credential,
    /// TLS or proxy settings are unusable.
    #[error("set up the HTTP client: {reason}")]
    Client {
        /// Why.
        reason: String,
    },
}

impl Http {
    /// A transport for `base_url`, with `credential`.
    pub fn new(base_url: &str, api: &Api, credential: Option<Credential>) -> Result<Self, HttpError> {
        let refused = || HttpError::BaseUrl { base_url: without_user(base_url) };
        let url = Url::parse(base_url).map_err(|_| refused())?;
        let host = url.host_str().ok_or_else(refused)?.to_owned();
        let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !matches!(url.scheme(), "http" | "https") || !bare || url.password().is_some() {
            return Err(refused());
        }
        if url.scheme() == "http" && credential.is_some() && !is_loopback(&host) {
            return Err(HttpError::Plaintext { host });
        }
        let mut headers = HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("application/json")),
            (ACCEPT_ENCODING, HeaderValue::from_static("gzip")),
            (USER_AGENT, HeaderValue::from_static(AGENT)),
        ]);
        if let Some(Credential::Token(token)) = &credential {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| HttpError::Credential)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        install_tls();
        let uri: Uri = url.as_str().parse().map_err(|_| refused())?;
        let connections = Connections::new(api.connections.get() as usize);
        let channel = channel(&uri, is_loopback(&host), api, &connections)
            .map_err(|error| HttpError::Client { reason: root(&error).to_string() })?;
        let files = files_of(&url, &host);
        Ok(Self { channel, base_url: url, base: uri.into_parts(), headers, credential, connections, files })
    }

    /// Where a request goes. Scheme and host are parsed once, as that took a twentieth of a row's CPU time.
    fn uri_of(&self, request: &Request) -> Result<Uri, http::Error> {
        let mut place = format!("{}{request}", self.base_url.path().trim_end_matches('/'));
        if let Some(Credential::Key(key)) = &self.credential {
            place.push(if place.contains('?') { '&' } else { '?' });
            place.push_str("api_key=");
            place.extend(percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC));
        }
        let mut parts = http::uri::Parts::default();
        parts.scheme.clone_from(&self.base.scheme);
        parts.authority.clone_from(&self.base.authority);
        parts.path_and_query = Some(PathAndQuery::try_from(place)?);
        Ok(Uri::from_parts(parts)?)
    }

    async fn exchange(&self, request: &Request, timeout: Duration) -> Result<Response, TransportError> {
        let fault = |error: &(dyn Error + 'static)| self.redacted(diagnose(error, timeout, CONNECT_TIMEOUT));
        let mut asked = http::Request::new(Empty::new());
        *asked.uri_mut() =
            self.uri_of(request).map_err(|error| TransportError::Address(error.to_string()))?;
        asked.headers_mut().clone_from(&self.headers);
        let mut answer = self.channel.request(asked).await.map_err(|error| fault(&error))?;
        self.connections.answered(answer.version() == Version::HTTP_2);
        let status = answer.status().as_u16();
        let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let retry_after = header(RETRY_AFTER).and_then(|value| parse_retry_after(value, Timestamp::now()));
        let content_type = header(CONTENT_TYPE)
            .map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        let validators = [ETAG, CACHE_CONTROL]
            .into_iter()
            .filter_map(|name| Some((name.to_string(), header(name)?.to_owned())))
            .collect();
        let redirect = header(LOCATION).and_then(|value| origin_of(&self.base_url, value));
        let encoding =
            header(CONTENT_ENCODING).map(str::to_ascii_lowercase).filter(|value| value != "identity");
        let is_zipped = encoding.as_ref().is_some_and(|encoding| encoding == "gzip");
        if let Some(encoding) = encoding.filter(|_| status == 200 && !is_zipped) {
            return Err(TransportError::Encoding(encoding));
        }
        let length = header(CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let body = body::read(answer.body_mut(), length, |error| fault(&error)).await?;
        let body = if is_zipped { body::unzip(&body)? } else { body };
        Ok(Response { status, retry_after, content_type, validators, redirect, body })
    }

    /// The client for files: bytes as they are sent, no header of the API's.
    fn files(&self) -> Result<reqwest::Client, TransportError> {
        if let Some(client) = self.files.client.get() {
            return Ok(client.clone());
        }
        let client = reqwest::Client::builder()
            .user_agent(AGENT)
            .dns_resolver(Names)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(1)
            .redirect(Policy::none())
            .retry(reqwest::retry::never());
        let client = if self.files.loopback { client.no_proxy() } else { client };
        let client = if self.files.origin.starts_with("http:") { client.tls_certs_only([]) } else { client };
        let client = client.build().map_err(|error| TransportError::Tls(root(&error).to_string()))?;
        Ok(self.files.client.get_or_init(|| client).clone())
    }

    /// An error of another layer or another host may repeat what was sent.
    fn redacted(&self, error: TransportError) -> TransportError {
        let Some(credential) = &self.credential else { return error };
        match error {
            TransportError::Cut(text) => TransportError::Cut(credential.redact(&text)),
            TransportError::Connect(text) => TransportError::Connect(credential.redact(&text)),
            other => other,
        }
    }

    /// A refusal may quote the request in its body.
    fn without_credential(&self, mut response: Response) -> Response {
        if let Some(credential) = &self.credential
            && response.status != 200
            && let Ok(text) = std::str::from_utf8(&response.body)
        {
            response.body = Bytes::from(credential.redact(text));
        }
        response
    }
}

impl Transport for Http {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Response, TransportError>> {
        Box::pin(async move {
            let exchange = wanted(self.exchange(request, timeout));
            match tokio::time::timeout(timeout, exchange).await {
                Err(_) => Err(TransportError::Timeout(timeout)),
                Ok(answer) => answer.map(|response| self.without_credential(response)),
            }
        })
    }

    fn open<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Download, TransportError>> {
        Box::pin(async move {
            let fault = |error: reqwest::Error| diagnose(&error, CONNECT_TIMEOUT, CONNECT_TIMEOUT);
            let url = format!("{}{path}", self.files.origin);
            let answer = self.files()?.get(url).send().await.map_err(fault)?;
            let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
            let length = header(CONTENT_LENGTH).and_then(|length| length.trim().parse().ok());
            let status = answer.status().as_u16();
            let chunks = futures::stream::try_unfold(answer, move |mut answer| async move {
                let chunk = answer.chunk().await.map_err(fault)?;
                Ok(chunk.map(|chunk| (chunk, answer)))
            });
            Ok(Download { status, length, chunks: chunks.boxed() })
        })
    }
}

/// The process's TLS provider. Whoever installed one before keeps it.
fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date; a date that has passed is no wait.
fn parse_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(value.trim()).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn without_user(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}://{}", &url[..scheme], &url[at + 1..]),
        _ => url.to_owned(),
    }
}

/// Scheme and host that `location` leads to.
fn origin_of(asked: &Url, location: &str) -> Option<String> {
    let target = asked.join(location).ok()?;
    Some(format!("{}://{}", target.scheme(), target.host_str()?))
}

mod body;
mod connect;
#[cfg(test)]
mod tests;
