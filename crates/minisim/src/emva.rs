//! Measuring a camera as the standard does: from simulated exposures, its gain, noise, full well, linearity and nonuniformity.
//!
//! [`measure`] exposes the camera of a spec to even light and to darkness and estimates everything from the counts alone, as a
//! laboratory would. It knows of the spec's numbers only how bright "saturated" and how long "dark" will have to be.
//!
//! Source: EMVA Standard 1288, "Standard for Characterization of Image Sensors and Cameras", Release 4.0 Linear, 2021: photon
//! transfer with constant exposure time and varied irradiation, dark current from exposures of different length, spatial
//! nonuniformity from stacks of images. One departure: of small sensors more pairs of images are taken, so that all numbers rest on
//! at least [`Procedure::min_pixels`] pixels.

mod nonuniformity;
mod settings;

use rayon::prelude::*;

use crate::{
    kernels::digitise::Digitiser,
    physics::camera::{GAIN_UP_TO, Linearity, linearity},
    spec::{Acquisition, Companding, Finding, Positive, Report, Spec},
    steps::Sensor,
};
use nonuniformity::Stack;
pub use nonuniformity::{Nonuniformity, Spectrogram};
pub use settings::Settings;

/// Variance of rounding to whole counts.
const QUANTISATION_ADU2: f64 = 1.0 / 12.0;

/// Variance (counts²) below which the dark noise cannot be told from rounding, as the standard says.
const LEAST_DARK_VARIANCE_ADU2: f64 = 0.24;

/// Light of the brightest exposures, of the light that saturates.
const BRIGHTEST: f64 = 1.1;

/// Part of the saturation that dark current reaches in the longest dark exposure.
const DARKEST_SHARE: f64 = 0.1;

/// Shortest dark exposure, of the longest.
const SHORTEST_DARK: f64 = 1e-3;

/// Longest dark exposure (s) of a sensor without dark current, and of any.
const LONGEST_DARK_S: [f64; 2] = [10.0, 10_000.0];

/// Pixels that are exposed together.
const PART_PX: usize = 1 << 14;

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Procedure {
    /// Steps of light from darkness to beyond saturation, at least 50 by the standard.
    pub n_light: usize,
    /// Exposure times of the dark series, at least 6 by the standard.
    pub n_dark: usize,
    /// Images of each stack for the nonuniformity.
    pub n_stack: usize,
    /// Pixels that a mean or a variance rests on at least; of sensors with fewer, several pairs of images are taken.
    pub min_pixels: usize,
}

impl Default for Procedure {
    fn default() -> Self {
        Self { n_light: 100, n_dark: 8, n_stack: 100, min_pixels: 400_000 }
    }
}

/// Mean and temporal variance of the counts at one light.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TransferPoint {
    /// Light (photons a pixel and exposure).
    pub photons: f64,
    /// Mean count.
    pub mean_adu: f64,
    /// Temporal variance (counts²).
    pub variance_adu2: f64,
}

/// Mean and temporal variance of dark counts at one exposure time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DarkPoint {
    /// Exposure time (s).
    pub exposure_s: f64,
    /// Mean count.
    pub mean_adu: f64,
    /// Temporal variance (counts²).
    pub variance_adu2: f64,
}

