//! The circuits of a run, one for each stage that asks, and who is told of them.
//!
//! Does not belong here: when a circuit opens and who may probe (`crate::engine::Circuit`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::answer::Reason;
use crate::engine::{Circuit, ROW_MAX};
use crate::event::{Event, Listener};
use crate::spec::StageId;

/// All circuits of a run, each closed at first.
pub(super) struct Circuits {
    patience: Duration,
    listener: Arc<dyn Listener>,
    /// By the stage: its requests go to one endpoint.
    known: Mutex<HashMap<StageId, Arc<Circuit>>>,
}

impl Circuits {
    /// Circuits at which an item waits for `patience` at the most.
    pub(super) fn new(patience: Duration, listener: Arc<dyn Listener>) -> Self {
        Self { patience, listener, known: Mutex::default() }
    }

    pub(super) fn of(&self, stage: &StageId) -> Arc<Circuit> {
        let mut known = self.known.lock().expect("nothing that holds this lock panics");
        if let Some(circuit) = known.get(stage) {
            return Arc::clone(circuit);
        }
        let circuit = Arc::new(Circuit::new(self.patience));
        known.insert(stage.clone(), Arc::clone(&circuit));
        circuit
    }

    /// An answer for `stage` was kept.
    pub(super) fn kept(&self, stage: &StageId) {
        self.of(stage).kept();
    }

    /// The API said something of a request of `stage`: its endpoint is there.
    pub(super) fn answered(&self, stage: &StageId, circuit: &Circuit) {
        if let Some(open_for) = circuit.answered() {
            self.listener.hear(&Event::CircuitClosed { stage: stage.clone(), open_for });
        }
    }

    /// The retries of a request of `stage` have ended.
    pub(super) fn given_up(&self, stage: &StageId, circuit: &Circuit, reason: &Reason) {
        let reason = reason.to_string();
        if circuit.item_failed(&reason) {
            self.listener.hear(&Event::CircuitOpened { stage: stage.clone(), failures: ROW_MAX, reason });
        }
    }
}
