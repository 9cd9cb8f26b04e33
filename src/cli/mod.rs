//! The commands: arguments, exit codes, printing.
//!
//! ```text
//! arguments as typed (clap) ─▶ as meant ─▶ command ─▶ Exit
//!                                             └─ data ─▶ stdout, talk ─▶ stderr
//! ```
//!
//! Does not belong here: anything that a run does or counts. Invariants: every way out is an [`Exit`]; stdout
//! holds data only; no credential is printed.
#![expect(
    clippy::disallowed_methods,
    reason = "settings from the environment and the time that a person waits are read here, and handed down"
)]

mod exit;
mod grid;
mod inspect;
mod inspect_text;
mod last_run;
mod logging;
mod mock;
mod outcome;
mod pipeline;
mod plan;
mod printer;
mod problem;
mod run;
mod signals;
mod validate;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

pub use exit::{Exit, Signal};
use printer::Printer;

/// Reads the TMDB API as a YAML file describes it, and leaves Parquet.
#[derive(Debug, Parser)]
#[command(name = "tmdb-etl", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Exit codes:
  0  complete
  1  failed, nothing was published
  2  invalid file or usage
  3  partial: published, with failures within `max_failures`
  4  locked by another run
  130, 143  stopped by a signal, nothing was published

This product uses the TMDB API but is not endorsed or certified by TMDB.";

#[derive(Debug, Subcommand)]
enum Command {
    Inspect(inspect::Arguments),
    Run(run::Arguments),
    Validate(validate::Arguments),
    Plan(plan::Arguments),
    Mock(mock::Arguments),
}

/// Does what the arguments (the program's name first) ask for.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let printer = Printer::new();
    let command = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments.command,
        Err(error) => return usage(&error, printer),
    };
    let exit = match command {
        Command::Inspect(arguments) => inspect::execute(&arguments, &printer),
        Command::Run(arguments) => run::execute(arguments, &printer),
        Command::Validate(arguments) => validate::execute(&arguments, &printer),
        Command::Plan(arguments) => plan::execute(arguments, &printer),
        Command::Mock(arguments) => mock::execute(arguments, &printer),
    };
    printer.finish(exit)
}

/// Help and version are data; anything else that clap has to say is talk.
fn usage(error: &clap::Error, printer: Printer) -> Exit {
    let text = error.render();
    if error.use_stderr() {
        printer.talk(&if printer.is_coloured() { text.ansi().to_string() } else { text.to_string() });
        printer.finish(Exit::Invalid)
    } else {
        printer.data(&text.to_string());
        printer.finish(Exit::Complete)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }
}
