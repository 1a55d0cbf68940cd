//! Blur that grows off the optical axis, as a GRIN lens shows it.
//!
//! # What it models
//! Coma and astigmatism: away from the axis a cell is smeared along the radius, and less across it.
//!
//! # Model
//! At distance r from the optical axis a cell's image is convolved with an elliptical Gaussian whose axis points along the radius:
//! `σ_radial = radial_sigma_um * (r / r_edge)^exponent`, `σ_tangential` likewise, with r_edge = `edge_um`. It comes after the round blur of
//! depth and focus; squares of σ add up. Light is spread, none is lost.
//!
//! # Sources
//! Seidel's aberrations: coma grows with r, astigmatism with r² (Born and Wolf, Principles of Optics, chapter 5). GRIN relays have both,
//! and a sharp field of about half their diameter: Antonini et al. 2020, eLife 9:e52882. The strengths here are a convention.
//!
//! # Leaves out
//! The comet's tail of coma (a Gaussian is symmetric), spherical aberration on the axis, aberration of vessels and of the background,
//! which is smooth. Field curvature is a field of the optics.
//!
//! # Records
//! `aberration_radial_px`, `aberration_tangential_px`, `aberration_angle_rad`.

use super::{Domain, Part, Step};
use crate::{
    building::Builder,
    math,
    physics::blur::Ellipse,
    spec::{Acquisition, Checker, NonNegative, Positive, record::record},
    truth::{Declared, Dim, Stored, TruthData},
};

/// Largest σ at the edge, of the shorter side of the field of view.
const MAX_SIGMA: f64 = 0.25;

record! {
    /// Smears cells off the optical axis, more along the radius than across it.
    pub struct FieldAberration: step, panel("anatomy", "Aberration", 5), since("0.2") {
        /// σ along the radius at the edge.
        radial_sigma_um: NonNegative = 6.0, "µm", slider(0.0, 20.0, 0.5), label("Along the radius");
        /// σ across the radius at the edge.
        tangential_sigma_um: NonNegative = 3.0, "µm", slider(0.0, 20.0, 0.5), label("Across the radius");
        /// How abruptly it grows: 1 = coma, 2 = astigmatism.
        exponent: Positive = 2.0, "", slider(1.0, 4.0, 0.5), label("Growth");
        /// Distance of the edge from the optical axis; null = half the shorter side of the field of view.
        edge_um: Option<Positive> => None, "µm", slider(50.0, 500.0, 10.0), start(250.0), label("Edge");
    }
}

/// An array over the cells.
const fn of_cells(name: &'static str, unit: &'static str, doc: &'static str) -> Declared {
    Declared { name, dims: &[Dim::Unit], unit, doc, stored: Stored::Extra }
}

impl Step for FieldAberration {
    const KIND: &'static str = "field_aberration";
    const DOMAIN: Domain = Domain::Cell;
    const PART: Part = Part::Instrument;
    const RECORDS: &'static [Declared] = &[
        of_cells("aberration_radial_px", "px", "σ of each cell's aberration along the radius from the optical axis."),
        of_cells("aberration_tangential_px", "px", "σ of each cell's aberration across the radius."),
        of_cells(
            "aberration_angle_rad",
            "rad",
            "Direction of the radius at each cell: 0 = along rows, to the right; π/2 = down.",
        ),
    ];

    fn example() -> Self {
        Self { radial_sigma_um: NonNegative::lit(8.0), ..Self::default() }
    }

    fn check(&self, cx: &mut Checker<'_>) {
        let Some(acquisition) = cx.acquisition() else { return };
        let most = MAX_SIGMA * shorter_side_um(acquisition);
        for (field, sigma) in
            [("radial_sigma_um", self.radial_sigma_um.get()), ("tangential_sigma_um", self.tangential_sigma_um.get())]
        {
            if sigma > most {
                let rule = format!("is more than {most:.0} µm, a quarter of the shorter side of the field of view");
                cx.error(field, format!("{sigma:?}"), rule, "lower it; lenses have some micrometres at their edge");
            }
        }
    }

    fn build(&self, scene: &mut Builder<'_>) {
        let pixel_um = scene.optical().pixel_size_um;
        let aberration: Vec<Ellipse> =
            scene.cells().centers_um.iter().map(|c| self.at(c[1], c[2], scene.acquisition(), pixel_um)).collect();
        let n = aberration.len();
        let each = |of: fn(&Ellipse) -> f64| TruthData::F64(aberration.iter().map(of).collect::<Vec<f64>>().into());
        let arrays = [each(|e| e.sigma_px[0]), each(|e| e.sigma_px[1]), each(|e| e.angle_rad)];
        for (declared, data) in Self::RECORDS.iter().zip(arrays) {
            scene.record(declared.name, &[n], data);
        }
        scene.set_aberration(aberration);
    }
}

impl FieldAberration {
    /// The blur of what lies at (y, x) µm from the optical axis.
    #[must_use]
    pub fn at(&self, y_um: f64, x_um: f64, acquisition: &Acquisition, pixel_um: f64) -> Ellipse {
        let edge_um = self.edge_um.map_or_else(|| 0.5 * shorter_side_um(acquisition), Positive::get);
        let growth = math::pow(math::hypot(y_um, x_um) / edge_um, self.exponent.get());
        // Beyond the edge, in the corners and the margin, the blur keeps growing, but no footprint fills the field.
        let most_px = MAX_SIGMA * shorter_side_um(acquisition) / pixel_um;
        let sigma_px = [self.radial_sigma_um, self.tangential_sigma_um]
            .map(|sigma| (sigma.get() * growth / pixel_um).min(most_px));
        Ellipse { sigma_px, angle_rad: math::atan2(y_um, x_um) }
    }

