//! What `plan` prints, in each of its formats; and that what a file says cannot break it.

use serde_json::Value;

use super::{Compiled, Options, Outlook, Plan, Probe, describe, read, to_json, to_mermaid};
use crate::spec::Source;

const MARVEL: &str = include_str!("../../pipelines/marvel.yaml");
const COSTARS: &str = include_str!("../../pipelines/costars.yaml");
const SIMILAR: &str = include_str!("../../pipelines/marvel_similar.yaml");

/// Every kind of seed, stage and edge, and words that mean something elsewhere.
const ALL: &str = r##"
version: 1
name: all
description: "every kind: \"quoted\" <b>, and\nmore"
params: {least: 10}
api: {rate: 10/s, connections: 4, language: de, keep: 60d}
max_failures: 3
stages:
  end: {kind: seed, ids: [1, 2, 2]}
  shows: {kind: seed, items: [{id: 1399, season: 1}, {id: 1399, season: 2}]}
  span: {kind: seed, range: 1..1000}
  popular: {kind: seed, path: /discover/movie, query: {sort_by: popularity.desc}, pages: 3, where: '.id > 2'}
  table: {kind: seed, file: {path: data/ids.csv, column: movie}, estimate: 5000}
  rows: {kind: seed, file: 'data/weird "name" [x].parquet'}
  export: {kind: seed, export: tv_series, estimate: 200000}
  news: {kind: seed, changes: movie, refresh: {never_seen: export}, estimate: 9000}
  films: {kind: fetch, from: [end, span, popular, table, rows], path: '/movie/{id}', concurrency: 8, rate: 2/s}
  seasons: {kind: fetch, from: shows, path: '/tv/{id}/season/{season}', timeout: 3s}
  series: {kind: fetch, from: export, path: '/tv/{id}'}
  renewed: {kind: fetch, from: news, path: '/movie/{id}', query: {language: en}}
  old: {kind: filter, from: films, where: '.release_date < "1980" and (.title | test("[\"#;]"))', buffer: 5}
  parts: {kind: expand, path: '/movie/{id}/similar', pages: 2, take: 3, into: films, max_depth: 2, max_items: 50}
  cast: {kind: expand, from: films, items: '.credits.cast[]'}
  people: {kind: fetch, from: cast.found, path: '/person/{id}'}
  out: {kind: project, from: parts, order: arrival, columns: {id: {type: int64, required: true}, seen: {type: timestamp, value: .at, on_mismatch: drop}}, output: {path: out/films.parquet, compression: none}}
  lost: {kind: project, from: [films.failed, films.missing, seasons.missing, series], columns: {key: string, genres: list<string>}, output: {path: out/lost.parquet}}
  names: {kind: project, from: [people, seasons], columns: {name: string}, output: {path: out/names.parquet}}
  newest: {kind: project, from: renewed, columns: {id: int64}, output: {path: out/newest, mode: append}}
"##;

fn plan(text: &str) -> Plan {
    let read = read(&Source::new("p.yaml", text), &[], &|_| None, &Options::default());
    let Compiled { plan, .. } = read.unwrap_or_else(|faults| panic!("{faults}"));
    plan
}

fn unknown() -> Outlook {
    Outlook::default()
}

#[test]
fn every_format_shows_the_shipped_pipelines_and_every_kind() {
    for (name, text) in [("marvel", MARVEL), ("costars", COSTARS), ("marvel_similar", SIMILAR), ("all", ALL)]
    {
        let plan = plan(text);
        insta::assert_snapshot!(format!("{name}_text"), describe(&plan, &unknown()));
        insta::assert_snapshot!(format!("{name}_json"), format!("{:#}", to_json(&plan, &unknown())));
        insta::assert_snapshot!(format!("{name}_mermaid"), to_mermaid(&plan));
    }
}

#[test]
fn json_names_every_stage_and_its_edges_join_them() {
    for text in [MARVEL, COSTARS, SIMILAR, ALL] {
        let plan = plan(text);
        let written = to_json(&plan, &unknown()).to_string();
        let object: Value = serde_json::from_str(&written).expect("JSON");
        let list = |name: &str| object[name].as_array().expect("a list").clone();
        let names: Vec<Value> = list("stages").iter().map(|stage| stage["name"].clone()).collect();
        assert_eq!(names, plan.stages.iter().map(|stage| stage.id.as_str()).collect::<Vec<_>>());
        let edges = list("edges");
        assert!(edges.iter().all(|edge| names.contains(&edge["from"]) && names.contains(&edge["to"])));
        let ends = |name: &Value| edges.iter().any(|edge| edge["from"] == *name || edge["to"] == *name);
        assert!(names.iter().all(ends), "every stage has an edge");
        assert_eq!(list("tables").len(), plan.tables().count());
    }
}

