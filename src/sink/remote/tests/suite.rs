//! What holds wherever tables are published.

use super::*;

/// Every kind of place; says so where there is no server.
fn check(what: impl Fn(World)) {
    what(World::in_folder());
    what(World::in_memory());
    match World::on_server() {
        Some(world) => what(world),
        None => eprintln!("skipped: no server that speaks S3 is named by TMDB_ETL_TEST_BUCKET"),
    }
}

#[test]
fn tables_and_manifests_are_there_together() {
    check(|world| {
        assert_eq!((world.seen(), world.manifests()), ([None; 2], [None; 2]));
        let published = world.run(OLD).expect("publishes");
        assert_eq!(published.len(), 2);
        assert_eq!((world.seen(), world.manifests()), ([Some(OLD); 2], [Some(OLD); 2]));
        world.run(NEW).expect("publishes");
        assert_eq!((world.seen(), world.manifests()), ([Some(NEW); 2], [Some(NEW); 2]));
        let manifest = world.manifest("films.parquet").expect("is there");
        assert_eq!(manifest.bytes, world.bytes("films.parquet").expect("is there").len() as u64);
        let runs: Vec<&str> = manifest.history.iter().map(|load| &*load.run).collect();
        assert_eq!(runs, ["1", "2"]);
        assert_eq!((world.leftovers(), world.claims()), (Vec::new(), 0));
    });
}

#[test]
fn nothing_is_visible_before_the_publish_and_nothing_stays_without_one() {
    check(|world| {
        let world = world.published();
        let (commit, _) = world.open().expect("opens");
        let staged = world.stage(&commit, NEW).expect("stages");
        assert_eq!((world.seen(), world.manifests()), ([Some(OLD); 2], [Some(OLD); 2]));
        drop((staged, commit));
        let (commit, recovered) = world.open().expect("opens");
        assert_eq!(recovered, Recovered::default());
        drop(commit);
        assert_eq!((world.seen(), world.leftovers()), ([Some(OLD); 2], Vec::new()));
    });
}

#[test]
fn table_of_another_source_is_not_replaced() {
    check(|world| {
        let world = world.published();
        let (commit, _) = world.open().expect("opens");
        let staged = world.stage(&commit, NEW).expect("stages");
        let error = commit.publish(staged, &facts(NEW, "elsewhere")).expect_err("another source");
        assert!(matches!(error, SinkError::OtherSource { .. }), "{error}");
        drop(commit);
        world.open().expect("opens");
        assert_eq!((world.seen(), world.manifests()), ([Some(OLD); 2], [Some(OLD); 2]));
        assert_eq!((world.leftovers(), world.claims()), (Vec::new(), 0));
    });
}

#[test]
fn empty_table_and_one_of_several_parts_come_back_as_they_were() {
    check(|world| {
        let (commit, _) = world.open().expect("opens");
        let path = world.table("wide.parquet");
        for rows in [0_i64, 3_000_000] {
            // Without compression and without repetition: more than two parts of 8 MiB.
            let format = Format::Parquet(ParquetCodec::None);
            let spec = TableSpec { format, ..spec("wide.parquet", path.clone()) };
            let mut writer = commit.stage(std::slice::from_ref(&spec), "1").expect("stages").remove(0);
            for start in (0..rows).step_by(100_000) {
                let ids = Int64Array::from_iter_values((start..start + 100_000).map(|id| id * 7_919));
                let batch = RecordBatch::try_new(Arc::clone(&spec.schema), vec![Arc::new(ids)]);
                writer.write(&batch.expect("fits")).expect("takes it");
            }
            let staged = writer.finish().expect("ends");
            let expect = staged.digest.clone();
            commit.publish(vec![staged], &facts(OLD, "mock")).expect("publishes");
            let bytes = world.bytes("wide.parquet").expect("is there");
            assert_eq!(bytes.len() > 16 * 1024 * 1024, rows > 0);
            let mut digest = crate::sink::disk::Digest::default();
            digest.update(&bytes);
            assert_eq!(digest.hex(), expect);
            // As `inspect` reads it: by pieces.
            let table = crate::sink::read_table(&path).expect("a table");
            assert_eq!(table.rows, u64::try_from(rows).expect("positive"));
            let first = crate::sink::first_rows(&table, 2).expect("rows");
            assert_eq!(first.len(), if rows == 0 { 0 } else { 2 });
        }
    });
}

#[test]
fn arrow_object_is_read_by_pieces() {
    check(|world| {
        let world = world.published();
        let path = world.table("cast.arrow");
        let table = crate::sink::read_table(&path).expect("a table");
        assert_eq!((table.rows, table.format.name()), (3, "arrow"));
        assert_eq!(crate::sink::first_rows(&table, 9).expect("rows"), vec![vec![serde_json::json!(OLD)]; 3]);
        let missing = crate::sink::read_table(&world.table("none.parquet")).expect_err("is not there");
        assert!(matches!(missing, crate::sink::ReadError::Missing { .. }), "{missing}");
    });
}
