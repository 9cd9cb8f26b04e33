//! The report as one page: a plot of throughput against what varied, and the table. It loads nothing from anywhere.

use std::fmt::Write as _;

use super::Report;
use super::judge::Row;
use super::text::number;
use crate::report::ceiling;
use crate::spec::Change;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 336.0;
const LEFT: f64 = 56.0;
const BOTTOM: f64 = 44.0;
const TOP: f64 = 40.0;
const STYLE: &str = "\
:root{color-scheme:light dark;--ground:#fff;--ink:#1c2024;--soft:#60646c;--line:#d9dce1;--mark:#0b6bcb;--take:#157f3c}\
@media(prefers-color-scheme:dark){:root{--ground:#111418;--ink:#edeef0;--soft:#a0a6ae;--line:#33383f;--mark:#6cb4ff;--take:#4cc38a}}\
*{box-sizing:border-box}body{margin:0 auto;padding:1.5rem 1rem 3rem;max-width:62rem;background:var(--ground);color:var(--ink);\
font:16px/1.5 system-ui,sans-serif}h1{font-size:1.4rem;margin:0}p{margin:.4rem 0}.soft{color:var(--soft)}.take{color:var(--take);font-weight:600}\
figure{margin:1.5rem 0;overflow-x:auto}svg{width:100%;min-width:30rem;height:auto;display:block}svg text{fill:var(--soft);font-size:12px}\
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\
th,td{padding:.3rem .45rem;font-size:.94rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}th{color:var(--soft);font-weight:500}\
svg .knee{fill:var(--take);font-weight:600}.name{text-align:left}tr.taken td{color:var(--take);font-weight:600}.noise td:last-child{color:var(--soft)}\
";

/// The report as a page of its own.
pub fn to_html(report: &Report) -> String {
    let verdict = &report.verdict;
    let mut page = String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    page += "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><link rel=\"icon\" href=\"data:,\">";
    // Writing into a string does not fail.
    let _ = write!(
        page,
        "<title>{} – bench</title><style>{STYLE}</style></head><body>",
        escaped(&report.pipeline)
    );
    let _ = write!(page, "<h1>{} – bench</h1>", escaped(&report.pipeline));
    if let Some(recommended) = &verdict.recommended {
        let row = &verdict.rows[recommended.row];
        let _ = write!(
            page,
            "<p class=\"take\">Take {}: {}.</p><p>Of trials that differ as these do, {:.0} in 100 would say the same.</p>",
            escaped(&settings(row)),
            escaped(&recommended.why),
            recommended.confidence * 100.0
        );
    }
    let _ = write!(
        page,
        "<p class=\"soft\">Against {} {}; {} s after {} s of each trial, {} trials of each{}.</p>",
        escaped(&report.against),
        escaped(&report.server),
        report.window.measured.as_secs_f64(),
        report.window.warm_up.as_secs_f64(),
        report.repeat,
        if report.cut_short { "; cut short" } else { "" }
    );
    if !verdict.rows.is_empty() {
        plot(report, &mut page);
    }
    table(report, &mut page);
    page += "<p class=\"soft\">This product uses the TMDB API but is not endorsed or certified by TMDB.</p></body></html>\n";
    page
}

