//! `inspect PATH`: what is in a table, from the file itself and from the manifest beside it.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use arrow::datatypes::{FieldRef, Fields, Schema};
use clap::{ValueEnum, ValueHint};
use serde_json::{Map, Value, json};

use super::exit::Exit;
use super::help;
use super::inspect_text;
use super::printer::Printer;
use super::problem::{Problem, of_sink};
use super::runs::{self, RunsError};
use super::runs_text;
use crate::sink::{
    Manifest, ReadError, TableFile, delta_files, first_rows, is_folder, known_manifest, look_through,
    read_table, shown_manifest, type_words, widest,
};
use crate::spec::StoreUrl;

/// Most rows that are shown: beyond that a query is the better tool.
const ROWS_MAX: u64 = 10_000;

/// Rows that are shown unless somebody asks for more.
const ROWS: u64 = 5;

/// Runs that are shown unless somebody asks for more.
const RUNS: u64 = 20;

/// Width of what goes to a file or a pipe, where nobody says how wide it may be.
const WIDTH: usize = 120;

/// Show what a table holds: schema, counts, where it came from, the first rows.
#[derive(Debug, clap::Args)]
#[command(long_about = help::INSPECT, after_long_help = help::INSPECT_EXAMPLES)]
pub(super) struct Arguments {
    /// The table, or a folder with tables; with --runs the state folder.
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath, required_unless_present = "runs")]
    path: Option<PathBuf>,
    /// List what the last runs did, the newest first, instead of a table.
    #[arg(long, help_heading = help::INPUT)]
    runs: bool,
    /// How many of the first rows, or of the last runs, are shown [default: 5, of runs 20].
    #[arg(long, value_name = "N", help_heading = help::OUTPUT, value_parser = clap::value_parser!(u64).range(..=ROWS_MAX))]
    rows: Option<u64>,
    /// Show the loads of the table, the last one last.
    #[arg(long, help_heading = help::OUTPUT, conflicts_with = "runs")]
    history: bool,
    /// What is printed on stdout.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Output::Text, help_heading = help::OUTPUT)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people; long values are cut to the width of the terminal.
    Text,
    /// One JSON object, nothing cut.
    Json,
}

/// A table: one file, or the parts of a folder.
#[derive(Debug)]
pub(super) struct Inspected {
    /// What to call it: the file, or the folder of the parts.
    pub path: PathBuf,
    /// Whether a log says which files count.
    pub is_delta: bool,
    /// At least one.
    pub files: Vec<TableFile>,
    /// Of a single file, or of a folder that this program wrote.
    pub manifest: Option<Manifest>,
    /// The first rows.
    pub rows: Vec<Vec<Value>>,
}

impl Inspected {
    /// The one whose schema and metadata stand for all.
    pub(super) fn first(&self) -> &TableFile {
        &self.files[0]
    }

    pub(super) fn sum(&self, count: fn(&TableFile) -> u64) -> u64 {
        self.files.iter().map(count).fold(0, u64::saturating_add)
    }

    /// Codecs of all files, each once.
    pub(super) fn codecs(&self) -> Vec<&str> {
        let mut codecs: Vec<&str> = Vec::new();
        for codec in self.files.iter().flat_map(|file| &file.codecs) {
            if !codecs.contains(&&**codec) {
                codecs.push(codec);
            }
        }
        codecs
    }

    /// Nulls of a column, from the files or from the manifest.
    pub(super) fn nulls(&self, column: usize) -> Option<u64> {
        let name = self.first().schema.field(column).name();
        let of_file = |file: &TableFile| file.nulls[file.schema.index_of(name).ok()?];
        let from_files: Option<u64> = self.files.iter().map(of_file).sum();
        from_files.or_else(|| {
            // What was appended to has values that its last run did not count.
            let facts = self.manifest.as_ref()?.columns.get(column)?;
            let all = facts.values == self.sum(|file| file.rows);
            (all && facts.name == *self.first().schema.field(column).name()).then_some(facts.nulls)
        })
    }
}

