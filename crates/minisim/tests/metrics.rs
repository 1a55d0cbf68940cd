//! Scores: equal to the published package's, and right where it says nothing.
#![allow(clippy::disallowed_methods, reason = "only the library itself must be pure")]

mod common;

use std::collections::HashMap;

use minisim::{
    Scene, Spec,
    metrics::{
        Estimate, Footprints, PatchShifts, Rows, ScoreOptions, Shift, Similarity, activity_similarity, endpoint_error,
        footprint_mask, footprint_roi_trace, global_shift_from_trajectories, hungarian_match, score, shift_rmse,
        trace_pearson,
    },
};
use serde_json::{Value, json};

type Arrays = HashMap<String, (Vec<usize>, Vec<f64>)>;

fn arrays() -> Arrays {
    common::npz::npz(&common::data("scores.npz"))
}

fn footprints(arrays: &Arrays, name: &str) -> Footprints {
    let (shape, values) = &arrays[name];
    Footprints::from_dense(values, [shape[0], shape[1], shape[2]]).expect("finite")
}

fn rows<'a>(arrays: &'a Arrays, name: &str) -> Rows<'a> {
    let (shape, values) = &arrays[name];
    Rows::new(values, [shape[0], shape[1]]).expect("full")
}

fn near(what: &str, got: f64, want: &Value) {
    let want = want.as_f64().unwrap_or(f64::NAN);
    let fine = (got - want).abs() <= 1e-6 * want.abs().max(1.0) || (got.is_nan() && want.is_nan());
    assert!(fine, "{what}: {got}, published {want}");
}

fn near_all(what: &str, got: &[f64], want: &Value) {
    let want = want.as_array().expect("a list");
    assert_eq!(got.len(), want.len(), "{what}");
    got.iter().zip(want).for_each(|(g, w)| near(what, *g, w));
}

#[test]
fn scores_equal_the_published_ones() {
    let arrays = arrays();
    let truth = footprints(&arrays, "A_observed");
    let cases: Value =
        serde_json::from_str(&std::fs::read_to_string(common::data("scores.json")).expect("data")).expect("JSON");
    let mut n = 0;
    for case in cases.as_array().expect("a list") {
        let name = format!("est{}", case["k"]);
        let estimate = footprints(&arrays, &format!("{name}_A"));
        for (key, want) in case.as_object().expect("a case").iter().filter(|(key, _)| key.contains('/')) {
            let (metric, shift) = key.split_once('/').expect("two parts");
            let shift = match shift {
                "None" => Shift::None,
                "auto" => Shift::Auto,
                pair => {
                    let by: Vec<f64> =
                        pair.trim_matches(['(', ')']).split(", ").map(|v| v.parse().expect("a number")).collect();
                    Shift::By([by[0], by[1]])
                }
            };
            let metric = Similarity::from_name(metric).expect("known");
            let got = hungarian_match(&estimate, &truth, metric, 0.9, shift).expect("comparable");
            let what = format!("{name} {key}");
            let pairs: Vec<Vec<usize>> = got.pairing.iter().map(|(i, j)| vec![*i, *j]).collect();
            assert_eq!(serde_json::json!(pairs), want["pairing"], "{what}");
            assert_eq!(serde_json::json!(got.shift), want["shift"], "{what}");
            near(&what, got.recall(0.5), &want["recall"]);
            near(&what, got.precision(0.5), &want["precision"]);
            near(&what, got.mean_similarity(), &want["mean"]);
            n += 1;
        }
        let pairs: Vec<(usize, usize)> = case["iou/None"]["pairing"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|p| (p[0].as_u64().expect("an index") as usize, p[1].as_u64().expect("an index") as usize))
            .collect();
        let traces = trace_pearson(&rows(&arrays, &format!("{name}_C")), &rows(&arrays, "C"), &pairs).expect("fits");
        near_all("trace_pearson", &traces, &case["trace_pearson"]);
        let activity =
            activity_similarity(&rows(&arrays, &format!("{name}_S")), &rows(&arrays, "S"), &pairs).expect("fits");
        near_all("correlation", &activity.correlation, &case["activity"]["correlation"]);
        near_all("scale", &activity.scale, &case["activity"]["scale"]);
        near_all("variance explained", &activity.variance_explained, &case["activity"]["variance_explained"]);
        let (estimated, known) = (&arrays[&format!("{name}_shifts")].1, &arrays["shifts"].1);
        let rmse = [false, true].map(|align| shift_rmse(estimated, known, true, align).expect("fits"));
        near_all("shift_rmse", &rmse, &case["shift_rmse"]);
        let global = global_shift_from_trajectories(estimated, known, true).expect("fits");
        assert_eq!(serde_json::json!(global), case["global_shift"]);
    }
    assert_eq!(n, 36, "all cases were compared");
}

