//! Lists of items that stand elsewhere than in the pipeline file: files, and the exports and changes of TMDB.
//!
//! Belongs here: their words. Does not belong here: how a list is read (`crate::run`).

use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::Date;

use super::model::Located;

/// `file` of a seed.
#[derive(Clone, Debug)]
pub struct SeedFile {
    /// `path`, relative to the working directory.
    pub path: Located<PathBuf>,
    /// `column`: whose values become ids, `{id: value}`; without it every row is an item with all of its fields.
    pub column: Option<Located<String>>,
    /// `format`, or what the path ends in.
    pub format: FileFormat,
}

/// How a file of items is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Comma-separated, with a header (RFC 4180).
    Csv,
    /// The same, separated by tabs.
    Tsv,
    /// A JSON value on each line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

impl FileFormat {
    /// Each with its word.
    pub const ALL: [(&str, Self); 4] =
        [("csv", Self::Csv), ("tsv", Self::Tsv), ("jsonl", Self::Jsonl), ("parquet", Self::Parquet)];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, format)| *format == self).expect("every format has a word").0
    }
}

/// A list of TMDB's daily export of ids (<https://developer.themoviedb.org/docs/daily-id-exports>), by the word
/// in its file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the list of its name")]
pub enum ExportKind {
    Movie,
    TvSeries,
    Person,
    Collection,
    TvNetwork,
    Keyword,
    ProductionCompany,
}

/// `export` of a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedExport {
    /// `kind`.
    pub kind: ExportKind,
    /// `date`: the day of the file; without it the latest there is.
    pub date: Option<Date>,
    /// `order`. Default `file`.
    pub order: ExportOrder,
    /// `limit`: the first so many, in that order, of those for which `where` holds.
    pub limit: Option<u64>,
}

/// In which order the lines of an export come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportOrder {
    /// As they stand in the file.
    #[default]
    File,
    /// Most popular first.
    Popularity,
}

impl ExportOrder {
    /// Each with its word.
    pub const ALL: [(&str, Self); 2] = [("file", Self::File), ("popularity", Self::Popularity)];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, order)| *order == self).expect("every order has a word").0
    }
}

impl ExportKind {
    /// Whether its lines say how popular each is.
    pub fn has_popularity(self) -> bool {
        matches!(self, Self::Movie | Self::TvSeries | Self::Person)
    }

    /// Each with its word.
    pub const ALL: [(&str, Self); 7] = [
        ("movie", Self::Movie),
        ("tv_series", Self::TvSeries),
        ("person", Self::Person),
        ("collection", Self::Collection),
        ("tv_network", Self::TvNetwork),
        ("keyword", Self::Keyword),
        ("production_company", Self::ProductionCompany),
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).expect("every list has a word").0
    }
}

/// A list of changes, by its word in the path `/{word}/changes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the list of its name")]
pub enum ChangesKind {
    Movie,
    Tv,
    Person,
}

impl ChangesKind {
    /// Each with its word.
    pub const ALL: [(&str, Self); 3] = [("movie", Self::Movie), ("tv", Self::Tv), ("person", Self::Person)];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).expect("every list has a word").0
    }
}

impl ChangesKind {
    /// The daily export that lists the same ids.
    pub fn export(self) -> ExportKind {
        match self {
            Self::Movie => ExportKind::Movie,
            Self::Tv => ExportKind::TvSeries,
            Self::Person => ExportKind::Person,
        }
    }
}

/// `changes` of a seed, with its `refresh`.
#[derive(Clone, Debug)]
pub struct SeedChanges {
    /// Which list.
    pub kind: ChangesKind,
    /// `refresh`: what else is fetched again, or for the first time.
    pub refresh: Option<Located<Refresh>>,
}

/// `refresh` of a seed: which ids of the daily export come beside what changed, under a budget for each run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// `older_than`: what was fetched longer ago than this is fetched again, oldest first.
    pub older_than: Duration,
    /// `limit`: items of one run, those that changed among them; these come whatever it says.
    pub limit: u64,
}
