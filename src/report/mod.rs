//! What the operator sees of a run: counts, progress, the summary at the end, log lines.
//!
//! ```text
//! events ─▶ Counters ─▶ Snapshot ─▶ progress (while it runs), summary (at its end)
//!    └────▶ Log ─▶ tracing
//! ```
//!
//! Does not belong here: what a run does, and where text goes in the end (`crate::cli`).
//!
//! Invariant: it only listens. Nothing here changes the outcome of a run, and hearing an event never blocks.
#![expect(
    clippy::disallowed_methods,
    reason = "shows the time that a person waits, from a thread of its own that it joins"
)]

mod counters;
mod figures;
mod latency;
mod log;
mod losses;
mod outcomes;
mod progress;
mod snapshot;
mod summary;

pub use counters::{Counters, FAILURES_KEPT};
pub use figures::{bytes, count, counted};
pub use log::Log;
pub use progress::{Mode, Progress};
pub use snapshot::{
    AbsenceNote, CircuitNote, FailureNote, PublishedFile, Resumed, Role, Snapshot, StageSnapshot,
    TableSnapshot, Totals,
};
pub use summary::{Again, Ending, summary};
