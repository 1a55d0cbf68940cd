//! Footprints as analyses give them: weights on pixels, most of them zero.

use super::{MetricError, refuse};
use crate::footprint::FootprintStack;

/// One footprint: its pixels that are not zero, by index in the field (row × width + column), in rising order.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Footprint {
    pub(super) pixels: Vec<(u32, f64)>,
    /// First and last row that it touches; columns likewise.
    pub(super) rows: [u32; 2],
    pub(super) cols: [u32; 2],
}

impl Footprint {
    /// Weights below zero are no light and are left out, as clipping at 0 does.
    fn new(mut pixels: Vec<(u32, f64)>, width: usize) -> Self {
        pixels.retain(|(_, v)| *v > 0.0);
        let (mut rows, mut cols) = ([u32::MAX, 0], [u32::MAX, 0]);
        for (at, _) in &pixels {
            let (r, c) = (at / width as u32, at % width as u32);
            rows = [rows[0].min(r), rows[1].max(r)];
            cols = [cols[0].min(c), cols[1].max(c)];
        }
        Self { pixels, rows, cols }
    }

    /// Its pixels that are not zero: (index in the field, weight).
    #[must_use]
    pub fn pixels(&self) -> &[(u32, f64)] {
        &self.pixels
    }

    /// Whether the rectangles around two footprints meet.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.rows[0] <= other.rows[1]
            && other.rows[0] <= self.rows[1]
            && self.cols[0] <= other.cols[1]
            && other.cols[0] <= self.cols[1]
    }

    /// The smallest set of pixels that holds `energy_frac` of the footprint's sum, in rising order. Among equal pixels the
    /// later ones go first, as numpy's reversed sort has it.
    pub(super) fn energy_mask(&self, energy_frac: f64) -> Vec<u32> {
        let mut lit: Vec<(u32, f64)> = self.pixels.iter().copied().filter(|(_, v)| *v > 0.0).collect();
        lit.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
        if energy_frac >= 1.0 {
            // All of it, also what is too small to change the sum.
            lit.sort_unstable_by_key(|(at, _)| *at);
            return lit.into_iter().map(|(at, _)| at).collect();
        }
        let target = energy_frac * lit.iter().map(|(_, v)| v).sum::<f64>();
        let mut held = 0.0;
        let mut mask = Vec::new();
        for (at, v) in lit {
            // A hair of room, so that the whole sum is reached in any order of adding.
            if held >= target * (1.0 - 1e-12) {
                break;
            }
            held += v;
            mask.push(at);
        }
        mask.sort_unstable();
        mask
    }

    /// Centre of mass (row, column) of the positive weights; `None` for a dark footprint.
    pub(super) fn centroid(&self, width: usize) -> Option<[f64; 2]> {
        let mut sums = [0.0; 3];
        for (at, v) in self.pixels.iter().filter(|(_, v)| *v > 0.0) {
            let (r, c) = (*at as usize / width, *at as usize % width);
            sums = [sums[0] + v, sums[1] + v * r as f64, sums[2] + v * c as f64];
        }
        (sums[0] > 0.0).then(|| [sums[1] / sums[0], sums[2] / sums[0]])
    }
}

/// A set of footprints on one field of view.
#[derive(Clone, Debug, PartialEq)]
pub struct Footprints {
    /// Rows of the field (px).
    pub height: usize,
    /// Columns of the field (px).
    pub width: usize,
    /// The footprints.
    pub items: Vec<Footprint>,
}

impl Footprints {
    /// From a dense array (footprint, row, column).
    ///
    /// # Errors
    /// When the numbers do not fit the shape, or one of them is not finite.
    pub fn from_dense<T: Copy + Into<f64>>(values: &[T], shape: [usize; 3]) -> Result<Self, MetricError> {
        let [n, height, width] = shape;
        check_field(height, width)?;
        if values.len() != n * height * width {
            return refuse(format!("{} numbers do not fill footprints of shape {shape:?}", values.len()));
        }
        let items = values.chunks_exact((height * width).max(1)).enumerate().map(|(i, dense)| {
            let mut pixels = Vec::new();
            for (at, value) in dense.iter().enumerate() {
                let value: f64 = (*value).into();
                if !value.is_finite() {
                    return not_finite(i, at, width, value);
                }
                if value != 0.0 {
                    pixels.push((at as u32, value));
                }
            }
            Ok(Footprint::new(pixels, width))
        });
        Ok(Self { height, width, items: items.collect::<Result<_, _>>()? })
    }

