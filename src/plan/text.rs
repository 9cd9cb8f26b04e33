//! The plan as text, for `plan`: what every stage does, what runs between them, what comes out.
//!
//! Does not belong here: anything that a run decides. Invariant: the text follows from the plan alone.

use std::fmt::{Display, Write as _};

use self::seeds::describe_seed;
use super::bounds::Outlook;
use super::cost::{Cost, Decides, Why, cost};
use super::expr::{Expr, FieldSet};
use super::notes::notes;
use super::table_text;
use super::{ExpandPlan, FirstPage, ItemEdge, Plan, Source, StageIndex, StageKind, StagePlan, TablePlan};
use crate::spec::{Format, Layout, MaxFailures, OnMismatch, Order, Port, RunRate, size_text};

/// Where the values of a stage's lines stand.
const LABEL: usize = 12;

/// Describes a plan.
pub fn describe(plan: &Plan, outlook: &Outlook) -> String {
    let mut text = Text(String::new());
    head(plan, &mut text);
    for (index, stage) in plan.stages.iter().enumerate() {
        describe_stage(plan, index, stage, &mut text);
    }
    requests(plan, &cost(plan, outlook), &mut text);
    let notes = notes(plan);
    if !notes.is_empty() {
        text.line("\nnotes");
        for note in notes {
            text.line(format_args!("  - {note}"));
        }
    }
    text.0
}

/// Lines of text.
struct Text(String);

impl Text {
    fn line(&mut self, content: impl Display) {
        // Writing into a string does not fail.
        let _ = writeln!(self.0, "{content}");
    }

    /// A line of a stage: what it is about, and what it says.
    fn say(&mut self, label: &str, content: impl Display) {
        self.line(format_args!("    {label:<LABEL$}{content}"));
    }

    fn say_if(&mut self, label: &str, content: Option<impl Display>) {
        if let Some(content) = content {
            self.say(label, content);
        }
    }
}

fn head(plan: &Plan, text: &mut Text) {
    match &plan.description {
        Some(description) => text.line(format_args!("{}: {}", plan.name, description.trim())),
        None => text.line(&plan.name),
    }
    let api = &plan.api;
    let rate = match api.rate {
        RunRate::Unlimited => "no limit".to_owned(),
        RunRate::Limited(rate) => rate.to_string(),
        RunRate::Auto => "what the API bears".to_owned(),
    };
    let failures = match plan.max_failures {
        MaxFailures::Count(count) => format!("{count} items"),
        MaxFailures::Percent(share) => format!("{share}% of the finished items"),
    };
    text.line(format_args!("  api         {}, language {}", api.base_url.value, api.language));
    text.line(format_args!("  budget      {rate} over {} connections", api.connections));
    text.line(format_args!(
        "  attempts    {} of {:?} each, within {:?}",
        api.retry.attempts, api.timeout, api.retry.max_elapsed
    ));
    text.line(format_args!("  failures    at most {failures}"));
    text.line(format_args!("  memory      at most {} for what is on its way", size_text(plan.memory)));
    if !plan.params.is_empty() {
        let params: Vec<_> = plan.params.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        text.line(format_args!("  params      {}", params.join(", ")));
    }
}

/// The word of a kind of stage.
pub(super) fn kind_name(kind: &StageKind) -> &'static str {
    match kind {
        StageKind::Seed(_) => "seed",
        StageKind::Fetch(_) => "fetch",
        StageKind::Expand(_) => "expand",
        StageKind::Filter(_) => "filter",
        StageKind::Project(_) => "project",
    }
}

