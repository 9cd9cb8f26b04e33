//! `show`: what is printed, what is asked for, and what stays untouched.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;
use tmdb_etl::mock::{Config, Fault, FaultKind, Stats};

use super::place::{Place, text};
use super::{Server, terminate};

/// A loop, a filter, a list of inputs and every port.
const WIDE: &str = "\
version: 1
name: wide
params: {least: 0}
api: {rate: 1000/s, retry: {attempts: 1}}
max_failures: 0
stages:
  many: {kind: seed, range: 1..10000}
  movies: {kind: fetch, path: '/movie/{id}', append: [credits]}
  similar:
    {kind: expand, path: '/movie/{id}/similar', into: movies, take: 2, max_depth: 1, max_items: 100}
  none: {kind: filter, where: '.id < $params.least'}
  films: {kind: project, from: movies, columns: {id: int64, at: {type: date, value: .release_date}}, output: {path: a.parquet}}
  ends: {kind: project, from: [movies.missing, movies.failed], columns: {key: string}, output: {path: b.parquet}}
  links: {kind: project, from: similar.found, columns: {to: {type: int64, value: .id}}, output: {path: c.parquet}}
";

/// Runs `show wide.yaml …` against a server of its own, and says what that saw.
fn show(arguments: &[&str], config: Config) -> (String, Stats, Place) {
    let place = Place::new();
    place.write("wide.yaml", WIDE);
    let server = Server::start(config);
    let env = [("TMDB_BASE_URL", &*server.base_url()), ("TMDB_TOKEN", "t")];
    let arguments: Vec<&str> = ["show", "wide.yaml"].into_iter().chain(arguments.iter().copied()).collect();
    let shown = place.check(&arguments, &env);
    (shown, server.stop(), place)
}