    /// Largest σ (µm) at the corners of the field of view.
    #[must_use]
    pub fn largest_sigma_um(&self, acquisition: &Acquisition) -> f64 {
        let [y, x] = acquisition.fov_um().map(|side| 0.5 * side);
        let pixel_um = acquisition.pixel_size_um();
        self.at(y, x, acquisition, pixel_um).sigma_px.into_iter().fold(0.0, f64::max) * pixel_um
    }
}

fn shorter_side_um(acquisition: &Acquisition) -> f64 {
    let [height, width] = acquisition.fov_um();
    height.min(width)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{Recording, Spec, simulate, spec::Format};

    fn film(steps: &Value) -> Recording {
        let text = json!({
            "acquisition": {
                "duration_s": 0.5, "focal_depth_in_tissue_um": 100.0, "optics": { "magnification": 4.0, "na": 0.3 },
                "image_sensor": { "n_px_height": 400, "n_px_width": 400, "pixel_pitch_um": 8.0 },
            },
            "seed": 5, "steps": steps,
        });
        let spec = Spec::from_text(&text.to_string(), Format::Json).unwrap_or_else(|e| panic!("{e}")).spec;
        simulate(&spec).unwrap_or_else(|e| panic!("{e}"))
    }

    fn one_cell(y_um: f64, x_um: f64, aberration: Option<Value>) -> Recording {
        let cells = json!({ "kind": "place_neurons", "positions_um": [[100.0, y_um, x_um]] });
        let mut steps = vec![cells, json!({ "kind": "cell_activity" }), json!({ "kind": "optics" })];
        steps.extend(aberration);
        steps.push(json!({ "kind": "composite" }));
        film(&json!(steps))
    }

    /// Light of a film's first frame, its variances (px²) along the given direction and across it.
    fn moments(recording: &Recording, angle: f64) -> [f64; 3] {
        let frame = recording.observed.frame(0);
        let (mut light, mut y, mut x) = (0.0, 0.0, 0.0);
        let places = || frame.iter().enumerate().map(|(i, v)| ((i / 400) as f64, (i % 400) as f64, f64::from(*v)));
        for (r, c, v) in places() {
            (light, y, x) = (light + v, y + v * r, x + v * c);
        }
        let (mut along, mut across) = (0.0, 0.0);
        for (r, c, v) in places() {
            let (dy, dx) = (r - y / light, c - x / light);
            let [u, w] = [dx * angle.cos() + dy * angle.sin(), dy * angle.cos() - dx * angle.sin()];
            (along, across) = (along + v * u * u / light, across + v * w * w / light);
        }
        [light, along, across]
    }

    #[test]
    fn second_moments_are_those_of_the_closed_form_and_light_is_kept() {
        let step = json!({ "kind": "field_aberration", "radial_sigma_um": 16.0, "tangential_sigma_um": 6.0, "edge_um": 300.0 });
        // A pixel is 2 µm; at the edge, half way to it, and on the axis.
        for (y, x, growth) in [(180.0, 240.0, 1.0), (-120.0, 90.0, 0.25), (0.0, 0.0, 0.0)] {
            let angle = f64::atan2(y, x);
            let before = moments(&one_cell(y, x, None), angle);
            let recording = one_cell(y, x, Some(step.clone()));
            let after = moments(&recording, angle);
            assert!((after[0] / before[0] - 1.0).abs() < 1e-4, "({y}, {x}): {before:?}, {after:?}");
            for (k, sigma_px) in [(1, 8.0 * growth), (2, 3.0 * growth)] {
                let added = after[k] - before[k];
                assert!((added - sigma_px * sigma_px).abs() < 0.01 * after[k], "({y}, {x}): {added}, not {sigma_px}²");
            }
            let truth = &recording.ground_truth;
            let number = |name: &str| truth.f64s(name).expect("recorded")[0];
            assert!((number("aberration_radial_px") - 8.0 * growth).abs() < 1e-9);
            assert!((number("aberration_tangential_px") - 3.0 * growth).abs() < 1e-9);
            assert_eq!(number("aberration_angle_rad"), angle);
            // What the truth regenerates is what was rendered.
            let (footprint, trace) = (truth.observed_footprints(), truth.c()[0]);
            let dense = footprint.dense_in_fov(&footprint.patches[0]);
            let frame = recording.observed.frame(0);
            let worst = dense.iter().zip(&frame).map(|(a, b)| (a * trace as f32 - b).abs()).fold(0.0, f32::max);
            assert!(worst <= 1e-6 * frame.iter().copied().fold(0.0, f32::max), "{worst}");
        }
    }

    #[test]
    fn a_smeared_cell_is_harder_to_detect() {
        let snr = |aberration: bool| {
            let mut steps = vec![
                json!({ "kind": "place_neurons", "positions_um": [[100.0, 180.0, 240.0], [100.0, 0.0, 0.0]] }),
                json!({ "kind": "cell_activity", "p_quiescent_to_active": 0.5 }),
                json!({ "kind": "optics" }),
                json!({ "kind": "composite" }),
                json!({ "kind": "sensor", "photons_per_unit": 4000.0 }),
            ];
            if aberration {
                steps.push(json!({ "kind": "field_aberration", "radial_sigma_um": 16.0, "edge_um": 300.0 }));
            }
            film(&json!(steps)).ground_truth.f64s("peak_snr").expect("a sensor").to_vec()
        };
        let (sharp, smeared) = (snr(false), snr(true));
        assert!(smeared[0] < 0.8 * sharp[0], "{sharp:?}, {smeared:?}");
        assert!(sharp[1] > 0.0 && smeared[1] == sharp[1], "{sharp:?}, {smeared:?}");
    }
}
