//! A stage's circuit: an endpoint that fails item after item is probed, one attempt at a time, instead of taking the
//! whole retry clock for every item.
//!
//! ```text
//!            ROW_MAX items in a row fail              patience is over
//!  closed ─────────────────────────────▶ open ─────────────────────────────▶ given up
//!  all go   ▲                            one probes, ever more rarely;       one attempt for each item, one at a time;
//!           │                            the others wait                     who would wait too long is refused
//!           └──────────────── any answer ─┴───────────────────────────────────┘
//! ```
//!
//! First the items wait, because an outage of a minute must not cost a thousand of them. How long is what a single request
//! may take with its retries (`retry.max_elapsed`). Then they go on, because an endpoint that is gone must not hold up the
//! run; but each is asked for if that is quick, as it may be the items that are dead and not the endpoint: a block of
//! them must not cost the healthy ones behind it.
//!
//! Does not belong here: what counts as an answer, and what becomes of a refused item (`crate::tmdb`).
//!
//! Invariants:
//! * B1 While it is closed nobody waits here, and it opens only when [`ROW_MAX`] items in a row have failed, in the
//!   order in which they ended, with no answer in between, kept ones among the answers.
//! * B2 While it is open one attempt is under way at a time: the first at once, then [`PROBE_FIRST`] to [`PROBE_MAX`]
//!   after the last has failed; given up, [`PROBE_LATER`] after it.
//! * B3 An answer of the API closes it, and whoever waits goes on at once, in the order of coming.
//! * B4 Nobody waits longer than the patience and [`WAIT_LATER`]; once it is given up, an attempt that fails is an
//!   item's last.
//! * B5 A probe that is dropped leaves its place to the next.

use std::sync::{Arc, Mutex as StdMutex, MutexGuard as StdMutexGuard};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::time::Instant;

/// Failed items in a row that open the circuit. If a tenth of all items fails by itself, so many in a row come once in
/// a hundred million; and a circuit that opens without need closes with its first probe.
pub const ROW_MAX: u32 = 8;
/// From a failed probe to the next, at first; doubled each time.
const PROBE_FIRST: Duration = Duration::from_secs(1);
/// The longest pause between two probes: so late an endpoint that is back may be noticed.
const PROBE_MAX: Duration = Duration::from_secs(30);
/// From a failed attempt to the next once nobody has patience any more: no faster than 40 a second, whatever the rate.
const PROBE_LATER: Duration = Duration::from_millis(25);
/// How long an item waits for its only attempt then. If attempts take long, a stage of 16 hands is rid of five items a
/// second at least; if they take 50 ms, that many hands have their turns within it.
const WAIT_LATER: Duration = Duration::from_secs(3);

/// The circuit of one stage.
#[derive(Debug)]
pub struct Circuit {
    patience: Duration,
    state: StdMutex<State>,
    /// Held by whoever probes or is next: first come, first served.
    turn: Mutex<()>,
    closed: Notify,
}

#[derive(Debug, Default)]
struct State {
    failed_in_row: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    since: Instant,
    given_up_at: Instant,
    probe_at: Instant,
    /// Probes that failed.
    step: u32,
    why: Arc<str>,
}

/// Whether an attempt may be made.
#[derive(Debug)]
pub enum Leave<'a> {
    /// The circuit is closed.
    Free,
    /// It is open, and this attempt finds out whether it still must be.
    Probe(Probe<'a>),
    /// It has been open for too long to wait for a turn.
    Refused(Refusal),
}

/// The one attempt that may be made while the circuit is open.
#[derive(Debug)]
pub struct Probe<'a> {
    circuit: &'a Circuit,
    _turn: MutexGuard<'a, ()>,
}

/// Why an item is not asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The failure that opened the circuit.
    pub why: Arc<str>,
}

impl Circuit {
    /// A closed circuit, at which items wait for `patience` at the most once it is open.
    pub fn new(patience: Duration) -> Self {
        Self { patience, state: StdMutex::default(), turn: Mutex::new(()), closed: Notify::new() }
    }

