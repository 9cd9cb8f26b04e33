//! What is known about a published table: a hidden file beside it, or beside the generation that its link names.
//!
//! Does not belong here: when it is written (`commit`). Nothing in a manifest is in the data file, whose
//! bytes follow from the rows alone.
//!
//! Invariant: a manifest's `digest` is that of the table it was written for; where it differs from the
//! file's, a publish is half done or somebody else wrote the file.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::delta;
use super::disk::Disk;
use super::error::SinkError;
use super::facts::{FileFacts, Generation, Load, TableColumn};
use super::generation;
use super::nulls::ColumnFacts;
use super::remote;
use super::shape::is_delta;
use crate::spec::{Mode, StoreUrl};

/// Version of the record; a change that old programs would misread raises it.
const VERSION: u32 = 1;

/// Most bytes of a manifest that somebody curious reads: a thousand columns of ten fields, the counts of 200 stages, and ten
/// thousand files with the ranges of thirty columns.
const KNOWN_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Loads that a manifest remembers: more than a year of nights.
pub(super) const HISTORY_MAX: usize = 400;

/// What a run says about itself when it publishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFacts {
    /// Id of the logical run.
    pub run: String,
    /// Name of the pipeline.
    pub pipeline: String,
    /// Where the data came from: the API's base address, or `mock`.
    pub source: String,
    /// Start of the logical run.
    #[serde(with = "timestamp")]
    pub started_at: Timestamp,
    /// When its last row was written.
    #[serde(with = "timestamp")]
    pub finished_at: Timestamp,
    /// Requests, failures and the like, as the run counts them.
    pub counts: serde_json::Value,
    /// Version of this program.
    pub tool_version: String,
}

/// The manifest of one published table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the record.
    pub version: u32,
    /// Name of the table.
    pub table: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Digest of its bytes.
    pub digest: String,
    /// Fingerprint of its schema.
    pub schema_fingerprint: String,
    /// Its columns in the rows of its last run; none in what older versions wrote.
    #[serde(default)]
    pub columns: Vec<ColumnFacts>,
    /// Its columns by type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schema: Vec<TableColumn>,
    /// Of a folder table, the generation that this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// Its data files, in the order of their rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileFacts>,
    /// The last loads of it, this one last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Load>,
    /// The run that published it.
    #[serde(flatten)]
    pub facts: RunFacts,
}

impl Manifest {
    pub(super) const VERSION: u32 = VERSION;

    /// Writes it to where it belongs: beside the table, or beside its generation.
    pub(super) fn write(&self, disk: &Disk, table: &Path) -> Result<(), SinkError> {
        let mut text = serde_json::to_vec_pretty(self).expect("a manifest is plain data");
        text.push(b'\n');
        let path = match &self.generation {
            Some(generation) => generation::manifest(table, &generation.name),
            None => hidden(table, generation::MANIFEST),
        };
        disk.replace(&path, &text)
    }

    /// Of what readers of `table` see now.
    pub(super) fn read(disk: &Disk, table: &Path) -> Result<Option<Self>, SinkError> {
        if is_delta(table)? {
            return delta::manifest(table);
        }
        if let Some(url) = StoreUrl::of(table) {
            return remote::manifest(&url);
        }
        let path = match generation::current(disk, table)? {
            Some(name) => generation::manifest(table, &name),
            None => hidden(table, generation::MANIFEST),
        };
        let Some(text) = disk.read(&path)? else { return Ok(None) };
        decode("manifest", &path, &text, VERSION).map(Some)
    }

    /// Puts this load behind those of `before`.
    pub(super) fn remember(&mut self, before: Option<&Self>, mode: Mode, rows: u64) {
        let mut history = before.map(|before| before.history.clone()).unwrap_or_default();
        history.push(Load {
            run: self.facts.run.clone(),
            pipeline: self.facts.pipeline.clone(),
            finished_at: self.facts.finished_at,
            generation: self.generation.as_ref().map(|generation| generation.name.clone()),
            mode,
            rows,
            table_rows: self.rows,
            files: self.files.len(),
            bytes: self.bytes,
            schema_fingerprint: self.schema_fingerprint.clone(),
        });
        let forgotten = history.len().saturating_sub(HISTORY_MAX);
        self.history = history.split_off(forgotten);
    }
}

/// The manifest of the table at `table`; none where nothing was published.
pub fn read_manifest(table: &Path) -> Result<Option<Manifest>, SinkError> {
    Manifest::read(&Disk::default(), table)
}

