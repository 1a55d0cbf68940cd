//! The canvas under the scope, turned and deformed: each pixel of the field of view comes from a place of its own.

use super::arithmetic::between;
use crate::{
    level::{Ints, Kernel, Level, Wide},
    plan::Displacement,
};

/// Pixels that are worked on before any is stored; no level's vectors are wider.
const PIXELS: usize = 16;

/// An image of the canvas in memory; beyond it, it is dark.
#[derive(Clone, Copy, Debug)]
pub struct Canvas<'a> {
    /// Pixels, row by row.
    pub pixels: &'a [f32],
    /// Pixels from row to row.
    pub stride: usize,
    /// (height, width) px.
    pub shape: [usize; 2],
}

impl Canvas<'_> {
    fn pixel(&self, row: i64, col: i64) -> f32 {
        match (usize::try_from(row), usize::try_from(col)) {
            (Ok(row), Ok(col)) if row < self.shape[0] && col < self.shape[1] => self.pixels[row * self.stride + col],
            _ => 0.0,
        }
    }

    /// The pixel at a place, that to its right, and those below them.
    #[inline(always)]
    fn corners(&self, row: i64, col: i64) -> [f32; 4] {
        let [height, width] = self.shape.map(|n| n as i64);
        if row >= 0 && row + 1 < height && col >= 0 && col + 1 < width {
            let at = row as usize * self.stride + col as usize;
            if let (Some(&[a, b]), Some(&[c, d])) =
                (self.pixels[at..].first_chunk::<2>(), self.pixels[at + self.stride..].first_chunk::<2>())
            {
                return [a, b, c, d];
            }
        }
        let [below, right] = [row.saturating_add(1), col.saturating_add(1)];
        [self.pixel(row, col), self.pixel(row, right), self.pixel(below, col), self.pixel(below, right)]
    }
}

/// Where the pixels of the field of view come from in one frame.
#[derive(Clone, Debug)]
pub struct Bent {
    /// What is displaced as a whole: canvas row and column of the first pixel, as whole numbers and what is left of them.
    start: [i64; 2],
    part: [f32; 2],
    displacement: Displacement,
}

/// The displacements of a row of the field of view, (dy, dx) px.
#[derive(Debug, Default)]
pub struct RowDisplacements([Vec<f32>; 2]);

impl Bent {
    /// The centred `fov` (height, width) of a `canvas` whose content is displaced.
    #[must_use]
    pub fn new(canvas: [usize; 2], fov: [usize; 2], displacement: Displacement) -> Self {
        let axis = |k: usize| {
            let start = (canvas[k] as f64 - fov[k] as f64) / 2.0 - displacement.path_px[k];
            let whole = start.floor();
            (whole as i64, (start - whole) as f32)
        };
        let ((top, below), (left, right)) = (axis(0), axis(1));
        Self { start: [top, left], part: [below, right], displacement }
    }

    /// Writes row `r` of the field of view, by bilinear interpolation; `displacements` is scratch.
    pub fn row(&self, r: usize, canvas: Canvas<'_>, displacements: &mut RowDisplacements, line: &mut [f32]) {
        self.row_at(Level::best(), r, canvas, displacements, line);
    }

    fn row_at(
        &self,
        level: Level,
        r: usize,
        canvas: Canvas<'_>,
        displacements: &mut RowDisplacements,
        line: &mut [f32],
    ) {
        for axis in &mut displacements.0 {
            axis.resize(line.len().next_multiple_of(PIXELS), 0.0);
        }
        level.run(Row { bent: self, r, canvas, displacements, line });
    }
}

struct Row<'a> {
    bent: &'a Bent,
    r: usize,
    canvas: Canvas<'a>,
    displacements: &'a mut RowDisplacements,
    line: &'a mut [f32],
}

impl Kernel for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Wide>(self, token: V::Token) {
        let Self { bent, r, canvas, displacements: RowDisplacements([dy, dx]), line } = self;
        let n = line.len();
        bent.displacement.local_row(r as f64, [&mut dy[..n], &mut dx[..n]]);
        let row = bent.start[0].saturating_add(r as i64);
        let part = bent.part.map(|part| V::splat(token, part));
        for (group, line) in line.chunks_mut(PIXELS).enumerate() {
            let first = group * PIXELS;
            let (mut rows, mut cols) = ([0_u32; PIXELS], [0_u32; PIXELS]);
            let (mut below, mut right) = ([0.0; PIXELS], [0.0; PIXELS]);
            for at in (0..PIXELS).step_by(V::LANES) {
                let (whole, rest) = floor(part[0].sub(V::load(token, &dy[first + at..])));
                whole.store(&mut rows[at..]);
                rest.store(&mut below[at..]);
                let (whole, rest) = floor(part[1].sub(V::load(token, &dx[first + at..])));
                whole.store(&mut cols[at..]);
                rest.store(&mut right[at..]);
            }
            let mut corners = [[0.0; PIXELS]; 4];
            let col = bent.start[1].saturating_add(first as i64);
            for i in 0..line.len() {
                // The words are signed numbers.
                let row = row.saturating_add(i64::from(rows[i] as i32));
                let col = col.saturating_add(i as i64 + i64::from(cols[i] as i32));
                let [a, b, c, d] = canvas.corners(row, col);
                (corners[0][i], corners[1][i], corners[2][i], corners[3][i]) = (a, b, c, d);
            }
            let mut light = [0.0; PIXELS];
            for at in (0..PIXELS).step_by(V::LANES) {
                let [a, b, c, d] = [0, 1, 2, 3].map(|k: usize| V::load(token, &corners[k][at..]));
                let (below, right) = (V::load(token, &below[at..]), V::load(token, &right[at..]));
                between(between(a, c, below), between(b, d, below), right).store(&mut light[at..]);
            }
            line.copy_from_slice(&light[..line.len()]);
        }
    }
}

