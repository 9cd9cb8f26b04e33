//! `output` of a project stage: the file or the folder that a table becomes.
//!
//! Invariant: what comes out names one place, a format, and a codec that the format has; what only folders can have is
//! said of a folder.

use std::path::{Path, PathBuf};

use super::super::fault::{Faults, clip};
use super::super::language;
use super::super::language::{FILE_BYTES, FILE_BYTES_MAX, FILE_BYTES_MIN};
use super::super::model::{
    ArrowCodec, Column, DeltaLayout, FolderLayout, Format, Layout, Located, Mode, Output, ParquetCodec,
};
use super::super::store_url::StoreUrl;
use super::super::tree::{Entry, NodeValue};
use super::fields::{Fields, Keys};
use super::{expect, order, settings, upsert};

static OUTPUT: Keys = Keys { later: &["keep"], ..Keys::of(&language::OUTPUT) };

/// Endings of paths that say the format. A Feather file of version 2 is an Arrow file.
const ENDINGS: [(&str, Word); 4] =
    [("parquet", Word::Parquet), ("arrow", Word::Arrow), ("feather", Word::Arrow), ("ipc", Word::Arrow)];

const PARQUET_CODECS: [(&str, ParquetCodec); 3] =
    [("zstd", ParquetCodec::Zstd), ("snappy", ParquetCodec::Snappy), ("none", ParquetCodec::None)];

const ARROW_CODECS: [(&str, ArrowCodec); 3] =
    [("none", ArrowCodec::None), ("zstd", ArrowCodec::Zstd), ("lz4", ArrowCodec::Lz4)];

/// The codecs of all formats.
const CODECS: [&str; 4] = ["zstd", "snappy", "lz4", "none"];

/// What `format` or an ending says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Parquet,
    Arrow,
    Delta,
}

