//! The one rendering path: (scene, frames, stage) to pixels. A pure function; everything else is a sink of it.

pub mod kernels;
mod plan;

use std::ops::Range;

use crate::{
    layer::{Layer, ScopeLayer, TissueLayer},
    recording::{Pixels, SampleType},
    scene::{Scene, Stage},
};
use kernels::{
    arithmetic,
    digitise::{Count, Digitiser},
    shift::shift_and_crop,
};
use plan::Plan;

/// Frames that are rendered together, so that a footprint is read once for all of them.
pub const FRAMES_PER_PASS: usize = 8;

/// Renders frames of a scene up to a stage.
///
/// What it yields depends on the scene, the frame and the stage alone, not on which frames are asked for together.
#[derive(Debug)]
pub struct Renderer<'a> {
    scene: &'a Scene,
    /// The stages to run, a prefix of the scene's.
    stages: &'a [Stage],
    /// Stages whose movie is kept besides the last one.
    snapshots: bool,
    plan: Plan,
}

/// A pass's movies: the observed one, then (on request) one a stage.
pub type Rendered = Vec<Pixels>;

impl<'a> Renderer<'a> {
    /// A renderer of the first `n_stages` movie stages; with `snapshots`, the movie after each of them is kept.
    #[must_use]
    pub fn new(scene: &'a Scene, n_stages: usize, snapshots: bool) -> Self {
        let stages = &scene.stages[..n_stages];
        let sparse = stages.iter().find_map(|s| match &s.layer {
            Some(Layer::Tissue(TissueLayer::Sparse { patches, .. })) => Some(patches.as_slice()),
            _ => None,
        });
        Self { scene, stages, snapshots, plan: Plan::new(scene.canvas.shape(), sparse.unwrap_or_default()) }
    }

    /// Size and sample type of the observed movie and of each snapshot.
    #[must_use]
    pub fn tracks(&self) -> Vec<crate::sink::Track> {
        let mut rendered = SampleType::F32;
        let mut tracks = vec![];
        for stage in self.stages {
            if let Some(Layer::Scope(ScopeLayer::Digitise(digitiser))) = &stage.layer {
                rendered = sample_for(digitiser.model().max_count);
            }
            let [height, width] = self.scene.shape_of(Some(stage.name));
            tracks.push(crate::sink::Track { stage: Some(stage.name), height, width, rendered });
        }
        let [height, width] = self.scene.canvas.fov;
        let mut all = vec![crate::sink::Track { stage: None, height, width, rendered }];
        if self.snapshots {
            all.append(&mut tracks);
        }
        all
    }

    /// Renders `frames`, at most [`FRAMES_PER_PASS`] of them, into fresh buffers.
    #[must_use]
    pub fn pass(&self, frames: Range<usize>) -> Rendered {
        let canvas = self.scene.canvas;
        let canvas_shape = canvas.shape();
        let mut kept = Vec::new();
        // One image a frame; canvas-sized until the tissue is placed under the scope.
        let mut images: Vec<Vec<f32>> = vec![vec![0.0; canvas_shape[0] * canvas_shape[1]]; frames.len()];
        let mut on_canvas = true;
        let mut counts: Option<Pixels> = None;
        let mut pending: Vec<PixelOp<'_>> = Vec::new();
        for stage in self.stages {
            match &stage.layer {
                None => {}
                Some(Layer::Tissue(TissueLayer::Sparse { patches, courses })) => {
                    flush(&mut pending, &frames, &mut images);
                    self.plan.add_patches(patches, courses, self.scene.n_frames, &frames, &mut images);
                }
                Some(Layer::Tissue(TissueLayer::LowRank { maps, courses })) => {
                    pending.extend(maps.iter().zip(courses).map(|(m, c)| PixelOp::AddScaled(&m.data, c)));
                }
                Some(Layer::Tissue(TissueLayer::Transmission { map })) => pending.push(PixelOp::Multiply(&map.data)),
                Some(Layer::Shift { px }) => {
                    flush(&mut pending, &frames, &mut images);
                    for (image, t) in images.iter_mut().zip(frames.clone()) {
                        *image = shift_and_crop(image, canvas_shape, canvas.fov, px[t]);
                    }
                    on_canvas = false;
                }
                Some(Layer::Scope(layer)) => {
                    if on_canvas {
                        flush(&mut pending, &frames, &mut images);
                        if canvas.margin > 0 {
                            images.iter_mut().for_each(|image| *image = canvas.crop(image));
                        }
                        on_canvas = false;
                    }
                    match layer {
                        ScopeLayer::Transmission { map, .. } => pending.push(PixelOp::Multiply(&map.data)),
                        ScopeLayer::Glow { map } => pending.push(PixelOp::Add(&map.data)),
                        ScopeLayer::Digitise(digitiser) => {
                            counts = Some(digitise(digitiser, &std::mem::take(&mut pending), &frames, &mut images));
                        }
                    }
                }
            }
            if self.snapshots {
                flush(&mut pending, &frames, &mut images);
                kept.push(counts.clone().unwrap_or_else(|| Pixels::F32(images.concat())));
            }
        }
        flush(&mut pending, &frames, &mut images);
        if on_canvas && canvas.margin > 0 {
            images.iter_mut().for_each(|image| *image = canvas.crop(image));
        }
        let mut all = vec![counts.unwrap_or_else(|| Pixels::F32(images.concat()))];
        all.append(&mut kept);
        all
    }
}

