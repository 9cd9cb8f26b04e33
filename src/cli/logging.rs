//! `-v`: the log, on stderr.

use std::io;

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts the log: `-v` follows a run, `-vv` tells every event.
///
/// Only lines of this crate are let through: at their most verbose, libraries under it log whole requests,
/// and a v3 key is part of the URL.
pub(super) fn start(verbosity: u8) {
    let level = match verbosity {
        0 => return,
        1 => Level::INFO,
        _ => Level::DEBUG,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false).with_target(false);
    let ours = Targets::new().with_target("tmdb_etl", level);
    // Only a test that calls this twice in one process finds a log that is there already.
    drop(tracing_subscriber::registry().with(ours).with(lines).try_init());
}
