//! Every combination in its turn: order, repeats, and the end from outside.

use std::future::Future;

use tokio_util::sync::CancellationToken;

use super::meter::Measured;
use crate::plan::Plan;
use crate::run::RunError;
use crate::spec::Change;

/// Where a trial takes place.
pub trait Arena {
    /// Runs `plan` for its window; `seed` is for its dice.
    fn trial(&self, plan: &Plan, seed: u64) -> impl Future<Output = Result<Measured, RunError>>;
}

/// A combination of settings, compiled.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its settings.
    pub settings: Vec<Change>,
    /// The pipeline with them.
    pub plan: Plan,
}

/// How far a sweep is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Trials that have ended.
    pub done: usize,
    /// All of them.
    pub all: usize,
    /// What was tried last.
    pub settings: &'a [Change],
    /// What came of it.
    pub measured: &'a Measured,
}

/// What a sweep has measured, for each candidate.
#[derive(Debug)]
pub struct Sweep {
    /// One for each trial; fewer than asked for if it was cut short.
    pub measured: Vec<Vec<Measured>>,
    /// It was ended from outside.
    pub cut_short: bool,
}

/// Tries every candidate `repeat` times, each round in another order.
///
/// # Errors
/// A trial that fails: the pipeline cannot run with these settings, or the server cannot be asked.
pub async fn sweep<A: Arena>(
    arena: &A,
    candidates: &[Candidate],
    repeat: u32,
    seed: u64,
    stop: &CancellationToken,
    mut tell: impl FnMut(Progress<'_>),
) -> Result<Sweep, RunError> {
    let mut measured: Vec<Vec<Measured>> = vec![Vec::new(); candidates.len()];
    let mut dice = fastrand::Rng::with_seed(seed);
    let all = candidates.len() * repeat as usize;
    let mut done = 0;
    for _ in 0..repeat {
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        dice.shuffle(&mut order);
        for index in order {
            let candidate = &candidates[index];
            let trial = arena.trial(&candidate.plan, dice.u64(..));
            let result = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Sweep { measured, cut_short: true }),
                result = trial => result?,
            };
            measured[index].push(result);
            done += 1;
            tell(Progress { done, all, settings: &candidate.settings, measured: &result });
        }
    }
    Ok(Sweep { measured, cut_short: false })
}
