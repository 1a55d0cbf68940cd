//! The canvas moves under the scope.

/// The centred `fov` (height, width) of a `canvas` image whose content is displaced by (dy, dx) px, with bilinear
/// interpolation; content moves towards higher indices for positive values. Beyond the canvas it is dark.
#[must_use]
pub fn shift_and_crop(image: &[f32], canvas: [usize; 2], fov: [usize; 2], shift_px: [f64; 2]) -> Vec<f32> {
    let axis = |k: usize| {
        let start = (canvas[k] - fov[k]) as f64 / 2.0 - shift_px[k];
        let whole = start.floor();
        (whole as i64, (start - whole) as f32)
    };
    let ((top, fy), (left, fx)) = (axis(0), axis(1));
    let mut out = vec![0.0_f32; fov[0] * fov[1]];
    let mut upper = vec![0.0_f32; fov[1] + 1];
    let mut lower = vec![0.0_f32; fov[1] + 1];
    for (r, line) in out.chunks_exact_mut(fov[1]).enumerate() {
        let row = top + r as i64;
        if r == 0 {
            load(image, canvas, row, left, &mut upper);
        } else {
            std::mem::swap(&mut upper, &mut lower);
        }
        load(image, canvas, row + 1, left, &mut lower);
        for (c, p) in line.iter_mut().enumerate() {
            let above = upper[c] + (upper[c + 1] - upper[c]) * fx;
            let below = lower[c] + (lower[c + 1] - lower[c]) * fx;
            *p = above + (below - above) * fy;
        }
    }
    out
}

/// Copies `line.len()` pixels of canvas row `row` from column `left` on; outside it is dark.
fn load(image: &[f32], canvas: [usize; 2], row: i64, left: i64, line: &mut [f32]) {
    line.fill(0.0);
    let Ok(row) = usize::try_from(row) else { return };
    if row >= canvas[0] {
        return;
    }
    let skip = usize::try_from(-left).unwrap_or(0);
    let from = usize::try_from(left).unwrap_or(0);
    if skip >= line.len() || from >= canvas[1] {
        return;
    }
    let n = (line.len() - skip).min(canvas[1] - from);
    line[skip..skip + n].copy_from_slice(&image[row * canvas[1] + from..][..n]);
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
