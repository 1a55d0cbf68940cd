//! What the cells do: bursts of spikes, and the calcium indicator's response to them.
//!
//! # What it models
//! Bursty firing of pyramidal cells and the fluorescence of a calcium indicator, averaged over each exposure.
//!
//! # Model
//! A two-state gate per cell, stepped per frame and started in its stationary distribution, switches between a quiescent and
//! an active firing rate. A frame has `max(round(spike_sim_hz / fps), 1)` fine bins; each spikes with probability
//! `min(rate / fine_rate, 1)`, at most once (the refractory period). One number tells a frame's first spike by inverting its
//! geometric distribution, so quiet frames cost no more, and each further spike takes one. Spikes are convolved on the fine grid with
//! `exp(-t / tau_decay) - exp(-t / tau_rise)`, scaled to peak 1, and averaged over the bins of each frame. A lead-in of
//! `ceil(6 tau_decay fps)` frames is simulated and dropped, so that frame 0 has a history.
//!
//! `C = gain * (f0 + calcium)`, with a log-normal gain per cell of mean 1 and coefficient of variation `brightness_cv`. With a named
//! `indicator`, `C = gain * f0 * (1 + ΔF/F)`, where ΔF/F is a Hill curve of the exposure's mean calcium, and the time constants are
//! the indicator's:
//!
//! | indicator | τ rise, decay (ms) | saturation | Hill | half at (spikes) | ΔF/F at 1, 5, 10 simultaneous spikes |
//! |---|---|---|---|---|---|
//! | GCaMP6f | 9.84, 682.58 | 1.884 | 3.442 | 2.788 | 0.054, 1.662, 1.861 |
//! | GCaMP6s | 49.34, 1702.21 | 3.284 | 3.123 | 2.981 | 0.105, 2.739, 3.211 |
//! | jGCaMP7f | 14.67, 153.91 | 6.248 | 1.495 | 9.353 | 0.213, 1.759, 3.280 |
//! | jGCaMP8f | 1.82, 108.54 | 5.103 | 1.753 | 3.640 | 0.480, 3.244, 4.361 |
//! | jGCaMP8m | 2.39, 86.30 | 5.404 | 1.559 | 3.758 | 0.609, 3.293, 4.438 |
//! | jGCaMP8s | 5.44, 146.80 | 4.536 | 1.473 | 3.590 | 0.599, 2.811, 3.715 |
//!
//! `kinetics_cv` stretches both time constants of each cell by a log-normal factor of mean 1, in steps of an eighth of a standard
//! deviation and within three. With `synchrony`, that share of the cells belongs to one of `n_assemblies`; in an event of its
//! assembly a cell fires three spikes 10 ms apart, off by `assembly_jitter_s`, on top of its own. An event is addressed by
//! (assembly, frame).
//!
//! # Sources
//! Named indicators: GCaMP6, Chen et al., Nature 499:295 (2013); jGCaMP7f, Dana et al., Nat Methods 16:649 (2019); jGCaMP8, Zhang et
//! al., Nature 615:884 (2023). Their numbers stand for the models that were fitted to imaged and patched cells of mouse cortex (Wei et
//! al., PLoS Comput Biol 16:e1008198 (2020); Zhang et al. 2023, supplementary table 8): the Hill curve goes through the fitted logistic
//! one at 1 and 5 spikes and has its saturation; at 10 spikes it is lower by 12 % at most (jGCaMP7f: 27 %). Two decays are replaced by
//! their mean, weighted by amplitude. Fits to whole recordings are not means over single spikes. For GCaMP6, they give one spike a
//! quarter to a half of the ΔF/F of about 0.2 that Chen et al. found, and for jGCaMP8s half of the 1.1 that its makers state. After one
//! spike ΔF/F halves within 151 ms (GCaMP6f; Chen et al.: about 140), 437 (GCaMP6s; 550), 89 (jGCaMP7f; 182), 48, 45 and 83 ms
//! (jGCaMP8f, 8m, 8s; their makers state 67, 118 and 307). The gate, the rates and the numbers of the linear indicator are chosen to give
//! the sparse bursts of hippocampal and cortical pyramidal cells; they are conventions, as are the spreads and the assemblies.
//!
//! # Leaves out
//! Place or stimulus tuning, slow changes of the rates, buffering of calcium by the indicator, a response within an exposure that is not
//! that to its mean calcium.
//!
//! # Records
//! `C`, `S`, `amplitude_per_cell`; `tau_rise_s` and `tau_decay_s` of a named indicator or with `kinetics_cv`, `assembly` with
//! `synchrony`.

mod assemblies;
mod indicator;
mod kinetics;

use assemblies::Assemblies;
pub use indicator::{Indicator, Response};

pub use kinetics::{calcium_kernel, kernel_timing, spike_activity_params, tau_from_kernel_timing};
use std::{ops::Range, sync::Arc};

use rayon::prelude::*;

use super::{Domain, Part, Step};
use crate::{
    cells::{ActivityPreview, Traces},
    level::{Loops, at_best_level},
    math,
    rng::{Key, LANES},
    building::Builder,
    spec::{Checker, Count, Fraction, NonNegative, Positive, record::record},
    timeline::{Activity, Checkpoint, HeldActivity},
    truth::{Declared, Dim, Fill, Stored, TruthData},
};

