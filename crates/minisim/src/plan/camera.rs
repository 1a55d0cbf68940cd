//! From light to counts: the numbers of a camera.

use crate::rng::Key;

/// A sensor's numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DigitiseModel {
    /// Detected electrons per fluorescence unit: photons per unit times quantum efficiency.
    pub electrons_per_unit: f64,
    /// Standard deviation of the read noise (e⁻).
    pub read_noise_e: f64,
    /// Counts per electron.
    pub gain_adu_per_e: f64,
    /// Largest count, where the sensor clips; taken as 2³¹ - 1 if larger.
    pub max_count: u32,
}

/// What turns light into counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// The sensor's numbers.
    pub model: DigitiseModel,
    /// The address of its draws.
    pub key: Key,
}
