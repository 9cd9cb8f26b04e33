//! Forward edges: bounded channels, and nothing else makes a channel between stages.

use tokio::sync::mpsc;

use crate::event::Gauge;

/// The sending end of an edge.
#[derive(Debug)]
pub struct Sender<T>(mpsc::Sender<T>);

/// The receiving end of an edge.
#[derive(Debug)]
pub struct Receiver<T>(mpsc::Receiver<T>);

/// The other end of an edge is gone: the run is ending, and whoever ended it says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the next stage is gone")]
pub struct Closed;

/// Makes an edge that holds at most `capacity` values.
///
/// # Panics
/// If `capacity` is 0: the plan never has such an edge.
#[expect(clippy::disallowed_methods, reason = "the one place that makes a channel between stages")]
pub fn edge<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::channel(capacity);
    (Sender(sender), Receiver(receiver))
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Sender<T> {
    /// Waits for room and hands `value` on.
    ///
    /// # Cancel safety
    /// Dropped before it ends, nothing was sent and `value` is gone.
    pub async fn send(&self, value: T) -> Result<(), Closed> {
        self.0.send(value).await.map_err(|_| Closed)
    }

    /// Waits for room for one value, before the value is chosen.
    ///
    /// # Cancel safety
    /// Dropped, the room is free again.
    pub async fn reserve(&self) -> Result<mpsc::Permit<'_, T>, Closed> {
        self.0.reserve().await.map_err(|_| Closed)
    }

    /// Hands `value` on from a thread that may block.
    pub fn send_blocking(&self, value: T) -> Result<(), Closed> {
        self.0.blocking_send(value).map_err(|_| Closed)
    }

    /// Values that wait in the edge now.
    pub fn depth(&self) -> usize {
        self.0.max_capacity() - self.0.capacity()
    }
}

impl<T: Send + 'static> Sender<T> {
    /// Values that wait in the edge at the moment of reading, room that was reserved included. It does not keep the
    /// edge open.
    pub fn gauge(&self) -> Gauge {
        let edge = self.0.downgrade();
        Gauge::new(move || edge.upgrade().map_or(0, |edge| edge.max_capacity() - edge.capacity()))
    }
}

impl<T> Receiver<T> {
    /// The next value; `None` when every sender is gone and the edge is empty.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn recv(&mut self) -> Option<T> {
        self.0.recv().await
    }

    /// Waits for at least one value and takes up to `limit` into `into`; 0 means the end.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn recv_many(&mut self, into: &mut Vec<T>, limit: usize) -> usize {
        self.0.recv_many(into, limit).await
    }

    /// The next value, for a caller that polls several edges.
    pub fn poll_recv(&mut self, context: &mut std::task::Context<'_>) -> std::task::Poll<Option<T>> {
        self.0.poll_recv(context)
    }

    /// The next value, on a thread that may block.
    pub fn recv_blocking(&mut self) -> Option<T> {
        self.0.blocking_recv()
    }
}
