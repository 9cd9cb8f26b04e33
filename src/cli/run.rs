//! `run FILE`: the job.
//!
//! ```text
//! embedded API? ─▶ file ─▶ plan ─▶ credential ─▶ transport ─▶ run_job ─▶ summary or JSON
//! ```

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::{ArgAction, ValueEnum, ValueHint};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::exit::{Exit, Signal};
use super::init::quoted;
use super::logging::LogFormat;
use super::pipeline::{Findings, load, parse_set};
use super::printer::Printer;
use super::problem::Problem;
use super::signals::Signals;
use super::{help, logging, metrics, outcome, printer, runs};
use crate::event::Listener;
use crate::mock::{self, Config, Mock};
use crate::plan::{Options, Outlook, Plan, expected};
use crate::report::{
    Again, Counters, Ending, ErrorRecord, Facts, History, Log, Mode, Progress, Record, Screen, Snapshot,
    Usage, View, summary,
};
use crate::run::{Job, Published, RunError, run_job};
use crate::spec::Rate;
use crate::tmdb::{Clock, Credential, Http, check_proxy};

/// How long threads that write may go on after a run has ended early. What they leave is swept by the next run.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// Run a pipeline and publish its tables.
#[derive(Debug, clap::Args)]
#[command(long_about = help::RUN, after_long_help = help::RUN_EXAMPLES)]
pub(super) struct Arguments {
    /// The pipeline file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Ask the embedded API instead of TMDB: made-up films, no account needed.
    #[arg(long, help_heading = help::INPUT)]
    mock: bool,
    /// Set a param; the value must have the type of the default. Repeatable.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_set, help_heading = help::INPUT)]
    set: Vec<(String, String)>,
    /// Take only the first N items of each seed.
    #[arg(long, value_name = "N", help_heading = help::INPUT)]
    limit: Option<NonZeroU64>,
    /// Abandon an unfinished run and use no document that is kept: ask for everything.
    #[arg(long, help_heading = help::INPUT)]
    fresh: bool,
    /// Where relative outputs start.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = help::OUTPUT)]
    out: Option<PathBuf>,
    /// Where locks, kept documents and unfinished work are.
    #[arg(long, value_name = "DIR", default_value = ".tmdb-etl", value_hint = ValueHint::DirPath)]
    #[arg(help_heading = help::OUTPUT)]
    state: PathBuf,
    /// What is printed on stdout at the end.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Output::Text)]
    #[arg(help_heading = help::OUTPUT)]
    output: Output,
    /// What is shown on stderr meanwhile; auto redraws a few lines on a terminal and is plain elsewhere, and where CI is set.
    #[arg(long, value_name = "HOW", value_enum, default_value_t = ProgressArgument::Auto)]
    #[arg(help_heading = help::OUTPUT)]
    progress: ProgressArgument,
    /// Log to stderr; twice for every event.
    #[arg(short, long, action = ArgAction::Count, help_heading = help::OUTPUT)]
    verbose: u8,
    /// How the log is written; given alone, it is like -v.
    #[arg(long, value_name = "FORMAT", value_enum, help_heading = help::OUTPUT)]
    log: Option<LogFormat>,
    /// Serve Prometheus metrics there while the run lasts, at /metrics.
    #[arg(long, value_name = "ADDR", help_heading = help::OUTPUT)]
    metrics: Option<SocketAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A summary.
    Text,
    /// One JSON object.
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProgressArgument {
    /// As fits stderr.
    Auto,
    /// A line now and then.
    Plain,
    /// JSON lines.
    Json,
    /// Nothing.
    None,
}

/// The arguments as meant.
struct Meant {
    file: PathBuf,
    mock: bool,
    overrides: Vec<(String, String)>,
    limit: Option<u64>,
    fresh: bool,
    out: Option<PathBuf>,
    state: PathBuf,
    output: Output,
    progress: Mode,
    verbosity: u8,
    log: Option<LogFormat>,
    metrics: Option<SocketAddr>,
    screen: Screen,
}

impl From<Arguments> for Meant {
    fn from(arguments: Arguments) -> Self {
        let progress = match arguments.progress {
            ProgressArgument::Auto if printer::is_lively() => Mode::Live,
            ProgressArgument::Auto | ProgressArgument::Plain => Mode::Plain,
            ProgressArgument::Json => Mode::Json,
            ProgressArgument::None => Mode::None,
        };
        Self {
            file: arguments.file,
            mock: arguments.mock,
            overrides: arguments.set,
            limit: arguments.limit.map(NonZeroU64::get),
            fresh: arguments.fresh,
            out: arguments.out,
            state: arguments.state,
            output: arguments.output,
            progress,
            verbosity: arguments.verbose,
            log: arguments.log,
            metrics: arguments.metrics,
            screen: Screen::default(),
        }
    }
}

/// How a run went, as far as it got.
#[derive(Default)]
struct Ran {
    findings: Option<Findings>,
    snapshot: Option<Snapshot>,
    history: History,
    allowed: Option<Rate>,
    /// Documents are kept, so that the same command goes on.
    goes_on: bool,
}

/// Runs the pipeline.
pub(super) fn execute(arguments: Arguments, printer: &Printer) -> Exit {
    let start = Instant::now();
    let started_at = Timestamp::now();
    let meant = Meant::from(arguments);
    logging::start(meant.verbosity, meant.log, &meant.screen);
    let mut ran = Ran::default();
    let result = on_runtime(&meant, printer, &mut ran);
    let problem = result.as_ref().err();
    let exit = match &result {
        Ok(published) if published.failures == 0 => Exit::Complete,
        Ok(_) => Exit::Partial,
        Err(problem) => problem.verdict().exit,
    };
    let report = keep(&meant, printer, &ran, exit, problem, started_at);
    tell(&meant, printer, &ran, exit, problem, report.as_deref());
    if meant.output == Output::Json {
        let object = outcome::object(
            exit,
            ran.snapshot.as_ref(),
            problem,
            ran.findings.as_ref(),
            start.elapsed().as_secs_f64(),
            report.as_deref(),
        );
        printer.data(&format!("{object}\n"));
    }
    exit
}

/// Keeps what is known of a run that began; where its report is. That it cannot be kept is told, and no failure.
fn keep(
    meant: &Meant,
    printer: &Printer,
    ran: &Ran,
    exit: Exit,
    problem: Option<&Problem>,
    started_at: Timestamp,
) -> Option<PathBuf> {
    let snapshot = ran.snapshot.as_ref().filter(|snapshot| snapshot.run.is_some())?;
    let error = problem
        .map(|problem| ErrorRecord { code: problem.verdict().code.to_owned(), message: problem.message() });
    let facts = Facts {
        status: exit.status().to_owned(),
        started_at: format!("{started_at:.3}"),
        tool: concat!("tmdb-etl ", env!("CARGO_PKG_VERSION")).to_owned(),
        limit: meant.limit,
        error,
        usage: Usage::now(),
    };
    runs::keep_or_tell(&meant.state, &Record::new(snapshot, &ran.history, facts), printer)
}

/// Tells people: the summary of what began, and what went wrong.
fn tell(
    meant: &Meant,
    printer: &Printer,
    ran: &Ran,
    exit: Exit,
    problem: Option<&Problem>,
    report: Option<&Path>,
) {
    let unfinished = problem.is_some_and(|problem| problem.verdict().code == "unfinished");
    let ending = match exit {
        _ if unfinished => Ending::Unfinished,
        Exit::Complete => Ending::Complete,
        Exit::Partial => Ending::Partial,
        Exit::Stopped(_) => Ending::Stopped,
        Exit::Failed | Exit::Invalid | Exit::Locked => Ending::Failed,
    };
    if let Some(snapshot) = ran.snapshot.as_ref().filter(|snapshot| snapshot.run.is_some()) {
        let again = Again { command: again(std::env::args_os()), goes_on: ran.goes_on };
        let mut text = summary(snapshot, ending, ran.allowed, &again);
        if let Some(report) = report {
            text.extend(["report: ", &report.to_string_lossy(), "\n"]);
        }
        if meant.output == Output::Text && problem.is_none() {
            printer.data(&text);
        } else {
            printer.talk(&text);
        }
    }
    // What a person asked for need not be told to them as an error.
    if let Some(problem) = problem
        && !matches!(exit, Exit::Stopped(_))
    {
        printer.talk(&problem.render(printer.is_coloured()));
    }
}

fn on_runtime(meant: &Meant, printer: &Printer, ran: &mut Ran) -> Result<Published, Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread().max_blocking_threads(2).enable_all().build()?;
    let result = runtime.block_on(run(meant, printer, ran));
    runtime.shutdown_timeout(match &result {
        // Asked twice, it ends at once.
        Err(Interrupted::AtOnce(_)) => Duration::ZERO,
        _ => LAST_WRITES,
    });
    result.map_err(|interrupted| match interrupted {
        Interrupted::Problem(problem) => problem,
        Interrupted::AtOnce(signal) => Problem::Run { error: RunError::Stopped, signal: Some(signal) },
    })
}

