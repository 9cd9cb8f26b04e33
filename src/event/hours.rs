//! What workers can be on, and their times up to one moment, as plain data.
//!
//! Does not belong here: how times are noted (`account`).

use std::time::Duration;

use tokio::time::Instant;

/// What a worker is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Activity {
    /// Nothing has come yet, or nothing more.
    Input,
    /// The next stage has no room, or an earlier result is not done yet.
    Output,
    /// The stage's own `rate`.
    StageRate,
    /// One of `connections` to come free.
    Connection,
    /// The gate that a 429 or 503 closed.
    Gate,
    /// The run's `rate`.
    Rate,
    /// The API: from the send to the last byte of the answer.
    Network,
    /// The pause before another attempt.
    Backoff,
    /// Kept documents, read or written.
    Store,
    /// Room within `memory`.
    Memory,
    /// Somebody else's answer to the same request.
    Flight,
    /// Expressions and projections, on a thread of their own.
    Decoding,
    /// Whatever else a worker does with a value.
    Working,
    /// A table's writer: no batch has come yet, or none more.
    Batches,
    /// A table's writer: encoding and writing.
    Writing,
}

/// How many activities there are.
pub(super) const ACTIVITIES: usize = 15;

impl Activity {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; ACTIVITIES] = [
        Self::Input,
        Self::Output,
        Self::StageRate,
        Self::Connection,
        Self::Gate,
        Self::Rate,
        Self::Network,
        Self::Backoff,
        Self::Store,
        Self::Memory,
        Self::Flight,
        Self::Decoding,
        Self::Working,
        Self::Batches,
        Self::Writing,
    ];

    /// Its name in reports and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::StageRate => "stage_rate",
            Self::Connection => "connection",
            Self::Gate => "gate",
            Self::Rate => "rate",
            Self::Network => "network",
            Self::Backoff => "backoff",
            Self::Store => "store",
            Self::Memory => "memory",
            Self::Flight => "flight",
            Self::Decoding => "decoding",
            Self::Working => "working",
            Self::Batches => "batches",
            Self::Writing => "writing",
        }
    }

    /// Whether it is the writer of a table that does it, and not a worker of the stage.
    pub fn is_of_writer(self) -> bool {
        matches!(self, Self::Batches | Self::Writing)
    }
}

/// The times of a stage up to one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hours {
    /// Worker time by activity, in the order of [`Activity::ALL`].
    pub(super) spent: [Duration; ACTIVITIES],
    /// When the stage began.
    pub opened: Option<Instant>,
    /// When it ended.
    pub closed: Option<Instant>,
    /// Workers that it may have now.
    pub workers: u64,
    /// Workers that have something in their hands now.
    pub busy: u64,
    /// Values that workers are done with.
    pub worked: u64,
    /// Documents that a filter let through.
    pub passed: u64,
    /// The mean time of an answer, and what of it is due to other requests on their way: 0 where latency does not depend
    /// on the load, 1 where the API answers one after the other. `None` where too little is known.
    pub load_share: Option<f64>,
}

impl Hours {
    /// Worker time spent on `activity`.
    pub fn spent(&self, activity: Activity) -> Duration {
        self.spent[activity as usize]
    }

    /// Worker time of the stage's workers, or of the table's writer.
    pub fn total(&self, of_writer: bool) -> Duration {
        Activity::ALL.iter().filter(|on| on.is_of_writer() == of_writer).map(|on| self.spent(*on)).sum()
    }

    /// The share of `activity` in the time of all workers, or of the table's writer; 0 where there was none.
    pub fn share(&self, activity: Activity) -> f64 {
        let total = self.total(activity.is_of_writer()).as_secs_f64();
        if total > 0.0 { self.spent(activity).as_secs_f64() / total } else { 0.0 }
    }

    /// Notes `time` on `activity`: for hours that are put together from elsewhere.
    #[must_use]
    pub fn with(mut self, activity: Activity, time: Duration) -> Self {
        self.spent[activity as usize] += time;
        self
    }
}
