//! From what was written to what it means; every fault that needs the graph is found here, in one go.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::Schema;
use serde_json::{Map, Value};

use super::changes::{ChangesPlan, check_changes};
use super::expr::{Assigns, Expr, FieldSet, all, with_room};
use super::expression::{Ready, assignment, expression};
use super::fields::kept_fields;
use super::fusion::{FirstPage, fuse};
use super::graph::{Graph, Source, wire};
use super::stores::{check_build, rooted};
use super::unread::check_use;
use super::upsert::upserts;
use super::{
    ColumnPlan, ExpandPlan, FetchPlan, FilterPlan, Plan, RequestTemplate, SeedItems, SeedPlan, StageKind,
    StagePlan, TablePlan,
};
use crate::spec::{
    Api, Concurrency, Expand, Faults, Fetch, Kind, Located, Order, Port, Project, Query, Requests, Seed,
    SeedSource, Span, Spec, Stage,
};

/// Values that wait before a stage that says nothing else.
const BUFFER: usize = 64;
/// `concurrency` of a fetch that says nothing else: below the default of `connections`, so that an expand finds one.
const FETCH_CONCURRENCY: NonZeroU32 = NonZeroU32::new(16).expect("16 is not 0");
/// `concurrency` of an expand or seed with requests that says nothing else.
const REQUEST_CONCURRENCY: NonZeroU32 = NonZeroU32::new(4).expect("4 is not 0");
/// Documents that a stage without requests looks through at once, each on a thread.
const THREAD_CONCURRENCY: NonZeroU32 = NonZeroU32::new(2).expect("2 is not 0");

/// What the command line adds to the file.
#[derive(Clone, Debug)]
pub struct Options {
    /// `--out`: relative outputs start here.
    pub out: Option<PathBuf>,
    /// `TMDB_BASE_URL` or the embedded API: instead of `api.base_url`.
    pub base_url: Option<String>,
    /// Whether this build has Delta tables.
    pub delta_tables: bool,
    /// Whether tables may be in object stores; by default what this build knows.
    pub object_stores: bool,
}

impl Default for Options {
    fn default() -> Self {
        let (delta_tables, object_stores) = (cfg!(feature = "delta"), cfg!(feature = "cloud"));
        Self { out: None, base_url: None, delta_tables, object_stores }
    }
}

/// A plan, and what is legal in its file but probably not meant.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The plan.
    pub plan: Plan,
    /// Warnings only.
    pub warnings: Faults,
}

/// Compiles a pipeline.
///
/// # Errors
/// Every fault that could not be seen without the graph, with the warnings.
pub fn compile(spec: Spec, options: &Options) -> Result<Compiled, Faults> {
    with_room(|| compile_here(spec, options))
}

fn compile_here(spec: Spec, options: &Options) -> Result<Compiled, Faults> {
    let mut faults = Faults::default();
    let graph = wire(&spec, &mut faults);
    let mut api = spec.api.clone();
    if let Some(base_url) = &options.base_url {
        base_url.trim_end_matches('/').clone_into(&mut api.base_url.value);
    }
    let ready = all(spec.stages.iter().flat_map(expressions));
    let mut compiler =
        Compiler { api: &api, params: &spec.params, options, ready: &ready, faults: &mut faults };
    let mut kinds: Vec<Option<StageKind>> = spec.stages.iter().map(|stage| compiler.kind(stage)).collect();
    check_use(&spec, &graph, &mut faults);
    check_build(&spec, options.object_stores, options.delta_tables, &mut faults);
    check_changes(&spec, &graph, &mut faults);
    let gone = upserts(&spec, &graph, &mut kinds, &mut faults);
    if faults.has_errors() {
        return Err(faults);
    }
    let kinds = kinds.into_iter().flatten().collect();
    let mut stages = stages(&spec, &api, &graph, kinds, gone);
    let kept = kept_fields(&stages, &graph.item_edges);
    for (stage, kept) in stages.iter_mut().zip(kept) {
        if let StageKind::Fetch(fetch) = &mut stage.kind {
            fetch.keeps = kept;
        }
    }
    fuse(&mut stages);
    let plan = Plan {
        name: spec.name,
        description: spec.description,
        params: Arc::new(spec.params),
        api,
        max_failures: spec.max_failures,
        memory: spec.memory,
        stages,
        item_edges: graph.item_edges,
        groups: graph.groups,
    };
    Ok(Compiled { plan, warnings: faults })
}

struct Compiler<'a> {
    api: &'a Api,
    params: &'a Map<String, Value>,
    options: &'a Options,
    ready: &'a Ready<'a>,
    faults: &'a mut Faults,
}