fn describe_stage(plan: &Plan, index: StageIndex, stage: &StagePlan, text: &mut Text) {
    text.line(format_args!("\n  {} ({})", stage.id, kind_name(&stage.kind)));
    let reads = reads(plan, index, stage);
    if !reads.is_empty() {
        text.say("reads", reads.join(", then "));
    }
    let mut asks = false;
    match &stage.kind {
        StageKind::Seed(seed) => asks = describe_seed(seed, text),
        StageKind::Fetch(fetch) => {
            asks = true;
            for edge in plan.item_edges.iter().filter(|edge| edge.to == index) {
                text.say("admits", describe_edge(plan, edge));
            }
            text.say("asks", &fetch.request);
            text.say_if("sends", fetch.request.sent());
            let fused: Vec<&str> = plan.fused_into(index).map(|stage| stage.id.as_str()).collect();
            text.say_if("fused", (!fused.is_empty()).then(|| format!("with {}", fused.join(", "))));
            text.say("keeps", format_args!("{} of each item", fields(&fetch.keeps)));
        }
        StageKind::Expand(expand) => {
            asks = expand.request.is_some();
            text.say_if("when", expand.when.as_ref().map(Expr::source));
            if let Some(request) = &expand.request {
                let pages =
                    if expand.pages > 1 { format!(", up to {} pages", expand.pages) } else { String::new() };
                text.say("asks", format_args!("{request}{pages}"));
                if let FirstPage::With { fetch, .. } = expand.first_page {
                    let first = if expand.pages > 1 { "the first page comes" } else { "it comes" };
                    text.say(
                        "fused",
                        format_args!("{first} with the documents of {}", plan.stages[fetch].id),
                    );
                }
            }
            text.say("items", expand.items.source());
            text.say_if("where", expand.where_.as_ref().map(Expr::source));
            text.say_if("take", expand.take.map(|take| format!("the first {take} of a document")));
            for edge in plan.item_edges.iter().filter(|edge| edge.from == index) {
                text.say("into", format_args!("{} ({})", plan.stages[edge.to].id, edge_kind(plan, edge)));
            }
        }
        StageKind::Filter(filter) => text.say("where", filter.where_.source()),
        StageKind::Project(table) => {
            describe_table(table, &stage.inputs, text);
            for (label, line) in table_text::upsert(plan, stage, table) {
                text.say(label, line);
            }
            text.say("runs", format_args!("buffer {}", stage.buffer));
            return;
        }
    }
    if !asks && matches!(stage.kind, StageKind::Seed(_)) {
        return;
    }
    let cap = stage.rate.filter(|_| asks).map(|rate| format!(", at most {rate}")).unwrap_or_default();
    let share = stage.share.filter(|_| asks).map(|share| {
        let percent = (share * 1e4).round() / 1e2;
        let of = plan.api.rate.limit().map(|rate| format!(" ({:.1}/s)", rate.per_second() * share));
        format!(", at least {percent}% of the rate{} while it has work", of.unwrap_or_default())
    });
    let rate = cap + &share.unwrap_or_default();
    let up_to = if stage.adaptive { "auto, up to " } else { "" };
    let timeout = if asks && stage.timeout != plan.api.timeout {
        format!(", timeout {:?}", stage.timeout)
    } else {
        String::new()
    };
    text.say(
        "runs",
        format_args!(
            "concurrency {up_to}{}, buffer {}, order {}{rate}{timeout}",
            stage.concurrency,
            stage.buffer,
            order(stage.order)
        ),
    );
}

fn describe_table(table: &TablePlan, inputs: &[Source], text: &mut Text) {
    match &table.rows {
        Some(rows) => text.say("rows", format_args!("one for each of {}", rows.source())),
        None if inputs.iter().all(|source| source.port == Port::Found) => {
            text.say("rows", "one for each item found");
        }
        None if inputs.iter().any(|source| source.port == Port::Main) => {
            text.say("rows", "one for each document");
        }
        None => text.say("rows", "one for each item that failed or is missing"),
    }
    let format = match table.format {
        Format::Parquet(_) => "",
        Format::Arrow(_) => "Arrow, ",
    };
    let compression = match table.format.compression() {
        "none" => "not compressed",
        codec => codec,
    };
    let layout = match &table.layout {
        Layout::File => String::new(),
        Layout::Folder(folder) => format!("a folder, {}, ", folder.mode),
        Layout::Delta(delta) => format!("a Delta table, {}, ", delta.folder.mode),
    };
    text.say(
        "writes",
        format_args!(
            "{} ({layout}{format}{compression}, order {})",
            table.path.display(),
            order(table.order)
        ),
    );
    for (label, line) in table_text::layout(table) {
        text.say(label, line);
    }
    let types: Vec<String> = table.columns.iter().map(|column| column.column_type.to_string()).collect();
    let name_width = table.columns.iter().map(|column| column.name.chars().count()).max().unwrap_or(0);
    let type_width = types.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    for (index, (column, data_type)) in table.columns.iter().zip(types).enumerate() {
        let null = if column.required { "required" } else { "nullable" };
        let mismatch = match column.on_mismatch {
            OnMismatch::Null => "",
            OnMismatch::Drop => ", a mismatch drops the row",
            OnMismatch::Fail => ", a mismatch fails the run",
        };
        text.say(
            if index == 0 { "columns" } else { "" },
            format_args!(
                "{:<name_width$}  {data_type:<type_width$}  {null}  {}{mismatch}",
                column.name,
                column.value.source(),
            ),
        );
    }
}