/// Length of the lead-in in decay times.
const LEAD_IN_DECAYS: f64 = 6.0;
/// Steps per standard deviation that kinetics are told apart in, and how many deviations they go.
const KINETICS_STEPS: f64 = 8.0;
const KINETICS_REACH: f64 = 3.0;
/// Largest jitter of an assembly (s).
const MAX_JITTER_S: f64 = 10.0;
/// Index of the draw of a gate's first state; no frame has it.
const START: u64 = 1 << 63;

record! {
    /// Makes the cells fire and glow.
    pub struct CellActivity: step, panel("activity", "Neural activity", 14) {
        /// Rate of the fine grid that spikes are drawn on; rounded to whole bins per frame.
        spike_sim_hz: Positive = 300.0, "Hz";
        /// Chance per frame that a quiescent cell starts a burst.
        p_quiescent_to_active: Positive = 0.005, "1/frame", slider(0.0005, 0.03, 0.0005), label("Burst onset p");
        /// Chance per frame that a burst ends.
        p_active_to_quiescent: Positive = 0.3, "1/frame", slider(0.05, 0.6, 0.01), label("Burst end p");
        /// Firing rate inside a burst.
        active_rate_hz: Positive = 150.0, "Hz", slider(20.0, 400.0, 5.0), label("Rate in a burst");
        /// Firing rate outside bursts.
        quiescent_rate_hz: NonNegative = 0.6, "Hz", slider(0.0, 3.0, 0.1), label("Baseline rate");
        /// Rise time constant of the response to a spike.
        tau_rise_s: Positive = 0.05, "s", slider(0.01, 0.3, 0.01), label("τ rise");
        /// Decay time constant of the response to a spike.
        tau_decay_s: Positive = 0.5, "s", slider(0.1, 2.0, 0.05), label("τ decay");
        /// Coefficient of variation of the cells' brightness (log-normal, mean 1).
        brightness_cv: NonNegative = 0.3, "", slider(0.0, 1.0, 0.05), label("Brightness spread");
        /// Fluorescence of a cell at rest; a single spike peaks at 1.
        f0: NonNegative = 1.0, "fluorescence units", slider(0.0, 3.0, 0.1), label("Baseline F₀");
        /// Standard deviation of noise added to the traces; off unless asked for.
        trace_noise: NonNegative = 0.0, "fluorescence units";
        /// "linear" = proportional to calcium, with the time constants given here; a named indicator brings its own, and saturates.
        indicator: Indicator => Indicator::Linear, "", since("0.2");
        /// Coefficient of variation of the cells' time constants (log-normal, mean 1).
        kinetics_cv: Fraction = 0.0, "", slider(0.0, 0.5, 0.05), label("Kinetics spread"), since("0.2");
        /// Share of cells that belong to an assembly, whose members fire together now and then.
        synchrony: Fraction = 0.0, "", slider(0.0, 1.0, 0.05), since("0.2");
        /// Number of assemblies.
        n_assemblies: Count = 4, "", since("0.2");
        /// How often each assembly is active.
        assembly_rate_hz: NonNegative = 0.05, "Hz", slider(0.0, 1.0, 0.01), label("Assembly rate"), since("0.2");
        /// Standard deviation of a member's delay in an event.
        assembly_jitter_s: NonNegative = 0.05, "s", slider(0.0, 0.5, 0.01), label("Assembly jitter"), since("0.2");
    }
}

