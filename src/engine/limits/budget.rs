//! The run's one budget: connections, gate and rate, waited for in one order.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::gate::Gate;
use super::pace::Pace;
use crate::spec::Rate;

/// What all requests of a run share.
#[derive(Debug)]
pub struct Budget {
    connections: Arc<Semaphore>,
    /// The gate that a 429 closes.
    pub gate: Gate,
    pace: Option<Pace>,
}

/// Leave to send one request now. Dropping it frees its connection.
#[derive(Debug)]
pub struct Passage {
    /// The instant at which leave was given.
    pub sent_at: Instant,
    /// How long the request stood behind the closed gate.
    pub gated: Duration,
    _connection: OwnedSemaphorePermit,
}

impl Budget {
    /// A budget of so many connections at this rate (`None`: unlimited), with dice from `seed`.
    pub fn new(connections: NonZeroU32, rate: Option<Rate>, seed: u64) -> Self {
        Self {
            connections: Arc::new(Semaphore::new(connections.get() as usize)),
            gate: Gate::new(seed),
            pace: rate.map(Pace::new),
        }
    }

    /// Waits for leave to send one request, of a stage with this pace of its own.
    ///
    /// # Cancel safety
    /// Dropped, nothing is taken that is not given back, except a turn of the stage's own pace.
    pub async fn enter(&self, stage: Option<&Pace>) -> Passage {
        // Before the connection, so that a slow stage does not sit on connections that others could use.
        if let Some(pace) = stage {
            pace.turn().await;
        }
        let connection =
            Arc::clone(&self.connections).acquire_owned().await.expect("the semaphore is never closed");
        let mut gated = Duration::ZERO;
        loop {
            gated += self.gate.opened().await;
            if let Some(pace) = &self.pace {
                pace.turn().await;
            }
            if self.gate.is_open() {
                return Passage { sent_at: Instant::now(), gated, _connection: connection };
            }
        }
    }
}