/// The manifest of the table at `table`, if there is one to go by: of a size that a manifest has, readable, and
/// written for the file that stands there now. Anything else is none, for somebody who is only curious.
pub fn known_manifest(table: &Path) -> Option<Manifest> {
    // Nobody who is only curious waits for a network.
    if StoreUrl::is_meant(table) {
        return None;
    }
    // A slash behind it would ask for what the link leads to.
    let table = &table.components().collect::<PathBuf>();
    if is_delta(table).unwrap_or_default() {
        return delta::manifest(table).ok()?;
    }
    let generation = std::fs::read_link(table).ok().and_then(|target| generation::named(table, &target));
    let path = match &generation {
        Some(name) => generation::manifest(table, name),
        None => hidden(table, generation::MANIFEST),
    };
    // A pipe in its place would never end.
    let found = std::fs::symlink_metadata(&path).ok().filter(std::fs::Metadata::is_file)?;
    if found.len() > KNOWN_BYTES_MAX {
        return None;
    }
    let mut text = Vec::new();
    File::open(&path).ok()?.take(KNOWN_BYTES_MAX).read_to_end(&mut text).ok()?;
    let manifest: Manifest = decode("manifest", &path, &text, VERSION).ok()?;
    if generation.is_some() {
        // What a link names is never written again.
        return Some(manifest);
    }
    // Not the digest, which would read the whole table: this is to take milliseconds.
    let size = std::fs::metadata(table).ok()?.len();
    (size == manifest.bytes).then_some(manifest)
}

/// The same, also of a table in an object store, which is asked; `bytes` is the size of what stands there.
pub fn shown_manifest(table: &Path, bytes: u64) -> Option<Manifest> {
    match StoreUrl::of(table) {
        Some(_) if is_delta(table).unwrap_or_default() => delta::manifest(table).ok().flatten(),
        Some(url) => remote::manifest(&url).ok().flatten().filter(|manifest| manifest.bytes == bytes),
        None => known_manifest(table),
    }
}

/// Refuses if one of the tables was published from another source than `source`.
///
/// A path without a file, or a file without a manifest (not ours), refuses nothing.
pub fn check_source(tables: &[PathBuf], source: &str) -> Result<(), SinkError> {
    tables.iter().try_for_each(|table| check_table_source(&Disk::default(), table, source))
}