/// What the standard says of a camera. Counts are those of the film (`bit_depth`).
#[derive(Clone, Debug, PartialEq)]
pub struct CameraTest {
    /// The photon transfer series, from darkness to beyond saturation; the first point is dark.
    pub transfer: Vec<TransferPoint>,
    /// The dark series, from short to long exposures.
    pub dark: Vec<DarkPoint>,
    /// Index in `transfer` of the saturation: where the variance is largest.
    pub saturated_at: usize,
    /// Overall system gain K (counts per electron), from the slope of the photon transfer curve.
    pub gain_adu_per_e: f64,
    /// Responsivity R (counts per photon).
    pub responsivity_adu_per_photon: f64,
    /// Quantum efficiency η = R / K.
    pub quantum_efficiency: f64,
    /// Temporal noise of a dark pixel (counts), exposed for no time.
    pub dark_noise_adu: f64,
    /// Temporal dark noise σ_d (e⁻) without the rounding to counts; an upper limit where `rounding_hides_noise`.
    pub dark_noise_e: f64,
    /// Whether the steps of the counts are too wide for the dark noise to be measured.
    pub rounding_hides_noise: bool,
    /// Share of the dark counts that are 0: from 0.005 on, the standard wants a higher black level.
    pub underflow: f64,
    /// Light that saturates (photons).
    pub saturation_photons: f64,
    /// Saturation capacity (e⁻): the full well, or what the converter can count.
    pub saturation_e: f64,
    /// Absolute sensitivity threshold (e⁻), where the signal-to-noise ratio is 1.
    pub threshold_e: f64,
    /// Dynamic range: saturation over threshold.
    pub dynamic_range: f64,
    /// Largest signal-to-noise ratio, √`saturation_e`.
    pub snr_max: f64,
    /// How straight the response is; one deviation for each point of `transfer`.
    pub linearity: Linearity,
    /// Dark current (e⁻/s) at the sensor's temperature, from the means of the dark series.
    pub dark_current_e_per_s: f64,
    /// The same from the variances.
    pub dark_current_from_variance_e_per_s: f64,
    /// Dark signal nonuniformity (e⁻ RMS) at an exposure of one frame.
    pub dsnu_e: Nonuniformity,
    /// Photo response nonuniformity (share, RMS) at half the saturation.
    pub prnu: Nonuniformity,
    /// Power of the dark signal nonuniformity over spatial frequency (e⁻²).
    pub dsnu_spectrogram_e2: Spectrogram,
    /// Power of the photo response nonuniformity over spatial frequency (share²).
    pub prnu_spectrogram: Spectrogram,
}

impl CameraTest {
    /// Signal-to-noise ratio at each point of `transfer`, as measured: mean above the dark over the temporal noise.
    #[must_use]
    pub fn snr(&self) -> Vec<f64> {
        let dark = self.transfer[0].mean_adu;
        self.transfer.iter().map(|p| (p.mean_adu - dark) / p.variance_adu2.sqrt()).collect()
    }
}

