//! A scene made with parts of the one before is the scene made afresh.

mod common;

use minisim::{Scene, Spec, memo::Memo, presets::preset, render};

/// Edits one after the other, each on top of the last.
const EDITS: &[(&str, &str)] = &[
    ("seed", "7"),
    ("acquisition.image_sensor.read_noise_e", "5.5"),
    ("acquisition.image_sensor.gain_adu_per_e", "0.4"),
    ("steps.sensor.photons_per_unit", "90"),
    ("steps.vignette.falloff", "0.3"),
    ("steps.illumination_profile.exponent", "3.5"),
    ("steps.leakage.level", "0.4"),
    ("steps.neuropil.amplitude", "0.2"),
    ("steps.neuropil.spatial_sigma_um", "55"),
    ("steps.neuropil.n_components", "3"),
    ("steps.neuropil.population_coupling", "0.9"),
    ("steps.cell_activity.active_rate_hz", "40"),
    ("steps.cell_activity.tau_decay_s", "0.9"),
    ("steps.cell_activity.f0", "0.5"),
    ("steps.place_neurons.populations[0].soma_radius_um", "7"),
    ("steps.place_neurons.populations[0].density_per_mm3", "20000"),
    ("steps.place_neurons.populations[0].depth_range_um", "[90, 180]"),
    ("steps.place_neurons.populations[0].morphology", "\"cytosolic\""),
    ("steps.vasculature.layers[0].opacity", "0.4"),
    ("steps.vasculature.layers[0].depth_um", "80"),
    ("steps.field_aberration.radial_sigma_um", "11"),
    ("steps.brain_motion.motion_amplitude_um", "2"),
    ("steps.brain_motion.max_shift_um", "12"),
    ("steps.bleaching.bleach_susceptibility", "0.02"),
    ("acquisition.optics.na", "0.35"),
    ("acquisition.optics.magnification", "6"),
    ("acquisition.tissue.scatter_mfp_emission_um", "70"),
    ("acquisition.focal_depth_in_tissue_um", "120"),
    ("acquisition.fps", "15"),
    ("acquisition.duration_s", "1.2"),
    ("acquisition.image_sensor.n_px_width", "128"),
    ("acquisition.image_sensor.bit_depth", "12"),
    ("acquisition.image_sensor.dsnu_pixel_e", "4"),
    ("acquisition.image_sensor.full_well_e", "2000"),
    ("acquisition.image_sensor.dark_current_e_per_s", "90"),
    ("acquisition.fps", "12"),
    ("seed", "8"),
];

fn everything() -> Spec {
    let mut spec = preset("v4-ca1").expect("a preset");
    for step in ["brain_motion", "bleaching", "field_aberration"] {
        spec = spec.with_step(step).expect("a step").spec;
    }
    for (path, value) in [
        ("acquisition.duration_s", "0.6"),
        ("acquisition.image_sensor.n_px_height", "96"),
        ("acquisition.image_sensor.n_px_width", "112"),
    ] {
        spec = spec.set(path, value).expect("valid").spec;
    }
    spec
}

fn assert_same(kept: &Scene, fresh: &Scene, what: &str) {
    assert!(kept.ground_truth(None) == fresh.ground_truth(None), "{what}: another truth");
    let film = |scene: &Scene| render(scene, 0..scene.n_frames, None).expect("a film");
    assert!(film(kept) == film(fresh), "{what}: another film");
    assert_eq!(kept.warnings, fresh.warnings, "{what}");
    assert_eq!(kept.couplings, fresh.couplings, "{what}");
}

#[test]
fn kept_parts_are_used_only_where_they_are_right() {
    let memo = Memo::default();
    let mut spec = everything();
    let scene = |spec: &Spec| Scene::with_memo(spec, &memo).expect("simulable");
    assert_same(&scene(&spec), &Scene::new(&spec).expect("simulable"), "the start");
    for (path, value) in EDITS {
        let before = spec.clone();
        spec = spec.set(path, value).unwrap_or_else(|e| panic!("{path}: {e:?}")).spec;
        let changed = Scene::new(&spec).expect("simulable");
        assert_same(&scene(&spec), &changed, path);
        // There and back again.
        assert_same(&scene(&before), &Scene::new(&before).expect("simulable"), path);
        assert_same(&scene(&spec), &changed, path);
    }
    for step in ["bleaching", "brain_motion", "vasculature", "neuropil", "optics"] {
        spec = spec.without_step(step).expect("a step").spec;
        assert_same(&scene(&spec), &Scene::new(&spec).expect("simulable"), step);
    }
}