impl Step for CellActivity {
    const KIND: &'static str = "cell_activity";
    const DOMAIN: Domain = Domain::Cell;
    const PART: Part = Part::Signal;
    const RECORDS: &'static [Declared] = &[
        Declared {
            name: "C",
            dims: &[Dim::Unit, Dim::Frame],
            unit: "fluorescence units",
            doc: "Clean calcium trace of each cell, averaged over each exposure; no bleaching, no noise.",
            stored: Stored::Always(Fill::Real(0.0)),
        },
        Declared {
            name: "S",
            dims: &[Dim::Unit, Dim::Frame],
            unit: "spikes",
            doc: "Spikes of each cell in each frame.",
            stored: Stored::Always(Fill::Count(0)),
        },
        Declared {
            name: "amplitude_per_cell",
            dims: &[Dim::Unit],
            unit: "",
            doc: "Brightness of each cell, the factor on its baseline and transients.",
            stored: Stored::Always(Fill::Unknown),
        },
        Declared {
            name: "tau_rise_s",
            dims: &[Dim::Unit],
            unit: "s",
            doc: "Rise time constant of each cell's calcium after a spike.",
            stored: Stored::Extra,
        },
        Declared {
            name: "tau_decay_s",
            dims: &[Dim::Unit],
            unit: "s",
            doc: "Decay time constant of each cell's calcium after a spike.",
            stored: Stored::Extra,
        },
        Declared {
            name: "assembly",
            dims: &[Dim::Unit],
            unit: "",
            doc: "The assembly that each cell belongs to, from 1; 0 for none.",
            stored: Stored::Extra,
        },
    ];

    fn example() -> Self {
        Self {
            f0: NonNegative::lit(1.1),
            indicator: Indicator::Jgcamp8m,
            kinetics_cv: Fraction::lit(0.2),
            synchrony: Fraction::lit(0.5),
            assembly_rate_hz: NonNegative::lit(1.0),
            ..Self::default()
        }
    }

    fn check(&self, cx: &mut Checker<'_>) {
        let [rise, decay] = self.time_constants_s();
        if self.indicator.response().is_some() && self.f0.get() == 0.0 {
            cx.error(
                "f0",
                "0.0".to_owned(),
                "must be greater than 0 with a named indicator, whose response is a multiple of it",
                "raise f0, or set indicator to \"linear\"",
            );
        }
        if self.assembly_jitter_s.get() > MAX_JITTER_S {
            cx.error(
                "assembly_jitter_s",
                format!("{:?}", self.assembly_jitter_s.get()),
                format!("must be at most {MAX_JITTER_S} s, else members do not fire together"),
                "lower it",
            );
        }
        if self.synchrony.get() > 0.0
            && let Some(fps) = cx.acquisition().map(|a| a.fps.get())
            && self.assembly_rate_hz.get() > fps
        {
            cx.error(
                "assembly_rate_hz",
                format!("{:?}", self.assembly_rate_hz.get()),
                format!("must be at most one event a frame ({fps} Hz)"),
                "lower it, or raise acquisition.fps",
            );
        }
        if rise >= decay {
            cx.error(
                "tau_rise_s",
                format!("{rise:?}"),
                format!("must be less than tau_decay_s ({decay} s)"),
                "make the rise faster or the decay slower",
            );
        }
        if let Some(fps) = cx.acquisition().map(|a| a.fps.get())
            && self.indicator == Indicator::Linear
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
        let keys = Keys::new(scene);
        let ids = scene.cells().ids.clone();
        let inputs = (self, scene.fps(), n_frames.min(n_window), n_window, n_frames > n_window, &ids);
        let made = scene.part_again("calibration window", 0, &inputs, |stale| {
            let firing = Arc::new(self.firing(scene, keys, ids.clone()));
            Window::new(firing, n_frames, n_window, stale)
        });
        let firing = Arc::clone(&made.firing);
        scene.record("amplitude_per_cell", &[n_cells], TruthData::F64(firing.gains.clone().into()));
        if self.indicator != Indicator::Linear || self.kinetics_cv.get() > 0.0 {
            let [rise, decay] =
                [0, 1].map(|i| firing.kernel_of.iter().map(|k| firing.kernels[*k].taus_s[i]).collect::<Vec<f64>>());
            scene.record("tau_rise_s", &[n_cells], TruthData::F64(rise.into()));
            scene.record("tau_decay_s", &[n_cells], TruthData::F64(decay.into()));
        }
        if let Some(assemblies) = &firing.assemblies {
            let of: Vec<u32> = ids.iter().map(|id| assemblies.of(*id)).collect();
            scene.record("assembly", &[n_cells], TruthData::U32(of.into()));
        }
        let expected = if self.is_as_published() {
            let resting = self.f0.get() + firing.model.expected_calcium;
            firing.gains.iter().map(|g| g * resting).collect()
        } else {
            // No formula tells the mean of a nonlinear response; the window's is known whatever the duration.
            made.means.clone()
        };
        scene.cells_mut().traces = Some(Traces {
            held: made.held.clone(),
            calibration_range: Arc::clone(&made.ranges),
            expected,
            activity: firing,
        });
        scene.record_over_time("C", |timeline| timeline.traces());
        scene.record_over_time("S", |timeline| timeline.spikes());
    }
}

impl CellActivity {
    /// Rise and decay time constant (s) of a cell's calcium after a spike.
    fn time_constants_s(&self) -> [f64; 2] {
        let own = [self.tau_rise_s.get(), self.tau_decay_s.get()];
        self.indicator.response().map_or(own, |response| [response.tau_rise_s, response.tau_decay_s])
    }

    /// Whether the cells are those of the published package, all alike and independent of each other.
    fn is_as_published(&self) -> bool {
        self.indicator == Indicator::Linear && self.kinetics_cv.get() == 0.0 && self.synchrony.get() == 0.0
    }

    fn firing(&self, scene: &Builder<'_>, keys: Keys, ids: Vec<u64>) -> Firing {
        let model = Model::new(self, scene.fps());
        let assemblies = Assemblies::new(self, scene, model.bins_per_frame);
        Firing::new(model, assemblies, keys, ids)
    }

