//! Tables whose columns are not those of the load.

use super::*;
use crate::spec::SortKey;

/// What is answered to a load whose columns `change` has changed.
fn load_with(world: &World, run: i64, change: impl FnOnce(&mut TableSpec)) -> Result<(), String> {
    let (commit, _) = world.open(&quick()).expect("opens");
    let mut spec = world.spec();
    change(&mut spec);
    let told = |error: SinkError| error.to_string().replace(&world.path().display().to_string(), "TABLE");
    let mut writers = commit.stage(&[spec.clone()], &run.to_string()).map_err(told)?;
    let mut writer = writers.pop().expect("one table");
    let whole = batch(&[(7, "a", 1, 50, None)]);
    let columns = spec.schema.fields().iter().map(|field| match whole.column_by_name(field.name()) {
        Some(column) => arrow::compute::cast(column, field.data_type()).expect("fits"),
        None => Arc::new(Int64Array::from(vec![5])) as ArrayRef,
    });
    let rows = RecordBatch::try_new(spec.schema.clone(), columns.collect()).expect("fits");
    writer.write(&rows).map_err(told)?;
    let staged = vec![writer.finish().map_err(told)?];
    commit.publish(staged, &facts(run, "mock")).map(drop).map_err(told)
}

fn fields(spec: &mut TableSpec, change: impl Fn(&Field) -> Option<Field>, more: Vec<Field>) {
    let kept = spec.schema.fields().iter().filter_map(|field| change(field));
    spec.schema = Arc::new(Schema::new(kept.chain(more).collect::<Vec<_>>()));
}

#[test]
fn new_columns_that_may_be_null_come_and_earlier_rows_have_none_in_them() {
    for mode in [Mode::Append, Mode::Upsert, Mode::Overwrite] {
        let world = World::new(mode);
        world.load(1, &rows(&[(1, "a", 1, 10, None), (2, "a", 1, 10, None)]));
        let more = || vec![Field::new("votes", DataType::Int64, true)];
        load_with(&world, 2, |spec| fields(spec, |field| Some(field.clone()), more())).expect("publishes");
        let table = world.table();
        let snapshot = table.snapshot().expect("readable").expect("a table");
        assert_eq!(snapshot.schema().fields().last().map(|field| field.name().as_str()), Some("votes"));
        let kept = if mode == Mode::Overwrite { 1 } else { 3 };
        assert_eq!(world.seen().len(), kept, "{mode}");
        // Now a load without the column would lose it.
        assert!(world.run(&quick(), 3, &Brought::default()).is_err(), "{mode}");
    }
}

#[test]
fn column_that_may_be_null_from_now_on_is_let_through() {
    let world = World::new(Mode::Append);
    load_with(&world, 1, |spec| {
        let required = |field: &Field| {
            Some(field.clone().with_nullable(field.name() != "version" && field.is_nullable()))
        };
        fields(spec, required, Vec::new());
    })
    .expect("publishes");
    world.load(2, &rows(&[(1, "a", 1, 10, None)]));
    assert_eq!(world.seen().len(), 2);
}

#[test]
fn other_columns_are_refused_with_the_difference_before_anything_is_staged() {
    let check = |change: &dyn Fn(&mut TableSpec), expect: &str| {
        let world = World::new(Mode::Append);
        world.load(1, &rows(&[(1, "a", 1, 10, None)]));
        let told = load_with(&world, 2, change).expect_err("refuses");
        assert_eq!(told, format!("publish into Delta table `TABLE`: {expect}"));
        assert_eq!((world.version(), world.leftovers()), (Some(0), Vec::new()));
    };
    let same = |field: &Field| Some(field.clone());
    check(
        &|spec| fields(spec, |field| (field.name() != "version").then(|| field.clone()), Vec::new()),
        "`version` long is there, and no such column would come",
    );
    check(
        &|spec| {
            let text = |field: &Field| {
                let text = field.name() == "version";
                Some(if text { field.clone().with_data_type(DataType::Utf8) } else { field.clone() })
            };
            fields(spec, text, Vec::new());
        },
        "`version` long is there, `version` string would come",
    );
    check(
        &|spec| fields(spec, same, vec![Field::new("votes", DataType::Int64, false)]),
        "`votes` long required would come, and the rows that are there have no value for it",
    );
    check(
        &|spec| {
            let Layout::Delta(layout) = &mut spec.layout else { unreachable!("a Delta table") };
            layout.folder.partition_by = vec!["version".to_owned()];
        },
        "it is partitioned by nothing, this run by `version`",
    );
}

#[test]
fn wider_type_is_refused_and_told_as_such() {
    let world = World::new(Mode::Append);
    load_with(&world, 1, |spec| {
        let narrow = |field: &Field| {
            let narrow = field.name() == "version";
            Some(if narrow { field.clone().with_data_type(DataType::Int32) } else { field.clone() })
        };
        fields(spec, narrow, Vec::new());
    })
    .expect("publishes");
    let told = world.run(&quick(), 2, &Brought::default()).expect_err("refuses").to_string();
    assert!(told.ends_with("the type of a column that has rows cannot be widened"), "{told}");
}

#[test]
fn sorted_tables_are_sorted_within_their_files() {
    let world = World::new(Mode::Append);
    let (commit, _) = world.open(&quick()).expect("opens");
    let spec =
        TableSpec { sort_by: vec![SortKey { column: "film".to_owned(), descending: true }], ..world.spec() };
    let mut writer = commit.stage(&[spec], "1").expect("stages").pop().expect("one table");
    writer
        .write(&batch(&[(1, "a", 1, 10, None), (3, "a", 1, 10, None), (2, "a", 1, 10, None)]))
        .expect("writes");
    commit.publish(vec![writer.finish().expect("finishes")], &facts(1, "mock")).expect("publishes");
    let table = world.table();
    let snapshot = table.snapshot().expect("readable").expect("a table");
    let file = &table.live(&snapshot).expect("readable")[0];
    let input = std::fs::File::open(table.place_of(&file.path).expect("a place")).expect("opens");
    let batches = Rows::open(input, &[], &World::schema()).expect("a file");
    let films: Vec<i64> = batches.flat_map(|batch| of(&batch.expect("a batch"))).map(|row| row.0).collect();
    assert_eq!(films, [3, 2, 1]);
    assert_eq!(file.stats["minValues"]["film"], 1);
    assert_eq!(file.stats["maxValues"]["film"], 3);
}
