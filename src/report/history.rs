//! How the counts of a run grew: points at even distances, few enough to draw.
//!
//! Invariant: it never holds more than [`POINTS_MAX`] points, however long a run is. Points hold sums since the
//! beginning, so that leaving out every other one loses nothing but detail.

use std::time::Duration;

use super::snapshot::Snapshot;

/// More than a chart has room for.
const POINTS_MAX: usize = 400;
/// Between the first points; it doubles whenever there are too many.
const EVERY: Duration = Duration::from_millis(250);

/// The points of one run.
#[derive(Clone, Debug)]
pub struct History {
    every: Duration,
    next: Duration,
    points: Vec<Point>,
}

/// A run at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// Since the command began.
    pub at: Duration,
    /// Sends so far.
    pub requests: u64,
    /// Values that wait before each stage.
    pub queues: Vec<usize>,
    /// Values in the hands of each stage.
    pub busy: Vec<u64>,
}

impl Default for History {
    fn default() -> Self {
        Self { every: EVERY, next: Duration::ZERO, points: Vec::new() }
    }
}

impl History {
    /// Notes a point, if it is time for one or `last`.
    pub fn note(&mut self, snapshot: &Snapshot, last: bool) {
        if snapshot.elapsed < self.next && !last {
            return;
        }
        self.points.push(Point {
            at: snapshot.elapsed,
            requests: snapshot.totals().requests,
            queues: snapshot.stages.iter().map(|stage| stage.queue).collect(),
            busy: snapshot.stages.iter().map(|stage| stage.hours.busy).collect(),
        });
        if self.points.len() > POINTS_MAX {
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
            self.every *= 2;
        }
        self.next = snapshot.elapsed + self.every;
    }

    /// The points, from the first.
    pub fn points(&self) -> &[Point] {
        &self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_has_few_points_and_the_whole_of_its_time() {
        let mut history = History::default();
        for tick in 0..100_000 {
            let elapsed = EVERY * tick;
            history.note(&Snapshot { elapsed, ..Snapshot::default() }, tick == 99_999);
            assert!(history.points().len() <= POINTS_MAX);
        }
        let points = history.points();
        assert!(points.len() >= POINTS_MAX / 2);
        assert_eq!((points[0].at, points[points.len() - 1].at), (Duration::ZERO, EVERY * 99_999));
        assert!(points.windows(2).all(|pair| pair[0].at < pair[1].at));
    }
}
