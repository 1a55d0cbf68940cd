//! Blood comes and goes.

use minisim::spec::Report;
use serde_json::json;

use crate::{
    figure::{Chapter, Figure, Knob, Panel, Plot, Quantity, Series},
    film::{SceneFilm, field, mean_of, over_time},
};

pub(super) const CHAPTER: Chapter = Chapter {
    name: "blood",
    title: "It pulses",
    text: "Blood absorbs the light on its way in and out, and there is never the same amount of it: vessels widen and narrow about every \
           ten seconds, the heart beats some eleven times a second, and where cells are active more blood flows after a second or \
           two. Capillaries dim the whole field by a percent, and vessels seem to breathe.",
    question: "The heart beats 11 times a second and the film has 20 frames a second. Which frequency do you find in it? And why can a \
               cell below a vessel have negative transients?",
    answer: "Nine: 11 Hz lies beyond half the frame rate and comes back as 20 − 11. When the vessel widens, it takes light from the cell, \
             whatever the cell does; after activity all around it does so just then.",
    knobs: &[
        Knob { label: "Depth in the capillary bed", unit: "%", min: 0.0, max: 5.0, step: 0.1, start: 1.0 },
        Knob { label: "Dilation of the vessels", unit: "%", min: 0.0, max: 10.0, step: 0.5, start: 4.0 },
        Knob { label: "Heart rate", unit: "Hz", min: 5.0, max: 14.0, step: 0.1, start: 11.0 },
        Knob { label: "Frame rate", unit: "1/s", min: 5.0, max: 60.0, step: 1.0, start: 20.0 },
    ],
    draw,
};

fn draw(knobs: &[f64]) -> Result<Figure, Report> {
    let &[depth, dilation, heart_hz, fps] = knobs else { return Ok(Figure::empty()) };
    let film = SceneFilm::new(&field(
        &["vasculature", "haemodynamics"],
        [
            ("acquisition.fps", json!(fps)),
            ("acquisition.duration_s", json!(20.0)),
            ("steps.vasculature.enabled", json!(true)),
            ("steps.vasculature.layers", json!([{ "depth_um": 30.0, "root_radius_um": 14.0, "n_roots": 3 }])),
            ("steps.haemodynamics.depth_rms", json!(depth / 100.0)),
            ("steps.haemodynamics.dilation_rms", json!(dilation / 100.0)),
            ("steps.haemodynamics.heartbeat_hz", json!(heart_hz)),
        ],
    )?)?;
    let n = film.n_frames();
    let values = |name: &str| film.truth.f64s(name).unwrap_or_default();
    let size = film.shape().iter().product::<usize>().max(1);
    let maps: Vec<&[f64]> = values("blood_maps").chunks_exact(size).collect();
    let courses: Vec<&[f64]> = values("blood_courses").chunks_exact(n.max(1)).collect();
    // Per cent of light that the blood takes, more or less than on average.
    let sum =
        |weights: &[f64], t: usize| weights.iter().zip(&courses).map(|(w, course)| 100.0 * w * course[t]).sum::<f64>();
    let means: Vec<f64> = maps.iter().map(|map| map.iter().sum::<f64>() / size as f64).collect();
    let taken: Vec<f64> = (0..n).map(|t| sum(&means, t)).collect();
    let widening: Vec<f64> = (0..n).map(|t| sum(values("vessel_dilation"), t)).collect();
    let fullest = (0..n).max_by(|a, b| taken[*a].total_cmp(&taken[*b])).unwrap_or(0);
    let pixel =
        |i: usize| maps.iter().zip(&courses).map(|(map, course)| 100.0 * map[i] * course[fullest]).sum::<f64>() as f32;
    let at_fullest: Vec<f32> = (0..size).map(pixel).collect();
    let top = at_fullest.iter().copied().fold(0.0, f32::max);
    let rms = |values: &[f64]| (values.iter().map(|v| v * v).sum::<f64>() / values.len().max(1) as f64).sqrt();
    let brightness: Vec<f64> = taken.iter().map(|v| -v).collect();
    let rest = film.frame(fullest, Some("vasculature"));
    let light = mean_of(&rest);
    let lost = 100.0 * (1.0 - mean_of(&film.frame(fullest, Some("haemodynamics"))) / light.max(f64::MIN_POSITIVE));
    Ok(Figure {
        panels: vec![
            Panel::Image(film.image("The field, blood as on average", rest)),
            Panel::Image(
                film.image(format!("Light it takes at its fullest; white: {top:.1} %"), at_fullest).between(0.0, top),
            ),
            Panel::Plot(Plot {
                title: "Brightness of the field, and width of the vessels".into(),
                x: "time (s)".into(),
                y: "change (%)".into(),
                series: vec![
                    Series::new("brightness", over_time(&brightness, fps)),
                    Series::new("vessels' radius", over_time(&widening, fps)),
                ],
            }),
        ],
        quantities: vec![
            Quantity::new("Brightness of the field, RMS change", rms(&taken), 2, "%"),
            Quantity::new("Light of the frame that is lost at the darkest moment", lost, 1, "%"),
            Quantity::new("Radius of the vessels, RMS change", rms(&widening), 1, "%"),
            Quantity::new("The heart looks like", (heart_hz - fps * (heart_hz / fps).round()).abs(), 1, "Hz"),
        ],
        caption: "A field below vessels, the light that the blood takes from it when there is most of it, and how that changes over time.",
    })
}
