//! The light of a film on average over its frames, with the tissue at rest: what each pixel is expected to count, how noisy that
//! is, and what a unit of each cell's trace adds to it.

use rayon::prelude::*;

use crate::{
    footprint::Patch,
    plan::{Camera, Canvas, Component, Course, Field, Map, Op, Spread},
    scene::Scene,
};

/// A film's mean light.
pub(super) struct Light {
    pub(super) canvas: Canvas,
    /// Light of the tissue as it moves, canvas (fluorescence units).
    pub(super) tissue: Vec<f64>,
    /// Electrons on the sensor per unit of the tissue's light, field of view.
    pub(super) scope_e: Vec<f64>,
    /// Electrons on the sensor per unit of a cell's light, field of view.
    pub(super) cells_e: Vec<f64>,
    /// Light whose strength varies from frame to frame, as electrons per unit of its time course, field of view.
    pub(super) varying_e: Vec<Vec<f64>>,
    /// What a pixel tells of its mean (1/e⁻², of electrons as a pixel of mean response detects them), field of view.
    pub(super) information: Vec<f64>,
}

impl Light {
    pub(super) fn new(scene: &Scene, camera: &Camera, patches: &[Patch], brightness: &[f64]) -> Self {
        let canvas = scene.canvas;
        let [height, width] = canvas.shape();
        let mut image = Image::dark(height * width);
        patches.iter().zip(brightness).for_each(|(patch, mean)| {
            let patch = patch.cropped(0, 0, height, width);
            for r in 0..patch.height {
                let at = (patch.row as usize + r) * width + patch.col as usize;
                let light = image.light[at..at + patch.width].iter_mut().zip(patch.row_weights(r));
                light.for_each(|(light, weight)| *light += mean * f64::from(*weight));
            }
        });
        let n_frames = scene.n_frames;
        scene.plan.tissue.iter().for_each(|op| image.pass(op, n_frames));
        let tissue = image.light.clone();
        let mut image = image.cropped(&canvas);
        let kept = image.transmission.clone();
        scene.plan.scope.iter().for_each(|op| image.pass(op, n_frames));
        let electrons = camera.model.electrons_per_unit;
        let scaled = |values: &[f64]| -> Vec<f64> { values.iter().map(|v| v * electrons).collect() };
        let of_scope =
            image.transmission.iter().zip(&kept).map(|(all, tissue)| if *tissue > 0.0 { all / tissue } else { 0.0 });
        Self {
            canvas,
            tissue,
            scope_e: scaled(&of_scope.collect::<Vec<_>>()),
            cells_e: scaled(&image.transmission),
            varying_e: image.varying.iter().map(|map| scaled(map)).collect(),
            information: image.light.iter().enumerate().map(|(i, light)| camera.information(i, *light)).collect(),
        }
    }
}

/// An image on its way.
struct Image {
    light: Vec<f64>,
    /// What is let through of the cells' light.
    transmission: Vec<f64>,
    /// What is added with a strength that varies, per unit of its time course.
    varying: Vec<Vec<f64>>,
}

impl Image {
    fn dark(n: usize) -> Self {
        Self { light: vec![0.0; n], transmission: vec![1.0; n], varying: Vec::new() }
    }

    fn cropped(&self, canvas: &Canvas) -> Self {
        Self {
            light: canvas.crop(&self.light),
            transmission: canvas.crop(&self.transmission),
            varying: self.varying.iter().map(|map| canvas.crop(map)).collect(),
        }
    }

    fn pass<F: Sync>(&mut self, op: &Op<F>, n_frames: usize) {
        let field = mean_of(op.field(), self.light.len(), n_frames);
        match op {
            Op::Add(added) => {
                self.light.iter_mut().zip(&field).for_each(|(light, add)| *light += add);
                let varies = |c: &&Component<F>| matches!(c.course, Course::Varying { .. });
                for component in added.components.iter().filter(varies) {
                    self.varying.push(spread_of(&component.spread, field.len()));
                }
            }
            Op::Multiply(..) => {
                for image in [&mut self.light, &mut self.transmission].into_iter().chain(&mut self.varying) {
                    image.iter_mut().zip(&field).for_each(|(light, factor)| *light *= factor);
                }
            }
        }
    }
}

