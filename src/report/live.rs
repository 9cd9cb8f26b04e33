//! The live view as text: what a run is doing and how far it is, in a few lines no wider than the terminal.
//!
//! ```text
//! marvel  12 s  312 requests  147 found, 31 waiting  about 8 s left
//! rate    39.2/s of 40/s  ███████████████████▊  98 %
//!   stage     in flight   queue    done      /s  failed     p50
//!   movies        16/16    3/64     281    26.1       0   52 ms
//! ```
//!
//! Does not belong here: when it is drawn (`progress`), and how (`screen`). Invariants: no line is wider than asked for,
//! there are no more lines than asked for, and without colour there is no escape.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::figures::{bytes, count, counted, percent, real, time};
use super::snapshot::{Role, Snapshot, StageSnapshot};

/// Over which time rates are measured that are shown.
const RATE_WINDOW: Duration = Duration::from_secs(5);
/// Cells of the bar of the rate.
const BAR: usize = 20;
/// Below it, there is room for one line with little in it.
const WIDTH_MIN: usize = 32;
/// Cells of a stage's name.
const NAME_MAX: usize = 18;

/// How fast things go, from how they were some seconds ago.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// When how many requests had been sent, and how much each stage had done.
    seen: VecDeque<(Instant, u64, Vec<u64>)>,
}

/// Things in a second.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rates {
    pub requests: f64,
    pub stages: Vec<f64>,
}

impl Pulse {
    /// Takes a snapshot of `now` in, and says how fast things went over the last few seconds.
    pub(super) fn feel(&mut self, snapshot: &Snapshot, now: Instant) -> Rates {
        let stages = snapshot.stages.iter().map(|stage| done(stage, snapshot)).collect();
        self.seen.push_back((now, snapshot.totals().requests, stages));
        while self.seen.len() > 2 && now - self.seen[1].0 > RATE_WINDOW {
            self.seen.pop_front();
        }
        let ((then, before, stages), (_, requests, now_done)) =
            (&self.seen[0], &self.seen[self.seen.len() - 1]);
        let seconds = (now - *then).as_secs_f64();
        let per_second = |now: u64, before: u64| {
            if seconds > 0.0 { real(now.saturating_sub(before)) / seconds } else { 0.0 }
        };
        Rates {
            requests: per_second(*requests, *before),
            stages: now_done.iter().zip(stages).map(|(now, before)| per_second(*now, *before)).collect(),
        }
    }
}

/// What a stage has done: items, documents or rows.
pub(super) fn done(stage: &StageSnapshot, snapshot: &Snapshot) -> u64 {
    match stage.role {
        Role::Seed => stage.admitted,
        Role::Fetch => stage.documents + stage.missing + stage.failed,
        Role::Expand | Role::Filter => stage.hours.worked,
        Role::Project => {
            snapshot.tables.iter().find(|table| table.name == stage.id).map_or(0, |table| table.rows)
        }
    }
}

/// How it is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Cells of a line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// With colours.
    pub coloured: bool,
}

