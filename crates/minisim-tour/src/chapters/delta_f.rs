//! Why ΔF/F misleads in one-photon data.

use minisim::spec::Report;
use serde_json::json;

use crate::{
    figure::{Chapter, Figure, Knob, Mark, Panel, Plot, Quantity, Series},
    film::{FPS, SceneFilm, field, over_time},
    linear::{dot, mean, quantile},
};

pub(super) const CHAPTER: Chapter = Chapter {
    name: "delta_f",
    title: "Why ΔF/F misleads",
    text: "ΔF/F divides a change by the baseline to make cells comparable. In one-photon data the baseline of a pixel is mostly not \
           the cell's: haze, stray light and other cells add to F but not to ΔF. So the ratio measures how much background happens \
           to lie there, and one cell's transients seem to shrink when the light around it grows.",
    question: "Double the background and leave the cell alone. What happens to its ΔF/F, and what would you conclude from it?",
    answer: "It shrinks although the cell does exactly the same. Comparing ΔF/F between cells, depths or days compares backgrounds. \
             Demixed traces in units of noise, or with the modelled background taken off first, do not have this trap.",
    knobs: &[
        Knob { label: "Neuropil amplitude", unit: "", min: 0.1, max: 3.0, step: 0.1, start: 0.6 },
        Knob { label: "Stray light", unit: "", min: 0.0, max: 1.0, step: 0.02, start: 0.1 },
        Knob { label: "Radius of the region of interest", unit: "µm", min: 3.0, max: 20.0, step: 1.0, start: 6.0 },
        Knob { label: "Baseline percentile", unit: "%", min: 1.0, max: 50.0, step: 1.0, start: 10.0 },
    ],
    draw,
};

fn draw(knobs: &[f64]) -> Result<Figure, Report> {
    let &[neuropil, stray, radius_um, percentile] = knobs else { return Ok(Figure::empty()) };
    let film = SceneFilm::new(&field(
        &["neuropil", "leakage"],
        [
            ("acquisition.duration_s", json!(30.0)),
            ("steps.neuropil.amplitude", json!(neuropil)),
            ("steps.leakage.level", json!(stray)),
        ],
    )?)?;
    let size: usize = film.shape().iter().product();
    let unit = super::roi::lively_cell(&film);
    let Some(at) = film.truth.centers_px(film.pixel_um()).get(unit).copied() else { return Ok(Figure::empty()) };
    let roi = super::roi::disc(&film, at, radius_um);
    let area = roi.len().max(1) as f64;
    let trace = |stage: Option<&str>| -> Vec<f64> {
        let frames = film.frames(stage);
        frames.chunks_exact(size).map(|f| roi.iter().map(|p| f64::from(f[*p])).sum::<f64>() / area).collect()
    };
    let measured = trace(None);
    let own = film.truth.observed_footprints();
    let dense = own.dense_in_fov(&own.patches[unit]);
    let weight = roi.iter().map(|p| f64::from(dense[*p])).sum::<f64>() / area;
    let cell: Vec<f64> = film.c(unit).iter().map(|c| c * weight).collect();
    let ratio = |v: &[f64]| -> Vec<f64> {
        let f0 = quantile(v.iter().copied(), percentile / 100.0).max(1e-12);
        v.iter().map(|x| 100.0 * (x - f0) / f0).collect()
    };
    let (truly, seen) = (ratio(&cell), ratio(&measured));
    let peak = |v: &[f64]| v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let background = 1.0 - mean(&cell) / mean(&measured).max(1e-12);
    // How much of the cell's own shape the ratio keeps.
    let (a, b) = (crate::linear::centred(&truly), crate::linear::centred(&seen));
    let alike = dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt().max(1e-12);
    let mut image = film.image("The field, with the region of interest", film.frame(film.liveliest(), None));
    image.marks.push(Mark {
        row: at[0],
        col: at[1],
        radius: radius_um / film.pixel_um(),
        label: "region of interest".into(),
    });
    Ok(Figure {
        panels: vec![
            Panel::Image(image),
            Panel::Plot(Plot {
                title: "Mean of the region, and the cell's part of it".into(),
                x: "time (s)".into(),
                y: "fluorescence units".into(),
                series: vec![
                    Series::new("all light", over_time(&measured, FPS)),
                    Series::new("the cell alone", over_time(&cell, FPS)),
                ],
            }),
            Panel::Plot(Plot {
                title: "ΔF/F".into(),
                x: "time (s)".into(),
                y: "ΔF/F (%)".into(),
                series: vec![
                    Series::new("all light", over_time(&seen, FPS)),
                    Series::new("the cell alone", over_time(&truly, FPS)),
                ],
            }),
        ],
        quantities: vec![
            Quantity::new("Largest ΔF/F of the cell", peak(&truly), 0, "%"),
            Quantity::new("Largest ΔF/F measured", peak(&seen), 0, "%"),
            Quantity::new("Too small by", peak(&truly) / peak(&seen).max(1e-12), 1, "×"),
            Quantity::new("Light in the region that is not the cell's", 100.0 * background, 0, "%"),
            Quantity::new("Correlation with the cell's own", alike, 2, ""),
        ],
        caption: "One cell, one recording without noise. What the region collects is mostly not the cell, and the ratio to that \
                  baseline says little about it.",
    })
}
