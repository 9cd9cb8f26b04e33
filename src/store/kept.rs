//! What is kept of an answer.

use bytes::Bytes;
use jiff::Timestamp;

/// An answer as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// HTTP status: 200, or 404 for "no such thing".
    pub status: u16,
    /// The body, decompressed, byte for byte.
    pub body: Bytes,
    /// When its last byte came; kept to the microsecond.
    pub fetched_at: Timestamp,
    /// Headers that matter later, such as `etag` and `cache-control`: lower-case names, in the order given.
    pub headers: Vec<(String, String)>,
}

/// Which documents may serve a run: its own always, those of other runs if they are young enough.
///
/// `not_before` must be the same in every attempt of one logical run (its start less `keep`), else a document that
/// served the first attempt may be too old for the second, and be asked for again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    /// The logical run. Everything that is kept through this store belongs to it.
    pub run: String,
    /// Documents of other runs serve if they were fetched then or later.
    pub not_before: Timestamp,
}

/// A point in time as the files hold it: microseconds since 1970, rounded down.
pub(super) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// The time that the files hold; what no calendar has (damage that passed every checksum) is as old as can be.
pub(super) fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MIN)
}
