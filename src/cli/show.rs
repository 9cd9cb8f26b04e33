//! `show FILE STAGE[.PORT]`: what is at one point of a pipeline, as JSON lines.
//!
//! Does not belong here: how the stages up to there run (`crate::run`).

mod nothing;
mod pretty;

use std::cell::Cell;
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use clap::ArgAction;
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::init::quoted;
use super::pipeline::{Findings, load, parse_set};
use super::printer::Printer;
use super::problem::{Problem, Verdict};
use super::run::{base_url_from_env, dice, transport};
use super::signals::Signals;
use super::{help, logging};
use crate::event::{Event, Listener};
use crate::mock::{self, Config, Mock};
use crate::plan::expr::Expr;
use crate::plan::{Cargo, Options, Plan, PointError, Source, read_expression};
use crate::report::{Counters, Log, Mode, Progress, Screen, View};
use crate::run::{RunError, Showing, Sight, show};
use crate::spec::{Port, Source as Text};

/// What `--meta` prints of a document.
const META: &str = "{doc: $doc, item: $item, parent: $parent, meta: $meta}";
/// What `--meta` prints of an item of a seed, which comes from no document: what the first fetch knows of it.
const META_OF_SEED: &str = "{doc: $doc, item: ., parent: $parent, meta: ($meta + {seed: .})}";

/// Show items, documents or rows at one point of a pipeline, as JSON lines.
#[derive(Debug, clap::Args)]
#[command(long_about = help::SHOW, after_long_help = help::SHOW_EXAMPLES)]
pub(super) struct Arguments {
    /// The pipeline file.
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Where to look: a stage, or a port of it, like `movies` or `similar.found`.
    #[arg(value_name = "STAGE[.PORT]", default_value = "", hide_default_value = true)]
    point: String,
    /// Ask the embedded API instead of TMDB: made-up films, no account needed.
    #[arg(long, help_heading = help::INPUT)]
    mock: bool,
    /// Set a param; the value must have the type of the default. Repeatable.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_set, help_heading = help::INPUT)]
    set: Vec<(String, String)>,
    /// Print at most N lines, then stop asking.
    #[arg(short = 'n', long, value_name = "N", default_value = "3", help_heading = help::OUTPUT)]
    limit: NonZeroUsize,
    /// Print what this expression gives, as it would in the file: with $doc, $item, $parent, $params and $meta.
    #[arg(long, value_name = "EXPR", conflicts_with = "meta", help_heading = help::OUTPUT)]
    jq: Option<String>,
    /// Print what expressions know: {"doc": …, "item": …, "parent": …, "meta": …}.
    #[arg(long, help_heading = help::OUTPUT)]
    meta: bool,
    /// Print over several lines, indented.
    #[arg(long, help_heading = help::OUTPUT)]
    pretty: bool,
    /// Log to stderr; twice for every event.
    #[arg(short, long, action = ArgAction::Count, help_heading = help::OUTPUT)]
    verbose: u8,
}

/// Prints what is there.
pub(super) fn execute(arguments: Arguments, printer: &Printer) -> Exit {
    logging::start(arguments.verbose, None, &Screen::default());
    match on_runtime(&arguments, printer) {
        Ok(()) => Exit::Complete,
        Err(problem) => {
            let exit = problem.verdict().exit;
            // What a person asked for need not be told to them as an error.
            if !matches!(exit, Exit::Stopped(_)) {
                printer.talk(&problem.render(printer.is_coloured()));
            }
            exit
        }
    }
}

fn on_runtime(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread().max_blocking_threads(2).enable_all().build()?;
    let result = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let embedded = if arguments.mock {
            Some(mock::start(Config::default()).await.map_err(Problem::from)?)
        } else {
            None
        };
        let result = look(arguments, printer, embedded.as_ref(), &mut signals).await;
        if let Some(embedded) = embedded {
            embedded.stop().await;
        }
        result
    });
    // An expression that is still at work on a thread has nobody left to tell, and nothing to lose.
    runtime.shutdown_background();
    result
}

