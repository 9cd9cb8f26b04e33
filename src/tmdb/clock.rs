//! The time of day: what answers, runs and windows of days are dated by.
//!
//! Does not belong here: waiting, which is tokio's. Invariant: whoever decides anything by the date asks this clock, so that a
//! test may let sixty nights pass at once.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// A clock. Clones show the same time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock that shows what `now` says.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Its time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

/// That of this machine.
impl Default for Clock {
    fn default() -> Self {
        Self::new(Timestamp::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}
