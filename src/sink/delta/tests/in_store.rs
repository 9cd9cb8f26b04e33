//! What only a table in a store can meet: answers that are lost, and two writers without a lock between them.

use std::sync::Mutex;

use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path as Key;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::*;
use crate::sink::remote::{put_in_place, with_stores_of_test};
use crate::sink::{Action, delta_files, first_rows, read_manifest, read_table, shown_manifest};

/// A store that is asked twice for what it did, as the answer was lost, for puts that must not be there yet.
#[derive(Debug, Default)]
struct Deaf {
    inner: InMemory,
    /// Keys of those puts.
    conditional: Mutex<Vec<String>>,
}

impl std::fmt::Display for Deaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait::async_trait]
impl ObjectStore for Deaf {
    async fn put_opts(&self, path: &Key, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if options.mode == PutMode::Create {
            self.conditional.lock().expect("no poison").push(path.to_string());
            self.inner.put_opts(path, payload.clone(), options.clone()).await?;
        }
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Key,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Key, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Key>>) -> BoxStream<'static, Result<Key>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Key>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[async_trait::async_trait]
impl MultipartStore for Deaf {
    async fn create_multipart(&self, path: &Key) -> Result<MultipartId> {
        self.inner.create_multipart(path).await
    }

    async fn put_part(&self, path: &Key, id: &MultipartId, index: usize, data: PutPayload) -> Result<PartId> {
        self.inner.put_part(path, id, index, data).await
    }

    async fn complete_multipart(
        &self,
        path: &Key,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        self.inner.complete_multipart(path, id, parts).await
    }

