//! Gaussian blur: of a small footprint on a dark canvas, and of a whole field.

use crate::{footprint::Patch, math};

/// A Gaussian kernel of width `sigma`, cut at 4σ (radius `floor(4σ + 0.5)`) and normalised to sum 1.
#[must_use]
pub fn gaussian_kernel(sigma: f64) -> Vec<f64> {
    let radius = (4.0 * sigma + 0.5).floor().max(0.0) as i64;
    if radius == 0 {
        return vec![1.0];
    }
    let weights: Vec<f64> = (-radius..=radius)
        .map(|i| {
            let d = i as f64 / sigma;
            math::exp(-0.5 * d * d)
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}

/// `gain * (patch ⊛ Gaussian(sigma_px))` on a dark canvas of `canvas` (height, width) pixels; light that leaves the canvas
/// is lost.
#[must_use]
pub fn degrade_footprint(patch: &Patch, sigma_px: f64, gain: f64, canvas: [usize; 2]) -> Patch {
    let kernel: Vec<f32> = gaussian_kernel(sigma_px).into_iter().map(|w| w as f32).collect();
    let radius = (kernel.len() / 2) as i32;
    let grown = [
        (patch.row - radius).max(0),
        (patch.row + patch.height as i32 + radius).min(canvas[0] as i32),
        (patch.col - radius).max(0),
        (patch.col + patch.width as i32 + radius).min(canvas[1] as i32),
    ];
    if patch.data.is_empty() || grown[0] >= grown[1] || grown[2] >= grown[3] {
        return Patch { row: 0, col: 0, height: 0, width: 0, data: Vec::new() };
    }
    let (height, width) = ((grown[1] - grown[0]) as usize, (grown[3] - grown[2]) as usize);
    // Down the columns first: rows grow, columns stay. Each output row is a sum of weighted source rows.
    let mut tall = vec![0.0_f32; height * patch.width];
    for (r, line) in tall.chunks_exact_mut(patch.width).enumerate() {
        let canvas_row = grown[0] + r as i32;
        for source in 0..patch.height {
            let tap = canvas_row - (patch.row + source as i32) + radius;
            if let Some(weight) = usize::try_from(tap).ok().and_then(|t| kernel.get(t)) {
                line.iter_mut().zip(patch.row_weights(source)).for_each(|(a, b)| *a += weight * b);
            }
        }
    }
    // Then along the rows, spreading each source pixel over its reach.
    let mut data = vec![0.0_f32; height * width];
    for (line, source) in data.chunks_exact_mut(width).zip(tall.chunks_exact(patch.width)) {
        for (c, value) in source.iter().enumerate() {
            if *value == 0.0 {
                continue;
            }
            let first = patch.col + c as i32 - radius - grown[2];
            let skip = (-first).max(0) as usize;
            let start = first.max(0) as usize;
            let taps = &kernel[skip.min(kernel.len())..];
            line[start.min(width)..].iter_mut().zip(taps).for_each(|(a, w)| *a += value * w);
        }
    }
    let gain = gain as f32;
    data.iter_mut().for_each(|v| *v *= gain);
    Patch { row: grown[0], col: grown[2], height, width, data }
}

/// How a field is continued beyond its edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// By its edge pixels.
    Replicate,
    /// By its mirror image, edge pixels doubled.
    Mirror,
}

impl Border {
    /// The index inside `0..n` that stands for `index`.
    fn inside(self, index: i64, n: usize) -> usize {
        let n = n as i64;
        let at = match self {
            Self::Replicate => index.clamp(0, n - 1),
            Self::Mirror => {
                let folded = index.rem_euclid(2 * n);
                folded.min(2 * n - 1 - folded)
            }
        };
        at as usize
    }
}

/// A `(height, width)` field blurred by `sigma_px`.
#[must_use]
pub fn blur_field(field: &[f64], shape: [usize; 2], sigma_px: f64, border: Border) -> Vec<f64> {
    let kernel = gaussian_kernel(sigma_px);
    let radius = kernel.len() / 2;
    if radius == 0 {
        return field.to_vec();
    }
    let [height, width] = shape;
    let mut tall = vec![0.0; field.len()];
    for row in 0..height {
        let line = &mut tall[row * width..(row + 1) * width];
        for (tap, weight) in kernel.iter().enumerate() {
            let source = border.inside(row as i64 + tap as i64 - radius as i64, height);
            let from = &field[source * width..(source + 1) * width];
            line.iter_mut().zip(from).for_each(|(a, b)| *a += weight * b);
        }
    }
    let mut padded = vec![0.0; width + 2 * radius];
    let mut out = vec![0.0; field.len()];
    for (line, source) in out.chunks_exact_mut(width).zip(tall.chunks_exact(width)) {
        padded[radius..radius + width].copy_from_slice(source);
        for i in (0..radius).chain(radius + width..width + 2 * radius) {
            padded[i] = source[border.inside(i as i64 - radius as i64, width)];
        }
        for (tap, weight) in kernel.iter().enumerate() {
            line.iter_mut().zip(&padded[tap..]).for_each(|(a, b)| *a += weight * b);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blur_keeps_the_light_on_a_large_canvas() {
        let patch = Patch { row: 100, col: 90, height: 2, width: 3, data: vec![1.0, 0.5, 0.25, 1.0, 0.0, 0.75] };
        for sigma in [0.0, 0.2, 1.0, 3.3, 11.0] {
            let wide = degrade_footprint(&patch, sigma, 0.3, [200, 200]);
            assert!((wide.sum() / (0.3 * patch.sum()) - 1.0).abs() < 1e-5, "sigma {sigma}: {}", wide.sum());
        }
    }

    #[test]
    fn a_border_only_cuts() {
        let patch = Patch { row: 3, col: 4, height: 2, width: 2, data: vec![1.0, 0.5, 0.25, 1.0] };
        let free = degrade_footprint(&Patch { row: 53, col: 54, ..patch.clone() }, 2.5, 1.0, [120, 120]);
        let cut = degrade_footprint(&patch, 2.5, 1.0, [9, 9]);
        assert_eq!(free.cropped(50, 50, 9, 9), cut);
    }

    #[test]
    fn a_constant_field_stays_constant() {
        for border in [Border::Replicate, Border::Mirror] {
            let out = blur_field(&[0.7; 20 * 13], [20, 13], 9.0, border);
            assert!(out.iter().all(|v| (v - 0.7).abs() < 1e-12));
        }
    }
}
