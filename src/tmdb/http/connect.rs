//! Connections to the API: plain or over TLS, direct or through a tunnel that a proxy opens.
//!
//! ```text
//! Connections (is one wanted?) ─▶ TLS with the API ─▶ TCP to the API
//!                                                  └▶ CONNECT ─▶ TLS with the proxy, if it wants that ─▶ TCP to the proxy
//! ```
//!
//! Does not belong here: what goes over them.
//!
//! Invariant: plain http, which leaves to loopback only where there is a credential, goes through no proxy.

use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http_body_util::Empty;
use hyper::header::{HeaderMap, HeaderValue, USER_AGENT};
use hyper::http::uri::{Scheme, Uri};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::net::TcpStream;
use tower_service::Service;

use super::{AGENT, CONNECT_TIMEOUT, HEADERS_MAX};
use crate::spec::Api;
use crate::tmdb::connections::{Connections, Opener};
use crate::tmdb::diagnosis::Names;

/// How long a connection is kept without use.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// When and how often the kernel asks a silent other side whether it is still there, and after how many questions it gives up.
/// With the next, what reqwest does by itself.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 3;
/// How long what was sent may wait for the other side's kernel to say that it came.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);
/// When nothing came over HTTP/2 for this share of an attempt's time, the server is asked for a sign of life …
const PING_AFTER: f64 = 0.25;
/// … and has this share to give it. Together less than 1, so that a dead connection is given up before the attempt is:
/// else every further attempt would be sent into it.
const PING_TIMEOUT: f64 = 0.5;

/// What requests go through: a pool of connections to one host.
pub(super) type Channel = Client<Opener<HttpsConnector<Way>>, Empty<Bytes>>;

/// A channel to the host of `base`, whose connections `connections` opens. On the way to loopback there is no proxy.
pub(super) fn channel(
    base: &Uri,
    loopback: bool,
    api: &Api,
    connections: &Connections,
) -> Result<Channel, rustls::Error> {
    let is_https = base.scheme() == Some(&Scheme::HTTPS);
    let tls = tls(is_https)?;
    let mut tcp = HttpConnector::new_with_resolver(Names);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    // Of several addresses of a name each has a part of it.
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_keepalive_interval(Some(KEEPALIVE));
    tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
    #[cfg(target_os = "linux")]
    tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX));
    let proxy = if is_https && !loopback { Matcher::from_system().intercept(base) } else { None };
    let way = match proxy {
        None => Way::Direct(tcp),
        Some(proxy) => {
            let mut to_proxy = tls.clone();
            to_proxy.alpn_protocols.clear();
            let tunnel = Tunnel::new(proxy.uri().clone(), HttpsConnector::from((tcp, to_proxy)))
                .with_headers(HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(AGENT))]));
            Way::Tunnel(Box::new(match proxy.basic_auth() {
                Some(who) => tunnel.with_auth(who.clone()),
                None => tunnel,
            }))
        }
    };
    let opener = connections.opener(HttpsConnector::from((way, tls)), CONNECT_TIMEOUT);
    Ok(Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(api.connections.get() as usize)
        .http2_max_header_list_size(HEADERS_MAX)
        .http2_keep_alive_interval(api.timeout.mul_f64(PING_AFTER))
        .http2_keep_alive_timeout(api.timeout.mul_f64(PING_TIMEOUT))
        .build(opener))
}

/// What this side says of TLS, by the process's provider. Where there is none no authority is needed, and a system that knows none is no obstacle.
fn tls(is_https: bool) -> Result<ClientConfig, rustls::Error> {
    let begun = ClientConfig::builder();
    let trusting = if is_https {
        begun.with_platform_verifier()?
    } else {
        begun.with_root_certificates(RootCertStore::empty())
    };
    let mut tls = trusting.with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

/// What bytes travel over until TLS with the API begins.
type Line = MaybeHttpsStream<TokioIo<TcpStream>>;

/// How the API is reached.
#[derive(Clone, Debug)]
pub(super) enum Way {
    Direct(HttpConnector<Names>),
    Tunnel(Box<Tunnel<HttpsConnector<HttpConnector<Names>>>>),
}

impl Service<Uri> for Way {
    type Response = Line;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = BoxFuture<'static, Result<Line, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match self {
            Self::Direct(tcp) => tcp.poll_ready(context).map_err(Into::into),
            Self::Tunnel(tunnel) => tunnel.poll_ready(context).map_err(Into::into),
        }
    }

    fn call(&mut self, api: Uri) -> Self::Future {
        match self {
            Self::Direct(tcp) => {
                let opening = tcp.call(api);
                async { Ok(Line::Http(opening.await?)) }.boxed()
            }
            Self::Tunnel(tunnel) => {
                let opening = tunnel.call(api);
                async { Ok(opening.await?) }.boxed()
            }
        }
    }
}
