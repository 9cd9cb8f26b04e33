//! The limit on connections: so many are answered at once, and requests on others wait for one of them to be done.
//!
//! Waiting is milder than refusing: a client whose last connections are just being closed loses nothing. Several requests on
//! one connection (HTTP/2) count once. Does not belong here: how connections are opened and served (`server`).

use std::num::NonZeroU32;
use std::sync::{Arc, Weak};

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

/// How many connections are answered at once; all of them without a limit.
#[derive(Debug)]
pub(super) struct Connections(Option<Arc<Semaphore>>);

/// One open connection, and its permit while a request on it is under way.
#[derive(Debug, Default)]
pub(super) struct Connection(Mutex<Weak<OwnedSemaphorePermit>>);

impl Connections {
    pub(super) fn new(limit: Option<NonZeroU32>) -> Self {
        let permits = |limit: NonZeroU32| usize::try_from(limit.get()).expect("a machine of 32 bits or more");
        Self(limit.map(|limit| Arc::new(Semaphore::new(permits(limit).min(Semaphore::MAX_PERMITS)))))
    }
}

impl Connection {
    /// Waits until this connection is among those that are answered; it is until all that it got are dropped.
    pub(super) async fn enter(&self, all: &Connections) -> Option<Arc<OwnedSemaphorePermit>> {
        let permits = all.0.as_ref()?;
        // Held while waiting, so that requests on one connection do not wait for two permits.
        let mut held = self.0.lock().await;
        if let Some(permit) = held.upgrade() {
            return Some(permit);
        }
        let permit = Arc::clone(permits).acquire_owned().await.expect("it is never closed");
        let permit = Arc::new(permit);
        *held = Arc::downgrade(&permit);
        Some(permit)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_connection_beyond_the_limit_waits_and_requests_on_one_count_once() {
        let all = Connections::new(NonZeroU32::new(1));
        let (one, other) = (Connection::default(), Connection::default());
        let first = one.enter(&all).await;
        let second = one.enter(&all).now_or_never().expect("it is answered already");
        assert!(other.enter(&all).now_or_never().is_none());
        drop(first);
        assert!(other.enter(&all).now_or_never().is_none(), "its second request is under way");
        drop(second);
        assert!(other.enter(&all).now_or_never().is_some());
    }

    #[tokio::test]
    async fn without_a_limit_nobody_waits() {
        let all = Connections::new(None);
        assert!(Connection::default().enter(&all).now_or_never().is_some_and(|permit| permit.is_none()));
    }
}