    /// All spikes, and the traces of the `n_busiest` cells: what somebody sees who tunes the activity, in a fraction of the time
    /// that all traces take.
    pub(crate) fn preview(&self, scene: &mut Builder<'_>, n_busiest: usize) -> ActivityPreview {
        let n_frames = scene.n_frames();
        let keys = Keys::new(scene);
        let ids = &scene.cells().ids.clone();
        let firing = self.firing(scene, keys, ids.clone());
        let spikes = scene.part_again("spikes", 0, &(self, scene.fps(), n_frames, ids), |stale: Option<Spikes>| {
            // Every value is written below.
            let mut s = stale.and_then(|old| Arc::into_inner(old.s)).unwrap_or_default();
            s.resize(ids.len() * n_frames, 0);
            let model = &firing.model;
            let count = |(s, id): (&mut [u32], &u64)| {
                s.fill(0);
                let mut active = model.starts_active(keys, *id);
                let mut spike = |frame: i64, _| {
                    if let Some(s) = usize::try_from(frame).ok().and_then(|frame| s.get_mut(frame)) {
                        *s += 1;
                    }
                };
                let frames = model.start()..n_frames as i64;
                model.spikes(keys, *id, &mut active, frames.clone(), &mut spike);
                if let Some(assemblies) = &firing.assemblies {
                    assemblies.spikes(*id, frames, &mut spike);
                }
                s.iter().map(|n| u64::from(*n)).sum()
            };
            let totals = s.par_chunks_mut(n_frames.max(1)).zip(ids).map(count).collect();
            Spikes { s: Arc::new(s), totals }
        });
        let mut order: Vec<usize> = (0..spikes.totals.len()).collect();
        order.sort_by_key(|unit| std::cmp::Reverse(spikes.totals[*unit]));
        order.truncate(n_busiest);
        let trace = |unit: usize| {
            let (mut c, mut s) = (vec![0.0; n_frames], vec![0; n_frames]);
            firing.follow(unit, firing.start(unit), 0..n_frames, i64::MIN, &mut c, &mut s);
            (unit, c)
        };
        let busiest = order.into_par_iter().map(trace).collect();
        let n_spikes = spikes.totals.iter().sum();
        ActivityPreview { n_units: ids.len(), n_frames, s: Arc::clone(&spikes.s), n_spikes, busiest }
    }
}

/// The spike counts of all cells, `(unit, frame)`, and each cell's sum.
struct Spikes {
    s: Arc<Vec<u32>>,
    totals: Vec<u64>,
}

/// All cells as they fire and glow.
#[derive(Debug)]
struct Firing {
    model: Model,
    assemblies: Option<Assemblies>,
    keys: Keys,
    ids: Vec<u64>,
    gains: Vec<f64>,
    /// The kernels that cells have, and which of them each has.
    kernels: Vec<Kernel>,
    kernel_of: Vec<usize>,
}

impl Firing {
    fn new(model: Model, assemblies: Option<Assemblies>, keys: Keys, ids: Vec<u64>) -> Self {
        let gains = ids.iter().map(|id| model.gain(keys, *id)).collect();
        let steps: Vec<i32> = ids.iter().map(|id| model.kinetics_step(keys, *id)).collect();
        let mut present = steps.clone();
        present.sort_unstable();
        present.dedup();
        let kernel_of = steps.iter().map(|step| present.partition_point(|other| other < step)).collect();
        let kernels = present.par_iter().map(|step| model.kernel(*step)).collect();
        Self { model, assemblies, keys, ids, gains, kernels, kernel_of }
    }
}

/// A cell's response to a spike, as frames see it.
#[derive(Debug)]
struct Kernel {
    /// Rise and decay time constant (s).
    taus_s: [f64; 2],
    /// For a spike in bin b of a frame, what it adds to this and the following frames: `[b][lag]`.
    responses: Vec<Vec<f64>>,
}

impl Kernel {
    fn new(taus_s: [f64; 2], bins: usize, fine_hz: f64) -> Self {
        let kernel = calcium_kernel(taus_s[0], taus_s[1], fine_hz);
        let frame_mean = |bin: usize, lag: usize| {
            let first = (lag * bins).saturating_sub(bin);
            let last = ((lag + 1) * bins - bin).min(kernel.len());
            kernel.get(first..last).map_or(0.0, |part| part.iter().sum::<f64>() / bins as f64)
        };
        let n_lags = |bin: usize| (kernel.len() + bin).div_ceil(bins);
        let responses = (0..bins).map(|b| (0..n_lags(b)).map(|lag| frame_mean(b, lag)).collect()).collect();
        Self { taus_s, responses }
    }
}

impl Activity for Firing {
    fn memory_frames(&self) -> usize {
        self.kernels.iter().flat_map(|kernel| &kernel.responses).map(Vec::len).max().unwrap_or(0)
    }

    fn start(&self, unit: usize) -> Checkpoint {
        Checkpoint { frame: self.model.start(), active: self.model.starts_active(self.keys, self.ids[unit]) }
    }