fn lines(shown: &str) -> Vec<Value> {
    let data =
        shown.split_once("--- stdout\n").expect("stdout").1.split_once("--- stderr\n").expect("stderr").0;
    data.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

#[test]
fn three_lines_cost_a_few_requests_and_leave_nothing() {
    // A film and its similar ones are two requests. Whatever the scheduler does, no more can run ahead of the lines than
    // fits between a stage and the printer: the edge of the tap, the tap, the edge behind it, and a film in each hand.
    let (least, most) = (3, 20);
    for point in ["many", "movies", "films", "similar", "links"] {
        let (least, most) = if point == "many" { (0, 0) } else { (least, most) };
        let (shown, stats, place) = show(&[point], Config::default());
        assert!(shown.starts_with("exit 0\n") && shown.ends_with("--- stderr\n"), "{shown}");
        assert_eq!(lines(&shown).len(), 3, "{point}");
        assert!((least..=most).contains(&stats.requests), "{point}: {} requests", stats.requests);
        assert_eq!(place.files().len(), 2, "{point}: {:?}", place.files());
    }
}

#[test]
fn what_is_shown_is_what_a_run_would_write_first() {
    let place = Place::new();
    let shown = place.check(&["show", "small.yaml", "films", "--mock"], &[]);
    insta::assert_snapshot!(shown);
    for (point, limit) in [("ids", 2), ("movies", 3), ("films", 2)] {
        let limit_text = limit.to_string();
        let shown = place.check(&["show", "small.yaml", point, "--mock", "-n", &limit_text], &[]);
        let ids: Vec<_> = lines(&shown).iter().map(|line| line["id"].as_i64().expect("an id")).collect();
        assert_eq!(ids, [1726, 24428, 299_536][..limit], "{point}");
    }
}

#[test]
fn expressions_are_those_of_a_file() {
    let place = Place::new();
    let jq =
        |point: &str, expr: &str| place.check(&["show", "small.yaml", point, "--mock", "--jq", expr], &[]);
    let given = jq("movies", "[.title, $doc.id, $item.id, $parent, $params.least, $meta.depth]");
    let expect = "[[\"Iron Man\",1726,1726,null,0,0],[\"The Avengers\",24428,24428,null,0,0],[\"Avengers: Infinity War\",299536,299536,null,0,0]]";
    assert_eq!(serde_json::to_string(&lines(&given)).unwrap(), expect);
    insta::assert_snapshot!("jq_does_not_compile", jq("movies", ".title | fist"));
    insta::assert_snapshot!("jq_unknown_param", jq("movies", "$params.leats"));
    insta::assert_snapshot!("jq_fails_on_each", jq("movies", ".title[]"));
    insta::assert_snapshot!("jq_on_rows", jq("films", ".title"));
    // As `where` of a seed: it comes from no document.
    assert_eq!(lines(&jq("ids", "[.id, $doc, $item]"))[0].to_string(), "[1726,null,null]");
    let both = place.run(&["show", "small.yaml", "movies", "--mock", "--jq", ".", "--meta"], &[]);
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn items_that_need_no_request_need_no_credential() {
    let place = Place::new();
    place.write("wide.yaml", WIDE);
    let listed = place.run(&["show", "wide.yaml", "many", "-n", "2"], &[]);
    assert_eq!(text(&listed.stdout), "{\"id\":1}\n{\"id\":2}\n");
    let asked = place.run(&["show", "wide.yaml", "movies"], &[]);
    assert_eq!(asked.status.code(), Some(2));
    assert!(text(&asked.stderr).contains("no credential"), "{}", text(&asked.stderr));
}

#[test]
fn meta_shows_what_expressions_know() {
    let (shown, ..) = show(&["similar.found", "--meta", "-n", "1"], Config::default());
    let line = &lines(&shown)[0];
    assert_eq!(line["doc"]["id"], line["item"]["id"]);
    assert!(line["item"]["title"].is_string(), "an item is shown whole: {line}");
    assert_eq!((&line["parent"]["id"], &line["meta"]["seed"]["id"]), (&Value::from(1), &Value::from(1)));
    assert_eq!(line["meta"]["depth"], 1);
    let (shown, ..) = show(&["many", "--meta", "-n", "1"], Config::default());
    let line = &lines(&shown)[0];
    assert_eq!(
        (&line["doc"], &line["item"], &line["meta"]["seed"]),
        (&Value::Null, &Value::from_iter([("id", 1)]), &Value::from_iter([("id", 1)]))
    );
}

#[test]
fn pretty_lines_are_the_same_values() {
    let place = Place::new();
    let data = |pretty: &[&str]| {
        let arguments: Vec<&str> =
            ["show", "small.yaml", "movies", "--mock"].iter().chain(pretty).copied().collect();
        text(&place.run(&arguments, &[]).stdout)
    };
    let (plain, pretty) = (data(&[]), data(&["--pretty"]));
    assert!(pretty.lines().count() > 100);
    let values = |text: &str| -> Vec<Value> {
        serde_json::Deserializer::from_str(text).into_iter().map(|value| value.unwrap()).collect()
    };
    assert_eq!(values(&plain), values(&pretty));
}

#[test]
fn a_point_that_is_none_is_answered_with_those_there_are() {
    let place = Place::new();
    place.write("wide.yaml", WIDE);
    let mut shown = String::new();
    for point in
        ["", "moveis", "similr.found", "similar.fund", "movies.found", "films.failed", "none.", "many.failed"]
    {
        let arguments: Vec<&str> =
            ["show", "wide.yaml", point, "--mock"].into_iter().filter(|word| !word.is_empty()).collect();
        writeln!(shown, "$ show wide.yaml {point}\n{}", place.check(&arguments, &[])).unwrap();
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn failures_are_told_as_they_happen_and_end_nothing() {
    let dead =
        || Config { faults: vec![Fault { kind: FaultKind::Dead, share: 0.5 }], seed: 7, ..Config::default() };
    let (shown, ..) = show(&["movies.failed", "-n", "2", "--jq", "[.status, .attempts, .stage]"], dead());
    let rows: Vec<String> = lines(&shown).iter().map(Value::to_string).collect();
    assert_eq!(rows, ["[500,1,\"movies\"]"; 2]);
    assert!(shown.contains("`movies` failed: /movie/"), "{shown}");
    let (shown, ..) = show(&["movies", "-n", "4"], dead());
    assert!(shown.starts_with("exit 0\n") && lines(&shown).len() == 4, "{shown}");
    // `ends` reads one port after the other; whatever came of the second has waited for the end of the first.
    let place = Place::new();
    let few = WIDE.replace("1..10000", "1..40").replace("max_depth: 1", "max_depth: 1, when: 'false'");
    place.write("wide.yaml", &few);
    let server = Server::start(dead());
    let env = [("TMDB_BASE_URL", &*server.base_url()), ("TMDB_TOKEN", "t")];
    let all = place.check(&["show", "wide.yaml", "ends", "-n", "1000"], &env);
    let first = place.check(&["show", "wide.yaml", "ends", "-n", "30"], &env);
    let stats = server.stop();
    assert!(stats.by_status.contains_key(&404) && stats.by_status.contains_key(&500), "{stats:?}");
    assert_eq!(lines(&first), lines(&all)[..lines(&first).len()]);
}

#[test]
fn why_nothing_arrived_is_told() {
    let place = Place::new();
    let stages = WIDE.replace("range: 1..10000", "ids: [1726, 24428]");
    place.write("wide.yaml", &stages);
    place.write("rows.yaml", &stages.replace("from: movies,", "from: movies, rows: '.nothing[]?',"));
    place.write("seed.yaml", &stages.replace("ids: [1726, 24428]", "ids: [1726, 24428], where: '.id == 0'"));
    place.write("when.yaml", &stages.replace("take: 2", "when: '.title.x'"));
    place.write("gone.yaml", &stages.replace("[1726, 24428]", "[999999999]"));
    let mut shown = String::new();
    for (file, point) in [
        ("wide", "movies.failed"),
        ("wide", "movies.missing"),
        ("wide", "none"),
        ("rows", "films"),
        ("seed", "movies"),
        ("seed", "many"),
        ("when", "similar.found"),
        ("gone", "links"),
        ("wide", "similar.failed"),
    ] {
        writeln!(shown, "$ show {file}.yaml {point}").unwrap();
        shown += &place.check(&["show", &format!("{file}.yaml"), point, "--mock"], &[]);
        shown += "\n";
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let place = Place::new();
    place.write("wide.yaml", WIDE);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let arguments = ["show", "wide.yaml", "movies", "--mock", "--limit", "9999"];
    let output = place.command(&arguments, &[]).stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
}

#[test]
fn an_endless_expression_ends_at_the_limit() {
    let place = Place::new();
    for expr in ["repeat(.id)", "range(0; 1e300)", ".id, error(\"late\")"] {
        let arguments = ["show", "small.yaml", "movies", "--mock", "-n", "1", "--jq", expr];
        let shown = place.check(&arguments, &[]);
        assert!(shown.starts_with("exit 0\n") && lines(&shown).len() == 1, "{expr}: {shown}");
    }
}

#[test]
fn a_full_disk_under_stdout_is_told_once() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        println!("there is no /dev/full here; skipped");
        return;
    };
    let place = Place::new();
    let output =
        place.command(&["show", "small.yaml", "movies", "--mock"], &[]).stdout(full).output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.matches("error:").count() == 1 && told.contains("\nhint: make room"), "{told}");
}

#[test]
fn credential_rules_are_those_of_a_run() {
    let place = Place::new();
    let shown = place.check(&["show", "small.yaml", "movies"], &[]);
    assert!(shown.starts_with("exit 2\n") && shown.contains("no credential"), "{shown}");
    let env = [("TMDB_TOKEN", "t"), ("TMDB_BASE_URL", "http://films.invalid/3")];
    let shown = place.check(&["show", "small.yaml", "movies"], &env);
    assert!(shown.starts_with("exit 2\n") && shown.contains("plain http"), "{shown}");
}

#[test]
fn a_signal_ends_it_at_once() {
    let place = Place::new();
    let server = Server::start(Config { latency: "1000s".parse().unwrap(), ..Config::default() });
    let env = [("TMDB_BASE_URL", &*server.base_url()), ("TMDB_TOKEN", "t")];
    let mut command = place.command(&["show", "small.yaml", "movies", "-vv"], &env);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The request is on its way.
    let asked = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .find(|line| line.as_ref().unwrap().contains("request sent"));
    assert!(asked.is_some(), "it ended by itself");
    terminate(&child);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    server.stop();
}
