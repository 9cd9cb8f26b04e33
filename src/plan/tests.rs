//! The plan of small pipelines, and the faults that only the graph shows.

use super::expr::FieldSet;
use super::{Compiled, Options, Plan, StageKind, read};
use crate::spec::{Faults, Order, Source};

const HEAD: &str = "version: 1\nname: p\nparams: {min_votes: 200}\nstages:\n";
const SEED: &str = "  ids: {kind: seed, ids: [1]}\n";
const MOVIES: &str = "  movies: {kind: fetch, path: '/movie/{id}'}\n";
const FILMS: &str = "  films: {kind: project, columns: {id: int64}, output: {path: films.parquet}}\n";

/// Faults that may follow from others.
const FOLLOWING: [&str; 5] = ["no-table", "unread-stage", "no-input", "shared-origin", "list-in-loop"];

fn compiled(stages: &str) -> Result<Compiled, Faults> {
    let source = Source::new("p.yaml", format!("{HEAD}{stages}"));
    read(&source, &[], &|_| None, &Options::default())
}

fn plan(stages: &str) -> Plan {
    compiled(stages).unwrap_or_else(|faults| panic!("{faults}\n{stages}")).plan
}

/// Codes of the faults, each with the text at the marked place.
fn faults(stages: &str) -> Vec<String> {
    let text = format!("{HEAD}{stages}");
    let faults = match compiled(stages) {
        Ok(compiled) => compiled.warnings,
        Err(faults) => faults,
    };
    faults
        .iter()
        // The head has a param for those who want one.
        .filter(|fault| fault.code != "unread-param")
        .map(|fault| {
            let place = fault.span.map_or("", |span| &text[span.start..span.end]);
            format!("{}: {place}", fault.code)
        })
        .collect()
}

#[test]
fn every_fault_of_the_graph_is_found_where_it_stands() {
    let check = |stages: &[&str], expect: &[&str]| {
        let stages = stages.concat();
        assert_eq!(faults(&stages), expect, "{stages}");
        // A slip in every stage hides none of them, but for those that may only follow from it.
        let mut expect = expect.to_vec();
        expect.retain(|fault| !FOLLOWING.iter().any(|code| fault.starts_with(code)));
        let mut told = faults(&stages.replace("{kind:", "{slip: 1, kind:"));
        told.retain(|fault| fault != "unknown-key: slip");
        assert_eq!(told, expect, "with slips: {stages}");
    };
    check(&[SEED, MOVIES, FILMS], &[]);
    check(&[SEED, MOVIES], &["no-table: "]);
    check(&[MOVIES, FILMS], &["no-input: movies"]);
    check(&[SEED, FILMS], &["unread-stage: ids", "no-input: films"]);
    check(
        &[SEED, "  movies: {kind: fetch, from: films, path: '/movie/{id}'}\n", FILMS],
        &["unread-stage: ids", "from-below: films"],
    );
    check(
        &[
            SEED,
            MOVIES,
            "  films: {kind: project, from: ids, columns: {id: int64}, output: {path: f.parquet}}\n",
        ],
        &["unread-stage: movies", "wrong-input: ids"],
    );
    check(
        &[
            SEED,
            MOVIES,
            "  films: {kind: project, from: movies.found, columns: {id: int64}, output: {path: f.parquet}}\n",
        ],
        &["unread-stage: movies", "unknown-port: movies.found"],
    );
    let similar =
        |keys: &str| format!("  similar: {{kind: expand, path: '/movie/{{id}}/similar', {keys}}}\n");
    check(&[SEED, MOVIES, &similar("take: 3"), FILMS], &["unread-stage: similar"]);
    check(&[SEED, MOVIES, &similar("into: movies"), FILMS], &["unbounded-loop: movies"]);
    check(&[SEED, MOVIES, &similar("into: movies, max_items: 9"), FILMS], &["unbounded-loop: movies"]);
    check(&[SEED, MOVIES, &similar("into: movies, max_depth: 1, max_items: 9"), FILMS], &[]);
    check(&[SEED, MOVIES, &similar("into: films"), FILMS], &["into-not-fetch: films"]);
    check(
        &[SEED, MOVIES, &similar("into: movies, max_depth: 1, max_items: 9, when: '.a | |'"), FILMS],
        &["bad-expression: '.a | |'"],
    );
    check(
        &[SEED, MOVIES, "  some: {kind: filter, where: .vote_count > $params.min_vote}\n", FILMS],
        &["unknown-param: .vote_count > $params.min_vote"],
    );
    check(
        &[
            SEED,
            MOVIES,
            "  a: {kind: filter, where: .x}\n  b: {kind: filter, from: movies, where: .y}\n  c: {kind: filter, from: [a, b], where: .z}\n",
            FILMS,
        ],
        &["shared-origin: a"],
    );
    check(
        &[
            SEED,
            MOVIES,
            &similar("into: movies, max_depth: 1, max_items: 9"),
            "  tv: {kind: fetch, from: ids, path: '/tv/{id}'}\n  c: {kind: filter, from: [similar, tv], where: .z}\n",
            FILMS,
        ],
        &["list-in-loop: similar"],
    );
}

#[test]
fn what_may_follow_from_a_gap_in_the_file_is_not_told() {
    let bounded = "  similar: {kind: expand, path: '/movie/{id}/similar', <<: {max_depth: 1}, when: $params.votes, into: movies}\n";
    assert_eq!(faults(&[SEED, MOVIES, bounded, FILMS].concat()), ["merge-key: <<"]);
    // Whether `similar` reads `movies`, or what is not understood between them, cannot be said.
    let between = "  between: {kind: fecth, path: '/tv/{id}'}\n";
    let similar = "  similar: {kind: expand, path: '/movie/{id}/similar', into: movies}\n";
    assert_eq!(faults(&[SEED, MOVIES, between, similar, FILMS].concat()), ["unknown-kind: fecth"]);
}

