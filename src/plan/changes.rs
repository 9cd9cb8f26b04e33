//! A seed of what changed: its request, what may stand where, and what a table of it must be.
//!
//! Does not belong here: which days are asked for (`crate::tmdb`), and since when (`crate::run`). Invariant: no table that
//! is written anew by each run holds what only a run of changes gives, as it would lose everything else.

use super::RequestTemplate;
use super::graph::Graph;
use crate::spec::{
    Api, ChangesKind, Faults, Kind, Mode, Part, PathTemplate, Port, Refresh, SeedChanges, SeedSource, Spec,
};

/// Days of a window at the most, both ends included. TMDB refuses `end_date` more than 14 days behind `start_date` (code 20).
pub const WINDOW_DAYS: i32 = 14;

/// The fields of an item of days, and the names in the query that they fill.
pub const FIRST_DAY: &str = "start_date";
/// As [`FIRST_DAY`].
pub const LAST_DAY: &str = "end_date";

/// What changed, compiled.
#[derive(Clone, Debug)]
pub struct ChangesPlan {
    /// Which list.
    pub kind: ChangesKind,
    /// The first page of the list of some days, from an item of [`FIRST_DAY`] and [`LAST_DAY`].
    pub request: RequestTemplate,
    /// What comes beside it.
    pub refresh: Option<Refresh>,
}

impl ChangesPlan {
    pub(super) fn new(changes: &SeedChanges, api: &Api) -> Self {
        let text = |text: String| PathTemplate { parts: vec![Part::Literal(text)] };
        let field = |name: &str| PathTemplate { parts: vec![Part::Field(name.to_owned())] };
        let query = [FIRST_DAY, LAST_DAY].map(|name| (name.to_owned(), field(name)));
        let path = text(format!("/{}/changes", changes.kind.as_str()));
        Self {
            kind: changes.kind,
            request: RequestTemplate::new(&api.base_url.value, path, query, &[], &api.language),
            refresh: changes.refresh.as_ref().map(|refresh| refresh.value),
        }
    }
}

/// Tells of tables that would lose rows, and of a refresh that could not know what was fetched.
pub(super) fn check_changes(spec: &Spec, graph: &Graph, faults: &mut Faults) {
    for (index, stage) in spec.stages.iter().enumerate() {
        let Kind::Seed(seed) = &stage.kind else { continue };
        let SeedSource::Changes(changes) = &seed.source else { continue };
        for table in below(graph, index) {
            let Kind::Project(project) = &spec.stages[table].kind else { continue };
            if project.output.layout.folder().is_some_and(|folder| folder.mode != Mode::Overwrite) {
                continue;
            }
            let title = format!(
                "each run writes `{}` anew, and `{}` gives only what changed",
                spec.stages[table].id.value, stage.id.value
            );
            let path = project.output.path.value.with_extension("");
            faults
                .error("changes-overwrite", project.output.path.span, title)
                .label("everything else would be gone")
                .also(stage.id.span, "what changed")
                .help(format!(
                    "write `{{path: {}, mode: append}}`; readers take the last row of each key (docs/SCHEDULING.md)",
                    path.display()
                ));
        }
        let Some(refresh) = &changes.refresh else { continue };
        let fetches = graph.inputs.iter().enumerate().any(|(reader, inputs)| {
            matches!(spec.stages[reader].kind, Kind::Fetch(_))
                && inputs.iter().any(|input| input.stage == index && input.port == Port::Main)
        });
        if !fetches {
            faults
                .error("refresh-unread", refresh.span, format!("no fetch reads `{}`", stage.id.value))
                .help("what was fetched, and when, is known of the fetches that read the seed; add one, or remove `refresh`");
        }
        if spec.api.keep.is_none_or(|keep| keep <= refresh.value.older_than) {
            let days = |time: std::time::Duration| time.as_secs().div_ceil(86_400);
            let title = "what was fetched is forgotten before it is old enough to be fetched again";
            faults.error("refresh-forgets", refresh.span, title).help(format!(
                "`api.keep` must be longer than `older_than`, as in `api: {{keep: {}d}}`",
                (2 * days(refresh.value.older_than)).min(180)
            ));
        }
    }
}

/// The stages that read on from `seed`, whatever they read of it. Rows of `.failed` are of one run only and lead nowhere.
fn below(graph: &Graph, seed: usize) -> Vec<usize> {
    let mut reached = vec![false; graph.inputs.len()];
    reached[seed] = true;
    // Item edges may lead upward, so until nothing is new.
    loop {
        let mut grown = false;
        for (reader, inputs) in graph.inputs.iter().enumerate() {
            let reads = inputs.iter().any(|input| input.port != Port::Failed && reached[input.stage]);
            let found = graph.item_edges.iter().any(|edge| edge.to == reader && reached[edge.from]);
            if (reads || found) && !reached[reader] {
                reached[reader] = true;
                grown = true;
            }
        }
        if !grown {
            return (0..reached.len()).filter(|index| reached[*index]).collect();
        }
    }
}
