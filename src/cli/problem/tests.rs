//! Exit codes and messages of some problems; `every_tests` has all of them.

use std::path::PathBuf;

use super::*;
use crate::sink::SinkError;

fn check(error: RunError, exit: Exit, code: &str) {
    let problem = Problem::Run { error, signal: Some(Signal::Terminate) };
    let verdict = problem.verdict();
    assert_eq!((verdict.exit, verdict.code), (exit, code), "{problem}");
}

#[test]
fn every_kind_of_end_has_its_exit_code() {
    let panicked = || RunError::Panicked { stage: "movies".into(), message: "index out of bounds".into() };
    check(panicked(), Exit::Failed, "bug");
    check(RunError::Stopped, Exit::Stopped(Signal::Terminate), "stopped");
    let other = SinkError::OtherSource { path: "a".into(), published: "mock".into(), wanted: "x".into() };
    check(RunError::Sink(other), Exit::Invalid, "other-source");
    let waited = std::time::Duration::from_secs(30);
    check(RunError::Sink(SinkError::TableLocked { path: "a".into(), waited }), Exit::Locked, "table-locked");
}

#[test]
fn panic_of_a_stage_names_the_stage_and_says_that_it_is_a_bug() {
    let error = RunError::Panicked { stage: "movies".into(), message: "index out of bounds".into() };
    insta::assert_snapshot!(Problem::Run { error, signal: None }.render(false));
}

#[test]
fn details_are_told_once_each() {
    let source = io::Error::other("disk on fire");
    let path = PathBuf::from("out/films.parquet");
    let error = RunError::Sink(SinkError::Full { action: crate::sink::Action::Write, path, source });
    insta::assert_snapshot!(Problem::Run { error, signal: None }.render(false));
}
