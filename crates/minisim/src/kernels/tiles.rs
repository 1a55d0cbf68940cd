//! The light of all cells, `Σ A_i c_i(t)`: a sparse matrix, laid out for adding many cells to many frames at once.
//!
//! A canvas row is cut into strips of 16 pixels; each strip lists the cells that reach it, in unit order, with 16 weights each.
//! A strip's light in several frames is summed up in registers, so a weight is read once for all of them, and every strip is
//! written once. The cost is linear in the footprints' pixels and in the frames.

use std::ops::Range;

use rayon::prelude::*;

use super::arithmetic::{Op, apply};
use crate::{
    footprint::Patch,
    level::{Kernel, Level, Vector, Wide},
};

/// Pixels of a strip.
pub const STRIP: usize = 16;
/// Canvas rows that one thread lays out at a time.
const BAND: usize = 64;

/// Weights of one cell in one strip.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Weights([f32; STRIP]);

/// Footprints of all cells on a canvas, strip by strip.
#[derive(Clone, Debug)]
pub struct Tiles {
    /// Pixels of a canvas row.
    width: usize,
    /// Strips in it.
    strips: usize,
    n_units: usize,
    /// [`BAND`] canvas rows each.
    bands: Vec<Band>,
}

/// The strips of some canvas rows.
#[derive(Clone, Debug)]
struct Band {
    /// Of each strip, row by row, the first entry; and the end of the last one.
    starts: Vec<u32>,
    units: Vec<u32>,
    weights: Vec<Weights>,
}

/// The brightness of all cells in `F` frames.
#[derive(Clone, Debug)]
pub struct Courses<const F: usize> {
    /// Cell by cell, frame by frame.
    values: Vec<[f32; F]>,
    /// Whether each cell shines in any of the frames, where many do not: these are passed over.
    lit: Option<Vec<bool>>,
}

impl<const F: usize> Courses<F> {
    /// The brightness of each cell in these frames.
    #[must_use]
    pub fn new(values: Vec<[f32; F]>) -> Self {
        let lit: Vec<bool> = values.iter().map(|values| values.iter().any(|v| *v != 0.0)).collect();
        let dark = lit.iter().filter(|lit| !**lit).count();
        // To look who shines costs about a tenth of the light.
        let lit = (8 * dark > values.len()).then_some(lit);
        Self { values, lit }
    }
}

/// What a cell has in a strip.
struct Lit<'a> {
    row: usize,
    strip: usize,
    /// The first pixel within the strip.
    from: usize,
    weights: &'a [f32],
}

/// The strips of canvas rows `rows` that a cell has light in.
fn lit<'a>(p: &'a Patch, rows: &Range<usize>) -> impl Iterator<Item = Lit<'a>> {
    let (top, left) = (p.row as usize, p.col as usize);
    let strips = if p.width == 0 { 0..0 } else { left / STRIP..(left + p.width).div_ceil(STRIP) };
    let rows = top.max(rows.start)..(top + p.height).min(rows.end);
    rows.flat_map(move |row| {
        let weights = p.row_weights(row - top);
        strips.clone().map(move |strip| {
            let from = (strip * STRIP).max(left);
            let to = ((strip + 1) * STRIP).min(left + p.width);
            Lit { row, strip, from: from % STRIP, weights: &weights[from - left..to - left] }
        })
    })
    .filter(|lit| lit.weights.iter().any(|v| *v != 0.0))
}

impl Band {
    /// The strips of canvas rows `rows`.
    fn new(rows: Range<usize>, strips: usize, patches: &[Patch]) -> Self {
        let at = |lit: &Lit<'_>| (lit.row - rows.start) * strips + lit.strip;
        let mut starts = vec![0_u32; rows.len() * strips + 1];
        for lit in patches.iter().flat_map(|p| lit(p, &rows)) {
            starts[at(&lit) + 1] += 1;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let n = starts.last().copied().unwrap_or_default() as usize;
        let (mut units, mut weights) = (vec![0; n], vec![Weights([0.0; STRIP]); n]);
        let mut next = starts.clone();
        for (unit, p) in patches.iter().enumerate() {
            for lit in lit(p, &rows) {
                let entry = next[at(&lit)] as usize;
                next[at(&lit)] += 1;
                units[entry] = unit as u32;
                weights[entry].0[lit.from..lit.from + lit.weights.len()].copy_from_slice(lit.weights);
            }
        }
        Self { starts, units, weights }
    }
}

impl Tiles {
    /// The layout of `patches` on a canvas of (height, width) px.
    #[must_use]
    pub fn new(canvas: [usize; 2], patches: &[Patch]) -> Self {
        let strips = canvas[1].div_ceil(STRIP);
        let band = |i: usize| Band::new(i * BAND..((i + 1) * BAND).min(canvas[0]), strips, patches);
        let bands = (0..canvas[0].div_ceil(BAND)).into_par_iter().map(band).collect();
        Self { width: canvas[1], strips, n_units: patches.len(), bands }
    }

    /// Cells.
    #[must_use]
    pub fn n_units(&self) -> usize {
        self.n_units
    }

    /// Pixels of a row with its last strip completed.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.strips * STRIP
    }

