//! The lamp does not hold still.

use minisim::{
    spec::Report,
    steps::{Led, Step},
};
use serde_json::json;

use crate::{
    figure::{Chapter, Figure, Knob, Panel, Plot, Quantity, Series},
    film::{SceneFilm, field, over_time},
};

pub(super) const CHAPTER: Chapter = Chapter {
    name: "lamp",
    title: "The lamp",
    text: "All light of the film begins with the LED. It dims while it warms up, and its supply may make it flicker. The camera adds \
           up the light of each exposure, so flicker at a multiple of the frame rate is averaged away. Of any other fast flicker a rest \
           is left, which looks slower than it is. Every cell follows, active or silent.",
    question: "A lamp at the mains flickers 100 times a second. At which frame rates do you see nothing of it? What does 30 frames a \
               second make of it?",
    answer: "At 20, 25 or 50 an exposure holds whole periods and nothing is left. At 30 it holds three and a third: a tenth of the \
             flicker is left and looks like 10 Hz.",
    knobs: &[
        Knob { label: "Lost by warming up", unit: "%", min: 0.0, max: 20.0, step: 0.5, start: 3.0 },
        Knob { label: "Time of warming up", unit: "s", min: 5.0, max: 300.0, step: 5.0, start: 120.0 },
        Knob { label: "Flicker depth", unit: "%", min: 0.0, max: 50.0, step: 1.0, start: 20.0 },
        Knob { label: "Flicker frequency", unit: "Hz", min: 1.0, max: 130.0, step: 0.5, start: 100.0 },
        Knob { label: "Frame rate", unit: "1/s", min: 5.0, max: 60.0, step: 1.0, start: 30.0 },
    ],
    draw,
};

/// Length of the session (s), of the beginning that shows the flicker, and of that in which a cell is seen.
const SESSION_S: f64 = 300.0;
const CLOSE_S: f64 = 2.0;
const CELL_S: f64 = 5.0;

fn draw(knobs: &[f64]) -> Result<Figure, Report> {
    let &[loss, tau_s, depth, flicker_hz, fps] = knobs else { return Ok(Figure::empty()) };
    // Cells of a small field, whose traces are those of any other.
    let film = SceneFilm::new(&field(
        &[Led::KIND],
        [
            ("acquisition.fps", json!(fps)),
            ("acquisition.duration_s", json!(SESSION_S)),
            ("acquisition.image_sensor.n_px_height", json!(60)),
            ("acquisition.image_sensor.n_px_width", json!(60)),
            ("steps.led.warm_up_loss", json!(loss / 100.0)),
            ("steps.led.warm_up_tau_s", json!(tau_s)),
            ("steps.led.flicker_depth", json!(depth / 100.0)),
            ("steps.led.flicker_hz", json!(flicker_hz)),
        ],
    )?)?;
    let power = film.truth.f64s("led_power").unwrap_or_default();
    let n = power.len();
    let steady = match film.scene.spec.step::<Led>() {
        Some(led) => Led { flicker_depth: minisim::spec::Fraction::lit(0.0), ..led.clone() }.mean_power(0.0, fps, n),
        None => vec![1.0; n],
    };
    let square = power.iter().zip(&steady).map(|(p, s)| (p / s - 1.0) * (p / s - 1.0)).sum::<f64>();
    let left = (2.0 * square / n.max(1) as f64).sqrt();
    let calcium = if film.truth.n_units() > 0 { film.c(0) } else { &[] };
    let lit: Vec<f64> = calcium.iter().zip(power).map(|(c, p)| c * p).collect();
    let percent = |values: &[f64]| values.iter().map(|p| 100.0 * p).collect::<Vec<f64>>();
    // Drawn frame by frame, the flicker of a session would be a solid band.
    let second = (fps as usize).max(1);
    let means = power.chunks_exact(second).map(|p| 100.0 * p.iter().sum::<f64>() / second as f64);
    let minutes = means.enumerate().map(|(i, p)| [(i as f64 + 0.5) * second as f64 / fps / 60.0, p]);
    let first = |seconds: f64, values: &[f64]| {
        over_time(&values[..((seconds * fps) as usize).min(values.len())], fps).collect::<Vec<_>>()
    };
    Ok(Figure {
        panels: vec![
            Panel::Plot(Plot {
                title: "Power of the lamp over the session".into(),
                x: "time (min)".into(),
                y: "% of the start".into(),
                series: vec![Series::new("mean of each second", minutes)],
            }),
            Panel::Plot(Plot {
                title: format!("The first {CLOSE_S:.0} seconds"),
                x: "time (s)".into(),
                y: "% of the start".into(),
                series: vec![Series::new("each exposure", first(CLOSE_S, &percent(power)))],
            }),
            Panel::Plot(Plot {
                title: format!("A cell in the first {CELL_S:.0} seconds"),
                x: "time (s)".into(),
                y: "fluorescence units".into(),
                series: vec![
                    Series::new("its calcium", first(CELL_S, calcium)),
                    Series::new("the light it emits", first(CELL_S, &lit)),
                ],
            }),
        ],
        quantities: vec![
            Quantity::new(
                "Power after five minutes, without the flicker",
                100.0 * steady.last().unwrap_or(&1.0),
                1,
                "%",
            ),
            Quantity::new("Flicker that the exposures leave, amplitude", 100.0 * left, 2, "%"),
            Quantity::new("It looks like", (flicker_hz - fps * (flicker_hz / fps).round()).abs(), 1, "Hz"),
            Quantity::new(
                "False ΔF/F of a silent cell at the end",
                100.0 * (steady.last().unwrap_or(&1.0) / steady.first().unwrap_or(&1.0) - 1.0),
                1,
                "%",
            ),
        ],
        caption: "The power of the lamp over a session and in its first seconds, as the exposures see it, and what it makes of a cell's \
                  trace.",
    })
}
