//! The one rendering path: (scene, frames, stage) to pixels. A pure function; everything else is a sink of it.
//!
//! A pass renders a few frames together. It goes down the canvas in bands of rows that stay in a core's second-level cache:
//! all canvas layers of all frames of a band, then whichever rows of the field of view these frames have by now, through the
//! scope's layers to counts. No image is ever held whole, unless its movie was asked for.

pub mod kernels;

use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
};

use crate::{
    layer::{Layer, ScopeLayer, TissueLayer},
    recording::{Pixels, SampleType},
    scene::{Scene, Stage},
};
use kernels::{
    arithmetic::{Op, Program},
    digitise::{Count, Digitiser},
    shift::{Edges, View},
    tiles::Tiles,
};

/// Frames that are rendered together, so that maps and footprints are read once for all of them.
pub const FRAMES_PER_PASS: usize = 8;

/// Size that a band of canvas rows should have, over all frames of a pass (bytes).
const BAND_BYTES: usize = 512 * 1024;

/// Renders frames of a scene up to a stage.
///
/// What it yields depends on the scene, the frame and the stage alone, not on which frames are asked for together.
#[derive(Debug)]
pub struct Renderer<'a> {
    scene: &'a Scene,
    /// The stages to run, a prefix of the scene's.
    stages: &'a [Stage],
    /// Those of them that work on the canvas.
    n_tissue: usize,
    /// Stages whose movie is kept besides the last one.
    snapshots: bool,
    /// Buffers of finished passes, for the next ones.
    scratch: Mutex<Vec<Scratch>>,
    spent: Mutex<Vec<Pixels>>,
}

/// A pass's movies: the observed one, then (on request) one a stage.
pub type Rendered = Vec<Pixels>;

/// What a pass works in.
#[derive(Debug, Default)]
struct Scratch {
    /// Rows of the canvas, frame by frame: one above the band, then the band.
    band: Vec<f32>,
    /// Rows of one frame's field of view.
    fov: Vec<f32>,
    edges: Edges,
}

