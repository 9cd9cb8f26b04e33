//! The pipeline as its author wrote it: typed, valid, and every part knows where it stood.
//!
//! Belongs here: the shape of a pipeline file after decoding. Does not belong here: how YAML is read
//! (`yaml`), how a fault is shown (`fault`), and what a pipeline means (`crate::plan`).
//!
//! Invariant: a [`Spec`] exists only if its file had no fault that can be seen without the graph.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

pub use super::column_type::{
    ColumnType, StructField, TYPE_BYTES_MAX, TYPE_DEPTH_MAX, TYPE_FIELDS_MAX, TypeError, TypeFault,
};
pub use super::format::{
    ArrowCodec, DeltaLayout, FolderLayout, Format, Gone, Layout, Mode, ParquetCodec, SortKey,
};
pub use super::path_template::PathTemplate;
pub use super::rate::{Rate, RunRate};
pub use super::requests::{Concurrency, Requests};
pub use super::seed_list::{
    ChangesKind, ExportKind, ExportOrder, FileFormat, Refresh, SeedChanges, SeedExport, SeedFile,
};

/// A half-open range of bytes in the pipeline file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A value and the place in the file that it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Located<T> {
    /// The decoded value.
    pub value: T,
    /// Where it stood.
    pub span: Span,
}

impl<T> Located<T> {
    /// Puts `value` at `span`.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// The same place with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: f(self.value), span: self.span }
    }
}

/// The name of a stage, `[a-z][a-z0-9_]*`: unique in its file, cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StageId(pub Arc<str>);

impl StageId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A whole pipeline file.
#[derive(Clone, Debug)]
pub struct Spec {
    /// `name`, `[a-z0-9_-]+`: names the state folder and the lock.
    pub name: String,
    /// `description`, for people only.
    pub description: Option<String>,
    /// `params` with what `--set` changed; read in expressions as `$params.NAME`.
    pub params: Map<String, Value>,
    /// `api`.
    pub api: Api,
    /// `max_failures`.
    pub max_failures: MaxFailures,
    /// `memory`, in bytes: 16 MiB to 1 TiB. Default 256 MiB.
    pub memory: u64,
    /// `stages`, in the order of the file.
    pub stages: Vec<Stage>,
}

/// `api`: one API and one budget for the whole run.
#[derive(Clone, Debug)]
pub struct Api {
    /// `base_url`, without a slash at its end. Default `https://api.themoviedb.org/3`.
    pub base_url: Located<String>,
    /// `language`, sent with every request. Default `en-US`.
    pub language: String,
    /// `rate` of the whole run. Default 40/s.
    pub rate: RunRate,
    /// `connections`: requests under way at once, 1 to 256. Default 20.
    pub connections: NonZeroU32,
    /// `timeout` of one attempt, from connection to the body's last byte. Default 10 s.
    pub timeout: Duration,
    /// `retry`.
    pub retry: Retry,
    /// `keep`: how long a document may serve later runs; `None` is `keep: none`. Default 8 h, as long as TMDB's own
    /// caches hold one.
    pub keep: Option<Duration>,
    /// `resume_within`: how long after its start an unfinished run is gone on with. Default 24 h.
    pub resume_within: Duration,
}

impl Api {
    /// Whether TMDB itself is asked.
    pub fn is_tmdb(&self) -> bool {
        ["themoviedb.org", "tmdb.org"].into_iter().any(|host| self.base_url.value.contains(host))
    }
}

impl Default for Api {
    fn default() -> Self {
        Self {
            base_url: Located::new("https://api.themoviedb.org/3".to_owned(), Span::default()),
            language: "en-US".to_owned(),
            rate: RunRate::Limited(Rate { limit: 40.0, per: Duration::from_secs(1), burst: None }),
            connections: NonZeroU32::new(20).expect("20 is not 0"),
            timeout: Duration::from_secs(10),
            retry: Retry::default(),
            keep: Some(Duration::from_hours(8)),
            resume_within: Duration::from_hours(24),
        }
    }
}

/// `api.retry`: retries end by count and by clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// All sends of one request together, 1 to 20. Default 5.
    pub attempts: NonZeroU32,
    /// From the first send, without the time behind the gate. Default 2 min.
    pub max_elapsed: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: NonZeroU32::new(5).expect("5 is not 0"), max_elapsed: Duration::from_mins(2) }
    }
}

/// `max_failures`: how many failed items a run bears.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MaxFailures {
    /// A count; passing it ends the run early.
    Count(u64),
    /// A share of the finished items, 0.0 to 100.0 %.
    Percent(f64),
}

/// One entry of `stages`.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its key under `stages`.
    pub id: Located<StageId>,
    /// `from`, in reading order; empty where the file leaves it to the default.
    pub from: Vec<Located<PortRef>>,
    /// What kind of stage, and its own keys.
    pub kind: Kind,
}

/// What `from:` names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PortRef {
    /// The stage.
    pub stage: StageId,
    /// The port of it.
    pub port: Port,
}

impl fmt::Display for PortRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Port::Main => write!(f, "{}", self.stage),
            Port::Found => write!(f, "{}.found", self.stage),
            Port::Failed => write!(f, "{}.failed", self.stage),
            Port::Missing => write!(f, "{}.missing", self.stage),
        }
    }
}

/// A place where a stage hands something on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Port {
    /// The stage itself: items of a seed, documents of the others.
    Main,
    /// `.found` of an expand: every item that it found.
    Found,
    /// `.failed` of whatever makes requests: retries that ended.
    Failed,
    /// `.missing` of whatever makes requests: the API answered 404.
    Missing,
}

