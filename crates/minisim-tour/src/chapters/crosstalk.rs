//! Cross-talk, and why demixing matters.

use minisim::{
    footprint::{FootprintStack, Patch},
    physics::{blur::degrade_footprint, optics::OpticalModel},
    spec::Report,
};
use serde_json::json;

use crate::{
    figure::{Chapter, Figure, Image, Knob, Mark, Panel, Plot, Quantity, Series},
    film::{FPS, SceneFilm, add, field, over_time, picture, typical_cell},
    linear::{attribution, dot, gram},
};

pub(super) const CHAPTER: Chapter = Chapter {
    name: "crosstalk",
    title: "Cross-talk, and why demixing matters",
    text: "Every cell's light is blurred, so neighbours overlap: a pixel over one cell also collects light of the next one. An \
           average over a region of interest is therefore a blend. Demixing undoes it: it models the film as a sum of footprints, \
           each with its own trace, and solves for all of them at once.",
    question: "How far apart must the cells be for B's light in the mask of A to fall below a tenth of A's? Where do the two blobs \
               part for your eye?",
    answer: "The eye parts them earlier: it judges peaks, while the mask adds up tails. Demixing removes the tails exactly if it \
             knows the footprints, at a price: noise grows by the factor below, without bound as the footprints become alike.",
    knobs: &[
        Knob { label: "Distance of the two cells", unit: "µm", min: 4.0, max: 60.0, step: 1.0, start: 14.0 },
        Knob { label: "Depth of B below A", unit: "µm", min: 0.0, max: 100.0, step: 5.0, start: 10.0 },
        Knob { label: "Radius of the mask", unit: "µm", min: 2.0, max: 20.0, step: 1.0, start: 6.0 },
        Knob { label: "Scatter blur per µm of depth", unit: "", min: 0.0, max: 0.15, step: 0.005, start: 0.03 },
    ],
    draw,
};

/// Depth of cell A, which is in focus (µm).
const DEPTH_UM: f64 = 120.0;
/// Pixels a side of the window.
const SIDE: usize = 72;

