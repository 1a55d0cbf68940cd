//! Time to build a scene, and to render its frames with ever more of the chain, on all threads.
//!
//! The case is the Miniscope V4 over CA1 at its full 608 × 608 field, with motion and bleaching.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "it measures time and talks to its terminal")]

mod timing;

use std::{hint::black_box, sync::Arc};

use minisim::{
    Scene, Spec, math,
    memo::Memo,
    plan::{Course, Deformation, Grid, Mode},
    presets::preset,
    run::render_range,
};
use timing::measure;

const FRAMES: usize = 32;

fn case(duration_s: f64) -> Spec {
    let mut spec = preset("v4-ca1").expect("a preset");
    for step in ["brain_motion", "bleaching"] {
        spec = spec.with_step(step).expect("a step").spec;
    }
    spec.set("acquisition.duration_s", &duration_s.to_string()).expect("valid").spec
}

fn build() {
    for duration_s in [3.0, 60.0] {
        let spec = case(duration_s);
        measure(&format!("build {duration_s} s"), (1, "scenes"), || Scene::new(black_box(&spec)));
    }
    // What the studio does: a new scene for each move of a slider, with what is still right of the last one.
    let memo = Memo::default();
    let spec = case(3.0);
    for (name, path, values) in [
        ("3 s, another read noise", "acquisition.image_sensor.read_noise_e", ["2.5", "3.0"]),
        ("3 s, another depth of focus", "acquisition.focal_depth_in_tissue_um", ["140", "150"]),
        ("3 s, another cell size", "steps.place_neurons.populations[0].soma_radius_um", ["5.5", "6.0"]),
    ] {
        let specs = values.map(|value| spec.set(path, value).expect("valid").spec);
        let mut i = 0;
        measure(&format!("build {name}"), (1, "scenes"), || {
            i += 1;
            Scene::with_memo(black_box(&specs[i % 2]), &memo)
        });
    }
}

fn render() {
    let full = case(10.0);
    let later = ["sensor", "leakage", "vignette", "illumination_profile", "brain_motion", "vasculature", "neuropil"];
    for n in (0..=later.len()).rev() {
        let mut spec = full.clone();
        for step in &later[..n] {
            spec = spec.without_step(step).expect("a step").spec;
        }
        let scene = Scene::new(&spec).expect("simulable");
        let last = scene.plan.stages.last().map_or("nothing", |stage| stage.name);
        measure(&format!("render up to {last}"), (FRAMES, "frames"), || render_range(black_box(&scene), 0..FRAMES));
    }
    let mut scene = Scene::new(&full).expect("simulable");
    scene.plan.warps = vec![deformed(&scene).into()];
    measure("render deformed", (FRAMES, "frames"), || render_range(black_box(&scene), 0..FRAMES));
}

/// The scene's motion with a slow turn and two fields of displacement on top.
fn deformed(scene: &Scene) -> Deformation {
    let frames = 0..scene.n_frames;
    let grid = Grid { shape: [20, 20], spacing_px: 32.0 };
    let mode = |k: usize| {
        let vector = |n: usize| [math::sin((n * (k + 1)) as f64 * 0.3), math::cos((n + k) as f64 * 0.2)];
        let factors = frames.clone().map(|t| math::sin(t as f64 * 0.1) as f32).collect();
        let course = Course::Varying { factors: Arc::new(factors), expected: 0.0 };
        Mode { vectors_px: Arc::new((0..400).map(vector).collect()), course }
    };
    Deformation {
        path_px: frames.clone().map(|t| scene.plan.warps[0].shift_px(t)).collect(),
        rotation_rad: frames.clone().map(|t| 1e-3 * math::sin(t as f64 * 0.05)).collect(),
        grid,
        modes: vec![mode(0), mode(1)],
    }
}

fn main() {
    build();
    render();
}
