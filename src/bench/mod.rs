//! `bench`: the same pipeline with other settings, measured side by side, and which of them to take.
//!
//! ```text
//! --vary ─▶ combinations ─▶ sweep (order, repeats) ─▶ Arena (one trial) ─▶ Measured
//!                                                                             │
//!                         text, JSON, HTML ◀── Verdict (noise, smallest) ◀────┘
//! ```
//!
//! Does not belong here: how a run goes (`crate::run`), which server is asked and what is printed where (`crate::cli`).
//!
//! Invariants:
//! * Y1 A trial is measured in a window of its own, after a warm-up; what ends before its window does is measured as a whole.
//! * Y2 Every combination has its turn once before any has a second, each time in another order.
//! * Y3 What is recommended is the smallest of the settings whose throughput is within noise of the best.
//! * Y4 An end from outside loses no finished trial.

mod html;
mod json;
mod judge;
mod meter;
mod plot;
mod stage;
mod sweep;
mod text;
mod variation;

pub use html::to_html;
pub use json::to_json;
pub use judge::{Recommended, Row, Verdict, judge};
pub use meter::{Measured, Window};
pub use stage::Scratch;
pub use sweep::{Arena, Candidate, Progress, Sweep, sweep};
pub use text::describe;
pub use variation::{COMBINATIONS_MAX, Variation, combinations};

#[cfg(test)]
mod tests;

/// What was asked for and what came of it: everything that is printed.
#[derive(Debug)]
pub struct Report {
    /// The pipeline's name.
    pub pipeline: String,
    /// Who was asked: `mock` or the address.
    pub against: String,
    /// What the server was told to be, for people; empty where that is not known.
    pub server: String,
    /// Seconds of one trial that count, and of its warm-up.
    pub window: Window,
    /// Trials of each combination that were asked for.
    pub repeat: u32,
    /// What varies, in the order of the command line.
    pub variations: Vec<Variation>,
    /// What was found.
    pub verdict: Verdict,
    /// It was ended before all was measured.
    pub cut_short: bool,
}
