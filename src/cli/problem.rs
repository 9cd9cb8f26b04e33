//! What can go wrong in a command, with its exit code, its name for machines and the way out, in one match.

mod of_bench;
mod of_sink;
mod of_store;
mod seeds;

use std::error::Error as _;
use std::fmt::Write as _;
use std::io;

use super::exit::{Exit, Signal};
use super::init::{InitError, quoted};
use super::inspect::hint;
use super::metrics::PortError;
use super::runs::RunsError;
use super::show::of_point;
use crate::mock::{MockError, RecordingsError};
use crate::plan::PointError;
use crate::project::ProjectError;
use crate::run::RunError;
use crate::sink::ReadError;
use crate::tmdb::{Fatal, HttpError, ProxyError};
pub(super) use of_bench::BenchError;
pub(in crate::cli) use of_sink::of_sink;
pub(super) use of_store::StoreProblem;
use of_store::of_store;

/// Why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    /// The pipeline file has faults; they are told apart from this.
    #[error("`{file}` has {count} {}", if *.count == 1 { "fault" } else { "faults" })]
    Faults { file: String, count: usize },
    /// Nothing to show to the API.
    #[error("no credential for {base_url}: neither TMDB_TOKEN nor TMDB_API_KEY is set")]
    NoCredential {
        base_url: String,
        /// What asks the embedded API instead.
        instead: &'static str,
    },
    /// The way to the API cannot be set up.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The environment names a proxy that cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The embedded API does not start.
    #[error(transparent)]
    Mock(#[from] MockError),
    /// A table that cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The run.
    #[error("{error}")]
    Run {
        #[source]
        error: RunError,
        /// The signal that stopped it, if one did.
        signal: Option<Signal>,
    },
    /// No starter was written.
    #[error(transparent)]
    Init(#[from] InitError),
    /// What runs have left.
    #[error(transparent)]
    Runs(#[from] RunsError),
    /// Metrics cannot be served.
    #[error(transparent)]
    Metrics(#[from] PortError),
    /// There is no such point to show.
    #[error("{error}")]
    Point { again: String, error: Box<PointError> },
    /// Rows are made by columns, not by an expression.
    #[error("`{table}` is a table: its rows are what its columns make, and no document")]
    RowsAsTheyAre { again: String, table: String, reads: Vec<String> },
    /// Kept documents.
    #[error(transparent)]
    Store(#[from] StoreProblem),
    /// A bench.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// Threads or signal handlers.
    #[error("start the program")]
    Start(#[from] io::Error),
}

/// What follows from a problem.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// How the program ends.
    pub exit: Exit,
    /// Stable, in kebab-case, for `--output json`.
    pub code: &'static str,
    /// Ways out.
    pub hints: Vec<String>,
}

const SETTINGS: &str = "https://www.themoviedb.org/settings/api";

impl Problem {
    /// What follows from it.
    pub(super) fn verdict(&self) -> Verdict {
        use Exit::{Failed, Invalid};
        match self {
            Self::Faults { file, .. } => {
                let hint = match file.as_str() {
                    "--jq" => "quote it for the shell: `--jq '.title'`; every expression of a file is written like it"
                        .to_owned(),
                    file => {
                        format!("`tmdb-etl validate {}` checks it again, and makes no request", quoted(file))
                    }
                };
                Verdict { exit: Invalid, code: "invalid-file", hints: vec![hint] }
            }
            Self::Bench(error) => of_bench::verdict(error),
            Self::NoCredential { base_url, instead } => {
                let mut hints = vec![
                    format!("set TMDB_TOKEN to an API Read Access Token, free with an account: {SETTINGS}"),
                    format!("or {instead}: the embedded API needs no account"),
                ];
                if base_url.starts_with("http://") {
                    hints.push("`tmdb-etl mock` takes any token: TMDB_TOKEN=any".to_owned());
                }
                Verdict { exit: Invalid, code: "no-credential", hints }
            }
            Self::Http(HttpError::BaseUrl { .. }) => verdict(
                Invalid,
                "base-url",
                &["it is like https://api.themoviedb.org/3; TMDB_BASE_URL overrides `api.base_url`"],
            ),
            Self::Http(HttpError::Plaintext { .. }) => {
                verdict(Invalid, "plain-http", &["use https; plain http is for loopback only"])
            }
            Self::Http(HttpError::Credential) => verdict(
                Invalid,
                "bad-credential",
                &["TMDB_TOKEN is one line of letters, digits, `.`, `-` and `_`"],
            ),
            Self::Http(HttpError::Client { .. }) => verdict(
                Failed,
                "http-client",
                &[
                    "SSL_CERT_FILE and SSL_CERT_DIR, where set, must lead to certificates in PEM; without them the \
                   system's are read (package `ca-certificates`)",
                ],
            ),
            Self::Proxy(_) => verdict(
                Invalid,
                "proxy",
                &["it is like http://USER:PASSWORD@HOST:PORT, with %40 for an `@` in the password"],
            ),
            Self::Mock(MockError::Listen { .. }) => {
                verdict(Failed, "listen", &["port 0 takes any free one: `--addr 127.0.0.1:0`"])
            }
            Self::Mock(MockError::Faults { .. }) => verdict(
                Invalid,
                "mock-faults",
                &["lower the shares of `--fault`; together they are 100% at the most"],
            ),
            Self::Mock(MockError::Recordings(RecordingsError::Read { .. })) => verdict(
                Invalid,
                "recordings",
                &["`--recordings DIR` names a folder with an `index.tsv` and the files that it lists"],
            ),
            Self::Mock(MockError::Recordings(RecordingsError::Line { .. })) => verdict(
                Invalid,
                "recordings",
                &["a line is like `/movie/603?language=en-US`, `200`, `movie_603.json`, with tabs between"],
            ),
            Self::Read(error) => of_read(error),
            Self::Run { error, signal } => of_run(error, *signal),
            Self::Init(error) => error.verdict(),
            Self::Runs(error) => error.verdict(),
            Self::Metrics(_) => verdict(Invalid, "metrics", &[super::metrics::HINT]),
            Self::Point { again, error } => of_point(again, error),
            Self::RowsAsTheyAre { again, reads, .. } => {
                let hints = reads
                    .iter()
                    .map(|read| format!("try expressions on what it reads: `{again} {read} --jq …`"));
                Verdict { exit: Invalid, code: "no-document", hints: hints.collect() }
            }
            Self::Store(problem) => problem.verdict(),
            Self::Start(_) => verdict(
                Failed,
                "start",
                &["the system has no threads, files or memory left; see `ulimit -a`"],
            ),
        }
    }

    /// What happened, detail, `hint:`.
    pub(super) fn render(&self, coloured: bool) -> String {
        let (red, blue, plain) =
            if coloured { ("\x1b[1;31m", "\x1b[1;36m", "\x1b[0m") } else { ("", "", "") };
        let mut text = format!("{red}error{plain}: {self}\n");
        for detail in self.details() {
            // Writing into a string does not fail.
            let _ = writeln!(text, "  {detail}");
        }
        for hint in self.verdict().hints {
            let _ = writeln!(text, "{blue}hint{plain}: {hint}");
        }
        text
    }

    /// The message and its details in one line.
    pub(super) fn message(&self) -> String {
        std::iter::once(self.to_string()).chain(self.details()).collect::<Vec<_>>().join(": ")
    }

    /// The errors under this one that it does not tell itself.
    fn details(&self) -> Vec<String> {
        let mut told = self.to_string();
        let mut details = Vec::new();
        let mut source = self.source();
        while let Some(error) = source {
            let text = error.to_string();
            if text != told {
                details.push(text.clone());
                told = text;
            }
            source = error.source();
        }
        details
    }
}

fn of_run(error: &RunError, signal: Option<Signal>) -> Verdict {
    use Exit::Failed;
    match error {
        RunError::Fatal { fatal: Fatal::Unauthorized { .. }, .. } => {
            let hint = format!("check TMDB_TOKEN (or TMDB_API_KEY) against {SETTINGS}");
            Verdict { exit: Failed, code: "unauthorized", hints: vec![hint] }
        }
        RunError::Fatal { fatal: Fatal::Exhausted(_), .. } => {
            verdict(Failed, "refused", &["lower `api.rate`, or try again later"])
        }
        RunError::Fatal { fatal: Fatal::NoWay(error), .. } => Verdict {
            exit: Failed,
            code: "no-way",
            hints: error.advice().map(str::to_owned).into_iter().collect(),
        },
        RunError::Fatal { fatal: Fatal::Unkept(unkept), .. } => of_store(&unkept.0),
        RunError::TooManyFailures { advice, .. } => {
            let bears =
                "`max_failures` in the pipeline file says how many a run bears; `-v` shows every retry";
            let hints = advice.iter().copied().chain([bears]).map(str::to_owned).collect();
            Verdict { exit: Failed, code: "too-many-failures", hints }
        }
        RunError::Project(ProjectError::Mismatch { .. }) => {
            verdict(Failed, "mismatch", &["`on_mismatch: null` or `drop` bears such values and counts them"])
        }
        RunError::Project(ProjectError::Overflow { .. }) => {
            verdict(Failed, "overflow", &["give the column less to hold, for instance a shorter `value`"])
        }
        RunError::Sink(error) => of_sink(error),
        RunError::Store(error) => of_store(error),
        RunError::SeedFile { error, .. } => {
            let exit = if error.fault.is_system() { Failed } else { Exit::Invalid };
            Verdict { exit, code: "seed-file", hints: vec![error.fault.hint()] }
        }
        RunError::Export { error, .. } => seeds::of_export(error),
        RunError::SeedList { failure: None, stage, .. } => {
            let hint = format!(
                "is the `path` of `{stage}` right? `tmdb-etl show FILE {stage} --limit 1` asks for its list alone"
            );
            Verdict { exit: Failed, code: "seed-list", hints: vec![hint] }
        }
        RunError::SeedList { failure: Some(failure), .. } => {
            let hints =
                failure.reason.advice().into_iter().chain(["try again later; `-v` shows every retry"]);
            Verdict { exit: Failed, code: "seed-list", hints: hints.map(str::to_owned).collect() }
        }
        RunError::Probe { .. } => verdict(Failed, "probe", &["without `--probe` the plan asks nothing"]),
        RunError::Changes { error, .. } => seeds::of_changes(error),
        RunError::Spool { .. } | RunError::Scratch(_) => {
            verdict(Failed, "spool", &["TMPDIR names the folder for temporary files"])
        }
        RunError::Endless { .. } => verdict(
            Failed,
            "endless-expression",
            &[
                "every `[]` in it multiplies the work by the length of a list: look at its lists one after the other, or filter them first",
            ],
        ),
        RunError::Stash { .. } => verdict(Failed, "stash", &["TMPDIR names the folder for temporary files"]),
        RunError::Panicked { .. } => {
            verdict(Failed, "bug", &["this is a bug in tmdb-etl; please report it with the lines above"])
        }
        RunError::Stopped => verdict(
            Exit::Stopped(signal.unwrap_or(Signal::Interrupt)),
            "stopped",
            &["the same command goes on where it stopped; what was published before is as it was"],
        ),
        RunError::Closed(_) => verdict(Failed, "bug", &["this is a bug in tmdb-etl; please report it"]),
    }
}

fn of_read(error: &ReadError) -> Verdict {
    let (exit, code) = match error {
        ReadError::Store(error) => return of_sink(error),
        ReadError::NoRows { .. } => (Exit::Invalid, "no-rows"),
        ReadError::Refused { .. } => (Exit::Failed, "not-readable"),
        ReadError::Missing { .. } => (Exit::Invalid, "no-file"),
        ReadError::NotAFile { .. } | ReadError::NotATable { .. } => (Exit::Invalid, "no-table"),
        ReadError::Empty { .. } | ReadError::CutOff { .. } => (Exit::Invalid, "cut-off"),
        ReadError::Damaged { .. } => (Exit::Invalid, "damaged"),
        ReadError::NoTables { .. } => (Exit::Invalid, "no-tables"),
        ReadError::TooManyFiles { .. } => (Exit::Invalid, "too-many-files"),
    };
    Verdict { exit, code, hints: vec![hint(error)] }
}

pub(super) fn verdict(exit: Exit, code: &'static str, hints: &[&str]) -> Verdict {
    Verdict { exit, code, hints: hints.iter().map(|&hint| hint.to_owned()).collect() }
}

#[cfg(test)]
mod every_tests;

#[cfg(test)]
mod tests;
