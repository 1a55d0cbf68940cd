//! Golden hashes: the bytes of a few small recordings, stage by stage.
//!
//! They must not move by themselves. A change that moves them on purpose renews them with
//! `MINISIM_RENEW_GOLDEN=1 cargo test -p minisim --test golden` and says in the changelog which stage moved and why. On a
//! failure the first stage that moved is named, and its frame before, after and their difference are written as pictures.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "only the library itself is pure")]

mod common;

use std::{fmt::Write as _, fs, path::Path};

use minisim::{
    Scene,
    recording::Pixels,
    render,
    spec::Spec,
    truth::{GroundTruth, TruthData},
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The frame that is kept to compare with.
const KEPT_FRAME: usize = 5;

fn cases() -> Vec<(&'static str, Spec)> {
    let sensor = |h: u32, w: u32, pitch: f64, bits: u32| json!({ "n_px_height": h, "n_px_width": w, "pixel_pitch_um": pitch, "bit_depth": bits });
    let everything = json!({
        "acquisition": { "fps": 20.0, "duration_s": 1.0, "image_sensor": sensor(44, 53, 16.0, 8),
                         "optics": { "na": 0.3, "field_curvature_radius_um": 2500.0 } },
        "seed": 11,
        "steps": [
            { "kind": "place_neurons", "density_per_mm3": 60000.0, "soma_radius_um": 5.0, "morphology": "cytosolic",
              "depth_range_um": [40, 140] },
            { "kind": "cell_activity" },
            { "kind": "bleaching", "bleach_susceptibility": 1e-3 },
            { "kind": "optics" },
            { "kind": "composite" },
            { "kind": "neuropil", "spatial_sigma_um": 20.0 },
            { "kind": "vasculature", "enabled": true, "layers": [{ "depth_um": 20, "root_radius_um": 9 }] },
            { "kind": "brain_motion", "motion_amplitude_um": 3.0, "max_shift_um": 4.0 },
            { "kind": "illumination_profile" }, { "kind": "vignette" }, { "kind": "leakage" },
            { "kind": "sensor", "photons_per_unit": 600.0 },
        ],
    });
    let walking_12_bit = json!({
        "acquisition": { "fps": 30.0, "duration_s": 1.0, "image_sensor": sensor(37, 64, 12.0, 12) },
        "seed": 18_446_744_073_709_551_615_u64,
        "steps": [
            { "kind": "place_neurons", "density_per_mm3": 50000.0, "min_distance_um": 8.0, "irregularity": 0.6 },
            { "kind": "cell_activity", "trace_noise": 0.05 },
            { "kind": "composite" },
            { "kind": "brain_motion", "model": "walk", "walk_step_um": 1.0, "max_shift_um": 6.0 },
            { "kind": "leakage", "profile": "uniform" },
            { "kind": "sensor", "photons_per_unit": 2000.0 },
        ],
    });
    let bending = json!({
        "acquisition": { "fps": 20.0, "duration_s": 0.5, "image_sensor": sensor(41, 57, 16.0, 8) },
        "seed": 23,
        "steps": [
            { "kind": "place_neurons", "density_per_mm3": 60000.0, "soma_radius_um": 5.0, "depth_range_um": [40, 140] },
            { "kind": "cell_activity" }, { "kind": "optics" }, { "kind": "composite" },
            { "kind": "brain_motion", "motion_amplitude_um": 3.0, "max_shift_um": 4.0 },
            { "kind": "tissue_deformation", "amplitude_um": 1.2, "spatial_sigma_um": 50.0, "max_displacement_um": 5.0,
              "rotation_deg": 1.0 },
            { "kind": "sensor", "photons_per_unit": 600.0 },
        ],
    });
    let in_depth = json!({
        "acquisition": { "fps": 20.0, "duration_s": 1.0, "image_sensor": sensor(40, 49, 16.0, 8),
                         "optics": { "na": 0.35, "field_curvature_radius_um": 2500.0 } },
        "seed": 12,
        "steps": [
            { "kind": "place_neurons", "density_per_mm3": 60000.0, "soma_radius_um": 5.0, "depth_range_um": [40, 140] },
            { "kind": "cell_activity" }, { "kind": "optics" },
            { "kind": "axial_motion", "stride_um": 5.0, "drift_um": 4.0 },
            { "kind": "composite" },
            { "kind": "vasculature", "enabled": true, "layers": [{ "depth_um": 20, "root_radius_um": 9 }, { "depth_um": 60 }] },
            { "kind": "brain_motion", "motion_amplitude_um": 3.0, "max_shift_um": 4.0 },
            { "kind": "sensor", "photons_per_unit": 600.0 },
        ],
    });
    let indicators = json!({
        "acquisition": { "fps": 20.0, "duration_s": 1.0, "image_sensor": sensor(36, 40, 16.0, 8) },
        "seed": 13,
        "steps": [
            { "kind": "place_neurons", "density_per_mm3": 60000.0, "soma_radius_um": 5.0, "depth_range_um": [40, 140] },
            { "kind": "cell_activity", "indicator": "jGCaMP8f", "kinetics_cv": 0.2, "synchrony": 0.5, "assembly_rate_hz": 2.0 },
            { "kind": "optics" }, { "kind": "composite" }, { "kind": "neuropil", "spatial_sigma_um": 20.0 },
            { "kind": "sensor", "photons_per_unit": 600.0 },
        ],
    });
    let unsteady_lamp = json!({
        "acquisition": { "fps": 20.0, "duration_s": 1.0, "image_sensor": sensor(30, 41, 16.0, 8) },
        "seed": 7,
        "steps": [
            { "kind": "place_neurons", "density_per_mm3": 60000.0, "soma_radius_um": 5.0 },
            { "kind": "cell_activity" },
            { "kind": "bleaching", "bleach_susceptibility": 1e-3 },
            { "kind": "composite" },
            { "kind": "illumination_profile" }, { "kind": "leakage" },
            { "kind": "led", "warm_up_tau_s": 2.0, "flicker_depth": 0.1, "flicker_hz": 47.0, "noise_rms": 0.01,
              "power_steps": [[0.33, 0.7], [0.6, 1.2]] },
            { "kind": "sensor", "photons_per_unit": 600.0 },
        ],
    });
    let blood = json!({
        "acquisition": { "fps": 20.0, "duration_s": 1.0, "image_sensor": sensor(33, 47, 16.0, 8) },
        "seed": 9,
        "steps": [
            { "kind": "place_neurons", "density_per_mm3": 60000.0, "soma_radius_um": 5.0 },
            { "kind": "cell_activity" }, { "kind": "composite" }, { "kind": "neuropil", "spatial_sigma_um": 20.0 },
            { "kind": "vasculature", "enabled": true, "layers": [{ "depth_um": 20, "root_radius_um": 9 }] },
            { "kind": "haemodynamics", "depth_rms": 0.03, "dilation_rms": 0.06, "bed_sigma_um": 20.0 },
            { "kind": "brain_motion", "motion_amplitude_um": 3.0, "max_shift_um": 4.0 },
            { "kind": "sensor", "photons_per_unit": 600.0 },
        ],
    });
    let faulty = json!({
        "acquisition": { "fps": 20.0, "duration_s": 1.5, "image_sensor": sensor(31, 45, 16.0, 8) },
        "seed": 17,
        "steps": [
            { "kind": "place_neurons", "density_per_mm3": 60000.0, "soma_radius_um": 5.0 },
            { "kind": "cell_activity" }, { "kind": "composite" }, { "kind": "leakage" },
            { "kind": "sensor", "photons_per_unit": 600.0 },
            { "kind": "acquisition_faults", "lost_rate": 0.1, "burst_frames": 2.0, "repeated_rate": 0.1, "torn_rate": 0.15,
              "broken_rate": 0.2, "broken_rows": 8, "clip_frames": 9, "clip_step": 0.1 },
        ],
    });
    let camera = json!({
        "acquisition": {
            "fps": 20.0, "duration_s": 1.0, "optics": { "na": 0.35 },
            "image_sensor": {
                "n_px_height": 39, "n_px_width": 46, "pixel_pitch_um": 16.0, "bit_depth": 8, "adc_bits": 10, "analog_gain": 2.0,
                "gain_adu_per_e": 0.6, "black_level_adu": 24.0, "full_well_e": 700.0, "linearity_error_percent": 0.25,
                "dark_current_e_per_s": 60.0, "temperature_c": 35.0, "dsnu_pixel_e": 3.0, "dsnu_column_e": 1.0, "dsnu_row_e": 2.0,
                "prnu_pixel_percent": 2.0, "prnu_smooth_percent": 3.0, "hot_pixel_share": 0.02, "dead_pixel_share": 0.01,
                "row_noise_e": 1.5, "column_noise_e": 2.5,
            },
        },
        "seed": 31,
        "steps": [
            { "kind": "place_neurons", "density_per_mm3": 60000.0, "soma_radius_um": 5.0, "depth_range_um": [40, 140] },
            { "kind": "cell_activity" }, { "kind": "optics" }, { "kind": "field_aberration", "radial_sigma_um": 9.0 },
            { "kind": "composite" }, { "kind": "relay_edge", "outside": 0.01 },
            { "kind": "sensor", "photons_per_unit": 900.0 },
        ],
    });
    [
        ("everything", everything),
        ("walking_12_bit", walking_12_bit),
        ("unsteady_lamp", unsteady_lamp),
        ("blood", blood),
        ("in_depth", in_depth),
        ("indicators", indicators),
        ("bending", bending),
        ("faulty", faulty),
        ("camera", camera),
    ]
    .map(|(name, spec)| (name, common::spec(&spec)))
    .to_vec()
}

fn hash(bytes: impl IntoIterator<Item = u8>) -> String {
    let bytes: Vec<u8> = bytes.into_iter().collect();
    Sha256::digest(&bytes)[..8].iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

fn hash_pixels(pixels: &Pixels) -> String {
    match pixels {
        Pixels::U8(v) => hash(v.iter().copied()),
        Pixels::U16(v) => hash(v.iter().flat_map(|x| x.to_le_bytes())),
        Pixels::F32(v) => hash(v.iter().flat_map(|x| x.to_le_bytes())),
        Pixels::F64(v) => hash(v.iter().flat_map(|x| x.to_le_bytes())),
    }
}

fn hash_truth(truth: &GroundTruth) -> Map<String, Value> {
    let mut hashes = Map::new();
    let planted = truth.planted.patches.iter().flat_map(|p| {
        let place = [p.row, p.col, p.height as i32, p.width as i32];
        let place: Vec<u8> = place.iter().flat_map(|v| v.to_le_bytes()).collect();
        place.into_iter().chain(p.data.iter().flat_map(|v| v.to_le_bytes()))
    });
    hashes.insert("planted".into(), hash(planted).into());
    let observed = truth.observed_footprints();
    let observed = observed.patches.iter().flat_map(|p| &p.data).flat_map(|v| v.to_le_bytes());
    hashes.insert("observed footprints".into(), hash(observed).into());
    for array in &truth.arrays {
        let text = match &array.data {
            TruthData::F64(v) => hash(v.iter().flat_map(|x| x.to_le_bytes())),
            TruthData::U32(v) => hash(v.iter().flat_map(|x| x.to_le_bytes())),
            TruthData::Bool(v) => hash(v.iter().map(|x| u8::from(*x))),
        };
        hashes.insert(array.declared.name.to_owned(), text.into());
    }
    hashes
}

/// A frame as a grey PNG, its own range from black to white.
fn write_png(path: &Path, values: &[f32], width: usize) {
    let low = values.iter().copied().fold(f32::MAX, f32::min);
    let span = (values.iter().copied().fold(f32::MIN, f32::max) - low).max(f32::MIN_POSITIVE);
    let grey: Vec<u8> = values.iter().map(|v| ((v - low) / span * 255.0) as u8).collect();
    let file = fs::File::create(path).expect("target/ is writable");
    let mut encoder = png::Encoder::new(file, width as u32, (values.len() / width) as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().and_then(|mut w| w.write_image_data(&grey)).expect("target/ is writable");
}

#[test]
fn bytes_do_not_move_at_any_level_of_vector_instructions() {
    let renew = std::env::var_os("MINISIM_RENEW_GOLDEN").is_some();
    minisim::at_every_level(|level| {
        compare(level, renew);
    });
}

fn compare(level: &str, renew: bool) {
    let path = common::data("golden.json");
    let golden: Value =
        fs::read_to_string(&path).ok().and_then(|t| serde_json::from_str(&t).ok()).unwrap_or(Value::Null);
    let mut all = Map::new();
    for (name, spec) in cases() {
        let scene = Scene::new(&spec).expect("a valid spec");
        let mut hashes = hash_truth(&scene.ground_truth(None));
        let mut frames = Map::new();
        for stage in &scene.plan.stages {
            let movie = render(&scene, 0..scene.n_frames, Some(stage.name)).expect("a stage of the scene");
            hashes.insert(format!("stage {}", stage.name), hash_pixels(&movie).into());
            let frame = render(&scene, KEPT_FRAME..KEPT_FRAME + 1, Some(stage.name)).expect("a stage of the scene");
            frames.insert(stage.name.to_owned(), json!(frame.to_f32(0..frame.len())));
        }
        if !renew {
            let before = golden[name]["hashes"].as_object().unwrap_or_else(|| panic!("{name} has no golden hashes"));
            let moved: Vec<&String> =
                hashes.iter().filter(|(k, v)| before.get(*k) != Some(v)).map(|(k, _)| k).collect();
            if let Some(stage) = moved.iter().find_map(|m| m.strip_prefix("stage ")) {
                let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden");
                fs::create_dir_all(&dir).expect("target/ is writable");
                let after = common::f64s(&frames[stage]);
                let was = common::f64s(&golden[name]["frames"][stage]);
                let width = scene.canvas.fov[1];
                let pictures = [("after", after.clone()), ("before", was.clone())].into_iter().chain(
                    (was.len() == after.len())
                        .then(|| ("difference", after.iter().zip(&was).map(|(a, b)| a - b).collect())),
                );
                for (what, values) in pictures {
                    let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
                    if values.len().is_multiple_of(width) && !values.is_empty() {
                        write_png(&dir.join(format!("{name}-{stage}-{what}.png")), &values, width);
                    }
                }
                println!("pictures are in {}", dir.display());
            }
            assert!(moved.is_empty(), "{name} ({level}): these moved, the first is the cause: {moved:?}");
            assert_eq!(before.len(), hashes.len(), "{name} ({level}): something is gone");
        }
        all.insert(name.to_owned(), json!({ "hashes": hashes, "frames": frames }));
    }
    if renew {
        fs::write(path, serde_json::to_string(&all).expect("numbers")).expect("test data is writable");
    }
}
