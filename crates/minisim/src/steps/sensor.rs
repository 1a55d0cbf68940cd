//! Light becomes counts.
//!
//! # What it models
//! The image sensor: shot noise, read noise, gain, clipping and quantisation; on request dark current, full well, a response that
//! bends, offsets and responses that differ from pixel to pixel, hot and dead pixels, noise of rows and columns, and fewer bits.
//!
//! # Model
//! `λ = max(intensity, 0) * photons_per_unit * quantum_efficiency`, electrons = Poisson(λ) + N(0, read_noise²),
//! counts = `clip(floor(electrons * gain), 0, 2^bit_depth - 1)`. Exact at every λ.
//!
//! With any of the imperfections of the image sensor, pixel by pixel:
//! `Q = Poisson(λ * prnu + dark_e)`, which is exact too; it reads as `q = Q` up to the full well `W`, or
//! `q = Q * (1 + b * Q/W * (1 - 15/14 * Q/W))` with the `b` that gives the linearity error;
//! counts of the converter = `clip(floor((q + N(0, read_noise²) + N_row + N_column + dsnu_e) * gain * analog_gain + black_level),
//! 0, 2^adc_bits - 1)`, and from these the film's counts by `companding`. `dark_e` is the dark current times the time of a frame,
//! doubled every 8 °C above 25 °C; a hot pixel adds its own.
//! With 15/14, the gain is the one that the standard finds in the photon transfer curve. Row and column parts of the offset are the
//! same in all frames; row and column noise is new in each.
//!
//! What is fixed to the sensor is drawn for each of its pixels by row and column, each part brought to the RMS that is asked for. It
//! depends on nothing but the seed (`pattern_seed`, if there is one) and the sensor.
//!
//! # Sources
//! EMVA Standard 1288, Release 4.0 Linear (2021): the standard model of an image sensor and how its numbers are measured. That dark
//! current doubles every 8 °C is a convention: silicon has 5 to 10 °C. Square-root companding: Bernstein et al. 2010, PASP 122:336.
//!
//! # Leaves out
//! Blooming, image lag, rolling shutter, random telegraph noise, dark current that differs among sound pixels.
//!
//! # Records
//! `prnu`, `dsnu_e`, `dark_e` and `defects` for a sensor with imperfections, nothing of its own for a plain one; it decides
//! `detectable` and `peak_snr`.

mod pixels;

use std::sync::Arc;

use super::{Domain, Part, Step};
use crate::{
    building::Builder,
    physics::detection::NoiseFloor,
    plan::{Camera, Conversion, DigitiseModel, PixelModel},
    rng::Key,
    spec::{Acquisition, Companding, Extent, Needs, Positive, record::record},
    truth::{Declared, Dim, Stored, TruthData},
};
use pixels::PixelMaps;
pub use pixels::{DEAD, HOT, SOUND};

record! {
    /// Turns light into counts. The sensor's own numbers are those of the acquisition.
    pub struct Sensor: step, panel("anatomy", "Exposure", 2) {
        /// Photons per fluorescence unit, pixel and frame: exposure and excitation power in one number.
        photons_per_unit: Positive = 100.0, "photons", slider(10.0, 1000.0, 10.0), label("Photons per unit");
    }
}

/// A map over the pixels of the field of view.
const fn map(name: &'static str, unit: &'static str, doc: &'static str) -> Declared {
    Declared { name, dims: &[Dim::Height, Dim::Width], unit, doc, stored: Stored::WhenPresent }
}

