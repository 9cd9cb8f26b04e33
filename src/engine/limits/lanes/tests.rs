//! The queues without waiting: random stages on a clock that is only a number.

use std::collections::VecDeque;
use std::time::Duration;

use super::*;

fn per_second(limit: f64) -> Rate {
    Rate { limit, per: Duration::from_secs(1), burst: None }
}

/// A stage of a simulation.
struct Stage {
    lane: Lane,
    cap: Option<f64>,
    share: f64,
    /// Requests that it has in the queue at once.
    concurrency: usize,
    /// Requests that it still wants.
    left: usize,
    waiting: VecDeque<(Place, oneshot::Receiver<Grant>)>,
    sent: Vec<Duration>,
}

/// Ticket and the number of turns that were given before.
type Place = (u64, usize);

impl Stage {
    fn join(&mut self, lanes: &mut Lanes, turns: usize) {
        while self.left > 0 && self.waiting.len() < self.concurrency {
            let (tell, told) = oneshot::channel();
            let ticket = lanes.join(self.lane, tell);
            self.waiting.push_back(((ticket, turns), told));
            self.left -= 1;
        }
    }
}

/// A waiter that could go and does not.
fn is_idle(lanes: &Lanes, now: Instant) -> bool {
    let could = |lane: &LaneState| !lane.waiting.is_empty() && is_ready(lane.cap.as_ref(), now);
    lanes.free > 0 && is_ready(lanes.pace.as_ref(), now) && lanes.queues.iter().any(could)
}

