//! Requests under way, each once: who wants what is asked for already waits for that answer.
//!
//! ```text
//!  join(key) ──▶ first: Leader, asks and lands ──┐
//!            └─▶ others: wait ◀──────────────────┘ the same result
//! ```
//!
//! Does not belong here: what an answer is, and whether one is kept beyond the flight (`crate::store`).
//!
//! Invariants:
//! * O1 At most one leader of a key exists.
//! * O2 Whoever waits gets the leader's result, or becomes the leader if that one was dropped on its way.
//! * O3 What has landed is forgotten: the map holds flights under way and nothing else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use tokio::sync::Semaphore;

/// The flights of a run.
#[derive(Debug)]
pub(super) struct Flights<T> {
    under_way: Mutex<HashMap<String, Arc<Flight<T>>>>,
}

#[derive(Debug)]
struct Flight<T> {
    result: OnceLock<T>,
    /// Never has a permit; closed when the flight has ended, however it did.
    ended: Semaphore,
}

/// The one who asks. Dropped without [`Leader::land`], it leaves its place to one of those who wait.
#[derive(Debug)]
pub(super) struct Leader<'a, T> {
    flights: &'a Flights<T>,
    key: &'a str,
    flight: Arc<Flight<T>>,
}

/// What there is to do for somebody who wants an answer.
pub(super) enum Boarding<'a, T> {
    /// Ask.
    Lead(Leader<'a, T>),
    /// Nothing: somebody else has asked.
    Landed(T),
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self { under_way: Mutex::default() }
    }
}

impl<T: Clone> Flights<T> {
    /// Becomes the leader of `key`, if it is not under way.
    pub(super) fn lead<'a>(&'a self, key: &'a str) -> Option<Leader<'a, T>> {
        let mut under_way = self.lock();
        if under_way.contains_key(key) {
            return None;
        }
        let flight = Arc::new(Flight { result: OnceLock::new(), ended: Semaphore::new(0) });
        under_way.insert(key.to_owned(), Arc::clone(&flight));
        Some(Leader { flights: self, key, flight })
    }

    /// Becomes the leader of `key`, or waits for the result of whoever is.
    ///
    /// # Cancel safety
    /// Dropped, nothing is taken.
    pub(super) async fn join<'a>(&'a self, key: &'a str) -> Boarding<'a, T> {
        loop {
            if let Some(leader) = self.lead(key) {
                return Boarding::Lead(leader);
            }
            let Some(flight) = self.lock().get(key).map(Arc::clone) else { continue };
            // There is never a permit: this ends when the flight does.
            drop(flight.ended.acquire().await);
            if let Some(result) = flight.result.get() {
                return Boarding::Landed(result.clone());
            }
        }
    }
}

impl<T> Flights<T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Flight<T>>>> {
        self.under_way.lock().expect("nothing that holds this lock panics")
    }
}

impl<T: Clone> Leader<'_, T> {
    /// Gives the result to everybody who waits.
    pub(super) fn land(self, result: T) {
        // Nobody else sets it: there is one leader.
        let _ = self.flight.result.set(result);
    }
}

impl<T> Drop for Leader<'_, T> {
    fn drop(&mut self) {
        self.flights.lock().remove(self.key);
        self.flight.ended.close();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    /// Asks for `key`, which takes 50 ms; says what came and whether this one asked.
    async fn want(flights: &Flights<u32>, key: &str, answer: u32) -> (u32, bool) {
        match flights.join(key).await {
            Boarding::Lead(leader) => {
                sleep(Duration::from_millis(50)).await;
                leader.land(answer);
                (answer, true)
            }
            Boarding::Landed(answer) => (answer, false),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_want_the_same_get_the_answer_of_the_first() {
        let flights = Flights::default();
        let (a, b, c) = tokio::join!(want(&flights, "a", 1), want(&flights, "a", 2), want(&flights, "b", 3));
        assert_eq!((a, b, c), ((1, true), (1, false), (3, true)));
        assert_eq!(want(&flights, "a", 4).await, (4, true), "what has landed is forgotten");
        assert!(flights.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_leader_that_is_dropped_leaves_its_place_to_another() {
        let flights = Flights::default();
        let dropped = tokio::time::timeout(Duration::from_millis(10), want(&flights, "a", 1));
        let (dropped, b, c) = tokio::join!(dropped, want(&flights, "a", 2), want(&flights, "a", 3));
        assert!(dropped.is_err());
        // Whichever of the two it is.
        assert!([((2, true), (2, false)), ((3, false), (3, true))].contains(&(b, c)), "{b:?}, {c:?}");
        assert!(flights.lock().is_empty());
    }
}
