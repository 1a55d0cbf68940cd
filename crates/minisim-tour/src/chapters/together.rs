//! Everything at once.

use minisim::spec::Report;
use serde_json::json;

use crate::{
    figure::{Chapter, Figure, Knob, Panel, Quantity},
    film::{SceneFilm, field, mean_of},
};

pub(super) const CHAPTER: Chapter = Chapter {
    name: "together",
    title: "Putting it together",
    text: "Every frame you record is this stack: the cells' signal, blurred and dimmed by depth, overlapping, sitting on neuropil and \
           behind vessels, jittering with the brain, unevenly lit, sampled with noise. Knowing which layer makes which feature tells \
           you what to change at the rig and what the analysis has to undo.",
    question: "How much of the light in the final frame comes from cells in focus? Which slider changes that share most?",
    answer: "A small part: most is haze, stray light and cells out of focus. Density and neuropil change the share most; more \
             photons do not change it at all, they only make the mixture less noisy.",
    knobs: &[
        Knob { label: "Cell density", unit: "1/mm³", min: 2000.0, max: 40000.0, step: 1000.0, start: 9000.0 },
        Knob { label: "Neuropil amplitude", unit: "", min: 0.1, max: 3.0, step: 0.1, start: 0.6 },
        Knob { label: "Stray light", unit: "", min: 0.0, max: 1.0, step: 0.02, start: 0.08 },
        Knob { label: "Photons per fluorescence unit", unit: "", min: 20.0, max: 4000.0, step: 20.0, start: 600.0 },
    ],
    draw,
};

fn draw(knobs: &[f64]) -> Result<Figure, Report> {
    let &[density, neuropil, stray, photons] = knobs else { return Ok(Figure::empty()) };
    let film = SceneFilm::new(&field(
        &["neuropil", "vasculature", "brain_motion", "illumination_profile", "vignette", "leakage", "sensor"],
        [
            ("acquisition.duration_s", json!(5.0)),
            ("steps.place_neurons.populations.0.density_per_mm3", json!(density)),
            ("steps.neuropil.amplitude", json!(neuropil)),
            ("steps.vasculature.layers.0.root_radius_um", json!(14.0)),
            ("steps.brain_motion.motion_amplitude_um", json!(5.0)),
            ("steps.brain_motion.max_shift_um", json!(10.0)),
            ("steps.leakage.level", json!(stray)),
            ("steps.sensor.photons_per_unit", json!(photons)),
        ],
    )?)?;
    let t = film.liveliest();
    let stage = |name: &str| film.frame(t, Some(name));
    let (cells, haze, vessels) = (stage("cells_only"), stage("neuropil"), stage("vasculature"));
    let (moved, lit, glow, counts) = (stage("brain_motion"), stage("vignette"), stage("leakage"), film.frame(t, None));
    let footprints = film.truth.observed_footprints();
    let in_focus = film.truth.in_focus();
    let sharp = mean_of(&film.light_of(&footprints, t, |i| in_focus[i]));
    // What is above the cells and fixed to the scope dims cells and haze alike.
    let passed = mean_of(&lit) / mean_of(&haze).max(1e-12);
    let total = mean_of(&glow).max(1e-12);
    let share = |v: f64| 100.0 * v / total;
    let picture = |title: &str, data: Vec<f32>| Panel::Image(film.image(title, data));
    Ok(Figure {
        panels: vec![
            picture("The true cells", film.light_of(&film.truth.planted, t, |_| true)),
            picture("+ optics and depth", cells.clone()),
            picture("+ neuropil", haze.clone()),
            picture("+ vessels", vessels),
            picture("+ motion", moved),
            picture("+ uneven light", lit.clone()),
            picture("+ stray light", glow),
            picture("+ sensor: the recording", counts),
        ],
        quantities: vec![
            Quantity::new("Light from cells in focus", share(sharp * passed), 1, "%"),
            Quantity::new("from cells out of focus", share((mean_of(&cells) - sharp) * passed), 1, "%"),
            Quantity::new("from the neuropil", share((mean_of(&haze) - mean_of(&cells)) * passed), 1, "%"),
            Quantity::new("stray light", share(total - mean_of(&lit)), 1, "%"),
            Quantity::new("Lost to vessels, illumination and vignette", 100.0 * (1.0 - passed), 0, "%"),
        ],
        caption: "One instant, layer after layer, each picture over its own range.",
    })
}
