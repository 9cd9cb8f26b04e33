//! Why a run took as long as it did: the stage and the resource that limited it, and what to set.
//!
//! A resource that is in use all the time limits a run; doubling any other changes nothing. So each has a *load*, the
//! share of the run's time in which it was in use, and the highest load names the culprit:
//!
//! | resource | its load |
//! |---|---|
//! | the rate, of the run or of a stage | sends, against those that the rate allows in the time |
//! | connections | time on the network, against connections × time |
//! | workers of a stage (`concurrency`) | what they were busy with, without waiting for what all share, against workers × time |
//! | the decoder and the writer of a table | the time that they were at work |
//! | refusals | the time behind the gate |
//!
//! Two more have no load of their own. Workers or connections that are busy with nothing but answers that take the longer
//! the more are asked for at once mean that the *server* is at its limit. And where nothing is busy, a loop that waits for
//! what is *found* in it is starved.
//!
//! Does not belong here: measuring. Invariant: the verdict names what helps most when doubled; `verdict_tests.rs` doubles
//! everything, one after the other, and looks.

use std::time::Duration;

use serde_json::{Value, json};

use super::figures::{percent, real, time};
use super::layout::StageLayout;
use super::snapshot::{Role, Snapshot, StageSnapshot};
use crate::engine::WAY;
use crate::event::Activity;

/// Below it, nothing was in use long enough to have limited the run.
const BUSY: f64 = 0.75;
/// Loads that differ by less are the same; the one that a setting can change is named then.
const SAME: f64 = 0.03;
/// When more than this share of the latency comes with the load, another request more is hardly answered sooner than one
/// after the other.
const AT_ITS_LIMIT: f64 = 0.6;

/// What can limit a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `api.rate`.
    Rate,
    /// `rate` of a stage.
    StageRate,
    /// `api.connections`.
    Connections,
    /// `concurrency` of a stage.
    Concurrency,
    /// The API answers no faster, however much is asked for.
    Server,
    /// 429s and 503s.
    Refusals,
    /// Pauses before further attempts.
    Retries,
    /// The expressions of a stage.
    Decoding,
    /// The writer of a table.
    Writing,
    /// What a loop finds.
    Found,
    /// Nothing for long.
    Nothing,
}

impl Resource {
    /// Its name for machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::StageRate => "stage_rate",
            Self::Connections => "connections",
            Self::Concurrency => "concurrency",
            Self::Server => "server",
            Self::Refusals => "refusals",
            Self::Retries => "retries",
            Self::Decoding => "decoding",
            Self::Writing => "writing",
            Self::Found => "found",
            Self::Nothing => "nothing",
        }
    }
}

/// Requests below which nothing is said of what a loop found.
const ASKED_MIN: u64 = 20;

/// Why a run took as long as it did.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What limited it.
    pub resource: Resource,
    /// At which stage.
    pub stage: Option<String>,
    /// The share of time that says so, 0 to 1.
    pub share: f64,
    /// The setting that would change it; `None`: none would.
    pub setting: Option<String>,
    /// All of it, as a sentence without an end.
    pub words: String,
}

impl Verdict {
    /// The object of `--output json`.
    pub fn to_json(&self) -> Value {
        json!({
            "resource": self.resource.name(),
            "stage": self.stage,
            "share": (self.share * 1000.0).round() / 1000.0,
            "setting": self.setting,
            "words": self.words,
        })
    }
}

/// A resource and how much of the time it was in use.
struct Load<'a> {
    resource: Resource,
    stage: Option<(&'a StageSnapshot, &'a StageLayout)>,
    share: f64,
}

/// The verdict on a run; `None` if it never got to its stages.
pub fn verdict(snapshot: &Snapshot) -> Option<Verdict> {
    let run = snapshot.flowing()?;
    if run.is_zero() {
        return None;
    }
    let loads = loads(snapshot, run.as_secs_f64());
    let highest = loads.iter().map(|load| load.share).fold(0.0, f64::max);
    // In the order of `loads`, which puts first what a setting can change without harm elsewhere.
    let top = loads.into_iter().find(|load| load.share >= highest - SAME)?;
    if top.share < BUSY {
        return Some(starved(snapshot).unwrap_or_else(|| nothing(&top)));
    }
    Some(match top.resource {
        Resource::Concurrency | Resource::Connections => answers(snapshot, &top),
        Resource::Rate => rate(snapshot),
        Resource::Refusals => refusals(&top),
        _ => own(&top),
    })
}

