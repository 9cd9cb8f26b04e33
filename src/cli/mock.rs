//! `mock`: the embedded API on a port, until a signal ends it.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::ValueHint;

use super::exit::Exit;
use super::help;
use super::printer::Printer;
use super::problem::Problem;
use super::signals::Signals;
use crate::mock::{self, Auth, BodySize, Config, Fault, FaultKind, Latency, RateLimit, Stats};

/// Serve the embedded API: made-up films that answer like TMDB, for trying pipelines and for tests.
#[derive(Debug, clap::Args)]
#[command(long_about = help::MOCK, after_long_help = help::MOCK_EXAMPLES)]
pub(super) struct Arguments {
    /// Where to listen; port 0 takes any free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    addr: SocketAddr,
    /// Size of the invented catalogue: ids 1 to N, beside the real Marvel films.
    #[arg(long, value_name = "N", default_value_t = Config::default().films, help_heading = help::INPUT)]
    films: u32,
    /// How long an answer takes, e.g. 50ms or 50ms±20ms.
    #[arg(long, value_name = "TIME", default_value = "0ms", help_heading = help::SPEED)]
    latency: Latency,
    /// Pad films to a size, e.g. 20KiB or, by request, 2KiB..200KiB.
    #[arg(long, value_name = "SIZE", help_heading = help::SPEED)]
    body_size: Option<BodySize>,
    /// Over it, the answer is 429; e.g. 40/s, in every sliding window.
    #[arg(long, value_name = "N/TIME", help_heading = help::SPEED)]
    rate_limit: Option<RateLimit>,
    /// Answer on so many connections at once; requests on others wait.
    #[arg(long, value_name = "N", help_heading = help::SPEED)]
    connections: Option<NonZeroU32>,
    /// Send Retry-After with a 429, which TMDB does not.
    #[arg(long, help_heading = help::SPEED)]
    retry_after: bool,
    /// What goes wrong, and how often: 500, 429, html, cut, reset, slow or dead; repeatable.
    #[arg(long, value_name = "KIND=SHARE", help_heading = help::SPEED)]
    fault: Vec<Fault>,
    /// What catalogue and faults are made from.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = help::INPUT)]
    seed: u64,
    /// A folder of recorded answers, which go before the catalogue.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = help::INPUT)]
    recordings: Option<PathBuf>,
}

impl From<Arguments> for Config {
    fn from(arguments: Arguments) -> Self {
        Self {
            addr: arguments.addr,
            seed: arguments.seed,
            films: arguments.films,
            latency: arguments.latency,
            body_size: arguments.body_size,
            rate_limit: arguments.rate_limit,
            connections: arguments.connections,
            retry_after: arguments.retry_after,
            faults: arguments.fault,
            recordings: arguments.recordings,
            auth: Auth::Any,
            record: false,
        }
    }
}

/// Serves until a signal comes.
pub(super) fn execute(arguments: Arguments, printer: &Printer) -> Exit {
    match serve(arguments.into(), printer) {
        // A signal is the only way to end it, so it has done what it was asked for.
        Ok(stats) => {
            printer.talk(&describe(&stats));
            Exit::Complete
        }
        Err(problem) => {
            printer.talk(&problem.render(printer.is_coloured()));
            problem.verdict().exit
        }
    }
}

fn serve(config: Config, printer: &Printer) -> Result<Stats, Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::new()?;
        let server = mock::start(config).await?;
        let base_url = server.base_url();
        printer.data(&format!("{base_url}\n"));
        printer.talk(&format!(
            "use it: TMDB_BASE_URL={base_url} TMDB_TOKEN=any tmdb-etl run FILE --out DIR\n\
             end it: Ctrl-C\n"
        ));
        signals.next().await;
        let stats = server.stats();
        server.stop().await;
        Ok(stats)
    })
}

/// What it has seen, in one line.
fn describe(stats: &Stats) -> String {
    let mut parts = vec![format!("{} requests", stats.requests)];
    parts.extend(stats.by_status.iter().map(|(status, count)| format!("{count} answered {status}")));
    parts.extend(
        FaultKind::ALL.iter().filter_map(|(kind, name)| {
            stats.faults.get(kind).map(|count| format!("{count} with fault {name}"))
        }),
    );
    if stats.over_limit > 0 {
        parts.push(format!("{} over the limit", stats.over_limit));
    }
    format!(
        "served {}; at most {} at once on {} connections\n",
        parts.join(", "),
        stats.in_flight_max,
        stats.connections_max
    )
}
