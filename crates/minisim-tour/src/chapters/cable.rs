//! Frames are lost and damaged on their way to the disk.

use minisim::{
    metrics::pearson,
    spec::Report,
    steps::{AcquisitionFaults, BrainMotion, Step},
};
use serde_json::json;

use crate::{
    figure::{Chapter, Figure, Knob, Panel, Plot, Quantity, Series},
    film::{FPS, SceneFilm, field},
};

pub(super) const CHAPTER: Chapter = Chapter {
    name: "cable",
    title: "What the cable does",
    text: "The counts travel through a thin cable and a busy computer. Some frames never arrive; the files number the others without a \
           gap, and only the time stamps and the acquisition box's own count jump. A torn frame has its lower rows from the exposure \
           before. Whoever counts frames to tell the time is late after every gap, and never catches up.",
    question: "Lose 2 % of the frames. How far off is a spike at the end of the minute if time is told by counting frames? Does it \
               matter whether they are lost one by one or in bursts?",
    answer: "By about 1.2 s, 2 % of the minute, with or without bursts: every lost frame costs 50 ms for good. Compared with a \
             behaviour camera, the end of the recording is worth nothing. The time stamps are off by their jitter alone.",
    knobs: &[
        Knob { label: "Lost frames", unit: "%", min: 0.0, max: 20.0, step: 0.5, start: 2.0 },
        Knob { label: "Length of a burst", unit: "frames", min: 1.0, max: 30.0, step: 1.0, start: 5.0 },
        Knob { label: "Torn frames", unit: "%", min: 0.0, max: 10.0, step: 0.5, start: 0.5 },
        Knob { label: "Jitter of time stamps", unit: "ms", min: 0.0, max: 20.0, step: 1.0, start: 3.0 },
        Knob { label: "Motion amplitude", unit: "µm", min: 1.0, max: 15.0, step: 1.0, start: 10.0 },
    ],
    draw,
};

/// Length of the recording (s), and of its end that is shown closely.
const DURATION_S: f64 = 60.0;
const CLOSE_S: f64 = 12.0;
/// Value of the array `fault` for torn frames.
const TORN: f64 = 2.0;

fn draw(knobs: &[f64]) -> Result<Figure, Report> {
    let &[lost, burst, torn, jitter_ms, motion_um] = knobs else { return Ok(Figure::empty()) };
    let film = SceneFilm::new(&field(
        &[BrainMotion::KIND, "sensor", AcquisitionFaults::KIND],
        [
            ("acquisition.duration_s", json!(DURATION_S)),
            ("steps.brain_motion.motion_amplitude_um", json!(motion_um)),
            ("steps.acquisition_faults.lost_rate", json!(lost / 100.0)),
            ("steps.acquisition_faults.burst_frames", json!(burst)),
            ("steps.acquisition_faults.repeated_rate", json!(0.0)),
            ("steps.acquisition_faults.torn_rate", json!(torn / 100.0)),
            ("steps.acquisition_faults.broken_rate", json!(0.0)),
            ("steps.acquisition_faults.jitter_ms", json!(jitter_ms)),
            ("steps.acquisition_faults.clock_drift_ppm", json!(0.0)),
        ],
    )?)?;
    let truth = |name: &str| film.truth.array(name).map_or_else(Vec::new, |array| array.data.to_f64());
    let [counted, stamps, faults, rows] = ["daq_frame", "timestamps_s", "fault", "fault_rows"].map(truth);
    let n = counted.len();
    let n_exposures = film.scene.spec.acquisition.n_frames();
    let [mut late, mut off] = [Vec::new(), Vec::new()];
    for (frame, (exposure, stamp)) in counted.iter().zip(&stamps).enumerate() {
        late.push([exposure / FPS, (exposure - frame as f64) / FPS]);
        off.push([exposure / FPS, stamp - exposure / FPS]);
    }
    let rms_ms = 1e3 * (off.iter().map(|[_, s]| s * s).sum::<f64>() / n.max(1) as f64).sqrt();

    // The frame whose picture is torn highest; a whole one where none is.
    let first_row = |frame: &usize| rows[2 * frame];
    let torn_frames: Vec<usize> = (0..n).filter(|frame| faults[*frame] == TORN).collect();
    let chosen = torn_frames.iter().copied().min_by(|a, b| first_row(a).total_cmp(&first_row(b)));
    let title = match chosen {
        Some(frame) => format!("Frame {frame}: below row {}, the exposure before", first_row(&frame)),
        None => "A whole frame: none is torn".to_owned(),
    };
    let picture = film.image(title, film.frame(chosen.unwrap_or_else(|| film.liveliest()), None));

    // The cell that fires most, in the last seconds.
    let liveliest = (0..film.truth.n_units())
        .max_by_key(|unit| film.truth.spikes(*unit).iter().map(|spikes| u64::from(*spikes)).sum::<u64>());
    let calcium = liveliest.map_or_else(Vec::new, |unit| film.c(unit).to_vec());
    let close = DURATION_S - CLOSE_S..DURATION_S;
    let placed = |time_s: &dyn Fn(usize) -> f64| -> Vec<[f64; 2]> {
        let points = calcium.iter().enumerate().map(|(frame, c)| [time_s(frame), *c]);
        points.filter(|[time_s, _]| close.contains(time_s)).collect()
    };
    let on_time = placed(&|frame| counted[frame] / FPS);
    let by_counting = placed(&|frame| frame as f64 / FPS);
    // Frame k where the exposure of that number was: how alike the trace is to what the cell did then.
    let mistaken = counted.iter().enumerate().filter(|(_, exposure)| **exposure < n as f64);
    let (taken, was): (Vec<f64>, Vec<f64>) = mistaken
        .filter_map(|(frame, exposure)| Some((*calcium.get(*exposure as usize)?, *calcium.get(frame)?)))
        .unzip();
    let alike = pearson(&taken, &was);
    Ok(Figure {
        panels: vec![
            Panel::Image(picture),
            Panel::Plot(Plot {
                title: "How far off a time is".into(),
                x: "true time (s)".into(),
                y: "s".into(),
                series: vec![Series::new("by counting frames", late.clone()), Series::new("by time stamps", off)],
            }),
            Panel::Plot(Plot {
                title: format!("A cell in the last {CLOSE_S:.0} seconds"),
                x: "time (s)".into(),
                y: "fluorescence units".into(),
                series: vec![Series::new("as it was", on_time), Series::new("by counting frames", by_counting)],
            }),
        ],
        quantities: vec![
            Quantity::new("Exposures", n_exposures as f64, 0, ""),
            Quantity::new("Lost frames", (n_exposures - n) as f64, 0, ""),
            Quantity::new("Torn frames", torn_frames.len() as f64, 0, ""),
            Quantity::new("Too early at the end by counting", late.last().map_or(0.0, |[_, s]| *s), 2, "s"),
            Quantity::new("Error of the time stamps, RMS", rms_ms, 1, "ms"),
            Quantity::new(
                "Correlation of the cell's trace with itself by counting",
                if alike.is_nan() { 1.0 } else { alike },
                2,
                "",
            ),
        ],
        caption: "A frame as it was stored; where a frame lies in time if one counts, and by its time stamp; and what that does to a \
                  cell's trace.",
    })
}
