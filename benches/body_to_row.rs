//! One film's body to one row of 15 columns, and a cast list to its rows: the fast way against jq.
//!
//! `cargo bench --bench body_to_row`.

mod film;

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use tmdb_etl::plan::expr::RunScope;
use tmdb_etl::plan::{Document, Item, TablePlan};
use tmdb_etl::project::Projector;
use tmdb_etl::spec::ColumnType;

use self::film::{film, films, table};

const BATCH_ROWS: usize = 8192;

/// The same with `append_to_response=credits`, about 40 KB.
fn film_with_credits() -> Value {
    let person = |index: usize| {
        json!({
            "adult": false,
            "gender": index % 4,
            "id": 3000 + index,
            "known_for_department": "Acting",
            "name": format!("Person Number {index}"),
            "original_name": format!("Person Number {index}"),
            "popularity": 3.25,
            "profile_path": "/aAbBcCdDeEfFgGhHiIjJkKlLmMn.jpg",
        })
    };
    let with = |mut person: Value, more: Value| {
        person.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        person
    };
    let cast: Vec<_> = (0..65)
        .map(|index| {
            let more = json!({"cast_id": index, "character": format!("Villager {index}"),
                "credit_id": "52fe4311c3a36847f8037ee7", "order": index});
            with(person(index), more)
        })
        .collect();
    let crew: Vec<_> = (0..70)
        .map(|index| {
            let more = json!({"credit_id": "52fe4311c3a36847f8037eb3", "department": "Production", "job": "Producer"});
            with(person(500 + index), more)
        })
        .collect();
    with(film(), json!({"credits": {"cast": cast, "crew": crew}}))
}

fn cast() -> Arc<TablePlan> {
    use ColumnType::{Int32, Int64, String};
    table(
        Some(".credits.cast[]"),
        &[
            ("movie_id", Int64, "$doc.id"),
            ("person_id", Int64, ".id"),
            ("name", String, ".name"),
            ("character", String, ".character"),
            ("billing", Int32, ".order"),
        ],
    )
}

fn body_to_row(criterion: &mut Criterion) {
    let cases = [
        ("film", films(), film()),
        ("film with credits", films(), film_with_credits()),
        ("cast of a film", cast(), film_with_credits()),
    ];
    for (name, table, body) in cases {
        let document = Document::new(Item::seed(json!({"id": 1726})), Bytes::from(body.to_string()), None);
        let mut group = criterion.benchmark_group(format!("{name}, {} bytes", document.body.len()));
        group.throughput(Throughput::Bytes(document.body.len() as u64));
        let run = Arc::new(RunScope::default());
        let projector = || Projector::new(Arc::clone(&table), Arc::clone(&run), BATCH_ROWS);
        for (way, mut projector) in [("fast", projector()), ("jq", projector().by_jq())] {
            let mut full = Vec::new();
            group.bench_function(way, |bencher| {
                bencher.iter(|| {
                    projector.push(black_box(&document), &mut full).expect("nothing fails on a mismatch");
                    full.clear();
                });
            });
            assert_eq!(
                projector
                    .counts()
                    .columns
                    .iter()
                    .map(|counts| counts.mismatches + counts.errors)
                    .sum::<u64>(),
                0
            );
        }
        group.finish();
    }
}

criterion_group!(benches, body_to_row);
criterion_main!(benches);
