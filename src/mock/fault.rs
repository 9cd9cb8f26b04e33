//! Which attempt of which request meets which fault: a pure function of (seed, request, attempt).
//!
//! A request meets its faults one after the other, at most [`ROW_MAX`] of them, and then gets through.
//! Which attempt an arrival is has to be counted; a count is kept only from a request's first fault until
//! it gets through, so that memory does not grow with the requests of a run. The order in which requests
//! arrive changes nothing, and a second run meets the same faults again.

use std::collections::HashMap;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::config::{Fault, FaultKind};
use super::dice::mix;
use super::request::Request;

/// Faults in a row for one request: a client with five attempts always gets through.
pub(super) const ROW_MAX: u32 = 3;

/// Requests between their first fault and their answer; those beyond meet no fault.
const PENDING_MAX: usize = 65_536;

/// The faults of a run.
#[derive(Debug)]
pub(super) struct Faults {
    seed: u64,
    shares: Vec<Fault>,
    dead: f64,
    attempts: HashMap<u64, u32>,
}

impl Faults {
    pub(super) fn new(seed: u64, faults: &[Fault]) -> Self {
        let (dead, shares): (Vec<Fault>, Vec<Fault>) =
            faults.iter().partition(|fault| fault.kind == FaultKind::Dead);
        Self { seed, shares, dead: dead.iter().map(|fault| fault.share).sum(), attempts: HashMap::new() }
    }

    /// The fault that this arrival of `request` meets.
    pub(super) fn meet(&mut self, request: &Request) -> Option<FaultKind> {
        if self.dead > 0.0
            && let Some(subject) = request.subject()
            && share(xxh3_64_with_seed(subject.as_bytes(), self.seed)) < self.dead
        {
            return Some(FaultKind::Dead);
        }
        if self.shares.is_empty() {
            return None;
        }
        let request = xxh3_64(request.canonical().as_bytes());
        let attempt = self.attempts.get(&request).copied().unwrap_or(0);
        match self.of(request, attempt) {
            Some(kind) if attempt > 0 || self.attempts.len() < PENDING_MAX => {
                self.attempts.insert(request, attempt + 1);
                Some(kind)
            }
            _ => {
                self.attempts.remove(&request);
                None
            }
        }
    }

    /// The fault of an attempt, counted from 0.
    fn of(&self, request: u64, attempt: u32) -> Option<FaultKind> {
        if attempt >= ROW_MAX {
            return None;
        }
        let throw = share(mix(mix(self.seed ^ request).wrapping_add(u64::from(attempt))));
        let mut bound = 0.0;
        self.shares.iter().find_map(|fault| {
            bound += fault.share;
            (throw < bound).then_some(fault.kind)
        })
    }
}

/// 64 bits as a share from 0 to 1.
fn share(bits: u64) -> f64 {
    f64::from(u32::try_from(bits >> 32).expect("32 bits")) / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: u32) -> Request {
        Request::new(&format!("/3/movie/{id}"), None)
    }

    fn faults(shares: &[(FaultKind, f64)]) -> Faults {
        let shares: Vec<Fault> = shares.iter().map(|&(kind, share)| Fault { kind, share }).collect();
        Faults::new(1, &shares)
    }

    const MANY: [(FaultKind, f64); 3] =
        [(FaultKind::Status500, 0.3), (FaultKind::Cut, 0.3), (FaultKind::Reset, 0.3)];

    #[test]
    fn at_most_three_faults_in_a_row_then_it_gets_through() {
        let mut faults = faults(&[(FaultKind::Html, 1.0)]);
        for id in 0..100 {
            for _ in 0..ROW_MAX {
                assert_eq!(faults.meet(&request(id)), Some(FaultKind::Html));
            }
            assert_eq!(faults.meet(&request(id)), None);
        }
        assert!(faults.attempts.is_empty(), "nothing is kept of requests that got through");
    }

    #[test]
    fn faults_do_not_depend_on_the_order_of_requests() {
        let mut one_by_one = faults(&MANY);
        let mut expected = Vec::new();
        for id in 0..200 {
            expected.push((0..4).map(|_| one_by_one.meet(&request(id))).collect::<Vec<_>>());
        }
        let mut by_round = faults(&MANY);
        let mut found = vec![Vec::new(); 200];
        for _ in 0..4 {
            for id in (0..200_u32).rev() {
                found[id as usize].push(by_round.meet(&request(id)));
            }
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn shares_are_kept() {
        let mut faults = faults(&[(FaultKind::Cut, 0.05), (FaultKind::Html, 0.10)]);
        let met: Vec<_> = (0..10_000).map(|id| faults.meet(&request(id))).collect();
        let count = |kind| met.iter().filter(|&&met| met == Some(kind)).count();
        assert!((400..600).contains(&count(FaultKind::Cut)));
        assert!((850..1150).contains(&count(FaultKind::Html)));
    }

    #[test]
    fn dead_ids_stay_dead_with_all_their_parts() {
        let mut faults = faults(&[(FaultKind::Dead, 0.1)]);
        let mut dead = 0;
        for id in 0..1000 {
            let met: Vec<_> = (0..10).map(|_| faults.meet(&request(id))).collect();
            let part = Request::new(&format!("/3/movie/{id}/similar"), None);
            assert!(met.iter().all(|&kind| kind == met[0]));
            assert_eq!(faults.meet(&part), met[0]);
            dead += usize::from(met[0] == Some(FaultKind::Dead));
        }
        assert!((60..140).contains(&dead), "{dead}");
    }
}