    fn follow(
        &self,
        unit: usize,
        from: Checkpoint,
        frames: Range<usize>,
        at: i64,
        c: &mut [f64],
        s: &mut [u32],
    ) -> Checkpoint {
        let (model, id, first) = (&self.model, self.ids[unit], frames.start as i64);
        let responses = &self.kernels[self.kernel_of[unit]].responses;
        c.fill(0.0);
        s.fill(0);
        let mut add = |frame: i64, bin: usize| {
            if let Ok(i) = usize::try_from(frame - first) {
                s[i] += 1;
            }
            let shown = frame.max(first);
            if let Some(response) = responses[bin].get((shown - frame) as usize..) {
                at_best_level(Add { response, to: &mut c[(shown - first) as usize..] });
            }
        };
        let end = frames.end as i64;
        let at = at.clamp(from.frame, end);
        let mut active = from.active;
        model.spikes(self.keys, id, &mut active, from.frame..at, &mut add);
        let kept = Checkpoint { frame: at, active };
        model.spikes(self.keys, id, &mut active, at..end, &mut add);
        if let Some(assemblies) = &self.assemblies {
            assemblies.spikes(id, from.frame..end, &mut add);
        }
        for (frame, value) in frames.zip(c) {
            let above = model.response.map_or(*value, |response| model.f0 * response.dff(*value));
            *value = self.gains[unit] * (model.f0 + above);
            if model.trace_noise > 0.0 {
                *value += model.trace_noise * self.keys.noise.normal(id, frame as u64);
            }
        }
        kept
    }

    fn spike_responses(&self, unit: usize) -> Vec<Vec<f64>> {
        let model = &self.model;
        let above = |calcium: &f64| model.response.map_or(*calcium, |response| model.f0 * response.dff(*calcium));
        let shown = |response: &Vec<f64>| response.iter().map(|calcium| self.gains[unit] * above(calcium)).collect();
        self.kernels[self.kernel_of[unit]].responses.iter().map(shown).collect()
    }
}

/// What the cells do in the window that amplitudes and focus are calibrated on, and how they go on.
struct Window {
    firing: Arc<Firing>,
    /// The range of each cell's trace within the window.
    ranges: Arc<Vec<[f64; 2]>>,
    /// Its mean there.
    means: Vec<f64>,
    /// Traces and spikes of a recording that is not longer than the window.
    held: Option<HeldActivity>,
}

impl Window {
    fn new(firing: Arc<Firing>, n_frames: usize, n_window: usize, stale: Option<Self>) -> Self {
        let follow = |unit: usize, c: &mut [f64], s: &mut [u32]| {
            firing.follow(unit, firing.start(unit), 0..n_window, i64::MIN, c, s);
            (math::range_of(c), c.iter().sum::<f64>() / n_window as f64)
        };
        let rows = || (vec![0.0; n_window], vec![0; n_window]);
        if n_frames > n_window {
            let range = |(c, s): &mut (Vec<f64>, Vec<u32>), unit| follow(unit, c, s);
            let (ranges, means): (Vec<_>, _) = (0..firing.ids.len()).into_par_iter().map_init(rows, range).unzip();
            return Self { firing, ranges: Arc::new(ranges), means, held: None };
        }
        // Every value is written below, fresh memory by those who need it.
        let stale = stale.and_then(|old| old.held).map(|old| (Arc::into_inner(old.c), Arc::into_inner(old.s)));
        let (c, s) = stale.unwrap_or_default();
        let n = firing.ids.len() * n_frames;
        let mut c = c.filter(|c| c.len() == n).unwrap_or_else(|| vec![0.0; n]);
        let mut s = s.filter(|s| s.len() == n).unwrap_or_else(|| vec![0; n]);
        let both = c.par_chunks_mut(n_frames).zip(s.par_chunks_mut(n_frames)).enumerate();
        let ranges = both.map_init(rows, |(trace, spikes), (unit, (c, s))| {
            let range = follow(unit, trace, spikes);
            c.copy_from_slice(&trace[..n_frames]);
            s.copy_from_slice(&spikes[..n_frames]);
            range
        });
        let (ranges, means): (Vec<_>, _) = ranges.unzip();
        Self { firing, ranges: Arc::new(ranges), means, held: Some(HeldActivity { c: Arc::new(c), s: Arc::new(s) }) }
    }
}

/// What the random words of [`LANES`] frames decide, whatever the gate's state.
struct Frames<'a> {
    model: &'a Model,
    key: Key,
    id: u64,
    /// The first of the frames.
    frame: i64,
}

/// Bits of [`Decided::bits`]: the gate switches, the frame has a spike; each for a quiescent and an active gate.
const SWITCHES: u32 = 0;
const SPIKES: u32 = 2;

struct Decided {
    /// Frame by frame.
    bits: [u32; LANES],
    /// All of them.
    any: u32,
    /// The number whose place in the geometric distribution is that of the first spike.
    first: [u64; LANES],
}

impl Loops for Frames<'_> {
    type Output = Decided;

    #[inline(always)]
    fn run(self) -> Decided {
        let words = self.key.lanes(self.id, self.frame as u64);
        let [switch_on, switch_off] = self.model.switch;
        let [spike_quiescent, spike_active] = self.model.some_spike;
        let (mut bits, mut first, mut any) = ([0; LANES], [0; LANES], 0);
        for l in 0..LANES {
            let gate = u64::from(words[1][l]) << 32 | u64::from(words[0][l]);
            first[l] = u64::from(words[3][l]) << 32 | u64::from(words[2][l]);
            bits[l] = u32::from(gate < switch_on)
                | u32::from(gate < switch_off) << 1
                | u32::from(first[l] < spike_quiescent) << 2
                | u32::from(first[l] < spike_active) << 3;
        }
        for bits in &bits {
            any |= bits;
        }
        Decided { bits, any, first }
    }
}

