//! The one rendering path: (scene, frames, stage) to pixels. A pure function; everything else is a sink of it.
//!
//! A pass renders some frames together. It goes down the canvas in bands of rows, so few that their footprints, maps and
//! pixels stay in a core's second-level cache. In each band it takes [`FRAMES_AT_ONCE`] frames after the other: all canvas
//! layers of the band, then whichever rows of the field of view these frames have by now, through the scope's layers to
//! counts. Above a band lie as many rows of the one before as a row of the field of view may reach back: one, or more if the
//! tissue is deformed. No image is ever held whole, unless its movie was asked for.
//!
//! Exposures are rendered; where the plan says what is delivered of them, `deliver.rs` makes the stored frames of them.

mod deliver;

use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
};

use crate::kernels::{
    arithmetic::{Op, run_row},
    digitise::{Count, Digitiser, Exposure},
    shift::{Edges, View},
    tiles::{Courses, Tiles},
    warp::{Bent, Canvas, RowDisplacements},
};
use crate::{
    plan::{self, Course, Reached, Spread, Stage, Warp},
    recording::{Pixels, SampleType},
    scene::Scene,
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
    /// The stages to run, a prefix of the plan's.
    stages: &'a [Stage],
    /// What is done by the end of them.
    reached: Reached,
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
    /// Rows of the canvas in the frames of a group, frame by frame: those above the band, then the band.
    band: Vec<f32>,
    /// Rows of one frame's field of view.
    fov: Vec<f32>,
    edges: Edges,
    displacements: RowDisplacements,
}