pub(super) fn check_table_source(disk: &Disk, table: &Path, source: &str) -> Result<(), SinkError> {
    if StoreUrl::of(table).is_none() && disk.inspect(table)?.is_none() {
        return Ok(());
    }
    match Manifest::read(disk, table)? {
        Some(manifest) if manifest.facts.source != source => Err(SinkError::OtherSource {
            path: table.to_path_buf(),
            published: manifest.facts.source,
            wanted: source.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// The hidden file beside `table`: `.films.parquet` and `suffix`.
pub(super) fn hidden(table: &Path, suffix: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(table.file_name().unwrap_or_default());
    name.push(suffix);
    table.with_file_name(name)
}

/// Decodes a record of ours, the version first: another version may have other fields.
pub(super) fn decode<T: for<'a> Deserialize<'a>>(
    kind: &'static str,
    path: &Path,
    text: &[u8],
    known: u32,
) -> Result<T, SinkError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let bad = |source| SinkError::BadRecord { kind, path: path.to_path_buf(), source };
    let Versioned { version: found } = serde_json::from_slice(text).map_err(bad)?;
    if found == 0 || found > known {
        return Err(SinkError::RecordVersion { kind, path: path.to_path_buf(), found, known });
    }
    serde_json::from_slice(text).map_err(bad)
}

/// Timestamps as RFC 3339 text.
pub(super) mod timestamp {
    use jiff::Timestamp;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let column = ColumnFacts {
            name: "title".to_owned(),
            values: 2,
            nulls: 1,
            definition: Some("d".to_owned()),
            inside: Vec::new(),
        };
        Manifest {
            version: VERSION,
            table: "films".to_owned(),
            rows: 2,
            bytes: 900,
            digest: "xxh3-128:00".to_owned(),
            schema_fingerprint: "0".repeat(32),
            columns: vec![column],
            schema: Vec::new(),
            generation: None,
            files: Vec::new(),
            history: Vec::new(),
            facts: RunFacts {
                run: "r1".to_owned(),
                pipeline: "marvel".to_owned(),
                source: "mock".to_owned(),
                started_at: "2026-01-02T03:04:05Z".parse().expect("a time"),
                finished_at: "2026-01-02T03:05:05.25Z".parse().expect("a time"),
                counts: serde_json::json!({"requests": 3}),
                tool_version: "0.1.0".to_owned(),
            },
        }
    }

    #[test]
    fn manifest_reads_as_written() {
        let folder = tempfile::tempdir().expect("tempdir");
        let table = folder.path().join("films.parquet");
        assert_eq!(read_manifest(&table).expect("reads"), None);
        manifest().write(&Disk::default(), &table).expect("writes");
        assert_eq!(read_manifest(&table).expect("reads"), Some(manifest()));
        let text =
            std::fs::read_to_string(folder.path().join(".films.parquet.manifest.json")).expect("is there");
        insta::assert_snapshot!(text, @r#"
        {
          "version": 1,
          "table": "films",
          "rows": 2,
          "bytes": 900,
          "digest": "xxh3-128:00",
          "schema_fingerprint": "00000000000000000000000000000000",
          "columns": [
            {
              "name": "title",
              "values": 2,
              "nulls": 1,
              "definition": "d"
            }
          ],
          "run": "r1",
          "pipeline": "marvel",
          "source": "mock",
          "started_at": "2026-01-02T03:04:05Z",
          "finished_at": "2026-01-02T03:05:05.25Z",
          "counts": {
            "requests": 3
          },
          "tool_version": "0.1.0"
        }
        "#);
    }

    #[test]
    fn manifest_of_a_version_that_counted_no_columns_reads() {
        let folder = tempfile::tempdir().expect("tempdir");
        let table = folder.path().join("films.parquet");
        let mut old = serde_json::to_value(manifest()).expect("plain data");
        old.as_object_mut().expect("an object").remove("columns");
        std::fs::write(hidden(&table, ".manifest.json"), old.to_string()).expect("writes");
        let read = read_manifest(&table).expect("reads").expect("is there");
        assert_eq!(read, Manifest { columns: Vec::new(), ..manifest() });
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a manifest that somebody removed")]
    fn source_is_checked_only_where_a_table_was_published() {
        let folder = tempfile::tempdir().expect("tempdir");
        let table = folder.path().join("films.parquet");
        let check = |source: &str, expect: Result<(), &str>| {
            let answer =
                check_source(std::slice::from_ref(&table), source).map_err(|error| error.to_string());
            let expect = expect.map_err(|text| text.replace("TABLE", &table.display().to_string()));
            assert_eq!(answer, expect);
        };
        manifest().write(&Disk::default(), &table).expect("writes");
        check("https://api.themoviedb.org/3", Ok(()));
        std::fs::write(&table, "a table").expect("writes");
        check("mock", Ok(()));
        check(
            "https://api.themoviedb.org/3",
            Err("publish `TABLE`: it holds data of mock, this run reads https://api.themoviedb.org/3"),
        );
        std::fs::remove_file(hidden(&table, ".manifest.json")).expect("was there");
        check("https://api.themoviedb.org/3", Ok(()));
    }

    #[test]
    fn curious_readers_get_the_manifest_of_the_file_that_is_there_or_none() {
        let folder = tempfile::tempdir().expect("tempdir");
        let table = folder.path().join("films.parquet");
        let record = hidden(&table, ".manifest.json");
        assert_eq!(known_manifest(&table), None, "nothing is there");
        manifest().write(&Disk::default(), &table).expect("writes");
        assert_eq!(known_manifest(&table), None, "no table is there");
        std::fs::write(&table, [0; 900]).expect("writes");
        assert_eq!(known_manifest(&table), Some(manifest()));
        std::fs::write(&table, [0; 901]).expect("writes");
        assert_eq!(known_manifest(&table), None, "somebody else wrote the table");
        std::fs::write(&table, [0; 900]).expect("writes");
        let good = std::fs::read(&record).expect("is there");
        let huge = vec![b' '; usize::try_from(KNOWN_BYTES_MAX).expect("small")];
        let huge = [&huge[..], &good].concat();
        for bad in [&good[..good.len() / 2], b"", b"[]", b"{\"version\": 2}", &huge] {
            std::fs::write(&record, bad).expect("writes");
            assert_eq!(known_manifest(&table), None);
        }
    }

    #[test]
    fn damaged_or_newer_manifest_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().expect("tempdir");
        let table = folder.path().join("films.parquet");
        let check = |text: &str, expect: fn(&SinkError) -> bool| {
            std::fs::write(hidden(&table, ".manifest.json"), text).expect("writes");
            let error = read_manifest(&table).expect_err("is damaged");
            assert!(expect(&error) && error.to_string().contains(".films.parquet.manifest.json"), "{error}");
        };
        check("{", |error| matches!(error, SinkError::BadRecord { .. }));
        check("{\"version\": 1}", |error| matches!(error, SinkError::BadRecord { .. }));
        check("{\"version\": 2}", |error| {
            matches!(error, SinkError::RecordVersion { found: 2, known: 1, .. })
        });
    }
}
