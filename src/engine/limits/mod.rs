//! The budget for the API: who may send, and when.
//!
//! The order of waiting, written here and nowhere else:
//!
//! ```text
//! stage permit → same request in flight → kept document → stage rate → connection permit → gate → run rate → send
//! (run_stage)    (Client::ask ………………………………………………)   (Budget::enter …………………………………………………………………)
//! ```
//!
//! The gate is asked again after the rate, so that nobody who waited for a turn sends into a closed gate.

mod budget;
mod gate;
mod pace;

pub use budget::{Budget, Passage};
pub use gate::{Exhausted, Gate};
pub use pace::Pace;
