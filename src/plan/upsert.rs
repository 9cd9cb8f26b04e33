//! What a table that is upserted goes by: which columns are its key, which of them are the document's, and how an item that is
//! no more is known by them.
//!
//! ```text
//!  movies         ─▶ rows, and for each document its part of the key
//!  movies.missing ─▶ for each item that is gone, what the key has of it
//! ```
//!
//! Does not belong here: which row takes the place of which (`crate::sink`).
//!
//! Invariants: a column is the document's only if it holds the same in all rows of a document; an item that is gone is known
//! by columns that hold every field of its path, so that no row of another item goes with it.

use std::sync::Arc;

use arrow::datatypes::Schema;

use super::expr::{Expr, PlainPath, Root, Step};
use super::graph::{Graph, Source};
use super::{ColumnPlan, StageIndex, StageKind, TablePlan};
use crate::spec::{
    ColumnType, DeltaLayout, Faults, Gone, Kind, Layout, Located, Mode, OnMismatch, Order, Part, Port,
    Project, SeedSource, Spec,
};

/// How rows of a table are told apart. Columns are named by their places.
#[derive(Clone, Debug)]
pub struct UpsertPlan {
    /// The columns of the key.
    pub key: Vec<usize>,
    /// Those of them that hold the same in all rows of a document.
    pub document: Vec<usize>,
    /// The column that says when the document came, if the table has one.
    pub fetched_at: Option<usize>,
    /// A row for each document, also for one that gives the table none: the columns of `document`, then that of
    /// `fetched_at`. None if no column is the document's.
    pub documents: Option<Arc<TablePlan>>,
    /// What becomes of the rows of items that are gone; `None`: they stay.
    pub gone: Option<GonePlan>,
}

/// How rows of an item that is gone are known.
#[derive(Clone, Debug)]
pub struct GonePlan {
    /// Columns of the key that hold the fields of the item's path.
    pub columns: Vec<usize>,
    /// The column that gets the time; `None`: the rows are deleted.
    pub set: Option<usize>,
    /// A row for each item that is gone: those columns, then the time at which it was found out.
    pub rows: Arc<TablePlan>,
}

/// Completes the tables of a plan that are upserted, and tells which ports each hears of items that are gone by.
pub(super) fn upserts(
    spec: &Spec,
    graph: &Graph,
    kinds: &mut [Option<StageKind>],
    faults: &mut Faults,
) -> Vec<Vec<Source>> {
    let mut gone = vec![Vec::new(); kinds.len()];
    for (index, kind) in kinds.iter_mut().enumerate() {
        let (Some(StageKind::Project(table)), Kind::Project(project)) = (kind, &spec.stages[index].kind)
        else {
            continue;
        };
        let Layout::Delta(delta) = &project.output.layout else { continue };
        if delta.folder.mode != Mode::Upsert {
            continue;
        }
        if let Some((upsert, sources)) = upsert(spec, graph, index, (project, delta), table, faults) {
            gone[index] = sources;
            *table = Arc::new(TablePlan { upsert: Some(Arc::new(upsert)), ..(**table).clone() });
        }
    }
    gone
}

fn upsert(
    spec: &Spec,
    graph: &Graph,
    index: StageIndex,
    (project, delta): (&Project, &DeltaLayout),
    table: &TablePlan,
    faults: &mut Faults,
) -> Option<(UpsertPlan, Vec<Source>)> {
    let place = |name: &String| {
        table.columns.iter().position(|column| *column.name == **name).expect("the file was checked for it")
    };
    let key: Vec<usize> = delta.key.iter().map(place).collect();
    let of_document = |column: &usize| table.rows.is_none() || is_of_document(&table.columns[*column].value);
    let document: Vec<usize> = key.iter().copied().filter(of_document).collect();
    let fetched_at = table.columns.iter().position(is_fetched_at);
    let documents = (!document.is_empty()).then(|| {
        let key = document.iter().map(|column| ColumnPlan {
            required: true,
            on_mismatch: OnMismatch::Null,
            ..table.columns[*column].clone()
        });
        beside(table, key.chain(fetched_at.map(|column| table.columns[column].clone())).collect())
    });
    let plan = UpsertPlan { key, document, fetched_at, documents, gone: None };
    let set = match &delta.gone {
        Gone::Keep => return Some((plan, Vec::new())),
        Gone::Delete => None,
        Gone::Set(column) => Some(place(column)),
    };
    let (fields, sources) = origins(spec, graph, index, project, faults)?;
    let mut columns = Vec::new();
    for field in &fields {
        let holds = |column: &&usize| holds_field(table, **column, field);
        let Some(&column) = plan.document.iter().find(holds) else {
            let title = format!("no column of the key is the field `{field}` of the item");
            faults.error("gone-unknown", gone_span(project), title).label("which rows would it be?").help(
                format!("give the key a column of `value: $item.{field}`, `required`; or write `gone: keep`"),
            );
            return None;
        };
        columns.push(column);
    }
    let known = columns.iter().zip(&fields).map(|(column, field)| ColumnPlan {
        value: compiled(&format!(".item[{}]", serde_json::Value::from(field.as_str()))),
        required: true,
        on_mismatch: OnMismatch::Null,
        ..table.columns[*column].clone()
    });
    let time = ColumnPlan {
        name: "gone_at".into(),
        column_type: ColumnType::Timestamp,
        value: compiled("$meta.fetched_at"),
        required: false,
        on_mismatch: OnMismatch::Null,
        span: table.columns[0].span,
    };
    let rows = beside(table, known.chain([time]).collect());
    Some((UpsertPlan { gone: Some(GonePlan { columns, set, rows }), ..plan }, sources))
}