    /// Waits for leave to make one attempt.
    ///
    /// # Cancel safety
    /// Dropped, nothing is taken.
    pub async fn enter(&self) -> Leave<'_> {
        let turn = loop {
            let Some(deadline) = self.deadline() else { return Leave::Free };
            if let Ok(turn) = tokio::time::timeout_at(deadline, self.turn.lock()).await {
                break turn;
            }
            let now = Instant::now();
            let Some(open) = &self.state().open else { return Leave::Free };
            // Time behind the gate may have been added to the patience.
            if open.given_up_at + WAIT_LATER <= now {
                return Leave::Refused(Refusal { why: Arc::clone(&open.why) });
            }
        };
        loop {
            // Listens before it looks, so that no closing is missed.
            let mut closed = std::pin::pin!(self.closed.notified());
            closed.as_mut().enable();
            let probe_at = match &self.state().open {
                Some(open) => open.probe_at,
                None => return Leave::Free,
            };
            if probe_at <= Instant::now() {
                return Leave::Probe(Probe { circuit: self, _turn: turn });
            }
            tokio::select! {
                () = tokio::time::sleep_until(probe_at) => {}
                () = closed => {}
            }
        }
    }

    /// Whether the endpoint is probed.
    pub fn is_open(&self) -> bool {
        self.state().open.is_some()
    }

    /// An answer was kept from an earlier time. It says nothing of the endpoint now, but that not every item fails.
    pub fn kept(&self) {
        self.state().failed_in_row = 0;
    }

    /// The endpoint answered. If that closed the circuit: for how long it was open.
    pub fn answered(&self) -> Option<Duration> {
        let mut state = self.state();
        state.failed_in_row = 0;
        let open = state.open.take()?;
        drop(state);
        self.closed.notify_waiters();
        Some(open.since.elapsed())
    }

    /// An item failed, its retries ended. True if that opened the circuit.
    pub fn item_failed(&self, why: &str) -> bool {
        let mut state = self.state();
        if state.open.is_some() {
            return false;
        }
        state.failed_in_row += 1;
        if state.failed_in_row < ROW_MAX {
            return false;
        }
        let now = Instant::now();
        state.failed_in_row = 0;
        state.open = Some(Open {
            since: now,
            given_up_at: now + self.patience,
            probe_at: now,
            step: 0,
            why: why.into(),
        });
        true
    }

    /// Until when to wait for a turn; `None` while it is closed.
    fn deadline(&self) -> Option<Instant> {
        self.state().open.as_ref().map(|open| open.given_up_at.max(Instant::now()) + WAIT_LATER)
    }

    fn state(&self) -> StdMutexGuard<'_, State> {
        self.state.lock().expect("nothing that holds this lock panics")
    }
}

