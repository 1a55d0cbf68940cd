//! From light to counts: the numbers of a camera.

use std::sync::Arc;

use crate::{physics::camera::Response, rng::Key};

/// Variance of what rounding down takes off (counts²): any remainder is as likely as another.
const ROUNDING: f64 = 1.0 / 12.0;

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

/// What makes a sensor differ from a plain one: each pixel has its response, its dark current and its offset.
///
/// A pixel of intensity x holds Poisson(max(x, 0) · electrons_per_unit + dark_e) electrons. They read as `response` says; times the
/// gain, with the read noise, the noise of its row and column and the offset, they make a count of the converter, which is floored
/// and clipped to 0 … `adc_max`.
#[derive(Clone, Debug, PartialEq)]
pub struct PixelModel {
    /// (height, width) of the sensor; the maps are row-major.
    pub shape: [usize; 2],
    /// Detected electrons per fluorescence unit, of each pixel.
    pub electrons_per_unit: Vec<f32>,
    /// Electrons of dark current in a frame on average, of each pixel.
    pub dark_e: Vec<f32>,
    /// What each pixel reads without any electrons (counts of the converter).
    pub offset_adu: Vec<f32>,
    /// Noise that the pixels of a row share in a frame (counts of the converter, RMS).
    pub row_noise_adu: f64,
    /// Noise that the pixels of a column share in a frame (counts of the converter, RMS).
    pub column_noise_adu: f64,
    /// Full well and linearity.
    pub response: Response,
    /// Largest count of the converter; taken as 2³¹ - 1 if larger.
    pub adc_max: u32,
    /// From the converter's counts to those of the film.
    pub conversion: Conversion,
}

/// From the converter's counts to those of the film, which may have fewer bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Conversion {
    /// This many of the lowest bits are dropped.
    Shift(u32),
    /// The square root of the count times this, rounded.
    SquareRoot(f64),
}

/// What turns light into counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Camera {
    /// The sensor's numbers.
    pub model: DigitiseModel,
    /// The address of its draws.
    pub key: Key,
    /// What makes the sensor differ from a plain one; `None` for a plain one.
    pub pixels: Option<Arc<PixelModel>>,
}

impl Camera {
    /// A plain sensor: all pixels alike, without dark current, full well or offset.
    #[must_use]
    pub fn plain(model: DigitiseModel, key: Key) -> Self {
        Self { model, key, pixels: None }
    }

    /// What the count of pixel number `pixel` (row-major) tells of its light, whose mean is `light` (fluorescence units), in each electron
    /// that a pixel of mean response detects: one over the variance of all noise (1/e⁻²). Photons, dark current, read noise and
    /// rounding add up; a pixel whose mean is beyond what it can hold or the largest count tells nothing.
    ///
    /// Noise that a row or a column shares is left out: whoever knows all else reads it off the row's many pixels.
    #[must_use]
    pub fn information(&self, pixel: usize, light: f64) -> f64 {
        let model = &self.model;
        let nominal = light.max(0.0) * model.electrons_per_unit;
        let gain = model.gain_adu_per_e;
        let Some(pixels) = &self.pixels else {
            let variance = nominal + model.read_noise_e * model.read_noise_e + ROUNDING / (gain * gain);
            return if nominal * gain < f64::from(model.max_count) { 1.0 / variance } else { 0.0 };
        };
        let response = f64::from(pixels.electrons_per_unit[pixel]) / model.electrons_per_unit;
        let held = nominal * response + f64::from(pixels.dark_e[pixel]);
        let count = gain * pixels.response.reads(held) + f64::from(pixels.offset_adu[pixel]);
        if held >= pixels.response.full_well_e || !(0.0..f64::from(pixels.adc_max)).contains(&count) {
            return 0.0;
        }
        let step = match pixels.conversion {
            Conversion::Shift(bits) => (1_u64 << bits.min(32)) as f64,
            // The slope of (count / scale)².
            Conversion::SquareRoot(scale) => (2.0 * count.sqrt() / scale).max(1.0),
        };
        let slope = pixels.response.slope(held);
        let variance =
            slope * slope * held + model.read_noise_e * model.read_noise_e + ROUNDING * step * step / (gain * gain);
        response * response * slope * slope / variance
    }

    /// Says what keeps a renderer from using it on a field of view of that size.
    pub(super) fn fault(&self, fov: [usize; 2]) -> Option<String> {
        let pixels = self.pixels.as_ref()?;
        let n = fov[0] * fov[1];
        let fits = [&pixels.electrons_per_unit, &pixels.dark_e, &pixels.offset_adu].iter().all(|map| map.len() == n);
        (pixels.shape != fov || !fits).then(|| format!("has pixels of a sensor of {:?} px, not {fov:?}", pixels.shape))
    }
}
