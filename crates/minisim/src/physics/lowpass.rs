//! Causal one-pole filters: the memory of a slow process.

use crate::math;

/// Factor by which a one-pole low-pass of time constant `tau` forgets in a step of `dt` (same unit).
#[must_use]
pub fn decay_factor(dt: f64, tau: f64) -> f64 {
    math::exp(-dt / tau)
}

/// A unit-variance Ornstein–Uhlenbeck process, stepped with independent standard normals.
///
/// Start it with a standard normal: it is then stationary from the first sample on.
#[derive(Clone, Copy, Debug)]
pub struct UnitOu {
    keep: f64,
    gain: f64,
    state: f64,
}

impl UnitOu {
    /// A process of time constant `tau`, sampled every `dt` (same unit), in state `start`.
    #[must_use]
    pub fn new(dt: f64, tau: f64, start: f64) -> Self {
        let keep = decay_factor(dt, tau);
        // 1 - keep² loses all digits for a long memory; expm1 does not.
        Self { keep, gain: (-math::exp_m1(-2.0 * dt / tau)).sqrt(), state: start }
    }

    /// The current value.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.state
    }

    /// Moves on by one step, driven by the standard normal `n`.
    pub fn step(&mut self, n: f64) {
        self.state = self.keep * self.state + self.gain * n;
    }
}

/// A causal one-pole low-pass of `signal`, time constant `tau` in samples, started at the signal's first value.
#[must_use]
pub fn one_pole(signal: &[f64], tau_samples: f64) -> Vec<f64> {
    let keep = decay_factor(1.0, tau_samples);
    let mut state = signal.first().copied().unwrap_or(0.0);
    signal
        .iter()
        .map(|v| {
            state = keep * state + (1.0 - keep) * v;
            state
        })
        .collect()
}
