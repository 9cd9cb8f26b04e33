//! What is fused, what is not and why, and what follows for the requests.

use super::super::{Compiled, Options, Outlook, Plan, StageKind, describe, read};
use super::FirstPage;
use crate::spec::Source;

fn plan(stages: &str) -> Plan {
    let text = format!(
        "version: 1\nname: p\napi: {{language: en-US}}\nstages:\n  ids: {{kind: seed, range: 1..10}}\n{stages}  \
         t: {{kind: project, columns: {{id: int64}}, output: {{path: t.parquet}}}}\n"
    );
    let Compiled { plan, .. } = read(&Source::new("p.yaml", text), &[], &|_| None, &Options::default())
        .unwrap_or_else(|faults| panic!("{faults}\n{stages}"));
    plan
}

/// For each expand, how its first page is asked for.
fn fused(plan: &Plan) -> Vec<String> {
    let expands = plan.stages.iter().filter(|stage| matches!(stage.kind, StageKind::Expand(_)));
    let name = |index: usize| plan.stages[index].id.to_string();
    let told = |stage: &super::StagePlan| match stage.first_page() {
        FirstPage::Alone => "alone".to_owned(),
        FirstPage::With { fetch, .. } => format!("with {}", name(fetch)),
        FirstPage::Apart(fetch, why) => format!("{why:?} {}", name(fetch)),
    };
    expands.map(told).collect()
}

/// What a fetch sends beyond what it is known by.
fn sent(plan: &Plan, fetch: &str) -> String {
    let stage = plan.stages.iter().find(|stage| stage.id.as_str() == fetch).expect("the fetch");
    match &stage.kind {
        StageKind::Fetch(fetch) => fetch.request.sent().map_or_else(String::new, |sent| sent.to_string()),
        _ => panic!("no fetch"),
    }
}

const MOVIES: &str = "  movies: {kind: fetch, path: '/movie/{id}'}\n";
const SIMILAR: &str = "  similar: {kind: expand, path: '/movie/{id}/similar'}\n";

#[test]
fn an_expand_is_fused_if_it_asks_for_a_part_of_the_same_document_in_the_same_words() {
    let check = |stages: &[&str], expect: &str| {
        let plan = plan(&stages.concat());
        assert_eq!(fused(&plan).join(", "), expect, "{stages:?}");
    };
    check(&[MOVIES, SIMILAR], "with movies");
    check(&[MOVIES, &SIMILAR.replace("similar'", "watch/providers', items: '.results[]'")], "with movies");
    check(&[MOVIES, "  few: {kind: filter, where: .adult}\n", SIMILAR], "with movies");
    check(&[MOVIES, "  cast: {kind: expand, items: '.genres[]'}\n", SIMILAR], "alone, with movies");
    check(&[MOVIES, &SIMILAR.replace("similar'", "similar', pages: 3")], "with movies");
    // Loops and items of several fields.
    check(
        &[MOVIES, &SIMILAR.replace("similar'", "similar', into: movies, max_depth: 1, max_items: 9")],
        "with movies",
    );
    let season = "  pages: {kind: fetch, path: '/tv/{id}/season/{n}'}\n  cast: {kind: expand, path: '/tv/{id}/season/{n}/credits', items: '.cast[]'}\n";
    check(&[season], "with pages");
    check(&[&season.replace("{n}/credits", "{m}/credits")], "alone");
    check(&[&season.replace("/season/{n}/credits", "/credits")], "alone");
    // Names that TMDB does not append, other entities, other items.
    check(&[MOVIES, &SIMILAR.replace("similar'", "lists/all'")], "alone");
    check(&[MOVIES, &SIMILAR.replace("/movie/{id}/similar", "/tv/{id}/similar")], "alone");
    check(&[MOVIES, &SIMILAR.replace("{id}", "{other}")], "alone");
    check(&[MOVIES, &SIMILAR.replace("{id}", "603")], "alone");
    check(&[MOVIES, &SIMILAR.replace("/movie/{id}/similar", "/movie/popular")], "alone");
    check(
        &[
            "  names: {kind: fetch, path: '/keyword/{id}'}\n  films: {kind: expand, path: '/keyword/{id}/movies'}\n",
        ],
        "alone",
    );
    // A query applies to everything that is appended.
    let query = |stage: &str, query: &str| stage.replacen("'}", &format!("', query: {{{query}}}}}"), 1);
    check(&[MOVIES, &query(SIMILAR, "language: de")], "Query movies");
    check(&[MOVIES, &query(SIMILAR, "language: en-US")], "with movies");
    check(&[&query(MOVIES, "language: de"), SIMILAR], "Query movies");
    check(&[&query(MOVIES, "language: de"), &query(SIMILAR, "language: de")], "with movies");
    check(&[&query(MOVIES, "page: 2"), SIMILAR], "Query movies");
    check(&[&query(MOVIES, "region: '{id}'"), &query(SIMILAR, "region: '{id}'")], "with movies");
    check(&[&query(MOVIES, "region: '{id}'"), &query(SIMILAR, "region: '{at}'")], "Query movies");
    // Documents of more than one fetch.
    let two = "  more: {kind: seed, range: 1..3}\n  a: {kind: fetch, from: ids, path: '/movie/{id}'}\n  b: {kind: fetch, from: more, path: '/movie/{id}'}\n";
    check(&[two, &SIMILAR.replace("path", "from: [a, b], path")], "Fetches a");
    check(&[two, &SIMILAR.replace("path", "from: a, path")], "with a");
    check(&[MOVIES, &SIMILAR.replace("similar'", "similar', fuse: false")], "Unwanted movies");
}

