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

impl DigitiseModel {
    /// What a pixel's count tells of the mean number of its electrons where that is `mean_e`: one over the variance of all noise
    /// (1/e⁻²). Photons, read noise and rounding add up; a pixel whose mean is beyond the largest count tells nothing.
    #[must_use]
    pub fn information(&self, mean_e: f64) -> f64 {
        // Of numbers that were rounded down, any remainder is as likely as another.
        let rounding_adu2 = 1.0 / 12.0;
        let variance = mean_e
            + self.read_noise_e * self.read_noise_e
            + rounding_adu2 / (self.gain_adu_per_e * self.gain_adu_per_e);
        if mean_e * self.gain_adu_per_e < f64::from(self.max_count) { 1.0 / variance } else { 0.0 }
    }
}

/// What turns light into counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// The sensor's numbers.
    pub model: DigitiseModel,
    /// The address of its draws.
    pub key: Key,
}
