//! What the cells do: bursts of spikes, and the calcium indicator's response to them.
//!
//! # What it models
//! Bursty firing of pyramidal cells and the fluorescence of a calcium indicator, averaged over each exposure.
//!
//! # Model
//! A two-state gate per cell, stepped per frame and started in its stationary distribution, switches between a quiescent and
//! an active firing rate. A frame has `max(round(spike_sim_hz / fps), 1)` fine bins; each spikes with probability
//! `min(rate / fine_rate, 1)`, at most once (the refractory period). Spikes are convolved on the fine grid with
//! `exp(-t / tau_decay) - exp(-t / tau_rise)`, scaled to peak 1, and averaged over the bins of each frame. A lead-in of
//! `ceil(6 tau_decay fps)` frames is simulated and dropped, so that frame 0 has a history.
//!
//! `C = gain * (f0 + calcium)`, with a log-normal gain per cell of mean 1 and coefficient of variation `brightness_cv`.
//!
//! # Sources
//! Double-exponential indicator response: Chen et al., Nature 499:295 (2013), GCaMP6. The gate and the rates are chosen to
//! give the sparse bursts of hippocampal and cortical pyramidal cells; they are conventions.
//!
//! # Leaves out
//! Correlations between cells, place or stimulus tuning, indicator saturation and cooperativity, slow changes of the rates.
//!
//! # Records
//! `C`, `S`, `amplitude_per_cell`.

mod kinetics;

pub use kinetics::{calcium_kernel, kernel_timing, spike_activity_params, tau_from_kernel_timing};
use std::sync::Arc;

use rayon::prelude::*;

use super::{Domain, Step};
use crate::{
    cells::{Traces, range_of},
    level::{Kernel, Lanes, Level},
    math,
    rng::Key,
    scene::Builder,
    spec::{Checker, NonNegative, Positive, record::record},
    truth::{Declared, Dim, Stored, TruthData},
};

/// Frames whose random words are drawn at once.
const FRAMES_AT_ONCE: usize = 64;
/// Length of the lead-in in decay times.
const LEAD_IN_DECAYS: f64 = 6.0;
/// Index of the draw of a gate's first state; no frame has it.
const START: u64 = 1 << 63;

record! {
    /// Makes the cells fire and glow.
    pub struct CellActivity: step {
        /// Rate of the fine grid that spikes are drawn on; rounded to whole bins per frame.
        spike_sim_hz: Positive = 300.0, "Hz";
        /// Chance per frame that a quiescent cell starts a burst.
        p_quiescent_to_active: Positive = 0.005, "1/frame";
        /// Chance per frame that a burst ends.
        p_active_to_quiescent: Positive = 0.3, "1/frame";
        /// Firing rate inside a burst.
        active_rate_hz: Positive = 150.0, "Hz";
        /// Firing rate outside bursts.
        quiescent_rate_hz: NonNegative = 0.6, "Hz";
        /// Rise time constant of the response to a spike.
        tau_rise_s: Positive = 0.05, "s";
        /// Decay time constant of the response to a spike.
        tau_decay_s: Positive = 0.5, "s";
        /// Coefficient of variation of the cells' brightness (log-normal, mean 1).
        brightness_cv: NonNegative = 0.3, "";
        /// Fluorescence of a cell at rest; a single spike peaks at 1.
        f0: NonNegative = 1.0, "fluorescence units";
        /// Standard deviation of noise added to the traces; off unless asked for.
        trace_noise: NonNegative = 0.0, "fluorescence units";
    }
}

