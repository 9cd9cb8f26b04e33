//! How many connections are opened: no more than are needed, which the pool of hyper-util leaves to chance.
//!
//! That pool opens a connection as soon as a request finds none free, also while one is just coming back, and goes on
//! opening it when the request has long gone out over the other. So over HTTP/1.1 a server sees more connections than
//! requests were ever at once, and over HTTP/2, where one is enough, one for every request that waited for it.
//!
//! Here the opening is held up for a moment where a connection can be expected to come free, and given up if the request
//! has left meanwhile. While a request waits, the opening is part of its task, and [`WANTED`] is set; once it has left,
//! the pool finishes the opening in a task of its own, where it is not.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;
use tower_service::Service;

/// How long an opening is held up where all connections that there may be were opened: one of them comes back within
/// microseconds of an answer's end, or was closed by the server.
const HELD_UP: Duration = Duration::from_millis(100);

tokio::task_local! {
    static WANTED: ();
}

/// Runs `request`, for which connections are opened.
pub(super) fn wanted<T>(request: impl Future<Output = T>) -> impl Future<Output = T> {
    WANTED.scope((), request)
}

/// A connection was opened for nobody.
#[derive(Debug, thiserror::Error)]
#[error("the request has left over another connection")]
struct NotWanted;

/// No connection came about in time.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {:.1} s", .0.as_secs_f64())]
pub(super) struct Unconnected(Duration);

/// The connections of one transport.
#[derive(Clone, Debug)]
pub(super) struct Connections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// How many HTTP/1.1 may have.
    limit: usize,
    /// How many were ever opened.
    opened: AtomicUsize,
    /// Whether one carries all requests: the last answer came over HTTP/2.
    one_for_all: AtomicBool,
    /// Held while one is opened that others might share.
    opening: Mutex<()>,
}

impl Connections {
    pub(super) fn new(limit: usize) -> Self {
        Self(Arc::new(Shared {
            limit,
            opened: AtomicUsize::new(0),
            one_for_all: AtomicBool::new(false),
            opening: Mutex::new(()),
        }))
    }

    /// What opens them by `inner`, each within `limit`.
    pub(super) fn opener<S>(&self, inner: S, limit: Duration) -> Opener<S> {
        Opener { connections: self.clone(), inner, limit }
    }

    /// An answer came over HTTP/2, or not.
    pub(super) fn answered(&self, one_for_all: bool) {
        self.0.one_for_all.store(one_for_all, Ordering::Relaxed);
    }

    async fn open<C, E: Into<Box<dyn Error + Send + Sync>>>(
        &self,
        open: impl Future<Output = Result<C, E>>,
    ) -> Result<C, Box<dyn Error + Send + Sync>> {
        let one_for_all = self.0.one_for_all.load(Ordering::Relaxed);
        let limit = if one_for_all { 1 } else { self.0.limit };
        let _alone = if one_for_all { Some(self.0.opening.lock().await) } else { None };
        if self.0.opened.load(Ordering::Relaxed) >= limit {
            tokio::time::sleep(HELD_UP).await;
            WANTED.try_with(|()| ()).map_err(|_| NotWanted)?;
        }
        self.0.opened.fetch_add(1, Ordering::Relaxed);
        open.await.map_err(Into::into)
    }
}

/// Opens connections, when they are wanted.
#[derive(Clone, Debug)]
pub(super) struct Opener<S> {
    connections: Connections,
    inner: S,
    /// How long opening one may take, from when it is asked for.
    limit: Duration,
}

impl<S, T> Service<T> for Opener<S>
where
    S: Service<T> + Clone + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send,
    T: Send + 'static,
{
    type Response = S::Response;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, target: T) -> Self::Future {
        // The one that is ready is called; its copy is for the next.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let (connections, limit) = (self.connections.clone(), self.limit);
        Box::pin(async move {
            let opening = connections.open(async { inner.call(target).await });
            timeout(limit, opening).await.unwrap_or_else(|_| Err(Unconnected(limit).into()))
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    async fn open(connections: &Connections) -> Result<(), Box<dyn Error + Send + Sync>> {
        connections.open(async { Ok::<_, NotWanted>(()) }).await
    }

    #[tokio::test(start_paused = true)]
    async fn beyond_the_limit_an_opening_waits_and_is_given_up_when_nobody_wants_it() {
        let connections = Connections::new(2);
        let start = Instant::now();
        for _ in 0..2 {
            wanted(open(&connections)).await.unwrap();
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        // One was closed by the server, for all we know.
        wanted(open(&connections)).await.unwrap();
        assert_eq!(start.elapsed(), HELD_UP);
        assert!(open(&connections).await.unwrap_err().is::<NotWanted>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_others_may_share_is_opened_alone() {
        let connections = Connections::new(20);
        wanted(open(&connections)).await.unwrap();
        connections.answered(true);
        let start = Instant::now();
        let two = futures::future::join(open(&connections), open(&connections));
        let (first, second) = wanted(two).await;
        first.and(second).unwrap();
        assert_eq!(start.elapsed(), 2 * HELD_UP, "one after the other");
        assert!(open(&connections).await.unwrap_err().is::<NotWanted>());
    }

    /// Opens nothing.
    #[derive(Clone)]
    struct Deaf;

    impl Service<()> for Deaf {
        type Response = ();
        type Error = NotWanted;
        type Future = futures::future::Pending<Result<(), NotWanted>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NotWanted>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            futures::future::pending()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_the_opening_of_another_waits_no_longer_for_that() {
        let connections = Connections::new(20);
        connections.answered(true);
        let limit = Duration::from_secs(5);
        let (mut first, mut second) = (connections.opener(Deaf, limit), connections.opener(Deaf, limit));
        let start = Instant::now();
        let (first, second) = wanted(futures::future::join(first.call(()), second.call(()))).await;
        assert!(first.unwrap_err().is::<Unconnected>() && second.unwrap_err().is::<Unconnected>());
        assert_eq!(start.elapsed(), limit);
    }
}
