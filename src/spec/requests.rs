//! `concurrency`, `rate`, `buffer`, `timeout`: the settings of whatever makes requests.

use std::num::NonZeroU32;
use std::time::Duration;

use super::model::{Kind, Located, Rate, Stage};

/// `concurrency`, `rate`, `buffer`, `timeout`: the settings of whatever makes requests.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    /// Requests (or documents) in the hands of this stage at once, 1 to 1024.
    pub concurrency: Option<Concurrency>,
    /// A cap of this stage below the run's rate.
    pub rate: Option<Rate>,
    /// `rate: {share: …}`: what of the run's rate is kept for this stage while it has work, above 0.0 to 1.0.
    pub share: Option<Located<f64>>,
    /// Capacity, in items, of the bounded channel into this stage, 1 to 65536.
    pub buffer: Option<NonZeroU32>,
    /// Overrides `api.timeout`.
    pub timeout: Option<Duration>,
}

/// `concurrency` of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    /// So many, always.
    Number(NonZeroU32),
    /// `auto`: as many as fill the rate, within `api.connections`.
    Auto,
}

impl Stage {
    /// The settings of its requests, where a stage of its kind may make some.
    pub fn requests(&self) -> Option<&Requests> {
        match &self.kind {
            Kind::Seed(seed) => Some(&seed.requests),
            Kind::Fetch(fetch) => Some(&fetch.requests),
            Kind::Expand(expand) => Some(&expand.requests),
            Kind::Filter(_) | Kind::Project(_) => None,
        }
    }
}
