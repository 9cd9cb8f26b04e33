//! `validate FILE…`: all faults of all files, without a request.

use std::path::PathBuf;

use clap::ValueHint;

use super::exit::Exit;
use super::help;
use super::pipeline::{load, parse_set};
use super::printer::Printer;
use crate::plan::Options;

/// Check pipeline files; touches no network.
#[derive(Debug, clap::Args)]
#[command(long_about = help::VALIDATE, after_long_help = help::VALIDATE_EXAMPLES)]
pub(super) struct Arguments {
    /// The pipeline files.
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
    /// Set a param of every file; the value must have the type of the default.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_set, help_heading = help::INPUT)]
    set: Vec<(String, String)>,
}

/// Checks every file, whatever the one before it had.
pub(super) fn execute(arguments: &Arguments, printer: &Printer) -> Exit {
    let mut exit = Exit::Complete;
    for file in &arguments.files {
        let (plan, mut findings) = load(file, &arguments.set, &Options::default());
        findings.look_for_files(plan.as_ref());
        findings.tell(printer);
        if let Some(plan) = plan {
            let (stages, tables) = (plan.stages.len(), plan.tables().count());
            let plural = |count: usize| if count == 1 { "" } else { "s" };
            printer.data(&format!(
                "{}: ok ({stages} stage{}, {tables} table{})\n",
                file.display(),
                plural(stages),
                plural(tables),
            ));
        } else {
            exit = Exit::Invalid;
            printer.talk(&findings.problem().render(printer.is_coloured()));
        }
    }
    exit
}