/// The expressions of a stage.
fn expressions(stage: &Stage) -> Vec<&str> {
    let some: Vec<Option<&Located<String>>> = match &stage.kind {
        Kind::Seed(seed) => {
            let items = match &seed.source {
                SeedSource::Path { items, .. } => items.as_ref(),
                _ => None,
            };
            vec![seed.where_.as_ref(), items]
        }
        Kind::Fetch(_) => Vec::new(),
        Kind::Expand(expand) => vec![expand.when.as_ref(), expand.items.as_ref(), expand.where_.as_ref()],
        Kind::Filter(filter) => vec![Some(&filter.where_)],
        Kind::Project(project) => {
            let values = project.columns.iter().map(|column| column.value.as_ref());
            values.chain([project.rows.as_ref()]).collect()
        }
    };
    some.into_iter().flatten().map(|text| text.value.as_str()).collect()
}

impl Compiler<'_> {
    fn kind(&mut self, stage: &Stage) -> Option<StageKind> {
        match &stage.kind {
            Kind::Seed(seed) => self.seed(seed).map(StageKind::Seed),
            Kind::Fetch(fetch) => Some(StageKind::Fetch(self.fetch(fetch))),
            Kind::Expand(expand) => self.expand(expand).map(StageKind::Expand),
            Kind::Filter(filter) => self
                .condition(Some(&filter.where_))
                .flatten()
                .map(|where_| StageKind::Filter(FilterPlan { where_ })),
            Kind::Project(project) => {
                self.project(stage, project).map(|table| StageKind::Project(Arc::new(table)))
            }
        }
    }

    fn seed(&mut self, seed: &Seed) -> Option<SeedPlan> {
        let where_ = self.condition(seed.where_.as_ref());
        let source = match &seed.source {
            SeedSource::Items(items) => Some(SeedItems::Listed(Arc::new(items.clone()))),
            SeedSource::Range { first, last } => Some(SeedItems::Range { first: *first, last: *last }),
            SeedSource::Path { path, query, pages, items } => {
                let items = self.default(items.as_ref(), ".results[]");
                let request = self.request(&path.value, query, &[]);
                items.map(|items| SeedItems::pages(request, *pages, items))
            }
            SeedSource::File(file) => Some(SeedItems::File(file.clone())),
            SeedSource::Export(export) => Some(SeedItems::Export(export.clone())),
            SeedSource::Changes(changes) => Some(SeedItems::Changes(ChangesPlan::new(changes, self.api))),
        };
        Some(SeedPlan { source: source?, where_: where_?, estimate: seed.estimate })
    }

    fn fetch(&mut self, fetch: &Fetch) -> FetchPlan {
        let append: Vec<String> = fetch.append.iter().map(|name| name.value.clone()).collect();
        FetchPlan {
            request: self.request(&fetch.path.value, &fetch.query, &append),
            append,
            parts: Vec::new(),
            keeps: FieldSet::default(),
        }
    }

    fn expand(&mut self, expand: &Expand) -> Option<ExpandPlan> {
        let when = self.condition(expand.when.as_ref());
        let where_ = self.condition(expand.where_.as_ref());
        let request = expand.path.as_ref().map(|path| self.request(&path.value, &expand.query, &[]));
        // Without a path the file was refused if it had no `items`.
        let items = self.default(expand.items.as_ref(), ".results[]");
        Some(ExpandPlan {
            request,
            pages: expand.pages.get(),
            fuse: expand.fuse,
            first_page: FirstPage::Alone,
            when: when?,
            items: items?,
            where_: where_?,
            take: expand.take,
            max_depth: expand.into.as_ref().and(expand.max_depth),
        })
    }

    fn project(&mut self, stage: &Stage, project: &Project) -> Option<TablePlan> {
        let rows = self.optional(project.rows.as_ref());
        let columns: Vec<Option<ColumnPlan>> = project
            .columns
            .iter()
            .map(|column| {
                let value = match &column.value {
                    Some(value) => self.expr(value),
                    None => self.compiled(&field_path(&column.name.value), column.name.span, None),
                };
                Some(ColumnPlan {
                    name: column.name.value.as_str().into(),
                    span: column.name.span,
                    column_type: column.column_type.value.clone(),
                    value: value?,
                    required: column.required,
                    on_mismatch: column.on_mismatch,
                })
            })
            .collect();
        let columns: Vec<ColumnPlan> = columns.into_iter().collect::<Option<_>>()?;
        let field = |column: &ColumnPlan| column.column_type.field(&column.name, !column.required);
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        Some(TablePlan {
            stage: stage.id.value.clone(),
            rows: rows?,
            columns,
            schema,
            order: project.order,
            path: rooted(&project.output.path.value, self.options.out.as_deref()),
            format: project.output.format,
            layout: project.output.layout.clone(),
            sort_by: project.output.sort_by.clone(),
            upsert: None,
        })
    }

    fn request(&self, path: &crate::spec::PathTemplate, query: &Query, append: &[String]) -> RequestTemplate {
        let query = query.iter().map(|(name, value)| (name.clone(), value.value.clone()));
        RequestTemplate::new(&self.api.base_url.value, path.clone(), query, append, &self.api.language)
    }

    /// `Some(None)` where the file has no expression; `None` where it has a faulty one.
    #[expect(clippy::option_option, reason = "the outer one is for `?`, as everywhere here")]
    fn optional(&mut self, expr: Option<&Located<String>>) -> Option<Option<Expr>> {
        match expr {
            None => Some(None),
            Some(expr) => self.expr(expr).map(Some),
        }
    }

    /// `when` or `where`.
    #[expect(clippy::option_option, reason = "as `optional`")]
    fn condition(&mut self, expr: Option<&Located<String>>) -> Option<Option<Expr>> {
        let compiled = self.optional(expr);
        if let (Some(Some(compiled)), Some(expr)) = (&compiled, expr)
            && compiled.uses().assigns == Assigns::Whole
        {
            assignment(expr.span, self.faults);
        }
        compiled
    }

    fn default(&mut self, expr: Option<&Located<String>>, default: &str) -> Option<Expr> {
        match expr {
            Some(expr) => self.expr(expr),
            None => self.compiled(default, Span::default(), None),
        }
    }

    fn expr(&mut self, expr: &Located<String>) -> Option<Expr> {
        self.compiled(&expr.value, expr.span, Some(expr.span))
    }

    fn compiled(&mut self, source: &str, span: Span, whole: Option<Span>) -> Option<Expr> {
        expression(source, span, whole, Some(self.params), self.ready, self.faults)
    }
}