#[test]
fn edges_are_feedback_only_against_the_flow() {
    let edges = |stages: &[&str]| {
        let plan = plan(&stages.concat());
        let name = |index: usize| plan.stages[index].id.to_string();
        plan.item_edges
            .iter()
            .map(|edge| (name(edge.from), name(edge.to), edge.feedback, edge.in_loop))
            .collect::<Vec<_>>()
    };
    let cast = "  cast: {kind: expand, items: '.cast[]', into: people}\n";
    let people = "  people: {kind: fetch, path: '/person/{id}'}\n";
    let known = "  known: {kind: expand, from: people, items: '.films[]', into: movies, max_depth: 2, max_items: 9}\n";
    assert_eq!(edges(&[SEED, MOVIES, cast, people, FILMS]), [("cast".into(), "people".into(), false, false)]);
    assert_eq!(
        edges(&[SEED, MOVIES, cast, people, known, FILMS]),
        [("cast".into(), "people".into(), false, true), ("known".into(), "movies".into(), true, true)]
    );
}

#[test]
fn items_keep_what_is_read_of_them_and_no_more() {
    let kept = |stages: &[&str], fetch: &str| {
        let plan = plan(&stages.concat());
        let stage = plan.stages.iter().find(|stage| stage.id.as_str() == fetch).expect("the fetch");
        let StageKind::Fetch(fetch) = &stage.kind else { panic!("no fetch") };
        match &fetch.keeps {
            FieldSet::All => "all".to_owned(),
            FieldSet::Fields(fields) => fields.iter().cloned().collect::<Vec<_>>().join(" "),
        }
    };
    let table = |from: &str, value: &str| {
        format!(
            "  t: {{kind: project, from: {from}, columns: {{x: {{type: json, value: {value}}}}}, output: {{path: t.parquet}}}}\n"
        )
    };
    let cast = "  cast: {kind: expand, items: '.cast[]', into: people}\n  people: {kind: fetch, path: '/person/{id}/x/{credit}'}\n";
    assert_eq!(kept(&[SEED, MOVIES, FILMS], "movies"), "id");
    assert_eq!(kept(&[SEED, MOVIES, &table("movies", "$item.title")], "movies"), "id title");
    assert_eq!(kept(&[SEED, MOVIES, &table("movies", "$item")], "movies"), "all");
    assert_eq!(kept(&[SEED, MOVIES, &table("movies", "$meta.seed.title")], "movies"), "all");
    assert_eq!(kept(&[SEED, MOVIES, cast, &table("people", ".name")], "people"), "credit id");
    assert_eq!(kept(&[SEED, MOVIES, cast, &table("people", "$parent.title")], "movies"), "id title");
    assert_eq!(kept(&[SEED, MOVIES, cast, &table("cast.found", "$parent.year")], "movies"), "id year");
    assert_eq!(kept(&[SEED, MOVIES, &table("movies.missing", ".item.title")], "movies"), "id title");
    assert_eq!(kept(&[SEED, MOVIES, &table("movies.missing", ".key")], "movies"), "id");
}

#[test]
fn order_is_kept_only_where_somebody_needs_it() {
    let orders =
        |stages: &[&str]| plan(&stages.concat()).stages.iter().map(|stage| stage.order).collect::<Vec<_>>();
    let (input, arrival) = (Order::Input, Order::Arrival);
    let loose = "  films: {kind: project, order: arrival, columns: {id: int64}, output: {path: f.parquet}}\n";
    let some = "  some: {kind: filter, where: .id}\n";
    assert_eq!(orders(&[SEED, MOVIES, FILMS])[1], input);
    assert_eq!(orders(&[SEED, MOVIES, loose])[1], arrival);
    assert_eq!(orders(&[SEED, MOVIES, some, FILMS])[1..3], [input, input]);
    assert_eq!(orders(&[SEED, MOVIES, some, loose])[1..3], [arrival, arrival]);
    // What is found outside a loop is admitted in order, whatever the tables want.
    let cast = "  cast: {kind: expand, items: '.cast[]', into: people}\n  people: {kind: fetch, path: '/person/{id}'}\n";
    assert_eq!(orders(&[SEED, MOVIES, cast, loose])[1..4], [input, input, arrival]);
    // Within a loop the frontier puts things in order itself.
    let similar =
        "  similar: {kind: expand, path: '/movie/{id}/similar', into: movies, max_depth: 1, max_items: 9}\n";
    assert_eq!(orders(&[SEED, MOVIES, similar, loose])[1..3], [arrival, arrival]);
}

#[test]
fn warning_about_the_address_in_the_file_is_dropped_where_another_is_asked() {
    let text = format!("{HEAD}{SEED}{MOVIES}{FILMS}").replace("stages:", "api: {rate: none}\nstages:");
    let source = Source::new("p.yaml", text);
    let warnings = |base_url: Option<&str>| {
        let options = Options { base_url: base_url.map(str::to_owned), ..Options::default() };
        let compiled = super::read(&source, &[], &|_| None, &options).expect("a good file");
        compiled
            .warnings
            .iter()
            .map(|fault| fault.code)
            .filter(|code| *code != "unread-param")
            .collect::<Vec<_>>()
    };
    assert_eq!(warnings(None), ["unlimited-rate"]);
    assert!(warnings(Some("http://127.0.0.1:1/3")).is_empty());
}
