//! `bench` as its user meets it: what it prints, what it leaves, and what it says of settings that are none.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::place::{Place, text};

const FILMS: &str = "version: 1
name: films
stages:
  ids: {kind: seed, range: 1..2000}
  movies: {kind: fetch, path: '/movie/{id}'}
  similar: {kind: expand, from: movies, path: '/movie/{id}/similar'}
  films: {kind: project, from: movies, columns: {id: int64, title: string}, output: {path: out/films.parquet}}
  links: {kind: project, from: similar.found, columns: {id: int64}, output: {path: out/links.parquet}}
";

/// Short trials of a server without a limit.
const SHORT: [&str; 9] =
    ["bench", "films.yaml", "--seconds", "1", "--warm-up", "0", "--no-rate-limit", "--latency", "20ms±10ms"];

fn place() -> Place {
    let place = Place::new();
    place.write("films.yaml", FILMS);
    place
}

#[test]
fn every_combination_is_measured_and_the_smallest_of_the_best_recommended() {
    let place = place();
    let vary = ["--vary", "movies.concurrency=1,8", "--vary", "similar.fuse=true,false"];
    let rest = [
        "--vary",
        "films.output.compression=none",
        "--repeat",
        "1",
        "--format",
        "json",
        "--report",
        "made/bench.html",
    ];
    let output = place.run(&[&SHORT[..], &vary, &rest].concat(), &[("TMDB_TOKEN", "secret-token")]);
    assert!(output.status.success(), "{}", place.shown(&output));
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&object["version"], &object["pipeline"]), (&1.into(), &"films".into()));
    let results = object["results"].as_array().unwrap();
    assert_eq!(results.len(), 4);
    for result in results {
        for name in ["rows_per_second", "requests_per_second", "p50_ms", "p99_ms"] {
            assert!(result[name].as_f64().is_some_and(|value| value > 0.0), "{name}: {result}");
        }
        assert!(result["within_noise"].is_boolean() && result["refused"] == 0.0, "{result}");
        assert_eq!(result["settings"]["films.output.compression"], "none");
    }
    let recommended = &object["recommended"];
    // One request at a time of 20 ms gives fewer than fifty; and what is not fused asks twice for a film.
    assert_eq!(recommended["settings"]["movies.concurrency"], "8");
    assert_eq!(recommended["settings"]["similar.fuse"], "true");
    assert!(recommended["confidence"].is_number() && recommended["why"].is_string());

    let told = text(&output.stderr);
    assert!(told.contains("4/4"), "each trial is told as it ends: {told}");
    let page = fs::read_to_string(place.path().join("made/bench.html")).unwrap();
    #[cfg(unix)]
    {
        let mode = |name: &str| {
            let metadata = fs::metadata(place.path().join(name)).unwrap();
            std::os::unix::fs::PermissionsExt::mode(&metadata.permissions())
        };
        assert_eq!(mode("made/bench.html"), mode("films.yaml"), "whoever may read other files may read it");
    }
    assert_eq!(object["server"], "20ms ± 10ms, no limit, 20 connections");
    assert!(page.contains("<svg") && page.contains("movies.concurrency") && !page.contains("<script"));
    assert!(!page.contains("secret-token"));
    // Nothing else is left: no table, no state.
    assert!(!place.path().join("out").exists() && !place.path().join(".tmdb-etl").exists());
}

#[test]
fn settings_that_are_none_are_told_before_any_trial() {
    let place = place();
    let mut shown = Vec::new();
    for vary in [
        "movies.nothing=1",
        "movis.concurrency=1",
        "movies.concurrency=1,many",
        "movies=1",
        "movies.concurrency",
        "movies.concurrency=1,1",
        "films.output.compression=brotli",
    ] {
        shown.push(format!(
            "--vary {vary}\n{}\n",
            place.check(&[&SHORT[..], &["--vary", vary]].concat(), &[])
        ));
    }
    let live = ["bench", "films.yaml", "--vary", "movies.concurrency=1", "--against", "live"];
    shown.push(format!("live without a cap\n{}\n", place.check(&live, &[])));
    let live = [&live[..], &["--max-requests", "10"]].concat();
    shown.push(format!("live without a credential\n{}\n", place.check(&live, &[])));
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn a_live_server_is_asked_no_more_than_was_allowed() {
    let place = place();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mock = runtime.block_on(tmdb_etl::mock::start(tmdb_etl::mock::Config::default())).unwrap();
    let url = mock.base_url();
    let output = place.run(
        &[
            "bench",
            "films.yaml",
            "--against",
            "live",
            "--max-requests",
            "25",
            "--vary",
            "movies.concurrency=2,4",
        ],
        &[("TMDB_BASE_URL", &url), ("TMDB_TOKEN", "any")],
    );
    assert!(output.status.success(), "{}", place.shown(&output));
    assert!(text(&output.stdout).contains("cut short"), "{}", place.shown(&output));
    assert_eq!(mock.stats().requests, 25);
    runtime.block_on(mock.stop());
}

#[cfg(unix)]
#[test]
fn an_end_from_outside_prints_what_was_measured() {
    let place = place();
    let arguments = [&SHORT[..], &["--vary", "movies.concurrency=1,2,4,8", "--repeat", "50"]].concat();
    let mut bench =
        place.command(&arguments, &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(bench.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("2/200") {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0, "it ended by itself");
    }
    assert!(Command::new("kill").args(["-INT", &bench.id().to_string()]).status().unwrap().success());
    let mut shown = String::new();
    bench.stdout.take().unwrap().read_to_string(&mut shown).unwrap();
    assert_eq!(bench.wait().unwrap().code(), Some(130));
    assert!(shown.contains("cut short") && shown.contains("◀ take"), "{shown}");
}
