//! The canvas under the scope, turned and deformed: each pixel of the field of view comes from a place of its own.

use super::arithmetic::between;
use crate::{
    level::{Ints, Kernel, Level, Mask, Wide},
    plan::{Curve, Displacement, Stretch},
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

    /// `n` pixels of three rows, from a place on; `None` unless all are on the canvas.
    #[inline(always)]
    fn window(&self, row: i64, col: i64, n: usize) -> Option<[&'a [f32]; 3]> {
        let (first, last) = (self.start(row)?, self.start(row.checked_add(2)?)?);
        let col = usize::try_from(col).ok()?;
        if col + n > self.shape[1] || last + col + n > self.pixels.len() {
            return None;
        }
        let [above, middle, under] = [first + col, first + col + self.stride, last + col];
        Some([&self.pixels[above..above + n], &self.pixels[middle..middle + n], &self.pixels[under..under + n]])
    }

    /// The [`corners`](Self::corners) of pixels that lie at `place` and one after the other, displaced by `rows` and `cols`,
    /// which are signed numbers.
    #[inline(never)]
    fn scattered(&self, [row, col]: [i64; 2], rows: &[u32], cols: &[u32]) -> [[f32; PIXELS]; 4] {
        let mut corners = [[0.0; PIXELS]; 4];
        for (i, (down, right)) in rows.iter().zip(cols).enumerate() {
            let row = row.saturating_add(i64::from(*down as i32));
            let col = col.saturating_add(i as i64 + i64::from(*right as i32));
            for (corners, corner) in corners.iter_mut().zip(self.corners(row, col)) {
                corners[i] = corner;
            }
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
    stretches: Vec<Stretch>,
    /// See [`Bent::rows`].
    rows: [i64; 2],
}

/// Scratch for the displacements of a row of the field of view.
#[derive(Debug, Default)]
pub struct RowDisplacements {
    nodes: Vec<[f64; 2]>,
    curves: Vec<[Curve; 2]>,
    /// (dy, dx) px, with room for a register more than the row.
    px: [Vec<f32>; 2],
}

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
        let stretches = displacement.stretches(fov[1]);
        Self { start: [top, left], part: [below, right], displacement, stretches, rows }
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
        for axis in &mut displacements.px {
            axis.resize(line.len().next_multiple_of(PIXELS) + PIXELS, 0.0);
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
        let Self { bent, r, canvas, displacements: RowDisplacements { nodes, curves, px: [dy, dx] }, line } = self;
        bent.displacement.curves(r as f64, &bent.stretches, nodes, curves);
        displace::<V>(token, bent.displacement.cells_per_px(), &bent.stretches, curves, [&mut *dy, &mut *dx]);
        let ([top, left], part) = (bent.start, bent.part);
        let row = top.saturating_add(r as i64);
        let part = [V::splat(token, part[0]), V::splat(token, part[1])];
        let (n, mut first) = (line.len(), 0);
        while first < n {
            let (down, below) = floor(part[0].sub(V::load(token, &dy[first..])));
            let (across, right) = floor(part[1].sub(V::load(token, &dx[first..])));
            let place = [row, left.saturating_add(first as i64)];
            let light = match canvas.near::<V>(token, place, [down, across], [below, right]) {
                Some(light) => light,
                None => {
                    let (mut rows, mut cols) = ([0; PIXELS], [0; PIXELS]);
                    down.store(&mut rows);
                    across.store(&mut cols);
                    let n = (n - first).min(V::LANES);
                    let [a, b, c, d] = &canvas.scattered(place, &rows[..n], &cols[..n]);
                    let left = between(V::load(token, a), V::load(token, c), below);
                    between(left, between(V::load(token, b), V::load(token, d), below), right)
                }
            };
            if first + V::LANES <= n {
                light.store(&mut line[first..]);
            } else {
                let mut rest = [0.0; PIXELS];
                light.store(&mut rest);
                line[first..].copy_from_slice(&rest[..n - first]);
            }
            first += V::LANES;
        }
    }
}

impl Canvas<'_> {
    /// The light between the [`corners`](Self::corners) of pixels that lie at a place and one after the other, displaced by
    /// `whole` and `part` of a pixel. Displacements hardly differ between neighbours, so that mostly all come from three rows, and
    /// from where these are moved by at most one pixel more; `None` if these do not.
    #[inline(always)]
    fn near<V: Wide>(
        &self,
        token: V::Token,
        [row, col]: [i64; 2],
        whole: [V::Ints; 2],
        [below, right]: [V; 2],
    ) -> Option<V> {
        let (down, lower) = one_more::<V>(token, whole[0])?;
        let (across, farther) = one_more::<V>(token, whole[1])?;
        let [above, middle, under] = self.window(row.saturating_add(down), col.saturating_add(across), V::LANES + 2)?;
        let mut columns = [V::splat(token, 0.0); 3];
        for (k, column) in columns.iter_mut().enumerate() {
            let [a, b, c] = [V::load(token, &above[k..]), V::load(token, &middle[k..]), V::load(token, &under[k..])];
            *column = between(b.select(lower, a), c.select(lower, b), below);
        }
        let [a, b, c] = columns;
        Some(between(b.select(farther, a), c.select(farther, b), right))
    }
}

