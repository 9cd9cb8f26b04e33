//! The conformance suite of publishing: the same facts over files, over a store in memory, and over a server that speaks S3.
//! Then the invariants of `docs/architecture/cloud.md`, with a process that dies at every request, and two writers at once.
//!
//! The server is the one that `AWS_ENDPOINT_URL` names, with the bucket of `TMDB_ETL_TEST_BUCKET`; `tests/s3.sh` starts one.

mod crash;
mod suite;
mod writers;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray as _, Int64Array};
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{Error, ObjectStoreExt as _};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use tempfile::TempDir;

use super::dying::{Dying, Fault, put_in_place};
use super::open::{Patience, Store};
use super::record::{self, Record};
use super::{Place, runtime};
use crate::sink::commit_tests::{NEW, Number, OLD, batch, spec};
use crate::sink::disk::Disk;
use crate::sink::{
    Commit, Lock, Manifest, PublishedTable, Recovered, RunFacts, SinkError, StagedTable, TOOL_VERSION,
    TableSpec, read_manifest,
};
use crate::spec::{Format, ParquetCodec, StoreUrl};

const TABLES: [&str; 2] = ["films.parquet", "cast.arrow"];

/// Where tables are published, and the state of one pipeline that does it.
struct World {
    folder: TempDir,
    place: Where,
}

#[derive(Clone, Debug)]
enum Where {
    Folder(PathBuf),
    /// `bucket` of a store, below `prefix`.
    Store {
        store: Arc<dyn Store>,
        bucket: String,
        prefix: String,
    },
}

impl World {
    fn in_folder() -> Self {
        let folder = tempfile::tempdir().expect("tempdir");
        let place = Where::Folder(folder.path().join("out"));
        Self { folder, place }
    }

    fn in_memory() -> Self {
        Self::in_store(Arc::new(InMemory::new()), "memory", "tables")
    }

    fn in_store(store: Arc<dyn Store>, bucket: &str, prefix: &str) -> Self {
        put_in_place(bucket, Arc::clone(&store));
        let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
        Self { folder: tempfile::tempdir().expect("tempdir"), place: Where::Store { store, bucket, prefix } }
    }

    /// The server that the environment names, if it names one; each world has a prefix of its own.
    #[expect(clippy::disallowed_methods, reason = "a test's own setting")]
    fn on_server() -> Option<Self> {
        let bucket = std::env::var("TMDB_ETL_TEST_BUCKET").ok()?;
        let prefix = format!("suite/{:016x}", fastrand::u64(..));
        let url = StoreUrl::parse(&format!("s3://{bucket}/{prefix}/x")).expect("an address");
        super::dying::take_away(&bucket);
        let store = super::open::store(&url, Patience::Work).expect("a store");
        Some(Self::in_store(store, &bucket, &prefix))
    }

    /// Another pipeline, with a state of its own, that writes the same tables.
    fn beside(&self) -> Self {
        Self { folder: tempfile::tempdir().expect("tempdir"), place: self.place.clone() }
    }

    /// The same with the tables of run 1.
    fn published(self) -> Self {
        self.run(OLD).expect("publishes");
        self
    }

