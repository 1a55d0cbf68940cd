//! Neuropil and blood vessels.

use minisim::spec::Report;
use serde_json::json;

use crate::{
    figure::{Chapter, Figure, Knob, Mark, Panel, Plot, Quantity, Series},
    film::{SceneFilm, field, mean_of, over_time},
    linear::{mean, quantile, sd},
};

pub(super) const CHAPTER: Chapter = Chapter {
    name: "background",
    title: "Background: neuropil and blood vessels",
    text: "The tissue between the cells fluoresces too, out of focus: a drifting haze called neuropil, which follows the \
           population's activity. Blood vessels lie in front of the tissue and swallow light, leaving dark lines. Both ride \
           along with the signal, and the haze changes with time.",
    question: "Is the background a constant that can be subtracted? Raise the neuropil and watch a pixel without any cell.",
    answer: "No. Its pixel fluctuates on the time scale of real transients, because the haze follows the cells' summed \
             activity. A constant offset leaves that in, so pipelines model the background as changing with time.",
    knobs: &[
        Knob { label: "Neuropil amplitude", unit: "", min: 0.1, max: 3.0, step: 0.1, start: 0.6 },
        Knob { label: "Share that follows the cells", unit: "", min: 0.0, max: 1.0, step: 0.05, start: 0.7 },
        Knob { label: "Vessel opacity", unit: "", min: 0.1, max: 1.0, step: 0.05, start: 0.9 },
        Knob { label: "Trunk radius", unit: "µm", min: 3.0, max: 40.0, step: 1.0, start: 14.0 },
    ],
    draw,
};

fn draw(knobs: &[f64]) -> Result<Figure, Report> {
    let &[amplitude, coupling, opacity, trunk] = knobs else { return Ok(Figure::empty()) };
    let film = SceneFilm::new(&field(
        &["neuropil", "vasculature"],
        [
            ("acquisition.duration_s", json!(30.0)),
            ("steps.neuropil.amplitude", json!(amplitude)),
            ("steps.neuropil.population_coupling", json!(coupling)),
            ("steps.vasculature.layers.0.opacity", json!(opacity)),
            ("steps.vasculature.layers.0.n_roots", json!(4)),
            ("steps.vasculature.layers.0.root_radius_um", json!(trunk)),
            ("steps.vasculature.layers.0.min_radius_um", json!(trunk.min(4.0) / 2.0)),
        ],
    )?)?;
    let t = film.liveliest();
    let [h, w] = film.shape();
    let cells = film.frame(t, Some("cells_only"));
    let hazy = film.frame(t, Some("neuropil"));
    let all = film.frame(t, Some("vasculature"));
    // A place far from all cells.
    let dimmest = film.average(Some("cells_only"));
    let inside = |i: &usize| (20..h - 20).contains(&(i / w)) && (20..w - 20).contains(&(i % w));
    let empty = (0..h * w).filter(inside).min_by(|a, b| dimmest[*a].total_cmp(&dimmest[*b])).unwrap_or(0);
    let frames = film.frames(Some("vasculature"));
    let pixel: Vec<f64> = frames.iter().skip(empty).step_by(h * w).map(|v| f64::from(*v)).collect();
    let mask = film.truth.f64s("vasculature_mask").unwrap_or_default();
    let darkest = quantile(mask.iter().copied(), 0.002);
    let covered = mask.iter().filter(|m| **m < 0.9).count() as f64 / mask.len().max(1) as f64;
    let share = 1.0 - mean_of(&cells) / mean_of(&hazy).max(1e-12);
    let mark =
        Mark { row: (empty / w) as f64, col: (empty % w) as f64, radius: 6.0, label: "a place without cells".into() };
    let mut right = film.image("With neuropil and vessels", all);
    right.marks.push(mark);
    let right = right.clone().between(0.0, right.high);
    let left = film.image("Cells alone", cells);
    let left = left.clone().between(0.0, left.high);
    Ok(Figure {
        panels: vec![
            Panel::Image(left),
            Panel::Image(right),
            Panel::Plot(Plot {
                title: "A pixel without any cell".into(),
                x: "time (s)".into(),
                y: "fluorescence units".into(),
                series: vec![Series::new(
                    "a place without cells",
                    over_time(&pixel, film.scene.spec.acquisition.fps.get()),
                )],
            }),
        ],
        quantities: vec![
            Quantity::new("Light from the neuropil", 100.0 * share, 0, "%"),
            Quantity::new(
                "Fluctuation of the empty pixel",
                100.0 * sd(&pixel) / mean(&pixel).max(1e-12),
                0,
                "% of its mean",
            ),
            Quantity::new("Light lost under the widest vessel", 100.0 * (1.0 - darkest), 0, "%"),
            Quantity::new("Field that vessels darken by a tenth or more", 100.0 * covered, 0, "%"),
        ],
        caption: "The same frame: cells alone, and with the haze between them and the shadows above them. The background is \
                  neither flat nor constant.",
    })
}