/// Measures the camera of a spec. The recording's light, cells and motion play no part.
///
/// # Errors
/// When the procedure has too few steps, or the counts do not follow the light in a straight line (square-root companding).
pub fn measure(spec: &Spec, procedure: &Procedure) -> Result<CameraTest, Report> {
    check(spec, procedure)?;
    let acquisition = &spec.acquisition;
    let sensor = &acquisition.image_sensor;
    let frame_s = 1.0 / acquisition.fps.get();
    let lamp = Lamp::new(spec, procedure);

    // Light: pairs of images from darkness to beyond saturation, all exposed for the time of a frame.
    let mut camera = lamp.camera(frame_s, "light");
    let brightest = BRIGHTEST * sensor.saturation_e() / sensor.quantum_efficiency.get();
    let transfer: Vec<TransferPoint> = (0..procedure.n_light)
        .map(|i| {
            let photons = brightest * i as f64 / (procedure.n_light - 1) as f64;
            let Pairs { mean_adu, variance_adu2, .. } = camera.pairs(photons);
            TransferPoint { photons, mean_adu, variance_adu2 }
        })
        .collect();
    let dark_point = transfer[0];
    let [mut signal, mut variance, mut photons] = [const { Vec::<f64>::new() }; 3];
    for point in &transfer {
        signal.push(point.mean_adu - dark_point.mean_adu);
        variance.push(point.variance_adu2 - dark_point.variance_adu2);
        photons.push(point.photons);
    }
    let saturated_at = (0..variance.len()).max_by(|a, b| variance[*a].total_cmp(&variance[*b])).unwrap_or_default();
    let linear: Vec<usize> = (0..=saturated_at).filter(|i| signal[*i] <= GAIN_UP_TO * signal[saturated_at]).collect();
    let gain_adu_per_e = slope_through_origin(&linear, &signal, &variance);
    let responsivity_adu_per_photon = slope_through_origin(&linear, &photons, &signal);
    let quantum_efficiency = responsivity_adu_per_photon / gain_adu_per_e;

    // Darkness: pairs of images exposed for different times.
    let dark_e_per_s = sensor.dark_e(1.0);
    let reached_s = DARKEST_SHARE * sensor.saturation_e() / dark_e_per_s;
    let [unlimited_s, most_s] = LONGEST_DARK_S;
    let longest_s = if dark_e_per_s > 0.0 { reached_s.min(most_s) } else { unlimited_s }.max(frame_s);
    let mut underflow = 0.0;
    let dark: Vec<DarkPoint> = (0..procedure.n_dark)
        .map(|i| {
            // The shortest one tells the noise without dark current.
            let exposure_s = longest_s * (i as f64 / (procedure.n_dark - 1) as f64).max(SHORTEST_DARK);
            let Pairs { mean_adu, variance_adu2, underflow: zeros } = lamp.camera(exposure_s, "darkness").pairs(0.0);
            underflow = f64::max(underflow, zeros);
            DarkPoint { exposure_s, mean_adu, variance_adu2 }
        })
        .collect();
    let [mean_line, variance_line] = [
        line(dark.iter().map(|p| [p.exposure_s, p.mean_adu, 1.0])),
        // A variance is known to a share of itself.
        line(dark.iter().map(|p| {
            let share = p.variance_adu2.max(1e-9);
            [p.exposure_s, p.variance_adu2, 1.0 / (share * share)]
        })),
    ];
    let rounding_hides_noise = variance_line[0] < LEAST_DARK_VARIANCE_ADU2;
    let dark_variance_adu2 = variance_line[0].max(LEAST_DARK_VARIANCE_ADU2);
    let dark_noise_adu = dark_variance_adu2.sqrt();
    let dark_noise_e = (dark_variance_adu2 - QUANTISATION_ADU2).sqrt() / gain_adu_per_e;

    let saturation_photons = photons[saturated_at];
    let saturation_e = quantum_efficiency * saturation_photons;
    let threshold_e = dark_noise_adu / gain_adu_per_e + 0.5;

    // Stacks of images, in the dark and at half the saturation.
    let mut camera = lamp.camera(frame_s, "stacks");
    let half = saturation_photons / 2.0;
    let [dark_stack, bright_stack] = [0.0, half].map(|photons| camera.stack(photons, procedure.n_stack));
    let dsnu_map = dark_stack.scaled(1.0 / gain_adu_per_e);
    let prnu_map = bright_stack.without(&dark_stack).relative();

    Ok(CameraTest {
        linearity: linearity(&photons, &signal, signal[saturated_at]),
        transfer,
        dark,
        saturated_at,
        gain_adu_per_e,
        responsivity_adu_per_photon,
        quantum_efficiency,
        dark_noise_adu,
        dark_noise_e,
        rounding_hides_noise,
        underflow,
        saturation_photons,
        saturation_e,
        threshold_e,
        dynamic_range: saturation_e / threshold_e,
        snr_max: saturation_e.sqrt(),
        dark_current_e_per_s: mean_line[1] / gain_adu_per_e,
        dark_current_from_variance_e_per_s: variance_line[1] / (gain_adu_per_e * gain_adu_per_e),
        dsnu_e: dsnu_map.nonuniformity(),
        prnu: prnu_map.nonuniformity(),
        dsnu_spectrogram_e2: dsnu_map.spectrogram(),
        prnu_spectrogram: prnu_map.spectrogram(),
    })
}

/// Says what keeps the spec's camera from being measured.
fn check(spec: &Spec, procedure: &Procedure) -> Result<(), Report> {
    let mut findings = Vec::new();
    let least = [
        ("n_light", procedure.n_light, 10),
        ("n_dark", procedure.n_dark, 3),
        ("n_stack", procedure.n_stack, 2),
        ("min_pixels", procedure.min_pixels, 1),
    ];
    for (field, value, least) in least {
        if value < least {
            let rule = format!("must be at least {least}");
            findings.push(Finding::error(field, value.to_string(), rule, "raise it"));
        }
    }
    let sensor = &spec.acquisition.image_sensor;
    if sensor.companding == Companding::SquareRoot && sensor.adc_max_count() > sensor.max_count() {
        let rule = "is not linear, and the standard measures cameras whose counts follow the light in a straight line";
        let path = "acquisition.image_sensor.companding";
        findings.push(Finding::error(path, "\"square_root\"", rule, "measure the camera with \"shift\""));
    }
    if findings.is_empty() { Ok(()) } else { Err(Report { findings }) }
}

/// Even light in front of the spec's camera.
struct Lamp<'a> {
    acquisition: &'a Acquisition,
    seed: u64,
    n_pairs: usize,
}

