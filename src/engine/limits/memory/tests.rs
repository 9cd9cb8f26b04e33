//! Memory alone, without a runtime.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use super::*;
use crate::engine::turn::Turns;

const KIB: usize = 1 << 10;

fn now<F: Future + ?Sized>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn held(memory: &Memory) -> (usize, usize) {
    let state = memory.0.state();
    (state.bodies, state.tables)
}

/// A memory that has room for four bodies as they are expected first, and turns of which number 0 is the first.
fn four() -> (Memory, Turns) {
    (Memory::new(4 * ESTIMATE_FIRST), Turns::default())
}

#[test]
fn a_body_holds_its_bytes_until_the_last_copy_and_slice_is_gone() {
    let memory = Memory::new(1 << 20);
    let demand = Demand::new(0);
    let charge = now(pin!(memory.reserve(&demand, &Turn::alone()))).unwrap();
    assert_eq!(held(&memory), (ESTIMATE_FIRST, 0));
    let body = charge.fill(&demand, Bytes::from(vec![7; 100 * KIB]));
    assert_eq!(held(&memory), (100 * KIB + BODY_OVERHEAD_BYTES, 0));
    let (copy, slice) = (body.clone(), body.slice(3..5));
    drop((body, copy));
    assert_eq!(held(&memory), (100 * KIB + BODY_OVERHEAD_BYTES, 0), "a slice holds all of it");
    assert_eq!(&slice[..], [7, 7]);
    drop(slice);
    assert_eq!(held(&memory), (0, 0));
    let charge = now(pin!(memory.reserve(&demand, &Turn::alone()))).unwrap();
    assert!(charge.bytes > ESTIMATE_FIRST, "the stage has learned");
}

#[test]
fn who_has_no_room_waits_and_the_first_in_turn_needs_none() {
    let (memory, turns) = four();
    let demand = Demand::new(0);
    let (first, second) = (turns.of(0), turns.of(1));
    let estimate = memory.0.budget / ESTIMATE_SHARE;
    let all = memory.charged(Holder::Body, memory.0.budget);
    let mut waits = pin!(memory.reserve(&demand, &second));
    assert!(now(waits.as_mut()).is_none());
    assert!(memory.is_short());
    let page = now(pin!(memory.reserve(&demand, &first))).expect("the first has the pass");
    let next = now(pin!(memory.reserve(&demand, &first))).expect("and keeps it for its next page");
    assert_eq!(held(&memory).0, memory.0.budget + 2 * estimate);
    // When the first is delivered the second is first, but what the first holds must go before.
    turns.set_first(1, true);
    assert!(now(waits.as_mut()).is_none());
    let body = next.fill(&demand, Bytes::from(vec![7; KIB]));
    drop(page);
    assert!(now(waits.as_mut()).is_none());
    drop(body);
    let second = now(waits.as_mut()).expect("the pass is back");
    assert_eq!(held(&memory).0, memory.0.budget + estimate);
    // Another stage has another pass.
    drop(now(pin!(memory.reserve(&Demand::new(3), &Turn::alone()))).expect("its own pass"));
    drop((second, all));
    assert_eq!(held(&memory), (0, 0));
    assert!(!memory.is_short());
}

#[test]
fn further_down_goes_first_and_then_the_order_of_coming() {
    let (memory, turns) = four();
    let (upper, lower) = (Demand::new(1), Demand::new(5));
    let turn = turns.of(9);
    let mut all = memory.charged(Holder::Body, memory.0.budget);
    let mut waits: Vec<Pin<Box<dyn Future<Output = Charge> + '_>>> = vec![
        Box::pin(memory.reserve(&upper, &turn)),
        Box::pin(memory.reserve(&upper, &turn)),
        Box::pin(memory.reserve(&lower, &turn)),
    ];
    assert!(waits.iter_mut().all(|wait| now(wait.as_mut()).is_none()));
    let mut order = Vec::new();
    let mut charges = Vec::new();
    for _ in 0..3 {
        all.resize(all.bytes - memory.0.budget / ESTIMATE_SHARE);
        for (who, wait) in waits.iter_mut().enumerate() {
            if !order.contains(&who)
                && let Some(charge) = now(wait.as_mut())
            {
                order.push(who);
                charges.push(charge);
            }
        }
    }
    assert_eq!(order, [2, 0, 1]);
}

#[test]
fn a_wait_that_is_dropped_takes_nothing_even_if_it_was_granted() {
    let (memory, turns) = four();
    let demand = Demand::new(0);
    let turn = turns.of(1);
    let all = memory.charged(Holder::Body, memory.0.budget);
    {
        let mut given_up = Box::pin(memory.reserve(&demand, &turn));
        let mut granted = Box::pin(memory.reserve(&demand, &turn));
        assert!(now(given_up.as_mut()).is_none() && now(granted.as_mut()).is_none());
        drop(given_up);
        drop(all);
        assert_eq!(held(&memory).0, memory.0.budget / ESTIMATE_SHARE, "granted, not yet seen");
    }
    assert_eq!(held(&memory), (0, 0));
    assert!(!memory.is_short());
}

#[test]
fn what_tables_hold_is_not_for_bodies_but_for_a_share() {
    let memory = Memory::new(1 << 20);
    let mut batch = memory.table(256 * KIB);
    assert_eq!(memory.room_for_bodies(), 768 * KIB);
    batch.resize(10 << 20);
    assert_eq!(memory.room_for_bodies(), 256 * KIB);
    assert_eq!(memory.most(), 10 << 20);
    drop(batch);
    assert_eq!(memory.room_for_bodies(), 1 << 20);
}
