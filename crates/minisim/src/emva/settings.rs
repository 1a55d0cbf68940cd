//! What a spec sets of the numbers that the standard measures.

use crate::{
    spec::{Companding, Positive, Spec},
    steps::Sensor,
};

/// A camera's numbers as the spec has them, to hold what was measured against. Where pixels differ they are those of its very
/// pixels, defects included, which the standard does not leave out either.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Counts of the film per electron.
    pub gain_adu_per_e: f64,
    /// Quantum efficiency.
    pub quantum_efficiency: f64,
    /// Noise of a dark pixel that is exposed for no time (e⁻ RMS).
    pub dark_noise_e: f64,
    /// Electrons at which a pixel can read no more.
    pub saturation_e: f64,
    /// Signal-to-noise ratio at saturation, that of the electrons' shot noise.
    pub snr_max: f64,
    /// Electrons whose signal equals the dark noise, rounding to counts included.
    pub threshold_e: f64,
    /// Saturation over threshold.
    pub dynamic_range: f64,
    /// Mean dark current at the sensor's temperature (e⁻/s).
    pub dark_current_e_per_s: f64,
    /// Dark signal nonuniformity at an exposure of one frame (e⁻ RMS).
    pub dsnu_e: f64,
    /// Photo response nonuniformity (share, RMS).
    pub prnu: f64,
    /// Linearity error (share).
    pub linearity_error: f64,
}

impl Settings {
    /// Those of a spec's camera.
    #[must_use]
    pub fn of(spec: &Spec) -> Self {
        let acquisition = &spec.acquisition;
        let sensor = &acquisition.image_sensor;
        let frame_s = 1.0 / acquisition.fps.get();
        let dropped = sensor.adc_bits.map_or(0, |adc| adc.get().saturating_sub(sensor.bit_depth.get()));
        let dropped = if sensor.companding == Companding::Shift { dropped } else { 0 };
        let gain_adu_per_e = sensor.adc_counts_per_e() / (0..dropped).fold(1.0, |factor, _| 2.0 * factor);
        // A unit of light is a photon.
        let camera = Sensor { photons_per_unit: Positive::lit(1.0) }.camera(acquisition, spec.seed);
        let (mut dark_current_e_per_s, mut dsnu_e, mut prnu) = (0.0, 0.0, 0.0);
        if let Some(pixels) = &camera.pixels {
            let [dark, offset, response] = [&pixels.dark_e, &pixels.offset_adu, &pixels.electrons_per_unit]
                .map(|map| map.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>());
            let signal: Vec<f64> =
                offset.iter().zip(&dark).map(|(offset, dark)| offset / sensor.adc_counts_per_e() + dark).collect();
            let [(dark_e, _), (_, dsnu), (mean, spread)] = [&dark, &signal, &response].map(|map| moments(map));
            (dark_current_e_per_s, dsnu_e, prnu) = (dark_e / frame_s, dsnu, spread / mean);
        }
        let dark_noise_e = sensor.dark_noise_e(0.0);
        let saturation_e = sensor.saturation_e();
        let rounding_e2 = super::QUANTISATION_ADU2 / (gain_adu_per_e * gain_adu_per_e);
        let threshold_e = (dark_noise_e * dark_noise_e + rounding_e2).sqrt() + 0.5;
        Self {
            gain_adu_per_e,
            quantum_efficiency: sensor.quantum_efficiency.get(),
            dark_noise_e,
            saturation_e,
            snr_max: saturation_e.sqrt(),
            threshold_e,
            dynamic_range: saturation_e / threshold_e,
            dark_current_e_per_s,
            dsnu_e,
            prnu,
            linearity_error: sensor.linearity_error_percent.get() / 100.0,
        }
    }
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt())
}
