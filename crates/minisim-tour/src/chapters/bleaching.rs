//! Photobleaching: fading by activity, turnover, recovery in the dark.

use minisim::{
    Scene,
    memo::Memo,
    spec::Report,
    steps::bleaching::{bleaching_floor, bleaching_pool, dark_recovery},
};
use serde_json::json;

use crate::{
    figure::{Chapter, Figure, Knob, Panel, Plot, Quantity, Series},
    film::field,
    linear::mean,
};

pub(super) const CHAPTER: Chapter = Chapter {
    name: "bleaching",
    title: "Photobleaching and recovery",
    text: "Each emitted photon is a small risk for the indicator, so a cell fades in proportion to the light it emits: active cells \
           faster than quiet ones. The cell replaces the protein with time, in the light and in the dark. A session therefore \
           fades towards a floor, and a pause brings some of it back.",
    question: "Why does a busy cell look as if it had become less active in the second half of a session? What undoes it: more \
               light, or a longer pause?",
    answer: "Its transients shrink with the pool of intact indicator while its spikes stay the same. More light only bleaches \
             faster; a pause of several turnover times lets the pool refill.",
    knobs: &[
        Knob { label: "Susceptibility", unit: "10⁻⁶/s", min: 0.0, max: 200.0, step: 0.1, start: 6.3 },
        Knob { label: "Excitation power", unit: "× usual", min: 0.1, max: 20.0, step: 0.1, start: 5.0 },
        Knob { label: "Turnover time", unit: "h", min: 0.5, max: 24.0, step: 0.1, start: 5.6 },
        Knob { label: "Length of a session", unit: "min", min: 5.0, max: 60.0, step: 5.0, start: 30.0 },
        Knob { label: "Pause between sessions", unit: "h", min: 0.0, max: 48.0, step: 0.5, start: 4.0 },
    ],
    draw,
};

/// Sessions shown.
const SESSIONS: usize = 3;
/// Frames per second, enough for the slow fade.
const FPS: f64 = 4.0;

fn draw(knobs: &[f64]) -> Result<Figure, Report> {
    let &[susceptibility, power, turnover_h, session_min, pause_h] = knobs else { return Ok(Figure::empty()) };
    // Cells of a small field, whose traces are those of any other.
    let spec = field(
        &[],
        [
            ("acquisition.fps", json!(FPS)),
            ("acquisition.duration_s", json!(60.0 * session_min)),
            ("acquisition.image_sensor.n_px_height", json!(60)),
            ("acquisition.image_sensor.n_px_width", json!(60)),
            ("steps.cell_activity.p_quiescent_to_active", json!(0.02)),
            ("steps.cell_activity.brightness_cv", json!(0.0)),
        ],
    )?;
    let activity = Scene::activity(&spec, &Memo::default(), 1)?;
    let busy = activity.busiest.into_iter().next().map(|(_, c)| c).unwrap_or_default();
    let tau_s = turnover_h * 3600.0;
    let q = susceptibility * 1e-6;
    // One session, from a given pool on.
    let session = |emission: &[f64], start: f64| bleaching_pool(emission, q / FPS, tau_s * FPS, power, start);
    let rest = spec.step::<minisim::steps::CellActivity>().map_or(1.0, |s| s.f0.get());
    let quiet = vec![rest; busy.len()];
    let mut series = Vec::new();
    let mut losses = Vec::new();
    let mut refilled = 0.0;
    for (label, emission) in [("the busiest cell", &busy), ("a silent cell", &quiet)] {
        let (mut points, mut pool) = (Vec::new(), 1.0);
        for k in 0..SESSIONS {
            let start_h = k as f64 * (session_min / 60.0 + pause_h);
            let course = session(emission, pool);
            let end = course.last().copied().unwrap_or(pool);
            if k == 0 {
                losses.push(1.0 - end);
            }
            let stride = (course.len() / 200).max(1);
            points.extend(
                course.iter().enumerate().step_by(stride).map(|(t, b)| [start_h + t as f64 / FPS / 3600.0, 100.0 * b]),
            );
            pool = dark_recovery(end, pause_h * 3600.0, tau_s);
            if k == 0 && label == "the busiest cell" && end < 1.0 {
                refilled = (pool - end) / (1.0 - end);
            }
            let dark = (1..=40).map(|i| pause_h * f64::from(i) / 40.0);
            if k + 1 < SESSIONS {
                points.extend(
                    dark.map(|h| [start_h + session_min / 60.0 + h, 100.0 * dark_recovery(end, h * 3600.0, tau_s)]),
                );
            }
        }
        series.push(Series::new(label, points));
    }
    let pool = session(&busy, 1.0);
    let stride = (busy.len() / 900).max(1);
    let minute = |t: usize| t as f64 / FPS / 60.0;
    let sampled = |values: Vec<f64>| {
        values.into_iter().enumerate().step_by(stride).map(|(t, v)| [minute(t), v]).collect::<Vec<_>>()
    };
    let emitted: Vec<f64> = busy.iter().zip(&pool).map(|(c, b)| c * b).collect();
    Ok(Figure {
        panels: vec![
            Panel::Plot(Plot {
                title: "Intact indicator over three sessions".into(),
                x: "time (h)".into(),
                y: "% of the start".into(),
                series,
            }),
            Panel::Plot(Plot {
                title: "The busiest cell in the first session".into(),
                x: "time (min)".into(),
                y: "fluorescence units".into(),
                series: vec![
                    Series::new("its calcium", sampled(busy.clone())),
                    Series::new("the light it emits", sampled(emitted)),
                ],
            }),
        ],
        quantities: vec![
            Quantity::new("Lost in the first session, busiest cell", 100.0 * losses[0], 1, "%"),
            Quantity::new("Lost in the first session, silent cell", 100.0 * losses[1], 1, "%"),
            Quantity::new("Of that loss, a pause brings back", 100.0 * refilled, 0, "%"),
            Quantity::new(
                "Floor of the busiest cell, were it lit for ever",
                100.0 * bleaching_floor(q, power, mean(&busy), tau_s),
                0,
                "%",
            ),
        ],
        caption: "The pool of intact indicator through three sessions with dark pauses between them, and what the fading does to \
                  the busiest cell's trace.",
    })
}
