//! Which settings to take: the smallest whose throughput is within noise of the best, and how sure that is.
//!
//! Invariant: what is recommended is never more than [`TOLERANCE_MAX`] below the best that was measured, and never smaller
//! settings are as good.

use std::fmt::Write as _;
use std::time::Duration;

use super::meter::Measured;
use super::variation::{Variation, size};
use crate::spec::Change;

/// Differences below this are noise, however alike the trials were: a window cuts off parts of a round trip, and twice the
/// workers for two percent are not worth it.
const TOLERANCE_MIN: f64 = 0.03;
/// Differences above this are none, however unlike they were.
const TOLERANCE_MAX: f64 = 0.05;
/// Relative spread of a single trial where there is only one of each.
const SPREAD_UNKNOWN: f64 = 0.02;
/// More 429s than this, and the settings are not for this server.
const REFUSED_MAX: f64 = 0.01;
/// A trial is an outlier that is further from the median than so many times the usual distance, and than the tolerance.
const OUTLIER: f64 = 3.0;
/// Draws for the confidence.
const DRAWS: u32 = 400;

/// One combination and what came of it: medians over its trials.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its settings.
    pub settings: Vec<Change>,
    /// Trials.
    pub trials: usize,
    /// Of those so many are far from the others.
    pub outliers: usize,
    /// Rows of all tables in a second.
    pub rows_per_second: f64,
    /// Documents in a second.
    pub documents_per_second: f64,
    /// Sends in a second.
    pub requests_per_second: f64,
    /// Of the rate that the run or the server allows; `None` without one.
    pub share_of_rate: Option<f64>,
    /// Half of the answers.
    pub p50: Option<Duration>,
    /// All but a hundredth.
    pub p99: Option<Duration>,
    /// Processor microseconds a row.
    pub cpu_us_per_row: Option<f64>,
    /// Peak of resident memory.
    pub peak_bytes: Option<u64>,
    /// Answers of 429 or 503, of all sends, 0 to 1.
    pub refused: f64,
    /// Items that failed.
    pub failed: u64,
    /// What is compared, trial by trial.
    pub samples: Vec<f64>,
    /// As good as the best, as far as can be told.
    pub within_noise: bool,
}

/// What to take.
#[derive(Clone, Debug)]
pub struct Recommended {
    /// Index among the rows.
    pub row: usize,
    /// How often the same would come of trials that differ as these do, 0 to 1.
    pub confidence: f64,
    /// Why, in words.
    pub why: String,
}

/// All rows, and which to take.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// One for each combination that was tried, in the order of the command line.
    pub rows: Vec<Row>,
    /// `None` if nothing was measured.
    pub recommended: Option<Recommended>,
    /// What counts as the same, relative.
    pub tolerance: f64,
    /// Whether rows were compared, or documents where no table has any.
    pub compares_rows: bool,
}

