//! The LED lights the centre more than the edges.
//!
//! # What it models
//! Uneven excitation, fixed to the scope.
//!
//! # Model
//! `movie *= 1 - (1 - falloff) * (r / r_max)^exponent`, r from the centre of the field of view plus the offset, r_max to the
//! farthest corner. Bleaching feels it too.
//!
//! # Sources
//! A radial power law is the usual description of miniscope illumination.
//!
//! # Leaves out
//! Structure of the LED chip, drift of the LED over a session.
//!
//! # Records
//! `illumination`.

use super::{Domain, Part, Step};
use crate::{
    plan::{Field, Leg, Op},
    physics::falloff::radial_falloff,
    building::Builder,
    spec::{Checker, Extent, Fraction, Needs, Positive, record::record},
    truth::{Declared, Dim, Stored, TruthData},
};

record! {
    /// Dims the excitation towards the edges.
    pub struct IlluminationProfile: step, panel("anatomy", "Illumination", 8) {
        /// Excitation at the farthest corner, relative to the centre; 1 = even.
        falloff: Fraction = 0.7, "", slider(0.0, 1.0, 0.05), label("Edge");
        /// How abruptly it falls: 2 = parabola.
        exponent: Positive = 2.0, "", slider(0.5, 6.0, 0.5), label("Rolloff");
        /// Centre of the light (y, x) from the optical axis.
        center_offset_um: [f64; 2] => [0.0, 0.0], "µm";
    }
}

impl Step for IlluminationProfile {
    const KIND: &'static str = "illumination_profile";
    const DOMAIN: Domain = Domain::Scope;
    const PART: Part = Part::Instrument;
    const RECORDS: &'static [Declared] = &[Declared {
        name: "illumination",
        dims: &[Dim::Height, Dim::Width],
        unit: "",
        doc: "Excitation at each pixel, relative to the brightest place.",
        stored: Stored::WhenPresent,
    }];

    fn example() -> Self {
        Self { falloff: Fraction::lit(0.6), ..Self::default() }
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
        let (map, field) = scene.scope_field("illumination", self, || {
            radial_falloff(canvas.fov, canvas.fov_px_from_um(dy, dx), self.falloff.get(), self.exponent.get())
        });
        scene.record("illumination", &canvas.fov, TruthData::F64(field.into()));
        scene.push(Op::Multiply(Field::still(map), Leg::Excitation));
    }
}
