//! `plan FILE`: what the pipeline means, without a request.

use std::path::PathBuf;

use clap::ValueHint;

use super::exit::Exit;
use super::help;
use super::pipeline::{load, parse_set};
use super::printer::Printer;
use super::problem::Problem;
use super::run::base_url_from_env;
use crate::plan::{Options, describe};
use crate::tmdb::Http;

/// Show what a pipeline means: its graph, its requests, the schema of every table.
#[derive(Debug, clap::Args)]
#[command(long_about = help::PLAN, after_long_help = help::PLAN_EXAMPLES)]
pub(super) struct Arguments {
    /// The pipeline file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Set a param; the value must have the type of the default.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_set, help_heading = help::INPUT)]
    set: Vec<(String, String)>,
    /// Where relative outputs start.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = help::OUTPUT)]
    out: Option<PathBuf>,
}

/// Prints the plan.
pub(super) fn execute(arguments: Arguments, printer: &Printer) -> Exit {
    let options = Options { out: arguments.out, base_url: base_url_from_env() };
    let (plan, findings) = load(&arguments.file, &arguments.set, &options);
    findings.tell(printer);
    let described = match plan {
        // A base URL that no run would take may hold a password, and is not shown either.
        Some(plan) => Http::new(&plan.api.base_url.value, &plan.api, None)
            .map(|_| describe(&plan))
            .map_err(Problem::from),
        None => Err(findings.problem()),
    };
    match described {
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