/// Takes the lock; what it guards is valid whoever died with it.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Renderer<'a> {
    /// A renderer of the first `n_stages` movie stages; with `snapshots`, the movie after each of them is kept.
    #[must_use]
    pub fn new(scene: &'a Scene, n_stages: usize, snapshots: bool) -> Self {
        let stages = &scene.plan.stages[..n_stages];
        let reached = scene.plan.reached(n_stages);
        Self { scene, stages, reached, snapshots, scratch: Mutex::default(), spent: Mutex::default() }
    }

    /// Size and sample type of the observed movie and of each snapshot.
    #[must_use]
    pub fn tracks(&self) -> Vec<crate::sink::Track> {
        let rendered = |reached: Reached| match self.scene.digitiser().filter(|_| reached.exposed) {
            Some(digitiser) => sample_for(digitiser.model().max_count),
            None => SampleType::F32,
        };
        let track = |stage: &Stage| {
            let [height, width] = self.scene.shape_when(stage.reached);
            crate::sink::Track { stage: Some(stage.name), height, width, rendered: rendered(stage.reached) }
        };
        let [height, width] = self.scene.canvas.fov;
        let mut all = vec![crate::sink::Track { stage: None, height, width, rendered: rendered(self.reached) }];
        if self.snapshots {
            all.extend(self.stages.iter().map(track));
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

    /// Renders `frames` of 8-bit counts into the memory of the sink that wants them there, as they are exposed; nothing where the
    /// run does not deliver such counts alone.
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
        match &self.scene.plan.delivery {
            None => self.exposures(frames, rows),
            Some(delivery) => self.delivered(delivery, frames, rows),
        }
    }

    /// Renders `rows` of the field of view in the exposures `frames`.
    fn exposures(&self, frames: Range<usize>, rows: Range<usize>) -> Rendered {
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
        for (movie, _) in
            movies.iter_mut().zip(self.stages).filter(|(_, stage)| stage.reached.exposed && digitiser.is_some())
        {
            movie.clone_from(&observed);
        }
        movies.insert(0, observed);
        movies
    }

    /// The sensor, if the stages reach it.
    fn digitiser(&self) -> Option<&Digitiser> {
        self.scene.digitiser().filter(|_| self.reached.exposed)
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
        let mut groups: Vec<Group<'_>> = frames
            .clone()
            .step_by(FRAMES_AT_ONCE)
            .map(|first| self.group(first..(first + FRAMES_AT_ONCE).min(frames.end), rows.start))
            .collect();

        // Canvas rows that somebody needs, and how many of them a row of the field of view may reach back.
        let reach = groups.iter().flat_map(|g| &g.reach);
        let back = reach.clone().map(|[first, last]| last.saturating_sub(*first)).max().unwrap_or(1);
        let needed = if self.snapshots {
            0..height
        } else {
            let clamp = |row: i64| row.clamp(0, height as i64) as usize;
            let (first, last) = (reach.clone().map(|r| r[0]).min(), reach.map(|r| r[1]).max());
            let shifted = |row: Option<i64>, by: usize| clamp(row.unwrap_or(0).saturating_add(by as i64));
            shifted(first, rows.start)..shifted(last, rows.end)
        };
        let above = back.clamp(1, height.max(1) as i64) as usize;
        let mut band = Band::new(self.scene, std::mem::take(&mut scratch.band), needed.start, above);
        while !band.is_last(needed.end) {
            band.advance(needed.end);
            let last = band.is_last(needed.end);
            for group in &mut groups {
                band.resume(group);
                self.tissue(&mut band, group, kept);
                for f in 0..group.frames.len() {
                    let t = group.frames.start + f;
                    let end = (band.rows.end as i64).saturating_sub(group.reach[f][1]);
                    let end = end.clamp(group.next[f] as i64, rows.end as i64) as usize;
                    let ready = group.next[f]..if last { rows.end } else { end };
                    group.next[f] = ready.end;
                    if ready.is_empty() {
                        continue;
                    }
                    let first = ready.start * fov_width;
                    let fov = &mut scratch.fov;
                    fov.resize(ready.len() * fov_width, 0.0);
                    for (r, line) in ready.zip(fov.chunks_exact_mut(fov_width.max(1))) {
                        let first = r * fov_width;
                        for leg in &group.scope[f] {
                            let from = match &leg.look {
                                None => None,
                                Some(Look::Shifted(view)) => {
                                    Some(view.row(r, &mut scratch.edges, |row| band.row(f, row)))
                                }
                                Some(Look::Bent(bent)) => {
                                    bent.row(r, band.canvas(f, height), &mut scratch.displacements, line);
                                    None
                                }
                            };
                            run_row(from, &leg.ops, first, line);
                            kept.put(leg.kept, t, first, line);
                        }
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
    fn group(&self, frames: Range<usize>, first_row: usize) -> Group<'a> {
        let scope: Vec<Vec<Leg<'a>>> = frames.clone().map(|t| self.scope_legs(t)).collect();
        let reach = |legs: &Vec<Leg<'a>>| {
            let looks = legs.iter().filter_map(|leg| leg.look.as_ref()).map(Look::rows);
            looks.reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])]).unwrap_or_default()
        };
        let mut group = Group {
            reach: scope.iter().map(reach).collect(),
            next: vec![first_row; frames.len()],
            scope,
            ..Group::default()
        };
        let cells = self.scene.plan.cells.as_ref().filter(|_| self.reached.cells);
        // Where no movie is kept on the way, the operations follow the cells' light while it is in registers.
        let together = cells.is_some() && !self.snapshots;
        let all = || if together { &self.scene.plan.tissue[..self.reached.tissue] } else { &[] };
        if let Some(cells) = cells {
            if frames.len() == FRAMES_AT_ONCE {
                group.light =
                    Light::Together(Courses::new(cells.brightness.at(frames.start)), lowered(all(), frames.start));
            } else {
                group.light = Light::Single(
                    frames.clone().map(|t| (Courses::new(cells.brightness.at(t)), lowered(all(), t))).collect(),
                );
            }
        }
        if !together {
            group.tissue = frames.clone().map(|t| self.tissue_legs(t)).collect();
        }
        group.frames = frames;
        group
    }

    /// What happens on the canvas after the cells have shone, in frame `t`.
    fn tissue_legs(&self, t: usize) -> Vec<Leg<'a>> {
        let all = &self.scene.plan.tissue;
        if !self.snapshots {
            return vec![Leg { ops: lowered(&all[..self.reached.tissue], t), ..Leg::default() }];
        }
        let mut done = 0;
        let mut leg = |(i, stage): (usize, &Stage)| {
            let ops = lowered(&all[done..stage.reached.tissue], t);
            done = stage.reached.tissue;
            Leg { ops, kept: Some(i), look: None }
        };
        self.stages.iter().enumerate().take_while(|(_, s)| !s.reached.in_scope).map(&mut leg).collect()
    }

    /// What happens on the field of view in frame `t`, beginning with a look at the canvas.
    fn scope_legs(&self, t: usize) -> Vec<Leg<'a>> {
        let all = &self.scene.plan.scope;
        if !self.snapshots {
            let ops = lowered(&all[..self.reached.scope], t);
            return vec![Leg { ops, kept: None, look: Some(self.look(self.reached, t)) }];
        }
        let (mut done, mut motions) = (0, None);
        let mut leg = |(i, Stage { reached, .. }): (usize, &Stage)| {
            let ops = lowered(&all[done..reached.scope], t);
            done = reached.scope;
            // Another motion shows another part of the canvas.
            let look = (motions.replace(reached.motions) != Some(reached.motions)).then(|| self.look(*reached, t));
            Leg { ops, kept: Some(i), look }
        };
        let mut legs: Vec<Leg<'a>> =
            self.stages.iter().enumerate().skip_while(|(_, s)| !s.reached.in_scope).map(&mut leg).collect();
        if legs.is_empty() {
            // The observed film is the field of view's part of the canvas.
            legs.push(Leg { look: Some(self.look(self.reached, t)), ..Leg::default() });
        }
        legs
    }

    /// What the scope sees of the canvas in frame `t`.
    fn look(&self, reached: Reached, t: usize) -> Look {
        let canvas = self.scene.canvas;
        match self.scene.plan.warp(reached) {
            Warp::NonRigid(deformation) => {
                Look::Bent(Bent::new(canvas.shape(), canvas.fov, deformation.frame(canvas.fov, t)))
            }
            warp @ (Warp::Still | Warp::Rigid(_)) => {
                Look::Shifted(View::new(canvas.shape(), canvas.fov, warp.shift_px(t)))
            }
        }
    }

    /// Makes the light of a band of the canvas.
    fn tissue(&self, band: &mut Band<'_>, group: &Group<'_>, kept: &mut Kept) {
        for row in band.rows.clone() {
            let width = band.width;
            match (&group.light, band.tiles) {
                (Light::Together(brightness, ops), Some(tiles)) => {
                    let mut lines = band.lines(FRAMES_AT_ONCE, row);
                    let lines = std::array::from_fn(|_| lines.next().unwrap_or_default());
                    tiles.write_row(row, brightness, ops, lines);
                }
                (Light::Single(frames), Some(tiles)) => {
                    for ((brightness, ops), line) in frames.iter().zip(band.lines(frames.len(), row)) {
                        tiles.write_row(row, brightness, ops, [line]);
                    }
                }
                (Light::Dark | Light::Together(..) | Light::Single(_), _) => {
                    band.lines(group.frames.len(), row).for_each(|line| line.fill(0.0));
                }
            }
            for ((t, legs), line) in group.frames.clone().zip(&group.tissue).zip(band.lines(group.frames.len(), row)) {
                for leg in legs {
                    run_row(None, &leg.ops, row * width, &mut line[..width]);
                    kept.put(leg.kept, t, row * width, &line[..width]);
                }
            }
        }
    }
}