/// `kind` with the keys of that kind.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Hands on items from nothing.
    Seed(Seed),
    /// Items in, documents out.
    Fetch(Fetch),
    /// Hands documents on and finds more items.
    Expand(Expand),
    /// Hands on the documents for which `where` holds.
    Filter(Filter),
    /// Documents or a port in, a table out.
    Project(Project),
}

/// A stage that starts the flow.
#[derive(Clone, Debug)]
pub struct Seed {
    /// Where its items come from.
    pub source: SeedSource,
    /// `where`, on each item.
    pub where_: Option<Located<String>>,
    /// `estimate`: about how many items it gives; for `plan` only, and only where nobody knows without asking.
    pub estimate: Option<u64>,
    /// Settings; only `path` makes requests.
    pub requests: Requests,
}

/// The one source that a seed names.
#[derive(Clone, Debug)]
pub enum SeedSource {
    /// `ids` (each becomes `{id: …}`) or `items` (objects, as they are).
    Items(Vec<Value>),
    /// `range: 1..1000`, both ends included.
    Range {
        /// First id.
        first: i64,
        /// Last id.
        last: i64,
    },
    /// `path` with `query`, `pages` and `items`: a paged list of the API.
    Path {
        /// `path`; it has no placeholder, as there is no item yet.
        path: Located<PathTemplate>,
        /// `query`, in the order of the file.
        query: Query,
        /// `pages`: how many to read, 1 to 500; `None`, the default: all.
        pages: Option<NonZeroU32>,
        /// `items`; default `.results[]`.
        items: Option<Located<String>>,
    },
    /// `file`: rows of a file.
    File(SeedFile),
    /// `export`: the ids that TMDB publishes every day.
    Export(SeedExport),
    /// `changes`: what has changed since the last published run.
    Changes(SeedChanges),
}

/// `query`: names and values as sent; a value may hold `{field}` placeholders like a path.
pub type Query = Vec<(String, Located<PathTemplate>)>;

/// A stage that asks for one document per item.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// `path`, e.g. `/movie/{id}`.
    pub path: Located<PathTemplate>,
    /// `query`.
    pub query: Query,
    /// `append`: names for `append_to_response`, at most 20.
    pub append: Vec<Located<String>>,
    /// Settings.
    pub requests: Requests,
}

/// A stage that finds items in documents.
#[derive(Clone, Debug)]
pub struct Expand {
    /// `path`: where to ask; without it the document itself is searched.
    pub path: Option<Located<PathTemplate>>,
    /// `query`.
    pub query: Query,
    /// `pages` to ask for, 1 to 500. Default 1.
    pub pages: NonZeroU32,
    /// `fuse`: whether the first page may come with the document. Default true.
    pub fuse: bool,
    /// `when`, on the document: expand it at all?
    pub when: Option<Located<String>>,
    /// `items`; default `.results[]` where there is a `path`, required where there is none.
    pub items: Option<Located<String>>,
    /// `where`, on each item.
    pub where_: Option<Located<String>>,
    /// `take`: how many items of a document at the most.
    pub take: Option<u32>,
    /// `into`: the fetch stage that gets the items.
    pub into: Option<Located<StageId>>,
    /// `max_depth`; required where `into` points upstream.
    pub max_depth: Option<u32>,
    /// `max_items`; required where `into` points upstream.
    pub max_items: Option<u64>,
    /// Settings.
    pub requests: Requests,
}

/// A stage that drops documents.
#[derive(Clone, Debug)]
pub struct Filter {
    /// `where`, on the document.
    pub where_: Located<String>,
    /// `buffer`: capacity, in documents, of the channel into this stage.
    pub buffer: Option<NonZeroU32>,
}

/// A stage that writes a table.
#[derive(Clone, Debug)]
pub struct Project {
    /// `order`. Default `input`.
    pub order: Order,
    /// `rows`: one row for each output of this expression; without it one row for each document.
    pub rows: Option<Located<String>>,
    /// `columns`, in the order of the file, at least one.
    pub columns: Vec<Column>,
    /// `output`.
    pub output: Output,
    /// `buffer`: capacity, in documents, of the channel into this stage.
    pub buffer: Option<NonZeroU32>,
}

/// The order of a table's rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By admission number of the document, then place in it: the same bytes every time.
    #[default]
    Input,
    /// As answers come.
    Arrival,
}

/// One entry of `columns`.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its key.
    pub name: Located<String>,
    /// `type`.
    pub column_type: Located<ColumnType>,
    /// `value`; default `.NAME`.
    pub value: Option<Located<String>>,
    /// `required`: a null here drops the row and counts it.
    pub required: bool,
    /// `on_mismatch`: what becomes of a value that does not fit the type.
    pub on_mismatch: OnMismatch,
}

/// What becomes of a value that does not fit its column's type; each is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMismatch {
    /// The column is null (and the row goes, if the column is required).
    #[default]
    Null,
    /// The row is dropped.
    Drop,
    /// The run fails.
    Fail,
}

/// `output` of a project stage.
#[derive(Clone, Debug)]
pub struct Output {
    /// `path`: a file or a folder; relative to the working directory or `--out`.
    pub path: Located<PathBuf>,
    /// `format` and `compression`; without `format` the path's ending says it, or it is Parquet in a folder.
    pub format: Format,
    /// Which of the two it is, and how a folder is filled.
    pub layout: Layout,
    /// `sort_by`; empty where rows stay as they come.
    pub sort_by: Vec<SortKey>,
    /// Where `format` stands, if it does.
    pub format_at: Option<Span>,
    /// Where `gone` stands, if it does.
    pub gone_at: Option<Span>,
}
