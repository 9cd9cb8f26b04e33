//! What work costs in a simulation: a paused clock stands still while threads compute.

use std::cell::Cell;
use std::time::Duration;

use super::Activity;

thread_local! {
    static COSTS: Cell<Costs> = const { Cell::new(Costs { decoding: Duration::ZERO, writing: Duration::ZERO }) };
}

/// What a document costs to decode, and a row to write.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Costs {
    pub decoding: Duration,
    pub writing: Duration,
}

/// Sets the costs of simulations on this thread.
pub(crate) fn set(costs: Costs) {
    COSTS.set(costs);
}

pub(super) async fn cost(activity: Activity, units: usize) {
    let each = match activity {
        Activity::Decoding => COSTS.get().decoding,
        Activity::Writing => COSTS.get().writing,
        _ => return,
    };
    let cost = each * u32::try_from(units).expect("a few thousand");
    if !cost.is_zero() {
        tokio::time::sleep(cost).await;
    }
}