    async fn abort_multipart(&self, path: &Key, id: &MultipartId) -> Result<()> {
        self.inner.abort_multipart(path, id).await
    }
}

#[test]
fn commit_whose_answer_was_lost_is_there_once_and_nothing_of_it_is_swept() {
    for mode in [Mode::Upsert, Mode::Append, Mode::Overwrite] {
        let world = World::in_store(mode);
        let deaf = Arc::new(Deaf::default());
        put_in_place(world.bucket.as_ref().expect("in a store"), deaf.clone());
        world.load(1, &rows(&[(1, "a", 1, 10, None), (1, "b", 1, 10, None), (2, "a", 1, 10, None)]));
        // A file is written anew, which a second working out would take for one that nobody wants.
        world.load(2, &rows(&[(1, "a", 2, 20, None)]));
        let expect: &[Row] = match mode {
            Mode::Upsert => &[(1, "a", 2, 20, None), (2, "a", 1, 10, None)],
            Mode::Append => {
                &[(1, "a", 1, 10, None), (1, "a", 2, 20, None), (1, "b", 1, 10, None), (2, "a", 1, 10, None)]
            }
            Mode::Overwrite => &[(1, "a", 2, 20, None)],
        };
        assert_eq!((&*world.seen(), world.version()), (expect, Some(1)), "{mode}");
        assert_eq!(world.leftovers(), Vec::<String>::new(), "{mode}");
        let asked = deaf.conditional.lock().expect("no poison").len();
        assert_eq!(asked, 2, "{mode}: one commit for each load, and nothing else on a condition");
    }
}

#[test]
fn two_writers_at_once_lose_nothing() {
    const LOADS: i64 = 6;
    for mode in [Mode::Append, Mode::Upsert] {
        let world = World::in_store(mode);
        world.load(100, &rows(&[(1, "a", 1, 10, None)]));
        let world = &world;
        std::thread::scope(|scope| {
            for writer in 0..2 {
                scope.spawn(with_stores_of_test(move || {
                    let state = world.folder.path().join(format!("writer {writer}"));
                    for load in 0..LOADS {
                        let run = 1 + load + writer * LOADS;
                        let lock = Lock::acquire(&state, "nightly").expect("free");
                        let (commit, _) = Commit::open_on(lock, quick(), Duration::ZERO).expect("opens");
                        // Both write the file of film 1 anew.
                        let brought = rows(&[(1, "a", 2, 10 + run, None), (10 + run, "a", 1, 10, None)]);
                        let staged = world.stage(&commit, run, &brought).expect("stages");
                        let facts = RunFacts { pipeline: format!("writer {writer}"), ..facts(run, "mock") };
                        commit.publish(staged, &facts).expect("publishes");
                    }
                }));
            }
        });
        let seen = world.seen();
        let expect: Vec<i64> = (11..11 + 2 * LOADS).collect();
        let films: Vec<i64> = seen.iter().map(|row| row.0).filter(|film| *film > 1).collect();
        assert_eq!(films, expect, "{mode}");
        let of_first = seen.iter().filter(|row| row.0 == 1);
        let rows_of_first = if mode == Mode::Append { 1 + 2 * LOADS } else { 1 };
        assert_eq!(of_first.clone().count(), usize::try_from(rows_of_first).expect("few"), "{mode}");
        assert_eq!(of_first.map(|row| row.3).max(), Some(10 + 2 * LOADS), "{mode}: the last one fetched");
        assert_eq!(world.version(), Some(2 * LOADS.unsigned_abs()), "{mode}: a version for each load");
        assert_eq!(world.leftovers(), Vec::<String>::new(), "{mode}");
    }
}

#[test]
fn recovery_puts_no_file_again_that_is_there() {
    let world = World::in_store(Mode::Append);
    world.load(1, &rows(&[(1, "a", 1, 10, None)]));
    let puts = |disk: &Disk| {
        let operations = disk.operations().into_iter();
        let of_data = operations.filter(|(action, path)| {
            *action == Action::Write && path.extension().is_some_and(|ending| ending == "parquet")
        });
        of_data.filter(|(_, path)| path.starts_with("/out of é/films")).count()
    };
    let load = rows(&[(2, "a", 1, 10, None)]);
    let whole = World::in_store(Mode::Append);
    whole.load(1, &rows(&[(1, "a", 1, 10, None)]));
    let disk = quick();
    whole.run(&disk, 2, &load).expect("publishes");
    assert_eq!(puts(&disk), 1);
    let is_commit = |(action, path): &(Action, PathBuf)| {
        *action == Action::Write && path.to_string_lossy().contains("_delta_log")
    };
    let commit = disk.operations().iter().position(is_commit).expect("commits");
    world.run(&Disk::with_fault(Fault::DieAt(commit)), 2, &load).expect_err("dies");
    let journal = std::fs::read_to_string(world.state().join("publish.json")).expect("is there");
    assert!(journal.contains("\"version\": 5"), "others must not take the address for a folder: {journal}");
    let disk = quick();
    world.open(&disk).expect("recovers");
    assert_eq!((puts(&disk), world.seen().len()), (0, 2));
}

#[test]
fn table_is_read_by_its_address_with_whatever_names_its_partitions_have() {
    let mut world = World::in_store(Mode::Append);
    world.partitioned = true;
    world.load(1, &rows(&[(1, "a", 7, 10, None), (2, "a", 8, 10, None)]));
    let files = delta_files(&world.path()).expect("reads").expect("a Delta table");
    let bucket = world.bucket.clone().expect("in a store");
    assert!(files.iter().all(|file| file.starts_with(world.path())), "{files:?}");
    let tables = files.iter().map(|file| read_table(file).expect("reads"));
    let rows: usize = tables.map(|table| first_rows(&table, 10).expect("reads").len()).sum();
    assert_eq!(rows, 2);
    let manifest = read_manifest(&world.path()).expect("reads");
    assert_eq!(manifest.as_ref().map(|manifest| manifest.facts.run.as_str()), Some("1"));
    assert_eq!(shown_manifest(&world.path(), 0), manifest);
    // An address with a slash behind it is the same table; a file in it, and what is not there, is none.
    let with_slash = PathBuf::from(format!("{}/", world.path().display()));
    assert_eq!(delta_files(&with_slash).expect("reads").map(|files| files.len()), Some(2));
    assert_eq!(delta_files(&files[0]).expect("is none"), None);
    assert_eq!(delta_files(&PathBuf::from(format!("s3://{bucket}/films"))).expect("is none"), None);
}

#[test]
fn load_that_does_not_fit_is_refused_before_it_is_staged() {
    let world = World::in_store(Mode::Append);
    world.load(1, &rows(&[(1, "a", 1, 10, None)]));
    let (commit, _) = world.open(&quick()).expect("opens");
    let mut spec = world.spec();
    let fewer: Vec<_> = spec.schema.fields().iter().take(4).cloned().collect();
    spec.schema = Arc::new(Schema::new(fewer));
    let Err(error) = commit.stage(&[spec], "2") else { panic!("a column is missing") };
    assert!(matches!(error, SinkError::OtherDelta { .. }), "{error}");
    assert!(error.to_string().contains(&world.path().display().to_string()), "{error}");
}

#[test]
fn store_that_refuses_to_be_written_to_is_told_before_the_first_row() {
    let world = World::in_store(Mode::Append);
    let (commit, _) = world.open(&Disk::default()).expect("opens");
    let refusing = Disk::with_fault(Fault::Refuse(Action::CreateFile, std::io::ErrorKind::PermissionDenied));
    drop(commit);
    let (commit, _) = world.open(&refusing).expect("opens");
    let Err(error) = commit.stage(&[world.spec()], "1") else { panic!("it may not be written to") };
    let SinkError::Store { doing, url, .. } = &error else { panic!("{error}") };
    assert_eq!((*doing, url.as_str()), ("write to", &*world.path().to_string_lossy()));
    assert!(matches!(error, SinkError::Store { .. }));
}
