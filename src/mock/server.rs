//! The server: connections, the order of what happens to a request, and its end.
//!
//! ```text
//! connection ─▶ arrives ─▶ rate limit ─▶ credential ─▶ fault ─▶ latency ─▶ recording or catalogue ─▶ wire
//! ```
//!
//! Every task (the one that accepts, connections, streams of HTTP/2) is owned by one `JoinSet`, which ends
//! with the [`Mock`].

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{self, HeaderMap};
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper::{Method, Request as HttpRequest, Response};
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::answer::Answer;
use super::catalogue::Catalogue;
use super::config::{Auth, BodySize, Config, Fault, FaultKind, Latency};
use super::connections::{Connection, Connections};
use super::dice::mix;
use super::exports::Exports;
use super::fault::Faults;
use super::limit::Window;
use super::recordings::{Recordings, RecordingsError};
use super::request::Request;
use super::route::Api;
use super::stats::{Counter, Stats};
use super::wire::{self, Payload};

/// How late a slow answer is: longer than any sensible timeout of a client.
pub const SLOW: Duration = Duration::from_secs(30);

/// A pause after a connection could not be accepted (too many open files), so that this is no busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A server that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum MockError {
    /// The address is taken or not ours.
    #[error("listen on {addr}")]
    Listen {
        /// Where.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// More faults than requests.
    #[error("the shares of the faults add up to {total}, which is more than 1")]
    Faults {
        /// The sum, without dead ids.
        total: f64,
    },
    /// The folder of recordings.
    #[error("use the recordings")]
    Recordings(#[from] RecordingsError),
}

/// A running server; dropping it ends every connection.
#[derive(Debug)]
pub struct Mock {
    addr: SocketAddr,
    state: Arc<State>,
    tasks: Tasks,
}

/// Starts a server on the current tokio runtime.
///
/// # Errors
/// Where the address is taken, the shares of faults exceed 1, or the recordings cannot be read.
pub async fn start(config: Config) -> Result<Mock, MockError> {
    let shares = config.faults.iter().filter(|fault| fault.kind != FaultKind::Dead);
    let total: f64 = shares.map(|&Fault { share, .. }| share).sum();
    if total > 1.0 + 1e-9 {
        return Err(MockError::Faults { total });
    }
    let recordings = config.recordings.as_deref().map(Recordings::read).transpose()?;
    let listen = |source| MockError::Listen { addr: config.addr, source };
    let listener = TcpListener::bind(config.addr).await.map_err(listen)?;
    let addr = listener.local_addr().map_err(listen)?;
    let state = Arc::new(State {
        api: Api::new(Catalogue { seed: config.seed, films: config.films }),
        exports: Exports::default(),
        recordings,
        window: config.rate_limit.map(|limit| Mutex::new(Window::new(limit))),
        faults: Mutex::new(Faults::new(config.seed, &config.faults)),
        counter: Counter::new(config.record),
        auth: config.auth,
        latency: config.latency,
        body_size: config.body_size,
        connections: Connections::new(config.connections),
        retry_after: config.retry_after,
    });
    let tasks = Tasks::default();
    tasks.spawn(accept(listener, Arc::clone(&state), tasks.clone()));
    Ok(Mock { addr, state, tasks })
}

impl Mock {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What takes the place of `https://api.themoviedb.org/3`.
    pub fn base_url(&self) -> String {
        format!("http://{}/3", self.addr)
    }

    /// What it has seen so far.
    pub fn stats(&self) -> Stats {
        self.state.counter.stats()
    }

    /// How many requests have arrived so far: a small part of [`Mock::stats`], for who asks often.
    pub fn requests(&self) -> u64 {
        self.state.counter.requests()
    }

    /// Ends every connection and waits until all tasks are gone.
    pub async fn stop(self) {
        let ended = self.tasks.end();
        if let Some(mut tasks) = ended {
            tasks.shutdown().await;
        }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        drop(self.tasks.end());
    }
}

/// The tasks of a server; none once it has ended.
#[derive(Clone, Debug)]
struct Tasks(Arc<Mutex<Option<JoinSet<()>>>>);

impl Default for Tasks {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Some(JoinSet::new()))))
    }
}

impl Tasks {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = locked(&self.0);
        if let Some(tasks) = tasks.as_mut() {
            // Tasks that are done go first, so that the set holds no more than what is open.
            while tasks.try_join_next().is_some() {}
            tasks.spawn(task);
        }
    }

    fn end(&self) -> Option<JoinSet<()>> {
        locked(&self.0).take()
    }
}

