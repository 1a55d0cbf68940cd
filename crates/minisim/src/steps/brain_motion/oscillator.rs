//! The brain as a damped oscillator, and the drives that shake it.

use std::f64::consts::TAU;

use crate::{math, physics::lowpass::UnitOu, rng::Key};

/// Share by which the stride frequency wanders, and how fast (s).
const STRIDE_WANDER: f64 = 0.15;
const STRIDE_WANDER_TAU_S: f64 = 0.3;
/// Correlation time of the sloshing drive (s).
const SLOSH_TAU_S: f64 = 0.12;

/// A damped oscillator `x'' + 2ζω x' + ω² x = a`, stepped by semi-implicit Euler.
#[derive(Clone, Copy, Debug)]
pub struct Oscillator {
    omega: f64,
    damping_ratio: f64,
    dt_s: f64,
    position: f64,
    velocity: f64,
}

impl Oscillator {
    /// At rest.
    #[must_use]
    pub fn new(resonance_freq_hz: f64, damping_ratio: f64, dt_s: f64) -> Self {
        Self { omega: TAU * resonance_freq_hz, damping_ratio, dt_s, position: 0.0, velocity: 0.0 }
    }

    /// Moves on by one step under the acceleration `a`; the new position.
    pub fn step(&mut self, a: f64) -> f64 {
        let force = a - 2.0 * self.damping_ratio * self.omega * self.velocity - self.omega * self.omega * self.position;
        self.velocity += force * self.dt_s;
        self.position += self.velocity * self.dt_s;
        self.position
    }
}

/// The stride rhythm: a unit sinusoid whose frequency wanders.
#[derive(Debug)]
pub(super) struct Stride {
    key: Key,
    wander: UnitOu,
    phase: f64,
    frequency_hz: f64,
    dt_s: f64,
    index: u64,
}

impl Stride {
    pub(super) fn new(key: Key, frequency_hz: f64, dt_s: f64) -> Self {
        let wander = UnitOu::new(dt_s, STRIDE_WANDER_TAU_S, key.normal(0, 0));
        Self { key, wander, phase: TAU * key.uniform(1, 0), frequency_hz, dt_s, index: 0 }
    }

    pub(super) fn next(&mut self) -> f64 {
        let value = math::sin(self.phase);
        self.phase += TAU * self.frequency_hz * (1.0 + STRIDE_WANDER * self.wander.value()) * self.dt_s;
        if self.phase > TAU {
            self.phase -= TAU;
        }
        self.index += 1;
        self.wander.step(self.key.normal(0, self.index));
        value
    }
}

/// Red noise of unit variance on both axes.
#[derive(Debug)]
pub(super) struct Slosh {
    key: Key,
    axes: [UnitOu; 2],
    index: u64,
}

impl Slosh {
    pub(super) fn new(key: Key, dt_s: f64) -> Self {
        let start = key.normal_pair(0, 0);
        Self { key, axes: start.map(|n| UnitOu::new(dt_s, SLOSH_TAU_S, n)), index: 0 }
    }

    pub(super) fn next(&mut self) -> [f64; 2] {
        let values = [self.axes[0].value(), self.axes[1].value()];
        self.index += 1;
        for (axis, n) in self.axes.iter_mut().zip(self.key.normal_pair(0, self.index)) {
            axis.step(n);
        }
        values
    }
}
