//! All integration tests, in one binary: they link arrow and parquet once.
#![expect(
    clippy::disallowed_methods,
    reason = "tests start processes and threads, read their own settings, and look at the disk from outside"
)]

mod backpressure;
mod bounds;
mod cli;
mod crash;
mod dataset;
mod docs;
mod fusion;
mod hostile;
mod https;
mod lists;
mod nested;
mod nights;
mod recordings;
mod report;
mod resume;
mod scheduling;
mod sim;
#[cfg(feature = "cloud")]
mod stores;
mod tidy;
mod torture;
mod warehouse;