/// A column of points for each combination: its trials, and a line through the medians.
#[expect(clippy::cast_precision_loss, reason = "places in a picture")]
fn plot(report: &Report, page: &mut String) {
    let rows = &report.verdict.rows;
    let taken = report.verdict.recommended.as_ref().map(|recommended| recommended.row);
    let compared =
        |row: &Row| if report.verdict.compares_rows { row.rows_per_second } else { row.documents_per_second };
    let samples = rows.iter().flat_map(|row| row.samples.iter().copied());
    let most = ceiling(samples.fold(1e-9_f64, f64::max) * 1.02);
    let x = |index: usize| LEFT + (WIDTH - LEFT - 24.0) * (index as f64 + 0.5) / rows.len() as f64;
    let y = |value: f64| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - value / most);
    let unit = if report.verdict.compares_rows { "rows/s" } else { "documents/s" };
    let _ = write!(
        page,
        "<figure><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{unit} by settings\">"
    );
    for step in 0..=4 {
        let value = most * f64::from(step) / 4.0;
        let _ = write!(
            page,
            "<line x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{0:.1}\" y2=\"{0:.1}\" stroke=\"var(--line)\"/><text x=\"{1}\" y=\"{2:.1}\" \
             text-anchor=\"end\">{3}</text>",
            y(value),
            LEFT - 8.0,
            y(value) + 4.0,
            axis(value)
        );
    }
    let _ = write!(page, "<text x=\"4\" y=\"14\">{unit}</text>");
    // A line joins what differs in the last setting only: between others there is nothing to be seen.
    let mut index = 0;
    for joined in rows.chunk_by(|a, b| others(a) == others(b)) {
        let mut points = Vec::new();
        for row in joined {
            points.push(format!("{:.1},{:.1}", x(index), y(compared(row))));
            index += 1;
        }
        let _ = write!(
            page,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"var(--mark)\" stroke-width=\"2\"/>",
            points.join(" ")
        );
    }
    // Names that would touch are left out, but for what is taken.
    let every = rows.len().div_ceil(14);
    for (index, row) in rows.iter().enumerate() {
        let is_taken = taken == Some(index);
        for sample in &row.samples {
            let _ = write!(
                page,
                "<circle class=\"trial\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"var(--mark)\" fill-opacity=\".35\"/>",
                x(index),
                y(*sample)
            );
        }
        let (radius, color) = if is_taken { (7, "var(--take)") } else { (4, "var(--mark)") };
        let _ = write!(
            page,
            "<circle class=\"median\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius}\" fill=\"{color}\"><title>{}: {} {unit}</title></circle>",
            x(index),
            y(compared(row)),
            escaped(&settings(row)),
            number(compared(row))
        );
        if is_taken {
            let _ = write!(
                page,
                "<line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{1}\" y2=\"{2}\" stroke=\"var(--take)\" stroke-dasharray=\"4 4\"/>\
                 <text class=\"knee\" x=\"{0:.1}\" y=\"{3}\" text-anchor=\"middle\">{4}</text>",
                x(index),
                TOP - 8.0,
                HEIGHT - BOTTOM,
                TOP - 14.0,
                if report.cut_short { "take" } else { "knee" }
            );
        }
        if index % every == 0 || is_taken {
            let values: Vec<&str> = row.settings.iter().map(|change| change.value.as_str()).collect();
            let _ = write!(
                page,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                x(index),
                HEIGHT - BOTTOM + 18.0,
                escaped(&values.join(", "))
            );
        }
    }
    let names: Vec<&str> = report.variations.iter().map(|variation| variation.setting.as_str()).collect();
    let _ = write!(
        page,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text></svg></figure>",
        f64::midpoint(WIDTH, LEFT),
        HEIGHT - 6.0,
        escaped(&names.join(", "))
    );
}

fn table(report: &Report, page: &mut String) {
    *page += "<div class=\"scroll\"><table><thead><tr>";
    for variation in &report.variations {
        let _ = write!(page, "<th class=\"name\">{}</th>", escaped(&variation.setting));
    }
    for figure in [
        "rows/s",
        "requests/s",
        "of rate",
        "p50 ms",
        "p99 ms",
        "CPU µs/row",
        "peak MiB",
        "429 %",
        "trials",
        "",
    ] {
        let _ = write!(page, "<th>{figure}</th>");
    }
    *page += "</tr></thead><tbody>";
    let taken = report.verdict.recommended.as_ref().map(|recommended| recommended.row);
    for (index, row) in report.verdict.rows.iter().enumerate() {
        let class = if taken == Some(index) {
            "taken"
        } else if row.within_noise {
            "noise"
        } else {
            "other"
        };
        let _ = write!(page, "<tr class=\"{class}\">");
        for change in &row.settings {
            let _ = write!(page, "<td class=\"name\">{}</td>", escaped(&change.value));
        }
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
        let ms = |time: std::time::Duration| format!("{:.0}", time.as_secs_f64() * 1000.0);
        let mut note = match class {
            "taken" => "take".to_owned(),
            "noise" => "as good".to_owned(),
            _ => String::new(),
        };
        if row.outliers > 0 {
            let _ = write!(note, " {} outliers", row.outliers);
        }
        for cell in [
            number(row.rows_per_second),
            number(row.requests_per_second),
            or_none(row.share_of_rate.map(|share| format!("{:.0} %", share * 100.0))),
            or_none(row.p50.map(ms)),
            or_none(row.p99.map(ms)),
            or_none(row.cpu_us_per_row.map(|cpu| format!("{cpu:.0}"))),
            or_none(row.peak_bytes.map(|bytes| (bytes >> 20).to_string())),
            format!("{:.1}", row.refused * 100.0),
            row.trials.to_string(),
            note,
        ] {
            let _ = write!(page, "<td>{cell}</td>");
        }
        *page += "</tr>";
    }
    *page += "</tbody></table></div>";
}

/// All settings of a row but the last.
fn others(row: &Row) -> &[Change] {
    row.settings.split_last().map_or(&[], |(_, others)| others)
}

fn settings(row: &Row) -> String {
    let settings: Vec<String> =
        row.settings.iter().map(|change| format!("{} = {}", change.setting, change.value)).collect();
    settings.join(", ")
}

fn escaped(text: &str) -> String {
    maud::html! { (text) }.into_string()
}

/// A figure beside a line: no more digits than it has.
fn axis(value: f64) -> String {
    if value.fract() < 0.05 { format!("{value:.0}") } else { format!("{value:.1}") }
}
