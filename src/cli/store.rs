//! `store stats|trim|clear`: kept documents, counted and removed.
//!
//! Does not belong here: how documents lie on the disk (`crate::store`). Invariants: nothing is removed without the
//! pipeline's lock, so never under a run; `trim` takes nothing of an unfinished run; `clear` removes nothing without `--yes`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Subcommand, ValueEnum, ValueHint};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::exit::Exit;
use super::help;
use super::pipeline::{Findings, load};
use super::printer::Printer;
use super::problem::{Problem, StoreProblem};
use super::store_text;
use crate::plan::Options;
use crate::run::documents_folder;
use crate::sink::{Lock, SinkError, Unfinished};
use crate::spec::{is_pipeline_name, parse_duration};
use crate::store::{Removed, Stats, clear, stats, trim, trimmable};

/// Look after kept documents.
#[derive(Debug, clap::Args)]
#[command(long_about = help::STORE, after_long_help = help::STORE_EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Count documents: how many, how large, how old, of which runs.
    #[command(after_long_help = help::STORE_STATS_EXAMPLES)]
    Stats {
        /// A pipeline's file or its name; all in the state folder if left out.
        #[arg(value_name = "PIPELINE", value_hint = ValueHint::FilePath)]
        pipeline: Option<PathBuf>,
        #[command(flatten)]
        common: Common,
    },
    /// Remove documents that `keep` in the pipeline file no longer lets serve; never those of an unfinished run.
    #[command(after_long_help = help::STORE_TRIM_EXAMPLES)]
    Trim {
        /// A pipeline's file, or its name together with `--older-than`.
        #[arg(value_name = "PIPELINE", value_hint = ValueHint::FilePath)]
        pipeline: PathBuf,
        /// Remove what was fetched so long ago, whatever the file says: 12h, 30d.
        #[arg(long, value_name = "AGE", value_parser = age, help_heading = help::INPUT)]
        older_than: Option<Duration>,
        /// Remove nothing; say what would be.
        #[arg(long, help_heading = help::OUTPUT)]
        dry_run: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Remove all documents of a pipeline, those of an unfinished run too.
    #[command(after_long_help = help::STORE_CLEAR_EXAMPLES)]
    Clear {
        /// A pipeline's file or its name.
        #[arg(value_name = "PIPELINE", value_hint = ValueHint::FilePath)]
        pipeline: PathBuf,
        /// Do it. Without this nothing is removed.
        #[arg(long, help_heading = help::INPUT)]
        yes: bool,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, clap::Args)]
struct Common {
    /// Where runs keep locks and documents.
    #[arg(long, value_name = "DIR", default_value = ".tmdb-etl", value_hint = ValueHint::DirPath)]
    #[arg(help_heading = help::INPUT)]
    state: PathBuf,
    /// What is printed on stdout.
    #[arg(long, value_enum, default_value_t = Output::Text, value_name = "FORMAT", help_heading = help::OUTPUT)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// A pipeline as the command line names it.
struct Named {
    name: String,
    /// `api.keep`, if the file was read: how long documents serve later runs.
    keep: Option<Duration>,
    is_file: bool,
}

/// A pipeline's documents, counted.
pub(super) struct Counted {
    pub name: String,
    pub folder: PathBuf,
    pub stats: Stats,
    /// The run that goes on with the next attempt.
    pub unfinished: Option<String>,
    /// What `trim` would remove, where `keep` is known.
    pub trimmable: Option<Removed>,
}

/// What was removed, or would be.
pub(super) struct Removal {
    pub name: String,
    pub removed: Removed,
    pub done: bool,
}

/// What a command found or did.
enum Done {
    Counted(Vec<Counted>),
    Removed(Removal),
}

fn age(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "it is like `12h` or `30d`".to_owned())
}

/// Counts or removes.
pub(super) fn execute(arguments: &Arguments, printer: &Printer) -> Exit {
    let (common, result) = match &arguments.command {
        Command::Stats { pipeline, common } => {
            (common, count(pipeline.as_deref(), common, printer).map(Done::Counted))
        }
        Command::Trim { pipeline, older_than, dry_run, common } => {
            (common, remove_old(pipeline, *older_than, *dry_run, common, printer).map(Done::Removed))
        }
        Command::Clear { pipeline, yes, common } => {
            (common, remove_all(pipeline, *yes, common, printer).map(Done::Removed))
        }
    };
    let exit = result.as_ref().map_or_else(|problem| problem.verdict().exit, |_| Exit::Complete);
    match common.output {
        Output::Text => match &result {
            Ok(Done::Counted(all)) => printer.data(&store_text::counted(all, &common.state)),
            Ok(Done::Removed(removal)) => printer.data(&store_text::removed(removal)),
            Err(_) => {}
        },
        Output::Json => printer.data(&format!("{}\n", object(exit, &result))),
    }
    if let Err(problem) = &result {
        printer.talk(&problem.render(printer.is_coloured()));
    }
    exit
}

fn count(pipeline: Option<&Path>, common: &Common, printer: &Printer) -> Result<Vec<Counted>, Problem> {
    let pipelines = match pipeline {
        Some(pipeline) => vec![named(pipeline, printer)?],
        None => known(&common.state)?,
    };
    let now = Timestamp::now();
    pipelines
        .into_iter()
        .map(|Named { name, keep, is_file }| {
            let state = common.state.join(&name);
            let folder = documents_folder(&state);
            let unfinished = unfinished(&state)?;
            let trimmable = if is_file {
                Some(trimmable(&folder, horizon(now, keep.unwrap_or_default()), unfinished.as_deref())?)
            } else {
                None
            };
            Ok(Counted { name, stats: stats(&folder)?, folder, unfinished, trimmable })
        })
        .collect()
}

