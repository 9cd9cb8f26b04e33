//! How many values a stage works on at once, where that is to be found: `concurrency: auto`.
//!
//! By Little's law a rate is filled by rate × latency requests in flight. The number begins small and grows by one with
//! each good answer until it is half as many again: doubling in a round trip, and enough for the slower half.
//!
//! Does not belong here: who may send (`super::limits`); this bounds what waits there.
//!
//! Invariants:
//! * W1 Only a good answer lets it grow: refusals, faults and timeouts tell it nothing.
//! * W2 It stays between 1 and what the plan says.
//! * W3 What is taken away is taken from idle workers, and never from one at work.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;

/// With how many it begins.
const START: usize = 2;
/// How many more than fill the rate on average: latencies differ, and a request that is tried again is in nobody's average.
const ROOM: f64 = 1.5;
/// What an answer adds to the average latency.
const WEIGHT: f64 = 1.0 / 16.0;
/// Without a rate it grows while answers take less than so many times what they took at their best.
const SLOWED: f64 = 2.0;

/// The workers of one stage.
#[derive(Debug)]
pub struct Workers {
    permits: Arc<Semaphore>,
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: usize,
    /// Permits to take away as soon as they are idle.
    owed: usize,
    /// Seconds, on average.
    latency: Option<f64>,
    /// The lowest average so far.
    best: f64,
    /// Good answers since the last change downwards.
    answers: usize,
}

impl Workers {
    /// A few workers that may become `most`.
    pub fn adaptive(most: usize) -> Self {
        let now = START.min(most).max(1);
        let state = State { now, owed: 0, latency: None, best: f64::INFINITY, answers: 0 };
        Self { permits: Arc::new(Semaphore::new(now)), most: most.max(1), state: Mutex::new(state) }
    }

    /// What a stage takes from before it takes a value.
    pub fn permits(&self) -> Arc<Semaphore> {
        Arc::clone(&self.permits)
    }

    /// How many there are now.
    pub fn count(&self) -> usize {
        self.state.lock().expect("nothing that holds this lock panics").now
    }

    /// A request of the stage was answered well after `latency`, at a rate of so many in a second (`None`: unlimited).
    pub fn answered(&self, latency: Duration, per_second: Option<f64>) {
        let mut state = self.state.lock().expect("nothing that holds this lock panics");
        let sample = latency.as_secs_f64();
        let average = state.latency.map_or(sample, |average| average + (sample - average) * WEIGHT);
        state.latency = Some(average);
        state.best = state.best.min(average);
        state.answers += 1;
        let wanted = match per_second {
            Some(per_second) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "clamped to what fits"
                )]
                let wanted = (per_second * average * ROOM).ceil().clamp(0.0, 1e6) as usize;
                wanted + 1
            }
            None if average <= state.best * SLOWED => self.most,
            None => state.now,
        };
        let wanted = wanted.clamp(1, self.most);
        if wanted > state.now {
            state.now += 1;
            if state.owed > 0 {
                state.owed -= 1;
            } else {
                self.permits.add_permits(1);
            }
        } else if wanted < state.now && state.answers >= 4 * state.now {
            state.answers = 0;
            state.now -= 1;
            state.owed += 1;
        }
        state.owed -= self.permits.forget_permits(state.owed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn after(workers: &Workers, answers: usize, latency: Duration, per_second: Option<f64>) -> usize {
        for _ in 0..answers {
            workers.answered(latency, per_second);
        }
        workers.count()
    }

    #[test]
    fn the_rate_is_filled_at_the_measured_latency() {
        for (per_second, latency, expect) in
            [(40.0, 80 * MS, 6), (40.0, 400 * MS, 25), (5.0, 80 * MS, 2), (1.0, MS, 2), (200.0, 80 * MS, 25)]
        {
            let workers = Workers::adaptive(256);
            assert_eq!(
                after(&workers, 300, latency, Some(per_second)),
                expect,
                "{per_second}/s × {latency:?}"
            );
        }
    }

    #[test]
    fn it_stays_within_what_the_plan_says() {
        let workers = Workers::adaptive(20);
        assert_eq!(after(&workers, 1000, 5000 * MS, Some(40.0)), 20);
        assert_eq!(workers.permits().available_permits(), 20);
        assert_eq!(after(&Workers::adaptive(1), 100, 80 * MS, Some(40.0)), 1);
    }

    #[test]
    fn it_grows_by_one_with_each_good_answer() {
        let workers = Workers::adaptive(64);
        assert_eq!(workers.count(), 2);
        assert_eq!(after(&workers, 3, 1000 * MS, Some(40.0)), 5);
    }

    #[test]
    fn it_shrinks_when_answers_come_sooner_and_takes_from_the_idle_only() {
        let workers = Workers::adaptive(64);
        let many = after(&workers, 200, 800 * MS, Some(40.0));
        let all = u32::try_from(many).unwrap();
        let at_work = workers.permits().try_acquire_many_owned(all).unwrap();
        let few = after(&workers, 20_000, 50 * MS, Some(40.0));
        assert!(few <= 5, "{few} of {many}");
        assert_eq!(workers.permits().available_permits(), 0);
        drop(at_work);
        workers.answered(50 * MS, Some(40.0));
        assert_eq!(workers.permits().available_permits(), workers.count());
    }

    #[test]
    fn without_a_rate_it_grows_until_answers_slow_down() {
        let workers = Workers::adaptive(64);
        assert_eq!(after(&workers, 20, 10 * MS, None), 22);
        let slowed = after(&workers, 100, 100 * MS, None);
        assert!(slowed < 40, "{slowed}");
        assert_eq!(after(&Workers::adaptive(64), 100, 10 * MS, None), 64);
    }
}