/// Takes the lock; what it guards is valid whoever died with it.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Renderer<'a> {
    /// A renderer of the first `n_stages` movie stages; with `snapshots`, the movie after each of them is kept.
    #[must_use]
    pub fn new(scene: &'a Scene, n_stages: usize, snapshots: bool) -> Self {
        let stages = &scene.stages[..n_stages];
        let leaves_canvas = |s: &Stage| matches!(s.layer, Some(Layer::Shift { .. } | Layer::Scope(_)));
        let n_tissue = stages.iter().position(leaves_canvas).unwrap_or(n_stages);
        Self { scene, stages, n_tissue, snapshots, scratch: Mutex::default(), spent: Mutex::default() }
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

    /// Renders `frames`, at most [`FRAMES_PER_PASS`] of them.
    #[must_use]
    pub fn pass(&self, frames: Range<usize>) -> Rendered {
        self.rows(frames, 0..self.scene.canvas.fov[0])
    }

    /// Renders `rows` of the field of view in `frames`, at most [`FRAMES_PER_PASS`] of them. Snapshots are of whole images, so
    /// with them all rows must be asked for.
    #[must_use]
    pub fn rows(&self, frames: Range<usize>, rows: Range<usize>) -> Rendered {
        let digitiser = self.stages.iter().find_map(|s| match &s.layer {
            Some(Layer::Scope(ScopeLayer::Digitise(digitiser))) => Some(digitiser.as_ref()),
            _ => None,
        });
        let mut kept = Kept::new(self, frames.len());
        let observed = match digitiser.map(|d| (d, sample_for(d.model().max_count))) {
            None => {
                let light = |_: usize, _: usize, light: &mut [f32], out: &mut [f32]| out.copy_from_slice(light);
                Pixels::F32(self.observe(&frames, rows, &mut kept, self.recycled(), light))
            }
            Some((d, SampleType::U8)) => {
                Pixels::U8(self.observe(&frames, rows, &mut kept, self.recycled(), counts(d, frames.start)))
            }
            Some((d, SampleType::U16)) => {
                Pixels::U16(self.observe(&frames, rows, &mut kept, self.recycled(), counts(d, frames.start)))
            }
            Some((d, _)) => {
                Pixels::F32(self.observe(&frames, rows, &mut kept, self.recycled(), counts(d, frames.start)))
            }
        };
        let mut movies = kept.movies;
        if let (Some(last), true) = (movies.last_mut(), digitiser.is_some()) {
            *last = observed.clone();
        }
        movies.insert(0, observed);
        movies
    }

    /// Hands the buffers of a pass back, for passes to come.
    pub fn recycle(&self, mut movies: Rendered) {
        if !movies.is_empty() {
            lock(&self.spent).push(movies.swap_remove(0));
        }
    }

    /// A buffer of an earlier pass, or a new one.
    fn recycled<T: Recycle>(&self) -> Vec<T> {
        lock(&self.spent).pop().and_then(T::take).unwrap_or_default()
    }

    /// Renders the observed movie, `(frame, row, column)`; `expose` makes pixels of it out of light, given the frame's number
    /// within the pass and the first pixel's within the field of view.
    fn observe<T: Copy + Default>(
        &self,
        frames: &Range<usize>,
        rows: Range<usize>,
        kept: &mut Kept,
        mut out: Vec<T>,
        mut expose: impl FnMut(usize, usize, &mut [f32], &mut [T]),
    ) -> Vec<T> {
        let canvas = self.scene.canvas;
        let ([height, _], [_, fov_width]) = (canvas.shape(), canvas.fov);
        let shifts =
            self.stages.iter().find_map(|s| if let Some(Layer::Shift { px }) = &s.layer { Some(px) } else { None });
        let views: Vec<View> = frames
            .clone()
            .map(|t| View::new(canvas.shape(), canvas.fov, shifts.map_or([0.0; 2], |px| px[t])))
            .collect();
        let out_pixels = rows.len() * fov_width;
        out.resize(frames.len() * out_pixels, T::default());

        // Canvas rows that somebody needs.
        let needed = if self.snapshots {
            0..height
        } else {
            let tops = views.iter().map(|v| v.top);
            let clamp = |row: i64| row.clamp(0, height as i64) as usize;
            let (first, last) = (tops.clone().min().unwrap_or(0), tops.max().unwrap_or(0));
            clamp(first + rows.start as i64)..clamp(last + rows.end as i64 + 1)
        };
        let mut scratch = lock(&self.scratch).pop().unwrap_or_default();
        let mut band = Band::new(self.scene, std::mem::take(&mut scratch.band), frames.clone(), needed.start);
        let mut next = vec![rows.start; frames.len()];
        loop {
            band.advance(needed.end);
            self.tissue(&mut band, kept);
            for (f, view) in views.iter().enumerate() {
                // A row of the field of view lies between two canvas rows.
                let end = if band.rows.end == needed.end {
                    rows.end
                } else {
                    (band.rows.end as i64 - 1 - view.top).clamp(next[f] as i64, rows.end as i64) as usize
                };
                let ready = next[f]..end;
                next[f] = end;
                if ready.is_empty() {
                    continue;
                }
                let first = ready.start * fov_width;
                let fov = &mut scratch.fov;
                fov.resize(ready.len() * fov_width, 0.0);
                for (r, line) in ready.zip(fov.chunks_exact_mut(fov_width.max(1))) {
                    let from = view.row(r, &mut scratch.edges, |row| band.row(f, row));
                    self.scope(f, r * fov_width, Program::new(Some(from)), line, kept);
                }
                let at = f * out_pixels + first - rows.start * fov_width;
                let n = fov.len();
                expose(f, first, fov, &mut out[at..at + n]);
            }
            if band.rows.end >= needed.end {
                break;
            }
        }
        scratch.band = band.pixels;
        lock(&self.scratch).push(scratch);
        out
    }

    /// Carries out the layers of the canvas on a band of it.
    fn tissue(&self, band: &mut Band<'_>, kept: &mut Kept) {
        for row in band.rows.clone() {
            band.write_cells(row, &self.stages[..self.n_tissue]);
            for f in 0..band.frames.len() {
                let t = band.frames.start + f;
                let line = band.row_mut(f, row);
                let here = row * line.len()..(row + 1) * line.len();
                let mut program = Program::new(None);
                for (i, stage) in self.stages[..self.n_tissue].iter().enumerate() {
                    match &stage.layer {
                        Some(Layer::Tissue(TissueLayer::LowRank { maps, courses })) => {
                            for (map, course) in maps.iter().zip(courses) {
                                program.push(Op::AddScaled(&map.data[here.clone()], course[t]), line);
                            }
                        }
                        Some(Layer::Tissue(TissueLayer::Transmission { map })) => {
                            program.push(Op::Multiply(&map.data[here.clone()]), line);
                        }
                        // The cells are there already.
                        _ => {}
                    }
                    kept.put(i, f, here.start, &mut program, line);
                }
                program.run(line);
            }
        }
    }

    /// Carries out the layers of the scope on a line of the field of view, from pixel `first` on, in frame `f` of the pass.
    fn scope<'p>(&'p self, f: usize, first: usize, mut program: Program<'p>, line: &mut [f32], kept: &mut Kept) {
        let here = first..first + line.len();
        for (i, stage) in self.stages.iter().enumerate().skip(self.n_tissue) {
            match &stage.layer {
                Some(Layer::Scope(ScopeLayer::Transmission { map, .. })) => {
                    program.push(Op::Multiply(&map.data[here.clone()]), line);
                }
                Some(Layer::Scope(ScopeLayer::Glow { map })) => program.push(Op::Add(&map.data[here.clone()]), line),
                _ => {}
            }
            kept.put(i, f, first, &mut program, line);
        }
        program.run(line);
    }
}