fn loads(snapshot: &Snapshot, run: f64) -> Vec<Load<'_>> {
    let layout = &snapshot.layout;
    let mut loads = Vec::new();
    let mut add = |resource, stage, share: f64| loads.push(Load { resource, stage, share });
    let stages = || snapshot.stages.iter().zip(&layout.stages);
    let spent = |stage: &StageSnapshot, on: &[Activity]| {
        on.iter().map(|on| stage.hours.spent(*on)).sum::<Duration>().as_secs_f64()
    };
    // The share of the whole run in which all workers of a stage were on this.
    let of_workers = |stage: &StageSnapshot, on: &[Activity]| {
        let total = stage.hours.total(false).as_secs_f64();
        if total > 0.0 {
            spent(stage, on) / total * (stage.lasted().as_secs_f64() / run).min(1.0)
        } else {
            0.0
        }
    };
    let turns = |per_second: f64| per_second / (1.0 + WAY.as_secs_f64()) * run;
    if let Some(rate) = snapshot.allowed() {
        add(Resource::Rate, None, real(snapshot.totals().requests) / turns(rate));
    }
    for (stage, plan) in stages() {
        if let Some(rate) = plan.rate {
            add(Resource::StageRate, Some((stage, plan)), real(stage.requests) / turns(rate.per_second()));
        }
    }
    for (stage, plan) in stages().filter(|(stage, _)| stage.requests > 0) {
        add(Resource::Refusals, Some((stage, plan)), of_workers(stage, &[Activity::Gate]));
    }
    for (stage, plan) in stages() {
        let (decoding, working) = (Activity::Decoding, Activity::Working);
        if stage.role == Role::Project {
            add(Resource::Decoding, Some((stage, plan)), of_workers(stage, &[decoding]));
            let writing = spent(stage, &[Activity::Writing]) / run;
            add(Resource::Writing, Some((stage, plan)), writing);
        } else {
            let own = [Activity::Network, Activity::Backoff, Activity::Store, decoding, working];
            let most = |on: &[Activity]| spent(stage, on) * 2.0 > spent(stage, &own);
            let resource = if most(&[decoding, working, Activity::Store]) {
                Resource::Decoding
            } else if most(&[Activity::Backoff]) {
                Resource::Retries
            } else {
                Resource::Concurrency
            };
            add(resource, Some((stage, plan)), of_workers(stage, &own));
        }
    }
    let network: f64 = stages().map(|(stage, _)| spent(stage, &[Activity::Network])).sum();
    add(Resource::Connections, None, network / (f64::from(layout.connections.max(1)) * run));
    loads
}

/// The share of several activities in the worker time of all stages that make requests.
fn share_of(snapshot: &Snapshot, on: &[Activity]) -> f64 {
    let asking = || snapshot.stages.iter().filter(|stage| stage.requests > 0);
    let total: Duration = asking().map(|stage| stage.hours.total(false)).sum();
    let spent: Duration = asking().flat_map(|stage| on.iter().map(|on| stage.hours.spent(*on))).sum();
    if total.is_zero() { 0.0 } else { spent.as_secs_f64() / total.as_secs_f64() }
}

fn rate(snapshot: &Snapshot) -> Verdict {
    // Who waits for a connection waits for somebody who waits for the rate.
    let share = share_of(snapshot, &[Activity::Rate, Activity::Connection]);
    let busiest = snapshot.stages.iter().max_by_key(|stage| stage.requests);
    let used = match (snapshot.rate(), snapshot.layout.rate) {
        (Some(used), Some(allowed)) => format!(" ({used:.1}/s of the {allowed} allowed)"),
        _ => String::new(),
    };
    Verdict {
        resource: Resource::Rate,
        stage: busiest.map(|stage| stage.id.clone()),
        share,
        setting: Some("api.rate".to_owned()),
        words: format!(
            "the API's rate limited this run: {} of fetch time was spent waiting for it{used}; more concurrency will not \
             help, and a higher `api.rate` only as far as the API allows it",
            percent(share)
        ),
    }
}

/// Workers or connections were busy with answers: are there too few, or does the API answer no faster?
fn answers(snapshot: &Snapshot, top: &Load<'_>) -> Verdict {
    let busiest = snapshot.stages.iter().zip(&snapshot.layout.stages).max_by_key(|(stage, _)| {
        let spent = |on| stage.hours.spent(on);
        spent(Activity::Network) + spent(Activity::Connection)
    });
    let Some((stage, plan)) = top.stage.or(busiest) else { return nothing(top) };
    let id = &stage.id;
    let network = stage.hours.share(Activity::Network);
    let p50 = stage.p50.map_or_else(String::new, |p50| format!(", {} at the median", time(p50)));
    if stage.hours.load_share.is_some_and(|share| share > AT_ITS_LIMIT) {
        return Verdict {
            resource: Resource::Server,
            stage: Some(id.clone()),
            share: network,
            setting: None,
            words: format!(
                "the API's answers limited this run: {} of the time of `{id}` was spent waiting for them{p50}, and they \
                 take the longer the more are asked for at once; neither concurrency nor connections will help",
                percent(network)
            ),
        };
    }
    let (resource, setting, share, who) = if top.resource == Resource::Connections {
        let of = snapshot.layout.connections;
        (Resource::Connections, "api.connections".to_owned(), top.share, format!("its {of} connections were"))
    } else {
        let of = stage.hours.workers.max(u64::from(plan.concurrency));
        let who = if of == 1 { "its only worker was".to_owned() } else { format!("its {of} workers were") };
        (Resource::Concurrency, format!("{id}.concurrency"), top.share, who)
    };
    let subject = match resource {
        Resource::Connections => "the number of connections limited this run".to_owned(),
        _ => format!("the concurrency of `{id}` limited this run"),
    };
    let also = match resource {
        Resource::Concurrency if u64::from(snapshot.layout.connections) <= stage.hours.workers => {
            ", together with a higher `api.connections`,"
        }
        _ => "",
    };
    let until = if snapshot.allowed().is_some() { "the rate is used up" } else { "answers take longer" };
    Verdict {
        resource,
        stage: Some(id.clone()),
        share,
        words: format!(
            "{subject}: {who} busy {} of the time, waiting for answers{p50}; a higher `{setting}`{also} will help until \
             {until}",
            percent(share)
        ),
        setting: Some(setting),
    }
}

