//! Light becomes counts.
//!
//! # What it models
//! Shot noise, read noise, gain, clipping and quantisation of the image sensor.
//!
//! # Model
//! `λ = max(intensity, 0) * photons_per_unit * quantum_efficiency`, electrons = Poisson(λ) + N(0, read_noise²),
//! counts = `clip(floor(electrons * gain), 0, 2^bit_depth - 1)`. Exact at every λ.
//!
//! # Sources
//! EMVA 1288, the standard model of a linear image sensor.
//!
//! # Leaves out
//! Dark current, fixed-pattern noise, non-linearity, blooming, rolling shutter.
//!
//! # Records
//! Nothing of its own; it decides `detectable` and `peak_snr`.

use super::{Domain, Part, Step};
use crate::{
    physics::detection::NoiseFloor,
    plan::{Camera, DigitiseModel},
    building::Builder,
    spec::{Extent, Needs, Positive, record::record},
};

record! {
    /// Turns light into counts. The sensor's own numbers are those of the acquisition.
    pub struct Sensor: step, panel("anatomy", "Exposure", 2) {
        /// Photons per fluorescence unit, pixel and frame: exposure and excitation power in one number.
        photons_per_unit: Positive = 100.0, "photons", slider(10.0, 1000.0, 10.0), label("Photons per unit");
    }
}

impl Step for Sensor {
    const KIND: &'static str = "sensor";
    const DOMAIN: Domain = Domain::Scope;
    const PART: Part = Part::Noise;

    fn example() -> Self {
        Self { photons_per_unit: Positive::lit(600.0) }
    }

    fn cost(&self, extent: &Extent) -> Needs {
        // The tables of the camera, no larger than a map.
        Needs::map(extent.fov_px, extent.fov_px)
    }

    fn build(&self, scene: &mut Builder<'_>) {
        let sensor = &scene.acquisition().image_sensor;
        let electrons_per_unit = self.photons_per_unit.get() * sensor.quantum_efficiency.get();
        let read_noise_e = sensor.read_noise_e.get();
        let model = DigitiseModel {
            electrons_per_unit,
            read_noise_e,
            gain_adu_per_e: sensor.gain_adu_per_e.get(),
            max_count: u32::try_from(sensor.max_count()).unwrap_or(u32::MAX),
        };
        scene.set_noise_floor(NoiseFloor { electrons_per_unit, read_noise_e });
        let key = scene.key("noise");
        scene.push(Camera { model, key });
    }
}
