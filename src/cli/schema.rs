//! `schema`: the language of pipeline files for editors.

use super::exit::Exit;
use super::printer::Printer;
use crate::spec;

/// Print the JSON Schema of pipeline files, for editors and checkers
///
/// An editor with a YAML language server completes and explains every key of a file that begins with
///
///     # yaml-language-server: $schema=pipeline.schema.json
///
/// where `tmdb-etl schema > pipeline.schema.json` has put the schema beside it. What only the whole graph
/// shows (loops, ports, params) is found by `validate`.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {}

/// Prints it.
pub(super) fn execute(_: &Arguments, printer: &Printer) -> Exit {
    printer.data(&spec::schema());
    Exit::Complete
}
