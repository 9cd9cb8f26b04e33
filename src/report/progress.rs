//! How far a run is, while it runs: a few lines that are redrawn on a terminal, plain lines in a log, JSON lines for
//! a machine.
//!
//! One thread reads the counters, notes how they grow, and writes; it ends with its [`Progress`]. Invariant: a writer that
//! fails or blocks never holds up the run.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use terminal_size::{Height, Width};

use super::counters::Counters;
use super::figures::{count, counted, time};
use super::history::History;
use super::live::{Look, Pulse, Rates, lines};
use super::screen::Screen;
use super::snapshot::{Role, Snapshot};
use crate::event::{Event, Listener};
use crate::spec::StageId;

/// Four times a second is smooth enough to be read, and often enough for a chart.
const TICK: Duration = Duration::from_millis(250);
/// A log of a night has some thousand lines then.
const PLAIN_EVERY: Duration = Duration::from_secs(10);
/// Often enough for somebody who draws it.
const JSON_EVERY: Duration = Duration::from_secs(1);
/// Notices that wait to be written; a run has a handful.
const NOTICES: usize = 16;
/// The version of the JSON lines. It grows when a name changes its meaning or goes.
const JSON_VERSION: u32 = 1;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One line, redrawn.
    Live,
    /// A line now and then.
    Plain,
    /// A JSON object a line.
    Json,
    /// Not at all.
    None,
}

/// How and where progress is shown.
pub struct View {
    /// How.
    pub mode: Mode,
    /// With colours, where it is live.
    pub coloured: bool,
    /// The part of the terminal that is redrawn.
    pub screen: Screen,
    /// Where lines go.
    pub out: Box<dyn Write + Send>,
    /// How many requests the run makes, if its plan says so.
    pub expected: Option<u64>,
}

impl View {
    /// Plain lines on stderr, or nothing.
    pub fn plain(mode: Mode) -> Self {
        let (screen, out) = (Screen::default(), Box::new(io::stderr()));
        Self { mode, coloured: false, screen, out, expected: None }
    }
}

/// The thread that shows progress; as a [`Listener`] it tells at once that a run began.
#[derive(Debug)]
pub struct Progress {
    notices: SyncSender<Notice>,
    thread: JoinHandle<History>,
}

/// Told at once, whatever the interval.
#[derive(Debug)]
enum Notice {
    Started { run: String, pipeline: String, source: String },
    Recovered { run: Option<String>, tables: usize, swept: usize },
    Resumed { since: Timestamp, documents: u64 },
    Stopping { signal: &'static str },
    Probing { stage: String, failures: u32, reason: String },
    Answering { stage: String, open_for: Duration },
    End,
}

impl Progress {
    /// Starts to show `counters`.
    pub fn start(view: View, counters: Arc<Counters>) -> Self {
        let (notices, received) = sync_channel(NOTICES);
        let painter = Painter { view, counters, pulse: Pulse::default(), history: History::default() };
        let thread = std::thread::spawn(move || painter.run(&received));
        Self { notices, thread }
    }

    /// Whoever tells it of events.
    pub fn listener(&self) -> Arc<dyn Listener> {
        Arc::new(Notices { notices: self.notices.clone(), probed: Mutex::default() })
    }

    /// Says that the run was asked to stop and is about to.
    pub fn stopping(&self, signal: &'static str) {
        let _ = self.notices.try_send(Notice::Stopping { signal });
    }

