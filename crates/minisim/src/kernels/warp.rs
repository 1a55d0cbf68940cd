//! The canvas under the scope, turned and deformed: each pixel of the field of view comes from a place of its own.

use super::arithmetic::between;
use crate::{
    level::{Ints, Kernel, Level, Wide},
    plan::Displacement,
};

/// Pixels that are worked on before any is stored; no level's vectors are wider.
const PIXELS: usize = 16;

/// Rows of an image of the canvas in memory: those that somebody asks for, from `first_row` on. Beyond the canvas it is dark.
#[derive(Clone, Copy, Debug)]
pub struct Canvas<'a> {
    /// Pixels, row by row.
    pub pixels: &'a [f32],
    /// Pixels from row to row.
    pub stride: usize,
    /// The canvas row that the pixels begin with.
    pub first_row: usize,
    /// (height, width) px of the whole canvas.
    pub shape: [usize; 2],
}

impl<'a> Canvas<'a> {
    /// Where in memory a row lies, if it is on the canvas.
    #[inline(always)]
    fn start(&self, row: i64) -> Option<usize> {
        let on_canvas = usize::try_from(row).ok().filter(|row| *row < self.shape[0]);
        on_canvas.and_then(|row| row.checked_sub(self.first_row)).map(|row| row * self.stride)
    }

    fn pixel(&self, row: i64, col: i64) -> f32 {
        match (self.start(row), usize::try_from(col)) {
            (Some(start), Ok(col)) if col < self.shape[1] => self.pixels[start + col],
            _ => 0.0,
        }
    }

    /// The pixel at a place, that to its right, and those below them.
    fn corners(&self, row: i64, col: i64) -> [f32; 4] {
        let [below, right] = [row.saturating_add(1), col.saturating_add(1)];
        [self.pixel(row, col), self.pixel(row, right), self.pixel(below, col), self.pixel(below, right)]
    }

    /// `N` pixels of as many rows as are asked for, from a place on; `None` unless all are on the canvas.
    #[inline(always)]
    fn window<const ROWS: usize, const N: usize>(&self, row: i64, col: i64) -> Option<[&'a [f32; N]; ROWS]> {
        let last = self.start(row.checked_add(ROWS as i64 - 1)?)?;
        let (first, col) = (self.start(row)?, usize::try_from(col).ok()?);
        if col + N > self.shape[1] || last + col + N > self.pixels.len() {
            return None;
        }
        let mut rows = [&[0.0; N]; ROWS];
        for (r, line) in rows.iter_mut().enumerate() {
            *line = self.pixels[first + r * self.stride + col..].first_chunk()?;
        }
        Some(rows)
    }

    /// The [`corners`](Self::corners) of the first `n` pixels of a group, which lie at `place` and one after the other, displaced
    /// by `rows` and `cols`, which are signed numbers. Displacements hardly differ between neighbours, so that mostly all come
    /// from three rows, and from where these are moved by at most one pixel more.
    #[inline(always)]
    fn group(&self, [row, col]: [i64; 2], rows: &[u32; PIXELS], cols: &[u32; PIXELS], n: usize) -> [[f32; PIXELS]; 4] {
        let least = |words: &[u32; PIXELS]| words.iter().fold(i32::MAX, |least, word| least.min(*word as i32));
        let most = |words: &[u32; PIXELS]| words.iter().fold(i32::MIN, |most, word| most.max(*word as i32));
        let from = [least(rows), least(cols)];
        let spread = [most(rows).wrapping_sub(from[0]), most(cols).wrapping_sub(from[1])];
        let mut corners = [[0.0; PIXELS]; 4];
        if (0..=1).contains(&spread[0]) && (0..=1).contains(&spread[1]) {
            let place = [row.saturating_add(i64::from(from[0])), col.saturating_add(i64::from(from[1]))];
            if let Some(window) = self.window::<3, { PIXELS + 2 }>(place[0], place[1]) {
                for i in 0..PIXELS {
                    let (lower, right) = (rows[i] as i32 != from[0], cols[i] as i32 != from[1]);
                    let across = |line: &[f32; PIXELS + 2], k: usize| {
                        let (here, next) = (line[i + k], line[i + k + 1]);
                        if right { next } else { here }
                    };
                    let [a, b, c] = window.map(|line| [across(line, 0), across(line, 1)]);
                    for k in 0..2 {
                        corners[k][i] = if lower { b[k] } else { a[k] };
                        corners[2 + k][i] = if lower { c[k] } else { b[k] };
                    }
                }
                return corners;
            }
        }
        for i in 0..n {
            let row = row.saturating_add(i64::from(rows[i] as i32));
            let col = col.saturating_add(i as i64 + i64::from(cols[i] as i32));
            let [a, b, c, d] = self.corners(row, col);
            (corners[0][i], corners[1][i], corners[2][i], corners[3][i]) = (a, b, c, d);
        }
        corners
    }
}

/// Where the pixels of the field of view come from in one frame.
#[derive(Clone, Debug)]
pub struct Bent {
    /// What is displaced as a whole: canvas row and column of the first pixel, as whole numbers and what is left of them.
    start: [i64; 2],
    part: [f32; 2],
    displacement: Displacement,
    /// See [`Bent::rows`].
    rows: [i64; 2],
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
        // Pixels are displaced in single precision.
        let [least, most] = displacement.local_range_px().map(|[dy, _]| f64::from(below) - dy);
        let rows = [(most - 1e-3).floor(), (least + 1e-3).floor() + 1.0].map(|row| top.saturating_add(row as i64));
        Self { start: [top, left], part: [below, right], displacement, rows }
    }

    /// The first and the last canvas row that any pixel of row 0 of the field of view could come from; for row `r`, those `r`
    /// further down.
    #[must_use]
    pub fn rows(&self) -> [i64; 2] {
        self.rows
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
            let col = bent.start[1].saturating_add(first as i64);
            let corners = canvas.group([row, col], &rows, &cols, line.len());
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
        let canvas = Canvas { pixels: &image, stride: CANVAS[1], first_row: 0, shape: CANVAS };
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
    fn rows_come_from_where_they_are_said_to() {
        let warp = deformation([4.3, -7.6], 0.05, |n| [((n * 7) % 5) as f64 - 2.0, ((n * 3) % 7) as f64 - 3.0]);
        let (image, bent) = (image(), Bent::new(CANVAS, FOV, warp.frame(FOV, 0)));
        let (mut here, mut whole, mut scratch) = (vec![0.0; FOV[1]], vec![0.0; FOV[1]], RowDisplacements::default());
        let [first, last] = bent.rows();
        let mut spared = 0;
        for r in 0..FOV[0] {
            let [from, to] = [first, last + 1].map(|row| (row + r as i64).clamp(0, CANVAS[0] as i64) as usize);
            spared += CANVAS[0] - (to - from);
            let canvas = |first_row: usize, end: usize| Canvas {
                pixels: &image[first_row * CANVAS[1]..end * CANVAS[1]],
                stride: CANVAS[1],
                first_row,
                shape: CANVAS,
            };
            bent.row(r, canvas(0, CANVAS[0]), &mut scratch, &mut whole);
            bent.row(r, canvas(from, to), &mut scratch, &mut here);
            assert_eq!(here, whole, "row {r}");
        }
        assert!(spared > 30 * FOV[0], "{spared} rows of all images are not needed");
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
