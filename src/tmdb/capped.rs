//! A way to the API that ends after so many requests.
//!
//! Does not belong here: how fast they go, and what becomes of whoever asks for one more (it is told to stop).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::transport::{Response, Transport, TransportError};
use crate::plan::Request;

/// A way that ends after so many requests, for all trials together.
pub struct Capped {
    inner: Arc<dyn Transport>,
    left: Arc<AtomicU64>,
    stop: CancellationToken,
}

impl Capped {
    /// `inner`, of which `left` requests are left; then `stop` is told.
    pub fn new(inner: Arc<dyn Transport>, left: Arc<AtomicU64>, stop: CancellationToken) -> Self {
        Self { inner, left, stop }
    }
}

impl Transport for Capped {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Response, TransportError>> {
        let taken =
            self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if taken {
            return self.inner.send(request, timeout);
        }
        self.stop.cancel();
        // Nothing more is sent: the sweep ends here.
        Box::pin(std::future::pending())
    }
}
