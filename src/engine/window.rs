//! The values that a stage has in its hands, in their order: running, ready, in the stash, or on their way out.
//!
//! Does not belong here: how a value is worked on, stashed or delivered (`stage.rs`).
//!
//! Invariant: only the stage's own task looks at a window and changes it, so what [`Window::has_place`] says holds until that
//! task does something else, and one waker is enough.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::task::Poll;

use futures::task::AtomicWaker;

use super::turn::{Turn, Turns};
use crate::plan::Hands;
use crate::spec::Order;

/// The window of one stage; `T` is a result, `K` what is left in memory of one that is in the stash.
pub(super) struct Window<T, K> {
    hands: Hands,
    state: Mutex<State<T, K>>,
    turns: Turns,
    /// Woken after every change.
    task: AtomicWaker,
}

struct State<T, K> {
    /// By number, in the order of intake.
    places: BTreeMap<u64, Place<T, K>>,
    /// How many were taken: the number of the next.
    taken: u64,
    /// Numbers in the order of arrival, where that is the order of delivery.
    arrived: VecDeque<u64>,
    /// Places that are not in the stash.
    in_hand: usize,
    /// On their way out of memory.
    leaving: usize,
    /// What the ready ones hold.
    ready_bytes: usize,
    /// There was no room elsewhere: from now on nothing is stashed, and intake stops at `total`.
    no_room: bool,
    closed: bool,
}

enum Place<T, K> {
    Running,
    /// And how many bytes it holds.
    Ready(Box<T>, usize),
    Leaving,
    Stashed(K),
    /// Being restored or delivered.
    Going,
}

/// What to do with a finished result.
pub(super) enum Finished<T> {
    /// Nothing: it waits here.
    Waits,
    /// Stash it elsewhere.
    Stash(T),
}

/// What to deliver next.
pub(super) enum Next<T, K> {
    Ready(u64, T),
    Stashed(u64, K),
    /// There will be no more.
    End,
}

impl<T, K> Window<T, K> {
    pub fn new(hands: Hands) -> Self {
        let state = State {
            places: BTreeMap::new(),
            taken: 0,
            arrived: VecDeque::new(),
            in_hand: 0,
            leaving: 0,
            ready_bytes: 0,
            no_room: false,
            closed: false,
        };
        Self { hands, state: Mutex::new(state), turns: Turns::default(), task: AtomicWaker::new() }
    }

    /// Waits until another value may be taken.
    pub async fn has_place(&self) {
        self.wait(|state| self.may_take(state).then_some(())).await;
    }

    /// Waits until none may be taken.
    pub async fn has_no_place(&self) {
        self.wait(|state| (!self.may_take(state)).then_some(())).await;
    }

    fn may_take(&self, state: &State<T, K>) -> bool {
        if state.in_hand < self.hands.total {
            return state.places.len() < Hands::KEYS_MAX;
        }
        // Beyond that only what has to wait for one that takes long.
        self.hands.order == Order::Input
            && state.is_first_running()
            && state.places.len() < Hands::KEYS_MAX
            && state.leaving < self.hands.working
            && !state.no_room
            && self.hands.ready_bytes > 0
    }

    /// Takes a place for a value; its number.
    pub fn take(&self) -> u64 {
        let mut state = self.state();
        let number = state.taken;
        state.places.insert(number, Place::Running);
        state.taken += 1;
        state.in_hand += 1;
        if state.first() == number {
            self.turns.set_first(number, true);
        }
        number
    }

    /// The turn of the value with this number.
    pub fn turn(&self, number: u64) -> Turn {
        self.turns.of(number)
    }

    /// A value has become a result that holds so many bytes.
    pub fn finished(&self, number: u64, result: T, bytes: usize, is_short: bool) -> Finished<T> {
        let mut state = self.state();
        if self.hands.order == Order::Arrival {
            state.arrived.push_back(number);
        }
        let waits = number != state.first() && state.is_first_running();
        let crowded = is_short || state.ready_bytes + bytes > self.hands.ready_bytes;
        let stash = self.hands.order == Order::Input && waits && crowded && bytes > 0 && !state.no_room;
        let answer = if stash {
            state.leaving += 1;
            *state.place(number) = Place::Leaving;
            Finished::Stash(result)
        } else {
            state.ready_bytes += bytes;
            *state.place(number) = Place::Ready(Box::new(result), bytes);
            Finished::Waits
        };
        if number == state.first() {
            self.turns.set_first(number, false);
        }
        drop(state);
        self.task.wake();
        answer
    }

