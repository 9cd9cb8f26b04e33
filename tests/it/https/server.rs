//! A server over TLS that remembers what it saw, and answers as a test wants.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::StreamExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    pub version: Version,
    pub target: String,
    pub headers: HeaderMap,
    /// Which connection it came over, from 0.
    pub connection: usize,
    /// Which request of the server it is, from 0.
    pub number: usize,
}

impl Asked {
    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// What becomes of one request.
pub enum Reaction {
    Answer(Response<Body>),
    /// No answer: RST_STREAM over HTTP/2, the end of the connection over HTTP/1.1.
    Reset,
    /// The answer, and then the end of the connection in good order: GOAWAY over HTTP/2.
    Last(Response<Body>),
    /// Nothing, ever.
    Silence,
}

/// What happens to a connection before HTTP.
#[derive(Clone)]
pub enum Door {
    Tls(Arc<ServerConfig>),
    /// HTTP without TLS.
    Plain,
    /// Closed in the middle of the handshake.
    Cut,
    /// Open, and silent.
    Silent,
}

#[derive(Default)]
struct Seen {
    asked: Mutex<Vec<Asked>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    open_max: AtomicUsize,
}

/// Lives as long as this.
pub struct Server {
    runtime: Runtime,
    addr: SocketAddr,
    seen: Arc<Seen>,
}

type React = dyn Fn(&Asked) -> Reaction + Send + Sync;

impl Server {
    pub fn start(door: Door, react: impl Fn(&Asked) -> Reaction + Send + Sync + 'static) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let (shared, react) = (Arc::clone(&seen), Arc::new(react) as Arc<React>);
        runtime.spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                tokio::spawn(connection(stream, door.clone(), Arc::clone(&shared), Arc::clone(&react)));
            }
        });
        Self { runtime, addr, seen }
    }

    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    /// Its address by one of its names.
    pub fn url(&self, host: &str) -> String {
        format!("https://{host}:{}/3", self.port())
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.seen.asked.lock().unwrap().clone()
    }

    /// Connections that were ever accepted.
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// The most that were open at once.
    pub fn open_max(&self) -> usize {
        self.seen.open_max.load(Ordering::SeqCst)
    }
}

async fn connection(mut stream: TcpStream, door: Door, seen: Arc<Seen>, react: Arc<React>) {
    let number = seen.connections.fetch_add(1, Ordering::SeqCst);
    let open = seen.open.fetch_add(1, Ordering::SeqCst) + 1;
    seen.open_max.fetch_max(open, Ordering::SeqCst);
    match door {
        Door::Tls(config) => {
            if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
                serve(stream, number, &seen, &react).await;
            }
        }
        Door::Plain => serve(stream, number, &seen, &react).await,
        Door::Cut => {
            // The start of a ClientHello, so that this is no end before the beginning.
            drop(stream.read(&mut [0; 64]).await);
        }
        Door::Silent => {
            let mut hello = [0; 4096];
            while stream.read(&mut hello).await.is_ok_and(|read| read > 0) {}
        }
    }
    seen.open.fetch_sub(1, Ordering::SeqCst);
}

async fn serve<S>(stream: S, connection: usize, seen: &Arc<Seen>, react: &Arc<React>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let last = Arc::new(Notify::new());
    let service = service_fn(|request: Request<Incoming>| {
        let (seen, react, last) = (Arc::clone(seen), Arc::clone(react), Arc::clone(&last));
        async move {
            let asked = {
                let mut all = seen.asked.lock().unwrap();
                let asked = Asked {
                    version: request.version(),
                    target: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
                    headers: request.headers().clone(),
                    connection,
                    number: all.len(),
                };
                all.push(asked.clone());
                asked
            };
            match react(&asked) {
                Reaction::Answer(response) => Ok(response),
                Reaction::Last(response) => {
                    last.notify_one();
                    Ok(response)
                }
                Reaction::Reset => Err(io::Error::other("reset")),
                Reaction::Silence => std::future::pending().await,
            }
        }
    });
    let http = auto::Builder::new(TokioExecutor::new());
    let mut served = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = &mut served => return,
        () = last.notified() => served.as_mut().graceful_shutdown(),
    }
    drop(served.await);
}

/// The film that a target asks for.
pub fn film(target: &str) -> Bytes {
    let path = target.split('?').next().unwrap_or_default();
    let id = path.rsplit('/').next().unwrap_or_default();
    Bytes::from(format!(r#"{{"id":{id},"title":"Film {id}","release_date":"2001-02-03"}}"#))
}

/// A plain answer.
pub fn answer(status: u16, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
    let response =
        Response::builder().status(status).header("content-type", "application/json;charset=utf-8");
    response.body(body).unwrap()
}

/// The film that was asked for.
pub fn document(asked: &Asked) -> Reaction {
    Reaction::Answer(answer(200, film(&asked.target)))
}

/// A body that comes in these pieces; after them it is reset if `cut`.
pub fn pieces(pieces: impl IntoIterator<Item = Bytes, IntoIter: Send + 'static>, cut: bool) -> Body {
    let end = cut.then(|| Err(io::Error::other("cut")));
    let frames = futures::stream::iter(pieces).map(|piece| Ok(Frame::data(piece)));
    StreamBody::new(frames.chain(futures::stream::iter(end))).boxed_unsync()
}

/// Between a client and a server; can stop forwarding without closing anything.
pub struct Relay {
    addr: SocketAddr,
    frozen: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
}

impl Relay {
    pub fn start(runtime: &Runtime, target: u16) -> Self {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let addr = listener.local_addr().unwrap();
        let (frozen, connections) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let relay = Self { addr, frozen: Arc::clone(&frozen), connections: Arc::clone(&connections) };
        runtime.spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                let number = connections.fetch_add(1, Ordering::SeqCst);
                let server = TcpStream::connect(("127.0.0.1", target)).await.unwrap();
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(forward(from_client, to_server, number, Arc::clone(&frozen)));
                tokio::spawn(forward(from_server, to_client, number, Arc::clone(&frozen)));
            }
        });
        relay
    }

    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// How many of its connections, from the first, forward nothing any more.
    pub fn frozen(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.frozen)
    }
}

async fn forward(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    number: usize,
    frozen: Arc<AtomicUsize>,
) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(read) = from.read(&mut buffer).await {
        if read == 0 {
            return;
        }
        if number < frozen.load(Ordering::SeqCst) {
            // Both halves stay open.
            std::future::pending::<()>().await;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
