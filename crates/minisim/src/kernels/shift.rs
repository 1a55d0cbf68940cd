//! The canvas moves under the scope.

use super::arithmetic::{Between, run_row};

/// Where the field of view lies on the canvas in one frame: content moves towards higher indices for positive shifts, by
/// bilinear interpolation; beyond the canvas it is dark.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    canvas: [usize; 2],
    width: usize,
    /// Canvas row above the first row of the field of view, and what lies between them (px).
    top: i64,
    below: f32,
    left: i64,
    right: f32,
}

impl View {
    /// The centred `fov` (height, width) of a `canvas` whose content is displaced by (dy, dx) px.
    #[must_use]
    pub fn new(canvas: [usize; 2], fov: [usize; 2], shift_px: [f64; 2]) -> Self {
        let axis = |k: usize| {
            let start = (canvas[k] - fov[k]) as f64 / 2.0 - shift_px[k];
            let whole = start.floor();
            (whole as i64, (start - whole) as f32)
        };
        let ((top, below), (left, right)) = (axis(0), axis(1));
        Self { canvas, width: fov[1], top, below, left, right }
    }

    /// The first and the last canvas row that row 0 of the field of view comes from; row `r` comes from those `r` further down.
    #[must_use]
    pub fn rows(&self) -> [i64; 2] {
        [self.top, self.top.saturating_add(1)]
    }

    /// What row `r` of the field of view lies between: canvas rows `top + r` and `top + r + 1`.
    ///
    /// `canvas_row` gives the pixels of a canvas row (at least the canvas wide); it is asked for rows of the canvas only. `edges`
    /// is scratch.
    pub fn row<'a>(&self, r: usize, edges: &'a mut Edges, canvas_row: impl Fn(usize) -> &'a [f32]) -> Between<'a> {
        let row = |row: i64| usize::try_from(row).ok().filter(|row| *row < self.canvas[0]).map(&canvas_row);
        let [upper, lower] = &mut edges.0;
        Between {
            upper: self.columns(row(self.top + r as i64), upper),
            lower: self.columns(row(self.top + r as i64 + 1), lower),
            right: self.right,
            below: self.below,
        }
    }

    /// The `width + 1` pixels of a canvas row from column `left` on: the row's own where they are all on it.
    fn columns<'a>(&self, row: Option<&'a [f32]>, scratch: &'a mut Vec<f32>) -> &'a [f32] {
        let n = self.width + 1;
        if let (Some(row), Ok(from)) = (row, usize::try_from(self.left))
            && from + n <= self.canvas[1]
        {
            return &row[from..from + n];
        }
        scratch.clear();
        scratch.resize(n, 0.0);
        let skip = usize::try_from(-self.left).unwrap_or(0);
        let from = usize::try_from(self.left).unwrap_or(0);
        if let Some(row) = row.filter(|_| skip < n && from < self.canvas[1]) {
            let n = (n - skip).min(self.canvas[1] - from);
            scratch[skip..skip + n].copy_from_slice(&row[from..from + n]);
        }
        scratch
    }
}

/// Rows that reach beyond the canvas.
#[derive(Debug, Default)]
pub struct Edges([Vec<f32>; 2]);

/// The centred `fov` (height, width) of a `canvas` image whose content is displaced by (dy, dx) px.
#[must_use]
pub fn shift_and_crop(image: &[f32], canvas: [usize; 2], fov: [usize; 2], shift_px: [f64; 2]) -> Vec<f32> {
    let mut out = vec![0.0; fov[0] * fov[1]];
    let (view, mut edges) = (View::new(canvas, fov, shift_px), Edges::default());
    for (r, line) in out.chunks_exact_mut(fov[1].max(1)).enumerate() {
        let from = view.row(r, &mut edges, |row| &image[row * canvas[1]..(row + 1) * canvas[1]]);
        run_row(Some(from), &[], 0, line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_pixels_move_exactly() {
        let canvas = [8, 9];
        let image: Vec<f32> = (0..72).map(|v| v as f32).collect();
        let out = shift_and_crop(&image, canvas, [4, 5], [1.0, -2.0]);
        for r in 0..4 {
            for c in 0..5 {
                assert_eq!(out[r * 5 + c], image[(r + 2 - 1) * 9 + c + 2 + 2]);
            }
        }
    }

    #[test]
    fn outside_the_canvas_it_is_dark() {
        let out = shift_and_crop(&[1.0; 16], [4, 4], [4, 4], [10.0, 0.0]);
        assert!(out.iter().all(|v| *v == 0.0));
        let half = shift_and_crop(&[1.0; 16], [4, 4], [4, 4], [0.0, 0.5]);
        assert_eq!(half[0], 0.5);
        assert_eq!(half[1], 1.0);
    }
}
