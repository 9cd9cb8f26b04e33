//! The page: what stands where.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::{self, Line};
use super::graph::graph;
use super::parts::{failures, figures, seconds, settings, stages, tables, time_spent};
use crate::report::record::Record;
use crate::report::verdict::Resource;

const STYLE: &str = include_str!("style.css");

/// TMDB asks for it (its API terms of use, "Attribution").
const ATTRIBUTION: &str = "This product uses the TMDB API but is not endorsed or certified by TMDB.";

/// The report of a run.
pub fn html(record: &Record) -> String {
    page(record).into_string()
}

fn page(record: &Record) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // Nothing is loaded and nothing runs, whatever stands in the page.
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                link rel="icon" href="data:,";
                title { (record.pipeline) ", " (record.status) }
                style { (PreEscaped(STYLE)) }
            }
            body { main {
                header {
                    h1 { (record.pipeline) span class={ "pill " (status(&record.status)) } { (record.status) } }
                    p { (began(record)) ", " (seconds(record.seconds)) ", from " (record.source) }
                }
                (verdict(record))
                (figures(record))
                div.cards {
                    section.wide { h2 { "The flow" } (graph(record)) }
                    section { h2 { "Requests a second" } (requests(record)) }
                    section { h2 { "What waited before each stage" } (queues(record)) }
                    section.wide { h2 { "Where the time of the workers went" } (time_spent(record)) }
                    section.wide { h2 { "Stages" } (stages(record)) }
                    (latencies(record))
                    section.wide { h2 { "Tables" } (tables(record)) }
                    section { h2 { "What went wrong" } (failures(record)) }
                    section { h2 { "Settings" } (settings(record)) }
                }
                footer { (ATTRIBUTION) }
            } }
        }
    }
}

/// A class of the style sheet, whatever the record says.
fn status(status: &str) -> &'static str {
    ["complete", "partial", "failed", "stopped"].into_iter().find(|known| *known == status).unwrap_or("")
}

fn began(record: &Record) -> String {
    match record.started_at.parse::<jiff::Timestamp>() {
        Ok(began) => began.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => record.started_at.clone(),
    }
}

fn verdict(record: &Record) -> Markup {
    html! {
        @if let Some(error) = &record.error {
            div.verdict.error { (sentence(&error.message)) small { "Tables that were published before are as they were." } }
        }
        @if let Some(verdict) = &record.verdict {
            div.verdict {
                (sentence(&verdict.words))
                @match &verdict.setting {
                    Some(setting) => small { "The setting to change: " b { (setting) } },
                    None if verdict.resource == Resource::Nothing.name() => {}
                    None => small { "No setting changes that." },
                }
            }
        } @else if record.error.is_none() {
            div.verdict { "The run never got to its stages." }
        }
    }
}

/// Words as a sentence; what stands between backticks is code.
fn sentence(words: &str) -> Markup {
    let mut letters = words.trim_end_matches('.').chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let words: String = first.chain(letters).chain(['.']).collect();
    html! {
        @for (index, piece) in words.split('`').enumerate() {
            @if index % 2 == 1 { code { (piece) } } @else { (piece) }
        }
    }
}

fn requests(record: &Record) -> Markup {
    if record.totals.requests == 0 {
        return html! { p.note { "Nothing was asked for." } };
    }
    let points = chart::requests(&record.series);
    let line = Line { name: "requests a second".to_owned(), points };
    chart::lines(
        "requests",
        "requests a second over time",
        &[line],
        record.seconds,
        record.settings.rate_per_second,
    )
}

fn queues(record: &Record) -> Markup {
    let series = &record.series;
    let reading = record.stages.iter().filter(|stage| stage.kind != "seed");
    let lines: Vec<Line> = reading
        .filter_map(|stage| {
            let points = chart::thinned(&series.seconds, series.queues.get(&stage.name)?);
            Some(Line { name: format!("{} (of {})", stage.name, stage.buffer), points })
        })
        .collect();
    chart::lines("queues", "values that waited before each stage, over time", &lines, record.seconds, None)
}

fn latencies(record: &Record) -> Markup {
    let asking: Vec<_> = record.stages.iter().filter(|stage| !stage.latency.steps.is_empty()).collect();
    html! {
        @for stage in asking {
            section { h2 { "Times of answers" } (chart::histogram(&stage.name, &stage.latency)) }
        }
    }
}