fn most_in_a_second(sent: &[Duration]) -> usize {
    let mut first = 0;
    let count = |last: usize| {
        while sent[last].saturating_sub(sent[first]) > Duration::from_secs(1) {
            first += 1;
        }
        last - first + 1
    };
    (0..sent.len()).map(count).max().unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a simulation")]
fn simulate(seed: u64) {
    let dice = &mut fastrand::Rng::with_seed(seed);
    let limit = f64::from([5, 40, 40, 200][dice.usize(..4)]);
    let connections = [1, 4, 20, 64][dice.usize(..4)];
    let mut lanes = Lanes::new(connections, RunRate::Limited(per_second(limit)));
    let mut to_share = 1.0;
    let mut stages: Vec<Stage> = (0..dice.usize(1..6))
        .map(|_| {
            let cap = (dice.u8(..3) == 0).then(|| (limit * dice.f64()).max(1.0).floor());
            let share = if dice.bool() { to_share * dice.f64() } else { 0.0 };
            to_share -= share;
            Stage {
                lane: lanes.open(cap.map(per_second), (share > 0.0).then_some(share)),
                cap,
                share,
                concurrency: [1, 4, 16, 200][dice.usize(..4)],
                left: dice.usize(0..600),
                waiting: VecDeque::new(),
                sent: Vec::new(),
            }
        })
        .collect();
    let start = Instant::now();
    let mut now = start;
    let mut in_flight: Vec<Instant> = Vec::new();
    let mut all: Vec<Duration> = Vec::new();
    // Since which turn each stage has had work without a break, and how many turns it has had since.
    let mut busy: Vec<Option<(usize, usize)>> = vec![None; stages.len()];
    loop {
        for stage in &mut stages {
            stage.join(&mut lanes, all.len());
        }
        let next = lanes.pump(now, start);
        assert!(!is_idle(&lanes, now), "seed {seed}: somebody waits who could go");
        let mut given = Vec::new();
        for (index, stage) in stages.iter_mut().enumerate() {
            while let Some((place, told)) = stage.waiting.front_mut()
                && told.try_recv().is_ok()
            {
                given.push((place.0, index, place.1));
                stage.sent.push(now - start);
                stage.waiting.pop_front();
            }
            let told_later = stage.waiting.iter_mut().any(|(_, told)| told.try_recv().is_ok());
            assert!(!told_later, "seed {seed}: a stage is served in the order of asking");
        }
        for (_, index, joined) in given {
            let ahead: usize = stages.iter().map(|stage| stage.concurrency).sum();
            let capped = stages[index].cap.is_some();
            let turns = all.len() - joined;
            assert!(capped || turns <= 32 * (ahead + 1), "seed {seed}: {turns} turns went by");
            all.push(now - start);
            in_flight.push(now + Duration::from_millis(dice.u64(20..200)));
            for (other, busy) in busy.iter_mut().enumerate() {
                if let Some((_, had)) = busy
                    && other == index
                {
                    *had += 1;
                }
            }
        }
        for (stage, busy) in stages.iter().zip(&mut busy) {
            // A stage that its own cap holds back, or whose cap could, has no claim to more.
            let claims = stage.cap.is_none_or(|cap| cap > limit * stage.share * 1.5);
            let works = !stage.waiting.is_empty() && claims;
            if !works {
                *busy = None;
                continue;
            }
            let (since, had) = *busy.get_or_insert((all.len(), 0));
            let due = stage.share * (all.len() - since) as f64 * 31.0 / 32.0;
            assert!(had as f64 >= due - 6.0, "seed {seed}: {had} turns of {due} that are reserved");
        }
        assert!(in_flight.len() <= connections as usize, "seed {seed}");
        // On to whatever comes first.
        let answered = in_flight.iter().min().copied();
        let Some(at) = [next, answered].into_iter().flatten().min() else { break };
        now = now.max(at);
        in_flight.retain(|at| {
            let is_answered = *at <= now;
            if is_answered {
                lanes.release(now);
            }
            !is_answered
        });
        // Somebody gives up now and then.
        let stage = dice.usize(..stages.len());
        let stage = &mut stages[stage];
        if dice.u8(..20) == 0
            && let Some((place, _)) = stage.waiting.pop_back()
        {
            assert!(lanes.leave(stage.lane, place.0), "seed {seed}");
        }
    }
    assert!(
        stages.iter().all(|stage| stage.left == 0 && stage.waiting.is_empty()),
        "seed {seed}: all are served"
    );
    assert!(most_in_a_second(&all) as f64 <= limit, "seed {seed}");
    for stage in &stages {
        let most = most_in_a_second(&stage.sent) as f64;
        assert!(stage.cap.is_none_or(|cap| most <= cap), "seed {seed}: {most} of a cap of {:?}", stage.cap);
    }
}

#[test]
fn nobody_who_could_go_waits_and_every_reserve_is_kept() {
    for seed in 0..400 {
        simulate(seed);
    }
}

/// Turns of each stage while all have work: shares and concurrency of each.
fn turns(stages: &[(f64, usize)], count: usize) -> Vec<usize> {
    let mut lanes = Lanes::new(1000, RunRate::Unlimited);
    lanes.free = 0;
    let ids: Vec<Lane> =
        stages.iter().map(|(share, _)| lanes.open(None, (*share > 0.0).then_some(*share))).collect();
    let mut had = vec![0; stages.len()];
    let now = Instant::now();
    let mut told: Vec<VecDeque<oneshot::Receiver<Grant>>> = stages.iter().map(|_| VecDeque::new()).collect();
    for _ in 0..count {
        for (index, (_, concurrency)) in stages.iter().enumerate() {
            while told[index].len() < *concurrency {
                let (tell, receiver) = oneshot::channel();
                lanes.join(ids[index], tell);
                told[index].push_back(receiver);
            }
        }
        lanes.release(now);
        lanes.pump(now, now);
        for (index, told) in told.iter_mut().enumerate() {
            if told[0].try_recv().is_ok() {
                told.pop_front();
                had[index] += 1;
            }
        }
    }
    had
}

#[test]
fn shares_are_a_least_and_the_rest_goes_by_the_order_of_asking() {
    // Without shares, by how many ask; a share below that changes nothing.
    for share in [0.0, 0.25] {
        let had = turns(&[(share, 30), (0.0, 10)], 400);
        assert!((297..=303).contains(&had[0]), "{had:?}");
    }
    let had = turns(&[(0.5, 4), (0.25, 4), (0.0, 64)], 4000);
    assert!(had[0] >= 1995 && had[1] >= 995 && had[2] >= 900, "{had:?}");
    let had = turns(&[(0.5, 1), (0.5, 1), (0.0, 64)], 3200);
    assert!(had[2] >= 98, "{had:?}: where all is reserved, the rest is slow and not stuck");
    assert!(had[0] >= 1500 && had[1] >= 1500, "{had:?}");
}

#[test]
fn a_reserve_saves_nothing_up_while_there_is_no_work() {
    let mut lanes = Lanes::new(1000, RunRate::Unlimited);
    let (reserved, open) = (lanes.open(None, Some(0.5)), lanes.open(None, None));
    let now = Instant::now();
    for _ in 0..100 {
        lanes.take(open, now).expect("a connection is free");
    }
    assert_eq!(lanes.queues[reserved.0].credit.to_bits(), 0.0_f64.to_bits());
}
