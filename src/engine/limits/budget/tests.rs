//! Waiting, on a paused clock; and the whole against servers that count.

use tokio::task::JoinSet;

use super::super::server::{Counts, Server};
use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

fn budget(connections: u32, rate: RunRate) -> Budget {
    Budget::new(NonZeroU32::new(connections).unwrap(), rate, 1)
}

fn limited(limit: f64, burst: Option<u32>) -> RunRate {
    RunRate::Limited(Rate { limit, per: SECOND, burst })
}

#[tokio::test(start_paused = true)]
async fn turns_are_given_in_the_order_of_asking() {
    let budget = Arc::new(budget(1000, limited(1000.0, Some(1))));
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    for i in 0..200 {
        let (budget, order) = (budget.clone(), order.clone());
        tasks.spawn(async move {
            budget.enter(Lane::default()).await;
            order.lock().unwrap().push(i);
        });
    }
    tasks.join_all().await;
    assert_eq!(*order.lock().unwrap(), (0..200).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_waiter_costs_no_turn() {
    let budget = budget(10, limited(10.0, None));
    let lane = budget.lane(Some(Rate { limit: 10.0, per: SECOND, burst: None }), None);
    drop(budget.enter(lane).await);
    let start = Instant::now();
    assert!(tokio::time::timeout(50 * MS, budget.enter(lane)).await.is_err());
    drop(budget.enter(lane).await);
    assert!(start.elapsed() <= 103 * MS, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn whoever_holds_the_baton_may_be_dropped_at_any_time() {
    for after in 0..60 {
        let budget = Arc::new(budget(2, limited(40.0, None)));
        let mut tasks = JoinSet::new();
        for _ in 0..5 {
            let budget = budget.clone();
            tasks.spawn(async move {
                let passage = budget.enter(Lane::default()).await;
                tokio::time::sleep(30 * MS).await;
                drop(passage);
            });
        }
        // The first that waits is the one who sleeps for all.
        let _ = tokio::time::timeout(Duration::from_millis(after), budget.enter(Lane::default())).await;
        let start = Instant::now();
        tasks.join_all().await;
        drop(budget.enter(Lane::default()).await);
        assert!(start.elapsed() < SECOND, "dropped after {after} ms");
        assert!(budget.shared.queue().lanes.full(Instant::now()) < SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_nobody_fetches_is_given_back() {
    let budget = budget(1, RunRate::Unlimited);
    let first = budget.enter(Lane::default()).await;
    let mut second = Box::pin(budget.enter(Lane::default()));
    assert!(futures::poll!(&mut second).is_pending());
    drop(first);
    // It has the connection now, and does not know it yet.
    drop(second);
    let third = tokio::time::timeout(MS, budget.enter(Lane::default())).await;
    assert!(third.is_ok());
}

#[tokio::test(start_paused = true)]
async fn nobody_who_waited_for_a_turn_sends_into_a_closed_gate() {
    let budget = Arc::new(budget(10, limited(10.0, None)));
    let sent_at = budget.enter(Lane::default()).await.sent_at;
    let (mut a, mut b) = (Box::pin(budget.enter(Lane::default())), Box::pin(budget.enter(Lane::default())));
    assert!(futures::poll!(&mut a).is_pending());
    assert!(futures::poll!(&mut b).is_pending());
    tokio::time::sleep(50 * MS).await;
    budget.refused(429, sent_at, Some(2 * SECOND)).unwrap();
    let open_at = Instant::now() + 2 * SECOND;
    let passage = a.await;
    assert!(passage.sent_at >= open_at);
    assert_eq!((passage.gated, passage.waited), (2 * SECOND, 2 * SECOND + 50 * MS));
    assert!(b.await.sent_at >= open_at + 90 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_capped_stage_holds_no_connection_that_others_could_use() {
    let budget = Arc::new(budget(1, RunRate::Unlimited));
    let slow = budget.lane(Some(Rate { limit: 1.0, per: SECOND, burst: None }), None);
    drop(budget.enter(slow).await);
    let mut waits = Box::pin(budget.enter(slow));
    assert!(futures::poll!(&mut waits).is_pending());
    let start = Instant::now();
    drop(budget.enter(Lane::default()).await);
    assert_eq!(start.elapsed(), Duration::ZERO);
    let passage = waits.await;
    assert_eq!(passage.unconnected, Duration::ZERO);
}

/// What came of asking a server for a time.
#[derive(Clone, Debug, Default)]
struct Asked {
    /// When each request arrived, and whether it was accepted.
    arrived: Vec<(Duration, bool)>,
    per_stage: Vec<usize>,
}

impl Asked {
    /// Accepted in a second, and the share of refusals, from `from` to `to` seconds.
    #[expect(clippy::cast_precision_loss, reason = "counts of some thousands")]
    fn between(&self, from: u64, to: u64) -> (f64, f64) {
        let (from, to) = (Duration::from_secs(from), Duration::from_secs(to));
        let within = || self.arrived.iter().filter(|(at, _)| (from..to).contains(at));
        let (all, good) = (within().count() as f64, within().filter(|(_, good)| *good).count() as f64);
        (good / to.saturating_sub(from).as_secs_f64(), (all - good) / all.max(1.0))
    }
}

/// How a server is asked.
struct Asking {
    stages: Vec<(Option<f64>, Option<f64>, usize)>,
    seconds: u64,
    /// Of a hundred attempts so many come to nothing and are sent again after a while.
    retries: u8,
    /// Pause of each worker after an answer.
    think: Duration,
    /// New limits, from a second on.
    changes: Vec<(u64, f64)>,
}

impl Default for Asking {
    fn default() -> Self {
        let stages = vec![(None, None, 64)];
        Self { stages, seconds: 600, retries: 0, think: Duration::ZERO, changes: Vec::new() }
    }
}

/// Asks a server with 80 ± 40 ms to an answer, over a way of up to 5 ms.
async fn ask(budget: Budget, server: Server, asking: Asking, seed: u64) -> Asked {
    let (budget, server) = (Arc::new(budget), Arc::new(Mutex::new(server)));
    let asked = Arc::new(Mutex::new(Asked { per_stage: vec![0; asking.stages.len()], ..Asked::default() }));
    let start = Instant::now();
    let end = start + Duration::from_secs(asking.seconds);
    let mut tasks = JoinSet::new();
    let mut dice = fastrand::Rng::with_seed(seed);
    for (stage, (cap, share, workers)) in asking.stages.into_iter().enumerate() {
        let lane = budget.lane(cap.map(|limit| Rate { limit, per: SECOND, burst: None }), share);
        for _ in 0..workers {
            let (budget, server, asked) = (budget.clone(), server.clone(), asked.clone());
            let (mut dice, changes) = (dice.fork(), asking.changes.clone());
            tasks.spawn(async move {
                while Instant::now() < end {
                    let passage = budget.enter(lane).await;
                    let sent_at = passage.sent_at;
                    tokio::time::sleep(Duration::from_micros(dice.u64(..5_000))).await;
                    let now = Instant::now();
                    let admitted = {
                        let mut server = server.lock().unwrap();
                        let past = (now - start).as_secs();
                        if let Some((_, limit)) = changes.iter().rev().find(|(at, _)| *at <= past) {
                            server.set_limit(*limit);
                        }
                        server.admit(now)
                    };
                    {
                        let mut asked = asked.lock().unwrap();
                        asked.arrived.push((now - start, admitted.is_ok()));
                        asked.per_stage[stage] += usize::from(admitted.is_ok());
                    }
                    let latency = if admitted.is_ok() { dice.u64(40..120) } else { dice.u64(20..60) };
                    tokio::time::sleep(Duration::from_millis(latency)).await;
                    drop(passage);
                    match admitted {
                        Err(retry_after) => drop(budget.refused(429, sent_at, retry_after).unwrap()),
                        Ok(()) if dice.u8(..100) < asking.retries => {
                            tokio::time::sleep(Duration::from_millis(dice.u64(..500))).await;
                        }
                        Ok(()) => budget.answered(sent_at),
                    }
                    tokio::time::sleep(asking.think).await;
                }
            });
        }
    }
    tasks.join_all().await;
    let mut asked = asked.lock().unwrap().clone();
    asked.arrived.sort_unstable();
    asked
}

#[tokio::test(start_paused = true)]
async fn three_stages_with_reserves_and_retries_use_the_whole_rate_and_no_more() {
    for seed in 0..4 {
        let stages = vec![(None, Some(0.5), 4), (Some(15.0), Some(0.25), 4), (None, None, 64)];
        let asking = Asking { stages, seconds: 60, retries: 5, ..Asking::default() };
        let server = Server::new(Counts::Sliding, 40.0, false);
        let asked = ask(budget(20, limited(40.0, None)), server, asking, seed).await;
        let (rate, refused) = asked.between(0, 60);
        assert!(rate >= 39.0, "{rate}/s");
        assert_eq!(refused.to_bits(), 0, "zero 429");
        let crowded =
            asked.arrived.windows(6).find(|window| window[5].0.saturating_sub(window[0].0) <= 100 * MS);
        assert!(crowded.is_none(), "at most 5 in any 100 ms: {crowded:?}");
        let least = [0.5, 0.25, 0.0].map(|share| share * rate * 60.0 * 0.98);
        for (had, least) in asked.per_stage.iter().zip(least) {
            assert!(f64::from(u32::try_from(*had).unwrap()) >= least, "{:?}", asked.per_stage);
        }
    }
}

/// Every kind of server, with a name.
fn kinds() -> Vec<(Counts, bool)> {
    let counts =
        [Counts::Sliding, Counts::Bucket(1.0), Counts::Bucket(0.1), Counts::Fixed(10), Counts::Fixed(1)];
    counts.into_iter().flat_map(|counts| [(counts, false), (counts, true)]).collect()
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_nobody_told_is_found_and_kept() {
    for (limit, seconds) in [(5.0, 600), (13.0, 600), (40.0, 300), (180.0, 120)] {
        for (index, (counts, says)) in (0..).zip(kinds()) {
            // The longest of them for what TMDB's own limit is like, and the quickest for a few kinds only.
            let like_tmdb = matches!(counts, Counts::Sliding) && !says;
            let seconds = if like_tmdb { 600 } else { seconds };
            if limit > 100.0 && says {
                continue;
            }
            let server = Server::new(counts, limit, says);
            let asking = Asking { seconds, ..Asking::default() };
            let asked = ask(budget(64, RunRate::Auto), server, asking, index).await;
            let (rate, _) = asked.between(60, seconds);
            let (_, refused) = asked.between(0, seconds);
            let context = format!("{limit}/s, {counts:?}, Retry-After {says}");
            assert!(rate >= 0.95 * limit, "{context}: {:.3} of it is used", rate / limit);
            assert!(refused < 0.01, "{context}: {refused:.4} of the answers are 429");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_changes_on_the_way_is_followed() {
    for (counts, says) in kinds().into_iter().filter(|(_, says)| !says) {
        let server = Server::new(counts, 40.0, says);
        let changes = vec![(200, 17.0), (400, 60.0)];
        let asking = Asking { seconds: 700, changes, ..Asking::default() };
        let asked = ask(budget(64, RunRate::Auto), server, asking, 3).await;
        for (from, to, limit) in [(60, 200, 40.0), (260, 400, 17.0), (550, 700, 60.0)] {
            let (rate, _) = asked.between(from, to);
            assert!(rate >= 0.95 * limit, "{counts:?} {says}: {rate} of {limit}/s from {from} to {to} s");
        }
        let (_, refused) = asked.between(0, 700);
        assert!(refused < 0.01, "{counts:?} {says}: {refused:.4} of the answers are 429");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_wants_less_learns_nothing_from_silence() {
    let budget = Arc::new(budget(64, RunRate::Auto));
    let start = Instant::now();
    while start.elapsed() < 300 * SECOND {
        let passage = budget.enter(Lane::default()).await;
        tokio::time::sleep(100 * MS).await;
        budget.answered(passage.sent_at);
        drop(passage);
    }
    let found = budget.found().expect("it is looked for");
    assert!((9.0..14.0).contains(&found), "{found}: it asks for 10 in a second");
}

#[tokio::test(start_paused = true)]
async fn sixty_four_simultaneous_429s_are_one_step_of_the_rate() {
    let budget = budget(64, RunRate::Auto);
    let mut passages = Vec::new();
    for _ in 0..64 {
        passages.push(budget.enter(Lane::default()).await);
    }
    let before = budget.found().expect("it is looked for");
    tokio::time::sleep(80 * MS).await;
    for passage in &passages {
        budget.refused(429, passage.sent_at, None).unwrap();
    }
    let after = budget.found().expect("it is looked for");
    assert!(after < before && after > 0.8 * before, "{before} to {after}");
}
