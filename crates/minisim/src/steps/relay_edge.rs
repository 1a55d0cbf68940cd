//! The edge of a GRIN relay lens.
//!
//! # What it models
//! A relay lens is a thin rod: beyond its rim there is no image. The film shows a bright disc with a sharp, dark surround.
//!
//! # Model
//! `movie *= share`, where share is 1 within `radius_um` of the centre, `outside` beyond it, and falls linearly over `width_um` about the
//! rim, or over a pixel if that is wider.
//!
//! # Sources
//! Geometry. GRIN relays for miniscopes have diameters of 0.5, 0.6 and 1 mm.
//!
//! # Leaves out
//! Light scattered at the rim, distortion and vignetting within the lens (a step of its own).
//!
//! # Records
//! `relay_edge`.

use super::{Domain, Part, Step};
use crate::{
    building::Builder,
    math,
    plan::{Field, Leg, Op},
    spec::{Checker, Extent, Fraction, Needs, NonNegative, Positive, record::record},
    truth::{Declared, Dim, Stored, TruthData},
};

/// Radius where none is given, of half the shorter side of the field of view.
const RADIUS: f64 = 0.9;

record! {
    /// Cuts the image at the rim of a relay lens.
    pub struct RelayEdge: step, panel("anatomy", "Relay lens", 9), since("0.2") {
        /// Radius of the lens; null = nine tenths of half the shorter side of the field of view.
        radius_um: Option<Positive> => None, "µm", slider(100.0, 500.0, 10.0), start(250.0), label("Radius");
        /// Share of light that is left beyond the rim.
        outside: Fraction = 0.0, "", slider(0.0, 0.5, 0.01), label("Light outside");
        /// Width of the rim.
        width_um: NonNegative = 5.0, "µm", slider(0.0, 50.0, 1.0), label("Width of the rim");
        /// Centre of the lens (y, x) from the optical axis.
        center_offset_um: [f64; 2] => [0.0, 0.0], "µm";
    }
}

impl Step for RelayEdge {
    const KIND: &'static str = "relay_edge";
    const DOMAIN: Domain = Domain::Scope;
    const PART: Part = Part::Instrument;
    const RECORDS: &'static [Declared] = &[Declared {
        name: "relay_edge",
        dims: &[Dim::Height, Dim::Width],
        unit: "",
        doc: "Share of light that the relay lens passes to each pixel.",
        stored: Stored::Extra,
    }];

    fn example() -> Self {
        Self { outside: Fraction::lit(0.02), ..Self::default() }
    }

    fn cost(&self, extent: &Extent) -> Needs {
        Needs::map(extent.fov_px, extent.fov_px)
    }

    fn check(&self, cx: &mut Checker<'_>) {
        cx.finite("center_offset_um", &self.center_offset_um);
    }

    fn build(&self, scene: &mut Builder<'_>) {
        let canvas = scene.canvas();
        let [h, w] = canvas.fov;
        let (map, field) = scene.scope_field("relay_edge", self, || {
            let [fov_h, fov_w] = canvas.fov_um();
            let radius_um = self.radius_um.map_or(RADIUS * 0.5 * fov_h.min(fov_w), Positive::get);
            let (width_um, outside) = (self.width_um.get().max(canvas.pixel_um), self.outside.get());
            let share = |i: usize| {
                let y = canvas.um_from_fov_px(0, (i / w) as i64) - self.center_offset_um[0];
                let x = canvas.um_from_fov_px(1, (i % w) as i64) - self.center_offset_um[1];
                let inside = ((radius_um - math::hypot(y, x)) / width_um + 0.5).clamp(0.0, 1.0);
                outside + (1.0 - outside) * inside
            };
            (0..h * w).map(share).collect()
        });
        scene.record("relay_edge", &canvas.fov, TruthData::F64(field.into()));
        scene.push(Op::Multiply(Field::still(map), Leg::Emission));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{Scene, Spec, spec::Format};

    #[test]
    fn the_disc_has_its_area_and_a_cell_beyond_it_is_not_seen() {
        let text = json!({
            "acquisition": {
                "duration_s": 1.0, "focal_depth_in_tissue_um": 100.0,
                "image_sensor": { "n_px_height": 160, "n_px_width": 200, "pixel_pitch_um": 16.0 },
            },
            "steps": [
                { "kind": "place_neurons", "positions_um": [[100.0, 0.0, 10.0], [100.0, 100.0, -150.0]] },
                { "kind": "cell_activity" }, { "kind": "optics" }, { "kind": "composite" },
                { "kind": "relay_edge", "radius_um": 120.0, "width_um": 8.0, "center_offset_um": [10.0, -20.0] },
                { "kind": "sensor", "photons_per_unit": 4000.0 },
            ],
        });
        let spec = Spec::from_text(&text.to_string(), Format::Json).unwrap_or_else(|e| panic!("{e}")).spec;
        let truth = Scene::new(&spec).expect("valid").into_ground_truth(None);
        let map = truth.f64s("relay_edge").expect("recorded");
        // A pixel is 2 µm. A rim that falls linearly over w has the area π (R² + w²/12) within.
        let area = map.iter().sum::<f64>() * 4.0;
        let expected = std::f64::consts::PI * (120.0_f64.powi(2) + 64.0 / 12.0);
        assert!((area / expected - 1.0).abs() < 1e-3, "{area}, not {expected}");
        // The pixel at the middle of the lens, 5 rows below and 10 columns left of the field's.
        assert_eq!((map[85 * 200 + 90], map[0], map[199]), (1.0, 0.0, 0.0));
        let snr = truth.f64s("peak_snr").expect("a sensor");
        assert!(snr[0] > 1.0 && snr[1] == 0.0, "{snr:?}");
    }
}