    /// A result is in the stash, or could not be.
    pub fn stashed(&self, number: u64, stashed: Result<K, T>, bytes: impl FnOnce(&T) -> usize) {
        let mut state = self.state();
        state.leaving -= 1;
        match stashed {
            Ok(stashed) => {
                state.in_hand -= 1;
                *state.place(number) = Place::Stashed(stashed);
            }
            Err(result) => {
                state.no_room = true;
                let bytes = bytes(&result);
                state.ready_bytes += bytes;
                *state.place(number) = Place::Ready(Box::new(result), bytes);
            }
        }
        drop(state);
        self.task.wake();
    }

    /// Waits for the next result in the order of delivery.
    pub async fn next(&self) -> Next<T, K> {
        self.wait(|state| {
            let number = match self.hands.order {
                Order::Input => state.places.first_key_value().map(|(number, _)| *number),
                Order::Arrival => state.arrived.front().copied(),
            };
            let Some(number) = number else {
                return (state.closed && state.places.is_empty()).then_some(Next::End);
            };
            let place = state.place(number);
            match std::mem::replace(place, Place::Going) {
                Place::Ready(result, bytes) => {
                    state.ready_bytes -= bytes;
                    state.arrived.pop_front();
                    Some(Next::Ready(number, *result))
                }
                Place::Stashed(stashed) => {
                    state.in_hand += 1;
                    Some(Next::Stashed(number, stashed))
                }
                other => {
                    *place = other;
                    None
                }
            }
        })
        .await
    }

    /// A result was delivered.
    pub fn delivered(&self, number: u64) {
        let mut state = self.state();
        state.places.remove(&number);
        state.in_hand -= 1;
        self.turns.set_first(state.first(), state.is_first_running());
        drop(state);
        self.task.wake();
    }

    /// No more values will be taken, and none is running.
    pub fn close(&self) {
        self.state().closed = true;
        self.task.wake();
    }

    /// Waits until `look` finds something.
    async fn wait<R>(&self, mut look: impl FnMut(&mut State<T, K>) -> Option<R>) -> R {
        std::future::poll_fn(|context| {
            if let Some(found) = look(&mut self.state()) {
                return Poll::Ready(found);
            }
            self.task.register(context.waker());
            Poll::Pending
        })
        .await
    }

    fn state(&self) -> MutexGuard<'_, State<T, K>> {
        self.state.lock().expect("nothing that holds this lock panics")
    }
}

impl<T, K> State<T, K> {
    fn place(&mut self, number: u64) -> &mut Place<T, K> {
        self.places.get_mut(&number).expect("a place is there until its value is delivered")
    }

    /// The number of the oldest that is not delivered, or of the next.
    fn first(&self) -> u64 {
        self.places.first_key_value().map_or(self.taken, |(number, _)| *number)
    }

