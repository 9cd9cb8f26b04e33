//! What the last run left says about the pipeline file: a warning at each column in which it found nothing.
//!
//! Invariant: a manifest that is missing, damaged or not ours is no news, and nothing is told.

use crate::plan::{ColumnPlan, Plan, TablePlan};
use crate::sink::{ColumnFacts, known_manifest};
use crate::spec::{ColumnType, Faults, clip};

/// Warns of the columns in which no row of the published tables has a value, as long as they are made as they
/// were then.
pub(super) fn warn(plan: &Plan, faults: &mut Faults) {
    for (stage, table) in plan.tables() {
        let Some(manifest) = known_manifest(&table.path) else { continue };
        for (place, (column, definition)) in table.columns.iter().zip(plan.definitions(stage)).enumerate() {
            if table.marks_gone(place) {
                continue;
            }
            let same = |then: &&ColumnFacts| {
                *then.name == *column.name && then.definition.as_deref() == Some(&*definition)
            };
            let Some(then) = manifest.columns.iter().find(same) else { continue };
            for path in then.empty() {
                let of = format!("none of {} {}", then.values, if then.values == 1 { "row" } else { "rows" });
                faults
                    .warning(
                        "empty-column",
                        column.span,
                        format!("the last run found no value for `{}`", clip(&path)),
                    )
                    .label(format!("{of} has one"))
                    .help(question(table, column, &path));
            }
        }
    }
}

/// What to ask. A manifest does not say whether there were values that did not fit.
fn question(table: &TablePlan, column: &ColumnPlan, path: &str) -> String {
    let question = table.question(column, path);
    match &column.column_type {
        // Everything fits into it.
        ColumnType::Json => question,
        other => format!("{}, and does it fit {other}?", question.trim_end_matches('?')),
    }
}