/// The greatest whole numbers not above some numbers, as signed words, and what is left of these.
#[inline(always)]
fn floor<V: Wide>(x: V) -> (V::Ints, V) {
    let token = x.token();
    let toward_zero = x.truncated();
    let too_much = x.less(toward_zero.to_floats());
    let minus_one = <V::Ints as Ints>::splat(token, u32::MAX);
    let whole = toward_zero.add(minus_one.select(too_much, Ints::splat(token, 0)));
    (whole, x.sub(whole.to_floats()))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the library's own fused arithmetic, to compare with")]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        kernels::shift::shift_and_crop,
        plan::{Course, Deformation, Grid, Mode},
    };

    const CANVAS: [usize; 2] = [50, 67];
    const FOV: [usize; 2] = [38, 53];

    fn image() -> Vec<f32> {
        (0..CANVAS[0] * CANVAS[1]).map(|i| ((i * 37) % 101) as f32 * 0.25).collect()
    }

    fn deformation(path_px: [f64; 2], rotation_rad: f64, vector: impl Fn(usize) -> [f64; 2]) -> Deformation {
        Deformation {
            path_px: vec![path_px],
            rotation_rad: vec![rotation_rad],
            grid: Grid { shape: [4, 5], spacing_px: 13.5 },
            modes: vec![Mode { vectors_px: Arc::new((0..20).map(vector).collect()), course: Course::Still }],
        }
    }

    fn rendered(level: Level, warp: &Deformation) -> Vec<f32> {
        let image = image();
        let canvas = Canvas { pixels: &image, stride: CANVAS[1], shape: CANVAS };
        let bent = Bent::new(CANVAS, FOV, warp.frame(FOV, 0));
        let (mut out, mut scratch) = (vec![f32::NAN; FOV[0] * FOV[1]], RowDisplacements::default());
        for (r, line) in out.chunks_exact_mut(FOV[1]).enumerate() {
            bent.row_at(level, r, canvas, &mut scratch, line);
        }
        out
    }

    #[test]
    fn each_pixel_is_the_canvas_at_its_displaced_place_at_every_level() {
        // As far as beyond the canvas on all sides.
        let warp = deformation([4.3, -7.6], 0.15, |n| [((n * 7) % 5) as f64 - 2.0, ((n * 3) % 7) as f64 - 3.0]);
        let image = image();
        let frame = warp.frame(FOV, 0);
        let baseline = rendered(Level::Baseline, &warp);
        let (mut dark, mut lit) = (0, 0);
        for (i, made) in baseline.iter().enumerate() {
            let (y, x) = ((i / FOV[1]) as f64, (i % FOV[1]) as f64);
            let local = frame.local_px(y, x);
            let at = |k: usize, p: f64| p + (CANVAS[k] - FOV[k]) as f64 / 2.0 - frame.path_px[k] - local[k];
            let (row, col) = (at(0, y), at(1, x));
            let pixel = |row: f64, col: f64| {
                let inside = row >= 0.0 && col >= 0.0 && row < CANVAS[0] as f64 && col < CANVAS[1] as f64;
                if inside { f64::from(image[row as usize * CANVAS[1] + col as usize]) } else { 0.0 }
            };
            let (top, left) = (row.floor(), col.floor());
            let line = |row: f64| pixel(row, left) * (left + 1.0 - col) + pixel(row, left + 1.0) * (col - left);
            let exact = line(top) * (top + 1.0 - row) + line(top + 1.0) * (row - top);
            assert!((f64::from(*made) - exact).abs() < 2e-4, "pixel ({y}, {x}): {made}, not {exact}");
            dark += usize::from(exact == 0.0);
            lit += usize::from(exact > 0.0);
        }
        assert!(dark > 10 && lit > 1000, "{dark} dark, {lit} lit");
        for level in Level::available() {
            assert_eq!(rendered(level, &warp), baseline, "{level:?}");
        }
    }

    #[test]
    fn without_deformation_it_is_the_rigid_shift_bit_for_bit() {
        for path_px in [[0.0, 0.0], [2.0, -3.0], [1.37, -4.81], [-11.2, 30.9], [1000.5, 0.0]] {
            let warp = deformation(path_px, 0.0, |_| [0.0; 2]);
            let rigid = shift_and_crop(&image(), CANVAS, FOV, path_px);
            assert_eq!(rendered(Level::best(), &warp), rigid, "{path_px:?}");
        }
    }

    #[test]
    fn the_same_displacement_everywhere_is_the_rigid_shift() {
        let shift = [3.25, -2.7];
        let rigid = shift_and_crop(&image(), CANVAS, FOV, shift);
        let warped = rendered(Level::best(), &deformation([0.0; 2], 0.0, |_| shift));
        for (warped, rigid) in warped.iter().zip(&rigid) {
            // A displacement of a few pixels has steps of 2⁻²² px; neighbours differ by 25 at most.
            assert!((warped - rigid).abs() <= 50.0 / (1 << 22) as f32 + 4e-6, "{warped}, not {rigid}");
        }
    }
}
