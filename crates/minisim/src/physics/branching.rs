//! Murray's law: how the radius divides where a tube branches, in vessels and dendrites.

use crate::math;

/// Radii of the main and the side child of a tube of radius `r`, when the main child takes the share `a` of r³.
#[must_use]
pub fn murray_children(r: f64, a: f64) -> (f64, f64) {
    (r * math::cbrt(a), r * math::cbrt(1.0 - a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cubes_add_up() {
        let (main, side) = murray_children(22.0, 0.7);
        assert!((main.powi(3) + side.powi(3) - 22.0_f64.powi(3)).abs() < 1e-9);
        assert!(main > side);
    }
}
