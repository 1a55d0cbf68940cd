//! Small specs to write to disk.
#![allow(dead_code, reason = "each test uses a part")]

use minisim::{Recording, Spec, presets::preset, simulate, spec::Format, truth::TruthArray};
use serde_json::json;

/// All twelve steps on a small field with odd sides.
pub(crate) fn small_spec() -> Spec {
    let mut spec = preset("v4-ca1").expect("a preset");
    for step in ["brain_motion", "bleaching"] {
        spec = spec.with_step(step).expect("a step").spec;
    }
    for (path, value) in [
        ("acquisition.duration_s", "1.15"),
        ("acquisition.image_sensor.n_px_height", "61"),
        ("acquisition.image_sensor.n_px_width", "67"),
    ] {
        spec = set(&spec, path, value);
    }
    spec
}

pub(crate) fn set(spec: &Spec, path: &str, value: &str) -> Spec {
    spec.set(path, value).unwrap_or_else(|e| panic!("{e}")).spec
}

pub(crate) fn empty_spec() -> Spec {
    let spec = json!({ "acquisition": { "duration_s": 0.5 }, "steps": [] });
    Spec::from_text(&spec.to_string(), Format::Json).expect("valid").spec
}

pub(crate) fn recording(spec: &Spec) -> Recording {
    simulate(spec).unwrap_or_else(|e| panic!("{e}"))
}

/// Equal, where an amplitude that is not a number (no activity) equals itself.
pub(crate) fn assert_same(a: &Recording, b: &Recording) {
    assert_eq!(a.spec, b.spec);
    assert_eq!(a.observed, b.observed);
    assert_eq!(a.content, b.content);
    assert_eq!(a.snapshots.len(), b.snapshots.len());
    for (name, movie) in &a.snapshots {
        assert_eq!(Some(movie), b.stage(name), "{name}");
    }
    let (x, y) = (&a.ground_truth, &b.ground_truth);
    assert_eq!(x.planted, y.planted);
    assert_eq!(x.focal_depth_um, y.focal_depth_um);
    assert_eq!(x.arrays.len(), y.arrays.len());
    for (a, b) in x.arrays.iter().zip(&y.arrays) {
        assert_eq!((a.declared.name, &a.shape), (b.declared.name, &b.shape));
        let bits = |array: &TruthArray| array.data.to_f64().into_iter().map(f64::to_bits).collect::<Vec<u64>>();
        assert!(bits(a) == bits(b), "{}", a.declared.name);
    }
}
