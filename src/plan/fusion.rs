//! Which requests become one: a fetch of `/movie/{id}` and an expand of `/movie/{id}/similar` are one request with
//! `append_to_response=similar`.
//!
//! ```text
//!  fetch /movie/{id} ──▶ expand /movie/{id}/similar      two requests for each film
//!  fetch /movie/{id}?append_to_response=similar ─┬──▶ the document, as it would be alone
//!                                                └──▶ a part beside it: the expand's first page
//! ```
//!
//! Belongs here: what may be fused, and what of it a reader of the plan should know. Does not belong here: how an answer is
//! taken apart (`split`), what can be appended (`appendable`).
//!
//! Invariant: a fused expand would ask, for every document that comes to it, for a part of exactly that document, in the same
//! words: the same item in the same placeholders, the same query and language.

use super::appendable::{Appendable, appendable};
use super::expr::{Expr, Root, Step};
use super::fields::origins;
use super::split::FusedPart;
use super::{ExpandPlan, FetchPlan, Plan, StageIndex, StageKind, StagePlan};
use crate::spec::{APPEND_MAX, Port};

/// KiB that the planner may add to an answer without a word.
const ADDED_KIB_MAX: u64 = 64;
/// KiB that everything appended may have together without a word.
const APPENDED_KIB_MAX: u64 = 200;

/// How an expand's first page is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstPage {
    /// By a request of its own; or the expand makes no requests.
    #[default]
    Alone,
    /// It comes with the document that `fetch` asks for, as this one of its parts.
    With {
        /// The fetch.
        fetch: StageIndex,
        /// Which of its [`FetchPlan::parts`].
        part: usize,
    },
    /// By a request of its own, though it could nearly have come with the documents of this fetch.
    Apart(StageIndex, Apart),
}

/// Why a page that TMDB could append is asked for apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apart {
    /// The query or the language is another, and they apply to everything that is appended.
    Query,
    /// The expand reads documents of more than one fetch.
    Fetches,
    /// The fetch's request has as many names as TMDB takes.
    Full,
    /// The file says `fuse: false`.
    Unwanted,
}

impl Plan {
    /// Decides anew what is fused, from the paths, queries and [`ExpandPlan::fuse`] of its stages.
    pub fn fuse(&mut self) {
        fuse(&mut self.stages);
    }

    /// The same plan with a request for each page.
    #[must_use]
    pub(super) fn unfused(&self) -> Self {
        let mut plan = self.clone();
        for stage in &mut plan.stages {
            if let StageKind::Expand(expand) = &mut stage.kind {
                expand.fuse = false;
            }
        }
        plan.fuse();
        plan
    }

    /// The expands whose first page comes with the documents of `fetch`, in the order of the file.
    pub(super) fn fused_into(&self, fetch: StageIndex) -> impl Iterator<Item = &StagePlan> {
        self.stages.iter().filter(move |stage| match stage.first_page() {
            FirstPage::With { fetch: with, .. } => with == fetch,
            FirstPage::Alone | FirstPage::Apart(..) => false,
        })
    }
}

impl StagePlan {
    /// How its first page is asked for, if it is an expand.
    pub(super) fn first_page(&self) -> FirstPage {
        match &self.kind {
            StageKind::Expand(expand) => expand.first_page,
            _ => FirstPage::Alone,
        }
    }
}

impl FetchPlan {
    /// The names that the planner appended.
    pub(super) fn added(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter(|part| !part.keep).map(|part| part.name.as_str())
    }
}

/// Fuses what can be, in the order of the file.
pub(super) fn fuse(stages: &mut [StagePlan]) {
    for stage in &mut *stages {
        if let StageKind::Fetch(fetch) = &mut stage.kind {
            fetch.parts.clear();
        }
    }
    for index in 0..stages.len() {
        let first_page = first_page(stages, index);
        if let StageKind::Expand(expand) = &mut stages[index].kind {
            expand.first_page = first_page;
        }
    }
    for stage in &mut *stages {
        if let StageKind::Fetch(FetchPlan { request, append, parts, .. }) = &mut stage.kind {
            let added = parts.iter().filter(|part| !part.keep).map(|part| part.name.clone());
            let added: Vec<String> = added.collect();
            request.append(&if added.is_empty() { Vec::new() } else { [&append[..], &added].concat() });
        }
    }
    carry(stages);
}

/// Where the first page of a stage comes from; a part that it needs is added to its fetch.
fn first_page(stages: &mut [StagePlan], index: StageIndex) -> FirstPage {
    let Some((fetch, part)) = candidate(stages, index) else { return FirstPage::Alone };
    let apart = |why| FirstPage::Apart(fetch, why);
    let StageKind::Expand(expand) = &stages[index].kind else { return FirstPage::Alone };
    if !expand.fuse {
        return apart(Apart::Unwanted);
    }
    if origins(stages, index).len() > 1 {
        return apart(Apart::Fetches);
    }
    let id = part.id.filter(|_| may_read_id(&expand.items));
    let asks = expand.request.clone();
    let StageKind::Fetch(plan) = &mut stages[fetch].kind else { unreachable!("documents come from fetches") };
    if !asks.is_some_and(|asks| asks.is_alike(&plan.request)) {
        return apart(Apart::Query);
    }
    if let Some(known) = plan.parts.iter().position(|known| known.name == part.name) {
        plan.parts[known].id = plan.parts[known].id.or(id);
        return FirstPage::With { fetch, part: known };
    }
    let keep = plan.append.iter().any(|name| name == part.name);
    if !keep && plan.append.len() + plan.added().count() == APPEND_MAX {
        return apart(Apart::Full);
    }
    plan.parts.push(FusedPart { name: part.name.to_owned(), keep, id });
    FirstPage::With { fetch, part: plan.parts.len() - 1 }
}