/// What a stage reads by `from:`, given or by default.
pub(super) fn reads(plan: &Plan, index: StageIndex, stage: &StagePlan) -> Vec<String> {
    let is_item_edge = |source: &Source| {
        source.port == Port::Found
            && plan.item_edges.iter().any(|edge| edge.from == source.stage && edge.to == index)
    };
    stage
        .inputs
        .iter()
        .filter(|source| !is_item_edge(source))
        .map(|source| {
            let id = &plan.stages[source.stage].id;
            match source.port {
                Port::Main => id.to_string(),
                Port::Found => format!("{id}.found"),
                Port::Failed => format!("{id}.failed"),
                Port::Missing => format!("{id}.missing"),
            }
        })
        .collect()
}

fn describe_edge(plan: &Plan, edge: &ItemEdge) -> String {
    format!("what {} finds ({})", plan.stages[edge.from].id, edge_kind(plan, edge))
}

fn edge_kind(plan: &Plan, edge: &ItemEdge) -> String {
    let mut parts = vec![if edge.feedback { "feedback" } else { "forward" }.to_owned()];
    if let StageKind::Expand(ExpandPlan { max_depth: Some(depth), .. }) = &plan.stages[edge.from].kind {
        parts.push(format!("to depth {depth}"));
    }
    if edge.max_items < u64::MAX {
        parts.push(format!("at most {} items", edge.max_items));
    }
    parts.join(", ")
}

fn fields(set: &FieldSet) -> String {
    match set {
        FieldSet::All => "every field".to_owned(),
        FieldSet::Fields(fields) if fields.is_empty() => "nothing".to_owned(),
        FieldSet::Fields(fields) => fields.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
    }
}

pub(super) fn order(order: Order) -> &'static str {
    match order {
        Order::Input => "input",
        Order::Arrival => "arrival",
    }
}

/// How many requests each stage makes, how long they take at the rate, and what decides it.
fn requests(plan: &Plan, cost: &Cost, text: &mut Text) {
    text.line("\nrequests");
    let asking = |index: &StageIndex| cost.stages[*index].asks;
    let width = plan.stages.iter().map(|stage| stage.id.as_str().len()).max().unwrap_or(0).max(5);
    for index in (0..plan.stages.len()).filter(asking) {
        text.line(format_args!("  {:<width$}  {}", plan.stages[index].id.as_str(), cost.stages[index]));
    }
    text.line(format_args!("  {:<width$}  {}", "total", cost.total));
    if let Some(saved) = &cost.saved {
        text.line(format_args!("  {:<width$}  {saved}, by fusion", "saved"));
    }
    if let Some(seconds) = &cost.seconds {
        let rate = plan
            .api
            .rate
            .limit()
            .map_or_else(|| "the rates of the stages".to_owned(), |rate| rate.to_string());
        text.line(format_args!("  {:<width$}  {seconds} at {rate}", "time"));
    }
    if let Some(Decides { stage, why, levers }) = &cost.decides {
        let stage = &plan.stages[*stage].id;
        text.line(match why {
            Why::Unknown if levers.is_empty() => {
                format!("  only the answers tell how many requests `{stage}` makes")
            }
            Why::Unknown => {
                format!(
                    "  not known beforehand, by `{stage}`; what tells about how many: {}",
                    levers.join(", ")
                )
            }
            Why::Requests => format!("  most are made by `{stage}`; fewer by {}", levers.join(", or ")),
            Why::Rate => {
                format!("  the own rate of `{stage}` takes longest; less by {}", levers.join(", or "))
            }
        });
    }
}

mod seeds;