fn draw(knobs: &[f64]) -> Result<Figure, Report> {
    let &[distance, below, mask_um, scatter] = knobs else { return Ok(Figure::empty()) };
    let film = SceneFilm::new(&field(
        &[],
        [("acquisition.duration_s", json!(30.0)), ("acquisition.tissue.scatter_blur_per_um", json!(scatter))],
    )?)?;
    let model = OpticalModel::new(&film.scene.spec.acquisition);
    let um = film.pixel_um();
    // The shape and the traces of real cells of the field; the traces of two that fire at different times.
    let (a, b) = two_independent(&film);
    let canvas = [3 * SIDE, 3 * SIDE];
    let cell = typical_cell(&film, canvas.map(|n| n / 2));
    let place = |offset_um: f64| Patch { col: cell.col + (offset_um / um).round() as i32, ..cell.clone() };
    let window =
        FootprintStack { canvas_shape: canvas, fov_offset: [SIDE, SIDE], fov_shape: [SIDE, SIDE], patches: Vec::new() };
    let sharp = [place(-distance / 2.0), place(distance / 2.0)];
    let seen = [(0, DEPTH_UM), (1, DEPTH_UM + below)].map(|(i, z)| {
        let spread = model.point_spread(z, DEPTH_UM);
        degrade_footprint(&sharp[i], spread.sigma_px, spread.footprint_gain, canvas)
    });
    let dense = |patch: &Patch| window.dense_in_fov(patch).iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
    let columns = [dense(&seen[0]), dense(&seen[1])];
    // The mask: what somebody would draw around A.
    let center = [SIDE as f64 / 2.0, SIDE as f64 / 2.0 + (-distance / 2.0 / um).round()];
    let inside: Vec<f64> = (0..SIDE * SIDE)
        .map(|i| {
            let (dr, dc) = ((i / SIDE) as f64 - center[0], (i % SIDE) as f64 - center[1]);
            f64::from(u8::from((dr * dr + dc * dc).sqrt() * um <= mask_um))
        })
        .collect();
    let area = inside.iter().sum::<f64>().max(1.0);
    let into_mask = [0, 1].map(|k| dot(&columns[k], &inside) / area);
    let traces = [film.c(a), film.c(b)];
    let masked: Vec<f64> = traces[0].iter().zip(traces[1]).map(|(a, b)| into_mask[0] * a + into_mask[1] * b).collect();
    let gram = gram(&columns);
    let overlap = gram[1] / (gram[0] * gram[3]).sqrt().max(1e-12);
    let shares = attribution(&masked, &[traces[0].to_vec(), traces[1].to_vec()]);
    // At an instant when both shine.
    let t = (0..film.n_frames())
        .max_by(|x, y| traces[0][*x].min(traces[1][*x]).total_cmp(&traces[0][*y].min(traces[1][*y])))
        .unwrap_or(0);
    let show = |title: &str, cells: &[Patch; 2]| -> Image {
        let mut data = vec![0.0; SIDE * SIDE];
        for (cell, trace) in cells.iter().zip(traces) {
            add(&mut data, [SIDE, SIDE], &window.in_fov(cell), trace[t] as f32);
        }
        let high = data.iter().copied().fold(0.0, f32::max);
        let mut image = picture(title, [SIDE, SIDE], data, um).between(0.0, high);
        image.marks.push(Mark { row: center[0], col: center[1], radius: mask_um / um, label: "mask of A".into() });
        image
    };
    let scaled = |v: &[f64]| {
        let (low, high) = v.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
        v.iter().map(|x| (x - low) / (high - low).max(1e-12)).collect::<Vec<f64>>()
    };
    Ok(Figure {
        panels: vec![
            Panel::Image(show("In truth: A left, B right", &sharp)),
            Panel::Image(show("As recorded", &seen)),
            Panel::Plot(Plot {
                title: "Traces, each over its own range".into(),
                x: "time (s)".into(),
                y: "relative to its range".into(),
                series: vec![
                    Series::new("true A", over_time(&scaled(traces[0]), FPS)),
                    Series::new("true B", over_time(&scaled(traces[1]), FPS)),
                    Series::new("mask of A", over_time(&scaled(&masked), FPS)),
                ],
            }),
        ],
        quantities: vec![
            Quantity::new("Overlap of the footprints (cosine)", overlap, 2, ""),
            Quantity::new(
                "Light of B in the mask, for the same activity",
                100.0 * into_mask[1] / into_mask[0].max(1e-12),
                0,
                "% of A's",
            ),
            Quantity::new("Variance in the mask that is A's", 100.0 * shares[0], 0, "%"),
            Quantity::new("Variance in the mask that is B's", 100.0 * shares[1], 0, "%"),
            Quantity::new("Noise amplified by demixing", 1.0 / (1.0 - overlap * overlap).max(1e-12).sqrt(), 1, "×"),
        ],
        caption: "Two cells that are separate in truth blur into tangled light. A mask around A reads B as well.",
    })
}

/// Two cells of the field that fire a lot, and least together.
fn two_independent(film: &SceneFilm) -> (usize, usize) {
    let n = film.truth.n_units();
    let t = film.n_frames();
    let spikes = |i: usize| film.truth.s()[i * t..(i + 1) * t].iter().sum::<u32>();
    let mut busiest: Vec<usize> = (0..n).collect();
    busiest.sort_by_key(|i| std::cmp::Reverse(spikes(*i)));
    busiest.truncate(12);
    let pairs = busiest.iter().flat_map(|a| busiest.iter().map(move |b| (*a, *b))).filter(|(a, b)| a < b);
    let together = |(a, b): &(usize, usize)| minisim::metrics::pearson(film.c(*a), film.c(*b));
    pairs.min_by(|x, y| together(x).total_cmp(&together(y))).unwrap_or((0, 0))
}
