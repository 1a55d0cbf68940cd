//! Depth costs focus and brightness.

use minisim::{
    physics::{blur::degrade_footprint, optics::OpticalModel},
    spec::Report,
};
use serde_json::json;

use crate::{
    figure::{Chapter, Figure, Knob, Panel, Plot, Quantity, Series},
    film::{SceneFilm, field, picture, typical_cell},
};

pub(super) const CHAPTER: Chapter = Chapter {
    name: "depth",
    title: "Depth and focus",
    text: "The scope is focused at one depth. How far a cell lies from that plane decides how blurred it appears, and how deep it \
           lies decides how much of its light survives the way through the tissue: excitation is lost on the way down, emission \
           on the way up. The V4's focal surface is also bowl-shaped, so cells at the corners go soft even at the right depth.",
    question: "Move the focus onto the deep cell. Is it now as bright as the near one was?",
    answer: "No. Refocusing undoes the blur of defocus, but neither the scattering, which blurs more with every micrometre, nor the \
             light lost on the way. Deep cells fade fastest, and no focus brings them back.",
    knobs: &[
        Knob { label: "Focal depth", unit: "µm", min: 0.0, max: 300.0, step: 5.0, start: 100.0 },
        Knob { label: "Depth of the deep cell", unit: "µm", min: 60.0, max: 300.0, step: 5.0, start: 140.0 },
        Knob { label: "Emission mean free path", unit: "µm", min: 30.0, max: 300.0, step: 5.0, start: 100.0 },
        Knob { label: "Scatter blur per µm of depth", unit: "", min: 0.0, max: 0.15, step: 0.005, start: 0.03 },
        Knob { label: "Radius of the focal surface", unit: "µm", min: 500.0, max: 8000.0, step: 100.0, start: 2500.0 },
    ],
    draw,
};

/// Depth of the near cell (µm).
const NEAR_UM: f64 = 100.0;
/// Half the side of the close-ups (px).
const CLOSE_PX: usize = 24;
/// Distance of the V4's corner from its axis (µm).
const V4_CORNER_UM: f64 = 711.0;

fn draw(knobs: &[f64]) -> Result<Figure, Report> {
    let &[focal, deep, mfp, scatter, radius] = knobs else { return Ok(Figure::empty()) };
    let film = SceneFilm::new(&field(
        &[],
        [
            ("acquisition.focal_depth_in_tissue_um", json!(focal)),
            ("acquisition.tissue.scatter_mfp_emission_um", json!(mfp)),
            ("acquisition.tissue.scatter_blur_per_um", json!(scatter)),
            ("acquisition.optics.field_curvature_radius_um", json!(radius)),
        ],
    )?)?;
    let model = OpticalModel::new(&film.scene.spec.acquisition);
    let t = film.liveliest();
    let truth = film.image("The true cells", film.light_of(&film.truth.planted, t, |_| true));
    let seen = film.image("As the scope records them", film.frame(t, Some("cells_only")));
    // One and the same cell at both depths, in the middle of a close-up.
    let side = 2 * CLOSE_PX;
    let cell = typical_cell(&film, [side + CLOSE_PX; 2]);
    let at_depth = |z: f64| {
        let spread = model.point_spread(z, focal);
        let blurred = degrade_footprint(&cell, spread.sigma_px, spread.footprint_gain, [3 * side, 3 * side]);
        let stack = minisim::footprint::FootprintStack {
            canvas_shape: [3 * side, 3 * side],
            fov_offset: [side, side],
            fov_shape: [side, side],
            patches: Vec::new(),
        };
        (spread, stack.dense_in_fov(&blurred))
    };
    let ((near_spread, near), (deep_spread, far)) = (at_depth(NEAR_UM), at_depth(deep));
    let peak = |v: &[f32]| f64::from(v.iter().copied().fold(0.0, f32::max));
    let ratio = peak(&near) / peak(&far).max(1e-12);
    let close = |title: String, data: Vec<f32>| {
        let high = peak(&data) as f32;
        Panel::Image(picture(title, [side, side], data, film.pixel_um()).between(0.0, high))
    };
    let curve =
        |value: &dyn Fn(f64) -> f64| (0..=60).map(|i| 5.0 * f64::from(i)).map(|z| [z, value(z)]).collect::<Vec<_>>();
    let best = model.point_spread(0.0, 0.0).peak_brightness.max(1e-12);
    let um = film.pixel_um();
    Ok(Figure {
        panels: vec![
            Panel::Image(truth),
            Panel::Image(seen),
            close(format!("A cell at {NEAR_UM:.0} µm"), near),
            close(format!("The same cell at {deep:.0} µm, brightened {ratio:.0} ×"), far),
            Panel::Plot(Plot {
                title: "Brightness of a small cell against its depth".into(),
                x: "depth (µm)".into(),
                y: "% of one at the surface, in focus".into(),
                series: vec![
                    Series::new(
                        "at this focus",
                        curve(&|z| 100.0 * model.point_spread(z, focal).peak_brightness / best),
                    ),
                    Series::new("if refocused", curve(&|z| 100.0 * model.point_spread(z, z).peak_brightness / best)),
                ],
            }),
        ],
        quantities: vec![
            Quantity::new("Depth of field, ±", model.depth_of_field_um, 1, "µm"),
            Quantity::new(format!("Blur σ at {NEAR_UM:.0} µm"), near_spread.sigma_px * um, 1, "µm"),
            Quantity::new(format!("Blur σ at {deep:.0} µm"), deep_spread.sigma_px * um, 1, "µm"),
            Quantity::new(
                format!("Light that survives from {NEAR_UM:.0} µm"),
                100.0 * model.attenuation(NEAR_UM),
                1,
                "%",
            ),
            Quantity::new(format!("Light that survives from {deep:.0} µm"), 100.0 * model.attenuation(deep), 1, "%"),
            Quantity::new("Near cell brighter than deep cell", ratio, 1, "×"),
            Quantity::new("Focus shallower at the V4's corner by", model.focal_shift_um(V4_CORNER_UM), 0, "µm"),
        ],
        caption: "The true cells are all sharp and distinct. Recorded, depth blurs and dims each of them: near the focal plane they \
                  stay crisp, the others soften and fade.",
    })
}
