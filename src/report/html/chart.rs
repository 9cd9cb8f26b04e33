//! Charts as SVG: lines over time, and histograms of answers.
//!
//! Invariant: a chart has as many points as its `data-points` says, whatever the numbers are; nothing is drawn outside of
//! its box.

use std::fmt::Write as _;

use maud::{Markup, PreEscaped, html};

use super::parts::{ms, seconds};
use crate::report::figures::real;
use crate::report::record::{LatencyRecord, SeriesRecord};

/// The box of every chart, so that its text has a size that can be read on a phone.
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 180.0;
const LEFT: f64 = 38.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;

/// The most points of a line: two for each unit of the box's width are enough.
const POINTS_MAX: usize = 160;
/// Requests a second are counted over at least so long, else one request more or less is a peak.
const BIN_MIN: f64 = 1.0;

/// A line: points in seconds and whatever the chart counts.
pub(super) struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// Requests a second over time, from the sums of a series.
pub(super) fn requests(series: &SeriesRecord) -> Vec<(f64, f64)> {
    let sums: Vec<(f64, u64)> = series.seconds.iter().copied().zip(series.requests.iter().copied()).collect();
    let (Some(first), Some(last)) = (sums.first(), sums.last()) else { return Vec::new() };
    let length = last.0 - first.0;
    // A run of a few seconds has a few points all the same.
    let bin = (length / real(POINTS_MAX as u64)).max(BIN_MIN.min(length / 4.0));
    let mut points = Vec::new();
    let (mut from, mut before) = *first;
    for (at, sum) in &sums[1..] {
        // What is left at the end counts if it is long enough to say something.
        let end = *at >= last.0 && at - from >= bin / 2.0;
        if at - from >= bin - 1e-9 || end {
            points.push((f64::midpoint(from, *at), real(sum.saturating_sub(before)) / (at - from)));
            (from, before) = (*at, *sum);
        }
    }
    points
}

/// At most [`POINTS_MAX`] of `values` over `times`, the highest of each step.
pub(super) fn thinned(times: &[f64], values: &[u64]) -> Vec<(f64, f64)> {
    let step = times.len().div_ceil(POINTS_MAX).max(1);
    let pairs: Vec<(f64, u64)> = times.iter().copied().zip(values.iter().copied()).collect();
    pairs
        .chunks(step)
        .map(|chunk| (chunk[0].0, real(chunk.iter().map(|(_, value)| *value).max().unwrap_or(0))))
        .collect()
}

/// A number at or above `number` that people like.
pub fn ceiling(number: f64) -> f64 {
    if number.is_nan() || number <= 0.0 {
        return 1.0;
    }
    let magnitude = 10_f64.powf(number.log10().floor());
    let steps = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps
        .into_iter()
        .map(|step| step * magnitude)
        .find(|step| *step >= number - 1e-9)
        .unwrap_or(10.0 * magnitude)
}

fn label(number: f64) -> String {
    if number >= 10_000.0 {
        format!("{:.0}k", number / 1000.0)
    } else if number >= 10.0 || number.fract() == 0.0 {
        format!("{number:.0}")
    } else {
        format!("{number:.1}")
    }
}

/// Where numbers are in the box.
struct Frame {
    from: f64,
    until: f64,
    top: f64,
}

impl Frame {
    fn x(&self, x: f64) -> f64 {
        let length = (self.until - self.from).max(1e-9);
        LEFT + ((x - self.from) / length).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, y: f64) -> f64 {
        HEIGHT - BOTTOM - (y / self.top).clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
    }

    /// Horizontal lines with their numbers.
    fn grid(&self) -> Markup {
        html! {
            @for quarter in [0.0, 0.5, 1.0] {
                @let value = self.top * quarter;
                line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(at(self.y(value))) y2=(at(self.y(value))) {}
                text x=(LEFT - 5.0) y=(at(self.y(value) + 4.0)) text-anchor="end" { (label(value)) }
            }
        }
    }

