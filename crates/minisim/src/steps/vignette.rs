//! The lens passes less light from the edges.
//!
//! # What it models
//! Vignetting of the emission path, fixed to the scope.
//!
//! # Model
//! `movie *= 1 - (1 - falloff) * (r / r_max)^exponent`, r from the centre of the field of view plus the offset, r_max to the
//! farthest corner.
//!
//! # Sources
//! A radial power law; `exponent` 4 and a wide lens give the cos⁴ law.
//!
//! # Leaves out
//! Hard apertures, colour.
//!
//! # Records
//! `vignette`.

use super::{Domain, Part, Step};
use crate::{
    plan::{Field, Leg, Op},
    physics::falloff::radial_falloff,
    building::Builder,
    spec::{Checker, Extent, Fraction, Needs, Positive, record::record},
    truth::{Declared, Dim, Stored, TruthData},
};

record! {
    /// Dims the collected light towards the edges.
    pub struct Vignette: step, panel("anatomy", "Vignette", 9) {
        /// Collected light at the farthest corner, relative to the centre; 1 = even.
        falloff: Fraction = 0.5, "", slider(0.0, 1.0, 0.05), label("Edge");
        /// How abruptly it falls: 2 = parabola.
        exponent: Positive = 2.0, "", slider(0.5, 6.0, 0.5), label("Rolloff");
        /// Centre of the lens (y, x) from the optical axis.
        center_offset_um: [f64; 2] => [0.0, 0.0], "µm";
    }
}

impl Step for Vignette {
    const KIND: &'static str = "vignette";
    const DOMAIN: Domain = Domain::Scope;
    const PART: Part = Part::Instrument;
    const RECORDS: &'static [Declared] = &[Declared {
        name: "vignette",
        dims: &[Dim::Height, Dim::Width],
        unit: "",
        doc: "Share of light that the lens passes to each pixel, relative to the best place.",
        stored: Stored::WhenPresent,
    }];

    fn example() -> Self {
        Self { exponent: Positive::lit(3.0), ..Self::default() }
    }

    fn cost(&self, extent: &Extent) -> Needs {
        Needs::map(extent.fov_px, extent.fov_px)
    }

    fn check(&self, cx: &mut Checker<'_>) {
        cx.finite("center_offset_um", &self.center_offset_um);
    }

    fn build(&self, scene: &mut Builder<'_>) {
        let canvas = scene.canvas();
        let [dy, dx] = self.center_offset_um;
        let (map, field) = scene.scope_field("vignette", self, || {
            radial_falloff(canvas.fov, canvas.fov_px_from_um(dy, dx), self.falloff.get(), self.exponent.get())
        });
        scene.record("vignette", &canvas.fov, TruthData::F64(field.into()));
        scene.push(Op::Multiply(Field::still(map), Leg::Emission));
    }
}
