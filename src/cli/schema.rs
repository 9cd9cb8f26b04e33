//! `schema`: the language of pipeline files for editors.

use super::exit::Exit;
use super::help;
use super::printer::Printer;
use crate::spec;

/// Print the JSON Schema of pipeline files, for editors and checkers.
#[derive(Debug, clap::Args)]
#[command(long_about = help::SCHEMA, after_long_help = help::SCHEMA_EXAMPLES)]
pub(super) struct Arguments {}

/// Prints it.
pub(super) fn execute(_: &Arguments, printer: &Printer) -> Exit {
    printer.data(&spec::schema());
    Exit::Complete
}