impl<'a> Lamp<'a> {
    fn new(spec: &'a Spec, procedure: &Procedure) -> Self {
        let n_px: usize = spec.acquisition.fov_px().iter().product();
        let n_pairs = procedure.min_pixels.div_ceil(n_px).max(1);
        Self { acquisition: &spec.acquisition, seed: spec.seed, n_pairs }
    }

    /// The camera, exposing for so long; its draws are addressed by what it is used for.
    fn camera(&self, exposure_s: f64, purpose: &str) -> Measured {
        let mut acquisition = self.acquisition.clone();
        // The camera exposes for the time of a frame.
        if let Ok(fps) = Positive::new(1.0 / exposure_s) {
            acquisition.fps = fps;
        }
        // A unit of light is a photon.
        let mut camera = Sensor { photons_per_unit: Positive::lit(1.0) }.camera(&acquisition, self.seed);
        camera.key = camera.key.derive("camera test").derive(purpose);
        Measured {
            digitiser: Digitiser::of(&camera),
            shape: acquisition.fov_px(),
            n_pairs: self.n_pairs,
            next_frame: 0,
        }
    }
}

/// A camera that takes one image after the other.
struct Measured {
    digitiser: Digitiser,
    shape: [usize; 2],
    n_pairs: usize,
    next_frame: u64,
}

/// What pairs of images tell.
struct Pairs {
    mean_adu: f64,
    variance_adu2: f64,
    /// Share of counts that are 0.
    underflow: f64,
}

impl Measured {
    /// An image of even light.
    fn image(&mut self, photons: f64) -> Vec<f32> {
        let exposure = self.digitiser.exposure(self.next_frame);
        self.next_frame += 1;
        let mut counts = vec![0.0_f32; self.shape[0] * self.shape[1]];
        counts.par_chunks_mut(PART_PX).enumerate().for_each(|(part, counts)| {
            let light = vec![photons as f32; counts.len()];
            self.digitiser.expose(&exposure, (part * PART_PX) as u64, &light, counts);
        });
        counts
    }

    /// Mean and temporal variance from the differences within pairs of images, which what is fixed to the sensor is not part of.
    fn pairs(&mut self, photons: f64) -> Pairs {
        let (mut mean, mut variance, mut zeros) = (0.0, 0.0, 0.0);
        for _ in 0..self.n_pairs {
            let [a, b] = [self.image(photons), self.image(photons)];
            let n = a.len() as f64;
            let means = [&a, &b].map(|image| image.iter().map(|v| f64::from(*v)).sum::<f64>() / n);
            let squares: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(a - b) * f64::from(a - b)).sum();
            mean += 0.5 * (means[0] + means[1]);
            variance += 0.5 * (squares / n - (means[0] - means[1]) * (means[0] - means[1]));
            zeros += a.iter().filter(|v| **v == 0.0).count() as f64 / n;
        }
        let n = self.n_pairs as f64;
        Pairs { mean_adu: mean / n, variance_adu2: variance / n, underflow: zeros / n }
    }

    /// Many images, of which each pixel's mean and variance are kept.
    fn stack(&mut self, photons: f64, n_images: usize) -> Stack {
        let mut stack = Stack::new(self.shape);
        for _ in 0..n_images {
            stack.add(&self.image(photons));
        }
        stack
    }
}

/// Slope of the line through the origin of least squared deviations, of some points.
fn slope_through_origin(of: &[usize], x: &[f64], y: &[f64]) -> f64 {
    let (xy, xx) = of.iter().fold((0.0, 0.0), |(xy, xx), i| (xy + x[*i] * y[*i], xx + x[*i] * x[*i]));
    xy / xx
}

/// Offset and slope of the line of least squared deviations of points (x, y, weight).
fn line(points: impl Iterator<Item = [f64; 3]> + Clone) -> [f64; 2] {
    let sums =
        points.clone().fold([0.0; 3], |[w, wx, wy], [x, y, weight]| [w + weight, wx + weight * x, wy + weight * y]);
    let [x_mean, y_mean] = [sums[1] / sums[0], sums[2] / sums[0]];
    let (xy, xx) = points.fold((0.0, 0.0), |(xy, xx), [x, y, weight]| {
        (xy + weight * (x - x_mean) * (y - y_mean), xx + weight * (x - x_mean) * (x - x_mean))
    });
    let slope = xy / xx;
    [y_mean - slope * x_mean, slope]
}
