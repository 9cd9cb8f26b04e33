//! What a stage may ask for before its turn: so that one item that takes long does not keep a level of the crawl waiting.
//!
//! The next level is admitted in its order when the last item of this one is settled, and until then its first items are
//! not known. But where the budget is enough for all that can still be found before, each of them will be admitted,
//! or is a duplicate of one that will. A stage with nothing else to do may ask for those; their documents are kept, and are
//! found there when the items have their turn.
//!
//! What is found in a document that waits for its turn behind one that takes long is *foreseen*: it is no part of the crawl
//! until it is found in its turn, and only asked for from here.
//!
//! Does not belong here: asking (`crate::tmdb`); looking into documents (`crate::run`).
//!
//! Invariant: what is given ahead will be admitted, unless the run ends before; nothing of the order of admission changes.

use std::sync::Arc;

use serde_json::Value;

use super::{EdgeId, Frontier, FrontierPlan, Slot, State};
use crate::engine::packed::{Line, packed};
use crate::plan::{Hands, Item};

/// Foreseen items of an edge, at the most. One behind which more documents wait is rare.
const FORESEEN_MAX: usize = Hands::KEYS_MAX;

impl Frontier {
    /// Tells of items that will be found along `edge`, under an item that was admitted and waits for its turn.
    pub fn foresee(&self, edge: EdgeId, items: &[Item]) {
        let slot = self.shared.plan.edges[edge.0].to;
        // Before the lock is taken.
        let items: Vec<_> = items.iter().map(packed).collect();
        let mut state = self.shared.state();
        if state.budgets[edge.0] == 0 {
            return;
        }
        let line = &mut state.foreseen[edge.0];
        for (packed, aside) in items.into_iter().take(FORESEEN_MAX.saturating_sub(line.len())) {
            line.push(0, &packed, aside);
        }
        if state.is_idle(slot) {
            drop(state);
            self.shared.changed.send_replace(());
        }
    }
}

impl State {
    /// The fields of an item that `slot` may ask for while nothing waits for it.
    pub(super) fn ahead(&mut self, slot: Slot, plan: &FrontierPlan) -> Option<Arc<Value>> {
        if !plan.keeps || !self.is_idle(slot) {
            return None;
        }
        let edges = plan.edges.iter().enumerate().filter(|(_, edge)| edge.to == slot);
        for (edge, of) in edges.map(|(index, of)| (EdgeId(index), of)) {
            let Some(take) = of.take else { continue };
            if self.budgets[edge.0] == 0 {
                // What was foreseen and did not come by now is cut.
                self.foreseen[edge.0] = Line::default();
                continue;
            }
            // Whatever comes before a found item in its turn is parked, or found under an item that is not settled.
            let finding: u64 =
                self.unsettled.range(..of.max_depth.unwrap_or(u32::MAX)).map(|(_, count)| count).sum();
            let most = self.parked.count(edge).saturating_add(finding.saturating_mul(take));
            if most > self.budgets[edge.0] {
                continue;
            }
            let (seen, ahead) = (&self.seen[slot.0], &mut self.ahead[slot.0]);
            let wanted = |key| !seen.contains(key) && !ahead.contains(key);
            let foreseen = &mut self.foreseen[edge.0];
            let next = self.parked.show(edge, wanted).or_else(|| {
                std::iter::from_fn(|| foreseen.pop()).find_map(|(_, item)| {
                    let key = (plan.keys[slot.0])(&item);
                    wanted(key).then_some((key, item.fields))
                })
            });
            if let Some((key, fields)) = next {
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
