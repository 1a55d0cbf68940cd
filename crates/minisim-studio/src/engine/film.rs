//! The picture: a stretch of the film after a stage, its projection and its single frames.

use std::{ops::Range, sync::Arc, time::Instant};

use minisim::{GroundTruth, RunError, Scene, recording::Pixels, spec::Spec};
use rayon::prelude::*;

use super::Pending;
use crate::{
    messages::{Answer, Complaint, FrameHeader, Histogram, PictureHeader, ProjectionHeader, View},
    session::Outgoing,
};

/// Most frames that are shown as a film.
const MAX_FRAMES: usize = 600;
/// Frames rendered between two looks at whether the answer is still wanted.
const BATCH: usize = 16;
/// Longest film that is shown (s).
const MAX_SECONDS: f64 = 60.0;

/// The frames of the recording that a view shows.
pub(super) fn stretch(spec: &Spec, view: &View) -> Range<usize> {
    let (fps, n_frames) = (spec.acquisition.fps.get(), spec.acquisition.n_frames());
    let n = ((view.seconds.clamp(0.0, MAX_SECONDS) * fps).round() as usize).clamp(1, MAX_FRAMES).min(n_frames);
    // The conversion makes frame 0 of a negative time; a time too late shows the recording's end.
    let first = ((view.from_s * fps).round() as usize).min(n_frames - n);
    first..first + n
}

/// The stored frames that show a stretch of the exposures, as many if there are.
pub(super) fn stored(scene: &Scene, exposures: Range<usize>) -> Range<usize> {
    let Some(delivery) = &scene.plan.delivery else { return exposures };
    let n = exposures.len().min(scene.n_frames);
    let first = delivery.exposures.partition_point(|exposure| (*exposure as usize) < exposures.start);
    let first = first.min(scene.n_frames - n);
    first..first + n
}

/// A stretch of the film after one stage, as far as it is rendered.
#[derive(Debug)]
pub(super) struct StageFilm {
    scene: Arc<Scene>,
    stage: Option<String>,
    shape: [usize; 2],
    /// The recording's frame that it begins with.
    first_frame: usize,
    /// Frames rendered so far.
    n_frames: usize,
    /// Time that rendering took (s).
    seconds: f64,
    /// Whether all frames are kept, or only the first.
    keep: bool,
    movie: Option<Pixels>,
    /// Largest value of each pixel.
    projection: Vec<f32>,
    low: f32,
    high: f32,
    /// The largest count, and how many pixels of all frames have it.
    full: f32,
    saturated: usize,
}

/// What a part of some frames adds to the film.
#[derive(Clone, Copy)]
struct Found {
    low: f32,
    high: f32,
    saturated: usize,
}

impl Found {
    const NOTHING: Self = Self { low: f32::INFINITY, high: f32::NEG_INFINITY, saturated: 0 };

    fn and(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            saturated: self.saturated + other.saturated,
        }
    }
}

impl StageFilm {
    /// Renders a stretch of the recording and shows its projection, first of a few frames, then of all. Frames of the film
    /// shown before are used again if they are the wanted ones. None if the answer is no longer wanted.
    pub(super) fn show(
        kept: Option<Self>,
        scene: &Arc<Scene>,
        view: &View,
        stretch: Range<usize>,
        scene_ms: f64,
        request: &Pending<'_>,
    ) -> Option<Self> {
        let n = stretch.len();
        let stage = view.stage.as_deref().filter(|name| scene.plan.stages.iter().any(|s| s.name == *name));
        let serves = |film: &Self| {
            Arc::ptr_eq(&film.scene, scene)
                && film.stage.as_deref() == stage
                && (film.first_frame, film.n_frames) == (stretch.start, n)
                && (film.keep || !view.frames)
        };
        let mut film = kept.filter(serves).unwrap_or_else(|| Self::new(scene, stage, stretch.start, view.frames));
        let project = |film: &Self| film.send_projection(n, scene_ms, request);
        while film.n_frames < n {
            if let Err(why) = film.render((n - film.n_frames).min(BATCH)) {
                request.text(&Answer::Error(Complaint { message: why.to_string() }));
                return None;
            }
            if (request.stale)() {
                return None;
            }
            // A first picture of a few frames at once, so that dragging a slider feels direct; the whole one follows.
            if film.n_frames == BATCH && n > BATCH && !project(&film) {
                return None;
            }
        }
        project(&film).then_some(film)
    }

