//! Comparing what happens in time: traces, activity, motion; and the plainest way to get a trace.

use super::{MetricError, refuse};

/// Rows of equal length: (unit, frame).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rows<'a> {
    /// The numbers, row-major.
    pub values: &'a [f64],
    /// Length of a row.
    pub length: usize,
}

impl<'a> Rows<'a> {
    /// `n_rows` rows.
    ///
    /// # Errors
    /// When the numbers do not fill them.
    pub fn new(values: &'a [f64], [n_rows, length]: [usize; 2]) -> Result<Self, MetricError> {
        if values.len() == n_rows * length {
            Ok(Self { values, length })
        } else {
            refuse(format!("{} numbers do not fill {n_rows} rows of {length}", values.len()))
        }
    }

    /// Number of rows; 0 for rows of no length.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.values.len().checked_div(self.length).unwrap_or(0)
    }

    /// Row `i`.
    #[must_use]
    pub fn row(&self, i: usize) -> &'a [f64] {
        &self.values[i * self.length..][..self.length]
    }

    fn check(&self, what: &str, truth: &Rows<'_>, pairing: &[(usize, usize)]) -> Result<(), MetricError> {
        if self.length != truth.length {
            return refuse(format!(
                "the estimated {what} have {} frames, the true ones {}; estimate over the whole recording, or cut the truth",
                self.length, truth.length
            ));
        }
        for (side, rows, n) in [
            ("estimated", self.n_rows(), pairing.iter().map(|p| p.0 + 1).max().unwrap_or(0)),
            ("true", truth.n_rows(), pairing.iter().map(|p| p.1 + 1).max().unwrap_or(0)),
        ] {
            if n > rows {
                return refuse(format!("pair {} has no {side} {what}: there are {rows} of them", n - 1));
            }
        }
        Ok(())
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sums of squares and products about the means: Σ x², Σ y², Σ x y.
fn moments(x: &[f64], y: &[f64]) -> [f64; 3] {
    let (mx, my) = (mean(x), mean(y));
    let mut sums = [0.0; 3];
    for (x, y) in x.iter().zip(y) {
        let (x, y) = (x - mx, y - my);
        sums = [sums[0] + x * x, sums[1] + y * y, sums[2] + x * y];
    }
    sums
}

/// Pearson's correlation; NaN where one side is constant.
#[must_use]
pub fn pearson(x: &[f64], y: &[f64]) -> f64 {
    let constant = |v: &[f64]| v.iter().all(|a| *a == v[0]);
    if x.is_empty() || x.len() != y.len() || constant(x) || constant(y) {
        return f64::NAN;
    }
    let [xx, yy, xy] = moments(x, y);
    if xx > 0.0 && yy > 0.0 { (xy / (xx.sqrt() * yy.sqrt())).clamp(-1.0, 1.0) } else { f64::NAN }
}

/// Correlation of the traces of each pair; NaN for a constant trace.
///
/// # Errors
/// When the numbers of frames differ, or a pair names a trace that is not there.
pub fn trace_pearson(
    estimate: &Rows<'_>,
    truth: &Rows<'_>,
    pairing: &[(usize, usize)],
) -> Result<Vec<f64>, MetricError> {
    estimate.check("traces", truth, pairing)?;
    Ok(pairing.iter().map(|(i, j)| pearson(estimate.row(*i), truth.row(*j))).collect())
}

/// How well estimated activity follows the true spikes, for each pair.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ActivityScore {
    /// Pearson's correlation; NaN where one side is constant.
    pub correlation: Vec<f64>,
    /// The factor, at least 0, that brings the estimate (with an offset) closest to the truth.
    pub scale: Vec<f64>,
    /// Share of the truth's variance that the scaled estimate explains; NaN for constant truth.
    pub variance_explained: Vec<f64>,
}

/// Compares activity without deciding what a spike is, and up to an unknown scale and offset.
///
/// # Errors
/// As [`trace_pearson`].
pub fn activity_similarity(
    estimate: &Rows<'_>,
    truth: &Rows<'_>,
    pairing: &[(usize, usize)],
) -> Result<ActivityScore, MetricError> {
    estimate.check("activity", truth, pairing)?;
    let mut score = ActivityScore::default();
    for (i, j) in pairing {
        let (x, y) = (estimate.row(*i), truth.row(*j));
        let [xx, yy, xy] = if x.is_empty() { [0.0; 3] } else { moments(x, y) };
        let scale = if xx > 0.0 { (xy / xx).max(0.0) } else { 0.0 };
        score.correlation.push(pearson(x, y));
        score.scale.push(scale);
        // Σ(y − a x)² about the means.
        let left = yy - 2.0 * scale * xy + scale * scale * xx;
        score.variance_explained.push(if yy > 0.0 { 1.0 - left / yy } else { f64::NAN });
    }
    Ok(score)
}

