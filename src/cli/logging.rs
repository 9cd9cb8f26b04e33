//! `-v` and `--log json`: the log, on stderr.

use std::io::{self, Write};

use clap::ValueEnum;
use tracing::Level;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::report::Screen;

/// How lines of the log are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts the log: `-v` follows a run, `-vv` tells every event; a format alone is like `-v`.
///
/// Only lines of this crate are let through: at their most verbose, libraries under it log whole requests,
/// and a v3 key is part of the URL.
pub(super) fn start(verbosity: u8, format: Option<LogFormat>, screen: &Screen) {
    let level = match verbosity {
        0 if format.is_none() => return,
        0 | 1 => Level::INFO,
        _ => Level::DEBUG,
    };
    let screen = screen.clone();
    let writer = move || Lines { screen: screen.clone(), line: Vec::new() };
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false).with_target(false);
    let lines = match format {
        Some(LogFormat::Json) => lines.json().flatten_event(true).boxed(),
        _ => lines.boxed(),
    };
    let ours = Targets::new().with_target("tmdb_etl", level);
    // Only a test that calls this twice in one process finds a log that is there already.
    drop(tracing_subscriber::registry().with(ours).with(lines).try_init());
}

/// A line of the log, written as a whole above what is redrawn.
struct Lines {
    screen: Screen,
    line: Vec<u8>,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // Nobody may be there to read it.
        let _ = self.screen.above(|| io::stderr().write_all(&self.line));
    }
}
