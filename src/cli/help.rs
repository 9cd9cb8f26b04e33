//! The texts of `--help`: what each command is for, and examples.
//!
//! Does not belong here: what an option does, which stands at the option. Invariant: every example parses (a test of this
//! module), and those of `init`, `show` and `run` work on what `init` writes (`tests/it/cli`).

/// Options that say what is read.
pub(super) const INPUT: &str = "Input";
/// Options that say what comes out, and where.
pub(super) const OUTPUT: &str = "Output";
/// Options of the embedded API's speed and faults.
pub(super) const SPEED: &str = "Speed";

pub(super) const FIRST_STEPS: &str = "\
First steps:
  tmdb-etl init films                        write a starter pipeline, films.yaml
  tmdb-etl run films.yaml --mock             run it: the embedded API, no account needed
  tmdb-etl show films.yaml movies --mock     see what the API answers, while you write expressions

`tmdb-etl help COMMAND` has examples; `tmdb-etl --help` names environment variables and exit codes.";

pub(super) const AFTER: &str = "\
First steps:
  tmdb-etl init films                        write a starter pipeline, films.yaml
  tmdb-etl run films.yaml --mock             run it: the embedded API, no account needed
  tmdb-etl show films.yaml movies --mock     see what the API answers, while you write expressions

`tmdb-etl help COMMAND` has examples.

Environment variables:
  TMDB_TOKEN               API Read Access Token, free with an account:
                           https://www.themoviedb.org/settings/api
  TMDB_API_KEY             v3 API key; used if there is no token
  TMDB_BASE_URL            another address instead of `api.base_url`
  HTTPS_PROXY, NO_PROXY    a proxy on the way to the API
  NO_COLOR                 no colours, unless `--color always`
  TMPDIR                   where rows of a table wait that reads several stages

Exit codes:
  0  complete
  1  failed, nothing was published
  2  invalid file or usage
  3  partial: published, with failures within `max_failures`
  4  locked by another run
  130, 143  stopped by a signal, nothing was published

This product uses the TMDB API but is not endorsed or certified by TMDB.";

pub(super) const BENCH: &str = "\
Run a pipeline with other settings and say which to take.

Every combination of the values of --vary is tried in a scratch folder: published tables, state and kept documents stay as they \
are. What is measured is a window of each trial, after a warm-up; a pipeline that ends earlier is measured as a whole. The smallest \
settings within noise of the quickest are recommended.

Against the embedded API, which takes as long and allows as much as TMDB does unless told otherwise; --against live asks the API \
itself, and --max-requests is the most that all trials together may cost.";

pub(super) const BENCH_EXAMPLES: &str = "\
Examples:
  tmdb-etl bench films.yaml --vary movies.concurrency=1,2,4,8 --report bench.html
      how many requests at once fill the rate, and a page with a plot
  tmdb-etl bench films.yaml --vary movies.concurrency=4,16 --vary api.rate=20/s,40/s
      every combination of two settings
  tmdb-etl bench films.yaml --vary api.connections=4,20 --latency 300ms --repeat 5 --format json
      a slower API, for a machine";

pub(super) const RUN: &str = "\
Run a pipeline and publish its tables.

Asks the API for what the file says, within the rate that it allows, and writes every table beside its place first. All \
of them become visible together at the end, or none. A summary goes to stdout, progress to stderr.

Answers are kept in the state folder. A run that was killed or stopped is gone on with by the same command, and what is kept \
serves later runs for as long as `api.keep` says.

TMDB_TOKEN or TMDB_API_KEY holds the credential; with --mock none is needed. TMDB_BASE_URL goes before `api.base_url`.";

pub(super) const RUN_EXAMPLES: &str = "\
Examples:
  tmdb-etl run films.yaml --mock
      try it without an account
  tmdb-etl run films.yaml --limit 10 --out /tmp/try
      a small run against TMDB, whose tables do not touch the others
  tmdb-etl run films.yaml --set min_votes=500
      with another value of a param
  tmdb-etl run films.yaml --fresh
      ask for everything, whatever is kept
  tmdb-etl run films.yaml --output json --progress plain
      for a scheduler: one JSON object on stdout, lines on stderr

Exit codes:
  0  all tables are published                  3  published, with failures within `max_failures`
  1  failed, nothing was published             4  another run of this pipeline is under way
  2  the file, the usage or the credential     130, 143  stopped by SIGINT, SIGTERM";

pub(super) const STORE: &str = "\
Look after kept documents.

Every answer of the API is kept as it came, under the state folder, so that a run that was stopped goes on without asking \
again and a later run asks only for what is older than `keep`. A run trims what is too old by itself when it has published; \
these commands count, and remove by hand. They wait for nothing: while a run of the pipeline is under way they end with 4.";

pub(super) const STORE_EXAMPLES: &str = "\
Examples:
  tmdb-etl store stats
      what is kept, of every pipeline
  tmdb-etl store trim films.yaml
      remove what `keep` in the file no longer lets serve
  tmdb-etl store clear films --yes
      remove all documents of the pipeline `films`

