//! Delta tables: a folder of Parquet files, and a log that says which of them count.
//!
//! ```text
//!  staged files ─▶ work out: what comes, what goes ─▶ [journal] ─▶ move the files in ─▶ commit to the log
//!                        ▲                                                                   │ somebody else was first
//!                        └───────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Belongs here: everything that knows the log. The log is the manifest, the history and the conflict check of the table; what
//! this program has to remember of a load stands in the log's own places (`facts`). Does not belong here: the order of the
//! steps over all tables (`commit`), and how the log is written, which `delta_kernel` knows.
//!
//! Invariants:
//! * D1 Readers see the rows of a load all at once, or none: nothing counts before its commit, and a commit is one file.
//! * D2 A run is committed once, however often it is tried: its commit carries the run's number, and the log is asked first.
//! * D3 A commit follows the version that it was worked out on. Where another has come between, it is worked out again.
//! * D4 Files that an earlier version had are never written, renamed or removed, so every version in the log stays readable.

mod adds;
mod columns;
mod digest;
mod facts;
mod home;
mod live;
mod load;
mod log;
mod prune;
mod publish;
mod rewrite;
mod rows;
mod table;
#[cfg(test)]
mod tests;
mod work;

pub(super) use facts::manifest;
pub(super) use live::live_files;
pub(super) use log::commit;
pub(super) use publish::{Ready, Stand, check, place, prepare, ready, stand_of};