    /// Writes canvas row `row` of `F` frames into `lines`, one a frame, each [`Self::stride`] long. Every pixel sums its cells in unit order, starting from darkness, and then goes
    /// through `ops`, whose maps are images of the canvas. What lies beyond the canvas in the last strip means nothing.
    pub fn write_row<const F: usize>(
        &self,
        row: usize,
        courses: &Courses<F>,
        ops: &[Op<'_, F>],
        lines: [&mut [f32]; F],
    ) {
        self.write_row_at(Level::best(), row, courses, ops, lines);
    }

    fn write_row_at<const F: usize>(
        &self,
        level: Level,
        row: usize,
        courses: &Courses<F>,
        ops: &[Op<'_, F>],
        lines: [&mut [f32]; F],
    ) {
        level.run(WriteRow { tiles: self, row, courses, ops, lines });
    }
}

/// The arguments of [`Tiles::write_row`].
struct WriteRow<'a, const F: usize> {
    tiles: &'a Tiles,
    row: usize,
    courses: &'a Courses<F>,
    ops: &'a [Op<'a, F>],
    lines: [&'a mut [f32]; F],
}

impl<const F: usize> Kernel for WriteRow<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Wide>(self, token: V::Token) {
        let Self { tiles, row, courses, ops, mut lines } = self;
        let (band, image_row, row) = (&tiles.bands[row / BAND], row, row % BAND);
        let starts = &band.starts[row * tiles.strips..=(row + 1) * tiles.strips];
        let mut picked = Vec::new();
        for (strip, ends) in starts.windows(2).enumerate() {
            let entries = ends[0] as usize..ends[1] as usize;
            let (units, weights) = (&band.units[entries.clone()], &band.weights[entries]);
            if let Some(lit) = &courses.lit {
                pick(units, lit, &mut picked);
            }
            for first in (0..STRIP).step_by(V::LANES) {
                let mut sums = [[V::splat(token, 0.0)]; F];
                if courses.lit.is_some() {
                    for i in &picked {
                        let i = *i as usize;
                        shine(token, &mut sums, &courses.values[units[i] as usize], &weights[i].0[first..]);
                    }
                } else {
                    for (unit, weights) in units.iter().zip(weights) {
                        shine(token, &mut sums, &courses.values[*unit as usize], &weights.0[first..]);
                    }
                }
                let at = strip * STRIP + first;
                apply(token, ops, image_row * tiles.width + at, &mut sums);
                for (line, sum) in lines.iter_mut().zip(&sums) {
                    sum[0].store(&mut line[at..]);
                }
            }
        }
    }
}

/// Adds a cell's light in `F` frames. A function and no closure: only what is inlined is compiled for a level's instructions.
#[inline(always)]
fn shine<V: Vector, const F: usize>(token: V::Token, sums: &mut [[V; 1]; F], course: &[f32; F], weights: &[f32]) {
    let weights = V::load(token, weights);
    for f in 0..F {
        sums[f][0] = V::splat(token, course[f]).mul_add(weights, sums[f][0]);
    }
}

/// The entries whose unit is lit. A light that is 0 in every frame adds 0, so no pixel depends on whether it was passed over.
#[inline(always)]
fn pick(units: &[u32], lit: &[bool], picked: &mut Vec<u32>) {
    // Every entry is written, and kept by moving on: what is lit is not to be foretold, so a branch would be slow.
    picked.resize(units.len(), 0);
    let mut n = 0;
    for (i, unit) in units.iter().enumerate() {
        picked[n] = i as u32;
        n += usize::from(lit[*unit as usize]);
    }
    picked.truncate(n);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_the_sum_of_its_cells_at_every_level() {
        let patch = |row, col, height, width: usize| Patch {
            row,
            col,
            height,
            width,
            data: (0..height * width).map(|i| 1.0 + i as f32 * 0.25).collect(),
        };
        let patches = [patch(0, 3, 2, 30), patch(1, 15, 3, 2), patch(1, 0, 1, 37), Patch::default()];
        let canvas = [4, 37];
        let tiles = Tiles::new(canvas, &patches);
        assert_eq!(tiles.stride(), 48);
        let values = vec![[1.0, 0.5, 3.0], [2.0, 0.1, 0.0], [0.3, 7.0, 1.0], [9.0; 3]];
        let dark = vec![[1.0, 0.5, 3.0], [0.0; 3], [0.3, 7.0, 1.0], [0.0; 3]];
        let image: Vec<f32> = (0..canvas[0] * canvas[1]).map(|i| 0.5 + i as f32 * 0.125).collect();
        let ops = [Op::AddScaled(&image, [0.5, 1.5, 0.0]), Op::Multiply(&image), Op::Add(&image)];
        assert!(Courses::new(values.clone()).lit.is_none() && Courses::new(dark.clone()).lit.is_some());
        for (courses, row) in [values, dark].iter().flat_map(|courses| (0..canvas[0]).map(move |row| (courses, row))) {
            let map = &image[row * canvas[1]..(row + 1) * canvas[1]];
            for level in Level::available() {
                let mut lines = [[f32::NAN; 48]; 3];
                let [a, b, c] = &mut lines;
                tiles.write_row_at(level, row, &Courses::new(courses.clone()), &ops, [a, b, c]);
                for (f, line) in lines.iter().enumerate() {
                    for (col, (made, map)) in line.iter().zip(map).enumerate() {
                        let mut sum = 0.0;
                        for (p, course) in patches.iter().zip(courses) {
                            let (r, c) = (row.wrapping_sub(p.row as usize), col.wrapping_sub(p.col as usize));
                            if r < p.height && c < p.width {
                                sum = course[f].mul_add(p.row_weights(r)[c], sum);
                            }
                        }
                        let sum = map.mul_add([0.5, 1.5, 0.0][f], sum) * map + map;
                        assert_eq!(*made, sum, "{level:?}, frame {f}, row {row}, column {col}");
                    }
                }
            }
        }
    }
}
