//! How far a run is, while it runs: a line that is redrawn on a terminal, plain lines in a log, JSON lines for
//! a machine.
//!
//! One thread reads the counters and writes; it ends with its [`Progress`]. Invariant: a writer that fails or
//! blocks never holds up the run.

use std::collections::{HashSet, VecDeque};
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;

use super::counters::Counters;
use super::figures::{count, counted, real, time};
use super::snapshot::{Role, Snapshot};
use crate::event::{Event, Listener};
use crate::spec::StageId;

/// Four times a second is smooth enough to be read.
const REDRAW: Duration = Duration::from_millis(250);
/// A log of a night has some thousand lines then.
const PLAIN_EVERY: Duration = Duration::from_secs(10);
/// Often enough for a chart.
const JSON_EVERY: Duration = Duration::from_secs(1);
/// Over which time the rate is measured that is shown.
const RATE_WINDOW: Duration = Duration::from_secs(5);
/// Notices that wait to be written; a run has a handful.
const NOTICES: usize = 16;

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

/// The thread that shows progress; as a [`Listener`] it tells at once that a run began.
#[derive(Debug)]
pub struct Progress {
    notices: Option<SyncSender<Notice>>,
    thread: Option<JoinHandle<()>>,
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
    /// Starts to show `counters` on `out`.
    pub fn start(mode: Mode, counters: Arc<Counters>, out: Box<dyn Write + Send>) -> Self {
        if mode == Mode::None {
            return Self { notices: None, thread: None };
        }
        let (notices, received) = sync_channel(NOTICES);
        let painter = Painter { mode, counters, out, sends: VecDeque::new(), drawn: false };
        let thread = std::thread::spawn(move || painter.run(&received));
        Self { notices: Some(notices), thread: Some(thread) }
    }

    /// Whoever tells it of events.
    pub fn listener(&self) -> Arc<dyn Listener> {
        Arc::new(Notices { notices: self.notices.clone(), probed: Mutex::default() })
    }

    /// Says that the run was asked to stop and is about to.
    pub fn stopping(&self, signal: &'static str) {
        if let Some(notices) = &self.notices {
            let _ = notices.try_send(Notice::Stopping { signal });
        }
    }

    /// Takes the line off the terminal and ends the thread.
    pub fn finish(self) {
        if let (Some(notices), Some(thread)) = (self.notices, self.thread) {
            // Its receiver is gone only if the painter panicked.
            let _ = notices.send(Notice::End);
            // A painter that panicked has no line left to take away, and the run is none the worse.
            drop(thread.join());
        }
    }
}

struct Notices {
    notices: Option<SyncSender<Notice>>,
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
        if let Some(notices) = &self.notices {
            // Full only if the terminal hangs; then a notice is lost rather than the run held up.
            let _ = notices.try_send(notice);
        }
    }
}

struct Painter {
    mode: Mode,
    counters: Arc<Counters>,
    out: Box<dyn Write + Send>,
    /// When how many requests had been sent.
    sends: VecDeque<(Instant, u64)>,
    /// A line stands on the terminal that is to be redrawn.
    drawn: bool,
}

impl Painter {
    fn run(mut self, notices: &Receiver<Notice>) {
        let every = match self.mode {
            Mode::Live => REDRAW,
            Mode::Plain => PLAIN_EVERY,
            Mode::Json | Mode::None => JSON_EVERY,
        };
        self.sends.push_back((Instant::now(), 0));
        let mut next = Instant::now() + every;
        loop {
            match notices.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Notice::End) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(notice) => self.notice(&notice),
                Err(RecvTimeoutError::Timeout) => {
                    next = Instant::now() + every;
                    self.tick();
                }
            }
        }
        match self.mode {
            Mode::Json => self.tick(),
            _ => self.write(""),
        }
    }

    fn notice(&mut self, notice: &Notice) {
        let text = match (self.mode, notice) {
            (Mode::Json, Notice::Started { run, pipeline, source }) => {
                format!(
                    "{}\n",
                    json!({"event": "started", "run": run, "pipeline": pipeline, "source": source})
                )
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

    fn tick(&mut self) {
        let snapshot = self.counters.snapshot();
        let rate = self.rate(snapshot.totals().requests);
        match self.mode {
            // The line is cut at the edge of the terminal instead of broken, for as long as it is written.
            Mode::Live if snapshot.run.is_some() => {
                let line = line(&snapshot, rate);
                self.write(&format!("\x1b[?7l{line}\x1b[?7h"));
                self.drawn = true;
            }
            Mode::Plain if snapshot.run.is_some() => self.write(&format!("{}\n", line(&snapshot, rate))),
            Mode::Json => self.write(&format!("{}\n", object(&snapshot, rate))),
            Mode::Live | Mode::Plain | Mode::None => {}
        }
    }

    /// Sends in a second over the last few seconds.
    fn rate(&mut self, requests: u64) -> f64 {
        let now = Instant::now();
        self.sends.push_back((now, requests));
        while self.sends.len() > 2 && now - self.sends[1].0 > RATE_WINDOW {
            self.sends.pop_front();
        }
        let (then, before) = self.sends[0];
        let seconds = (now - then).as_secs_f64();
        if seconds > 0.0 { real(requests - before) / seconds } else { 0.0 }
    }

    /// Writes `text` in place of the line that stands there.
    fn write(&mut self, text: &str) {
        let clear = if std::mem::take(&mut self.drawn) { "\r\x1b[K" } else { "" };
        // Nobody may be there to read it.
        let _ = self.out.write_all(format!("{clear}{text}").as_bytes()).and_then(|()| self.out.flush());
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

/// A snapshot as one JSON object.
fn object(snapshot: &Snapshot, rate: f64) -> serde_json::Value {
    let rows = snapshot.tables.iter().map(|table| (table.name.clone(), json!(table.rows)));
    let mut object = json!({
        "event": "progress",
        "seconds": (snapshot.elapsed.as_secs_f64() * 1000.0).round() / 1000.0,
        "rate": (rate * 10.0).round() / 10.0,
        "rows": rows.collect::<serde_json::Map<_, _>>(),
    });
    if let (Some(object), serde_json::Value::Object(counts)) = (object.as_object_mut(), snapshot.to_json()) {
        object.extend(counts);
    }
    object
}