impl Step for Sensor {
    const KIND: &'static str = "sensor";
    const DOMAIN: Domain = Domain::Scope;
    const PART: Part = Part::Noise;
    const RECORDS: &'static [Declared] = &[
        map("prnu", "", "Response of each pixel relative to the mean one: a factor on its light, 0 where it is dead."),
        map("dsnu_e", "e", "Offset of each pixel, the parts of its row and column included."),
        map("dark_e", "e", "Electrons of dark current that each pixel collects in a frame on average."),
        map("defects", "", "Defect of each pixel: 0 = none, 1 = hot, 2 = dead."),
    ];

    fn example() -> Self {
        Self { photons_per_unit: Positive::lit(600.0) }
    }

    fn cost(&self, extent: &Extent) -> Needs {
        // The tables of the camera, no larger than a map.
        Needs::map(extent.fov_px, extent.fov_px)
    }

    fn build(&self, scene: &mut Builder<'_>) {
        let acquisition = scene.acquisition();
        let sensor = &acquisition.image_sensor;
        let exposure_s = 1.0 / acquisition.fps.get();
        let electrons_per_unit = self.photons_per_unit.get() * sensor.quantum_efficiency.get();
        let key = scene.key("noise");
        let mut camera = Camera::plain(self.model(acquisition), key);
        if !sensor.is_plain() {
            let seed = scene.seed();
            let made = scene.part("pixels", 0, &(sensor, exposure_s, electrons_per_unit), || {
                let maps = PixelMaps::draw(sensor, seed, Self::KIND, exposure_s);
                (Arc::new(self.pixels(acquisition, &maps)), maps)
            });
            let (pixels, maps) = &*made;
            camera.pixels = Some(Arc::clone(pixels));
            let fov = scene.canvas().fov;
            scene.record("prnu", &fov, TruthData::F64(maps.prnu.clone().into()));
            scene.record("dsnu_e", &fov, TruthData::F64(maps.dsnu_e.clone().into()));
            scene.record("dark_e", &fov, TruthData::F64(maps.dark_e.clone().into()));
            scene.record("defects", &fov, TruthData::U32(maps.defects.clone().into()));
        }
        scene.set_noise_floor(NoiseFloor {
            electrons_per_unit,
            read_noise_e: sensor.dark_noise_e(exposure_s),
            full_well_e: sensor.full_well_e.map_or(f64::INFINITY, Positive::get),
        });
        scene.push(camera);
    }
}

impl Sensor {
    /// The camera of an acquisition with this seed: what [`build`](Step::build) adds to a scene, for measurements of the camera alone.
    #[must_use]
    pub fn camera(&self, acquisition: &Acquisition, seed: u64) -> Camera {
        let sensor = &acquisition.image_sensor;
        let plain = Camera::plain(self.model(acquisition), Key::new(seed, Self::KIND, "noise"));
        if sensor.is_plain() {
            return plain;
        }
        let maps = PixelMaps::draw(sensor, seed, Self::KIND, 1.0 / acquisition.fps.get());
        Camera { pixels: Some(Arc::new(self.pixels(acquisition, &maps))), ..plain }
    }

    fn model(&self, acquisition: &Acquisition) -> DigitiseModel {
        let sensor = &acquisition.image_sensor;
        DigitiseModel {
            electrons_per_unit: self.photons_per_unit.get() * sensor.quantum_efficiency.get(),
            read_noise_e: sensor.read_noise_e.get(),
            gain_adu_per_e: sensor.adc_counts_per_e(),
            max_count: u32::try_from(sensor.max_count()).unwrap_or(u32::MAX),
        }
    }

    /// What the maps make of the sensor's pixels.
    fn pixels(&self, acquisition: &Acquisition, maps: &PixelMaps) -> PixelModel {
        let sensor = &acquisition.image_sensor;
        let DigitiseModel { electrons_per_unit, gain_adu_per_e, max_count, .. } = self.model(acquisition);
        let adc_max = u32::try_from(sensor.adc_max_count()).unwrap_or(u32::MAX);
        let bits = sensor.adc_bits.map_or(0, |adc| adc.get().saturating_sub(sensor.bit_depth.get()));
        let black_adu = sensor.black_level_adu.get();
        PixelModel {
            shape: acquisition.fov_px(),
            electrons_per_unit: maps.prnu.iter().map(|prnu| (electrons_per_unit * prnu) as f32).collect(),
            dark_e: maps.dark_e.iter().map(|e| *e as f32).collect(),
            offset_adu: maps.dsnu_e.iter().map(|e| (black_adu + gain_adu_per_e * e) as f32).collect(),
            row_noise_adu: gain_adu_per_e * sensor.row_noise_e.get(),
            column_noise_adu: gain_adu_per_e * sensor.column_noise_e.get(),
            response: sensor.response(),
            adc_max,
            conversion: match sensor.companding {
                Companding::Shift => Conversion::Shift(bits),
                Companding::SquareRoot => {
                    Conversion::SquareRoot(f64::from(max_count) / f64::from(adc_max).sqrt())
                }
            },
        }
    }
}
