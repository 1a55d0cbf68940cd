//! Motion that a single shift a frame does not tell: displacement fields, and the depth that is in focus.

use super::{MetricError, refuse, traces::pearson};
use crate::truth::GroundTruth;

/// Most rows and columns of pixels at which a recording's displacements are compared: brains bend more smoothly than that.
const LATTICE: usize = 16;

/// How far estimated displacements end from the true ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EndpointError {
    /// Mean distance (px).
    pub mean_px: f64,
    /// 95th percentile (px).
    pub p95_px: f64,
    /// Mean distance (µm).
    pub mean_um: f64,
    /// 95th percentile (µm).
    pub p95_um: f64,
}

/// How far estimated displacements of a recording end from the true ones.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Endpoints {
    /// Mean distance (px).
    pub mean_px: f64,
    /// 95th percentile (px).
    pub p95_px: f64,
    /// Mean distance in each frame (px).
    pub by_frame_px: Vec<f64>,
}

/// Compares displacement fields, each `(frame, yx, height, width)` in px, of `n_px` pixels a frame. With `align`, a constant
/// offset (dy, dx) of the estimate does not count: a registration's template may lie anywhere.
///
/// # Errors
/// When the sizes differ, hold no whole frame, or a number is not finite.
pub fn endpoint_error(
    estimate: &[f64],
    truth: &[f64],
    n_px: usize,
    pixel_um: f64,
    align: bool,
) -> Result<EndpointError, MetricError> {
    if !(pixel_um.is_finite() && pixel_um > 0.0) {
        return refuse(format!("a pixel of {pixel_um} µm is none; give the pixel size in the tissue"));
    }
    let Endpoints { mean_px, p95_px, .. } = endpoints(estimate, truth, n_px, align)?;
    Ok(EndpointError { mean_px, p95_px, mean_um: mean_px * pixel_um, p95_um: p95_px * pixel_um })
}

/// Compares the displacements of patches with those of a recording, less a constant offset (dy, dx), at the pixels of a lattice of
/// at most 16 × 16. `None` where nothing moves in the recording.
///
/// # Errors
/// When the numbers of frames differ, the patches do not fit, or a number is not finite.
pub fn recording_endpoints(estimate: &PatchShifts<'_>, truth: &GroundTruth) -> Result<Option<Endpoints>, MetricError> {
    let Some(moved) = truth.array("shifts").or_else(|| truth.array("rotation_rad")) else { return Ok(None) };
    let n_frames = moved.shape[0];
    let [rows, cols] = truth.planted.fov_shape.map(lattice);
    let ours = estimate.at(&rows, &cols)?;
    let n = rows.len() * cols.len();
    if ours.len() != 2 * n * n_frames {
        return refuse(format!(
            "the displacement has {} frames, the truth {n_frames}; give one of each frame",
            ours.len() / (2 * n).max(1)
        ));
    }
    let known = truth.warp().and_then(|warp| {
        let frames = (0..n_frames).map(|t| warp.displacements_px(truth.planted.fov_shape, t, &rows, &cols));
        frames.collect::<Option<Vec<Vec<f64>>>>()
    });
    let Some(theirs) = known else {
        return refuse("the truth's motion does not fit together; simulate the recording again");
    };
    endpoints(&ours, &theirs.concat(), n, true).map(Some)
}

/// Whole pixels, as evenly spread as can be.
fn lattice(length: usize) -> Vec<f64> {
    let n = length.min(LATTICE);
    (0..n).map(|k| ((2 * k + 1) * length / (2 * n)) as f64).collect()
}

