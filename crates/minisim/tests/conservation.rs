//! Light is neither made nor lost where physics says so.
#![allow(clippy::disallowed_methods, reason = "only the library itself must be pure")]

use minisim::{
    GroundTruth, Spec,
    footprint::Patch,
    physics::{blur::degrade_footprint, optics::OpticalModel},
    simulate,
    spec::Format,
};
use serde_json::{Value, json};

fn spec(value: &Value) -> Spec {
    Spec::from_text(&value.to_string(), Format::Json).unwrap_or_else(|e| panic!("{e}")).spec
}

/// Three cells near the middle of a field that is far wider than any blur, focused at `focal_um`.
fn three_cells(focal_um: f64) -> Spec {
    spec(&json!({
        "acquisition": {
            "duration_s": 2.0,
            "focal_depth_in_tissue_um": focal_um,
            "optics": {"magnification": 4.0, "na": 0.3},
            "image_sensor": {"n_px_height": 420, "n_px_width": 420, "pixel_pitch_um": 8.0},
        },
        "seed": 3,
        "steps": [
            {"kind": "place_neurons", "positions_um": [[80.0, 3.0, -7.0], [120.0, -21.0, 12.0], [160.0, 18.0, 25.0]]},
            {"kind": "cell_activity"},
            {"kind": "optics"},
            {"kind": "composite"},
        ],
    }))
}

fn sums(truth: &GroundTruth) -> Vec<f64> {
    truth.observed_footprints().patches.iter().map(Patch::sum).collect()
}

#[test]
fn defocus_changes_no_footprints_integral() {
    let references = simulate(&three_cells(120.0)).expect("simulable").ground_truth;
    let planted: Vec<f64> = references.planted.patches.iter().map(Patch::sum).collect();
    let want = sums(&references);
    for focal_um in [60.0, 80.0, 100.0, 150.0, 200.0] {
        let truth = simulate(&three_cells(focal_um)).expect("simulable").ground_truth;
        let (sigma, gain) =
            (truth.f64s("observed_sigma_px").expect("optics"), truth.f64s("observed_gain").expect("optics"));
        for (i, got) in sums(&truth).into_iter().enumerate() {
            // The same light as at any other focus, and the sharp cell's light times the gain. What is cut at four sigma was
            // given back by normalising the kernel.
            assert!((got / want[i] - 1.0).abs() < 2e-5, "cell {i}, focus {focal_um}: {got}, not {}", want[i]);
            assert!((got / (gain[i] * planted[i]) - 1.0).abs() < 2e-5, "cell {i} at sigma {}", sigma[i]);
        }
    }
}

#[test]
fn spread_times_peak_does_not_depend_on_focus() {
    // A point's light: sigma² × peak is what a point emits, whatever the focus and the lens' defocus.
    let acquisition = three_cells(100.0).acquisition;
    let model = OpticalModel::new(&acquisition);
    for depth_um in [20.0, 100.0, 250.0] {
        let product = |focal_um: f64| {
            let psf = model.point_spread(depth_um, focal_um);
            psf.sigma_px.powi(2) * psf.peak_brightness
        };
        let want = product(depth_um);
        for focal_um in [0.0, 50.0, 99.0, 180.0, 400.0] {
            assert!((product(focal_um) / want - 1.0).abs() < 1e-9, "depth {depth_um}, focus {focal_um}");
        }
    }
    // The same on rendered footprints of a single bright pixel.
    let point = Patch { row: 300, col: 300, height: 1, width: 1, data: vec![1.0] };
    for sigma in [3.0, 6.0, 12.0, 30.0] {
        let blurred = degrade_footprint(&point, sigma, 1.0, [601, 601]);
        let peak = f64::from(blurred.data.iter().copied().fold(0.0, f32::max));
        let share = peak * sigma * sigma * std::f64::consts::TAU;
        // Truncation at four sigma and the pixel's width are all that differs from the continuous Gaussian.
        assert!((share - 1.0).abs() < 2e-3, "sigma {sigma}: {share}");
        assert!((blurred.sum() - 1.0).abs() < 1e-5, "sigma {sigma}");
    }
}

#[test]
fn a_frame_holds_the_light_of_its_cells() {
    let recording = simulate(&three_cells(100.0)).expect("simulable");
    let truth = &recording.ground_truth;
    let (light, n) = (sums(truth), recording.observed.shape[0]);
    for t in 0..n {
        let got: f64 = recording.observed.frame(t).iter().map(|v| f64::from(*v)).sum();
        let want: f64 = light.iter().enumerate().map(|(i, s)| s * truth.c()[i * n + t]).sum();
        assert!((got / want - 1.0).abs() < 1e-4, "frame {t}: {got}, not {want}");
    }
}

#[test]
fn multiplying_fields_take_light_and_never_add_any() {
    let bare = three_cells(100.0);
    let before = simulate(&bare).expect("simulable");
    for step in ["illumination_profile", "vignette", "vasculature"] {
        let after = simulate(&bare.with_step(step).expect("a step").spec).expect("simulable");
        for t in [0, before.observed.shape[0] - 1] {
            let pairs = before.observed.frame(t).into_iter().zip(after.observed.frame(t));
            let (mut lost, mut gained) = (0.0, 0.0_f64);
            for (b, a) in pairs {
                lost += f64::from(b - a).max(0.0);
                gained = gained.max(f64::from(a - b));
            }
            assert!(gained <= 1e-6, "{step} adds {gained}");
            assert!(step == "vasculature" || lost > 0.0, "{step} takes nothing");
        }
    }
}