/// `to += response`, as far as both go.
struct Add<'a> {
    response: &'a [f64],
    to: &'a mut [f64],
}

impl Loops for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.to.iter_mut().zip(self.response).for_each(|(c, r)| *c += r);
    }
}

/// A chance as a limit of random numbers of 64 bits.
fn on_64_bits(chance: f64) -> u64 {
    // The conversion saturates: a chance of 1 is missed once in 2⁶⁴ draws.
    (chance * 18_446_744_073_709_551_616.0) as u64
}

#[derive(Clone, Copy, Debug)]
struct Keys {
    gate: Key,
    spikes: Key,
    gain: Key,
    noise: Key,
    kinetics: Key,
}

impl Keys {
    fn new(scene: &Builder<'_>) -> Self {
        Self {
            gate: scene.key("gate"),
            spikes: scene.key("spikes"),
            gain: scene.key("gain"),
            noise: scene.key("trace_noise"),
            kinetics: scene.key("kinetics"),
        }
    }
}

/// The step's numbers, resolved for a frame rate.
#[derive(Debug)]
struct Model {
    bins_per_frame: usize,
    /// Chance of moving quiescent → active and active → quiescent, per frame, on 64 bits.
    switch: [u64; 2],
    /// Share of time a gate is active.
    active_share: f64,
    /// Chance that a frame has a spike, on 64 bits: quiescent and active.
    some_spike: [u64; 2],
    /// Chance that the first spike from some bin on is in the bth one after that or before, on 64 bits: `[state][b]`.
    next_spike: [Vec<u64>; 2],
    /// Bins per second.
    fine_hz: f64,
    /// Rise and decay time constant (s) of a cell as most.
    taus_s: [f64; 2],
    /// Standard deviation of the logarithm of the cells' time constants.
    log_kinetics_sd: f64,
    /// How fluorescence follows calcium; `None` for proportional.
    response: Option<Response>,
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
        let taus_s = step.time_constants_s();
        let kernel = calcium_kernel(taus_s[0], taus_s[1], fine_hz);
        let on = step.p_quiescent_to_active.get().min(1.0);
        let off = step.p_active_to_quiescent.get().min(1.0);
        let active_share = on / (on + off);
        let chances = [step.quiescent_rate_hz.get(), step.active_rate_hz.get()].map(|rate| (rate / fine_hz).min(1.0));
        let mean_spikes = chances[0] * (1.0 - active_share) + chances[1] * active_share;
        let cv = step.brightness_cv.get();
        let kinetics_cv = step.kinetics_cv.get();
        let log_kinetics_sd = math::ln_1p(kinetics_cv * kinetics_cv).sqrt();
        // The slowest cell that there may be, so that the history of a cell does not depend on the others.
        let slowest = math::exp(KINETICS_REACH * log_kinetics_sd);
        // The bth bin, counted from 0, or one before it is the first that spikes.
        let first_within = |p: f64, b: usize| -math::exp_m1((b + 1) as f64 * math::ln_1p(-p));
        Self {
            bins_per_frame: bins,
            switch: [on, off].map(on_64_bits),
            active_share,
            some_spike: chances.map(|p| on_64_bits(first_within(p, bins - 1))),
            next_spike: chances.map(|p| (0..bins).map(|b| on_64_bits(first_within(p, b))).collect()),
            fine_hz,
            taus_s,
            log_kinetics_sd,
            response: step.indicator.response(),
            lead_in_frames: (LEAD_IN_DECAYS * slowest * taus_s[1] * fps).ceil() as usize,
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

    /// How many steps a cell's kinetics are slower than most.
    fn kinetics_step(&self, keys: Keys, id: u64) -> i32 {
        if self.log_kinetics_sd == 0.0 {
            return 0;
        }
        let deviation = keys.kinetics.normal(id, 0).clamp(-KINETICS_REACH, KINETICS_REACH);
        (KINETICS_STEPS * deviation).round_ties_even() as i32
    }

    /// The kernel of cells whose kinetics are as many steps slower.
    fn kernel(&self, kinetics_step: i32) -> Kernel {
        let sd = self.log_kinetics_sd;
        let slower = math::exp(sd * f64::from(kinetics_step) / KINETICS_STEPS - 0.5 * sd * sd);
        Kernel::new(self.taus_s.map(|tau| tau * slower), self.bins_per_frame, self.fine_hz)
    }

    /// The first frame of the lead-in.
    fn start(&self) -> i64 {
        -(self.lead_in_frames as i64)
    }

    /// Whether the gate is active before the lead-in.
    fn starts_active(&self, keys: Keys, id: u64) -> bool {
        keys.gate.uniform(id, START) < self.active_share
    }

    /// Calls `spike` with the frame and the bin of each spike in `frames`; frames of the lead-in are negative. `active` is the
    /// gate's state before them, and then after them.
    ///
    /// Every draw is addressed by the frame's number, so neither the duration nor the length of the lead-in moves one.
    fn spikes(&self, keys: Keys, id: u64, active: &mut bool, frames: Range<i64>, mut spike: impl FnMut(i64, usize)) {
        let Range { start, end } = frames;
        let mut state = usize::from(*active);
        for group in (start..end).step_by(LANES) {
            let decided = at_best_level(Frames { model: self, key: keys.gate, id, frame: group });
            // Mostly, nothing happens.
            if decided.any >> state & (1 << SWITCHES | 1 << SPIKES) == 0 {
                continue;
            }
            for (l, frame) in (group..end.min(group + LANES as i64)).enumerate() {
                // The first frame has the state that was drawn for it.
                if frame > self.start() {
                    state ^= (decided.bits[l] >> SWITCHES >> state & 1) as usize;
                }
                if decided.bits[l] >> SPIKES >> state & 1 != 0 {
                    self.spikes_of_frame(keys, id, frame, state, decided.first[l], &mut spike);
                }
            }
        }
        *active = state == 1;
    }

    /// The spikes of a frame that has some.
    fn spikes_of_frame(
        &self,
        keys: Keys,
        id: u64,
        frame: i64,
        state: usize,
        first: u64,
        spike: &mut impl FnMut(i64, usize),
    ) {
        let next = &self.next_spike[state];
        let gap = |number: u64| next.partition_point(|within| *within <= number);
        let mut bin = gap(first);
        let mut block = (frame as u64).wrapping_mul(self.bins_per_frame as u64);
        let mut second = None;
        while bin < self.bins_per_frame {
            spike(frame, bin);
            let number = second.take().unwrap_or_else(|| {
                let [a, b, c, d] = keys.spikes.block(id, block);
                block = block.wrapping_add(1);
                second = Some(u64::from(d) << 32 | u64::from(c));
                u64::from(b) << 32 | u64::from(a)
            });
            bin += 1 + gap(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each number of spikes occurs in a frame, and how often each bin spikes, at a constant `rate_hz`; 15 bins a
    /// frame.
    fn firing(rate_hz: f64, n_frames: usize) -> ([u64; 16], [u64; 15]) {
        let step = CellActivity {
            quiescent_rate_hz: NonNegative::lit(rate_hz),
            active_rate_hz: Positive::lit(rate_hz),
            ..CellActivity::default()
        };
        let model = Model::new(&step, 20.0);
        assert_eq!(model.bins_per_frame, 15);
        let key = |name| Key::new(3, "test", name);
        let keys = Keys { gate: key("gate"), spikes: key("spikes"), gain: key("gain"), noise: key("noise"), kinetics: key("kinetics") };
        let (mut per_frame, mut per_bin) = (vec![0_usize; n_frames], [0; 15]);
        let mut active = model.starts_active(keys, 7);
        model.spikes(keys, 7, &mut active, model.start()..n_frames as i64, |frame, bin| {
            if frame >= 0 {
                per_frame[frame as usize] += 1;
                per_bin[bin] += 1;
            }
        });
        let mut numbers = [0; 16];
        per_frame.iter().for_each(|n| numbers[*n] += 1);
        (numbers, per_bin)
    }

    #[test]
    fn each_bin_spikes_by_itself_and_once_at_most() {
        let n = 200_000;
        for (rate_hz, p) in [(0.6, 0.002), (30.0, 0.1), (150.0, 0.5), (290.0, 290.0 / 300.0)] {
            let (numbers, per_bin) = firing(rate_hz, n);
            let scores = |observed: &[u64], expected: &dyn Fn(usize) -> f64| {
                for (i, count) in observed.iter().enumerate() {
                    let share = expected(i);
                    let (mean, sd) = (n as f64 * share, (n as f64 * share * (1.0 - share)).sqrt());
                    // Rare ones are Poisson: a hundred of them where none is expected would be an error, three not.
                    let limit = 4.5 * sd + 3.0;
                    assert!((*count as f64 - mean).abs() < limit, "{rate_hz} Hz, {i}: {count}, not {mean:.1} ± {sd:.1}");
                }
            };
            scores(&per_bin, &|_| p);
            let choose = |k: usize| (0..k).fold(1.0, |c, j| c * (15 - j) as f64 / (j + 1) as f64);
            scores(&numbers, &|k| choose(k) * math::pow(p, k as f64) * math::pow(1.0 - p, (15 - k) as f64));
        }
        for rate_hz in [300.0, 1e6] {
            let (numbers, per_bin) = firing(rate_hz, 1000);
            assert_eq!((numbers[15], per_bin), (1000, [1000; 15]));
        }
    }

    /// What is true of some dozens of cells, with `changes` to their activity.
    fn truth(changes: &serde_json::Value) -> crate::GroundTruth {
        let mut activity = serde_json::json!({ "kind": "cell_activity" });
        for (key, value) in changes.as_object().expect("an object") {
            activity[key] = value.clone();
        }
        let spec = serde_json::json!({
            "acquisition": { "fps": 20.0, "duration_s": 80.0, "image_sensor": { "n_px_height": 200, "n_px_width": 200 } },
            "seed": 4,
            "steps": [{ "kind": "place_neurons", "density_per_mm3": 60000.0 }, activity],
        });
        let spec = crate::Spec::from_text(&spec.to_string(), crate::spec::Format::Json).unwrap_or_else(|e| panic!("{e}")).spec;
        crate::Scene::new(&spec).expect("valid").into_ground_truth(None)
    }

    #[test]
    fn a_named_indicator_is_a_curve_of_the_linear_ones_calcium() {
        let response = Indicator::Jgcamp8m.response().expect("not linear");
        let taus = serde_json::json!({ "tau_rise_s": response.tau_rise_s, "tau_decay_s": response.tau_decay_s, "f0": 0.8 });
        let (linear, named) = (truth(&taus), truth(&serde_json::json!({ "indicator": "jGCaMP8m", "f0": 0.8 })));
        assert_eq!(linear.s(), named.s());
        let gains = named.f64s("amplitude_per_cell").expect("active");
        assert!(gains.len() > 20 && linear.array("tau_decay_s").is_none());
        assert!(named.f64s("tau_decay_s").expect("recorded").iter().all(|tau| *tau == response.tau_decay_s));
        let n = linear.c().len() / gains.len();
        for (unit, gain) in gains.iter().enumerate() {
            for (l, c) in linear.c()[unit * n..(unit + 1) * n].iter().zip(&named.c()[unit * n..(unit + 1) * n]) {
                let expected = gain * 0.8 * (1.0 + response.dff(l / gain - 0.8));
                assert!((c - expected).abs() < 1e-9 * expected, "{c}, not {expected}");
            }
        }
    }

    #[test]
    fn kinetics_spread_as_they_should() {
        let truth = truth(&serde_json::json!({ "kinetics_cv": 0.3 }));
        let (rise, decay) = (truth.f64s("tau_rise_s").expect("spread"), truth.f64s("tau_decay_s").expect("spread"));
        let n = decay.len() as f64;
        let mean = decay.iter().sum::<f64>() / n;
        let cv = (decay.iter().map(|tau| (tau - mean) * (tau - mean)).sum::<f64>() / n).sqrt() / mean;
        // Standard errors: 0.3 / sqrt(n) of the mean, and about 0.3 / sqrt(2 n) of the coefficient of variation, with a heavy tail.
        assert!((mean / 0.5 - 1.0).abs() < 1.2 / n.sqrt() && (cv - 0.3).abs() < 1.2 / n.sqrt(), "{n}: {mean}, {cv}");
        assert!(rise.iter().zip(decay).all(|(rise, decay)| (rise / decay - 0.1).abs() < 1e-12));
        assert!(decay.windows(2).any(|w| w[0] != w[1]));
    }

    #[test]
    fn members_of_an_assembly_fire_together() {
        let changes = serde_json::json!({
            "synchrony": 0.6, "n_assemblies": 2, "assembly_rate_hz": 0.2, "assembly_jitter_s": 0.03,
            "p_quiescent_to_active": 1e-9, "quiescent_rate_hz": 0.0,
        });
        let truth = truth(&changes);
        let of: Vec<f64> = truth.array("assembly").expect("synchronous").data.to_f64().to_vec();
        let n = of.len() as f64;
        let share = of.iter().filter(|a| **a > 0.0).count() as f64 / n;
        assert!((share - 0.6).abs() < 4.0 * (0.24 / n).sqrt(), "{share}");
        let (s, frames) = (truth.s(), 1600);
        let row = |unit: usize| &s[unit * frames..(unit + 1) * frames];
        // Cells of no assembly are silent here; members fire three spikes in each of the assembly's events, within 4 jitters of it.
        for assembly in [1.0, 2.0] {
            let members: Vec<usize> = (0..of.len()).filter(|i| of[*i] == assembly).collect();
            let together: Vec<u32> = (0..frames).map(|t| members.iter().map(|i| row(*i)[t]).sum()).collect();
            let total: u32 = together.iter().sum();
            let events = f64::from(total) / (3.0 * members.len() as f64);
            // 80 s at 0.2 Hz: 16 of them, give or take four standard deviations.
            assert!((events - 16.0).abs() < 16.0, "{events}");
            let busy = together.iter().filter(|n| **n > 0).count() as f64;
            assert!(busy < 11.0 * (events + 1.0), "spikes in {busy} frames of {events} events");
        }
        assert!((0..of.len()).filter(|i| of[*i] == 0.0).all(|i| row(i).iter().all(|n| *n == 0)));
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_remedy() {
        let refused = |field: &str, value: serde_json::Value| {
            let mut step = serde_json::json!({ "kind": "cell_activity", "indicator": "GCaMP6f", "synchrony": 0.1 });
            step[field] = value;
            let text = serde_json::json!({ "steps": [step] }).to_string();
            crate::Spec::from_text(&text, crate::spec::Format::Json).expect_err("must be refused").to_string()
        };
        let text = refused("indicator", serde_json::json!("GCaMP9"));
        assert!(text.contains("indicator") && text.contains("jGCaMP8m"), "{text}");
        assert!(refused("f0", serde_json::json!(0.0)).contains("raise f0"));
        assert!(refused("synchrony", serde_json::json!(1.5)).contains("between 0 and 1"));
        assert!(refused("assembly_jitter_s", serde_json::json!(1e9)).contains("at most 10 s"));
        assert!(refused("assembly_rate_hz", serde_json::json!(1e9)).contains("one event a frame"));
    }
}
