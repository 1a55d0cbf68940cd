//! The running animal's rhythm, and the brain as a damped oscillator that it shakes.

use std::f64::consts::TAU;

use crate::{math, physics::lowpass::UnitOu, rng::Key};

/// Rate at which what moves with the animal is integrated; rounded to whole steps a frame (Hz).
const SIMULATION_HZ: f64 = 300.0;
/// Stride frequency of a running mouse (Hz); usual in recordings of running mice, a convention.
pub const STRIDE_HZ: f64 = 7.0;
/// Share by which the stride frequency wanders, and how fast (s).
const STRIDE_WANDER: f64 = 0.15;
const STRIDE_WANDER_TAU_S: f64 = 0.3;
/// Correlation time of the sloshing drive (s).
const SLOSH_TAU_S: f64 = 0.12;

/// Steps of integration in each frame, and the duration of a step (s).
#[must_use]
pub fn steps_of_frame(fps: f64) -> (usize, f64) {
    let steps = ((SIMULATION_HZ / fps).round_ties_even() as usize).max(1);
    (steps, 1.0 / (steps as f64 * fps))
}

/// The rhythm that all share who move with the animal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Locomotion {
    /// Address of its draws.
    pub key: Key,
    /// Stride frequency (Hz).
    pub frequency_hz: f64,
}

impl Locomotion {
    /// The stride from the first frame on, in steps of `dt_s`.
    #[must_use]
    pub fn stride(&self, dt_s: f64) -> Stride {
        Stride::new(self.key, self.frequency_hz, dt_s)
    }
}

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
pub struct Stride {
    key: Key,
    wander: UnitOu,
    phase: f64,
    frequency_hz: f64,
    dt_s: f64,
    index: u64,
}

impl Stride {
    /// The rhythm whose draws are at `key`.
    #[must_use]
    pub fn new(key: Key, frequency_hz: f64, dt_s: f64) -> Self {
        let wander = UnitOu::new(dt_s, STRIDE_WANDER_TAU_S, key.normal(0, 0));
        Self { key, wander, phase: TAU * key.uniform(1, 0), frequency_hz, dt_s, index: 0 }
    }

    /// The phase of the step that comes next, in [0, 2π].
    #[must_use]
    pub fn phase_rad(&self) -> f64 {
        self.phase
    }

    /// The next value; the rhythm moves on by one step.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> f64 {
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
pub struct Slosh {
    key: Key,
    axes: [UnitOu; 2],
    index: u64,
}

impl Slosh {
    /// Noise whose draws are at `key`, in steps of `dt_s`.
    #[must_use]
    pub fn new(key: Key, dt_s: f64) -> Self {
        let start = key.normal_pair(0, 0);
        Self { key, axes: start.map(|n| UnitOu::new(dt_s, SLOSH_TAU_S, n)), index: 0 }
    }

    /// The next values (y, x).
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> [f64; 2] {
        let values = [self.axes[0].value(), self.axes[1].value()];
        self.index += 1;
        for (axis, n) in self.axes.iter_mut().zip(self.key.normal_pair(0, self.index)) {
            axis.step(n);
        }
        values
    }
}

/// The `share` quantile, interpolated between the two nearest values.
#[must_use]
pub fn percentile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = share * (values.len().max(1) - 1) as f64;
    let low = at.floor() as usize;
    match (values.get(low), values.get(low + 1)) {
        (Some(a), Some(b)) => a + (b - a) * (at - low as f64),
        (Some(a), None) => *a,
        _ => 0.0,
    }
}
