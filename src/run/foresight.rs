//! Looking into a document that waits for its turn behind one that takes long: what will be found in it may be asked for
//! already, so that a crawl goes on with its next level meanwhile.
//!
//! Does not belong here: which of it is asked for, and when (`crate::engine::Frontier`); what is found (`expand.rs`, in its
//! turn: this changes nothing of it).
//!
//! Invariant: what is foreseen is what the expand will find, or the first of it: the same rule on the same document.

use std::collections::HashMap;
use std::sync::Arc;

use super::context::{Context, on_thread};
use super::expand::{ItemOutlet, found_item};
use crate::engine::{EdgeId, Frontier};
use crate::plan::expr::FieldSet;
use crate::plan::{Document, FirstPage, Plan, StageIndex, StageKind};
use crate::project::ExpandRule;
use crate::spec::{Order, Port};

/// What the expands behind one fetch will find in its documents.
#[derive(Clone)]
pub(super) struct Foresight(Arc<[Look]>);

/// One of those expands.
struct Look {
    rule: ExpandRule,
    max_depth: Option<u32>,
    /// Where its first page is; none if it looks through the document itself.
    part: Option<usize>,
    ways_back: Vec<Loop>,
}

/// Where its items go back to.
struct Loop {
    frontier: Frontier,
    edge: EdgeId,
    keeps: FieldSet,
}

impl Foresight {
    /// Of a fetch stage, whose items go to `outlets` by expand. Where nothing is kept nothing can be asked for ahead, and where
    /// documents go on as they come none is held up.
    pub(super) fn new(
        plan: &Plan,
        fetch: StageIndex,
        outlets: &HashMap<StageIndex, Vec<ItemOutlet>>,
    ) -> Self {
        let mut looks = Vec::new();
        let sees = plan.api.keep.is_some() && plan.stages[fetch].order == Order::Input;
        let mut behind = Vec::from_iter(sees.then_some(fetch));
        while let Some(stage) = behind.pop() {
            for (reader, _) in plan.readers(stage, Port::Main) {
                // Expands hand documents on as they are. What a filter lets through is not known here.
                let StageKind::Expand(expand) = &plan.stages[reader].kind else { continue };
                behind.push(reader);
                let part = match (&expand.request, expand.first_page) {
                    (None, _) => None,
                    (Some(_), FirstPage::With { part, .. }) => Some(part),
                    (Some(_), FirstPage::Alone | FirstPage::Apart(..)) => continue,
                };
                // Where nobody knows how much it may find, nothing is asked for ahead.
                if expand.take.is_none() {
                    continue;
                }
                let ways_back: Vec<Loop> =
                    outlets.get(&reader).into_iter().flatten().filter_map(Loop::new).collect();
                if !ways_back.is_empty() {
                    let (rule, max_depth) = (ExpandRule::new(expand), expand.max_depth);
                    looks.push(Look { rule, max_depth, part, ways_back });
                }
            }
        }
        Self(looks.into())
    }

    /// Looks into `document`, of an item that was admitted.
    pub(super) async fn look(&self, document: &Document, context: &Context) {
        if self.0.is_empty() {
            return;
        }
        let (looks, scope, document) = (Arc::clone(&self.0), Arc::clone(&context.scope), document.clone());
        on_thread(move || {
            for look in &*looks {
                let item = &document.item;
                let deep = look.max_depth.is_some_and(|max| item.depth >= max);
                let page = look.part.map_or(Some(&document.body), |part| document.parts.get(part));
                let Some(page) = page.filter(|_| !deep && look.rule.wants(&scope, &document).holds) else {
                    continue;
                };
                let found = look.rule.found(&scope, &document, std::slice::from_ref(page)).items;
                for Loop { frontier, edge, keeps } in &look.ways_back {
                    let items: Vec<_> = found.iter().map(|found| found_item(item, found, keeps)).collect();
                    frontier.foresee(*edge, &items);
                }
            }
        })
        .await;
    }
}

impl Loop {
    /// Of an outlet that closes a loop; what goes to others has its own order.
    fn new(outlet: &ItemOutlet) -> Option<Self> {
        let ItemOutlet { frontier, edge, keeps, feed: None } = outlet else { return None };
        Some(Self { frontier: frontier.clone(), edge: *edge, keeps: keeps.clone() })
    }
}
