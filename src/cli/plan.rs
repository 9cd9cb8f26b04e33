//! `plan FILE`: what the pipeline means, without a request unless `--probe` asks for one a list.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ValueEnum, ValueHint};

use super::exit::Exit;
use super::help;
use super::pipeline::{Findings, load, parse_set};
use super::printer::Printer;
use super::problem::Problem;
use super::run::{base_url_from_env, dice, transport};
use crate::mock::{self, Config, Mock};
use crate::plan::{Options, Outlook, Plan, describe, to_json, to_mermaid};
use crate::run::probe;
use crate::tmdb::Http;

/// Show what a pipeline means: its graph, the schema of every table, how many requests a run makes.
#[derive(Debug, clap::Args)]
#[command(long_about = help::PLAN, after_long_help = help::PLAN_EXAMPLES)]
pub(super) struct Arguments {
    /// The pipeline file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// What is printed.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text, help_heading = help::OUTPUT)]
    format: Format,
    /// Set a param; the value must have the type of the default.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_set, help_heading = help::INPUT)]
    set: Vec<(String, String)>,
    /// Plan a run that takes only the first N items of each seed.
    #[arg(long, value_name = "N", help_heading = help::INPUT)]
    limit: Option<NonZeroU64>,
    /// Where relative outputs start.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = help::OUTPUT)]
    out: Option<PathBuf>,
    /// Ask the API how long the lists of seeds are: one request for each seed with a `path`.
    #[arg(long, help_heading = help::INPUT)]
    probe: bool,
    /// With --probe: ask the embedded API.
    #[arg(long, help_heading = help::INPUT)]
    mock: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object, for machines.
    Json,
    /// A Mermaid flowchart, as GitHub draws it in a `mermaid` block.
    Mermaid,
}

/// Prints the plan.
pub(super) fn execute(arguments: Arguments, printer: &Printer) -> Exit {
    match planned(arguments, printer) {
        Ok(text) => {
            printer.data(&text);
            Exit::Complete
        }
        Err(problem) => {
            printer.talk(&problem.render(printer.is_coloured()));
            problem.verdict().exit
        }
    }
}

fn planned(arguments: Arguments, printer: &Printer) -> Result<String, Problem> {
    let format = arguments.format;
    let mut outlook = Outlook { limit: arguments.limit.map(NonZeroU64::get), ..Outlook::default() };
    if !arguments.probe {
        let (plan, findings) = found(arguments, base_url_from_env(), printer)?;
        return Ok(written(&plan, &findings, &outlook, format));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let embedded = if arguments.mock { Some(mock::start(Config::default()).await?) } else { None };
        let base_url = embedded.as_ref().map(Mock::base_url).or_else(base_url_from_env);
        let (plan, findings) = found(arguments, base_url, printer)?;
        let way = Arc::new(transport(&plan, embedded.is_some())?);
        let probed = probe(&plan, way, dice()).await;
        if let Some(embedded) = embedded {
            embedded.stop().await;
        }
        outlook.probed = probed.map_err(|error| Problem::Run { error, signal: None })?;
        Ok(written(&plan, &findings, &outlook, format))
    })
}

/// The plan of the file, and what was found in it, which is told.
fn found(
    arguments: Arguments,
    base_url: Option<String>,
    printer: &Printer,
) -> Result<(Plan, Findings), Problem> {
    let options = Options { out: arguments.out, base_url, ..Options::default() };
    let (plan, mut findings) = load(&arguments.file, &arguments.set, &options);
    findings.look_for_files(plan.as_ref());
    findings.tell(printer);
    let Some(plan) = plan else { return Err(findings.problem()) };
    // A base URL that no run would take may hold a password, and is not shown either.
    Http::new(&plan.api.base_url.value, &plan.api, None)?;
    Ok((plan, findings))
}

fn written(plan: &Plan, findings: &Findings, outlook: &Outlook, format: Format) -> String {
    match format {
        Format::Text => describe(plan, outlook),
        Format::Mermaid => to_mermaid(plan),
        Format::Json => {
            let mut object = to_json(plan, outlook);
            object["warnings"] = findings.to_json();
            format!("{object:#}\n")
        }
    }
}
