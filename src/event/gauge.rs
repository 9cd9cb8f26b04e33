//! Numbers that can be read at any time, without knowing what they are read from.

use std::fmt;
use std::sync::Arc;

/// A number of this moment that can be read at any time: how many values wait in an edge.
#[derive(Clone)]
pub struct Gauge(Arc<dyn Fn() -> usize + Send + Sync>);

impl Gauge {
    /// A gauge that is read by `read`, which must be quick.
    pub fn new(read: impl Fn() -> usize + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The number now.
    pub fn read(&self) -> usize {
        (self.0)()
    }
}

impl fmt::Debug for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gauge({})", self.read())
    }
}
