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

mod bench;
mod completions;
mod exit;
mod grid;
mod help;
mod init;
mod inspect;
mod inspect_text;
mod last_run;
mod logging;
mod metrics;
mod mock;
mod outcome;
mod pipeline;
mod plan;
mod printer;
mod problem;
mod report;
mod run;
mod runs;
mod runs_text;
mod schema;
mod show;
mod signals;
mod store;
mod store_text;
mod validate;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

pub use exit::{Exit, Signal};
use printer::{Color, Printer};

/// Reads the TMDB API as a YAML file describes it, and leaves Parquet.
#[derive(Debug, Parser)]
#[command(name = "tmdb-etl", version, max_term_width = 100)]
#[command(after_help = help::FIRST_STEPS, after_long_help = help::AFTER)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Colour help and messages: auto does on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t, help_heading = help::OUTPUT)]
    color: Color,
}

#[derive(Debug, Subcommand)]
enum Command {
    Bench(bench::Arguments),
    Completions(completions::Arguments),
    Init(init::Arguments),
    Inspect(inspect::Arguments),
    Mock(mock::Arguments),
    Plan(plan::Arguments),
    Report(report::Arguments),
    Run(run::Arguments),
    Schema(schema::Arguments),
    Show(show::Arguments),
    Store(store::Arguments),
    Validate(validate::Arguments),
}

/// Does what the arguments (the program's name first) ask for.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let printer = Printer::new(Color::asked_for(&arguments));
    let command = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments.command,
        Err(error) => return usage(&error, printer),
    };
    let exit = match command {
        Command::Bench(arguments) => bench::execute(arguments, &printer),
        Command::Completions(arguments) => completions::execute(&arguments, &printer),
        Command::Init(arguments) => init::execute(&arguments, &printer),
        Command::Inspect(arguments) => inspect::execute(&arguments, &printer),
        Command::Mock(arguments) => mock::execute(arguments, &printer),
        Command::Plan(arguments) => plan::execute(arguments, &printer),
        Command::Report(arguments) => report::execute(&arguments, &printer),
        Command::Run(arguments) => run::execute(arguments, &printer),
        Command::Schema(arguments) => schema::execute(&arguments, &printer),
        Command::Show(arguments) => show::execute(arguments, &printer),
        Command::Store(arguments) => store::execute(&arguments, &printer),
        Command::Validate(arguments) => validate::execute(&arguments, &printer),
    };
    printer.finish(exit)
}

/// Help and version are data; anything else that clap has to say is talk.
fn usage(error: &clap::Error, printer: Printer) -> Exit {
    let text = error.render();
    let shown = |coloured: bool| if coloured { text.ansi().to_string() } else { text.to_string() };
    if error.use_stderr() {
        printer.talk(&shown(printer.is_coloured()));
        printer.finish(Exit::Invalid)
    } else {
        printer.data(&shown(printer.is_data_coloured()));
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
