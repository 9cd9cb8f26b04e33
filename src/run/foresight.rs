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
use crate::spec::Port;

/// What the expands behind one fetch will find in its documents.
#[derive(Clone, Default)]
pub(super) struct Foresight(Arc<[Look]>);

/// One of those expands.
struct Look {
    rule: ExpandRule,
    max_depth: Option<u32>,
    /// Where its first page is; none if it looks through the document itself.
    part: Option<usize>,
    into: Vec<Into>,
}

/// Where its items go within the loop.
struct Into {
    frontier: Frontier,
    edge: EdgeId,
    keeps: FieldSet,
}

impl Foresight {
    /// Of a fetch stage, whose items go to `outlets` by expand. Where nothing is kept there is nothing to ask for ahead.
    pub(super) fn new(
        plan: &Plan,
        fetch: StageIndex,
        outlets: &HashMap<StageIndex, Vec<ItemOutlet>>,
    ) -> Self {
        let mut looks = Vec::new();
        let mut behind = vec![fetch];
        while let Some(stage) = behind.pop().filter(|_| plan.api.keep.is_some()) {
            for (reader, _) in plan.readers(stage, Port::Main) {
                // Expands hand documents on as they are. What a filter lets through is not known here.
                let StageKind::Expand(expand) = &plan.stages[reader].kind else { continue };
                behind.push(reader);
                let part = match (&expand.request, expand.first_page) {
                    (None, _) => None,
                    (Some(_), FirstPage::With { part, .. }) => Some(part),
                    (Some(_), FirstPage::Alone | FirstPage::Apart(..)) => continue,
                };
                let into: Vec<Into> = outlets.get(&reader).into_iter().flatten().filter_map(into).collect();
                if !into.is_empty() {
                    looks.push(Look {
                        rule: ExpandRule::new(expand),
                        max_depth: expand.max_depth,
                        part,
                        into,
                    });
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
                for Into { frontier, edge, keeps } in &look.into {
                    let items: Vec<_> = found.iter().map(|found| found_item(item, found, keeps)).collect();
                    frontier.foresee(*edge, &items);
                }
            }
        })
        .await;
    }
}

/// Where items go that stay in the loop; others have their own order.
fn into(outlet: &ItemOutlet) -> Option<Into> {
    let ItemOutlet { frontier, edge, keeps, feed: None } = outlet else { return None };
    Some(Into { frontier: frontier.clone(), edge: *edge, keeps: keeps.clone() })
}