/// The fetch whose documents a stage reads, or one of several, and the part of them that it asks for.
fn candidate(stages: &[StagePlan], index: StageIndex) -> Option<(StageIndex, Appendable)> {
    let StageKind::Expand(ExpandPlan { request: Some(request), .. }) = &stages[index].kind else {
        return None;
    };
    let asked = request.path().to_string();
    origins(stages, index).into_iter().find_map(|fetch| {
        let StageKind::Fetch(plan) = &stages[fetch].kind else { return None };
        // Equal texts name equal placeholders, and the item of a document is that of its fetch.
        let path = plan.request.path().to_string();
        let name = asked.strip_prefix(&path)?.strip_prefix('/')?;
        let part = appendable(&path).iter().find(|part| part.name == name)?;
        Some((fetch, *part))
    })
}

/// Whether an expression could see an `id` of the page itself.
fn may_read_id(items: &Expr) -> bool {
    items.path().is_none_or(|path| match (path.root, path.steps.first()) {
        (Root::Input, Some(Step::Field(first))) => &**first == "id",
        (Root::Input, _) => true,
        _ => false,
    })
}

/// Says of every stage whether its documents bring their parts along: an expand that is fused reads on from it.
fn carry(stages: &mut [StagePlan]) {
    // Readers stand below what they read.
    for index in (0..stages.len()).rev() {
        stages[index].parts = stages.iter().any(|reader| {
            let reads = reader.inputs.iter().any(|input| input.stage == index && input.port == Port::Main);
            // A fetch reads items.
            reads && !matches!(reader.kind, StageKind::Fetch(_)) && reader.takes_parts()
        });
    }
}

impl StagePlan {
    /// Whether it needs the parts of the documents that it reads.
    pub(crate) fn takes_parts(&self) -> bool {
        self.parts || matches!(self.first_page(), FirstPage::With { .. })
    }
}

/// What a reader of the plan should know, each in a sentence without a full stop.
pub(super) fn notes(plan: &Plan, notes: &mut Vec<String>) {
    for (index, stage) in plan.stages.iter().enumerate() {
        match &stage.kind {
            StageKind::Fetch(fetch) => notes.extend(large(plan, index, fetch)),
            StageKind::Expand(ExpandPlan { first_page: FirstPage::Apart(fetch, why), .. }) => {
                let fetch = &plan.stages[*fetch].id;
                let why = match why {
                    Apart::Query => "its query or language is another",
                    Apart::Fetches => "it reads documents of more than one fetch",
                    Apart::Full => "that request has 20 names already, and TMDB takes no more",
                    Apart::Unwanted => continue,
                };
                notes.push(format!("`{}` is not fused into the request of `{fetch}`: {why}", stage.id));
            }
            _ => {}
        }
    }
}

/// That the answers of a fetch are large, if they are.
fn large(plan: &Plan, index: StageIndex, fetch: &FetchPlan) -> Option<String> {
    let table = appendable(&fetch.request.path().to_string());
    let kib = |name: &str| table.iter().find(|part| part.name == name).map_or(0, |part| part.kib);
    let added: u64 = fetch.added().map(kib).sum();
    let all = added + fetch.append.iter().map(|name| kib(name)).sum::<u64>();
    if added < ADDED_KIB_MAX && all < APPENDED_KIB_MAX {
        return None;
    }
    let names = fetch.append.iter().map(String::as_str).chain(fetch.added());
    let mut parts: Vec<(u64, &str)> = names.map(|name| (kib(name), name)).filter(|part| part.0 > 1).collect();
    parts.sort_by_key(|(kib, _)| std::cmp::Reverse(*kib));
    let parts: Vec<String> = parts.iter().map(|(kib, name)| format!("{name} {kib}")).collect();
    let id = &plan.stages[index].id;
    let mut note = format!(
        "answers of `{id}` are large: for a well-known title what is appended has about {all} KiB ({}), before compression",
        parts.join(", ")
    );
    let apart: Vec<String> = plan
        .fused_into(index)
        .filter(|stage| matches!(stage.first_page(), FirstPage::With { part, .. } if kib(&fetch.parts[part].name) >= ADDED_KIB_MAX / 2 && !fetch.parts[part].keep))
        .map(|stage| format!("`{}`", stage.id))
        .collect();
    if !apart.is_empty() {
        note.extend(["; `fuse: false` on ", &apart.join(" and "), " asks for that apart"]);
    }
    Some(note)
}

#[cfg(test)]
mod tests;
