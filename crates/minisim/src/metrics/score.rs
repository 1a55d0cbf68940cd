//! The whole comparison at once.

use super::{
    Details, MetricError,
    details::details_of,
    footprints::Footprints,
    gaps::Clock,
    ideal::{AgainstBounds, against_bounds},
    matching::{Match, Shift, Similarity, hungarian_match},
    motion::{Endpoints, PatchShifts, axial_correlation, recording_endpoints},
    refuse,
    traces::{Rows, activity_similarity, global_shift_from_trajectories, shift_rmse, trace_pearson},
};
use crate::truth::GroundTruth;

/// What an analysis found. Only the footprints are needed.
#[derive(Clone, Debug)]
pub struct Estimate<'a> {
    /// Footprints.
    pub footprints: Footprints,
    /// Calcium traces, one a footprint.
    pub traces: Option<Rows<'a>>,
    /// Deconvolved activity, one a footprint.
    pub activity: Option<Rows<'a>>,
    /// Motion *correction* of each frame, (frame, 2) as (dy, dx) in px: the negative of the displacement.
    pub shifts: Option<&'a [f64]>,
    /// Displacement where it differs over the field of view.
    pub displacement: Option<PatchShifts<'a>>,
    /// The depth that is in focus in each frame, in any unit.
    pub axial: Option<&'a [f64]>,
}

/// How to score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreOptions {
    /// How likeness of footprints is measured.
    pub match_metric: Similarity,
    /// Likeness from which a pair counts as found.
    pub match_threshold: f64,
    /// Ask only for the cells that can be detected at all.
    pub restrict_to_detectable: bool,
    /// The offset of the estimate's frame of reference; `Auto` reads it off the motion where both sides have one, and finds it
    /// by phase correlation where not.
    pub footprint_shift: Shift,
}

impl Default for ScoreOptions {
    fn default() -> Self {
        Self {
            match_metric: Similarity::Iou,
            match_threshold: 0.5,
            restrict_to_detectable: true,
            footprint_shift: Shift::Auto,
        }
    }
}

/// The scorecard. Numbers of parts that were not estimated are NaN or `None`.
#[derive(Clone, Debug)]
pub struct Score {
    /// True cells that were asked for.
    pub n_true: usize,
    /// Estimated cells.
    pub n_est: usize,
    /// Pairs that are at least the threshold alike.
    pub n_matched: usize,
    /// Share of the true cells found.
    pub recall: f64,
    /// Share of the estimates that are true.
    pub precision: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Mean likeness of all pairs.
    pub mean_overlap: f64,
    /// Median correlation of the pairs' traces.
    pub trace_corr: f64,
    /// Median correlation of the pairs' activity.
    pub activity_corr: f64,
    /// Median share of the true activity's variance that is explained.
    pub activity_variance_explained: f64,
    /// Median factor from estimated to true activity.
    pub activity_scale: f64,
    /// RMS error of the motion (px) after a constant offset; `None` where either side has none.
    pub shift_rmse: Option<f64>,
    /// Error of the displacement (px) after a constant offset, of the estimated field, or of the rigid motion where there is no
    /// field; `None` where either side has none.
    pub endpoints: Option<Endpoints>,
    /// Correlation of the estimated depth with the truth's, without regard to sign; `None` where either side has none.
    pub axial_corr: Option<f64>,
    /// Cells in the recording.
    pub n_requested: usize,
    /// Of those, detectable ones.
    pub n_detectable: usize,
    /// How likeness was measured.
    pub match_metric: Similarity,
    /// Pixels that the estimates were moved by.
    pub footprint_shift: [i64; 2],
    /// The pairs.
    pub matching: Match,
    /// Which true cell (in the recording) each column of the matching is.
    pub true_units: Vec<usize>,
    /// The score beside what an ideal observer could reach; `None` where the truth holds no bounds.
    pub bounds: Option<AgainstBounds>,
    /// Everything beyond the scorecard.
    pub details: Details,
}

