//! `bench FILE --vary …`: the same pipeline with other settings, and which of them to take.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use clap::{ValueEnum, ValueHint};
use tokio_util::sync::CancellationToken;

use super::exit::{Exit, Signal};
use super::help;
use super::pipeline::{Findings, parse_set, source};
use super::printer::Printer;
use super::problem::{BenchError, Problem};
use super::run::{base_url_from_env, dice, transport};
use super::signals::Signals;
use crate::bench::{
    Candidate, Progress, Report, Scratch, Sweep, Variation, Window, combinations, describe, judge, sweep,
    to_html, to_json,
};
use crate::mock::{Latency, RateLimit};
use crate::plan::{self, Options, Plan};
use crate::run::RunError;
use crate::spec::{self, Change, Source};
use crate::tmdb::{Capped, Transport};

/// Longest part of a trial.
const SECONDS_MAX: u64 = 3600;

/// Run a pipeline with other settings and say which to take.
#[derive(Debug, clap::Args)]
#[command(long_about = help::BENCH, after_long_help = help::BENCH_EXAMPLES)]
pub(super) struct Arguments {
    /// The pipeline file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// A setting and the values to try, as in the file; repeatable, every combination is tried.
    #[arg(long, value_name = "STAGE.SETTING=A,B", required = true, help_heading = help::INPUT)]
    vary: Vec<Variation>,
    /// Set a param; the value must have the type of the default. Repeatable.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_set, help_heading = help::INPUT)]
    set: Vec<(String, String)>,
    /// Take only the first N items of each seed.
    #[arg(long, value_name = "N", help_heading = help::INPUT)]
    limit: Option<NonZeroU64>,
    /// Who is asked.
    #[arg(long, value_name = "WHO", value_enum, default_value_t = Against::Mock, help_heading = help::INPUT)]
    against: Against,
    /// Most requests of all trials together; required against the live API.
    #[arg(long, value_name = "N", required_if_eq("against", "live"), help_heading = help::INPUT)]
    max_requests: Option<NonZeroU64>,
    /// How long the embedded API takes for an answer.
    #[arg(long, value_name = "TIME", default_value = "80ms±40ms", help_heading = help::SPEED)]
    latency: Latency,
    /// Over it, the embedded API answers 429.
    #[arg(long, value_name = "N/TIME", default_value = "40/s", help_heading = help::SPEED)]
    rate_limit: RateLimit,
    /// The embedded API has no limit.
    #[arg(long, conflicts_with = "rate_limit", help_heading = help::SPEED)]
    no_rate_limit: bool,
    /// The embedded API answers on so many connections at once; requests on others wait.
    #[arg(long, value_name = "N", default_value = "20", help_heading = help::SPEED)]
    connections: NonZeroU32,
    /// Seconds of each trial that count.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    #[arg(help_heading = help::SPEED)]
    seconds: u64,
    /// Seconds of each trial before those.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=SECONDS_MAX))]
    #[arg(help_heading = help::SPEED)]
    warm_up: u64,
    /// Trials of each combination.
    #[arg(long, value_name = "N", default_value = "3", help_heading = help::SPEED)]
    repeat: NonZeroU32,
    /// What is printed on stdout.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Table, help_heading = help::OUTPUT)]
    format: Format,
    /// Write a page with a plot as well.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = help::OUTPUT)]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Against {
    /// The embedded API, in a process of its own.
    Mock,
    /// The API of the file, or TMDB_BASE_URL.
    Live,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// One JSON object.
    Json,
}

/// Measures, and says what came of it.
pub(super) fn execute(arguments: Arguments, printer: &Printer) -> Exit {
    match bench(&arguments, printer) {
        Ok(exit) => exit,
        Err(problem) => {
            printer.talk(&problem.render(printer.is_coloured()));
            problem.verdict().exit
        }
    }
}