    /// Sends the projection of the frames so far, of `n`; no if the page is gone.
    fn send_projection(&self, n: usize, scene_ms: f64, request: &Pending<'_>) -> bool {
        let scene = &self.scene;
        let sensor = &scene.spec.acquisition.image_sensor;
        let shown = match self.stage.as_deref() {
            None => scene.plan.stages.last(),
            Some(name) => scene.plan.stages.iter().find(|stage| stage.name == name),
        };
        let is_counts = shown.is_some_and(|stage| stage.reached.exposed);
        let max_count = is_counts.then(|| sensor.max_count());
        let n_values = (self.n_frames * self.projection.len()).max(1);
        let header = PictureHeader::Projection(ProjectionHeader {
            seq: request.seq,
            partial: self.n_frames < n,
            shape: self.shape,
            n_frames: n,
            first_frame: self.first_frame,
            recording_frames: request.n_frames,
            fps: scene.spec.acquisition.fps.get(),
            stage: self.stage.clone(),
            low: self.low,
            high: self.high,
            max_count,
            saturated: is_counts.then(|| self.saturated as f64 / n_values as f64),
            histogram: self.histogram(max_count.map(|m| m as f32)),
            frames_per_s: self.n_frames as f64 / self.seconds.max(1e-9),
            engine_ms: request.engine_ms(),
            scene_ms,
        });
        (request.send)(Outgoing::picture(&header, self.projection.iter().flat_map(|v| v.to_le_bytes())))
    }

    /// Sends the frames one by one, until the request is stale or the page gone.
    pub(super) fn send_frames(&self, request: &Pending<'_>) {
        for t in 0..self.n_frames {
            let header = FrameHeader { seq: request.seq, t, shape: self.shape, low: self.low, high: self.high };
            let message = Outgoing::picture(&PictureHeader::Frame(header), self.frame(t).into_iter());
            if (request.stale)() || !(request.send)(message) {
                return;
            }
        }
    }

    /// Shifts of the brain during the film (down, right) px, one after the other; none without motion.
    pub(super) fn path_px(&self) -> Option<&[f64]> {
        let frames = self.frames();
        self.truth().f64s("shifts")?.get(2 * frames.start..2 * frames.end)
    }

    /// The frames of the recording that are shown.
    pub(super) fn frames(&self) -> Range<usize> {
        self.first_frame..self.first_frame + self.n_frames
    }

    /// What is true of a recording that holds these frames.
    pub(super) fn truth(&self) -> &GroundTruth {
        self.scene.recorded()
    }

    fn new(scene: &Arc<Scene>, stage: Option<&str>, first_frame: usize, keep: bool) -> Self {
        // Single frames are on the field of view, whatever the stage.
        let shape = scene.canvas.fov;
        Self {
            scene: Arc::clone(scene),
            stage: stage.map(str::to_owned),
            shape,
            first_frame,
            n_frames: 0,
            seconds: 0.0,
            keep,
            movie: None,
            projection: vec![f32::NEG_INFINITY; shape[0] * shape[1]],
            low: f32::INFINITY,
            high: f32::NEG_INFINITY,
            full: scene.spec.acquisition.image_sensor.max_count() as f32,
            saturated: 0,
        }
    }

    fn render(&mut self, n: usize) -> Result<(), RunError> {
        let start = Instant::now();
        let from = self.first_frame + self.n_frames;
        let frames = from..from + n;
        let pixels = minisim::render(&self.scene, frames, self.stage.as_deref())?;
        self.seconds += start.elapsed().as_secs_f64();
        let size = self.projection.len().max(1);
        let rows = self.shape[1].max(1) * self.shape[0].div_ceil(2 * rayon::current_num_threads()).max(1);
        let full = self.full;
        let found = self
            .projection
            .par_chunks_mut(rows)
            .enumerate()
            .map(|(i, part)| {
                let (at, length) = (i * rows, part.len());
                let frame = |t: usize| t * size + at..t * size + at + length;
                match &pixels {
                    Pixels::U8(v) => raise_bytes(part, (0..n).map(|t| &v[frame(t)]), full),
                    Pixels::U16(v) => raise(part, (0..n).map(|t| &v[frame(t)]), full, f32::from),
                    Pixels::F32(v) => raise(part, (0..n).map(|t| &v[frame(t)]), full, |v| v),
                    Pixels::F64(v) => raise(part, (0..n).map(|t| &v[frame(t)]), full, |v| v as f32),
                }
            })
            .reduce(|| Found::NOTHING, Found::and);
        self.low = self.low.min(found.low);
        self.high = self.high.max(found.high);
        self.saturated += found.saturated;
        self.n_frames += n;
        match &mut self.movie {
            None => {
                let mut first = Pixels::with_capacity(pixels.sample(), 0);
                first.extend_from(&pixels, 0..if self.keep { pixels.len() } else { size });
                self.movie = Some(first);
            }
            Some(movie) if self.keep => movie.extend(&pixels),
            Some(_) => {}
        }
        Ok(())
    }

