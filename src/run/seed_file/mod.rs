//! Items from a file: csv, tsv, jsonl, Parquet, each a row at a time, so that memory does not grow with the file.
//!
//! ```text
//! open: path ─▶ gzip? BOM? header or schema checked ─▶ SeedFile
//! batch: up to 1,024 rows ─▶ item, or empty ─▶ `where` ─▶ bodies of items
//! ```
//!
//! Belongs here: what a row is. Does not belong here: which thread reads, and who takes the items
//! (`super::seed`). Invariants: what is wrong in a row is told after the items above it have been handed out;
//! no row is longer than [`LINE_BYTES_MAX`].

mod bytes;
mod columns;
mod delimited;
mod error;
mod lines;
mod ranked;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::PathBuf;

use serde_json::{Map, Value};

pub use error::{SeedFileError, SeedFileFault};

use self::ranked::{Ranked, Ranking};
use crate::plan::expr::{EvalError, Expr, FieldSet, Input, Json, RunScope, Scope};
use crate::plan::{Plan, SeedItems, SeedPlan, StageIndex, StageKind};
use crate::spec::{FileFormat, Port, nearest};

/// Longest line of a text file, and longest row of a csv file. An item of TMDB's exports has a hundred bytes; what
/// is longer by far is another kind of file, or a quote that is never closed.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;
/// Rows that are read at once.
const BATCH_ROWS: usize = 1024;
/// Bytes of items after which a batch ends before that.
const BATCH_BYTES: usize = 1024 * 1024;

/// What is wanted of a file.
#[derive(Clone, Debug)]
struct Wanted {
    format: FileFormat,
    /// The column whose values are ids.
    column: Option<String>,
    /// The fields that requests of the fetches that read the seed ask for.
    needs: Vec<String>,
    /// The fields that anybody reads.
    reads: FieldSet,
}

/// What a row gives.
#[derive(Debug, PartialEq, Eq)]
enum Row {
    /// An item, as JSON.
    Item(Vec<u8>),
    /// Nothing.
    Empty,
}

/// An open file.
pub(super) struct SeedFile {
    path: PathBuf,
    rows: Rows,
    /// Items so far, whether they were wanted or not.
    given: u64,
    /// Items that may still be handed out.
    left: u64,
    /// What was counted before the first batch; `where` has been applied then.
    ranking: Option<Ranking>,
}

enum Rows {
    Delimited(Box<delimited::Delimited>),
    Lines(lines::Lines),
    Columns(Box<columns::Columns>),
    Ranked(Ranked),
}

/// What was read at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The items for which `where` holds: their 1-based place among all of the file, and their bodies.
    pub items: Vec<(u64, Vec<u8>)>,
    /// Rows that gave nothing.
    pub skipped: u64,
    /// Times that `where` ended in an error.
    pub expression_errors: u64,
    /// The first of them.
    pub expression_error: Option<EvalError>,
    /// Whether the file has ended with this, and how.
    pub ended: Option<Result<(), SeedFileError>>,
}

impl SeedFile {
    /// Opens the file of the seed at `stage`; `None` if it reads none.
    pub(super) fn open(plan: &Plan, stage: StageIndex) -> Result<Option<Self>, SeedFileError> {
        let StageKind::Seed(SeedPlan { source: SeedItems::File(file), where_, .. }) =
            &plan.stages[stage].kind
        else {
            return Ok(None);
        };
        let mut wanted = Wanted {
            format: file.format,
            column: file.column.as_ref().map(|column| column.value.clone()),
            needs: Vec::new(),
            // A `where` may look at any field.
            reads: if where_.is_some() { FieldSet::All } else { FieldSet::default() },
        };
        // Without readers it is looked at as it is.
        if plan.readers(stage, Port::Main).next().is_none() {
            wanted.reads = FieldSet::All;
        }
        for (reader, _) in plan.readers(stage, Port::Main) {
            if let StageKind::Fetch(fetch) = &plan.stages[reader].kind {
                wanted.needs.extend(fetch.request.fields().map(str::to_owned));
                wanted.reads.extend(&fetch.keeps);
            }
        }
        Self::at(&file.path.value, &wanted).map(Some)
    }

    fn at(path: &std::path::Path, wanted: &Wanted) -> Result<Self, SeedFileError> {
        let rows = match wanted.format {
            FileFormat::Csv | FileFormat::Tsv => {
                delimited::Delimited::open(path, wanted).map(|file| Rows::Delimited(Box::new(file)))
            }
            FileFormat::Jsonl => lines::Lines::open(path, wanted).map(Rows::Lines),
            FileFormat::Parquet => {
                columns::Columns::open(path, wanted).map(|file| Rows::Columns(Box::new(file)))
            }
        };
        let path = path.to_owned();
        match rows {
            Ok(rows) => Ok(Self { path, rows, given: 0, left: u64::MAX, ranking: None }),
            Err(fault) => Err(SeedFileError { path, fault }),
        }
    }

