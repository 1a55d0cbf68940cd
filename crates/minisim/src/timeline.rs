//! What the cells do over time, reached from checkpoints.
//!
//! A cell's activity and bleaching depend on all that went before, but their state at some frame is a few numbers. A scan
//! goes over the recording once, when the scene is built: it keeps the state of every cell at the beginning of each block of
//! frames, and what needs the whole recording (ranges, sums over cells). From then on the values of any block are computed
//! from its checkpoint, at the cost of a short run-up, so memory does not grow with cells × frames.

use std::{fmt, ops::Range, sync::Arc};

use rayon::prelude::*;

use crate::{
    math::range_of,
    plan::Compute,
    truth::{Rows, TruthData, Values},
};

/// Frames of a block, at least.
const BLOCK_FRAMES: usize = 256;

/// Cells whose traces are computed together where sums alone are kept.
const UNITS_AT_ONCE: usize = 128;

/// The state of a cell's gate before a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The frame that comes next; frames of a lead-in are negative.
    pub frame: i64,
    /// Whether the cell is active.
    pub active: bool,
}

/// How cells fire and glow.
pub trait Activity: fmt::Debug + Send + Sync {
    /// Frames of the past that a frame's trace depends on.
    fn memory_frames(&self) -> usize;

    /// The state of `unit` before the first frame of its lead-in.
    fn start(&self, unit: usize) -> Checkpoint;

    /// Follows `unit` from a checkpoint that lies [`memory_frames`](Self::memory_frames) before `frames`, or at the start. Writes
    /// its clean trace (fluorescence units) and its spike counts in `frames`, and returns its state before frame `at`, or
    /// that of the checkpoint if that is later.
    fn follow(
        &self,
        unit: usize,
        from: Checkpoint,
        frames: Range<usize>,
        at: i64,
        c: &mut [f64],
        s: &mut [u32],
    ) -> Checkpoint;

    /// What a lone spike of `unit` adds to its clean trace (fluorescence units) in the frame of the spike and those that follow: a
    /// response for each place within an exposure that a spike may have. They lie evenly, the first at its beginning.
    fn spike_responses(&self, unit: usize) -> Vec<Vec<f64>>;
}

/// The sum of the clean traces of `units` in the first `n_frames` frames (fluorescence units), added in the order of the units.
#[must_use]
pub fn sum_of_traces(activity: &dyn Activity, units: &[usize], n_frames: usize) -> Vec<f64> {
    let mut sum = vec![0.0; n_frames];
    // Traces of many cells over many frames are more than should be held.
    for units in units.chunks(UNITS_AT_ONCE) {
        let trace = |unit: &usize| {
            let (mut c, mut s) = (vec![0.0; n_frames], vec![0; n_frames]);
            activity.follow(*unit, activity.start(*unit), 0..n_frames, i64::MIN, &mut c, &mut s);
            c
        };
        for trace in units.par_iter().map(trace).collect::<Vec<_>>() {
            sum.iter_mut().zip(trace).for_each(|(sum, c)| *sum += c);
        }
    }
    sum
}

/// How cells fade.
pub trait Fading: fmt::Debug + Send + Sync {
    /// Writes the share of `unit`'s indicator that is intact in each frame from `first_frame` on, where its clean trace is `c`;
    /// `share` is that in the first one. Returns that of the frame after the last.
    fn fade(&self, unit: usize, share: f64, first_frame: usize, c: &[f64], intact: &mut [f64]) -> f64;
}

/// Traces and spikes of a recording that is so short that they are held, `(unit, frame)`.
#[derive(Clone, Debug)]
pub struct HeldActivity {
    /// Clean traces (fluorescence units).
    pub c: Arc<Vec<f64>>,
    /// Spike counts.
    pub s: Arc<Vec<u32>>,
}

/// What a timeline is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// How the cells fire and glow.
    pub activity: Arc<dyn Activity>,
    /// Their traces and spikes, if they are held.
    pub held: Option<HeldActivity>,
    /// How they fade, if they do.
    pub fading: Option<Arc<dyn Fading>>,
    /// Cells.
    pub n_units: usize,
    /// Frames of the recording.
    pub n_frames: usize,
    /// The cells that sums go over.
    pub summed_units: Vec<usize>,
}

/// The cells' traces, spikes and bleaching in any frames.
#[derive(Debug)]
pub struct Timeline {
    parts: Parts,
    block_frames: usize,
    /// Block by block, the frame of its checkpoint.
    checkpoint_frames: Vec<i64>,
    /// The cells' states there, `(block, unit)`; empty where traces are held.
    active: Vec<bool>,
    /// Intact share at the beginning of each block, `(block, unit)`; empty where nothing fades.
    intact: Vec<f64>,
    ranges: Vec<[f64; 2]>,
    summed_traces: Vec<f64>,
    mean_intact: Vec<f64>,
}

