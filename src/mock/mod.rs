//! Our own TMDB: an API in this process, for `--mock`, for `tmdb-etl mock` and for tests.
//!
//! It answers like the real one (paths, field order, error bodies, headers, paging,
//! `append_to_response`, gzip, HTTP/1.1 and cleartext HTTP/2) from a catalogue that is made up: the real
//! facts of the Marvel films, and around them films that are a pure function of (seed, id), with the
//! oddities of the real data. It can be slow, limited and faulty, by plan and never by chance.
//!
//! What does not belong here: anything that the client, the engine or a pipeline knows. This module uses
//! none of theirs and judges them from outside.
//!
//! ```text
//! server ─ limit ─ fault ─▶ route ─▶ film_body, person_body, tv, lists, discover ─▶ results ─▶ json ─▶ wire
//!                             │                │
//!                             ▼                ▼
//!                         recordings       catalogue, people, company, marvel, words, vocabulary, dice
//! ```
//!
//! Invariant: the same config gives the same answers, whatever the order, the number and the time of the
//! requests; and memory does not grow with them (unless `record` is on).

mod answer;
mod catalogue;
mod company;
mod config;
mod connections;
mod dice;
mod discover;
mod discover_tv;
mod exports;
mod fault;
mod film_body;
mod film_parts;
mod json;
mod limit;
mod lists;
mod marvel;
mod people;
mod person_body;
mod recordings;
mod request;
mod results;
mod route;
mod server;
mod stats;
mod tv;
mod vocabulary;
mod wire;
mod words;

#[cfg(test)]
mod tests;

pub use config::{Auth, BodySize, Config, ConfigError, Fault, FaultKind, Latency, RateLimit};
pub use recordings::RecordingsError;
pub use server::{Mock, MockError, SLOW, start};
pub use stats::Stats;