/// Compares an estimate with the truth. Where frames were lost, the estimate has a column for each stored frame or one for each
/// exposure, those of lost frames included.
///
/// # Errors
/// When shapes do not fit: another field, numbers of frames, or fewer traces than footprints.
pub fn score(estimate: &Estimate<'_>, truth: &GroundTruth, options: &ScoreOptions) -> Result<Score, MetricError> {
    if !(0.0..=1.0).contains(&options.match_threshold) {
        return refuse(format!("match_threshold = {} must be from 0 to 1", options.match_threshold));
    }
    let n_est = estimate.footprints.len();
    for (what, rows) in [("traces", estimate.traces), ("activity", estimate.activity)] {
        if let Some(rows) = rows
            && rows.length > 0
            && rows.n_rows() != n_est
        {
            return refuse(format!(
                "there are {n_est} footprints but {} rows of {what}; give one a footprint",
                rows.n_rows()
            ));
        }
    }
    let clock = Clock::of(truth);
    let n_frames = truth.array("C").map_or(0, |c| c.shape[1]);
    let lined_up = clock.as_ref().map(|clock| clock.line_up(estimate)).unwrap_or_default();
    let estimate = &lined_up.of(estimate, n_frames);
    let keep: Vec<bool> = (0..truth.n_units())
        .map(|i| !options.restrict_to_detectable || truth.detectable().get(i).copied().unwrap_or(false))
        .collect();
    let asked = truth.subset(&keep);
    let true_units: Vec<usize> = (0..keep.len()).filter(|i| keep[*i]).collect();
    let footprints = Footprints::of_truth(&asked.observed_footprints());
    let true_shifts = truth.f64s("shifts");
    let shift = match (options.footprint_shift, estimate.shifts, true_shifts) {
        (Shift::Auto, Some(estimated), Some(known)) => {
            Shift::By(global_shift_from_trajectories(estimated, known, true)?.map(|v| v as f64))
        }
        (shift, ..) => shift,
    };
    let matching = hungarian_match(&estimate.footprints, &footprints, options.match_metric, 0.9, shift)?;
    let n_matched = matching.matched_pairs(options.match_threshold).len();
    let (recall, precision) = (matching.recall(options.match_threshold), matching.precision(options.match_threshold));
    let true_traces = Rows { values: asked.c(), length: n_frames };
    let spikes: Vec<f64> = asked.s().iter().map(|n| f64::from(*n)).collect();
    let true_activity = Rows { values: &spikes, length: n_frames };
    let traces = estimate.traces.map(|rows| trace_pearson(&rows, &true_traces, &matching.pairing)).transpose()?;
    let activity =
        estimate.activity.map(|rows| activity_similarity(&rows, &true_activity, &matching.pairing)).transpose()?;
    let shift_rmse = match (estimate.shifts, true_shifts) {
        (Some(estimated), Some(known)) => Some(shift_rmse(estimated, known, true, true)?),
        _ => None,
    };
    let negated: Vec<f64> = estimate.shifts.unwrap_or_default().iter().map(|v| -v).collect();
    let rigid = PatchShifts { rows_px: &[0.0], cols_px: &[0.0], shifts_px: &negated };
    let displacement = estimate.displacement.or_else(|| estimate.shifts.map(|_| rigid));
    let endpoints = match displacement {
        Some(patches) => recording_endpoints(&patches, truth)?,
        None => None,
    };
    let axial_corr = match (estimate.axial, truth.f64s("axial_shift_um")) {
        (Some(estimated), Some(known)) => Some(axial_correlation(estimated, known)?),
        _ => None,
    };
    let activity_median =
        |pick: fn(&super::ActivityScore) -> &Vec<f64>| activity.as_ref().map_or(f64::NAN, |a| median(pick(a)));
    let gaps = clock.map(|clock| clock.gaps(estimate.traces, &asked, &matching.pairing));
    let bounds = against_bounds(estimate, &asked, &matching, options.match_threshold, traces.as_deref());
    let details = details_of(estimate, &asked, &footprints, &matching, options, traces.as_deref(), true_activity);
    let details = Details { gaps, ..details };
    Ok(Score {
        n_true: asked.n_units(),
        n_est,
        n_matched,
        recall,
        precision,
        f1: if recall + precision > 0.0 { 2.0 * recall * precision / (recall + precision) } else { 0.0 },
        mean_overlap: matching.mean_similarity(),
        trace_corr: traces.as_deref().map_or(f64::NAN, median),
        activity_corr: activity_median(|a| &a.correlation),
        activity_variance_explained: activity_median(|a| &a.variance_explained),
        activity_scale: activity_median(|a| &a.scale),
        shift_rmse,
        endpoints,
        axial_corr,
        n_requested: truth.n_units(),
        n_detectable: truth.detectable().iter().filter(|d| **d).count(),
        match_metric: options.match_metric,
        footprint_shift: matching.shift,
        matching,
        true_units,
        bounds,
        details,
    })
}

/// The median of the numbers that are numbers; NaN without any.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut values: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    let n = values.len();
    match n {
        0 => f64::NAN,
        _ if n % 2 == 1 => values[n / 2],
        _ => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}