#[test]
fn bounds_follow_from_what_is_known() {
    let check = |stages: &str, outlook: Outlook, expect: &str| {
        let text = format!(
            "version: 1\nname: p\nstages:\n{stages}  t: {{kind: project, columns: {{id: int64}}, output: {{path: t.parquet}}}}\n"
        );
        let told = describe(&plan(&text), &outlook);
        let told: Vec<String> = told[told.find("\nrequests").expect("requests")..]
            .lines()
            .skip_while(|line| !line.starts_with("requests"))
            .skip(1)
            .take_while(|line| !line.is_empty())
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(told.join("; "), expect, "{stages}");
    };
    let limit = |limit| Outlook { limit: Some(limit), ..Outlook::default() };
    let films = "  films: {kind: fetch, path: '/movie/{id}'}\n";
    let one = |seed: &str| format!("  ids: {{kind: seed, {seed}}}\n{films}");
    let fewer = "; most are made by `films`; fewer by `--limit`";
    check(
        &one("ids: [1, 2, 2]"),
        unknown(),
        &format!("films 2 to 3; total 2 to 3; time 0.1 s at 40/s{fewer}"),
    );
    check(&one("ids: [1]"), unknown(), "films 1; total 1; time 0.0 s at 40/s");
    check(
        &one("items: [{id: 1}, {other: 2}]"),
        unknown(),
        &format!("films 1 to 2; total 1 to 2; time 0.0 s to 0.1 s at 40/s{fewer}"),
    );
    check(&one("range: 1..400"), limit(40), &format!("films 40; total 40; time 1.0 s at 40/s{fewer}"));
    check(
        &one("range: 1..400, where: '.id > 9'"),
        limit(40),
        &format!("films 0 to 40; total 0 to 40; time 0.0 s to 1.0 s at 40/s{fewer}"),
    );
    check(
        &one("file: a.csv"),
        unknown(),
        "films 0 to ?; total 0 to ?; time 0.0 s to ? at 40/s; not known beforehand, by `films`; what tells about how many: `estimate` on `ids`",
    );
    check(
        &one("file: a.csv"),
        limit(80),
        &format!("films 0 to 80; total 0 to 80; time 0.0 s to 2.0 s at 40/s{fewer}"),
    );
    check(
        &one("export: movie, estimate: 1240000"),
        unknown(),
        &format!(
            "films 0 to ?, about 1240000; total 0 to ?, about 1240000; time 0.0 s to ?, about 8.6 h at 40/s{fewer}"
        ),
    );
    check(
        &one("path: /discover/movie, estimate: 1000"),
        unknown(),
        &format!(
            "ids 1 to ?, about 50; films 0 to ?, about 1000; total 1 to ?, about 1050; time 0.0 s to ?, about 26.2 s at 40/s{fewer}"
        ),
    );
    let probed = Outlook { probed: [(0, Probe { pages: 7, items: Some(130) })].into(), ..Outlook::default() };
    check(
        &one("path: /discover/movie, pages: 3"),
        probed,
        &format!(
            "ids 1 to 6, about 3; films 0 to ?, about 60; total 1 to ?, about 63; time 0.0 s to ?, about 1.6 s at 40/s{fewer}"
        ),
    );
    // Beyond 500 pages by halves, each of whose first pages is one that counts, or one that is read.
    let long = Probe { pages: 57_001, items: Some(1_140_006) };
    check(
        &one("path: /discover/movie"),
        Outlook { probed: [(0, long)].into(), ..Outlook::default() },
        &format!(
            "ids 1 to ?, about 57459; films 0 to ?, about 1140006; total 1 to ?, about 1197465; time 0.0 s to ?, about 8.3 h at 40/s{fewer}"
        ),
    );
    check(
        &one("path: /discover/movie"),
        limit(100),
        &format!(
            "ids 1 to ?, about 22; films 0 to 100; total 1 to ?, about 122; time 0.0 s to ?, about 3.0 s at 40/s{fewer}"
        ),
    );
    check(
        &one("path: /discover/movie"),
        unknown(),
        "ids 1 to ?; films 0 to ?; total 1 to ?; time 0.0 s to ? at 40/s; not known beforehand, by `ids`; what tells about how many: `estimate` on `ids` or `--probe`",
    );
    let slow = "  ids: {kind: seed, range: 1..600}\n  films: {kind: fetch, path: '/movie/{id}', rate: 1/s}\n";
    check(
        slow,
        unknown(),
        "films 600; total 600; time 10 min at 40/s; the own rate of `films` takes longest; less by a higher `rate` of `films`",
    );
    let similar = |bounds: &str| {
        format!(
            "{}  more: {{kind: expand, path: '/movie/{{id}}/similar', into: films, {bounds}}}\n",
            one("ids: [1]")
        )
    };
    let told = "most are made by `films`; fewer by a smaller `take`, `max_depth` or `max_items` of `more`, or `--limit`";
    // 1 film, 2 of it, 4 of those, 8 of those: three levels are looked at, and eight are not.
    check(
        &similar("take: 2, max_depth: 3, max_items: 999"),
        unknown(),
        &format!(
            "films 1 to 15; more 0; total 1 to 15; saved 0 to 7, by fusion; time 0.0 s to 0.4 s at 40/s; {told}"
        ),
    );
    check(
        &similar("take: 2, max_depth: 3, max_items: 999, pages: 3"),
        unknown(),
        &format!(
            "films 1 to 15; more 0 to 14; total 1 to 29; saved 0 to 7, by fusion; time 0.0 s to 0.7 s at 40/s; {told}"
        ),
    );
    check(
        &similar("take: 2, max_depth: 3, max_items: 999, fuse: false"),
        unknown(),
        &format!("films 1 to 15; more 0 to 7; total 1 to 22; time 0.0 s to 0.6 s at 40/s; {told}"),
    );
    check(
        &similar("take: 2, max_depth: 3, max_items: 10, fuse: false"),
        unknown(),
        &format!("films 1 to 11; more 0 to 7; total 1 to 18; time 0.0 s to 0.5 s at 40/s; {told}"),
    );
    check(
        &similar("max_depth: 1000, max_items: 100, fuse: false"),
        unknown(),
        "films 1 to 101; more 0 to 101; total 1 to 202; time 0.0 s to 5.0 s at 40/s",
    );
}

