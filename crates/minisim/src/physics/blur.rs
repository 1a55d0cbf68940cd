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

    #[test]
    fn a_constant_field_stays_constant() {
        for border in [Border::Replicate, Border::Mirror] {
            let out = blur_field(&[0.7; 20 * 13], [20, 13], 9.0, border);
            assert!(out.iter().all(|v| (v - 0.7).abs() < 1e-12));
        }
    }
}
