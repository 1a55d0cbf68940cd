//! Smooth random fields that are functions of place, not of an array.
//!
//! White noise sits on a lattice fixed to the tissue; a field is that noise under a Gaussian, evaluated wherever it is asked
//! for. The same place has the same value whatever the canvas, so a motion margin adds pixels and changes none.

use rayon::prelude::*;

use super::blur::{KERNEL_REACH_SIGMA, weighted_rows};
use crate::{math, rng::Key};

/// Lattice points per σ where the pixels are finer: with 4, the field's variance ripples by less than 1e-30.
const POINTS_PER_SIGMA: f64 = 4.0;
/// Lattice rows that are smoothed together.
const SIDE_BY_SIDE: usize = 8;

/// Where the rows (or columns) of an image lie, for [`smooth_noise`].
#[derive(Clone, Debug)]
pub struct Lattice {
    /// Lattice pitch, in the unit of σ.
    pitch: f64,
    sigma: f64,
}

impl Lattice {
    /// A lattice for fields smoothed by `sigma`, seen through pixels of size `pixel` (same unit).
    ///
    /// Coarser than the pixels when the field is smooth; as fine as the pixels, and aligned to them, when it is not.
    #[must_use]
    pub fn new(sigma: f64, pixel: f64) -> Self {
        Self { pitch: (sigma / POINTS_PER_SIGMA).max(pixel), sigma }
    }

    /// Weights of the lattice points that reach position `at` (in the unit of σ): first point and weights.
    fn weights(&self, at: f64) -> (i64, Vec<f64>) {
        let reach = (KERNEL_REACH_SIGMA * self.sigma / self.pitch).max(0.5);
        let u = at / self.pitch;
        let first = (u - reach).ceil() as i64;
        let last = (u + reach).floor() as i64;
        let s = self.sigma / self.pitch;
        let weights = (first..=last)
            .map(|j| {
                let d = (u - j as f64) / s;
                math::exp(-0.5 * d * d)
            })
            .collect();
        (first, weights)
    }
}

/// The field at the crossings of `rows` and `cols` (positions in the unit of σ, ascending), row-major. Zero mean; the
/// scale is arbitrary, as all users normalise.
#[must_use]
pub fn smooth_noise(key: Key, entity: u64, lattice: &Lattice, rows: &[f64], cols: &[f64]) -> Vec<f64> {
    let row_weights: Vec<_> = rows.iter().map(|r| lattice.weights(*r)).collect();
    let col_weights: Vec<_> = cols.iter().map(|c| lattice.weights(*c)).collect();
    let span = |weights: &[(i64, Vec<f64>)]| {
        let first = weights.iter().map(|(f, _)| *f).min().unwrap_or(0);
        let last = weights.iter().map(|(f, w)| *f + w.len() as i64).max().unwrap_or(0);
        (first, last)
    };
    let ((top, bottom), (left, right)) = (span(&row_weights), span(&col_weights));
    let n_cols = cols.len();
    // Each lattice row is smoothed along x once, several of them side by side, ...
    let mut smoothed = vec![0.0; (bottom - top).max(0) as usize * n_cols];
    smoothed.par_chunks_mut((SIDE_BY_SIDE * n_cols).max(1)).enumerate().for_each(|(group, lines)| {
        let first_row = top + (group * SIDE_BY_SIDE) as i64;
        let value = |row: usize, k: i64| key.normal(entity, lattice_index(first_row + row as i64, left + k));
        let n_rows = lines.len() / n_cols;
        let white: Vec<[f64; SIDE_BY_SIDE]> = (0..right - left)
            .map(|k| std::array::from_fn(|row| if row < n_rows { value(row, k) } else { 0.0 }))
            .collect();
        for (col, (first, weights)) in col_weights.iter().enumerate() {
            let mut sums = [0.0; SIDE_BY_SIDE];
            for (white, weight) in white[(first - left) as usize..].iter().zip(weights) {
                for (sum, white) in sums.iter_mut().zip(white) {
                    *sum += white * weight;
                }
            }
            for (line, sum) in lines.chunks_exact_mut(n_cols).zip(sums) {
                line[col] = sum;
            }
        }
    });
    // ... and then those in reach of an image row make it up.
    let mut image = vec![0.0; rows.len() * n_cols];
    image.par_chunks_mut(n_cols.max(1)).zip(&row_weights).for_each(|(line, (first, weights))| {
        let starts: Vec<usize> = (0..weights.len()).map(|i| ((first - top) as usize + i) * n_cols).collect();
        weighted_rows(line, &smoothed, &starts, weights);
    });
    image
}

/// A draw's index from a signed lattice point.
fn lattice_index(row: i64, col: i64) -> u64 {
    (u64::from(row as u32) << 32) | u64::from(col as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(range: std::ops::Range<i32>) -> Vec<f64> {
        range.map(f64::from).collect()
    }

    #[test]
    fn a_larger_window_has_the_same_values() {
        let key = Key::new(3, "test", "field");
        for sigma in [0.3, 1.0, 6.0, 25.0] {
            let lattice = Lattice::new(sigma, 1.0);
            let small = smooth_noise(key, 1, &lattice, &positions(-8..9), &positions(-5..12));
            let large = smooth_noise(key, 1, &lattice, &positions(-20..30), &positions(-11..40));
            for r in 0..17 {
                for c in 0..17 {
                    assert_eq!(small[r * 17 + c], large[(r + 12) * 51 + c + 6], "sigma {sigma}, ({r}, {c})");
                }
            }
        }
    }

    #[test]
    fn correlation_length_is_sigma() {
        // The autocorrelation of Gaussian-smoothed white noise is exp(-d²/4σ²): 0.78 at d = σ.
        let key = Key::new(5, "test", "field");
        let lattice = Lattice::new(8.0, 1.0);
        let n = 1500;
        let line = smooth_noise(key, 0, &lattice, &positions(0..n), &positions(0..40));
        let (w, lag) = (40, 8);
        let mean = line.iter().sum::<f64>() / line.len() as f64;
        let at = |r: usize, c: usize| line[r * w + c] - mean;
        let (mut same, mut shifted, mut count) = (0.0, 0.0, 0.0);
        for r in 0..n as usize - lag {
            for c in 0..w {
                same += at(r, c) * at(r, c);
                shifted += at(r, c) * at(r + lag, c);
                count += 1.0;
            }
        }
        let correlation = shifted / same;
        assert!(count > 0.0 && (correlation - (-0.25_f64).exp()).abs() < 0.08, "{correlation}");
    }
}