    /// Takes the lines off the terminal and ends the thread. How the run went over time.
    pub fn finish(self) -> History {
        // Its receiver is gone only if the painter panicked.
        let _ = self.notices.send(Notice::End);
        // A painter that panicked has nothing left to take away, and the run is none the worse.
        self.thread.join().unwrap_or_default()
    }
}

struct Notices {
    notices: SyncSender<Notice>,
    /// Stages of which it was said that they are probed, and those of which the end of it was: each is said once.
    probed: Mutex<HashSet<(StageId, bool)>>,
}

impl Notices {
    fn is_news(&self, stage: &StageId, opened: bool) -> bool {
        self.probed.lock().unwrap_or_else(PoisonError::into_inner).insert((stage.clone(), opened))
    }
}

impl Listener for Notices {
    fn hear(&self, event: &Event) {
        let notice = match event {
            Event::RunStarted { run, pipeline, source } => {
                Notice::Started { run: run.clone(), pipeline: pipeline.clone(), source: source.clone() }
            }
            Event::RunResumed { since, documents } => {
                Notice::Resumed { since: *since, documents: *documents }
            }
            Event::StateRecovered { run, published, swept } => {
                Notice::Recovered { run: run.clone(), tables: published.len(), swept: *swept }
            }
            Event::CircuitOpened { stage, failures, reason } if self.is_news(stage, true) => {
                Notice::Probing { stage: stage.to_string(), failures: *failures, reason: reason.clone() }
            }
            Event::CircuitClosed { stage, open_for } if self.is_news(stage, false) => {
                Notice::Answering { stage: stage.to_string(), open_for: *open_for }
            }
            _ => return,
        };
        // Full only if the terminal hangs; then a notice is lost rather than the run held up.
        let _ = self.notices.try_send(notice);
    }
}

struct Painter {
    view: View,
    counters: Arc<Counters>,
    pulse: Pulse,
    history: History,
}

impl Painter {
    fn run(mut self, notices: &Receiver<Notice>) -> History {
        let every = match self.view.mode {
            Mode::Live | Mode::None => TICK,
            Mode::Plain => PLAIN_EVERY,
            Mode::Json => JSON_EVERY,
        };
        let (mut tick, mut show) = (Instant::now(), Instant::now() + every);
        loop {
            match notices.recv_timeout(tick.saturating_duration_since(Instant::now())) {
                Ok(Notice::End) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(notice) => self.notice(&notice),
                Err(RecvTimeoutError::Timeout) => {
                    let now = Instant::now();
                    let due = now >= show;
                    // After a pause (a laptop that slept) it goes on from now.
                    tick = now + TICK;
                    show = if due { now + every } else { show };
                    self.tick(due, false);
                }
            }
        }
        self.tick(self.view.mode == Mode::Json, true);
        self.view.screen.clear();
        self.history
    }

    fn notice(&mut self, notice: &Notice) {
        let text = match (self.view.mode, notice) {
            (Mode::Json, Notice::Started { run, pipeline, source }) => {
                let started = json!({
                    "event": "started", "version": JSON_VERSION, "run": run, "pipeline": pipeline, "source": source
                });
                format!("{started}\n")
            }
            (Mode::Json, Notice::Recovered { run, tables, swept }) => {
                format!("{}\n", json!({"event": "recovered", "run": run, "tables": tables, "swept": swept}))
            }
            (Mode::Json, Notice::Resumed { since, documents }) => {
                let since = since.to_string();
                format!("{}\n", json!({"event": "resumed", "since": since, "documents": documents}))
            }
            (Mode::Json, Notice::Stopping { signal }) => {
                format!("{}\n", json!({"event": "stopping", "signal": signal}))
            }
            (_, Notice::Resumed { since, documents }) => {
                let documents = counted(*documents, "documents");
                format!("it goes on where an attempt of {since:.0} ended, with {documents} kept\n")
            }
            (Mode::Json, Notice::Probing { stage, failures, reason }) => {
                let object =
                    json!({"event": "probing", "stage": stage, "failures": failures, "reason": reason});
                format!("{object}\n")
            }
            (Mode::Json, Notice::Answering { stage, open_for }) => {
                let seconds = (open_for.as_secs_f64() * 1000.0).round() / 1000.0;
                format!("{}\n", json!({"event": "answering", "stage": stage, "seconds": seconds}))
            }
            (_, Notice::Probing { stage, failures, reason }) => {
                let reason = reason.trim_end_matches('.');
                format!(
                    "{stage}: {failures} items in a row failed ({reason}); it is asked one at a time until it answers\n"
                )
            }
            (_, Notice::Answering { stage, open_for }) => {
                format!("{stage}: it answers again after {}\n", time(*open_for))
            }
            (_, Notice::Stopping { signal }) => {
                format!(
                    "{signal}: stopping when what is under way has been answered; nothing will be published (again to end at \
                     once)\n"
                )
            }
            (_, Notice::End) => String::new(),
            (_, Notice::Started { run, pipeline, source }) => {
                format!("{pipeline}: run {run} from {source}\n")
            }
            (_, Notice::Recovered { run: Some(run), tables, .. }) => {
                let tables = counted(*tables as u64, "tables");
                format!("finished the publish of run {run}, which was killed: {tables}\n")
            }
            (_, Notice::Recovered { run: None, swept, .. }) => {
                format!("removed {} of a run that was killed\n", counted(*swept as u64, "staged files"))
            }
        };
        self.write(&text);
    }

