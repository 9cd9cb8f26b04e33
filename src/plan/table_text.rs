//! What `plan` says of how a table lies and of which row takes the place of which, as text: labels and what stands behind them.

use super::{Plan, StagePlan, TablePlan};
use crate::spec::SortKey;

/// Of folders and of the order of rows.
pub(super) fn layout(table: &TablePlan) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(folder) = table.layout.folder()
        && !folder.partition_by.is_empty()
    {
        lines.push(("folders", format!("one for each value of {}", folder.partition_by.join(", "))));
    }
    if !table.sort_by.is_empty() {
        let key =
            |key: &SortKey| format!("{}{}", key.column, if key.descending { " descending" } else { "" });
        let keys: Vec<String> = table.sort_by.iter().map(key).collect();
        lines.push(("sorted by", keys.join(", ")));
    }
    lines
}

/// Of keys; nothing of a table without one.
pub(super) fn upsert(plan: &Plan, stage: &StagePlan, table: &TablePlan) -> Vec<(&'static str, String)> {
    let Some(upsert) = &table.upsert else { return Vec::new() };
    let names = |places: &[usize]| {
        let names: Vec<&str> = places.iter().map(|column| &*table.columns[*column].name).collect();
        names.join(", ")
    };
    let mut lines = vec![("key", names(&upsert.key))];
    if table.rows.is_some() {
        let line = match upsert.document.as_slice() {
            [] => "a row stays until one of the same key takes its place".to_owned(),
            document => format!("all rows of one {} are replaced by those that come anew", names(document)),
        };
        lines.push(("", line));
    }
    if let Some(gone) = &upsert.gone {
        let ports: Vec<String> = stage.gone.iter().map(|source| plan.point_name(*source)).collect();
        let ports = ports.join(", ");
        lines.push((
            "gone",
            match gone.set {
                None => format!("rows go with the items of {ports}"),
                Some(column) => {
                    format!("`{}` says since when items of {ports} are", table.columns[column].name)
                }
            },
        ));
    }
    lines
}
