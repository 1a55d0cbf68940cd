//! The one rendering path: (scene, frames, stage) to pixels. A pure function; everything else is a sink of it.
//!
//! A pass renders some frames together. It goes down the canvas in bands of rows, so few that their footprints, maps and
//! pixels stay in a core's second-level cache. In each band it takes [`FRAMES_AT_ONCE`] frames after the other: all canvas
//! layers of the band, then whichever rows of the field of view these frames have by now, through the scope's layers to
//! counts. No image is ever held whole, unless its movie was asked for.

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

/// Frames whose pixels are worked on together, in registers, so that maps and footprints are loaded once for all of them.
pub const FRAMES_AT_ONCE: usize = 8;

/// Most frames of a pass, so that footprints and maps come from memory once for all of them.
const MAX_FRAMES_PER_PASS: usize = 32;

/// Size that a pass's movies should stay below (bytes).
const PASS_BYTES: usize = 16 << 20;

/// Size that a band of canvas rows should have, over the frames that are worked on together (bytes).
const BAND_BYTES: usize = 256 * 1024;

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
    /// Rows of the canvas in the frames of a group, frame by frame: one above the band, then the band.
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

    /// Cuts `frames` into passes: long ones, so that footprints and maps are seldom read from memory, as far as that has room,
    /// and shorter ones towards the end, so that all threads end at the same time.
    #[must_use]
    pub fn passes(&self, frames: Range<usize>) -> Vec<Range<usize>> {
        let bytes = |track: &crate::sink::Track| track.height * track.width * track.rendered.bytes();
        let frame: usize = self.tracks().iter().map(bytes).sum();
        let most = (PASS_BYTES / frame.max(1)).min(MAX_FRAMES_PER_PASS);
        let mut passes = Vec::new();
        let mut start = frames.start;
        while start < frames.end {
            let share = (frames.end - start) / (3 * rayon::current_num_threads());
            let groups = (share.min(most) / FRAMES_AT_ONCE).max(1);
            let end = ((start / FRAMES_AT_ONCE + groups) * FRAMES_AT_ONCE).min(frames.end);
            passes.push(start..end);
            start = end;
        }
        passes
    }

    /// Renders `frames`, best one of [`Self::passes`].
    #[must_use]
    pub fn pass(&self, frames: Range<usize>) -> Rendered {
        self.rows(frames, 0..self.scene.canvas.fov[0])
    }

    /// Renders `frames` of 8-bit counts into the memory of the sink that wants them there; nothing where the run does not
    /// deliver such counts alone.
    pub fn pass_into(&self, frames: Range<usize>, place: &mut crate::sink::Place) {
        if let Some(digitiser) = self.digitiser() {
            let out = &mut place.bytes[place.first..];
            let rows = 0..self.scene.canvas.fov[0];
            self.observe(&frames, rows, &mut Kept::default(), (out, place.stride), counts(digitiser));
        }
    }

    /// Renders `rows` of the field of view in `frames`. Snapshots are of whole images, so with them all rows must be asked for.
    #[must_use]
    pub fn rows(&self, frames: Range<usize>, rows: Range<usize>) -> Rendered {
        let digitiser = self.digitiser();
        let mut kept = Kept::new(self, frames.clone());
        let observed = match digitiser.map(|d| (d, sample_for(d.model().max_count))) {
            None => {
                let light = |_: usize, _: usize, light: &mut [f32], out: &mut [f32]| out.copy_from_slice(light);
                Pixels::F32(self.observed(&frames, rows, &mut kept, light))
            }
            Some((d, SampleType::U8)) => Pixels::U8(self.observed(&frames, rows, &mut kept, counts(d))),
            Some((d, SampleType::U16)) => Pixels::U16(self.observed(&frames, rows, &mut kept, counts(d))),
            Some((d, _)) => Pixels::F32(self.observed(&frames, rows, &mut kept, counts(d))),
        };
        let mut movies = kept.movies;
        if let (Some(last), true) = (movies.last_mut(), digitiser.is_some()) {
            *last = observed.clone();
        }
        movies.insert(0, observed);
        movies
    }

    /// The sensor, if the stages reach it.
    fn digitiser(&self) -> Option<&Digitiser> {
        self.stages.iter().find_map(|s| match &s.layer {
            Some(Layer::Scope(ScopeLayer::Digitise(digitiser))) => Some(digitiser.as_ref()),
            _ => None,
        })
    }

    /// Hands the buffers of a pass back, for passes to come.
    pub fn recycle(&self, mut movies: Rendered) {
        if !movies.is_empty() {
            lock(&self.spent).push(movies.swap_remove(0));
        }
    }

    /// The observed movie, `(frame, row, column)`, in the buffer of an earlier pass, or a new one.
    fn observed<T: Recycle + Copy + Default>(
        &self,
        frames: &Range<usize>,
        rows: Range<usize>,
        kept: &mut Kept,
        expose: impl FnMut(usize, usize, &mut [f32], &mut [T]),
    ) -> Vec<T> {
        let mut out = lock(&self.spent).pop().and_then(T::take).unwrap_or_default();
        let pixels = rows.len() * self.scene.canvas.fov[1];
        out.resize(frames.len() * pixels, T::default());
        self.observe(frames, rows, kept, (&mut out, pixels), expose);
        out
    }

    /// Renders the observed movie, `(frame, row, column)`, with the given number of samples from frame to frame; `expose` makes
    /// pixels of it out of light, given the frame's number and the first pixel's within the field of view.
    fn observe<T>(
        &self,
        frames: &Range<usize>,
        rows: Range<usize>,
        kept: &mut Kept,
        (out, stride): (&mut [T], usize),
        mut expose: impl FnMut(usize, usize, &mut [f32], &mut [T]),
    ) {
        let canvas = self.scene.canvas;
        let ([height, _], [_, fov_width]) = (canvas.shape(), canvas.fov);
        let mut scratch = lock(&self.scratch).pop().unwrap_or_default();
        let mut groups: Vec<Group> = frames
            .clone()
            .step_by(FRAMES_AT_ONCE)
            .map(|first| self.group(first..(first + FRAMES_AT_ONCE).min(frames.end), rows.start))
            .collect();

        // Canvas rows that somebody needs.
        let needed = if self.snapshots {
            0..height
        } else {
            let tops = groups.iter().flat_map(|g| &g.views).map(|v| v.top);
            let clamp = |row: i64| row.clamp(0, height as i64) as usize;
            let (first, last) = (tops.clone().min().unwrap_or(0), tops.max().unwrap_or(0));
            clamp(first + rows.start as i64)..clamp(last + rows.end as i64 + 1)
        };
        let mut band = Band::new(self.scene, std::mem::take(&mut scratch.band), needed.start);
        while !band.is_last(needed.end) {
            band.advance(needed.end);
            let last = band.is_last(needed.end);
            for group in &mut groups {
                band.resume(group);
                self.tissue(&mut band, group, kept);
                for f in 0..group.frames.len() {
                    let (t, view) = (group.frames.start + f, group.views[f]);
                    // A row of the field of view lies between two canvas rows.
                    let end =
                        (band.rows.end as i64 - 1 - view.top).clamp(group.next[f] as i64, rows.end as i64) as usize;
                    let ready = group.next[f]..if last { rows.end } else { end };
                    group.next[f] = ready.end;
                    if ready.is_empty() {
                        continue;
                    }
                    let first = ready.start * fov_width;
                    let fov = &mut scratch.fov;
                    fov.resize(ready.len() * fov_width, 0.0);
                    for (r, line) in ready.zip(fov.chunks_exact_mut(fov_width.max(1))) {
                        let from = view.row(r, &mut scratch.edges, |row| band.row(f, row));
                        self.scope(t, r * fov_width, Program::new(Some(from)), line, kept);
                    }
                    let at = (t - frames.start) * stride + first - rows.start * fov_width;
                    let n = fov.len();
                    expose(t, first, fov, &mut out[at..at + n]);
                }
                band.suspend(group);
            }
        }
        scratch.band = band.pixels;
        lock(&self.scratch).push(scratch);
    }

    /// What is to be known of some frames, at most [`FRAMES_AT_ONCE`], to begin with row `first_row` of the field of view.
    fn group(&self, frames: Range<usize>, first_row: usize) -> Group {
        let canvas = self.scene.canvas;
        let shifts =
            self.stages.iter().find_map(|s| if let Some(Layer::Shift { px }) = &s.layer { Some(px) } else { None });
        let view = |t| View::new(canvas.shape(), canvas.fov, shifts.map_or([0.0; 2], |px| px[t]));
        let mut group = Group {
            views: frames.clone().map(view).collect(),
            next: vec![first_row; frames.len()],
            frames,
            ..Group::default()
        };
        if let Some((_, all)) = self.scene.cells() {
            let frames = &group.frames;
            let units = all.chunks_exact(self.scene.n_frames.max(1));
            if frames.len() == FRAMES_AT_ONCE {
                group.courses = units.map(|course| std::array::from_fn(|f| course[frames.start + f])).collect();
            } else {
                group.single_courses =
                    frames.clone().map(|t| units.clone().map(|course| [course[t]]).collect()).collect();
            }
        }
        group
    }

    /// Carries out the layers of the canvas on a band of it.
    fn tissue(&self, band: &mut Band<'_>, group: &Group, kept: &mut Kept) {
        let stages = &self.stages[..self.n_tissue];
        let lit = |s: &Stage| matches!(s.layer, Some(Layer::Tissue(TissueLayer::Sparse { .. })));
        let tiles = band.tiles.filter(|_| stages.iter().any(lit));
        // Without snapshots, the layers follow the cells' light while it is in registers.
        let (together, apart) = if tiles.is_some() && !self.snapshots { (stages, &[][..]) } else { (&[][..], stages) };
        for row in band.rows.clone() {
            let width = band.width;
            let here = row * width..(row + 1) * width;
            match tiles {
                None => band.lines(group.frames.len(), row).for_each(|line| line.fill(0.0)),
                Some(tiles) if group.frames.len() == FRAMES_AT_ONCE => {
                    let ops: Vec<Op<'_, FRAMES_AT_ONCE>> = canvas_ops(together, &here, group.frames.start).collect();
                    let mut lines = band.lines(FRAMES_AT_ONCE, row);
                    let lines = std::array::from_fn(|_| lines.next().unwrap_or_default());
                    tiles.write_row(row, &group.courses, &ops, lines);
                }
                Some(tiles) => {
                    let lines = band.lines(group.frames.len(), row);
                    for ((t, courses), line) in group.frames.clone().zip(&group.single_courses).zip(lines) {
                        let ops: Vec<Op<'_, 1>> = canvas_ops(together, &here, t).collect();
                        tiles.write_row(row, courses, &ops, [line]);
                    }
                }
            }
            for (t, line) in group.frames.clone().zip(band.lines(group.frames.len(), row)) {
                let (line, mut program) = (&mut line[..width], Program::new(None));
                for (i, stage) in apart.iter().enumerate() {
                    canvas_ops(std::slice::from_ref(stage), &here, t).for_each(|op| program.push(op, line));
                    kept.put(i, t, here.start, &mut program, line);
                }
                program.run(line);
            }
        }
    }

    /// Carries out the layers of the scope on a line of the field of view, from pixel `first` on, in frame `t`.
    fn scope<'p>(&'p self, t: usize, first: usize, mut program: Program<'p>, line: &mut [f32], kept: &mut Kept) {
        let here = first..first + line.len();
        for (i, stage) in self.stages.iter().enumerate().skip(self.n_tissue) {
            match &stage.layer {
                Some(Layer::Scope(ScopeLayer::Transmission { map, .. })) => {
                    program.push(Op::Multiply(&map.data[here.clone()]), line);
                }
                Some(Layer::Scope(ScopeLayer::Glow { map })) => program.push(Op::Add(&map.data[here.clone()]), line),
                _ => {}
            }
            kept.put(i, t, first, &mut program, line);
        }
        program.run(line);
    }
}

