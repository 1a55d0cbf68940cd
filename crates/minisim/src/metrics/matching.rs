//! Pairing estimated footprints with true ones.

use std::sync::Arc;

use rayon::prelude::*;
use rustfft::{
    Fft, FftDirection,
    algorithm::{BluesteinsAlgorithm, Dft, MixedRadix, Radix4},
    num_complex::Complex,
};

use super::{MetricError, assignment, footprints::Footprints, refuse};

/// How alike two footprints are, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Similarity {
    /// Jaccard index of the smallest sets of pixels that hold `energy_frac` of each footprint's sum.
    #[default]
    Iou,
    /// Ruzicka's index of the footprints, each with the sum 1: Σ min / Σ max.
    WeightedJaccard,
    /// Cosine of the angle between the footprints.
    Cosine,
}

impl Similarity {
    /// The names that users write.
    pub const NAMES: [&'static str; 3] = ["iou", "weighted_jaccard", "cosine"];

    /// The similarity called `name`.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn from_name(name: &str) -> Result<Self, MetricError> {
        match name {
            "iou" => Ok(Self::Iou),
            "weighted_jaccard" => Ok(Self::WeightedJaccard),
            "cosine" => Ok(Self::Cosine),
            _ => refuse(format!("metric {name:?} is not known; choose one of {}", Self::NAMES.join(", "))),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES[match self {
            Self::Iou => 0,
            Self::WeightedJaccard => 1,
            Self::Cosine => 2,
        }]
    }
}

/// What to do about an offset between the estimated footprints and the true ones.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum Shift {
    /// Nothing.
    #[default]
    None,
    /// Move the estimates by (dy, dx), rounded to whole pixels.
    By([f64; 2]),
    /// Find the offset by phase correlation, and take it if it makes the pairs more alike.
    Auto,
}

/// Which estimate is which true cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// Similarity of estimate i (row) to true cell j (column), row-major.
    pub similarity: Vec<f64>,
    /// Estimates.
    pub n_est: usize,
    /// True cells.
    pub n_true: usize,
    /// Pairs (estimate, true cell) of the assignment with the largest total; pairs that are not alike at all are left out.
    pub pairing: Vec<(usize, usize)>,
    /// How likeness was measured.
    pub metric: Similarity,
    /// Pixels that the estimates were moved by.
    pub shift: [i64; 2],
}

impl Match {
    /// Similarity of a pair.
    #[must_use]
    pub fn of(&self, (est, truth): (usize, usize)) -> f64 {
        self.similarity[est * self.n_true + truth]
    }

    /// The pairs that are at least `threshold` alike.
    #[must_use]
    pub fn matched_pairs(&self, threshold: f64) -> Vec<(usize, usize)> {
        self.pairing.iter().copied().filter(|p| self.of(*p) >= threshold).collect()
    }

    /// Share of the true cells that were found; 0 where there is none.
    #[must_use]
    pub fn recall(&self, threshold: f64) -> f64 {
        share(self.matched_pairs(threshold).len(), self.n_true)
    }

    /// Share of the estimates that are true cells; 0 where there is none.
    #[must_use]
    pub fn precision(&self, threshold: f64) -> f64 {
        share(self.matched_pairs(threshold).len(), self.n_est)
    }

    /// Mean similarity of all pairs; 0 without any.
    #[must_use]
    pub fn mean_similarity(&self) -> f64 {
        if self.pairing.is_empty() {
            return 0.0;
        }
        self.pairing.iter().map(|p| self.of(*p)).sum::<f64>() / self.pairing.len() as f64
    }
}

pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Pairs estimated with true footprints so that the total similarity is largest.
///
/// # Errors
/// When the fields differ in size, or `energy_frac` is not in (0, 1].
pub fn hungarian_match(
    estimate: &Footprints,
    truth: &Footprints,
    metric: Similarity,
    energy_frac: f64,
    shift: Shift,
) -> Result<Match, MetricError> {
    estimate.check_same_field(truth)?;
    if !(energy_frac > 0.0 && energy_frac <= 1.0) {
        return refuse(format!("energy_frac = {energy_frac} must be above 0 and at most 1"));
    }
    let assign = |by: [i64; 2]| -> Match {
        let moved = if by == [0, 0] { None } else { Some(estimate.shifted(by)) };
        let similar = similarities(moved.as_ref().unwrap_or(estimate), truth, metric, energy_frac);
        let pairing = assignment::largest_total(&similar, truth.len());
        let mut similarity = vec![0.0; estimate.len() * truth.len()];
        for (i, row) in similar.iter().enumerate() {
            for (j, value) in row {
                similarity[i * truth.len() + j] = *value;
            }
        }
        Match { similarity, n_est: estimate.len(), n_true: truth.len(), pairing, metric, shift: by }
    };
    match shift {
        Shift::None => Ok(assign([0, 0])),
        Shift::By(by) => {
            if by.iter().any(|v| !v.is_finite() || v.abs() > 1e9) {
                return refuse(format!("shift = {by:?} must be two finite numbers of pixels"));
            }
            Ok(assign(by.map(|v| v.round_ties_even() as i64)))
        }
        Shift::Auto => {
            let still = assign([0, 0]);
            let by = phase_correlation(estimate, truth);
            if by == [0, 0] {
                return Ok(still);
            }
            let moved = assign(by);
            let total = |m: &Match| m.pairing.iter().map(|p| m.of(*p)).sum::<f64>();
            Ok(if total(&moved) > total(&still) { moved } else { still })
        }
    }
}

/// The similarities above zero, by estimate: (true cell, similarity).
fn similarities(
    estimate: &Footprints,
    truth: &Footprints,
    metric: Similarity,
    energy_frac: f64,
) -> Vec<Vec<(usize, f64)>> {
    let candidates = |i: usize| (0..truth.len()).filter(move |j| estimate.items[i].meets(&truth.items[*j]));
    let rows = 0..estimate.len();
    match metric {
        Similarity::Iou => {
            let masks = |set: &Footprints| -> Vec<Vec<u32>> {
                set.items.par_iter().map(|f| f.energy_mask(energy_frac)).collect()
            };
            let (ours, theirs) = (masks(estimate), masks(truth));
            rows.into_par_iter()
                .map(|i| {
                    let overlap = |j: usize| {
                        let common = common(&ours[i], &theirs[j]);
                        (common > 0).then(|| (j, common as f64 / (ours[i].len() + theirs[j].len() - common) as f64))
                    };
                    candidates(i).filter_map(overlap).collect()
                })
                .collect()
        }
        Similarity::Cosine => {
            let norm = |set: &Footprints| -> Vec<f64> {
                set.items.iter().map(|f| f.pixels.iter().map(|(_, v)| v * v).sum::<f64>().sqrt()).collect()
            };
            let (ours, theirs) = (norm(estimate), norm(truth));
            rows.into_par_iter()
                .map(|i| {
                    let cosine = |j: usize| {
                        let mut dot = 0.0;
                        merge(&estimate.items[i].pixels, &truth.items[j].pixels, |a, b| dot += a * b);
                        (dot > 0.0).then(|| (j, (dot / (ours[i] * theirs[j])).min(1.0)))
                    };
                    candidates(i).filter_map(cosine).collect()
                })
                .collect()
        }
        Similarity::WeightedJaccard => {
            let sums = |set: &Footprints| -> Vec<f64> {
                set.items.iter().map(|f| f.pixels.iter().map(|(_, v)| v.max(0.0)).sum()).collect()
            };
            let (ours, theirs) = (sums(estimate), sums(truth));
            rows.into_par_iter()
                .map(|i| {
                    let ruzicka = |j: usize| {
                        let mut least = 0.0;
                        if ours[i] > 0.0 && theirs[j] > 0.0 {
                            merge(&estimate.items[i].pixels, &truth.items[j].pixels, |a, b| {
                                least += (a.max(0.0) / ours[i]).min(b.max(0.0) / theirs[j]);
                            });
                        }
                        // Both sum to 1, so Σ max = 2 − Σ min.
                        (least > 0.0).then(|| (j, (least / (2.0 - least)).min(1.0)))
                    };
                    candidates(i).filter_map(ruzicka).collect()
                })
                .collect()
        }
    }
}

