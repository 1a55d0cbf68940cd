//! Whether a cell can be told from the sensor's noise.

/// A transient counts as detectable from this signal-to-noise ratio on.
pub const DETECT_SNR_THRESHOLD: f64 = 3.0;

/// What "detectable" says of a cell, and what it does not, for people who read the word.
pub const DETECTABLE_MEANS: &str = "The cell's largest transient is at least three times as bright as the noise at its brightest \
    place. It says nothing about neighbours: where footprints overlap, an analysis may find fewer cells than are detectable.";

/// The sensor's terms of the signal-to-noise ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseFloor {
    /// Detected electrons per unit of fluorescence at the sensor.
    pub electrons_per_unit: f64,
    /// Noise of a dark pixel (e⁻ RMS): read noise, and what else the sensor adds.
    pub read_noise_e: f64,
    /// Electrons that a pixel can hold; infinite where there is no end.
    pub full_well_e: f64,
}

impl NoiseFloor {
    /// [`detection_snr`] with the part of the transient that the pixel can hold: what is brighter than its full well is cut.
    #[must_use]
    pub fn detection_snr(&self, peak_dff: f64, baseline: f64, gain_e: f64) -> f64 {
        let room = self.full_well_e / gain_e - baseline.max(0.0);
        let peak_dff = if peak_dff > room { room.max(0.0) } else { peak_dff };
        detection_snr(peak_dff, baseline, gain_e, self.read_noise_e)
    }
}

/// Signal-to-noise ratio of a transient of height `peak_dff` over `baseline` (both in fluorescence units at the cell),
/// with `gain_e` electrons per unit.
///
/// Zero noise gives infinity if there is signal, else 0.
#[must_use]
pub fn detection_snr(peak_dff: f64, baseline: f64, gain_e: f64, read_noise_e: f64) -> f64 {
    let signal = peak_dff * gain_e;
    let noise = (baseline.max(0.0) * gain_e + read_noise_e * read_noise_e).sqrt();
    if noise > 0.0 {
        signal / noise
    } else if signal > 0.0 {
        f64::INFINITY
    } else {
        0.0
    }
}

/// Electrons that a pixel detects on average of `photons`; what is no light gives none.
#[must_use]
pub fn expected_electrons(photons: f64, quantum_efficiency: f64) -> f64 {
    photons.max(0.0) * quantum_efficiency
}

/// The count that a sensor of `bit_depth` bits reads for so many electrons.
#[must_use]
pub fn counts_from_electrons(electrons: f64, gain_adu_per_e: f64, bit_depth: u32) -> f64 {
    let largest = (1_u64 << bit_depth.min(53)) as f64 - 1.0;
    (electrons * gain_adu_per_e).floor().clamp(0.0, largest)
}

/// Value of a `(height, width)` field at the pixel nearest to (`row`, `col`), clipped to the field.
#[must_use]
pub fn sample_field_at(field: &[f32], shape: [usize; 2], row: f64, col: f64) -> f64 {
    let clip = |v: f64, n: usize| (v.round_ties_even().max(0.0) as usize).min(n - 1);
    f64::from(field[clip(row, shape[0]) * shape[1] + clip(col, shape[1])])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_well_cuts_the_transient() {
        let floor = |full_well_e| NoiseFloor { electrons_per_unit: 1.0, read_noise_e: 2.0, full_well_e };
        let snr = |full_well_e| floor(full_well_e).detection_snr(3.0, 1.0, 100.0);
        assert_eq!(snr(f64::INFINITY), detection_snr(3.0, 1.0, 100.0, 2.0));
        assert_eq!(snr(400.0), snr(f64::INFINITY));
        assert_eq!(snr(250.0), detection_snr(1.5, 1.0, 100.0, 2.0));
        assert_eq!(snr(90.0), 0.0);
    }

    #[test]
    fn a_dark_cell_is_never_seen() {
        let floor = NoiseFloor { electrons_per_unit: 1.0, read_noise_e: 2.0, full_well_e: f64::INFINITY };
        assert_eq!(floor.detection_snr(3.0, 1.0, 0.0), 0.0);
    }
}
