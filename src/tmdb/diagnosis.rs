//! What went wrong below an answer: from the layers of errors that hyper and reqwest hand up to one of our own, by type
//! where there is one.
//!
//! Does not belong here: what is done about it (`TransportError::prospect`).
//!
//! Invariant: nothing here holds a URL; of a host only its name is told, never what a proxy's address has before the `@`.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;
use std::vec;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use hyper_util::client::legacy::{self, connect::dns};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::AlertDescription;
use tower_service::Service;

use super::connections::Unconnected;
use super::transport::{Distrust, TransportError};

/// Resolves names as the system does, with errors that say which name it was.
#[derive(Clone, Debug)]
pub(super) struct Names;

impl Names {
    async fn lookup(host: String) -> Result<vec::IntoIter<SocketAddr>, Unresolved> {
        // The port is put in by whoever connects.
        let found = tokio::net::lookup_host((host.as_str(), 0)).await.map(Vec::from_iter);
        found.map(Vec::into_iter).map_err(|source| Unresolved { host, source })
    }
}

impl Service<dns::Name> for Names {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Unresolved;
    type Future = BoxFuture<'static, Result<Self::Response, Unresolved>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: dns::Name) -> Self::Future {
        Self::lookup(name.as_str().to_owned()).boxed()
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = Self::lookup(name.as_str().to_owned());
        async { Ok(Box::new(lookup.await?) as Addrs) }.boxed()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no address for `{host}`")]
pub(super) struct Unresolved {
    host: String,
    source: io::Error,
}

/// What happened. `timeout` is the time of the attempt, `connect_timeout` that of its connection.
pub(super) fn diagnose(
    error: &(dyn Error + 'static),
    timeout: Duration,
    connect_timeout: Duration,
) -> TransportError {
    let is_timeout = layers(error).any(timed_out);
    if !layers(error).any(is_connect) {
        return if is_timeout {
            TransportError::Timeout(timeout)
        } else {
            TransportError::Cut(root(error).to_string())
        };
    }
    if is_timeout {
        return TransportError::ConnectTimeout(connect_timeout);
    }
    for error in layers(error) {
        if let Some(Unresolved { host, source }) = error.downcast_ref() {
            return TransportError::Unresolved { host: host.clone(), reason: source.to_string() };
        }
        if let Some(tls) = tls_error(error) {
            return of_tls(tls);
        }
    }
    // The tunnel's error has no type that could be named from here; its words are fixed in hyper-util.
    let tunnel = layers(error).map(ToString::to_string).find(|text| text.starts_with("tunnel error"));
    let reason = root(error).to_string();
    match tunnel.as_deref() {
        Some("tunnel error: proxy authorization required") => TransportError::ProxyCredential,
        Some("tunnel error: unsuccessful") => {
            TransportError::Proxy("it refuses, or cannot reach the API itself".to_owned())
        }
        Some("tunnel error: unexpected end of file") => {
            TransportError::Proxy("it closed the connection without an answer".to_owned())
        }
        Some(_) => TransportError::Proxy(reason),
        None => TransportError::Connect(reason),
    }
}

fn of_tls(error: &rustls::Error) -> TransportError {
    let reason = error.to_string();
    match error {
        rustls::Error::InvalidCertificate(why) => TransportError::Certificate(of_certificate(why)),
        rustls::Error::InvalidMessage(_) => {
            TransportError::Tls("the other side does not speak TLS on this port".to_owned())
        }
        // These say that something is the matter for now.
        rustls::Error::AlertReceived(
            AlertDescription::CloseNotify | AlertDescription::InternalError | AlertDescription::UserCanceled,
        ) => TransportError::Connect(reason),
        rustls::Error::AlertReceived(_)
        | rustls::Error::PeerIncompatible(_)
        | rustls::Error::NoCertificatesPresented
        | rustls::Error::NoApplicationProtocol => TransportError::Tls(reason),
        _ => TransportError::Connect(reason),
    }
}

/// The common ones in words of those who have to mend them.
fn of_certificate(why: &rustls::CertificateError) -> Distrust {
    use rustls::CertificateError as Why;
    match why {
        Why::UnknownIssuer => Distrust::Issuer,
        Why::Expired | Why::ExpiredContext { .. } => Distrust::Dates("it has expired"),
        Why::NotValidYet | Why::NotValidYetContext { .. } => Distrust::Dates("it is not valid yet"),
        Why::NotValidForName | Why::NotValidForNameContext { .. } => Distrust::Name,
        other => Distrust::Other(other.to_string()),
    }
}

/// Whether there was no connection yet.
fn is_connect(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref().is_some_and(legacy::Error::is_connect)
        || error.downcast_ref().is_some_and(reqwest::Error::is_connect)
}

/// Whether somebody waited for too long: for a connection, for a sign of life, or the kernel for a packet.
fn timed_out(error: &(dyn Error + 'static)) -> bool {
    error.is::<Unconnected>()
        || error.downcast_ref().is_some_and(hyper::Error::is_timeout)
        || error.downcast_ref().is_some_and(reqwest::Error::is_timeout)
        || error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::TimedOut)
}

/// The error and everything under it.
fn layers<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// rustls hands its errors up inside of I/O errors, which show only what is under their content.
fn tls_error<'a>(mut error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    while let Some(content) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        error = content;
    }
    error.downcast_ref()
}

/// What is at the bottom of an error: `Connection refused`, not the four layers that pass it on.
pub(super) fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    layers(error).last().expect("the error itself is one")
}