    /// The lines of an export in `file`, at most `limit` for which `where` holds. `path` names it in messages.
    pub(super) fn of_export(path: String, file: File, limit: Option<u64>) -> Result<Self, SeedFileError> {
        let path = PathBuf::from(path);
        match bytes::text_of(file).map(lines::Lines::of) {
            Ok(lines) => {
                let (rows, left) = (Rows::Lines(lines), limit.unwrap_or(u64::MAX));
                Ok(Self { path, rows, given: 0, left, ranking: None })
            }
            Err(fault) => Err(SeedFileError { path, fault }),
        }
    }

    /// The same, most popular first.
    pub(super) fn of_ranked_export(
        path: String,
        file: File,
        where_: Option<&Expr>,
        scope: &RunScope,
        limit: Option<u64>,
    ) -> Result<Self, SeedFileError> {
        let path = PathBuf::from(path);
        let lines = bytes::text_of(file).map(lines::Lines::of);
        match lines.and_then(|lines| Ranked::of(lines, where_, scope, limit)) {
            Ok((ranked, ranking)) => {
                let rows = Rows::Ranked(ranked);
                Ok(Self { path, rows, given: 0, left: u64::MAX, ranking: Some(ranking) })
            }
            Err(fault) => Err(SeedFileError { path, fault }),
        }
    }

    /// Reads on.
    pub(super) fn batch(&mut self, where_: Option<&Expr>, scope: &RunScope) -> Batch {
        let scope = Scope::without_document(scope);
        let mut batch = Batch::default();
        let where_ = where_.filter(|_| !matches!(self.rows, Rows::Ranked(_)));
        if let Some(ranking) = self.ranking.take() {
            let Ranking { skipped, expression_errors, expression_error } = ranking;
            batch = Batch { skipped, expression_errors, expression_error, ..batch };
        }
        let (mut rows, mut bytes) = (0, 0);
        while rows < BATCH_ROWS && bytes < BATCH_BYTES {
            if self.left == 0 {
                batch.ended = Some(Ok(()));
                break;
            }
            rows += 1;
            match self.next() {
                Ok(Some(Row::Item(item))) => {
                    self.given += 1;
                    bytes += item.len();
                    let holds = where_.is_none_or(|where_| {
                        let json = Json::parse(&item).expect("an item is JSON");
                        let truth = scope.holds(where_, Input::Json(&json));
                        if let Some(error) = truth.error {
                            batch.expression_errors += 1;
                            batch.expression_error.get_or_insert(error);
                        }
                        truth.holds
                    });
                    if holds {
                        self.left -= 1;
                        batch.items.push((self.given, item));
                    }
                }
                Ok(Some(Row::Empty)) => batch.skipped += 1,
                Ok(None) => {
                    batch.ended = Some(Ok(()));
                    break;
                }
                Err(fault) => {
                    batch.ended = Some(Err(SeedFileError { path: self.path.clone(), fault }));
                    break;
                }
            }
        }
        batch
    }

    fn next(&mut self) -> Result<Option<Row>, SeedFileFault> {
        match &mut self.rows {
            Rows::Delimited(file) => file.next(),
            Rows::Lines(file) => file.next(),
            Rows::Columns(file) => file.next(),
            Rows::Ranked(file) => file.next(),
        }
    }
}

impl Wanted {
    /// The columns without which there is nothing to do.
    fn asked(&self) -> Vec<&str> {
        match &self.column {
            Some(column) => vec![column],
            None => self.needs.iter().map(String::as_str).collect(),
        }
    }
}

/// There is no column `name` among `columns`.
fn missing(name: &str, wanted: &Wanted, columns: Vec<String>) -> SeedFileFault {
    SeedFileFault::NoColumn {
        name: name.to_owned(),
        format: wanted.format,
        nearest: nearest(name, columns.iter().map(String::as_str)).map(str::to_owned),
        columns,
        by_fetch: wanted.column.is_none(),
    }
}

/// The item of an id.
fn with_id(id: Value) -> Vec<u8> {
    bytes_of(&Value::Object(Map::from_iter([("id".to_owned(), id)])))
}

fn bytes_of(item: &Value) -> Vec<u8> {
    serde_json::to_vec(item).expect("a JSON value can be written")
}
