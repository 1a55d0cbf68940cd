//! Time to digitise one 608 × 608 frame, per kind of light and sensor, on one thread.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "it measures time and talks to its terminal")]

mod timing;

use std::hint::black_box;

use minisim::{
    kernels::digitise::{Count, DigitiseModel, Digitiser},
    math,
    plan::Camera,
    rng::Key,
    spec::{Acquisition, Count as Number, Fraction, ImageSensor, NonNegative, Positive, Real},
    steps::Sensor,
};
use timing::measure;

const SIDE: usize = 608;

/// A smooth field between two means (e⁻), as a miniscope sees.
fn field(lowest: f64, highest: f64) -> Vec<f32> {
    let share = |row: usize, col: usize| 0.5 + 0.5 * math::sin(row as f64 * 0.013) * math::cos(col as f64 * 0.017);
    (0..SIDE * SIDE).map(|i| (lowest + (highest - lowest) * share(i / SIDE, i % SIDE)) as f32).collect()
}

fn frame<T: Count>(name: &str, read_noise_e: f64, max_count: u32, means_e: [f64; 2]) {
    let model = DigitiseModel { electrons_per_unit: 1.0, read_noise_e, gain_adu_per_e: 1.0, max_count };
    film::<T>(name, &Camera::plain(model, Key::new(1, "bench", "digitise")), means_e);
}

/// A sensor with all imperfections, and the plain one of the same gain and noise.
fn both(name: &str, bit_depth: u32, gain_adu_per_e: f64, means_e: [f64; 2]) {
    let plain = ImageSensor {
        n_px_height: Number::lit(SIDE as u32),
        n_px_width: Number::lit(SIDE as u32),
        quantum_efficiency: minisim::spec::PositiveFraction::lit(1.0),
        gain_adu_per_e: Positive::new(gain_adu_per_e).expect("positive"),
        bit_depth: Number::lit(bit_depth),
        ..ImageSensor::default()
    };
    let imperfect = ImageSensor {
        black_level_adu: NonNegative::lit(12.0),
        full_well_e: Some(Positive::lit(10_000.0)),
        linearity_error_percent: NonNegative::lit(0.3),
        dark_current_e_per_s: NonNegative::lit(20.0),
        temperature_c: Real::lit(35.0),
        dsnu_pixel_e: NonNegative::lit(3.0),
        dsnu_column_e: NonNegative::lit(1.0),
        dsnu_row_e: NonNegative::lit(1.0),
        prnu_pixel_percent: NonNegative::lit(1.0),
        prnu_smooth_percent: NonNegative::lit(0.5),
        hot_pixel_share: Fraction::lit(1e-4),
        dead_pixel_share: Fraction::lit(1e-5),
        row_noise_e: NonNegative::lit(1.0),
        column_noise_e: NonNegative::lit(0.5),
        adc_bits: Some(Number::lit(bit_depth + 2)),
        // The converter has four counts for one of the film's.
        gain_adu_per_e: Positive::new(4.0 * gain_adu_per_e).expect("positive"),
        ..plain.clone()
    };
    for (kind, image_sensor) in [("plain", plain), ("all imperfections", imperfect)] {
        let acquisition = Acquisition { image_sensor, ..Acquisition::default() };
        let camera = Sensor { photons_per_unit: Positive::lit(1.0) }.camera(&acquisition, 1);
        film::<u16>(&format!("{name}, {kind}"), &camera, means_e);
    }
}

fn film<T: Count>(name: &str, camera: &Camera, means_e: [f64; 2]) {
    let camera = Digitiser::of(camera);
    let intensity = field(means_e[0], means_e[1]);
    let mut counts = vec![T::default(); intensity.len()];
    let mut t = 0;
    measure(&format!("digitise {name}"), (intensity.len(), "pixels"), || {
        camera.digitise(t, 0, black_box(&intensity), black_box(&mut counts));
        t += 1;
    });
}

fn main() {
    frame::<u8>("8 bit, 5 to 300 electrons", 2.0, 255, [5.0, 300.0]);
    frame::<u8>("8 bit, 5 to 300 electrons, no read noise", 0.0, 255, [5.0, 300.0]);
    frame::<u8>("8 bit, dark", 2.0, 255, [0.0, 0.0]);
    frame::<u16>("12 bit, 100 to 4000 electrons", 2.0, 4095, [100.0, 4000.0]);
    frame::<u16>("16 bit, 100 to 60000 electrons", 2.0, 65535, [100.0, 60_000.0]);
    both("8 bit, gain 1, 5 to 300 electrons", 8, 1.0, [5.0, 300.0]);
    both("8 bit, gain 0.3, 5 to 800 electrons", 8, 0.3, [5.0, 800.0]);
    both("8 bit, gain 0.024, 100 to 8000 electrons", 8, 0.024, [100.0, 8000.0]);
    let model = DigitiseModel { electrons_per_unit: 1.0, read_noise_e: 2.0, gain_adu_per_e: 1.0, max_count: 255 };
    measure("prepare an 8 bit camera", (1, "cameras"), || {
        Digitiser::new(black_box(model), Key::new(1, "bench", "digitise"))
    });
}
