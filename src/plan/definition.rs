//! What a column is made from, as a fingerprint: while it stays the same, what a past run found in the column
//! still says something about it.
//!
//! Invariant: it changes with the column's type and expression, with the rows of its table, and with what the stages
//! upstream ask for; nothing else changes it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use xxhash_rust::xxh3::xxh3_128;

use super::expr::Expr;
use super::{Plan, SeedItems, StageIndex, StageKind};

impl Plan {
    /// The fingerprints of the columns of the table `stage`, in their order.
    ///
    /// # Panics
    /// If `stage` writes no table.
    pub fn definitions(&self, stage: StageIndex) -> Vec<String> {
        let StageKind::Project(table) = &self.stages[stage].kind else { panic!("{stage} writes no table") };
        let rows = table.rows.as_ref().map_or("", Expr::source);
        let mut shared = format!("rows {rows}\n");
        for index in self.upstream(stage) {
            let request = match &self.stages[index].kind {
                StageKind::Fetch(fetch) => Some(&fetch.request),
                StageKind::Expand(expand) => expand.request.as_ref(),
                StageKind::Seed(seed) => match &seed.source {
                    SeedItems::Pages { request, .. } => Some(request),
                    _ => None,
                },
                _ => None,
            };
            if let Some(request) = request {
                // Writing into a string does not fail.
                let _ = writeln!(shared, "asks {request}");
            }
        }
        let column = |column: &super::ColumnPlan| {
            let own =
                format!("{shared}column {} {} {}", column.name, column.column_type, column.value.source());
            format!("{:032x}", xxh3_128(own.as_bytes()))
        };
        table.columns.iter().map(column).collect()
    }

    /// Every stage whose documents or items reach `stage`.
    fn upstream(&self, stage: StageIndex) -> BTreeSet<StageIndex> {
        let mut found = BTreeSet::new();
        let mut open = vec![stage];
        while let Some(stage) = open.pop() {
            let inputs = self.stages[stage].inputs.iter().map(|source| source.stage);
            let items = self.item_edges.iter().filter(|edge| edge.to == stage).map(|edge| edge.from);
            open.extend(inputs.chain(items).filter(|above| found.insert(*above)));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{Options, compile};
    use crate::spec::{Source, parse};

    const PIPELINE: &str = "
version: 1
name: small
stages:
  ids: {kind: seed, ids: [1]}
  movies: {kind: fetch, path: '/movie/{id}'}
  people: {kind: expand, items: '.credits.cast[]', into: details}
  details: {kind: fetch, path: '/person/{id}'}
  films: {kind: project, from: movies, columns: {id: int64, title: string}, output: {path: films.parquet}}
";

    fn definitions(text: &str) -> Vec<String> {
        let spec = parse(&Source::new("p.yaml", text), &[], &|_| None).expect("no fault").spec;
        let plan = compile(spec, &Options::default()).expect("no fault").plan;
        let (stage, _) = plan.tables().next().expect("a table");
        plan.definitions(stage)
    }

    #[test]
    fn definition_changes_with_whatever_may_mend_the_column_and_with_nothing_else() {
        let before = definitions(PIPELINE);
        let check = |from: &str, to: &str, expect: [bool; 2]| {
            assert!(PIPELINE.contains(from), "{from}");
            let after = definitions(&PIPELINE.replace(from, to));
            let changed = [0, 1].map(|column| before[column] != after[column]);
            assert_eq!(changed, expect, "{to}");
        };
        check("title: string", "title: json", [false, true]);
        check("title: string", "title: {type: string, value: .name}", [false, true]);
        check("title: string", "title: {type: string, value: .title}", [false, false]);
        check("from: movies,", "from: movies, rows: '.results[]',", [true, true]);
        check("'/movie/{id}'", "'/movie/{id}', append: [credits]", [true, true]);
        check("'/person/{id}'", "'/person/{id}', append: [images]", [false, false]);
        check("ids: [1]", "ids: [1, 2]", [false, false]);
        check("films.parquet", "out/films.arrow", [false, false]);
        check("title: string", "title: {type: string, on_mismatch: drop}", [false, false]);
    }
}
