//! A hand-drawn region of interest against the truth, and demixing with the true footprints.

use minisim::spec::Report;
use serde_json::json;

use crate::{
    figure::{Chapter, Figure, Knob, Mark, Panel, Plot, Quantity, Series},
    film::{FPS, SceneFilm, field, over_time},
    linear::{Cholesky, attribution, condition, dot, gram},
};

pub(super) const CHAPTER: Chapter = Chapter {
    name: "roi",
    title: "What a hand-drawn region measures",
    text: "Draw a circle around a cell and average: the trace mixes the cell, its neighbours, the haze and noise. Because everything \
           is known here, regression can say how much of its variance each explains. Beside it stands the best that demixing could \
           do: least squares on the very frames with the true footprints and haze.",
    question: "Find the radius with the largest share of the cell. Why does neither a tiny nor a large region win?",
    answer: "A tiny region has few photons, so noise wins; a large one collects neighbours and haze. The optimum lies near the \
             cell's own radius, and it still mixes. Oracle demixing keeps the cell apart until density makes the footprints nearly \
             dependent: watch the condition number.",
    knobs: &[
        Knob { label: "Radius of the region", unit: "µm", min: 1.0, max: 30.0, step: 1.0, start: 8.0 },
        Knob { label: "Cell density", unit: "1/mm³", min: 1000.0, max: 40000.0, step: 1000.0, start: 9000.0 },
        Knob { label: "Neuropil amplitude", unit: "", min: 0.1, max: 3.0, step: 0.1, start: 0.6 },
        Knob { label: "Photons per fluorescence unit", unit: "", min: 20.0, max: 4000.0, step: 20.0, start: 600.0 },
    ],
    draw,
};

/// Half the side of the window that is demixed (px).
const HALF: usize = 30;

/// The cell that stands out most near the middle of the field.
pub(super) fn lively_cell(film: &SceneFilm) -> usize {
    let centers = film.truth.centers_px(film.pixel_um());
    let [h, w] = film.shape().map(|n| n as f64);
    let observed = film.truth.observed_footprints();
    let strength = |i: usize| {
        let peak = observed.patches[i].data.iter().copied().fold(0.0, f32::max);
        let c = film.c(i);
        let range = minisim::math::range_of(c);
        f64::from(peak) * (range[1] - range[0])
    };
    let middle = |i: &usize| {
        let [r, c] = centers[*i];
        (0.3 * h..0.7 * h).contains(&r) && (0.3 * w..0.7 * w).contains(&c)
    };
    (0..film.truth.n_units()).filter(middle).max_by(|a, b| strength(*a).total_cmp(&strength(*b))).unwrap_or(0)
}

/// The pixels within `radius_um` of a place; at least one.
pub(super) fn disc(film: &SceneFilm, at: [f64; 2], radius_um: f64) -> Vec<usize> {
    let [h, w] = film.shape();
    let radius = (radius_um / film.pixel_um()).max(0.71);
    (0..h * w).filter(|p| ((p / w) as f64 - at[0]).hypot((p % w) as f64 - at[1]) <= radius).collect()
}