    fn is_first_running(&self) -> bool {
        matches!(self.places.first_key_value(), Some((_, Place::Running)))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    /// A window for two workers, whose ready results may hold ten bytes.
    fn window() -> Window<u64, u64> {
        let hands = Hands::new(NonZeroU32::new(2).unwrap(), Order::Input);
        Window::new(Hands { ready_bytes: 10, ..hands })
    }

    fn may_take(window: &Window<u64, u64>) -> bool {
        window.may_take(&window.state())
    }

    async fn next(window: &Window<u64, u64>) -> Result<u64, u64> {
        match window.next().await {
            Next::Ready(number, result) => {
                assert_eq!(number, result);
                window.delivered(number);
                Ok(number)
            }
            Next::Stashed(number, stashed) => {
                assert_eq!(number, stashed);
                window.delivered(number);
                Err(number)
            }
            Next::End => panic!("not closed"),
        }
    }

    #[tokio::test]
    async fn what_waits_for_a_slow_one_is_stashed_when_it_is_too_much_and_comes_in_order() {
        let window = window();
        for number in 0..20 {
            assert!(may_take(&window), "the first is still running");
            assert_eq!(window.take(), number);
            if number == 0 {
                continue;
            }
            // Three of 3 bytes are ready; the others leave.
            match window.finished(number, number, 3, false) {
                Finished::Waits => assert!(number <= 3, "{number}"),
                Finished::Stash(result) => window.stashed(number, Ok(result), |_| 3),
            }
        }
        assert!(matches!(window.finished(0, 0, 100, true), Finished::Waits), "the first is delivered next");
        for number in 0..20 {
            let stashed = next(&window).await.is_err();
            assert_eq!(stashed, number > 3, "{number}");
        }
    }

    #[tokio::test]
    async fn a_blocked_delivery_stops_intake_at_the_total() {
        let window = window();
        let total = window.hands.total as u64;
        for number in 0..total {
            assert!(may_take(&window));
            window.take();
            assert!(matches!(window.finished(number, number, 100, true), Finished::Waits));
        }
        assert!(!may_take(&window), "the first is ready, so what blocks is its delivery");
        let Next::Ready(0, _) = window.next().await else { panic!("the first is ready") };
        assert!(!may_take(&window), "and while it is delivered too");
        window.delivered(0);
        assert!(may_take(&window));
    }

    /// How many values are taken behind a first that takes long, when `stash` puts the others elsewhere or gives them back.
    fn taken(stash: fn(u64) -> Result<u64, u64>) -> usize {
        let window = window();
        window.take();
        let mut taken = 1;
        while may_take(&window) {
            let number = window.take();
            taken += 1;
            if let Finished::Stash(result) = window.finished(number, number, 8, false) {
                window.stashed(number, stash(result), |_| 8);
            }
        }
        taken
    }

    #[test]
    fn without_room_elsewhere_intake_stops_at_the_total() {
        assert_eq!(taken(Err), window().hands.total);
    }

    #[test]
    fn keys_that_wait_are_bounded() {
        assert_eq!(taken(Ok), Hands::KEYS_MAX);
    }

    #[tokio::test]
    async fn the_oldest_that_is_not_delivered_is_first_in_turn_in_either_order() {
        for order in [Order::Input, Order::Arrival] {
            let hands = Hands::new(NonZeroU32::new(3).unwrap(), order);
            let window: Window<u64, u64> = Window::new(hands);
            let turns: Vec<Turn> = (0..3).map(|_| window.turn(window.take())).collect();
            let first = || turns.iter().position(Turn::is_first).unwrap();
            let finish = |number: u64| window.finished(number, number, 0, false);
            finish(1);
            if order == Order::Arrival {
                next(&window).await.unwrap();
            }
            assert_eq!(first(), 0);
            assert!(!turns[2].is_first());
            finish(0);
            next(&window).await.unwrap();
            if order == Order::Input {
                next(&window).await.unwrap();
            }
            assert!(turns[2].is_first(), "{order:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_one_that_takes_long_is_held_up_and_nobody_else() {
        let window = window();
        let turns: Vec<Turn> = (0..3).map(|_| window.turn(window.take())).collect();
        let held_up = || turns.iter().map(Turn::is_held_up).collect::<Vec<_>>();
        let second = || tokio::time::sleep(std::time::Duration::from_secs(1));
        assert_eq!(held_up(), [false, false, false], "nobody takes long yet");
        second().await;
        assert_eq!(held_up(), [false, true, true]);
        window.finished(0, 0, 0, false);
        assert_eq!(held_up(), [false, false, false], "what is waited for now is its delivery");
        next(&window).await.unwrap();
        assert_eq!(held_up(), [false, false, false], "the next has its time, too");
        second().await;
        assert_eq!(held_up(), [false, false, true]);
        window.finished(1, 1, 0, false);
        next(&window).await.unwrap();
        window.finished(2, 2, 0, false);
        next(&window).await.unwrap();
        second().await;
        let late = [window.turn(window.take()), window.turn(window.take())];
        assert!(!late[1].is_held_up(), "time without work does not count");
        second().await;
        assert!(late[1].is_held_up());
    }
}
