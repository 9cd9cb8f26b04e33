//! The real transport: reqwest over rustls, HTTP/2 or HTTP/1.1, gzip, proxies from the environment.
//!
//! Does not belong here: what an error means (`diagnosis.rs`), what is done about an answer (`answer.rs`).
//!
//! Invariants:
//! * H1 Certificates are always checked; there is no setting against it.
//! * H2 No redirect is followed, so that the credential goes to `base_url` only.
//! * H3 No more than [`BODY_MAX`] of a body is read, counted after decompression, and no more than [`HEADERS_MAX`] of its
//!   headers over HTTP/2 (hyper bounds them itself over HTTP/1.1).
//! * H4 What goes to loopback goes there directly, past every proxy.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Url, Version};

use super::auth::Credential;
use super::connections::Connections;
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
/// How long a connection is kept without use.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// When nothing came over HTTP/2 for this share of an attempt's time, the server is asked for a sign of life …
const PING_AFTER: f64 = 0.25;
/// … and has this share to give it. Together less than 1, so that a dead connection is given up before the attempt is:
/// else every further attempt would be sent into it.
const PING_TIMEOUT: f64 = 0.5;

/// The API over HTTP.
#[derive(Debug)]
pub struct Http {
    client: Client,
    base_url: Url,
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
    client: OnceLock<Client>,
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
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(Credential::Token(token)) = &credential {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| HttpError::Credential)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        install_tls();
        let idle_max = api.connections.get() as usize;
        let connections = Connections::new(idle_max);
        let client = Client::builder()
            .user_agent(concat!("tmdb-etl/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .dns_resolver(Names)
            .connect_timeout(CONNECT_TIMEOUT)
            .connector_layer(connections.clone())
            .pool_max_idle_per_host(idle_max)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .http2_max_header_list_size(HEADERS_MAX)
            .http2_keep_alive_interval(api.timeout.mul_f64(PING_AFTER))
            .http2_keep_alive_timeout(api.timeout.mul_f64(PING_TIMEOUT))
            // The API does not redirect; whoever does shall not see the credential.
            .redirect(Policy::none())
            // Retries are the client's, which knows the gate and the rate.
            .retry(reqwest::retry::never())
            .tcp_nodelay(true);
        let client = if is_loopback(&host) { client.no_proxy() } else { client };
        // Without TLS no authority is needed, and a system that knows none is no obstacle.
        let client = if url.scheme() == "http" { client.tls_certs_only([]) } else { client };
        let client =
            client.build().map_err(|error| HttpError::Client { reason: root(&error).to_string() })?;
        let files = files_of(&url, &host);
        Ok(Self { client, base_url: url, credential, connections, files })
    }

    /// Where a request goes. Scheme and host are parsed once, as that took a twentieth of a row's CPU time.
    fn url_of(&self, request: &Request) -> Url {
        let mut place = format!("{}{request}", self.base_url.path().trim_end_matches('/'));
        if let Some(Credential::Key(key)) = &self.credential {
            place.push(if place.contains('?') { '&' } else { '?' });
            place.push_str("api_key=");
            place.extend(percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC));
        }
        let (path, query) = match place.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (&*place, None),
        };
        let mut url = self.base_url.clone();
        url.set_path(path);
        url.set_query(query);
        url
    }

    async fn exchange(&self, request: &Request, timeout: Duration) -> Result<Response, TransportError> {
        let fault = |error: reqwest::Error| self.redacted(diagnose(&error, timeout, CONNECT_TIMEOUT));
        let mut answer = self.client.get(self.url_of(request)).send().await.map_err(fault)?;
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
        let redirect = header(LOCATION).and_then(|value| origin_of(answer.url(), value));
        // What is asked for is decoded on the way, and its header taken off.
        let encoding =
            header(CONTENT_ENCODING).map(str::to_ascii_lowercase).filter(|value| value != "identity");
        if let Some(encoding) = encoding.filter(|_| status == 200) {
            return Err(TransportError::Encoding(encoding));
        }
        // A length is a hint: whoever lies about it gets no more memory for it than a large answer has.
        let length = answer.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        let mut body = BytesMut::with_capacity(length.min(BODY_HINT_MAX));
        while let Some(chunk) = answer.chunk().await.map_err(fault)? {
            if body.len() + chunk.len() > BODY_MAX {
                return Err(TransportError::TooLarge { limit: BODY_MAX });
            }
            body.extend_from_slice(&chunk);
        }
        // What grew by doubling may hold twice of what came, for as long as the body waits somewhere.
        let body = if body.capacity() > body.len() + body.len() / 8 {
            Bytes::copy_from_slice(&body)
        } else {
            body.freeze()
        };
        Ok(Response { status, retry_after, content_type, validators, redirect, body })
    }

    /// The client for files: bytes as they are sent, no header of the API's.
    fn files(&self) -> Result<Client, TransportError> {
        if let Some(client) = self.files.client.get() {
            return Ok(client.clone());
        }
        let client = Client::builder()
            .user_agent(concat!("tmdb-etl/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Names)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(1)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_gzip();
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
            let exchange = self.connections.wanted_by(self.exchange(request, timeout));
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

#[cfg(test)]
mod tests;
