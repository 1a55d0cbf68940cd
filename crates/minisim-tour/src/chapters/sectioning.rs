//! A one-photon microscope does not optically section.

use minisim::{physics::optics::OpticalModel, spec::Report};
use serde_json::json;

use crate::{
    figure::{Chapter, Figure, Knob, Panel, Quantity},
    film::{SceneFilm, field, mean_of},
    linear::quantile,
};

pub(super) const CHAPTER: Chapter = Chapter {
    name: "sectioning",
    title: "It does not optically section",
    text: "A two-photon microscope excites only the focal point, so cells elsewhere stay dark. A miniscope floods the tissue with \
           light and collects everything that comes back: cells above and below the focal plane lay a glow over those in focus. \
           Blurring spreads a cell's light, it does not remove it.",
    question: "Make the labelled slab thinner. How thin must it be before most of the light comes from cells in focus?",
    answer: "Only when it is about as thin as the depth of field. A thicker slab adds out-of-focus cells, and every one of them \
             adds light. A larger NA makes cells in focus sharper but leaves fewer of them there, so the share falls further.",
    knobs: &[
        Knob { label: "Thickness of the labelled slab", unit: "µm", min: 10.0, max: 240.0, step: 10.0, start: 200.0 },
        Knob { label: "Numerical aperture", unit: "", min: 0.1, max: 0.5, step: 0.02, start: 0.3 },
        Knob { label: "Cell density", unit: "1/mm³", min: 2000.0, max: 40000.0, step: 1000.0, start: 9000.0 },
    ],
    draw,
};

fn draw(knobs: &[f64]) -> Result<Figure, Report> {
    let &[thickness, na, density] = knobs else { return Ok(Figure::empty()) };
    let film = SceneFilm::new(&field(
        &[],
        [
            ("acquisition.optics.na", json!(na)),
            ("steps.place_neurons.populations.0.density_per_mm3", json!(density)),
            (
                "steps.place_neurons.populations.0.depth_range_um",
                json!([120.0 - thickness / 2.0, 120.0 + thickness / 2.0]),
            ),
        ],
    )?)?;
    let t = film.liveliest();
    let footprints = film.truth.observed_footprints();
    let in_focus = film.truth.in_focus();
    let sharp = film.light_of(&footprints, t, |i| in_focus[i]);
    let all = film.frame(t, Some("cells_only"));
    let share = 1.0 - mean_of(&sharp) / mean_of(&all).max(1e-12);
    let median = quantile(all.iter().map(|v| f64::from(*v)), 0.5);
    let right = film.image("The one-photon image: all cells", all);
    let left = film.image("Only the cells in focus", sharp).between(0.0, right.high);
    let right = right.between(0.0, left.high);
    let n_focus = in_focus.iter().filter(|f| **f).count();
    let dof = OpticalModel::new(&film.scene.spec.acquisition).depth_of_field_um;
    Ok(Figure {
        panels: vec![Panel::Image(left), Panel::Image(right)],
        quantities: vec![
            Quantity::new("Depth of field, ±", dof, 1, "µm"),
            Quantity::new("Cells in focus", n_focus as f64, 0, ""),
            Quantity::new("Cells in all", in_focus.len() as f64, 0, ""),
            Quantity::new("Light from cells out of focus", 100.0 * share, 0, "%"),
            Quantity::new("Median pixel", median, 3, "fluorescence units"),
        ],
        caption: "Same cells, same instant, same scale. Left, only the cells within the depth of field; right, what the \
                  microscope collects. The difference is the light that it cannot reject.",
    })
}