    fn times(&self) -> Markup {
        html! {
            text x=(LEFT) y=(HEIGHT - 7.0) { (seconds(self.from)) }
            text x=(at(f64::midpoint(LEFT, WIDTH - RIGHT))) y=(HEIGHT - 7.0) text-anchor="middle" {
                (seconds(f64::midpoint(self.from, self.until)))
            }
            text x=(WIDTH - RIGHT) y=(HEIGHT - 7.0) text-anchor="end" { (seconds(self.until)) }
        }
    }

    fn path(&self, points: &[(f64, f64)]) -> String {
        let mut path = String::new();
        for (x, y) in points {
            // Writing into a string does not fail.
            let _ =
                write!(path, "{}{:.1},{:.1}", if path.is_empty() { "" } else { " " }, self.x(*x), self.y(*y));
        }
        path
    }
}

fn at(number: f64) -> String {
    format!("{number:.1}")
}

/// Lines over time, with a `limit` that they stay under.
pub(super) fn lines(id: &str, what: &str, lines: &[Line], until: f64, limit: Option<f64>) -> Markup {
    let points = || lines.iter().flat_map(|line| &line.points);
    if lines.iter().all(|line| line.points.len() < 2) {
        return html! { p.note { "The run was too short to draw." } };
    }
    let highest = points().map(|(_, y)| *y).fold(limit.unwrap_or(0.0), f64::max);
    let frame = Frame { from: 0.0, until, top: ceiling(highest * 1.05) };
    let single = lines.len() == 1;
    html! {
        svg id=(id) viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(what) {
            (frame.grid())
            @for (index, line) in lines.iter().enumerate().filter(|(_, line)| !line.points.is_empty()) {
                @if single {
                    @let first = frame.x(line.points[0].0);
                    @let last = frame.x(line.points[line.points.len() - 1].0);
                    @let floor = frame.y(0.0);
                    polygon.area points={ (at(first)) "," (at(floor)) " " (frame.path(&line.points)) " " (at(last)) "," (at(floor)) } {}
                }
                polyline.line points=(frame.path(&line.points)) data-points=(line.points.len())
                    style=[(!single).then(|| format!("stroke:var(--s{})", index % 8))] { title { (line.name) } }
            }
            @if let Some(limit) = limit {
                line.limit x1=(LEFT) x2=(WIDTH - RIGHT) y1=(at(frame.y(limit))) y2=(at(frame.y(limit))) {}
                text."limit-text" x=(WIDTH - RIGHT) y=(at(frame.y(limit) - 4.0)) text-anchor="end" { "limit " (label(limit)) "/s" }
            }
            line.axis x1=(LEFT) x2=(WIDTH - RIGHT) y1=(HEIGHT - BOTTOM) y2=(HEIGHT - BOTTOM) {}
            (frame.times())
        }
        @if !single {
            ul.legend { @for (index, line) in lines.iter().enumerate() {
                li { i style={ "background:var(--s" (index % 8) ")" } {} (line.name) }
            } }
        }
    }
}

