//! What the operator sees of a run: counts, progress, the summary at the end, log lines.
//!
//! ```text
//! events ─▶ Counters ─▶ Snapshot ─▶ progress, metrics (while it runs)
//!    │                     └──────▶ verdict, summary, Record (run.json) ─▶ html (at its end)
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
mod history;
mod html;
mod incomplete;
mod kinds;
mod latency;
mod layout;
mod live;
#[cfg(test)]
mod live_tests;
mod log;
mod losses;
mod metrics;
mod outcomes;
mod progress;
mod record;
mod recording;
mod screen;
mod snapshot;
mod summary;
mod usage;
mod verdict;
#[cfg(test)]
mod verdict_tests;

pub use counters::{Counters, FAILURES_KEPT};
pub use figures::{bytes, count, counted};
pub use history::{History, Point};
pub use html::{ceiling, html};
pub use layout::{EdgeLayout, Layout, StageLayout};
pub use log::Log;
pub use metrics::metrics;
pub use progress::{Mode, Progress, View};
pub use record::{ErrorRecord, Facts, RECORD_VERSION, Record};
pub use screen::Screen;
pub use snapshot::{
    AbsenceNote, CircuitNote, FailureNote, PublishedFile, Resumed, Role, Snapshot, StageSnapshot,
    TableSnapshot, Totals,
};
pub use summary::{Again, Ending, summary};
pub use usage::Usage;
pub use verdict::{Resource, Verdict, verdict};