/// What the plan's operations come to in the `F` frames from `t` on.
fn lowered<'p, S, const F: usize>(ops: &'p [plan::Op<S>], t: usize) -> Vec<Op<'p, F>> {
    let mut lowered = Vec::with_capacity(ops.len());
    for op in ops {
        match op {
            plan::Op::Add(field) => lowered.extend(field.components.iter().map(|c| match (&c.spread, &c.course) {
                (Spread::Map(map), Course::Still) => Op::Add(&map.data),
                (Spread::Map(map), course @ Course::Varying { .. }) => Op::AddScaled(&map.data, course.block(t)),
                (Spread::Even, course) => Op::AddEven(course.block(t)),
            })),
            plan::Op::Multiply(field, _) => match field.components.as_slice() {
                [c] => {
                    if let Spread::Map(map) = &c.spread {
                        lowered.push(Op::Multiply(&map.data));
                    }
                    match (&c.spread, &c.course) {
                        (Spread::Map(_) | Spread::Even, Course::Still) => {}
                        (Spread::Map(_) | Spread::Even, course @ Course::Varying { .. }) => {
                            lowered.push(Op::Scale(course.block(t)));
                        }
                    }
                }
                several => {
                    lowered.extend(several.iter().filter_map(|c| {
                        let factors = c.course.block(t);
                        // What adds nothing in any of the frames need not be read.
                        factors.iter().any(|factor| *factor != 0.0).then_some(match &c.spread {
                            Spread::Map(map) => Op::Collect(&map.data, factors),
                            Spread::Even => Op::CollectEven(factors),
                        })
                    }));
                    lowered.push(Op::MultiplyCollected);
                }
            },
        }
    }
    lowered
}