/// Nothing but what the picture itself is made of stands outside of quotes, and nothing within them can end them.
#[test]
fn no_text_of_a_file_breaks_the_picture() {
    let hostile = [
        "\"",
        "]",
        "[(",
        "}}",
        "`x`",
        "<script>",
        "-->",
        "%%{init: {}}%%",
        "\u{202e}é",
        "#quot;",
        "|",
        "\\",
        "&amp;",
    ];
    let seeds: Vec<String> = hostile
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let text = text.replace('\'', "''");
            format!("  s{index}: {{kind: seed, file: {{path: 'a {text} b', format: csv}}}}\n  f{index}: {{kind: fetch, from: s{index}, path: '/x/{{id}}'}}\n  w{index}: {{kind: filter, from: f{index}, where: '. == {}'}}\n", Value::from(text.as_str()).to_string().replace('\'', "''"))
        })
        .collect();
    let reads: Vec<String> = (0..hostile.len()).map(|index| format!("w{index}")).collect();
    let text = format!(
        "version: 1\nname: p\nstages:\n{}  t: {{kind: project, from: [{}], columns: {{id: int64}}, output: {{path: t.parquet}}}}\n",
        seeds.concat(),
        reads.join(", ")
    );
    for text in [&text, MARVEL, COSTARS, SIMILAR, ALL] {
        for line in to_mermaid(&plan(text)).lines().skip(1) {
            let parts: Vec<&str> = line.split('"').collect();
            assert!(matches!(parts.len(), 1 | 3), "one label at the most: {line}");
            let frame = [parts[0], parts.last().unwrap_or(&"")].concat();
            for (open, close) in [('(', ')'), ('[', ']'), ('{', '}')] {
                assert_eq!(frame.matches(open).count(), frame.matches(close).count(), "{line}");
            }
            let label = parts.get(1).map_or(String::new(), |label| {
                label.replace("<b>", "").replace("</b>", "").replace("<br/>", "")
            });
            let plain = |letter: char| letter.is_alphanumeric() || " ./_-,:#;…".contains(letter);
            assert!(label.chars().all(plain), "{line}");
        }
    }
}
