//! What a stage may ask for before its turn: so that one item that takes long does not keep a level of the crawl waiting.
//!
//! The next level is admitted in its order when the last item of this one is settled, and until then its first items are
//! not known. But where the budget is enough for all that can still be found before, each of them will be admitted,
//! or is a duplicate of one that will. A stage with nothing else to do may ask for those; their documents are kept, and are
//! found there when the items have their turn.
//!
//! Does not belong here: asking (`crate::tmdb`).
//!
//! Invariant: what is given ahead will be admitted, unless the run ends before; nothing of the order of admission changes.

use std::sync::Arc;

use serde_json::Value;

use super::{EdgeId, FrontierPlan, Slot, State};

impl State {
    /// The fields of an item that `slot` may ask for while nothing waits for it.
    pub(super) fn ahead(&mut self, slot: Slot, plan: &FrontierPlan) -> Option<Arc<Value>> {
        if !plan.keeps || !self.is_idle(slot) {
            return None;
        }
        let edges = plan.edges.iter().enumerate().filter(|(_, edge)| edge.to == slot);
        for (edge, of) in edges.map(|(index, of)| (EdgeId(index), of)) {
            let Some(take) = of.take else { continue };
            // Whatever comes before a found item in its turn is parked, or found under an item that is not settled.
            let most = self.parked.count(edge).saturating_add(self.unsettled.saturating_mul(take));
            if most > self.budgets[edge.0] {
                continue;
            }
            let (seen, ahead) = (&self.seen[slot.0], &mut self.ahead[slot.0]);
            let wanted = |key| !seen.contains(key) && !ahead.contains(key);
            if let Some((key, fields)) = self.parked.show(edge, wanted) {
                ahead.insert(key);
                return Some(fields);
            }
        }
        None
    }

    /// Whether nothing waits for `slot`, and nothing can come but what is found.
    pub(super) fn is_idle(&self, slot: Slot) -> bool {
        !self.fed && self.queues[slot.0].is_empty()
    }
}
