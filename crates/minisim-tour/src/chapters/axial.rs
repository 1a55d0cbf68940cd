//! The brain moves in depth.

use minisim::spec::Report;
use serde_json::json;

use crate::{
    figure::{Chapter, Figure, Knob, Panel, Plot, Quantity, Series},
    film::{FPS, SceneFilm, field, over_time},
};

pub(super) const CHAPTER: Chapter = Chapter {
    name: "axial",
    title: "The brain moves in depth",
    text: "The brain also moves along the optical axis, by a few micrometres with every stride and breath, and slowly over a session. \
           No image registration sees it: cells stay where they are and come into focus and leave it. What dims a cell is its blur, so \
           a still cell seems to blink, and a sharp lens with a shallow focus makes it worse.",
    question: "Which cell suffers most from a shift of 5 µm: one in the focal plane, or one 30 µm below it?",
    answer: "The one below. In the plane the blur is at its least, and a small shift to either side hardly changes it. Away from the plane \
             every micrometre counts: a shift towards the cell sharpens and brightens it, one away from it blurs and dims it.",
    knobs: &[
        Knob { label: "Stride", unit: "µm", min: 0.0, max: 10.0, step: 0.5, start: 4.0 },
        Knob { label: "Steady drift", unit: "µm/min", min: -60.0, max: 60.0, step: 5.0, start: 0.0 },
        Knob { label: "Depth of the cells below focus", unit: "µm", min: -40.0, max: 40.0, step: 5.0, start: 20.0 },
    ],
    draw,
};

/// Depth of the focal plane at rest (µm).
const FOCUS_UM: f64 = 60.0;
/// Length of the film's beginning whose strides are shown (s).
const CLOSE_S: f64 = 2.0;

fn draw(knobs: &[f64]) -> Result<Figure, Report> {
    let &[stride, drift, below] = knobs else { return Ok(Figure::empty()) };
    // A thin sheet of cells that shine steadily, so that all that changes is the focus.
    let sheet = [
        ("acquisition.focal_depth_in_tissue_um", json!(FOCUS_UM)),
        ("steps.place_neurons.populations.0.depth_range_um", json!([FOCUS_UM + below - 1.0, FOCUS_UM + below + 1.0])),
        ("steps.place_neurons.populations.0.density_per_mm3", json!(60_000.0)),
        ("steps.cell_activity.active_rate_hz", json!(1e-6)),
        ("steps.cell_activity.quiescent_rate_hz", json!(0.0)),
        ("steps.cell_activity.brightness_cv", json!(0.0)),
    ];
    let still = SceneFilm::new(&field(&[], sheet.clone())?)?;
    let motion = [
        ("steps.axial_motion.stride_um", json!(stride)),
        ("steps.axial_motion.breathing_um", json!(0.0)),
        ("steps.axial_motion.drift_um", json!(0.0)),
        ("steps.axial_motion.linear_um_per_min", json!(drift)),
    ];
    let moving = SceneFilm::new(&field(&["axial_motion"], sheet.into_iter().chain(motion))?)?;
    let shifts = moving.truth.f64s("axial_shift_um").unwrap_or_default().to_vec();
    let farthest = (0..shifts.len()).max_by(|a, b| shifts[*a].abs().total_cmp(&shifts[*b].abs())).unwrap_or(0);
    let sharp = still.frame(farthest, None);
    let pixel = (0..sharp.len()).max_by(|a, b| sharp[*a].total_cmp(&sharp[*b])).unwrap_or(0);
    let size = sharp.len().max(1);
    let bright: Vec<f64> = moving.frames(None).iter().skip(pixel).step_by(size).map(|v| f64::from(*v)).collect();
    let rest = f64::from(sharp[pixel]).max(1e-12);
    let change: Vec<f64> = bright.iter().map(|v| 100.0 * (v / rest - 1.0)).collect();
    let [dimmest, brightest] = change.iter().fold([0.0_f64; 2], |[low, high], v| [low.min(*v), high.max(*v)]);
    let left = still.image("At rest", sharp);
    let right =
        moving.image("In the frame of the largest shift", moving.frame(farthest, None)).between(left.low, left.high);
    // A few strides: more could not be told apart.
    let close = ((CLOSE_S * FPS) as usize).min(shifts.len());
    let first = |values: &[f64]| over_time(&values[..close.min(values.len())], FPS).collect::<Vec<_>>();
    Ok(Figure {
        panels: vec![
            Panel::Image(left),
            Panel::Image(right),
            Panel::Plot(Plot {
                title: format!("Focus and a steady cell in the first {CLOSE_S:.0} s"),
                x: "time (s)".into(),
                y: "shift (µm), change (%)".into(),
                series: vec![
                    Series::new("focus, into the tissue (µm)", first(&shifts)),
                    Series::new("brightest pixel (%)", first(&change)),
                ],
            }),
        ],
        quantities: vec![
            Quantity::new("Largest shift", shifts[farthest].abs(), 1, "µm"),
            Quantity::new("The brightest pixel dims by up to", -dimmest, 1, "%"),
            Quantity::new("and brightens by up to", brightest, 1, "%"),
        ],
        caption: "A sheet of cells that do nothing, at rest and in the frame of the largest shift of the focus. Nothing has moved within the \
                  image, yet the light of a pixel changes as if the cell were active.",
    })
}
