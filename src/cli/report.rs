//! `report [RUN]`: the page of a run, drawn again from what the run left.

use std::path::{Path, PathBuf};

use clap::ValueHint;

use super::exit::Exit;
use super::help;
use super::printer::Printer;
use super::problem::Problem;
use super::runs;
use crate::report::html;

/// Draw the report of a run again.
#[derive(Debug, clap::Args)]
#[command(long_about = help::REPORT, after_long_help = help::REPORT_EXAMPLES)]
pub(super) struct Arguments {
    /// The run: its id, a pipeline (its last run), or a `run.json`; without it the last run of all.
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// Where runs have kept their state.
    #[arg(long, value_name = "DIR", default_value = ".tmdb-etl", value_hint = ValueHint::DirPath)]
    #[arg(help_heading = help::INPUT)]
    state: PathBuf,
    /// The file that is written, - for stdout; without it `report.html` beside the `run.json`.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = help::OUTPUT)]
    out: Option<PathBuf>,
}

/// Draws it, and prints where it is.
pub(super) fn execute(arguments: &Arguments, printer: &Printer) -> Exit {
    match draw(arguments, printer) {
        Ok(()) => Exit::Complete,
        Err(problem) => {
            printer.talk(&problem.render(printer.is_coloured()));
            problem.verdict().exit
        }
    }
}

fn draw(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let path = runs::find(&arguments.state, arguments.run.as_deref())?;
    let page = html(&runs::read(&path)?);
    if arguments.out.as_deref() == Some(Path::new("-")) {
        printer.data(&page);
        return Ok(());
    }
    let out = arguments.out.clone().unwrap_or_else(|| path.with_file_name("report.html"));
    runs::write(&out, &page)?;
    printer.data(&format!("{}\n", out.display()));
    Ok(())
}
