//! One run, from a plan to a published dataset. The only place that knows [`crate::tmdb`], [`crate::project`] and
//! [`crate::sink`] together.
//!
//! ```text
//! job: seed files opened ─▶ lock ─▶ recover ─▶ source check ─▶ flow ─▶ publish
//! flow: seed ─▶ frontier ─▶ fetch ─▶ expand/filter ─▶ table
//! show: the flow up to one point ─▶ lines; nothing is written
//! ```
//!
//! Does not belong here: how anything waits or moves (`crate::engine`), what the user sees (`crate::report`).
//!
//! Invariant: nothing becomes visible unless every table of the run is staged completely.

mod context;
mod ending;
mod error;
mod expand;
mod fetch;
mod filter;
mod flow;
mod follow;
mod foresight;
mod job;
mod logical;
mod outlets;
mod probe;
mod rows;
mod seed;
mod seed_changes;
mod seed_export;
mod seed_file;
mod seed_lists;
mod seed_pages;
mod seed_refresh;
mod show;
mod sight;
mod spool;
mod stash;
mod stash_file;
mod table;
mod table_keys;
mod tally;

pub use error::RunError;
pub use flow::{FlowOptions, Flowed, flow};
pub use follow::Follow;
pub use job::{Job, Published, documents_folder, run_job};
pub use probe::probe;
pub use seed_changes::ChangesError;
pub use seed_export::ExportError;
pub use seed_file::{LINE_BYTES_MAX, SeedFileError, SeedFileFault};
pub use show::{Showing, show};
pub use sight::Sight;
pub use table::TableSink;

/// What a [`Job`] asks with.
pub use crate::tmdb::{Clock, Transport};
