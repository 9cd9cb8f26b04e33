//! From the text of a file to its plan, or to all of its faults in one go: those of its language and those
//! of the graph.

use serde_json::{Map, Value};

use super::compile::{Compiled, Options, compile};
use super::expr::{Expr, with_room};
use super::expression::{Ready, expression};
use super::graph;
use crate::spec::{ABOUT_THE_ADDRESS, Faults, Sketch, Source, Span, parse};

/// Reads and compiles a pipeline file. `overrides` are the names and values of `--set`; `variables` is the
/// environment for `${env:…}`.
///
/// # Errors
/// Everything that is wrong with the file. A fault that may only follow from another, such as a stage that
/// nothing reads while the stage below it is not understood, is told once the other is gone.
pub fn read(
    source: &Source,
    overrides: &[(String, String)],
    variables: &dyn Fn(&str) -> Option<String>,
    options: &Options,
) -> Result<Compiled, Faults> {
    match parse(source, overrides, variables) {
        Ok(parsed) => {
            let mut faults = parsed.warnings;
            if options.base_url.is_some() {
                // They are about the address in the file, and another one is asked.
                for code in ABOUT_THE_ADDRESS {
                    faults.dismiss(code);
                }
            }
            match compile(parsed.spec, options) {
                Ok(Compiled { plan, warnings }) => {
                    faults.append(warnings);
                    Ok(Compiled { plan, warnings: faults })
                }
                Err(more) => {
                    faults.append(more);
                    Err(faults)
                }
            }
        }
        Err(rejected) => {
            let mut faults = rejected.faults;
            if let Some(sketch) = rejected.sketch {
                with_room(|| check(&sketch, &mut faults));
            }
            Err(faults)
        }
    }
}

/// Compiles an expression that stands outside a file, alone in `source`, as if it stood in the file of these `params`.
///
/// # Errors
/// What is wrong with it.
pub fn read_expression(source: &Source, params: &Map<String, Value>) -> Result<Expr, Faults> {
    let mut faults = Faults::default();
    let whole = Span { start: 0, end: source.text.len() };
    match expression(&source.text, whole, Some(whole), Some(params), &Ready::new(), &mut faults) {
        // A param that the file does not have is a fault of an expression that compiles.
        Some(expr) if !faults.has_errors() => Ok(expr),
        _ => Err(faults),
    }
}

/// Adds what the sketch of a refused file shows.
fn check(sketch: &Sketch, faults: &mut Faults) {
    graph::check(&sketch.stages, faults);
    for found in &sketch.expressions {
        // Nobody reads more, and a hostile file has tens of thousands.
        if faults.is_full() {
            break;
        }
        expression(&found.value, found.span, Some(found.span), sketch.params.as_ref(), &Ready::new(), faults);
    }
}