`tmdb-etl store help COMMAND` has more.";

pub(super) const STORE_STATS_EXAMPLES: &str = "\
Examples:
  tmdb-etl store stats
      every pipeline in .tmdb-etl
  tmdb-etl store stats films.yaml
      one of them, and what `trim` would remove
  tmdb-etl store stats films --output json --state /var/lib/tmdb-etl
      for machines, by name

It may be used while a run is under way; what that run is just writing may be missing or count as unreadable.";

pub(super) const STORE_TRIM_EXAMPLES: &str = "\
Examples:
  tmdb-etl store trim films.yaml
      what `keep` in the file no longer lets serve
  tmdb-etl store trim films --older-than 30d
      by name and age
  tmdb-etl store trim films.yaml --older-than 0s --dry-run
      how much all of it is, but for an unfinished run

Documents go by whole segments: one that holds a younger document stays.

Exit codes: 0 done, 1 failed, 2 usage or file, 4 a run of this pipeline is under way.";

pub(super) const STORE_CLEAR_EXAMPLES: &str = "\
Examples:
  tmdb-etl store clear films
      say how much would go, and end with 2
  tmdb-etl store clear films.yaml --yes
      remove it; an unfinished run asks for everything again

Exit codes: 0 done, 1 failed, 2 usage, file or no `--yes`, 4 a run of this pipeline is under way.";

pub(super) const VALIDATE: &str = "\
Check pipeline files.

Tells all faults of every file at once, each with its place and what to do, and touches no network. A warning is about what \
is legal and probably not meant. A file that passes is named on stdout; faults go to stderr.";

