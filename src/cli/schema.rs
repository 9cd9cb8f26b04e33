//! `schema`: the language of pipeline files for editors.

use super::exit::Exit;
use super::printer::Printer;
use crate::spec;

/// Print the JSON Schema of pipeline files, for editors and checkers
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT)]
pub(super) struct Arguments {}

const LONG_ABOUT: &str = "\
Print the JSON Schema of pipeline files, for editors and checkers

An editor with a YAML language server completes and explains every key of a file whose first line is

    # yaml-language-server: $schema=pipeline.schema.json

where `tmdb-etl schema > pipeline.schema.json` has put the schema beside it. What only the whole
graph shows (loops, ports, params) is found by `validate`.";

/// Prints it.
pub(super) fn execute(_: &Arguments, printer: &Printer) -> Exit {
    printer.data(&spec::schema());
    Exit::Complete
}
