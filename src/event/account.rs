//! Where the time of a stage's workers goes: one [`Account`] for each stage, written by whoever works or waits and read
//! at any moment by whoever shows it.
//!
//! ```text
//! worker:  ├─ idle: waits for input or output ─┤├─ busy: rate │ connection │ network │ decoding │ … │ the rest: working ─┤
//! ```
//!
//! Does not belong here: what follows from the times (`crate::report`), and any decision.
//!
//! Invariants:
//! * A1 Each worker of a stage is on exactly one [`Activity`] at every moment, so the times of all of them add up to
//!   workers × time.
//! * A2 Time that ends with an abort is noted like any other: everything that runs is a guard.
//! * A3 Noting is a few additions; the lock is held for those only.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::time::Instant;

use super::hours::{ACTIVITIES, Activity, Hours};

/// The times of one stage.
#[derive(Debug, Default)]
pub struct Account {
    /// Nanoseconds that were told one by one, by activity.
    told: [AtomicU64; ACTIVITIES],
    /// Values that workers are done with.
    worked: AtomicU64,
    /// Documents that went on to the next stage, where not all do.
    passed: AtomicU64,
    attempts: Attempts,
    floor: Mutex<Floor>,
}

/// How long answers took, and how many requests were on their way when theirs left: sums for a straight line.
#[derive(Debug, Default)]
struct Attempts {
    count: AtomicU64,
    load: AtomicU64,
    load_squared: AtomicU64,
    micros: AtomicU64,
    load_times_micros: AtomicU64,
}

/// The workers of a stage, and what those wait for that have nothing in their hands.
#[derive(Clone, Copy, Debug, Default)]
struct Floor {
    opened: Option<Instant>,
    closed: Option<Instant>,
    /// Up to when times are counted.
    until: Option<Instant>,
    workers: u64,
    busy: u64,
    waits_for_output: bool,
    /// No more input comes.
    ends: bool,
    input: u64,
    output: u64,
    working: u64,
}

impl Account {
    /// The stage begins, with so many workers (none: its times are told one by one). It ends when the guard is dropped.
    pub fn open(self: &Arc<Self>, workers: usize) -> Opened {
        let now = Instant::now();
        let mut floor = self.floor();
        floor.settle(now);
        floor.opened.get_or_insert(now);
        floor.closed = None;
        floor.until = Some(now);
        floor.workers = workers as u64;
        (floor.waits_for_output, floor.ends) = (false, false);
        Opened(Arc::clone(self))
    }

    /// From now on the stage may have so many workers.
    pub fn resize(&self, workers: usize) {
        let mut floor = self.floor();
        floor.settle(Instant::now());
        floor.workers = workers as u64;
    }

    /// Workers with empty hands wait for input from now on, as there is room for more.
    pub fn waits_for_input(&self) {
        self.turn(false);
    }

    /// Workers with empty hands wait for output from now on: all room is taken by what was worked on.
    pub fn waits_for_output(&self) {
        self.turn(true);
    }

    /// No more input comes: whoever waits when all work is done, waits for output.
    pub fn ends(&self) {
        let mut floor = self.floor();
        floor.settle(Instant::now());
        floor.ends = true;
    }

    fn turn(&self, waits_for_output: bool) {
        let mut floor = self.floor();
        if floor.waits_for_output != waits_for_output {
            floor.settle(Instant::now());
            floor.waits_for_output = waits_for_output;
        }
    }

    /// A worker takes something into its hands, until the guard is dropped.
    pub fn begin(self: &Arc<Self>) -> Shift {
        let mut floor = self.floor();
        floor.settle(Instant::now());
        floor.busy += 1;
        Shift(Arc::clone(self))
    }