fn bench(arguments: &Arguments, printer: &Printer) -> Result<Exit, Problem> {
    let embedded = match arguments.against {
        Against::Mock => Some(Served::start(arguments)?),
        Against::Live => None,
    };
    let base_url = embedded.as_ref().map(|served| served.base_url.clone()).or_else(base_url_from_env);
    let candidates = candidates(arguments, base_url, printer)?;
    let window = Window {
        warm_up: Duration::from_secs(arguments.warm_up),
        measured: Duration::from_secs(arguments.seconds),
    };
    let trials = candidates.len() * arguments.repeat.get() as usize;
    let whole = (window.warm_up + window.measured).saturating_mul(u32::try_from(trials).unwrap_or(u32::MAX));
    let runtime = tokio::runtime::Builder::new_multi_thread().max_blocking_threads(2).enable_all().build()?;
    // That there is a credential and a way is known before the first trial.
    {
        let _entered = runtime.enter();
        candidates
            .iter()
            .try_for_each(|candidate| transport(&candidate.plan, embedded.is_some()).map(drop))
            .map_err(|problem| match problem {
                Problem::NoCredential { base_url, .. } => {
                    Problem::NoCredential { base_url, instead: "leave `--against live` out" }
                }
                other => other,
            })?;
    }
    let whole = match whole.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    };
    printer.talk(&format!("{trials} trials, at most {whole}; Ctrl-C keeps what was measured\n"));
    let (swept, signal) =
        runtime.block_on(measure(arguments, &candidates, embedded.is_some(), window, printer))?;
    let report = report(arguments, candidates, swept, window);
    match arguments.format {
        Format::Table => printer.data(&describe(&report)),
        Format::Json => printer.data(&format!("{}\n", to_json(&report))),
    }
    if let Some(path) = &arguments.report {
        write(path, &to_html(&report)).map_err(|source| BenchError::Report { path: path.clone(), source })?;
    }
    Ok(signal.map_or(Exit::Complete, Exit::Stopped))
}

/// Every combination, compiled; or what is wrong with the file, or with a value.
fn candidates(
    arguments: &Arguments,
    base_url: Option<String>,
    printer: &Printer,
) -> Result<Vec<Candidate>, Problem> {
    let variables = |name: &str| std::env::var(name).ok();
    let options = Options { out: None, base_url, ..Options::default() };
    let file =
        source(&arguments.file).map_err(|faults| faulty(Source::unread(&arguments.file), faults, printer))?;
    let compile = |source: &Source| plan::read(source, &arguments.set, &variables, &options);
    compile(&file).map_err(|faults| faulty(file.clone(), faults, printer))?;
    let combinations = combinations(&arguments.vary).ok_or(BenchError::TooMany)?;
    // No trial reads or leaves documents for another.
    let kept = Change { setting: "api.keep".to_owned(), value: "none".to_owned() };
    combinations
        .into_iter()
        .map(|settings| {
            let varied = |changes: &[Change]| {
                spec::vary(&file, changes, &variables)
                    .map_err(|error| BenchError::Vary { reason: error.to_string(), hint: None })
            };
            let with: Vec<Change> = settings.iter().cloned().chain([kept.clone()]).collect();
            let plan = compile(&varied(&with)?).map_err(|faults| {
                let fault = faults.iter().find(|fault| fault.severity == spec::Severity::Error);
                BenchError::Vary {
                    reason: fault.map(|fault| fault.message().into_owned()).unwrap_or_default(),
                    hint: fault.and_then(|fault| fault.hint().map(std::borrow::Cow::into_owned)),
                }
            })?;
            Ok(Candidate { settings, plan: plan.plan })
        })
        .collect()
}

fn faulty(source: Source, faults: spec::Faults, printer: &Printer) -> Problem {
    let findings = Findings::new(source, faults);
    findings.tell(printer);
    findings.problem()
}