fn draw(knobs: &[f64]) -> Result<Figure, Report> {
    let &[radius_um, density, neuropil, photons] = knobs else { return Ok(Figure::empty()) };
    let film = SceneFilm::new(&field(
        &["neuropil", "sensor"],
        [
            ("acquisition.duration_s", json!(20.0)),
            ("steps.place_neurons.populations.0.density_per_mm3", json!(density)),
            ("steps.neuropil.amplitude", json!(neuropil)),
            ("steps.sensor.photons_per_unit", json!(photons)),
            // Many small steps, so that only photons and read-out make noise, and room enough for bright settings.
            ("acquisition.image_sensor.bit_depth", json!(16)),
        ],
    )?)?;
    let unit = lively_cell(&film);
    let Some(at) = film.truth.centers_px(film.pixel_um()).get(unit).copied() else { return Ok(Figure::empty()) };
    let [h, w] = film.shape();
    let size = h * w;
    let n = film.n_frames();
    let frames = film.frames(None);
    let roi = disc(&film, at, radius_um);
    let area = roi.len() as f64;
    let measured: Vec<f64> =
        frames.chunks_exact(size).map(|f| roi.iter().map(|p| f64::from(f[*p])).sum::<f64>() / area).collect();

    // What each source adds to the region, from the truth.
    let observed = film.truth.observed_footprints();
    let images: Vec<Vec<f32>> = observed.patches.iter().map(|p| observed.dense_in_fov(p)).collect();
    let weight = |image: &[f32]| roi.iter().map(|p| f64::from(image[*p])).sum::<f64>() / area;
    let mut neighbours = vec![0.0; n];
    for (i, image) in images.iter().enumerate().filter(|(i, _)| *i != unit) {
        let weight = weight(image);
        if weight > 0.0 {
            neighbours.iter_mut().zip(film.c(i)).for_each(|(s, c)| *s += weight * c);
        }
    }
    let maps = film.truth.f64s("neuropil_spatial").unwrap_or_default();
    let courses = film.truth.f64s("neuropil_temporal").unwrap_or_default();
    let haze: Vec<f64> = (0..n)
        .map(|t| {
            maps.chunks_exact(size)
                .zip(courses.chunks_exact(n))
                .map(|(m, c)| roi.iter().map(|p| m[*p]).sum::<f64>() / area * c[t])
                .sum()
        })
        .collect();
    let own = film.c(unit).to_vec();
    let shares = attribution(&measured, &[own.clone(), neighbours, haze]);

    // Demixing with the true footprints, in a window around the cell.
    let window: Vec<usize> = (0..size)
        .filter(|p| ((p / w) as f64 - at[0]).abs() <= HALF as f64 && ((p % w) as f64 - at[1]).abs() <= HALF as f64)
        .collect();
    let cut = |value: &dyn Fn(usize) -> f64| window.iter().map(|p| value(*p)).collect::<Vec<f64>>();
    let mut columns = vec![cut(&|p| f64::from(images[unit][p]))];
    let strongest = columns[0].iter().copied().fold(0.0, f64::max);
    let near = |image: &&Vec<f32>| window.iter().any(|p| f64::from(image[*p]) > 0.02 * strongest);
    columns.extend(
        images
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != unit)
            .map(|(_, m)| m)
            .filter(near)
            .map(|m| cut(&|p| f64::from(m[p]))),
    );
    let n_cells = columns.len();
    // The haze in its true maps, and a constant for what lies beyond the window's cells.
    columns.extend(maps.chunks_exact(size).map(|m| cut(&|p| m[p])));
    columns.push(vec![1.0; window.len()]);
    columns.iter_mut().for_each(|c| {
        let length = dot(c, c).sqrt().max(1e-12);
        c.iter_mut().for_each(|v| *v /= length);
    });
    let normal = gram(&columns);
    let factor = Cholesky::new(&normal, columns.len());
    let demixed: Vec<f64> = frames
        .chunks_exact(size)
        .map(|f| {
            let y = cut(&|p| f64::from(f[p]));
            let right: Vec<f64> = columns.iter().map(|c| dot(c, &y)).collect();
            factor.solve(&right)[0]
        })
        .collect();
    let cells_only = gram(&columns[..n_cells]);
    let like = |v: &[f64]| minisim::metrics::pearson(v, &own);
    let relative = |v: &[f64]| {
        let (low, high) = v.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
        v.iter().map(|x| (x - low) / (high - low).max(1e-12)).collect::<Vec<f64>>()
    };
    let mut image = film.image("The region, over the recording", film.frame(film.liveliest(), None));
    image.marks.push(Mark {
        row: at[0],
        col: at[1],
        radius: radius_um / film.pixel_um(),
        label: "region of interest".into(),
    });
    let seconds = |v: &[f64]| over_time(&relative(v), FPS).collect::<Vec<_>>();
    Ok(Figure {
        panels: vec![
            Panel::Image(image),
            Panel::Plot(Plot {
                title: "The region and the truth".into(),
                x: "time (s)".into(),
                y: "relative to its range".into(),
                series: vec![
                    Series::new("region of interest", seconds(&measured)),
                    Series::new("true C", seconds(&own)),
                ],
            }),
            Panel::Plot(Plot {
                title: "Oracle demixing and the truth".into(),
                x: "time (s)".into(),
                y: "relative to its range".into(),
                series: vec![Series::new("demixed", seconds(&demixed)), Series::new("true C", seconds(&own))],
            }),
        ],
        quantities: vec![
            Quantity::new("Variance of the region that is the cell's", 100.0 * shares[0], 0, "%"),
            Quantity::new("its neighbours'", 100.0 * shares[1], 0, "%"),
            Quantity::new("the neuropil's", 100.0 * shares[2], 0, "%"),
            Quantity::new("unexplained: noise", 100.0 * (1.0 - shares.iter().sum::<f64>()), 0, "%"),
            Quantity::new("Region's correlation with the true C", like(&measured), 2, ""),
            Quantity::new("Demixed trace's correlation with the true C", like(&demixed), 2, ""),
            Quantity::new("Cells in the window", n_cells as f64, 0, ""),
            Quantity::new("Condition number of their footprints", condition(&cells_only, n_cells), 1, ""),
        ],
        caption: "The same film read in two ways: averaged over a circle, and demixed with the footprints that only a simulation knows.",
    })
}