    /// A worker is on `activity` until the guard is dropped.
    pub fn on(&self, activity: Activity) -> Span<'_> {
        Span { account: self, activity, since: Instant::now() }
    }

    /// Notes the time that `work` takes. `units` is how much of it there is: documents, rows, requests.
    pub fn time<T>(
        &self,
        activity: Activity,
        units: usize,
        work: impl Future<Output = T>,
    ) -> impl Future<Output = T> {
        #[cfg(test)]
        let work = async move {
            let result = work.await;
            super::simulated::cost(activity, units).await;
            result
        };
        let _ = units;
        // No `async`: that would hold `work` twice.
        let span = self.on(activity);
        work.map(|result| {
            drop(span);
            result
        })
    }

    /// Notes time that was measured elsewhere.
    pub fn add(&self, activity: Activity, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.told[activity as usize].fetch_add(nanos, Ordering::Relaxed);
    }

    /// A document went on.
    pub fn passed(&self) {
        self.passed.fetch_add(1, Ordering::Relaxed);
    }

    /// An answer took `latency`; with it, `load` requests were on their way when it was asked for.
    pub fn attempt(&self, load: usize, latency: Duration) {
        let (load, micros) = (load as u64, u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        let sums = &self.attempts;
        let terms = [
            (&sums.count, 1),
            (&sums.load, load),
            (&sums.load_squared, load.saturating_mul(load)),
            (&sums.micros, micros),
            (&sums.load_times_micros, load.saturating_mul(micros)),
        ];
        for (sum, term) in terms {
            sum.fetch_add(term, Ordering::Relaxed);
        }
    }

    /// The times up to now.
    pub fn hours(&self) -> Hours {
        let mut floor = *self.floor();
        floor.settle(Instant::now());
        let mut spent: [Duration; ACTIVITIES] =
            std::array::from_fn(|on| Duration::from_nanos(self.told[on].load(Ordering::Relaxed)));
        // What busy workers told of is part of their time, and the rest is work.
        let told: Duration =
            Activity::ALL.iter().filter(|on| !on.is_of_writer()).map(|on| spent[*on as usize]).sum();
        spent[Activity::Working as usize] += Duration::from_nanos(floor.working).saturating_sub(told);
        spent[Activity::Input as usize] += Duration::from_nanos(floor.input);
        spent[Activity::Output as usize] += Duration::from_nanos(floor.output);
        Hours {
            spent,
            opened: floor.opened,
            closed: floor.closed,
            workers: floor.workers,
            busy: floor.busy,
            worked: self.worked.load(Ordering::Relaxed),
            passed: self.passed.load(Ordering::Relaxed),
            load_share: self.attempts.load_share(),
        }
    }

    fn floor(&self) -> MutexGuard<'_, Floor> {
        self.floor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Floor {
    /// Counts the time up to `now` on what the workers have been on.
    fn settle(&mut self, now: Instant) {
        let Some(until) = self.until else { return };
        let nanos = u64::try_from((now - until).as_nanos()).unwrap_or(u64::MAX);
        let idle = self.workers.saturating_sub(self.busy) * nanos;
        if self.waits_for_output || self.ends && self.busy == 0 {
            self.output += idle;
        } else {
            self.input += idle;
        }
        self.working += self.busy * nanos;
        self.until = Some(now);
    }
}

impl Attempts {
    /// The least squares line of latency over load: what of the mean latency its slope makes up.
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
    fn load_share(&self) -> Option<f64> {
        let read = |sum: &AtomicU64| sum.load(Ordering::Relaxed) as f64;
        let (count, load, micros) = (read(&self.count), read(&self.load), read(&self.micros));
        // Divided by the count squared: the variance of the load and its covariance with the latency.
        let variance = read(&self.load_squared) / count - (load / count).powi(2);
        let covariance = read(&self.load_times_micros) / count - load / count * micros / count;
        // Loads that hardly differ say nothing.
        (count >= 10.0 && variance > 0.01 && micros > 0.0)
            .then(|| (covariance / variance * (load / count) / (micros / count)).clamp(0.0, 1.0))
    }
}

/// A stage that has begun.
#[derive(Debug)]
#[must_use = "the stage ends when this is dropped"]
pub struct Opened(Arc<Account>);

impl Drop for Opened {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut floor = self.0.floor();
        floor.settle(now);
        floor.closed = Some(now);
        floor.until = None;
    }
}

/// A worker with something in its hands.
#[derive(Debug)]
#[must_use = "the worker is idle when this is dropped"]
pub struct Shift(Arc<Account>);

impl Drop for Shift {
    fn drop(&mut self) {
        let mut floor = self.0.floor();
        floor.settle(Instant::now());
        floor.busy -= 1;
        self.0.worked.fetch_add(1, Ordering::Relaxed);
    }
}

/// A worker on one activity.
#[derive(Debug)]
#[must_use = "the time is noted when this is dropped"]
pub struct Span<'a> {
    account: &'a Account,
    activity: Activity,
    since: Instant,
}

impl Span<'_> {
    /// Goes on with another activity.
    pub fn turn(&mut self, activity: Activity) {
        let now = Instant::now();
        self.account.add(self.activity, now - self.since);
        (self.activity, self.since) = (activity, now);
    }
}

impl Span<'_> {
    /// Goes on with `next`. Of the time up to now, `parts` were on other activities, as is known only afterwards, and
    /// what is left on `rest`.
    pub fn divide(&mut self, parts: &[(Activity, Duration)], rest: Activity, next: Activity) {
        let now = Instant::now();
        let mut left = now - self.since;
        for (activity, time) in parts {
            let time = left.min(*time);
            self.account.add(*activity, time);
            left -= time;
        }
        self.account.add(rest, left);
        (self.activity, self.since) = (next, now);
    }
}

impl Drop for Span<'_> {
    fn drop(&mut self) {
        self.account.add(self.activity, self.since.elapsed());
    }
}
