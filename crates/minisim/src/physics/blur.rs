//! Gaussian blur: of a small footprint on a dark canvas, and of a whole field.

use std::ops::{AddAssign, Mul};

use rayon::prelude::*;

use crate::{
    footprint::Patch,
    level::{Loops, at_best_level},
    math,
};

/// Gaussian kernels are cut at this many σ.
pub const KERNEL_REACH_SIGMA: f64 = 4.0;

/// A Gaussian kernel of width `sigma`, cut at [`KERNEL_REACH_SIGMA`] (radius `floor(4σ + 0.5)`) and normalised to sum 1.
#[must_use]
pub fn gaussian_kernel(sigma: f64) -> Vec<f64> {
    let radius = (KERNEL_REACH_SIGMA * sigma + 0.5).floor().max(0.0) as i64;
    if radius == 0 {
        return vec![1.0];
    }
    let weights: Vec<f64> = (-radius..=radius)
        .map(|i| {
            let d = i as f64 / sigma;
            math::exp(-0.5 * d * d)
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}

/// `gain * (patch ⊛ Gaussian(sigma_px))` on a dark canvas of `canvas` (height, width) pixels; light that leaves the canvas
/// is lost.
#[must_use]
pub fn degrade_footprint(patch: &Patch, sigma_px: f64, gain: f64, canvas: [usize; 2]) -> Patch {
    let kernel: Vec<f32> = gaussian_kernel(sigma_px).into_iter().map(|w| w as f32).collect();
    let radius = (kernel.len() / 2) as i32;
    let grown = [
        (patch.row - radius).max(0),
        (patch.row + patch.height as i32 + radius).min(canvas[0] as i32),
        (patch.col - radius).max(0),
        (patch.col + patch.width as i32 + radius).min(canvas[1] as i32),
    ];
    if patch.data.is_empty() || grown[0] >= grown[1] || grown[2] >= grown[3] {
        return Patch { row: 0, col: 0, height: 0, width: 0, data: Vec::new() };
    }
    let (height, width) = ((grown[1] - grown[0]) as usize, (grown[3] - grown[2]) as usize);
    // Rows first grow down the columns, then each spreads along itself. Dark pixels around a row stand for the canvas.
    let reach = radius as usize;
    let mut padded = vec![0.0_f32; width + 2 * reach];
    let at = (patch.col - grown[2]) as usize + reach;
    let along: Vec<usize> = (0..kernel.len()).collect();
    let mut data = vec![0.0_f32; height * width];
    for (r, line) in data.chunks_exact_mut(width).enumerate() {
        let row = grown[0] + r as i32 - patch.row;
        let sources = (row - radius).max(0)..(row + radius + 1).min(patch.height as i32);
        let starts: Vec<usize> = sources.clone().map(|source| source as usize * patch.width).collect();
        let weights = &kernel[(sources.start - row + radius) as usize..];
        weighted_rows(&mut padded[at..at + patch.width], &patch.data, &starts, weights);
        weighted_rows(line, &padded, &along, &kernel);
    }
    let gain = gain as f32;
    data.iter_mut().for_each(|v| *v *= gain);
    Patch { row: grown[0], col: grown[2], height, width, data }
}

/// A blur that is wider along one axis than across it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ellipse {
    /// σ along its axis, and across it (px).
    pub sigma_px: [f64; 2],
    /// Direction of the axis (rad): 0 = along rows, to the right; π/2 = down.
    pub angle_rad: f64,
}

impl Ellipse {
    /// The variances (px²) along y and x, and their covariance.
    #[must_use]
    pub fn covariance_px2(&self) -> [f64; 3] {
        let [along, across] = self.sigma_px.map(|sigma| sigma * sigma);
        let (sin, cos) = (math::sin(self.angle_rad), math::cos(self.angle_rad));
        [along * sin * sin + across * cos * cos, along * cos * cos + across * sin * sin, (along - across) * sin * cos]
    }

    /// Peak of a Gaussian spot of `sigma_px` after this blur, relative to before; 1 for a spot without width.
    #[must_use]
    pub fn dims(&self, sigma_px: f64) -> f64 {
        let before = sigma_px * sigma_px;
        let [along, across] = self.sigma_px.map(|sigma| before + sigma * sigma);
        if before > 0.0 { before / (along * across).sqrt() } else { 1.0 }
    }
}

/// Least variance (px²) that an elliptical kernel should have along either axis, so that pixels sample it well.
const WELL_SAMPLED_PX2: f64 = 0.5;

/// [`degrade_footprint`], then blurred by an ellipse.
#[must_use]
pub fn degrade_footprint_along(
    patch: &Patch,
    sigma_px: f64,
    ellipse: &Ellipse,
    gain: f64,
    canvas: [usize; 2],
) -> Patch {
    let [along, across] = ellipse.sigma_px;
    if along == 0.0 && across == 0.0 {
        return degrade_footprint(patch, sigma_px, gain, canvas);
    }
    // Variances of Gaussian blurs add up, so the round one lends the narrow ellipse what that needs to be sampled, and all it has where
    // too little would be left to be sampled itself.
    let (own, narrow) = (sigma_px * sigma_px, along.min(across));
    let needed = (WELL_SAMPLED_PX2 - narrow * narrow).max(0.0);
    let lent = if needed > 0.0 && own - needed < WELL_SAMPLED_PX2 { own } else { needed };
    let [yy, xx, yx] = ellipse.covariance_px2();
    let covariance = [yy + lent, xx + lent, yx];
    // Light that the round blur sends beyond the canvas may come back, so that one has a canvas which is larger by the ellipse.
    let [high, wide] = [covariance[0], covariance[1]].map(kernel_reach);
    let moved = Patch { row: patch.row + high, col: patch.col + wide, ..patch.clone() };
    let larger = [canvas[0] + 2 * high as usize, canvas[1] + 2 * wide as usize];
    let mut round = degrade_footprint(&moved, (own - lent).sqrt(), gain, larger);
    (round.row, round.col) = (round.row - high, round.col - wide);
    convolve_gaussian(&round, covariance, canvas)
}

/// Pixels that a Gaussian kernel of this variance reaches.
fn kernel_reach(variance: f64) -> i32 {
    (KERNEL_REACH_SIGMA * variance.sqrt() + 0.5).floor() as i32
}

/// The patch convolved with a Gaussian of these variances along y and x and this covariance (px²); light that leaves the canvas is
/// lost.
fn convolve_gaussian(patch: &Patch, [yy, xx, yx]: [f64; 3], canvas: [usize; 2]) -> Patch {
    let [high, wide] = [yy, xx].map(kernel_reach);
    let grown = [
        (patch.row - high).max(0),
        (patch.row + patch.height as i32 + high).min(canvas[0] as i32),
        (patch.col - wide).max(0),
        (patch.col + patch.width as i32 + wide).min(canvas[1] as i32),
    ];
    if patch.data.is_empty() || grown[0] >= grown[1] || grown[2] >= grown[3] {
        return Patch::default();
    }
    let determinant = yy * xx - yx * yx;
    let side = 2 * wide as usize + 1;
    let mut kernel: Vec<f64> = (-high..=high)
        .flat_map(|dy| (-wide..=wide).map(move |dx| (f64::from(dy), f64::from(dx))))
        .map(|(dy, dx)| (xx * dy * dy - 2.0 * yx * dy * dx + yy * dx * dx) / determinant)
        .map(|square| {
            let reached = square <= (KERNEL_REACH_SIGMA + 0.5) * (KERNEL_REACH_SIGMA + 0.5);
            if reached { math::exp(-0.5 * square) } else { 0.0 }
        })
        .collect();
    let sum: f64 = kernel.iter().sum();
    kernel.iter_mut().for_each(|weight| *weight /= sum);
    let kernel: Vec<f32> = kernel.into_iter().map(|weight| weight as f32).collect();
    let (height, width) = ((grown[1] - grown[0]) as usize, (grown[3] - grown[2]) as usize);
    // Rows of the patch with dark pixels on either side, so that every pixel has all its neighbours.
    let stride = width + 2 * wide as usize;
    let at = (patch.col - grown[2] + wide) as usize;
    let mut padded = vec![0.0_f32; patch.height * stride];
    for (r, line) in padded.chunks_exact_mut(stride).enumerate() {
        line[at..at + patch.width].copy_from_slice(patch.row_weights(r));
    }
    let (mut starts, mut weights) = (Vec::new(), Vec::new());
    let mut data = vec![0.0_f32; height * width];
    for (r, line) in data.chunks_exact_mut(width).enumerate() {
        let row = grown[0] + r as i32 - patch.row;
        starts.clear();
        weights.clear();
        for source in (row - high).max(0)..(row + high + 1).min(patch.height as i32) {
            let kernel_row = &kernel[(row - source + high) as usize * side..][..side];
            // Pixel i of the kernel's row, from its other end, weighs the pixel i to the right of the padded row's start.
            let lit = kernel_row.iter().rev().enumerate().filter(|(_, weight)| **weight > 0.0);
            for (i, weight) in lit {
                starts.push(source as usize * stride + i);
                weights.push(*weight);
            }
        }
        weighted_rows(line, &padded, &starts, &weights);
    }
    Patch { row: grown[0], col: grown[2], height, width, data }
}

/// Writes `Σ_k weights[k] * from[starts[k]..]` to `out`, summed in that order.
pub(super) fn weighted_rows<T>(out: &mut [T], from: &[T], starts: &[usize], weights: &[T])
where
    T: Copy + Default + AddAssign + Mul<Output = T>,
{
    at_best_level(WeightedRows { out, from, starts, weights });
}

struct WeightedRows<'a, T> {
    out: &'a mut [T],
    from: &'a [T],
    starts: &'a [usize],
    weights: &'a [T],
}