fn endpoints(estimate: &[f64], truth: &[f64], n_px: usize, align: bool) -> Result<Endpoints, MetricError> {
    if estimate.len() != truth.len() {
        return refuse(format!(
            "the displacement fields hold {} and {} numbers; give both as (frame, yx, height, width) of one size",
            estimate.len(),
            truth.len()
        ));
    }
    if truth.is_empty() || n_px == 0 || !truth.len().is_multiple_of(2 * n_px) {
        return refuse(format!("{} numbers are no whole frames of (dy, dx) for {n_px} pixels", truth.len()));
    }
    if !estimate.iter().chain(truth).all(|v| v.is_finite()) {
        return refuse("a displacement is not finite; leave out frames that were not registered");
    }
    let frames = || estimate.chunks_exact(2 * n_px).zip(truth.chunks_exact(2 * n_px));
    let mut offset = [0.0; 2];
    if align {
        for (ours, theirs) in frames() {
            for (k, offset) in offset.iter_mut().enumerate() {
                let axis = k * n_px..(k + 1) * n_px;
                *offset += ours[axis.clone()].iter().zip(&theirs[axis]).map(|(a, b)| a - b).sum::<f64>();
            }
        }
        offset = offset.map(|sum| 2.0 * sum / truth.len() as f64);
    }
    let mut distances: Vec<f64> = frames()
        .flat_map(|(ours, theirs)| {
            let apart = move |k: usize, i: usize| ours[k * n_px + i] - theirs[k * n_px + i] - offset[k];
            (0..n_px).map(move |i| crate::math::hypot(apart(0, i), apart(1, i)))
        })
        .collect();
    let n = distances.len();
    let mean_px = distances.iter().sum::<f64>() / n as f64;
    let by_frame_px = distances.chunks_exact(n_px).map(|frame| frame.iter().sum::<f64>() / n_px as f64).collect();
    let (_, p95_px, _) = distances.select_nth_unstable_by((0.95 * (n - 1) as f64).round() as usize, f64::total_cmp);
    Ok(Endpoints { mean_px, p95_px: *p95_px, by_frame_px })
}

/// Correlation of an estimated depth, one number a frame in any unit, with the true `axial_shift_um`, without regard to sign and
/// offset: an analysis cannot know which way is up. NaN where either never changes.
///
/// # Errors
/// When the numbers of frames differ.
pub fn axial_correlation(estimate: &[f64], axial_shift_um: &[f64]) -> Result<f64, MetricError> {
    if estimate.len() != axial_shift_um.len() {
        return refuse(format!(
            "the estimated depth has {} frames, the truth {}; give one number a frame",
            estimate.len(),
            axial_shift_um.len()
        ));
    }
    Ok(pearson(estimate, axial_shift_um).abs())
}

/// Shifts of patches, as piecewise-rigid registration estimates them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PatchShifts<'a> {
    /// Rows that the patches are centred on, rising (px).
    pub rows_px: &'a [f64],
    /// Columns that the patches are centred on, rising (px).
    pub cols_px: &'a [f64],
    /// Displacement (dy, dx) of the content, `(frame, yx, patch row, patch column)`, px.
    pub shifts_px: &'a [f64],
}

impl PatchShifts<'_> {
    /// The displacement of every pixel of a field of view of (height, width) px, `(frame, yx, height, width)`: linear between the
    /// centres of patches, constant beyond the outer ones.
    ///
    /// # Errors
    /// When there are not as many shifts as patches, or their centres do not rise.
    pub fn field(&self, fov: [usize; 2]) -> Result<Vec<f64>, MetricError> {
        let [rows, cols] = fov.map(|n| (0..n).map(|px| px as f64).collect::<Vec<f64>>());
        self.at(&rows, &cols)
    }

    /// The displacement where some rows and columns (px) meet, `(frame, yx, row, column)`.
    ///
    /// # Errors
    /// When there are not as many shifts as patches, or their centres do not rise.
    pub fn at(&self, rows: &[f64], cols: &[f64]) -> Result<Vec<f64>, MetricError> {
        let n = self.rows_px.len() * self.cols_px.len();
        if n == 0 || !self.shifts_px.len().is_multiple_of(2 * n) {
            return refuse(format!(
                "{} shifts do not fit {} × {} patches; give (frame, yx, patch row, patch column)",
                self.shifts_px.len(),
                self.rows_px.len(),
                self.cols_px.len()
            ));
        }
        for (what, centres) in [("rows", self.rows_px), ("columns", self.cols_px)] {
            // Not a number does not rise.
            if !(centres.iter().all(|px| px.is_finite()) && centres.windows(2).all(|w| w[0] < w[1])) {
                return refuse(format!("the {what} of the patches' centres must rise, they are {centres:?}"));
            }
        }
        let (down, across) = (between(self.rows_px, rows), between(self.cols_px, cols));
        let n_cols = self.cols_px.len();
        let mut field = Vec::with_capacity(self.shifts_px.len() / n * rows.len() * cols.len());
        for axis in self.shifts_px.chunks_exact(n) {
            for (i, u) in &down {
                for (j, v) in &across {
                    let line = |row: usize| {
                        let [a, b] = [*j, (j + 1).min(n_cols - 1)].map(|col| axis[row * n_cols + col]);
                        a + (b - a) * v
                    };
                    let [above, below] = [line(*i), line((i + 1).min(self.rows_px.len() - 1))];
                    field.push(above + (below - above) * u);
                }
            }
        }
        Ok(field)
    }
}

