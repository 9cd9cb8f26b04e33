//! The report as one page: what to take, the plot (`plot`), and the table. It loads nothing from anywhere.

use std::fmt::Write as _;

use super::Report;
use super::judge::Row;
use super::plot::plot;
use super::text::{notes, number};

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
        "<p class=\"soft\">Against {} {}; {} s after {} s of each trial, {} of each{}.</p>",
        escaped(&report.against),
        escaped(&report.server),
        report.window.measured.as_secs_f64(),
        report.window.warm_up.as_secs_f64(),
        if report.repeat == 1 { "1 trial".to_owned() } else { format!("{} trials", report.repeat) },
        if report.cut_short { "; cut short" } else { "" }
    );
    page += &plot(report);
    table(report, &mut page);
    page += "<p class=\"soft\">This product uses the TMDB API but is not endorsed or certified by TMDB.</p></body></html>\n";
    page
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
            notes(row, taken == Some(index), ["take", "as good"]),
        ] {
            let _ = write!(page, "<td>{cell}</td>");
        }
        *page += "</tr>";
    }
    *page += "</tbody></table></div>";
}

pub(super) fn settings(row: &Row) -> String {
    let settings: Vec<String> =
        row.settings.iter().map(|change| format!("{} = {}", change.setting, change.value)).collect();
    settings.join(", ")
}

pub(super) fn escaped(text: &str) -> String {
    maud::html! { (text) }.into_string()
}
