//! What the best method could find, and what nobody can.

use minisim::{DETECT_SNR_THRESHOLD, spec::Report};
use serde_json::json;

use crate::{
    figure::{Chapter, Figure, Knob, Panel, Plot, Quantity, Series},
    film::{SceneFilm, add, field, picture},
    linear::quantile,
};

pub(super) const CHAPTER: Chapter = Chapter {
    name: "best",
    title: "The best that anyone can do",
    text: "Give somebody all that can be known beforehand: every footprint, every map of light, the noise of each pixel. What is left \
           to find is how brightly each cell shines in each frame, and even that cannot be found exactly: photons are few, and \
           neighbours share them. The Cramér-Rao bound says how large the error must be at least. No method is better, so it \
           tells a bad method from a hard film.",
    question: "Lower the density until as many cells can be demixed as are detectable. Then crowd them again: does more light bring \
               back what the crowd has taken?",
    answer: "Only in part. Light lowers all errors by about its square root, but the factor that neighbours cost stays: it is \
             geometry, not noise. Sharper or fewer footprints lower it. \"Detectable\" looks at one pixel and no neighbours, so in \
             a crowd it promises more cells than anyone can tell apart.",
    knobs: &[
        Knob { label: "Density of cells", unit: "/mm³", min: 1000.0, max: 20_000.0, step: 1000.0, start: 9000.0 },
        Knob { label: "Photons per fluorescence unit", unit: "", min: 20.0, max: 2000.0, step: 20.0, start: 200.0 },
        Knob { label: "Numerical aperture", unit: "", min: 0.15, max: 0.6, step: 0.05, start: 0.45 },
    ],
    draw,
};

/// Ratios to the noise up to which the curves go, and that is white in the picture.
const MOST_SNR: f64 = 20.0;
/// Points of a curve.
const POINTS: usize = 81;

fn draw(knobs: &[f64]) -> Result<Figure, Report> {
    let &[density, photons, na] = knobs else { return Ok(Figure::empty()) };
    let film = SceneFilm::new(&field(
        &["neuropil", "leakage", "sensor"],
        [
            ("steps.place_neurons.populations.0.density_per_mm3", json!(density)),
            ("steps.sensor.photons_per_unit", json!(photons)),
            ("acquisition.optics.na", json!(na)),
            // So that much light does not saturate the sensor, which would tell nothing.
            ("acquisition.image_sensor.bit_depth", json!(12)),
        ],
    )?)?;
    let bounds = film.scene.bounds()?;
    let n = film.truth.n_units();
    let alone: Vec<f64> =
        bounds.demixing_snr.iter().zip(&bounds.crosstalk).map(|(snr, crosstalk)| snr * crosstalk).collect();
    let detection = film.truth.f64s("peak_snr").unwrap_or_default();
    let reach = |snr: &[f64], least: f64| snr.iter().filter(|snr| **snr >= least).count();
    let curve = |name: &str, snr: &[f64]| {
        let point = |i: usize| {
            let least = MOST_SNR * i as f64 / (POINTS - 1) as f64;
            [least, 100.0 * reach(snr, least) as f64 / n.max(1) as f64]
        };
        Series::new(name, (0..POINTS).map(point))
    };
    // Each cell where it lies, as bright as it can be told.
    let mut told = vec![0.0_f32; film.shape().iter().product()];
    let mut one = told.clone();
    for (patch, snr) in film.truth.planted.patches.iter().zip(&bounds.demixing_snr) {
        one.fill(0.0);
        add(&mut one, film.shape(), &film.truth.planted.in_fov(patch), snr.min(MOST_SNR) as f32);
        told.iter_mut().zip(&one).for_each(|(told, one)| *told = told.max(*one));
    }
    let map = picture("Demixing SNR of each cell (white: 20)", film.shape(), told, film.pixel_um());
    let demixable = reach(&bounds.demixing_snr, DETECT_SNR_THRESHOLD);
    let detectable = film.truth.detectable().iter().filter(|d| **d).count();
    let [dy, dx] = bounds.shift_sd_bound_px;
    let motion_px = ((dy * dy + dx * dx) / 2.0).sqrt();
    let of_demixable = |values: &[f64]| {
        let told = values.iter().zip(&bounds.demixing_snr).filter(|(_, snr)| **snr >= DETECT_SNR_THRESHOLD);
        quantile(told.map(|(v, _)| *v), 0.5)
    };
    Ok(Figure {
        panels: vec![
            Panel::Image(film.image("A frame of the film", film.frame(film.liveliest(), None))),
            Panel::Image(map.between(0.0, MOST_SNR as f32)),
            Panel::Plot(Plot {
                title: "Cells whose transient reaches a multiple of the noise".into(),
                x: "multiple".into(),
                y: "cells (%)".into(),
                series: vec![
                    curve("one pixel, alone", detection),
                    curve("all pixels, alone", &alone),
                    curve("among neighbours", &bounds.demixing_snr),
                ],
            }),
        ],
        quantities: vec![
            Quantity::new("Cells in all", n as f64, 0, ""),
            Quantity::new("Detectable cells", detectable as f64, 0, ""),
            Quantity::new("Cells that can be demixed", demixable as f64, 0, ""),
            Quantity::new("Errors made larger by neighbours, median", quantile(bounds.crosstalk, 0.5), 2, "×"),
            Quantity::new(
                "Size of a spike known to, at best",
                of_demixable(&bounds.spike_amplitude_bound),
                2,
                "spikes",
            ),
            Quantity::new(
                "Time of a spike known to, at best",
                1e3 * of_demixable(&bounds.spike_time_sd_bound_s),
                0,
                "ms",
            ),
            Quantity::new("Displacement known to, at best", motion_px, 3, "px"),
        ],
        caption: "What a film can tell at all. Neighbours lower the curve of all pixels: that is the price of the crowd, which no method is spared.",
    })
}