fn refusals(top: &Load<'_>) -> Verdict {
    let stage = top.stage.map(|(stage, _)| stage.id.clone());
    Verdict {
        resource: Resource::Refusals,
        share: top.share,
        setting: Some("api.rate".to_owned()),
        words: format!(
            "refusals of the API limited this run: {} of the time nobody could send, after answers of 429 or 503; a lower \
             `api.rate` provokes fewer",
            percent(top.share)
        ),
        stage,
    }
}

/// What belongs to one stage alone.
fn own(top: &Load<'_>) -> Verdict {
    let Some((stage, plan)) = top.stage else { return nothing(top) };
    let (id, share) = (&stage.id, percent(top.share));
    let (setting, words) = match top.resource {
        Resource::StageRate => (
            Some(format!("{id}.rate")),
            format!(
                "the `rate` of `{id}` limited this run: it was used up {share} of the time; more concurrency will not help"
            ),
        ),
        Resource::Retries => (
            None,
            format!(
                "failed attempts limited this run: `{id}` spent most of its time waiting before it asked again"
            ),
        ),
        Resource::Writing => (
            plan.zstd.then(|| format!("{id}.output.compression")),
            format!(
                "writing `{id}` limited this run: its writer was busy {share} of the time; {}",
                if plan.zstd {
                    "a faster disk or `compression: snappy` will help"
                } else {
                    "only a faster disk will help"
                }
            ),
        ),
        _ if stage.role == Role::Project => (
            None,
            format!(
                "decoding `{id}` limited this run: its documents were being made into rows {share} of the time; no setting \
                 changes that, but fewer columns or plain paths instead of jq do"
            ),
        ),
        _ => (
            Some(format!("{id}.concurrency")),
            format!(
                "the expressions of `{id}` limited this run: its workers were busy with them {share} of the time"
            ),
        ),
    };
    Verdict { resource: top.resource, stage: Some(id.clone()), share: top.share, setting, words }
}

/// A loop in which a fetch had nothing to do.
fn starved(snapshot: &Snapshot) -> Option<Verdict> {
    // Of a run that hardly asked, more to ask for would only make it longer.
    if snapshot.totals().requests < ASKED_MIN {
        return None;
    }
    let stages = || snapshot.stages.iter().zip(&snapshot.layout.stages);
    let edge = snapshot.layout.edges.iter().filter(|edge| edge.in_loop).max_by(|one, other| {
        let idle = |edge: &super::layout::EdgeLayout| snapshot.stages[edge.to].hours.share(Activity::Input);
        idle(one).total_cmp(&idle(other))
    })?;
    let (from, plan) = stages().nth(edge.from)?;
    let to = &snapshot.stages[edge.to];
    let share = to.hours.share(Activity::Input);
    if share < 0.5 {
        return None;
    }
    let (setting, what) = match plan.take {
        Some(_) => (Some(format!("{}.take", from.id)), format!("a higher `{}.take`", from.id)),
        None => (None, "no setting but looser conditions".to_owned()),
    };
    Some(Verdict {
        resource: Resource::Found,
        stage: Some(from.id.clone()),
        share,
        words: format!(
            "what `{}` found limited this run: `{}` had nothing to do {} of the time, as each document led to few others; \
             {what} will help, and faster answers",
            from.id,
            to.id,
            percent(share)
        ),
        setting,
    })
}

fn nothing(top: &Load<'_>) -> Verdict {
    Verdict {
        resource: Resource::Nothing,
        stage: top.stage.map(|(stage, _)| stage.id.clone()),
        share: top.share,
        setting: None,
        words: format!(
            "nothing limited this run for long: what was in use most ({}{}) was so {} of the time",
            top.resource.name(),
            top.stage.map_or_else(String::new, |(stage, _)| format!(" of `{}`", stage.id)),
            percent(top.share.min(1.0))
        ),
    }
}