fn spread_of<F>(spread: &Spread<F>, n: usize) -> Vec<f64> {
    match spread {
        Spread::Even => vec![1.0; n],
        Spread::Map(map) => map.data.iter().map(|v| f64::from(*v)).collect(),
    }
}

/// A field on average over the first `n_frames` frames.
fn mean_of<F: Sync>(field: &Field<F>, n: usize, n_frames: usize) -> Vec<f64> {
    let mut sum = vec![0.0; n];
    for component in &field.components {
        let mean = match &component.course {
            Course::Still => 1.0,
            Course::Varying { factors, .. } => {
                factors[..n_frames].iter().map(|v| f64::from(*v)).sum::<f64>() / n_frames.max(1) as f64
            }
        };
        match &component.spread {
            Spread::Even => sum.iter_mut().for_each(|s| *s += mean),
            Spread::Map(map) => add(&mut sum, map, mean),
        }
    }
    sum
}

fn add<F: Sync>(sum: &mut [f64], map: &Map<F>, factor: f64) {
    let width = map.shape[1].max(1);
    let rows = sum.par_chunks_mut(width).zip(map.data.par_chunks(width));
    rows.for_each(|(sum, map)| sum.iter_mut().zip(map).for_each(|(sum, v)| *sum += factor * f64::from(*v)));
}

/// The least standard deviation (dy, dx), px, that the tissue's displacement in one frame can be told with, from the gradient of
/// the frame's mean; infinite where the image has none.
pub(super) fn shift_sd_px(light: &Light) -> [f64; 2] {
    let [height, width] = light.canvas.shape();
    let ([rows, cols], margin) = (light.canvas.fov, light.canvas.margin);
    // Half the difference of both neighbours, or that to the only one.
    let slope = |here: usize, n: usize, value: &dyn Fn(usize) -> f64| {
        let (before, after) = (here.saturating_sub(1), (here + 1).min(n - 1));
        if after > before { (value(after) - value(before)) / (after - before) as f64 } else { 0.0 }
    };
    let mut sums = [0.0; 3];
    for row in 0..rows {
        for col in 0..cols {
            let (r, c, at) = (row + margin, col + margin, row * cols + col);
            let gain = light.scope_e[at];
            let dy = gain * slope(r, height, &|r| light.tissue[r * width + c]);
            let dx = gain * slope(c, width, &|c| light.tissue[r * width + c]);
            let w = light.information[at];
            sums = [sums[0] + w * dy * dy, sums[1] + w * dx * dx, sums[2] + w * dy * dx];
        }
    }
    let [yy, xx, yx] = sums;
    let determinant = yy * xx - yx * yx;
    if determinant > 0.0 { [xx, yy].map(|v| (v / determinant).sqrt()) } else { [f64::INFINITY; 2] }
}

/// The least standard deviations of a lone spike's size (spikes) and time (s), if neither is known and the trace is known to a
/// standard deviation of `trace_sd` in each frame; root mean square over the places within an exposure that a spike may have.
pub(super) fn spike_sds(responses: &[Vec<f64>], fps: f64, trace_sd: f64) -> [f64; 2] {
    let n = responses.len();
    if n == 0 {
        return [f64::INFINITY; 2];
    }
    // The response in the frame `lag` after that of place 0, from one frame before on.
    let at = |place: i64, lag: i64| {
        let (frames, place) = (place.div_euclid(n as i64), place.rem_euclid(n as i64));
        let response = &responses[place as usize];
        usize::try_from(lag - frames).ok().and_then(|lag| response.get(lag)).copied().unwrap_or(0.0)
    };
    let longest = responses.iter().map(Vec::len).max().unwrap_or(0) as i64;
    let per_s = 0.5 * fps * n as f64;
    let mut variance = [0.0; 2];
    for place in 0..n as i64 {
        let mut sums = [0.0; 3];
        for lag in -1..=longest {
            let (value, slope) = (at(place, lag), per_s * (at(place + 1, lag) - at(place - 1, lag)));
            sums = [sums[0] + value * value, sums[1] + slope * slope, sums[2] + value * slope];
        }
        let [size, time, both] = sums;
        let determinant = size * time - both * both;
        let of = |other: f64| if determinant > 0.0 { other / determinant } else { f64::INFINITY };
        variance = [variance[0] + of(time), variance[1] + of(size)];
    }
    variance.map(|v| trace_sd * (v / n as f64).sqrt())
}