impl Word {
    const ALL: [(&'static str, Self); 3] =
        [("parquet", Self::Parquet), ("arrow", Self::Arrow), ("delta", Self::Delta)];

    fn of_ending(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?;
        ENDINGS.iter().find(|(name, _)| ending.eq_ignore_ascii_case(name)).map(|&(_, word)| word)
    }
}

/// Reads `output` of a table with these columns; none of them, if they are at fault.
pub(super) fn output(entry: &Entry, columns: &[Column], faults: &mut Faults) -> Option<Output> {
    if let NodeValue::Scalar(scalar) = &entry.value.value
        && !scalar.broken
    {
        expect::wrong("output", &entry.value, "a mapping", faults)
            .help(format!("write `{{path: {}}}`", clip(&scalar.text)));
        return None;
    }
    let fields = Fields::open("output", &entry.value, entry.key_span, &OUTPUT, faults)?;
    let said = fields.get("format").map(|entry| (entry, word(entry, faults)));
    let is_delta = matches!(said, Some((_, Some(Word::Delta))));
    if is_delta {
        upsert::check_names(columns, faults);
    }
    let place = fields.require("path", faults).and_then(|entry| {
        if is_delta { delta_place(entry, faults) } else { place(entry, said.is_some(), faults) }
    });
    let partition_by =
        fields.get("partition_by").and_then(|entry| order::partition_by(entry, columns, faults));
    let sort_by = match fields.get("sort_by") {
        Some(entry) => order::sort_by(entry, columns, faults),
        None => Some(Vec::new()),
    };
    let mode = match fields.get("mode") {
        Some(entry) => expect::choice(entry, &MODES, faults).map(Some),
        None => Some(None),
    };
    // Of a format that is at fault nobody knows which it was to be.
    if mode.flatten() == Some(Mode::Upsert)
        && !is_delta
        && !matches!(said, Some((_, None)))
        && let Some(entry) = fields.get("mode")
    {
        faults
            .error("needs-delta", entry.value.span, "`mode: upsert` needs a Delta table")
            .help("write `format: delta` beside it; `overwrite` and `append` are for any folder");
    }
    let merge = upsert::decode(fields, mode.flatten(), columns, faults);
    let layout = mode.and_then(|mode| layout(fields, mode, partition_by, place.as_ref(), faults));
    let layout = match layout {
        Some(Layout::Folder(folder)) if is_delta => {
            merge.map(|(key, gone)| Layout::Delta(DeltaLayout { folder, key, gone }))
        }
        layout => merge.and(layout).filter(|_| mode.flatten() != Some(Mode::Upsert)),
    };
    let folder = place.as_ref().is_some_and(|(_, folder)| *folder);
    let path = place.map(|(path, _)| path);
    let ending = path.as_ref().filter(|_| !folder).and_then(|path| Word::of_ending(&path.value));
    if let (Some((format, Some(said))), Some(ending), Some(path)) = (said, ending, &path)
        && said != ending
    {
        let name = path.value.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        faults
            .error("bad-output", format.value.span, "`format` is not that of the path's ending")
            .also(path.span, format!("`.{}` says otherwise", clip(name)))
            .help("leave `format` out, or give the file another ending");
        return None;
    }
    let word = match said {
        Some((_, said)) => said,
        None if folder => Some(Word::Parquet),
        None => ending,
    };
    let compression = fields.get("compression");
    let format = match word {
        Some(Word::Parquet | Word::Delta) => {
            codec("a Parquet file", compression, &PARQUET_CODECS, faults).map(Format::Parquet)
        }
        Some(Word::Arrow) => codec("an Arrow file", compression, &ARROW_CODECS, faults).map(Format::Arrow),
        None => {
            // Without a format there is no telling which codecs it has, only what is a codec at all.
            compression.and_then(|entry| expect::choice(entry, &CODECS.map(|word| (word, ())), faults));
            None
        }
    };
    let gone_at = fields.get("gone").map(|entry| entry.value.span);
    let format_at = fields.get("format").map(|entry| entry.value.span);
    Some(Output { path: path?, format: format?, layout: layout?, sort_by: sort_by?, format_at, gone_at })
}

/// How the table lies at its place, which may itself be at fault.
fn layout(
    fields: Fields<'_>,
    mode: Option<Mode>,
    partition_by: Option<Vec<String>>,
    place: Option<&(Located<PathBuf>, bool)>,
    faults: &mut Faults,
) -> Option<Layout> {
    let (size, partitions) = (fields.get("target_file_size"), fields.get("partition_by"));
    let target_file_bytes = match size {
        Some(entry) => settings::size(entry, FILE_BYTES_MIN, FILE_BYTES_MAX, faults)?,
        None => FILE_BYTES,
    };
    if place.is_some_and(|(_, folder)| !folder) {
        let only_there = match mode {
            Some(Mode::Append) => Some("`mode: append`"),
            // Of an upsert is told that it needs a Delta table.
            _ => None,
        };
        let only_folders = only_there
            .zip(fields.get("mode"))
            .into_iter()
            .chain(size.map(|entry| ("`target_file_size`", entry)))
            .chain(partitions.map(|entry| ("`partition_by`", entry)));
        let told = only_folders.map(|(what, entry)| needs_folder(what, entry, place, faults)).count();
        return (told == 0).then_some(Layout::File);
    }
    let partition_by = if partitions.is_some() { partition_by? } else { Vec::new() };
    let mode = mode.unwrap_or_default();
    Some(Layout::Folder(FolderLayout { mode, partition_by, target_file_bytes }))
}

/// Tells that `what` is only for tables that are folders.
fn needs_folder(what: &str, entry: &Entry, place: Option<&(Located<PathBuf>, bool)>, faults: &mut Faults) {
    let fault = faults.error("needs-folder", entry.key_span, format!("{what} needs a folder as `path`"));
    if let Some((path, _)) = place {
        if StoreUrl::is_meant(&path.value) {
            fault
                .also(path.span, "this is one object")
                .help("write a Delta table (`format: delta`), or to a local folder, as in `out/films`");
            return;
        }
        let folder = path.value.with_extension("");
        fault
            .also(path.span, "this is one file")
            .help(format!("write `path: {}`", clip(&folder.to_string_lossy())));
    }
}

const MODES: [(&str, Mode); 3] =
    [("overwrite", Mode::Overwrite), ("append", Mode::Append), ("upsert", Mode::Upsert)];

fn word(entry: &Entry, faults: &mut Faults) -> Option<Word> {
    expect::choice(entry, &Word::ALL, faults)
}

/// The place of a Delta table, which is a folder whatever its name; a name that says another format is a slip.
fn delta_place(entry: &Entry, faults: &mut Faults) -> Option<(Located<PathBuf>, bool)> {
    let path = match &entry.value.value {
        NodeValue::Scalar(scalar) if StoreUrl::is_meant(Path::new(&scalar.text)) => prefix(entry, faults)?,
        _ => place(entry, true, faults)?.0,
    };
    if let Some(word) = Word::of_ending(&path.value) {
        let folder = path.value.with_extension("");
        let file = if word == Word::Arrow { "an Arrow file" } else { "one Parquet file" };
        faults
            .error("bad-output", path.span, format!("this names {file}, and a Delta table is a folder"))
            .help(format!("write `path: {}`", clip(&folder.to_string_lossy())));
        return None;
    }
    Some((path, true))
}

/// The place of a Delta table in an object store: what the names of all its objects begin with.
fn prefix(entry: &Entry, faults: &mut Faults) -> Option<Located<PathBuf>> {
    let text = expect::text("path", &entry.value, faults)?;
    match StoreUrl::parse(text.value.trim_end_matches('/')) {
        Ok(url) => Some(Located::new(url.path(), text.span)),
        Err(fault) => {
            faults.error("bad-output", text.span, clip(&fault.what)).help(fault.help.replace(".parquet", ""));
            None
        }
    }
}

/// The codec that `compression` names, or the default; `None` after a fault.
fn codec<T: Copy + Default>(
    what: &str,
    entry: Option<&Entry>,
    words: &[(&str, T)],
    faults: &mut Faults,
) -> Option<T> {
    let Some(entry) = entry else { return Some(T::default()) };
    if let NodeValue::Scalar(scalar) = &entry.value.value {
        let names: Vec<&str> = words.iter().map(|&(word, _)| word).collect();
        if CODECS.contains(&&*scalar.text) && !names.contains(&&*scalar.text) {
            faults
                .error("unknown-value", entry.value.span, format!("{what} has no codec `{}`", scalar.text))
                .help(format!("its `compression` is one of {}", names.join(", ")));
            return None;
        }
    }
    expect::choice(entry, words, faults)
}

/// The place of a table in an object store, where there is no link that could be swapped, so that it is one object.
fn object(text: &Located<String>, said: bool, faults: &mut Faults) -> Option<(Located<PathBuf>, bool)> {
    let url = match StoreUrl::parse(&text.value) {
        Ok(url) => url,
        Err(fault) => {
            faults.error("bad-output", text.span, clip(&fault.what)).help(fault.help);
            return None;
        }
    };
    let path = url.path();
    if url.key.ends_with('/') || path.extension().is_none() {
        faults
            .error("needs-file", text.span, "a table in an object store is one file, and this names a folder")
            .help(format!(
                "write `path: {}.parquet`; a Delta table (`format: delta`) can be there",
                clip(text.value.trim_end_matches('/'))
            ));
    } else if said || Word::of_ending(&path).is_some() {
        return Some((Located::new(path, text.span), false));
    } else {
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        faults
            .error("bad-output", text.span, format!("the ending `.{}` says no format", clip(&ending)))
            .help("write a `.parquet` or an `.arrow` file, or say it: `format: parquet`");
    }
    None
}

/// The place of a table, and whether it is a folder; `said` if `format` stands beside it, so that any ending will do.
fn place(entry: &Entry, said: bool, faults: &mut Faults) -> Option<(Located<PathBuf>, bool)> {
    let text = expect::text("path", &entry.value, faults)?;
    let span = text.span;
    let path = PathBuf::from(&text.value);
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let name = text.value.trim_end_matches('/');
    if text.value.trim().is_empty() || text.value.contains(char::is_control) {
        faults
            .error("bad-output", span, "`path` takes the name of a file or a folder")
            .help("as in `out/films.parquet` or `out/films`");
    } else if text.value.contains("://") {
        return object(&text, said, faults);
    } else if name.is_empty() || name.ends_with('.') {
        faults
            .error("bad-output", span, "this names neither a file nor a folder of its own")
            .help("as in `out/films.parquet` or `out/films`");
    } else if ending.is_empty() || text.value.ends_with('/') {
        return Some((Located::new(path, span), true));
    } else if said || Word::of_ending(&path).is_some() {
        return Some((Located::new(path, span), false));
    } else {
        faults.error("bad-output", span, format!("the ending `.{}` says no format", clip(ending))).help(
            "write a `.parquet` or an `.arrow` file, or say it: `format: parquet`; a folder has no ending",
        );
    }
    None
}
