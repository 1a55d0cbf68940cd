//! The light of all cells, `Σ A_i c_i(t)`: a sparse matrix, laid out for adding many cells to many frames at once.
//!
//! A canvas row is cut into strips of 16 pixels; each strip lists the cells that reach it, in unit order, with 16 weights each.
//! A strip's light in several frames is summed up in registers, so a weight is read once for all of them, and every strip is
//! written once. The cost is linear in the footprints' pixels and in the frames.

#![expect(unsafe_code, reason = "vector registers, so that sums stay in them")]

use std::marker::PhantomData;

use rayon::prelude::*;

use crate::footprint::Patch;
use crate::level::{Kernel, Lanes, Level};

/// Pixels of a strip.
pub const STRIP: usize = 16;
/// Canvas rows that are laid out by one thread at a time.
const BAND: usize = 64;

/// Weights of one cell in one strip.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Weights([f32; STRIP]);

/// Footprints of all cells on a canvas, strip by strip.
#[derive(Clone, Debug)]
pub struct Tiles {
    /// Strips in a canvas row.
    strips: usize,
    n_units: usize,
    /// Of each strip, row by row, the first entry; and the end of the last one.
    starts: Vec<u32>,
    units: Vec<u32>,
    weights: Vec<Weights>,
}

impl Tiles {
    /// The layout of `patches` on a canvas of (height, width) px.
    #[must_use]
    pub fn new(canvas: [usize; 2], patches: &[Patch]) -> Self {
        let strips = canvas[1].div_ceil(STRIP);
        // The strips a patch row covers.
        let cover = |p: &Patch| p.col as usize / STRIP..(p.col as usize + p.width).div_ceil(STRIP);
        let rows = |p: &Patch| p.row as usize..p.row as usize + p.height;
        let lit = || patches.iter().enumerate().filter(|(_, p)| !p.data.is_empty());
        let mut starts = vec![0_u32; canvas[0] * strips + 1];
        for (_, p) in lit() {
            for row in rows(p) {
                cover(p).for_each(|strip| starts[row * strips + strip + 1] += 1);
            }
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let n = starts.last().copied().unwrap_or_default() as usize;
        let (mut units, mut weights) = (vec![0; n], vec![Weights([0.0; STRIP]); n]);
        // Bands of canvas rows are filled side by side.
        let mut bands = Vec::new();
        let (mut units_left, mut weights_left) = (units.as_mut_slice(), weights.as_mut_slice());
        for top in (0..canvas[0]).step_by(BAND) {
            let bottom = (top + BAND).min(canvas[0]);
            let starts = &starts[top * strips..=bottom * strips];
            let n = (starts[starts.len() - 1] - starts[0]) as usize;
            let (units, weights);
            (units, units_left) = units_left.split_at_mut(n);
            (weights, weights_left) = weights_left.split_at_mut(n);
            bands.push((top..bottom, starts, units, weights));
        }
        bands.into_par_iter().for_each(|(band, starts, units, weights)| {
            let mut next: Vec<u32> = starts.iter().map(|s| s - starts[0]).collect();
            for (unit, p) in lit() {
                let own = rows(p);
                for row in own.start.max(band.start)..own.end.min(band.end) {
                    let (values, left) = (p.row_weights(row - p.row as usize), p.col as usize);
                    for strip in cover(p) {
                        let slot = &mut next[(row - band.start) * strips + strip];
                        let at = *slot as usize;
                        *slot += 1;
                        units[at] = unit as u32;
                        let (from, to) = ((strip * STRIP).max(left), ((strip + 1) * STRIP).min(left + p.width));
                        weights[at].0[from - strip * STRIP..to - strip * STRIP]
                            .copy_from_slice(&values[from - left..to - left]);
                    }
                }
            }
        });
        Self { strips, n_units: patches.len(), starts, units, weights }
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

    /// Writes canvas row `row` of `F` frames into `lines`, one a frame, each [`Self::stride`] long. `courses` holds the
    /// brightness of each cell in these frames. Every pixel sums its cells in unit order, starting from darkness.
    pub fn write_row<const F: usize>(&self, row: usize, courses: &[[f32; F]], lines: [&mut [f32]; F]) {
        self.write_row_at(Level::best(), row, courses, lines);
    }

    fn write_row_at<const F: usize>(&self, level: Level, row: usize, courses: &[[f32; F]], lines: [&mut [f32]; F]) {
        match level {
            Level::Baseline => level.run(WriteRow::<F, [f32; 4]>::new(self, row, courses, lines)),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => level.run(WriteRow::<F, x86::Eight>::new(self, row, courses, lines)),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => level.run(WriteRow::<F, x86::Sixteen>::new(self, row, courses, lines)),
        }
    }
}

/// Pixels in a register. (The sums of eight frames are more than compilers promote to registers by themselves.)
trait Vector: Copy {
    const LANES: usize;
    fn zero() -> Self;
    /// `self + scale * weights`, rounded after each operation.
    fn add_scaled(self, weights: &[f32], scale: f32) -> Self;
    fn store(self, line: &mut [f32]);
}

impl Vector for [f32; 4] {
    const LANES: usize = 4;

    #[inline(always)]
    fn zero() -> Self {
        [0.0; 4]
    }

    #[inline(always)]
    fn add_scaled(mut self, weights: &[f32], scale: f32) -> Self {
        for (sum, weight) in self.iter_mut().zip(&weights[..4]) {
            *sum += scale * weight;
        }
        self
    }

    #[inline(always)]
    fn store(self, line: &mut [f32]) {
        line[..4].copy_from_slice(&self);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! Registers of eight and sixteen pixels. They are used at the levels that have them only.

    use std::arch::x86_64::*;

    use super::Vector;

    macro_rules! vector {
        ($name:ident, $register:ident, $lanes:literal, $zero:ident, $set:ident, $load:ident, $multiply:ident, $add:ident, $store:ident) => {
            #[derive(Clone, Copy)]
            pub(super) struct $name($register);

            impl Vector for $name {
                const LANES: usize = $lanes;

                #[inline(always)]
                fn zero() -> Self {
                    // SAFETY: the level has this register.
                    Self(unsafe { $zero() })
                }

                #[inline(always)]
                fn add_scaled(self, weights: &[f32], scale: f32) -> Self {
                    let weights = &weights[..$lanes];
                    // SAFETY: the level has this register, and the slice is as long.
                    Self(unsafe { $add(self.0, $multiply($set(scale), $load(weights.as_ptr()))) })
                }

                #[inline(always)]
                fn store(self, line: &mut [f32]) {
                    let line = &mut line[..$lanes];
                    // SAFETY: as above.
                    unsafe { $store(line.as_mut_ptr(), self.0) }
                }
            }
        };
    }

    vector!(
        Eight,
        __m256,
        8,
        _mm256_setzero_ps,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_mul_ps,
        _mm256_add_ps,
        _mm256_storeu_ps
    );
    vector!(
        Sixteen,
        __m512,
        16,
        _mm512_setzero_ps,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_mul_ps,
        _mm512_add_ps,
        _mm512_storeu_ps
    );
}

/// The arguments of [`Tiles::write_row`].
struct WriteRow<'a, const F: usize, V> {
    tiles: &'a Tiles,
    row: usize,
    courses: &'a [[f32; F]],
    lines: [&'a mut [f32]; F],
    vector: PhantomData<V>,
}

impl<'a, const F: usize, V> WriteRow<'a, F, V> {
    fn new(tiles: &'a Tiles, row: usize, courses: &'a [[f32; F]], lines: [&'a mut [f32]; F]) -> Self {
        Self { tiles, row, courses, lines, vector: PhantomData }
    }
}

impl<const F: usize, V: Vector> Kernel for WriteRow<'_, F, V> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { tiles, row, courses, mut lines, .. } = self;
        let starts = &tiles.starts[row * tiles.strips..=(row + 1) * tiles.strips];
        for (strip, ends) in starts.windows(2).enumerate() {
            let entries = ends[0] as usize..ends[1] as usize;
            let (units, weights) = (&tiles.units[entries.clone()], &tiles.weights[entries]);
            for first in (0..STRIP).step_by(V::LANES) {
                let mut sums = [V::zero(); F];
                for (unit, weights) in units.iter().zip(weights) {
                    let course = &courses[*unit as usize];
                    for f in 0..F {
                        sums[f] = sums[f].add_scaled(&weights.0[first..], course[f]);
                    }
                }
                for (line, sum) in lines.iter_mut().zip(&sums) {
                    sum.store(&mut line[strip * STRIP + first..]);
                }
            }
        }
    }
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
        let courses = [[1.0, 0.5, 3.0], [2.0, 0.1, 0.0], [0.3, 7.0, 1.0], [9.0; 3]];
        for row in 0..canvas[0] {
            for level in Level::available() {
                let mut lines = [[f32::NAN; 48]; 3];
                let [a, b, c] = &mut lines;
                tiles.write_row_at(level, row, &courses, [a, b, c]);
                for (f, line) in lines.iter().enumerate() {
                    for (col, made) in line.iter().enumerate() {
                        let mut sum = 0.0;
                        for (p, course) in patches.iter().zip(&courses) {
                            let (r, c) = (row.wrapping_sub(p.row as usize), col.wrapping_sub(p.col as usize));
                            if r < p.height && c < p.width {
                                sum += course[f] * p.row_weights(r)[c];
                            }
                        }
                        assert_eq!(*made, sum, "{level:?}, frame {f}, row {row}, column {col}");
                    }
                }
            }
        }
    }
}