/// Prints what is there, and then what cannot be read.
pub(super) fn execute(arguments: &Arguments, printer: &Printer) -> Exit {
    let path = arguments.path.clone().unwrap_or_else(|| PathBuf::from(".tmdb-etl"));
    let rows = |default| usize::try_from(arguments.rows.unwrap_or(default)).expect("at most ROWS_MAX");
    if arguments.runs {
        return list_runs(&path, rows(RUNS), arguments.output, printer);
    }
    let (tables, problems) = inspect(&path, rows(ROWS));
    let exit = problems.iter().map(|problem| problem.verdict().exit).next().unwrap_or(Exit::Complete);
    match arguments.output {
        Output::Text => {
            let width = width();
            let texts: Vec<String> =
                tables.iter().map(|table| inspect_text::text(table, arguments.history, width)).collect();
            printer.data(&texts.join("\n"));
        }
        Output::Json => {
            let object = json!({
                "status": exit.status(),
                "tables": tables.iter().map(object).collect::<Vec<_>>(),
                "error": problems.first().map(error),
            });
            printer.data(&format!("{object}\n"));
        }
    }
    for problem in &problems {
        printer.talk(&problem.render(printer.is_coloured()));
    }
    exit
}

/// Prints what the last runs did, and then which records cannot be read.
fn list_runs(state: &Path, most: usize, output: Output, printer: &Printer) -> Exit {
    let mut problems: Vec<Problem> = Vec::new();
    let mut records = Vec::new();
    for path in runs::records(state).iter().take(most) {
        match runs::read(path) {
            Ok(record) => records.push(record),
            Err(error) => problems.push(error.into()),
        }
    }
    if records.is_empty() && problems.is_empty() {
        problems.push(RunsError::None { state: state.to_owned() }.into());
    }
    let exit = problems.iter().map(|problem| problem.verdict().exit).next().unwrap_or(Exit::Complete);
    match output {
        Output::Text => printer.data(&runs_text::text(&records, width())),
        Output::Json => {
            let object = json!({
                "status": exit.status(),
                "runs": records.iter().map(runs_text::row).collect::<Vec<_>>(),
                "error": problems.first().map(error),
            });
            printer.data(&format!("{object}\n"));
        }
    }
    for problem in &problems {
        printer.talk(&problem.render(printer.is_coloured()));
    }
    exit
}

/// Every table that can be read, and a problem for every other.
fn inspect(path: &Path, rows: usize) -> (Vec<Inspected>, Vec<Problem>) {
    let mut problems = Vec::new();
    let delta = match delta_files(path) {
        Ok(files) => files,
        Err(error) => return (Vec::new(), vec![error.into()]),
    };
    let is_delta = delta.is_some();
    let found = match delta {
        Some(files) => Ok(files),
        None => is_folder(path).and_then(|folder| {
            if folder { look_through(path).map(|found| found.tables) } else { Ok(vec![path.to_owned()]) }
        }),
    };
    let paths = match found {
        Ok(paths) => paths,
        Err(error) => return (Vec::new(), vec![error.into()]),
    };
    let mut files = Vec::new();
    for path in paths {
        match read_table(&path) {
            Ok(file) => files.push(file),
            Err(error) => problems.push(error.into()),
        }
    }
    let mut tables = if is_delta { delta_table(path, files) } else { tables(path, files) };
    for table in &mut tables {
        let bytes = table.sum(|file| file.bytes);
        table.manifest = shown_manifest(&table.path, bytes);
        for file in &table.files {
            match first_rows(file, rows - table.rows.len()) {
                Ok(more) => {
                    let first = table.files[0].schema.fields();
                    table.rows.extend(more.into_iter().map(|row| aligned(row, &file.schema, first)));
                }
                Err(error) => {
                    problems.push(error.into());
                    break;
                }
            }
        }
    }
    (tables, problems)
}

/// The files of a Delta table as one table; nothing if none of them can be read. Columns that came later are in some of them
/// only, so the file with the most stands for all.
fn delta_table(path: &Path, mut files: Vec<TableFile>) -> Vec<Inspected> {
    files.sort_by_key(|file| std::cmp::Reverse(file.schema.fields().len()));
    if files.is_empty() {
        return Vec::new();
    }
    vec![Inspected { path: path.to_owned(), is_delta: true, files, manifest: None, rows: Vec::new() }]
}

/// A row of a file in the order of `columns`, with nulls for those that the file lacks.
fn aligned(row: Vec<Value>, file: &Schema, columns: &Fields) -> Vec<Value> {
    if file.fields() == columns {
        return row;
    }
    let value = |column: &FieldRef| {
        let place = file.index_of(column.name()).ok();
        place.and_then(|place| row.get(place)).cloned().unwrap_or_default()
    };
    columns.iter().map(value).collect()
}