    /// From compressed sparse rows: footprint i has the pixels `indices[indptr[i]..indptr[i + 1]]` (row × width + column).
    ///
    /// # Errors
    /// When the parts do not fit together, or a weight is not finite.
    pub fn from_csr(
        [height, width]: [usize; 2],
        indptr: &[usize],
        indices: &[usize],
        data: &[f64],
    ) -> Result<Self, MetricError> {
        check_field(height, width)?;
        if indptr.is_empty() || indices.len() != data.len() || indptr.last() != Some(&data.len()) {
            return refuse("the parts of the sparse footprints do not fit together (indptr, indices, data)");
        }
        let mut items = Vec::with_capacity(indptr.len() - 1);
        for (i, ends) in indptr.windows(2).enumerate() {
            if ends[0] > ends[1] {
                return refuse("the sparse footprints' indptr falls");
            }
            let mut pixels = Vec::with_capacity(ends[1] - ends[0]);
            for (at, value) in indices[ends[0]..ends[1]].iter().zip(&data[ends[0]..ends[1]]) {
                if *at >= height * width {
                    return refuse(format!("footprint {i} has pixel {at}, but the field has {height} × {width} px"));
                }
                if !value.is_finite() {
                    return not_finite(i, *at, width, *value);
                }
                pixels.push((*at as u32, *value));
            }
            pixels.sort_by_key(|(at, _)| *at);
            // The same pixel twice means the sum, as in scipy.
            pixels.dedup_by(|later, kept| {
                let same = later.0 == kept.0;
                if same {
                    kept.1 += later.1;
                }
                same
            });
            pixels.retain(|(_, v)| *v != 0.0);
            items.push(Footprint::new(pixels, width));
        }
        Ok(Self { height, width, items })
    }

    /// The part of simulated footprints that lies in the field of view.
    #[must_use]
    pub fn of_truth(stack: &FootprintStack) -> Self {
        let [height, width] = stack.fov_shape;
        let one = |patch| {
            let inside = stack.in_fov(patch);
            let mut pixels = Vec::new();
            for r in 0..inside.height {
                let start = (inside.row as usize + r) * width + inside.col as usize;
                let lit = inside.row_weights(r).iter().enumerate().filter(|(_, v)| **v != 0.0);
                pixels.extend(lit.map(|(c, v)| ((start + c) as u32, f64::from(*v))));
            }
            Footprint::new(pixels, width)
        };
        Self { height, width, items: stack.patches.iter().map(one).collect() }
    }

    /// Number of footprints.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The footprints whose flag is set.
    #[must_use]
    pub fn subset(&self, keep: &[bool]) -> Self {
        let items = self.items.iter().zip(keep).filter(|(_, k)| **k).map(|(f, _)| f.clone()).collect();
        Self { items, ..*self }
    }

    /// All footprints moved by whole pixels, content to higher indices for positive values; what leaves the field is lost.
    #[must_use]
    pub fn shifted(&self, [dy, dx]: [i64; 2]) -> Self {
        let (height, width) = (self.height as i64, self.width as i64);
        let one = |f: &Footprint| {
            let moved = f.pixels.iter().filter_map(|(at, v)| {
                let (r, c) = (i64::from(*at) / width + dy, i64::from(*at) % width + dx);
                ((0..height).contains(&r) && (0..width).contains(&c)).then(|| ((r * width + c) as u32, *v))
            });
            Footprint::new(moved.collect(), self.width)
        };
        Self { items: self.items.iter().map(one).collect(), ..*self }
    }

    /// The sum of all footprints, dense.
    pub(super) fn total(&self) -> Vec<f64> {
        let mut sum = vec![0.0; self.height * self.width];
        for (at, v) in self.items.iter().flat_map(|f| &f.pixels) {
            sum[*at as usize] += v;
        }
        sum
    }

    /// Fails unless both are on fields of the same size.
    pub(super) fn check_same_field(&self, truth: &Self) -> Result<(), MetricError> {
        if [self.height, self.width] == [truth.height, truth.width] {
            return Ok(());
        }
        refuse(format!(
            "the estimated footprints are on a field of {} × {} px, the true ones on {} × {} px; crop or pad the estimate to \
             the recording's field of view",
            self.height, self.width, truth.height, truth.width
        ))
    }
}

fn check_field(height: usize, width: usize) -> Result<(), MetricError> {
    if height == 0 || width == 0 || height.saturating_mul(width) > u32::MAX as usize {
        return refuse(format!("a field of {height} × {width} px cannot hold footprints"));
    }
    Ok(())
}

fn not_finite<T>(i: usize, at: usize, width: usize, value: f64) -> Result<T, MetricError> {
    refuse(format!(
        "footprint {i} is {value} at pixel ({}, {}); replace what is not a finite number by 0, or leave the footprint out",
        at / width,
        at % width
    ))
}