/// For each place: the last centre that is not above it, and how far on the way to the next one it is.
fn between(centres: &[f64], places: &[f64]) -> Vec<(usize, f64)> {
    places
        .iter()
        .map(|&px| {
            let i = centres.partition_point(|centre| *centre <= px).saturating_sub(1);
            let next = centres.get(i + 1).map_or(0.0, |next| (px - centres[i]) / (next - centres[i]));
            (i, next.clamp(0.0, 1.0))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_as_far_apart_as_they_are() {
        // Two frames of three pixels; the estimate is off by (3, 4) px everywhere, and by (3, 4) more in one pixel.
        let truth = [0.5, -1.0, 2.0, 0.0, 1.0, 0.25, 4.0, 4.0, 4.0, -2.0, -2.0, -2.0];
        let mut estimate = truth;
        for (i, v) in estimate.iter_mut().enumerate() {
            *v += if (i / 3) % 2 == 0 { 3.0 } else { 4.0 };
        }
        (estimate[6], estimate[9]) = (estimate[6] + 3.0, estimate[9] + 4.0);
        let error = endpoint_error(&estimate, &truth, 3, 2.0, false).expect("fits");
        assert!((error.mean_px - 35.0 / 6.0).abs() < 1e-12 && (error.mean_um - 35.0 / 3.0).abs() < 1e-12);
        assert_eq!((error.p95_px, error.p95_um), (10.0, 20.0));
        // Less the mean offset of (3.5, 4 2/3), five pixels are 5/6 px off, one five times that.
        let aligned = endpoint_error(&estimate, &truth, 3, 2.0, true).expect("fits");
        assert!((aligned.mean_px - 50.0 / 36.0).abs() < 1e-12, "{aligned:?}");
        assert_eq!(endpoint_error(&truth, &truth, 3, 2.0, true).expect("fits").p95_px, 0.0);
        for (estimate, n_px, um, what) in [
            (&truth[..6], 3, 2.0, "6 and 12"),
            (&truth[..], 5, 2.0, "no whole frames"),
            (&truth[..], 3, 0.0, "0 µm"),
            (&[f64::NAN; 12][..], 3, 2.0, "not finite"),
        ] {
            let text = endpoint_error(estimate, &truth, n_px, um, false).expect_err("does not fit").to_string();
            assert!(text.contains(what), "{text}");
        }
    }

    #[test]
    fn depth_has_no_sign_and_no_offset() {
        let z = [0.0, 1.0, 3.0, 2.0];
        let flipped = z.map(|v| 7.0 - 2.0 * v);
        assert!((axial_correlation(&flipped, &z).expect("fits") - 1.0).abs() < 1e-12);
        assert!(axial_correlation(&z, &[1.0, -1.0, -1.0, 1.0]).expect("fits") < 0.5);
        assert!(axial_correlation(&z, &[1.0; 4]).expect("fits").is_nan());
        assert!(axial_correlation(&z, &z[..3]).is_err());
    }

    #[test]
    fn patches_become_a_field() {
        // Displacements that grow by a tenth of a pixel a row and fall by a fifth a column, of patches centred inside.
        let (rows, cols) = ([2.0, 5.0, 9.0], [1.0, 7.0]);
        let dy = rows.iter().flat_map(|r| cols.iter().map(move |_| 0.1 * r));
        let dx = rows.iter().flat_map(|_| cols.iter().map(|c| -0.2 * c));
        let shifts: Vec<f64> = dy.chain(dx).collect();
        let patches = PatchShifts { rows_px: &rows, cols_px: &cols, shifts_px: &shifts };
        let field = patches.field([12, 9]).expect("fits");
        for (y, x) in (0..12).flat_map(|y| (0..9).map(move |x| (y, x))) {
            let within = |px: usize, low: f64, high: f64| (px as f64).clamp(low, high);
            assert!((field[y * 9 + x] - 0.1 * within(y, 2.0, 9.0)).abs() < 1e-12);
            assert!((field[108 + y * 9 + x] + 0.2 * within(x, 1.0, 7.0)).abs() < 1e-12);
        }
        let one = PatchShifts { rows_px: &[3.0], cols_px: &[3.0], shifts_px: &[1.5, -2.0] };
        assert_eq!(one.field([1, 2]).expect("fits"), [1.5, 1.5, -2.0, -2.0]);
        assert!(PatchShifts { shifts_px: &shifts[1..], ..patches }.field([12, 9]).is_err());
        assert!(PatchShifts { cols_px: &[7.0, 1.0], ..patches }.field([12, 9]).is_err());
    }
}