async fn measure(
    arguments: &Arguments,
    candidates: &[Candidate],
    embedded: bool,
    window: Window,
    printer: &Printer,
) -> Result<(Sweep, Option<Signal>), Problem> {
    let mut signals = Signals::new()?;
    let stop = CancellationToken::new();
    let left = Arc::new(AtomicU64::new(arguments.max_requests.map_or(u64::MAX, NonZeroU64::get)));
    let way = |plan: &Plan| {
        let http = transport(plan, embedded).expect("it was made for this plan before");
        Arc::new(Capped::new(Arc::new(http), Arc::clone(&left), stop.clone())) as Arc<dyn Transport>
    };
    let arena = Scratch { transport: way, window, limit: arguments.limit.map(NonZeroU64::get) };
    let tell = |progress: Progress<'_>| {
        let settings: Vec<String> =
            progress.settings.iter().map(|change| format!("{}={}", change.setting, change.value)).collect();
        let measured = progress.measured;
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let rate = measured.requests as f64 / measured.seconds.max(1e-9);
        printer.talk(&format!(
            "{}/{}  {}: {rate:.1} requests/s\n",
            progress.done,
            progress.all,
            settings.join(" ")
        ));
    };
    let sweeping = sweep(&arena, candidates, arguments.repeat.get(), dice(), &stop, tell);
    let mut sweeping = std::pin::pin!(sweeping);
    let told = |result: Result<Sweep, RunError>| result.map_err(|error| Problem::Run { error, signal: None });
    tokio::select! {
        result = &mut sweeping => Ok((told(result)?, None)),
        signal = signals.next() => {
            stop.cancel();
            Ok((told(sweeping.await)?, Some(signal)))
        }
    }
}

fn report(arguments: &Arguments, candidates: Vec<Candidate>, swept: Sweep, window: Window) -> Report {
    let pipeline = candidates.first().map(|candidate| candidate.plan.name.clone()).unwrap_or_default();
    let url =
        candidates.first().map(|candidate| candidate.plan.api.base_url.value.clone()).unwrap_or_default();
    let server_rate = (arguments.against == Against::Mock && !arguments.no_rate_limit)
        .then(|| f64::from(arguments.rate_limit.requests) / arguments.rate_limit.window.as_secs_f64());
    let tried: Vec<_> = candidates
        .into_iter()
        .zip(swept.measured)
        .map(|(candidate, trials)| {
            let own = candidate.plan.api.rate.limit().map(|rate| rate.per_second());
            let allowed = [own, server_rate].into_iter().flatten().reduce(f64::min);
            (candidate.settings, allowed, trials)
        })
        .collect();
    let (against, server) = match arguments.against {
        Against::Mock => ("mock".to_owned(), {
            let latency = arguments.latency;
            let limit = match server_rate {
                Some(rate) => format!("{rate}/s"),
                None => "no limit".to_owned(),
            };
            let connections = arguments.connections;
            format!("{:?} ± {:?}, {limit}, {connections} connections", latency.mean, latency.jitter)
        }),
        Against::Live => (url, String::new()),
    };
    Report {
        pipeline,
        against,
        server,
        window,
        repeat: arguments.repeat.get(),
        verdict: judge(&arguments.vary, &tried, 1),
        variations: arguments.vary.clone(),
        cut_short: swept.cut_short,
    }
}

/// Beside its place first, so that no half of a page is seen.
fn write(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder)?;
    }
    let mut builder = tempfile::Builder::new();
    // A temporary file is its owner's alone; a page is for whoever the umask lets read.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder.unwrap_or(std::path::Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The embedded API in a process of its own, so that its time and memory are not those of the trials.
struct Served {
    child: Child,
    base_url: String,
}

impl Served {
    fn start(arguments: &Arguments) -> Result<Self, Problem> {
        let Latency { mean, jitter } = arguments.latency;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["mock", "--films", "1000000", "--latency"]);
        command.arg(format!("{}us±{}us", mean.as_micros(), jitter.as_micros()));
        command.args(["--connections".to_owned(), arguments.connections.to_string()]);
        if !arguments.no_rate_limit {
            let RateLimit { requests, window } = arguments.rate_limit;
            command.args(["--rate-limit".to_owned(), format!("{requests}/{}ms", window.as_millis())]);
        }
        // A Ctrl-C in a terminal is for the bench, which ends it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut served = Self { child, base_url: String::new() };
        let address = served.child.stdout.take().expect("its stdout is piped");
        BufReader::new(address).read_line(&mut served.base_url)?;
        served.base_url = served.base_url.trim().to_owned();
        if served.base_url.is_empty() {
            return Err(Problem::Start(std::io::Error::other("the embedded API does not start")));
        }
        Ok(served)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
