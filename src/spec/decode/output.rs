//! `output` of a project stage: the file that a table becomes.
//!
//! Invariant: what comes out names one file, a format, and a codec that the format has.

use std::path::{Path, PathBuf};

use super::super::fault::{Faults, clip};
use super::super::language;
use super::super::model::{ArrowCodec, Format, Located, Output, ParquetCodec};
use super::super::tree::{Entry, NodeValue};
use super::expect;
use super::fields::{Fields, Keys, not_available_yet};

static OUTPUT: Keys = Keys {
    later: &["mode", "partition_by", "sort_by", "key", "target_file_size", "keep"],
    ..Keys::of(&language::OUTPUT)
};

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
}

impl Word {
    const ALL: [(&'static str, Self); 2] = [("parquet", Self::Parquet), ("arrow", Self::Arrow)];

    fn of_ending(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?;
        ENDINGS.iter().find(|(name, _)| ending.eq_ignore_ascii_case(name)).map(|&(_, word)| word)
    }
}

/// Reads `output`.
pub(super) fn output(entry: &Entry, faults: &mut Faults) -> Option<Output> {
    if let NodeValue::Scalar(scalar) = &entry.value.value
        && !scalar.broken
    {
        expect::wrong("output", &entry.value, "a mapping", faults)
            .help(format!("write `{{path: {}}}`", clip(&scalar.text)));
        return None;
    }
    let fields = Fields::open("output", &entry.value, entry.key_span, &OUTPUT, faults)?;
    let said = fields.get("format").map(|entry| (entry, word(entry, faults)));
    let path = fields.require("path", faults).and_then(|entry| path(entry, said.is_some(), faults));
    let ending = path.as_ref().and_then(|path| Word::of_ending(&path.value));
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
        None => ending,
    };
    let compression = fields.get("compression");
    let format = match word {
        Some(Word::Parquet) => {
            codec("a Parquet file", compression, &PARQUET_CODECS, faults).map(Format::Parquet)
        }
        Some(Word::Arrow) => codec("an Arrow file", compression, &ARROW_CODECS, faults).map(Format::Arrow),
        None => {
            // Without a format there is no telling which codecs it has, only what is a codec at all.
            compression.and_then(|entry| expect::choice(entry, &CODECS.map(|word| (word, ())), faults));
            None
        }
    };
    Some(Output { path: path?, format: format? })
}

fn word(entry: &Entry, faults: &mut Faults) -> Option<Word> {
    if matches!(&entry.value.value, NodeValue::Scalar(scalar) if scalar.text == "delta") {
        not_available_yet("`format: delta`", entry.value.span, faults);
        return None;
    }
    expect::choice(entry, &Word::ALL, faults)
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

/// A path that names one file; `said` if `format` stands beside it, so that any ending will do.
fn path(entry: &Entry, said: bool, faults: &mut Faults) -> Option<Located<PathBuf>> {
    let text = expect::text("path", &entry.value, faults)?;
    let span = text.span;
    let path = PathBuf::from(&text.value);
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    if text.value.trim().is_empty() || text.value.contains(char::is_control) {
        faults.error("bad-output", span, "`path` takes the name of a file").help("as in `out/films.parquet`");
    } else if text.value.contains("://") {
        faults
            .error("not-available-yet", span, "an object store as `output` is not available yet")
            .help("write a local file, as in `out/films.parquet`, and copy it there");
    } else if ending.is_empty() || text.value.ends_with('/') {
        let name = text.value.trim_end_matches(['/', '.']);
        faults.error("not-available-yet", span, "a folder as `output` is not available yet").help(format!(
            "write one file, as in `{}.parquet`",
            clip(if name.is_empty() { "out/films" } else { name })
        ));
    } else if said || Word::of_ending(&path).is_some() {
        return Some(Located::new(path, span));
    } else {
        faults
            .error("bad-output", span, format!("the ending `.{}` says no format", clip(ending)))
            .help("write a `.parquet` or an `.arrow` file, or say it: `format: parquet`");
    }
    None
}