    fn table(&self, name: &str) -> PathBuf {
        match &self.place {
            Where::Folder(folder) => folder.join(name),
            Where::Store { bucket, prefix, .. } => PathBuf::from(format!("s3://{bucket}/{prefix}/{name}")),
        }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// From now on every request goes through a store with this fault.
    fn through(&self, fault: Fault) -> Option<Arc<Dying>> {
        let Where::Store { store, bucket, .. } = &self.place else { return None };
        let dying = Dying::new(Arc::clone(store), fault);
        put_in_place(bucket, Arc::clone(&dying) as Arc<dyn Store>);
        Some(dying)
    }

    fn open(&self) -> Result<(Commit, Recovered), SinkError> {
        self.open_with(Duration::ZERO)
    }

    fn open_with(&self, wait: Duration) -> Result<(Commit, Recovered), SinkError> {
        // A disk that waits for no platter: no power is cut here.
        let disk = Disk::with_fault(crate::sink::disk::script::Fault::None);
        Commit::open_on(Lock::acquire(&self.state(), "marvel")?, disk, wait)
    }

    fn run(&self, number: Number) -> Result<Vec<PublishedTable>, SinkError> {
        let (commit, _) = self.open()?;
        let staged = self.stage(&commit, number)?;
        commit.publish(staged, &facts(number, "mock"))
    }

    fn stage(&self, commit: &Commit, number: Number) -> Result<Vec<StagedTable>, SinkError> {
        let specs = TABLES.map(|name| spec(name, self.table(name)));
        let mut staged = Vec::new();
        for mut writer in commit.stage(&specs, &number.to_string())? {
            writer.write(&batch(number))?;
            staged.push(writer.finish()?);
        }
        Ok(staged)
    }

    /// What readers see, past every fault.
    fn seen(&self) -> [Option<Number>; 2] {
        TABLES.map(|name| self.bytes(name).map(|bytes| number_in(name, bytes)))
    }

    fn bytes(&self, name: &str) -> Option<Bytes> {
        match &self.place {
            Where::Folder(folder) => std::fs::read(folder.join(name)).ok().map(Bytes::from),
            Where::Store { store, prefix, .. } => runtime().block_on(async {
                match store.get(&Key::from(format!("{prefix}/{name}"))).await {
                    Ok(got) => Some(got.bytes().await.expect("reads")),
                    Err(Error::NotFound { .. }) => None,
                    Err(error) => panic!("{error}"),
                }
            }),
        }
    }

    fn manifests(&self) -> [Option<Number>; 2] {
        TABLES.map(|name| Some(self.manifest(name)?.facts.run.parse().expect("a number")))
    }

    fn manifest(&self, name: &str) -> Option<Manifest> {
        match &self.place {
            Where::Folder(_) => read_manifest(&self.table(name)).expect("a manifest or none"),
            Where::Store { .. } => self.record(name).manifest,
        }
    }

    /// The manifest object, past every fault.
    fn record(&self, name: &str) -> Record {
        let Where::Store { store, .. } = &self.place else { panic!("only in a store") };
        let url = StoreUrl::of(&self.table(name)).expect("an address");
        let (data, manifest) = (Key::from(&*url.key), Key::from(url.hidden(record::MANIFEST)));
        let place = Place { store: Arc::clone(store), url, data, manifest };
        runtime().block_on(record::read(&place)).expect("reads").record
    }

    fn claims(&self) -> usize {
        match &self.place {
            Where::Folder(_) => 0,
            Where::Store { .. } => TABLES.iter().filter(|name| self.record(name).claim.is_some()).count(),
        }
    }

    fn journal_is_there(&self) -> bool {
        self.state().join("publish.json").exists()
    }

    /// Files in the state folder that no finished run leaves.
    fn leftovers(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.state()).expect("is there");
        let names = entries.map(|entry| entry.expect("reads").file_name().to_string_lossy().into_owned());
        names.filter(|name| name != "run.lock").collect()
    }
}

fn facts(number: Number, source: &str) -> RunFacts {
    RunFacts {
        run: number.to_string(),
        pipeline: "marvel".to_owned(),
        source: source.to_owned(),
        started_at: "2026-01-02T03:04:05Z".parse().expect("a time"),
        finished_at: "2026-01-02T03:04:06Z".parse().expect("a time"),
        counts: serde_json::json!({}),
        tool_version: TOOL_VERSION.to_owned(),
    }
}

/// The run whose complete rows these bytes are.
fn number_in(name: &str, bytes: Bytes) -> Number {
    let batches: Vec<RecordBatch> = if Path::new(name).extension().is_some_and(|ending| ending == "arrow") {
        let reader = arrow::ipc::reader::FileReader::try_new(std::io::Cursor::new(bytes), None);
        reader.expect("a complete file").map(|batch| batch.expect("a batch")).collect()
    } else {
        let reader = ParquetRecordBatchReader::try_new(bytes, 1024).expect("a complete file");
        reader.map(|batch| batch.expect("a batch")).collect()
    };
    let columns = batches.iter().map(|batch| batch.column(0).as_primitive::<Int64Type>());
    let ids: Vec<Number> = columns.flat_map(|ids| ids.values().to_vec()).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{name}: {ids:?}");
    ids[0]
}