impl<F> Executor<F> for Tasks
where
    F: Future + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.spawn(async move {
            stream.await;
        });
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, state: Arc<State>, tasks: Tasks) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => tasks.spawn(connection(stream, Arc::clone(&state), tasks.clone())),
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn connection(stream: TcpStream, state: Arc<State>, tasks: Tasks) {
    let _open = state.counter.connected();
    // Answers are small and written at once; waiting for more to send only costs time.
    let nodelay = stream.set_nodelay(true);
    let own = Arc::new(Connection::default());
    let service = service_fn(|request| {
        let (state, own) = (Arc::clone(&state), Arc::clone(&own));
        async move {
            let _answered = own.enter(&state.connections).await;
            state.serve(request).await
        }
    });
    if nodelay.is_ok() {
        let server = auto::Builder::new(tasks);
        // A client that goes away, a reset and a cut body end a connection with an error: all as meant.
        drop(server.serve_connection(TokioIo::new(stream), service).await);
    }
}

/// The fault `reset`: no answer at all.
#[derive(Debug, thiserror::Error)]
#[error("the fault `reset` closes this connection")]
struct Reset;

#[derive(Debug)]
struct State {
    api: Api,
    exports: Exports,
    recordings: Option<Recordings>,
    window: Option<Mutex<Window>>,
    faults: Mutex<Faults>,
    counter: Counter,
    auth: Auth,
    latency: Latency,
    body_size: Option<BodySize>,
    connections: Connections,
    retry_after: bool,
}

impl State {
    async fn serve(&self, http: HttpRequest<Incoming>) -> Result<Response<Payload>, Reset> {
        let request = Request::new(http.uri().path(), http.uri().query());
        let (now, _in_flight) = self.counter.arrived(request.canonical());
        let (answer, cut) = self.decide(&http, &request, now).await?;
        self.counter.answered(answer.status);
        Ok(wire::response(answer, http.headers(), self.retry_after, cut))
    }

    /// The answer, and whether its body breaks off.
    async fn decide(
        &self,
        http: &HttpRequest<Incoming>,
        request: &Request,
        now: Instant,
    ) -> Result<(Answer, bool), Reset> {
        let file = request.export();
        if let Some(window) = self.window.as_ref().filter(|_| file.is_none())
            && !locked(window).admit(now)
        {
            self.counter.refused();
            return Ok((Answer::too_many_requests(), false));
        }
        if file.is_none() && !self.knows(http.headers(), request) {
            return Ok((Answer::unauthorized(), false));
        }
        let fault = locked(&self.faults).meet(request);
        if let Some(kind) = fault {
            self.counter.met(kind);
        }
        let wait = match fault {
            Some(FaultKind::Slow) => SLOW,
            _ => self.wait(request),
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let answer = match fault {
            Some(FaultKind::Reset) => return Err(Reset),
            Some(FaultKind::Status500 | FaultKind::Dead) => Answer::internal_error(),
            Some(FaultKind::TooManyRequests) => Answer::too_many_requests(),
            Some(FaultKind::Html) => Answer::bad_gateway(),
            Some(FaultKind::Cut | FaultKind::Slow) | None if http.method() != Method::GET => {
                Answer::not_found()
            }
            Some(FaultKind::Cut | FaultKind::Slow) | None => match file {
                Some(name) => self.export(request, name).await,
                None => self.answer(request),
            },
        };
        Ok((answer, fault == Some(FaultKind::Cut)))
    }

    async fn export(&self, request: &Request, name: &str) -> Answer {
        if let Some(recorded) = self.recorded(request) {
            return recorded;
        }
        let file = self.exports.file(&self.api.catalogue, name).await;
        file.map_or_else(Answer::not_found, Answer::file)
    }

    fn answer(&self, request: &Request) -> Answer {
        let answer = self.recorded(request).unwrap_or_else(|| self.api.answer(request));
        match self.body_size {
            Some(size) if request.is_of_a_film() => answer.padded(size.of(self.throw(request))),
            _ => answer,
        }
    }

    fn recorded(&self, request: &Request) -> Option<Answer> {
        self.recordings.as_ref().and_then(|recordings| recordings.answer(request))
    }

    fn knows(&self, headers: &HeaderMap, request: &Request) -> bool {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
        let mut given = [bearer, request.api_key()].into_iter().flatten();
        match &self.auth {
            Auth::Any => given.any(|given| !given.is_empty()),
            Auth::Token(token) => given.any(|given| given == token),
        }
    }

    /// How long this request waits for its answer.
    fn wait(&self, request: &Request) -> Duration {
        if self.latency.jitter.is_zero() {
            return self.latency.mean;
        }
        self.latency.of(self.throw(request))
    }

    fn throw(&self, request: &Request) -> u64 {
        let request = xxhash_rust::xxh3::xxh3_64(request.canonical().as_bytes());
        mix(self.api.catalogue.seed ^ request)
    }
}
