//! A score beside what an ideal observer could reach.

use super::{Estimate, Match, Rows, score::median};
use crate::{bounds::Bounds, physics::detection::DETECT_SNR_THRESHOLD, truth::GroundTruth};

/// What an analysis reached, and what it could have. Numbers of parts that were not estimated are NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AgainstBounds {
    /// True cells asked for whose demixing SNR is at least [`DETECT_SNR_THRESHOLD`].
    pub n_demixable: usize,
    /// Share of these that were found.
    pub recall_demixable: f64,
    /// Median over the pairs of the trace's error as a multiple of the least that single frames allow.
    pub trace_error_ratio: f64,
    /// Median over the pairs of the correlation that a trace with the least error has with the true one.
    pub trace_corr_bound: f64,
    /// Median over the pairs of the least standard deviation of a lone spike's size (spikes).
    pub spike_amplitude_bound: f64,
    /// Median over the pairs of the least standard deviation of a lone spike's time (s).
    pub spike_time_sd_bound_s: f64,
    /// The least RMS error of the motion (px).
    pub shift_rmse_bound: f64,
}

/// Compares with the bounds in `asked`, the truth restricted to the cells that were asked for; `None` where it holds none. Pairs
/// count as found from `threshold` on; `trace_corr` is the correlation of each pair's traces.
pub(super) fn against_bounds(
    estimate: &Estimate<'_>,
    asked: &GroundTruth,
    matching: &Match,
    threshold: f64,
    trace_corr: Option<&[f64]>,
) -> Option<AgainstBounds> {
    let bounds = Bounds::of_truth(asked)?;
    let demixable = |unit: &usize| bounds.demixing_snr[*unit] >= DETECT_SNR_THRESHOLD;
    let n_demixable = (0..asked.n_units()).filter(demixable).count();
    let n_found = matching.matched_pairs(threshold).iter().map(|(_, j)| j).filter(|unit| demixable(unit)).count();
    let pairs = || matching.pairing.iter().map(|(_, unit)| *unit);
    let of_pairs = |values: &[f64]| median(&pairs().map(|unit| values[unit]).collect::<Vec<_>>());
    let n_frames = asked.array("C").map_or(0, |c| c.shape[1]);
    let true_traces = Rows { values: asked.c(), length: n_frames };
    let sds: Vec<f64> = pairs().map(|unit| sd(true_traces.row(unit))).collect();
    let ratios = |corr: &[f64]| {
        let rows = corr.iter().zip(pairs()).zip(&sds);
        median(&rows.map(|((r, unit), sd)| error(*r, *sd) / bounds.trace_sd_bound[unit]).collect::<Vec<_>>())
    };
    let best = |(unit, sd): (usize, &f64)| {
        let bound = bounds.trace_sd_bound[unit];
        sd / (sd * sd + bound * bound).sqrt()
    };
    let [dy, dx] = bounds.shift_sd_bound_px;
    Some(AgainstBounds {
        n_demixable,
        recall_demixable: if n_demixable > 0 { n_found as f64 / n_demixable as f64 } else { f64::NAN },
        trace_error_ratio: trace_corr.map_or(f64::NAN, ratios),
        trace_corr_bound: if estimate.traces.is_some() {
            median(&pairs().zip(&sds).map(best).collect::<Vec<_>>())
        } else {
            f64::NAN
        },
        spike_amplitude_bound: of_pairs(&bounds.spike_amplitude_bound),
        spike_time_sd_bound_s: of_pairs(&bounds.spike_time_sd_bound_s),
        shift_rmse_bound: ((dy * dy + dx * dx) / 2.0).sqrt(),
    })
}

/// Standard deviation.
fn sd(values: &[f64]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt()
}

/// The standard deviation of the noise on an estimate that is right but for scale, offset and noise, and so correlates by `r` with
/// a truth of standard deviation `sd`: that of the truth times `√(1/r² - 1)`. Infinite where they do not go together.
fn error(r: f64, sd: f64) -> f64 {
    if r > 0.0 {
        sd * (1.0 / (r * r) - 1.0).max(0.0).sqrt()
    } else if r.is_nan() {
        r
    } else {
        f64::INFINITY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{metrics::pearson, rng::Key};

    #[test]
    fn the_error_is_that_of_the_noise_whatever_the_scale() {
        let key = Key::new(5, "test", "traces");
        let truth: Vec<f64> = (0..50_000).map(|t| f64::from(u8::from(t % 20 < 4)) * 1.5).collect();
        for noise in [0.1, 1.0, 4.0] {
            let estimate: Vec<f64> =
                truth.iter().enumerate().map(|(t, c)| 300.0 + 7.0 * (c + noise * key.normal(0, t as u64))).collect();
            let error = error(pearson(&truth, &estimate), sd(&truth));
            assert!((error / noise - 1.0).abs() < 0.05, "{error}, not {noise}");
        }
        assert_eq!(error(-0.2, 1.0), f64::INFINITY);
        assert_eq!(error(1.0, 1.0), 0.0);
    }
}
