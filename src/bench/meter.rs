//! One trial's listener: what happens within its window.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use crate::event::{Event, Listener};

/// Times of answers that are kept: beyond it quantiles change no more.
const LATENCIES_MAX: usize = 200_000;

/// When a trial counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// What passes first does not.
    pub warm_up: Duration,
    /// What follows does.
    pub measured: Duration,
}

/// What came of one trial.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// The time that counts.
    pub seconds: f64,
    /// Rows of all tables.
    pub rows: u64,
    /// Documents that came.
    pub documents: u64,
    /// Sends, each attempt one.
    pub requests: u64,
    /// Answers of 429 or 503.
    pub refused: u64,
    /// Items that failed.
    pub failed: u64,
    /// Half of the answers came within this.
    pub p50: Option<Duration>,
    /// All but a hundredth did.
    pub p99: Option<Duration>,
    /// Processor seconds of this process.
    pub cpu_seconds: Option<f64>,
    /// Peak of resident memory of this process.
    pub peak_bytes: Option<u64>,
}

/// Counts within the window, and as a whole.
#[derive(Debug)]
pub(super) struct Meter {
    start: Instant,
    window: Window,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    whole: Counts,
    within: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    measured: Measured,
    latencies: Vec<Duration>,
}

impl Counts {
    fn hear(&mut self, event: &Event) {
        let measured = &mut self.measured;
        match event {
            Event::RequestSent { .. } => measured.requests += 1,
            Event::RequestRefused { .. } => measured.refused += 1,
            Event::ItemFailed { .. } => measured.failed += 1,
            Event::RowsDecoded { rows, .. } => measured.rows += *rows as u64,
            Event::DocumentFetched { latency, .. } => {
                measured.documents += 1;
                if self.latencies.len() < LATENCIES_MAX {
                    self.latencies.push(*latency);
                }
            }
            _ => {}
        }
    }

    fn measured(&mut self, seconds: Duration) -> Measured {
        self.latencies.sort_unstable();
        let at = |share: usize| {
            let last = self.latencies.len().checked_sub(1)?;
            self.latencies.get(last * share / 100).copied()
        };
        Measured { seconds: seconds.as_secs_f64(), p50: at(50), p99: at(99), ..self.measured }
    }
}

impl Meter {
    pub(super) fn new(window: Window) -> Self {
        Self { start: Instant::now(), window, state: Mutex::default() }
    }

    /// What was measured until now. A trial that has ended within its window, or before it, is measured as a whole.
    pub(super) fn measured(&self) -> Measured {
        let elapsed = self.start.elapsed();
        let mut state = self.state();
        if elapsed < self.window.warm_up + self.window.measured {
            state.whole.measured(elapsed)
        } else {
            state.within.measured(self.window.measured)
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing that holds this lock panics")
    }
}

impl Listener for Meter {
    fn hear(&self, event: &Event) {
        let elapsed = self.start.elapsed();
        let mut state = self.state();
        state.whole.hear(event);
        if (self.window.warm_up..self.window.warm_up + self.window.measured).contains(&elapsed) {
            state.within.hear(event);
        }
    }
}
