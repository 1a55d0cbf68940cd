//! Radial fall-off of light over the field of view.

use rayon::prelude::*;

use crate::math;

/// A `(height, width)` map `1 - (1 - falloff) * (r / r_max)^exponent`, r from `center` (row, col in px), r_max the farthest
/// corner pixel.
#[must_use]
pub fn radial_falloff(shape: [usize; 2], center: [f64; 2], falloff: f64, exponent: f64) -> Vec<f64> {
    let [h, w] = shape;
    let corner = |row: usize, col: usize| math::hypot(row as f64 - center[0], col as f64 - center[1]);
    let r_max = corner(0, 0).max(corner(0, w - 1)).max(corner(h - 1, 0)).max(corner(h - 1, w - 1));
    let mut map = vec![0.0; h * w];
    map.par_chunks_mut(w.max(1)).enumerate().for_each(|(row, line)| {
        for (col, value) in line.iter_mut().enumerate() {
            let r = if r_max > 0.0 { corner(row, col) / r_max } else { 0.0 };
            *value = 1.0 - (1.0 - falloff) * math::pow(r, exponent);
        }
    });
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_the_centre_and_falloff_in_the_farthest_corner() {
        let map = radial_falloff([9, 13], [2.0, 3.0], 0.4, 2.0);
        assert!((map[2 * 13 + 3] - 1.0).abs() < 1e-15);
        assert!((map[8 * 13 + 12] - 0.4).abs() < 1e-15);
        assert!(map.iter().all(|v| (0.4..=1.0).contains(v)));
    }
}