/// A cell on the scan's way over the recording.
struct Walker {
    checkpoint: Checkpoint,
    share: f64,
    range: Option<[f64; 2]>,
    /// Values of the block that it is in.
    c: Vec<f64>,
    s: Vec<u32>,
    intact: Vec<f64>,
}

impl Timeline {
    /// Goes over the recording once.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { n_units, n_frames, .. } = parts;
        let memory = parts.activity.memory_frames();
        // A run-up costs as much as frames that are shown, so a block is longer than that.
        let block_frames = BLOCK_FRAMES.max((2 * memory).next_power_of_two());
        let longest = block_frames.min(n_frames);
        let fades = parts.fading.is_some();
        let walker = |unit| Walker {
            checkpoint: parts.activity.start(unit),
            share: 1.0,
            range: None,
            c: vec![0.0; longest],
            s: if parts.held.is_some() { Vec::new() } else { vec![0; longest] },
            intact: vec![0.0; if fades { longest } else { 0 }],
        };
        let mut walkers: Vec<Walker> = (0..n_units).into_par_iter().map(walker).collect();
        let mut this = Self {
            block_frames,
            checkpoint_frames: Vec::new(),
            active: Vec::new(),
            intact: Vec::new(),
            ranges: Vec::new(),
            summed_traces: Vec::with_capacity(n_frames),
            mean_intact: Vec::with_capacity(if fades { n_frames } else { 0 }),
            parts,
        };
        for block in 0..n_frames.div_ceil(block_frames) {
            let frames = this.frames_of(block);
            this.checkpoint_frames.push(walkers.first().map_or(0, |w| w.checkpoint.frame));
            if this.parts.held.is_none() {
                this.active.extend(walkers.iter().map(|w| w.checkpoint.active));
            }
            if fades {
                this.intact.extend(walkers.iter().map(|w| w.share));
            }
            let next = frames.end as i64 - memory as i64;
            walkers.par_iter_mut().enumerate().for_each(|(unit, walker)| this.parts.walk(unit, walker, &frames, next));
            let summed = this.parts.summed_units.as_slice();
            this.summed_traces.extend(sum_over(&walkers, summed, frames.len(), |walker| &walker.c, |c| c));
            if fades {
                let n = summed.len() as f64;
                this.mean_intact.extend(sum_over(&walkers, summed, frames.len(), |walker| &walker.intact, |b| b / n));
            }
        }
        this.ranges = walkers.iter().map(|w| w.range.unwrap_or_default()).collect();
        this
    }

    fn frames_of(&self, block: usize) -> Range<usize> {
        block * self.block_frames..((block + 1) * self.block_frames).min(self.parts.n_frames)
    }

    /// Smallest and largest value of each cell's clean trace (fluorescence units).
    #[must_use]
    pub fn ranges(&self) -> &[[f64; 2]] {
        &self.ranges
    }

    /// The sum of the summed cells' clean traces in each frame (fluorescence units).
    #[must_use]
    pub fn summed_traces(&self) -> &[f64] {
        &self.summed_traces
    }

    /// The mean share of intact indicator of the summed cells in each frame; `None` where nothing fades or no cell is summed.
    #[must_use]
    pub fn mean_intact(&self) -> Option<&[f64]> {
        (self.parts.fading.is_some() && !self.parts.summed_units.is_empty()).then_some(&*self.mean_intact)
    }

    /// Follows `unit` from the beginning of a block to frame `end`. Writes its trace and spikes, and its intact share if it fades.
    fn follow(&self, unit: usize, block: usize, end: usize, row: &mut Row) {
        let frames = block * self.block_frames..end;
        row.c.resize(frames.len(), 0.0);
        row.s.resize(frames.len(), 0);
        let n = self.parts.n_units;
        match &self.parts.held {
            Some(held) => {
                let here = unit * self.parts.n_frames + frames.start..unit * self.parts.n_frames + frames.end;
                row.c.copy_from_slice(&held.c[here.clone()]);
                row.s.copy_from_slice(&held.s[here]);
            }
            None => {
                let checkpoint =
                    Checkpoint { frame: self.checkpoint_frames[block], active: self.active[block * n + unit] };
                self.parts.activity.follow(unit, checkpoint, frames.clone(), i64::MIN, &mut row.c, &mut row.s);
            }
        }
        if let Some(fading) = &self.parts.fading {
            row.intact.resize(frames.len(), 0.0);
            fading.fade(unit, self.intact[block * n + unit], frames.start, &row.c, &mut row.intact);
        }
    }

    /// Shows `unit`'s values in `frames` to `take`.
    fn show<T>(&self, unit: usize, frames: Range<usize>, take: impl FnOnce(&Row, Range<usize>) -> T) -> T {
        let block = frames.start / self.block_frames;
        let skipped = frames.start - block * self.block_frames;
        let mut row = Row::default();
        self.follow(unit, block, frames.end, &mut row);
        take(&row, skipped..skipped + frames.len())
    }
}