/// Arithmetic on single pixels, held back until several of them can be done in one go over the images: a run of them then
/// costs one pass through memory. Each pixel still sees them one after the other, so grouping changes no bit.
#[derive(Clone, Copy, Debug)]
enum PixelOp<'a> {
    AddScaled(&'a [f32], &'a [f32]),
    Multiply(&'a [f32]),
    Add(&'a [f32]),
}

/// Pixels that are taken through all pending operations together: they stay in the first-level cache.
const CHUNK_PX: usize = 2048;

fn apply(ops: &[PixelOp<'_>], t: usize, chunk: Range<usize>, pixels: &mut [f32]) {
    for op in ops {
        match op {
            PixelOp::AddScaled(map, course) => arithmetic::add_scaled(pixels, &map[chunk.clone()], course[t]),
            PixelOp::Multiply(map) => arithmetic::multiply(pixels, &map[chunk.clone()]),
            PixelOp::Add(map) => arithmetic::add(pixels, &map[chunk.clone()]),
        }
    }
}

fn chunks(n: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n).step_by(CHUNK_PX).map(move |start| start..(start + CHUNK_PX).min(n))
}

/// Carries out the pending operations on every image.
fn flush(pending: &mut Vec<PixelOp<'_>>, frames: &Range<usize>, images: &mut [Vec<f32>]) {
    if pending.is_empty() {
        return;
    }
    for chunk in chunks(images.first().map_or(0, Vec::len)) {
        for (image, t) in images.iter_mut().zip(frames.clone()) {
            apply(pending, t, chunk.clone(), &mut image[chunk.clone()]);
        }
    }
    pending.clear();
}

/// Carries out the pending operations and digitises the images.
fn digitise(digitiser: &Digitiser, pending: &[PixelOp<'_>], frames: &Range<usize>, images: &mut [Vec<f32>]) -> Pixels {
    fn each<T: Count + Default + Clone>(
        digitiser: &Digitiser,
        pending: &[PixelOp<'_>],
        frames: &Range<usize>,
        images: &mut [Vec<f32>],
    ) -> Vec<T> {
        let n = images.first().map_or(0, Vec::len);
        let mut out = vec![T::default(); n * images.len()];
        for chunk in chunks(n) {
            for (i, t) in frames.clone().enumerate() {
                let pixels = &mut images[i][chunk.clone()];
                apply(pending, t, chunk.clone(), pixels);
                let out = &mut out[i * n..][chunk.clone()];
                digitiser.digitise(t as u64, chunk.start as u64, pixels, out);
            }
        }
        out
    }
    match sample_for(digitiser.model().max_count) {
        SampleType::U8 => Pixels::U8(each(digitiser, pending, frames, images)),
        SampleType::U16 => Pixels::U16(each(digitiser, pending, frames, images)),
        _ => Pixels::F32(each(digitiser, pending, frames, images)),
    }
}

/// The smallest container of counts up to `max_count`.
fn sample_for(max_count: u32) -> SampleType {
    match max_count {
        0..=0xff => SampleType::U8,
        0x100..=0xffff => SampleType::U16,
        _ => SampleType::F32,
    }
}
