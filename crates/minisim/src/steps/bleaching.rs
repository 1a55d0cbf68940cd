//! The indicator bleaches while it is excited, and the cell replaces it.
//!
//! # What it models
//! The slow loss of fluorescence over a session, faster for active and well-lit cells, balanced by turnover of the protein.
//!
//! # Model
//! Per cell, `dB/dt = (1 - B) / τ - q * I * C(t) * B`, `B(0) = 1`, integrated exactly per frame with `C` constant within a
//! frame. `q` is `bleach_susceptibility`, `τ` is `turnover_tau_s`, `I` is `excitation_intensity` times whatever share of the
//! excitation light reaches the cell's rest position, times the lamp's power in that frame where that varies. The cell then emits
//! `C * B`; `C` itself stays clean.
//!
//! # Sources
//! The defaults are calibrated to measured CA1 GCaMP6f curves of miniscope sessions.
//!
//! # Leaves out
//! Recovery between exposures within a session, bleaching of the neuropil by its own light (it follows the cells' mean),
//! phototoxicity.
//!
//! # Records
//! `bleaching`.

use std::sync::Arc;

use super::{Domain, Part, Step};
use crate::{
    math,
    building::Builder,
    spec::{NonNegative, Positive, record::record},
    timeline::Fading,
    truth::{Declared, Dim, Stored},
};

record! {
    /// Bleaches the cells' indicator.
    pub struct Bleaching: step, panel("anatomy", "Bleaching", 12) {
        /// Bleaching rate per unit of emitted fluorescence.
        bleach_susceptibility: NonNegative = 6.3e-6, "1/s", slider(0.0, 0.05, 0.001);
        /// Time constant with which the cell replaces bleached indicator.
        turnover_tau_s: Positive = 20000.0, "s", slider(60.0, 36_000.0, 60.0);
        /// Excitation power relative to the calibration.
        excitation_intensity: NonNegative = 1.0, "", slider(0.0, 5.0, 0.1);
    }
}

impl Step for Bleaching {
    const KIND: &'static str = "bleaching";
    const DOMAIN: Domain = Domain::Cell;
    const PART: Part = Part::Signal;
    const RECORDS: &'static [Declared] = &[Declared {
        name: "bleaching",
        dims: &[Dim::Unit, Dim::Frame],
        unit: "",
        doc: "Share of each cell's indicator that is intact in each frame; 1 at the start.",
        stored: Stored::WhenPresent,
    }];

    fn example() -> Self {
        Self { bleach_susceptibility: NonNegative::lit(1e-3), ..Self::default() }
    }

    fn build(&self, scene: &mut Builder<'_>) {
        let tau_frames = self.turnover_tau_s.get() * scene.fps();
        let per_frame = self.bleach_susceptibility.get() / scene.fps();
        let centers = scene.cells().centers_um.clone();
        let light =
            centers.iter().map(|[_, y, x]| self.excitation_intensity.get() * scene.excitation_at(*y, *x)).collect();
        if scene.cells().traces.is_none() {
            return;
        }
        let power = scene.excitation_over_time();
        scene.cells_mut().fading = Some(Arc::new(Pools { turnover: 1.0 / tau_frames, per_frame, light, power }));
        scene.record_over_time("bleaching", |timeline| timeline.intact());
    }
}

/// The cells' pools of intact fluorophore.
#[derive(Debug)]
struct Pools {
    /// Share that is replaced per frame.
    turnover: f64,
    /// Rate of bleaching per frame, unit of light and unit of fluorescence.
    per_frame: f64,
    /// Light on each cell.
    light: Vec<f64>,
    /// Factor on it in each frame, if it varies.
    power: Option<Vec<f64>>,
}

impl Fading for Pools {
    fn fade(&self, unit: usize, share: f64, first_frame: usize, c: &[f64], intact: &mut [f64]) -> f64 {
        let bleaching = self.per_frame * self.light[unit];
        let frames = c.iter().zip(intact);
        match &self.power {
            None => frames.fold(share, |share, (c, intact)| {
                *intact = share;
                after_a_frame(share, self.turnover, bleaching * c)
            }),
            Some(power) => frames.zip(&power[first_frame..]).fold(share, |share, ((c, intact), power)| {
                *intact = share;
                after_a_frame(share, self.turnover, bleaching * power * c)
            }),
        }
    }
}

/// What is left of the share `b` after a frame in which the pool loses `loss` and gains `turnover`, both as rates.
fn after_a_frame(b: f64, turnover: f64, loss: f64) -> f64 {
    let rate = turnover + loss;
    // A trace with noise may dip below zero; a pool that then grew without end would be no physics.
    if rate > 0.0 {
        let rest = turnover / rate;
        rest + (b - rest) * math::exp(-rate)
    } else {
        b
    }
}

/// Share of intact fluorophore in each frame, `dB/dt = (1-B)/τ - q I e B` from `b0` on, integrated exactly with the emission
/// constant within a frame. `q` per frame, `tau_frames` in frames; the first value is `b0`.
#[must_use]
pub fn bleaching_pool(emission: &[f64], q: f64, tau_frames: f64, intensity: f64, b0: f64) -> Vec<f64> {
    let turnover = 1.0 / tau_frames;
    let mut b = b0;
    emission
        .iter()
        .map(|e| {
            let now = b;
            b = after_a_frame(b, turnover, q * intensity * e);
            now
        })
        .collect()
}

/// Where the pool settles under a steady emission: `k / (k + q I e)` with `k = 1/tau`; a `tau` of 0 stands for no turnover.
#[must_use]
pub fn bleaching_floor(q: f64, intensity: f64, emission: f64, tau: f64) -> f64 {
    let loss = q * intensity * emission;
    if tau <= 0.0 {
        // No turnover: light takes everything in the end, the dark nothing.
        return if loss > 0.0 { 0.0 } else { 1.0 };
    }
    let k = 1.0 / tau;
    k / (k + loss)
}

/// The pool after time `t` in the dark: `1 - (1 - b0) exp(-t/tau)`.
#[must_use]
pub fn dark_recovery(b0: f64, t: f64, tau: f64) -> f64 {
    1.0 - (1.0 - b0) * math::exp(-t / tau)
}