/// A table that is read beside `table`: one row for each document, in no file of its own.
fn beside(table: &TablePlan, columns: Vec<ColumnPlan>) -> Arc<TablePlan> {
    let field = |column: &ColumnPlan| column.column_type.field(&column.name, !column.required);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    let order = Order::Arrival;
    Arc::new(TablePlan { rows: None, columns, schema, order, upsert: None, ..table.clone() })
}

fn compiled(source: &str) -> Expr {
    Expr::compile(source).expect("a path of ours")
}

/// Whether an expression holds the same in all rows of a document. Of a path that is plain to see; of anything else it is not
/// known, and not believed.
fn is_of_document(value: &Expr) -> bool {
    value.path().is_some_and(|path| path.root != Root::Input)
}

/// Whether a column is exactly the time at which its document came.
fn is_fetched_at(column: &ColumnPlan) -> bool {
    column.column_type == ColumnType::Timestamp
        && column.value.path().is_some_and(|path| is_field(path, Root::Meta, "fetched_at"))
}

fn is_field(path: &PlainPath, root: Root, name: &str) -> bool {
    let only = matches!(path.steps.as_slice(), [Step::Field(field)] if **field == *name);
    path.root == root && only && !path.collected
}

/// Whether a column is this field of the item that was asked for. TMDB's documents have the `id` that was asked for.
fn holds_field(table: &TablePlan, column: usize, field: &str) -> bool {
    table.columns[column].value.path().is_some_and(|path| {
        let of_body =
            is_field(path, Root::Doc, "id") || (table.rows.is_none() && is_field(path, Root::Input, "id"));
        is_field(path, Root::Item, field) || (field == "id" && of_body)
    })
}

/// The fields of the items that a table's documents were asked for by, and the ports that tell which of them are gone.
fn origins(
    spec: &Spec,
    graph: &Graph,
    table: StageIndex,
    project: &Project,
    faults: &mut Faults,
) -> Option<(Vec<String>, Vec<Source>)> {
    let mut sources: Vec<Source> = Vec::new();
    let mut fields: Option<(StageIndex, Vec<String>)> = None;
    let mut open: Vec<(StageIndex, Source)> =
        graph.inputs[table].iter().map(|source| (table, *source)).collect();
    let unknown = |what: String, faults: &mut Faults| {
        faults.error("gone-unknown", gone_span(project), what).label("which rows would it be?").help(
            "`gone` is for tables of the documents of fetches with fields in their paths; write `gone: keep`",
        );
    };
    while let Some((_, source)) = open.pop() {
        let stage = &spec.stages[source.stage];
        if source.port != Port::Main {
            unknown(
                format!("a port of `{}` is no document of an item that may be gone", stage.id.value),
                faults,
            );
            return None;
        }
        let Kind::Fetch(fetch) = &stage.kind else {
            open.extend(graph.inputs[source.stage].iter().map(|above| (source.stage, *above)));
            continue;
        };
        let missing = Source { stage: source.stage, port: Port::Missing };
        if sources.contains(&missing) {
            continue;
        }
        let named = fields_of(&fetch.path);
        match &fields {
            None if named.is_empty() => {
                unknown(format!("the path of `{}` has no field", stage.id.value), faults);
                return None;
            }
            Some((other, fields)) if *fields != named => {
                let other = &spec.stages[*other].id.value;
                let title = format!("items of `{}` and `{other}` have other fields", stage.id.value);
                unknown(title, faults);
                return None;
            }
            _ => fields = Some((source.stage, named)),
        }
        sources.push(missing);
        for above in &graph.inputs[source.stage] {
            let missing = Source { stage: above.stage, port: Port::Missing };
            let follows = matches!(&spec.stages[above.stage].kind,
                Kind::Seed(seed) if matches!(seed.source, SeedSource::Changes(_)));
            if follows && above.port == Port::Main && !sources.contains(&missing) {
                sources.push(missing);
            }
        }
    }
    Some((fields?.1, sources))
}

fn fields_of(path: &Located<crate::spec::PathTemplate>) -> Vec<String> {
    let field = |part: &Part| match part {
        Part::Field(name) => Some(name.clone()),
        Part::Literal(_) => None,
    };
    let mut fields: Vec<String> = Vec::new();
    for name in path.value.parts.iter().filter_map(field) {
        if !fields.contains(&name) {
            fields.push(name);
        }
    }
    fields
}

fn gone_span(project: &Project) -> crate::spec::Span {
    project.output.gone_at.unwrap_or(project.output.path.span)
}