fn same_frames(estimate: &[f64], truth: &[f64]) -> Result<(), MetricError> {
    if estimate.len() != truth.len() || estimate.is_empty() || !estimate.len().is_multiple_of(2) {
        return refuse(format!(
            "the estimated shifts have {} frames, the true ones {}; both must be (frame, 2) of the same recording",
            estimate.len() / 2,
            truth.len() / 2
        ));
    }
    if let Some(i) = estimate.iter().position(|v| !v.is_finite()) {
        return refuse(format!("the estimated shift of frame {} is not a finite number", i / 2));
    }
    Ok(())
}

/// Mean difference (dy, dx) of two paths, the estimate's sign turned if it is a correction.
fn mean_difference(estimate: &[f64], truth: &[f64], correction: bool) -> [f64; 2] {
    let sign = if correction { -1.0 } else { 1.0 };
    let n = (estimate.len() / 2) as f64;
    [0, 1].map(|axis| {
        let pairs = estimate.iter().skip(axis).step_by(2).zip(truth.iter().skip(axis).step_by(2));
        pairs.map(|(e, t)| sign * e - t).sum::<f64>() / n
    })
}

/// Root mean square difference (px, over frames and axes) of two paths, (frame, 2) as (dy, dx).
///
/// `correction`: the estimate is what was applied to undo the motion, so its sign is turned. `align`: a constant offset between
/// the two does not count.
///
/// # Errors
/// When the numbers of frames differ, or the estimate is not finite.
pub fn shift_rmse(estimate: &[f64], truth: &[f64], correction: bool, align: bool) -> Result<f64, MetricError> {
    same_frames(estimate, truth)?;
    let sign = if correction { -1.0 } else { 1.0 };
    let offset = if align { mean_difference(estimate, truth, correction) } else { [0.0; 2] };
    let squares = estimate.iter().zip(truth).enumerate().map(|(i, (e, t))| {
        let d = sign * e - t - offset[i % 2];
        d * d
    });
    Ok((squares.sum::<f64>() / estimate.len() as f64).sqrt())
}

/// The constant offset between two paths, in whole pixels: what moves footprints found in the estimate's frame of reference
/// onto the true ones.
///
/// # Errors
/// As [`shift_rmse`].
pub fn global_shift_from_trajectories(
    estimate: &[f64],
    truth: &[f64],
    correction: bool,
) -> Result<[i64; 2], MetricError> {
    same_frames(estimate, truth)?;
    Ok(mean_difference(estimate, truth, correction).map(|v| v.round_ties_even() as i64))
}

/// Correlation of two fields, pixel by pixel; NaN where one is constant.
///
/// # Errors
/// When their sizes differ.
pub fn field_pearson(estimate: &[f64], truth: &[f64]) -> Result<f64, MetricError> {
    if estimate.len() != truth.len() {
        return refuse(format!(
            "the fields have {} and {} pixels; they must be of one size",
            estimate.len(),
            truth.len()
        ));
    }
    Ok(pearson(estimate, truth))
}

/// The pixels of a footprint above the share `rel` of its peak.
#[must_use]
pub fn footprint_mask(weights: &[f64], rel: f64) -> Vec<bool> {
    let peak = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    weights.iter().map(|v| *v > rel * peak).collect()
}

/// Mean of a film over the pixels of a footprint above the share `rel` of its peak, for each frame; 0 for a dark footprint.
///
/// # Errors
/// When the film's frames and the footprint differ in size.
pub fn footprint_roi_trace<T: Copy + Into<f64>>(
    film: &[T],
    weights: &[f64],
    rel: f64,
) -> Result<Vec<f64>, MetricError> {
    if weights.is_empty() || !film.len().is_multiple_of(weights.len()) {
        return refuse(format!("a footprint of {} pixels does not fit on frames of this film", weights.len()));
    }
    let mask = footprint_mask(weights, rel);
    let lit: Vec<usize> = (0..mask.len()).filter(|i| mask[*i]).collect();
    let mean_of = |frame: &[T]| -> f64 {
        let sum: f64 = lit.iter().map(|i| frame[*i].into()).sum();
        if lit.is_empty() { 0.0 } else { sum / lit.len() as f64 }
    };
    Ok(film.chunks_exact(weights.len()).map(mean_of).collect())
}