impl<T: Copy + Default + AddAssign + Mul<Output = T>> Loops for WeightedRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let n = self.out.len();
        match n {
            0..4 => (0..n).for_each(|at| self.sum::<1>(at)),
            4..16 => self.sums::<4>(),
            16..64 => self.sums::<16>(),
            _ => self.sums::<64>(),
        }
    }
}

impl<T: Copy + Default + AddAssign + Mul<Output = T>> WeightedRows<'_, T> {
    /// All pixels, `N` at a time; the last ones once more together with their neighbours.
    #[inline(always)]
    fn sums<const N: usize>(&mut self) {
        let last = self.out.len() - N;
        for at in (0..last).step_by(N) {
            self.sum::<N>(at);
        }
        self.sum::<N>(last);
    }

    /// `N` pixels, whose sums stay in registers.
    #[inline(always)]
    fn sum<const N: usize>(&mut self, at: usize) {
        let mut sums = [T::default(); N];
        for (start, weight) in self.starts.iter().zip(self.weights) {
            let row: &[T] = &self.from[start + at..start + at + N];
            for i in 0..N {
                sums[i] += *weight * row[i];
            }
        }
        self.out[at..at + N].copy_from_slice(&sums);
    }
}

/// How a field is continued beyond its edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// By its edge pixels.
    Replicate,
    /// By its mirror image, edge pixels doubled.
    Mirror,
}