/// Files as tables: each its own, but for a folder of parts whose columns go together; the file that has all of them stands first.
fn tables(path: &Path, mut files: Vec<TableFile>) -> Vec<Inspected> {
    let table =
        |path: PathBuf, files| Inspected { path, is_delta: false, files, manifest: None, rows: Vec::new() };
    let ours = || known_manifest(path).is_some_and(|manifest| manifest.generation.is_some());
    let parts =
        (files.len() > 1 || (files.len() == 1 && ours())) && files.iter().all(|file| is_part(&file.path));
    if parts && let Some(all) = widest(&files) {
        files[..=all].rotate_right(1);
        return vec![table(path.to_owned(), files)];
    }
    files.into_iter().map(|file| table(file.path.clone(), vec![file])).collect()
}

/// The names that Spark, Polars, pyarrow and DuckDB give to the files of one table.
fn is_part(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    ["part-", "part_", "data_"].iter().any(|start| name.starts_with(start))
        || name.starts_with(|first: char| first.is_ascii_digit())
}

fn object(table: &Inspected) -> Value {
    let file = table.first();
    let columns = file.schema.fields().iter().enumerate().map(|(index, field)| {
        json!({
            "name": field.name(),
            "type": type_words(field),
            "arrow_type": field.data_type().to_string(),
            "nullable": field.is_nullable(),
            "nulls": table.nulls(index),
        })
    });
    let metadata = file.metadata.iter().map(|(key, value)| (key.clone(), value.clone().into()));
    let names = || file.schema.fields().iter().map(|field| field.name().clone());
    let rows = table.rows.iter().map(|row| Value::Object(names().zip(row.iter().cloned()).collect()));
    json!({
        "path": table.path.to_string_lossy(),
        "format": if table.is_delta { "delta" } else { file.format.name() },
        "compression": table.codecs(),
        "rows": table.sum(|file| file.rows),
        "bytes": table.sum(|file| file.bytes),
        "groups": table.sum(|file| file.groups),
        "files": table.files.iter().map(|file| file.path.to_string_lossy()).collect::<Vec<_>>(),
        "columns": columns.collect::<Vec<_>>(),
        "written_by": file.written_by,
        "metadata": metadata.collect::<Map<_, _>>(),
        "manifest": table.manifest,
        "first_rows": rows.collect::<Vec<_>>(),
    })
}

fn error(problem: &Problem) -> Value {
    let verdict = problem.verdict();
    let hint = (!verdict.hints.is_empty()).then(|| verdict.hints.join("; "));
    json!({ "code": verdict.code, "message": problem.message(), "hint": hint })
}

/// The width of the terminal on stdout, or what `COLUMNS` says.
fn width() -> usize {
    let terminal = io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
    let said = || std::env::var("COLUMNS").ok()?.parse().ok();
    terminal.map(|(width, _)| usize::from(width.0)).or_else(said).unwrap_or(WIDTH)
}

/// What to do about a table that cannot be read.
pub(super) fn hint(error: &ReadError) -> String {
    match error {
        ReadError::Store(error) => of_sink(error).hints.join("; "),
        ReadError::Missing { path } if StoreUrl::is_meant(path) => {
            "name one object, as in `s3://bucket/films.parquet`, or a Delta table".to_owned()
        }
        ReadError::Missing { .. } => "relative paths start in the working directory".to_owned(),
        ReadError::Refused { .. } => "look at its permissions, and at the disk that it is on".to_owned(),
        ReadError::NotATable { what, .. } if what.contains("stream") => {
            "write it with `pyarrow.ipc.new_file` or Polars' `write_ipc`".to_owned()
        }
        ReadError::NotAFile { .. } | ReadError::NotATable { .. } => {
            "give it a `.parquet` or `.arrow` file, or a folder of them".to_owned()
        }
        ReadError::Empty { .. } | ReadError::CutOff { .. } => {
            "whoever wrote or copied it did not finish: do that again".to_owned()
        }
        ReadError::Damaged { .. } => {
            "if another program reads it, it needs what this one lacks; else write it again".to_owned()
        }
        ReadError::NoTables { folders, .. } if folders.is_empty() => {
            "tables end in `.parquet`, `.arrow`, `.feather` or `.ipc`".to_owned()
        }
        ReadError::NoTables { folders, .. } => {
            let shown: Vec<String> =
                folders.iter().take(5).map(|folder| format!("`{}`", folder.display())).collect();
            let more = if folders.len() > 5 { " or another" } else { "" };
            format!("look into {}{more}", shown.join(", "))
        }
        ReadError::TooManyFiles { .. } => "name one of its files".to_owned(),
        ReadError::NoRows { .. } => {
            "its last load left none; `_delta_log` has the versions before".to_owned()
        }
    }
}