/// A digitiser as a pass uses it.
fn counts<T: Count>(digitiser: &Digitiser, first_frame: usize) -> impl FnMut(usize, usize, &mut [f32], &mut [T]) {
    move |f, first, light, out| digitiser.digitise((first_frame + f) as u64, first as u64, light, out)
}

/// The rows of the canvas that are being worked on, in all frames of a pass.
#[derive(Debug)]
struct Band<'a> {
    tiles: Option<&'a Tiles>,
    /// Brightness of each cell in the frames of a full pass.
    courses: Vec<[f32; FRAMES_PER_PASS]>,
    /// The same frame by frame, for fewer.
    single_courses: Vec<Vec<[f32; 1]>>,
    frames: Range<usize>,
    /// Canvas rows of the band.
    rows: Range<usize>,
    max_rows: usize,
    width: usize,
    /// Pixels from row to row.
    stride: usize,
    /// See [`Scratch::band`].
    pixels: Vec<f32>,
}

impl<'a> Band<'a> {
    fn new(scene: &'a Scene, mut pixels: Vec<f32>, frames: Range<usize>, first_row: usize) -> Self {
        let width = scene.canvas.shape()[1];
        let (mut courses, mut single_courses) = (Vec::new(), Vec::new());
        let cells = scene.cells();
        if let Some((_, all)) = cells {
            let units = all.chunks_exact(scene.n_frames.max(1));
            if frames.len() == FRAMES_PER_PASS {
                courses = units.map(|course| std::array::from_fn(|f| course[frames.start + f])).collect();
            } else {
                single_courses = frames.clone().map(|t| units.clone().map(|course| [course[t]]).collect()).collect();
            }
        }
        let tiles = cells.map(|(tiles, _)| tiles);
        let stride = tiles.map_or(width, Tiles::stride);
        let max_rows = (BAND_BYTES / (4 * stride * frames.len().max(1))).clamp(8, 64);
        pixels.resize(frames.len() * (max_rows + 1) * stride, 0.0);
        Self { tiles, courses, single_courses, frames, rows: first_row..first_row, max_rows, width, stride, pixels }
    }