/// What the layers of the canvas, but for the cells, do to its pixels `here` in the `F` frames from `t` on.
fn canvas_ops<'s, const F: usize>(
    stages: &'s [Stage],
    here: &Range<usize>,
    t: usize,
) -> impl Iterator<Item = Op<'s, F>> {
    let here = here.clone();
    stages.iter().flat_map(move |stage| {
        let (maps, courses, passes) = match &stage.layer {
            Some(Layer::Tissue(TissueLayer::LowRank { maps, courses })) => (maps.as_slice(), courses.as_slice(), None),
            Some(Layer::Tissue(TissueLayer::Transmission { map })) => (&[][..], &[][..], Some(map)),
            _ => (&[][..], &[][..], None),
        };
        let here = here.clone();
        let multiply = passes.map(|map| Op::Multiply(&map.data[here.clone()]));
        let scaled = maps.iter().zip(courses);
        scaled
            .map(move |(map, course)| Op::AddScaled(&map.data[here.clone()], std::array::from_fn(|f| course[t + f])))
            .chain(multiply)
    })
}

/// A digitiser as a pass uses it.
fn counts<T: Count>(digitiser: &Digitiser) -> impl FnMut(usize, usize, &mut [f32], &mut [T]) {
    move |t, first, light, out| digitiser.digitise(t as u64, first as u64, light, out)
}