/// Frames that are summed up together.
const STRETCH: usize = 64;

/// The sum over `units`, in their order, of what `term` makes of their values in each of `n` frames.
fn sum_over(
    walkers: &[Walker],
    units: &[usize],
    n: usize,
    values: impl Fn(&Walker) -> &[f64] + Sync,
    term: impl Fn(f64) -> f64 + Sync,
) -> Vec<f64> {
    let mut sum = vec![0.0; n];
    sum.par_chunks_mut(STRETCH).enumerate().for_each(|(i, sum)| {
        for unit in units {
            sum.iter_mut().zip(&values(&walkers[*unit])[i * STRETCH..]).for_each(|(sum, v)| *sum += term(*v));
        }
    });
    sum
}

impl Parts {
    /// Takes a cell through `frames`; its checkpoint is left at frame `next`.
    fn walk(&self, unit: usize, walker: &mut Walker, frames: &Range<usize>, next: i64) {
        let n = frames.len();
        let c = &mut walker.c[..n];
        match &self.held {
            Some(held) => c.copy_from_slice(&held.c[unit * self.n_frames..][frames.clone()]),
            None => {
                walker.checkpoint =
                    self.activity.follow(unit, walker.checkpoint, frames.clone(), next, c, &mut walker.s[..n]);
            }
        }
        let here = range_of(c);
        walker.range = Some(walker.range.map_or(here, |was| [was[0].min(here[0]), was[1].max(here[1])]));
        if let Some(fading) = &self.fading {
            walker.share = fading.fade(unit, walker.share, frames.start, c, &mut walker.intact[..n]);
        }
    }
}

/// Values of a cell in some frames.
#[derive(Debug, Default)]
struct Row {
    c: Vec<f64>,
    s: Vec<u32>,
    intact: Vec<f64>,
}

/// The brightness of the cells.
impl Compute for Timeline {
    fn n_courses(&self) -> usize {
        self.parts.n_units
    }

    fn n_frames(&self) -> usize {
        self.parts.n_frames
    }

    fn block_frames(&self) -> usize {
        self.block_frames
    }

    fn fill(&self, block: usize, units: Range<usize>, out: &mut [f32]) {
        let frames = self.frames_of(block);
        let mut row = Row::default();
        for (unit, out) in units.zip(out.chunks_exact_mut(frames.len())) {
            self.follow(unit, block, frames.end, &mut row);
            if self.parts.fading.is_some() {
                out.iter_mut().zip(row.c.iter().zip(&row.intact)).for_each(|(o, (c, b))| *o = (c * b) as f32);
            } else {
                out.iter_mut().zip(&row.c).for_each(|(o, c)| *o = *c as f32);
            }
        }
    }
}

/// A truth array of some cells over all frames, computed when it is asked for.
#[derive(Clone, Debug)]
struct OverTime<T> {
    timeline: Arc<Timeline>,
    units: Vec<usize>,
    /// Which of a cell's values.
    values: fn(&Row) -> &[T],
}

impl Timeline {
    fn over_time<T: Copy + Default + fmt::Debug + Send + Sync + 'static>(
        self: &Arc<Self>,
        values: fn(&Row) -> &[T],
    ) -> Values<T> {
        let units = (0..self.parts.n_units).collect();
        Values::computed(Arc::new(OverTime { timeline: Arc::clone(self), units, values }))
    }

    /// The clean traces of all cells (fluorescence units), `(unit, frame)`.
    #[must_use]
    pub fn traces(self: &Arc<Self>) -> TruthData {
        TruthData::F64(self.over_time(|row| &row.c))
    }

    /// The spike counts of all cells, `(unit, frame)`.
    #[must_use]
    pub fn spikes(self: &Arc<Self>) -> TruthData {
        TruthData::U32(self.over_time(|row| &row.s))
    }

    /// The share of intact indicator of all cells that fade, `(unit, frame)`.
    #[must_use]
    pub fn intact(self: &Arc<Self>) -> TruthData {
        TruthData::F64(self.over_time(|row| &row.intact))
    }
}

impl<T: Copy + fmt::Debug + Send + Sync + 'static> Rows<T> for OverTime<T> {
    fn shape(&self) -> [usize; 2] {
        [self.units.len(), self.timeline.parts.n_frames]
    }

    fn fill(&self, row: usize, columns: Range<usize>, out: &mut [T]) {
        self.timeline.show(self.units[row], columns, |row, here| out.copy_from_slice(&(self.values)(row)[here]));
    }

    fn picked(&self, keep: &[bool]) -> Arc<dyn Rows<T>> {
        let units = self.units.iter().zip(keep).filter(|(_, keep)| **keep).map(|(unit, _)| *unit).collect();
        Arc::new(Self { timeline: Arc::clone(&self.timeline), units, values: self.values })
    }
}