/// Judges what was measured. `allowed` is the rate of the run or the server for each combination, in requests a second.
pub fn judge(
    variations: &[Variation],
    tried: &[(Vec<Change>, Option<f64>, Vec<Measured>)],
    seed: u64,
) -> Verdict {
    let tried: Vec<_> = tried.iter().filter(|(_, _, trials)| !trials.is_empty()).collect();
    let compares_rows = tried.iter().any(|(_, _, trials)| trials.iter().any(|trial| trial.rows > 0));
    let mut rows: Vec<Row> = tried
        .iter()
        .map(|(settings, allowed, trials)| row(settings, *allowed, trials, compares_rows))
        .collect();
    let spread = spread(&rows);
    let tolerance = (2.0 * spread).clamp(TOLERANCE_MIN, TOLERANCE_MAX);
    for row in &mut rows {
        let middle = median(&row.samples);
        let usual = median(&row.samples.iter().map(|sample| (sample - middle).abs()).collect::<Vec<_>>());
        let far = |sample: &&f64| {
            let distance = (**sample - middle).abs();
            row.samples.len() > 2 && distance > OUTLIER * 1.4826 * usual && distance > TOLERANCE_MAX * middle
        };
        row.outliers = row.samples.iter().filter(far).count();
    }
    let sizes: Vec<f64> = rows.iter().map(|row| demand(variations, &row.settings)).collect();
    let medians: Vec<f64> = rows.iter().map(|row| median(&row.samples)).collect();
    // Settings that a server answers with 429s are no candidates, unless all do.
    let fits = |row: &Row| row.refused <= REFUSED_MAX && row.failed == 0;
    let any_fits = rows.iter().any(fits);
    let fit: Vec<bool> = rows.iter().map(|row| !any_fits || fits(row)).collect();
    let Some((chosen, best)) = choose(&medians, &sizes, &fit, tolerance) else {
        return Verdict { rows, recommended: None, tolerance, compares_rows };
    };
    for (index, row) in rows.iter_mut().enumerate() {
        row.within_noise = fit[index] && medians[index] >= medians[best] * (1.0 - tolerance);
    }
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut same = 0;
    for _ in 0..DRAWS {
        let drawn: Vec<f64> = rows.iter().map(|row| draw(row, spread, &mut dice)).collect();
        same += u32::from(choose(&drawn, &sizes, &fit, tolerance).is_some_and(|(index, _)| index == chosen));
    }
    let confidence = f64::from(same) / f64::from(DRAWS);
    let why = why(&rows, chosen, best, tolerance);
    Verdict {
        rows,
        recommended: Some(Recommended { row: chosen, confidence, why }),
        tolerance,
        compares_rows,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a trial")]
fn row(settings: &[Change], allowed: Option<f64>, trials: &[Measured], compares_rows: bool) -> Row {
    let each = |of: &dyn Fn(&Measured) -> f64| trials.iter().map(of).collect::<Vec<f64>>();
    let per_second = |count: u64, trial: &Measured| count as f64 / trial.seconds.max(1e-9);
    let requests_per_second = median(&each(&|trial| per_second(trial.requests, trial)));
    let cpu: Vec<f64> = trials
        .iter()
        .filter(|trial| trial.rows > 0)
        .filter_map(|trial| Some(trial.cpu_seconds? * 1e6 / trial.rows as f64))
        .collect();
    let (sent, refused) =
        trials.iter().fold((0, 0), |(sent, refused), trial| (sent + trial.requests, refused + trial.refused));
    let quantile = |of: &dyn Fn(&Measured) -> Option<Duration>| {
        let times: Vec<f64> = trials.iter().filter_map(|trial| Some(of(trial)?.as_secs_f64())).collect();
        (!times.is_empty()).then(|| Duration::from_secs_f64(median(&times)))
    };
    Row {
        settings: settings.to_vec(),
        trials: trials.len(),
        outliers: 0,
        rows_per_second: median(&each(&|trial| per_second(trial.rows, trial))),
        documents_per_second: median(&each(&|trial| per_second(trial.documents, trial))),
        requests_per_second,
        share_of_rate: allowed.map(|allowed| requests_per_second / allowed),
        p50: quantile(&|trial| trial.p50),
        p99: quantile(&|trial| trial.p99),
        cpu_us_per_row: (!cpu.is_empty()).then(|| median(&cpu)),
        peak_bytes: trials.iter().filter_map(|trial| trial.peak_bytes).max(),
        refused: refused as f64 / (sent as f64).max(1.0),
        failed: trials.iter().map(|trial| trial.failed).sum(),
        samples: each(&|trial| per_second(if compares_rows { trial.rows } else { trial.documents }, trial)),
        within_noise: false,
    }
}

/// The smallest of those within `tolerance` of the best, and the best.
fn choose(medians: &[f64], sizes: &[f64], fit: &[bool], tolerance: f64) -> Option<(usize, usize)> {
    let fitting = || (0..medians.len()).filter(|index| fit[*index]);
    let best = fitting().max_by(|a, b| medians[*a].total_cmp(&medians[*b]))?;
    let near = fitting().filter(|index| medians[*index] >= medians[best] * (1.0 - tolerance));
    let smallest =
        near.min_by(|a, b| sizes[*a].total_cmp(&sizes[*b]).then(medians[*b].total_cmp(&medians[*a])));
    smallest.map(|smallest| (smallest, best))
}

/// How much a combination asks for: each setting's place among its values, from the smallest, added up.
#[expect(clippy::cast_precision_loss, reason = "places in a short list")]
fn demand(variations: &[Variation], settings: &[Change]) -> f64 {
    let place = |variation: &Variation, value: &str| {
        let key = |value: &str, index: usize| (size(value).unwrap_or(f64::INFINITY), index);
        let mut order: Vec<(f64, usize)> =
            variation.values.iter().enumerate().map(|(index, value)| key(value, index)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let index = variation.values.iter().position(|other| other == value).unwrap_or(0);
        let last = (order.len().saturating_sub(1)).max(1) as f64;
        order.iter().position(|(_, at)| *at == index).unwrap_or(0) as f64 / last
    };
    let places = variations.iter().filter_map(|variation| {
        let change = settings.iter().find(|change| change.setting == variation.setting)?;
        Some(place(variation, &change.value))
    });
    places.sum()
}

/// The relative spread of trials of the same settings, over all of them.
#[expect(clippy::cast_precision_loss, reason = "a few trials")]
fn spread(rows: &[Row]) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for row in rows.iter().filter(|row| row.samples.len() > 1) {
        let middle = median(&row.samples);
        if middle > 0.0 {
            sum += row.samples.iter().map(|sample| (sample / middle - 1.0).powi(2)).sum::<f64>();
            count += (row.samples.len() - 1) as f64;
        }
    }
    if count > 0.0 { (sum / count).sqrt() } else { SPREAD_UNKNOWN }
}

/// The median of as many trials as there were, drawn from them with the spread of all.
fn draw(row: &Row, spread: f64, dice: &mut fastrand::Rng) -> f64 {
    let samples: Vec<f64> = row
        .samples
        .iter()
        .map(|_| {
            // Twelve dice are a bell; its spread is 1.
            let bell: f64 = (0..12).map(|_| dice.f64()).sum::<f64>() - 6.0;
            row.samples[dice.usize(..row.samples.len())] * (1.0 + bell * spread.min(TOLERANCE_MAX) / 2.0)
        })
        .collect();
    median(&samples)
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        count if count % 2 == 1 => sorted[count / 2],
        count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
    }
}

fn why(rows: &[Row], chosen: usize, best: usize, tolerance: f64) -> String {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let mut text = if rows.len() == 1 {
        "nothing else was tried".to_owned()
    } else if chosen == best {
        "it is the quickest, and nothing smaller comes near".to_owned()
    } else {
        let near = median(&rows[chosen].samples) / median(&rows[best].samples);
        format!("the smallest within {} of the quickest ({} of it)", percent(tolerance), percent(near))
    };
    if let Some(share) = rows[chosen].share_of_rate.filter(|share| *share > 0.93) {
        // Writing into a string does not fail.
        let _ = write!(text, "; it uses {} of the rate, so that more would not help", percent(share));
    }
    if rows.iter().any(|row| row.refused > REFUSED_MAX) {
        text += "; settings that were answered with 429 do not count";
    }
    text
}
