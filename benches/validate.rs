//! What it takes to read a pipeline of 300 lines and compile it, as `validate` does: from its text to its plan.
//!
//! `cargo bench --bench validate`. The promise is less than 10 ms for the pipeline as a whole.

#![allow(missing_docs, reason = "criterion's macros write functions without docs")]

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tmdb_etl::plan::{Options, read};
use tmdb_etl::spec::Source;

/// Lines of the pipeline that is measured.
const LINES: usize = 300;

fn validate(criterion: &mut Criterion) {
    let source = Source::new("pipeline.yaml", pipeline());
    assert_eq!(source.text.lines().count(), LINES);
    let plan = || read(&source, &[], &|_| None, &Options::default());
    // The file itself, for `validate` as a whole process: benches/measure.sh validate.
    if let Some(path) = std::env::args().skip_while(|argument| argument != "--write").nth(1) {
        std::fs::write(&path, &source.text).expect("the file can be written");
        return;
    }
    let compiled = plan().expect("it has no fault");
    assert!(compiled.warnings.is_empty(), "it has no doubt");
    criterion.bench_function("validate_300_lines", |bencher| bencher.iter(|| black_box(plan())));

    // Faults are drawn as well: a slip in every sixth column.
    let faulty = Source::new("pipeline.yaml", source.text.replace("int64, value: .c", "itn64, value: .c"));
    let drawn = || read(&faulty, &[], &|_| None, &Options::default()).expect_err("slips").render(&faulty);
    criterion.bench_function("validate_300_lines_with_faults", |bencher| bencher.iter(|| black_box(drawn())));
}

/// A crawl with a loop, a filter and two tables, which have paths, jq and nested types in turn.
fn pipeline() -> String {
    let mut text = "version: 1
name: measured
description: A pipeline of three hundred lines.
params: {min_votes: 200, language: en}

api:
  rate: 40/s
  connections: 20
  retry: {attempts: 5, max_elapsed: 2m}

stages:
  start:
    kind: seed
    ids: [1726, 10138, 24428, 299536, 299534]

  movies:
    kind: fetch
    path: /movie/{id}
    append: [credits, keywords]
    concurrency: 16

  similar:
    kind: expand
    path: /movie/{id}/similar
    when: .vote_count > $params.min_votes
    where: .original_language == $params.language
    take: 3
    into: movies
    max_depth: 2
    max_items: 2000

  good:
    kind: filter
    where: .vote_average > 7 and (.genres | length) > 0

"
    .to_owned();
    for (table, from, rows) in [("films", "good", "."), ("cast", "movies", "'.credits.cast[]'")] {
        let head = format!(
            "  {table}:\n    kind: project\n    from: {from}\n    rows: {rows}\n    order: input\n    columns:\n"
        );
        text.push_str(&head);
        let end = if table == "films" { 170 } else { LINES - 1 };
        for column in text.lines().count()..end {
            let value = match column % 6 {
                0 => format!("{{type: int64, value: .c{column}}}"),
                1 => "string".to_owned(),
                2 => "{type: string, value: .belongs_to_collection.name}".to_owned(),
                3 => format!("{{type: list<string>, value: '[.genres[].name, .c{column}]'}}"),
                4 => format!(
                    "{{type: string, value: '[.genres[] | select(.id > {column}) | .name] | join(\", \")'}}"
                ),
                _ => format!(
                    "{{type: 'struct<id: int64, name: string>', value: '.crew | map(select(.job == \"{column}\")) | first'}}"
                ),
            };
            writeln!(text, "      c{column}: {value}").expect("a string takes everything");
        }
        writeln!(text, "    output: {{path: out/{table}.parquet}}").expect("a string takes everything");
    }
    text
}

criterion_group!(benches, validate);
criterion_main!(benches);