/// Why there is nothing published.
enum Interrupted {
    Problem(Problem),
    /// A second signal came.
    AtOnce(Signal),
}

impl<E: Into<Problem>> From<E> for Interrupted {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

async fn run(meant: &Meant, printer: &Printer, ran: &mut Ran) -> Result<Published, Interrupted> {
    let mut signals = Signals::new().map_err(Problem::from)?;
    let embedded =
        if meant.mock { Some(mock::start(Config::default()).await.map_err(Problem::from)?) } else { None };
    let base_url = embedded.as_ref().map(Mock::base_url).or_else(base_url_from_env);
    let options = Options { out: meant.out.clone(), base_url, ..Options::default() };
    let (plan, findings) = load(&meant.file, &meant.overrides, &options);
    findings.tell(printer);
    let findings = ran.findings.insert(findings);
    let Some(plan) = plan else { return Err(findings.problem().into()) };
    let transport = transport(&plan, embedded.is_some())?;
    ran.allowed = plan.api.rate.limit();
    ran.goes_on = plan.api.keep.is_some();

    let counters = Arc::new(Counters::new(&plan));
    let port = match meant.metrics {
        Some(addr) => Some(metrics::open(addr, Arc::clone(&counters)).await.map_err(Problem::from)?),
        None => None,
    };
    if let Some(port) = port.as_ref().filter(|_| meant.progress != Mode::None) {
        printer.talk(&format!("metrics: http://{}/metrics\n", port.addr));
    }
    let view = View {
        mode: meant.progress,
        coloured: printer.is_coloured(),
        screen: meant.screen.clone(),
        out: Box::new(io::stderr()),
        expected: expected(&plan, &Outlook { limit: meant.limit, ..Outlook::default() }),
    };
    let progress = Progress::start(view, Arc::clone(&counters));
    let mut listeners: Vec<Arc<dyn Listener>> = vec![Arc::clone(&counters) as _, progress.listener()];
    if meant.verbosity > 0 || meant.log.is_some() {
        listeners.push(Arc::new(Log));
    }
    let stop = CancellationToken::new();
    let source = if embedded.is_some() { "mock".to_owned() } else { plan.api.base_url.value.clone() };
    let counted = Arc::clone(&counters);
    let job = run_job(Job {
        plan,
        transport: Arc::new(transport),
        source,
        state: meant.state.clone(),
        limit: meant.limit,
        fresh: meant.fresh,
        clock: Clock::default(),
        seed: dice(),
        stop: stop.clone(),
        listener: Arc::new(listeners),
        counts: Box::new(move || counted.snapshot().to_json()),
    });
    let result = until_signal(job, &mut signals, &stop, &progress).await;
    ran.history = progress.finish();
    ran.snapshot = Some(counters.snapshot());
    drop(port);
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    result
}

/// Waits for `job`. The first signal asks it to stop, the second does not wait for it.
async fn until_signal(
    job: impl Future<Output = Result<Published, RunError>>,
    signals: &mut Signals,
    stop: &CancellationToken,
    progress: &Progress,
) -> Result<Published, Interrupted> {
    let mut job = std::pin::pin!(job);
    let first = tokio::select! {
        result = &mut job => return Ok(result.map_err(|error| Problem::Run { error, signal: None })?),
        signal = signals.next() => signal,
    };
    stop.cancel();
    progress.stopping(first.name());
    tokio::select! {
        result = &mut job => Ok(result.map_err(|error| Problem::Run { error, signal: Some(first) })?),
        second = signals.next() => Err(Interrupted::AtOnce(second)),
    }
}

/// The way to the API, or why nothing can be asked.
pub(super) fn transport(plan: &Plan, embedded: bool) -> Result<Http, Problem> {
    let base_url = &plan.api.base_url.value;
    let credential = if embedded {
        // The embedded API takes any; the real one must not get there.
        Some(Credential::Token("embedded-api".to_owned()))
    } else {
        Credential::from_env(&|name| std::env::var(name).ok())
    };
    let missing = credential.is_none();
    // Plain http goes to loopback only, and there is no proxy on that way.
    if base_url.starts_with("https:") {
        check_proxy(&|name| std::env::var(name).ok())?;
    }
    let http = Http::new(base_url, &plan.api, credential)?;
    if missing {
        return Err(Problem::NoCredential { base_url: base_url.clone(), instead: "run with `--mock`" });
    }
    Ok(http)
}

/// The command line of a run as a shell takes it, without what would make it start afresh.
fn again(arguments: impl IntoIterator<Item = OsString>) -> String {
    let words = arguments.into_iter().enumerate().filter(|(_, word)| word != "--fresh");
    let words = words.map(|(index, word)| match index {
        0 => "tmdb-etl".to_owned(),
        _ => quoted(&word.to_string_lossy()),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// `TMDB_BASE_URL`, unless it is blank.
pub(super) fn base_url_from_env() -> Option<String> {
    let value = std::env::var("TMDB_BASE_URL").ok()?;
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// Where the dice of backoff and the id of the run come from: no two runs are alike.
pub(super) fn dice() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let nanos = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
    nanos ^ (u64::from(std::process::id()) << 32)
}
