//! The brain will not hold still.

use minisim::spec::Report;
use serde_json::json;

use crate::{
    figure::{Chapter, Figure, Knob, Panel, Plot, Quantity, Series},
    film::{SceneFilm, field},
};

pub(super) const CHAPTER: Chapter = Chapter {
    name: "motion",
    title: "The brain will not hold still",
    text: "The brain is not bolted to the skull: it sways and is shaken by every stride, and the whole field jitters by some \
           micrometres. A fixed pixel does not stay on its cell, and averaging over time smears every cell. Registration \
           measures the shift between frames and undoes it.",
    question: "A running mouse strides at about 7 Hz. Which frame rate is too low to follow it? Watch the motion between frames.",
    answer: "Below about 14 frames a second, twice the stride, the path is no longer sampled: frames jump by as much as the motion \
             itself, and within an exposure the brain moves so far that the blur is baked into the pixels.",
    knobs: &[
        Knob { label: "Motion amplitude", unit: "µm", min: 0.0, max: 30.0, step: 0.5, start: 10.0 },
        Knob { label: "Stride frequency", unit: "Hz", min: 1.0, max: 12.0, step: 0.5, start: 7.0 },
        Knob { label: "Frame rate", unit: "1/s", min: 5.0, max: 60.0, step: 1.0, start: 20.0 },
    ],
    draw,
};

fn draw(knobs: &[f64]) -> Result<Figure, Report> {
    let &[amplitude, stride, fps] = knobs else { return Ok(Figure::empty()) };
    // A thin layer of shallow, sharp cells, on which smear shows best.
    let timing = [
        ("acquisition.fps", json!(fps)),
        ("acquisition.duration_s", json!(10.0)),
        ("acquisition.focal_depth_in_tissue_um", json!(30.0)),
        ("steps.place_neurons.populations.0.depth_range_um", json!([24.0, 36.0])),
        ("steps.place_neurons.populations.0.density_per_mm3", json!(30000.0)),
    ];
    let still = SceneFilm::new(&field(&[], timing.clone())?)?;
    // No motion at all is a film without the step.
    let moving = if amplitude > 0.0 {
        let changes = [
            ("steps.brain_motion.motion_amplitude_um", json!(amplitude)),
            ("steps.brain_motion.max_shift_um", json!(2.0 * amplitude)),
            ("steps.brain_motion.locomotion_freq_hz", json!(stride)),
        ];
        Some(SceneFilm::new(&field(&["brain_motion"], timing.into_iter().chain(changes))?)?)
    } else {
        None
    };
    let sharp = still.average(None);
    let smeared = moving.as_ref().map_or_else(|| sharp.clone(), |m| m.average(None));
    let um = still.pixel_um();
    let shifts: Vec<[f64; 2]> = moving
        .as_ref()
        .and_then(|m| m.truth.f64s("shifts"))
        .map(|v| v.chunks_exact(2).map(|s| [s[0] * um, s[1] * um]).collect())
        .unwrap_or_else(|| vec![[0.0; 2]; still.n_frames()]);
    let length = |s: [f64; 2]| s[0].hypot(s[1]);
    let rms = |v: &mut dyn Iterator<Item = f64>| {
        let (n, sum) = v.fold((0_usize, 0.0), |(n, s), x| (n + 1, s + x * x));
        (sum / n.max(1) as f64).sqrt()
    };
    let overall = rms(&mut shifts.iter().map(|s| length(*s)));
    let step = rms(&mut shifts.windows(2).map(|w| length([w[1][0] - w[0][0], w[1][1] - w[0][1]])));
    let largest = shifts.iter().map(|s| length(*s)).fold(0.0, f64::max);
    let kept = gradient(&smeared, still.shape()) / gradient(&sharp, still.shape()).max(1e-12);
    let left = still.image("Average over 10 s, held still", sharp);
    let right = still.image("Average over 10 s, moving", smeared).between(left.low, left.high);
    let axis = |axis: usize| shifts.iter().enumerate().map(move |(t, s)| [t as f64 / fps, s[axis]]);
    Ok(Figure {
        panels: vec![
            Panel::Image(left),
            Panel::Image(right),
            Panel::Plot(Plot {
                title: "Where the brain is".into(),
                x: "time (s)".into(),
                y: "shift (µm)".into(),
                series: vec![Series::new("down", axis(0)), Series::new("right", axis(1))],
            }),
        ],
        quantities: vec![
            Quantity::new("Shift, RMS", overall, 1, "µm"),
            Quantity::new("Shift, RMS", overall / um, 1, "px"),
            Quantity::new("Largest shift", largest, 1, "µm"),
            Quantity::new("Motion from frame to frame, RMS", step, 1, "µm"),
            Quantity::new("Edge contrast that the average keeps", 100.0 * kept, 0, "%"),
        ],
        caption: "The same field, averaged over time: held still, and with brain motion. Motion alone turns sharp cells into smears.",
    })
}

/// RMS difference between neighbouring pixels: how sharp the edges are.
fn gradient(image: &[f32], [h, w]: [usize; 2]) -> f64 {
    let at = |r: usize, c: usize| f64::from(image[r * w + c]);
    let inside = (0..h - 1).flat_map(|r| (0..w - 1).map(move |c| (r, c)));
    let sum: f64 = inside.map(|(r, c)| (at(r + 1, c) - at(r, c)).powi(2) + (at(r, c + 1) - at(r, c)).powi(2)).sum();
    (sum / ((h - 1) * (w - 1)) as f64).sqrt()
}
