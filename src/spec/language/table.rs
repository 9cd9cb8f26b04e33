//! The keys of a project stage: columns, and the file that they rest in.

use super::limits::{COLUMNS_MAX, KEY_COLUMNS_MAX, PARTITION_COLUMNS_MAX, SORT_COLUMNS_MAX};
use super::stages::{BUFFER, FROM};
use super::{Key, List, Names, Object, Takes, pattern};

pub(in super::super) static PROJECT: Object = Object::new(
    "project",
    "a project stage",
    "Writes a table: one row for each document, or for each output of `rows`.",
    &[
        Key::new("kind", Takes::Exactly("project"), "Documents or a port in, a table out.").required(),
        FROM.about(
            "What it reads: a fetch, expand or filter above, a port (`.found`, `.failed`, `.missing`), or a list of them, one \
             after the other. Without it the nearest fetch, expand or filter.",
        ),
        Key::new(
            "order",
            Takes::Choice(&[
                ("input", "The order of the seeds and of what was found: the same rows in the same order every time."),
                ("arrival", "As answers come."),
            ]),
            "The order of the rows.",
        )
        .default("input"),
        Key::new(
            "rows",
            Takes::Expression,
            "One row for each output of this expression (jq) on the document, which columns still reach as `$doc`. Without \
             it one row for each document.",
        )
        .examples(&[".credits.cast[]"]),
        Key::new(
            "columns",
            Takes::Names(&Names {
                name: Some(&pattern::COLUMN_NAME),
                never: &[],
                value: Takes::Either(&[Takes::ColumnType, Takes::Object(&COLUMN)]),
                otherwise: Some(Takes::Object(&NAMED_COLUMN)),
                least: 1,
                most: Some(COLUMNS_MAX),
            }),
            "The columns by name, in order: a type, which reads the field of the column's name, or a mapping with \
             `type` and `value`.",
        )
        .examples(&[r#"{"id": "int64", "genres": {"type": "list<string>", "value": "[.genres[].name]"}}"#])
        .required(),
        Key::new("output", Takes::Object(&OUTPUT), "Where the table goes.")
            .examples(&[r#"{"path": "out/films.parquet"}"#])
            .required(),
        BUFFER,
    ],
);

pub(in super::super) static COLUMN: Object = Object::new(
    "column",
    "a column",
    "A column: its type, and where its value comes from.",
    &[TYPE, VALUE, REQUIRED, ON_MISMATCH],
);

/// A column whose name is no path of jq.
static NAMED_COLUMN: Object = Object::new(
    "named_column",
    "a column",
    "A column whose name is no field of jq, so that it must say where its value comes from.",
    &[TYPE, VALUE.required(), REQUIRED, ON_MISMATCH],
);

const TYPE: Key = Key::new(
    "type",
    Takes::ColumnType,
    "The type of the column: one of `bool`, `int32`, `int64`, `float64`, `string`, `date`, `timestamp`, `json` (any value \
     as text), or nested: `list<T>`, `struct<name: T, …>`, and these inside one another. A struct takes the fields of \
     its names out of an object. Quote it, as YAML reads `: ` itself. A value that does not fit is a mismatch.",
)
.examples(&["int64", "list<string>", "struct<id: int64, name: string>", "list<struct<id: int64, name: string>>"])
.required();

const VALUE: Key = Key::new(
    "value",
    Takes::Expression,
    "What the column holds (jq), e.g. `$doc.id`, `$item.id`, `$parent.id`, `$params.NAME` or `$meta.depth`. Without it the \
     field of the column's name.",
)
.examples(&[".belongs_to_collection.name", "$meta.depth"]);

const REQUIRED: Key =
    Key::new("required", Takes::Boolean, "Whether a null here drops the row, which is counted.")
        .default("false");

const ON_MISMATCH: Key = Key::new(
    "on_mismatch",
    Takes::Choice(&[
        ("null", "The column is null in that row."),
        ("drop", "The row is dropped."),
        ("fail", "The run fails."),
    ]),
    "What becomes of a value that does not fit the type; each is counted.",
)
.default("null");

pub(in super::super) static OUTPUT: Object = Object::new(
    "output",
    "`output`",
    "Where a table goes.",
    &[
        Key::new(
            "path",
            Takes::Text(&pattern::OUTPUT_PATH),
            "One file, if the path has an ending (`.parquet`; `.arrow`, `.feather`, `.ipc`); else a folder of files, and readers \
             open the folder. Either is replaced as a whole when the run is complete; the folders on the way are made. Also one \
             file, or a Delta table, in an object store (`s3://`, `gs://`, `az://`), in a build with `--features cloud`.",
        )
        .examples(&["out/films.parquet", "out/films.arrow", "out/films", "s3://bucket/films.parquet"])
        .required(),
        Key::new(
            "format",
            Takes::Choice(&[
                ("parquet", "Apache Parquet."),
                ("arrow", "An Arrow IPC file."),
                (
                    "delta",
                    "A Delta table: a folder of Parquet files with a log, also in an object store. Needs a program that was built \
                     with `--features delta`, there `--features cloud,delta`.",
                ),
            ]),
            "What the files are; needed only where the path's ending (`.parquet`; `.arrow`, `.feather`, `.ipc`) does not say it, \
             and for a Delta table. A folder without it is one of Parquet files.",
        ),
        Key::new(
            "mode",
            Takes::Choice(&[
                ("overwrite", "The rows of this run take the place of those that are there."),
                ("append", "The rows of this run are added, once for each run; in a folder only."),
                (
                    "upsert",
                    "Each row of this run takes the place of the one with the same `key`, or is added; in a Delta table only.",
                ),
            ]),
            "What becomes of the rows that the table has.",
        )
        .default("overwrite"),
        Key::new(
            "key",
            Takes::Either(&[
                Takes::Text(&pattern::COLUMN_NAME),
                Takes::List(&List {
                    of: Takes::Text(&pattern::COLUMN_NAME),
                    least: 1,
                    most: Some(KEY_COLUMNS_MAX),
                    distinct: true,
                }),
            ]),
            "The column, or the columns, that tell the rows of `mode: upsert` apart: `required`, and of type bool, int32, int64, \
             string, date or timestamp. Of a table with `rows`, those that read the document (`$doc.id`, `$item.id`) say which rows \
             belong together: all that an earlier run had of a document are replaced by those that this one found.",
        )
        .examples(&[r#""id""#, r#"["movie_id", "credit_id"]"#]),
        Key::new(
            "gone",
            Takes::Either(&[
                Takes::Choice(&[
                    ("keep", "They stay."),
                    ("delete", "They are deleted."),
                ]),
                Takes::Object(&GONE),
            ]),
            "What `mode: upsert` does with the rows of an item that answered with 404, or that a list of changes calls gone. A run \
             with `--limit` leaves them as they are.",
        )
        .default("keep")
        .examples(&[r#""delete""#, r#"{"set": "deleted_at"}"#]),
        Key::new(
            "partition_by",
            Takes::Either(&[
                Takes::Text(&pattern::COLUMN_NAME),
                Takes::List(&List {
                    of: Takes::Text(&pattern::COLUMN_NAME),
                    least: 1,
                    most: Some(PARTITION_COLUMNS_MAX),
                    distinct: true,
                }),
            ]),
            "A column, or several, whose values name folders as Hive does (`year=1999/`), so that readers open only those that they \
             need; the column is then in the names and not in the files. Of type bool, int32, int64, date or string; at most \
             10,000 folders. In a folder only.",
        )
        .examples(&[r#"["year"]"#, r#"["language", "year"]"#]),
        Key::new(
            "sort_by",
            Takes::Either(&[
                Takes::Text(&pattern::COLUMN_NAME),
                Takes::List(&List {
                    of: Takes::Either(&[Takes::Text(&pattern::COLUMN_NAME), Takes::Object(&SORT_KEY)]),
                    least: 1,
                    most: Some(SORT_COLUMNS_MAX),
                    distinct: false,
                }),
            ]),
            "The order of the rows, or of those of each folder: a column, or several, each with `descending` where it is meant. Nulls \
             come last; rows that are equal keep the order of the run. Sorted on disk, so any number of rows fits into memory.",
        )
        .examples(&[r#"["title"]"#, r#"[{"column": "popularity", "descending": true}, "id"]"#]),
        Key::new(
            "target_file_size",
            Takes::Text(&pattern::SIZE),
            "How large a file of a folder grows, from `1MiB` to `4GiB`: it ends after the 1,024 rows with which it reaches this \
             size, so that the same rows always make the same files.",
        )
        .default("128MiB")
        .examples(&["64MiB", "1GiB"]),
        Key::new(
            "compression",
            Takes::Choice(&[
                ("zstd", "Zstandard, level 1."),
                ("snappy", "Snappy, in Parquet only, for readers without Zstandard."),
                ("lz4", "LZ4, in Arrow only."),
                ("none", "None; an Arrow file can then be mapped into memory."),
            ]),
            "The codec of the data: without it `zstd` in Parquet and `none` in Arrow.",
        ),
    ],
);

/// `gone` where rows are marked.
pub(in super::super) static GONE: Object = Object::new(
    "gone",
    "`gone`",
    "Marks the rows of items that are no more.",
    &[Key::new(
        "set",
        Takes::Text(&pattern::COLUMN_NAME),
        "The column, a `timestamp` that is not `required`, that gets the time at which it was found out; null for rows that \
         are there.",
    )
    .examples(&["deleted_at"])
    .required()],
);

/// An entry of `sort_by`.
pub(in super::super) static SORT_KEY: Object = Object::new(
    "sort_key",
    "an entry of `sort_by`",
    "A column that rows are sorted by.",
    &[
        Key::new("column", Takes::Text(&pattern::COLUMN_NAME), "The column.")
            .examples(&["popularity"])
            .required(),
        Key::new("descending", Takes::Boolean, "From the greatest to the least.").default("false"),
    ],
);
