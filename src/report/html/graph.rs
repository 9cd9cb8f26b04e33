//! The pipeline's graph, with what flowed along its edges.
//!
//! Stages stand in layers from top to bottom, each below all that it reads; an edge that leads back goes around on the
//! right. Invariant: every stage and every edge is drawn, whatever the graph is.

use maud::{Markup, html};

use crate::report::figures::{count, real};
use crate::report::record::{EdgeRecord, Record};

const NODE_WIDTH: f64 = 132.0;
const NODE_HEIGHT: f64 = 40.0;
const GAP: f64 = 18.0;
const LAYER: f64 = 88.0;
const MARGIN: f64 = 8.0;
/// Between the ways around of edges that lead back.
const AROUND: f64 = 16.0;
/// Characters of a name that a node has room for.
const NAME_CHARS: usize = 17;

/// Where a node stands: the middle of its top.
#[derive(Clone, Copy)]
struct Place {
    x: f64,
    y: f64,
}

/// The graph of a run.
pub(super) fn graph(record: &Record) -> Markup {
    let index = |name: &str| record.stages.iter().position(|stage| stage.name == name);
    let edges: Vec<(usize, usize, &EdgeRecord)> =
        record.edges.iter().filter_map(|edge| Some((index(&edge.from)?, index(&edge.to)?, edge))).collect();
    let layers = layers(record.stages.len(), &edges);
    let widest = layers.iter().map(Vec::len).max().unwrap_or(1);
    let backs = edges.iter().filter(|(_, _, edge)| edge.feedback).count();
    let inner = real(widest as u64) * (NODE_WIDTH + GAP) - GAP;
    let width = inner + 2.0 * MARGIN + if backs > 0 { 44.0 + AROUND * real(backs as u64) } else { 0.0 };
    let height = real(layers.len() as u64) * LAYER - (LAYER - NODE_HEIGHT) + 2.0 * MARGIN;
    let mut places = vec![Place { x: 0.0, y: 0.0 }; record.stages.len()];
    for (depth, layer) in layers.iter().enumerate() {
        let row = real(layer.len() as u64) * (NODE_WIDTH + GAP) - GAP;
        for (place, stage) in layer.iter().enumerate() {
            let left = MARGIN + (inner - row) / 2.0 + real(place as u64) * (NODE_WIDTH + GAP);
            places[*stage] = Place { x: left + NODE_WIDTH / 2.0, y: MARGIN + real(depth as u64) * LAYER };
        }
    }
    let most = edges.iter().map(|(_, _, edge)| edge.count).max().unwrap_or(0);
    let limits = record.verdict.as_ref().and_then(|verdict| verdict.stage.as_deref());
    let mut around = 0.0;
    html! {
        div.scroll {
            svg #graph viewBox={ "0 0 " (format!("{width:.0}")) " " (format!("{height:.0}")) } role="img" aria-label="the pipeline"
                style={ "min-width:" (format!("{:.0}", (width * 0.72).min(640.0))) "px;max-width:" (format!("{:.0}", width * 1.25)) "px;margin:0 auto" }
                data-nodes=(record.stages.len()) data-edges=(edges.len()) {
                @for (nth, (from, to, edge)) in edges.iter().enumerate() {
                    @if edge.feedback { (back(&places, *from, *to, edge, most, width, { around += AROUND; around })) }
                    @else { (forward(&places, *from, *to, edge, most, nth)) }
                }
                @for (stage, place) in record.stages.iter().zip(&places) {
                    rect class=(if limits == Some(stage.name.as_str()) { "node limits" } else { "node" })
                        x=(at(place.x - NODE_WIDTH / 2.0)) y=(at(place.y)) width=(NODE_WIDTH) height=(NODE_HEIGHT) rx="7" {
                        title { (stage.name) }
                    }
                    text.name x=(at(place.x)) y=(at(place.y + 17.0)) text-anchor="middle" { (short(&stage.name)) }
                    text x=(at(place.x)) y=(at(place.y + 32.0)) text-anchor="middle" { (said(record, &stage.name)) }
                }
            }
        }
        @if limits.is_some() { p.note { "Framed: where the run was limited." } }
    }
}

/// What a node says under its name.
fn said(record: &Record, name: &str) -> String {
    let Some(stage) = record.stages.iter().find(|stage| stage.name == name) else { return String::new() };
    match stage.kind.as_str() {
        "project" => {
            let rows = record.tables.iter().find(|table| table.name == name).map_or(0, |table| table.rows);
            format!("{} rows", count(rows))
        }
        "fetch" => format!("fetch, {}", count(stage.documents)),
        kind => format!("{kind}, {}", count(stage.items)),
    }
}