fn remove_old(
    pipeline: &Path,
    older_than: Option<Duration>,
    dry_run: bool,
    common: &Common,
    printer: &Printer,
) -> Result<Removal, Problem> {
    let Named { name, keep, is_file } = named(pipeline, printer)?;
    let age = match older_than {
        Some(age) => age,
        // `keep: none`: nothing serves a later run.
        None if is_file => keep.unwrap_or_default(),
        None => return Err(StoreProblem::NoAge { name }.into()),
    };
    let state = common.state.join(&name);
    let folder = documents_folder(&state);
    let horizon = horizon(Timestamp::now(), age);
    if dry_run || !folder.is_dir() {
        let removed = trimmable(&folder, horizon, unfinished(&state)?.as_deref())?;
        return Ok(Removal { name, removed, done: !dry_run });
    }
    let _lock = Lock::acquire(&state, &name)?;
    let removed = trim(&folder, horizon, unfinished(&state)?.as_deref())?;
    Ok(Removal { name, removed, done: true })
}

fn remove_all(pipeline: &Path, yes: bool, common: &Common, printer: &Printer) -> Result<Removal, Problem> {
    let Named { name, .. } = named(pipeline, printer)?;
    let state = common.state.join(&name);
    let folder = documents_folder(&state);
    if !folder.is_dir() {
        return Ok(Removal { name, removed: Removed::default(), done: true });
    }
    if !yes {
        let documents = stats(&folder)?.documents;
        let unfinished = unfinished(&state)?;
        return Err(StoreProblem::NotSure { name, documents, unfinished }.into());
    }
    let _lock = Lock::acquire(&state, &name)?;
    Ok(Removal { name, removed: clear(&folder)?, done: true })
}

/// The pipeline that is meant: by its name where it could be one, else by its file.
fn named(pipeline: &Path, printer: &Printer) -> Result<Named, Problem> {
    if let Some(name) = pipeline.to_str().filter(|name| is_pipeline_name(name)) {
        return Ok(Named { name: name.to_owned(), keep: None, is_file: false });
    }
    let (plan, findings): (_, Findings) = load(pipeline, &[], &Options::default());
    let Some(plan) = plan else {
        findings.tell(printer);
        return Err(findings.problem());
    };
    Ok(Named { name: plan.name, keep: plan.api.keep, is_file: true })
}

/// Every pipeline that has documents.
fn known(state: &Path) -> Result<Vec<Named>, Problem> {
    let on = |error| Problem::from(StoreProblem::State { path: state.to_owned(), error });
    let mut names = Vec::new();
    let entries = match std::fs::read_dir(state) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(on(error)),
    };
    for entry in entries {
        let entry = entry.map_err(on)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if is_pipeline_name(&name) && documents_folder(&entry.path()).is_dir() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names.into_iter().map(|name| Named { name, keep: None, is_file: false }).collect())
}

fn unfinished(state: &Path) -> Result<Option<String>, SinkError> {
    Ok(Unfinished::read(state)?.map(|record| record.run))
}

fn horizon(now: Timestamp, age: Duration) -> Timestamp {
    now.checked_sub(age).unwrap_or(Timestamp::MIN)
}

fn object(exit: Exit, result: &Result<Done, Problem>) -> Value {
    let removed = |removed: &Removed| json!({ "segments": removed.segments, "documents": removed.documents, "bytes": removed.bytes });
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let pipeline = |counted: &Counted| {
        let stats = &counted.stats;
        let runs = stats.by_run.iter().map(|(run, of)| {
            json!({
                "run": run,
                "documents": of.documents,
                "bytes": of.bytes,
                "newest": time(of.newest),
                "unfinished": counted.unfinished.as_ref() == Some(run),
            })
        });
        let by_status = stats.by_status.iter().map(|(status, count)| (status.to_string(), (*count).into()));
        json!({
            "pipeline": counted.name,
            "folder": counted.folder.to_string_lossy(),
            "documents": stats.documents,
            "bytes": stats.bytes,
            "raw_bytes": stats.raw_bytes,
            "by_status": by_status.collect::<serde_json::Map<_, _>>(),
            "oldest": time(stats.oldest),
            "newest": time(stats.newest),
            "segments": stats.segments,
            "runs": runs.collect::<Vec<_>>(),
            "unfinished": counted.unfinished,
            "trimmable": counted.trimmable.as_ref().map(removed),
            "lost_bytes": stats.lost_bytes,
            "other_files": stats.strangers.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
        })
    };
    match result {
        Ok(Done::Counted(all)) => {
            json!({ "status": exit.status(), "pipelines": all.iter().map(pipeline).collect::<Vec<_>>(), "error": null })
        }
        Ok(Done::Removed(removal)) => json!({
            "status": exit.status(),
            "pipeline": removal.name,
            "removed": removal.done,
            "what": removed(&removal.removed),
            "error": null,
        }),
        Err(problem) => {
            let verdict = problem.verdict();
            let hint = (!verdict.hints.is_empty()).then(|| verdict.hints.join("; "));
            let error = json!({ "code": verdict.code, "message": problem.message(), "hint": hint });
            json!({ "status": exit.status(), "error": error })
        }
    }
}