/// The default value of a column: the field of its name.
fn field_path(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { format!(".{name}") } else { format!(".[{}]", Value::from(name)) }
}

fn stages(
    spec: &Spec,
    api: &Api,
    graph: &Graph,
    kinds: Vec<StageKind>,
    gone: Vec<Vec<Source>>,
) -> Vec<StagePlan> {
    let orders = orders(spec, graph);
    let tokens = tokens(spec, graph);
    let mut stages = Vec::with_capacity(kinds.len());
    for (index, ((stage, kind), gone)) in spec.stages.iter().zip(kinds).zip(gone).enumerate() {
        let own = match &stage.kind {
            Kind::Seed(seed) => seed.requests.clone(),
            Kind::Fetch(fetch) => fetch.requests.clone(),
            Kind::Expand(expand) => expand.requests.clone(),
            Kind::Filter(filter) => Requests { buffer: filter.buffer, ..Requests::default() },
            Kind::Project(project) => Requests { buffer: project.buffer, ..Requests::default() },
        };
        let concurrency = match &kind {
            StageKind::Fetch(_) => FETCH_CONCURRENCY,
            StageKind::Expand(ExpandPlan { request: None, .. }) | StageKind::Filter(_) => THREAD_CONCURRENCY,
            _ => REQUEST_CONCURRENCY,
        };
        let asks = !matches!(&kind, StageKind::Expand(ExpandPlan { request: None, .. }));
        stages.push(StagePlan {
            id: stage.id.value.clone(),
            inputs: graph.inputs[index].clone(),
            gone,
            buffer: own.buffer.map_or(BUFFER, |buffer| buffer.get() as usize),
            concurrency: match own.concurrency {
                Some(Concurrency::Number(number)) => number,
                Some(Concurrency::Auto) if asks => api.connections,
                Some(Concurrency::Auto) | None => concurrency,
            },
            adaptive: asks && own.concurrency == Some(Concurrency::Auto),
            order: orders[index],
            rate: own.rate,
            share: own.share.map(|share| share.value),
            timeout: own.timeout.unwrap_or(api.timeout),
            tokens: tokens[index],
            parts: false,
            kind,
        });
    }
    stages
}

/// For each stage, whether anybody needs its results in the order of its input: an ordered table, or a fetch that
/// admits what is found outside a loop. Within a loop the frontier puts things in order itself.
fn orders(spec: &Spec, graph: &Graph) -> Vec<Order> {
    let mut orders = vec![Order::Arrival; spec.stages.len()];
    // Readers stand below what they read.
    for index in (0..spec.stages.len()).rev() {
        let feeds = graph.item_edges.iter().any(|edge| edge.from == index && !edge.in_loop);
        let read = graph.inputs.iter().enumerate().any(|(reader, sources)| {
            sources.iter().any(|source| source.stage == index)
                && match &spec.stages[reader].kind {
                    Kind::Project(project) => project.order == Order::Input,
                    Kind::Fetch(_) => false,
                    _ => orders[reader] == Order::Input,
                }
        });
        if feeds || read || matches!(spec.stages[index].kind, Kind::Seed(_)) {
            orders[index] = Order::Input;
        }
    }
    orders
}

/// For each stage, whether an expand that closes a loop reads its documents, directly or not.
fn tokens(spec: &Spec, graph: &Graph) -> Vec<bool> {
    let mut tokens = vec![false; spec.stages.len()];
    for index in (0..spec.stages.len()).rev() {
        tokens[index] = graph.inputs.iter().enumerate().any(|(reader, sources)| {
            let documents = sources.iter().any(|source| source.stage == index && source.port == Port::Main);
            let closes = graph.item_edges.iter().any(|edge| edge.from == reader && edge.in_loop);
            documents && (closes || tokens[reader])
        });
    }
    tokens
}