#[test]
fn one_request_carries_what_the_file_and_the_planner_append() {
    let append = "  movies: {kind: fetch, path: '/movie/{id}', append: [credits, similar]}\n";
    let credits = "  credits: {kind: expand, path: '/movie/{id}/credits', items: '.cast[]'}\n";
    let named = plan(&[append, SIMILAR, credits].concat());
    assert_eq!(fused(&named), ["with movies", "with movies"]);
    assert_eq!(sent(&named, "movies"), "", "nothing is added to what the file names");
    let twice = plan(&[MOVIES, SIMILAR, &SIMILAR.replace("similar:", "again:"), credits].concat());
    assert_eq!(fused(&twice), ["with movies"; 3]);
    assert_eq!(sent(&twice, "movies"), "/movie/{id}?append_to_response=similar,credits&language=en-US");
    let mut apart = twice.clone();
    for stage in &mut apart.stages {
        if let StageKind::Expand(expand) = &mut stage.kind {
            expand.fuse = false;
        }
    }
    apart.fuse();
    assert_eq!(sent(&apart, "movies"), "");
    assert_eq!(fused(&apart), ["Unwanted movies"; 3]);
}

#[test]
fn no_more_names_are_appended_than_the_api_takes_and_those_that_do_not_fit_are_noted() {
    let names: Vec<String> = (0..19).map(|n| format!("part{n}")).collect();
    let movies =
        format!("  movies: {{kind: fetch, path: '/movie/{{id}}', append: [{}]}}\n", names.join(", "));
    let part = |name: &str| format!("  {name}: {{kind: expand, path: '/movie/{{id}}/{name}'}}\n");
    let plan =
        plan(&[movies, part("similar"), part("reviews"), SIMILAR.replace("similar:", "again:")].concat());
    assert_eq!(fused(&plan), ["with movies", "Full movies", "with movies"]);
    let told = describe(&plan, &Outlook::default());
    assert!(
        told.contains("`reviews` is not fused into the request of `movies`: that request has 20 names"),
        "{told}"
    );
}

#[test]
fn the_id_of_a_page_is_restored_only_where_it_may_be_read() {
    let restored = |items: &str| {
        let credits =
            format!("  credits: {{kind: expand, path: '/movie/{{id}}/credits', items: '{items}'}}\n");
        let plan = plan(&[MOVIES, &credits].concat());
        let StageKind::Fetch(fetch) = &plan.stages[1].kind else { panic!("no fetch") };
        fetch.parts[0].id.is_some()
    };
    assert!(!restored(".cast[]"));
    assert!(!restored("$doc.genres[]"));
    assert!(restored(".id"));
    assert!(restored("."));
    assert!(restored(".[]"));
    assert!(restored(".id as $id | .cast[] | {id, film: $id}"));
    assert!(restored("(.cast[], .crew[])"));
}

#[test]
fn parts_travel_as_far_as_somebody_takes_them() {
    let plan = plan(
        &[
            MOVIES,
            "  few: {kind: filter, where: .adult}\n",
            SIMILAR,
            "  all: {kind: filter, where: .id}\n",
            "  genres: {kind: expand, items: '.genres[]', from: movies}\n",
        ]
        .concat(),
    );
    let carrying = plan.stages.iter().filter(|stage| stage.parts).map(|stage| stage.id.to_string());
    assert_eq!(carrying.collect::<Vec<_>>(), ["movies", "few"]);
}

#[test]
fn a_plan_that_is_cut_down_asks_for_no_page_of_what_is_gone() {
    let whole = plan(&[MOVIES, SIMILAR, &SIMILAR.replace("similar", "reviews")].concat());
    let cut = |point: &str| sent(&whole.upstream_of(whole.point(point).expect("a point")).0, "movies");
    assert_eq!(cut("movies"), "");
    assert_eq!(cut("similar.found"), "/movie/{id}?append_to_response=similar&language=en-US");
    assert_eq!(cut("reviews"), "/movie/{id}?append_to_response=similar,reviews&language=en-US");
}

#[test]
fn what_is_saved_and_what_becomes_large_is_told() {
    let told = |stages: &[&str]| {
        let told = describe(&plan(&stages.concat()), &Outlook::default());
        let lines = told.lines().filter(|line| line.contains("saved") || line.starts_with("  - "));
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n")
    };
    let credits = "  cast: {kind: expand, path: '/movie/{id}/credits', items: '.cast[]'}\n";
    let all = [
        told(&[MOVIES, SIMILAR]),
        told(&[MOVIES, &SIMILAR.replace("similar'", "similar', pages: 3, when: .adult")]),
        told(&[MOVIES, credits, SIMILAR]),
        told(&[&MOVIES.replace("}'", "}', append: [credits, watch/providers]"), SIMILAR]),
        told(&[MOVIES, &SIMILAR.replace("similar'", "similar', query: {language: de}")]),
    ];
    insta::assert_snapshot!(all.join("\n\n"), @r"
    saved 0 to 10, by fusion

    saved 0 to 10, by fusion

    saved 0 to 20, by fusion
    - answers of `movies` are large: for a well-known title what is appended has about 154 KiB (credits 142, similar 12), before compression; `fuse: false` on `cast` asks for that apart

    saved 0 to 10, by fusion
    - answers of `movies` are large: for a well-known title what is appended has about 215 KiB (credits 142, watch/providers 61, similar 12), before compression

    - `similar` is not fused into the request of `movies`: its query or language is another
    ");
}
