//! What the user wrote: bytes of a pipeline file in, a typed [`Spec`] or all of its faults out, with a
//! [`Sketch`] in which the plan looks for more.
//!
//! ```text
//! read ─▶ Source ─▶ yaml (located tree) ─▶ decode (by hand, into one collector) ─▶ Spec
//!                        └──────────── Faults ────────────┘
//! ```
//!
//! Belongs here: the language of the file. Does not belong here: what the stages mean together
//! (`crate::plan`), and anything that reads the environment, the network or a clock.
//!
//! Invariant: whatever bytes come in, the work is bounded and nothing panics.

mod column_type;
mod credential;
mod decode;
mod environment;
mod fault;
mod format;
mod language;
mod model;
mod nearest;
mod path_template;
mod rate;
mod render;
mod requests;
mod scalar;
mod schema;
mod seed_list;
mod sketch;
mod source;
mod store_url;
mod tree;
mod vary;
mod yaml;

pub use decode::{ABOUT_THE_ADDRESS, BaseUrlError, Parsed, Rejected, parse, parse_base_url};
pub(crate) use decode::{is_pipeline_name, parse_duration, size_text};
pub use fault::{FAULTS_MAX, Fault, Faults, Severity, clip};
pub(crate) use language::APPEND_MAX;
pub use model::*;
pub use nearest::nearest;
pub use path_template::Part;
pub use schema::schema;
pub use sketch::{KindName, Outline, Reads, Sketch};
pub use source::{SOURCE_BYTES_MAX, Source, read, read_from};
pub use store_url::{StoreKind, StoreUrl, UrlFault};
pub use vary::{Change, VaryError, vary};

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;
