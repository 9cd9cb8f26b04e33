//! Why nothing arrived at a point, as far as the counts tell.

use std::fmt::Write as _;

use super::super::init::quoted;
use crate::plan::{Plan, Source, StageKind, StagePlan};
use crate::report::{Snapshot, StageSnapshot};
use crate::spec::Port;

/// What each stage on the way did, where the flow ended, and what to look at next; `again` is the command up to its
/// point.
pub(super) fn why(plan: &Plan, at: Source, again: &str, snapshot: &Snapshot) -> String {
    let (cut, points) = plan.upstream_of(at);
    let requests = counted(snapshot.totals().requests, "request");
    let mut text = format!("nothing arrived at `{}`: the run ended after {requests}\n", plan.point_name(at));
    let width = cut.stages.iter().map(|stage| stage.id.as_str().len()).max().unwrap_or(0);
    for stage in &cut.stages {
        // Writing into a string does not fail.
        let _ = writeln!(text, "  {:width$}  {}", stage.id.as_str(), done(stage, of(snapshot, stage)));
    }
    let (reason, hint) = match &plan.stages[at.stage].kind {
        StageKind::Project(table) if arrived(&cut, points[0], snapshot) => match &table.rows {
            Some(rows) => (
                format!("`rows: {}` of `{}` gave nothing", rows.source(), table.stage),
                Some(format!("{} --jq {}", cut.point_name(points[0]), quoted(rows.source()))),
            ),
            None => (format!("`{}` made no row", table.stage), Some(cut.point_name(points[0]))),
        },
        _ => reason(&cut, points[0], snapshot),
    };
    let _ = writeln!(text, "{reason}");
    if let Some(hint) = hint {
        let _ = writeln!(text, "hint: see what comes before: {again} {hint}");
    }
    text
}

/// Why nothing is at a point of the cut, and where to look instead.
fn reason(plan: &Plan, at: Source, snapshot: &Snapshot) -> (String, Option<String>) {
    let stage = &plan.stages[at.stage];
    let (id, counts) = (&stage.id, of(snapshot, stage));
    let before = stage.inputs.first().copied();
    let name = |source: Source| plan.point_name(source);
    match (at.port, &stage.kind) {
        (Port::Failed, _) if counts.requests > 0 => (format!("no request of `{id}` failed"), None),
        (Port::Missing, _) if counts.requests > 0 => {
            (format!("the API knows everything that `{id}` asked for"), None)
        }
        (_, StageKind::Seed(seed)) => {
            let reason = match &seed.where_ {
                Some(where_) if counts.failed == 0 && counts.missing == 0 => {
                    format!("`where: {}` of `{id}` let nothing through", where_.source())
                }
                _ if counts.failed + counts.missing > 0 => format!("the list of `{id}` did not come"),
                _ => format!("`{id}` lists nothing"),
            };
            (reason, None)
        }
        (_, StageKind::Fetch(_)) if counts.admitted > 0 => {
            (format!("no item of `{id}` has a document"), before.map(name))
        }
        (Port::Found, StageKind::Expand(expand))
            if before.is_some_and(|before| arrived(plan, before, snapshot)) =>
        {
            let mut rules = Vec::new();
            rules.extend(expand.when.as_ref().map(|when| format!("`when: {}`", when.source())));
            rules.push(format!("`items: {}`", expand.items.source()));
            rules.extend(expand.where_.as_ref().map(|where_| format!("`where: {}`", where_.source())));
            let errors = match counts.expression_errors {
                0 => String::new(),
                count => format!("; they failed {}", counted(count, "time")),
            };
            (format!("{} of `{id}` let nothing through{errors}", rules.join(" or ")), before.map(name))
        }
        (_, StageKind::Filter(filter)) if before.is_some_and(|before| arrived(plan, before, snapshot)) => {
            let errors = match counts.expression_errors {
                0 => String::new(),
                count => format!("; it failed {}", counted(count, "time")),
            };
            let reason = format!("`where: {}` of `{id}` let nothing through{errors}", filter.where_.source());
            (reason, before.map(name))
        }
        _ => {
            let found = plan.item_edges.iter().find(|edge| edge.to == at.stage);
            let found = found.map(|edge| Source { stage: edge.from, port: Port::Found });
            match before.or(found) {
                Some(before) => reason(plan, before, snapshot),
                None => (format!("`{id}` had nothing to do"), None),
            }
        }
    }
}

/// Whether anything arrived at a point, as far as the counts tell; a filter has none.
fn arrived(plan: &Plan, at: Source, snapshot: &Snapshot) -> bool {
    let stage = &plan.stages[at.stage];
    let counts = of(snapshot, stage);
    match (at.port, &stage.kind) {
        (Port::Failed, _) => counts.failed > 0,
        (Port::Missing, _) => counts.missing > 0,
        (Port::Found, _) => counts.found > 0,
        (Port::Main, StageKind::Seed(_)) => counts.admitted > 0,
        (Port::Main, StageKind::Fetch(_)) => counts.documents > 0,
        (Port::Main, StageKind::Expand(_)) => {
            stage.inputs.iter().any(|input| arrived(plan, *input, snapshot))
        }
        (Port::Main, StageKind::Filter(_) | StageKind::Project(_)) => false,
    }
}

fn of<'s>(snapshot: &'s Snapshot, stage: &StagePlan) -> &'s StageSnapshot {
    let found = snapshot.stages.iter().find(|counts| counts.id == stage.id.as_str());
    found.expect("every stage of the plan is counted")
}

/// What a stage did.
fn done(stage: &StagePlan, counts: &StageSnapshot) -> String {
    let mut parts = match stage.kind {
        StageKind::Seed(_) => vec![counted(counts.admitted, "item")],
        StageKind::Fetch(_) => vec![counted(counts.admitted, "item"), counted(counts.documents, "document")],
        StageKind::Expand(_) => vec![format!("{} found", counted(counts.found, "item"))],
        StageKind::Filter(_) | StageKind::Project(_) => Vec::new(),
    };
    for (count, what) in [(counts.missing, "missing"), (counts.failed, "failed")] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    if counts.expression_errors > 0 {
        parts.push(format!("an expression failed {}", counted(counts.expression_errors, "time")));
    }
    if parts.is_empty() { "nothing went through".to_owned() } else { parts.join(", ") }
}

fn counted(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}
