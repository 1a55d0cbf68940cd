//! Excitation light that leaks onto the sensor.
//!
//! # What it models
//! A constant glow, fixed to the scope, that no cell emits: excitation light through the filters, autofluorescence of the
//! optics.
//!
//! # Model
//! `movie += level`, or `level * exp(-r² / 2σ²)` around the centre of the field of view.
//!
//! # Sources
//! Convention.
//!
//! # Leaves out
//! Change over time.
//!
//! # Records
//! `leakage`.

use rayon::prelude::*;

use super::{Domain, Part, Step};
use crate::{
    plan::{Field, Op},
    math,
    building::Builder,
    spec::{
        Extent, Needs, NonNegative, Positive,
        record::{choices, record},
    },
    truth::{Declared, Dim, Stored, TruthData},
};

choices! {
    /// Where the leaked light falls.
    pub enum LeakageProfile {
        /// Everywhere alike.
        Uniform = "uniform";
        /// A Gaussian around the centre.
        Gaussian = "gaussian";
    }
}

record! {
    /// Adds a constant glow of the scope itself.
    pub struct Leakage: step, panel("anatomy", "Leakage", 10) {
        /// "uniform" = everywhere alike, "gaussian" = brightest in the centre.
        profile: LeakageProfile => LeakageProfile::Gaussian, "", prominent();
        /// Brightness at the centre.
        level: NonNegative = 0.1, "fluorescence units", slider(0.0, 1.0, 0.02);
        /// Width of the Gaussian; null = a quarter of the smaller side of the field of view.
        sigma_um: Option<Positive> => None, "µm";
    }
}

impl Step for Leakage {
    const KIND: &'static str = "leakage";
    const DOMAIN: Domain = Domain::Scope;
    const PART: Part = Part::Background;
    const RECORDS: &'static [Declared] = &[Declared {
        name: "leakage",
        dims: &[Dim::Height, Dim::Width],
        unit: "fluorescence units",
        doc: "Light added to each pixel in every frame.",
        stored: Stored::WhenPresent,
    }];

    fn example() -> Self {
        Self { level: NonNegative::lit(0.2), ..Self::default() }
    }

    fn cost(&self, extent: &Extent) -> Needs {
        Needs::map(extent.fov_px, extent.fov_px)
    }

    fn build(&self, scene: &mut Builder<'_>) {
        let canvas = scene.canvas();
        let level = self.level.get();
        let [h, w] = canvas.fov;
        let make = || match self.profile {
            LeakageProfile::Uniform => vec![level; h * w],
            LeakageProfile::Gaussian => {
                let [fov_h, fov_w] = canvas.fov_um();
                let sigma = self.sigma_um.map_or(fov_h.min(fov_w) / 4.0, |s| s.get());
                (0..h * w)
                    .into_par_iter()
                    .map(|i| {
                        let y = canvas.um_from_fov_px(0, (i / w) as i64) / sigma;
                        let x = canvas.um_from_fov_px(1, (i % w) as i64) / sigma;
                        level * math::exp(-0.5 * (y * y + x * x))
                    })
                    .collect()
            }
        };
        let (map, field) = scene.scope_field("leakage", self, make);
        scene.record("leakage", &canvas.fov, TruthData::F64(field.into()));
        scene.push(Op::Add(Field::still(map)));
    }
}
