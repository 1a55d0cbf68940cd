//! The activity panel: the busiest cells' traces and spikes, and the calcium kernel.

use minisim::{
    Scene,
    memo::Memo,
    spec::{Report, Spec},
    steps::{
        CellActivity,
        cell_activity::{calcium_kernel, kernel_timing},
    },
};
use rayon::prelude::*;

use super::Pending;
use crate::messages::{ActivityFacts, Trace};

/// Cells whose traces the activity panel stacks.
const BUSIEST: usize = 14;

/// The busiest cells' traces and spikes. Only what they depend on is simulated.
pub(super) fn facts(spec: &Spec, memo: &Memo, request: &Pending<'_>) -> Result<ActivityFacts, Report> {
    let activity = Scene::activity(spec, memo, BUSIEST)?;
    let fps = spec.acquisition.fps.get();
    let (n, t) = (activity.n_units, activity.n_frames);
    let mut facts = ActivityFacts {
        seq: request.seq,
        fps,
        n_frames: t,
        n_cells: n,
        cells: Vec::new(),
        kernel: Vec::new(),
        kernel_hz: 1.0,
        t_peak_s: 0.0,
        fwhm_s: 0.0,
        spikes_per_cell_min: 0.0,
        bursts_per_cell_min: 0.0,
        engine_ms: 0.0,
    };
    if let Some(step) = spec.step::<CellActivity>().filter(|_| !activity.s.is_empty()) {
        let minutes = n as f64 * t as f64 / fps / 60.0;
        let per_minute = |count: f64| if minutes > 0.0 { count / minutes } else { 0.0 };
        // A burst begins with a spike after half a second without one.
        let quiet = (0.5 * fps).ceil() as usize;
        let bursts: usize = activity.s.par_chunks(t.max(1)).map(|s| bursts(s, quiet)).sum();
        let trace = |(unit, c): &(usize, Vec<f64>)| Trace::new(*unit, c, &activity.s[unit * t..(unit + 1) * t]);
        facts.cells = activity.busiest.iter().map(trace).collect();
        let (rise, decay) = (step.tau_rise_s.get(), step.tau_decay_s.get());
        (facts.t_peak_s, facts.fwhm_s) = kernel_timing(rise, decay);
        facts.kernel_hz = 400.0 / (6.0 * decay);
        facts.kernel = calcium_kernel(rise, decay, facts.kernel_hz).iter().take(401).map(|v| *v as f32).collect();
        facts.spikes_per_cell_min = per_minute(activity.n_spikes as f64);
        facts.bursts_per_cell_min = per_minute(bursts as f64);
    }
    facts.engine_ms = request.engine_ms();
    Ok(facts)
}

impl Trace {
    /// A cell's clean trace, in four digits, and its spikes.
    pub(super) fn new(unit: usize, c: &[f64], s: &[u32]) -> Self {
        let spikes = s.iter().enumerate().filter(|(_, n)| **n > 0).map(|(frame, n)| [frame as u32, *n]).collect();
        Self { unit, c: c.iter().map(|v| (*v * 1e4).round() as f32 / 1e4).collect(), spikes }
    }
}

/// Spikes that follow at least `quiet` frames without one.
fn bursts(spikes: &[u32], quiet: usize) -> usize {
    let mut since = usize::MAX;
    let mut n = 0;
    for s in spikes {
        since = since.saturating_add(1);
        if *s > 0 {
            n += usize::from(since > quiet);
            since = 0;
        }
    }
    n
}