#[test]
fn masks_and_plain_traces() {
    let footprint = [0.0, 0.18, 0.5, 1.0];
    assert_eq!(footprint_mask(&footprint, 0.18), [false, false, true, true]);
    assert_eq!(footprint_mask(&[0.0; 4], 0.18), [false; 4]);
    let film: Vec<f32> = (0..8).map(|i| i as f32).collect();
    assert_eq!(footprint_roi_trace(&film, &footprint, 0.18).expect("fits"), [2.5, 6.5]);
    assert_eq!(footprint_roi_trace(&film, &[0.0; 4], 0.18).expect("fits"), [0.0, 0.0]);
    footprint_roi_trace(&film, &[1.0; 3], 0.18).expect_err("does not fit");
}

#[test]
fn what_cannot_be_compared_says_why() {
    let one = |shape: [usize; 3]| Footprints::from_dense(&vec![1.0; shape.iter().product()], shape).expect("finite");
    let matched = |a: &Footprints, b: &Footprints| hungarian_match(a, b, Similarity::Iou, 0.9, Shift::Auto);
    let error = matched(&one([1, 4, 5]), &one([1, 5, 4])).expect_err("another field").to_string();
    assert!(error.contains("4 × 5 px") && error.contains("5 × 4 px"), "{error}");
    let error = Footprints::from_dense(&[0.0, f64::NAN], [1, 1, 2]).expect_err("NaN").to_string();
    assert!(error.contains("footprint 0") && error.contains("(0, 1)"), "{error}");
    let frac = |f| hungarian_match(&one([1, 4, 5]), &one([1, 4, 5]), Similarity::Iou, f, Shift::None);
    assert!(frac(0.0).is_err() && frac(1.5).is_err() && frac(f64::NAN).is_err() && frac(1.0).is_ok());
    let empty = matched(&one([0, 4, 5]), &one([1, 4, 5])).expect("nothing was found");
    assert_eq!((empty.recall(0.5), empty.precision(0.5), empty.mean_similarity()), (0.0, 0.0, 0.0));
    assert!(Similarity::from_name("dice").expect_err("unknown").to_string().contains("weighted_jaccard"));
    assert!(shift_rmse(&[0.0; 4], &[0.0; 6], true, true).is_err());
    assert!(shift_rmse(&[f64::NAN; 4], &[0.0; 4], true, true).is_err());
}

#[test]
fn sparse_and_dense_footprints_are_the_same() {
    let arrays = arrays();
    let dense = footprints(&arrays, "est2_A");
    let (mut indptr, mut indices, mut data) = (vec![0], Vec::new(), Vec::new());
    for f in &dense.items {
        // Any order of pixels, and one pixel in two halves.
        for (at, v) in f.pixels().iter().rev() {
            indices.extend([*at as usize, *at as usize]);
            data.extend([v / 2.0, v / 2.0]);
        }
        indptr.push(data.len());
    }
    let sparse = Footprints::from_csr([dense.height, dense.width], &indptr, &indices, &data).expect("fits");
    assert_eq!(sparse, dense);
    assert!(Footprints::from_csr([2, 2], &[0, 1], &[4], &[1.0]).is_err());
    assert!(Footprints::from_csr([2, 2], &[0, 2], &[0], &[1.0]).is_err());
    assert!(Footprints::from_csr([2, 2], &[], &[], &[]).is_err());
}