/// Answers by the time that they took, on a logarithmic scale.
pub(super) fn histogram(name: &str, latency: &LatencyRecord) -> Markup {
    // Four of the fine steps make one bar: it is 19 % wide.
    let bar_of = |ms: f64| (ms.max(0.0625).log2() * 4.0 - 1e-6).floor();
    let mut bars: Vec<(f64, u64)> = Vec::new();
    for (time, answers) in &latency.steps {
        match bars.last_mut().filter(|(bar, _)| *bar >= bar_of(*time)) {
            Some((_, sum)) => *sum += answers,
            None => bars.push((bar_of(*time), *answers)),
        }
    }
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else { return html! {} };
    // At least an order of magnitude, so that one bar is not the whole width.
    let spare = ((13.0 - (last.0 - first.0)) / 2.0).max(1.0).ceil();
    let (from, until) = (first.0 - spare, last.0 + spare + 1.0);
    let most = bars.iter().map(|(_, sum)| *sum).max().unwrap_or(1);
    let frame = Frame { from, until, top: ceiling(real(most)) };
    let marks = [("p50", latency.p50_ms), ("p95", latency.p95_ms), ("p99", latency.p99_ms)];
    html! {
        h3 { (name) }
        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label={ "latency of " (name) } data-bars=(bars.len()) {
            (frame.grid())
            @for (bar, sum) in &bars {
                @let (left, right) = (frame.x(*bar), frame.x(bar + 1.0));
                rect.bar x=(at(left + 0.5)) width=(at(right - left - 1.0)) y=(at(frame.y(real(*sum))))
                    height=(at(HEIGHT - BOTTOM - frame.y(real(*sum)))) {
                    title { (sum) " answers within " (ms(Some(2_f64.powf((bar + 1.0) / 4.0)))) }
                }
            }
            @for (_, value) in marks {
                @if let Some(value) = value {
                    @let x = at(frame.x(value.max(0.0625).log2() * 4.0));
                    line.mark x1=(x) x2=(x) y1=(TOP) y2=(HEIGHT - BOTTOM) {}
                }
            }
            line.axis x1=(LEFT) x2=(WIDTH - RIGHT) y1=(HEIGHT - BOTTOM) y2=(HEIGHT - BOTTOM) {}
            @for bar in ticks(from, until) {
                text x=(at(frame.x(bar))) y=(HEIGHT - 7.0) text-anchor="middle" { (ms(Some(2_f64.powf(bar / 4.0)))) }
            }
        }
        p.note { @for (word, value) in marks { (word) " " (PreEscaped("<b>")) (ms(value)) (PreEscaped("</b> ")) " " } }
    }
}

/// Bars at which a round time stands: four at the most.
fn ticks(from: f64, until: f64) -> Vec<f64> {
    let decades = [0.1_f64, 1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0];
    let steps = decades.iter().flat_map(|decade| [*decade, 2.0 * decade, 5.0 * decade]);
    // A tick at the edge would be cut.
    let inside: Vec<f64> =
        steps.map(|ms| ms.log2() * 4.0).filter(|bar| *bar >= from + 1.0 && *bar <= until - 1.0).collect();
    let step = inside.len().div_ceil(4).max(1);
    inside.into_iter().step_by(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_over_a_second_or_a_part_of_a_short_run() {
        let series = |every: f64, count: u32, per_second: f64| {
            let seconds: Vec<f64> = (0..=count).map(|tick| f64::from(tick) * every).collect();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
            let requests = seconds.iter().map(|second| (second * per_second).round() as u64).collect();
            SeriesRecord { seconds, requests, ..SeriesRecord::default() }
        };
        let long = requests(&series(0.25, 400, 40.0));
        assert_eq!(long.len(), 100);
        assert!(long.iter().all(|(_, rate)| (rate - 40.0).abs() < 1e-6), "{long:?}");
        let night = requests(&series(90.0, 400, 40.0));
        assert!(night.len() <= POINTS_MAX + 1 && night.len() > 100, "{}", night.len());
        assert_eq!(requests(&series(0.25, 4, 40.0)).len(), 4);
        assert!(requests(&SeriesRecord::default()).is_empty());
    }

    #[test]
    fn no_number_leaves_the_box() {
        let inside = |markup: Markup| {
            for value in markup.into_string().split('"').flat_map(|piece| piece.split([' ', ','])) {
                if let Ok(number) = value.parse::<f64>() {
                    assert!((0.0..=WIDTH).contains(&number), "{number}");
                }
            }
        };
        for highest in [0.0, 0.3, 40.0, 1e9] {
            let points = (0..50).map(|x| (f64::from(x), highest * f64::from(x % 7))).collect();
            inside(lines("a", "b", &[Line { name: "n".into(), points }], 50.0, Some(highest / 2.0)));
        }
        for steps in [vec![(0.0625, 1)], vec![(80.0, 7), (84.0, 9)], vec![(0.1, 3), (262_144.0, 9)]] {
            let latency = LatencyRecord { p50_ms: Some(steps[0].0), p99_ms: Some(1e9), steps, p95_ms: None };
            let drawn = histogram("n", &latency).into_string();
            let drawn = drawn.split("<title>").map(|piece| piece.split("</title>").last().unwrap_or(""));
            inside(PreEscaped(drawn.collect()));
        }
    }
}