/// A digitiser as a pass uses it.
fn counts<T: Count>(digitiser: &Digitiser) -> impl FnMut(usize, usize, &mut [f32], &mut [T]) {
    // The bands of a frame share what is drawn for the whole of it.
    let mut exposures: Vec<Exposure> = Vec::new();
    move |t, first, light, out| {
        let known = exposures.iter().position(|exposure| exposure.frame() == t as u64);
        let at = known.unwrap_or_else(|| {
            exposures.push(digitiser.exposure(t as u64));
            exposures.len() - 1
        });
        digitiser.expose(&exposures[at], first as u64, light, out);
    }
}

/// Operations on one frame's pixels, and the stage whose movie is kept after them.
#[derive(Debug, Default)]
struct Leg<'a> {
    /// Where the pixels come from, if not from the leg before.
    look: Option<Look>,
    ops: Vec<Op<'a, 1>>,
    kept: Option<usize>,
}

/// What the scope sees of the canvas in one frame.
#[derive(Debug)]
enum Look {
    /// The canvas displaced as a whole.
    Shifted(View),
    /// The canvas turned and deformed.
    Bent(Bent),
}

impl Look {
    /// The first and the last canvas row that row 0 of the field of view comes from.
    fn rows(&self) -> [i64; 2] {
        match self {
            Self::Shifted(view) => view.rows(),
            Self::Bent(bent) => bent.rows(),
        }
    }
}

/// The brightness of each cell in `F` frames, and what follows their light at once.
type Shining<'a, const F: usize> = (Courses<F>, Vec<Op<'a, F>>);

/// Where the light of a group's canvas begins.
#[derive(Debug, Default)]
enum Light<'a> {
    /// No cell shines.
    #[default]
    Dark,
    /// In as many frames as a group has.
    Together(Courses<FRAMES_AT_ONCE>, Vec<Op<'a, FRAMES_AT_ONCE>>),
    /// Frame by frame, for fewer.
    Single(Vec<Shining<'a, 1>>),
}

/// Frames of a pass that are worked on together.
#[derive(Debug, Default)]
struct Group<'a> {
    frames: Range<usize>,
    /// The first and the last canvas row that row 0 of each frame's field of view comes from.
    reach: Vec<[i64; 2]>,
    /// The next row of the field of view of each.
    next: Vec<usize>,
    light: Light<'a>,
    /// What happens on the canvas apart from the cells' light, frame by frame.
    tissue: Vec<Vec<Leg<'a>>>,
    /// What happens on the field of view, frame by frame.
    scope: Vec<Vec<Leg<'a>>>,
    /// The last canvas rows so far, frame by frame.
    last_rows: Vec<f32>,
}

/// The rows of the canvas that are being worked on, in the frames of a group.
#[derive(Debug)]
struct Band<'a> {
    tiles: Option<&'a Tiles>,
    /// Canvas rows of the band.
    rows: Range<usize>,
    max_rows: usize,
    /// Rows above the band that are kept of the one before.
    above: usize,
    width: usize,
    /// Pixels from row to row.
    stride: usize,
    /// See [`Scratch::band`].
    pixels: Vec<f32>,
}

