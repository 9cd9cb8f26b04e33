//! A line of any text as an expression, the rest as a body: the expression is refused or compiled, and a plain path
//! gives the same cells by the walk and by jq. What is no plain path is only compiled, because it may not end.
#![no_main]

mod both_ways;

use both_ways::{both_ways, tables};
use libfuzzer_sys::fuzz_target;
use tmdb_etl::plan::expr::Expr;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (source, body) = text.split_once('\n').unwrap_or((text, "{}"));
    let Ok(expression) = Expr::compile(source) else { return };
    if expression.path().is_none() {
        return;
    }
    let value = serde_json::Value::from(source);
    let pipeline = format!(
        "version: 1\nname: fuzz\nstages:\n  ids: {{kind: seed, ids: [1]}}\n  \
         movies: {{kind: fetch, path: '/movie/{{id}}'}}\n  films:\n    kind: project\n    columns:\n      \
         a: {{type: json, value: {value}}}\n      b: {{type: list<string>, value: {value}}}\n      \
         c: {{type: int64, value: {value}}}\n      \
         d: {{type: 'list<struct<a: int64, b: list<string>>>', value: {value}}}\n    output: {{path: a.parquet}}\n"
    );
    for table in tables(&pipeline).iter().flatten() {
        both_ways(table, body.as_bytes());
    }
});