    /// A frame in 8 bits between the film's lowest and highest value; counts up to 255 as they are.
    fn frame(&self, t: usize) -> Vec<u8> {
        let size = self.projection.len();
        let range = t * size..(t + 1) * size;
        let scale = if self.high > self.low { 255.0 / (self.high - self.low) } else { 0.0 };
        let level = |v: f32| ((v - self.low) * scale).round() as u8;
        match &self.movie {
            Some(Pixels::U8(v)) => v[range].iter().map(|v| level(f32::from(*v))).collect(),
            Some(Pixels::U16(v)) => v[range].iter().map(|v| level(f32::from(*v))).collect(),
            Some(Pixels::F32(v)) => v[range].iter().map(|v| level(*v)).collect(),
            Some(Pixels::F64(v)) => v[range].iter().map(|v| level(*v as f32)).collect(),
            None => Vec::new(),
        }
    }

    /// Pixels of the first frame in 128 equal bins from 0 or the lowest value to the largest count or value.
    fn histogram(&self, max_count: Option<f32>) -> Option<Histogram> {
        let movie = self.movie.as_ref()?;
        let low = if max_count.is_some() { 0.0 } else { self.low };
        let high = max_count.map_or(self.high, |most| most + 1.0);
        let mut bins = vec![0; 128];
        let scale = if high > low { 128.0 / (high - low) } else { 0.0 };
        for v in movie.to_f32(0..self.projection.len()) {
            bins[(((v - low) * scale) as usize).min(127)] += 1;
        }
        Some(Histogram { low, high, bins })
    }
}

/// Raises a part of the projection to the values of frames. In this form the loop vectorises.
fn raise<'f, T: Copy + 'f>(
    part: &mut [f32],
    frames: impl Iterator<Item = &'f [T]>,
    full: f32,
    value: impl Fn(T) -> f32,
) -> Found {
    let mut found = Found::NOTHING;
    for frame in frames {
        let (mut low, mut high, mut saturated) = (found.low, found.high, 0_u32);
        for (p, v) in part.iter_mut().zip(frame) {
            let v = value(*v);
            *p = if v > *p { v } else { *p };
            low = if v < low { v } else { low };
            high = if v > high { v } else { high };
            saturated += u32::from(v >= full);
        }
        found = Found { low, high, saturated: found.saturated + saturated as usize };
    }
    found
}

/// Raises a part of the projection to the values of frames of bytes, which need no conversion on the way.
fn raise_bytes<'f>(part: &mut [f32], frames: impl Iterator<Item = &'f [u8]>, full: f32) -> Found {
    let mut most = vec![0_u8; part.len()];
    let (mut low, mut saturated) = (u8::MAX, 0);
    let full = full.min(255.0) as u8;
    for frame in frames {
        for (pixels, most) in frame.chunks(128).zip(most.chunks_mut(128)) {
            let (mut least, mut n) = (u8::MAX, 0_u8);
            for (m, v) in most.iter_mut().zip(pixels) {
                *m = (*m).max(*v);
                least = least.min(*v);
                n += u8::from(*v >= full);
            }
            low = low.min(least);
            saturated += usize::from(n);
        }
    }
    let high = most.iter().copied().max().unwrap_or_default();
    for (p, m) in part.iter_mut().zip(&most) {
        *p = p.max(f32::from(*m));
    }
    Found { low: f32::from(low), high: f32::from(high), saturated }
}