impl<'a> Band<'a> {
    /// Bands from canvas row `first_row` on, of as many rows as fit into the cache, below `above` rows of the band before.
    fn new(scene: &'a Scene, mut pixels: Vec<f32>, first_row: usize, above: usize) -> Self {
        let width = scene.canvas.shape()[1];
        let tiles = scene.tiles();
        let stride = tiles.map_or(width, Tiles::stride);
        let fitting = (BAND_BYTES / (4 * stride.max(1) * FRAMES_AT_ONCE)).clamp(8, 32);
        // The rows above are copied for each band.
        let max_rows = fitting.max(above);
        pixels.resize(FRAMES_AT_ONCE * (above + max_rows) * stride, 0.0);
        Self { tiles, rows: first_row..first_row, max_rows, above, width, stride, pixels }
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
    fn resume(&mut self, group: &Group<'_>) {
        let above = self.above * self.stride;
        let frames = self.pixels.chunks_exact_mut((self.above + self.max_rows) * self.stride);
        for (frame, rows) in frames.zip(group.last_rows.chunks_exact(above.max(1))) {
            frame[..above].copy_from_slice(rows);
        }
    }

    /// Keeps the last rows of `group`.
    fn suspend(&self, group: &mut Group<'_>) {
        group.last_rows.clear();
        let end = self.rows.len() * self.stride;
        for frame in self.pixels.chunks_exact((self.above + self.max_rows) * self.stride).take(group.frames.len()) {
            group.last_rows.extend_from_slice(&frame[end..end + self.above * self.stride]);
        }
    }

    fn at(&self, f: usize, row: usize) -> usize {
        (f * (self.above + self.max_rows) + row + self.above - self.rows.start) * self.stride
    }

    fn row(&self, f: usize, row: usize) -> &[f32] {
        &self.pixels[self.at(f, row)..][..self.width]
    }

    /// The band and the rows above it in frame `f`, on a canvas of so many rows.
    fn canvas(&self, f: usize, height: usize) -> Canvas<'_> {
        let first_row = self.rows.start.saturating_sub(self.above);
        let pixels = &self.pixels[self.at(f, first_row)..][..(self.rows.end - first_row) * self.stride];
        Canvas { pixels, stride: self.stride, first_row, shape: [height, self.width] }
    }

    /// A row of the band in the first `n` frames, with what completes its last strip.
    fn lines(&mut self, n: usize, row: usize) -> impl Iterator<Item = &mut [f32]> {
        let (at, stride) = (self.at(0, row), self.stride);
        let frames = self.pixels.chunks_exact_mut((self.above + self.max_rows) * stride).take(n);
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
        let sizes: Vec<usize> = stages.iter().map(|s| renderer.scene.shape_when(s.reached).iter().product()).collect();
        let movies = sizes.iter().map(|n| Pixels::F32(vec![0.0; n * frames.len()])).collect();
        Self { first_frame: frames.start, sizes, movies }
    }

    /// Keeps a line of frame `t` after stage `i`, if that one is kept.
    fn put(&mut self, i: Option<usize>, t: usize, first: usize, line: &[f32]) {
        if let Some(i) = i
            && let Some(Pixels::F32(movie)) = self.movies.get_mut(i)
        {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        plan::{Damage, Deformation, Delivery, Fault, Grid, Mode},
        spec::{Format, Spec},
    };

    /// Moving cells under a camera, with fields on the canvas and on the field of view.
    fn scene() -> Scene {
        let text = r#"{
            "acquisition": { "fps": 20.0, "duration_s": 1.0,
                             "image_sensor": { "n_px_height": 44, "n_px_width": 53, "pixel_pitch_um": 16.0 } },
            "seed": 5,
            "steps": [
                { "kind": "place_neurons", "density_per_mm3": 60000.0, "soma_radius_um": 5.0, "depth_range_um": [40, 140] },
                { "kind": "cell_activity" }, { "kind": "optics" }, { "kind": "composite" }, { "kind": "neuropil" },
                { "kind": "brain_motion", "motion_amplitude_um": 3.0, "max_shift_um": 12.0 },
                { "kind": "vignette" }, { "kind": "leakage" }, { "kind": "sensor", "photons_per_unit": 600.0 }
            ]
        }"#;
        Scene::new(&Spec::from_text(text, Format::Json).expect("a valid spec").spec).expect("a valid scene")
    }

