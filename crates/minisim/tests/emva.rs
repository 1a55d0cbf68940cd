//! The standard's procedure on simulated exposures finds what was set.

mod common;

use minisim::{
    Scene,
    emva::{CameraTest, Procedure, measure},
    spec::Spec,
    truth::TruthData,
};
use serde_json::json;

/// A camera with all its terms, but no defects.
fn camera() -> Spec {
    common::spec(&json!({
        "acquisition": {
            "fps": 20.0, "duration_s": 1.0,
            "image_sensor": {
                "n_px_height": 300, "n_px_width": 320, "quantum_efficiency": 0.6, "read_noise_e": 7.0, "gain_adu_per_e": 0.2,
                "analog_gain": 2.0, "bit_depth": 12, "black_level_adu": 60.0, "full_well_e": 9000.0,
                "linearity_error_percent": 0.3, "dark_current_e_per_s": 30.0, "temperature_c": 37.0, "dsnu_pixel_e": 4.0,
                "dsnu_column_e": 2.0, "dsnu_row_e": 1.5, "prnu_pixel_percent": 1.0, "prnu_smooth_percent": 0.7,
                "row_noise_e": 1.5, "column_noise_e": 1.0,
            },
        },
        "seed": 4,
        "steps": [{ "kind": "sensor" }],
    }))
}

fn set(spec: &Spec, field: &str, value: &str) -> Spec {
    spec.set(&format!("acquisition.image_sensor.{field}"), value).unwrap_or_else(|e| panic!("{e}")).spec
}

fn measured(spec: &Spec) -> CameraTest {
    measure(spec, &Procedure::default()).unwrap_or_else(|e| panic!("{e}"))
}

/// Fails unless a number is within a share of what was set.
fn near(what: &str, found: f64, set: f64, share: f64) {
    assert!((found / set - 1.0).abs() <= share, "{what}: {found}, but {set} was set");
}

#[test]
fn the_standard_finds_what_was_set() {
    let test = measured(&camera());
    near("gain", test.gain_adu_per_e, 0.4, 0.02);
    near("quantum efficiency", test.quantum_efficiency, 0.6, 0.02);
    // The noise of rows and columns is part of a pixel's temporal noise.
    near("dark noise", test.dark_noise_e, (49.0_f64 + 2.25 + 1.0).sqrt(), 0.02);
    // 12 °C warmer: 2^1.5 times as much.
    near("dark current", test.dark_current_e_per_s, 30.0 * 2.0 * 2.0_f64.sqrt(), 0.02);
    near("dark current from variance", test.dark_current_from_variance_e_per_s, 30.0 * 2.0 * 2.0_f64.sqrt(), 0.05);
    near("DSNU", test.dsnu_e.total, (16.0_f64 + 4.0 + 2.25).sqrt(), 0.02);
    near("DSNU of pixels", test.dsnu_e.pixel, 4.0, 0.02);
    near("DSNU of columns", test.dsnu_e.column, 2.0, 0.03);
    near("DSNU of rows", test.dsnu_e.row, 1.5, 0.03);
    near("PRNU", test.prnu.total, (0.01_f64 * 0.01 + 0.007 * 0.007).sqrt(), 0.02);
    near("linearity error", test.linearity.error, 0.003, 0.05);
    near("full well", test.saturation_e, 9000.0, 0.05);
    near("largest SNR", test.snr_max, 9000.0_f64.sqrt(), 0.03);
    near("dynamic range", test.dynamic_range, test.saturation_e / (test.dark_noise_adu / 0.4 + 0.5), 0.02);
    assert!(!test.rounding_hides_noise && test.underflow < 0.005);
    // The smooth part of the response is at low frequencies, the offsets of single pixels are white.
    let (low, high) = (test.prnu_spectrogram.horizontal[0], test.prnu_spectrogram.horizontal[100]);
    assert!(low > 20.0 * high, "{low} at one cycle a row, {high} at 101");
    near("power of white PRNU", mean(&test.prnu_spectrogram.horizontal[30..]), 1e-4, 0.05);
    // A column's offset is a difference along the row.
    near("DSNU along rows", mean(&test.dsnu_spectrogram_e2.horizontal), 16.0 + 4.0, 0.05);
    near("DSNU along columns", mean(&test.dsnu_spectrogram_e2.vertical), 16.0 + 2.25, 0.05);
    let snr = test.snr();
    assert!(snr[0] == 0.0 && snr[test.saturated_at] > 0.9 * test.snr_max);
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn a_plain_sensor_has_nothing_that_it_was_not_given() {
    let spec = common::spec(&json!({
        "acquisition": { "image_sensor": { "n_px_height": 200, "n_px_width": 210, "bit_depth": 12, "read_noise_e": 6.0 } },
        "steps": [{ "kind": "sensor" }],
    }));
    let test = measured(&spec);
    near("gain", test.gain_adu_per_e, 1.0, 0.02);
    // The converter ends before a full well would, and 64 e⁻ of shot noise begin to be cut before that.
    near("saturation", test.saturation_e, 4095.0, 0.08);
    // Half of the dark counts are below the range of a converter without a black level.
    assert!(test.underflow > 0.4);
    assert!(test.dark_current_e_per_s.abs() < 0.01 && test.prnu.total < 2e-4 && test.dsnu_e.total < 0.1, "{test:?}");
    assert!(test.linearity.error < 0.002, "{}", test.linearity.error);
}

#[test]
fn noise_that_rounding_hides_is_told() {
    // As a V4 sends it: two of ten bits are dropped.
    let spec = set(&camera(), "gain_adu_per_e", "0.05");
    let spec = set(&set(&spec, "bit_depth", "8"), "adc_bits", "10");
    let test = measured(&spec);
    near("gain", test.gain_adu_per_e, 0.025, 0.02);
    assert!(test.rounding_hides_noise && test.dark_noise_e > 7.3);
}

#[test]
fn defects_are_measured_as_the_truth_has_them() {
    let spec = set(&set(&camera(), "hot_pixel_share", "0.002"), "dead_pixel_share", "0.0005");
    let test = measured(&spec);
    let truth = Scene::new(&spec).expect("valid").ground_truth(None);
    let map = |name: &str| truth.f64s(name).unwrap_or_else(|| panic!("no {name}")).to_vec();
    let sd = |values: &[f64]| {
        let mean = mean(values);
        (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / values.len() as f64).sqrt()
    };
    let dark: Vec<f64> = map("dsnu_e").iter().zip(map("dark_e")).map(|(offset, dark)| offset + dark).collect();
    near("DSNU with hot pixels", test.dsnu_e.total, sd(&dark), 0.02);
    let response = map("prnu");
    near("PRNU with dead pixels", test.prnu.total, sd(&response) / mean(&response), 0.02);
    let Some(TruthData::U32(defects)) = truth.array("defects").map(|a| &a.data) else { panic!("no defects") };
    let dead = defects.iter().filter(|d| **d == 2).count();
    assert_eq!(dead, response.iter().filter(|r| **r == 0.0).count());
    assert!(dead > 20);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let refused = |spec: &Spec, procedure: Procedure| measure(spec, &procedure).expect_err("refused").to_string();
    let root = set(&set(&camera(), "adc_bits", "14"), "companding", "square_root");
    let text = refused(&root, Procedure::default());
    assert!(text.contains("companding") && text.contains("shift"), "{text}");
    let text = refused(&camera(), Procedure { n_light: 3, n_stack: 1, ..Procedure::default() });
    assert!(text.contains("n_light") && text.contains("at least 10") && text.contains("n_stack"), "{text}");
}