impl Step for CellActivity {
    const KIND: &'static str = "cell_activity";
    const DOMAIN: Domain = Domain::Cell;
    const RECORDS: &'static [Declared] = &[
        Declared {
            name: "C",
            dims: &[Dim::Unit, Dim::Frame],
            unit: "fluorescence units",
            doc: "Clean calcium trace of each cell, averaged over each exposure; no bleaching, no noise.",
            stored: Stored::Always,
        },
        Declared {
            name: "S",
            dims: &[Dim::Unit, Dim::Frame],
            unit: "spikes",
            doc: "Spikes of each cell in each frame.",
            stored: Stored::Always,
        },
        Declared {
            name: "amplitude_per_cell",
            dims: &[Dim::Unit],
            unit: "",
            doc: "Brightness of each cell, the factor on its baseline and transients.",
            stored: Stored::Always,
        },
    ];

    fn check(&self, cx: &mut Checker<'_>) {
        let (rise, decay) = (self.tau_rise_s.get(), self.tau_decay_s.get());
        if rise >= decay {
            cx.error(
                "tau_rise_s",
                format!("{rise:?}"),
                format!("must be less than tau_decay_s ({decay} s)"),
                "make the rise faster or the decay slower",
            );
        }
        if let Some(fps) = cx.acquisition().map(|a| a.fps.get())
            && decay * fps < 1.0
        {
            cx.error(
                "tau_decay_s",
                format!("{decay:?}"),
                format!("must last at least one frame ({} s at {fps} fps), else transients are not sampled", 1.0 / fps),
                "raise tau_decay_s or acquisition.fps",
            );
        }
    }

    fn build(&self, scene: &mut Builder<'_>) {
        let n_cells = scene.cells().len();
        if n_cells == 0 {
            return;
        }
        let n_frames = scene.n_frames();
        let n_window = scene.calibration_frames();
        let model = Model::new(self, scene.fps());
        let keys = Keys {
            gate: scene.key("gate"),
            spikes: scene.key("spikes"),
            gain: scene.key("gain"),
            noise: scene.key("trace_noise"),
        };
        let ids = scene.cells().ids.clone();
        let inputs = (self, scene.fps(), n_frames, n_window, &ids);
        let made = scene.part_again("traces", 0, &inputs, |stale| {
            Activity::new(&model, keys, &ids, n_frames, n_window, stale)
        });
        let Activity { c, s, ranges } = &*made;
        let gains: Vec<f64> = ranges.iter().map(|r| r.2).collect();
        scene.record("S", &[n_cells, n_frames], TruthData::U32(Arc::clone(s)));
        scene.record("amplitude_per_cell", &[n_cells], TruthData::F64(gains.clone().into()));
        scene.cells_mut().traces = Some(Traces {
            c: Arc::clone(c),
            range: ranges.iter().map(|r| r.0).collect(),
            calibration_range: ranges.iter().map(|r| r.1).collect(),
            expected: gains.iter().map(|g| g * (self.f0.get() + model.expected_calcium)).collect(),
        });
    }
}

/// The activity of all cells.
struct Activity {
    /// Clean traces and spike counts, `(unit, frame)`.
    c: Arc<Vec<f64>>,
    s: Arc<Vec<u32>>,
    /// Of each cell the range of its trace, the same over the calibration window, and its gain.
    ranges: Vec<([f64; 2], [f64; 2], f64)>,
}

impl Activity {
    fn new(
        model: &Model,
        keys: Keys,
        ids: &[u64],
        n_frames: usize,
        n_window: usize,
        stale: Option<Self>,
    ) -> Self {
        // Every value is written below.
        let (c, s) = stale.map(|old| (Arc::into_inner(old.c), Arc::into_inner(old.s))).unwrap_or_default();
        let (mut c, mut s) = (c.unwrap_or_default(), s.unwrap_or_default());
        c.resize(ids.len() * n_frames, 0.0);
        s.resize(ids.len() * n_frames, 0);
        let ranges = c
            .par_chunks_mut(n_frames)
            .zip(s.par_chunks_mut(n_frames))
            .zip(ids)
            .map(|((c, s), id)| {
                let gain = model.gain(keys, *id);
                let (trace, spikes) = model.trace(keys, *id, gain, n_frames.max(n_window));
                c.copy_from_slice(&trace[..n_frames]);
                s.copy_from_slice(&spikes[..n_frames]);
                (range_of(c), range_of(&trace[..n_window]), gain)
            })
            .collect();
        Self { c: Arc::new(c), s: Arc::new(s), ranges }
    }
}

/// `to += response`, as far as both go.
struct Add<'a> {
    response: &'a [f64],
    to: &'a mut [f64],
}

impl Kernel for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        self.to.iter_mut().zip(self.response).for_each(|(c, r)| *c += r);
    }
}

#[derive(Clone, Copy, Debug)]
struct Keys {
    gate: Key,
    spikes: Key,
    gain: Key,
    noise: Key,
}

/// The step's numbers, resolved for a frame rate.
#[derive(Debug)]
struct Model {
    bins_per_frame: usize,
    /// Chance of moving quiescent → active and active → quiescent, per frame.
    switch: [f64; 2],
    /// Share of time a gate is active.
    active_share: f64,
    /// Spike thresholds on a 32-bit word: quiescent and active.
    thresholds: [u64; 2],
    /// For a spike in bin b of a frame, what it adds to this and the following frames: `[b][lag]`.
    responses: Vec<Vec<f64>>,
    lead_in_frames: usize,
    /// Mean calcium of a cell of gain 1.
    expected_calcium: f64,
    log_gain_sd: f64,
    f0: f64,
    trace_noise: f64,
}

