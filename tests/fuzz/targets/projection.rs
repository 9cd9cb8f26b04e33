//! Any bytes as a body, through tables of every type: no panic, and the walk gives what jq gives.
#![no_main]

mod both_ways;

use std::sync::{Arc, LazyLock};

use both_ways::{both_ways, tables};
use libfuzzer_sys::fuzz_target;
use tmdb_etl::plan::TablePlan;

static TABLES: LazyLock<Vec<Arc<TablePlan>>> =
    LazyLock::new(|| tables(PIPELINE).expect("the pipeline below is valid"));

/// Short names, so that random bodies hit them.
const PIPELINE: &str = r#"
version: 1
name: fuzz
stages:
  ids: {kind: seed, ids: [1]}
  movies: {kind: fetch, path: '/movie/{id}'}
  films:
    kind: project
    columns:
      id: int64
      a: string
      b: bool
      d: date
      t: timestamp
      f: float64
      i: int32
      j: json
      nested: {type: string, value: .o.a}
      deep: {type: int64, value: .o.o.i}
      l: list<string>
      n: {type: list<int64>, value: '[.l[].id]'}
      m: {type: list<date>, value: .l}
      whole: {type: json, value: .}
      s: {type: 'struct<a: string, i: int32, l: list<int64>, o: struct<a: date>>', value: .o}
      ls: {type: 'list<struct<id: int64, a: string, b: bool>>', value: .l}
      built: {type: 'list<struct<id: int64, t: timestamp>>', value: '[.l[] | {id, t: .a}]'}
      ll: list<list<json>>
    output: {path: films.parquet}
  rows:
    kind: project
    rows: '.l[]'
    columns:
      id: {type: int64, required: true}
      a: {type: string, on_mismatch: drop}
      b: {type: list<bool>, value: .l}
      parent: {type: string, value: $doc.a}
      o: {type: 'struct<a: json, i: int64>', on_mismatch: drop}
    output: {path: rows.parquet}
"#;

fuzz_target!(|body: &[u8]| {
    for table in TABLES.iter() {
        both_ways(table, body);
    }
});