impl Look {
    fn paint(self, code: &str, text: &str) -> String {
        if self.coloured && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The view of a moment. `expected` is how many requests the plan speaks of.
pub(super) fn lines(snapshot: &Snapshot, rates: &Rates, expected: Option<u64>, look: Look) -> Vec<String> {
    // The last cell stays free: some terminals go on to the next line when it is written.
    let look = Look { width: look.width.saturating_sub(1), ..look };
    if look.width < WIDTH_MIN {
        return vec![headline(snapshot, rates, expected, look)];
    }
    let mut lines = vec![headline(snapshot, rates, expected, look), rate(snapshot, rates, look)];
    let room = look.height.saturating_sub(lines.len() + 2);
    let stages: Vec<&StageSnapshot> = snapshot.stages.iter().collect();
    lines.push(head(look));
    let shown = if stages.len() > room { room.saturating_sub(1) } else { stages.len() };
    for (index, stage) in stages.iter().take(shown).enumerate() {
        let speed = rates.stages.get(index).copied().unwrap_or(0.0);
        lines.push(row(stage, snapshot, speed, look));
    }
    if shown < stages.len() {
        let more = format!("  and {}", counted((stages.len() - shown) as u64, "stages"));
        lines.push(look.paint("2", &cut(&more, look.width)));
    }
    lines
}

/// Name and time, and as much of the rest as fits.
fn headline(snapshot: &Snapshot, rates: &Rates, expected: Option<u64>, look: Look) -> String {
    let totals = snapshot.totals();
    let elapsed = time(Duration::from_secs(snapshot.elapsed.as_secs().max(1)));
    let asked = match expected {
        Some(expected) if expected >= totals.requests => {
            format!("{} of {} requests", count(totals.requests), count(expected))
        }
        _ => counted(totals.requests, "requests"),
    };
    let found: u64 = snapshot.stages.iter().map(|stage| stage.found).sum();
    let waiting: u64 = snapshot
        .stages
        .iter()
        .filter(|stage| matches!(stage.role, Role::Fetch | Role::Expand))
        .map(|stage| stage.queue as u64 + stage.hours.busy)
        .sum();
    let mut parts = vec![elapsed, asked];
    if let Some(left) = left(totals.requests, rates.requests, expected) {
        parts.push(format!("about {} left", time(left)));
    }
    if found > 0 {
        parts.push(format!("{} found", count(found)));
    }
    parts.push(format!("{} under way", count(waiting)));
    if totals.bytes > 0 {
        parts.push(bytes(totals.bytes));
    }
    let name = cut(&snapshot.pipeline, look.width.min(NAME_MAX));
    let mut used = name.width();
    let mut line = look.paint("1", &name);
    for part in parts {
        used += 3 + part.width();
        if used > look.width {
            break;
        }
        line.push_str(" · ");
        line.push_str(&part);
    }
    line
}

/// How long the rest will take at this speed.
fn left(requests: u64, per_second: f64, expected: Option<u64>) -> Option<Duration> {
    let rest = expected?.checked_sub(requests)?;
    (per_second > 0.0 && rest > 0).then(|| Duration::from_secs_f64((real(rest) / per_second).min(1e9)))
}

/// The budget that is used now.
fn rate(snapshot: &Snapshot, rates: &Rates, look: Look) -> String {
    let used = format!("{:.1}/s", rates.requests);
    let mut line = match snapshot.layout.rate {
        Some(allowed) => {
            let share = (rates.requests / allowed.per_second()).min(1.0);
            let text = format!("rate {used} of {allowed} ");
            let room = look.width.saturating_sub(text.width() + 6).min(BAR);
            let bar = if room >= 5 { look.paint("36", &bar(share, room)) } else { String::new() };
            format!("{text}{bar} {:>5}", percent(share))
        }
        None => format!("rate {used}, no limit"),
    };
    if let Some((status, wait)) = snapshot.gate {
        let waits = cut(&format!("waiting {} after a {status}", time(wait)), look.width);
        line = look.paint("33", &waits);
    }
    if look.coloured { line } else { cut(&line, look.width) }
}

/// A bar with eighths of a cell.
fn bar(share: f64, cells: usize) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a few cells")]
    let eighths = (share.clamp(0.0, 1.0) * real(cells as u64) * 8.0).round() as usize;
    let (full, rest) = (eighths / 8, eighths % 8);
    let mut bar = "█".repeat(full);
    if rest > 0 {
        bar.extend("▏▎▍▌▋▊▉".chars().nth(rest - 1));
    }
    let drawn = bar.chars().count();
    bar + &"░".repeat(cells - drawn)
}

/// The columns behind a name, as far as there is room: those with the lowest rank go last.
const COLUMNS: [(&str, usize, u8); 6] =
    [("in flight", 10, 1), ("queue", 9, 3), ("done", 10, 0), ("/s", 9, 2), ("failed", 8, 4), ("p50", 9, 5)];

/// Which columns a line of this width has, and the cells of the name.
fn columns(width: usize) -> (Vec<usize>, usize) {
    let name = (width / 4).clamp(8, NAME_MAX);
    let mut left = width.saturating_sub(2 + name);
    let mut by_rank: Vec<usize> = (0..COLUMNS.len()).collect();
    by_rank.sort_by_key(|column| COLUMNS[*column].2);
    let mut shown: Vec<usize> = Vec::new();
    for column in by_rank {
        if COLUMNS[column].1 > left {
            break;
        }
        left -= COLUMNS[column].1;
        shown.push(column);
    }
    shown.sort_unstable();
    (shown, name)
}

fn head(look: Look) -> String {
    let (shown, name) = columns(look.width);
    let mut line = format!("  {:<name$}", cut("stage", name));
    for column in shown {
        let (title, width, _) = COLUMNS[column];
        // Writing into a string does not fail.
        let _ = write!(line, "{title:>width$}");
    }
    look.paint("2", &line)
}

fn row(stage: &StageSnapshot, snapshot: &Snapshot, speed: f64, look: Look) -> String {
    let (shown, cells) = columns(look.width);
    let name = cut(&stage.id, cells);
    let padding = " ".repeat(cells.saturating_sub(name.width()));
    let workers = stage.hours.workers;
    let dash = || "-".to_owned();
    let layout = snapshot.layout.stages.iter().find(|layout| layout.id == stage.id);
    let buffer = layout.map_or(0, |layout| layout.buffer);
    let asks = stage.requests > 0;
    let values = [
        match stage.role {
            _ if stage.finished => "done".to_owned(),
            Role::Seed | Role::Project => dash(),
            _ => format!("{}/{workers}", stage.hours.busy),
        },
        if stage.role == Role::Seed { dash() } else { format!("{}/{buffer}", stage.queue) },
        count(done(stage, snapshot)),
        if stage.finished { dash() } else { format!("{speed:.1}") },
        if asks { count(stage.failed) } else { dash() },
        stage.p50.map_or_else(dash, time),
    ];
    let mut line = format!("  {name}{padding}");
    for column in shown {
        let text = format!("{:>width$}", values[column], width = COLUMNS[column].1);
        let failed = COLUMNS[column].0 == "failed" && stage.failed > 0;
        line.push_str(&if failed { look.paint("31", &text) } else { text });
    }
    if stage.finished && stage.failed == 0 { look.paint("2", &line) } else { line }
}

/// `text` in at most so many cells.
fn cut(text: &str, cells: usize) -> String {
    if text.width() <= cells {
        return text.to_owned();
    }
    let mut used = 0;
    let kept = text.chars().take_while(|c| {
        used += c.width().unwrap_or(0);
        used < cells
    });
    let mut short: String = kept.collect();
    if cells > 0 {
        short.push('…');
    }
    short
}
