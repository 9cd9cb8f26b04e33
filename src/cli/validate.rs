//! `validate FILE…`: all faults of all files, without a request.

use std::collections::HashSet;
use std::path::PathBuf;

use clap::{ValueEnum, ValueHint};
use serde_json::{Value, json};

use super::exit::Exit;
use super::help;
use super::pipeline::{Findings, load, parse_set};
use super::printer::Printer;
use crate::plan::{Options, Plan};

/// Check pipeline files; touches no network.
#[derive(Debug, clap::Args)]
#[command(long_about = help::VALIDATE, after_long_help = help::VALIDATE_EXAMPLES)]
pub(super) struct Arguments {
    /// The pipeline files; `-` is standard input.
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
    /// Set a param of every file; the value must have the type of the default.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_set, help_heading = help::INPUT)]
    set: Vec<(String, String)>,
    /// End with 2 on warnings too, for a CI system.
    #[arg(long, help_heading = help::OUTPUT)]
    deny_warnings: bool,
    /// What is printed on stdout.
    #[arg(long, value_enum, default_value_t = Output::Text, value_name = "FORMAT", help_heading = help::OUTPUT)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A line for each valid file; faults go to stderr.
    Text,
    /// One object with every fault of every file.
    Json,
}

/// What all files together have.
#[derive(Debug, Default)]
struct Totals {
    files: usize,
    invalid: usize,
    errors: usize,
    warnings: usize,
}

/// Checks every file once, whatever the one before it had.
pub(super) fn execute(arguments: &Arguments, printer: &Printer) -> Exit {
    let mut totals = Totals::default();
    let mut objects = Vec::new();
    let mut seen = HashSet::new();
    for file in arguments.files.iter().filter(|file| seen.insert(*file)) {
        let (plan, mut findings) = load(file, &arguments.set, &Options::default());
        findings.look_for_files(plan.as_ref());
        let (errors, warnings) = findings.counts();
        totals.files += 1;
        totals.invalid += usize::from(plan.is_none());
        totals.errors += errors;
        totals.warnings += warnings;
        match arguments.output {
            Output::Text => tell(plan.as_ref(), &findings, printer),
            Output::Json => objects.push(object(plan.as_ref(), &findings)),
        }
    }
    let denied = arguments.deny_warnings && totals.warnings > 0;
    let exit = if totals.invalid > 0 || denied { Exit::Invalid } else { Exit::Complete };
    match arguments.output {
        Output::Text => summary(&totals, denied, printer),
        Output::Json => {
            let report = json!({
                "status": exit.status(),
                "errors": totals.errors,
                "warnings": totals.warnings,
                "files": objects,
            });
            printer.data(&format!("{report:#}\n"));
        }
    }
    exit
}

fn tell(plan: Option<&Plan>, findings: &Findings, printer: &Printer) {
    findings.tell(printer);
    let Some(plan) = plan else {
        printer.talk(&findings.problem().render(printer.is_coloured()));
        return;
    };
    let mut counts = vec![count(plan.stages.len(), "stage"), count(plan.tables().count(), "table")];
    let (_, warnings) = findings.counts();
    if warnings > 0 {
        counts.push(count(warnings, "warning"));
    }
    printer.data(&format!("{}: ok ({})\n", findings.file(), counts.join(", ")));
}

/// The last line, where the lines of the files leave something to say.
fn summary(totals: &Totals, denied: bool, printer: &Printer) {
    if totals.files > 1 {
        let valid = totals.files - totals.invalid;
        printer.talk(&format!(
            "{} of {}: {}, {}\n",
            valid,
            if totals.files == 1 {
                "1 file valid".to_owned()
            } else {
                format!("{} files valid", totals.files)
            },
            count(totals.errors, "error"),
            count(totals.warnings, "warning"),
        ));
    }
    if denied {
        printer.talk(&format!(
            "error: {}, and `--deny-warnings` takes none\n",
            count(totals.warnings, "warning")
        ));
    }
}

fn object(plan: Option<&Plan>, findings: &Findings) -> Value {
    let (errors, warnings) = findings.counts();
    json!({
        "file": findings.file(),
        "valid": plan.is_some(),
        "name": plan.map(|plan| plan.name.as_str()),
        "stages": plan.map(|plan| plan.stages.len()),
        "tables": plan.map(|plan| plan.tables().count()),
        "errors": errors,
        "warnings": warnings,
        "faults": findings.to_json(),
    })
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
