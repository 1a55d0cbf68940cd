//! Cells that fire together.

use std::ops::Range;

use crate::{building::Builder, rng::Key};

/// Spikes of each member in an event of its assembly, and the time from one to the next (s).
const BURST_SPIKES: u32 = 3;
const BURST_INTERVAL_S: f64 = 0.01;
/// Standard deviations that a member's event lies off at most.
const JITTER_REACH: f64 = 4.0;

/// Assemblies of cells, and when they are active. An event is addressed by (assembly, frame), so any frame is reached alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Assemblies {
    membership: Key,
    events: Key,
    jitter: Key,
    /// Share of cells that belong to one.
    share: f64,
    /// How many there are.
    n: u32,
    /// Chance of an event, per assembly and frame.
    chance: f64,
    /// Standard deviation of a member's delay (bins).
    jitter_bins: f64,
    interval_bins: i64,
    bins_per_frame: i64,
}

impl Assemblies {
    pub(super) fn new(step: &super::CellActivity, scene: &Builder<'_>, bins_per_frame: usize) -> Option<Self> {
        let fine_hz = bins_per_frame as f64 * scene.fps();
        (step.synchrony.get() > 0.0).then(|| Self {
            membership: scene.key("assembly"),
            events: scene.key("assembly_events"),
            jitter: scene.key("assembly_jitter"),
            share: step.synchrony.get(),
            n: step.n_assemblies.get(),
            chance: step.assembly_rate_hz.get() / scene.fps(),
            jitter_bins: step.assembly_jitter_s.get() * fine_hz,
            interval_bins: ((BURST_INTERVAL_S * fine_hz).round_ties_even() as i64).max(1),
            bins_per_frame: bins_per_frame as i64,
        })
    }

    /// The assembly that the cell belongs to, from 1; 0 for none.
    pub(super) fn of(&self, id: u64) -> u32 {
        if self.membership.uniform(id, 0) < self.share {
            1 + ((self.membership.uniform(id, 1) * f64::from(self.n)) as u32).min(self.n - 1)
        } else {
            0
        }
    }

    /// Calls `spike` with the frame and the bin of each spike in `frames` that the cell owes to its assembly.
    pub(super) fn spikes(&self, id: u64, frames: Range<i64>, mut spike: impl FnMut(i64, usize)) {
        let assembly = self.of(id);
        if assembly == 0 {
            return;
        }
        let burst_bins = i64::from(BURST_SPIKES) * self.interval_bins;
        let reach = ((JITTER_REACH * self.jitter_bins) as i64 + burst_bins) / self.bins_per_frame + 2;
        for event in frames.start - reach..frames.end + reach {
            if self.events.uniform(u64::from(assembly), event as u64) >= self.chance {
                continue;
            }
            let delay = self.jitter.normal(id, event as u64).clamp(-JITTER_REACH, JITTER_REACH) * self.jitter_bins;
            let first = event * self.bins_per_frame + self.bins_per_frame / 2 + delay.round_ties_even() as i64;
            for i in 0..i64::from(BURST_SPIKES) {
                let bin = first + i * self.interval_bins;
                let frame = bin.div_euclid(self.bins_per_frame);
                if frames.contains(&frame) {
                    spike(frame, bin.rem_euclid(self.bins_per_frame) as usize);
                }
            }
        }
    }
}
