//! The plot of the page: throughput against what varied, a column for each combination, drawn as SVG.
//!
//! ```text
//!   │        knee
//!   │         ●────●   trials are faint, medians joined where one curve goes through them
//!   │    ●
//!   └────┴────┴────┴──
//!        2    4    8   a line of labels for each setting that has more than one value
//! ```
//!
//! Does not belong here: the page around it (`html`), what to take (`judge`).

use std::fmt::Write as _;

use super::Report;
use super::html::{escaped, settings};
use super::judge::Row;
use super::text::number;
use crate::report::ceiling;

const WIDTH: f64 = 720.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 40.0;
/// From the top of the plot to its ground.
const GROUND: f64 = 292.0;
/// A line of labels.
const LINE: f64 = 16.0;
/// A letter of a label, at the most, and the room between two labels.
const LETTER: f64 = 7.0;
const GAP: f64 = 8.0;

struct Plot<'a> {
    rows: &'a [Row],
    taken: Option<usize>,
    /// Settings that have more than one value; the last where none has.
    varied: Vec<usize>,
    unit: &'static str,
    most: f64,
    compares_rows: bool,
}

/// The figure, or nothing where nothing was measured.
pub(super) fn plot(report: &Report) -> String {
    let verdict = &report.verdict;
    if verdict.rows.is_empty() {
        return String::new();
    }
    let all = 0..report.variations.len();
    let mut varied: Vec<usize> =
        all.clone().filter(|index| report.variations[*index].values.len() > 1).collect();
    if varied.is_empty() {
        varied.extend(all.last());
    }
    let samples = verdict.rows.iter().flat_map(|row| row.samples.iter().copied());
    let plot = Plot {
        rows: &verdict.rows,
        taken: verdict.recommended.as_ref().map(|recommended| recommended.row),
        unit: if verdict.compares_rows { "rows/s" } else { "documents/s" },
        most: ceiling(samples.fold(1e-9_f64, f64::max) * 1.02),
        compares_rows: verdict.compares_rows,
        varied,
    };
    let names: Vec<&str> =
        plot.varied.iter().map(|index| report.variations[*index].setting.as_str()).collect();
    plot.draw(&names)
}

// Writing into a string does not fail, so what it answers is dropped.
#[expect(clippy::cast_precision_loss, reason = "places in a picture")]
impl Plot<'_> {
    fn draw(&self, names: &[&str]) -> String {
        let foot = GROUND + LINE * (names.len() as f64 + 1.5);
        let mut svg = format!(
            "<figure><svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{} by {}\">",
            foot + 6.0,
            self.unit,
            escaped(&names.join(", "))
        );
        self.scale(&mut svg);
        self.curves(&mut svg);
        for (index, row) in self.rows.iter().enumerate() {
            self.points(index, row, &mut svg);
        }
        self.labels(&mut svg);
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{foot}\" text-anchor=\"middle\">{}</text></svg></figure>",
            f64::midpoint(WIDTH, LEFT),
            escaped(&names.join(" · "))
        );
        svg
    }

    fn scale(&self, svg: &mut String) {
        for step in 0..=4 {
            let value = self.most * f64::from(step) / 4.0;
            let y = self.y(value);
            let _ = write!(
                svg,
                "<line x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"var(--line)\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                axis(value)
            );
        }
        let _ = write!(svg, "<text x=\"4\" y=\"14\">{}</text>", self.unit);
    }

    /// A curve joins what differs in the last setting only: between others there is nothing to be seen.
    fn curves(&self, svg: &mut String) {
        let along = self.varied.last().copied();
        let others = |row: &Row| {
            let settings = row.settings.iter().enumerate().filter(|(index, _)| Some(*index) != along);
            settings.map(|(_, change)| change.clone()).collect::<Vec<_>>()
        };
        let mut index = 0;
        for joined in self.rows.chunk_by(|a, b| others(a) == others(b)) {
            let mut points = Vec::new();
            for row in joined {
                points.push(format!("{:.1},{:.1}", self.x(index), self.y(self.compared(row))));
                index += 1;
            }
            let _ = write!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"var(--mark)\" stroke-width=\"2\"/>",
                points.join(" ")
            );
        }
    }

    fn points(&self, index: usize, row: &Row, svg: &mut String) {
        let x = self.x(index);
        for sample in &row.samples {
            let _ = write!(
                svg,
                "<circle class=\"trial\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"var(--mark)\" fill-opacity=\".35\"/>",
                self.y(*sample)
            );
        }
        let is_taken = self.taken == Some(index);
        let (radius, color) = if is_taken { (7, "var(--take)") } else { (4, "var(--mark)") };
        let _ = write!(
            svg,
            "<circle class=\"median\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"{radius}\" fill=\"{color}\"><title>{}: {} {}</title></circle>",
            self.y(self.compared(row)),
            escaped(&settings(row)),
            number(self.compared(row)),
            self.unit
        );
        if is_taken {
            // A knee is a place on one curve.
            let word = if self.varied.len() == 1 { "knee" } else { "take" };
            let _ = write!(
                svg,
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{GROUND}\" stroke=\"var(--take)\" stroke-dasharray=\"4 4\"/>\
                 <text class=\"knee\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{word}</text>",
                TOP - 8.0,
                TOP - 14.0
            );
        }
    }

    /// The values below each column; those that would touch are left out, but for what is taken.
    fn labels(&self, svg: &mut String) {
        let values = |row: &Row| -> Vec<String> {
            self.varied.iter().filter_map(|index| Some(row.settings.get(*index)?.value.clone())).collect()
        };
        let letters = self.rows.iter().flat_map(values).map(|value| value.chars().count()).max().unwrap_or(0);
        let column = (WIDTH - LEFT - RIGHT) / self.rows.len() as f64;
        let needed = letters as f64 * LETTER + GAP;
        let every = (1..self.rows.len()).find(|every| *every as f64 * column >= needed);
        let every = every.unwrap_or(self.rows.len());
        for (index, row) in self.rows.iter().enumerate() {
            let is_shown = match self.taken {
                Some(taken) => taken.abs_diff(index).is_multiple_of(every),
                None => index.is_multiple_of(every),
            };
            for (line, value) in values(row).iter().enumerate().filter(|_| is_shown) {
                let _ = write!(
                    svg,
                    "<text class=\"value\" x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                    self.x(index),
                    GROUND + 18.0 + LINE * line as f64,
                    escaped(value)
                );
            }
        }
    }

    fn compared(&self, row: &Row) -> f64 {
        if self.compares_rows { row.rows_per_second } else { row.documents_per_second }
    }

    fn x(&self, index: usize) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * (index as f64 + 0.5) / self.rows.len() as f64
    }

    fn y(&self, value: f64) -> f64 {
        TOP + (GROUND - TOP) * (1.0 - value / self.most)
    }
}

/// A figure beside a line: no more digits than it has.
fn axis(value: f64) -> String {
    if value.fract() < 0.05 { format!("{value:.0}") } else { format!("{value:.1}") }
}
