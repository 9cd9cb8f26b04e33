//! The small grammars inside scalars, as regular expressions of ECMA-262 for the schema. What reads them is
//! `decode::grammar` and its neighbours; that both take the same is a test of `schema`.

/// A grammar of text.
#[derive(Debug)]
pub(in super::super) struct Pattern {
    /// Matches the whole text; `^` and `$` are put around it.
    pub(in super::super) regex: &'static str,
    /// What it looks like, for people; may be empty.
    pub(in super::super) says: &'static str,
}

const fn pattern(regex: &'static str, says: &'static str) -> Pattern {
    Pattern { regex, says }
}

/// `${env:NAME}` and `${env:NAME:-default}` anywhere in a text.
pub(in super::super) const VARIABLE: &str = r"\$\{env:[A-Za-z_][A-Za-z0-9_]*(?::-[^}]*)?\}";

pub(super) static PIPELINE_NAME: Pattern =
    pattern("[a-z0-9_-]{1,64}", "Small letters, digits, `_` and `-`, at most 64.");
pub(super) static STAGE_NAME: Pattern =
    pattern("[a-z][a-z0-9_]{0,63}", "Small letters, digits and `_`, a letter in front, at most 64.");
pub(super) static PORT: Pattern = pattern(
    r"[a-z][a-z0-9_]{0,63}(?:\.(?:found|failed|missing))?",
    "`STAGE`, `STAGE.found`, `STAGE.failed` or `STAGE.missing`.",
);
pub(in super::super) static IDENTIFIER: Pattern =
    pattern("[A-Za-z_][A-Za-z0-9_]*", "Letters, digits and `_`, not a digit in front.");
/// Blank text names nothing, and neither does a line break.
pub(super) static COLUMN_NAME: Pattern = pattern(
    r"(?=[\s\S]*\S)[^\u0000-\u001f\u007f-\u009f]{1,128}",
    "At most 128 bytes, no control characters.",
);
pub(super) static QUERY_NAME: Pattern = pattern(r"[^\s\u0000-\u001f\u007f-\u009f]+", "Without spaces.");
pub(super) static BASE_URL: Pattern = pattern(
    r"\s*[Hh][Tt][Tt][Pp][Ss]?:[^?#]+",
    "A whole `https://` address without a query; plain `http://` for this machine only.",
);
pub(super) static LANGUAGE: Pattern =
    pattern("(?=.{2,12}$)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*", "A tag such as `en-US`, `de` or `no`.");
pub(super) static RATE: Pattern = pattern(
    r"\s*[0-9]+(?:\.[0-9]*)?\s*/\s*(?:s|sec|second|m|min|minute|h|hour)\s*",
    "A number and a unit of time: `40/s`, `100/m` or `1000/h`.",
);
pub(in super::super) static DURATION: Pattern =
    pattern(r"\s*[0-9]+\s*(?:ms|s|m|min|h|d)\s*", "A whole number and its unit: `ms`, `s`, `m`, `h` or `d`.");
pub(super) static PERCENT: Pattern =
    pattern(r"\s*0*(?:100(?:\.0*)?|[0-9]{1,2}(?:\.[0-9]*)?)\s*%\s*", "A percentage from `0%` to `100%`.");
pub(super) static SHARE: Pattern = pattern(
    r"\s*(?!0*(?:\.0*)?\s*%)0*(?:100(?:\.0*)?|[0-9]{1,2}(?:\.[0-9]*)?)\s*%\s*",
    "A percentage above `0%`, up to `100%`.",
);
pub(super) static RANGE: Pattern = pattern(
    r"\s*[0-9]+\s*\.\.\s*[0-9]+\s*",
    "Two whole numbers with `..` between them; both ends are in it.",
);
pub(super) static PATH: Pattern = pattern(
    r"(?:/(?:[^/?#\\{}\s\u0000-\u001f\u007f-\u009f]|\{(?:\$params\.)?[A-Za-z_][A-Za-z0-9_]*\})+)+",
    "Starts with `/`, below the base URL; `{field}` is filled from the item, `{$params.NAME}` from a param.",
);
pub(super) static SEED_PATH: Pattern = pattern(
    r"(?:/(?:[^/?#\\{}\s\u0000-\u001f\u007f-\u009f]|\{\$params\.[A-Za-z_][A-Za-z0-9_]*\})+)+",
    "Starts with `/`, below the base URL; without `{field}`, as there is no item yet.",
);
pub(super) static DAY: Pattern =
    pattern(r"\s*[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])\s*", "A day such as `2026-11-24`.");
/// The whole of a text that is a param.
pub(super) static PARAM: Pattern = pattern(r"\s*\$params\.[A-Za-z_][A-Za-z0-9_]*\s*", "`$params.NAME`.");
pub(super) static APPEND_NAME: Pattern = pattern("[A-Za-z0-9_/-]+", "The name of a sub-request.");
pub(super) static OUTPUT_PATH: Pattern = pattern(
    r"(?:s3|gs|az)://[A-Za-z0-9._-]+/[^?#%*\u0000-\u001f\u007f-\u009f]*[^?#%*/\u0000-\u001f\u007f-\u009f]/*|(?![\s\S]*://)(?=[\s\S]*\S)[^\u0000-\u001f\u007f-\u009f]*[^./\u0000-\u001f\u007f-\u009f]/*",
    "A file with an ending, or a folder, relative to the working directory or to `--out`; or a file in an object store, as in \
     `s3://bucket/films.parquet`; or a Delta table there, as in `s3://bucket/films`.",
);
pub(super) static SIZE: Pattern =
    pattern(r"\s*[0-9]+\s*(?:KiB|MiB|GiB)\s*", "A whole number and its unit: `KiB`, `MiB` or `GiB`.");
pub(super) static FILE_PATH: Pattern = pattern(
    r"(?![\s\S]*://)(?=[\s\S]*\S)[^\u0000-\u001f\u007f-\u009f]*[^/\u0000-\u001f\u007f-\u009f]",
    "The name of a file on this machine.",
);
pub(super) static NAMED_FILE: Pattern = pattern(
    r"(?![\s\S]*://)[^\u0000-\u001f\u007f-\u009f]*\.(?:[cCtT][sS][vV]|[jJ][sS][oO][nN][lL]?|[nN][dD][jJ][sS][oO][nN]|[pP][aA][rR][qQ][uU][eE][tT]|[pP][qQ])(?:\.[gG][zZ])?",
    "The name of a `.csv`, `.tsv`, `.jsonl` or `.parquet` file, also with `.gz`.",
);