impl Probe<'_> {
    /// The attempt failed, after it had stood behind the closed gate for `gated`: that was not the endpoint's doing. True
    /// if nobody has patience any more, and it was the last for its item.
    pub fn failed(self, gated: Duration) -> bool {
        let now = Instant::now();
        let mut state = self.circuit.state();
        // An answer to an earlier request may have closed the circuit meanwhile.
        let Some(open) = &mut state.open else { return false };
        open.given_up_at += gated;
        let given_up = open.given_up_at <= now;
        open.probe_at = if given_up {
            now + PROBE_LATER
        } else {
            let pause = PROBE_FIRST.saturating_mul(1 << open.step.min(16)).min(PROBE_MAX);
            open.step += 1;
            (now + pause).min(open.given_up_at)
        };
        given_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const PATIENCE: Duration = Duration::from_mins(2);

    fn open() -> Circuit {
        let circuit = Circuit::new(PATIENCE);
        for number in 1..=ROW_MAX {
            assert_eq!(circuit.item_failed("it answered 500"), number == ROW_MAX);
        }
        circuit
    }

    async fn probe(circuit: &Circuit) -> Probe<'_> {
        match circuit.enter().await {
            Leave::Probe(probe) => probe,
            other => panic!("{other:?}"),
        }
    }

    fn is_refused(leave: &Leave<'_>) -> bool {
        matches!(leave, Leave::Refused(refusal) if &*refusal.why == "it answered 500")
    }

    #[tokio::test(start_paused = true)]
    async fn closed_circuit_holds_nobody_up_and_opens_after_a_row_of_failures_only() {
        let start = Instant::now();
        let circuit = Circuit::new(PATIENCE);
        for _ in 0..100 {
            for _ in 1..ROW_MAX {
                assert!(!circuit.item_failed("cut"));
                assert!(matches!(circuit.enter().await, Leave::Free));
            }
            assert_eq!(circuit.answered(), None);
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn open_circuit_is_probed_at_once_and_then_ever_more_rarely() {
        let circuit = open();
        let start = Instant::now();
        let mut probes = Vec::new();
        while start.elapsed() < PATIENCE {
            let last = probe(&circuit).await.failed(Duration::ZERO);
            probes.push(start.elapsed().as_secs());
            assert_eq!(last, start.elapsed() >= PATIENCE);
        }
        assert_eq!(probes, [0, 1, 3, 7, 15, 31, 61, 91, 120]);
    }

    #[tokio::test(start_paused = true)]
    async fn kept_answers_interrupt_a_row_and_close_nothing() {
        let circuit = Circuit::new(PATIENCE);
        for _ in 0..100 {
            assert!(!circuit.item_failed("cut"));
            circuit.kept();
        }
        let circuit = open();
        circuit.kept();
        probe(&circuit).await.failed(Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn one_attempt_is_under_way_at_a_time_in_the_order_of_coming() {
        let circuit = open();
        let order = StdMutex::new(Vec::new());
        let going = StdMutex::new(0);
        let items = (0..5).map(|item| {
            let (circuit, order, going) = (&circuit, &order, &going);
            async move {
                let probe = probe(circuit).await;
                *going.lock().unwrap() += 1;
                order.lock().unwrap().push(item);
                tokio::time::sleep(SECOND).await;
                assert_eq!(std::mem::take(&mut *going.lock().unwrap()), 1);
                probe.failed(Duration::ZERO);
            }
        });
        futures::future::join_all(items).await;
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_sets_everybody_free_at_once() {
        let circuit = open();
        probe(&circuit).await.failed(Duration::ZERO);
        let start = Instant::now();
        let waiting = futures::future::join_all((0..1000).map(|_| async {
            assert!(matches!(circuit.enter().await, Leave::Free));
            start.elapsed()
        }));
        let answer = async {
            tokio::time::sleep(SECOND / 4).await;
            circuit.answered()
        };
        let (waited, open_for) = tokio::join!(waiting, answer);
        assert_eq!(open_for, Some(SECOND / 4));
        assert!(waited.iter().all(|waited| *waited == SECOND / 4));
        assert!(matches!(circuit.enter().await, Leave::Free));
        assert!(!circuit.item_failed("it answered 500"), "the row begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn when_patience_is_over_each_item_is_asked_once_or_refused_soon() {
        // Attempts that take long: most are refused, and none waits.
        let circuit = open();
        let start = Instant::now();
        let (asked, refused) = (StdMutex::new(0), StdMutex::new(0));
        futures::future::join_all((0..1000).map(|_| async {
            loop {
                match circuit.enter().await {
                    Leave::Probe(probe) => {
                        tokio::time::sleep(10 * SECOND).await;
                        if probe.failed(Duration::ZERO) {
                            *asked.lock().unwrap() += 1;
                            return;
                        }
                    }
                    leave => {
                        assert!(is_refused(&leave), "{leave:?}");
                        assert!(start.elapsed() <= PATIENCE + WAIT_LATER, "{:?}", start.elapsed());
                        *refused.lock().unwrap() += 1;
                        return;
                    }
                }
            }
        }))
        .await;
        assert_eq!(*asked.lock().unwrap() + *refused.lock().unwrap(), 1000);
        assert!((1..=2).contains(&*asked.lock().unwrap()), "{asked:?}");
        // Quick ones: each is asked, up to 40 in a second.
        let start = Instant::now();
        for _ in 0..100 {
            assert!(probe(&circuit).await.failed(Duration::ZERO));
        }
        assert!(start.elapsed() <= 100 * PROBE_LATER, "{:?}", start.elapsed());
        assert!(circuit.answered().is_some());
        assert!(matches!(circuit.enter().await, Leave::Free));
    }

    #[tokio::test(start_paused = true)]
    async fn time_behind_the_gate_does_not_use_up_the_patience() {
        let circuit = open();
        let gated = Duration::from_mins(9);
        let probing = probe(&circuit).await;
        tokio::time::advance(gated).await;
        probing.failed(gated);
        tokio::time::advance(SECOND).await;
        probe(&circuit).await.failed(Duration::ZERO);
        let start = Instant::now();
        probe(&circuit).await.failed(Duration::ZERO);
        assert_eq!(start.elapsed(), 2 * SECOND, "it still has patience");
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_probe_leaves_its_place_to_the_next() {
        let circuit = open();
        let first = probe(&circuit).await;
        let start = Instant::now();
        let drop_it = async {
            tokio::time::sleep(SECOND / 2).await;
            drop(first);
        };
        let (second, ()) = tokio::join!(probe(&circuit), drop_it);
        assert_eq!(start.elapsed(), SECOND / 2);
        second.failed(Duration::ZERO);
    }
}
