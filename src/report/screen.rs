//! The part of the terminal that is redrawn, and whatever else is written while it stands there.
//!
//! Invariant: what is redrawn goes to stderr and only to a terminal, and no other line is written into it: others are
//! written above it, by [`Screen::above`].

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A few lines at the bottom of the terminal; a clone is the same screen.
#[derive(Clone, Default)]
pub struct Screen(Arc<Mutex<Option<ProgressBar>>>);

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Screen({})", if self.bar().is_some() { "drawn" } else { "empty" })
    }
}

impl Screen {
    /// Shows these lines in place of those that stand there.
    pub(super) fn show(&self, lines: &[String]) {
        let mut bar = self.bar();
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(20));
            bar.set_style(ProgressStyle::with_template("{msg}").expect("a template with one word"));
            bar
        });
        bar.set_message(lines.join("\n"));
        bar.tick();
    }

    /// Takes the lines away.
    pub(super) fn clear(&self) {
        if let Some(bar) = self.bar().take() {
            bar.finish_and_clear();
        }
    }

    /// Writes whole lines, above those that are redrawn.
    pub fn above<T>(&self, write: impl FnOnce() -> T) -> T {
        match &*self.bar() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn bar(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