impl Model {
    fn new(step: &CellActivity, fps: f64) -> Self {
        let bins = ((step.spike_sim_hz.get() / fps).round_ties_even() as usize).max(1);
        let fine_hz = bins as f64 * fps;
        let kernel = calcium_kernel(step.tau_rise_s.get(), step.tau_decay_s.get(), fine_hz);
        let on = step.p_quiescent_to_active.get().min(1.0);
        let off = step.p_active_to_quiescent.get().min(1.0);
        let active_share = on / (on + off);
        let chances = [step.quiescent_rate_hz.get(), step.active_rate_hz.get()].map(|rate| (rate / fine_hz).min(1.0));
        let mean_spikes = chances[0] * (1.0 - active_share) + chances[1] * active_share;
        let cv = step.brightness_cv.get();
        let frame_mean = |bin: usize, lag: usize| {
            let first = (lag * bins).saturating_sub(bin);
            let last = ((lag + 1) * bins - bin).min(kernel.len());
            kernel.get(first..last).map_or(0.0, |part| part.iter().sum::<f64>() / bins as f64)
        };
        let n_lags = |bin: usize| (kernel.len() + bin).div_ceil(bins);
        Self {
            bins_per_frame: bins,
            switch: [on, off],
            active_share,
            thresholds: chances.map(|p| (p * 4_294_967_296.0) as u64),
            responses: (0..bins).map(|b| (0..n_lags(b)).map(|lag| frame_mean(b, lag)).collect()).collect(),
            lead_in_frames: (LEAD_IN_DECAYS * step.tau_decay_s.get() * fps).ceil() as usize,
            expected_calcium: mean_spikes * kernel.iter().sum::<f64>(),
            log_gain_sd: math::ln_1p(cv * cv).sqrt(),
            f0: step.f0.get(),
            trace_noise: step.trace_noise.get(),
        }
    }

    /// A log-normal gain of mean 1.
    fn gain(&self, keys: Keys, id: u64) -> f64 {
        let sd = self.log_gain_sd;
        math::exp(sd * keys.gain.normal(id, 0) - 0.5 * sd * sd)
    }

    /// The clean trace and the spike counts of the first `n_frames` frames.
    ///
    /// Every draw is addressed by the frame's number, negative in the lead-in, so neither the duration nor the length of the
    /// lead-in moves one.
    fn trace(&self, keys: Keys, id: u64, gain: f64, n_frames: usize) -> (Vec<f64>, Vec<u32>) {
        let mut calcium = vec![0.0; n_frames];
        let mut spikes = vec![0_u32; n_frames];
        let lead_in = self.lead_in_frames as i64;
        let mut active = keys.gate.uniform(id, START) < self.active_share;
        let blocks = self.bins_per_frame.div_ceil(4);
        let mut gates = [0; FRAMES_AT_ONCE * 4];
        let mut thresholds = [0; FRAMES_AT_ONCE];
        let mut hits = Vec::new();
        let frames: Vec<i64> = (-lead_in..n_frames as i64).collect();
        for batch in frames.chunks(FRAMES_AT_ONCE) {
            let first = batch[0];
            keys.gate.fill_words(id, first as u64, &mut gates[..batch.len() * 4]);
            for ((frame, gate), threshold) in batch.iter().zip(gates.as_chunks().0).zip(&mut thresholds) {
                if *frame > -lead_in {
                    active ^= Key::uniform_of(*gate) < self.switch[usize::from(active)];
                }
                *threshold = self.thresholds[usize::from(active)];
            }
            // Few bins have a spike, so they are looked for many at a time.
            let thresholds = &thresholds[..batch.len()];
            hits.clear();
            keys.spikes.find_below(id, (first as u64).wrapping_mul(blocks as u64), blocks, thresholds, &mut hits);
            for (row, bin) in hits.iter().map(|at| (at / (4 * blocks), at % (4 * blocks))) {
                if bin >= self.bins_per_frame {
                    continue;
                }
                let frame = batch[row];
                if let Ok(frame) = usize::try_from(frame) {
                    spikes[frame] += 1;
                }
                let from = frame.max(0);
                let skip = (from - frame) as usize;
                if let Some(response) = self.responses[bin].get(skip..) {
                    Level::best().run(Add { response, to: &mut calcium[from as usize..] });
                }
            }
        }
        for (frame, value) in calcium.iter_mut().enumerate() {
            *value = gain * (self.f0 + *value);
            if self.trace_noise > 0.0 {
                *value += self.trace_noise * keys.noise.normal(id, frame as u64);
            }
        }
        (calcium, spikes)
    }
}
