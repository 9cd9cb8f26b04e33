//! `--metrics ADDR`: a port that answers `GET /metrics` with the counts of the run.
//!
//! Does not belong here: what is counted and how it is called (`crate::report`). Invariant: at most [`AT_ONCE`] connections
//! are served, none for longer than [`PATIENCE`], and all of them end with [`Port`].

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::report::{Counters, metrics};

/// Whoever scrapes has one connection, and perhaps a person another.
const AT_ONCE: usize = 8;
/// Longer than any scrape takes, shorter than a connection that was forgotten.
const PATIENCE: Duration = Duration::from_mins(5);
/// A pause after a connection could not be accepted, so that this is no busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What to do when it cannot be opened.
pub(super) const HINT: &str = "another program may have it; port 0 takes a free one: `--metrics 127.0.0.1:0`";

/// A port cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("listen on {addr} for metrics")]
pub(super) struct PortError {
    /// Where.
    pub addr: SocketAddr,
    /// Why.
    pub source: io::Error,
}

/// The open port; dropping it closes it.
#[derive(Debug)]
pub(super) struct Port {
    /// Where it listens.
    pub addr: SocketAddr,
    _tasks: JoinSet<()>,
}

/// Opens the port.
pub(super) async fn open(addr: SocketAddr, counters: Arc<Counters>) -> Result<Port, PortError> {
    let refused = |source| PortError { addr, source };
    let listener = TcpListener::bind(addr).await.map_err(refused)?;
    let addr = listener.local_addr().map_err(refused)?;
    let mut tasks = JoinSet::new();
    tasks.spawn(accept(listener, counters));
    Ok(Port { addr, _tasks: tasks })
}

async fn accept(listener: TcpListener, counters: Arc<Counters>) {
    let mut connections = JoinSet::new();
    loop {
        if connections.len() >= AT_ONCE {
            connections.join_next().await;
        }
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let counters = Arc::clone(&counters);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let answer = answer(&request, &counters);
                async move { Ok::<_, Infallible>(answer) }
            });
            let serving =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // Whoever asks in another language, or goes away, has no answer.
            let _ = tokio::time::timeout(PATIENCE, serving).await;
        });
    }
}

fn answer(request: &Request<Incoming>, counters: &Counters) -> Response<Full<Bytes>> {
    let known = matches!(request.uri().path(), "/metrics" | "/");
    let (status, text) = match *request.method() {
        Method::GET | Method::HEAD if known => (StatusCode::OK, metrics(&counters.snapshot())),
        Method::GET | Method::HEAD => (StatusCode::NOT_FOUND, "it is at /metrics\n".to_owned()),
        _ => (StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned()),
    };
    Response::builder()
        .status(status)
        .header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        .body(Full::new(Bytes::from(text)))
        .expect("a status, a known header and a body")
}