impl Border {
    /// The index inside `0..n` that stands for `index`.
    fn inside(self, index: i64, n: usize) -> usize {
        let n = n as i64;
        let at = match self {
            Self::Replicate => index.clamp(0, n - 1),
            Self::Mirror => {
                let folded = index.rem_euclid(2 * n);
                folded.min(2 * n - 1 - folded)
            }
        };
        at as usize
    }
}

/// A `(height, width)` field blurred by `sigma_px`.
#[must_use]
pub fn blur_field(field: &[f64], shape: [usize; 2], sigma_px: f64, border: Border) -> Vec<f64> {
    let kernel = gaussian_kernel(sigma_px);
    let radius = kernel.len() / 2;
    if radius == 0 {
        return field.to_vec();
    }
    let [height, width] = shape;
    let along: Vec<usize> = (0..kernel.len()).collect();
    let mut out = vec![0.0; field.len()];
    // A small field is not worth sharing.
    let rows = out.par_chunks_exact_mut(width.max(1)).with_min_len(32).enumerate();
    rows.for_each_init(
        || (vec![0.0; width + 2 * radius], vec![0; kernel.len()]),
        |(padded, starts), (row, line)| {
            for (tap, start) in starts.iter_mut().enumerate() {
                *start = border.inside(row as i64 + tap as i64 - radius as i64, height) * width;
            }
            weighted_rows(&mut padded[radius..radius + width], field, starts, &kernel);
            for i in (0..radius).chain(radius + width..width + 2 * radius) {
                padded[i] = padded[radius + border.inside(i as i64 - radius as i64, width)];
            }
            weighted_rows(line, padded, &along, &kernel);
        },
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blur_keeps_the_light_on_a_large_canvas() {
        let patch = Patch { row: 100, col: 90, height: 2, width: 3, data: vec![1.0, 0.5, 0.25, 1.0, 0.0, 0.75] };
        for sigma in [0.0, 0.2, 1.0, 3.3, 11.0] {
            let wide = degrade_footprint(&patch, sigma, 0.3, [200, 200]);
            assert!((wide.sum() / (0.3 * patch.sum()) - 1.0).abs() < 1e-5, "sigma {sigma}: {}", wide.sum());
        }
    }

    #[test]
    fn a_border_only_cuts() {
        let patch = Patch { row: 3, col: 4, height: 2, width: 2, data: vec![1.0, 0.5, 0.25, 1.0] };
        let free = degrade_footprint(&Patch { row: 53, col: 54, ..patch.clone() }, 2.5, 1.0, [120, 120]);
        let cut = degrade_footprint(&patch, 2.5, 1.0, [9, 9]);
        assert_eq!(free.cropped(50, 50, 9, 9), cut);
    }

    /// Light, centre (y, x), variances along y and x, and covariance of a patch.
    fn moments(patch: &Patch) -> [f64; 6] {
        let mut sums = [0.0; 6];
        for r in 0..patch.height {
            for (c, v) in patch.row_weights(r).iter().enumerate() {
                let (v, y, x) = (f64::from(*v), f64::from(patch.row) + r as f64, f64::from(patch.col) + c as f64);
                let terms = [v, v * y, v * x, v * y * y, v * x * x, v * y * x];
                sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
            }
        }
        let [light, y, x, yy, xx, yx] = sums;
        let (y, x) = (y / light, x / light);
        [light, y, x, yy / light - y * y, xx / light - x * x, yx / light - y * x]
    }

    #[test]
    fn an_ellipse_adds_its_moments_and_keeps_the_light() {
        let patch = Patch { row: 100, col: 90, height: 2, width: 3, data: vec![1.0, 0.5, 0.25, 1.0, 0.0, 0.75] };
        let before = moments(&patch);
        for (sigma_px, along, across, degrees) in [
            (1.5, 4.0, 1.0, 0.0),
            (0.8, 3.0, 0.0, 30.0),
            (2.0, 0.5, 5.0, 75.0),
            (0.9, 6.0, 0.2, 135.0),
            (1.0, 2.0, 2.0, 0.0),
        ] {
            let ellipse = Ellipse { sigma_px: [along, across], angle_rad: f64::to_radians(degrees) };
            let after = moments(&degrade_footprint_along(&patch, sigma_px, &ellipse, 0.3, [220, 220]));
            let [yy, xx, yx] = ellipse.covariance_px2();
            assert!((after[0] / (0.3 * before[0]) - 1.0).abs() < 1e-5, "{ellipse:?}: {}", after[0]);
            assert!((after[1] - before[1]).abs() < 1e-3 && (after[2] - before[2]).abs() < 1e-3, "{ellipse:?}");
            // Kernels are cut at 4 σ, where 0.1 % of their variance is left.
            for (k, added) in [(3, yy + sigma_px * sigma_px), (4, xx + sigma_px * sigma_px), (5, yx)] {
                let (found, largest) = (after[k] - before[k], yy.max(xx) + sigma_px * sigma_px);
                assert!((found - added).abs() < 0.005 * largest, "{ellipse:?}: {found}, not {added}");
            }
        }
        let round = Ellipse { sigma_px: [0.0; 2], angle_rad: 1.0 };
        assert_eq!(
            degrade_footprint_along(&patch, 1.5, &round, 0.3, [220, 220]),
            degrade_footprint(&patch, 1.5, 0.3, [220, 220])
        );
    }

    #[test]
    fn an_ellipse_points_where_it_says() {
        let point = Patch { row: 50, col: 50, height: 1, width: 1, data: vec![1.0] };
        // To the right and down: what lies there is brighter than what lies to the right and up.
        let ellipse = Ellipse { sigma_px: [5.0, 1.0], angle_rad: std::f64::consts::FRAC_PI_4 };
        let image = degrade_footprint_along(&point, 1.0, &ellipse, 1.0, [101, 101]).cropped(0, 0, 101, 101);
        let at = |y: usize, x: usize| image.data[(y - image.row as usize) * image.width + x - image.col as usize];
        assert!(at(54, 54) > 3.0 * at(46, 54) && (at(54, 54) - at(46, 46)).abs() < 1e-7);
        // A spot of σ = 1 becomes one of σ = √26 by √2.
        let dims = at(50, 50) / (1.0 / std::f32::consts::TAU);
        assert!((f64::from(dims) / ellipse.dims(1.0) - 1.0).abs() < 0.01 && ellipse.dims(0.0) == 1.0);
        let cut = degrade_footprint_along(&Patch { row: 3, col: 4, ..point.clone() }, 1.0, &ellipse, 1.0, [9, 9]);
        let free = degrade_footprint_along(&Patch { row: 53, col: 54, ..point }, 1.0, &ellipse, 1.0, [120, 120]);
        assert_eq!(free.cropped(50, 50, 9, 9), cut);
    }

    #[test]
    fn a_constant_field_stays_constant() {
        for border in [Border::Replicate, Border::Mirror] {
            let out = blur_field(&[0.7; 20 * 13], [20, 13], 9.0, border);
            assert!(out.iter().all(|v| (v - 0.7).abs() < 1e-12));
        }
    }
}