    /// The scene with its motion turned and deformed.
    fn deformed() -> Scene {
        let mut scene = scene();
        let path_px = (0..scene.n_frames).map(|t| scene.plan.warps[0].shift_px(t)).collect();
        let wave = |n: usize| [((n * 7) % 5) as f64 * 0.4 - 0.8, ((n * 3) % 7) as f64 * 0.3 - 0.9];
        let factors = (0..scene.n_frames).map(|t| (t % 6) as f32 * 0.3 - 0.5).collect();
        scene.plan.warps[0] = Warp::NonRigid(Deformation {
            path_px,
            rotation_rad: (0..scene.n_frames).map(|t| 0.004 * t as f64).collect(),
            grid: Grid { shape: [5, 6], spacing_px: 11.0 },
            modes: vec![Mode {
                vectors_px: Arc::new((0..30).map(wave).collect()),
                course: Course::Varying { factors: Arc::new(factors), expected: 0.0 },
            }],
        });
        scene
    }

    fn counts(pixels: &Pixels) -> &[u8] {
        if let Pixels::U8(counts) = pixels { counts } else { &[] }
    }

    fn film(scene: &Scene) -> Vec<u8> {
        let renderer = Renderer::new(scene, scene.plan.stages.len(), false);
        counts(&renderer.pass(0..scene.n_frames)[0]).to_vec()
    }

    /// The scene with some of its 20 exposures lost, one stored twice, and damage of every kind.
    fn faulty() -> Scene {
        let mut scene = scene();
        let exposures = vec![0, 1, 2, 2, 3, 7, 8, 19];
        let fault = |rows, damage| Fault { rows, damage };
        scene.n_frames = exposures.len();
        scene.plan.delivery = Some(Delivery {
            faults: [
                (2, fault(30..44, Damage::Torn)),
                (4, fault(0..9, Damage::Shifted(5))),
                (5, fault(3..6, Damage::Torn)),
                (6, fault(40..44, Damage::Blank)),
            ]
            .into(),
            factors: vec![1.0, 1.0, 1.0, 1.0, 1.2, 1.0, 0.9, 9.0],
            timestamps_s: Arc::new(vec![0.0; exposures.len()]),
            exposures: Arc::new(exposures),
        });
        scene.plan.stages.last_mut().expect("it has stages").reached.delivered = true;
        scene
    }

    #[test]
    fn stored_frames_are_exposures_but_for_their_faults() {
        let (all, stored) = (film(&scene()), film(&faulty()));
        let exposure = |e: usize| &all[e * 44 * 53..(e + 1) * 44 * 53];
        let row = |e: usize, r: usize| &exposure(e)[r * 53..(r + 1) * 53];
        let frames: Vec<&[u8]> = stored.chunks_exact(44 * 53).collect();
        let by = |factor: f32, counts: &[u8]| -> Vec<u8> {
            counts.iter().map(|c| (f32::from(*c) * factor).round().min(255.0) as u8).collect()
        };
        assert_eq!((frames.len(), frames[0], frames[1], frames[3]), (8, exposure(0), exposure(1), exposure(2)));
        for r in 0..44 {
            let frame = |f: usize| &frames[f][r * 53..(r + 1) * 53];
            assert_eq!(frame(2), row(if r >= 30 { 1 } else { 2 }, r));
            // Exposure 6 was lost; its rows are what the buffer held.
            assert_eq!(frame(5), row(if (3..6).contains(&r) { 6 } else { 7 }, r));
            let mut rolled = row(3, r).to_vec();
            rolled.rotate_right(if r < 9 { 5 } else { 0 });
            assert_eq!(frame(4), by(1.2, &rolled));
            assert_eq!(frame(6), if r < 40 { by(0.9, row(8, r)) } else { vec![0; 53] });
            assert_eq!(frame(7), by(9.0, row(19, r)));
        }
        assert!(frames[7].contains(&255), "a factor clips");
    }