/// A truth that bends, turns and moves in depth, without the film.
fn bending() -> minisim::GroundTruth {
    let spec = json!({
        "acquisition": {
            "fps": 20.0, "duration_s": 3.0,
            "image_sensor": { "n_px_height": 120, "n_px_width": 90, "pixel_pitch_um": 4.0 },
            "optics": { "magnification": 2.0 }
        },
        "seed": 3,
        "steps": [
            { "kind": "place_neurons", "density_per_mm3": 20000.0, "depth_range_um": [80.0, 120.0] },
            { "kind": "cell_activity" },
            { "kind": "optics" },
            { "kind": "axial_motion" },
            { "kind": "composite" },
            { "kind": "brain_motion", "motion_amplitude_um": 4.0, "max_shift_um": 6.0 },
            { "kind": "tissue_deformation", "amplitude_um": 2.0, "spatial_sigma_um": 110.0 },
            { "kind": "sensor" },
        ]
    });
    let spec = Spec::from_json(&spec.to_string()).expect("valid").spec;
    Scene::new(&spec).expect("it can be built").into_ground_truth(None)
}

#[test]
fn motion_that_is_not_rigid_is_scored() {
    let truth = bending();
    let [height, width] = truth.planted.fov_shape;
    let n_frames = 60;
    let whole: Vec<f64> = (0..n_frames).flat_map(|t| truth.displacement(t).expect("a frame")).collect();
    let [rows, cols] = [height, width].map(|n| (0..n).map(|px| px as f64).collect::<Vec<f64>>());
    let z: Vec<f64> =
        truth.f64s("axial_shift_um").expect("it moves in depth").iter().map(|um| 5.0 - 2.0 * um).collect();
    let shifts: Vec<f64> = truth.f64s("shifts").expect("it moves").iter().map(|px| -px).collect();
    let bare = Estimate {
        footprints: Footprints::of_truth(&truth.observed_footprints()),
        traces: None,
        activity: None,
        shifts: None,
        displacement: None,
        axial: None,
    };
    let of = |estimate: &Estimate<'_>| score(estimate, &truth, &ScoreOptions::default()).expect("it fits");

    // The true field, from another place, at every pixel.
    let moved: Vec<f64> = whole.iter().map(|px| px + 3.0).collect();
    let field = PatchShifts { rows_px: &rows, cols_px: &cols, shifts_px: &moved };
    let perfect = of(&Estimate { displacement: Some(field), axial: Some(&z), shifts: Some(&shifts), ..bare.clone() });
    let error = perfect.endpoints.expect("both are there");
    assert!(error.mean_px < 1e-9 && error.p95_px < 1e-9 && error.by_frame_px.len() == n_frames, "{error:?}");
    assert!((perfect.axial_corr.expect("both are there") - 1.0).abs() < 1e-12);
    assert_eq!(perfect.details.recall_by.iter().filter(|by| by.name == "share of frames in focus").count(), 1);

    // A perfect rigid registration misses the deformation: as much on the lattice as at every pixel.
    let rigid = of(&Estimate { shifts: Some(&shifts), ..bare.clone() });
    let error = rigid.endpoints.expect("both are there");
    let as_field: Vec<f64> = shifts.iter().flat_map(|px| std::iter::repeat_n(-px, height * width)).collect();
    let every = endpoint_error(&as_field, &whole, height * width, 1.0, true).expect("it fits");
    assert!(rigid.shift_rmse.expect("both are there") < 1e-12 && error.mean_px > 0.3, "{error:?}");
    assert!((error.mean_px / every.mean_px - 1.0).abs() < 0.02, "{error:?}, {every:?}");
    assert!((error.p95_px / every.p95_px - 1.0).abs() < 0.03, "{error:?}, {every:?}");
    let mean = error.by_frame_px.iter().sum::<f64>() / n_frames as f64;
    assert!((mean - error.mean_px).abs() < 1e-12);

    // Nothing is said of what is not there.
    let silent = of(&bare);
    assert_eq!((silent.endpoints, silent.axial_corr), (None, None));
    let n = height * width;
    let short = PatchShifts { shifts_px: &whole[..2 * n], ..field };
    for (estimate, word) in [
        (Estimate { displacement: Some(short), ..bare.clone() }, "1 frames, the truth 60"),
        (Estimate { displacement: Some(PatchShifts { rows_px: &rows[1..], ..field }), ..bare.clone() }, "do not fit"),
        (Estimate { axial: Some(&z[1..]), ..bare.clone() }, "59 frames, the truth 60"),
    ] {
        let text = score(&estimate, &truth, &ScoreOptions::default()).expect_err("it does not fit").to_string();
        assert!(text.contains(word), "{text}");
    }
}
