//! The first attempt of a run goes alone; the others wait for its end.
//!
//! Turns of the rate are given for sending, but until a connection stands, a request leaves later than its turn: those of
//! the first round trips would all leave together as soon as it does, and a server counts more of them in a second than
//! the rate allows. Alone, the first attempt opens the connection that over HTTP/2 all others share. And what is wrong
//! with the way or the credential is learnt once, not twenty times.
//!
//! Invariant: whatever becomes of the first attempt, even that it is dropped, somebody goes on.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, MutexGuard};

/// Whether somebody has come back.
#[derive(Debug, Default)]
pub(super) struct Vanguard {
    back: AtomicBool,
    alone: Mutex<()>,
}

/// Leave to go: alone, or after the first is back.
#[derive(Debug)]
pub(super) struct Going<'a> {
    vanguard: &'a Vanguard,
    alone: Option<MutexGuard<'a, ()>>,
}

impl Vanguard {
    /// Waits until the first attempt has ended, or until this is the first.
    ///
    /// # Cancel safety
    /// Dropped, nothing is taken.
    pub(super) async fn go(&self) -> Going<'_> {
        let alone = if self.is_back() { None } else { Some(self.alone.lock().await) };
        // Whoever waited for the first need not go alone too.
        Going { vanguard: self, alone: alone.filter(|_| !self.is_back()) }
    }

    fn is_back(&self) -> bool {
        self.back.load(Ordering::Acquire)
    }
}

impl Going<'_> {
    /// The attempt has ended, well or not.
    pub(super) fn back(self) {
        if self.alone.is_some() {
            self.vanguard.back.store(true, Ordering::Release);
        }
    }
}
