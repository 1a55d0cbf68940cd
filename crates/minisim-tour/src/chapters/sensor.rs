//! The sensor and its noise.

use minisim::spec::Report;
use serde_json::json;

use crate::{
    figure::{Chapter, Figure, Knob, Mark, Panel, Plot, Quantity, Series},
    film::{FPS, SceneFilm, field, over_time},
    linear::quantile,
};

pub(super) const CHAPTER: Chapter = Chapter {
    name: "sensor",
    title: "The sensor and its noise",
    text: "The camera turns light into numbers. Some stray light adds a faint glow, only so many photons arrive at each pixel, and \
           their number fluctuates by its square root: the grain of every real film. Reading the pixel adds noise of its own. \
           Bright cells stand out; faint, deep ones may disappear.",
    question: "Give four times the light. By how much does the signal-to-noise ratio of a cell rise, and why not by four?",
    answer: "By about two: shot noise grows with the square root of the light. Only where read noise dominates, at very little light, \
             does the ratio first rise in proportion. Stray light costs twice: it adds noise, but no signal.",
    knobs: &[
        Knob { label: "Photons per fluorescence unit", unit: "", min: 20.0, max: 4000.0, step: 20.0, start: 600.0 },
        Knob { label: "Read noise", unit: "e⁻", min: 0.0, max: 10.0, step: 0.5, start: 2.0 },
        Knob { label: "Quantum efficiency", unit: "", min: 0.3, max: 1.0, step: 0.05, start: 0.6 },
        Knob { label: "Stray light", unit: "", min: 0.0, max: 1.0, step: 0.02, start: 0.08 },
    ],
    draw,
};

fn draw(knobs: &[f64]) -> Result<Figure, Report> {
    let &[photons, read_noise, efficiency, stray] = knobs else { return Ok(Figure::empty()) };
    let film = SceneFilm::new(&field(
        &["neuropil", "leakage", "sensor"],
        [
            ("acquisition.image_sensor.read_noise_e", json!(read_noise)),
            ("acquisition.image_sensor.quantum_efficiency", json!(efficiency)),
            ("steps.sensor.photons_per_unit", json!(photons)),
            ("steps.leakage.level", json!(stray)),
        ],
    )?)?;
    let t = film.liveliest();
    let [h, w] = film.shape();
    let before = film.frame(t, Some("leakage"));
    let after = film.frame(t, None);
    let median_photons = quantile(before.iter().map(|v| f64::from(*v)), 0.5) * photons;
    let electrons = median_photons * efficiency;
    let noise = (electrons + read_noise * read_noise).sqrt();
    let max_count = film.scene.spec.acquisition.image_sensor.max_count() as f32;
    let saturated = after.iter().filter(|v| **v >= max_count).count() as f64 / after.len().max(1) as f64;
    let snr = film.truth.f64s("peak_snr").unwrap_or_default();
    let detectable = film.truth.detectable().iter().filter(|d| **d).count();
    // A cell of middling strength among those that can be seen.
    let mut order: Vec<usize> = (0..snr.len()).collect();
    order.sort_by(|a, b| snr[*b].total_cmp(&snr[*a]));
    let centers = film.truth.centers_px(film.pixel_um());
    let inside =
        |i: &usize| centers.get(*i).is_some_and(|c| c[0] >= 0.0 && c[1] >= 0.0 && c[0] < h as f64 && c[1] < w as f64);
    let chosen = order.iter().copied().filter(inside).nth(order.len() / 8).or_else(|| order.first().copied());
    let mut right = film.image("As the sensor counts it", after);
    let mut left = film.image("The light before the sensor", before);
    let mut series = Vec::new();
    if let Some(unit) = chosen {
        let at = centers[unit];
        let pixel = (at[0].round() as usize).min(h - 1) * w + (at[1].round() as usize).min(w - 1);
        let counts: Vec<f64> = film.frames(None).iter().skip(pixel).step_by(h * w).map(|v| f64::from(*v)).collect();
        let light: Vec<f64> =
            film.frames(Some("leakage")).iter().skip(pixel).step_by(h * w).map(|v| f64::from(*v)).collect();
        let gain = counts.iter().sum::<f64>() / light.iter().sum::<f64>().max(1e-12);
        let expected: Vec<f64> = light.iter().map(|v| v * gain).collect();
        series = vec![
            Series::new("counts", over_time(&counts, FPS)),
            Series::new("without noise", over_time(&expected, FPS)),
        ];
        for image in [&mut left, &mut right] {
            image.marks.push(Mark { row: at[0], col: at[1], radius: 6.0, label: "counts".into() });
        }
    }
    Ok(Figure {
        panels: vec![
            Panel::Image(left),
            Panel::Image(right),
            Panel::Plot(Plot { title: "The marked pixel".into(), x: "time (s)".into(), y: "counts".into(), series }),
        ],
        quantities: vec![
            Quantity::new("Photons in the median pixel and frame", median_photons, 0, ""),
            Quantity::new("Noise of that pixel", noise, 1, "e⁻"),
            Quantity::new("Noise relative to its signal", 100.0 * noise / electrons.max(1e-12), 1, "%"),
            Quantity::new("SNR of the marked cell's largest transient", chosen.map_or(0.0, |i| snr[i]), 1, ""),
            Quantity::new("Detectable cells", detectable as f64, 0, ""),
            Quantity::new("Cells in all", snr.len() as f64, 0, ""),
            Quantity::new("Saturated pixels", 100.0 * saturated, 2, "%"),
        ],
        caption: "The same instant before and after the sensor. The grain is photon noise; what was faint may be lost in it.",
    })
}
