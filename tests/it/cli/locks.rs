//! Runs side by side, as real processes: who waits, who is told what, and what a dead holder leaves.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;
use tmdb_etl::mock::Config;

use super::Server;
use super::place::{Place, SMALL, text};

/// A server that answers nobody within a test.
fn silent() -> Server {
    Server::start(Config { latency: "1000s".parse().unwrap(), ..Config::default() })
}

/// A run that holds its lock and waits for an answer.
fn holding(place: &Place, arguments: &[&str], env: &[(&str, &str)]) -> Child {
    let arguments: Vec<&str> = ["run", "--progress", "json"].iter().chain(arguments).copied().collect();
    let mut command = place.command(&arguments, env);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let started = lines.any(|line| line.unwrap().contains("\"event\":\"started\""));
    assert!(started, "the run ended by itself");
    child
}

#[test]
fn second_run_is_refused_at_once_with_the_first_ones_process_until_that_is_killed() {
    let place = Place::new();
    // The same pipeline in another file is the same pipeline.
    place.write("copy.yaml", SMALL);
    let server = silent();
    let env = [("TMDB_BASE_URL", &*server.base_url()), ("TMDB_TOKEN", "t")];
    let mut first = holding(&place, &["small.yaml"], &env);
    for file in ["small.yaml", "copy.yaml"] {
        let output = place.run(&["run", file, "--mock", "--output", "json"], &[]);
        assert_eq!(output.status.code(), Some(4), "{}", place.shown(&output));
        let object: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&object["status"], &object["error"]["code"]), (&"locked".into(), &"locked".into()));
        let message = object["error"]["message"].as_str().unwrap();
        assert!(message.contains(&format!("process {} on ", first.id())), "{message}");
        assert!(message.contains(" since 20"), "{message}");
    }
    // In another state folder it is another pipeline, as far as locks go.
    let apart = place.run(&["run", "small.yaml", "--mock", "--state", "apart", "--out", "apart"], &[]);
    assert_eq!(apart.status.code(), Some(0), "{}", place.shown(&apart));

    first.kill().unwrap();
    first.wait().unwrap();
    server.stop();
    let output = place.run(&["run", "copy.yaml", "--mock"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", place.shown(&output));
}

#[test]
fn a_lock_file_with_anything_in_it_is_a_lock_file() {
    let long = vec![b'x'; 100_000];
    for garbage in
        [&b"\xff\xfe\x00garbage"[..], b"{\"pid\": 1", b"{\"pid\":4294967295,\"host\":\"x\"}", &long]
    {
        let place = Place::new();
        fs::create_dir_all(place.path().join(".tmdb-etl/small")).unwrap();
        let path = place.path().join(".tmdb-etl/small/run.lock");
        fs::write(&path, garbage).unwrap();
        let held = fs::File::open(&path).unwrap();
        held.try_lock().unwrap();
        let output = place.run(&["run", "small.yaml", "--mock"], &[]);
        assert_eq!(output.status.code(), Some(4), "{}", place.shown(&output));
        assert!(text(&output.stderr).contains("held by"), "{}", place.shown(&output));
        drop(held);
        let output = place.run(&["run", "small.yaml", "--mock"], &[]);
        assert_eq!(output.status.code(), Some(0), "{}", place.shown(&output));
    }
}

#[test]
fn a_state_folder_that_cannot_be_written_is_told_before_any_request() {
    let place = Place::new();
    let server = Server::start(Config::default());
    let env = [("TMDB_BASE_URL", &*server.base_url()), ("TMDB_TOKEN", "t")];
    // A file where the folder should be: root may write where it likes, but not there.
    place.write("state", "");
    let shown = place.check(&["run", "small.yaml", "--state", "state"], &env);
    assert!(shown.starts_with("exit 1\n") && shown.contains("\nhint: "), "{shown}");
    assert!(shown.contains("--state DIR"), "{shown}");
    assert_eq!(server.stop().requests, 0);
}

#[test]
fn two_pipelines_that_write_one_table_leave_one_of_the_two_whole() {
    let place = Place::new();
    let names = ["left", "right"];
    for name in names {
        let text = SMALL.replace("name: small", &format!("name: {name}"));
        place.write(
            &format!("{name}.yaml"),
            &text.replace("value: .release_date", &format!("value: '\"{name}\"'")),
        );
        let alone = place.run(&["run", &format!("{name}.yaml"), "--mock", "--out", name], &[]);
        assert_eq!(alone.status.code(), Some(0), "{}", place.shown(&alone));
    }
    let whole = names.map(|name| fs::read(place.path().join(name).join("out/films.parquet")).unwrap());
    assert!(whole[0] != whole[1]);
    for _ in 0..3 {
        let runs = names.map(|name| {
            let mut command = place.command(&["run", &format!("{name}.yaml"), "--mock"], &[]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        });
        for mut run in runs {
            assert_eq!(run.wait().unwrap().code(), Some(0));
        }
        let published = fs::read(place.path().join("out/films.parquet")).unwrap();
        assert!(whole.contains(&published));
        let staged =
            place.files().into_iter().filter(|file| file.extension().is_some_and(|ending| ending == "tmp"));
        assert_eq!(staged.collect::<Vec<_>>(), Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn a_publish_that_hangs_keeps_others_from_the_table_with_an_end() {
    let place = Place::new();
    assert!(place.run(&["run", "small.yaml", "--mock"], &[]).status.success());
    let before = fs::read(place.path().join("out/films.parquet")).unwrap();
    let lock = fs::File::open(place.path().join("out/.films.parquet.lock")).unwrap();
    lock.try_lock().unwrap();
    let mut command = place.command(&["run", "small.yaml", "--mock", "--progress", "json"], &[]);
    let mut waiting = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // It waits for the table at the end of its work; freed, it goes on.
    let mut lines = BufReader::new(waiting.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("\"documents\":3")));
    assert_eq!(fs::read(place.path().join("out/films.parquet")).unwrap(), before);
    assert!(waiting.try_wait().unwrap().is_none());
    drop(lock);
    for line in lines {
        drop(line);
    }
    assert_eq!(waiting.wait().unwrap().code(), Some(0));
}
