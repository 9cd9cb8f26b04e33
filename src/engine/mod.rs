//! How items move: bounded edges, stages with workers, the frontier, limits, and the end of work.
//!
//! ```text
//!  feed ──▶ frontier ──▶ [edge] stage ──▶ [edge] stage ──▶ …
//!              ▲                    │ found items
//!              └──── token ◀────────┘ (never waits)
//! ```
//!
//! Does not belong here: what a request or a row is. The engine moves values and knows when there are no
//! more of them.
//!
//! Invariants: every forward edge is a bounded channel made by [`edge`]; a feedback edge is never a channel
//! (found items go to the [`Frontier`]); a run ends when no [`Token`] is alive and the frontier is empty;
//! every task is owned by a [`Crew`] or by a stage's own handles, and joined.

mod crew;
mod edge;
mod frontier;
mod limits;
mod packed;
mod seen;
mod stage;
mod thread;
mod token;
mod turn;
mod window;
mod workers;

pub use crew::{Crew, Ended};
pub use edge::{Closed, Receiver, Sender, edge};
pub use frontier::{EdgeId, Errand, Feed, Frontier, FrontierEdge, FrontierPlan, KeyOf, Slot};
pub use limits::{
    BODY_OVERHEAD_BYTES, Budget, Charge, Circuit, Demand, Exhausted, Lane, Leave, Memory, Passage, Probe,
    RATE_MAX, RATE_START, ROW_MAX, Refusal, WAY,
};
pub use packed::{pack_item, unpack_item};
pub use seen::Seen;
pub use stage::{Work, run_stage};
pub use thread::on_thread;
pub use token::{Parcel, Token};
pub use turn::Turn;
pub use workers::Workers;