async fn look(
    arguments: &Arguments,
    printer: &Printer,
    embedded: Option<&Mock>,
    signals: &mut Signals,
) -> Result<(), Problem> {
    let base_url = embedded.map(Mock::base_url).or_else(base_url_from_env);
    let (plan, findings) =
        load(&arguments.file, &arguments.set, &Options { out: None, base_url, ..Options::default() });
    let Some(plan) = plan else {
        findings.tell(printer);
        return Err(findings.problem());
    };
    let at = plan
        .point(&arguments.point)
        .map_err(|error| Problem::Point { again: again(arguments), error: error.into() })?;
    let expr = expression(arguments, &plan, at, printer)?;
    // The items of a file, a list or a range need no request, and so no credential.
    let asks = !plan.is_listed(at);
    let transport = transport(&plan, embedded.is_some() || !asks)?;

    let counters = Arc::new(Counters::new(&plan));
    let progress = Progress::start(View::plain(Mode::Plain), Arc::clone(&counters));
    let mut listeners: Vec<Arc<dyn Listener>> = vec![Arc::clone(&counters) as _, Arc::new(Trouble)];
    if arguments.verbose > 0 {
        listeners.push(Arc::new(Log));
    }
    let stop = CancellationToken::new();
    let showing = Showing {
        plan: plan.clone(),
        at,
        expr,
        limit: arguments.limit.get(),
        transport: Arc::new(transport),
        seed: dice(),
        stop: stop.clone(),
        listener: Arc::new(listeners),
    };
    let told = Cell::new(false);
    let again = again(arguments);
    let showing = show(showing, |sight| {
        match sight {
            Sight::Line(line) if arguments.pretty => printer.data(&pretty::indented(&line)),
            Sight::Line(line) => printer.data(&(line + "\n")),
            Sight::Note(text) | Sight::Failure(text) => {
                told.set(true);
                printer.talk(&format!("{text}\n"));
            }
        }
        if printer.is_heard() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let mut showing = std::pin::pin!(showing);
    let result = tokio::select! {
        result = &mut showing => result.map_err(|error| Problem::Run { error, signal: None }),
        signal = signals.next() => {
            stop.cancel();
            let ended = showing.await;
            Err(Problem::Run { error: ended.err().unwrap_or(RunError::Stopped), signal: Some(signal) })
        }
    };
    progress.finish();
    if result? == 0 && !told.get() && printer.is_heard() {
        printer.talk(&nothing::why(&plan, at, &again, &counters.snapshot()));
    }
    Ok(())
}

/// The command up to its point, for hints: what was asked of the embedded API is to be asked of it again.
fn again(arguments: &Arguments) -> String {
    let mut command = format!("tmdb-etl show {}", quoted(&arguments.file.display().to_string()));
    if arguments.mock {
        command.push_str(" --mock");
    }
    for (name, value) in &arguments.set {
        command.extend([" --set ", &quoted(&format!("{name}={value}"))]);
    }
    command
}

/// What follows from a point that is none; `again` is the command up to it.
pub(super) fn of_point(again: &str, error: &PointError) -> Verdict {
    let (code, nearest, hint) = match error {
        PointError::None { known } => {
            ("no-stage", None, format!("`{again} STAGE`, with one of {}", known.join(", ")))
        }
        PointError::Stage { nearest, known, .. } => {
            ("unknown-stage", nearest.as_deref(), format!("there are {}", known.join(", ")))
        }
        PointError::Port { known, stage, .. } if known.is_empty() => {
            ("unknown-port", None, format!("it has no ports: `{again} {stage}`"))
        }
        PointError::Port { nearest, known, stage, .. } => {
            ("unknown-port", nearest.as_deref(), format!("there are {stage}, {}", known.join(", ")))
        }
    };
    let mut hints: Vec<String> =
        nearest.map(|nearest| format!("did you mean `{nearest}`?")).into_iter().collect();
    hints.push(hint);
    Verdict { exit: Exit::Invalid, code, hints }
}

/// What to print of each document or item.
fn expression(arguments: &Arguments, plan: &Plan, at: Source, printer: &Printer) -> Result<Expr, Problem> {
    let own = arguments.jq.is_some() || arguments.meta;
    if own && plan.cargo(at) == Cargo::Rows && at.port == Port::Main {
        let reads = plan.stages[at.stage].inputs.iter().map(|source| plan.point_name(*source)).collect();
        return Err(Problem::RowsAsTheyAre {
            again: again(arguments),
            table: arguments.point.clone(),
            reads,
        });
    }
    let of_seed = plan.cargo(at) == Cargo::Items && at.port == Port::Main;
    let text = match &arguments.jq {
        Some(text) => text,
        None if arguments.meta && of_seed => META_OF_SEED,
        None if arguments.meta => META,
        None => ".",
    };
    let source = Text::new("--jq", text);
    read_expression(&source, &plan.params).map_err(|faults| {
        let findings = Findings::new(source, faults);
        findings.tell(printer);
        findings.problem()
    })
}

/// Tells on stderr what goes wrong while it happens.
struct Trouble;

impl Listener for Trouble {
    fn hear(&self, event: &Event) {
        let text = match event {
            Event::CircuitOpened { stage, failures, reason } => format!(
                "`{stage}`: {failures} items in a row failed, the last because {reason}; it is asked one at a time until it answers\n"
            ),
            Event::ItemFailed { stage, request, error, .. } => {
                format!("`{stage}` failed: {request}: {error}\n")
            }
            Event::GateClosed { status, wait } => {
                format!("the API answered {status}: nothing is asked for {:.1} s\n", wait.as_secs_f64())
            }
            _ => return,
        };
        // Where nobody listens there is nobody to tell.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}