/// Stages by layer: each one below all that lead to it by edges that do not lead back.
fn layers(stages: usize, edges: &[(usize, usize, &EdgeRecord)]) -> Vec<Vec<usize>> {
    let mut depth = vec![0_usize; stages];
    // Forward edges have no cycle, so that this many rounds are enough; a record that says otherwise ends here too.
    for _ in 0..stages {
        for (from, to, _) in edges.iter().filter(|(from, to, edge)| !edge.feedback && from != to) {
            depth[*to] = depth[*to].max((depth[*from] + 1).min(stages - 1));
        }
    }
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); depth.iter().max().map_or(0, |deepest| deepest + 1)];
    for (stage, depth) in depth.into_iter().enumerate() {
        layers[depth].push(stage);
    }
    // Edges that lead back leave to the right, past nobody.
    let leads_back = |stage: &usize| edges.iter().any(|(from, _, edge)| edge.feedback && from == stage);
    for layer in &mut layers {
        layer.sort_by_key(leads_back);
    }
    layers.retain(|layer| !layer.is_empty());
    layers
}

fn short(name: &str) -> String {
    if name.chars().count() <= NAME_CHARS {
        return name.to_owned();
    }
    name.chars().take(NAME_CHARS - 1).chain(['…']).collect()
}

fn at(number: f64) -> String {
    format!("{number:.1}")
}

/// Wider where more went, in steps that can be seen: one to five.
fn stroke(edge: &EdgeRecord, most: u64) -> String {
    if edge.count == 0 || most == 0 {
        return "1".to_owned();
    }
    at(1.0 + 4.0 * real(edge.count + 1).ln() / real(most + 1).ln())
}

fn text_of(edge: &EdgeRecord) -> String {
    let port = if edge.port.is_empty() { String::new() } else { format!(" {}", edge.port) };
    format!("{}{port}", count(edge.count))
}

fn forward(places: &[Place], from: usize, to: usize, edge: &EdgeRecord, most: u64, nth: usize) -> Markup {
    let (start, end) = (places[from], places[to]);
    let (x1, y1, x2, y2) = (start.x, start.y + NODE_HEIGHT, end.x, end.y - 5.0);
    let bend = (y2 - y1) / 2.0;
    // Labels of edges that leave one node stand at different heights.
    let share = if nth.is_multiple_of(2) { 0.62 } else { 0.44 };
    let (x, y) = (x1 + (x2 - x1) * share, y1 + (y2 - y1) * share);
    html! {
        path.edge d={ "M" (at(x1)) "," (at(y1)) " C" (at(x1)) "," (at(y1 + bend)) " " (at(x2)) "," (at(y2 - bend)) " " (at(x2)) "," (at(y2)) }
            stroke-width=(stroke(edge, most)) { title { (edge.from) " → " (edge.to) ": " (text_of(edge)) } }
        path.tip d={ "M" (at(x2 - 5.0)) "," (at(y2 - 2.0)) " h10 l-5,7 z" } {}
        text.flow x=(at(x)) y=(at(y + 4.0)) text-anchor="middle" { (text_of(edge)) }
    }
}

/// Around the right side, back up.
fn back(
    places: &[Place],
    from: usize,
    to: usize,
    edge: &EdgeRecord,
    most: u64,
    width: f64,
    around: f64,
) -> Markup {
    let (start, end) = (places[from], places[to]);
    let (x1, y1) = (start.x + NODE_WIDTH / 2.0, start.y + NODE_HEIGHT / 2.0);
    let (x2, y2) = (end.x + NODE_WIDTH / 2.0 + 5.0, end.y + NODE_HEIGHT / 2.0);
    let far = width - MARGIN - around + AROUND / 2.0;
    html! {
        path."edge"."back" d={ "M" (at(x1)) "," (at(y1)) " C" (at(far)) "," (at(y1)) " " (at(far)) "," (at(y1)) " " (at(far)) "," (at(f64::midpoint(y1, y2)))
            " S" (at(far)) "," (at(y2)) " " (at(x2)) "," (at(y2)) } stroke-width=(stroke(edge, most)) {
            title { (edge.from) " → " (edge.to) ": " (text_of(edge)) }
        }
        path."tip"."back" d={ "M" (at(x2 + 2.0)) "," (at(y2 - 5.0)) " v10 l-7,-5 z" } {}
        text.flow x=(at(far - 4.0)) y=(at(f64::midpoint(y1, y2) + 4.0)) text-anchor="end" { (text_of(edge)) }
    }
}