/// Number of elements in both rising lists.
pub(super) fn common(a: &[u32], b: &[u32]) -> usize {
    let (mut i, mut j, mut n) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                n += 1;
                i += 1;
                j += 1;
            }
        }
    }
    n
}

/// Calls `both` for each pixel that two footprints share.
fn merge(a: &[(u32, f64)], b: &[(u32, f64)], mut both: impl FnMut(f64, f64)) {
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        match a[i].0.cmp(&b[j].0) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                both(a[i].1, b[j].1);
                i += 1;
                j += 1;
            }
        }
    }
}

/// The offset that brings the estimates' lit area (over 1 % of the peak of their sum) onto the truth's, within a quarter of
/// the field (Kuglin and Hines 1975).
fn phase_correlation(estimate: &Footprints, truth: &Footprints) -> [i64; 2] {
    let (height, width) = (truth.height, truth.width);
    let support = |set: &Footprints| -> Vec<Complex<f64>> {
        let total = set.total();
        let peak = total.iter().copied().fold(0.0, f64::max);
        total.iter().map(|v| Complex::new(if *v > 0.01 * peak { 1.0 } else { 0.0 }, 0.0)).collect()
    };
    let (mut a, mut b) = (support(truth), support(estimate));
    transform(&mut a, [height, width], false);
    transform(&mut b, [height, width], false);
    for (a, b) in a.iter_mut().zip(&b) {
        let product = *a * b.conj();
        *a = product / product.norm().max(1e-12);
    }
    transform(&mut a, [height, width], true);
    let reach = |n: usize| (n / 4) as i64;
    // Only a clear gain counts: where the correlation is flat, its rounding must not decide.
    let clear = 1e-9 * a.len() as f64;
    let (mut best, mut offset) = (f64::NEG_INFINITY, [0, 0]);
    for dy in -reach(height)..=reach(height) {
        for dx in -reach(width)..=reach(width) {
            let at = dy.rem_euclid(height as i64) as usize * width + dx.rem_euclid(width as i64) as usize;
            if a[at].re > best + clear {
                (best, offset) = (a[at].re, [dy, dx]);
            }
        }
    }
    offset
}

/// Fourier transform of a (height, width) image in place, without scaling.
fn transform(image: &mut [Complex<f64>], [height, width]: [usize; 2], inverse: bool) {
    let direction = if inverse { FftDirection::Inverse } else { FftDirection::Forward };
    fourier(width, direction).process(image);
    let down = fourier(height, direction);
    let mut column = vec![Complex::default(); height];
    for c in 0..width {
        for (r, v) in column.iter_mut().enumerate() {
            *v = image[r * width + c];
        }
        down.process(&mut column);
        for (r, v) in column.iter().enumerate() {
            image[r * width + c] = *v;
        }
    }
}

/// A Fourier transform of length `n`: powers of two, then the odd factors, large primes by Bluestein's algorithm.
///
/// rustfft's planner would choose another way on another processor, with other rounding, and brings so many of them that they take a
/// quarter of this crate's compile time.
fn fourier(n: usize, direction: FftDirection) -> Arc<dyn Fft<f64>> {
    let two = 1 << n.max(1).trailing_zeros();
    let odd = n / two;
    match (two, odd) {
        (_, 0 | 1) => Arc::new(Radix4::new(two, direction)),
        (1, _) => {
            let factor = (3..).step_by(2).find(|f| odd.is_multiple_of(*f) || f * f > odd).unwrap_or(odd);
            if odd.is_multiple_of(factor) && factor < odd {
                Arc::new(MixedRadix::new(fourier(factor, direction), fourier(odd / factor, direction)))
            } else if odd < 64 {
                Arc::new(Dft::new(odd, direction))
            } else {
                Arc::new(BluesteinsAlgorithm::new(odd, Arc::new(Radix4::new((2 * odd).next_power_of_two(), direction))))
            }
        }
        _ => Arc::new(MixedRadix::new(fourier(two, direction), fourier(odd, direction))),
    }
}
