//! The plan as a picture, for `plan --format mermaid`: a flowchart in Mermaid's words, which GitHub, GitLab and many
//! editors draw.
//!
//! Invariant: whatever the file says stands in quotes, and every character of it that could mean something to
//! Mermaid is written as its number (<https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters>).

use std::fmt::Write as _;

use super::edges::{Edge, edges, port_name};
use super::text::kind_name;
use super::{FirstPage, Plan, SeedItems, StageIndex, StageKind};

/// Longest line of a label, in characters: a picture is not read for its queries.
const LABEL_CHARS_MAX: usize = 60;

/// Describes a plan as a flowchart.
pub fn to_mermaid(plan: &Plan) -> String {
    let mut text = "flowchart TD\n".to_owned();
    for (index, stage) in plan.stages.iter().enumerate() {
        // Each kind has its shape; a table is a cylinder.
        let (open, close) = match stage.kind {
            StageKind::Seed(_) => ("([", "])"),
            StageKind::Fetch(_) => ("[", "]"),
            StageKind::Expand(_) => ("{{", "}}"),
            StageKind::Filter(_) => ("{", "}"),
            StageKind::Project(_) => ("[(", ")]"),
        };
        let mut label = format!("<b>{}</b>", escaped(stage.id.as_str()));
        for line in lines(plan, index) {
            label.extend(["<br/>", &escaped(&line)]);
        }
        // A name such as `end` means something to Mermaid; a number does not. Writing into a string does not fail.
        let _ = writeln!(text, "  s{index}{open}\"{label}\"{close}");
    }
    for edge in edges(plan) {
        let (from, to) = (edge.from, edge.to);
        let label = escaped(&label(&edge));
        let _ = match (edge.feedback, label.is_empty()) {
            (true, _) => writeln!(text, "  s{from} -. \"{label}\" .-> s{to}"),
            (false, true) => writeln!(text, "  s{from} --> s{to}"),
            (false, false) => writeln!(text, "  s{from} -- \"{label}\" --> s{to}"),
        };
    }
    text
}

/// What stands under the name of a stage.
fn lines(plan: &Plan, index: StageIndex) -> Vec<String> {
    let stage = &plan.stages[index];
    let mut lines = vec![kind_name(&stage.kind).to_owned()];
    match &stage.kind {
        StageKind::Seed(seed) => lines.push(match &seed.source {
            SeedItems::Listed(items) => format!("{} items", items.len()),
            SeedItems::Range { first, last } => format!("{first} to {last}"),
            SeedItems::Pages { request, .. } => request.path().to_string(),
            SeedItems::File(file) => file.path.value.display().to_string(),
            SeedItems::Export(export) => format!("export of {}", export.kind.as_str()),
            SeedItems::Changes(changes) => format!("changes of {}", changes.kind.as_str()),
        }),
        StageKind::Fetch(fetch) => {
            lines.push(fetch.request.path().to_string());
            let added: Vec<&str> = fetch.added().collect();
            if !added.is_empty() {
                lines.push(format!("with {}", added.join(", ")));
            }
        }
        StageKind::Expand(expand) => {
            lines.push(match &expand.request {
                Some(request) => request.path().to_string(),
                None => expand.items.source().to_owned(),
            });
            if let FirstPage::With { fetch, .. } = expand.first_page {
                lines.push(format!("fused with {}", plan.stages[fetch].id));
            }
        }
        StageKind::Filter(filter) => lines.push(filter.where_.source().to_owned()),
        StageKind::Project(table) => lines = vec![table.path.display().to_string()],
    }
    lines
}

/// What stands at an edge.
fn label(edge: &Edge) -> String {
    let mut parts: Vec<String> = port_name(edge.port).map(str::to_owned).into_iter().collect();
    parts.extend(edge.max_depth.map(|depth| format!("to depth {depth}")));
    parts.extend(edge.max_items.map(|items| format!("at most {items} items")));
    parts.join(", ")
}

/// `text` on one line, with nothing in it that Mermaid or a browser reads.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for (index, letter) in text.chars().enumerate() {
        if index == LABEL_CHARS_MAX {
            escaped.push('…');
            break;
        }
        match letter {
            _ if letter.is_alphanumeric() || " ./_-,:".contains(letter) => escaped.push(letter),
            _ if letter.is_control() || letter.is_whitespace() => escaped.push(' '),
            _ => {
                let _ = write!(escaped, "#{};", u32::from(letter));
            }
        }
    }
    escaped
}
