//! `file` of a seed: which file, how it is written, which of its columns are ids.
//!
//! Does not belong here: whether there is such a file; that is seen when a run starts.

use std::path::PathBuf;

use super::super::fault::{Faults, clip};
use super::super::language;
use super::super::model::{FileFormat, Located, SeedFile};
use super::super::tree::{Entry, NodeValue};
use super::expect;
use super::fields::{Fields, Keys};

static KEYS: Keys = Keys {
    elsewhere: &[
        ("where", "it belongs to the seed, beside `file`"),
        ("columns", "`column` names one; without it every row is an item with all of its fields"),
        ("header", "the first line of a csv file names its columns"),
        ("delimiter", "csv files have commas, and `format: tsv` has tabs"),
        ("compression", "a file that is compressed by gzip is known by its first bytes"),
    ],
    ..Keys::of(&language::FILE)
};

/// What a path may end in, before a `.gz`.
const ENDINGS: [(&str, FileFormat); 7] = [
    ("csv", FileFormat::Csv),
    ("tsv", FileFormat::Tsv),
    ("jsonl", FileFormat::Jsonl),
    ("ndjson", FileFormat::Jsonl),
    // TMDB's own daily exports have a value on each line and are called so.
    ("json", FileFormat::Jsonl),
    ("parquet", FileFormat::Parquet),
    ("pq", FileFormat::Parquet),
];

/// Reads `file: {path, column, format}`. `file: ids.csv` is short for `file: {path: ids.csv}`: there is only one
/// thing that it can mean, and it is what everybody writes first.
pub(super) fn decode(entry: &Entry, faults: &mut Faults) -> Option<SeedFile> {
    if let NodeValue::Scalar(scalar) = &entry.value.value {
        if scalar.broken {
            return None;
        }
        let path = path(entry, faults)?;
        return whole(path, None, None, faults);
    }
    if let NodeValue::List(_) = &entry.value.value {
        expect::wrong("file", &entry.value, "one file", faults)
            .help("make a seed of each: a stage reads several by `from: [a, b]`");
        return None;
    }
    let fields = Fields::open("file", &entry.value, entry.key_span, &KEYS, faults)?;
    let column = fields.get("column").map(|entry| column(entry, faults));
    let format = fields.get("format").map(|entry| expect::choice(entry, &FileFormat::ALL, faults));
    let path = fields.require("path", faults).and_then(|entry| path(entry, faults))?;
    let (column, format) = (column.map_or(Some(None), |column| column.map(Some))?, format);
    match format {
        // What it is instead was told.
        Some(None) => None,
        Some(Some(format)) => whole(path, column, Some(format), faults),
        None => whole(path, column, None, faults),
    }
}

fn whole(
    path: Located<PathBuf>,
    column: Option<Located<String>>,
    format: Option<FileFormat>,
    faults: &mut Faults,
) -> Option<SeedFile> {
    let format = format.or_else(|| by_ending(&path.value.to_string_lossy()));
    let Some(format) = format else {
        let shown = clip(&path.value.display().to_string());
        faults.error("unknown-format", path.span, format!("nothing says how `{shown}` is written")).help(
            "say it by `format: csv`, `tsv`, `jsonl` or `parquet`; a list of bare numbers is jsonl too",
        );
        return None;
    };
    Some(SeedFile { path, column, format })
}

fn by_ending(path: &str) -> Option<FileFormat> {
    let path = path.to_ascii_lowercase();
    let path = path.strip_suffix(".gz").unwrap_or(&path);
    let ending = path.rsplit_once('.')?.1;
    ENDINGS.iter().find(|(known, _)| *known == ending).map(|&(_, format)| format)
}

fn path(entry: &Entry, faults: &mut Faults) -> Option<Located<PathBuf>> {
    let text = expect::text(&entry.key, &entry.value, faults)?;
    if text.value.trim().is_empty() || text.value.contains(char::is_control) || text.value.ends_with('/') {
        faults
            .error("bad-path", text.span, format!("`{}` takes the name of a file", entry.key))
            .help("as in `ids.csv`; a seed reads one file");
        return None;
    }
    if text.value.contains("://") {
        faults
            .error("bad-path", text.span, "the file of a seed is on this machine")
            .help("download it first, and name the path that it has then");
        return None;
    }
    Some(text.map(PathBuf::from))
}

fn column(entry: &Entry, faults: &mut Faults) -> Option<Located<String>> {
    if let NodeValue::List(_) = entry.value.value {
        expect::wrong("column", &entry.value, "the name of one column", faults)
            .help("leave it out: then every row is an item with all of its columns");
        return None;
    }
    let text = expect::text("column", &entry.value, faults)?;
    Some(text.map(|name| name.trim().to_owned()))
}
