//! Bright centre, dim edges.

use minisim::spec::Report;
use serde_json::json;

use crate::{
    figure::{Chapter, Figure, Knob, Panel, Plot, Quantity, Series},
    film::{SceneFilm, field},
};

pub(super) const CHAPTER: Chapter = Chapter {
    name: "edges",
    title: "Bright centre, dim edges",
    text: "The excitation light is brightest in the middle, because a miniscope has no room for perfectly even illumination. The \
           lens also collects less light from the corners (vignetting): steep rays are cut off on their way. The two multiply, \
           so one and the same cell looks brighter at the centre than at the edge.",
    question: "Which of the two would you rather improve: illumination or vignetting? Does it matter to the cell in the corner?",
    answer: "For the brightness in one frame it does not: only their product counts. For the cell it does: dimmer excitation \
             also bleaches less, while vignetting throws away light that the cell has already paid for.",
    knobs: &[
        Knob { label: "Illumination at the corner", unit: "", min: 0.05, max: 1.0, step: 0.05, start: 0.7 },
        Knob { label: "Illumination rolloff", unit: "", min: 0.5, max: 6.0, step: 0.5, start: 2.0 },
        Knob { label: "Vignette at the corner", unit: "", min: 0.05, max: 1.0, step: 0.05, start: 0.6 },
        Knob { label: "Vignette rolloff", unit: "", min: 0.5, max: 6.0, step: 0.5, start: 2.0 },
    ],
    draw,
};

fn draw(knobs: &[f64]) -> Result<Figure, Report> {
    let &[illumination, illumination_rolloff, vignette, vignette_rolloff] = knobs else { return Ok(Figure::empty()) };
    // The V4's whole field, in pixels twice as large.
    let film = SceneFilm::new(&field(
        &["illumination_profile", "vignette"],
        [
            ("acquisition.image_sensor.n_px_height", json!(304)),
            ("acquisition.image_sensor.n_px_width", json!(304)),
            ("acquisition.image_sensor.pixel_pitch_um", json!(9.6)),
            ("acquisition.duration_s", json!(2.0)),
            ("steps.place_neurons.populations.0.density_per_mm3", json!(6000.0)),
            ("steps.place_neurons.populations.0.depth_range_um", json!([105.0, 135.0])),
            ("steps.illumination_profile.falloff", json!(illumination)),
            ("steps.illumination_profile.exponent", json!(illumination_rolloff)),
            ("steps.vignette.falloff", json!(vignette)),
            ("steps.vignette.exponent", json!(vignette_rolloff)),
        ],
    )?)?;
    let t = film.liveliest();
    let shape = film.shape();
    let map = |name: &str| film.truth.f64s(name).map_or_else(|| vec![1.0; shape[0] * shape[1]], <[f64]>::to_vec);
    let (lit, kept) = (map("illumination"), map("vignette"));
    let product: Vec<f32> = lit.iter().zip(&kept).map(|(a, b)| (a * b) as f32).collect();
    let single = |v: &[f64]| v.iter().map(|x| *x as f32).collect::<Vec<f32>>();
    let center = [(shape[0] as f64 - 1.0) / 2.0, (shape[1] as f64 - 1.0) / 2.0];
    let um = film.pixel_um();
    let pixel = |share: f64| center.map(|c| (c * (1.0 - share)).round());
    let along = |field: &[f32], share: f64| {
        let [row, col] = pixel(share);
        f64::from(field[row as usize * shape[1] + col as usize])
    };
    let distance_um = |share: f64| {
        let [row, col] = pixel(share);
        (center[0] - row).hypot(center[1] - col) * um
    };
    let profile = |field: &[f32]| {
        (0..=50).map(|i| f64::from(i) / 50.0).map(|s| [distance_um(s), 100.0 * along(field, s)]).collect::<Vec<_>>()
    };
    let even = film.image("Even light", film.frame(t, Some("cells_only")));
    let seen = film.image("As lit and collected", film.frame(t, None)).between(0.0, even.high);
    let even = even.clone().between(0.0, even.high);
    let relative = film.image("Relative brightness", product.clone()).between(0.0, 1.0);
    let corner = along(&product, 1.0);
    let half_way = along(&product, 0.5);
    let mean = crate::film::mean_of(&product);
    Ok(Figure {
        panels: vec![
            Panel::Image(even),
            Panel::Image(seen),
            Panel::Image(relative),
            Panel::Plot(Plot {
                title: "From the centre to a corner".into(),
                x: "distance from the centre (µm)".into(),
                y: "% of the centre".into(),
                series: vec![
                    Series::new("illumination", profile(&single(&lit))),
                    Series::new("vignette", profile(&single(&kept))),
                    Series::new("both", profile(&product)),
                ],
            }),
        ],
        quantities: vec![
            Quantity::new("Brightness at the corner", 100.0 * corner, 0, "% of the centre"),
            Quantity::new("Brightness half-way out", 100.0 * half_way, 0, "% of the centre"),
            Quantity::new("Light lost over the whole field", 100.0 * (1.0 - mean), 0, "%"),
            Quantity::new("The same cell is dimmer at the corner by", 1.0 / corner.max(1e-12), 1, "×"),
        ],
        caption: "The V4's whole field: with even light, as lit by the LED and collected by the lens, and the relative brightness. \
                  Comparing cells by raw intensity is not fair across the field.",
    })
}
