//! What the journal holds of a table in an object store.
//!
//! Invariant: without it nobody takes an address for a file.

use serde::{Deserialize, Serialize};

use super::manifest::Manifest;

/// The part of a journal's entry that only a table in an object store has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RemoteEntry {
    /// The load that was there when the run began: one that comes between is not written over.
    pub before: Option<LoadId>,
    /// By which this publish knows its own claim.
    pub claim: String,
    /// The upload that is under way, and that is given up before another one begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
}

/// One load of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LoadId {
    /// Its run.
    pub run: String,
    /// What it left.
    pub digest: String,
}

impl LoadId {
    /// The load that a manifest tells of.
    #[cfg_attr(not(feature = "cloud"), expect(dead_code, reason = "only object stores compare loads"))]
    pub fn of(manifest: &Manifest) -> Self {
        Self { run: manifest.facts.run.clone(), digest: manifest.digest.clone() }
    }
}
