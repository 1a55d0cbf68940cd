//! What tissue and lens make of each cell: blur, dimming, focus.
//!
//! # What it models
//! Diffraction, scattering, defocus and absorption on the way from a cell to the sensor, for a curved focal surface.
//!
//! # Model
//! `σ0 = hypot(0.21 λ / NA, scatter_blur * z)`, `σ = hypot(σ0, NA * |z - z_focal|)`. The observed footprint is
//! `exp(-z / mfp) * NA²` times the planted one convolved with a Gaussian of σ, truncated at 4σ; light that leaves the canvas
//! is lost. The focal plane, unless given, is the one of 96 that makes most cells detectable; see
//! [`crate::physics::focus`].
//!
//! # Sources
//! Gaussian approximation of the Airy disc: Zhang, Zerubia, Olivo-Marin, Appl. Opt. 46:1819 (2007). Scattering lengths:
//! Al-Juboori 2013 PLoS ONE 8:e67626; Azimipour 2014 Biomed Opt Express; excitation: Ma 2020 Neurophotonics 7:031208.
//!
//! # Leaves out
//! Aberrations other than field curvature, anisotropic scatter, the tails of real scattering, vignetting (a step of its own).
//!
//! # Records
//! `observed_sigma_px`, `observed_gain`; the resolved focal depth.

use super::{Domain, Part, Step};
use crate::{
    physics::optics::PointSpread,
    building::Builder,
    spec::record::record,
    truth::{Declared, Dim, Stored, TruthData},
};

record! {
    /// Blurs and dims each cell by its depth and focus. Its numbers are those of the acquisition.
    pub struct CellOptics: step, panel("anatomy", "Blur by depth", 5) {}
}

impl Step for CellOptics {
    const KIND: &'static str = "optics";
    const DOMAIN: Domain = Domain::Cell;
    const PART: Part = Part::Signal;
    const RECORDS: &'static [Declared] = &[
        Declared {
            name: "observed_sigma_px",
            dims: &[Dim::Unit],
            unit: "px",
            doc: "Standard deviation of the blur of each cell's footprint.",
            stored: Stored::WhenPresent,
        },
        Declared {
            name: "observed_gain",
            dims: &[Dim::Unit],
            unit: "",
            doc: "Factor on each cell's blurred footprint: attenuation by the tissue times NA².",
            stored: Stored::WhenPresent,
        },
    ];

    fn example() -> Self {
        Self {}
    }

    fn build(&self, scene: &mut Builder<'_>) {
        let focal = scene.best_focal_depth_um();
        scene.set_focal_depth_um(focal);
        let model = *scene.optical();
        let spread: Vec<PointSpread> = scene
            .cells()
            .centers_um
            .iter()
            .map(|c| model.point_spread(c[0], model.local_focal_depth_um(*c, focal)))
            .collect();
        let n = spread.len();
        let sigma: Vec<f64> = spread.iter().map(|s| s.sigma_px).collect();
        let gain: Vec<f64> = spread.iter().map(|s| s.footprint_gain).collect();
        scene.set_spread(spread);
        scene.record("observed_sigma_px", &[n], TruthData::F64(sigma.into()));
        scene.record("observed_gain", &[n], TruthData::F64(gain.into()));
    }
}