    /// Goes on to the next rows, below `end`; the last row stays, as the one above.
    fn advance(&mut self, end: usize) {
        let last = self.rows.len() * self.stride;
        for frame in self.pixels.chunks_exact_mut((self.max_rows + 1) * self.stride) {
            frame.copy_within(last..last + self.stride, 0);
        }
        self.rows = self.rows.end..(self.rows.end + self.max_rows).min(end);
    }

    fn at(&self, f: usize, row: usize) -> usize {
        (f * (self.max_rows + 1) + row + 1 - self.rows.start) * self.stride
    }

    fn row(&self, f: usize, row: usize) -> &[f32] {
        &self.pixels[self.at(f, row)..][..self.width]
    }

    fn row_mut(&mut self, f: usize, row: usize) -> &mut [f32] {
        let at = self.at(f, row);
        &mut self.pixels[at..at + self.width]
    }

    /// Writes the cells' light into a row of all frames, or darkness where no stage adds cells.
    fn write_cells(&mut self, row: usize, stages: &[Stage]) {
        let lit = |s: &Stage| matches!(s.layer, Some(Layer::Tissue(TissueLayer::Sparse { .. })));
        let at = self.at(0, row);
        let (per_frame, stride) = ((self.max_rows + 1) * self.stride, self.stride);
        let mut lines = self.pixels.chunks_exact_mut(per_frame).map(|frame| &mut frame[at..at + stride]);
        match self.tiles.filter(|_| stages.iter().any(lit)) {
            None => lines.for_each(|line| line.fill(0.0)),
            Some(tiles) if self.single_courses.is_empty() => {
                let lines = std::array::from_fn(|_| lines.next().unwrap_or_default());
                tiles.write_row(row, &self.courses, lines);
            }
            Some(tiles) => {
                lines.zip(&self.single_courses).for_each(|(line, courses)| tiles.write_row(row, courses, [line]));
            }
        }
    }
}

/// The movies of the stages that are kept.
#[derive(Debug)]
struct Kept {
    /// Pixels of an image, stage by stage.
    sizes: Vec<usize>,
    movies: Vec<Pixels>,
}

impl Kept {
    fn new(renderer: &Renderer<'_>, n_frames: usize) -> Self {
        let stages = if renderer.snapshots { renderer.stages } else { &[] };
        let sizes: Vec<usize> = stages.iter().map(|s| renderer.scene.shape_of(Some(s.name)).iter().product()).collect();
        let movies = sizes.iter().map(|n| Pixels::F32(vec![0.0; n * n_frames])).collect();
        Self { sizes, movies }
    }

    /// Keeps a line after stage `i`, if that one is kept; what waits to be done to it is done first.
    fn put(&mut self, i: usize, f: usize, first: usize, program: &mut Program<'_>, line: &mut [f32]) {
        if let Some(Pixels::F32(movie)) = self.movies.get_mut(i) {
            program.run(line);
            let at = f * self.sizes[i] + first;
            movie[at..at + line.len()].copy_from_slice(line);
        }
    }
}

/// A sample type whose buffers are used again.
trait Recycle: Sized {
    fn take(pixels: Pixels) -> Option<Vec<Self>>;
}

macro_rules! recycle {
    ($($kind:ident $type:ty),*) => {
        $(impl Recycle for $type {
            fn take(pixels: Pixels) -> Option<Vec<Self>> {
                if let Pixels::$kind(buffer) = pixels { Some(buffer) } else { None }
            }
        })*
    };
}

recycle!(U8 u8, U16 u16, F32 f32);

/// The smallest container of counts up to `max_count`.
fn sample_for(max_count: u32) -> SampleType {
    match max_count {
        0..=0xff => SampleType::U8,
        0x100..=0xffff => SampleType::U16,
        _ => SampleType::F32,
    }
}
