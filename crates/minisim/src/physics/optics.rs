//! How light from a point in the tissue reaches the sensor: blur, attenuation, focal surface.

use super::defocus::Defocus;
use crate::math;

/// The acquisition's optical constants, resolved.
///
/// Lengths in µm. Source of the formulas: diffraction and depth of field of a fluorescence objective (Gaussian
/// approximation of the Airy disc, σ = 0.21 λ/NA); exponential loss along the diffuse excitation and the ballistic
/// emission leg.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OpticalModel {
    /// Numerical aperture.
    pub na: f64,
    /// Object-space pixel size.
    pub pixel_size_um: f64,
    /// Diffraction blur σ.
    pub diffraction_sigma_um: f64,
    /// Half depth counted as in focus.
    pub depth_of_field_um: f64,
    /// Petzval radius of the focal surface; `None` = flat.
    pub field_curvature_radius_um: Option<f64>,
    /// Round-trip attenuation length.
    pub scatter_mfp_um: f64,
    /// Blur σ gained per µm of depth.
    pub scatter_blur_per_um: f64,
}

/// What the optics make of a point source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointSpread {
    /// Total blur σ on the sensor (px).
    pub sigma_px: f64,
    /// Factor on the blurred footprint: attenuation × NA².
    pub footprint_gain: f64,
    /// Height of the blurred point's peak relative to a sharp one at the surface of a lens of NA 1.
    pub peak_brightness: f64,
}

impl OpticalModel {
    /// Fraction of light that survives the way down and up to depth `z_um`.
    #[must_use]
    pub fn attenuation(&self, z_um: f64) -> f64 {
        math::exp(-z_um / self.scatter_mfp_um)
    }

    /// Blur σ without defocus (µm): diffraction and scatter.
    #[must_use]
    pub fn focused_sigma_um(&self, z_um: f64) -> f64 {
        math::hypot(self.diffraction_sigma_um, self.scatter_blur_per_um * z_um)
    }

    /// Blur σ of defocus (µm).
    #[must_use]
    pub fn defocus_sigma_um(&self, z_um: f64, focal_um: f64) -> f64 {
        self.na * (z_um - focal_um).abs()
    }

    /// By how much the focal surface is shallower at distance `r_um` from the axis (µm).
    #[must_use]
    pub fn focal_shift_um(&self, r_um: f64) -> f64 {
        match self.field_curvature_radius_um {
            None => 0.0,
            Some(radius) => {
                let r = r_um.abs().min(radius);
                radius - (radius * radius - r * r).sqrt()
            }
        }
    }

    /// Depth of the focal plane on the axis that would put a point at (z, y, x) in focus (µm).
    #[must_use]
    pub fn effective_depth_um(&self, center_um: [f64; 3]) -> f64 {
        center_um[0] + self.focal_shift_um(math::hypot(center_um[1], center_um[2]))
    }

    /// Depth of the focal surface above or below the lateral place of `center_um` (µm).
    #[must_use]
    pub fn local_focal_depth_um(&self, center_um: [f64; 3], focal_um: f64) -> f64 {
        focal_um - self.focal_shift_um(math::hypot(center_um[1], center_um[2]))
    }

    /// How the blur of what lies at depth `z_um` changes as the focal surface moves from `focal_um`.
    #[must_use]
    pub fn defocus(&self, z_um: f64, focal_um: f64) -> Defocus {
        let pixel_um = self.pixel_size_um;
        Defocus::new(z_um - focal_um, self.focused_sigma_um(z_um) / pixel_um, self.na / pixel_um)
    }

    /// Blur and brightness of a point at depth `z_um` where the focal surface lies at `focal_um`.
    #[must_use]
    pub fn point_spread(&self, z_um: f64, focal_um: f64) -> PointSpread {
        let focused = self.focused_sigma_um(z_um);
        let sigma = math::hypot(focused, self.defocus_sigma_um(z_um, focal_um));
        let footprint_gain = self.attenuation(z_um) * self.na * self.na;
        // (σ0/σ)² with a sharp source in a clear, diffraction-free limit counted as fully sharp.
        let concentration = if sigma > 0.0 { (focused * focused) / (sigma * sigma) } else { 1.0 };
        PointSpread {
            sigma_px: sigma / self.pixel_size_um,
            footprint_gain,
            peak_brightness: concentration * footprint_gain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Acquisition;

    #[test]
    fn spread_times_peak_does_not_depend_on_focus() {
        let model = OpticalModel::new(&Acquisition::default());
        let in_focus = model.point_spread(80.0, 80.0);
        let product = in_focus.sigma_px.powi(2) * in_focus.peak_brightness;
        for focal in [0.0, 30.0, 79.0, 150.0, 1000.0] {
            let p = model.point_spread(80.0, focal);
            let now = p.sigma_px.powi(2) * p.peak_brightness;
            assert!((now / product - 1.0).abs() < 1e-12, "focal {focal}: {now} != {product}");
            assert!(p.sigma_px >= in_focus.sigma_px);
        }
    }

    #[test]
    fn default_round_trip_length_is_86_um() {
        let model = OpticalModel::new(&Acquisition::default());
        assert!((model.scatter_mfp_um - 600.0 / 7.0).abs() < 1e-9);
        assert!((model.attenuation(600.0 / 7.0) - math::exp(-1.0)).abs() < 1e-12);
    }
}
