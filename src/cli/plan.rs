//! `plan FILE`: what the pipeline means, without a request.

use std::path::PathBuf;

use super::exit::Exit;
use super::pipeline::{load, parse_set};
use super::printer::Printer;
use super::problem::Problem;
use super::run::base_url_from_env;
use crate::plan::{Options, Outlook, describe};
use crate::tmdb::Http;

/// Show what a pipeline means: its graph, its requests, the schema of every table.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The pipeline file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Set a param; the value must have the type of the default.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_set)]
    set: Vec<(String, String)>,
    /// Where relative outputs start.
    #[arg(long, value_name = "DIR")]
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
            .map(|_| describe(&plan, &Outlook::default()))
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
