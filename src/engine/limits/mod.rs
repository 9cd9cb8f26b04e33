//! The budget for the API: who may send, and when.
//!
//! The order of waiting, written here and nowhere else:
//!
//! ```text
//! stage permit → memory → same request in flight → kept document → circuit → lane: [connection, open gate, stage's cap, run's rate] → send
//! (run_stage)   (reserve) (Client::ask ……………………………………………………………)   (Budget::enter, all four at once …………………………………)
//! ```
//!
//! Memory comes before everything that others wait for too: who waits for memory holds nothing but its place in its stage.
//! The circuit comes before everything that others want too: whoever waits for an endpoint of which nothing comes holds
//! no place in a lane.
//!
//! Nobody holds one of the four while they wait for another. The gate is asked again when whoever has a turn wakes up, so
//! that nobody sends into a closed gate.

mod budget;
mod circuit;
mod gate;
mod lanes;
mod memory;
mod pace;
mod tuner;

pub use budget::{Budget, Passage};
pub use circuit::{Circuit, Leave, Probe, ROW_MAX, Refusal};
pub use gate::Exhausted;
pub use lanes::Lane;
pub use memory::{BODY_OVERHEAD_BYTES, Charge, Demand, Memory};
pub use pace::WAY;
pub use tuner::{RATE_MAX, RATE_START};

#[cfg(test)]
mod server;
