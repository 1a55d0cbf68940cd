//! Time to digitise one 608 × 608 frame, per kind of light and sensor, on one thread.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "it measures time and talks to its terminal")]

mod timing;

use std::hint::black_box;

use minisim::{
    kernels::digitise::{Count, DigitiseModel, Digitiser},
    math,
    rng::Key,
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
    let camera = Digitiser::new(model, Key::new(1, "bench", "digitise"));
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
    let model = DigitiseModel { electrons_per_unit: 1.0, read_noise_e: 2.0, gain_adu_per_e: 1.0, max_count: 255 };
    measure("prepare an 8 bit camera", (1, "cameras"), || {
        Digitiser::new(black_box(model), Key::new(1, "bench", "digitise"))
    });
}