/// If signed numbers are no more than one apart, the least of them, and where there is one more. (They change so smoothly that the
/// first or the last one mostly is the least.)
#[inline(always)]
fn one_more<V: Wide>(token: V::Token, numbers: V::Ints) -> Option<(i64, <V::Ints as Ints>::Mask)> {
    let mut words = [0; PIXELS];
    numbers.store(&mut words);
    let least = (words[0] as i32).min(words[V::LANES - 1] as i32);
    let same = <V::Ints as Ints>::splat(token, least as u32);
    let more = <V::Ints as Ints>::splat(token, least.wrapping_add(1) as u32);
    let above = numbers.greater(same);
    let far = numbers.greater(more).or(same.greater(numbers));
    (!far.any()).then_some((i64::from(least), above))
}

/// Writes the displacements of a row, (dy, dx) px. A stretch's last register reaches into the next one, which is written after it.
#[inline(always)]
fn displace<V: Wide>(
    token: V::Token,
    cells_per_px: f32,
    stretches: &[Stretch],
    curves: &[[Curve; 2]],
    [dy, dx]: [&mut [f32]; 2],
) {
    const COUNT: [f32; PIXELS] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0];
    let (count, cells_per_px) = (V::load(token, &COUNT), V::splat(token, cells_per_px));
    for (stretch, [down, across]) in stretches.iter().zip(curves) {
        let part = V::splat(token, stretch.part);
        let mut first = stretch.cols.start;
        while first < stretch.cols.end {
            let px = V::splat(token, (first - stretch.origin) as i32 as f32).add(count).sub(part);
            let v = px.mul(cells_per_px);
            value(token, down, px, v).store(&mut dy[first..]);
            value(token, across, px, v).store(&mut dx[first..]);
            first += V::LANES;
        }
    }
}

/// A curve's value at `px`, or `v` cells, from the left.
#[inline(always)]
fn value<V: Wide>(token: V::Token, curve: &Curve, px: V, v: V) -> V {
    let ([c0, c1, c2, c3], [start, step]) = (curve.cubic, curve.line);
    let cubic = V::splat(token, c3).mul(v).add(V::splat(token, c2)).mul(v).add(V::splat(token, c1)).mul(v);
    let line = px.mul(V::splat(token, step)).add(V::splat(token, start));
    cubic.add(V::splat(token, c0)).add(line)
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
    fn rows_are_displaced_pixel_by_pixel_at_every_level() {
        struct Displace<'a>(&'a Bent, usize, &'a mut [Vec<f32>; 2]);

        impl Kernel for Displace<'_> {
            type Output = ();

            #[inline(always)]
            fn run<V: Wide>(self, token: V::Token) {
                let Self(Bent { displacement, stretches, .. }, r, [dy, dx]) = self;
                let (mut nodes, mut curves) = (Vec::new(), Vec::new());
                displacement.curves(r as f64, stretches, &mut nodes, &mut curves);
                displace::<V>(token, displacement.cells_per_px(), stretches, &curves, [dy, dx]);
            }
        }

        let warp = deformation([1.5, -2.0], 0.02, |n| [((n * 7) % 5) as f64 * 0.4, ((n * 3) % 7) as f64 * 0.3 - 1.0]);
        let frame = warp.frame(FOV, 0);
        let bent = Bent::new(CANVAS, FOV, frame.clone());
        for r in 0..FOV[0] {
            let rows = |level: Level| {
                let mut px = [0, 1].map(|_: usize| vec![f32::NAN; FOV[1] + 2 * PIXELS]);
                level.run(Displace(&bent, r, &mut px));
                px.map(|axis| axis[..FOV[1]].to_vec())
            };
            let baseline = rows(Level::Baseline);
            for (x, (dy, dx)) in baseline[0].iter().zip(&baseline[1]).enumerate() {
                let exact = frame.local_px(r as f64, x as f64);
                for (made, exact) in [(dy, exact[0]), (dx, exact[1])] {
                    let error = f64::from(*made) - exact;
                    assert!(error.abs() < 2e-6, "pixel ({r}, {x}): off by {error} px");
                }
            }
            for level in Level::available() {
                assert_eq!(rows(level), baseline, "{level:?}, row {r}");
            }
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