    fn tick(&mut self, due: bool, last: bool) {
        let snapshot = self.counters.snapshot();
        let rates = self.pulse.feel(&snapshot, Instant::now());
        self.history.note(&snapshot, last);
        let began = snapshot.run.is_some();
        match self.view.mode {
            Mode::Live if began && !last => {
                let (width, height) = terminal_size::terminal_size_of(io::stderr())
                    .map_or((80, 24), |(Width(width), Height(height))| (width.into(), height.into()));
                let look = Look { width, height, coloured: self.view.coloured };
                self.view.screen.show(&lines(&snapshot, &rates, self.view.expected, look));
            }
            Mode::Plain if began && due => self.write(&format!("{}\n", line(&snapshot, rates.requests))),
            Mode::Json if due => self.write(&format!("{}\n", object(&snapshot, &rates, self.view.expected))),
            Mode::Live | Mode::Plain | Mode::Json | Mode::None => {}
        }
    }

    /// Writes whole lines.
    fn write(&mut self, text: &str) {
        if self.view.mode == Mode::None {
            return;
        }
        let out = &mut self.view.out;
        // Nobody may be there to read it.
        let _ = self.view.screen.above(|| out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    }
}

/// A snapshot as one line.
fn line(snapshot: &Snapshot, rate: f64) -> String {
    let totals = snapshot.totals();
    let mut parts = vec![
        format!("{} {}", snapshot.pipeline, time(Duration::from_secs(snapshot.elapsed.as_secs().max(1)))),
        format!("{} at {rate:.1}/s", counted(totals.requests, "requests")),
    ];
    if let Some((status, wait)) = snapshot.gate {
        parts.push(format!("waiting {} after a {status}", time(wait)));
    }
    for stage in &snapshot.stages {
        if stage.circuit.as_ref().is_some_and(|circuit| circuit.open) {
            parts.push(format!("{} does not answer", stage.id));
        }
        let done = count(stage.documents + stage.missing + stage.failed);
        match stage.role {
            Role::Fetch => parts.push(format!("{} {done} of {}", stage.id, count(stage.admitted))),
            Role::Expand if stage.requests > 0 => parts.push(format!("{} {done}", stage.id)),
            _ => {}
        }
    }
    if totals.failed > 0 {
        parts.push(format!("{} failed", count(totals.failed)));
    }
    let rows: u64 = snapshot.tables.iter().map(|table| table.rows).sum();
    // Batches come to a writer when they are full, so that small tables have none before the end.
    if rows > 0 {
        parts.push(counted(rows, "rows"));
    }
    parts.join(" · ")
}

/// A snapshot as one JSON object; `docs/REPORT.md` describes its names.
fn object(snapshot: &Snapshot, rates: &Rates, expected: Option<u64>) -> Value {
    let rounded = |number: f64| (number * 10.0).round() / 10.0;
    let rows = snapshot.tables.iter().map(|table| (table.name.clone(), json!(table.rows)));
    let mut object = json!({
        "event": "progress",
        "version": JSON_VERSION,
        "seconds": (snapshot.elapsed.as_secs_f64() * 1000.0).round() / 1000.0,
        "rate": rounded(rates.requests),
        "rate_limit": snapshot.layout.rate.map(|rate| rate.per_second()),
        "expected_requests": expected,
        "rows": rows.collect::<serde_json::Map<_, _>>(),
    });
    let Value::Object(counts) = snapshot.to_json() else { unreachable!("counts are an object") };
    let names = object.as_object_mut().expect("an object");
    names.extend(counts);
    let stages =
        snapshot.stages.iter().zip(&snapshot.layout.stages).enumerate().map(|(index, (stage, layout))| {
            let counts = json!({
                "kind": stage.role.name(),
                "finished": stage.finished,
                "items": stage.admitted,
                "found": stage.found,
                "requests": stage.requests,
                "documents": stage.documents,
                "missing": stage.missing,
                "failed": stage.failed,
                "retries": stage.retries,
                "in_flight": stage.hours.busy,
                "workers": stage.hours.workers,
                "queue": stage.queue,
                "buffer": layout.buffer,
                "per_second": rounded(rates.stages.get(index).copied().unwrap_or(0.0)),
                "p50_ms": stage.p50.map(|p50| rounded(p50.as_secs_f64() * 1000.0)),
            });
            (stage.id.clone(), counts)
        });
    names.insert("stages".to_owned(), Value::Object(stages.collect()));
    object
}
