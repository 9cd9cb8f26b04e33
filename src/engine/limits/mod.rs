//! The budget for the API: who may send, and when.
//!
//! The order of waiting, written here and nowhere else:
//!
//! ```text
//! stage permit → same request in flight → kept document → circuit → lane: [connection, open gate, stage's cap, run's rate] → send
//! (run_stage)    (Client::ask ……………………………………………………………)   (Budget::enter, all four at once …………………………………)
//! ```
//!
//! The circuit comes before everything that others want too: whoever waits for an endpoint of which nothing comes holds
//! no place in a lane.
//!
//! Nobody holds one of the four while they wait for another. The gate is asked again when whoever has a turn wakes up, so
//! that nobody sends into a closed gate.

mod budget;
mod circuit;
mod gate;
mod lanes;
mod pace;
mod tuner;

pub use budget::{Budget, Passage};
pub use circuit::{Circuit, Leave, Probe, ROW_MAX, Refusal};
pub use gate::Exhausted;
pub use lanes::Lane;
pub use pace::WAY;
pub use tuner::{RATE_MAX, RATE_START};

#[cfg(test)]
mod server;