/// Frames of a pass that are worked on together.
#[derive(Debug, Default)]
struct Group {
    frames: Range<usize>,
    views: Vec<View>,
    /// The next row of the field of view of each.
    next: Vec<usize>,
    /// Brightness of each cell, if there are as many frames as a group has.
    courses: Vec<[f32; FRAMES_AT_ONCE]>,
    /// The same frame by frame, for fewer.
    single_courses: Vec<Vec<[f32; 1]>>,
    /// The last canvas row so far, frame by frame.
    last_rows: Vec<f32>,
}

/// The rows of the canvas that are being worked on, in the frames of a group.
#[derive(Debug)]
struct Band<'a> {
    tiles: Option<&'a Tiles>,
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
    fn new(scene: &'a Scene, mut pixels: Vec<f32>, first_row: usize) -> Self {
        let width = scene.canvas.shape()[1];
        let tiles = scene.cells().map(|(tiles, _)| tiles);
        let stride = tiles.map_or(width, Tiles::stride);
        let max_rows = (BAND_BYTES / (4 * stride.max(1) * FRAMES_AT_ONCE)).clamp(8, 32);
        pixels.resize(FRAMES_AT_ONCE * (max_rows + 1) * stride, 0.0);
        Self { tiles, rows: first_row..first_row, max_rows, width, stride, pixels }
    }

    /// Goes on to the next rows, before `end`.
    fn advance(&mut self, end: usize) {
        self.rows = self.rows.end..(self.rows.end + self.max_rows).min(end);
    }

    /// Whether no row is left before `end`.
    fn is_last(&self, end: usize) -> bool {
        self.rows.end >= end
    }

    /// Makes room for the rows of `group`: the last ones of the band before, where it had one, are those above.
    fn resume(&mut self, group: &Group) {
        let frames = self.pixels.chunks_exact_mut((self.max_rows + 1) * self.stride);
        for (frame, row) in frames.zip(group.last_rows.chunks_exact(self.stride)) {
            frame[..self.stride].copy_from_slice(row);
        }
    }

    /// Keeps the last row of `group`.
    fn suspend(&self, group: &mut Group) {
        group.last_rows.clear();
        if let Some(last) = self.rows.clone().next_back() {
            for f in 0..group.frames.len() {
                group.last_rows.extend_from_slice(&self.pixels[self.at(f, last)..][..self.stride]);
            }
        }
    }

    fn at(&self, f: usize, row: usize) -> usize {
        (f * (self.max_rows + 1) + row + 1 - self.rows.start) * self.stride
    }

    fn row(&self, f: usize, row: usize) -> &[f32] {
        &self.pixels[self.at(f, row)..][..self.width]
    }

    /// A row of the band in the first `n` frames, with what completes its last strip.
    fn lines(&mut self, n: usize, row: usize) -> impl Iterator<Item = &mut [f32]> {
        let (at, stride) = (self.at(0, row), self.stride);
        let frames = self.pixels.chunks_exact_mut((self.max_rows + 1) * stride).take(n);
        frames.map(move |frame| &mut frame[at..at + stride])
    }
}

/// The movies of the stages that are kept.
#[derive(Debug, Default)]
struct Kept {
    first_frame: usize,
    /// Pixels of an image, stage by stage.
    sizes: Vec<usize>,
    movies: Vec<Pixels>,
}

impl Kept {
    fn new(renderer: &Renderer<'_>, frames: Range<usize>) -> Self {
        let stages = if renderer.snapshots { renderer.stages } else { &[] };
        let sizes: Vec<usize> = stages.iter().map(|s| renderer.scene.shape_of(Some(s.name)).iter().product()).collect();
        let movies = sizes.iter().map(|n| Pixels::F32(vec![0.0; n * frames.len()])).collect();
        Self { first_frame: frames.start, sizes, movies }
    }

    /// Keeps a line of frame `t` after stage `i`, if that one is kept; what waits to be done to it is done first.
    fn put(&mut self, i: usize, t: usize, first: usize, program: &mut Program<'_>, line: &mut [f32]) {
        if let Some(Pixels::F32(movie)) = self.movies.get_mut(i) {
            program.run(line);
            let at = (t - self.first_frame) * self.sizes[i] + first;
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