pub(super) const VALIDATE_EXAMPLES: &str = "\
Examples:
  tmdb-etl validate films.yaml
      check one file
  tmdb-etl validate --deny-warnings pipelines/*.yaml
      check all before a commit, and let no warning pass
  tmdb-etl validate --output json films.yaml
      for machines: every fault with its code and place

Exit codes: 0 if no file has an error (with --deny-warnings: nor a warning), else 2.";

pub(super) const INSPECT: &str = "\
Show what a table holds: schema, counts, where it came from, the first rows.

PATH is a `.parquet` or `.arrow` file, or a folder of them; files that other programs wrote are read as well. Types are named \
as in a pipeline file where it has them. What a file is, its bytes say, not its name.";

pub(super) const INSPECT_EXAMPLES: &str = "\
Examples:
  tmdb-etl inspect out/films
      every table in a folder
  tmdb-etl inspect out/films/films.parquet --rows 0
      without rows
  tmdb-etl inspect out/films --history --rows 0
      what was loaded when, of a table that this program wrote
  tmdb-etl inspect out/films/films.parquet --output json
      for machines, nothing cut

Exit codes:
  0  shown     1  the system does not give the file     2  it is no table, or a damaged one";

pub(super) const PLAN: &str = "\
Show what a pipeline means: who reads whom, what is asked for and how often, the schema of every table.

The bounds hold for a run that completes, without retries: `28 to 364` is at least and at most, and `?` is what only an \
answer can tell. `about` follows from `estimate:` in the file, or from --probe. The time is what the requests take at the \
rate; a slow API takes longer.

Makes no request and needs no credential, but for --probe, which asks once for each list that a seed reads.";

pub(super) const PLAN_EXAMPLES: &str = "\
Examples:
  tmdb-etl plan films.yaml
      how many requests will it make, and how long do they take?
  tmdb-etl plan films.yaml --limit 10 --set min_votes=500
      of a small run, with another value of a param
  tmdb-etl plan films.yaml --format mermaid
      a flowchart, as GitHub draws it in a `mermaid` block
  tmdb-etl plan films.yaml --format json
      for machines: stages, edges, tables, requests, seconds";

pub(super) const SCHEMA: &str = "\
Print the JSON Schema of pipeline files.

An editor with a YAML language server completes and explains every key of a file whose first line names the schema; `init` \
writes both. What only the whole graph shows (loops, ports, params) is found by `validate`.";

pub(super) const SCHEMA_EXAMPLES: &str = "\
Examples:
  tmdb-etl schema > pipeline.schema.json
      for files that begin with `# yaml-language-server: $schema=pipeline.schema.json`";

pub(super) const SHOW: &str = "\
Show what is at one point of a pipeline, as JSON lines: items of a seed or of `X.found`, documents of a fetch, expand or \
filter, rows of a project, of `X.failed` or of `X.missing`.

Made for writing expressions. Only the stages that lead to the point run, and no longer than --limit needs, so three lines \
cost a few requests. Nothing is published, locked or written. Without STAGE it lists what there is to look at.

TMDB_TOKEN or TMDB_API_KEY holds the credential, as for `run`; with --mock none is needed.";

pub(super) const SHOW_EXAMPLES: &str = "\
Examples:
  tmdb-etl show films.yaml movies --mock
      three films, each as the API answers it
  tmdb-etl show films.yaml movies -n 1 --pretty
      one, to read it
  tmdb-etl show films.yaml movies --jq '.credits.crew[] | select(.job == \"Director\") | .name'
      try an expression before it goes into the file
  tmdb-etl show films.yaml similar.found -n 5 --meta
      what an expand found, with its $item, $parent and $meta
  tmdb-etl show films.yaml films | head -1
      rows, as the table would hold them
  tmdb-etl show films.yaml movies.failed
      requests that fail, and why

A request or an expression that fails is told on stderr, and so is why nothing arrived; that is no failure (exit code 0).";

pub(super) const REPORT: &str = "\
Draw the report of a run again, as one HTML page that needs nothing else, and print where it is.

Every run leaves a `run.json` and this page in the state folder, whatever became of it: the verdict on what limited it, \
the flow, requests a second against the limit, times of answers, queues, where the time went, failures and tables.";

pub(super) const REPORT_EXAMPLES: &str = "\
Examples:
  tmdb-etl report
      the last run
  tmdb-etl report films
      the last run of a pipeline
  tmdb-etl report 20261125T181500Z-4f3a9c01 --out films.html
      a certain run, into a file";

pub(super) const INIT: &str = "\
Write a commented starter pipeline: NAME.yaml, or the file that --file names.

It runs with `--mock` as it stands, and its comments say what each stage is for and what to change. A file that is there is \
not overwritten without --force.";

pub(super) const INIT_EXAMPLES: &str = "\
Examples:
  tmdb-etl init
      films.yaml: popular films, films similar to them, and their directors
  tmdb-etl init shows --template series
      shows.yaml: series, their seasons and episodes
  tmdb-etl init year -t discover -o pipelines/year.yaml
      somewhere else
  tmdb-etl init films --file - | less
      read it first";

pub(super) const COMPLETIONS: &str = "\
Print completions for a shell: commands, options and pipeline files.

Print them again after an upgrade.";

pub(super) const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  tmdb-etl completions bash > ~/.local/share/bash-completion/completions/tmdb-etl
  tmdb-etl completions zsh > ~/.zfunc/_tmdb-etl
      with `fpath+=~/.zfunc` above `compinit` in ~/.zshrc
  tmdb-etl completions fish > ~/.config/fish/completions/tmdb-etl.fish
  tmdb-etl completions powershell >> $PROFILE
  tmdb-etl completions elvish >> ~/.config/elvish/rc.elv";

pub(super) const MOCK: &str = "\
Serve the embedded API on a port, until a signal ends it: made-up films that answer like TMDB, slow and faulty as you \
like, for trying pipelines and for tests.

Its address goes to stdout as soon as it listens. It takes any credential. `run --mock` and `show --mock` start one of \
their own.";

pub(super) const MOCK_EXAMPLES: &str = "\
Examples:
  tmdb-etl mock --addr 127.0.0.1:8080
      then, elsewhere:
  TMDB_BASE_URL=http://127.0.0.1:8080/3 TMDB_TOKEN=any tmdb-etl run films.yaml --out try
  tmdb-etl mock --latency 80ms±40ms --rate-limit 40/s --connections 20
      as slow and as strict as TMDB
  tmdb-etl mock --fault 500=5% --fault cut=1%
      what does a pipeline make of a bad day?";

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::super::Arguments;

    /// The words of the first command of a line, as a shell would make them.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quote = None;
        for letter in line.chars() {
            match (quote, letter) {
                (None, '\'' | '"') => quote = Some(letter),
                (None, '|' | '>') => break,
                (None, ' ') => words.push(String::new()),
                (Some(open), letter) if open == letter => quote = None,
                _ => words.last_mut().expect("never empty").push(letter),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    /// Every line of help that is a command.
    pub(crate) fn examples(help: &str) -> Vec<Vec<String>> {
        help.lines()
            .filter_map(|line| line.strip_prefix("  "))
            .filter(|line| line.starts_with("tmdb-etl ") || line.starts_with("TMDB_BASE_URL="))
            // What stands two spaces further says what it does.
            .map(|line| words(line.split_once("  ").map_or(line, |(command, _)| command)))
            .map(|words| words.into_iter().skip_while(|word| word != "tmdb-etl").collect())
            .collect()
    }

    #[test]
    fn every_example_parses() {
        let mut program = Arguments::command();
        program.build();
        let mut checked = 0;
        let commands: Vec<clap::Command> = program.get_subcommands().cloned().collect();
        for mut command in std::iter::once(program).chain(commands) {
            let help = command.render_long_help().to_string();
            let examples = examples(&help);
            for words in &examples {
                if let Err(error) = Arguments::try_parse_from(words) {
                    panic!("{words:?}: {error}");
                }
            }
            checked += examples.len();
            if command.get_name() != "help" {
                assert!(!examples.is_empty(), "`{}` has no example", command.get_name());
            }
        }
        assert!(checked >= 25, "{checked}");
    }
}