    #[test]
    fn any_split_of_a_delivery_gives_the_same_bytes() {
        let scene = faulty();
        let whole = film(&scene);
        let renderer = Renderer::new(&scene, scene.plan.stages.len(), false);
        for (frames, rows) in [(0..8, 0..17), (2..3, 17..44), (5..8, 0..44), (4..5, 5..6)] {
            let part = renderer.rows(frames.clone(), rows.clone());
            let frame = |t: usize| &whole[(t * 44 + rows.start) * 53..(t * 44 + rows.end) * 53];
            let expected: Vec<u8> = frames.clone().flat_map(frame).copied().collect();
            assert_eq!(counts(&part[0]), expected, "frames {frames:?}, rows {rows:?}");
        }
        // Earlier stages have the same frames, as they were exposed.
        let n_stages = scene.plan.stages.len() - 1;
        let (light, all) = (Renderer::new(&scene, n_stages, false), self::scene());
        let all = Renderer::new(&all, n_stages, false);
        assert_eq!(light.pass(5..8)[0].to_f32(0..44 * 53), all.pass(7..8)[0].to_f32(0..44 * 53));
        let kept = Renderer::new(&scene, n_stages + 1, true).pass(0..8);
        assert_eq!((kept.len(), counts(&kept[n_stages + 1])), (n_stages + 2, whole.as_slice()));
        assert_eq!(kept[n_stages], light.pass(0..8)[0]);
    }

    #[test]
    fn a_deformation_without_deformation_is_rigid_motion() {
        let rigid = scene();
        let mut same = deformed();
        if let Warp::NonRigid(deformation) = &mut same.plan.warps[0] {
            deformation.rotation_rad.fill(0.0);
            deformation.modes.clear();
        }
        assert!(film(&rigid).iter().any(|count| *count > 0));
        assert_eq!(film(&same), film(&rigid));
        assert_ne!(film(&deformed()), film(&rigid));
    }

    #[test]
    fn any_split_of_a_deformed_film_gives_the_same_bytes() {
        let scene = deformed();
        let [height, width] = scene.canvas.fov;
        let whole = film(&scene);
        let renderer = Renderer::new(&scene, scene.plan.stages.len(), false);
        for (frames, rows) in [(0..20, 0..17), (3..4, 17..height), (5..20, 0..height), (8..16, 43..44)] {
            let part = renderer.rows(frames.clone(), rows.clone());
            let frame = |t: usize| &whole[(t * height + rows.start) * width..(t * height + rows.end) * width];
            let expected: Vec<u8> = frames.clone().flat_map(frame).copied().collect();
            assert_eq!(counts(&part[0]), expected, "frames {frames:?}, rows {rows:?}");
        }
    }

    #[test]
    fn a_deformed_film_is_its_canvas_warped() {
        let scene = deformed();
        let n_stages = scene.plan.stages.iter().position(|s| s.reached.in_scope).expect("it moves") + 1;
        let renderer = Renderer::new(&scene, n_stages, true);
        let movies = renderer.pass(0..scene.n_frames);
        let (canvas, [height, width]) = (scene.canvas.shape(), scene.canvas.fov);
        let (Pixels::F32(observed), Pixels::F32(tissue), Warp::NonRigid(deformation)) =
            (&movies[0], &movies[n_stages - 1], &scene.plan.warps[0])
        else {
            panic!("light before the camera is in single precision");
        };
        let mut line = vec![0.0; width];
        for t in 0..scene.n_frames {
            let bent = Bent::new(canvas, [height, width], deformation.frame([height, width], t));
            let pixels = &tissue[t * canvas[0] * canvas[1]..][..canvas[0] * canvas[1]];
            for r in 0..height {
                let canvas = Canvas { pixels, stride: canvas[1], first_row: 0, shape: canvas };
                bent.row(r, canvas, &mut RowDisplacements::default(), &mut line);
                assert_eq!(observed[(t * height + r) * width..][..width], line, "frame {t}, row {r}");
            }
        }
    }
}
